"""Functions that NumPy has no name for. Each takes Tensors and records, or takes arrays and returns arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._tensor import Tensor
from .core.op import Op
from .core.shapes import Axis, normalize_axes, normalize_axis
from .ops import reduce, special

__all__ = [
    "elu",
    "erf",
    "erfc",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]


def _call(op: Op, x: Any, **params: Any) -> Any:
    return op(x if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x), **params)


def relu(x: Any) -> Any:
    """Replace negative values by zero: max(x, 0), with derivative 0 at 0.

    Example:
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    return _call(special.relu, x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Return x where x > 0, otherwise negative_slope * x."""
    return _call(special.leaky_relu, x, negative_slope=negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, otherwise alpha * (exp(x) - 1).

    References:
        Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by Exponential Linear Units, 2016,
        equation 15.
    """
    return _call(special.elu, x, alpha=alpha)


def silu(x: Any) -> Any:
    """Return x * sigmoid(x), also called swish.

    References:
        Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units for Neural Network Function Approximation, 2018,
        equation 4.
    """
    return _call(special.silu, x)


def sigmoid(x: Any) -> Any:
    """Return the logistic function 1 / (1 + exp(-x)), without overflow.

    Example:
        >>> sigmoid(np.array([0.0, 1000.0]))
        array([0.5, 1. ])
    """
    return _call(special.sigmoid, x)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow."""
    return _call(special.softplus, x)


def erf(x: Any) -> Any:
    """Return the error function 2/sqrt(pi) * integral of exp(-t²) from 0 to x, to one unit in the last place."""
    return _call(special.erf, x)


def erfc(x: Any) -> Any:
    """Return 1 - erf(x), without cancellation for large x."""
    return _call(special.erfc, x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x * Phi(x), with Phi the distribution function of the standard normal.

    Args:
        x: float, any shape.
        approximate: use x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) instead of the exact Phi.

    References:
        Hendrycks, Gimpel: Gaussian Error Linear Units (GELUs), 2016, section 2.
    """
    if approximate:
        return 0.5 * x * (np.tanh((x + 0.044715 * x * x * x) * (2 / np.pi) ** 0.5) + 1)
    return _call(special.gelu, x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along `axis`, without overflow.

    Example:
        >>> softmax(np.array([0.0, 0.0]))
        array([0.5, 0.5])
    """
    return _call(reduce.softmax, x, axis=normalize_axis(axis, np.ndim(x)))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(softmax(x)) along `axis`, exact where softmax underflows."""
    return _call(reduce.log_softmax, x, axis=normalize_axis(axis, np.ndim(x)))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) over `axis`, without overflow; equal infinities share the gradient evenly.

    Example:
        >>> float(logsumexp(np.array([1000.0, 1000.0])) - 1000)  # doctest: +ELLIPSIS
        0.693147...
    """
    return _call(reduce.logsumexp, x, axis=normalize_axes(axis, np.ndim(x)), keepdims=keepdims)
