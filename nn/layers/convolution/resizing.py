"""Layers that change spatial size: upsampling, resizing and center crop.

Argument that the layers share:
    data_format: "channels_last", shape (N, *S, C), or "channels_first", shape (N, C, *S).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd_lite import Tensor

from ...config.arguments import flag, lengths, number, one_of, positive
from ...config.fields import field
from ...config.limits import room
from ...module.module import Shape
from ...ops.interpolation import INTERPOLATIONS, interpolate
from ..arguments import DataFormatLike, LengthsLike, as_data_format
from .spatial import Spatial, one_or_many


class _UpSampling(Spatial):
    """Lengthens each spatial axis by a factor; see the subclasses."""

    interpolation = "nearest"

    def call(self, x: Tensor) -> Tensor:
        """Return x with longer spatial axes."""
        self._check_rank(x.shape)
        axes = self._spatial_axes()
        if self.interpolation == "nearest":
            for axis, factor in zip(axes, self.size, strict=True):
                x = np.repeat(x, factor, axis=axis)  # type: ignore[assignment]
            return x
        x = self._floating(x)
        sizes = tuple(x.shape[a] * factor for a, factor in zip(axes, self.size, strict=True))
        return interpolate(x, sizes, axes, self.interpolation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with the spatial lengths times their factors."""
        size, channels = self._split_shape(input_shape)
        longer = [None if n is None else n * factor for n, factor in zip(size, self.size, strict=True)]
        return self._join_shape(input_shape[0], longer, channels)

    def extra_repr(self) -> str:
        how = "" if self.interpolation == "nearest" else f", interpolation={self.interpolation}"
        return f"size={self.size[0] if self.rank == 1 else self.size}{how}"


class UpSampling1D(_UpSampling, rank=1):
    """Repeats each step of sequences.

    Args:
        size: how many times.

    Call it on x of shape (N, T, C); the result has shape (N, size T, C).

    Example:
        >>> UpSampling1D(2)([[[1.0], [2.0]]]).tolist()
        [[[1.0], [1.0], [2.0], [2.0]]]
    """

    size: LengthsLike = field(lengths, default=2)


class UpSampling2D(_UpSampling, rank=2):
    """Lengthens the rows and columns of images, by repeating pixels or by interpolation.

    Args:
        size: the factor, or one for rows and one for columns.
        data_format: see the module.
        interpolation: "nearest" to repeat, "bilinear", "bicubic", "lanczos3" or "lanczos5".

    Call it on x of shape (N, H, W, C); the result has shape (N, size H, size W, C).

    Example:
        >>> UpSampling2D((1, 2), interpolation="bilinear")([[[[0.0], [4.0]]]]).tolist()
        [[[[0.0], [1.0], [3.0], [4.0]]]]
    """

    size: LengthsLike = field(lengths, default=(2, 2))
    data_format: DataFormatLike = field(as_data_format, default=None)
    interpolation: str = field(one_of(*INTERPOLATIONS), default="nearest")


class UpSampling3D(_UpSampling, rank=3):
    """Repeats the elements of volumes along their spatial axes.

    Args:
        size: the factor, or one for each spatial axis.
        data_format: see the module.

    Call it on x of shape (N, D, H, W, C); the result has longer D, H and W.

    Example:
        >>> UpSampling3D((1, 2, 3)).compute_output_shape((None, 4, 5, 6, 3))
        (None, 4, 10, 18, 3)
    """

    size: LengthsLike = field(lengths, default=(2, 2, 2))
    data_format: DataFormatLike = field(as_data_format, default=None)


