"""Adaptive pooling: windows that cover the spatial axes evenly, as many as are asked for.

Along an axis of length n, window i of m begins at floor(i n / m) and ends before ceil((i + 1) n / m).

Arguments that the layers share:
    output_size: one integer, or one for each spatial axis: the number of windows.
    data_format: "channels_last", shape (N, *S, C), or "channels_first", shape (N, C, *S).

References:
    He, Zhang, Ren, Sun: Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition, 2014,
    section 2.2 (bins in proportion to the size of the image).
"""

from __future__ import annotations

from typing import Any

from autograd_lite import Tensor

from ...config.arguments import lengths
from ...config.fields import field
from ...module.module import Shape
from ...ops.interpolation import average_evenly, largest_evenly
from ..arguments import DataFormatLike, LengthsLike, as_data_format
from .spatial import Spatial


class _AdaptivePooling(Spatial):
    """Pooling one axis after the other.

    Args:
        output_size, data_format: see the module.
    """

    output_size: LengthsLike = field(lengths)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def call(self, x: Tensor) -> Tensor:
        """Return the pooled windows."""
        x = self._floating(x)
        for axis, m in zip(self._spatial_axes(), self.output_size, strict=True):
            if x.shape[axis] != m:
                x = self._pool(x, axis, m)
        return x

    def _pool(self, x: Tensor, axis: int, m: int) -> Tensor:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *output_size, C), or (batch, C, *output_size) with channels first."""
        return self._join_shape(input_shape[0], self.output_size, self._split_shape(input_shape)[1])

    def extra_repr(self) -> str:
        return f"output_size={self.output_size[0] if self.rank == 1 else self.output_size}"


class _AdaptiveAveragePooling(_AdaptivePooling):
    def _pool(self, x: Tensor, axis: int, m: int) -> Tensor:
        return average_evenly(x, axis, m)


class _AdaptiveMaxPooling(_AdaptivePooling):
    def _pool(self, x: Tensor, axis: int, m: int) -> Any:
        return largest_evenly(x, axis, m)


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling, rank=1):
    """Takes the means of a given number of windows of sequences, for each channel alone.

    Call it on x of shape (N, T, C); the result has shape (N, output_size, C).

    Example:
        >>> AdaptiveAveragePooling1D(2)([[[1.0], [3.0], [5.0]]]).tolist()
        [[[2.0], [4.0]]]
    """


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling, rank=2):
    """Takes the means of a given number of windows of images, for each channel alone.

    Call it on x of shape (N, H, W, C); the result has shape `(N, *output_size, C)`.

    Example:
        >>> AdaptiveAveragePooling2D((7, 7)).compute_output_shape((None, None, None, 64))
        (None, 7, 7, 64)
    """


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling, rank=3):
    """Takes the means of a given number of windows of volumes, for each channel alone.

    Call it on x of shape (N, D, H, W, C); the result has shape `(N, *output_size, C)`.

    Example:
        >>> AdaptiveAveragePooling3D(2).compute_output_shape((None, 5, 6, 7, 3))
        (None, 2, 2, 2, 3)
    """


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling, rank=1):
    """Takes the largest elements of a given number of windows of sequences, for each channel alone.

    Call it on x of shape (N, T, C); the result has shape (N, output_size, C).

    Example:
        >>> AdaptiveMaxPooling1D(2)([[[1.0], [3.0], [5.0]]]).tolist()
        [[[3.0], [5.0]]]
    """


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling, rank=2):
    """Takes the largest elements of a given number of windows of images, for each channel alone.

    Call it on x of shape (N, H, W, C); the result has shape `(N, *output_size, C)`.

    Example:
        >>> AdaptiveMaxPooling2D((7, 7)).compute_output_shape((None, None, None, 64))
        (None, 7, 7, 64)
    """


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling, rank=3):
    """Takes the largest elements of a given number of windows of volumes, for each channel alone.

    Call it on x of shape (N, D, H, W, C); the result has shape `(N, *output_size, C)`.

    Example:
        >>> AdaptiveMaxPooling3D(2).compute_output_shape((None, 5, 6, 7, 3))
        (None, 2, 2, 2, 3)
    """
