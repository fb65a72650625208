"""Reductions, running sums, sorting and searching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import functions as f
from .emit import BOOL, DOUBLE, FLOAT, INT64, Emitter, Scalar, Value
from .functions import select
from .table import Call, exports

_HALF = np.dtype(np.float16)
_Axes = tuple[int, ...] | None


def _computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: sums of half precision are taken in single."""
    return FLOAT if dtype == _HALF else dtype


def _count(x: Value, axis: _Axes) -> int:
    return math.prod(n for i, n in enumerate(x.shape) if axis is None or i in axis)


# ---- sums and products ----------------------------------------------------------------------------------------------


@exports("sum", "prod")
def _sum(call: Call, x: Value, *, axis: _Axes, keepdims: bool, dtype: Any) -> Value:
    op_type = call.op.onnx
    if call.dtype == BOOL:  # with dtype=bool a sum is "any" and a product is "all"
        x = f.as_bool(x).cast(np.uint8)
        return x.reduced({"ReduceSum": "ReduceMax"}.get(op_type, "ReduceMin"), axis, keepdims).cast(BOOL)
    return x.cast(call.dtype).cast(_computed(call.dtype)).reduced(op_type, axis, keepdims).cast(call.dtype)


@exports("mean")
def _mean(call: Call, x: Value, *, axis: _Axes, keepdims: bool, dtype: Any) -> Value:
    wide = DOUBLE if dtype is None and x.kind != "f" else _computed(call.dtype)
    if wide.kind != "f":  # dtype=int: NumPy sums in it and divides in floats
        total = x.cast(wide).sum(axis, keepdims)
        return (total.cast(DOUBLE) / _count(x, axis)).cast(call.dtype)
    return x.cast(wide).reduced("ReduceMean", axis, keepdims).cast(call.dtype)


def _variance(call: Call, x: Value, axis: _Axes, keepdims: bool, ddof: float) -> Value:
    x = x.cast(DOUBLE if x.kind != "f" else _computed(x.dtype))
    deviation = x - x.reduced("ReduceMean", axis, True)
    return (deviation * deviation).sum(axis, keepdims) / max(_count(x, axis) - ddof, 0)


@exports("var")
def _var(call: Call, x: Value, *, axis: _Axes, keepdims: bool, ddof: float) -> Value:
    return _variance(call, x, axis, keepdims, ddof).cast(call.dtype)


@exports("std")
def _std(call: Call, x: Value, *, axis: _Axes, keepdims: bool, ddof: float) -> Value:
    return f.sqrt(_variance(call, x, axis, keepdims, ddof)).cast(call.dtype)


@exports("vector_norm")
def _vector_norm(call: Call, x: Value, *, axis: _Axes, keepdims: bool, ord: float) -> Value:
    x = x.cast(DOUBLE if x.kind != "f" else _computed(x.dtype))
    if ord == 2:
        return f.sqrt((x * x).sum(axis, keepdims)).cast(call.dtype)
    size = abs(x)
    if math.isinf(ord):
        return size.reduced("ReduceMax" if ord > 0 else "ReduceMin", axis, keepdims).cast(call.dtype)
    if ord == 0:
        return f.as_bool(x).cast(x.dtype).sum(axis, keepdims).cast(call.dtype)
    if ord == 1:
        return size.sum(axis, keepdims).cast(call.dtype)
    total = f.power(size, x.of(ord)).sum(axis, keepdims)
    return f.power(total, x.of(1 / ord)).cast(call.dtype)


# ---- choosing -------------------------------------------------------------------------------------------------------


def _in_order(x: Value) -> tuple[Value, bool]:
    """Return values in the same order in a dtype that can be ordered, and whether they were shifted for that."""
    if x.dtype == BOOL:
        return x.cast(np.uint8), False
    if x.dtype == np.uint64:  # shifted by half their range they are the signed ones
        return x.cast(INT64) + np.iinfo(np.int64).min, True
    return (x.cast(FLOAT) if x.dtype == _HALF else x), False


@exports("max", "min")
def _max(call: Call, x: Value, *, axis: _Axes, keepdims: bool) -> Value:
    ordered, shifted = _in_order(x)
    found = ordered.reduced(call.op.onnx, axis, keepdims)
    return (found - np.iinfo(np.int64).min if shifted else found).cast(call.dtype)


