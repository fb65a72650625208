"""Activations and the error function. Given Tensors they record and return Tensors; given arrays, arrays.

Their derivative rules are in `ops/`: `elementwise_activations`, `erf`, `gelu`, `softmax`, `cross_entropy`,
`rotation`, `standardize`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import as_array
from ..core.errors import ShapeError
from ..core.messages import checked
from ..core.op import Op
from ..core.ownership import SMALL
from ..core.shape_arithmetic import Axis, normalize_axes, normalize_axis
from ..ops import (
    cross_entropy as cross_entropy_op,
    elementwise_activations as activation_ops,
    erf as erf_op,
    gelu as gelu_op,
    rotation as rotation_op,
    softmax as softmax_op,
    standardize as standardize_op,
)
from ..ops.operands import by_rows
from ..tensors.record import unary_over
from ..tensors.tensor import Tensor


def _call(op: Op, x: Any, **params: Any) -> Any:
    return op(x if isinstance(x, (Tensor, np.ndarray)) else as_array(x), **params)


@checked
def relu(x: Any, out: Tensor | None = None) -> Any:
    """Replace negative values by zero: max(x, 0), with derivative 0 at 0.

    Args:
        x: real numbers of any shape.
        out: a Tensor of the result's shape that is rebound to the result, as after `out[...] = relu(x)`. If it is x
            itself, and nothing else refers to its values, the result overwrites them.

    Example:
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    if out is None:
        return _call(activation_ops.relu, x)
    if out is x and x._data.size > SMALL and unary_over(activation_ops.relu, x, activation_ops.relu_over):
        return x
    return out._rebind("relu(x, out=t)", _call(activation_ops.relu, x))


@checked
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Return x where x > 0, otherwise negative_slope * x.

    Args:
        x: an array or Tensor of any shape.
        negative_slope: the slope below 0.

    Example:
        >>> leaky_relu(np.array([-1.0, 2.0]), negative_slope=0.1)
        array([-0.1,  2. ])
    """
    return _call(activation_ops.leaky_relu, x, slope=negative_slope)


@checked
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, otherwise alpha * (exp(x) - 1).

    Args:
        x: an array or Tensor of any shape.
        alpha: the negative of the limit at -infinity.

    Example:
        >>> elu(np.array([-1.0, 2.0]))
        array([-0.63212056,  2.        ])

    References:
        Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by Exponential Linear Units, 2016,
        equation 15.
    """
    return _call(activation_ops.elu, x, alpha=alpha)


@checked
def silu(x: Any) -> Any:
    """Return x * sigmoid(x), also called swish.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> silu(np.array([-1.0, 2.0]))
        array([-0.26894142,  1.76159416])

    References:
        Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units for Neural Network Function Approximation, 2018,
        equation 4.
    """
    return _call(activation_ops.silu, x)


@checked
def mish(x: Any) -> Any:
    """Return x * tanh(softplus(x)).

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> mish(np.array([-1.0, 2.0]))
        array([-0.30340146,  1.94395896])

    References:
        Misra: Mish: A Self Regularized Non-Monotonic Activation Function, 2019, equation 1.
    """
    return _call(activation_ops.mish, x)


@checked
def softsign(x: Any) -> Any:
    """Return x / (1 + abs(x)).

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> softsign(np.array([-1.0, np.inf]))
        array([-0.5,  1. ])
    """
    return _call(activation_ops.softsign, x)


@checked
def tanh_shrink(x: Any) -> Any:
    """Return x - tanh(x), without cancellation near 0, where it is x³/3.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> tanh_shrink(np.array([3e-6, 100.0]))
        array([9.0e-18, 9.9e+01])
    """
    return _call(activation_ops.tanh_shrink, x)


