"""Transposed convolution: each element of the input spreads over a window of the result.

References:
    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016, chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import flag, lengths, lengths_from_0, one_of, optional, positive
from ...config.fields import Converted, field
from ...module.module import Shape
from ...ops.interpolation import transposed_cut, transposed_length
from ..arguments import (
    ActivationLike,
    DataFormatLike,
    InitializerLike,
    KernelAndBias,
    LengthsLike,
    as_activation,
    as_data_format,
    as_initializer,
)
from .convolution import Windowed


class _ConvolutionTranspose(KernelAndBias, Windowed):
    """A transposed convolution.

    Args:
        filters: F, the number of channels of the result.
        kernel_size, strides, dilation_rate, data_format, activation, use_bias: see `convolution`; s and d above.
        padding: "valid" for length T s + max(K - s, 0), or "same" for T s.
        output_padding: how much longer than the shortest the result is: (T - 1) s + K + output_padding for "valid",
            (T - 1) s + K % 2 + output_padding for "same"; None for the lengths above. "same" cuts off the rest at both
            ends, the odd element at the end.
        kernel_initializer: of the kernel, shape (K, F, C).
        bias_initializer: of the bias, shape (F,).
    """

    filters: int = field(positive)
    kernel_size: LengthsLike = field(lengths)
    strides: LengthsLike = field(lengths, default=1)
    padding: str = field(one_of("valid", "same"), default="valid")
    output_padding: Converted[int | Sequence[int] | None, tuple[int, ...] | None] = field(
        optional(lengths_from_0), default=None
    )
    data_format: DataFormatLike = field(as_data_format, default=None)
    dilation_rate: LengthsLike = field(lengths, default=1)
    activation: ActivationLike = field(as_activation, default=None)
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_padding and any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: expected output_padding less than strides={self.strides}; received "
                f"{self.output_padding!r}"
            )

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (*K, F, C) and the bias (F,)."""
        shape = (*self.kernel_size, self.filters, self._channels(input_shape))
        self.kernel = self.add_weight(shape, self.kernel_initializer)
        self.bias = self.add_weight((self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(the transposed convolution + bias), shape (N, *O, F) or (N, F, *O)."""
        self._check_channels(x.shape, self.kernel.shape[-1])
        x = self._last(x)
        axes = [self._axis(n, i) for i, n in enumerate(x.shape[1:-1])]
        size, cut = [transposed_length(*axis) for axis in axes], [transposed_cut(*axis) for axis in axes]
        out = ag.transposed_convolution(x, self.kernel, self.strides, cut, self.dilation_rate, size=size)
        return self._finish(out)

    def _axis(self, n: int, axis: int) -> tuple[int, int, int, str, int | None]:
        """Return what Keras's rules read of an axis: see `transposed_length`."""
        window = self.dilation_rate[axis] * (self.kernel_size[axis] - 1) + 1
        more = None if self.output_padding is None else self.output_padding[axis]
        return n, self.strides[axis], window, self.padding, more

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *O, F), or (batch, F, *O) with channels first."""
        size = self._split_shape(input_shape)[0]
        lengths = [None if n is None else transposed_length(*self._axis(n, i)) for i, n in enumerate(size)]
        return self._join_shape(input_shape[0], lengths, self.filters)


class Conv1DTranspose(_ConvolutionTranspose, rank=1):
    """Transposed convolution of sequences: out[n, t s + k d, f] sums x[n, t, c] kernel[k, f, c] over all t, k and c.

    As a linear map of x it is the transpose of the convolution with that kernel. Then come bias and activation.

    Call it on x of shape (N, T, C); the result has shape (N, T', F).

    Example:
        >>> layer = Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones")
        >>> layer([[[1.0], [2.0]]]).tolist()
        [[[1.0], [1.0], [2.0], [2.0]]]
    """


class Conv2DTranspose(_ConvolutionTranspose, rank=2):
    """Transposed convolution of images.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', F).

    Example:
        >>> Conv2DTranspose(8, 3, strides=2, padding="same").compute_output_shape((None, 7, 7, 16))
        (None, 14, 14, 8)
    """


class Conv3DTranspose(_ConvolutionTranspose, rank=3):
    """Transposed convolution of volumes.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, D', H', W', F).

    Example:
        >>> Conv3DTranspose(2, 3).compute_output_shape((None, 4, 5, 6, 1))
        (None, 6, 7, 8, 2)
    """


# Keras's further names.
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
