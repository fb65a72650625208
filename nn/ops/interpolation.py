"""Interpolation along one axis, which is linear: out = M x with a matrix that depends on the lengths alone.

Sample i of m lies where (i + 1/2) n / m - 1/2 is among the n samples of the input. Its weights are those of a kernel
around that place, scaled to the sum 1, which leaves a constant as it is up to the edges. With `antialias` the kernel is
stretched by n / m where samples are lost.

References:
    Keys: Cubic Convolution Interpolation for Digital Image Processing, 1981, equation 15 (a = -1/2).
    Duchon: Lanczos Filtering in One and Two Dimensions, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from ..config.limits import room

Array = npt.NDArray[Any]


def _triangle(t: Array) -> Array:
    return np.maximum(1 - np.abs(t), 0)


def _keys(t: Array) -> Array:
    t = np.abs(t)
    near, far = (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    return lambda t: np.where(np.abs(t) < radius, np.sinc(t) * np.sinc(t / radius), 0)


_KERNELS: dict[str, Callable[[Array], Array]] = {
    "bilinear": _triangle,
    "bicubic": _keys,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
INTERPOLATIONS = ("nearest", *_KERNELS)


def _matrix(n: int, m: int, interpolation: str, antialias: bool) -> Array:
    """Return the weights of n samples in each of m, shape (m, n)."""
    room((m, n))
    stretch = max(n / m, 1.0) if antialias else 1.0
    places = (np.arange(m) + 0.5) * (n / m) - 0.5
    weights = _KERNELS[interpolation]((places[:, None] - np.arange(n)) / stretch)
    return weights / weights.sum(axis=1, keepdims=True)


def along(x: Tensor, axis: int, matrix: Array) -> Tensor:
    """Return the product of a matrix (m, n) with x along an axis of length n."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    rows, n = matrix.shape
    weights: Any = matrix.astype(x.dtype)
    if math.prod(after) == 1:
        out = x.reshape(math.prod(before), n) @ weights.T
    else:
        out = weights @ x.reshape(math.prod(before), n, math.prod(after))
    return out.reshape(*before, rows, *after)


@lru_cache(maxsize=256)  # the images of a data set come in few sizes
def _taps(n: int, m: int, interpolation: str, antialias: bool) -> tuple[Array, Array]:
    """Return the places of the few samples that each of m is made of, and their weights, both of shape (taps, m)."""
    matrix = _matrix(n, m, interpolation, antialias)
    taps = int((matrix != 0).sum(axis=1).max())
    places = np.minimum((matrix != 0).argmax(axis=1), n - taps) + np.arange(taps)[:, None]
    return places, matrix[np.arange(m), places]


def _sample(x: Array, axis: int, taps: tuple[Array, Array]) -> Array:
    """Return the result of `along` for an array: most weights are 0, and no derivative needs the matrix."""
    spread = [-1 if a == axis else 1 for a in range(x.ndim)]
    return sum(x.take(at, axis) * w.astype(x.dtype).reshape(spread) for at, w in zip(*taps, strict=True))


def interpolate(
    x: Any, sizes: tuple[int, ...], axes: tuple[int, ...], interpolation: str, antialias: bool = False
) -> Any:
    """Return x with new lengths along some axes.

    Args:
        x: a Tensor or an array, of a floating dtype.
        sizes: the new lengths.
        axes: not negative.
        interpolation: one of INTERPOLATIONS.
        antialias: whether each sample of a smaller result is the mean of the samples it covers; not for "nearest".
    """
    for axis, m in zip(axes, sizes, strict=True):
        n = x.shape[axis]
        if n == m:
            continue
        if interpolation == "nearest":
            nearest = ((np.arange(m) + 0.5) * (n / m)).astype(np.intp)
            x = np.take(x, nearest, axis=axis)
        elif isinstance(x, np.ndarray):
            x = _sample(x, axis, _taps(n, m, interpolation, antialias))
        else:
            x = along(x, axis, _matrix(n, m, interpolation, antialias))
    return x


def window_bounds(n: int, m: int) -> tuple[Array, Array]:
    """Return where m windows that cover n elements evenly begin and end: floor(i n / m), ceil((i + 1) n / m)."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def mean_matrix(n: int, m: int) -> Array:
    """Return the matrix (m, n) that takes the mean over each of the windows of `window_bounds`."""
    first, end = window_bounds(n, m)
    j = np.arange(n)
    inside = (j >= first[:, None]) & (j < end[:, None])
    return inside / inside.sum(axis=1, keepdims=True)


def average_evenly(x: Tensor, axis: int, m: int) -> Tensor:
    """Return the means of m windows that cover an axis evenly."""
    return along(x, axis, mean_matrix(x.shape[axis], m))


def largest_evenly(x: Tensor, axis: int, m: int) -> Any:
    """Return the largest values of m windows that cover an axis evenly."""
    first, end = window_bounds(x.shape[axis], m)
    # Windows differ in length by one; the last element of a short one is taken twice, which leaves its maximum.
    index = np.minimum(first[:, None] + np.arange((end - first).max()), end[:, None] - 1)
    windows: Any = np.take(x, index, axis=axis)
    return windows.max(axis=axis + 1)


def transposed_length(n: int, stride: int, window: int, padding: str, output_padding: int | None) -> int:
    """Return the length of a transposed convolution's result along an axis, by Keras's rules."""
    if output_padding is None:
        return n * stride + (max(window - stride, 0) if padding == "valid" else 0)
    return (n - 1) * stride + (window % 2 if padding == "same" else window) + output_padding


def transposed_cut(n: int, stride: int, window: int, padding: str, output_padding: int | None) -> tuple[int, int]:
    """Return how much Keras cuts off at both ends of an axis, of the (n - 1) stride + window that windows reach.

    Its rule is one of the dilated x with zeros around it, over which the flipped kernel runs: of all zeros, half are
    put before x, the odd one among them, but no more than the first window needs.
    """
    if padding == "valid":
        return 0, 0
    length = transposed_length(n, stride, window, padding, output_padding)
    reach = (n - 1) * stride + window
    zeros = length - reach + 2 * (window - 1)
    before = window - 1 - min((zeros + 1) // 2, window - 1)
    return before, max(reach - length - before, 0)
