"""Reductions, products, running sums, sorting and searching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .elementwise import as_bool
from .emit import BOOL, DOUBLE, INT64, Call, Value, wider
from .table import exports

_Axes = tuple[int, ...] | None
_MIDDLE = np.iinfo(np.int64).min


# ---- sums and products ----------------------------------------------------------------------------------------------


@exports("sum", "prod")
def _sum(call: Call, x: Any, *, axis: _Axes, keepdims: bool, dtype: Any) -> Any:
    if call.dtype == BOOL:  # with dtype=bool a sum is "any" and a product is "all"
        return (np.any if call.op.name == "sum" else np.all)(x, axis=axis, keepdims=keepdims)
    return call.wide(x).reduce(call.op.onnx, axis, keepdims).astype(call.dtype)


@exports("mean")
def _mean(call: Call, x: Any, *, axis: _Axes, keepdims: bool, dtype: Any) -> Any:
    dtype = DOUBLE if dtype is None and x.kind != "f" else wider(call.dtype)
    if dtype.kind != "f":  # dtype=int: NumPy sums in it and divides in floats
        total = x.astype(dtype).sum(axis, keepdims=keepdims)
        return (total.astype(DOUBLE) / (x.size // max(total.size, 1))).astype(call.dtype)
    return x.cast(dtype).reduce("ReduceMean", axis, keepdims).astype(call.dtype)


@exports("var", "std")
def _var(call: Call, x: Any, *, axis: _Axes, keepdims: bool, ddof: float) -> Any:
    x = x.astype(DOUBLE if x.kind != "f" else wider(x.dtype))
    deviation = x - x.mean(axis, keepdims=True)
    total = (deviation * deviation).sum(axis, keepdims=keepdims)
    variance = total / max(x.size // max(total.size, 1) - ddof, 0)
    return (np.sqrt(variance) if call.op.name == "std" else variance).astype(call.dtype)


def _mean_of(x: Any) -> Any:
    """Return the mean along the last axis, which stays."""
    return x.mean(axis=-1, keepdims=True)


@exports("standardize")
def _standardize(call: Call, x: Any, *, epsilon: float, center: bool) -> Any:
    x = call.wide(x)
    x = x - _mean_of(x) if center else x
    return (x / np.sqrt(_mean_of(x * x) + epsilon)).astype(call.dtype)


@exports("standardize_pullback")
def _standardize_pullback(call: Call, *inputs: Any, epsilon: float, center: bool) -> Any:
    g, y = (x - _mean_of(x) if center else x for x in map(call.wide, inputs))
    root = np.sqrt(_mean_of(y * y) + epsilon)
    y = y / root
    return ((g - y * _mean_of(g * y)) / root).astype(call.dtype)


# ---- choosing -------------------------------------------------------------------------------------------------------


def _in_order(x: Any) -> tuple[Any, bool]:
    """Return values in the same order in a dtype that can be ordered, and whether they were shifted for that."""
    if x.dtype == BOOL:
        return x.astype(np.uint8), False
    if x.dtype == np.uint64:  # shifted by half their range they are the signed ones
        return x.astype(INT64) + _MIDDLE, True
    return x.astype(wider(x.dtype)), False


@exports("max", "min")
def _max(call: Call, x: Any, *, axis: _Axes, keepdims: bool) -> Any:
    x, shifted = _in_order(x)
    x = x.reduce(call.op.onnx, axis, keepdims)
    return (x - _MIDDLE if shifted else x).astype(call.dtype)


@exports("any", "all")
def _any(call: Call, x: Any, *, axis: _Axes, keepdims: bool) -> Any:
    op_type = "ReduceMax" if call.op.name == "any" else "ReduceMin"
    return as_bool(x).astype(np.uint8).reduce(op_type, axis, keepdims).astype(BOOL)


@exports("argmax", "argmin", "nanargmax", "nanargmin")
def _argmax(call: Call, x: Any, *, axis: int | None, keepdims: bool) -> Any:
    largest = call.op.name.endswith("max")
    if call.op.name.startswith("nan") and x.kind == "f":
        x = np.where(np.isnan(x), -math.inf if largest else math.inf, x)
    if not x.ndim:
        return call.emitter.constant(np.zeros(call.shape, call.dtype))
    x = _in_order(x.reshape(-1) if axis is None else x)[0]
    along = axis or 0
    shape = tuple([1 if i == along else n for i, n in enumerate(x.shape) if keepdims or i != along])
    place = x.emitter.run("ArgMax" if largest else "ArgMin", x, shape=shape, axis=along, keepdims=int(keepdims))
    return place.reshape(call.shape).astype(call.dtype)


# ---- products -------------------------------------------------------------------------------------------------------


def _operands(call: Call, *xs: Any) -> list[Any]:
    """Return operands in the dtype of the result, or in one to compute that in."""
    dtype = np.dtype(np.int32) if call.dtype == BOOL else wider(call.dtype)
    return [call.value(x, call.dtype).astype(dtype) for x in xs]


def _result(call: Call, x: Any) -> Any:
    return as_bool(x) if call.dtype == BOOL else x.astype(call.dtype)


@exports("matmul")
def _matmul(call: Call, x: Any, y: Any) -> Any:
    x, y = _operands(call, x, y)
    # A vector next to a matrix is passed as a matrix: ONNX Runtime 1.32 multiplies wrongly where it fuses the transpose
    # of one with a vector (FusedMatMul).
    if x.ndim > y.ndim == 1:
        y = y.reshape(-1, 1)
    elif y.ndim > x.ndim == 1:
        x = x.reshape(1, -1)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    shape = (*batch, x.shape[-2], y.shape[-1]) if x.ndim > 1 else ()
    return _result(call, x.emitter.run("MatMul", x, y, shape=shape).reshape(call.shape))


@exports("contract")
def _contract(call: Call, x: Any, y: Any, *, subscripts: str) -> Any:
    left, _, out = subscripts.partition("->")
    letters, operands = left.split(","), _operands(call, x, y)
    size: dict[str, int] = {}
    for labels, v in zip(letters, operands, strict=True):
        size.update((c, n) for c, n in zip(labels, v.shape, strict=True) if n != 1 or c not in size)
    for k, v in enumerate(operands):
        # An axis of length 1 beside a longer one is only there to be repeated, for which Einsum has no word.
        axes = [i for i, c in enumerate(letters[k]) if v.shape[i] == size[c]]
        operands[k] = v.reshape(tuple([v.shape[i] for i in axes]))
        letters[k] = "".join(letters[k][i] for i in axes)
    equation = f"{','.join(letters)}->{out}"
    return _result(call, call.emitter.run("Einsum", *operands, shape=call.shape, equation=equation))


@exports("full_convolution", "valid_convolution")
def _convolve(call: Call, x: Any, y: Any) -> Any:
    """Multiply every window of x with y backwards."""
    x, y = _operands(call, x, y)
    if call.op.name == "full_convolution":
        x = np.pad(x, y.shape[0] - 1)
    windows = x.gather(np.arange(x.shape[0] - y.shape[0] + 1)[:, None] + np.arange(y.shape[0]), 0)
    return _result(call, call.emitter.run("MatMul", windows, y[::-1], shape=call.shape))


@exports("cross")
def _cross(call: Call, x: Any, y: Any) -> Any:
    x, y = _operands(call, x, y)
    after, before = [1, 2, 0], [2, 0, 1]
    return _result(call, x[..., after] * y[..., before] - x[..., before] * y[..., after])


# ---- running: in log2(n) steps, each twice as far as the one before -------------------------------------------------


@exports("cumsum")
def _cumsum(call: Call, x: Any, *, axis: int) -> Any:
    return x.emitter.run("CumSum", call.wide(x), np.asarray(axis, np.int64), shape=x.shape).astype(call.dtype)


def _earlier(x: Any, axis: int, by: int, fill: Any) -> Any:
    """Move values on along an axis; what comes in at the start is `fill`."""
    width = [(by if i == axis else 0, 0) for i in range(x.ndim)]
    return np.pad(x[(*(slice(None),) * axis, slice(None, -by))], width, constant_values=fill)


def _strides(n: int) -> list[int]:
    return [1 << k for k in range(max(n - 1, 0).bit_length())]


@exports("cumprod")
def _cumprod(call: Call, x: Any, *, axis: int) -> Any:
    x = call.wide(x)
    for by in _strides(x.shape[axis]):
        x = x * _earlier(x, axis, by, 1)
    return x.astype(call.dtype)


@exports("recurrence")
def _recurrence(call: Call, *inputs: Any, axis: int) -> Any:
    # z[i] = x[i] z[i-1] + y[i] is a product of affine maps, which may be bracketed as one likes.
    x: Any
    x, y = (np.broadcast_to(call.wide(x), call.shape) for x in inputs)
    for by in _strides(x.shape[axis]):
        x, y = x * _earlier(x, axis, by, 1), x * _earlier(y, axis, by, 0) + y
    return y.astype(call.dtype)


# ---- sorting and searching ------------------------------------------------------------------------------------------


@exports("argsort", "argpartition")
def _sort(call: Call, x: Any, *, axis: int, **_: Any) -> Any:
    """Return where the values lie in rising order; of equal ones TopK puts the first first."""
    x, emitter = _in_order(x)[0], call.emitter
    x = x.astype(emitter.kernel("TopK", x.dtype))
    rising = emitter.call("TopK", x, np.array([x.shape[axis]], np.int64), axis=axis, largest=0, sorted=1)
    return emitter.second(rising, INT64, x.shape).astype(call.dtype)


@exports("searchsorted")
def _search(call: Call, *inputs: Any, side: str) -> Any:
    # As many elements are smaller, or not larger, as the place says.
    values = [call.value(v, None if isinstance(v, Value) else type(v)) for v in inputs]
    x, y = (v.astype(np.result_type(*[v.dtype for v in values])) for v in values)
    y = y.reshape(*y.shape, 1)
    return (x < y if side == "left" else x <= y).astype(INT64).sum(axis=-1).astype(call.dtype)
