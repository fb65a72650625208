"""Does a derivative agree with finite differences? The answer is a verdict, and never a guess.

Most lines are settled by one estimate. Any other line is looked at again: in extended precision, with the noise of the
function measured, with more steps, and from each side alone, which shows a kink (the slopes differ, however near), a
jump (the values differ, however near) and the edge of a domain (the function exists on one side only).

References:
    J. V. Burke, A. S. Lewis and M. L. Overton, "A robust gradient sampling algorithm for nonsmooth, nonconvex
    optimization", SIAM J. Optim. 15, 2005: the slopes at a kink are the limits of those beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .lines import (
    Difference,
    Direction,
    Element,
    Estimate,
    Line,
    Point,
    careful_estimate,
    choose,
    elements,
    estimate,
    promote,
    quick_estimate,
    sharper,
)
from .numeric import complex_slope, wide_point

# ---- the slopes on either side of a point ---------------------------------------------------------------------------


# A kink if this much of the gap between the slopes, and a jump if this much of the step, is left when the step is 8
# times smaller.
_LEFT_OF_KINK = 0.5
_LEFT_OF_JUMP = 0.7
_STILL_GROWS = 0.97
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
    # A limit is approached by ever smaller changes: one eighth each, or a bit less where a power bends it. Those of a
    # logarithm stay the same.
    earlier, later = second - first, third - second
    grows = later * earlier > 0 and later * third > 0 and abs(later) > _STILL_GROWS * abs(earlier)
    if grows and abs(later) > 10 * side[2].rounding:
        return math.copysign(math.inf, third), 0.0
    # The error of a one-sided slope is proportional to the step, which is 8 times smaller in the third.
    value = third + (third - second) / 7
    return value, abs(third - second) / 7 + side[2].rounding + abs(value) * 1e-5


def slopes_beside(line: Line) -> list[float]:
    """Return slopes along the line at points right next to it, where the function is smooth for almost all of them.

    Where several elements tie, as in a sort, the slopes at the tie itself are only some of them.
    """
    point = line.point
    rng = np.random.default_rng(0)
    slopes = []
    for _ in range(_BESIDE):
        shift = _SHIFT * line.scale
        neighbors = [
            np.asarray(a + shift * rng.uniform(-1, 1, a.shape)).astype(a.dtype) if a.dtype.kind in "fc" else a
            for a in point.arrays
        ]
        try:
            near = line.through(Point(point.f, neighbors, point.cotangent))
            slope = near.central(shift / 256).slope
        except (ArithmeticError, ValueError, IndexError):
            continue
        if math.isfinite(slope):
            slopes.append(slope)
    return slopes


# ---- verdicts -------------------------------------------------------------------------------------------------------


# How much of an error bar's width must lie between two numbers before they contradict each other beyond doubt.
_BEYOND_DOUBT = 10.0
# How many roundings of the terms that a derivative is summed from may be left in it.
_ROUNDINGS = 8
# Of the table that shows noise; no simple fraction, lest the steps be in tune with the rounding of a binary number.
_SPACING = 0.0904
_OTHER_STEPS = (0.377, 0.261, 2.9)
_EXPONENT = 16.0
_MOST_NOISE = 1e-4
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
        """Return whether an analytic derivative lies within tolerance and error bar of an estimate."""
        if not (math.isfinite(a) and math.isfinite(e.value)):
            return False
        apart = abs(a - e.value)
        allowed = self.rtol * max(abs(a), abs(e.value)) + self.floor * self.rtol * largest + 3 * e.error
        if apart <= allowed:
            return True
        if e.value == 0 and e.error == 0 and apart <= self.eps * line.reach(e.h) / max(line.steps()):
            return True  # nothing changes, as far as rounding lets one see: large terms hide that small ones do
        # Where terms cancel, the analytic side itself is off by the rounding of those terms; an exp magnifies that of
        # its argument by the argument.
        return apart <= allowed + _ROUNDINGS * self.eps * line.reach(e.h) / max(line.scale / _EXPONENT, 1.0)


class Verdict(NamedTuple):
    """The result of a comparison along one line.

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


