"""Colors changed at random while training: brightness, contrast, hue, saturation, sharpness, and more.

Arguments that the layers share:
    value_range: the smallest and the largest value of a pixel, (low, high); results are cut off there.
    seed: of the layer's own random stream; None for the default generator.
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".

Where the images must have colors, their three channels are red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed
from ...config.fields import Converted, field
from ..arguments import DataFormatLike, as_data_format
from .base import Augmentation, Factor, as_range, pixel_range

Range = Sequence[float]


class FactoredAugmentation(Augmentation):
    """Has a factor that is drawn for each image, and a range of values."""

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `factor`, shape (N, 1, 1, 1)."""
        return {"factor": self._uniform(x, self.factor)}

    def _cut_off(self, x: Any) -> Tensor:
        return np.clip(x, *self.value_range)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


def grayscale(x: Tensor) -> Tensor:
    """Return the brightness of pixels with channels last, one channel: 0.2989 red + 0.587 green + 0.114 blue."""
    return x @ np.array([[0.2989], [0.587], [0.114]], x.dtype)


def _check_colors(layer: Augmentation, x: Tensor) -> None:
    if x.shape[-1] != 3:
        raise ag.ShapeError(
            f"{layer._speaker}: expected images with 3 channels, red, "
            f"green and blue; received {x.shape[-1]} with data_format={layer.data_format!r}"
        )


class RandomBrightness(FactoredAugmentation):
    """Adds a number to all pixels, drawn for each image while training: out = x + factor (high - low).

    Args:
        factor: from -1 for black to 1 for white: drawn from -factor to factor, or between two numbers.
        value_range, seed, data_format: see the module.

    Example:
        >>> RandomBrightness((0.5, 0.5), value_range=(0, 1))([[[[0.25], [0.75]]]]).tolist()
        [[[[0.75], [1.0]]]]
    """

    least, mirrored = -1.0, True

    factor: Factor = field(as_range(-1, 1, mirrored=True))
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None, kw_only=True)

    def _change(self, x: Tensor, factor: Any) -> Tensor:
        low, high = self.value_range
        return self._cut_off(x + factor * (high - low))


class RandomContrast(FactoredAugmentation):
    """Moves pixels away from, or towards, the mean of their channel: out = mean + factor (x - mean).

    Args:
        factor: drawn from 1 - f to 1 + f for a number f from 0 to 1, or from 1 - a to 1 + b for two, (a, b).
        value_range, seed, data_format: see the module.

    Example:
        >>> layer = RandomContrast(0.5, value_range=(0, 1))
        >>> layer.transform([[[[0.25], [0.75]]]], contrast_factor=1.5).tolist()
        [[[[0.125], [0.875]]]]
    """

    factor: Factor = field(as_range(0, 1, fixed=True))
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None, kw_only=True)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `contrast_factor`, shape (N, 1, 1, 1)."""
        return {"contrast_factor": self._uniform(x, (1 - self.factor[0], 1 + self.factor[1]))}

    def _change(self, x: Tensor, contrast_factor: Any) -> Tensor:
        mean = x.mean(axis=(1, 2), keepdims=True)
        return self._cut_off((x - mean) * contrast_factor + mean)


class RandomColorDegeneration(FactoredAugmentation):
    """Moves images towards their gray ones: out = x + factor (gray - x).

    Args:
        factor: from 0 for the image to 1 for the gray one: drawn from 0 to factor, or between two numbers.
        value_range, seed, data_format: see the module.

    Example:
        >>> RandomColorDegeneration((1.0, 1.0))([[[[100.0, 0.0, 0.0]]]]).data.round().tolist()
        [[[[30.0, 30.0, 30.0]]]]
    """

    factor: Factor = field(as_range(0, 1))
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def _change(self, x: Tensor, factor: Any) -> Tensor:
        _check_colors(self, x)
        return self._cut_off(x + factor * (grayscale(x) - x))


class RandomGrayscale(Augmentation):
    """Makes images gray, each with some probability, while training.

    Args:
        factor: the probability.
        data_format, seed: see the module.

    Example:
        >>> RandomGrayscale(1.0)([[[[100.0, 0.0, 0.0]]]]).data.round().tolist()
        [[[[30.0, 30.0, 30.0]]]]
    """

    factor: Converted[float | Sequence[float], float] = field(
        lambda owner, name, value: as_range(0, 1)(owner, name, value)[1], default=0.5
    )
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `should_apply`, booleans of shape (N, 1, 1, 1)."""
        return {"should_apply": self._uniform(x, (0.0, 1.0)) < self.factor}

    def _change(self, x: Tensor, should_apply: Any) -> Tensor:
        _check_colors(self, x)
        return np.where(should_apply, grayscale(x), x)  # type: ignore[return-value]

    def extra_repr(self) -> str:
        return f"{self.factor:g}"


