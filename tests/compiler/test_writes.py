"""Functions that write in place, inside transformations that are compiled: as eager, in values and in who sees it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..laws.reading import same_bits
from .eager import eager

Function = Callable[..., Any]
X = np.array([0.5, -1.0, 2.0])
V = np.array([1.0, 0.25, -3.0])


def _with(write: Function) -> Function:
    """Return a function of an array that writes into a result, or into the argument."""

    def f(x: Any) -> Any:
        z = x * 1.5
        z = write(z, x)
        return z * np.sin(x)

    return f


def _item(key: Any, value: Function) -> Function:
    def write(z: Any, x: Any) -> Any:
        z[key] = value(z, x)
        return z

    return write


def _through(operator: Function) -> Function:
    """Return a write by an operator, which another name sees as well."""

    def write(z: Any, x: Any) -> Any:
        y = z
        z = operator(z, x)
        return y + z

    return write


def _add(z: Any, x: Any) -> Any:
    z += x
    return z


def _subtract(z: Any, x: Any) -> Any:
    z -= x[0]
    return z


def _multiply(z: Any, x: Any) -> Any:
    z *= x + 1.0
    return z


def _divide(z: Any, x: Any) -> Any:
    z /= 2.0 + x * x
    return z


def _power(z: Any, x: Any) -> Any:
    z **= 2
    return z


def _in_argument(z: Any, x: Any) -> Any:
    x[1] = 3.0
    return z + x


def _in_new(z: Any, x: Any) -> Any:
    t = ag.tensor(np.zeros(3))
    t[0] = z[1]
    t += x
    return t * z


def _in_loop(z: Any, x: Any) -> Any:
    for k in range(3):
        z[k] = z[k - 1] + x[k]
    return z


def _masked(z: Any, x: Any) -> Any:
    z[x > 0] = 0.5
    return z


WRITES: dict[str, Function] = {
    "a number at an index": _item(0, lambda z, x: 5.0),
    "a value at an index": _item(-1, lambda z, x: x[0] * 2.0),
    "at a slice": _item(slice(1, None), lambda z, x: x[:-1]),
    "at a mask": _item(np.array([True, False, True]), lambda z, x: 1.0),
    "at indices": _item(np.array([2, 0]), lambda z, x: x[:2]),
    "everywhere": _item(Ellipsis, lambda z, x: np.cos(x)),
    "+=": _through(_add),
    "-=": _through(_subtract),
    "*=": _through(_multiply),
    "/=": _through(_divide),
    "**=": _through(_power),
    "into the argument": _in_argument,
    "into a new one": _in_new,
    "in a loop": _in_loop,
    "at a mask that is computed": _masked,
}
TRANSFORMATIONS: dict[str, Function] = {
    "jvp": lambda f: lambda x: ag.jvp(f)((x,), (V,)),
    "forward jacobian": lambda f: ag.jacobian(f, mode="forward"),
    "jacobian": lambda f: ag.jacobian(f),
    "linearize": lambda f: lambda x: ag.linearize(f)(x)[1](V),
    "vmap": lambda f: lambda x: ag.vmap(f)(np.stack([x, V * x])),
    "grad": lambda f: ag.grad(lambda x: f(x).sum()),
    "hessian": lambda f: ag.hessian(lambda x: (f(x) ** 2).sum()),
    "hvp": lambda f: lambda x: ag.hvp(lambda y: (f(y) ** 2).sum())(x, V),
    "vmap of grad": lambda f: lambda x: ag.vmap(ag.grad(lambda y: f(y).sum()))(np.stack([x, V * x])),
    "jvp of vmap": lambda f: lambda x: ag.jvp(ag.vmap(f))((np.stack([x, x]),), (np.stack([V, x]),)),
    "vmap of jvp": lambda f: lambda x: ag.vmap(lambda y: ag.jvp(f)((y,), (V,))[1])(np.stack([x, V])),
    "jvp of grad": lambda f: lambda x: ag.jvp(ag.grad(lambda y: f(y).sum()))((x,), (V,)),
}
ROWS = list(itertools.product(WRITES, TRANSFORMATIONS))
FEW = ("a number at an index", "+=", "into the argument", "in a loop")


@pytest.mark.parametrize(
    ("write", "transformation"),
    [pytest.param(*row, marks=() if row[0] in FEW else pytest.mark.ci) for row in ROWS],
)
def test_as_eager(write: str, transformation: str) -> None:
    def transformed(x: Any) -> Any:
        return TRANSFORMATIONS[transformation](_with(WRITES[write]))(x)

    expected = _outcome(eager(transformed), X)
    compiled = ag.compile(transformed)
    for _ in range(4):
        x = X.copy()
        found = _outcome(compiled, x)
        assert type(found) is type(expected)
        if isinstance(expected, Exception):
            assert str(found) == str(expected)
            continue
        assert np.array_equal(x, X)
        for a, b in zip(ag.tree.leaves(found), ag.tree.leaves(expected), strict=True):
            assert same_bits(np.asarray(a), np.asarray(b))
        assert compiled.traces


def _outcome(f: Function, x: Any) -> Any:
    try:
        return f(x)
    except (TypeError, ValueError, ag.GradError) as error:
        return error


# ---- tensors that are made inside -----------------------------------------------------------------------------------

W, A = ag.tensor([1.0, 2.0, 3.0]), np.array([2.0, 0.5, -1.0])
ALLOCATED: dict[str, Function] = {
    "of the argument": lambda x, n: ag.tensor(x),
    "of the argument, not copied": lambda x, n: ag.tensor(x, copy=False),
    "of another dtype": lambda x, n: ag.tensor(x, dtype="f4"),
    "of a captured tensor": lambda x, n: ag.tensor(W),
    "of a captured array": lambda x, n: ag.tensor(A),
    "of a result": lambda x, n: ag.tensor(x * 2),
    "of a list": lambda x, n: ag.tensor([0.0, 1.0, 2.0]),
    "of an array": lambda x, n: ag.tensor(np.zeros(3)),
    "of integers": lambda x, n: ag.tensor((1, 2, 3), float),
    "of a number": lambda x, n: ag.tensor(n) * np.ones(3),
    "of a number of a dtype": lambda x, n: ag.tensor(n, "f4") * np.ones(3),
    "detached": lambda x, n: x.detach(),
    "a copy": lambda x, n: x.copy(),
    "a copy of a captured one": lambda x, n: W.copy(),
}
USED: dict[str, Function] = {
    "read": lambda t, x: t * x,
    "+=": lambda t, x: _add(t, x) * x,
    "written": lambda t, x: _item(1, lambda z, x: x[0])(t, x) * x,
    "read before": lambda t, x: t * 2.0 + _add(t, x),
}


@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("made", ALLOCATED)
def test_tensors_that_are_made_inside(made: str, used: str) -> None:
    def f(x: Any, n: Any) -> Any:
        return USED[used](ALLOCATED[made](x, n), x)

    compiled = ag.compile(f)
    try:
        for k in (1, 1, 1, 2, 3, 1):  # two calls alike first, so that nothing tells what is made of the argument
            x, n = X * k, 0.5 * k
            W.assign(np.array([1.0, 2.0, 3.0]) * k)
            A[:] = k
            assert same_bits(np.asarray(compiled(x, n)), np.asarray(eager(f)(x, n)))
        assert compiled.traces[0].replay is not None
    finally:
        W.assign([1.0, 2.0, 3.0])


def test_tensors_that_are_made_of_what_a_scan_gives() -> None:
    for _ in range(4):
        xs = ag.tensor(np.arange(5.0))
        c, ys = ag.scan(lambda c, x: (c + ag.tensor(x), ag.tensor(c) * 2.0), ag.tensor(0.0), xs)
        assert c.item() == 10.0
        assert ys.tolist() == [0.0, 0.0, 2.0, 6.0, 12.0]
