"""Convolution: Conv1D, Conv2D, Conv3D, and depthwise and separable ones.

Arguments that the layers share:
    kernel_size: the length of the windows: one integer, or one for each spatial axis.
    strides: the distance of windows: one integer, or one for each spatial axis.
    dilation_rate: the distance of the taps within a window: one integer, or one for each spatial axis.
    padding: "valid" for windows that lie inside, or "same" for ceil(S / stride) of them, with zeros around, of which
        an odd one goes behind; in one dimension also "causal", where all zeros go in front.
    data_format: "channels_last", shape (N, *S, C), or "channels_first", shape (N, C, *S).
    activation: name or function; None for none.
    use_bias: whether to add a bias.
    kernel_initializer, bias_initializer: of the two weights.

A call raises a ShapeError for an x of another rank or number of channels, or one that is smaller than a window.

References:
    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

from typing import Any

import autograd_lite as ag
from autograd_lite import Tensor

from ... import activations
from ...config.arguments import flag, lengths, one_of, positive
from ...config.fields import field, option, weight
from ...config.limits import room
from ...module.module import Shape
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
from ..layer import Rule
from .spatial import Spatial, window_count


def as_padding(owner: Any, name: str, value: Any) -> str:
    """Return how a convolution pads; in one dimension "causal", too."""
    return (_CAUSAL if owner.rank == 1 else _PADDING)(owner, name, value)


_PADDING = one_of("valid", "same")
_CAUSAL = one_of("valid", "same", "causal")


class Windowed(Spatial):
    """Base of all convolutions: windows, a bias, an activation."""

    def __post_init__(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: expected strides or dilation_rate to be 1; received "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _channels(self, input_shape: Shape) -> int:
        channels = self._split_shape(input_shape)[1]
        if channels is None:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs with a known number of channels; received shape {input_shape}"
            )
        return channels

    def _inner_padding(self) -> Any:
        """Return the padding as `ag.convolution` takes it."""
        if self.padding != "causal":
            return self.padding
        return (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)

    def _convolve(self, x: Tensor, kernel: Tensor, groups: int) -> Tensor:
        return ag.convolution(x, kernel, self.strides, self._inner_padding(), self.dilation_rate, groups)

    def _finish(self, x: Tensor) -> Tensor:
        """Add the bias and apply the activation, both with channels last."""
        if self.bias is not None:
            x += self.bias  # in the memory of the convolution
        # With the given order of axes, since a softmax takes the last one.
        return activations.activate(self.activation, self._back(x))

    def _check_channels(self, shape: Shape, expected: int) -> None:
        channels = self._split_shape(shape)[1]
        if channels != expected:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs with {expected} channels, "
                f"since it was built for them; received shape {tuple(shape)} with data_format={self.data_format!r}. "
                + (
                    "Put channels last, np.moveaxis(x, 1, -1)"
                    if self.data_format == "channels_last" and shape[1] == expected
                    else "Check the order of the axes"
                )
                + ", or make a new layer for this input"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *O, F), or (batch, F, *O) with channels first."""
        size, channels = self._split_shape(input_shape)
        room([(n - 1) * rate + 1 for n, rate in zip(self.kernel_size, self.dilation_rate, strict=True)])
        axes = zip(size, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return self._join_shape(
            input_shape[0], [window_count(*axis, self.padding) for axis in axes], self._outputs(channels)
        )

    def _outputs(self, channels: int | None) -> int | None:
        return self.filters

    def extra_repr(self) -> str:
        name = getattr(self.activation, "__name__", repr(self.activation))
        size = self.kernel_size[0] if self.rank == 1 else self.kernel_size
        head = f"{self.filters}, " if hasattr(self, "filters") else ""
        text = f"{head}kernel_size={size}"
        if set(self.strides) != {1}:
            text += f", strides={self.strides[0] if self.rank == 1 else self.strides}"
        if self.padding != "valid":
            text += f", padding={self.padding}"
        return text + ("" if self.activation is activations.linear else f", activation={name}")


class _Convolution(KernelAndBias, Windowed):
    """A convolution: activation(x * kernel + bias).

    Args:
        filters: F, the number of channels of the result.
        kernel_size, strides, padding, data_format, dilation_rate: see the module; s and d above.
        groups: number of groups into which the input and output channels are split, each convolved alone.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, shape (K, C/G, F).
        bias_initializer: of the bias, shape (F,).
    """

    filters: int = field(positive)
    kernel_size: LengthsLike = field(lengths)
    strides: LengthsLike = field(lengths, default=1)
    padding: str = field(as_padding, default="valid")
    data_format: DataFormatLike = field(as_data_format, default=None)
    dilation_rate: LengthsLike = field(lengths, default=1)
    groups: int = field(positive, default=1)
    activation: ActivationLike = field(as_activation, default=None)
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filters % self.groups:
            name = type(self).__name__
            raise ValueError(f"{name}: expected groups to divide filters={self.filters}; received groups={self.groups}")

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (*K, C/G, F) and the bias (F,)."""
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ag.ShapeError(
                f"{self._speaker}: expected channels that groups={self.groups} divides; received shape {input_shape}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer)
        self.bias = self.add_weight((self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x * kernel + bias), shape (N, *O, F) or (N, F, *O)."""
        self._check_channels(x.shape, self.kernel.shape[-2] * self.groups)
        return self._finish(self._convolve(self._last(x), self.kernel, self.groups))


class Conv1D(_Convolution, rank=1):
    """Convolution of sequences: out[n, t, f] = activation(sum over k, c of x[n, t s + k d, c] kernel[k, c, f] + b[f]).

    Call it on x of shape (N, T, C); the result has shape (N, T', F).

    Example:
        >>> layer = Conv1D(1, 2, kernel_initializer="ones")
        >>> layer([[[1.0], [2.0], [4.0]]]).tolist()
        [[[3.0], [6.0]]]
    """


class Conv2D(_Convolution, rank=2):
    """Convolution of images: out[n, o, f] = activation(sum over k, c of x[n, o s + k d, c] kernel[k, c, f] + b[f]).

    Here o = (row, column), and k runs over the taps of a window.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', F).

    Example:
        >>> layer = Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1))
        >>> layer.compute_output_shape((None, 28, 28, 1)), layer.kernel_size
        ((None, 26, 26, 32), (3, 3))

    References:
        LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998, section II.
    """


class Conv3D(_Convolution, rank=3):
    """Convolution of volumes or films; as Conv2D, with one more axis.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, D', H', W', F).

    Example:
        >>> Conv3D(4, 2, padding="same").compute_output_shape((None, 5, 6, 7, 3))
        (None, 5, 6, 7, 4)
    """


class _Depthwise(KernelAndBias, Windowed):
    """A convolution of each channel alone.

    Args:
        kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias: see the module.
        depth_multiplier: M.
        depthwise_initializer: of the kernel, shape (K, C, M).
        bias_initializer: of the bias, shape (C M,).
    """

    kernel_size: LengthsLike = field(lengths)
    strides: LengthsLike = field(lengths, default=1)
    padding: str = field(as_padding, default="valid")
    depth_multiplier: int = field(positive, default=1)
    data_format: DataFormatLike = field(as_data_format, default=None)
    dilation_rate: LengthsLike = field(lengths, default=1)
    activation: ActivationLike = field(as_activation, default=None)
    use_bias: bool = field(flag, default=True)
    depthwise_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (*K, C, M) and the bias (C M,)."""
        channels, many = self._channels(input_shape), self.depth_multiplier
        self.kernel = self.add_weight((*self.kernel_size, channels, many), self.depthwise_initializer)
        self.bias = self.add_weight((channels * many,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x * kernel + bias), shape (N, *O, C M) or (N, C M, *O)."""
        *window, channels, many = self.kernel.shape
        self._check_channels(x.shape, channels)
        kernel = self.kernel.reshape(*window, 1, channels * many)
        return self._finish(self._convolve(self._last(x), kernel, channels))

    def _outputs(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(_Depthwise, rank=1):
    """Convolution of each channel of a sequence alone, with M kernels each: channel c gives c M … c M + M - 1.

    Call it on x of shape (N, T, C); the result has shape (N, T', C M).

    Example:
        >>> DepthwiseConv1D(2, depthwise_initializer="ones")([[[1.0, 10.0], [2.0, 20.0]]]).tolist()
        [[[3.0, 30.0]]]
    """


class DepthwiseConv2D(_Depthwise, rank=2):
    """Convolution of each channel of an image alone, with M kernels each.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', C M).

    Example:
        >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 8, 8, 5))
        (None, 6, 6, 10)
    """


class _Separable(Windowed):
    """A depthwise convolution, then one over channels with windows of one element.

    Args:
        filters: F, the number of channels of the result.
        kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias: see the module.
        depth_multiplier: M, how many kernels each channel has.
        depthwise_initializer: of depthwise_kernel, shape (K, C, M).
        pointwise_initializer: of pointwise_kernel, shape (1, C M, F).
        bias_initializer: of the bias, shape (F,).
    """

    depthwise_kernel: Tensor = weight()
    pointwise_kernel: Tensor = weight()
    bias: Tensor | None = weight()
    filters: int = field(positive)
    kernel_size: LengthsLike = field(lengths)
    strides: LengthsLike = field(lengths, default=1)
    padding: str = field(as_padding, default="valid")
    data_format: DataFormatLike = field(as_data_format, default=None)
    dilation_rate: LengthsLike = field(lengths, default=1)
    depth_multiplier: int = field(positive, default=1)
    activation: ActivationLike = field(as_activation, default=None)
    use_bias: bool = field(flag, default=True)
    depthwise_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    pointwise_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    depthwise_regularizer: Rule = option(default=None, kw_only=True)
    pointwise_regularizer: Rule = option(default=None, kw_only=True)
    bias_regularizer: Rule = option(default=None, kw_only=True)
    depthwise_constraint: Rule = option(default=None, kw_only=True)
    pointwise_constraint: Rule = option(default=None, kw_only=True)
    bias_constraint: Rule = option(default=None, kw_only=True)

    def build(self, input_shape: Shape) -> None:
        """Create the kernels (*K, C, M) and (1, …, C M, F), and the bias (F,)."""
        channels, many = self._channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = self.add_weight((*self.kernel_size, channels, many), self.depthwise_initializer)
        shape = (*(1,) * self.rank, channels * many, self.filters)
        self.pointwise_kernel = self.add_weight(shape, self.pointwise_initializer)
        self.bias = self.add_weight((self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x * depthwise_kernel * pointwise_kernel + bias), shape (N, *O, F) or (N, F, *O)."""
        *window, channels, many = self.depthwise_kernel.shape
        self._check_channels(x.shape, channels)
        kernel = self.depthwise_kernel.reshape(*window, 1, channels * many)
        x = self._convolve(self._last(x), kernel, channels)
        return self._finish(x @ self.pointwise_kernel.reshape(channels * many, self.filters))


class SeparableConv1D(_Separable, rank=1):
    """Convolution of each channel of a sequence alone, then a product over channels at every place.

    Call it on x of shape (N, T, C); the result has shape (N, T', F).

    Example:
        >>> SeparableConv1D(4, 3, padding="causal").compute_output_shape((None, 10, 2))
        (None, 10, 4)
    """


class SeparableConv2D(_Separable, rank=2):
    """Convolution of each channel of an image alone, then a product over channels; see SeparableConv1D.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', F).

    Example:
        >>> SeparableConv2D(16, 3).compute_output_shape((None, 8, 8, 3))
        (None, 6, 6, 16)

    References:
        Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2017, section 1.
    """


# Keras's further names.
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
