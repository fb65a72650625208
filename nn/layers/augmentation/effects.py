"""Images blurred, sharpened, erased, mixed, or reduced to fewer values at random while training.

Arguments that the layers share:
    value_range: the smallest and the largest value of a pixel, (low, high).
    seed: of the layer's own random stream; None for the default generator.
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, argument_error, as_seed, is_number, lengths, optional
from ...config.fields import Converted, field
from ..arguments import DataFormatLike, LengthsLike, as_data_format
from .base import Augmentation, Factor, as_range, pixel_range
from .color import FactoredAugmentation

Range = Sequence[float]

Array = npt.NDArray[Any]


class RandomSharpness(FactoredAugmentation):
    """Blurs or sharpens images: out = x + (1 - 2 factor) (blurred - x).

    The blurred pixel is the mean of its neighbors and itself, with weights 1 and 5; outside is 0.

    Args:
        factor: 0 for blurred, 0.5 for no change, 1 for sharpened: drawn from 0 to factor, or between two numbers.
        value_range, seed, data_format: see the module.

    Example:
        >>> RandomSharpness((0.0, 0.0))([[[[13.0], [26.0], [0.0]]]]).data.round(3).tolist()
        [[[[7.0], [11.0], [2.0]]]]
    """

    factor: Factor = field(as_range(0, 1))
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def _change(self, x: Tensor, factor: Any) -> Tensor:
        channels = x.shape[-1]
        weights = np.ones((3, 3, 1, channels), x.dtype)
        weights[1, 1] = 5
        blurred = ag.convolution(x, weights / 13, padding="same", groups=channels)
        return self._cut_off(x + (1.0 - 2.0 * factor) * (blurred - x))


class RandomGaussianBlur(Augmentation):
    """Blurs images, each with some probability, with the weights of a normal distribution; outside is 0.

    Args:
        factor: the probability: drawn from 0 to factor, or between two numbers from 0 to 1, for each image.
        kernel_size: the width of the window in pixels, odd, or two, for columns and rows.
        sigma: the standard deviation in pixels, drawn from 0 to sigma, or between two numbers up to 1, once for the
            columns and once for the rows of a batch.
        value_range, data_format, seed: see the module.

    Example:
        >>> layer = RandomGaussianBlur(kernel_size=3)
        >>> x = [[[[0.0], [1.0], [0.0]]]]
        >>> y = layer.transform(x, should_apply_blur=True, blur_factor=[1.0, 1e-6])
        >>> y.data.ravel().round(3).astype(str).tolist()
        ['0.274', '0.452', '0.274']
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    kernel_size: LengthsLike = field(lengths, default=3)
    sigma: Factor = field(as_range(0, 1), default=1.0)
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(n % 2 == 0 for n in self.kernel_size):
            raise ValueError(f"RandomGaussianBlur: expected odd kernel_size; received kernel_size={self.kernel_size!r}")

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `should_apply_blur`, booleans of shape (N, 1, 1, 1), and `blur_factor`, for columns and rows."""
        chosen = self._choose(x, self.factor)
        sigma = ag.random.uniform(2, *self.sigma, dtype=self.dtype, generator=self.generator) + 1e-6
        return {"should_apply_blur": chosen, "blur_factor": sigma}

    def _change(self, x: Tensor, should_apply_blur: Any, blur_factor: Any) -> Tensor:
        columns, rows = (self._weights(n, blur_factor[i], x) for i, n in enumerate(self.kernel_size))
        window = np.multiply(rows[:, None], columns)[:, :, None, None]
        kernel: Any = np.broadcast_to(window, (*window.shape[:3], x.shape[-1]))
        blurred = ag.convolution(x, kernel, padding="same", groups=x.shape[-1])
        result: Any = np.where(should_apply_blur, blurred, x)
        return result.clip(*self.value_range)

    def _weights(self, n: int, sigma: Any, x: Tensor) -> Any:
        places = np.arange(n, dtype=x.dtype) - (n - 1) / 2
        weights: Any = np.exp(-0.5 * np.square(places / sigma))
        return (weights / weights.sum()).astype(x.dtype)


def _bits(owner: Any, name: str, value: Any) -> tuple[int, int]:
    low, high = as_range(1, 8, fixed=True)(owner, name, value)
    if low != int(low) or high != int(high):
        raise argument_error(ValueError, owner, name, "whole numbers of bits", value)
    return int(low), int(high)


class RandomPosterization(Augmentation):
    """Reduces each channel to 2**bits values, while training.

    Args:
        factor: the bits, an integer from 1 to 8, or two, between which they are drawn for each image, both included.
        value_range, data_format, seed: see the module.

    The result is constant between steps, and has no gradient.

    Example:
        >>> RandomPosterization(1)([[[[100.0], [200.0]]]]).tolist()
        [[[[0.0], [128.0]]]]
    """

    factor: Converted[int | Sequence[int], tuple[int, int]] = field(_bits)
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `shift_factor`, the bits that are dropped, of shape (N, 1, 1, 1)."""
        low, high = self.factor
        return {"shift_factor": 8 - np.minimum(np.floor(self._uniform(x, (low, high + 1))), high)}

    def _change(self, x: Tensor, shift_factor: Any) -> Tensor:
        low, high = self.value_range
        step: Any = np.exp2(shift_factor)
        bytes_: Any = np.floor((x - low) * (255 / (high - low)))
        return (np.floor(bytes_ / step) * step * ((high - low) / 255) + low).astype(x.dtype)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class Solarization(Augmentation):
    """Adds a number to all pixels and turns those at or above a threshold into their negatives, while training.

    Args:
        addition_factor: the number to add, as a share of high - low: drawn for each image from 0 to factor, or between
            two numbers from 0 to 1.
        threshold_factor: the threshold, as a share of the way from low to high, drawn alike.
        value_range, seed: see the module.

    Example:
        >>> Solarization(threshold_factor=(0.5, 0.5), value_range=(0, 1))([[[[0.25], [0.75]]]]).tolist()
        [[[[0.25], [0.25]]]]
    """

    addition_factor: Factor = field(as_range(0, 1), default=0.0)
    threshold_factor: Factor = field(as_range(0, 1), default=0.0)
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `additions` and `thresholds`, from 0 to 255, of shape (N, 1, 1, 1) each."""
        added, threshold = (self._uniform(x, ends) for ends in (self.addition_factor, self.threshold_factor))
        return {"additions": added * 255.0, "thresholds": threshold * 255.0}

    def _change(self, x: Tensor, additions: Any, thresholds: Any) -> Tensor:
        low, high = self.value_range
        share = (high - low) / 255
        x = np.clip(x + additions * share, low, high)
        return np.where(x < low + thresholds * share, x, low + high - x)  # type: ignore[return-value]


class AutoContrast(Augmentation):
    """Stretches the values of each channel of each image to the whole range, in training and in evaluation.

    A channel of one value stays as it is.

    Args:
        value_range: see the module.

    Example:
        >>> AutoContrast()([[[[100.0], [120.0], [200.0]]]]).tolist()
        [[[[0.0], [51.0], [255.0]]]]
    """

    _always = True
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)

    def _change(self, x: Tensor) -> Tensor:
        low, high = self.value_range
        least, most = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
        plain = most <= least
        spread: Any = np.where(plain, 1.0, most - least)
        stretched = (x - least) * ((high - low) / spread) + low
        return np.where(plain, x, stretched).astype(x.dtype)  # type: ignore[return-value]


def box(lengths: tuple[int, int], shares: Any, places: Any) -> Any:
    """Return where the pixels (N, H, W, 1) lie in a box of each image.

    Args:
        lengths: H and W.
        shares: the height and the width of the boxes, as shares of the image's, shape (N, 2).
        places: where they begin, 0 for the first place that is possible and 1 for the last, shape (N, 2).
    """
    inside: Any = True
    for axis, n in enumerate(lengths):
        size = shares[:, axis, None] * n
        begin = places[:, axis, None] * (n - size)
        i = np.arange(n)
        here = np.logical_and(i >= begin, i < begin + size)
        inside = np.logical_and(inside, here[:, :, None, None] if axis == 0 else here[:, None, :, None])
    return inside


def _colors(owner: Any, name: str, value: Any) -> Array:
    colors = value if isinstance(value, (tuple, list)) else [value]
    if not all(map(is_number, colors)):
        raise argument_error(TypeError, owner, name, "a number, or one for each channel", value)
    return np.asarray(colors, owner.dtype)


class RandomErasing(FactoredAugmentation):
    """Puts noise or a color in a box of images, each with some probability, while training.

    Args:
        factor: the probability: drawn from 0 to factor, or between two numbers from 0 to 1, for each image.
        scale: the squares of the box's height and width as shares of the image's: drawn from 0 to scale, or between two
            numbers from 0 to 1.
        fill_value: a number, or one for each channel; None for normal noise around low, cut off to the range.
        value_range, seed, data_format: see the module.

    References:
        Zhong, Zheng, Kang, Li, Yang: Random Erasing Data Augmentation, 2017, algorithm 1.

    Example:
        >>> RandomErasing((1.0, 1.0), scale=(1.0, 1.0), fill_value=7.0)(np.zeros((1, 1, 2, 1))).tolist()
        [[[[7.0], [7.0]]]]
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    scale: Factor = field(as_range(0, 1), default=(0.02, 0.33))
    fill_value: Converted[float | Sequence[float] | None, Array | None] = field(optional(_colors), default=None)
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `apply_erasing`, booleans (N, 1, 1, 1), `batch_masks`, (N, H, W, 1), and `fill_value`."""
        shares = np.sqrt(self._uniform(x, self.scale, 2))
        inside = box(self._size(x), shares, self._uniform(x, (0.0, 1.0), 2))
        fill: Any = self.fill_value
        chosen = self._choose(x, self.factor)
        if fill is None:
            shape = (x.shape[0], *self._size(x), self._split_shape(x.shape)[1] or 0)
            low, high = self.value_range
            fill = low + (high - low) * ag.random.normal(shape, dtype=self.dtype, generator=self.generator)
        return {"apply_erasing": chosen, "batch_masks": inside, "fill_value": self._cut_off(fill)}

    def _change(self, x: Tensor, apply_erasing: Any, batch_masks: Any, fill_value: Any) -> Tensor:
        return np.where(np.logical_and(apply_erasing, batch_masks), fill_value, x).astype(x.dtype)  # type: ignore[return-value]