def _is_blurred(line: Line, a: float, e: Estimate, largest: float) -> bool:
    """Return whether the error bar is so wide that agreement would mean nothing."""
    scale = max(largest, abs(a)) if math.isfinite(a) else largest
    return not (
        3 * e.error <= 1e-2 * scale
        or (math.isfinite(e.value) and 3 * e.error <= _NOTHING_SLOPE * line.reach(e.h) / line.scale)
    )


def is_right(line: Line, a: float, e: Estimate, largest: float, tolerance: Tolerance) -> bool:
    """Return whether a first estimate is enough to call the derivative right."""
    return tolerance.allows(line, a, e, largest) and not _is_blurred(line, a, e, largest) and not _bends(line, e)


def _bends(line: Line, e: Estimate) -> bool:
    """Return whether the slopes of both sides fail to approach each other, judging by values already computed."""
    if e.h == 0:
        return False
    limit, rounding, size = gap(line, e.h, 2)
    return abs(limit) > 10 * rounding and abs(limit) > 1e-5 * size


def judge(
    line: Line, a: float, first: Estimate, largest: float, tolerance: Tolerance, extended: Callable[[], Line | None]
) -> Verdict:
    """Decide about a derivative that the first estimate did not settle.

    Args:
        line: the line.
        a: the analytic derivative along it.
        first: the first estimate.
        largest: the largest gradient of the input.
        tolerance: what agreement means.
        extended: gives the same line in extended precision, or None.
    """
    if _measure_noise(line):
        first = quick_estimate(line, tolerance.rtol)
    sides = look_at_sides(line, first)
    if sides is not None and sides.kind != "smooth":
        return _at_kink(line, sides, a, first, largest, tolerance)
    best = _sharpen(line, first, extended(), tolerance.rtol)
    if not math.isfinite(best.value):
        return Verdict("inconclusive", False, a, best)
    if tolerance.allows(line, a, best, largest):
        blurred = _is_blurred(line, a, best, largest)
        return Verdict("inconclusive" if blurred else "right", not blurred, a, best)
    apart = abs(a - best.value) if math.isfinite(a) else 0.0
    scale = max(abs(best.value), abs(a)) if math.isfinite(a) else abs(best.value)
    wide_bar = 3 * best.error > 0.5 * scale
    if wide_bar or (_is_blurred(line, a, best, largest) and apart <= _BEYOND_DOUBT * best.error):
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


def _sharpen(line: Line, first: Estimate, extended: Line | None, rtol: float) -> Estimate:
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
    # Estimates with far larger steps may have seen beyond a kink.
    best = choose([e for e in (*estimates, *others) if math.isfinite(e.value) and (not first.h or e.h <= 4 * first.h)])
    distances = [abs(e.value - best.value) - e.error for e in others if e is not best and e.h <= 4 * best.h]
    if distances and min(distances) > 3 * best.error:
        best = best._replace(error=min(distances) / 3)
    return best if extended is None else sharper(line, best, extended, rtol)


# ---- element by element, or along directions ------------------------------------------------------------------------


Array = np.ndarray
# This many wrong elements of an input are looked at closely; for the rest a sharp first estimate must do.
_LOOK_CLOSELY = 2
_DIRECTIONS = 3


class Finding(NamedTuple):
    """A verdict and where it was found: input, element (None for a direction), and which part of a complex one."""

    i: int | None
    k: tuple[int, ...] | None
    imaginary: bool
    verdict: Verdict
    along: str = ""


