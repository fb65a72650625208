"""Pooling: the largest element, or the sum, of each window of any number of spatial axes, channels last.

A window is a rectangle of taps in C order; taps that fall into the padding do not count. `window_max` is the largest
element and its index, the number of its tap, the first among ties. The derivatives read the index alone, one byte for
each window of at most 255 taps: `window_take` takes the elements of another array from there, and `window_put`, its
adjoint, puts elements there. `window_sum` and `window_spread` are adjoints of each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.bits import apply_mask
from ..core.blocks import blocks
from ..core.duck_arrays import array_namespace, asarray_like, refuse_lazy
from ..core.equivalents import LOOPS, Loops
from ..core.multi_result import each
from ..core.op import Op, structural
from ..core.shape_arithmetic import Shape, ShapeDtype
from ..native.kernels import NATIVE
from .windowed import Padding, Place, kernel_for, layout, reach, standing_for, windows_along


def _count(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Shape:
    return tuple(windows_along(*lengths) for lengths in zip(size, window, stride, padding, strict=True))


def _cost(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    # The smallest of the arrays has one element for each window.
    return min(map(math.prod, (*shapes, out))) * math.prod(params["window"])


def _taps(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Iterator[tuple[int, Place, Place]]:
    """Yield, for each tap that is inside the array for some window, its number, those windows and its positions."""
    axes, step_of = [], math.prod(window)
    for n, length, step, pad in zip(size, window, stride, padding, strict=True):
        count = windows_along(n, length, step, pad)
        step_of //= length
        inside = _taps_inside(n, count, length, step, pad[0])
        places = ((tap * step_of, *reach(tap, n, count, step, pad[0])) for tap in inside)
        axes.append([place for place in places if place[1].stop > place[1].start])
    for taps in itertools.product(*axes):
        numbers, windows, elements = zip(*taps, strict=True)
        yield sum(numbers), (slice(None), *windows), (slice(None), *elements)


def _taps_inside(size: int, count: int, length: int, stride: int, before: int) -> range:
    """Return the taps between the first and the last that are inside an axis: windows may be far longer than it."""
    return range(max(0, before - max(0, count - 1) * stride), min(length, size + before))


def _along(x: Any, axis: int, place: Any) -> Any:
    """Return a part of x: `place` along one axis, everything along the others."""
    return x[(slice(None),) * axis + (place,)]


_SUFFIXES = {np.dtype(np.uint8): "", np.dtype(np.intp): "_wide"}


def _index_dtype(window: Shape) -> np.dtype[Any]:
    """Return the dtype of the number of a tap in its window: bytes where they suffice. -1, or 255, is none of them."""
    return np.dtype(np.uint8 if math.prod(window) <= 255 else np.intp)


def _kernel_with_index(name: str, window: Shape, dtype: np.dtype[Any], x: Any) -> Any:
    """Return the kernel of an op that makes or reads such numbers, of this dtype, or None."""
    suffix = _SUFFIXES.get(dtype)
    return kernel_for(f"{name}{suffix}", x) if suffix is not None and math.prod(window) < 1 << 31 else None


def _window_max(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = _kernel_with_index("window_max", window, _index_dtype(window), x)
    if ufunc is not None:
        return ufunc(x, *_layout_of(x, window, stride, padding))
    refuse_lazy(x)
    return _largest(x, window, stride, padding)


def _layout_of(x: Any, window: Shape, stride: Shape, padding: Padding) -> tuple[Any, Any]:
    """Return the operands of a kernel over the windows of x that tell how many there are and how they lie."""
    return standing_for(_count(x.shape[1:-1], window, stride, padding)), layout(window, stride, padding)


def _as_loops(x: Any, **lengths: Any) -> Loops | None:
    window = lengths["window"]
    ufunc = _kernel_with_index("window_max", window, _index_dtype(window), x)
    return ufunc and Loops(partial(_window_max, **lengths), ufunc, rest=_layout_of(x, **lengths))


LOOPS[_window_max] = _as_loops


def _largest(x: Any, window: Shape, stride: Shape, padding: Padding) -> tuple[Any, Any]:
    """Return the largest element of each window, and the number of its tap, axis by axis: few and short passes."""
    xp, dtype, rank = array_namespace(x), _index_dtype(window), x.ndim - 2
    if not x.size and x.dtype.kind == "f":  # windows of nothing but padding
        shape = (x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1])
        return xp.full(shape, -np.inf, x.dtype), xp.full(shape, -1, np.intp).astype(dtype)
    out, index, taps = x, xp.zeros((1,) * x.ndim, dtype), 1
    any_nan = x.dtype.kind in "fc" and bool(np.isnan(x).any())
    for axis in range(rank, 0, -1):
        size, length, step, pad = out.shape[axis], window[axis - 1], stride[axis - 1], padding[axis - 1]
        count = windows_along(size, length, step, pad)
        start = np.maximum(step * np.arange(count) - pad[0], 0)
        first = asarray_like(start, x) if pad[0] else slice(0, start[-1] + 1, step)
        whole, out = out, _along(out, axis, first)
        inner, index = index, _along(index, axis, first) if index.size > 1 else index
        if pad[0]:  # the first tap inside the array
            numbers = taps * np.maximum(pad[0] - step * np.arange(count), 0)
            index = index + asarray_like(numbers.astype(dtype).reshape(-1, *(1,) * (rank + 1 - axis)), x)
        for tap in _taps_inside(size, count, length, step, pad[0]):
            windows, elements = reach(tap, size, count, step, pad[0])
            if tap == 0 or windows.stop == windows.start:
                continue
            part, all_windows = _along(whole, axis, elements), windows.stop - windows.start == count
            place = out if all_windows else _along(out, axis, windows)
            better = part > place
            if any_nan:
                better |= np.isnan(part) & ~np.isnan(place)
            number = dtype.type(tap * taps) + (_along(inner, axis, elements) if inner.size > 1 else inner)
            if all_windows:
                index, out = index + better * (number - index), np.maximum(out, part)
            else:
                index, out = np.broadcast_to(index, out.shape).copy(), out.copy()
                place = _along(index, axis, windows)
                place += better * (number - place)
                place = _along(out, axis, windows)
                np.maximum(place, part, out=place)
        taps *= length
    out = out.copy() if np.may_share_memory(out, x) else out  # windows of one element
    return out, np.broadcast_to(index, out.shape).copy() if index.shape != out.shape else index


_BYTES = 1 << 19  # of the result in a block of samples; with its temporaries it fits a core's own cache


def _window_take(x: Any, index: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = _kernel_with_index("window_take", window, index.dtype, x) if index.__class__ in NATIVE else None
    if ufunc is not None:
        return ufunc(x, index, layout(window, stride, padding))
    out = array_namespace(x).zeros(index.shape, x.dtype)
    for tap, windows, elements in _taps(x.shape[1:-1], window, stride, padding):
        part = out[windows]
        part += apply_mask(index[windows] == tap, x[elements])
    return out


def _window_put(x: Any, index: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = _kernel_with_index("window_put", window, index.dtype, x) if index.__class__ in NATIVE else None
    if ufunc is not None:
        return ufunc(x, index, standing_for(size), layout(window, stride, padding))
    out = array_namespace(x).zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    apart = all(step >= n for step, n in zip(stride, window, strict=True))
    for samples in blocks(len(x), out[:1].nbytes, _BYTES):
        for tap, windows, elements in _taps(size, window, stride, padding):
            part, here = out[samples][elements], index[samples][windows] == tap
            if apart:
                apply_mask(here, x[samples][windows], part)
            else:
                part += apply_mask(here, x[samples][windows])
    return out


def _window_sum(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_sum", x)
    if ufunc is not None:
        return ufunc(x, *_layout_of(x, window, stride, padding))
    refuse_lazy(x)
    counts = _count(x.shape[1:-1], window, stride, padding)
    out = array_namespace(x).zeros((x.shape[0], *counts, x.shape[-1]), x.dtype)
    for _, windows, elements in _taps(x.shape[1:-1], window, stride, padding):
        part = out[windows]
        part += x[elements]
    return out


def _window_spread(x: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_spread", x)
    if ufunc is not None:
        return ufunc(x, standing_for(size), layout(window, stride, padding))
    refuse_lazy(x)
    out = array_namespace(x).zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    for _, windows, elements in _taps(size, window, stride, padding):
        part = out[elements]
        part += x[windows]
    return out


def _pool_batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Join the examples into one larger batch."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    full = [x if b else np.broadcast_to(x, (size, *x.shape)) for x, b in zip(inputs, batched, strict=True)]
    rows = full[0].shape[1]
    out = op(*(x.reshape(size * rows, *x.shape[2:]) for x in full), **params)
    return each(lambda a: a.reshape(size, rows, *a.shape[1:]), out)


def _infer_count(x: ShapeDtype, *, window: Shape, stride: Shape, padding: Padding) -> ShapeDtype:
    return ShapeDtype((x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1]), x.dtype)


def _infer_max(x: ShapeDtype, *, window: Shape, stride: Shape, padding: Padding) -> tuple[ShapeDtype, ShapeDtype]:
    largest = _infer_count(x, window=window, stride=stride, padding=padding)
    return largest, ShapeDtype(largest.shape, _index_dtype(window))


window_max: Op = structural(
    "window_max",
    _window_max,
    lambda g, out, x, **lengths: window_put(g[0], out[1], size=x.shape[1:-1], **lengths),
    saves="o",
    infer=_infer_max,
    jvp=lambda tangents, out, x, **lengths: (window_take(tangents[0], out[1], **lengths), None),
    batch=_pool_batch,
    cost=lambda shapes, out, params: _cost(shapes, out[0], params),
    results=2,
    result_names=("largest", "index"),
)
window_take: Op = structural(
    "window_take",
    _window_take,
    lambda g, out, x, index, **lengths: window_put(g, index, size=x.shape[1:-1], **lengths),
    None,
    saves=("y", ""),
    infer=lambda x, index, **lengths: ShapeDtype(index.shape, x.dtype),
    jvp=lambda tangents, out, x, index, **lengths: window_take(tangents[0], index, **lengths),
    batch=_pool_batch,
    selects=True,
    cost=_cost,
)
window_put: Op = structural(
    "window_put",
    _window_put,
    lambda g, out, x, index, *, size, **lengths: window_take(g, index, **lengths),
    None,
    saves=("y", ""),
    infer=lambda x, index, *, size, **lengths: ShapeDtype((x.shape[0], *size, x.shape[-1]), x.dtype),
    jvp=lambda tangents, out, x, index, **lengths: window_put(tangents[0], index, **lengths),
    batch=_pool_batch,
    selects=True,
    cost=_cost,
)
window_sum: Op = structural(
    "window_sum",
    _window_sum,
    lambda g, out, x, **params: window_spread(g, size=x.shape[1:-1], **params),
    infer=_infer_count,
    linear=True,
    batch=_pool_batch,
    cost=_cost,
)
window_spread: Op = structural(
    "window_spread",
    _window_spread,
    lambda g, out, x, *, size, **lengths: window_sum(g, **lengths),
    infer=lambda x, *, size, **lengths: ShapeDtype((x.shape[0], *size, x.shape[-1]), x.dtype),
    linear=True,
    batch=_pool_batch,
    cost=_cost,
)
