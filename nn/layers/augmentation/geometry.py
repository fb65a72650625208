"""Images moved at random while training: flipped, cropped, rotated, shifted, zoomed, sheared, seen from elsewhere.

Arguments that the layers share:
    fill_mode: what comes from outside: "reflect" (d c b a | a b c d | d c b a), "wrap", "nearest" (the edge), or
        "constant", which is `fill_value`.
    fill_value: the value outside, for the mode "constant".
    interpolation: "bilinear" or "nearest".
    seed: of the layer's own random stream; None for the default generator.
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed, number, one_of, optional, positive
from ...config.fields import Converted, field
from ...ops.interpolation import interpolate
from ..arguments import DataFormatLike, as_data_format, stream
from ..convolution.resizing import ToSize
from ..convolution.spatial import one_or_many
from .base import Augmentation, Factor, Range, as_range, pixel_range
from .sampling import FILL_MODES, affine_places, homographies, sample_pixels

Array = npt.NDArray[Any]


class RandomFlip(Augmentation):
    """Flips every other image, at random, while training.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical": both or none.
        seed, data_format: see the module.

    Example:
        >>> RandomFlip("horizontal").transform([[[[1.0], [2.0]]]], flips=np.ones((1, 1, 1, 1), bool)).tolist()
        [[[[2.0], [1.0]]]]
    """

    mode: InitVar[str] = field(
        one_of("horizontal", "vertical", "horizontal_and_vertical"), default="horizontal_and_vertical"
    )
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def __post_init__(self, mode: str) -> None:
        super().__post_init__()
        self.directions = mode

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `flips`, booleans of shape (N, 1, 1, 1)."""
        return {"flips": self._uniform(x, (0.0, 1.0)) <= 0.5}

    def _change(self, x: Tensor, flips: Any) -> Tensor:
        axes = {"horizontal": (2,), "vertical": (1,)}.get(self.directions, (1, 2))
        return np.where(flips, np.flip(x, axis=axes), x)  # type: ignore[return-value]

    def extra_repr(self) -> str:
        return self.directions


class RandomCrop(ToSize):
    """Takes a part of the images, at a place that is drawn for each batch while training.

    In evaluation, and where an image is smaller than the part, it is the largest part of the same ratio of sides, from
    the middle, brought to the size by bilinear interpolation.

    Args:
        height, width: of the result.
        seed, data_format: see the module.

    Call it on x of shape (N, H, W, C); the result has shape (N, height, width, C).

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> RandomCrop(2, 2, seed=0)(np.ones((1, 5, 4, 3))).shape
        (1, 2, 2, 3)
    """

    height: int = field(positive)
    width: int = field(positive)
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def __post_init__(self) -> None:
        self.generator = stream("augmentation", self.seed)

    @one_or_many
    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return the part, shape (N, height, width, C)."""
        x = self._floating(x)
        h, w = (x.shape[a] for a in self._spatial_axes())
        if not (self.training if training is None else training) or h < self.height or w < self.width:
            return interpolate(self._cut_to_ratio(x), (self.height, self.width), self._spatial_axes(), "bilinear")
        draws = ag.random.uniform(2, generator=self.generator)
        part: Any = x
        for axis, draw, n, size in zip(self._spatial_axes(), draws, (h, w), (self.height, self.width), strict=True):
            part = np.take(part, (draw * (n - size + 1)).astype(np.intp) + np.arange(size), axis=axis)
        return cast("Tensor", part)


class _Moving(Augmentation):
    """Samples the images at other places; see the subclasses."""

    fill_mode = "constant"
    fill_value = 0.0
    interpolation = "bilinear"

    def _move(self, x: Tensor, matrices: Any) -> Tensor:
        """Return the images, where (column, row, 1) of the result stands for matrix (column, row, 1) of the input."""
        rows, columns = affine_places(x, matrices)
        return sample_pixels(x, rows, columns, self.interpolation, self.fill_mode, self.fill_value)

    def extra_repr(self) -> str:
        return f"interpolation={self.interpolation}, fill_mode={self.fill_mode}"


def _double(drawn: Any) -> Any:
    """Return draws in double precision; Tensors stay Tensors, so that replays compute with new draws."""
    return drawn.astype(np.float64) if isinstance(drawn, Tensor) else np.asarray(drawn, np.float64)


def _numbers(drawn: Any) -> Any:
    """Return one number for each image."""
    return _double(drawn).reshape(len(drawn), -1)


def _matrices(n: int, **elements: Any) -> Any:
    """Return unit matrices (n, 3, 3) with other elements, such as a01 in row 0 and column 1."""
    places = [(row, column) for row in range(3) for column in range(3)]
    each = [elements.get(f"a{row}{column}", np.full(n, float(row == column))) for row, column in places]
    return np.stack(each, axis=-1).reshape(n, 3, 3)


class RandomRotation(_Moving):
    """Turns images about their middle by an angle that is drawn while training.

    Args:
        factor: the angle as a share of a full turn, counterclockwise: drawn from -factor to factor, or between two
            numbers from -1 to 1.
        fill_mode, interpolation, seed, fill_value, data_format: see the module.

    Example:
        >>> x = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        >>> RandomRotation((0.25, 0.25))(x).data.round(5).tolist()
        [[[[2.0], [4.0]], [[1.0], [3.0]]]]
    """

    factor: Factor = field(as_range(-1, 1, mirrored=True))
    fill_mode: str = field(one_of(*FILL_MODES), default="reflect")
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    seed: Seed = field(as_seed, default=None)
    fill_value: float = field(number(), default=0.0)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `angle`, in degrees, shape (N, 1)."""
        return {"angle": self._uniform(x, (360 * self.factor[0], 360 * self.factor[1]), 1)}

    def _change(self, x: Tensor, angle: Any) -> Tensor:
        turn = _numbers(angle)[:, 0] * (math.pi / 180)
        cos, sin = np.cos(turn), np.sin(turn)
        r, c = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
        ends = {"a02": c - c * cos + r * sin, "a12": r - c * sin - r * cos}
        return self._move(x, _matrices(len(turn), a00=cos, a01=-sin, a10=sin, a11=cos, **ends))


