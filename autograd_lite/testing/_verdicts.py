"""Does a derivative agree with finite differences along a line? The answer is a verdict, and it is never a guess.

Most lines are settled by one estimate. A line that is not is looked at again: in extended precision, with the noise of
the function measured, with more steps, and from each side alone, which shows a kink (the slopes differ, however near),
a jump (the values differ, however near) and the edge of a domain (one side is not there).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._lines import Estimate, Line, careful_estimate, choose, estimate, quick_estimate, sharper
from ._sides import Sides, gap, look_at_sides, slopes_beside

# How much of an error bar's width must lie between two numbers before they contradict each other beyond doubt.
_BEYOND_DOUBT = 10.0
# How many roundings of the terms that a derivative is summed from may be left in it.
_ROUNDINGS = 8
# Of the table that shows noise; no simple fraction, lest the steps be in tune with the rounding of a binary number.
_SPACING = 0.0904
_OTHER_STEPS = (0.377, 0.261, 2.9)
_EXPONENT = 16.0
_MOST_NOISE = 1e-6
# A slope smaller than this, relative to the outputs over the input, is as good as zero.
_NOTHING_SLOPE = 1e-7


class Tolerance(NamedTuple):
    """What agreement means.

    Attributes:
        rtol: relative to the larger of the two numbers.
        floor: relative to the largest gradient of the input, as a share of rtol: what cancellation leaves.
        kinks: "subgradient", "skip" or "fail".
        eps: of the dtype that the analytic side computes in.
    """

    rtol: float
    floor: float = 1e-3
    kinks: str = "subgradient"
    eps: float = float(np.finfo(np.float64).eps)

    def allows(self, line: Line, a: float, e: Estimate, largest: float) -> bool:
        """Say whether an analytic derivative lies within tolerance and error bar of an estimate."""
        if not (math.isfinite(a) and math.isfinite(e.value)):
            return False
        apart = abs(a - e.value)
        allowed = self.rtol * max(abs(a), abs(e.value)) + self.floor * self.rtol * largest + 3 * e.error
        if apart <= allowed:
            return True
        # Where terms cancel, the analytic side itself is off by the rounding of those terms; an exp magnifies that of
        # its argument by the argument.
        return apart <= allowed + _ROUNDINGS * self.eps * line.reach(e.h) / max(line.scale / _EXPONENT, 1.0)


class Verdict(NamedTuple):
    """What was found along one line.

    Attributes:
        kind: "right", "wrong", "kink", "jump" or "inconclusive".
        passed: whether the check may go on; a kink passes if the derivative lies between the slopes of both sides.
        estimate: the numeric derivative.
        sides: the interval between the slopes of both sides, at a kink, jump or edge.
    """

    kind: str
    passed: bool
    analytic: float
    estimate: Estimate
    sides: tuple[float, float] | None = None


def _blurred(line: Line, a: float, e: Estimate, largest: float) -> bool:
    """Say whether the error bar is so wide that agreement would mean nothing."""
    scale = max(largest, abs(a)) if math.isfinite(a) else largest
    return not (
        3 * e.error <= 1e-2 * scale
        or (math.isfinite(e.value) and 3 * e.error <= _NOTHING_SLOPE * line.reach(e.h) / line.scale)
    )


def settled(line: Line, a: float, e: Estimate, largest: float, tolerance: Tolerance) -> bool:
    """Say whether a first estimate is enough to call the derivative right."""
    return tolerance.allows(line, a, e, largest) and not _blurred(line, a, e, largest) and not _bent(line, e)


def _bent(line: Line, e: Estimate) -> bool:
    """Say whether the slopes of both sides fail to approach each other, judged by what was evaluated already."""
    if e.h == 0:
        return False
    limit, rounding, size = gap(line, e.h, 2)
    return abs(limit) > 10 * rounding and abs(limit) > 1e-5 * size


def judge(
    line: Line, a: float, first: Estimate, largest: float, tolerance: Tolerance, wide: Callable[[], Line | None]
) -> Verdict:
    """Decide about a derivative that the first estimate did not settle.

    Args:
        line: the line.
        a: the analytic derivative along it.
        first: the first estimate.
        largest: the largest gradient of the input.
        tolerance: what agreement means.
        wide: gives the same line in extended precision, or None.
    """
    if _measure_noise(line):
        first = quick_estimate(line, tolerance.rtol)
    sides = look_at_sides(line, first)
    if sides is not None and sides.kind != "smooth":
        return _at_kink(line, sides, a, first, largest, tolerance)
    best = _sharpened(line, first, wide(), tolerance.rtol)
    if not math.isfinite(best.value):
        return Verdict("inconclusive", False, a, best)
    if tolerance.allows(line, a, best, largest):
        blurred = _blurred(line, a, best, largest)
        return Verdict("inconclusive" if blurred else "right", not blurred, a, best)
    if _blurred(line, a, best, largest):
        apart = abs(a - best.value) if math.isfinite(a) else 0.0
        scale = max(abs(best.value), abs(a)) if math.isfinite(a) else abs(best.value)
        if apart <= _BEYOND_DOUBT * best.error or 3 * best.error > 0.5 * scale:
            return Verdict("inconclusive", False, a, best)
    return Verdict("wrong", False, a, best)


def _measure_noise(line: Line) -> bool:
    """Charge the line with the noise of the function, where that is more than the rounding of its outputs.

    Noise is the same at every scale; what a kink leaves in the table of differences shrinks with it.
    """
    h = next(line.steps(), 0.0)
    coarse, fine = _noise(line, h), _noise(line, h / 64)
    rounding = line.central(h).rounding * 2 * h
    noise = 4 * min(coarse, fine)
    # A function that waves several times within a step looks like noise, but a far larger one than rounding makes.
    most = _MOST_NOISE * (1e3 if line.point.single else 1) * line.reach(h)
    if not (rounding < noise < most and fine > coarse / 8):
        return False
    line.noise = noise
    return True


def _noise(line: Line, h: float) -> float:
    """Return the standard deviation of the noise, from a table of differences on each side of the point.

    Those of order k of a smooth function vanish; those of noise of standard deviation s have the variance
    (2k)! / (k!)^2 s^2. (Moré and Wild, equation 2.5.)
    """
    order, noise = 6, 0.0
    for side in (1, -1):
        rows = np.stack([line.at(side * n * _SPACING * h)[0] for n in range(1, order + 3)])
        with np.errstate(all="ignore"):
            table = np.diff(np.dot(rows - rows[0], line.point.weights), order)
        noise = max(noise, float(np.max(np.abs(table))) / math.sqrt(math.comb(2 * order, order)))
    return noise


def _at_kink(line: Line, sides: Sides, a: float, first: Estimate, largest: float, tolerance: Tolerance) -> Verdict:
    slopes = [s + 0.0 for s in (sides.left, sides.right) if not math.isnan(s)]
    low, high = min(slopes), max(slopes)
    if tolerance.kinks == "skip":
        return Verdict(sides.kind, True, a, first, (low, high))
    margin = 3 * sides.error + tolerance.rtol * largest
    inside = low - margin <= a <= high + margin  # False for NaN
    if not inside and sides.kind == "kink" and math.isfinite(sides.left) and math.isfinite(sides.right):
        beside = slopes_beside(line)
        low, high = min([low, *beside]), max([high, *beside])
        margin = 3 * sides.error + 1e-3 * max(map(abs, beside), default=0.0)
        inside = low - margin <= a <= high + margin
    return Verdict(sides.kind, inside and tolerance.kinks != "fail", a, first, (low, high))


def _sharpened(line: Line, first: Estimate, wide: Line | None, rtol: float) -> Estimate:
    """Return the best of more estimates, with an error bar that the others support."""
    estimates = []
    if math.isfinite(first.value):
        estimates.append(first._replace(error=first.error + line.noise / first.h))
    if first.h or np.isfinite(line.point.base).all():
        estimates += [careful_estimate(line, h)[0] for h in line.steps()]
    others = []
    for factor in _OTHER_STEPS if first.h else ():
        now, changed = estimate(line, first.h * factor)
        if math.isfinite(now.value) and changed:
            others.append(now)
    # What was seen with far larger steps may lie beyond a kink.
    best = choose([e for e in (*estimates, *others) if math.isfinite(e.value) and (not first.h or e.h <= 4 * first.h)])
    distances = [abs(e.value - best.value) - e.error for e in others if e is not best and e.h <= 4 * best.h]
    if distances and min(distances) > 3 * best.error:
        best = best._replace(error=min(distances) / 3)
    return best if wide is None else sharper(line, best, wide, rtol)
