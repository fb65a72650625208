"""`implicit`: derivatives of opaque solvers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

ROOT = ag.implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)


def test_orders() -> None:
    first, second, third = ag.grad(ROOT), ag.grad(ag.grad(ROOT)), ag.grad(ag.grad(ag.grad(ROOT)))
    a = 4.0
    expected = [0.5 * a**-0.5, -0.25 * a**-1.5, 0.375 * a**-2.5]
    np.testing.assert_allclose([first(a), second(a), third(a)], expected, rtol=1e-13)
    np.testing.assert_allclose(ag.jvp(ROOT)((a,), (1.0,))[1], expected[0], rtol=1e-13)


def test_batches_and_replays_solve_anew() -> None:
    a = np.array([1.0, 4.0, 9.0, 16.0, 25.0])
    np.testing.assert_allclose(ag.vmap(ag.grad(ROOT))(a), 0.5 / np.sqrt(a), rtol=1e-13)
    compiled = ag.compile(ag.grad(ROOT))
    np.testing.assert_allclose([compiled(x) for x in a], 0.5 / np.sqrt(a), rtol=1e-13)


def test_a_failure_has_no_derivative() -> None:
    fails = ag.implicit(lambda a: (np.sqrt(a), False), lambda x, a: x * x - a, has_success=True)
    with pytest.raises(ag.ImplicitError, match="succeeded"):
        ag.grad(lambda a: fails(a)[0])(4.0)


def square(x: Any, a: Any) -> Any:
    return x * x - a


@pytest.mark.parametrize(
    ("solver", "residual", "kind", "text"),
    [
        (lambda a: None, square, TypeError, "an array of numbers.*received None at x"),
        (lambda a: (2.0, True), square, TypeError, r"received True at x\[1\].*has_success=True"),
        (lambda a: "2", square, TypeError, "received '2' at x"),
        (lambda a: 2.0, lambda x, a: None, ag.ShapeError, "nothing. Did it forget to return"),
        (lambda a: np.ones(2), lambda x, a: x.sum(), ag.ShapeError, r"the shape \(2,\); received \(\)"),
    ],
)
def test_slips_are_explained(solver: Any, residual: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=f"^implicit: expected.*{text}"):
        ag.grad(lambda a: np.sum(ag.implicit(solver, residual)(a)))(4.0)


def test_integers_of_a_solver_are_numbers() -> None:
    assert ag.grad(ag.implicit(lambda a: 2, square))(4.0) == 0.25
