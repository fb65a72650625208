"""Iterations to a fixed point x = f(x) of a vector: Picard's, and Anderson's acceleration of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# After a residual of _GROWTH times the smallest one it begins anew at the best point, with steps that are shorter. If
# _PATIENCE steps for each difference that is remembered do not make the residual _CLEARLY smaller, it takes the plain
# steps of Picard's iteration for a while, twice as many each time: these pass by a point where the residual is smallest
# and not zero, at which Anderson's steps stay.
_GROWTH, _PATIENCE, _CLEARLY, _SHORTER, _SHORTEST = 1e3, 3, 0.9, 0.25, 1e-3
# A residual is compared with at most _SCALE times the numbers at the beginning. An x that is _RUNAWAY times larger does
# not count as a solution, although f(x) = x + 1 has one in floating-point numbers.
_SCALE, _RUNAWAY = 1e3, 1e6


class Iteration(NamedTuple):
    """What an iteration has found.

    Attributes:
        x: the point with the smallest residual.
        success: whether that is as small as was asked for.
        residuals: ‖f(x) - x‖ at each evaluation.
        inverse: an estimate of ‖(I - J)⁻¹‖ from below, J = df/dx, by the last step; infinite without success.
    """

    x: Any
    success: bool
    residuals: list[float]
    inverse: float


class _Memory:
    """The last differences of residuals r = f(x) - x, and of x + β r at the same points.

    The least-squares problem min ‖r - Σ γ Δr‖ is solved with its Gram matrix, scaled to a diagonal of ones and with a
    little added to that, so that differences that depend on each other up to rounding do no harm.
    """

    def __init__(self, size: int, n: int, dtype: Any) -> None:
        self.residuals, self.steps = np.empty((size, n), dtype), np.empty((size, n), dtype)
        self.gram, self.count, self.size = np.zeros((size, size)), 0, size
        self.added = 100 * float(np.finfo(dtype).eps)

    def add(self, r: Any, r_before: Any, base: Any, base_before: Any) -> None:
        """Note the differences in place of the oldest."""
        k = self.count % self.size
        np.subtract(base, base_before, out=self.steps[k])
        dr = np.subtract(r, r_before, out=self.residuals[k])
        self.count += 1
        m = min(self.count, self.size)
        self.gram[k, :m] = self.gram[:m, k] = self.residuals[:m] @ dr

    def correction(self, r: Any) -> Any:
        """Return Σ γ (Δx + β Δr)."""
        m = min(self.count, self.size)
        gram = self.gram[:m, :m]
        scale = 1 / np.sqrt(np.maximum(gram.diagonal(), np.finfo(float).tiny))
        scaled = gram * scale * scale[:, None]
        scaled.flat[:: m + 1] += self.added
        gamma = np.linalg.solve(scaled, (self.residuals[:m] @ r) * scale) * scale
        return gamma.astype(self.steps.dtype) @ self.steps[:m]


def iterate(
    residual: Callable[[Any], Any], x: Any, memory: int, tol: float, atol: float, maxiter: int, damping: float
) -> Iteration:
    """Iterate until ‖r‖ ≤ atol + tol ‖x‖, in which ‖x‖ counts as at most 1000 times ‖x‖ + ‖r‖ at the beginning.

    Args:
        residual: returns r = f(x) - x for a vector, a new array each time.
        x: where to begin.
        memory: how many differences to remember; 0 for Picard's iteration.
        tol, atol: when to stop.
        maxiter: the most evaluations of r.
        damping: β in x + β (f(x) - x), and in what accelerates that.
    """
    residuals: list[float] = []
    past = _Memory(min(memory, x.size), x.size, x.dtype) if memory and x.size else None
    best, best_x, best_r, most = math.inf, x, np.zeros_like(x), 0.0
    mark, waited, plain, next_plain = math.inf, 0, 0, _PATIENCE * memory
    x_before: Any = None
    r_before: Any = None
    base_before: Any = None
    while True:
        r = residual(x)
        size = norm(r)
        residuals.append(size)
        if size < best:
            best, best_x, best_r = size, x, r
        mark, waited, plain = (size, 0, plain - 1) if size < _CLEARLY * mark else (mark, waited + 1, plain - 1)
        most = most or _SCALE * (norm(x) + size)
        length = norm(x)
        if length > _RUNAWAY * most:
            return Iteration(best_x, False, residuals, math.inf)
        if size <= atol + tol * min(length, most):
            return Iteration(x, True, residuals, _growth(x, x_before, r, r_before))
        grown = not size <= _GROWTH * best
        if len(residuals) >= maxiter or not math.isfinite(best) or (grown and (past is None or damping < _SHORTEST)):
            return Iteration(best_x, False, residuals, math.inf)
        if past is not None and grown:
            damping, past.count, x_before, x, r = max(damping * _SHORTER, _SHORTEST / 2), 0, None, best_x, best_r
            mark, waited, plain = best, 0, 0
        elif waited > _PATIENCE * memory and plain <= 0:
            mark, waited, plain, next_plain = size, -next_plain, next_plain, 2 * next_plain
        base = x + (r if damping == 1 else damping * r)
        if past is not None and x_before is not None:
            past.add(r, r_before, base, base_before)
        x_before, r_before, base_before = x, r, base
        x = base - past.correction(r) if past is not None and past.count and plain <= 0 else base


def _growth(x: Any, x_before: Any, r: Any, r_before: Any) -> float:
    """Return ‖Δx‖ / ‖Δr‖ of the last step, along which an iteration converges slowest."""
    change = 0.0 if x_before is None else norm(r - r_before)
    return norm(x - x_before) / change if change else 1.0


def norm(v: Any) -> float:
    """Return ‖v‖."""
    return math.sqrt(float(np.vdot(v, v)))
