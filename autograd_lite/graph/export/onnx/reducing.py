"""Reductions, running sums, sorting and searching."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import functions as f
from .emit import BOOL, DOUBLE, INT64, Scalar, Value, wider
from .functions import select
from .moving import joined
from .table import Call, computes, exports

_Axes = tuple[int, ...] | None


def _count(x: Value, axis: _Axes) -> int:
    return math.prod(n for i, n in enumerate(x.shape) if axis is None or i in axis)


# ---- sums and products ----------------------------------------------------------------------------------------------


@exports("sum", "prod")
def _sum(call: Call, x: Value, *, axis: _Axes, keepdims: bool, dtype: Any) -> Value:
    op_type = call.op.onnx
    if call.dtype == BOOL:  # with dtype=bool a sum is "any" and a product is "all"
        x = f.as_bool(x).cast(np.uint8)
        return x.reduced({"ReduceSum": "ReduceMax"}.get(op_type, "ReduceMin"), axis, keepdims).cast(BOOL)
    return call.wide(x).reduced(op_type, axis, keepdims).cast(call.dtype)


@exports("mean")
def _mean(call: Call, x: Value, *, axis: _Axes, keepdims: bool, dtype: Any) -> Value:
    wide = DOUBLE if dtype is None and x.kind != "f" else wider(call.dtype)
    if wide.kind != "f":  # dtype=int: NumPy sums in it and divides in floats
        total = x.cast(wide).sum(axis, keepdims)
        return (total.cast(DOUBLE) / _count(x, axis)).cast(call.dtype)
    return x.cast(wide).reduced("ReduceMean", axis, keepdims).cast(call.dtype)


@exports("var", "std")
def _var(call: Call, x: Value, *, axis: _Axes, keepdims: bool, ddof: float) -> Value:
    x = x.cast(DOUBLE if x.kind != "f" else wider(x.dtype))
    deviation = x - x.reduced("ReduceMean", axis, True)
    variance = (deviation * deviation).sum(axis, keepdims) / max(_count(x, axis) - ddof, 0)
    return (f.sqrt(variance) if call.op.name == "std" else variance).cast(call.dtype)


@exports("vector_norm")
def _vector_norm(call: Call, x: Value, *, axis: _Axes, keepdims: bool, ord: float) -> Value:
    x = x.cast(DOUBLE if x.kind != "f" else wider(x.dtype))
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
    return x.cast(wider(x.dtype)), False


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
    x = call.wide(x)
    top = x.reduced("ReduceMax", axis, True)
    shift = select(f.finite(top), top, 0)
    total = f.log(f.exp(x - shift).sum(axis, True)) + shift
    return total.reshape(*call.shape).cast(call.dtype)


def _mean_of(x: Value) -> Value:
    """Return the mean along the last axis, which stays."""
    return x.reduced("ReduceMean", (x.ndim - 1,), True)


@computes("standardize")
def _standardize(x: Value, *, epsilon: float, center: bool) -> Value:
    shifted = x - _mean_of(x) if center else x
    return shifted / f.sqrt(_mean_of(shifted * shifted) + epsilon)


@computes("standardize_pullback")
def _standardize_pullback(g: Value, y: Value, *, epsilon: float, center: bool) -> Value:
    if center:
        g, y = (a - _mean_of(a) for a in (g, y))
    root = f.sqrt(_mean_of(y * y) + epsilon)
    y = y / root
    return (g - y * _mean_of(g * y)) / root


_FORMULAS: dict[str, Callable[..., Value]] = {
    "softmax": lambda x, axis: x.emitter.run("Softmax", x, axis=axis),
    "log_softmax": lambda x, axis: x.emitter.run("LogSoftmax", x, axis=axis),
    "softmax_pullback": lambda x, y, axis: y * (x - (x * y).sum((axis,), True)),
    "log_softmax_pullback": lambda x, y, axis: x - f.exp(y) * x.sum((axis,), True),
    "cumsum": lambda x, axis: x.emitter.run("CumSum", x, np.asarray(axis, np.int64), shape=x.shape),
}
for _name, _formula in _FORMULAS.items():
    computes(_name)(_formula)


# ---- running: products and extremes in log2(n) steps, each twice as far as the one before ----------------------------


def _earlier(x: Value, axis: int, by: int, fill: Scalar) -> Value:
    """Move values on along an axis; what comes in at the start is `fill`."""
    before = [by if i == axis else 0 for i in range(x.ndim)]
    return x.cut((axis, slice(None, -by))).pad(before, [0] * x.ndim, fill)


def _strides(n: int) -> list[int]:
    return [1 << k for k in range(max(n - 1, 0).bit_length())]


@computes("cumprod")
def _cumprod(x: Value, *, axis: int) -> Value:
    for by in _strides(x.shape[axis]):
        x = x * _earlier(x, axis, by, 1)
    return x


@computes("recurrence")
def _recurrence(x: Value, y: Value, *, axis: int) -> Value:
    # z[i] = x[i] z[i-1] + y[i] is a product of affine maps, which may be bracketed as one likes.
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.expand(*shape), y.expand(*shape)
    for by in _strides(shape[axis]):
        x, y = x * _earlier(x, axis, by, 1), x * _earlier(y, axis, by, 0) + y
    return y


@exports("running_extreme")
def _running_extreme(call: Call, x: Value, *, axis: int, largest: bool) -> Value:
    x, shifted = _in_order(x)
    for by in _strides(x.shape[axis]):
        # The start has nothing before it: there a value is compared with itself, and stays.
        earlier = joined([x.cut((axis, slice(0, by))), x.cut((axis, slice(None, -by)))], axis)
        beats = (x > earlier) if largest else (x < earlier)
        if x.kind == "f":
            beats = beats & ~f.is_nan(earlier) | f.is_nan(x)
        x = select(beats, x, earlier)
    return (x - np.iinfo(np.int64).min if shifted else x).cast(call.dtype)


# ---- sorting and searching ------------------------------------------------------------------------------------------


@exports("argsort", "argpartition")
def _argsort(call: Call, x: Value, *, axis: int, **_: Any) -> Value:
    """Return where the values lie in rising order; of equal ones TopK puts the first first."""
    x = _in_order(x)[0]
    emitter = x.emitter
    x = x.cast(emitter.kernel("TopK", x.dtype))
    count = np.array([x.shape[axis]], np.int64)
    found = emitter.call("TopK", x, count, axis=axis, largest=0, sorted=1)
    return emitter.second(found, INT64, x.shape).cast(call.dtype)


@exports("searchsorted")
def _searchsorted(call: Call, x: Value | Scalar, y: Value | Scalar, *, side: str) -> Value:
    # As many elements are smaller, or not larger, as the place says.
    values = [call.value(v, None if isinstance(v, Value) else type(v)) for v in (x, y)]
    common = np.result_type(*(v.dtype for v in values))
    ordered, wanted = (v.cast(common).cast(wider(common)) for v in values)
    if common == BOOL:
        ordered, wanted = ordered.cast(np.uint8), wanted.cast(np.uint8)
    wanted = wanted.reshape(*wanted.shape, 1)
    before = ordered < wanted if side == "left" else ordered <= wanted
    return before.cast(INT64).sum((wanted.ndim - 1,)).cast(call.dtype)
