"""Layers that add noise while training, and pass their input through in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack, cast

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import SELU_ALPHA, SELU_SCALE
from ..config.arguments import Seed, as_seed, number, optional, sequence
from ..config.fields import field
from ..random import draw_rows
from .arguments import as_data_format, stream
from .dense import Dropout, keep_mask
from .layer import LayerOptions, SameShape


class _SpatialDropout(Dropout):
    """Drops whole channels: the mask is shared along all positions."""

    ndim = 3

    def __init__(
        self, rate: float, data_format: str = "channels_last", seed: Seed = None, **options: Unpack[LayerOptions]
    ) -> None:
        self.data_format = as_data_format(self, "data_format", data_format)
        shared = [1] * (self.ndim - 2)
        noise = (None, *shared, None) if self.data_format == "channels_last" else (None, None, *shared)
        super().__init__(rate, noise, seed, **options)


class SpatialDropout1D(_SpatialDropout):
    """Zeroes whole channels at random while training, and scales the others by 1 / (1 - rate).

    Args:
        rate: probability of a channel to be dropped, 0 <= rate < 1.
        seed: of the layer's own random stream; None for the default generator.

    Call it on x of shape (N, T, C); the result has x's shape.

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler: Efficient Object Localization Using Convolutional Networks, 2014,
        section 3.2.

    Example:
        >>> SpatialDropout1D(0.5).eval()([[[1.0, 2.0]]]).tolist()
        [[[1.0, 2.0]]]
    """

    def __init__(self, rate: float, seed: Seed = None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(rate, seed=seed, **options)


class SpatialDropout2D(_SpatialDropout):
    """Zeroes whole channels of images at random while training; see `SpatialDropout1D`.

    Args:
        rate: probability of a channel to be dropped, 0 <= rate < 1.
        data_format: "channels_last" for x of shape (N, H, W, C), "channels_first" for (N, C, H, W).
        seed: of the layer's own random stream; None for the default generator.

    Example:
        >>> import autograd_lite as ag
        >>> SpatialDropout2D(0.5)(ag.tensor([[[[1.0, 2.0]]]])).shape
        (1, 1, 1, 2)
    """

    ndim = 4


class SpatialDropout3D(_SpatialDropout):
    """Zeroes whole channels of volumes at random while training; see `SpatialDropout1D`.

    Args:
        rate: probability of a channel to be dropped, 0 <= rate < 1.
        data_format: "channels_last" for x of shape (N, D, H, W, C), "channels_first" for (N, C, D, H, W).
        seed: of the layer's own random stream; None for the default generator.

    Example:
        >>> import autograd_lite as ag
        >>> SpatialDropout3D(0.5)(ag.tensor([[[[[1.0, 2.0]]]]])).shape
        (1, 1, 1, 1, 2)
    """

    ndim = 5


class _Noise(SameShape):
    """Base of the layers below: a random stream, and x itself in evaluation mode."""

    seed = cast("Seed", None)

    def __post_init__(self) -> None:
        self.generator = stream("noise", self.seed)

    def _noisy(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _normal(self, x: Tensor, mean: float, stddev: float) -> Tensor:
        return draw_rows(
            lambda shape: ag.random.normal(shape, mean, stddev, dtype=x.dtype, generator=self.generator), x.shape
        )

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return x with noise, of x's shape, or x itself when not training."""
        return self._noisy(x) if (self.training if training is None else training) else x


class GaussianNoise(_Noise):
    """Adds normal noise while training: out = x + stddev n, with n from the standard normal.

    Args:
        stddev: its standard deviation, not negative.
        seed: of the layer's own random stream; None for the default generator.

    Example:
        >>> GaussianNoise(0.5).eval()([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
    """

    stddev: float = field(number(0))
    seed: Seed = field(as_seed, default=None)

    def _noisy(self, x: Tensor) -> Tensor:
        return x + self._normal(x, 0.0, self.stddev)

    def extra_repr(self) -> str:
        return f"{self.stddev:g}"


class GaussianDropout(_Noise):
    """Multiplies by normal noise while training: out = x n, with n of mean 1 and variance rate / (1 - rate).

    These are the mean and variance of what `Dropout` multiplies by.

    Args:
        rate: 0 <= rate < 1.
        seed: of the layer's own random stream; None for the default generator.

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, 2014, section 10.

    Example:
        >>> GaussianDropout(0.5).eval()([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
    """

    rate: float = field(number(0, below=1))
    seed: Seed = field(as_seed, default=None)

    def _noisy(self, x: Tensor) -> Tensor:
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return x * self._normal(x, 1.0, stddev)

    def extra_repr(self) -> str:
        return f"{self.rate:g}"


class AlphaDropout(_Noise):
    """During training, sets random elements to SELU's limit at minus infinity, and keeps mean 0 and variance 1.

    With the mask m, 1 with probability 1 - rate: out = a (x m + p (1 - m)) + b, where p = -1.7581 and
    a = ((1 - rate) (1 + rate p²))^(-1/2), b = -a p rate.

    Args:
        rate: 0 <= rate < 1.
        noise_shape: see `Dropout`.
        seed: of the layer's own random stream; None for the default generator.

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter: Self-Normalizing Neural Networks, 2017, section "New Dropout
        Technique".

    Example:
        >>> AlphaDropout(0.5).eval()([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
    """

    rate: float = field(number(0, below=1))
    noise_shape: Sequence[int | None] | None = field(optional(sequence), default=None)
    seed: Seed = field(as_seed, default=None)

    def _noisy(self, x: Tensor) -> Tensor:
        mask = keep_mask(self, x)
        low = -SELU_ALPHA * SELU_SCALE
        a = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        return x * (mask * a) + ((1.0 - mask) * (a * low) - a * low * self.rate)

    def extra_repr(self) -> str:
        return f"{self.rate:g}"