@exports("any", "all")
def _any(call: Call, x: Value, *, axis: _Axes, keepdims: bool) -> Value:
    op_type = "ReduceMax" if call.op.name == "any" else "ReduceMin"
    return f.as_bool(x).cast(np.uint8).reduced(op_type, axis, keepdims).cast(BOOL)


@exports("count_nonzero")
def _count_nonzero(call: Call, x: Value, *, axis: _Axes, keepdims: bool) -> Value:
    return f.as_bool(x).cast(INT64).sum(axis, keepdims).cast(call.dtype)


def _position(call: Call, x: Value, op_type: str, axis: int | None, keepdims: bool) -> Value:
    along = x.reshape(math.prod(x.shape)) if axis is None else x
    place = 0 if axis is None else axis
    shape = tuple(1 if i == place else n for i, n in enumerate(along.shape) if keepdims or i != place)
    if not along.ndim or not x.ndim:
        return call.emitter.constant(np.zeros(call.shape, call.dtype))
    found = x.emitter.run(op_type, along, shape=shape, axis=place, keepdims=int(keepdims))
    return found.reshape(*call.shape).cast(call.dtype)


@exports("argmax", "argmin")
def _argmax(call: Call, x: Value, *, axis: int | None, keepdims: bool) -> Value:
    return _position(call, _in_order(x)[0], call.op.onnx, axis, keepdims)


@exports("nanargmax", "nanargmin")
def _nanargmax(call: Call, x: Value, *, axis: int | None, keepdims: bool) -> Value:
    largest = call.op.name == "nanargmax"
    if x.kind == "f":
        x = select(f.is_nan(x), -math.inf if largest else math.inf, x)
    return _position(call, _in_order(x)[0], "ArgMax" if largest else "ArgMin", axis, keepdims)


# ---- the log-sum-exp family -----------------------------------------------------------------------------------------


@exports("logsumexp")
def _logsumexp(call: Call, x: Value, *, axis: _Axes, keepdims: bool) -> Value:
    # Not ReduceLogSumExp: nothing in its definition keeps the exponentials from overflowing.
    x = x.cast(call.dtype).cast(_computed(call.dtype))
    top = x.reduced("ReduceMax", axis, True)
    shift = select(f.finite(top), top, 0)
    total = f.log(f.exp(x - shift).sum(axis, True)) + shift
    return total.reshape(*call.shape).cast(call.dtype)


@exports("softmax", "log_softmax")
def _softmax(call: Call, x: Value, *, axis: int) -> Value:
    x = x.cast(call.dtype).cast(_computed(call.dtype))
    return x.emitter.run(call.op.onnx, x, axis=axis).cast(call.dtype)


@exports("softmax_pullback")
def _softmax_pullback(call: Call, x: Value, y: Value, *, axis: int) -> Value:
    x, y = (a.cast(call.dtype).cast(_computed(call.dtype)) for a in (x, y))
    return (y * (x - (x * y).sum((axis,), True))).cast(call.dtype)


@exports("log_softmax_pullback")
def _log_softmax_pullback(call: Call, x: Value, y: Value, *, axis: int) -> Value:
    x, y = (a.cast(call.dtype).cast(_computed(call.dtype)) for a in (x, y))
    return (x - f.exp(y) * x.sum((axis,), True)).cast(call.dtype)


@exports("standardize")
def _standardize(call: Call, x: Value, *, epsilon: float, center: bool) -> Value:
    x = x.cast(call.dtype).cast(_computed(call.dtype))
    last = (x.ndim - 1,)
    shifted = x - x.reduced("ReduceMean", last, True) if center else x
    return (shifted / f.sqrt((shifted * shifted).reduced("ReduceMean", last, True) + epsilon)).cast(call.dtype)


@exports("standardize_pullback")
def _standardize_pullback(call: Call, x: Value, y: Value, *, epsilon: float, center: bool) -> Value:
    g, y = (a.cast(call.dtype).cast(_computed(call.dtype)) for a in (x, y))
    last = (g.ndim - 1,)
    if center:
        g, y = (a - a.reduced("ReduceMean", last, True) for a in (g, y))
    root = f.sqrt((y * y).reduced("ReduceMean", last, True) + epsilon)
    y = y / root
    return ((g - y * (g * y).reduced("ReduceMean", last, True)) / root).cast(call.dtype)


