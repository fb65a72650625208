"""JAX's `lax.scan`, `cond`, `while_loop` and `fori_loop` as peers: the same names, arguments and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .test_control import RNG, arrays_of

pytestmark = pytest.mark.ci

W, H, X = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=(2, 3)), RNG.normal(size=(5, 2, 3))


def scanned(np_: Any, c: Any, w: Any, h: Any, x: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, n = carry["h"], carry["n"]
        h = np_.tanh(h @ w + x * n)
        return {"h": h, "n": n + 1.0}, (h, None)

    last, (hs, _) = c.scan(step, {"h": h, "n": np_.ones(())}, x, reverse=True)
    return (last["h"] ** 2).sum() + np_.sin(hs).sum() * last["n"]


def chosen(np_: Any, c: Any, w: Any, h: Any, x: Any) -> Any:
    y = c.cond(h.sum() > 0, lambda h, x: np_.sin(h @ w) + x[0], lambda h, x: h**3 - x[1], h, x)
    return (y**2).sum()


def repeated(np_: Any, c: Any, w: Any, h: Any, x: Any) -> Any:
    return (c.fori_loop(0, 4, lambda i, h: np_.tanh(h @ w) + i, h) ** 2).sum()


def searched(np_: Any, c: Any, w: Any, h: Any, x: Any) -> Any:
    h, n = c.while_loop(lambda s: (s[0] ** 2).sum() < 40, lambda s: (s[0] * 1.3 + x[0] / 9, s[1] + 1), (h, 0))
    return (h * w[0]).sum() + n


PROGRAMS = {f.__name__: f for f in (scanned, chosen, repeated, searched)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_jax_agrees(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    ours = lambda *a: PROGRAMS[name](np, ag, *a)  # noqa: E731
    theirs = lambda *a: PROGRAMS[name](jax.numpy, jax.lax, *a)  # noqa: E731
    args, wrt, axes = (W, H, X), (0, 1, 2), (None, 0, 0)
    batch = W, np.stack([H, -H, H * 2]), np.stack([X, X, -X])
    pairs = [
        (ag.jvp(ours)(args, args), jax.jit(lambda *a: jax.jvp(theirs, a, a))(*args)),
        (ag.vmap(ours, axes)(*batch), jax.jit(jax.vmap(theirs, axes))(*batch)),
    ]
    if name != "searched":
        pairs += [
            (ag.compile(ag.grad(ours, wrt))(*args), jax.jit(jax.grad(theirs, wrt))(*args)),
            (ag.vmap(ag.grad(ours, wrt), axes)(*batch), jax.jit(jax.vmap(jax.grad(theirs, wrt), axes))(*batch)),
        ]
    for found, expected in pairs:
        for a, b in zip(arrays_of(found), [np.asarray(x) for x in jax.tree.leaves(expected)], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
