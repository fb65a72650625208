"""The last digits of a solution of nonlinear least squares, which no comparison of sums of squares tells apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def newton_steps(
    result: Any,
    residuals: Callable[[Any], Any],
    jacobian: Callable[[Any], Any],
    curvature: Callable[[Any, Any], Any] | None,
    bounds: tuple[Any, Any],
) -> None:
    """Take Newton's steps from a solution, each only if the one after it is at most half as long.

    Near the minimum a sum of squares S changes by less than its rounding while the parameters still change in half of
    their digits. The gradient J'r does not have this weakness, and Newton's method finds its root.

    Args:
        result: SciPy's, which is changed.
        residuals, jacobian: as functions of the vector.
        curvature: the sum of the residuals' Hessians, weighted by its second argument; None for steps of Gauss and
            Newton's, which leave it out.
        bounds: the lowest and the highest vector. No step leaves them: a solution that Newton's step would move outside
            is left alone.

    References:
        Nocedal, Wright: Numerical Optimization, 2006, equations 10.5 and 10.23.
    """
    x, r, j = result.x, result.fun, result.jac
    step, length = _step(x, r, j, curvature)
    while 0 < length < np.inf:
        x_next = x + step
        if np.any(x_next < bounds[0]) or np.any(x_next > bounds[1]):
            break
        r_next, j_next = np.atleast_1d(residuals(x_next)), np.atleast_2d(jacobian(x_next))
        result.nfev, result.njev = result.nfev + 1, (result.njev or 0) + 1
        step, next_length = _step(x_next, r_next, j_next, curvature)
        if not next_length <= length / 2:
            break
        x, r, j, length = x_next, r_next, j_next, next_length
    result.x, result.fun, result.jac, result.cost, result.grad = x, r, j, r @ r / 2, j.T @ r
    result.optimality = np.abs(result.grad).max()


def _step(x: Any, r: Any, j: Any, curvature: Callable[[Any, Any], Any] | None) -> tuple[Any, float]:
    """Return Newton's step, and its length in units of the residuals; an infinite one where there is none.

    With J = QR and the curvature C, the equations (J'J + C) p = -J'r become (1 + R⁻ᵀ C R⁻¹) R p = -Q'r, in which the
    condition of J is not squared.
    """
    if not (np.isfinite(r).all() and np.isfinite(j).all()):
        return x, np.inf
    q, upper = np.linalg.qr(j)
    try:
        inverse = np.linalg.inv(upper)
        c = np.zeros_like(upper) if curvature is None else inverse.T @ curvature(x, r) @ inverse
        rotated = np.linalg.solve(np.eye(len(c)) + c, -q.T @ r)
    except np.linalg.LinAlgError:
        return x, np.inf
    return inverse @ rotated, float(np.linalg.norm(rotated))
