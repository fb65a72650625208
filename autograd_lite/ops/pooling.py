"""Pooling: the largest element, or the sum, of each window of any number of spatial axes, channels last.

A window is a rectangle of taps in C order; taps that fall into the padding do not count. `window_max` is the largest
element. Its derivatives use its position, the first among ties, which is found by comparison: `window_take_equal` takes
the element of x from where y first equals z in each window, and `window_put_equal`, its adjoint, puts elements there.
`window_sum` and `window_spread` are adjoints of each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.bits import apply_mask
from ..core.blocks import blocks
from ..core.duck_arrays import array_namespace, asarray_like, refuse_lazy
from ..core.op import Op, structural
from ..core.shape_arithmetic import Shape, ShapeDtype
from .windowed import Padding, Place, kernel_for, layout, reach, standing_for, windows_along


def _count(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Shape:
    return tuple(windows_along(*lengths) for lengths in zip(size, window, stride, padding, strict=True))


def _cost(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    # The smallest of the arrays has one element for each window.
    return min(map(math.prod, (*shapes, out))) * math.prod(params["window"])


def _taps(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Iterator[tuple[Place, Place]]:
    """Yield, for each tap that is inside the array for some window, those windows and its positions, as indices."""
    axes = []
    for n, length, step, pad in zip(size, window, stride, padding, strict=True):
        count = windows_along(n, length, step, pad)
        places = (reach(tap, n, count, step, pad[0]) for tap in _taps_inside(n, count, length, step, pad[0]))
        axes.append([place for place in places if place[0].stop > place[0].start])
    for taps in itertools.product(*axes):
        windows, elements = zip(*taps, strict=True)
        yield (slice(None), *windows), (slice(None), *elements)


def _taps_inside(size: int, count: int, length: int, stride: int, before: int) -> range:
    """Return the taps between the first and the last that are inside an axis: windows may be far longer than it."""
    return range(max(0, before - max(0, count - 1) * stride), min(length, size + before))


def _along(x: Any, axis: int, place: Any) -> Any:
    """Return a part of x: `place` along one axis, everything along the others."""
    return x[(slice(None),) * axis + (place,)]


def _window_max(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_max", x)
    if ufunc is not None:
        counts = standing_for(_count(x.shape[1:-1], window, stride, padding))
        return ufunc(x, counts, layout(window, stride, padding))
    if not x.size and x.dtype.kind == "f":  # windows of nothing but padding
        return array_namespace(x).full(
            _infer_count(x, window=window, stride=stride, padding=padding).shape, -np.inf, x.dtype
        )
    out = x
    for axis in range(x.ndim - 2, 0, -1):  # axis by axis: fewer and shorter passes
        size, length, step, pad = out.shape[axis], window[axis - 1], stride[axis - 1], padding[axis - 1]
        count = windows_along(size, length, step, pad)
        start = np.maximum(step * np.arange(count) - pad[0], 0)
        whole, out = out, _along(out, axis, asarray_like(start, x) if pad[0] else slice(0, start[-1] + 1, step))
        for tap in _taps_inside(size, count, length, step, pad[0]):
            windows, elements = reach(tap, size, count, step, pad[0])
            if tap == 0 or windows.stop == windows.start:
                continue
            part = _along(whole, axis, elements)
            if windows.stop - windows.start == count:
                out = np.maximum(out, part)
            else:
                out = out.copy()
                place = _along(out, axis, windows)
                np.maximum(place, part, out=place)
    return out.copy() if np.may_share_memory(out, x) else out  # windows of one element


_BYTES = 1 << 19  # of y in a block of samples; with its temporaries it fits a core's own cache


def _first_equal(
    y: Any, z: Any, window: Shape, stride: Shape, padding: Padding
) -> Iterator[tuple[slice, Place, Place, Any]]:
    """Yield each tap as `_taps` does, block by block of samples, with the windows where it is the first with y == z.

    Yields:
        The samples, their windows, the positions in y, and the mask of windows where this tap is the first.
    """
    taps = list(_taps(y.shape[1:-1], window, stride, padding))
    any_nan = z.dtype.kind == "f" and bool(np.isnan(z).any())
    for samples in blocks(len(y), y[:1].nbytes, _BYTES):
        some_y, some_z = y[samples], z[samples]
        is_found = array_namespace(z).zeros(some_z.shape, bool)
        for windows, elements in taps:
            here, there, done = some_y[elements], some_z[windows], is_found[windows]
            equal = here == there
            if any_nan:
                equal |= np.isnan(here) & np.isnan(there)
            np.greater(equal, done, out=equal)
            done |= equal
            yield samples, windows, elements, equal


def _window_take_equal(x: Any, y: Any, z: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_take_equal", x, y, z)
    if ufunc is not None and x.dtype == y.dtype == z.dtype:
        return ufunc(x, y, z, layout(window, stride, padding))
    out = array_namespace(x).zeros(z.shape, x.dtype)
    for samples, windows, elements, equal in _first_equal(y, z, window, stride, padding):
        part = out[samples][windows]
        part += apply_mask(equal, x[samples][elements])
    return out


def _window_put_equal(x: Any, y: Any, z: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_put_equal", x, y, z)
    if ufunc is not None and x.dtype == y.dtype == z.dtype:
        return ufunc(x, y, z, layout(window, stride, padding))
    apart = all(step >= n for step, n in zip(stride, window, strict=True))
    tiled = stride == window and all(n == k * c for n, k, c in zip(y.shape[1:-1], window, z.shape[1:-1], strict=True))
    out = (
        array_namespace(x).empty(y.shape, x.dtype)
        if tiled and not any(map(any, padding))
        else array_namespace(x).zeros(y.shape, x.dtype)
    )
    for samples, windows, elements, equal in _first_equal(y, z, window, stride, padding):
        part = out[samples][elements]
        if apart:
            apply_mask(equal, x[samples][windows], part)
        else:
            part += apply_mask(equal, x[samples][windows])
    return out


def _window_sum(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    counts = _count(x.shape[1:-1], window, stride, padding)
    ufunc = kernel_for("window_sum", x)
    if ufunc is not None:
        return ufunc(x, standing_for(counts), layout(window, stride, padding))
    refuse_lazy(x)
    out = array_namespace(x).zeros((x.shape[0], *counts, x.shape[-1]), x.dtype)
    for windows, elements in _taps(x.shape[1:-1], window, stride, padding):
        part = out[windows]
        part += x[elements]
    return out


def _window_spread(x: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    ufunc = kernel_for("window_spread", x)
    if ufunc is not None:
        return ufunc(x, standing_for(size), layout(window, stride, padding))
    refuse_lazy(x)
    out = array_namespace(x).zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    for windows, elements in _taps(size, window, stride, padding):
        part = out[elements]
        part += x[windows]
    return out


def _pool_batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Join the examples into one larger batch."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    full = [x if b else np.broadcast_to(x, (size, *x.shape)) for x, b in zip(inputs, batched, strict=True)]
    rows = full[0].shape[1]
    out = op(*(x.reshape(size * rows, *x.shape[2:]) for x in full), **params)
    return out.reshape(size, rows, *out.shape[1:])


def _infer_count(x: ShapeDtype, *, window: Shape, stride: Shape, padding: Padding) -> ShapeDtype:
    return ShapeDtype((x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1]), x.dtype)


window_max: Op = structural(
    "window_max",
    _window_max,
    lambda g, out, x, **lengths: window_put_equal(g, x, out, **lengths),
    saves="ox",
    infer=_infer_count,
    jvp=lambda tangents, out, x, **lengths: window_take_equal(tangents[0], x, out, **lengths),
    batch=_pool_batch,
    cost=_cost,
)
window_take_equal: Op = structural(
    "window_take_equal",
    _window_take_equal,
    lambda g, out, x, y, z, **lengths: window_put_equal(g, y, z, **lengths),
    None,
    None,
    saves=("yz", "", ""),
    infer=lambda x, y, z, **lengths: ShapeDtype(z.shape, x.dtype),
    jvp=lambda tangents, out, x, y, z, **lengths: window_take_equal(tangents[0], y, z, **lengths),
    batch=_pool_batch,
    selects=True,
    cost=_cost,
)
window_put_equal: Op = structural(
    "window_put_equal",
    _window_put_equal,
    lambda g, out, x, y, z, **lengths: window_take_equal(g, y, z, **lengths),
    None,
    None,
    saves=("yz", "", ""),
    infer=lambda x, y, z, **lengths: ShapeDtype(y.shape, x.dtype),
    jvp=lambda tangents, out, x, y, z, **lengths: window_put_equal(tangents[0], y, z, **lengths),
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
