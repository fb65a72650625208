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
from ...core.shape_arithmetic import ShapeDtype
from ...functions.custom_ops import structural
from ...ops.operands import operand

Function = Callable[..., Any]


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


def _advance(y: Any, h: Any, slopes: Sequence[Any], row: Any) -> Any:
    """Return y + h (a weighted sum of slopes)."""
    used = [(k, float(w)) for k, w in zip(slopes, row, strict=True) if w]
    if not used:
        return y
    ks, ws = zip(*used, strict=True)
    if hasattr(h, "__apply_op__"):
        return y + h * weighted_sum(*ks, weights=ws)
    return weighted_sum(y, *ks, weights=(1.0, *(float(h) * w for w in ws)))


class Notes:
    """Makes a solver of SciPy's, the next base, note the end of each step in `notes`, and what else will be needed."""

    notes: list[Any]

    def __getattr__(self, name: str) -> Any:  # SciPy's own attributes
        raise AttributeError(name)

    def before(self) -> tuple[Any, ...]:
        """Return the record to keep before a step."""
        return ()

    def now(self) -> tuple[Any, ...]:
        """Return the record to keep after a step."""
        return ()

    def _step_impl(self) -> Any:
        before = self.before()
        done = super()._step_impl()  # type: ignore[misc]
        if done[0]:
            self.notes.append((self.t, *before, *self.now()))
        return done


class Step:
    """One step from `start` to `end`."""

    def __init__(self, fun: Function, method: Any, start: Any, end: Any, y: Any, slope: Any) -> None:
        self.fun, self.method = fun, method
        self.start, self.end, self.h = start, end, end - start
        self.before = y
        self.slopes = [slope]
        for row, c in zip(method.A[1:], method.C[1:], strict=True):
            at = _advance(y, self.h, self.slopes, row[: len(self.slopes)])
            self.slopes.append(fun(start + c * self.h, at))
        self.after = _advance(y, self.h, self.slopes, method.B)
        self.slope = fun(end, self.after)

    def between(self) -> Function:
        """Return the solution in the step as a function of times of shape `(m,)`, with results of shape `(n, m)`."""
        slopes = [*self.slopes, self.slope]
        nested = self.method is original.DOP853
        polynomial = self._eighth(slopes) if nested else self._by_table(slopes)

        def solution(t: Any) -> Any:
            x = (t - self.start) / self.h
            y: Any = 0.0
            for i, f in enumerate(reversed(polynomial)):
                y = (y + f[:, None]) * (1 - x if nested and i % 2 else x)
            return self.before[:, None] + y

        return solution

    def _by_table(self, slopes: list[Any]) -> list[Any]:
        """Return the coefficients of the powers of x."""
        zero = 0.0 * slopes[0]
        return [_advance(zero, self.h, slopes, column) for column in self.method.P.T]

    def _eighth(self, slopes: list[Any]) -> list[Any]:
        """Return the coefficients of DOP853's polynomial, for which there are three more stages."""
        zero = 0.0 * slopes[0]
        for row, c in zip(self.method.A_EXTRA, self.method.C_EXTRA, strict=True):
            at = _advance(self.before, self.h, slopes, row[: len(slopes)])
            slopes.append(self.fun(self.start + c * self.h, at))
        moved = self.after - self.before
        first, last = self.h * slopes[0], self.h * self.slope
        rest = [_advance(zero, self.h, slopes, row) for row in self.method.D]
        return [moved, first - moved, 2 * moved - last - first, *rest]


def explicit_steps(fun: Function, times: Sequence[Any], y: Any, notes: list[Any], *, method: Any) -> list[Step]:
    """Take steps between given times, recorded.

    Args:
        fun: the right-hand side, `fun(t, y)`.
        times: where the steps begin and end; numbers, or Tensors of no axes.
        y: the initial state, shape `(n,)`.
        notes: not needed.
        method: SciPy's class, which has the coefficients.
    """
    steps: list[Step] = []
    slope = fun(times[0], y)
    for start, end in pairwise(times):
        step = Step(fun, method, start, end, y, slope)
        y, slope = step.after, step.slope
        steps.append(step)
    return steps


def right_hand_side(fun: Callable[..., Any], args: Sequence[Any], like: Any) -> Function:
    """Return a right-hand side of t and y whose results are arrays like the state."""

    def of_state(t: Any, y: Any) -> Any:
        slope = operand(fun(t, y, *args))
        return slope if slope.shape == like.shape else np.broadcast_to(slope, like.shape)

    return of_state