@checked
def hard_tanh(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """Return min(max(x, low), high), with derivative 0 at `low` and `high` themselves, where `numpy.clip` has 1.

    Args:
        x: real numbers of any shape.
        low, high: numbers, in this order.

    Example:
        >>> hard_tanh(np.array([-3.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])
    """
    return _call(activation_ops.hard_tanh, x, low=low, high=high)


@checked
def sigmoid(x: Any) -> Any:
    """Return the logistic function 1 / (1 + exp(-x)), without overflow.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> sigmoid(np.array([0.0, 1000.0]))
        array([0.5, 1. ])
    """
    return _call(activation_ops.sigmoid, x)


@checked
def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> softplus(np.array([-100.0, 0.0, 100.0]))
        array([3.72007598e-44, 6.93147181e-01, 1.00000000e+02])
    """
    return _call(activation_ops.softplus, x)


@checked
def erf(x: Any) -> Any:
    """Return the error function 2/sqrt(pi) * integral of exp(-t²) from 0 to x, to one unit in the last place.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> erf(np.array([0.0, 0.5, 3.0]))
        array([0.        , 0.52049988, 0.99997791])
    """
    return _call(erf_op.erf, x)


@checked
def erfc(x: Any) -> Any:
    """Return 1 - erf(x), without cancellation for large x.

    Args:
        x: an array or Tensor of any shape.

    Example:
        >>> erfc(np.array([0.0, 0.5, 3.0]))
        array([1.00000000e+00, 4.79500122e-01, 2.20904970e-05])
    """
    return _call(erf_op.erfc, x)


@checked
def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x * Phi(x), with Phi the distribution function of the standard normal.

    Args:
        x: float, any shape.
        approximate: use x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) instead of the exact Phi.

    Example:
        >>> gelu(np.array([-1.0, 2.0]))
        array([-0.15865525,  1.95449974])

    References:
        Hendrycks, Gimpel: Gaussian Error Linear Units (GELUs), 2016, section 2.
    """
    if approximate:
        return 0.5 * x * (np.tanh((x + 0.044715 * x * x * x) * (2 / np.pi) ** 0.5) + 1)
    return _call(gelu_op.gelu, x)


def _along(op: Op, x: Any, axis: Axis) -> Any:
    x = x if isinstance(x, (Tensor, np.ndarray)) else as_array(x)
    if axis is None or isinstance(axis, Sequence):
        return softmax_op.along(op, x, normalize_axes(axis, x.ndim))
    return op(x, axis=normalize_axis(axis, x.ndim))


@checked
def softmax(x: Any, axis: Axis = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along `axis`, or along several axes together, None for all; without overflow.

    Args:
        x: an array or Tensor of any shape.
        axis: the axis, several, or None for all.

    Example:
        >>> softmax(np.array([0.0, 0.0]))
        array([0.5, 0.5])
    """
    return _along(softmax_op.softmax, x, axis)


@checked
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Return log(softmax(x)) along `axis`, several or None for all, exact where softmax underflows.

    Args:
        x: an array or Tensor of any shape.
        axis: the axis, several, or None for all.

    Example:
        >>> log_softmax(np.array([0.0, np.log(3.0)]))
        array([-1.38629436, -0.28768207])
    """
    return _along(softmax_op.log_softmax, x, axis)


@checked
def cross_entropy(x: Any, labels: Any, axis: int = -1) -> Any:
    """Return -log(softmax(x)) at a class for each row, in one op: the loss of a classifier, from its logits.

    logsumexp(x) - x[label] along `axis`. Neither this nor its derivative, softmax(x) less 1 at the label, makes an
    array of all logarithms, so that it costs half of `log_softmax` where there are many classes.

    Args:
        x: logits, shape (..., K).
        labels: a class for each row, integers from 0 to K - 1, of x's shape without `axis`.
        axis: that of the classes.

    Returns:
        The losses, of the shape of `labels`.

    Raises:
        IndexError: if a label is not from 0 to K - 1.
        ShapeError: if there is not one label for each row.
        TypeError: if the labels are not integers.

    Example:
        >>> cross_entropy(np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([1, 0])).round(4)
        array([0.6931, 0.    ])
    """
    x = x if isinstance(x, (Tensor, np.ndarray)) else as_array(x)
    labels = labels if isinstance(labels, (Tensor, np.ndarray)) else as_array(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: expected labels that are integers; received {labels.dtype}. Soft targets have no label: "
            "write -(log_softmax(x) * targets).sum(axis=-1)"
        )
    if normalize_axis(axis, x.ndim) != x.ndim - 1:
        x = np.moveaxis(x, axis, -1)
    return cross_entropy_op.cross_entropy(x, labels.astype(np.intp, copy=False))[0]


@checked
def rotate_pairs(x: Any, cos: Any, sin: Any, interleaved: bool = False) -> Any:
    """Turn pairs of features by angles, in one op, as rotary position embedding does.

    A pair (a, b) becomes (a cos - b sin, b cos + a sin). In a row of n features the pairs are x[i] and x[i + n/2], the
    layout of GPT-NeoX and LLaMA, or x[2i] and x[2i + 1] if they are interleaved, as in RoFormer and GPT-J.

    Args:
        x: features, shape (..., n), n even.
        cos, sin: of the angles, of shapes that broadcast to (..., n/2).
        interleaved: whether the numbers of a pair are neighbors.

    Returns:
        The turned features, of x's shape.

    Raises:
        ShapeError: if n is odd, or the angles do not fit.

    Example:
        >>> rotate_pairs(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(2), np.ones(2))
        array([-3., -4.,  1.,  2.])
        >>> rotate_pairs(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(2), np.ones(2), interleaved=True)
        array([-2.,  1., -4.,  3.])

    References:
        Su, Lu, Pan, Murtadha, Wen, Liu: RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, equation
        34.
    """
    arrays = [a if isinstance(a, (Tensor, np.ndarray)) else as_array(a) for a in (x, cos, sin)]
    return rotation_op.rotate_pairs(*arrays, step=2 if interleaved else 1)


@checked
def standardize(x: Any, axis: Axis = -1, epsilon: float = 1e-5, center: bool = True) -> Any:
    """Shift and scale x to mean 0 and mean square 1 over `axis`, in one op, as layer normalization does.

    (x - mean(x)) / sqrt(mean((x - mean(x))²) + epsilon), or x / sqrt(mean(x²) + epsilon) without centering.

    Args:
        x: float, any shape but ().
        axis: the axis or axes over which means are taken; None for all. The last axes need no copy.
        epsilon: added to the mean square, >= 0; with 0, equal elements give NaN.
        center: subtract the mean.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: if x has no such axis.
        ValueError: if epsilon is negative.

    Example:
        >>> standardize(np.array([[1.0, 3.0], [10.0, 30.0]]), epsilon=0).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    References:
        Ba, Kiros, Hinton: Layer Normalization, 2016, equation 3; Zhang, Sennrich: Root Mean Square Layer Normalization,
        2019, equation 4.
    """
    x = x if isinstance(x, (Tensor, np.ndarray)) else as_array(x)
    if not epsilon >= 0:
        raise ValueError(f"standardize: expected epsilon >= 0; received epsilon={epsilon!r}")
    axes = tuple(range(x.ndim)) if axis is None else normalize_axes(axis, x.ndim)
    if not axes:
        raise ShapeError(f"standardize: expected at least one axis; received shape {x.shape} and axis={axis!r}")
    params = {"epsilon": float(epsilon), "center": bool(center)}
    if axes == (x.ndim - 1,):
        return standardize_op.standardize(x, **params)
    return by_rows(lambda rows: standardize_op.standardize(rows, **params), x, axes)


@checked
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) over `axis`, without overflow; equal infinities share the gradient evenly.

    Args:
        x: an array or Tensor of any shape.
        axis: the axis, several, or None for all.
        keepdims: whether the axes stay, with length 1.

    Example:
        >>> float(logsumexp(np.array([1000.0, 1000.0])) - 1000)  # doctest: +ELLIPSIS
        0.693147...
    """
    return _call(softmax_op.logsumexp, x, axis=normalize_axes(axis, np.ndim(x)), keepdims=keepdims)
