"""Solutions of equations: the value from SciPy, the derivatives from Newton's steps, which do not move it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...functions.custom_ops import elementwise
from ...ops.barrier import stop_gradient


def solve_implicitly(start: Any, residual: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """Return a solution of `residual(q) = 0` with its derivatives by everything that the residual depends on.

    One of Newton's steps from a constant has the first derivatives of the solution, -F_θ / F_q, and two have the second
    and third, too. The residual that remains is rounding, so its value, though not its derivatives, counts as 0.

    Args:
        start: the solution, without derivatives.
        residual: an expression on Tensors.
        slope: its derivative by q, which need not have derivatives of more than the second order.
    """
    q = start
    for _ in range(2):
        rest = residual(q)
        q = q - (rest - stop_gradient(rest)) / slope(q)
    return q


def without_derivatives(function: Callable[..., Any], inputs: int, name: str) -> Any:
    """Return an elementwise function of arrays as an op that transformations and compiled functions can call."""
    return elementwise(lambda *xs: function(*xs), *(0,) * inputs, name=name)
