"""A scan of a compiled function is instructions among others, and gives the bits of an eager one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import library

from ..laws.reading import same_bits
from .test_repetition import BODIES, RNG, ROWS

pytestmark = pytest.mark.skipif(not library, reason="without the extension all steps are Python's")

# Those of which something is not an instruction.
BY_PYTHON = {"of what C cannot do", "no elements"}
STEPS = 12
MATRIX, INPUTS = RNG.normal(size=(3, 3)), RNG.normal(size=(STEPS, 3))


def lines(compiled: Any) -> str:
    """Return the code of a replay without comments."""
    return "\n".join(row for row in compiled.source().splitlines() if not row.strip().startswith("#"))


def agree(f: Callable[..., Any], *arguments: Any) -> Any:
    """Check that a compiled function gives the bits of an eager one, again and again; return it."""
    compiled = ag.compile(f)
    expected = [np.asarray(a) for a in ag.tree.leaves(f(*arguments))]
    for _ in range(3):
        found = [np.asarray(a) for a in ag.tree.leaves(compiled(*arguments))]
        for a, b in zip(found, expected, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert same_bits(a, b)
    return compiled


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_a_scan_in_a_plan_is_an_eager_one(name: str, reverse: bool) -> None:
    step, start, xs = BODIES[name]
    xs = xs[:STEPS]

    def run(start: Any, xs: Any) -> Any:
        return ag.scan(step, start, xs, reverse=reverse)

    def loss(start: Any, xs: Any) -> Any:
        return sum((np.sin(x) * x).sum() for x in ag.tree.leaves(run(start, xs)) if x.dtype.kind == "f")

    compiled = [agree(run, start, xs)]
    floating = [k for k, x in enumerate((start, xs)) if all(np.asarray(a).dtype.kind == "f" for a in ag.tree.leaves(x))]
    if floating:
        compiled.append(agree(ag.grad(loss, tuple(floating)), start, xs))
    for f in compiled:
        assert ("length=" in lines(f)) == (name in BY_PYTHON)


def nested(x: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        inner = ag.scan(lambda d, y: (np.sin(d) * y + c, d * y), row[0], row)
        return c + inner[0], inner[1]

    return ag.scan(outer, x[0, 0], x)


def weights(w: Any) -> Any:
    return ag.scan(lambda h, x: (np.tanh(w @ h + x), h), np.zeros(3), INPUTS)[1]


def outside(w: Any) -> Any:
    return ag.scan(lambda h, x: (0.5 * h + np.exp(x) @ w, np.log1p(h * h) * x), np.zeros(3), INPUTS)


OTHERS: dict[str, tuple[Callable[..., Any], Any]] = {
    "a scan in a scan": (nested, INPUTS),
    "weights": (weights, MATRIX),
    "what leaves the loop": (outside, MATRIX),
}


@pytest.mark.parametrize("name", OTHERS)
def test_values_gradients_and_second_derivatives(name: str) -> None:
    f, x = OTHERS[name]

    def loss(x: Any) -> Any:
        return sum(np.sum(a * a) for a in ag.tree.leaves(f(x)))

    slope = ag.grad(loss)
    for g in (f, slope, ag.grad(lambda x: np.sum(slope(x) ** 2))):
        assert "length=" not in lines(agree(g, x))


def test_an_error_in_a_step_is_raised_and_the_next_call_is_right() -> None:
    def run(shifts: Any) -> Any:
        return ag.scan(lambda c, x: (c, np.linalg.cholesky(np.eye(2) * x + c)), np.zeros((2, 2)), shifts)[1]

    compiled = agree(run, np.ones(STEPS))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        compiled(np.full(STEPS, -1.0))
    assert (compiled(np.ones(STEPS))[:, 0, 0] == 1).all()
    assert "length=" not in lines(compiled)


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_a_gradient_that_meets_a_masked_nan_is_the_eager_one(bad: float) -> None:
    def loss(x: Any) -> Any:
        last, roots = ag.scan(lambda c, a: (c + a, np.where(a > 0, np.sqrt(a), 0.0)), 0.0, x)
        return np.sum(roots) + last

    x = ROWS[:STEPS, 0] ** 2
    slope = agree(ag.grad(loss), x)
    x[3] = bad
    assert same_bits(np.asarray(slope(x)), np.asarray(ag.grad(loss)(x)))
