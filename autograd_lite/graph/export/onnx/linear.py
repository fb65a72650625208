"""Products of vectors and matrices, convolution, and small linear systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import functions as f
from .emit import BOOL, FLOAT, INT64, Value, wider
from .table import Call, exports


def _operands(call: Call, *xs: Value) -> tuple[Value, ...]:
    """Return operands in the dtype of the result, or in one to compute that in."""
    wide = np.dtype(np.int32) if call.dtype == BOOL else wider(call.dtype)
    return tuple(call.value(x, call.dtype).cast(wide) for x in xs)


def _result(call: Call, x: Value) -> Value:
    return f.as_bool(x) if call.dtype == BOOL else x.cast(call.dtype)


@exports("matmul")
def _matmul(call: Call, x: Value, y: Value) -> Value:
    x, y = _operands(call, x, y)
    # A vector next to a matrix is passed as a matrix: ONNX Runtime 1.32 multiplies wrongly where it fuses the transpose
    # of one with a vector (FusedMatMul).
    if x.ndim > y.ndim == 1:
        y = y.reshape(y.shape[0], 1)
    elif y.ndim > x.ndim == 1:
        x = x.reshape(1, x.shape[0])
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    shape = (*batch, x.shape[-2], y.shape[-1]) if x.ndim > 1 else ()
    return _result(call, x.emitter.run("MatMul", x, y, shape=shape).reshape(*call.shape))


@exports("contract")
def _contract(call: Call, x: Value, y: Value, *, subscripts: str) -> Value:
    left, _, out = subscripts.partition("->")
    letters = left.split(",")
    operands = list(_operands(call, x, y))
    size: dict[str, int] = {}
    for labels, v in zip(letters, operands, strict=True):
        size.update((c, n) for c, n in zip(labels, v.shape, strict=True) if n != 1 or c not in size)
    for k, v in enumerate(operands):
        # An axis of length 1 beside a longer one is only there to be repeated, for which Einsum has no word.
        wide = [i for i, c in enumerate(letters[k]) if v.shape[i] == size[c]]
        operands[k] = v.reshape(*(v.shape[i] for i in wide))
        letters[k] = "".join(letters[k][i] for i in wide)
    x, y = operands
    equation = f"{','.join(letters)}->{out}"
    return _result(call, x.emitter.run("Einsum", x, y, shape=call.shape, equation=equation))


@exports("full_convolution")
def _full_convolution(call: Call, x: Value, y: Value) -> Value:
    x, y = _operands(call, x, y)
    around = [y.shape[0] - 1]
    return _over_windows(call, x.pad(around, around), y)


@exports("valid_convolution")
def _valid_convolution(call: Call, x: Value, y: Value) -> Value:
    return _over_windows(call, *_operands(call, x, y))


def _over_windows(call: Call, x: Value, y: Value) -> Value:
    """Multiply every window of x with y backwards."""
    windows = np.arange(x.shape[0] - y.shape[0] + 1)[:, None] + np.arange(y.shape[0])
    backwards = y.cut((0, slice(None, None, -1)))
    return _result(call, x.emitter.run("MatMul", x.gather(windows, 0), backwards, shape=call.shape))


@exports("cross")
def _cross(call: Call, x: Value, y: Value) -> Value:
    x, y = _operands(call, x, y)
    next_, last = np.array([1, 2, 0]), np.array([2, 0, 1])
    i, j = x.ndim - 1, y.ndim - 1
    return _result(call, x.gather(next_, i) * y.gather(last, j) - x.gather(last, i) * y.gather(next_, j))


# ---- random draws ---------------------------------------------------------------------------------------------------


def _drawn(call: Call, op_type: str) -> Value:
    """Draw in single precision, or in double if the result is."""
    dtype = call.dtype if call.dtype.itemsize == 8 and call.dtype.kind == "f" else FLOAT
    like = call.emitter.filled(0, call.shape, dtype)
    return call.emitter.call(op_type, like)


@exports("random_normal")
def _random_normal(call: Call, *_: Any, shape: Any, dtype: Any, loc: float, scale: float) -> Value:
    # Not by the attributes, which are in single precision.
    return (_drawn(call, "RandomNormalLike") * float(scale) + float(loc)).cast(call.dtype)


@exports("random_uniform")
def _random_uniform(call: Call, *_: Any, shape: Any, dtype: Any, low: float, high: float) -> Value:
    return (_drawn(call, "RandomUniformLike") * float(high - low) + float(low)).cast(call.dtype)


@exports("random_bernoulli")
def _random_bernoulli(call: Call, *_: Any, shape: Any, dtype: Any, p: float) -> Value:
    return (_drawn(call, "RandomUniformLike") < float(p)).cast(call.dtype)


@exports("random_permutation")
def _random_permutation(call: Call, *_: Any, shape: Any, dtype: Any) -> Value:
    # The order of random numbers is a random order.
    drawn = call.emitter.call("RandomUniformLike", call.emitter.filled(0.0, call.shape, FLOAT))
    found = call.emitter.call("TopK", drawn, np.array(drawn.shape, np.int64), axis=0, largest=0, sorted=1)
    return call.emitter.second(found, INT64, drawn.shape).cast(call.dtype)
