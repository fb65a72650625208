"""Convolution and pooling over windows: in single precision by ONNX's own operators, otherwise tap by tap.

Ours have channels last, ONNX's channels in front of the spatial axes; the transposes between two of them cancel, which
a runtime sees. Its kernels are for single precision: other dtypes take strided slices of the padded array, one for each
tap of the window, which is what the operators mean.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ....core.shape_arithmetic import Shape
from ....ops.pooling import window_sum
from ....ops.windowed import Padding
from . import functions as f
from .emit import FLOAT, Scalar, Value
from .moving import dilated, joined
from .table import Call, Made, Match, exports, fuses


def _channels_first(x: Value) -> Value:
    return x.transpose([0, x.ndim - 1, *range(1, x.ndim - 1)])


def _channels_last(x: Value) -> Value:
    return x.transpose([0, *range(2, x.ndim), 1])


def _pads(padding: Padding) -> tuple[int, ...]:
    return (*(p[0] for p in padding), *(p[1] for p in padding))


# ---- tap by tap -----------------------------------------------------------------------------------------------------


def _taps(
    x: Value, count: Shape, window: Shape, stride: Shape, padding: Padding, dilation: Shape, value: Scalar = 0
) -> Iterator[Value]:
    """Yield for each tap, in C order, its elements in all windows: shape (N, *O, C)."""
    wide = x.pad([0, *(p[0] for p in padding), 0], [0, *(p[1] for p in padding), 0], value)
    for tap in itertools.product(*map(range, window)):
        starts = [k * d for k, d in zip(tap, dilation, strict=True)]
        cuts = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, count, stride, strict=True)]
        yield wide.cut(*enumerate(cuts, start=1))


def _placed(x: Value, size: Shape, tap: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Value:
    """Put the elements (N, *O, C) where a tap of their windows lies in an array (N, *S, C) of zeros."""
    for axis, (n, k, s, p, d) in enumerate(zip(size, tap, stride, padding, dilation, strict=True), start=1):
        x = dilated(x, axis, s)
        count, before = x.shape[axis], k * d - p[0]
        # What lies in the padding is cut off.
        x = x.cut((axis, slice(min(count, max(0, -before)), max(0, min(count, n - before)))))
        front = min(n, max(0, before))
        zeros = [0] * (x.ndim - axis - 1)
        x = x.pad([0] * axis + [front] + zeros, [0] * axis + [n - front - x.shape[axis]] + zeros)
    return x


def _summed(parts: Iterator[Value]) -> Value:
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def _by_group(x: Value, groups: int) -> list[Value]:
    """Cut the last axis into groups of channels."""
    n, last = x.shape[-1] // groups, x.ndim - 1
    return [x.cut((last, slice(k * n, (k + 1) * n))) for k in range(groups)] if groups > 1 else [x]


def _windows(x: Value, count: Shape, params: Any, window: Shape) -> Value:
    """Return windows as rows, (N, *O, K C)."""
    taps = _taps(x, count, window, params["stride"], params["padding"], params["dilation"])
    return joined(list(taps), x.ndim - 1)


# ---- convolution ----------------------------------------------------------------------------------------------------


@exports("convolution")
def _convolution(call: Call, x: Value, w: Value, *, groups: int, **params: Any) -> Value:
    x, w = call.wide(x), call.wide(w)
    window, rank = w.shape[:-2], x.ndim - 2
    if x.dtype == FLOAT:
        kernel = w.transpose([rank + 1, rank, *range(rank)])
        shape = (call.shape[0], call.shape[-1], *call.shape[1:-1])
        found = call.emitter.call(
            "Conv", _channels_first(x), kernel, shape=shape, kernel_shape=window, strides=params["stride"],
            pads=_pads(params["padding"]), dilations=params["dilation"], group=groups,
        )  # fmt: skip
        return _channels_last(found).cast(call.dtype)
    count = call.shape[1:-1]
    parts = []
    for part, kernel in zip(_by_group(x, groups), _by_group(w, groups), strict=True):
        rows = _windows(part, count, params, window)
        parts.append(f.product(rows, kernel.reshape(rows.shape[-1], kernel.shape[-1])))
    return joined(parts, x.ndim - 1).cast(call.dtype)


@exports("convolution_input")
def _convolution_input(call: Call, y: Value, w: Value, *, size: Shape, groups: int, **params: Any) -> Value:
    y, w = call.wide(y), call.wide(w)
    window, rank = w.shape[:-2], y.ndim - 2
    stride, padding, dilation = params["stride"], params["padding"], params["dilation"]
    if y.dtype == FLOAT:
        kernel = w.transpose([rank + 1, rank, *range(rank)])
        lengths = zip(size, y.shape[1:-1], window, stride, padding, dilation, strict=True)
        more = tuple(n - ((m - 1) * s + d * (k - 1) + 1 - sum(p)) for n, m, k, s, p, d in lengths)
        found = call.emitter.call(
            "ConvTranspose", _channels_first(y), kernel, shape=(call.shape[0], call.shape[-1], *size),
            kernel_shape=window, strides=stride, pads=_pads(padding), dilations=dilation, group=groups,
            output_padding=more,
        )  # fmt: skip
        return _channels_last(found).cast(call.dtype)
    parts = []
    for part, kernel in zip(_by_group(y, groups), _by_group(w, groups), strict=True):
        by_tap = kernel.reshape(math.prod(window), *kernel.shape[-2:]).transpose([0, 2, 1])
        taps = enumerate(itertools.product(*map(range, window)))
        placed = (
            _placed(
                f.product(part, by_tap.cut((0, slice(i, i + 1))).reshape(*by_tap.shape[1:])),
                size, tap, stride, padding, dilation,
            )
            for i, tap in taps
        )  # fmt: skip
        parts.append(_summed(placed))
    return joined(parts, y.ndim - 1).cast(call.dtype)


@exports("convolution_kernel")
def _convolution_kernel(call: Call, x: Value, y: Value, *, kernel: Shape, groups: int, **params: Any) -> Value:
    x, y = call.wide(x), call.wide(y)
    parts = []
    for part, out in zip(_by_group(x, groups), _by_group(y, groups), strict=True):
        rows = _windows(part, y.shape[1:-1], params, kernel)
        places = math.prod(y.shape[:-1])
        turned = rows.reshape(places, rows.shape[-1]).transpose([1, 0])
        found = f.product(turned, out.reshape(places, out.shape[-1]))
        parts.append(found.reshape(*kernel, part.shape[-1], out.shape[-1]))
    return joined(parts, len(kernel) + 1).cast(call.dtype)


# ---- pooling --------------------------------------------------------------------------------------------------------


def _pool(op_type: str, call: Call, x: Value, window: Shape, stride: Shape, padding: Padding, **more: Any) -> Value:
    shape = (call.shape[0], call.shape[-1], *call.shape[1:-1])
    pads = _pads(padding)
    options = {"kernel_shape": window, "strides": stride, "pads": pads, **more}
    return _channels_last(call.emitter.call(op_type, _channels_first(x), shape=shape, **options))


def _ones(window: Shape) -> Shape:
    return (1,) * len(window)


def _lowest(dtype: np.dtype[Any]) -> Scalar:
    return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min) if dtype.kind in "iu" else False


@exports("window_max")
def _window_max(call: Call, x: Value, *, window: Shape, stride: Shape, padding: Padding) -> Value:
    wide = call.wide(x)
    if wide.kind == "f":
        return _pool("MaxPool", call, wide, window, stride, padding).cast(call.dtype)
    taps = list(_taps(x, call.shape[1:-1], window, stride, padding, _ones(window), _lowest(x.dtype)))
    return functools.reduce(f.maximum, taps)


def _inside(size: Shape, count: Shape, tap: Shape, stride: Shape, padding: Padding) -> np.ndarray | None:
    """Return in which windows a tap is inside the array, (1, *O, 1); None if in all."""
    found = np.ones((1,) * (len(size) + 2), np.bool_)
    for axis, (n, m, k, s, p) in enumerate(zip(size, count, tap, stride, padding, strict=True), start=1):
        places = np.arange(m) * s + k - p[0]
        shape = [1] * found.ndim
        shape[axis] = m
        found = found & ((places >= 0) & (places < n)).reshape(shape)
    return None if found.all() else found


def _first_equal(y: Value, z: Value, window: Shape, stride: Shape, padding: Padding) -> Iterator[tuple[Shape, Value]]:
    """Yield each tap, and in which windows it is the first where y equals z."""
    size, count = y.shape[1:-1], z.shape[1:-1]
    done: Value | None = None
    here = _taps(y, count, window, stride, padding, _ones(window))
    for tap, there in zip(itertools.product(*map(range, window)), here, strict=True):
        equal = there.equals(z)
        if y.kind == "f":
            equal = equal | (f.is_nan(there) & f.is_nan(z))
        inside = _inside(size, count, tap, stride, padding)
        if inside is not None:
            equal = equal & y.emitter.constant(inside)
        yield tap, equal if done is None else equal & ~done
        done = equal if done is None else done | equal


@exports("window_take_equal")
def _window_take_equal(call: Call, x: Value, y: Value, z: Value, **lengths: Any) -> Value:
    out = call.emitter.filled(0, call.shape, x.dtype)
    window = lengths["window"]
    taps = _taps(x, call.shape[1:-1], window, lengths["stride"], lengths["padding"], _ones(window))
    for (_, equal), taken in zip(_first_equal(y, z, **lengths), taps, strict=True):
        out = f.select(equal, taken, out)
    return out


@exports("window_put_equal")
def _window_put_equal(call: Call, x: Value, y: Value, z: Value, **lengths: Any) -> Value:
    window, stride, padding = (lengths[name] for name in ("window", "stride", "padding"))
    return _summed(
        _placed(f.select(equal, x, 0), call.shape[1:-1], tap, stride, padding, _ones(window))
        for tap, equal in _first_equal(y, z, **lengths)
    )


@exports("window_sum")
def _window_sum(call: Call, x: Value, *, window: Shape, stride: Shape, padding: Padding) -> Value:
    x = call.wide(x)
    return _summed(_taps(x, call.shape[1:-1], window, stride, padding, _ones(window))).cast(call.dtype)


@exports("window_spread")
def _window_spread(call: Call, x: Value, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Value:
    x = call.wide(x)
    taps = itertools.product(*map(range, window))
    return _summed(_placed(x, size, tap, stride, padding, _ones(window)) for tap in taps).cast(call.dtype)


# ---- several ops that are one operator ------------------------------------------------------------------------------


@fuses("multiply", "divide")
def _average_pool(made: Made, end: str) -> Match | None:
    """The sum of each window, over how many elements count in it: `AveragePool`."""
    total, count = made.inputs(end)
    if made.op(total) != "window_sum" or made.nodes[end].dtype != FLOAT or made.nodes[total].dtype != FLOAT:
        return None
    params, (x,) = made.params(total), made.inputs(total)
    known = made.bound.get(count)
    if known is None:
        return None
    elements = window_sum.forward(np.ones((1, *made.nodes[x].shape[1:-1], 1)), **params)
    if made.op(end) == "divide":
        fits = np.array_equal(known, elements)
    else:
        fits = np.ndim(known) == 0 and bool((elements * known == 1).all())
    if not fits:
        return None

    def write(call: Call, x: Value) -> Value:
        return _pool("AveragePool", call, x, **params, count_include_pad=0)

    return Match((x,), write)
