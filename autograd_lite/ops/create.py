"""New arrays: like others, and evenly spaced between endpoints that have gradients."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace, asarray_like
from ..core.op import composes
from ..core.shape_arithmetic import normalize_axis
from .operands import operand


def _like(a: Any, dtype: Any, shape: Any) -> tuple[Any, Any]:
    return (a.shape if shape is None else shape), (a.dtype if dtype is None else dtype)


@composes(np.zeros_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return array_namespace(a).zeros(*_like(a, dtype, shape))


@composes(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return array_namespace(prototype).zeros(*_like(prototype, dtype, shape))


@composes(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return array_namespace(a).ones(*_like(a, dtype, shape))


@composes(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    shape, dtype = _like(a, dtype, shape)
    return asarray_like(np.broadcast_to(fill_value, shape).astype(dtype), a)


# ---- spacings -------------------------------------------------------------------------------------------------------


def _end(x: Any) -> Any:
    """Return an endpoint as a float; a Python number stays one, since it is weak in promotion."""
    return float(x) if isinstance(x, (bool, int, float)) else operand(x) * 1.0


def _along(ramp: Any, ends: Any, axis: int) -> tuple[Any, int]:
    """Return a bare ramp along a new first axis in front of those of the endpoints, and the axis where it belongs."""
    return ramp.reshape((-1,) + (1,) * ends.ndim), normalize_axis(axis, ends.ndim + 1)


@composes(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = _end(start), _end(stop)
    delta = operand(stop - start)
    intervals = num - 1 if endpoint else num
    ramp, axis = _along(array_namespace(delta).arange(num, dtype=delta.dtype), delta, axis)
    step = delta / intervals if intervals > 0 else delta * np.nan
    points = (ramp * step if intervals > 0 else ramp * delta) + start
    if endpoint and num > 1:
        points = np.concatenate([points[:-1], np.broadcast_to(stop, (1, *delta.shape)).astype(delta.dtype)])
    points = np.moveaxis(points, 0, axis) if axis else points
    points = _cast_points(points, dtype)
    return (points, step) if retstep else points


def _cast_points(points: Any, dtype: Any) -> Any:
    if dtype is None:
        return points
    return (np.floor(points) if np.dtype(dtype).kind in "iu" else points).astype(dtype)


@composes(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    ends = np.broadcast_shapes(*map(np.shape, (start, stop, base)))
    axis = normalize_axis(axis, len(ends) + 1)
    if np.ndim(base):
        start, stop = np.broadcast_to(start, ends), np.broadcast_to(stop, ends)
        base = np.expand_dims(np.broadcast_to(base, ends), axis)
    points = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return points if dtype is None else points.astype(dtype)


@composes(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = operand(start) * 1.0, operand(stop) * 1.0
    start, stop = np.broadcast_arrays(start, stop)
    dtype64 = np.result_type(start.dtype, stop.dtype, np.float64)
    start, stop = start.astype(dtype64), stop.astype(dtype64)
    sign = np.sign(start)
    first, last = start / sign, stop / sign
    points = np.logspace(np.log10(first), np.log10(last), num, endpoint)
    if num > 0:  # the endpoints are exact, as in NumPy
        parts = [first[None], points[1:]]
        if num > 1 and endpoint:
            parts = [first[None], points[1:-1], last[None]]
        points = np.concatenate(parts)
    axis = normalize_axis(axis, start.ndim + 1)
    points = np.moveaxis(points * sign, 0, axis) if axis else points * sign
    return points if dtype is None else points.astype(dtype)
