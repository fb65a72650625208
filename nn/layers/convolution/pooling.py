"""Pooling: the largest element or the mean of each window of the spatial axes, or of whole axes.

Arguments that the layers share:
    pool_size: the length of the windows: one integer, or one for each spatial axis.
    strides: the distance of windows, by default their length: one integer, or one for each spatial axis.
    padding: "valid" for windows that lie inside, or "same" for ceil(S / stride) of them. Padding never counts.
    data_format: "channels_last", shape (N, *S, C), or "channels_first", shape (N, C, *S).
A call raises a ShapeError for an x of another rank, or one that is smaller than a window.

References:
    Boureau, Ponce, LeCun: A Theoretical Analysis of Feature Pooling in Visual Recognition, 2010, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import flag, lengths, one_of, or_else
from ...config.fields import Converted, field
from ...config.limits import room
from ...module.masks import as_flags
from ...module.module import Shape
from ..arguments import DataFormatLike, LengthsLike, as_data_format
from .spatial import Spatial, window_count


class _Pooling(Spatial):
    """Pooling over windows.

    Args:
        pool_size, strides, padding, data_format: see the module.
    """

    pool_size: LengthsLike = field(lengths, default=2)
    strides: Converted[int | Sequence[int] | None, tuple[int, ...]] = field(
        or_else(lengths, lambda layer: layer.pool_size), default=None
    )
    padding: str = field(one_of("valid", "same"), default="valid")
    data_format: DataFormatLike = field(as_data_format, default=None)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *O, C), or (batch, C, *O) with channels first."""
        size, channels = self._split_shape(input_shape)
        room(self.pool_size)
        axes = zip(size, self.pool_size, self.strides, strict=True)
        counts = [window_count(n, window, stride, 1, self.padding) for n, window, stride in axes]
        return self._join_shape(input_shape[0], counts, channels)

    def extra_repr(self) -> str:
        size, strides = (v[0] if self.rank == 1 else v for v in (self.pool_size, self.strides))
        text = f"pool_size={size}" + (f", strides={strides}" if strides != size else "")
        return text + (f", padding={self.padding}" if self.padding != "valid" else "")


class _MaxPooling(_Pooling):
    def call(self, x: Tensor) -> Tensor:
        """Return the largest element of each window."""
        return self._back(ag.max_pooling(self._last(x), self.pool_size, self.strides, self.padding))


class _AveragePooling(_Pooling):
    def call(self, x: Tensor) -> Tensor:
        """Return the mean of each window."""
        return self._back(ag.average_pooling(self._last(x), self.pool_size, self.strides, self.padding))


