"""Pooling: the largest element, or the sum, of each window of any number of spatial axes, channels last.

A window is a rectangle of taps, numbered 0, 1, … in C order; taps that fall into the padding do not count. The largest
element is found in two steps: `window_argmax` numbers the tap that holds it, the first of equals, in the smallest
integers that will do; `window_take` takes that element. So what a backward pass keeps is those numbers alone. The
adjoint of `window_take` is `window_put`, that of `window_sum` is `window_spread`, and the other way round.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.op import Op, nondifferentiable, structural
from ..core.shapes import Shape, ShapeDtype
from .windowed import Padding, reach, windows_along

__all__ = ["window_argmax", "window_put", "window_spread", "window_sum", "window_take"]

_Place = tuple[slice, ...]


def _count(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Shape:
    return tuple(windows_along(*lengths) for lengths in zip(size, window, stride, padding, strict=True))


def _taps(size: Shape, window: Shape, stride: Shape, padding: Padding) -> Iterator[tuple[int, _Place, _Place]]:
    """Yield the number of each tap, which windows it lies inside the array for, and where in the array."""
    count = _count(size, window, stride, padding)
    for number, tap in enumerate(itertools.product(*map(range, window))):
        reaches = [
            reach(k, n, c, step, before)
            for k, n, c, step, (before, _) in zip(tap, size, count, stride, padding, strict=True)
        ]
        windows, elements = zip(*reaches, strict=True)
        if all(part.stop > part.start for part in windows):
            yield number, (slice(None), *windows), (slice(None), *elements)


def _tap_dtype(window: Shape) -> np.dtype[Any]:
    return np.min_scalar_type(math.prod(window) - 1)


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _window_argmax(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    shape = (x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1])
    taps = list(_taps(x.shape[1:-1], window, stride, padding))
    best = np.full(shape, _lowest(x.dtype), x.dtype)
    for _, windows, elements in taps:
        np.maximum(best[windows], x[elements], out=best[windows])
    any_nan = x.dtype.kind == "f" and bool(np.isnan(best).any())
    found = np.zeros(shape, _tap_dtype(window))
    # From the last tap to the first, so that the first of equals is the one that stays.
    for number, windows, elements in reversed(taps):
        here, part = x[elements], found[windows]
        equal = here == best[windows]
        if any_nan:
            equal |= np.isnan(here)
        part[...] = np.where(equal, found.dtype.type(number), part)
    return found


def _flat_places(size: Shape, y: Any, window: Shape, stride: Shape, padding: Padding) -> Any:
    """Return where in a flat array (N, *S, C) the tap of each y lies; None if one may lie outside."""
    taps = math.prod(window)
    if any(map(any, padding)) or not y.size or y.max() >= taps or y.min() < 0:
        return None
    strides = [math.prod((*size[i + 1 :], y.shape[-1])) for i in range(len(size))]
    offsets = sum(k * n for k, n in zip(np.indices(window).reshape(len(size), taps), strides, strict=True))
    places = np.take(np.asarray(offsets), y)
    lengths = (math.prod(size) * y.shape[-1], *(s * n for s, n in zip(stride, strides, strict=True)), 1)
    for axis, (count, length) in enumerate(zip(y.shape, lengths, strict=True)):
        places += (np.arange(count) * length).reshape((-1,) + (1,) * (y.ndim - axis - 1))
    return places


def _window_take(x: Any, y: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    places = _flat_places(x.shape[1:-1], y, window, stride, padding)
    if places is not None and x.flags.c_contiguous:
        return x.reshape(-1)[places]
    out = np.zeros(y.shape, x.dtype)
    for number, windows, elements in _taps(x.shape[1:-1], window, stride, padding):
        part = out[windows]
        part[...] = np.where(y[windows] == number, x[elements], part)
    return out


def _window_put(x: Any, y: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    out = np.zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    zero = x.dtype.type(0)
    apart = all(step >= n for step, n in zip(stride, window, strict=True))
    places = _flat_places(size, y, window, stride, padding) if apart else None
    if places is not None:
        out.reshape(-1)[places] = x
        return out
    for number, windows, elements in _taps(size, window, stride, padding):
        chosen, place = np.where(y[windows] == number, x[windows], zero), out[elements]
        if apart:
            place[...] = chosen
        else:
            place += chosen
    return out


def _window_sum(x: Any, *, window: Shape, stride: Shape, padding: Padding) -> Any:
    out = np.zeros((x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1]), x.dtype)
    for _, windows, elements in _taps(x.shape[1:-1], window, stride, padding):
        part = out[windows]
        part += x[elements]
    return out


def _window_spread(x: Any, *, size: Shape, window: Shape, stride: Shape, padding: Padding) -> Any:
    out = np.zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    for _, windows, elements in _taps(size, window, stride, padding):
        part = out[elements]
        part += x[windows]
    return out


def _batched(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Put the examples one after another, as one larger batch."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    full = [x if b else np.broadcast_to(x, (size, *x.shape)) for x, b in zip(inputs, batched, strict=True)]
    rows = full[0].shape[1]
    out = op(*(x.reshape(size * rows, *x.shape[2:]) for x in full), **params)
    return out.reshape(size, rows, *out.shape[1:])


def _infer_count(x: ShapeDtype, *, window: Shape, stride: Shape, padding: Padding) -> ShapeDtype:
    return ShapeDtype((x.shape[0], *_count(x.shape[1:-1], window, stride, padding), x.shape[-1]), x.dtype)


def _infer_size(x: ShapeDtype, *others: ShapeDtype, size: Shape, **params: Any) -> ShapeDtype:
    return ShapeDtype((x.shape[0], *size, x.shape[-1]), x.dtype)


def _options(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("window", "stride", "padding")}


window_argmax = nondifferentiable(
    _window_argmax,
    name="window_argmax",
    infer=lambda x, *, window, stride, padding: ShapeDtype(
        _infer_count(x, window=window, stride=stride, padding=padding).shape, _tap_dtype(window)
    ),
    batch=_batched,
)
window_take: Op = structural(
    "window_take",
    _window_take,
    lambda g, out, x, y, **params: window_put(g, y, size=x.shape[1:-1], **params),
    None,
    saves=("y", ""),
    infer=lambda x, y, **params: ShapeDtype(y.shape, x.dtype),
    jvp=lambda tangents, out, x, y, **params: window_take(tangents[0], y, **params),
    batch=_batched,
    selects=True,
)
window_put: Op = structural(
    "window_put",
    _window_put,
    lambda g, out, x, y, **params: window_take(g, y, **_options(params)),
    None,
    saves=("y", ""),
    infer=_infer_size,
    jvp=lambda tangents, out, x, y, **params: window_put(tangents[0], y, **params),
    batch=_batched,
)
window_sum: Op = structural(
    "window_sum",
    _window_sum,
    lambda g, out, x, **params: window_spread(g, size=x.shape[1:-1], **params),
    infer=_infer_count,
    linear=True,
    batch=_batched,
)
window_spread: Op = structural(
    "window_spread",
    _window_spread,
    lambda g, out, x, **params: window_sum(g, **_options(params)),
    infer=_infer_size,
    linear=True,
    batch=_batched,
)