class RandomTranslation(_Moving):
    """Shifts images by distances that are drawn while training.

    Args:
        height_factor: the shift downwards, as a share of the height: drawn from -factor to factor, or between two
            numbers from -1 to 1.
        width_factor: the same to the right.
        fill_mode, interpolation, seed, fill_value, data_format: see the module.

    Example:
        >>> RandomTranslation(0.0, (0.5, 0.5), "constant")([[[[1.0], [2.0]]]]).tolist()
        [[[[0.0], [1.0]]]]
    """

    height_factor: Factor = field(as_range(-1, 1, mirrored=True))
    width_factor: Factor = field(as_range(-1, 1, mirrored=True))
    fill_mode: str = field(one_of(*FILL_MODES), default="reflect")
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    seed: Seed = field(as_seed, default=None)
    fill_value: float = field(number(), default=0.0)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `translations` in pixels, to the right and downwards, shape (N, 2)."""
        h, w = self._size(x)
        down, right = self._uniform(x, self.height_factor, 1) * h, self._uniform(x, self.width_factor, 1) * w
        return {"translations": np.concatenate([right, down], axis=1)}

    def _change(self, x: Tensor, translations: Any) -> Tensor:
        right, down = _numbers(translations).T
        return self._move(x, _matrices(len(right), a02=-right, a12=-down))


class RandomZoom(_Moving):
    """Enlarges or shrinks images about their middle by factors that are drawn while training.

    Args:
        height_factor: 0.2 for 20 % more rows of the image in the result, which is smaller then, -0.2 for 20 % less:
            drawn from -factor to factor, or between two numbers above -1 and up to 1.
        width_factor: the same for columns; None to keep the ratio of the sides.
        fill_mode, interpolation, seed, fill_value, data_format: see the module.

    Example:
        >>> RandomZoom(0.0, (-0.5, -0.5))([[[[1.0], [2.0], [3.0]]]]).tolist()
        [[[[1.5], [2.0], [2.5]]]]
    """

    height_factor: Factor = field(as_range(-0.9999, 1, mirrored=True))
    width_factor: Converted[float | Sequence[float] | None, tuple[float, float] | None] = field(
        optional(as_range(-0.9999, 1, mirrored=True)), default=None
    )
    fill_mode: str = field(one_of(*FILL_MODES), default="reflect")
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    seed: Seed = field(as_seed, default=None)
    fill_value: float = field(number(), default=0.0)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `height_zoom` and `width_zoom`, shape (N, 1) each."""
        height = self._uniform(x, self.height_factor, 1) + 1.0
        width = height if self.width_factor is None else self._uniform(x, self.width_factor, 1) + 1.0
        return {"height_zoom": height, "width_zoom": width}

    def _change(self, x: Tensor, height_zoom: Any, width_zoom: Any) -> Tensor:
        v, h = _numbers(height_zoom)[:, 0], _numbers(width_zoom)[:, 0]
        ends = {"a02": (x.shape[2] - 1) / 2 * (1 - h), "a12": (x.shape[1] - 1) / 2 * (1 - v)}
        return self._move(x, _matrices(len(v), a00=h, a11=v, **ends))


