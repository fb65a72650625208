"""Piecewise polynomials, and interpolants made of cubic ones: each is a formula for the slopes at the points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as original

from ...core.errors import ShapeError
from ...core.shape_arithmetic import normalize_axis
from ...ops.operands import operand
from ..calls import floating, has_tensors, takes_tensors, values_or_none
from ..linalg.banded import solve as solve_banded


def at(a: Any, place: Any) -> Any:
    """Return rows of an array by their numbers, which may differ from example to example."""
    return np.take_along_axis(a, place.reshape(-1, *(1,) * (a.ndim - 1)), 0)


def move_points(out: Any, shape: tuple[int, ...], rest: tuple[int, ...], axis: int) -> Any:
    """Return results of shape `(points, elements)` as SciPy does: the axes of the points in the place of one."""
    out = out.reshape(*shape, *rest)
    k = len(shape)
    return out.transpose(*range(k, k + axis), *range(k), *range(k + axis, k + len(rest))) if axis else out


def outside(x: Any, low: Any, high: Any, out: Any) -> Any:
    """Return NaN for points outside of an interval."""
    return np.where(((x < low) | (x > high))[:, None], np.nan, out)


class Piecewise:
    """A polynomial for each interval, in powers of the distance from its left end.

    Attributes:
        c: coefficients, the highest power first; shape `(k, m, …)`.
        x: the ends of the intervals, increasing; shape `(m + 1,)`.
        extrapolate: whether the outer polynomials go on; "periodic" repeats.
        axis: where the points of evaluation are in the result.
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = True, axis: int = 0) -> None:
        self.c, self.x, self.extrapolate, self.axis = c, x, extrapolate, axis

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """Return the value, or a derivative.

        Args:
            x: points, any shape.
            nu: the order of the derivative.
            extrapolate: as the attribute, which it replaces.
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if not has_tensors(self.c, self.x, x):
            return original.PPoly.construct_fast(self.c, self.x, True, self.axis)(x, nu, extrapolate)
        if nu:
            return self.derivative(nu)(x, 0, extrapolate)
        x = floating(operand(x))
        flat, (low, high) = x.reshape(-1), (self.x[0], self.x[-1])
        if extrapolate == "periodic":
            flat = low + (flat - low) % (high - low)
        place = np.clip(np.searchsorted(self.x, flat, side="right") - 1, 0, self.c.shape[1] - 1)
        c = self.c.reshape(*self.c.shape[:2], math.prod(self.c.shape[2:]))
        s = (flat - at(self.x, place))[:, None]
        out = at(c[0], place) + 0.0 * s
        for k in range(1, c.shape[0]):
            out = out * s + at(c[k], place)
        out = out if extrapolate else outside(flat, low, high, out)
        return move_points(out, x.shape, self.c.shape[2:], self.axis)

    def derivative(self, nu: int = 1) -> Piecewise:
        """Return a derivative of some order."""
        k = self.c.shape[0]
        if nu >= k:
            return Piecewise(self.c[-1:] * 0.0, self.x, self.extrapolate, self.axis)
        factors = np.array([math.perm(k - 1 - i, nu) for i in range(k - nu)], float)
        return Piecewise(self.c[: k - nu] * _column(factors, self.c), self.x, self.extrapolate, self.axis)

    def antiderivative(self) -> Piecewise:
        """Return the antiderivative that begins with 0."""
        k = self.c.shape[0]
        c = self.c / _column(np.arange(k, 0, -1.0), self.c)
        width = np.diff(self.x).reshape(-1, *(1,) * (self.c.ndim - 2))
        total = 0.0 * c[0]
        for i in range(k):
            total = (total + c[i]) * width
        start = np.concatenate([0.0 * total[:1], np.cumsum(total[:-1], axis=0)])
        extrapolate = self.extrapolate if self.extrapolate != "periodic" else False
        return Piecewise(np.concatenate([c, start[None]]), self.x, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any) -> Any:
        """Return the integral between two numbers."""
        whole = self.antiderivative()
        return whole(b, 0, True) - whole(a, 0, True)


def _column(factors: Any, c: Any) -> Any:
    return factors.reshape(-1, *(1,) * (c.ndim - 1))


@takes_tensors(original.PPoly, "c, x, and the points of evaluation", always=True)
def PPoly(c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> Piecewise:
    return Piecewise(floating(operand(c)), floating(operand(x)), True if extrapolate is None else extrapolate, axis)


# ---- by slopes at the points ----------------------------------------------------------------------------------------


def _increases(x: Any) -> bool:
    steps = values_or_none(np.diff(x))
    return steps is None or bool(np.all(steps > 0))


def points(name: str, x: Any, y: Any, axis: int) -> tuple[Any, Any, int]:
    """Return the points, and the values with their axis in front."""
    x, y = floating(operand(x)), floating(operand(y))
    axis = normalize_axis(axis, y.ndim)
    y = np.moveaxis(y, axis, 0)
    if x.ndim != 1 or x.shape[0] != y.shape[0] or x.shape[0] < 2 or not _increases(x):
        raise ShapeError(
            f"scipy.interpolate.{name}: expected x increasing, of one axis, at least 2 long and as long as y along "
            f"axis {axis}; received x of shape {x.shape}, y of shape {y.shape} with that axis in front"
        )
    return x, y, axis


def _hermite(x: Any, y: Any, slopes: Any) -> Any:
    """Return the coefficients of the cubics with these values and slopes."""
    h = np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    secant = np.diff(y, axis=0) / h
    left, right = slopes[:-1], slopes[1:]
    t = (left + right - 2 * secant) / h
    return np.stack([t / h, (secant - left) / h - t, left, y[:-1]])


def _of_slopes(
    name: str, original_class: Any, formula: Callable[..., Any], x: Any, y: Any, axis: int, extrapolate: Any, *more: Any
) -> Piecewise:
    """Return an interpolant; without Tensors, with SciPy's coefficients."""
    if not has_tensors(x, y, more):
        interpolant = original_class(x, y, axis, *more)
        return Piecewise(interpolant.c, interpolant.x, extrapolate, interpolant.axis)
    x, y, axis = points(name, x, y, axis)
    return Piecewise(_hermite(x, y, formula(x, y, *more)), x, extrapolate, axis)


