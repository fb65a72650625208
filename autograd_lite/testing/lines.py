"""Derivatives by finite differences, with error bars: the side of a check that knows no derivative rule.

A function is looked at along lines x + t u through a point: u is one element of one input, or a direction in all of
them. Its outputs are subtracted one by one and contracted with the cotangent afterward, so that a large output does
not drown a small one, and rounding is charged to those outputs alone that changed. Central differences D(h) and D(h/2)
give Richardson's R = (4 D(h/2) - D(h)) / 3, whose error is taken to be |R - D(h/2)| and the rounding.

References:
    L. F. Richardson, "The approximate arithmetical solution by finite differences of physical problems", 1911.
    J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011, equation 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
# How many units in the last place a result is taken to be off, and what part of rtol an estimate should be good to.
_ULPS = 8
# Steps of a staircase that are higher, relative to the function, are those of a floor and not of rounding.
_MOST_QUANTUM = 1e-5
SHARP = 0.03
# Steps relative to the scale of an input: powers of two, so that halving them is exact, times a number that keeps them
# out of tune with floors, periods and the grid of binary numbers.
_FACTOR = 0.7236
_STEP = 2.0**-10
_STEP_SINGLE = 2.0**-5


def promote(a: Any, extended: bool = False) -> Array:
    """Return a copy in double precision, or in longdouble if `extended`; integers stay as they are."""
    a = np.asarray(a)
    if a.dtype.kind == "f":
        return np.array(a, np.longdouble if extended else np.float64)
    if a.dtype.kind == "c":
        return np.array(a, np.clongdouble if extended else np.complex128)
    return np.array(a)


def entries(out: Any) -> list[Any]:
    """Return the entries of a result, in order: the result itself, or those of tuples, lists and dicts."""
    if isinstance(out, (tuple, list)):
        return [a for part in out for a in entries(part)]
    if isinstance(out, dict):
        return [a for part in out.values() for a in entries(part)]
    return [out]


def flatten(out: Any) -> list[Array]:
    """Return the arrays in a result: one array, or tuples, lists and dicts of them."""
    return [np.asarray(a) for a in entries(out)]


def _row(arrays: Sequence[Array]) -> Array:
    """Return all numbers in one row, real and imaginary parts one after the other."""
    rows = []
    for a in arrays:
        a = a.reshape(-1)
        if a.dtype.kind == "c":
            a = np.stack([a.real, a.imag], axis=-1).reshape(-1)
        elif a.dtype.kind != "f":
            a = a.astype(np.float64)
        rows.append(a)
    return np.array(rows[0]) if len(rows) == 1 else np.concatenate(rows) if rows else np.zeros(0)


class Point:
    """A function at a point: evaluates its outputs nearby, as one row of real numbers, and counts how often.

    Args:
        f: takes and returns plain arrays.
        arrays: the inputs, in the precision to evaluate in; they are not changed.
        cotangent: like the outputs; ones if None.
    """

    def __init__(self, f: Callable[..., Any], arrays: Sequence[Array], cotangent: Any = None) -> None:
        self.f = f
        self.cotangent = cotangent
        self.arrays = list(arrays)
        self.evals = 0
        outputs = self._call([np.array(a) for a in self.arrays])
        self.dtypes = [out.dtype for out in outputs]
        self.base = _row(outputs)
        cotangents = [np.ones(out.shape) for out in outputs] if cotangent is None else flatten(cotangent)
        if [np.shape(c) for c in cotangents] != [out.shape for out in outputs]:
            raise ValueError(
                f"numeric_grad: expected a cotangent of shape {_shapes(outputs)}, as the function's result has; "
                f"received {_shapes(cotangents)}"
            )
        weights = [
            np.asarray(c, np.result_type(c, complex) if out.dtype.kind == "c" else None)
            for c, out in zip(cotangents, outputs, strict=True)
        ]
        self.weights = _row([w.real if o.dtype.kind != "c" else w for w, o in zip(weights, outputs, strict=True)])
        self.eps = self._precision(outputs)

    def _call(self, arrays: list[Array]) -> list[Array]:
        self.evals += 1
        with np.errstate(all="ignore"):
            return flatten(self.f(*arrays))

    def at(self, arrays: list[Array]) -> Array:
        """Return the outputs at other inputs; an output that changes its shape is an error."""
        row = _row(self._call(arrays))
        if row.shape != self.base.shape:
            raise ValueError(
                f"numeric_grad: the function returned {self.base.size} numbers at the point and {row.size} beside it; "
                "the shape of its result must not depend on the values of its inputs"
            )
        return row

    def _precision(self, outputs: Sequence[Array]) -> Array:
        """Return the relative rounding of each output: of its dtype, or of a double that was widened."""
        double = np.finfo(np.float64).eps
        rows = []
        for out in outputs:
            n = out.size * (2 if out.dtype.kind == "c" else 1)
            unit = float(np.finfo(out.dtype).eps) if out.dtype.kind in "fc" else double
            rows.append(np.full(n, unit))
        eps: Array = np.concatenate(rows) if rows else np.zeros(0)
        if self.base.dtype == np.longdouble:
            eps = np.where(self.base == self.base.astype(np.float64), np.maximum(eps, double), eps)
        elif eps.size and float(eps.max()) < 1e-8 and self._rounds_inside():
            eps = np.full(eps.shape, float(np.finfo(np.float32).eps))
        return eps

    def _rounds_inside(self) -> bool:
        """Return whether results are doubles by dtype but have single precision, judging by values near the point."""
        perturbed = [np.asarray(a * (1 + 7.236e-4)) if a.dtype.kind in "fc" else np.array(a) for a in self.arrays]
        try:
            row = self.at(perturbed)
        except (ArithmeticError, ValueError, TypeError, IndexError):
            return False
        with np.errstate(all="ignore"):
            looked = np.isfinite(row) & (row != self.base)
            if np.all(row[looked] == np.rint(row[looked])):
                return False
            return bool(looked.any()) and bool(np.all((row == row.astype(np.float32))[looked]))

    @property
    def single(self) -> bool:
        """Whether some output has no more than single precision, whatever the inputs have."""
        return bool(self.eps.size) and float(self.eps.max()) > 1e-8


def _shapes(arrays: Sequence[Any]) -> Any:
    shapes = [np.shape(a) for a in arrays]
    return shapes[0] if len(shapes) == 1 else shapes


class Line:
    """The outputs along a line through a point, each evaluated once."""

    def __init__(self, point: Point, scale: float, zero: bool = False) -> None:
        self.point = point
        self.scale = scale
        self.zero = zero
        self.noise = 0.0
        # Which outputs the line is known to change: where one of them stays the same, rounding may hide its change.
        self.touched: Any = False
        self._seen: dict[float, tuple[Array, float]] = {0.0: (point.base, 0.0)}

    def forget(self) -> None:
        """Forget the evaluations, where they are large."""
        if self.point.base.size > 1000:
            self._seen = {0.0: (self.point.base, 0.0)}

    def at_distance(self, t: float) -> tuple[list[Array], float]:
        """Return the inputs at t, and the t that rounding made of it."""
        raise NotImplementedError

    def through(self, point: Point) -> Line:
        """Return the same line through the same point in another precision."""
        raise NotImplementedError

    def at(self, t: float) -> tuple[Array, float]:
        """Return the outputs at t, and the step really taken."""
        if t not in self._seen:
            arrays, step = self.at_distance(t)
            self._seen[t] = (self.point.at(arrays), step)
        return self._seen[t]

    def steps(self) -> Iterator[float]:
        """Yield the steps to try, in the order of trust."""
        s, unit = self.scale, _STEP_SINGLE if self.point.single else _STEP
        for scale in dict.fromkeys((s, max(s, 1.0), 1e-2 * s, 1e-2, 1e-4 * s, 1e-6 * s)):
            if scale > 0:
                yield _FACTOR * 2.0 ** round(math.log2(unit * scale))

    def contract(self, left: Array, right: Array, step: float) -> Difference:
        """Return the slope of <cotangent, outputs> between two points of the line."""
        point = self.point
        with np.errstate(all="ignore"):
            changed = (left != right) & ~((left != left) & (right != right))
            delta = np.where(changed, right - left, 0)
            size = np.where(changed, np.maximum(np.abs(left), np.abs(right)), 0)
            slope = np.dot(point.weights, delta) / step
            hidden = np.where(self.touched & ~changed, np.abs(right), 0)
            rounding = np.dot(np.abs(point.weights) * point.eps, _ULPS * size + hidden) / abs(step)
        return Difference(float(slope), float(rounding) + self.noise / abs(step), bool(changed.any()))

    def central(self, h: float) -> Difference:
        """Return the central difference with steps of about h to both sides."""
        (right, up), (left, down) = self.at(h), self.at(-h)
        return self.contract(left, right, up - down) if up != down else Difference(math.nan, math.inf, False)

    def reach(self, h: float) -> float:
        """Return the size of the terms of <cotangent, outputs> that the line changes: what rounding is relative to.

        If it changes none, all of them count.
        """
        for step in (max(h, next(self.steps())), h):
            (right, _), (left, _) = self.at(step), self.at(-step)
            with np.errstate(all="ignore"):
                changed = (right != self.point.base) | (left != self.point.base)
                changed |= not changed.any()
                size = np.where(changed, np.maximum(np.abs(left), np.abs(right)), 0)
                total = float(np.dot(np.abs(self.point.weights), size))
            if math.isfinite(total):
                return total
        return 0.0

    def one_sided(self, h: float) -> Difference:
        """Return the difference between the point and the one at h, which may be negative."""
        right, step = self.at(h)
        if step == 0:
            return Difference(math.nan, math.inf, False)
        return self.contract(self.point.base, right, step)


class Difference(NamedTuple):
    """A difference quotient, what rounding may have added to it, and whether any output changed at all."""

    slope: float
    rounding: float
    changed: bool


class Estimate(NamedTuple):
    """A derivative along a line, its error bar, and the step it was found with."""

    value: float
    error: float
    h: float


NOTHING = Estimate(math.nan, math.inf, 0.0)


class Element(Line):
    """The line along element `k` of input `i`; along its imaginary part if `imaginary`."""

    def __init__(self, point: Point, i: int, k: tuple[int, ...], imaginary: bool = False) -> None:
        x = point.arrays[i]
        size = abs(float(x[k].imag if imaginary else x[k].real)) if x.dtype.kind == "c" else abs(float(x[k]))
        largest = size or float(np.max(np.abs(x)))
        super().__init__(point, largest if largest and math.isfinite(largest) else 1.0, size == 0)
        self.i, self.k, self.imaginary = i, k, imaginary

    def through(self, point: Point) -> Element:
        """Return the same line in another precision."""
        return Element(point, self.i, self.k, self.imaginary)

    def at_distance(self, t: float) -> tuple[list[Array], float]:
        """Return the inputs with the element moved by t."""
        arrays = [np.array(a) for a in self.point.arrays]
        x = arrays[self.i]
        before = x[self.k]
        # A multiple of the last digit: then the steps to both sides are alike, and nothing of f'' stays in D(h).
        digit = 2 * float(np.spacing(np.abs(before)))
        t = digit * round(t / digit) if digit < abs(t) < 1e15 * digit else t
        x[self.k] = before + (1j * t if self.imaginary else t)
        step = x[self.k] - before
        return arrays, float(step.imag if self.imaginary else step.real)


class Direction(Line):
    """The line along `u`, one array or None for each input."""

    def __init__(self, point: Point, u: Sequence[Array | None], scale: float = 1.0) -> None:
        super().__init__(point, scale)
        self.u = u

    def through(self, point: Point) -> Direction:
        """Return the same line in another precision."""
        return Direction(point, self.u, self.scale)

    def at_distance(self, t: float) -> tuple[list[Array], float]:
        """Return the inputs moved by t u."""
        pairs = zip(self.point.arrays, self.u, strict=True)
        return [np.array(a) if u is None else np.asarray(a + a.dtype.type(t) * u) for a, u in pairs], t


def estimate(line: Line, h: float, method: str = "richardson") -> tuple[Estimate, bool]:
    """Return the derivative found with the steps h and h/2, and whether anything changed."""
    coarse, fine = line.central(h), line.central(h / 2)
    # Where rounding hides a change at the finer step, its cost at the coarser one shows how much it may hide.
    rounding = max(fine.rounding, 2 * coarse.rounding)
    if method == "central":
        value, error = fine.slope, abs(fine.slope - coarse.slope) + rounding
    else:
        value = (4 * fine.slope - coarse.slope) / 3
        error = abs(value - fine.slope) + rounding
    if not (math.isfinite(value) and math.isfinite(error)):
        return NOTHING, True
    return Estimate(value, error, h), coarse.changed or fine.changed


def careful_estimate(line: Line, h: float, method: str = "richardson") -> tuple[Estimate, bool]:
    """As `estimate`; where nothing changes at this step, the error bar says what rounding may have hidden."""
    now, changed = estimate(line, h, method)
    if changed or not math.isfinite(now.value):
        return now, changed
    return now._replace(error=now.error + _quantum(line, h, max(line.steps())) / h), False


def quick_estimate(line: Line, rtol: float, method: str = "richardson") -> Estimate:
    """Try steps until one is sharp; the result has an error bar in any case, and is NaN where nothing is finite."""
    steps = list(line.steps())
    far = max(steps)
    first = estimate(line, steps[0], method)[0] if _touch(line, steps[0]) else NOTHING
    if first.error <= SHARP * rtol * abs(first.value):
        return first
    if not _touch(line, far):
        # Nothing changes near or far: the derivative is zero, unless it is of something that is not finite.
        if not np.isfinite(line.point.base).all() or not math.isfinite(line.central(steps[0]).slope):
            return _any_finite(line, steps, method) if line.point.base.size else NOTHING
        return Estimate(0.0, 0.0, steps[0])
    estimates: list[Estimate] = []
    for h in steps:
        now, changed = careful_estimate(line, h, method)
        if not math.isfinite(now.value):
            continue
        estimates.append(now)
        if changed and now.error <= SHARP * rtol * abs(now.value) and choose(estimates) is now:
            return now
    return choose(estimates)


def _any_finite(line: Line, steps: list[float], method: str) -> Estimate:
    """Return the best estimate whose steps change something, or NOTHING."""
    estimates = [now for now, changed in (estimate(line, h, method) for h in steps) if changed]
    return choose([now for now in estimates if math.isfinite(now.value)])


def _touch(line: Line, h: float) -> bool:
    """Note which outputs change within h, and return whether any does."""
    base = line.point.base
    for side in (h, -h):
        row = line.at(side)[0]
        line.touched = line.touched | ((row != base) & ~((row != row) & (base != base)))
    return bool(np.any(line.touched))


def _quantum(line: Line, low: float, high: float) -> float:
    """Return the height of the steps of a staircase, which a function is that rounds inside, and 0 otherwise.

    Nothing changes at `low`. A kink starts from nothing where something first changes; a jump has one step only.
    """
    top = high
    far = abs(line.central(high).slope) * 2 * high
    if not math.isfinite(far):
        return 0.0
    slope = far / high
    for _ in range(20):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if line.central(middle).changed else (middle, high)
    first = abs(line.central(high).slope) * 2 * high
    rounds = first > 0.1 * slope * high and far > 8 * first
    return first if rounds and first < _MOST_QUANTUM * line.reach(top) else 0.0


def choose(estimates: Sequence[Estimate]) -> Estimate:
    """Return the sharpest estimate, or a smaller step's if that contradicts it beyond both error bars."""
    if not estimates:
        return NOTHING
    left = sorted(estimates, key=lambda e: e.error)
    best = left[0]
    for other in sorted(estimates, key=lambda e: -e.h):
        if other.h < best.h and abs(other.value - best.value) > 3 * (other.error + best.error):
            best = min((e for e in estimates if e.h <= other.h), key=lambda e: e.error)
    return best


def sharper(line: Line, double: Estimate, extended: Line, rtol: float) -> Estimate:
    """Return the better of an estimate on a line and one on the same line in extended precision.

    Outputs that change in extended precision only are charged to the estimate in double precision. Where the two
    contradict each other, the same step in extended precision says which was fooled: double precision, that hid the
    change of some output, or the other step.
    """
    best = quick_estimate(extended, rtol)
    if not math.isfinite(double.value):
        return best
    line.touched = line.touched | extended.touched
    double = double._replace(error=max(double.error, estimate(line, double.h)[0].error))
    if abs(best.value - double.value) <= 3 * (best.error + double.error):
        return min(double, best, key=lambda e: e.error)
    again, _ = careful_estimate(extended, double.h)
    fooled = abs(again.value - double.value) > 3 * (again.error + double.error)
    return best if fooled else double


def elements(x: Array) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Yield the index of every element, and for a complex array whether the imaginary part is meant."""
    for k in np.ndindex(x.shape):
        yield k, False
        if x.dtype.kind == "c":
            yield k, True
