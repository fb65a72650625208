"""Cases for convolution and pooling over windows, whose references are loops; see `op_cases`. Data only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .composed_cases import ComposedCase
from .op_cases import OpCase, rows
from .special_values import Special

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]

# ---- convolution -----------------------------------------------------------------------------------------------------


def _terms(
    size: Any, kernel: Any, inputs: int, outputs: int, stride: Any, padding: Any, dilation: Any, groups: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the places (in x, in w, in the result, batch left out) of every product in a convolution."""
    lengths = zip(size, kernel, stride, padding, dilation, strict=True)
    count = [(n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in lengths]
    for out in itertools.product(*map(range, count)):
        for tap in itertools.product(*map(range, kernel)):
            place = [o * s + k * d - p[0] for o, s, k, d, p in zip(out, stride, tap, dilation, padding, strict=True)]
            if all(0 <= i < n for i, n in zip(place, size, strict=True)):
                for f, c in itertools.product(range(outputs), range(inputs)):
                    channel = f // (outputs // groups) * inputs + c
                    yield (*place, channel), (*tap, c, f), (*out, f)


def _convolution(x: Any, w: Any, **params: Any) -> Any:
    terms = list(_terms(x.shape[1:-1], w.shape[:-2], *w.shape[-2:], **params))
    shape = [max(t[2][i] for t in terms) + 1 for i in range(x.ndim - 1)]
    out = np.zeros((len(x), *shape), np.result_type(x, w))
    for a, b, o in terms:
        out[(slice(None), *o)] += x[(slice(None), *a)] * w[b]
    return out


def _convolution_input(y: Any, w: Any, size: Any, **params: Any) -> Any:
    out = np.zeros((len(y), *size, w.shape[-2] * params["groups"]), np.result_type(y, w))
    for a, b, o in _terms(size, w.shape[:-2], *w.shape[-2:], **params):
        out[(slice(None), *a)] += y[(slice(None), *o)] * w[b]
    return out


def _convolution_kernel(x: Any, y: Any, kernel: Any, **params: Any) -> Any:
    inputs, outputs = x.shape[-1] // params["groups"], y.shape[-1]
    out = np.zeros((*kernel, inputs, outputs), np.result_type(x, y))
    for a, b, o in _terms(x.shape[1:-1], kernel, inputs, outputs, **params):
        out[b] += np.dot(x[(slice(None), *a)], y[(slice(None), *o)])
    return out


# Batch, size, kernel, channels in and out, then stride, padding, dilation and groups.
FORMS: list[tuple[Any, ...]] = [
    (2, (5,), (3,), 2, 3, (1,), ((0, 0),), (1,), 1),
    (1, (6,), (3,), 1, 2, (2,), ((1, 2),), (1,), 1),
    (2, (6,), (2,), 9, 1, (1,), ((2, 0),), (2,), 1),
    (2, (4, 3), (2, 3), 2, 2, (1, 1), ((0, 0), (1, 1)), (1, 1), 1),
    (1, (5, 4), (3, 2), 4, 6, (2, 3), ((1, 1), (0, 1)), (1, 2), 2),
    (1, (3, 3), (2, 2), 3, 3, (1, 1), ((0, 0), (0, 0)), (1, 1), 3),
    (1, (3, 2, 2), (2, 1, 2), 1, 2, (1, 1, 1), ((0, 1), (0, 0), (1, 0)), (1, 1, 1), 1),
    (0, (3,), (2,), 1, 2, (1,), ((0, 0),), (1,), 1),
    # Kernels short enough on the last axis to be summed over in runs.
    (2, (7,), (3,), 2, 3, (1,), ((0, 0),), (1,), 1),
    (2, (5, 5), (2, 3), 2, 1, (2, 1), ((1, 0), (1, 2)), (2, 1), 1),
    (1, (2, 3, 3), (2, 2, 2), 1, 2, (1, 2, 1), ((0, 1), (0, 0), (0, 1)), (1, 1, 1), 1),
]


def _convolution_rows() -> Iterator[OpCase]:
    for n, size, kernel, c, f, stride, padding, dilation, groups in FORMS:
        params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        lengths = zip(size, kernel, stride, padding, dilation, strict=True)
        count = [(m + sum(p) - d * (k - 1) - 1) // s + 1 for m, k, s, p, d in lengths]
        x, w, y = (n, *size, c), (*kernel, c // groups, f), (n, *count, f)
        if n:
            yield from rows("convolution", _convolution, [((x, w), params)])
        yield from rows("convolution_input", _convolution_input, [((y, w), {"size": size, **params})])
        yield from rows("convolution_kernel", _convolution_kernel, [((x, y), {"kernel": kernel, **params})])


# ---- pooling ---------------------------------------------------------------------------------------------------------


def _window_places(size: Any, window: Any, stride: Any, padding: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every window with the places and numbers of its taps that lie inside the array, in order."""
    count = [(n + sum(p) - k) // s + 1 for n, k, s, p in zip(size, window, stride, padding, strict=True)]
    for out in itertools.product(*map(range, count)):
        found = []
        for number, tap in enumerate(itertools.product(*map(range, window))):
            place = tuple(o * s + k - p[0] for o, s, k, p in zip(out, stride, tap, padding, strict=True))
            if all(0 <= i < n for i, n in zip(place, size, strict=True)):
                found.append((place, number))
        yield out, found


def _count(size: Any, window: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    return tuple((n + sum(p) - k) // s + 1 for n, k, s, p in zip(size, window, stride, padding, strict=True))


_ALL = slice(None)


def _window_max(x: Any, **params: Any) -> Any:
    out = np.zeros((len(x), *_count(x.shape[1:-1], **params), x.shape[-1]), x.dtype)
    index = np.zeros(out.shape, np.uint8)
    for place, taps in _window_places(x.shape[1:-1], **params):
        elements = [x[(_ALL, *p)] for p, _ in taps]
        out[(_ALL, *place)] = np.max(elements, axis=0)
        index[(_ALL, *place)] = np.array([number for _, number in taps])[np.argmax(elements, axis=0)]
    return out, index


def _places_of(index: Any, size: Any, **params: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the place of each number of a tap, and the place of the tap, if it lies inside the array."""
    for place, taps in _window_places(size, **params):
        for n, c in itertools.product(range(len(index)), range(index.shape[-1])):
            yield from [((n, *place, c), (n, *p, c)) for p, number in taps if number == index[(n, *place, c)]]


def _window_take(x: Any, index: Any, **params: Any) -> Any:
    out = np.zeros(index.shape, x.dtype)
    for place, p in _places_of(index, x.shape[1:-1], **params):
        out[place] = x[p]
    return out


def _window_put(x: Any, index: Any, size: Any, **params: Any) -> Any:
    out = np.zeros((len(x), *size, x.shape[-1]), x.dtype)
    for place, p in _places_of(index, size, **params):
        out[p] += x[place]
    return out


def _window_sum(x: Any, **params: Any) -> Any:
    out = np.zeros((len(x), *_count(x.shape[1:-1], **params), x.shape[-1]), x.dtype)
    for place, taps in _window_places(x.shape[1:-1], **params):
        for p, _ in taps:
            out[(_ALL, *place)] += x[(_ALL, *p)]
    return out


def _window_spread(x: Any, size: Any, **params: Any) -> Any:
    out = np.zeros((len(x), *size, x.shape[-1]), x.dtype)
    for place, taps in _window_places(size, **params):
        for p, _ in taps:
            out[(_ALL, *p)] += x[(_ALL, *place)]
    return out


WINDOWS: list[tuple[Any, ...]] = [
    (2, (5,), 2, (2,), (2,), ((0, 0),)),
    (1, (4, 5), 2, (2, 3), (2, 1), ((0, 0), (1, 1))),
    (2, (3, 2), 1, (2, 2), (1, 1), ((0, 1), (1, 0))),
    (1, (3, 2, 2), 2, (2, 2, 1), (1, 2, 2), ((0, 0), (0, 0), (0, 0))),
    (0, (4,), 2, (2,), (2,), ((0, 0),)),
]


def _pooling_rows() -> Iterator[OpCase]:
    for n, size, c, window, stride, padding in WINDOWS:
        params = {"window": window, "stride": stride, "padding": padding}
        x, y, sized = (n, *size, c), (n, *_count(size, **params), c), {"size": size, **params}
        yield from rows("window_max", _window_max, [((x,), params)], domain="distinct")
        yield from rows("window_take", _window_take, [((x, y), params)], domain=("any", "int"))
        yield from rows("window_put", _window_put, [((y, y), sized)], domain=("any", "int"))
        yield from rows("window_sum", _window_sum, [((x,), params)])
        yield from rows("window_spread", _window_spread, [((y,), sized)])


CASES: list[OpCase] = [*_convolution_rows(), *_pooling_rows()]
COMPOSED_CASES: list[ComposedCase] = []
SPECIAL: list[Special] = []
