"""Rational filters: difference equations along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal as original

from ...core.batching import one_by_one
from ...core.errors import ShapeError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype, normalize_axis
from ...functions.custom_ops import structural
from ...ops.multi_result_ops import jvp_by_inputs
from ...ops.operands import operand, values
from ..calls import floating, takes_tensors

_ONE = np.ones(1)


def _dtype(*arrays: Any) -> np.dtype[Any]:
    return np.result_type(*(a.dtype for a in arrays), np.float32)


def _one(like: Any) -> Any:
    return np.ones(1, like.dtype)


def _back(a: Any, g: Any, axis: int) -> Any:
    """Run the recursion of a filter from the end: the adjoint of dividing by its polynomial."""
    return np.flip(filtered(_one(a), a, np.flip(g, axis), axis=axis), axis)


def _filter_by_x(g: Any, out: Any, b: Any, a: Any, x: Any, *, axis: int) -> Any:
    return np.flip(filtered(b, a, np.flip(g, axis), axis=axis), axis)


def _batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Filter all examples at once if they share one filter."""
    if batched[0] or batched[1]:
        return one_by_one(op, inputs, batched, params)
    return op(*inputs, axis=params["axis"] + 1)


# a[0] y[n] = b[0] x[n] + b[1] x[n - 1] + … - a[1] y[n - 1] - …, from rest. With s the adjoint of dividing by a's
# polynomial, applied to the cotangent, the cotangents of b and a are the products of s with x and -y at each lag.
filtered: Op = structural(
    "lfilter",
    lambda b, a, x, *, axis: original.lfilter(b, a, x, axis).astype(_dtype(b, a, x), copy=False),
    lambda g, out, b, a, x, *, axis: lagged(_back(a, g, axis), x, axis=axis, count=b.shape[0]),
    lambda g, out, b, a, x, *, axis: -lagged(_back(a, g, axis), out, axis=axis, count=a.shape[0]),
    _filter_by_x,
    saves=("yz", "oy", "xy"),
    infer=lambda b, a, x, *, axis: ShapeDtype(x.shape, _dtype(b, a, x)),
    jvp=jvp_by_inputs(
        lambda t, out, b, a, x, *, axis: filtered(t, a, x, axis=axis),
        lambda t, out, b, a, x, *, axis: -filtered(t, a, out, axis=axis),
        lambda t, out, b, a, x, *, axis: filtered(b, a, t, axis=axis),
    ),
    batch=_batch,
)


def _lags(x: Any, y: Any, *, axis: int, count: int) -> Any:
    x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    n = x.shape[-1]
    if x.ndim == 1 and count > 32:  # as one correlation, of which the part from lag 0 on is needed
        correlations = original.correlate(x, np.conjugate(y) if y.dtype.kind == "c" else y, "full")[n - 1 :]
        lags = np.zeros(count, np.result_type(x, y))
        lags[: min(n, count)] = correlations[:count]
        return lags
    return np.stack([(x[..., k:] * y[..., : max(0, n - k)]).sum() for k in range(count)])


# The sum over n of x[n] y[n - k], for each lag k, and over all other axes.
lagged: Op = structural(
    "lagged_products",
    _lags,
    lambda g, out, x, y, *, axis, count: filtered(g, _one(g), y, axis=axis),
    lambda g, out, x, y, *, axis, count: _filter_by_x(x, None, g, _one(g), y, axis=axis),
    saves=("y", "x"),
    infer=lambda x, y, *, axis, count: ShapeDtype((count,), np.result_type(x.dtype, y.dtype)),
    multilinear=True,
    batch=one_by_one,
)


def _pad(v: Any, length: int) -> Any:
    return v if v.shape[0] == length else np.concatenate([v, np.zeros(length - v.shape[0], v.dtype)])


def _along_axis(v: Any, ndim: int, axis: int) -> Any:
    """Return a vector that lies along an axis."""
    return v.reshape(-1, *(1,) * (ndim - axis - 1))