class RandomInvert(FactoredAugmentation):
    """Turns images into their negatives, each with some probability, while training: out = low + high - x.

    Args:
        factor: the probability: drawn from 0 to factor, or between two numbers from 0 to 1, for each image.
        value_range, seed, data_format: see the module.

    Example:
        >>> RandomInvert((1.0, 1.0), value_range=(0, 1))([[[[0.25]]]]).tolist()
        [[[[0.75]]]]
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `apply_inversion`, booleans of shape (N, 1, 1, 1)."""
        return {"apply_inversion": self._choose(x, self.factor)}

    def _change(self, x: Tensor, apply_inversion: Any) -> Tensor:
        return np.where(apply_inversion, sum(self.value_range) - x, x)  # type: ignore[return-value]


def hue_saturation_value(x: Tensor) -> tuple[Any, Any, Any]:
    """Return the hue, from 0 to 1, the saturation, from 0 to 1, and the value of pixels with channels last.

    References:
        Smith: Color Gamut Transform Pairs, 1978, section "Hexcone".
    """
    red, green, blue = (x[..., i] for i in range(3))
    value = x.max(axis=-1)
    spread = value - x.min(axis=-1)
    gray = spread <= 0
    saturation: Any = spread / np.where(value > 0, value, 1.0)
    sixth: Any = 1.0 / (6.0 * np.where(gray, 1.0, spread))
    is_red, is_green = np.equal(red, value), np.equal(green, value)
    hue: Any = np.where(
        is_red,
        (green - blue) * sixth,
        np.where(is_green, (blue - red) * sixth + 1 / 3, (red - green) * sixth + 2 / 3),
    )
    hue = np.where(gray, 0.0, hue)
    return hue + np.less(hue, 0), saturation, value


def from_hue_saturation_value(hue: Any, saturation: Any, value: Any) -> Tensor:
    """Return the pixels of a hue, saturation and value, with channels last; undoes `hue_saturation_value`."""
    sixths = (hue - np.floor(hue)) * 6.0
    shares = [
        np.clip(np.abs(sixths - 3.0) - 1.0, 0.0, 1.0),
        np.clip(2.0 - np.abs(sixths - 2.0), 0.0, 1.0),
        np.clip(2.0 - np.abs(sixths - 4.0), 0.0, 1.0),
    ]
    return np.stack([value * (1.0 - saturation + saturation * share) for share in shares], axis=-1)  # type: ignore[return-value]