class Comparison:
    """The gradients of one function at one point against finite differences.

    Args:
        subject: the function.
        weights: the cotangent.
        grads: the analytic gradient by each leaf, None where it was not asked for.
        tolerance: what agreement means.
        method: how the numeric side differentiates.
    """

    def __init__(
        self, subject: Any, weights: Sequence[Array], grads: Sequence[Array | None], tolerance: Tolerance, method: str
    ) -> None:
        self.subject = subject
        self.grads = grads
        self.tolerance = tolerance
        self.method = method
        self.point = Point(subject.on_arrays, [promote(a) for a in subject.leaves], list(weights))
        self.weights = list(weights)
        self._wide: Point | bool | None = False
        if method == "longdouble":
            if self._extended_point() is None:
                raise ValueError(
                    f"check_grads: expected {subject.title} to compute in longdouble for method='longdouble'; it "
                    "raises, or returns another dtype, or the platform has none. Use method='auto'"
                )
            self.point = self._extended_point() or self.point

    @property
    def evals(self) -> int:
        """How often the function was evaluated."""
        points = {id(p): p for p in (self.point, self._wide) if isinstance(p, Point)}
        return sum(p.evals for p in points.values())

    def _extended_point(self) -> Point | None:
        if isinstance(self._wide, bool):
            self._wide = wide_point(self.point, self.weights)
        return self._wide

    def _estimate(self, line: Line) -> Estimate:
        method = "central" if self.method == "central" else "richardson"
        if self.method == "complex" and isinstance(line, Element):
            h = 1e-20 * (line.scale or 1.0)
            value, error = complex_slope(self.point, self.point.f, line.i, line.k, h)
            return Estimate(value, error, next(line.steps()))
        return quick_estimate(line, self.tolerance.rtol, method)

    def _judge(self, line: Line, a: float, first: Estimate, largest: float) -> Verdict:
        def wide() -> Line | None:
            point = self._extended_point() if self.method == "auto" else None
            return None if point is None else line.through(point)

        return judge(line, a, first, largest, self.tolerance, wide)

    # ---- element by element -----------------------------------------------------------------------------------------

    def by_elements(self, i: int) -> list[Finding]:
        """Return a finding for each element of leaf `i`, and for each part of a complex one."""
        x, grad = self.subject.leaves[i], self._grad(i)
        lines, firsts = [], []
        for k, imaginary in elements(x):
            line = Element(self.point, i, k, imaginary)
            lines.append(line)
            firsts.append(self._estimate(line))
            line.forget()
        largest = max((abs(e.value) for e in firsts if e.error <= 0.1 * abs(e.value)), default=0.0)
        findings: list[Finding] = []
        wrong = 0
        for line, first in zip(lines, firsts, strict=True):
            a = float(grad[line.k].imag if line.imaginary else grad[line.k].real)
            if is_right(line, a, first, largest, self.tolerance):
                verdict = Verdict("right", True, a, first)
            elif wrong >= _LOOK_CLOSELY and first.error <= 1e-3 * abs(a - first.value):
                verdict = Verdict("wrong", False, a, first)
            else:
                verdict = self._judge(line, a, first, largest)
                line.forget()
            wrong += verdict.kind == "wrong"
            findings.append(Finding(i, line.k, line.imaginary, verdict))
        return findings

    def _grad(self, i: int) -> Array:
        grad = self.grads[i]
        return np.zeros(self.subject.leaves[i].shape) if grad is None else grad

    # ---- along directions -------------------------------------------------------------------------------------------

    def all_ones(self, unknown: Sequence[Finding]) -> Finding:
        """Compare along the direction that moves all elements alike, save unknown ones: it is smooth across ties."""
        argnums = self.subject.argnums
        u = [np.ones(a.shape) if i in argnums else None for i, a in enumerate(self.subject.leaves)]
        for finding in unknown:
            ui = None if finding.i is None else u[finding.i]
            if ui is not None:
                ui[... if finding.k is None else finding.k] = 0.0
        scale = min((_scale(self.subject.leaves[i]) for i in argnums if self.subject.leaves[i].size), default=1.0)
        return Finding(None, None, False, self._along(u, scale), "all elements moved alike")

    def by_directions(self, i: int, rng: np.random.Generator) -> list[Finding]:
        """Compare along random directions of leaf `i`; where one fails, halve it until one element is left."""
        x = self.subject.leaves[i]
        findings = []
        for u in _directions(x, rng):
            whole = self._only(i, u)
            verdict = self._along(whole, _scale(x))
            finding = Finding(i, None, False, verdict, "a random direction")
            if not verdict.passed and verdict.kind != "inconclusive":
                element = self._narrow(i, u)
                if element is not None or verdict.kind == "wrong":
                    return [element or finding]
                # Of several kinks each may take another of its slopes, so their sum may be anything.
                finding = finding._replace(verdict=verdict._replace(passed=True))
            findings.append(finding)
        return findings

    def _only(self, i: int, u: Array) -> list[Array | None]:
        return [u if n == i else None for n in range(len(self.subject.leaves))]

    def _slope(self, u: Sequence[Array | None]) -> tuple[float, float]:
        """Return the analytic derivative along a direction, and the size that its terms suggest."""
        total, size = 0.0, 0.0
        for i, ui in enumerate(u):
            if ui is not None and ui.size:
                grad = self._grad(i)
                terms = np.real(np.conjugate(grad.astype(np.result_type(grad, np.float64))) * ui)
                total += float(terms.sum())
                size += float((terms**2).sum())
        return total, math.sqrt(size)

    def _along(self, u: Sequence[Array | None], scale: float) -> Verdict:
        line = Direction(self.point, u, scale)
        a, size = self._slope(u)
        first = self._estimate(line)
        if is_right(line, a, first, size, self.tolerance):
            return Verdict("right", True, a, first)
        return self._judge(line, a, first, size if math.isfinite(size) else 0.0)

    def _narrow(self, i: int, u: Array) -> Finding | None:
        """Find an element to blame for a direction that failed."""
        left = np.flatnonzero(u)
        while left.size > 1:
            halves = (left[: left.size // 2], left[left.size // 2 :])
            left = max(halves, key=lambda half: self._contradiction(i, u, half))
        flat = int(left[0])
        k = tuple(int(n) for n in np.unravel_index(flat, u.shape))
        imaginary = bool(np.iscomplexobj(u) and u[k].real == 0)
        line = Element(self.point, i, k, imaginary)
        grad = self._grad(i)[k]
        a = float(grad.imag if imaginary else grad.real)
        first = self._estimate(line)
        if is_right(line, a, first, abs(first.value), self.tolerance):
            return None
        verdict = self._judge(line, a, first, abs(first.value))
        return None if verdict.passed or verdict.kind == "inconclusive" else Finding(i, k, imaginary, verdict)

    def _contradiction(self, i: int, u: Array, half: Array) -> float:
        """Return how far the analytic slope along a part of a direction lies outside the error bar."""
        part = np.zeros_like(u)
        part.reshape(-1)[half] = u.reshape(-1)[half]
        a, _ = self._slope(self._only(i, part))
        e = self._estimate(Direction(self.point, self._only(i, part), _scale(self.subject.leaves[i])))
        apart = abs(a - e.value) - 3 * e.error
        return math.inf if math.isnan(a) else apart if math.isfinite(apart) else -math.inf


def _scale(x: Array) -> float:
    finite = np.abs(x[np.isfinite(x)])
    return float(finite.max(initial=0)) or 1.0


def _directions(x: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Yield directions of random signs; one of them moves each element in proportion to its size."""
    for n in range(_DIRECTIONS):
        u: Array = rng.choice([-1.0, 1.0], x.shape)
        if n == 1:
            u = u * np.clip(np.abs(x).astype(np.float64) / _scale(x), 1e-3, 1)
        yield u * rng.choice([1, 1j], x.shape) if x.dtype.kind == "c" else u
