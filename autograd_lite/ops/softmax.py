"""Softmax and its family: `logsumexp`, `softmax` and `log_softmax`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import batching
from ..core.blocks import blocks
from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.errors import ShapeError
from ..core.op import Op, reduction, structural
from ..core.shape_arithmetic import ShapeDtype, reduced_shape
from ..native import threaded_functions as fast
from ..native.kernels import kernel, row_kernel
from .elementwise_activations import floating
from .multi_result_ops import jvp_by_inputs
from .operands import by_rows

_logsumexp_kernel = row_kernel("logsumexp")
_softmax_kernel = row_kernel("softmax")
_softmax_pullback_kernel = row_kernel("softmax_pullback")
_log_softmax_kernel = row_kernel("log_softmax")
_log_softmax_pullback_kernel = row_kernel("log_softmax_pullback")


def _as_last(x: Any, axes: tuple[int, ...] | None) -> Any:
    """Return a view of x whose last axis merges some axes, or None if that needs a copy."""
    first = 0 if axes is None else x.ndim - len(axes)
    if first == x.ndim or axes not in (None, tuple(range(first, x.ndim))):
        return None
    if first == x.ndim - 1:
        return x
    return x.reshape(*x.shape[:first], math.prod(x.shape[first:])) if x.flags.c_contiguous else None


def _wide(x: Any) -> dict[str, Any]:
    """Return the dtype in which elements are summed: in half precision a sum of many is infinite."""
    return {"dtype": np.float32} if x.dtype == np.float16 else {}


def _narrow(out: Any, x: Any) -> Any:
    """Cast a sum of single precision to the dtype of x."""
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def _logsumexp(x: Any, *, axis: Any, keepdims: bool) -> Any:
    x = floating(x)
    rows = _as_last(x, axis)
    if rows is not None and (fast_result := _logsumexp_kernel(rows)) is not None:
        return fast_result.reshape(reduced_shape(x.shape, axis, keepdims))
    top = (
        x.max(axis=axis, keepdims=True)
        if x.size
        else array_namespace(x).full(reduced_shape(x.shape, axis, True), -np.inf, x.dtype)
    )
    shift = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore", over="ignore"):
        total = np.exp(x - shift).sum(axis=axis, keepdims=True, **_wide(x))
        out = _narrow(np.log(total) + shift, x)
    return out if keepdims else out.reshape(reduced_shape(x.shape, axis, False))


def along(op: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    """Apply an op that has one axis along several axes as one, or with None along all."""
    if axes is not None and len(axes) == 1:
        return op(x, axis=axes[0])
    return by_rows(lambda rows: op(rows, axis=rows.ndim - 1), x, tuple(range(x.ndim)) if axes is None else axes)


def _softmax_share(out: Any, x: Any, *, axis: Any) -> Any:
    # Not exp(x - out), whose sum is far from 1 where `out` is large, since its rounding error is. Equal infinities
    # share evenly, those of -inf alone too.
    return along(softmax, np.where(out == -np.inf, 0, x), axis)


logsumexp = reduction("logsumexp", _logsumexp, _softmax_share, saves="ox")


# From this many elements on, contiguous rows are processed block by block; for rows up to this length, sum and maximum
# are found in ways that have little overhead for each row.
_MANY, _SHORT = 2048, 512


# The reductions of the ufuncs, since the array methods are written in Python; not every library has them.
def row_maximum(x: Any, axis: int) -> Any:
    """Return the maximum along an axis, which stays."""
    return x.max(axis=axis, keepdims=True) if is_duck_array(x) else np.maximum.reduce(x, axis=axis, keepdims=True)


def row_sum(x: Any, axis: int) -> Any:
    """Return the sum along an axis, of half precision in single precision."""
    if is_duck_array(x):
        return x.sum(axis=axis, keepdims=True, **_wide(x))
    return np.add.reduce(x, axis=axis, keepdims=True, **_wide(x))


def _are_tame(top: Any) -> bool:
    """Return whether subtracting these maxima from smaller numbers can neither overflow nor be invalid."""
    if is_duck_array(top):
        return False  # who knows, without waiting for a device
    largest: float = top.item(np.abs(top).argmax())  # NaN, if there is one
    return abs(largest) < 1e15 and top.dtype.char in "fd"


def numbers_below(x: Any, top: Any) -> Any:
    """Return x - top, where `top` is the maximum of x along an axis.

    If the maximum is inf, the limit is taken: 0 for infinite elements, -inf for others; if all are -inf, it is NaN. A
    difference of finite numbers that is too large for the dtype becomes the lowest finite number.
    """
    if _are_tame(top):
        return x - top
    with np.errstate(over="ignore", invalid="ignore"):
        out = x - top
    out = np.where(np.isfinite(x), np.maximum(out, np.finfo(x.dtype).min), out)
    at_infinity = np.where(x == top, x.dtype.type(0), x.dtype.type(-np.inf))
    return np.where(top == np.inf, at_infinity, out)


_below = kernel("below", numbers_below)


def _softmax_rows(x: Any) -> Any:
    """Return the softmax along the last axis of a contiguous array, block by block in the cache."""
    n = x.shape[-1]
    flat = x.reshape(-1, n)
    out, ones = np.empty_like(flat), np.ones(n, x.dtype)

    for s in blocks(len(flat), n):
        row, e = flat[s], out[s]
        top = row[np.arange(len(row)), row.argmax(axis=1)]  # twice as fast as max
        if _are_tame(top):
            np.subtract(row, top[:, None], out=e)
        else:
            e[...] = _below(row, top[:, None])
        np.exp(e, out=e)
        e /= np.vecdot(e, ones)[:, None]
    return out.reshape(x.shape)


def _softmax(x: Any, *, axis: int) -> Any:
    x = floating(x)
    if axis == x.ndim - 1 and (fast_result := _softmax_kernel(x)) is not None:
        return fast_result
    short = not is_duck_array(x) and x.size >= _MANY and axis == x.ndim - 1 and x.shape[axis] <= _SHORT
    if short and x.flags.c_contiguous and x.dtype in (np.float32, np.float64):
        return _softmax_rows(x)
    if not x.size:
        return x * 1
    e = np.exp(_below(x, row_maximum(x, axis)))
    e /= row_sum(e, axis)
    return e


def same_float(x: ShapeDtype, **_: Any) -> ShapeDtype:
    """Return the shape, and the dtype that NumPy's exp has."""
    return ShapeDtype(x.shape, np.exp(np.ones(1, x.dtype)).dtype)


