"""Convolution: Conv1D, Conv2D, Conv3D, and depthwise and separable ones.

Arguments that the layers share:
    kernel_size, strides, dilation_rate: one integer, or one for each spatial axis. Length of the windows, distance of
        windows, distance of the taps within a window.
    padding: "valid" for windows that lie inside, or "same" for ceil(S / stride) of them, with zeros around, of which
        an odd one goes behind; in one dimension also "causal", where all zeros go in front.
    data_format: "channels_last", shape (N, *S, C), or "channels_first", shape (N, C, *S).
    activation, use_bias, kernel_initializer, bias_initializer: as in Dense.

References:
    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd_lite as ag
from autograd_lite import Tensor

from ... import activations, initializers
from ...config.limits import room
from ...module.module import Shape
from ..layer import positive
from .spatial import Lengths, Spatial, one_of, window_count

Function = str | Callable[..., Any]


class Windowed(Spatial):
    """What all convolutions have: windows, a bias, an activation."""

    bias: Tensor | None
    filters: int

    def _set_windows(self, kernel_size: Lengths, strides: Lengths, padding: str, dilation_rate: Lengths) -> None:
        self.kernel_size = self._lengths("kernel_size", kernel_size)
        self.strides = self._lengths("strides", strides)
        self.dilation_rate = self._lengths("dilation_rate", dilation_rate)
        allowed = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        self.padding = one_of(type(self).__name__, "padding", padding, allowed)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: expected strides or dilation_rate to be 1; received "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _set_output(self, activation: Any, use_bias: bool, bias_initializer: Function) -> None:
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)

    def _channels(self, input_shape: Shape) -> int:
        channels = self._split(input_shape)[1]
        if channels is None:
            raise ag.ShapeError(
                f"{self.name}: expected inputs with a known number of channels; received shape {input_shape}"
            )
        return channels

    def _inner_padding(self) -> Any:
        """Return the padding as `ag.convolution` takes it."""
        if self.padding != "causal":
            return self.padding
        return (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)

    def _convolved(self, x: Tensor, kernel: Tensor, groups: int) -> Tensor:
        return ag.convolution(x, kernel, self.strides, self._inner_padding(), self.dilation_rate, groups)

    def _finished(self, x: Tensor) -> Tensor:
        """Add the bias and apply the activation, both with channels last."""
        if self.bias is not None:
            x += self.bias  # in the memory of the convolution
        # With the given order of axes, since a softmax takes the last one.
        return activations.activated(self.activation, self._back(x))

    def _check_channels(self, shape: Shape, expected: int) -> None:
        channels = self._split(shape)[1]
        if channels != expected:
            raise ag.ShapeError(
                f"layer '{self._path or self.name}' ({type(self).__name__}): expected inputs with {expected} channels, "
                f"since it was built for them; received shape {tuple(shape)} with data_format={self.data_format!r}. "
                "Check the order of the axes, or make a new layer for this input"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *O, F), or (batch, F, *O) with channels first."""
        size, channels = self._split(input_shape)
        room([(n - 1) * rate + 1 for n, rate in zip(self.kernel_size, self.dilation_rate, strict=True)])
        axes = zip(size, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return self._join(input_shape[0], [window_count(*axis, self.padding) for axis in axes], self._outputs(channels))

    def _outputs(self, channels: int | None) -> int | None:
        return self.filters

    def extra_repr(self) -> str:
        """Return the sizes and the activation."""
        name = getattr(self.activation, "__name__", repr(self.activation))
        size = self.kernel_size[0] if self.rank == 1 else self.kernel_size
        head = f"{self.filters}, " if hasattr(self, "filters") else ""
        text = f"{head}kernel_size={size}"
        if set(self.strides) != {1}:
            text += f", strides={self.strides[0] if self.rank == 1 else self.strides}"
        if self.padding != "valid":
            text += f", padding={self.padding}"
        return text + ("" if self.activation is activations.linear else f", activation={name}")


class _Convolution(Windowed):
    """A convolution: activation(x * kernel + bias); see the subclasses."""

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        filters: int,
        kernel_size: Lengths,
        strides: Lengths = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Lengths = 1,
        groups: int = 1,
        activation: Function | None = None,
        use_bias: bool = True,
        kernel_initializer: Function = "glorot_uniform",
        bias_initializer: Function = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        layer = type(self).__name__
        self.filters = positive(layer, "filters", filters)
        self._set_windows(kernel_size, strides, padding, dilation_rate)
        self._set_data_format(data_format)
        self.groups = positive(layer, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{layer}: expected groups to divide filters={filters}; received groups={groups}")
        self._set_output(activation, use_bias, bias_initializer)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (*K, C/G, F) and the bias (F,)."""
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ag.ShapeError(
                f"{self.name}: expected channels that groups={self.groups} divides; received shape {input_shape}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer)
        self.bias = self.add_weight((self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x * kernel + bias), shape (N, *O, F) or (N, F, *O)."""
        self._check_channels(x.shape, self.kernel.shape[-2] * self.groups)
        return self._finished(self._convolved(self._last(x), self.kernel, self.groups))


class Conv1D(_Convolution):
    """Convolution of sequences: out[n, t, f] = activation(sum over k, c of x[n, t s + k d, c] kernel[k, c, f] + b[f]).

    Args:
        filters: F, the number of channels of the result.
        kernel_size, strides, padding, data_format, dilation_rate: see the module; s and d above.
        groups: into how many groups channels in and out fall, each convolved alone.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, shape (K, C/G, F).
        bias_initializer: of the bias, shape (F,).
        kwargs: `input_shape`, `name`, `dtype`, regularizers and constraints.

    Call it on x of shape (N, T, C); the result has shape (N, T', F).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too short.

    Example:
        >>> layer = Conv1D(1, 2, kernel_initializer="ones")
        >>> layer([[[1.0], [2.0], [4.0]]]).tolist()
        [[[3.0], [6.0]]]
    """

    rank = 1


class Conv2D(_Convolution):
    """Convolution of images: out[n, o, f] = activation(sum over k, c of x[n, o s + k d, c] kernel[k, c, f] + b[f]).

    Here o = (row, column), and k runs over the taps of a window; see Conv1D for the arguments.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', F).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too small.

    Example:
        >>> layer = Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1))
        >>> layer.compute_output_shape((None, 28, 28, 1)), layer.kernel_size
        ((None, 26, 26, 32), (3, 3))

    References:
        LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998, section II.
    """

    rank = 2


class Conv3D(_Convolution):
    """Convolution of volumes or films; as Conv2D, with one more axis.

    Call it on x of shape (N, D, H, W, C); the result has shape (N, D', H', W', F).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too small.

    Example:
        >>> Conv3D(4, 2, padding="same").compute_output_shape((None, 5, 6, 7, 3))
        (None, 5, 6, 7, 4)
    """

    rank = 3


class _Depthwise(Windowed):
    """A convolution of each channel alone; see the subclasses."""

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        kernel_size: Lengths,
        strides: Lengths = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Lengths = 1,
        activation: Function | None = None,
        use_bias: bool = True,
        depthwise_initializer: Function = "glorot_uniform",
        bias_initializer: Function = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_windows(kernel_size, strides, padding, dilation_rate)
        self._set_data_format(data_format)
        self.depth_multiplier = positive(type(self).__name__, "depth_multiplier", depth_multiplier)
        self._set_output(activation, use_bias, bias_initializer)
        self.depthwise_initializer = initializers.get(depthwise_initializer)

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
        return self._finished(self._convolved(self._last(x), kernel, channels))

    def _outputs(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(_Depthwise):
    """Convolution of each channel of a sequence alone, with M kernels each: channel c gives c M … c M + M - 1.

    Args:
        kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias: see the module.
        depth_multiplier: M.
        depthwise_initializer: of the kernel, shape (K, C, M).
        bias_initializer: of the bias, shape (C M,).
        kwargs: `input_shape`, `name`, `dtype`, regularizers and constraints.

    Call it on x of shape (N, T, C); the result has shape (N, T', C M).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too short.

    Example:
        >>> DepthwiseConv1D(2, depthwise_initializer="ones")([[[1.0, 10.0], [2.0, 20.0]]]).tolist()
        [[[3.0, 30.0]]]
    """

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """Convolution of each channel of an image alone, with M kernels each; see DepthwiseConv1D for the arguments.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', C M).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too small.

    Example:
        >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 8, 8, 5))
        (None, 6, 6, 10)
    """

    rank = 2


class _Separable(Windowed):
    """A depthwise convolution, then one over channels with windows of one element; see the subclasses."""

    depthwise_kernel: Tensor
    pointwise_kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        filters: int,
        kernel_size: Lengths,
        strides: Lengths = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Lengths = 1,
        depth_multiplier: int = 1,
        activation: Function | None = None,
        use_bias: bool = True,
        depthwise_initializer: Function = "glorot_uniform",
        pointwise_initializer: Function = "glorot_uniform",
        bias_initializer: Function = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive(type(self).__name__, "filters", filters)
        self._set_windows(kernel_size, strides, padding, dilation_rate)
        self._set_data_format(data_format)
        self.depth_multiplier = positive(type(self).__name__, "depth_multiplier", depth_multiplier)
        self._set_output(activation, use_bias, bias_initializer)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)

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
        x = self._convolved(self._last(x), kernel, channels)
        return self._finished(x @ self.pointwise_kernel.reshape(channels * many, self.filters))


class SeparableConv1D(_Separable):
    """Convolution of each channel of a sequence alone, then a product over channels at every place.

    Args:
        filters: F, the number of channels of the result.
        kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias: see the module.
        depth_multiplier: M, how many kernels each channel has.
        depthwise_initializer: of depthwise_kernel, shape (K, C, M).
        pointwise_initializer: of pointwise_kernel, shape (1, C M, F).
        bias_initializer: of the bias, shape (F,).
        kwargs: `input_shape`, `name`, `dtype`, regularizers and constraints.

    Call it on x of shape (N, T, C); the result has shape (N, T', F).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too short.

    Example:
        >>> SeparableConv1D(4, 3, padding="causal").compute_output_shape((None, 10, 2))
        (None, 10, 4)
    """

    rank = 1


class SeparableConv2D(_Separable):
    """Convolution of each channel of an image alone, then a product over channels; see SeparableConv1D.

    Call it on x of shape (N, H, W, C); the result has shape (N, H', W', F).

    Raises:
        ShapeError: when called on an x of another rank or number of channels, or too small.

    Example:
        >>> SeparableConv2D(16, 3).compute_output_shape((None, 8, 8, 3))
        (None, 6, 6, 16)

    References:
        Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2017, section 1.
    """

    rank = 2