class _GlobalPooling(Spatial):
    """Pooling over all spatial axes.

    Args:
        data_format: see the module.
        keepdims: whether the spatial axes remain, with length 1.
    """

    data_format: DataFormatLike = field(as_data_format, default=None)
    keepdims: bool = field(flag, default=False)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, C), with axes of length 1 between if keepdims."""
        channels = self._split_shape(input_shape)[1]
        if not self.keepdims:
            return (input_shape[0], channels)
        return self._join_shape(input_shape[0], (1,) * self.rank, channels)

    def extra_repr(self) -> str:
        return "keepdims=True" if self.keepdims else ""


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, x: Tensor) -> Tensor:
        """Return the largest element of each channel."""
        return self._floating(x).max(axis=self._spatial_axes(), keepdims=self.keepdims)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, x: Tensor) -> Tensor:
        """Return the mean of each channel."""
        return self._floating(x).mean(axis=self._spatial_axes(), keepdims=self.keepdims)


class MaxPooling1D(_MaxPooling, rank=1):
    """Takes the largest element of each window of sequences, for each channel alone.

    Call it on x of shape (N, T, C); the result has shape (N, T', C).

    Example:
        >>> MaxPooling1D(2)([[[1.0], [3.0], [2.0], [6.0]]]).tolist()
        [[[3.0], [6.0]]]
    """


class MaxPooling2D(_MaxPooling, rank=2):
    """Takes the largest element of each window of images, for each channel alone.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', C).

    Example:
        >>> MaxPooling2D(2).compute_output_shape((None, 26, 26, 32))
        (None, 13, 13, 32)
    """


class MaxPooling3D(_MaxPooling, rank=3):
    """Takes the largest element of each window of volumes, for each channel alone.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, D', H', W', C).

    Example:
        >>> MaxPooling3D(2, padding="same").compute_output_shape((None, 5, 6, 7, 3))
        (None, 3, 3, 4, 3)
    """


class AveragePooling1D(_AveragePooling, rank=1):
    """Takes the mean of each window of sequences, for each channel alone.

    Call it on x of shape (N, T, C); the result has shape (N, T', C).

    Example:
        >>> AveragePooling1D(2)([[[1.0], [3.0], [2.0], [6.0]]]).tolist()
        [[[2.0], [4.0]]]
    """


class AveragePooling2D(_AveragePooling, rank=2):
    """Takes the mean of each window of images, for each channel alone.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', C).

    Example:
        >>> AveragePooling2D(2).compute_output_shape((None, 26, 26, 32))
        (None, 13, 13, 32)
    """


class AveragePooling3D(_AveragePooling, rank=3):
    """Takes the mean of each window of volumes, for each channel alone.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, D', H', W', C).

    Example:
        >>> AveragePooling3D(2, padding="same").compute_output_shape((None, 5, 6, 7, 3))
        (None, 3, 3, 4, 3)
    """


class GlobalMaxPooling1D(_GlobalMaxPooling, rank=1):
    """Takes the largest element of each channel of sequences.

    Call it on x of shape (N, T, C); the result has shape (N, C).

    Example:
        >>> GlobalMaxPooling1D()([[[1.0], [3.0], [2.0], [6.0]]]).tolist()
        [[6.0]]
    """


class GlobalMaxPooling2D(_GlobalMaxPooling, rank=2):
    """Takes the largest element of each channel of images.

    Call it on x of shape (N, H, W, C); the result has shape (N, C).

    Example:
        >>> GlobalMaxPooling2D().compute_output_shape((None, 7, 7, 64))
        (None, 64)
    """


class GlobalMaxPooling3D(_GlobalMaxPooling, rank=3):
    """Takes the largest element of each channel of volumes.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, C).

    Example:
        >>> GlobalMaxPooling3D(keepdims=True).compute_output_shape((None, 5, 6, 7, 3))
        (None, 1, 1, 1, 3)
    """


class GlobalAveragePooling1D(_GlobalAveragePooling, rank=1):
    """Takes the mean of each channel of sequences.

    Call it on x of shape (N, T, C); the result has shape (N, C). With a `mask` of shape (N, T) it is the mean of the
    steps where the mask is True, 0 where there is none.

    Raises:
        ShapeError: when called on an x of another rank, or with a mask of another shape.

    Example:
        >>> layer, x = GlobalAveragePooling1D(), [[[1.0], [3.0], [2.0], [6.0]]]
        >>> layer(x).tolist(), layer(x, mask=[[True, True, False, False]]).tolist()
        ([[3.0]], [[2.0]])
    """

    _makes_masks = False

    def call(self, x: Tensor, mask: Any = None) -> Any:
        """Return the mean of each channel."""
        if mask is None:
            return super().call(x)
        (steps,) = self._spatial_axes()
        flags = as_flags(mask)
        if flags.shape != (x.shape[0], x.shape[steps]):
            raise ag.ShapeError(
                f"{self._speaker}: expected a mask of shape "
                f"{(x.shape[0], x.shape[steps])}, one boolean for each step; received shape {flags.shape}"
            )
        counted: Any = np.expand_dims(flags, 3 - steps)
        masked: Any = np.where(counted, self._floating(x), 0)
        total = masked.sum(axis=steps, keepdims=self.keepdims)
        return total / np.maximum(counted.astype(total.dtype).sum(axis=steps, keepdims=self.keepdims), 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return None: the result has no time steps."""


class GlobalAveragePooling2D(_GlobalAveragePooling, rank=2):
    """Takes the mean of each channel of images.

    Call it on x of shape (N, H, W, C); the result has shape (N, C).

    Example:
        >>> GlobalAveragePooling2D().compute_output_shape((None, 7, 7, 64))
        (None, 64)
    """


class GlobalAveragePooling3D(_GlobalAveragePooling, rank=3):
    """Takes the mean of each channel of volumes.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, C).

    Example:
        >>> GlobalAveragePooling3D(keepdims=True).compute_output_shape((None, 5, 6, 7, 3))
        (None, 1, 1, 1, 3)
    """


# Keras's further names.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
