"""Images whose values are spread by their histograms: of a whole channel, or of each tile of an image.

Histograms have no gradient, so neither have the results.

Arguments that the layers share:
    value_range: the smallest and the largest value of a pixel, (low, high).
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import asarray_like, to_numpy

from ...config.arguments import lengths, number, positive
from ...config.fields import field
from ...config.limits import room
from ..arguments import DataFormatLike, LengthsLike, as_data_format
from .base import Augmentation, Range, pixel_range

Array = npt.NDArray[Any]
_LEVELS = 256


def _equalize(values: Array, *, bins: int) -> Array:
    """Return images (N, H, W, C) of values from 0 to 255 with each channel equalized."""
    return np.stack([_one_equalized(values[..., c], bins) for c in range(values.shape[-1])], axis=-1)


def _one_equalized(values: Array, bins: int) -> Array:
    # The steps of the histogram, and of the look-up, as Keras takes them.
    inside = np.clip((values * (bins - 1) / 255).astype(np.int32), 0, bins - 1)
    counts = np.bincount(inside.ravel(), minlength=bins)
    if np.count_nonzero(counts) <= 1:
        return values
    below = np.cumsum(counts)
    least = below[np.flatnonzero(below)[0]]
    table = np.round((below - least) * 255 / (below[-1] - least)).astype(values.dtype)
    places = np.clip((values / 255) * (bins - 1), 0, bins - 1).astype(np.int32)
    equalized: Array = table[places]
    return equalized


def _locally_equalized(values: Array, *, clip_limit: float, grid: tuple[int, ...]) -> Array:
    """Return images (N, H, W, C) of values from 0 to 255 with each tile equalized; see the layer."""
    like, values = values, to_numpy(values)  # whose integers are counted by NumPy
    h, w = values.shape[1:3]
    tiles = [-(-n // count) for n, count in zip((h, w), grid, strict=True)]
    more = [(0, size * count - n) for n, count, size in zip((h, w), grid, tiles, strict=True)]
    levels = np.pad(values, ((0, 0), *more, (0, 0)), mode="symmetric").astype(np.int32).clip(0, _LEVELS - 1)
    spread = _interpolate(_tables(levels, tiles, grid, clip_limit), levels, tiles)
    equalized: Array = asarray_like(spread[:, :h, :w].astype(values.dtype), like)
    return equalized


# As operations, so that programs that were traced compute them anew.
_EQUALIZE = ag.structural("equalize", _equalize, None, infer=lambda x, **_: x)
_EQUALIZE_LOCALLY = ag.structural("equalize_locally", _locally_equalized, None, infer=lambda x, **_: x)


class Equalization(Augmentation):
    """Spreads the values of each channel so that each is about as frequent as any other, while training.

    With h_b how many values are at most in bin b, the pixels of bin b become 255 (h_b - h_min) / (h_max - h_min),
    rounded, where h_min is the first that is not 0. As in Keras, the histogram of a channel is that of a whole batch.

    Args:
        value_range, data_format: see the module.
        bins: how many there are.

    References:
        Gonzalez, Woods: Digital Image Processing, 2018, section 3.3.

    Example:
        >>> Equalization()([[[[100.0], [101.0], [102.0], [102.0]]]]).tolist()
        [[[[0.0], [85.0], [255.0], [255.0]]]]
    """

    value_range: Range = field(pixel_range, default=(0, 255))
    bins: int = field(positive, default=_LEVELS)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def _change(self, x: Tensor) -> Tensor:
        low, high = self.value_range
        return _EQUALIZE((x - low) * (255 / (high - low)), bins=self.bins) * ((high - low) / 255) + low

    def extra_repr(self) -> str:
        return f"bins={self.bins}"


class ContrastLimitedAdaptiveHistogramEqualization(Augmentation):
    """Spreads the values of each tile of an image by its histogram, in training and in evaluation.

    Counts above `clip_limit` times the mean count are cut off and shared out to all 256 levels, which bounds how much
    noise is amplified. Between the middles of the tiles the results of the four nearest are interpolated.

    Args:
        value_range, data_format: see the module.
        clip_limit: 0 for no limit.
        tile_grid_size: how many tiles there are along height and width.

    Images are filled up to whole tiles by their mirror images. Keras on PyTorch repeats the edge instead, and rounds
    the limit down.

    References:
        Zuiderveld: Contrast Limited Adaptive Histogram Equalization, in Graphics Gems IV, 1994.

    Example:
        >>> layer = ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0, tile_grid_size=1)
        >>> layer([[[[0.0], [1.0], [2.0], [2.0]]]]).data.round().ravel().tolist()
        [0.0, 85.0, 255.0, 255.0]
    """

    _always = True
    value_range: Range = field(pixel_range, default=(0, 255))
    clip_limit: float = field(number(0), default=4.0)
    tile_grid_size: LengthsLike = field(lengths, default=(8, 8))
    data_format: DataFormatLike = field(as_data_format, default=None)

    def _change(self, x: Tensor) -> Tensor:
        low, high = self.value_range
        room((x.shape[0], *self.tile_grid_size, x.shape[-1], _LEVELS, 8))  # of histograms, a few at a time
        values = (x - low) * (255 / (high - low))
        spread = _EQUALIZE_LOCALLY(values, clip_limit=self.clip_limit, grid=tuple(self.tile_grid_size))
        return spread * ((high - low) / 255) + low

    def extra_repr(self) -> str:
        return f"clip_limit={self.clip_limit:g}, tile_grid_size={self.tile_grid_size}"


def _tables(levels: Array, tiles: list[int], grid: tuple[int, ...], clip_limit: float) -> Array:
    """Return what each level of each tile becomes, shape (N, rows, columns, C, 256)."""
    n, c = levels.shape[0], levels.shape[3]
    (rows, columns), (height, width) = grid, tiles
    parts = levels.reshape(n, rows, height, columns, width, c).transpose(0, 1, 3, 5, 2, 4).reshape(-1, height * width)
    first = np.arange(len(parts))[:, None] * _LEVELS
    counts = np.bincount((first + parts).ravel(), minlength=len(parts) * _LEVELS).astype(np.float32)
    counts = counts.reshape(n, rows, columns, c, _LEVELS)
    size = height * width
    if clip_limit > 0:
        clipped = np.minimum(counts, np.float32(clip_limit * size / _LEVELS))
        counts = clipped + (counts - clipped).sum(axis=-1, keepdims=True) / np.float32(_LEVELS)
    below = np.cumsum(counts, axis=-1)
    least = below[..., :1]
    others = np.where(size == least, 1, size - least)
    tables: Array = np.clip((below - least) * 255 / others, 0, 255)
    return tables


def _interpolate(tables: Array, levels: Array, tiles: list[int]) -> Array:
    """Return each pixel as the four nearest tiles map it, weighted by the distance to their middles."""
    around = np.pad(tables, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
    n, h, w, c = levels.shape
    near, shares = [], []
    for length, size in ((h, tiles[0]), (w, tiles[1])):
        place = (np.arange(length, dtype=np.float32) - size / 2) / size + 1
        near.append(np.floor(place).astype(np.intp))
        shares.append(place - np.floor(place))
    images, channels = np.arange(n)[:, None, None, None], np.arange(c)
    result: Any = 0
    for down in (0, 1):
        for right in (0, 1):
            rows, columns = (near[0] + down)[:, None, None], (near[1] + right)[:, None]
            share = np.abs(1 - down - shares[0])[:, None, None] * np.abs(1 - right - shares[1])[:, None]
            result = result + around[images, rows, columns, channels, levels] * share
    image: Array = result
    return image