class RandomShear(_Moving):
    """Shears images: a row moves the more to the side, and a column the more up, the farther it is from the corner.

    Args:
        x_factor: pixels to the side for each row: drawn from 0 to factor, or between two numbers from 0 to 1; the
            direction is drawn too.
        y_factor: pixels up for each column.
        interpolation, fill_mode, fill_value, data_format, seed: see the module.

    Example:
        >>> x = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        >>> RandomShear().transform(x, shear_factor=[[1.0, 0.0]]).tolist()
        [[[[1.0], [2.0]], [[4.0], [4.0]]]]
    """

    x_factor: Factor = field(as_range(0, 1), default=0.0)
    y_factor: Factor = field(as_range(0, 1), default=0.0)
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    fill_mode: str = field(one_of(*FILL_MODES), default="reflect")
    fill_value: float = field(number(), default=0.0)
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `shear_factor`, to the side and up, shape (N, 2)."""
        sign = np.where(self._uniform(x, (0.0, 1.0), 1) > 0.5, -1.0, 1.0)
        both = [self._uniform(x, self.x_factor, 1), self._uniform(x, self.y_factor, 1)]
        return {"shear_factor": np.concatenate(both, axis=1) * sign}

    def _change(self, x: Tensor, shear_factor: Any) -> Tensor:
        side, up = _numbers(shear_factor).T
        return self._move(x, _matrices(len(side), a01=side, a10=up))


class RandomPerspective(_Moving):
    """Shows images as a plane that is seen from elsewhere: its corners move to places that are drawn while training.

    Args:
        factor: the probability that an image is changed: drawn from 0 to factor, or between two numbers from 0 to 1.
        scale: how far corners move, 0 to 1: at most half of their distance from the first corner for 1.
        interpolation, fill_value, seed, data_format: see the module. What comes from outside is `fill_value`.

    Example:
        >>> RandomPerspective(scale=0.2, seed=0)(np.ones((2, 4, 5, 1))).shape
        (2, 4, 5, 1)
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    scale: float = field(number(0, 1), default=1.0)
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    fill_value: float = field(number(), default=0.0)
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `apply_perspective`, booleans (N, 1, 1, 1), and the corners before and after, (N, 4, 2)."""
        h, w = self._size(x)
        far_r, far_c = h - 1.0, w - 1.0
        start = np.tile([[[0.0, 0.0], [far_c, 0.0], [0.0, far_r], [far_c, far_r]]], (x.shape[0], 1, 1))
        applied = self._choose(x, self.factor)
        moves = self._uniform(x, (-0.5 * self.scale, 0.5 * self.scale), 4, 2)
        return {"apply_perspective": applied, "start_points": start, "end_points": start + start * moves}

    def _change(self, x: Tensor, apply_perspective: Any, start_points: Any, end_points: Any) -> Tensor:
        moved = self._move(x, homographies(_double(start_points), _double(end_points)))
        return np.where(apply_perspective, moved, x)  # type: ignore[return-value]


class RandomElasticTransform(_Moving):
    """Distorts images like rubber: every pixel comes from a place nearby, and neighbors from places alike.

    With d drawn for each batch, the displacements of rows and columns are 0.1 d max(H, W) s times normal noise that is
    blurred by a normal distribution of the standard deviation s = 0.05 d min(H, W).

    Args:
        factor: the probability that an image is changed: drawn from 0 to factor, or between two numbers from 0 to 1.
        scale: d, drawn from 0 to scale, or between two numbers from 0 to 1.
        interpolation, fill_mode, fill_value: see the module.
        value_range: the smallest and the largest value of a pixel; results are cut off there.
        seed, data_format: see the module.

    References:
        Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis,
        2003, section 2.

    Example:
        >>> RandomElasticTransform(seed=0)(np.ones((2, 8, 9, 1))).shape
        (2, 8, 9, 1)
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    scale: Factor = field(as_range(0, 1), default=1.0)
    interpolation: str = field(one_of("nearest", "bilinear"), default="bilinear")
    fill_mode: str = field(one_of(*FILL_MODES), default="reflect")
    fill_value: float = field(number(), default=0.0)
    value_range: Range = field(pixel_range, default=(0, 255))
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `apply_transform`, booleans (N, 1, 1, 1), and `displacements` of rows and columns, (2, N, H, W)."""
        h, w = self._size(x)
        chosen = self._choose(x, self.factor)
        d = ag.random.uniform((), *self.scale, generator=self.generator)
        noise = ag.random.normal((2, x.shape[0], h, w), generator=self.generator)
        sigma = 0.05 * d * min(h, w)
        return {"apply_transform": chosen, "displacements": 0.1 * d * max(h, w) * sigma * _BLUR(noise, sigma)}

    def _change(self, x: Tensor, apply_transform: Any, displacements: Any) -> Tensor:
        r, c = np.mgrid[: x.shape[1], : x.shape[2]][:, None] + _double(displacements)
        moved = sample_pixels(x, r, c, self.interpolation, self.fill_mode, self.fill_value)
        return np.clip(np.where(apply_transform, moved, x), *self.value_range)  # type: ignore[return-value]


def _blur(noise: Array, sigma: Array) -> Array:
    h, w = noise.shape[-2:]
    blurred: Array = _blurring(h, float(sigma)) @ noise @ _blurring(w, float(sigma)).T
    return blurred


# As an operation, so that replays blur new noise by a new width.
_BLUR = ag.structural("blur", _blur, None, infer=lambda noise, sigma: noise)


def _blurring(n: int, sigma: float) -> Array:
    """Return the matrix that blurs n values in a window of three standard deviations to each side; outside is 0."""
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    reach = int(6 * sigma) // 2
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(sigma, 1e-6)))
    inside = np.abs(distance) <= reach
    return np.where(inside, np.exp(-0.5 * np.square(distance / max(sigma, 1e-6))), 0) / weights.sum()
