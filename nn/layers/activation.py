"""Activation functions as layers, some of which have weights or arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .. import activations
from ..config.arguments import number, optional
from ..config.fields import Converted, field, option, weight
from ..module.masks import as_flags
from ..module.module import Shape
from .arguments import InitializerLike, as_initializer, some_axes
from .layer import Rule, SameShape


class ReLU(SameShape):
    """Replaces negative values by zero; with arguments, as `nn.activations.relu`.

    Args:
        max_value: where the result stops growing, not negative; None for nowhere.
        negative_slope: slope below the threshold, not negative.
        threshold: below which the slope is `negative_slope`, not negative.

    Example:
        >>> ReLU(max_value=2.0, negative_slope=0.5)([[-1.0, 1.0, 3.0]]).tolist()
        [[-0.5, 1.0, 2.0]]
    """

    max_value: float | None = field(optional(number(0)), default=None)
    negative_slope: float = field(number(0), default=0.0)
    threshold: float = field(number(0), default=0.0)

    def call(self, x: Tensor) -> Tensor:
        """Return relu(x), of x's shape."""
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(SameShape):
    """Returns x where x > 0, otherwise negative_slope x.

    Args:
        negative_slope: not negative.
        alpha: another name for it, from earlier versions of Keras.

    References:
        Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013, section 2.

    Example:
        >>> LeakyReLU(0.5)([[-1.0, 1.0]]).tolist()
        [[-0.5, 1.0]]
    """

    negative_slope: float = field(number(0), default=0.3)
    alpha: InitVar[float | None] = field(optional(number(0)), default=None, kw_only=True)

    def __post_init__(self, alpha: float | None) -> None:
        if alpha is not None:
            self.negative_slope = alpha

    def call(self, x: Tensor) -> Tensor:
        """Return leaky_relu(x), of x's shape."""
        return ag.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope:g}"


def _shared_axes(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    axes = () if value is None else some_axes(owner, name, value) if value != () else ()
    if any(axis < 1 for axis in axes):
        raise ValueError(f"PReLU: expected {name} of 1 and above, since 0 is the batch; received {name}={value!r}")
    return axes


class PReLU(SameShape):
    """Returns x where x > 0, otherwise alpha x, with an alpha that is learned for each feature.

    Args:
        alpha_initializer: of alpha, which has the shape of a sample.
        shared_axes: axes along which one alpha serves, counted from 1 since the batch axis is not among alpha's.

    References:
        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015, equation 1.

    Example:
        >>> PReLU(alpha_initializer="ones")([[-1.0, 1.0]]).tolist()
        [[-1.0, 1.0]]
    """

    alpha: Tensor = weight()
    alpha_regularizer: Rule = option(default=None, kw_only=True)
    alpha_constraint: Rule = option(default=None, kw_only=True)

    alpha_initializer: InitializerLike = field(as_initializer, default="zeros")
    shared_axes: Converted[int | Sequence[int] | None, tuple[int, ...]] = field(_shared_axes, default=None)

    def build(self, input_shape: Shape) -> None:
        """Create alpha, of a sample's shape with 1 along the shared axes."""
        if any(a >= len(input_shape) for a in self.shared_axes):
            raise ag.ShapeError(
                f"{self.name} (PReLU): expected inputs that have the axes {self.shared_axes}; received shape "
                f"{input_shape}"
            )
        lengths = [1 if a in self.shared_axes else n for a, n in enumerate(input_shape)]
        self.alpha = self.add_weight(lengths[1:], self.alpha_initializer)

    def call(self, x: Tensor) -> Tensor:
        """Return max(x, 0) - alpha max(-x, 0), of x's shape."""
        return ag.relu(x) - self.alpha * ag.relu(-x)


class ELU(SameShape):
    """Returns x where x > 0, otherwise alpha (exp(x) - 1).

    Args:
        alpha: the limit at minus infinity is -alpha.

    References:
        Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015,
        equation 16.

    Example:
        >>> ELU(2.0)([[-1000.0, 1.0]]).tolist()
        [[-2.0, 1.0]]
    """

    alpha: float = field(number(0), default=1.0)

    def call(self, x: Tensor) -> Tensor:
        """Return elu(x), of x's shape."""
        return activations.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha:g}"


def _axis(owner: Any, name: str, value: Any) -> int | tuple[int, ...]:
    """Return an axis, or several as a tuple."""
    axes = some_axes(owner, name, value)
    return axes[0] if len(axes) == 1 else axes


class Softmax(SameShape):
    """Returns exp(x) / sum(exp(x)) along an axis or several.

    Args:
        axis: which.

    Call it on x; a `mask` that broadcasts to x's shape is False where the result is to be 0, if need be everywhere.

    Example:
        >>> layer = Softmax()
        >>> layer([[1.0, 1.0]]).tolist(), layer([[1.0, 1.0, 5.0]], mask=[[True, True, False]]).tolist()
        ([[0.5, 0.5]], [[0.5, 0.5, 0.0]])
    """

    _takes_masks = False  # its parameter `mask` is one of elements

    axis: int | Sequence[int] = field(_axis, default=-1)

    def call(self, x: Tensor, mask: Any = None) -> Tensor:
        """Return softmax(x), of x's shape."""
        if mask is None:
            return activations.softmax(x, self.axis)
        allowed = as_flags(mask)
        out = activations.softmax(np.where(allowed, x, float(np.finfo(x.dtype).min / 2)), self.axis)
        chosen: Any = np.where(allowed, out, 0)  # none where nothing is allowed
        return chosen

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
