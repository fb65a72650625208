"""Constraints on weights, which are restored after each step of an optimizer.

A layer takes them as `kernel_constraint=`, `bias_constraint=` and so on for each of its weights. Every optimizer that
is given `model.parameters()` applies them at the end of its `step()`, in `fit` and in your own loop.

The norm of a weight is the Euclidean norm along `axis`: for a kernel (D, K) axis 0 gives one norm for each of the K
units; for a convolution's kernel (H, W, C, K) axis [0, 1, 2] does. As in Keras, 1e-7 is added to norms in denominators,
so that weights of 0 stay 0; weights of norm 1 shrink by that much.

References:
    Keras 3, `keras.constraints`, 2023.
    Nathan Srebro, Jason Rennie, Tommi Jaakkola, "Maximum-Margin Matrix Factorization", 2004 (norms as limits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .config.arguments import argument_error, is_integer, number
from .config.config import Configurable
from .config.fields import Converted, field
from .config.registry import Registry

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
__dir__ = __all__.copy

Array = npt.NDArray[Any]
AxesLike = Converted[int | Sequence[int], int | tuple[int, ...]]

_EPSILON = 1e-7


def _axes(owner: Any, name: str, value: Any) -> int | tuple[int, ...]:
    if is_integer(value):
        return int(value)
    if not isinstance(value, (list, tuple)) or not value or not all(map(is_integer, value)):
        raise argument_error(TypeError, owner, name, "an integer, or a list of them", value)
    return tuple(map(int, value))


class Constraint(Configurable):
    """Base class of all constraints; a subclass writes `__call__`, from an array to one of its shape and dtype.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return np.minimum(w, 1.0)
        >>> AtMostOne()(np.array([0.5, 3.0]))
        array([0.5, 1. ])
    """

    def __call__(self, w: Array) -> Array:
        """Return an allowed value of a weight, the nearest or close to it."""
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, w)")


class MaxNorm(Constraint):
    """Scales weights with a larger norm down to `max_value`: w * min(norm, max_value) / (norm + 1e-7).

    Args:
        max_value: the largest norm, at least 0.
        axis: the axis or axes along which the norm is taken.

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout: A Simple Way to Prevent Neural Networks
        from Overfitting, 2014, section 5.1.

    Example:
        >>> MaxNorm(1.0)(np.array([[3.0, 0.1], [4.0, 0.0]])).round(4).tolist()
        [[0.6, 0.1], [0.8, 0.0]]
    """

    max_value: float = field(number(0), default=2.0)
    axis: AxesLike = field(_axes, default=0)

    def __call__(self, w: Array) -> Array:
        norms = _norms("MaxNorm", w, self.axis)
        return w * (np.minimum(norms, self.max_value) / (norms + _EPSILON))


class MinMaxNorm(Constraint):
    """Brings norms between two bounds: w * (rate * clip(norm, min, max) + (1 - rate) * norm) / (norm + 1e-7).

    Args:
        min_value: the smallest norm, at least 0.
        max_value: the largest norm, at least min_value.
        rate: the fraction of the way that each step goes, in [0, 1].
        axis: the axis or axes along which the norm is taken.

    Example:
        >>> MinMaxNorm(0.0, 1.0)(np.array([[3.0], [4.0]])).round(4).tolist()
        [[0.6], [0.8]]
    """

    min_value: float = field(number(0), default=0.0)
    max_value: float = field(number(0), default=1.0)
    rate: float = field(number(0, 1), default=1.0)
    axis: AxesLike = field(_axes, default=0)

    def __post_init__(self) -> None:
        if self.min_value > self.max_value:
            received = f"min_value={self.min_value}, max_value={self.max_value}"
            raise ValueError(f"MinMaxNorm: expected min_value <= max_value; received {received}")

    def __call__(self, w: Array) -> Array:
        norms = _norms("MinMaxNorm", w, self.axis)
        target = np.clip(norms, self.min_value, self.max_value) * self.rate + norms * (1 - self.rate)
        return w * (target / (norms + _EPSILON))


class NonNeg(Constraint):
    """Replaces negative weights by 0: max(w, 0).

    Example:
        >>> NonNeg()(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Array) -> Array:
        return np.maximum(w, 0)


class UnitNorm(Constraint):
    """Scales weights to norm 1: w / (norm + 1e-7).

    Args:
        axis: the axis or axes along which the norm is taken.

    Example:
        >>> UnitNorm()(np.array([[3.0], [4.0]])).round(4).tolist()
        [[0.6], [0.8]]
    """

    axis: AxesLike = field(_axes, default=0)

    def __call__(self, w: Array) -> Array:
        return w / (_norms("UnitNorm", w, self.axis) + _EPSILON)


# Keras's other names.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_REGISTRY = Registry(
    "a constraint",
    Constraint,
    (MaxNorm, MinMaxNorm, NonNeg, UnitNorm),
    wrap=lambda function: function,
    none=True,
)
get, serialize, deserialize = _REGISTRY.functions(__name__)


def _norms(owner: str, w: Array, axis: int | tuple[int, ...]) -> Array:
    try:
        squares: Array = np.square(w).sum(axis=axis, keepdims=True)
    except np.exceptions.AxisError as error:
        raise ValueError(f"{owner}: expected axis={axis} to be of a weight; it has shape {np.shape(w)}") from error
    return np.sqrt(squares)
