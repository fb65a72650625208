"""Convolution and pooling over windows: in single precision by ONNX's own operators, otherwise tap by tap.

Ours have channels last, ONNX's channels in front of the spatial axes; the transposes between two of them cancel, which
a runtime sees. Its kernels are for single precision: other dtypes take strided slices of the padded array, one for each
tap of the window, which is what the operators mean.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ....core.shape_arithmetic import Shape
from ....ops.pooling import window_sum
from ....ops.windowed import Padding
from .emit import FLOAT, Call
from .indexing import dilate
from .table import Match, Origins, exports, fuses

# ---- by an operator -------------------------------------------------------------------------------------------------


def _by_operator(
    op_type: str, call: Call, x: Any, *more: Any, stride: Shape, padding: Padding, window: Shape, **options: Any
) -> Any:
    """Write an operator whose first input and result have the channels in front of the spatial axes."""
    axes = range(1, x.ndim - 1)
    x = x.transpose(0, x.ndim - 1, *axes)
    pads = [*(p[0] for p in padding), *(p[1] for p in padding)]
    shape = (call.shape[0], call.shape[-1], *call.shape[1:-1])
    y = call.emitter.call(op_type, x, *more, shape=shape, kernel_shape=window, strides=stride, pads=pads, **options)
    return y.transpose(0, *range(2, x.ndim), 1).astype(call.dtype)


# ---- tap by tap -----------------------------------------------------------------------------------------------------


def _taps(
    x: Any, count: Shape, window: Shape, stride: Shape, padding: Padding, dilation: Shape | None = None,
    value: Any = 0,
) -> Iterator[Any]:  # fmt: skip
    """Yield for each tap, in C order, its elements in all windows: shape (N, *O, C)."""
    x = np.pad(x, [(0, 0), *padding, (0, 0)], constant_values=value)
    for tap in _tap_places(window, dilation):
        cuts = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(tap, count, stride, strict=True)]
        yield x[(slice(None), *cuts)]


def _tap_places(window: Shape, dilation: Shape | None = None) -> Iterator[Shape]:
    """Yield where the taps of a window lie."""
    steps = dilation or (1,) * len(window)
    return itertools.product(*[range(0, k * d, d) for k, d in zip(window, steps, strict=True)])


def _place(x: Any, size: Shape, tap: Shape, stride: Shape, padding: Padding) -> Any:
    """Put the elements (N, *O, C) where a tap of their windows lies in an array (N, *S, C) of zeros."""
    for axis, (n, place, s, p) in enumerate(zip(size, tap, stride, padding, strict=True), start=1):
        x = dilate(x, axis, s)
        count, before = x.shape[axis], place - p[0]
        # Elements that lie in the padding are cut off.
        first, last = min(count, max(0, -before)), max(0, min(count, n - before))
        x = x[(*[slice(None)] * axis, slice(first, last))]
        front, width = min(n, max(0, before)), [(0, 0)] * x.ndim
        width[axis] = front, n - front - x.shape[axis]
        x = np.pad(x, width)
    return x


def _sum(parts: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, parts)


def _groups(x: Any, count: int) -> list[Any]:
    """Cut the last axis into groups of channels."""
    n = x.shape[-1] // count
    return [x[..., k * n : (k + 1) * n] for k in range(count)]


def _windows(x: Any, count: Shape, window: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Any:
    """Return windows as rows, (N, *O, K C)."""
    return np.concatenate(list(_taps(x, count, window, stride, padding, dilation)), axis=-1)


# ---- convolution ----------------------------------------------------------------------------------------------------


def _channels_out_first(w: Any) -> Any:
    return w.transpose(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))


@exports("convolution")
def _convolution(call: Call, x: Any, w: Any, *, groups: int, stride: Shape, padding: Padding, dilation: Shape) -> Any:
    x, w = call.wide(x), call.wide(w)
    window = w.shape[:-2]
    if x.dtype == FLOAT:
        lengths: dict[str, Any] = {"stride": stride, "padding": padding, "window": window, "dilations": dilation}
        return _by_operator("Conv", call, x, _channels_out_first(w), group=groups, **lengths)
    parts = []
    for part, kernel in zip(_groups(x, groups), _groups(w, groups), strict=True):
        rows = _windows(part, call.shape[1:-1], window, stride, padding, dilation)
        parts.append(rows @ kernel.reshape(-1, kernel.shape[-1]))
    return np.concatenate(parts, axis=-1).astype(call.dtype)


@exports("convolution_input")
def _convolution_input(
    call: Call, y: Any, w: Any, *, size: Shape, groups: int, stride: Shape, padding: Padding, dilation: Shape
) -> Any:
    y, w = call.wide(y), call.wide(w)
    window = w.shape[:-2]
    if y.dtype == FLOAT:
        axes = zip(size, y.shape[1:-1], window, stride, padding, dilation, strict=True)
        rest = tuple(n - ((m - 1) * s + d * (k - 1) + 1 - sum(p)) for n, m, k, s, p, d in axes)
        lengths: dict[str, Any] = {"stride": stride, "padding": padding, "window": window, "dilations": dilation}
        kernel = _channels_out_first(w)
        return _by_operator("ConvTranspose", call, y, kernel, group=groups, output_padding=rest, **lengths)
    parts = []
    for part, kernel in zip(_groups(y, groups), _groups(w, groups), strict=True):
        by_tap = kernel.reshape(-1, *kernel.shape[-2:]).mT
        taps = enumerate(_tap_places(window, dilation))
        parts.append(_sum(_place(part @ by_tap[i], size, tap, stride, padding) for i, tap in taps))
    return np.concatenate(parts, axis=-1).astype(call.dtype)


@exports("convolution_kernel")
def _convolution_kernel(call: Call, x: Any, y: Any, *, kernel: Shape, groups: int, **lengths: Any) -> Any:
    parts = []
    for part, out in zip(_groups(call.wide(x), groups), _groups(call.wide(y), groups), strict=True):
        rows = _windows(part, y.shape[1:-1], kernel, **lengths)
        product = rows.reshape(-1, rows.shape[-1]).T @ out.reshape(-1, out.shape[-1])
        parts.append(product.reshape(*kernel, part.shape[-1], out.shape[-1]))
    return np.concatenate(parts, axis=-1).astype(call.dtype)


# ---- pooling --------------------------------------------------------------------------------------------------------


@exports("window_max")
def _window_max(call: Call, x: Any, **lengths: Any) -> tuple[Any, Any]:
    if x.kind == "f":
        out = _by_operator("MaxPool", call, call.wide(x), **lengths)
    else:
        lowest = int(np.iinfo(x.dtype).min) if x.kind in "iu" else False
        out = functools.reduce(np.maximum, _taps(x, call.shape[1:-1], **lengths, value=lowest))
    return out, _index(call, x, out, **lengths)


def _index(call: Call, x: Any, out: Any, window: Shape, stride: Shape, padding: Padding) -> Any:
    """Write the number of the first tap of each window that equals the largest element."""
    size, count = x.shape[1:-1], out.shape[1:-1]
    taps = enumerate(zip(_tap_places(window), _taps(x, count, window, stride, padding), strict=True))
    index: Any = call.emitter.full(call.shape, -1, np.dtype(np.int64))
    for number, (tap, there) in reversed(list(taps)):
        equal = there == out
        if x.kind == "f":
            equal = equal | (np.isnan(there) & np.isnan(out))
        inside = _inside(size, count, tap, stride, padding)
        index = np.where(equal if inside.all() else equal & inside, np.int64(number), index)
    return index.astype(call.kinds[1][1])


def _inside(size: Shape, count: Shape, tap: Shape, stride: Shape, padding: Padding) -> np.ndarray:
    """Return in which windows a tap is inside the array, (1, *O, 1)."""
    axes = zip(size, count, tap, stride, padding, strict=True)
    places = [np.arange(m) * s + k - p[0] for _, m, k, s, p in axes]
    each = [(i >= 0) & (i < n) for i, n in zip(places, size, strict=True)]
    return functools.reduce(np.logical_and.outer, map(np.asarray, ([True], *each, [True])))


def _at_taps(index: Any, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Iterator[tuple[Shape, Any]]:
    """Yield each tap, and in which windows its number is in the index."""
    index = index.astype(np.int64)
    for number, tap in enumerate(_tap_places(window)):
        equal, inside = index == np.int64(number), _inside(size, index.shape[1:-1], tap, stride, padding)
        yield tap, equal if inside.all() else equal & inside


@exports("window_take")
def _window_take(call: Call, x: Any, index: Any, **lengths: Any) -> Any:
    out: Any = call.emitter.full(call.shape, 0, x.dtype)
    taps = _taps(x, call.shape[1:-1], **lengths)
    for (_, equal), elements in zip(_at_taps(index, x.shape[1:-1], **lengths), taps, strict=True):
        out = np.where(equal, elements, out)
    return out


@exports("window_put")
def _window_put(call: Call, x: Any, index: Any, *, size: Shape, **lengths: Any) -> Any:
    stride, padding = lengths["stride"], lengths["padding"]
    taps = _at_taps(index, size, **lengths)
    return _sum(_place(np.where(equal, x, 0), size, tap, stride, padding) for tap, equal in taps)


@exports("window_sum")
def _window_sum(call: Call, x: Any, **lengths: Any) -> Any:
    return _sum(_taps(call.wide(x), call.shape[1:-1], **lengths)).astype(call.dtype)


@exports("window_spread")
def _window_spread(call: Call, x: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    x = call.wide(x)
    return _sum(_place(x, size, tap, stride, padding) for tap in _tap_places(window)).astype(call.dtype)


# ---- several ops that are one operator ------------------------------------------------------------------------------


@fuses("multiply", "divide")
def _average_pool(origins: Origins, end: str) -> Match | None:
    """The sum of each window, over how many elements count in it: `AveragePool`."""
    total, count = origins.inputs(end)
    if origins.op(total) != "window_sum" or {origins.nodes[i].dtype for i in (end, total)} != {FLOAT}:
        return None
    params, (x,) = origins.params(total), origins.inputs(total)
    number = origins.bound.get(count)
    if number is None:
        return None
    elements = window_sum.forward(np.ones((1, *origins.nodes[x].shape[1:-1], 1)), **params)
    if origins.op(end) == "divide":
        fits = np.array_equal(number, elements)
    else:
        fits = np.ndim(number) == 0 and bool((elements * number == 1).all())
    if not fits:
        return None
    return Match((x,), lambda call, x: _by_operator("AveragePool", call, x, **params, count_include_pad=0))
