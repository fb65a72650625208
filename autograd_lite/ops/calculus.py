"""Differences, slopes, integrals and interpolation on grids; the grid may have a gradient too."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.op import composes
from ..core.shape_arithmetic import Axis, normalize_axis
from .operands import operand


def _slice(a: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return a[(slice(None),) * axis + (slice(start, stop),)]


# ---- differences ----------------------------------------------------------------------------------------------------


@composes(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = operand(a)
    if n == 0:
        return a
    axis = normalize_axis(axis, a.ndim)
    one = tuple(1 if i == axis else m for i, m in enumerate(a.shape))
    ends = [operand(e) if e is not np._NoValue else None for e in (prepend, append)]
    ends = [np.broadcast_to(e, one) if e is not None and not e.ndim else e for e in ends]
    parts = [p for p in (ends[0], a, ends[1]) if p is not None]
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(min(n, a.shape[axis])):  # after that many, no elements are left
        later, sooner = _slice(a, axis, 1, None), _slice(a, axis, None, -1)
        a = np.not_equal(later, sooner) if a.dtype == np.bool_ else later - sooner
    return a


@composes(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = operand(ary).reshape(-1)
    steps = flat[1:] - flat[:-1]
    parts = [None if e is None else operand(e).reshape(-1) for e in (to_begin, to_end)]
    for end in parts:
        if end is not None and not np.can_cast(end.dtype, steps.dtype, "same_kind"):
            raise TypeError("dtype of `to_begin` or `to_end` must be compatible with input `ary`")
    pieces = [p.astype(steps.dtype) for p in (parts[0], steps, parts[1]) if p is not None]
    return np.concatenate(pieces) if len(pieces) > 1 else steps


def _spacings(f: Any, varargs: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return [varargs[0]] * len(axes)
    if len(varargs) != len(axes):
        raise TypeError("invalid number of arguments")
    spacings = []
    for spacing, axis in zip(varargs, axes, strict=True):
        h = operand(spacing)
        if h.ndim:
            if h.ndim != 1 or h.shape[0] != f.shape[axis]:
                raise ValueError("when 1d, distances must match the length of the corresponding dimension")
            h = h[1:] - h[:-1]
        spacings.append(h if h.ndim else spacing)
    return spacings


def _edge(f: Any, h: Any, axis: int, last: bool, edge_order: int) -> Any:
    """Return the slope at one end, from two or three points."""
    if last:
        f = f[(slice(None),) * axis + (slice(None, None, -1),)]
    steps = [h, h]
    if np.ndim(h):
        steps = [h[-1], h[-2]] if last and edge_order == 2 else [h[-1 if last else 0]] * 2
        steps = [h[0], h[1]] if not last and edge_order == 2 else steps
    sign = -1 if last else 1
    points = [_slice(f, axis, k, k + 1) for k in range(edge_order + 1)]
    if edge_order == 1:
        return sign * (points[1] - points[0]) / steps[0]
    h1, h2 = steps
    a, b, c = -(2 * h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2))
    return sign * (a * points[0] + b * points[1] + c * points[2])


def _slope(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    before, here, after = (_slice(f, axis, i, j) for i, j in ((None, -2), (1, -1), (2, None)))
    if np.ndim(h):
        column = (-1,) + (1,) * (f.ndim - axis - 1)
        h1, h2 = h[:-1].reshape(column), h[1:].reshape(column)
        inner = -h2 / (h1 * (h1 + h2)) * before + (h2 - h1) / (h1 * h2) * here + h1 / (h2 * (h1 + h2)) * after
    else:
        inner = (after - before) / (2.0 * h)
    ends = [_edge(f, h, axis, last, edge_order) for last in (False, True)]
    return np.concatenate([ends[0], inner, ends[1]], axis=axis)


@composes(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    f = operand(f)
    f = f.astype(np.float64) if f.dtype.kind in "iu" else f
    named = range(f.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(normalize_axis(i, f.ndim) for i in named)
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    for i in axes:
        if f.shape[i] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are "
                "required."
            )
    slopes = tuple(_slope(f, h, i, edge_order) for h, i in zip(_spacings(f, varargs, axes), axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


@composes(np.unwrap)
def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    p = operand(p)
    axis = normalize_axis(axis, p.ndim)
    step = np.diff(p, axis=axis)
    discont = period / 2 if discont is None else discont
    whole = step.dtype.kind in "iu" and isinstance(period, int)
    high = period // 2 if whole else period / 2
    low = -high
    turned = np.mod(step - low, period) + low
    if not whole or period % 2 == 0:
        turned = np.where((turned == low) & (step > 0), high, turned)
    correction = np.where(np.abs(step) < discont, 0, turned - step)
    moved = _slice(p, axis, 1, None) + np.cumsum(correction, axis=axis)
    return np.concatenate([_slice(p, axis, None, 1).astype(moved.dtype), moved], axis=axis)


# ---- integrals and interpolation ------------------------------------------------------------------------------------


@composes(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = operand(y)
    axis = normalize_axis(axis, y.ndim)
    width = dx
    if x is not None:
        x = operand(x)
        width = np.diff(x, axis=axis if x.ndim > 1 else 0)
        width = width.reshape((-1,) + (1,) * (y.ndim - axis - 1)) if x.ndim == 1 else width
    return np.sum(width * (_slice(y, axis, 1, None) + _slice(y, axis, None, -1)) / 2.0, axis=axis)


@composes(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    x, xp, fp = (a.astype(np.float64) if a.dtype.kind in "biu" else a for a in map(operand, (x, xp, fp)))
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ShapeError(f"interp: expected xp and fp of one axis and length; received {xp.shape} and {fp.shape}")
    if not xp.shape[0]:
        raise ValueError("array of sample points is empty")
    if period is not None:
        if not period:
            raise ValueError("period must be a non-zero value")
        left, right, period = None, None, abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = np.take_along_axis(xp, order, 0), np.take_along_axis(fp, order, 0)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    n = xp.shape[0]
    flat = x.reshape(-1)
    low, high = flat < xp[0], flat > xp[n - 1]
    below = fp[0] if left is None else left
    above = fp[n - 1] if right is None else right
    if n == 1:
        inner = fp[0]
    else:
        place = np.clip(np.searchsorted(xp, flat, side="right") - 1, 0, n - 2)
        x0, f0 = np.take_along_axis(xp, place, 0), np.take_along_axis(fp, place, 0)
        x1, f1 = np.take_along_axis(xp, place + 1, 0), np.take_along_axis(fp, place + 1, 0)
        inner = (f1 - f0) / (x1 - x0) * (flat - x0) + f0
    result = np.where(low, below, np.where(high, above, inner)).reshape(x.shape)
    dtype = np.result_type(result.dtype, np.float64)
    return result if result.dtype == dtype else result.astype(dtype)
