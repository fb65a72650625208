"""Operations that put elements into other places: patterns of axes, patches, frames, groups and counts."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array

from .functions import channels_back, channels_last, parts_of, refuse_sparse, write


def values_of(x: Any) -> Any:
    """Return the array of a Tensor, or the array."""
    return as_array(x.data if isinstance(x, Tensor) else x)


def _pair(n: Any) -> tuple[int, int]:
    return (n, n) if isinstance(n, int) else (int(n[0]), int(n[1]))


# ---- axes -----------------------------------------------------------------------------------------------------------


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Split, reorder and join axes as a pattern says: "b (h w) c -> b h w c", with lengths by name.

    Example:
        >>> rearrange(np.zeros((2, 6, 3)), "b (h w) c -> b c h w", h=2).shape
        (2, 3, 2, 3)
    """
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left), _groups(right)
    names = [name for group in before for name in group]
    if not arrow or len(before) != tensor.ndim or sorted(names) != sorted(itertools.chain(*after)):
        raise ValueError(
            f"ops.rearrange: expected a pattern of {tensor.ndim} axes with the same names on both sides of '->'; "
            f"received {pattern!r} for shape {tensor.shape}"
        )
    lengths: dict[str, int] = dict(axes_lengths)
    for group, n in zip(before, tensor.shape, strict=True):
        product = math.prod(lengths[name] for name in group if name in lengths)
        unknown = [name for name in group if name not in lengths]
        if len(unknown) > 1 or n % product or (not unknown and n != product):
            raise ValueError(
                f"ops.rearrange: expected lengths of {' '.join(group)} whose product is {n}, all but one given; "
                f"received {axes_lengths} for the pattern {pattern!r}"
            )
        lengths |= dict.fromkeys(unknown, n // product)
    x = np.reshape(tensor, [lengths[name] for name in names])
    x = np.transpose(x, [names.index(name) for group in after for name in group])
    return np.reshape(x, [math.prod(lengths[name] for name in group) for group in after])


def _groups(side: str) -> list[list[str]]:
    """Return the names of each axis of one side of a pattern."""
    return [part.strip("()").split() for part in re.findall(r"\([^()]*\)|[^\s()]+", side)]


def depth_to_space(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Lay the channels of an image out as blocks of pixels."""
    x = channels_last(x, data_format)
    shown = rearrange(x, "n h w (a b c) -> n (h a) (w b) c", a=block_size, b=block_size)
    return channels_back(shown, data_format)


def space_to_depth(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Put the pixels of blocks of an image into channels."""
    x = channels_last(x, data_format)
    stacked = rearrange(x, "n (h a) (w b) c -> n h w (a b c)", a=block_size, b=block_size)
    return channels_back(stacked, data_format)


# ---- patches and frames ---------------------------------------------------------------------------------------------


def _places(size: tuple[int, int], kernel_size: Any, dilation: Any, stride: Any) -> tuple[Any, Any]:
    """Return rows and columns of the pixels of patches, two arrays (places in a patch, patches)."""
    (kh, kw), (dh, dw), (sh, sw) = _pair(kernel_size), _pair(dilation), _pair(stride)
    tops = np.arange(0, size[0] - dh * (kh - 1), sh)
    lefts = np.arange(0, size[1] - dw * (kw - 1), sw)
    rows = np.repeat(dh * np.arange(kh), kw)[:, None] + np.repeat(tops, len(lefts))
    columns = np.tile(dw * np.arange(kw), kh)[:, None] + np.tile(lefts, len(tops))
    return rows, columns


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the patches of images (N, C, H, W) as columns (N, C x places in a patch, patches)."""
    ph, pw = _pair(padding)
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    patches = x[(slice(None), slice(None), *_places(x.shape[2:], kernel_size, dilation, stride))]
    return np.reshape(patches, (x.shape[0], x.shape[1] * patches.shape[2], patches.shape[3]))


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Add patches, columns as `unfold` returns them, into images (N, C, *output_size)."""
    (ph, pw), (h, w) = _pair(padding), _pair(output_size)
    rows, columns = _places((h + 2 * ph, w + 2 * pw), kernel_size, dilation, stride)
    x = np.reshape(x, (x.shape[0], -1, *rows.shape))
    empty = np.zeros((*x.shape[:2], h + 2 * ph, w + 2 * pw), x.dtype)
    out = write(empty, (slice(None), slice(None), rows, columns), x, "add")
    return out[:, :, ph : ph + h, pw : pw + w]


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Return the windows along the last axis, shape (..., windows, sequence_length)."""
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return np.take(x, starts[:, None] + np.arange(sequence_length), axis=-1)


def _window(window: Any, n: int, whole: int, dtype: Any) -> Any:
    """Return a window of n values in the middle of `whole` values."""
    waves = np.cos(2 * np.pi * np.arange(n) / n)
    windows = {"hann": 0.5 - 0.5 * waves, "hamming": 0.54 - 0.46 * waves, None: np.ones(n)}
    if isinstance(window, str) and window not in windows:
        raise ValueError(f"ops.stft: expected window='hann', 'hamming', None or an array; received {window!r}")
    values = windows[window] if window is None or isinstance(window, str) else values_of(window)
    before = (whole - n) // 2
    return np.pad(values, (before, whole - n - before)).astype(dtype)


def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """Return the Fourier transforms of windows of a signal, real and imaginary parts."""
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2,) * 2], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return parts_of(np.fft.rfft(frames * _window(window, sequence_length, fft_length, x.dtype)))


# ---- groups and counts ----------------------------------------------------------------------------------------------


def segments(reduction: str, empty: Any) -> Any:
    """Return a function that reduces the rows with the same number; `empty` is the value of a number without rows."""

    def reduce(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
        ids = values_of(segment_ids)
        count = int(ids.max()) + 1 if num_segments is None else num_segments
        kind = np.dtype(data.dtype)
        fill = empty
        if kind.kind != "f" and not np.isfinite(empty):
            fill = np.iinfo(kind).min if empty < 0 else np.iinfo(kind).max
        return write(np.full((count, *data.shape[1:]), fill, kind), (ids,), data, reduction)

    return reduce


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Return how often each integer occurs along the last axis, or the sums of the weights there."""
    refuse_sparse(sparse)
    ids = values_of(x)
    count = int(ids.max()) + 1 if ids.size else 0
    hits = ids[..., None] == np.arange(max(count, minlength))
    return hits.sum(-2).astype(np.int32) if weights is None else np.sum(hits * weights[..., None], axis=-2)


def cdist(x: Any, y: Any) -> Any:
    """Return the distance between each row of x and each of y."""
    return np.linalg.norm(np.expand_dims(x, -2) - np.expand_dims(y, -3), axis=-1)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the different values, in order, cut or filled up to a size."""
    find: Any = np.unique
    result = find(values_of(x), return_index, return_inverse, return_counts, axis)
    parts = list(result) if isinstance(result, tuple) else [result]
    at = 0 if axis is None else axis
    if size is not None:
        fill = parts[0].flat[0] if fill_value is None and parts[0].size else fill_value or 0
        parts[0] = _resize(parts[0], size, fill, at)
        for i in range(1, len(parts)):
            if not (return_inverse and i == 1 + return_index):
                parts[i] = _resize(parts[i], size, 0, 0)
    return tuple(parts) if isinstance(result, tuple) else parts[0]


def _resize(x: Any, size: int, fill: Any, axis: int) -> Any:
    x = np.take(x, np.arange(min(size, x.shape[axis])), axis=axis)
    more = [(0, size - x.shape[axis]) if a == axis else (0, 0) for a in range(x.ndim)]
    return np.pad(x, more, constant_values=fill)


def view_as_complex(x: Any) -> Any:
    """Return pairs along the last axis as complex numbers."""
    return x[..., 0] + 1j * x[..., 1]


def associative_scan(f: Any, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Return f applied to the first entries along an axis, for each number of entries."""
    leaves = ag.tree.leaves(elems)
    order = range(leaves[0].shape[axis])
    at = (slice(None),) * (axis % leaves[0].ndim)
    prefixes: list[Any] = []
    for n in reversed(order) if reverse else order:
        one = ag.tree.map(lambda x, n=n: x[(*at, n)], elems)
        prefixes.append(f(prefixes[-1], one) if prefixes else one)
    return ag.tree.map(lambda *parts: np.stack(parts, axis=axis), *(prefixes[::-1] if reverse else prefixes))