@takes_tensors(original.CubicHermiteSpline, "x, y, dydx, and the points of evaluation", always=True)
def CubicHermiteSpline(x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> Piecewise:
    x, y, axis = points("CubicHermiteSpline", x, y, axis)
    slopes = np.moveaxis(floating(operand(dydx)), axis, 0)
    return Piecewise(_hermite(x, y, slopes), x, True if extrapolate is None else extrapolate, axis)


# ---- cubic splines --------------------------------------------------------------------------------------------------


def _ends(bc_type: Any, rest: tuple[int, ...]) -> list[Any]:
    """Return the two boundary conditions: "not-a-knot", or an order and a value."""
    conditions: dict[str, Any] = {"clamped": (1, 0.0), "natural": (2, 0.0), "not-a-knot": "not-a-knot"}
    both = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
    ends = []
    for end in both:
        if isinstance(end, str):
            if end not in conditions:
                raise ValueError(
                    f"scipy.interpolate.CubicSpline: expected bc_type among {', '.join(conditions)}, periodic for "
                    f"both, or pairs (order, value); received {bc_type!r}"
                )
            end = conditions[end]
        ends.append(end if isinstance(end, str) else (int(end[0]), np.broadcast_to(operand(end[1]), rest)))
    return ends


def _periodic_slopes(h: Any, secant: Any) -> Any:
    m = h.shape[0]
    i = np.arange(m)
    before = h[i - 1]
    column = (m, *(1,) * (secant.ndim - 1))
    one = np.eye(m)
    matrix = one * 2 * (before + h)[:, None] + np.roll(one, -1, 1) * h[:, None] + np.roll(one, 1, 1) * before[:, None]
    right = 3 * (h.reshape(column) * secant[i - 1] + before.reshape(column) * secant)
    slopes = np.linalg.solve(matrix, right.reshape(m, -1)).reshape(right.shape)
    return np.concatenate([slopes, slopes[:1]])


def _spline_slopes(x: Any, y: Any, bc_type: Any) -> Any:
    """Return the slopes for which the second derivative is continuous.

    References:
        de Boor: A Practical Guide to Splines, 1978, chapter IV.
    """
    h = np.diff(x)
    column = (-1, *(1,) * (y.ndim - 1))
    hr = h.reshape(column)
    secant = np.diff(y, axis=0) / hr
    n = x.shape[0]
    if isinstance(bc_type, str) and bc_type == "periodic":
        return _periodic_slopes(h, secant)
    left, right = _ends(bc_type, y.shape[1:])
    if n == 2:
        left, right = ((1, secant[0]) if isinstance(end, str) else end for end in (left, right))
    if n == 3 and isinstance(left, str) and isinstance(right, str):  # one parabola
        bend = (secant[1] - secant[0]) / (h[0] + h[1])
        return np.stack([secant[0] - bend * h[0], secant[0] + bend * h[0], secant[1] + bend * h[1]])
    first = _end(left, h[:2], hr[:2], secant[:2], y[:2])
    right = (1, -right[1]) if right[0] == 1 else right
    last = _end(right, h[::-1][:2], hr[::-1][:2], -secant[::-1][:2], y[::-1][:2])
    inner = 3 * (hr[1:] * secant[:-1] + hr[:-1] * secant[1:])
    b = np.concatenate([first[2][None], inner, -last[2][None]])
    diagonal = np.concatenate([_one(first[0]), 2 * (h[:-1] + h[1:]), _one(last[0])])
    above = np.concatenate([np.zeros(1), _one(first[1]), h[:-1]])
    below = np.concatenate([h[1:], _one(last[1]), np.zeros(1)])
    bands = np.stack([above, diagonal, below])
    return solve_banded(bands, b.reshape(n, -1), below=1, above=1, definite=False).reshape(b.shape)


def _one(a: Any) -> Any:
    return operand(a).reshape(1)


def _end(end: Any, h: Any, hr: Any, secant: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return the first equation: the factors of the slopes at the end and next to it, and the right-hand side.

    For the other end everything is mirrored, which turns the signs of slopes.
    """
    if isinstance(end, str):
        d = h[0] + h[1]
        right = ((hr[0] + 2 * d) * hr[1] * secant[0] + hr[0] * hr[0] * secant[1]) / d
        return h[1], d, right
    order, value = end
    if order == 1:
        return 1.0, 0.0, value
    if order == 2:
        return 2 * h[0], h[0], -0.5 * value * h[0] * h[0] + 3 * (y[1] - y[0])
    raise ValueError(f"scipy.interpolate.CubicSpline: expected derivatives of order 1 or 2; received {order}")


@takes_tensors(original.CubicSpline, "x, y, values in bc_type, and the points of evaluation", always=True)
def CubicSpline(x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None) -> Piecewise:
    if extrapolate is None:
        extrapolate = "periodic" if isinstance(bc_type, str) and bc_type == "periodic" else True
    return _of_slopes("CubicSpline", original.CubicSpline, _spline_slopes, x, y, axis, extrapolate, bc_type)


# ---- by rules that keep the shape -----------------------------------------------------------------------------------


def _edge(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    turned = np.sign(d) != np.sign(m0)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3.0 * np.abs(m0))
    return np.where(turned, 0.0, np.where(steep, 3.0 * m0, d))


def _monotone_slopes(x: Any, y: Any) -> Any:
    """Return slopes that make no new extremes.

    References:
        Fritsch and Butland: A method for constructing local monotone piecewise cubic interpolants, 1984.
    """
    h = np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    m = np.diff(y, axis=0) / h
    if m.shape[0] == 1:
        return np.concatenate([m, m])
    flat = (np.sign(m[1:]) != np.sign(m[:-1])) | (m[1:] == 0) | (m[:-1] == 0)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    mean = (w1 / np.where(flat, 1, m[:-1]) + w2 / np.where(flat, 1, m[1:])) / (w1 + w2)
    inner = np.where(flat, 0.0, 1.0 / np.where(flat, 1, mean))
    first, last = _edge(h[0], h[1], m[0], m[1]), _edge(h[-1], h[-2], m[-1], m[-2])
    return np.concatenate([first[None], inner, last[None]])


@takes_tensors(original.PchipInterpolator, "x, y, and the points of evaluation", always=True)
def PchipInterpolator(x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> Piecewise:
    extrapolate = True if extrapolate is None else extrapolate
    return _of_slopes("PchipInterpolator", original.PchipInterpolator, _monotone_slopes, x, y, axis, extrapolate)


def _akima_slopes(x: Any, y: Any, method: str) -> Any:
    """Return slopes that depend on the nearest four secants.

    References:
        Akima: A new method of interpolation and smooth curve fitting based on local procedures, 1970.
    """
    inner = np.diff(y, axis=0) / np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    if inner.shape[0] == 1:
        return np.concatenate([inner, inner])
    one, other = 2 * inner[0] - inner[1], 2 * inner[-1] - inner[-2]
    before, after = [2 * one - inner[0], one], [other, 2 * other - inner[-1]]
    m = np.concatenate([np.stack(before), inner, np.stack(after)])
    change = np.abs(np.diff(m, axis=0))
    if method == "makima":
        change = change + 0.5 * np.abs(m[1:] + m[:-1])
    f1, f2 = change[2:], change[:-2]
    both = f1 + f2
    bent = both > 1e-9 * np.max(both, initial=-np.inf)
    share = f2 / np.where(bent, both, 1)
    return np.where(bent, m[1:-2] + share * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))


@takes_tensors(original.Akima1DInterpolator, "x, y, and the points of evaluation", always=True)
def Akima1DInterpolator(x: Any, y: Any, axis: int = 0, method: str = "akima", extrapolate: Any = None) -> Piecewise:
    def formula(x: Any, y: Any) -> Any:
        return _akima_slopes(x, y, method)

    def interpolant(x: Any, y: Any, axis: int) -> Any:
        return original.Akima1DInterpolator(x, y, axis, method=method)

    return _of_slopes("Akima1DInterpolator", interpolant, formula, x, y, axis, bool(extrapolate))