def _along(x: Any, y: Any, axis: int) -> Any:
    return (x * y).sum(axis=axis, keepdims=True)


def _softmax_pullback(x: Any, y: Any, *, axis: int) -> Any:
    if x.shape != y.shape:
        raise ShapeError(f"softmax_pullback: expected x and y of the same shape; received {x.shape} and {y.shape}")
    x, y = floating(x), floating(y)
    if axis == x.ndim - 1 and (fast_result := _softmax_pullback_kernel(x, y)) is not None:
        return fast_result
    rows = x.__class__ is np.ndarray and x.size >= _MANY and axis == x.ndim - 1
    rows = rows and x.flags.c_contiguous and y.flags.c_contiguous
    if not (rows and x.dtype == y.dtype and x.dtype in (np.float32, np.float64)):
        return _narrow(y * (x - row_sum(x * y, axis)), x * y)
    n = x.shape[-1]
    g, share = x.reshape(-1, n), y.reshape(-1, n)
    out = np.empty_like(g)
    for s in blocks(len(g), n):
        np.subtract(g[s], np.einsum("ij,ij->i", g[s], share[s])[:, None], out=out[s])
        out[s] *= share[s]
    return out.reshape(x.shape)


# y (x - <x, y>), which is symmetric as a matrix applied to x.
softmax_pullback: Op = structural(
    "softmax_pullback",
    _softmax_pullback,
    lambda g, out, x, y, *, axis: softmax_pullback(g, y, axis=axis),
    lambda g, out, x, y, *, axis: g * (x - _along(x, y, axis)) - x * _along(g, y, axis),
    saves=("y", "xy"),
    infer=lambda x, y, *, axis: ShapeDtype(x.shape, np.result_type(same_float(x).dtype, same_float(y).dtype)),
    jvp=jvp_by_inputs(
        lambda t, out, x, y, *, axis: softmax_pullback(t, y, axis=axis),
        lambda t, out, x, y, *, axis: t * (x - _along(x, y, axis)) - y * _along(x, t, axis),
    ),
    batch=batching.along_axis,
    cost=4,
)

# The rule reads `out` alone. The input is kept as well so that a cross-entropy behind a softmax can find its logits.
softmax = structural(
    "softmax",
    _softmax,
    lambda g, out, x, *, axis: softmax_pullback(g, out, axis=axis),
    saves="ox",
    infer=same_float,
    jvp=lambda tangents, out, x, *, axis: softmax_pullback(tangents[0], out, axis=axis),
    batch=batching.along_axis,
    onnx="Softmax",
    cost=1,
)


def _log_softmax(x: Any, *, axis: int) -> Any:
    x = floating(x)
    if axis == x.ndim - 1 and (fast_result := _log_softmax_kernel(x)) is not None:
        return fast_result
    if not x.size:
        return x * 1
    shifted = _below(x, row_maximum(x, axis))
    shifted -= np.log(row_sum(np.exp(shifted), axis))
    return shifted


def _log_softmax_pullback(x: Any, y: Any, *, axis: int) -> Any:
    if x.shape != y.shape:
        raise ShapeError(f"log_softmax_pullback: expected x and y of the same shape; received {x.shape} and {y.shape}")
    x, y = floating(x), floating(y)
    if axis == x.ndim - 1 and (fast_result := _log_softmax_pullback_kernel(x, y)) is not None:
        return fast_result
    return _narrow(x - fast.exp(y) * row_sum(x, axis), x)


def _log_softmax_pullback_by_y(t: Any, out: Any, x: Any, y: Any, *, axis: int) -> Any:
    return -(t * fast.exp(y) * x.sum(axis=axis, keepdims=True))


# x - exp(y) sum(x).
log_softmax_pullback: Op = structural(
    "log_softmax_pullback",
    _log_softmax_pullback,
    lambda g, out, x, y, *, axis: g - _along(g, fast.exp(y), axis),
    _log_softmax_pullback_by_y,
    saves=("y", "xy"),
    infer=lambda x, y, *, axis: ShapeDtype(x.shape, np.result_type(same_float(x).dtype, same_float(y).dtype)),
    jvp=jvp_by_inputs(lambda t, out, x, y, *, axis: log_softmax_pullback(t, y, axis=axis), _log_softmax_pullback_by_y),
    batch=batching.along_axis,
    cost=4,
)

log_softmax = structural(
    "log_softmax",
    _log_softmax,
    lambda g, out, x, *, axis: log_softmax_pullback(g, out, axis=axis),
    saves="o",
    infer=same_float,
    jvp=lambda tangents, out, x, *, axis: tangents[0] - (fast.exp(out) * tangents[0]).sum(axis=axis, keepdims=True),
    batch=batching.along_axis,
    onnx="LogSoftmax",
    cost=1,
)
