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

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .config.arguments import checked
from .config.config import Configurable, made, named_object, plain
from .config.registry import find

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "serialize",
]

Array = npt.NDArray[Any]

_EPSILON = 1e-7


class Constraint(Configurable):
    """Base class of all constraints; a subclass writes `__call__`, from an array to one of its shape and dtype."""

    def __call__(self, w: Array) -> Array:
        """Return an allowed value of a weight, the nearest or close to it."""
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, w)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


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

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = _at_least_0("MaxNorm", "max_value", max_value)
        self.axis = _axes("MaxNorm", axis)

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
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value = _at_least_0("MinMaxNorm", "min_value", min_value)
        self.max_value = _at_least_0("MinMaxNorm", "max_value", max_value)
        self.rate = _at_least_0("MinMaxNorm", "rate", rate)
        if self.min_value > self.max_value or self.rate > 1:
            raise ValueError(
                f"MinMaxNorm: expected min_value <= max_value and a rate of at most 1; received min_value={min_value}, "
                f"max_value={max_value}, rate={rate}"
            )
        self.axis = _axes("MinMaxNorm", axis)

    def __call__(self, w: Array) -> Array:
        norms = _norms("MinMaxNorm", w, self.axis)
        wanted = np.clip(norms, self.min_value, self.max_value) * self.rate + norms * (1 - self.rate)
        return w * (wanted / (norms + _EPSILON))


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
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = _axes("UnitNorm", axis)

    def __call__(self, w: Array) -> Array:
        return w / (_norms("UnitNorm", w, self.axis) + _EPSILON)


# Keras's other names.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_BY_NAME: dict[str, Callable[[], Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


@checked
def get(identifier: str | Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a constraint by its name, the given function of an array, or None.

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("non_neg"), get(None)
        (NonNeg(), None)
    """
    identifier = named_object(identifier)
    if isinstance(identifier, str):
        return find("a constraint", identifier, _BY_NAME)()
    if isinstance(identifier, type) and issubclass(identifier, Constraint):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise TypeError(f"constraint: expected a name, a Constraint, a function or None; received {identifier!r}")


@checked
def serialize(constraint: Constraint) -> dict[str, Any]:
    """Return a constraint as plain values, {"class_name": …, "config": …}; see `deserialize`."""
    config: dict[str, Any] = plain(constraint)
    return config


@checked
def deserialize(config: Any) -> Constraint:
    """Return a constraint like the one that was serialized.

    Raises:
        ValueError: if the configuration stands for something else.

    Example:
        >>> deserialize(serialize(MaxNorm(3.0))).get_config() == MaxNorm(3.0).get_config()
        True
    """
    return made("a constraint", config, Constraint)


def _at_least_0(owner: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner}: expected {name} to be a number of at least 0; received {name}={value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{owner}: expected {name} of at least 0 and finite; received {name}={value!r}")
    return float(value)


def _axes(owner: str, axis: Any) -> int | tuple[int, ...]:
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if not axes or not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in axes):
        raise TypeError(f"{owner}: expected axis to be a whole number, or a list of them; received axis={axis!r}")
    return int(axis) if axes == (axis,) else tuple(int(a) for a in axes)


def _norms(owner: str, w: Array, axis: int | tuple[int, ...]) -> Array:
    try:
        squares: Array = np.square(w).sum(axis=axis, keepdims=True)
    except np.exceptions.AxisError as error:
        raise ValueError(f"{owner}: expected axis={axis} to be of a weight; it has shape {np.shape(w)}") from error
    return np.sqrt(squares)
