"""Steps in C do what steps in Python do, to the last bit; a table of bodies has each way that a carry can go."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control.body import PLANNED_AFTER, Body
from autograd_lite.control.native_loop import NativeLoop
from autograd_lite.native.kernels import library

from ..laws.reading import same_bits

LENGTH = 2 * PLANNED_AFTER
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(LENGTH, 3))
PAIRS = RNG.normal(size=(LENGTH, 2, 3))

pytestmark = pytest.mark.skipif(not library, reason="without the extension all steps are Python's")

# A step of `scan`, the carry it begins with, and what is scanned.
BODIES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "numbers": (lambda c, x: (0.5 * c + x * x, np.log(1 + c * c) + x), 0.25, ROWS[:, 0]),
    "numbers, backwards in memory": (lambda c, x: (0.5 * c + x, c * x), 0.25, ROWS[::-1, 1]),
    "vectors": (lambda c, x: (np.tanh(c * x) + 0.1, c - x), ROWS[0], ROWS),
    "every second row": (lambda c, x: (np.tanh(c * x) + 0.1, c - x), ROWS[0], np.repeat(ROWS, 2, 0)[::2]),
    "a swap": (lambda c, x: ((c[1], np.sin(c[0]) + x), c[0] * c[1]), (ROWS[0], ROWS[1]), ROWS),
    "a rotation": (lambda c, x: ((c[1], c[2], 0.9 * c[0] + x), c[2]), (ROWS[0], ROWS[1], ROWS[2]), ROWS),
    "an unchanged carry": (lambda c, x: ((c[0], np.cos(c[1]) + x), c[0] * c[1]), (ROWS[0], ROWS[1]), ROWS),
    "a carry collected": (lambda c, x: (np.sin(c) + x, (c, c * 2)), ROWS[0], ROWS),
    "a result twice": (lambda c, x: (lambda y: (y, (y, y)))(np.sin(c) + x), ROWS[0], ROWS),
    "a part of a result": (lambda c, x: (lambda y: (y, (y[1:], y[::-1], y[0])))(np.sin(c) + x), ROWS[0], ROWS),
    "a transposed carry": (lambda c, x: (np.sin(c.T @ c).T + x[:, None] * 0.1, c.T), np.outer(ROWS[0], ROWS[1]), ROWS),
    "matrices": (lambda c, x: (np.tanh(c @ x.T @ x), c + x), PAIRS[0], PAIRS),
    "float32": (lambda c, x: (np.sin(c) + x, c.sum()), ROWS[0].astype("f4"), ROWS.astype("f4")),
    "complex": (lambda c, x: (np.exp(1j * c) * 0.5 + x, c.real), ROWS[0] + 1j, ROWS + 0j),
    "integers": (lambda c, x: (c + x, (c * 2, c > x)), np.array([1, 2, 3]), (ROWS * 9).astype(np.int64)),
    "a constant": (lambda c, x: (c * 0.5 + x + np.arange(3.0), np.arange(3.0) * x), ROWS[0], ROWS),
    "nothing collected": (lambda c, x: (np.sin(c) + x, None), ROWS[0], ROWS),
    "nothing scanned": (lambda c, x: (np.sin(c) + 1, c), ROWS[0], np.zeros(LENGTH)),
    "no elements": (lambda c, x: (np.sin(c), c * 2), np.zeros((0, 2)), ROWS),
    "of what C cannot do": (lambda c, x: (np.sort(c) + x, c), ROWS[0], ROWS),
}

# Those of which something is not an instruction, or not yet.
BY_PYTHON = {"of what C cannot do", "no elements", "complex"}


def by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd_lite.control.scan_op.native_loop_of", lambda *_: None)


def results(name: str, reverse: bool) -> list[Any]:
    """Return what a scan and its gradient give, of the runs before and after it is planned."""
    step, start, xs = BODIES[name]

    def run(start: Any, xs: Any) -> Any:
        return ag.scan(step, start, xs, reverse=reverse)

    found = [run(start, xs) for _ in range(2)]
    floating = [k for k, x in enumerate((start, xs)) if all(np.asarray(a).dtype.kind == "f" for a in ag.tree.leaves(x))]
    if floating and name != "no elements":

        def loss(start: Any, xs: Any) -> Any:
            return sum((np.sin(x) * x).sum() for x in ag.tree.leaves(run(start, xs)) if x.dtype.kind == "f")

        slope = ag.compile(ag.grad(loss, tuple(floating)))
        found += [slope(start, xs) for _ in range(4)]
        found += [ag.grad(loss, tuple(floating))(start, xs)]
    return [np.asarray(a) for a in ag.tree.leaves(found)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_steps_in_c_are_those_in_python(name: str, reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    run = NativeLoop.run

    def counted(self: Any, *args: Any) -> None:
        runs.append(1)
        run(self, *args)

    monkeypatch.setattr(NativeLoop, "run", counted)
    found = results(name, reverse)
    assert runs or name in BY_PYTHON
    by_python(monkeypatch)
    for a, b in zip(found, results(name, reverse), strict=True):
        assert a.dtype == b.dtype
        assert same_bits(a, b)


def test_an_error_in_a_late_step_is_raised_and_the_next_call_is_right() -> None:
    def run(shifts: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return c, np.linalg.cholesky(np.eye(2) * x + c)

        return ag.scan(step, np.zeros((2, 2)), shifts)[1]

    shifts = np.ones(LENGTH)
    for _ in range(2):
        run(shifts)
    bad = shifts.copy()
    bad[-2] = -1.0
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        run(bad)
    assert (run(shifts)[:, 0, 0] == 1).all()


def test_an_invalid_step_warns_as_numpy_does() -> None:
    xs = np.linspace(1.0, -1.0, LENGTH)

    def run() -> Any:
        return ag.scan(lambda c, x: (c, np.sqrt(x)), 0.0, xs)[1]

    with np.errstate(invalid="ignore"):
        expected = [run() for _ in range(2)][-1]
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert same_bits(np.asarray(run()), np.asarray(expected))
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        run()
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("error")
        run()


def test_a_gradient_within_a_budget_of_memory_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    step, start, xs = BODIES["a rotation"]

    def loss(xs: Any) -> Any:
        return (ag.scan(step, start, xs)[0][2] ** 2).sum()

    compiled = ag.compile(ag.grad(loss), max_bytes=4_000)
    found = [compiled(xs) for _ in range(4)]
    by_python(monkeypatch)
    assert all(same_bits(a, ag.grad(loss)(xs)) for a in found)


@pytest.mark.parametrize(("size", "steps", "runs"), [(10, 8, 8), (200_000, 8, 0)])
def test_a_short_loop_over_large_arrays_is_worth_a_plan(
    size: int, steps: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plan takes as long as a few steps; of small arrays a plan takes as long as some hundred."""
    counted: list[None] = []
    one_by_one = Body._one_by_one
    monkeypatch.setattr(Body, "_one_by_one", lambda *a: (counted.append(None), one_by_one(*a))[1])
    xs = np.ones((steps, size))
    carry, _ = ag.scan(lambda c, x: (np.sin(c) + x, None), xs[0], xs)
    assert len(counted) == runs
    by_hand = xs[0]
    for x in xs:
        by_hand = np.sin(by_hand) + x
    np.testing.assert_allclose(carry, by_hand, rtol=1e-14)
