"""HIPS autograd as a peer, for the names of SciPy that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.scipy import integrate, linalg, signal

from ..rows import for_every
from .case import normal
from .linalg_cases import bands, definite, spread

pytestmark = pytest.mark.ci
peer: Any = pytest.importorskip("autograd", reason="HIPS autograd is not installed")


class Peer(NamedTuple):
    """A call of both packages; the arguments are modules, and then arrays."""

    name: str
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    inputs: tuple[Any, ...]
    rtol: float = 1e-9


def hips(module: str) -> Any:
    return __import__(f"autograd.scipy.{module}", fromlist=["_"])


def _pull(y: Any, t: Any, a: Any, np_: Any = np) -> Any:
    return np_.stack([y[1], -a * y[0] * np_.cos(t)])


def _odeint(theirs: Any, np_: Any) -> Callable[..., Any]:
    times = np.linspace(0, 1, 4)
    pack = __import__("autograd.builtins", fromlist=["_"]).tuple
    return lambda y, a: theirs(lambda y, t, a: _pull(y, t, a, np_), y, times, pack((a,)), rtol=1e-11, atol=1e-11)


PEERS = [
    *[
        Peer(
            f"solve_triangular {trans} {low}",
            lambda a, b, t=trans, low=low: linalg.solve_triangular(a, b, trans=t, lower=low),
            lambda a, b, t=trans, low=low: hips("linalg").solve_triangular(a, b, trans=t, lower=low),
            (spread(4), normal(4, 2)),
        )
        for trans in (0, 1)
        for low in (True, False)
    ],
    Peer("sqrtm", linalg.sqrtm, lambda a: hips("linalg").sqrtm(a), (definite(3),)),
    Peer(
        "solve_sylvester",
        linalg.solve_sylvester,
        lambda *x: hips("linalg").solve_sylvester(*x),
        (spread(3), spread(2), normal(3, 2)),
    ),
    Peer(
        "solve_banded",
        lambda a, b: linalg.solve_banded((1, 2), a, b),
        lambda a, b: hips("linalg").solve_banded((1, 2), a, b),
        (bands(1, 2, 6), normal(6)),
    ),
    *[
        Peer(
            f"convolve {mode}",
            lambda a, b, mode=mode: signal.dot_convolve(a, b, ([2], [2]), ([1], [1]), mode),
            lambda a, b, mode=mode: hips("signal").convolve(a, b, ([2], [2]), ([1], [1]), mode),
            (normal(5, 3, 8), normal(4, 3, 2)),
        )
        for mode in ("full", "valid")
    ],
    Peer(
        "odeint",
        lambda y, a: integrate.odeint(_pull, y, np.linspace(0, 1, 4), (a,), rtol=1e-11, atol=1e-11),
        lambda y, a: _odeint(hips("integrate").odeint, peer.numpy)(y, a),
        (normal(2), np.array(1.3)),
        1e-7,
    ),
]


@for_every(PEERS)
def test_values_and_gradients_are_theirs(row: Peer) -> None:
    value = np.asarray(row.ours(*row.inputs))
    np.testing.assert_allclose(value, row.theirs(*row.inputs), rtol=row.rtol, atol=1e-12)
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    for k in range(len(row.inputs)):
        ours = ag.grad(lambda *x: (row.ours(*x) * weights).sum(), argnums=k)(*row.inputs)
        theirs = peer.grad(lambda *x: peer.numpy.sum(row.theirs(*x) * weights), k)(*row.inputs)
        np.testing.assert_allclose(ours, theirs, rtol=row.rtol, atol=1e-10 if row.name != "odeint" else 1e-7)
