"""Compare analytic gradients with finite differences: element by element, or along directions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._lines import Direction, Element, Estimate, Line, Point, elements, promoted, quick_estimate
from ._numeric import complex_slope, wide_point
from ._verdicts import Tolerance, Verdict, judge, settled

Array = np.ndarray
# So many wrong elements of one input are looked at closely; for the rest a sharp first estimate has to do.
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
        self.point = Point(subject.on_arrays, [promoted(a) for a in subject.leaves], list(weights))
        self.weights = list(weights)
        self._wide: Point | bool | None = False
        if method == "longdouble":
            if self._extended() is None:
                raise ValueError(
                    f"check_grads: expected {subject.title} to compute in longdouble for method='longdouble'; it "
                    "raises, or returns another dtype, or the platform has none. Use method='auto'"
                )
            self.point = self._extended() or self.point

    @property
    def evals(self) -> int:
        """How often the function was evaluated."""
        points = {id(p): p for p in (self.point, self._wide) if isinstance(p, Point)}
        return sum(p.evals for p in points.values())

    def _extended(self) -> Point | None:
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
            point = self._extended() if self.method == "auto" else None
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
        found: list[Finding] = []
        wrong = 0
        for line, first in zip(lines, firsts, strict=True):
            a = float(grad[line.k].imag if line.imaginary else grad[line.k].real)
            if settled(line, a, first, largest, self.tolerance):
                verdict = Verdict("right", True, a, first)
            elif wrong >= _LOOK_CLOSELY and first.error <= 1e-3 * abs(a - first.value):
                verdict = Verdict("wrong", False, a, first)
            else:
                verdict = self._judge(line, a, first, largest)
                line.forget()
            wrong += verdict.kind == "wrong"
            found.append(Finding(i, line.k, line.imaginary, verdict))
        return found

    def _grad(self, i: int) -> Array:
        grad = self.grads[i]
        return np.zeros(self.subject.leaves[i].shape) if grad is None else grad

    # ---- along directions -------------------------------------------------------------------------------------------

    def all_ones(self, unknown: Sequence[Finding]) -> Finding:
        """Compare along the direction that moves all elements alike, save unknown ones: it is smooth across ties."""
        wanted = self.subject.wanted
        u = [np.ones(a.shape) if i in wanted else None for i, a in enumerate(self.subject.leaves)]
        for finding in unknown:
            ui = None if finding.i is None else u[finding.i]
            if ui is not None:
                ui[... if finding.k is None else finding.k] = 0.0
        scale = min((_scale(self.subject.leaves[i]) for i in wanted if self.subject.leaves[i].size), default=1.0)
        return Finding(None, None, False, self._along(u, scale), "all elements moved alike")

    def by_directions(self, i: int, rng: np.random.Generator) -> list[Finding]:
        """Compare along random directions of leaf `i`; where one fails, halve it until one element is left."""
        x = self.subject.leaves[i]
        found = []
        for u in _directions(x, rng):
            whole = self._only(i, u)
            verdict = self._along(whole, _scale(x))
            finding = Finding(i, None, False, verdict, "a random direction")
            if not verdict.passed and verdict.kind != "inconclusive":
                element = self._narrowed(i, u)
                if element is not None or verdict.kind == "wrong":
                    return [element or finding]
                # Of several kinks each may take another of its slopes, so their sum may be anything.
                finding = finding._replace(verdict=verdict._replace(passed=True))
            found.append(finding)
        return found

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
        if settled(line, a, first, size, self.tolerance):
            return Verdict("right", True, a, first)
        return self._judge(line, a, first, size if math.isfinite(size) else 0.0)

    def _narrowed(self, i: int, u: Array) -> Finding | None:
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
        if settled(line, a, first, abs(first.value), self.tolerance):
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
        u = rng.choice([-1.0, 1.0], x.shape)
        if n == 1:
            u = u * np.clip(np.abs(x).astype(np.float64) / _scale(x), 1e-3, 1)
        yield u * rng.choice([1, 1j], x.shape) if x.dtype.kind == "c" else u
