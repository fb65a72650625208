"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

SUFFICIENT, CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """A point on the line: its distance t, the value f, the slope along the line, and the gradient there."""

    t: float
    f: float
    slope: float
    gradient: Any


def strong_wolfe(at: Callable[[float], Point], start: Point, t: float, evaluations: int = 25) -> Point:
    """Return a point with f(t) <= f(0) + 1e-4 t f'(0) and |f'(t)| <= 0.9 |f'(0)|.

    If `evaluations` do not suffice, return the lowest point seen that satisfies the first condition, else the start.

    Args:
        at: evaluates a point of the line; f may be infinite or NaN there.
        start: the point at t = 0, whose slope is negative.
        t: the first distance to try.
        evaluations: the largest number of calls of `at`.

    Example:
        >>> at = lambda t: Point(t, (t - 3.0) ** 2, 2 * (t - 3.0), None)
        >>> found = strong_wolfe(at, at(0.0), 0.01)
        >>> found.f < 9.0, abs(found.slope) <= 0.9 * 6
        (True, True)

    References:
        Jorge Nocedal, Stephen Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6, equation 3.59.
    """

    def is_high(point: Point) -> bool:
        return not point.f <= start.f + SUFFICIENT * point.t * start.slope  # NaN is high

    best = low = start
    high: Point | None = None
    for _ in range(evaluations):
        point = at(t)
        enough = not is_high(point)
        if enough and point.f < best.f:
            best = point
        if enough and abs(point.slope) <= -CURVATURE * start.slope:
            return point
        if is_high(point) or (point.f >= low.f and low is not start):
            high = point
        else:
            if high is None:
                high = low if point.slope >= 0 else None
            elif point.slope * (high.t - low.t) >= 0:
                high = low
            low = point
        t = 2.5 * t if high is None else _between(low, high)
        if high is not None and abs(high.t - low.t) * -start.slope <= 1e-16 * max(1.0, abs(start.f)):
            break
    return best


def _between(low: Point, high: Point) -> float:
    """Return the minimum of the cubic through both points and slopes, or the middle if that is too close to an end."""
    middle, width = (low.t + high.t) / 2, high.t - low.t
    if not (math.isfinite(high.f) and math.isfinite(high.slope)):
        return middle
    d = low.slope + high.slope - 3 * (low.f - high.f) / (low.t - high.t)
    square = d * d - low.slope * high.slope
    if not square >= 0:
        return middle
    root = math.copysign(math.sqrt(square), width)
    below = high.slope - low.slope + 2 * root
    t = high.t - width * (high.slope + root - d) / below if below else middle
    inside = 0.1 <= (t - low.t) / width <= 0.9
    return t if inside else middle