class ToSize(Spatial, rank=2):
    """Makes images of a given height and width."""

    def _crop(self, x: Tensor, height: int, width: int, top: int, left: int) -> Tensor:
        inside = (slice(top, top + height), slice(left, left + width))
        return x[(slice(None), *inside)] if self.data_format == "channels_last" else x[(..., *inside)]

    def _cut_to_ratio(self, x: Tensor) -> Tensor:
        """Return the largest part from the middle that has the ratio of the sides of the result."""
        h, w = (x.shape[a] for a in self._spatial_axes())
        height = max(min(h, w * self.height // self.width), 1)
        width = max(min(w, h * self.width // self.height), 1)
        return self._crop(x, height, width, (h - height) // 2, (w - width) // 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with the given height and width."""
        return self._join_shape(input_shape[0], (self.height, self.width), self._split_shape(input_shape)[1])

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}"


class Resizing(ToSize):
    """Makes images of a given height and width, by interpolation.

    Args:
        height, width: of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether to cut off what does not fit the new ratio of sides, rather than distort.
        pad_to_aspect_ratio: whether to put `fill_value` around instead.
        fill_mode: "constant".
        fill_value: of the padding.
        antialias: whether pixels of smaller images are means of what they cover; not with "nearest".
        data_format: see the module.

    Call it on x of shape (N, H, W, C); the result has shape (N, height, width, C).

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> Resizing(1, 2)([[[[0.0], [1.0], [2.0], [3.0]]]]).tolist()
        [[[[0.5], [2.5]]]]
    """

    height: int = field(positive)
    width: int = field(positive)
    interpolation: str = field(one_of(*INTERPOLATIONS), default="bilinear")
    crop_to_aspect_ratio: bool = field(flag, default=False)
    pad_to_aspect_ratio: bool = field(flag, default=False)
    fill_mode: str = field(one_of("constant"), default="constant")
    fill_value: float = field(number(), default=0.0)
    antialias: bool = field(flag, default=False)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def __post_init__(self) -> None:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError("Resizing: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio; received both")

    @one_or_many
    def call(self, x: Tensor) -> Tensor:
        """Return the images in the new size."""
        x = self._floating(x)
        if self.crop_to_aspect_ratio:
            x = self._cut_to_ratio(x)
        elif self.pad_to_aspect_ratio:
            x = self._padded_to_ratio(x)
        return interpolate(x, (self.height, self.width), self._spatial_axes(), self.interpolation, self.antialias)

    def _padded_to_ratio(self, x: Tensor) -> Tensor:
        h, w = (x.shape[a] for a in self._spatial_axes())
        # The same width on both sides, as in Keras: one pixel less than the ratio where the difference is odd.
        rows = (max(h, w * self.height // self.width) - h) // 2
        columns = (max(w, h * self.width // self.height) - w) // 2
        room((h + 2 * rows, w + 2 * columns))
        around: Sequence[tuple[int, int]] = ((rows, rows), (columns, columns))
        widths = ((0, 0), *around, (0, 0)) if self.data_format == "channels_last" else ((0, 0), (0, 0), *around)
        return np.pad(x, widths, constant_values=self.fill_value)  # type: ignore[return-value]


class CenterCrop(ToSize):
    """Takes the middle of images; smaller ones are cut to the ratio of the sides and enlarged.

    Args:
        height, width: of the result.
        data_format: see the module.

    Call it on x of shape (N, H, W, C); the result has shape (N, height, width, C).

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> CenterCrop(1, 2)([[[[0.0], [1.0], [2.0], [3.0]]]]).tolist()
        [[[[1.0], [2.0]]]]
    """

    height: int = field(positive)
    width: int = field(positive)
    data_format: DataFormatLike = field(as_data_format, default=None)

    @one_or_many
    def call(self, x: Tensor) -> Tensor:
        """Return the middle of the images."""
        x = self._floating(x)
        h, w = (x.shape[a] for a in self._spatial_axes())
        if h >= self.height and w >= self.width:
            return self._crop(x, self.height, self.width, (h - self.height) // 2, (w - self.width) // 2)
        return interpolate(self._cut_to_ratio(x), (self.height, self.width), self._spatial_axes(), "bilinear")
