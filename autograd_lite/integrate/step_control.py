"""How long steps are: norms of errors, the first step, and proportional-integral control of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LEAST_LEVEL = -9.0  # logarithm of the error of the step before, as the control counts it
_LANES = 8


def sum_of_squares(x: Any) -> float:
    """Return Σ |x[i]|², in eight sums that C makes in the same order."""
    squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
    whole = len(x) // _LANES * _LANES
    lanes = np.zeros(_LANES)
    if whole:
        lanes += np.add.reduce(squares[:whole].reshape(-1, _LANES), axis=0)
    lanes[: len(x) - whole] += squares[whole:]
    a, b, c, d, e, f, g, h = lanes.tolist()
    return float(((a + b) + (c + d)) + ((e + f) + (g + h)))


def rms(x: Any) -> float:
    """Return the root of the mean square of a vector, 0 for an empty one."""
    return math.sqrt(sum_of_squares(x) / len(x)) if len(x) else 0.0


def scale_of(rtol: float, atol: Any, y: Any, other: Any) -> Any:
    """Return what errors are measured in: atol + rtol max(|y|, |other|)."""
    return atol + np.maximum(np.abs(y), np.abs(other)) * rtol


def smallest_step(t: float, direction: float) -> float:
    """Return the length below which steps make no sense: ten times the distance of t from the next number."""
    return 10 * abs(math.nextafter(t, direction * math.inf) - t)


class Control(NamedTuple):
    """Proportional-integral control: the next length follows from the last two errors.

    A step of length h whose error, in units of the tolerance, is e, is followed by one of h · safety · e^(-α) · e'^β,
    where e' is the error of the step before, and α = 1 / (order + 1) - 0.75 β.

    Attributes:
        order: that of the error estimate.
        beta: how much the step before counts; 0 for integral control alone.
        safety: a factor.
        least: the least factor from one length to the next; `most` the largest.

    References:
        Gustafsson: Control theoretic techniques for stepsize selection in explicit Runge-Kutta methods, 1991.
        Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, section II.4.
        Söderlind: Automatic control and adaptive time-stepping, 2002.
    """

    order: int
    beta: float = 0.04
    safety: float = 0.9
    least: float = 0.2
    most: float = 10.0

    @property
    def alpha(self) -> float:
        """The exponent of the error."""
        return 1 / (self.order + 1) - 0.75 * self.beta

    def accept(self, error: float, before: float, after_rejection: bool) -> tuple[float, float]:
        """Return the factor for the length of the next step, after one whose error is below 1, and the new level.

        Args:
            error: of the step.
            before: the level of the one before: the logarithm of its error, at least LEAST_LEVEL.
            after_rejection: whether the step had been tried with another length.
        """
        factor, level = self.most, LEAST_LEVEL
        if error > 0:
            level = math.log(error)
            factor = min(factor, max(self.least, self.safety * math.exp(self.beta * before - self.alpha * level)))
        return min(factor, 1.0) if after_rejection else factor, max(level, LEAST_LEVEL)

    def reject(self, error: float) -> float:
        """Return the factor for the length with which a step is tried again; NaN has the least one."""
        return (
            max(self.least, self.safety * math.exp(-self.alpha * math.log(error))) if error < math.inf else self.least
        )


def first_step(
    f: Callable[[float, Any], Any],
    t: float,
    y: Any,
    slope: Any,
    t_end: float,
    order: int,
    rtol: float,
    atol: Any,
    max_step: float,
) -> float:
    """Return the length of a first step whose error is about a hundredth of the tolerance.

    Args:
        f: the right-hand side, which is computed once.
        t, y, slope: where it begins.
        t_end: where the last one ends.
        order: that of the error estimate.
        rtol, atol, max_step: as in `Settings`.

    References:
        Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, section II.4.
    """
    span, direction = abs(t_end - t), math.copysign(1.0, t_end - t)
    if not len(y):
        return min(span, max_step)
    scale = scale_of(rtol, atol, y, y)
    d0, d1 = rms(y / scale), rms(slope / scale)
    h0 = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    h0 = min(h0, span, max_step)
    if not h0 > 0:  # a slope that is not finite, about which the step itself says more
        return min(1e-6, span, max_step)
    other = f(t + h0 * direction, y + h0 * direction * slope)
    d2 = rms((other - slope) / scale) / h0
    steepest = max(d1, d2)
    h1 = max(1e-6, h0 * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1 / (order + 1))
    return min(100 * h0, h1, span, max_step) if h1 > 0 else h0
