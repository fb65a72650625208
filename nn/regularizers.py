"""Regularizers: penalties on weights or outputs that are added to the loss of a model.

A layer takes them as `kernel_regularizer=`, `bias_regularizer=` and so on for each of its weights, and as
`activity_regularizer=` for its output. `fit` adds them; in your own loop, `model.losses` lists them:

    >>> from nn import layers, models
    >>> layer = layers.Dense(1, kernel_initializer="ones", kernel_regularizer=L2(0.1), input_shape=(3,))
    >>> model = models.Sequential([layer])
    >>> [round(penalty.item(), 4) for penalty in model.losses]
    [0.3]

References:
    Keras 3, `keras.regularizers`, 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .config.arguments import checked
from .config.config import Configurable, made, named_object, plain
from .config.registry import find

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "serialize",
]


class Regularizer(Configurable):
    """Base class of all regularizers; a subclass writes `__call__`, which returns a scalar."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty.

        Args:
            x: a weight or an output, any shape.

        Returns:
            The penalty, shape ().
        """
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, x)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`; the derivative of `|x|` at 0 is 0.

    Args:
        l1: the factor of the absolute values, at least 0; None means 0.
        l2: the factor of the squares, at least 0; None means 0.

    Raises:
        ValueError: if a factor is negative, infinite or NaN.
        TypeError: if it is not a number.

    Example:
        >>> round(L1L2(l1=0.1, l2=0.01)(ag.tensor([1.0, -2.0])).item(), 6)
        0.35
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(type(self).__name__, "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor(type(self).__name__, "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Tensor) -> Tensor:
        if not self.l1:
            return (x * x).sum() * self.l2
        penalty: Tensor = np.abs(x).sum() * self.l1
        return penalty + (x * x).sum() * self.l2 if self.l2 else penalty


class L1(Regularizer):
    """`l1 * sum(|x|)`, which drives weights to 0.

    Args:
        l1: the factor, at least 0.

    References:
        Robert Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996, equation 1.

    Example:
        >>> L1(0.5)(ag.tensor([1.0, -2.0])).item()
        1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", l1)

    def __call__(self, x: Tensor) -> Tensor:
        penalty: Tensor = np.abs(x).sum() * self.l1
        return penalty


class L2(Regularizer):
    """l2 * sum(x**2), which keeps weights small.

    Args:
        l2: the factor, at least 0.

    References:
        Arthur Hoerl, Robert Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", 1970.

    Example:
        >>> L2(0.5)(ag.tensor([1.0, -2.0])).item()
        2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", l2)

    def __call__(self, x: Tensor) -> Tensor:
        return (x * x).sum() * self.l2


class OrthogonalRegularizer(Regularizer):
    """The mean absolute cosine of the angles between different rows, or columns, of a matrix, times `factor`.

    With u_i the i-th of n rows divided by its norm: `factor * sum_{i<j} |u_i . u_j| / (n (n - 1) / 2)`. A row of zeros
    stays 0, since norms are taken to be at least 1e-6. A single row has no penalty.

    Args:
        factor: at least 0.
        mode: "rows" or "columns".

    Raises:
        ValueError: for another mode, or a factor that is negative, infinite or NaN.
        ShapeError: when called with something other than a matrix.

    Example:
        >>> matrix = ag.tensor([[1.0, 0.0], [3.0, 4.0]])
        >>> round(OrthogonalRegularizer(1.0)(matrix).item(), 6)
        0.6
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: expected mode 'rows' or 'columns'; received {mode!r}")
        self.mode = mode

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 2:
            raise ag.ShapeError(f"OrthogonalRegularizer: expected a matrix, shape (D, K); received shape {x.shape}")
        rows = x if self.mode == "rows" else x.T
        n = rows.shape[0]
        squares = (rows * rows).sum(axis=1, keepdims=True)
        units = rows / np.sqrt(np.maximum(squares, 1e-12))
        others = (units @ units.T) * (1 - np.eye(n)).astype(x.dtype)
        penalty: Tensor = np.abs(others).sum() * (self.factor / max(n * (n - 1), 1))
        return penalty


# Keras's other names.
l1, l2, l1_l2 = L1, L2, L1L2

_BY_NAME: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
    "orthogonal_regularizer": OrthogonalRegularizer,
}


@checked
def get(identifier: str | Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a regularizer by its name, the given function of a tensor, or None.

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("l2"), get(None)
        (L2(l2=0.01), None)
    """
    identifier = named_object(identifier)
    if isinstance(identifier, str):
        return find("a regularizer", identifier, _BY_NAME)()
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise TypeError(f"regularizer: expected a name, a Regularizer, a function or None; received {identifier!r}")


@checked
def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Return a regularizer as plain values, {"class_name": …, "config": …}; see `deserialize`."""
    config: dict[str, Any] = plain(regularizer)
    return config


@checked
def deserialize(config: Any) -> Regularizer:
    """Return a regularizer like the one that was serialized.

    Raises:
        ValueError: if the configuration stands for something else.

    Example:
        >>> deserialize(serialize(L2(0.5))).get_config() == L2(0.5).get_config()
        True
    """
    return made("a regularizer", config, Regularizer)


def _factor(owner: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner}: expected {name} to be a number of at least 0; received {name}={value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{owner}: expected {name} of at least 0 and finite; received {name}={value!r}")
    return float(value)
