"""Regularizers: penalties on weights or outputs that are added to the loss of a model.

A layer takes them as `kernel_regularizer=`, `bias_regularizer=` and so on for each of its weights, and as
`activity_regularizer=` for its output, divided by the number of samples. `fit` adds them; in your own loop,
`model.losses` lists them:

    >>> from nn import layers, models
    >>> layer = layers.Dense(1, kernel_initializer="ones", kernel_regularizer=L2(0.1), input_shape=(3,))
    >>> model = models.Sequential([layer])
    >>> [round(penalty.item(), 4) for penalty in model.losses]
    [0.3]

References:
    Keras 3, `keras.regularizers`, 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .config.arguments import number, one_of
from .config.config import Configurable
from .config.fields import Converted, field
from .config.registry import Registry

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "serialize",
]
__dir__ = __all__.copy


class Regularizer(Configurable):
    """Base class of all regularizers; a subclass writes `__call__`, which returns a scalar.

    Example:
        >>> class Largest(Regularizer):
        ...     def __call__(self, x):
        ...         return abs(x).max()
        >>> float(Largest()(np.array([1.0, -3.0])))
        3.0
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty.

        Args:
            x: a weight or an output, any shape.

        Returns:
            The penalty, shape ().
        """
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, x)")


def _factor_or_none(owner: Any, name: str, value: Any) -> float:
    return float(number(0)(owner, name, 0.0 if value is None else value))


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

    l1: Converted[float | None, float] = field(_factor_or_none, default=0.0)
    l2: Converted[float | None, float] = field(_factor_or_none, default=0.0)

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

    l1: float = field(number(0), default=0.01)

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

    l2: float = field(number(0), default=0.01)

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

    factor: float = field(number(0), default=0.01)
    mode: str = field(one_of("rows", "columns"), default="rows")

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

_REGISTRY = Registry(
    "a regularizer",
    Regularizer,
    (L1, L2, OrthogonalRegularizer),
    others={"l1_l2": lambda: L1L2(0.01, 0.01)},
    wrap=lambda function: function,
    none=True,
)
get, serialize, deserialize = _REGISTRY.functions(__name__)
