"""Explicit Runge-Kutta steps on Tensors, with the lengths that SciPy's solver has chosen.

SciPy solves first, on bare arrays, and decides about every step. Then its accepted steps are taken once more, recorded:
the same formulas with the same numbers, so the result is SciPy's to rounding and its derivative is that of the discrete
solution. The lengths of the steps are constants.

References:
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, section II.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.integrate as original

from ...core import batching
from ...core.op import Op
from ...core.shapes import ShapeDtype
from ...custom_ops import structural
from ...ops.operands import operand

Function = Callable[[Any, Any], Any]
METHODS: dict[str, Any] = {"RK23": original.RK23, "RK45": original.RK45, "DOP853": original.DOP853}


def _sum(*terms: Any, weights: Sequence[float]) -> Any:
    total = terms[0] * weights[0]
    for term, weight in zip(terms[1:], weights[1:], strict=True):
        total = total + term * weight
    return total


# A sum of arrays of one shape with constant weights, as one node of the record.
weighted_sum: Op = structural(
    "weighted_sum",
    _sum,
    together=lambda g, *_, weights: [g if w == 1 else g * w for w in weights],
    infer=lambda *terms, weights: ShapeDtype(terms[0].shape, np.result_type(*(t.dtype for t in terms))),
    linear=True,
    batch=batching.elementwise,
)


def _advanced(y: Any, h: Any, slopes: Sequence[Any], row: Any) -> Any:
    """Return y + h (a weighted sum of slopes)."""
    used = [(k, float(w)) for k, w in zip(slopes, row, strict=True) if w]
    if not used:
        return y
    ks, ws = zip(*used, strict=True)
    if hasattr(h, "__apply_op__"):
        return y + h * weighted_sum(*ks, weights=ws)
    return weighted_sum(y, *ks, weights=(1.0, *(float(h) * w for w in ws)))


class Step:
    """One step from `start` to `end`, and the polynomial between them, which is made when it is asked for."""

    def __init__(self, fun: Function, method: Any, start: Any, end: Any, y: Any, slope: Any) -> None:
        self.fun, self.method = fun, method
        self.start, self.end, self.h = start, end, end - start
        self.before = y
        self.slopes = [slope]
        for row, c in zip(method.A[1:], method.C[1:], strict=True):
            at = _advanced(y, self.h, self.slopes, row[: len(self.slopes)])
            self.slopes.append(fun(start + c * self.h, at))
        self.after = _advanced(y, self.h, self.slopes, method.B)
        self.slope = fun(end, self.after)
        self._polynomial: list[Any] | None = None

    def __call__(self, t: Any) -> Any:
        """Return the solution at times of shape `(m,)` or `()`: shape `(n, m)` or `(n,)`."""
        x = (t - self.start) / self.h
        column = (slice(None), None) if getattr(x, "ndim", 0) else slice(None)
        if self._polynomial is None:
            slopes = [*self.slopes, self.slope]
            self._polynomial = self._eighth(slopes) if self.method is original.DOP853 else self._by_table(slopes)
        y: Any = 0.0
        if self.method is original.DOP853:
            for i, f in enumerate(reversed(self._polynomial)):
                y = (y + f[column]) * (x if i % 2 == 0 else 1 - x)
        else:
            for f in reversed(self._polynomial):
                y = (y + f[column]) * x
        return self.before[column] + y

    def _by_table(self, slopes: list[Any]) -> list[Any]:
        """Return the coefficients of the powers of x."""
        zero = 0.0 * slopes[0]
        return [_advanced(zero, self.h, slopes, column) for column in self.method.P.T]

    def _eighth(self, slopes: list[Any]) -> list[Any]:
        """Return the coefficients of DOP853's polynomial, for which there are three more stages."""
        zero = 0.0 * slopes[0]
        for row, c in zip(self.method.A_EXTRA, self.method.C_EXTRA, strict=True):
            at = _advanced(self.before, self.h, slopes, row[: len(slopes)])
            slopes.append(self.fun(self.start + c * self.h, at))
        moved = self.after - self.before
        first, last = self.h * slopes[0], self.h * self.slope
        rest = [_advanced(zero, self.h, slopes, row) for row in self.method.D]
        return [moved, first - moved, 2 * moved - last - first, *rest]


def replayed(fun: Function, method: str, times: Sequence[Any], y: Any) -> list[Step]:
    """Take steps between given times, recorded.

    Args:
        fun: the right-hand side, `fun(t, y)`.
        method: a name in METHODS.
        times: where the steps begin and end; numbers, or Tensors of no axes.
        y: the initial state, shape `(n,)`.
    """
    steps: list[Step] = []
    slope = fun(times[0], y)
    for start, end in pairwise(times):
        step = Step(fun, METHODS[method], start, end, y, slope)
        y, slope = step.after, step.slope
        steps.append(step)
    return steps


def right_hand_side(fun: Callable[..., Any], args: Sequence[Any], like: Any) -> Function:
    """Return a right-hand side of t and y whose results are arrays like the state."""

    def of_state(t: Any, y: Any) -> Any:
        slope = operand(fun(t, y, *args))
        return slope if slope.shape == like.shape else np.broadcast_to(slope, like.shape)

    return of_state