class RandomSaturation(FactoredAugmentation):
    """Makes the colors of images paler or stronger: multiplies their saturation by factor / (1 - factor).

    Args:
        factor: 0 for gray, 0.5 for no change, 1 for full colors: drawn from 0 to factor, or between two numbers.
        value_range, data_format, seed: see the module.

    Example:
        >>> RandomSaturation((0.0, 0.0))([[[[100.0, 50.0, 0.0]]]]).tolist()
        [[[[100.0, 100.0, 100.0]]]]
    """

    factor: Factor = field(as_range(0, 1))
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `factor`, the multiplier of the saturation, shape (N, 1, 1, 1)."""
        factor = self._uniform(x, self.factor)
        return {"factor": factor / (1.0 - factor + 1e-7)}

    def _change(self, x: Tensor, factor: Any) -> Tensor:
        _check_colors(self, x)
        hue, saturation, value = hue_saturation_value(x)
        return from_hue_saturation_value(hue, np.clip(saturation * factor[..., 0], 0.0, 1.0), value)


class RandomHue(FactoredAugmentation):
    """Turns the hue of images: adds factor / 2 or -factor / 2 to it, where 1 is the whole circle of colors.

    Args:
        factor: from 0 for no change to 1 for the opposite color: drawn from 0 to factor, or between two numbers.
        value_range, data_format, seed: see the module.

    Example:
        >>> RandomHue((1.0, 1.0))([[[[255.0, 0.0, 0.0]]]]).data.round(3).tolist()
        [[[[0.0, 255.0, 255.0]]]]
    """

    factor: Factor = field(as_range(0, 1))
    value_range: Range = field(pixel_range, default=(0, 255))
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `factor`, the shift of the hue, shape (N, 1, 1, 1)."""
        half = np.where(self._uniform(x, (0.0, 1.0)) > 0.5, -0.5, 0.5).astype(self.dtype)
        return {"factor": self._uniform(x, self.factor) * half}

    def _change(self, x: Tensor, factor: Any) -> Tensor:
        _check_colors(self, x)
        low, high = self.value_range
        hue, saturation, value = hue_saturation_value((x - low) / (high - low))
        return self._cut_off(from_hue_saturation_value(hue + factor[..., 0], saturation, value) * (high - low) + low)


class RandomColorJitter(Augmentation):
    """Changes brightness, contrast, saturation and hue at random, one after the other, while training.

    Args:
        value_range, data_format: see the module.
        brightness_factor: from -1 for black to 1 for white: drawn from -factor to factor, or between two numbers; None
            for no change.
        contrast_factor: drawn from 1 - f to 1 + f for a number f from 0 to 1, or from 1 - a to 1 + b for two, (a, b);
            None for no change.
        saturation_factor: 0 for gray, 0.5 for no change, 1 for full colors: drawn from 0 to factor, or between two
            numbers; None for no change.
        hue_factor: from 0 for no change to 1 for the opposite color: drawn from 0 to factor, or between two numbers;
            None for no change.
        seed: of its own streams; by default the default generator.

    Example:
        >>> layer = RandomColorJitter((0, 1), brightness_factor=(0.5, 0.5), contrast_factor=(0.0, 0.0))
        >>> layer([[[[0.25], [0.75]]]]).tolist()
        [[[[0.75], [1.0]]]]
    """

    value_range: Range = field(pixel_range, default=(0, 255))
    brightness_factor: float | Sequence[float] | None = field(default=None)
    contrast_factor: float | Sequence[float] | None = field(default=None)
    saturation_factor: float | Sequence[float] | None = field(default=None)
    hue_factor: float | Sequence[float] | None = field(default=None)
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = (
            ("brightness", RandomBrightness, self.brightness_factor),
            ("contrast", RandomContrast, self.contrast_factor),
            ("saturation", RandomSaturation, self.saturation_factor),
            ("hue", RandomHue, self.hue_factor),
        )
        # A seed for each, since draws from the same stream would go together.
        self.parts: dict[str, FactoredAugmentation] = {
            name: kind(
                factor,
                self.value_range,
                seed=self.seed + i if isinstance(self.seed, int) else self.seed,
                data_format=self.data_format,
                dtype=self.dtype,
            )
            for i, (name, kind, factor) in enumerate(kinds)
            if factor is not None
        }

    def draw(self, x: Any) -> dict[str, Any]:
        """Return the draws of the parts by their names."""
        return {name: part.draw(x) for name, part in self.parts.items()}

    def transform(self, x: Any, **drawn: Any) -> Tensor:
        """Return images that are changed as the draws say, of x's shape."""
        for name, part in self.parts.items():
            x = part.transform(x, **drawn[name])
        return x