# ---- running: products and extremes in log2(n) steps, each twice as far as the one before ----------------------------


@exports("cumsum")
def _cumsum(call: Call, x: Value, *, axis: int) -> Value:
    x = x.cast(call.dtype).cast(_computed(call.dtype))
    return x.emitter.run("CumSum", x, np.asarray(axis, np.int64), shape=x.shape).cast(call.dtype)


def _earlier(x: Value, axis: int, by: int, fill: Scalar) -> Value:
    """Move values on along an axis; what comes in at the start is `fill`."""
    before = [by if i == axis else 0 for i in range(x.ndim)]
    return x.cut((axis, slice(None, -by))).pad(before, [0] * x.ndim, fill)


def _strides(n: int) -> list[int]:
    return [1 << k for k in range(max(n - 1, 0).bit_length())]


@exports("cumprod")
def _cumprod(call: Call, x: Value, *, axis: int) -> Value:
    x = x.cast(call.dtype).cast(_computed(call.dtype))
    for by in _strides(x.shape[axis]):
        x = x * _earlier(x, axis, by, 1)
    return x.cast(call.dtype)


@exports("recurrence")
def _recurrence(call: Call, x: Value, y: Value, *, axis: int) -> Value:
    # z[i] = x[i] z[i-1] + y[i] is a product of affine maps, which may be bracketed as one likes.
    x, y = (v.cast(call.dtype).cast(_computed(call.dtype)).expand(*call.shape) for v in (x, y))
    for by in _strides(call.shape[axis]):
        x, y = x * _earlier(x, axis, by, 1), x * _earlier(y, axis, by, 0) + y
    return y.cast(call.dtype)


@exports("running_extreme")
def _running_extreme(call: Call, x: Value, *, axis: int, largest: bool) -> Value:
    x, shifted = _in_order(x)
    for by in _strides(x.shape[axis]):
        # The start has nothing before it: there a value is compared with itself, and stays.
        earlier = _joined(call.emitter, axis, x.cut((axis, slice(0, by))), x.cut((axis, slice(None, -by))))
        beats = (x > earlier) if largest else (x < earlier)
        if x.kind == "f":
            beats = beats & ~f.is_nan(earlier) | f.is_nan(x)
        x = select(beats, x, earlier)
    return (x - np.iinfo(np.int64).min if shifted else x).cast(call.dtype)


def _joined(emitter: Emitter, axis: int, *parts: Value) -> Value:
    shape = tuple(sum(p.shape[i] for p in parts) if i == axis else n for i, n in enumerate(parts[0].shape))
    return emitter.call("Concat", *parts, shape=shape, axis=axis)


# ---- sorting and searching ------------------------------------------------------------------------------------------


def _sorted_places(x: Value, axis: int) -> Value:
    """Return where the values lie in rising order; of equal ones TopK puts the first first."""
    x = _in_order(x)[0]
    emitter = x.emitter
    x = x.cast(emitter.kernel("TopK", x.dtype))
    count = np.array([x.shape[axis]], np.int64)
    found = emitter.call("TopK", x, count, axis=axis, largest=0, sorted=1)
    return emitter.second(found, INT64, x.shape)


@exports("argsort")
def _argsort(call: Call, x: Value, *, axis: int, kind: Any) -> Value:
    return _sorted_places(x, axis).cast(call.dtype)


@exports("argpartition")
def _argpartition(call: Call, x: Value, *, axis: int, kth: tuple[int, ...]) -> Value:
    return _sorted_places(x, axis).cast(call.dtype)


@exports("searchsorted")
def _searchsorted(call: Call, x: Value | Scalar, y: Value | Scalar, *, side: str) -> Value:
    # As many elements are smaller, or not larger, as the place says.
    values = [call.value(v, None if isinstance(v, Value) else type(v)) for v in (x, y)]
    common = np.result_type(*(v.dtype for v in values))
    ordered, wanted = (v.cast(common).cast(_computed(common)) for v in values)
    if common == BOOL:
        ordered, wanted = ordered.cast(np.uint8), wanted.cast(np.uint8)
    wanted = wanted.reshape(*wanted.shape, 1)
    before = ordered < wanted if side == "left" else ordered <= wanted
    return before.cast(INT64).sum((wanted.ndim - 1,)).cast(call.dtype)
