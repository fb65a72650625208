"""Running sums, products and extremes along one axis."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import ShapeDtype, normalize_axis
from .adjoints import total
from .operands import Bound, Finished, along_axis, newer

_FEW_LANES = 4


def _bind_scan(function: Callable[..., Any]) -> Callable[..., Any]:
    def bind(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Bound | Finished:
        a, axis = along_axis(a, axis)
        if dtype is None:
            return (a,), {"axis": axis}
        a = a.astype(dtype)
        if a.dtype.kind in "biu" and a.dtype.itemsize < np.dtype(int).itemsize:  # NumPy scans those in wider integers
            return Finished(function(a, axis=axis).astype(dtype))
        return (a,), {"axis": axis}

    return bind


def _infer_scan(function: Callable[..., Any]) -> Callable[..., ShapeDtype]:
    return lambda x, *, axis: ShapeDtype(x.shape, function(np.ones(1, x.dtype)).dtype)


def _backwards(a: Any, axis: int) -> Any:
    return a[(slice(None),) * axis + (slice(None, None, -1),)]


def _shift(a: Any, axis: int, first: float) -> Any:
    """Shift every element by one along `axis`; the last is dropped and `first` comes in."""
    before = (slice(None),) * axis
    front = array_namespace(a).full((*a.shape[:axis], min(1, a.shape[axis]), *a.shape[axis + 1 :]), first, a.dtype)
    return np.concatenate([front, a[(*before, slice(None, -1))]], axis=axis)


# ---- sums -----------------------------------------------------------------------------------------------------------
cumsum = structural(
    "cumsum",
    lambda x, *, axis: np.cumsum(x, axis=axis),
    lambda g, out, x, *, axis: _backwards(np.cumsum(_backwards(g, axis), axis=axis), axis),
    infer=_infer_scan(np.cumsum),
    bind=_bind_scan(np.cumsum),
    numpy_functions=(np.cumsum,),
    linear=True,
    batch=batching.along_axis,
    onnx="CumSum",
    cost=1,
)


# ---- products: by recurrences, which divide by nothing, so that zeros are nothing special ---------------------------
def _recur(x: Any, y: Any, *, axis: int) -> Any:
    """Return z with z[i] = x[i] z[i-1] + y[i], starting from 0."""
    x, y = np.broadcast_arrays(x, y)
    dtype = np.result_type(x, y)
    rows, increments = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    out = array_namespace(x).empty(rows.shape, dtype)
    if not out.size:
        return np.moveaxis(out, 0, axis)
    if (
        out[:1].size <= _FEW_LANES and out.__class__ is np.ndarray
    ):  # a loop over numbers is faster than one over short arrays
        lanes = out.reshape(out.shape[0], -1)
        for k in range(lanes.shape[1]):
            z: Any = 0.0
            lane = []
            for a, b in zip(*(r.reshape(lanes.shape)[:, k].tolist() for r in (rows, increments)), strict=True):
                z = a * z + b
                lane.append(z)
            lanes[:, k] = lane
    else:
        z = array_namespace(x).zeros(out.shape[1:], dtype)
        for k in range(out.shape[0]):
            z = rows[k] * z + increments[k]
            out[k] = z
    return np.moveaxis(out, 0, axis)


def _recur_by_y(g: Any, out: Any, x: Any, y: Any, *, axis: int) -> Any:
    # Backwards: the cotangent of z[i] is g[i] plus x[i+1] times that of z[i+1].
    return _backwards(recurrence(_shift(_backwards(x, axis), axis, 0), _backwards(g, axis), axis=axis), axis)


recurrence: Op = structural(
    "recurrence",
    _recur,
    lambda g, out, x, y, *, axis: _recur_by_y(g, out, x, y, axis=axis) * _shift(out, axis, 0),
    _recur_by_y,
    saves=("ox", "x"),
    infer=lambda x, y, *, axis: ShapeDtype(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, y.dtype)),
    jvp=lambda tangents, out, x, y, *, axis: _recur_jvp(tangents, out, x, axis),
    batch=batching.along_axis,
    cost=lambda shapes, out, params: 2 * math.prod(out),
)


def _recur_jvp(tangents: Any, out: Any, x: Any, axis: int) -> Any:
    dx, dy = tangents
    change = None if dx is None else dx * _shift(out, axis, 0)
    return recurrence(x, total(change, dy), axis=axis)


def _cumprod_vjp(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    # The product of the elements before, times the sum over those after of g and the product in between.
    return _shift(out, axis, 1) * _recur_by_y(g, out, x, g, axis=axis)


cumprod = structural(
    "cumprod",
    lambda x, *, axis: np.cumprod(x, axis=axis),
    _cumprod_vjp,
    saves="ox",
    infer=_infer_scan(np.cumprod),
    bind=_bind_scan(np.cumprod),
    numpy_functions=(np.cumprod,),
    jvp=lambda tangents, out, x, *, axis: recurrence(x, tangents[0] * _shift(out, axis, 1), axis=axis),
    batch=batching.along_axis,
    cost=1,
)


# ---- extremes: as in max and min, those that are equal so far share evenly; a NaN, once met, is the extreme ----------
def _runs(out: Any, x: Any, axis: int, dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
    """Return where the extreme is unchanged, where x is the extreme, and the number of ties in the run so far."""
    before = _shift(out, axis, 0)
    goes_on = ((out == before) | (np.isnan(out) & np.isnan(before))).astype(dtype)
    chosen = ((x == out) | np.isnan(x)).astype(dtype)
    return goes_on, chosen, recurrence(goes_on, chosen, axis=axis)


def _running_vjp(g: Any, out: Any, x: Any, *, axis: int, largest: bool) -> Any:
    goes_on, chosen, count = _runs(out, x, axis, g.dtype)
    return chosen * _recur_by_y(g / count, out, goes_on, x, axis=axis)


def _running_jvp(tangents: Any, out: Any, x: Any, *, axis: int, largest: bool) -> Any:
    goes_on, chosen, count = _runs(out, x, axis, tangents[0].dtype)
    return recurrence(goes_on, chosen * tangents[0], axis=axis) / count


def _running_extreme(x: Any, *, axis: int, largest: bool) -> Any:
    extreme = np.maximum if largest else np.minimum
    if not is_duck_array(x):
        return extreme.accumulate(x, axis=axis)
    before, step = (slice(None),) * axis, 1
    while step < x.shape[axis]:  # each element has seen the `step` elements up to itself
        rest = extreme(x[(*before, slice(step, None))], x[(*before, slice(None, -step))])
        x, step = np.concatenate([x[(*before, slice(step))], rest], axis=axis), 2 * step
    return x


running_extreme = structural(
    "running_extreme",
    _running_extreme,
    _running_vjp,
    saves="ox",
    infer=lambda x, *, axis, largest: x,
    jvp=_running_jvp,
    batch=batching.along_axis,
    selects=True,
    kinks="ties",
    cost=1,
)


def _running(array: Any, axis: int, dtype: Any, largest: bool) -> Any:
    array = array if dtype is None else array.astype(dtype)
    return running_extreme(array, axis=normalize_axis(axis, array.ndim), largest=largest)


def running_max(array: Any, axis: int = 0, dtype: Any = None) -> Any:
    return _running(array, axis, dtype, True)


def running_min(array: Any, axis: int = 0, dtype: Any = None) -> Any:
    return _running(array, axis, dtype, False)


# ---- the other names ------------------------------------------------------------------------------------------------
def _cumulative(name: str, scan: Callable[..., Any], start: int, x: Any, axis: Any, dtype: Any, initial: bool) -> Any:
    x = np.atleast_1d(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"np.{name}: for arrays which have more than one dimension axis= is required")
        axis = 0
    result = scan(x, axis=axis, dtype=dtype)
    if not initial:
        return result
    shape = [1 if i == normalize_axis(axis, x.ndim) else n for i, n in enumerate(x.shape)]
    return np.concatenate([np.full(shape, start, result.dtype), result], axis=axis)


@composes(*newer("cumulative_sum"))
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative("cumulative_sum", np.cumsum, 0, x, axis, dtype, include_initial)


@composes(*newer("cumulative_prod"))
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative("cumulative_prod", np.cumprod, 1, x, axis, dtype, include_initial)


@composes(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


@composes(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)
