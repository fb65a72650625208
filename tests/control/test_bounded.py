"""`while_loop(max_steps=)` is a loop in Python that ends when its condition is false, under every transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .test_control import assert_same

MOST = 12


def python(cond: Any, body: Any, carry: Any, max_steps: int) -> Any:
    """Do what the loop is documented to do; a condition that is known is one of the example itself."""
    for _ in range(max_steps):
        test = cond(carry)
        if not (test.item() if isinstance(test, ag.Tensor) else test):
            break
        carry = body(carry)
    return carry


def bounded(cond: Any, body: Any, carry: Any, max_steps: int) -> Any:
    return ag.while_loop(cond, body, carry, max_steps=max_steps)


def root(loop: Any, x: Any, w: Any) -> Any:
    """Newton's method, of which each example takes another number of steps."""
    return loop(lambda c: abs(c * c - x * w) > 1e-9, lambda c: (c + x * w / c) / 2, x * 0 + 1.0, MOST)


def several(loop: Any, x: Any, w: Any) -> Any:
    """A carry of arrays, integers and numbers; it may reach the bound."""

    def body(carry: Any) -> Any:
        v, n, total = carry["v"], carry["n"], carry["total"]
        v = np.sin(v * w) + v * 0.5
        return {"v": v, "n": n + 1, "total": total + (v * v).sum() * x}

    start = {"v": np.stack([x, x * x, w]), "n": 0, "total": x * 0}
    last = loop(lambda c: (c["v"] * c["v"]).sum() > 0.3, body, start, 5)
    return last["total"] + last["v"][0] * last["n"]


def none(loop: Any, x: Any, w: Any) -> Any:
    """Of no step, in most examples."""
    return loop(lambda c: c < -1, lambda c: c * w, x, MOST) * w


FUNCTIONS = [root, several, none]
G = (0, 1)
TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "value": lambda f, a: f(*a),
    "grad": lambda f, a: ag.grad(f, G)(*a),
    "jvp": lambda f, a: ag.jvp(f)(a, a),
    "jvp of grad": lambda f, a: ag.jvp(ag.grad(f, G))(a, a),
    "grad of jvp": lambda f, a: ag.grad(lambda *b: ag.jvp(f)(b, b)[1], G)(*a),
    "hessian": lambda f, a: ag.hessian(f)(*a),
    "third": lambda f, a: ag.grad(ag.grad(ag.grad(f)))(*a),
}
FIRST = ("value", "grad", "jvp of grad")


@pytest.mark.parametrize("what", [pytest.param(t, marks=() if t in FIRST else pytest.mark.ci) for t in TRANSFORMS])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_a_bounded_loop_is_a_loop(f: Callable[..., Any], what: str) -> None:
    transform = TRANSFORMS[what]
    compiled = ag.compile(lambda *a: transform(lambda *b: f(bounded, *b), a))
    for x in (1.5, 3.0, 0.4, -1.2) if f is not root else (1.5, 3.0, 40.0):
        args = np.float64(x), np.float64(0.7)
        expected = transform(lambda *b: f(python, *b), args)
        found = transform(lambda *b: f(bounded, *b), args)
        assert_same(found, expected, exact=what in ("value", "grad"))
        assert_same(compiled(*args), found, exact=what in ("value", "grad"))


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
@pytest.mark.parametrize("what", ["value", "grad", pytest.param("jvp of grad", marks=pytest.mark.ci)])
def test_examples_take_their_own_numbers_of_steps(f: Callable[..., Any], axes: Any, what: str) -> None:
    transform, g = TRANSFORMS[what], lambda *b: f(bounded, *b)
    xs, ws = (np.array([1.5, 3.0, 40.0]), np.array([0.7, 0.9, 1.1]))
    args = tuple(a if axis == 0 else a[0] for a, axis in zip((xs, ws), axes, strict=True))
    rows = [tuple(a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True)) for k in range(3)]
    expected = ag.tree.map(lambda *parts: np.stack(parts), *[transform(lambda *b: f(python, *b), row) for row in rows])
    batched = ag.vmap(lambda *a: transform(g, a), axes)
    compiled = ag.compile(batched)
    for found in (batched(*args), compiled(*args), compiled(*args), compiled(*args)):
        assert_same(found, expected, exact=False)
    slopes = ag.grad(lambda *a: ag.vmap(g, axes)(*a).sum(), G)
    each = [ag.grad(lambda *b: f(python, *b), G)(*row) for row in rows]
    for k, (found, axis) in enumerate(zip(slopes(*args), axes, strict=True)):
        total = np.stack([pair[k] for pair in each])
        np.testing.assert_allclose(found, total if axis == 0 else total.sum(), rtol=1e-9)


def test_steps_that_are_not_taken_take_no_time() -> None:
    calls: list[int] = []

    def body(c: Any) -> Any:
        ag.observe(lambda a: calls.append(1), c)
        return c + 1

    f = ag.compile(lambda c: ag.while_loop(lambda c: c < 3, body, c, max_steps=10**6))
    for _ in range(3):
        calls.clear()
        assert float(f(0.0)) == 3
        assert len(calls) == 3
