"""The slopes on either side of a point, which tell a kink, a jump and the edge of a domain from a smooth place.

References:
    J. V. Burke, A. S. Lewis and M. L. Overton, "A robust gradient sampling algorithm for nonsmooth, nonconvex
    optimization", SIAM J. Optim. 15, 2005: the slopes at a kink are the limits of those beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ._lines import Difference, Estimate, Line, Point

# A kink if this much of the gap between the slopes, and a jump if this much of the step, is left when the step is 8
# times smaller.
_LEFT_OF_KINK = 0.5
_LEFT_OF_JUMP = 0.7
_BESIDE = 8
_SHIFT = 1e-4


class Sides(NamedTuple):
    """What the function does on either side of the point: "smooth", "kink" or "jump", and the slopes left and right.

    A slope is infinite where it grows without bound, and NaN on a side where the function is not defined.
    """

    kind: str
    left: float
    right: float
    error: float


def gap(line: Line, h: float, factor: float) -> tuple[float, float, float]:
    """Return the gap between the slopes of both sides, in the limit from the steps h and h / factor.

    A smooth function has the gap h f'' and terms in h^3; the limit is free of the first.

    Returns:
        The gap, its rounding, and the size of the slopes.
    """
    gaps = []
    for step in (h, h / factor):
        right, left = line.one_sided(step), line.one_sided(-step)
        gaps.append((right.slope - left.slope, right.rounding + left.rounding))
    (coarse, r), (fine, s) = gaps
    limit = (factor * fine - coarse) / (factor - 1)
    return limit, (factor * s + r) / (factor - 1), max(abs(right.slope), abs(left.slope))


def look_at_sides(line: Line, first: Estimate) -> Sides | None:
    """Compare the slopes of both sides at three steps, or return None where neither side has any."""
    for h in [first.h] if first.h else list(line.steps()):
        steps = (h, h / 8, h / 64)
        right, left = ([line.one_sided(side * step) for step in steps] for side in (1, -1))
        finite = [all(math.isfinite(d.slope) for d in side) for side in (right, left)]
        if any(finite):
            break
    else:
        return None
    limits, jumps, errors = [], [], []
    for side, sign, there in ((right, 1, finite[0]), (left, -1, finite[1])):
        heights = [abs(d.slope) * step for d, step in zip(side, steps, strict=True)]
        jumped = there and heights[2] > _LEFT_OF_JUMP * heights[1] and heights[2] > 4 * side[2].rounding * steps[2]
        jumps.append(jumped)
        slope, error = (math.nan, 0.0) if not there else _limit(side)
        if jumped:
            (near, s), (far, t) = line.at(sign * steps[1]), line.at(sign * h)
            beyond = line.contract(near, far, t - s)
            slope, error = beyond.slope, abs(beyond.slope) * 1e-2 + beyond.rounding
        limits.append(slope)
        errors.append(error)
    kind = "jump" if any(jumps) else "smooth"
    if kind == "smooth" and (not all(finite) or any(math.isinf(s) for s in limits) or _has_kink(line, h)):
        kind = "kink"
    return Sides(kind, limits[1], limits[0], max(errors))


def _has_kink(line: Line, h: float) -> bool:
    coarse, _, _ = gap(line, h, 8)
    fine, rounding, size = gap(line, h / 8, 8)
    return abs(fine) > _LEFT_OF_KINK * abs(coarse) and abs(fine) > 3 * rounding and abs(fine) > 1e-6 * size


def _limit(side: Sequence[Difference]) -> tuple[float, float]:
    """Return the slope that a side approaches, which may be infinite, and its error."""
    first, second, third = (d.slope for d in side)
    grows = abs(third) > 1.5 * abs(second) > 2.25 * abs(first)
    if grows and third * second > 0 and abs(third) > 10 * side[2].rounding:
        return math.copysign(math.inf, third), 0.0
    # The error of a one-sided slope is proportional to the step, which is 8 times smaller in the third.
    value = third + (third - second) / 7
    return value, abs(third - second) / 7 + side[2].rounding + abs(value) * 1e-5


def slopes_beside(line: Line) -> list[float]:
    """Return slopes along the line at points right beside it, where the function is smooth for almost all of them.

    Where several elements tie, as in a sort, the slopes at the tie itself are only some of them.
    """
    point = line.point
    rng = np.random.default_rng(0)
    slopes = []
    for _ in range(_BESIDE):
        shift = _SHIFT * line.scale
        moved = [
            np.asarray(a + shift * rng.uniform(-1, 1, a.shape)).astype(a.dtype) if a.dtype.kind in "fc" else a
            for a in point.arrays
        ]
        try:
            near = line.through(Point(point.f, moved, point.cotangent))
            slope = near.central(shift / 256).slope
        except (ArithmeticError, ValueError, IndexError):
            continue
        if math.isfinite(slope):
            slopes.append(slope)
    return slopes