def _at(a: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return a[(slice(None),) * axis + (slice(start, stop),)]


@takes_tensors(original.lfilter, "b, a, x, zi")
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    b, a, x = (floating(operand(v)) for v in (b, a, x))
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    axis = normalize_axis(axis, x.ndim)
    if zi is None:
        return filtered(b, a, x, axis=axis)
    zi = floating(operand(zi))
    n, order = x.shape[axis], max(a.shape[0], b.shape[0]) - 1
    if zi.ndim != x.ndim or zi.shape[axis] != order:
        shape = (*x.shape[:axis], order, *x.shape[axis + 1 :])
        raise ShapeError(f"scipy.signal.lfilter: expected zi of shape {shape}; received {zi.shape}")
    # The state at the beginning holds the terms still to come of earlier samples; that at the end is the rest of the
    # equation, read beyond the last sample.
    b, a = _pad(b, order + 1), _pad(a, order + 1)
    scale = a[0]
    b, a = b / scale, a / scale
    gap = np.zeros((*x.shape[:axis], order, *x.shape[axis + 1 :]), x.dtype)
    rest = np.zeros((*zi.shape[:axis], n, *zi.shape[axis + 1 :]), zi.dtype)
    driven = filtered(b, _one(b), np.concatenate([x, gap], axis), axis=axis) + np.concatenate([zi, rest], axis)
    y = filtered(_one(a), a, _at(driven, axis, None, n), axis=axis)
    left = filtered(a, _one(a), np.concatenate([y, gap.astype(y.dtype)], axis), axis=axis)
    return y, _at(driven, axis, n, None) - _at(left, axis, n, None)


@takes_tensors(original.lfilter_zi, "b, a")
def lfilter_zi(b: Any, a: Any) -> Any:
    b, a = (np.atleast_1d(floating(operand(v))) for v in (b, a))
    n = max(a.shape[0], b.shape[0])
    b, a = _pad(b, n) / a[0], _pad(a, n) / a[0]
    right = b[1:] - a[1:] * b[0]
    one = np.eye(n - 1, dtype=a.dtype)
    return np.linalg.solve(one + a[1:, None] * one[:1] - np.eye(n - 1, k=1, dtype=a.dtype), right)


# ---- forward and backward -------------------------------------------------------------------------------------------


def _extend(x: Any, padtype: Any, edge: int, axis: int) -> Any:
    if not edge or padtype is None:
        return x
    n = x.shape[axis]
    if n <= edge:
        raise ValueError(f"scipy.signal.filtfilt: expected x longer than padlen, {edge}; received {n} samples")
    width = [(edge, edge) if i == axis else (0, 0) for i in range(x.ndim)]
    if padtype == "constant":
        return np.pad(x, width, mode="edge")
    if padtype not in ("even", "odd"):
        raise ValueError(f"scipy.signal.filtfilt: expected padtype odd, even, constant or None; received {padtype!r}")
    even = np.pad(x, width, mode="reflect")
    return even if padtype == "even" else 2 * np.pad(x, width, mode="edge") - even


def _both_ways(once: Any, x: Any, padtype: Any, edge: int, axis: int) -> Any:
    """Filter forward, and the result backward."""
    longer = _extend(x, padtype, edge, axis)
    y = once(longer, _at(longer, axis, None, 1))
    y = np.flip(y, axis)
    y = np.flip(once(y, _at(y, axis, None, 1)), axis)
    return _at(y, axis, edge, y.shape[axis] - edge) if edge and padtype is not None else y


@takes_tensors(original.filtfilt, "b, a, x", "method='gust' is refused")
def filtfilt(b: Any, a: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: int | None = None) -> Any:
    b, a, x = (floating(operand(v)) for v in (b, a, x))
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    axis = normalize_axis(axis, x.ndim)
    edge = 3 * max(a.shape[0], b.shape[0]) if padlen is None else int(padlen)
    edge = 0 if padtype is None else edge
    zi = _along_axis(lfilter_zi(b, a), x.ndim, axis) if max(a.shape[0], b.shape[0]) > 1 else None

    def once(x: Any, first: Any) -> Any:
        return lfilter(b, a, x, axis) if zi is None else lfilter(b, a, x, axis, zi * first)[0]

    return _both_ways(once, x, padtype, edge, axis)


# ---- sections of second order ---------------------------------------------------------------------------------------


@takes_tensors(original.sosfilt, "sos, x, zi")
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    sos, x = floating(operand(sos)), floating(operand(x))
    ends = []
    for k in range(sos.shape[0]):
        state = None if zi is None else operand(zi)[k]
        x = lfilter(sos[k, :3], sos[k, 3:], x, axis, state)
        if zi is not None:
            x, end = x
            ends.append(end)
    return x if zi is None else (x, np.stack(ends))


@takes_tensors(original.sosfilt_zi, "sos")
def sosfilt_zi(sos: Any) -> Any:
    sos = floating(operand(sos))
    states, scale = [], 1.0
    for k in range(sos.shape[0]):
        states.append(lfilter_zi(sos[k, :3], sos[k, 3:]) * scale)
        scale = scale * sos[k, :3].sum() / sos[k, 3:].sum()
    return np.stack(states)


@takes_tensors(original.sosfiltfilt, "sos, x")
def sosfiltfilt(sos: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: int | None = None) -> Any:
    sos, x = floating(operand(sos)), floating(operand(x))
    axis, plain = normalize_axis(axis, x.ndim), values(sos)
    zeros = min(int((plain[:, 2] == 0).sum()), int((plain[:, 5] == 0).sum()))
    edge = 3 * (2 * sos.shape[0] + 1 - zeros) if padlen is None else int(padlen)
    edge = 0 if padtype is None else edge
    zi = sosfilt_zi(sos).reshape(-1, *(1,) * axis, 2, *(1,) * (x.ndim - axis - 1))
    return _both_ways(lambda x, first: sosfilt(sos, x, axis, zi * first)[0], x, padtype, edge, axis)


# ---- others ---------------------------------------------------------------------------------------------------------


@takes_tensors(original.detrend, "data", "without breakpoints")
def detrend(data: Any, axis: int = -1, type: str = "linear") -> Any:
    x = floating(operand(data))
    axis = normalize_axis(axis, x.ndim)
    centred = x - x.mean(axis=axis, keepdims=True)
    if type in ("constant", "c"):
        return centred
    if type not in ("linear", "l"):
        raise ValueError(f"scipy.signal.detrend: expected type linear or constant; received {type!r}")
    n = x.shape[axis]
    time = _along_axis((np.arange(n) - (n - 1) / 2).astype(x.dtype), x.ndim, axis)
    slope = (time * x).sum(axis=axis, keepdims=True) / max(n * (n * n - 1) / 12, 1)
    return centred - slope * time


@takes_tensors(original.hilbert, "x")
def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Any:
    x = floating(operand(x))
    n = x.shape[axis] if N is None else N
    weights = np.zeros(n, x.dtype)
    weights[0], weights[1 : (n + 1) // 2] = 1, 2
    if n % 2 == 0:
        weights[n // 2] = 1
    axis = normalize_axis(axis, x.ndim)
    return np.fft.ifft(np.fft.fft(x, n, axis) * _along_axis(weights, x.ndim, axis), axis=axis)
