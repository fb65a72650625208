"""Functions that NumPy has no name for. Each takes Tensors and records, or takes arrays and returns arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._tensor import Tensor
from .core.errors import ShapeError
from .core.op import Op
from .core.shapes import Axis, normalize_axes, normalize_axis
from .ops import recurrent, reduce, special

__all__ = [
    "elu",
    "erf",
    "erfc",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "lstm",
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


def lstm(z: Any, recurrent_kernel: Any, bias: Any = None, h: Any = None, c: Any = None) -> tuple[Any, Any]:
    """Run a long short-term memory over whole sequences, as one op.

    At every step, with a = z + bias + h recurrent_kernel and the gates i, f, g, o side by side in it:
    c' = s(a_f) c + s(a_i) tanh(a_g) and h' = s(a_o) tanh(c'), where s is the logistic function.

    Args:
        z: what the input gives to the gates, shape (T, N, 4 H), T > 0.
        recurrent_kernel: shape (H, 4 H).
        bias: shape (4 H,), or None for none.
        h, c: the states before the first step, shape (N, H); None for zeros.

    Returns:
        h and c of all steps, shape (T, N, H) each.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> h, c = lstm(np.zeros((5, 2, 12)), np.zeros((3, 12)), c=np.ones((2, 3)))
        >>> h.shape, c[:, 0, 0]
        ((5, 2, 3), array([0.5    , 0.25   , 0.125  , 0.0625 , 0.03125]))

    References:
        Hochreiter, Schmidhuber: Long Short-Term Memory, 1997; Gers, Schmidhuber, Cummins: Learning to Forget, 2000,
        equations 2.6 to 3.2.
    """
    shape, n = np.shape(z), np.shape(recurrent_kernel)[0]
    expected = {"bias": (4 * n,), "h": (shape[1], n), "c": (shape[1], n)} if len(shape) == 3 else {}
    given = {"bias": bias, "h": h, "c": c}
    if (
        len(shape) != 3
        or not shape[0]
        or (shape[2] != 4 * n or np.shape(recurrent_kernel) != (n, 4 * n))
        or any(a is not None and np.shape(a) != expected[name] for name, a in given.items())
    ):
        shapes = ", ".join(f"{name} {np.shape(a)}" for name, a in given.items() if a is not None)
        raise ShapeError(
            "lstm: expected z of shape (T, N, 4 H) with T > 0, a recurrent_kernel (H, 4 H), a bias (4 H,), h and c "
            f"(N, H); received z {shape}, recurrent_kernel {np.shape(recurrent_kernel)}" + (shapes and f", {shapes}")
        )
    steps, rows, width = shape
    zeros = np.zeros((1, width), recurrent_kernel.dtype)
    top = zeros if bias is None else bias.reshape(1, width)
    pad = np.zeros((rows, width if c is None else width - n), recurrent_kernel.dtype)
    start = pad if c is None else np.concatenate([c, pad], axis=1)
    flat = z.reshape(steps * rows, width)
    body = [flat] if h is None else [flat[:rows] + h @ recurrent_kernel, flat[rows:]]
    out = recurrent.lstm(np.concatenate([top, recurrent_kernel, start, *body], axis=0), batch=rows)
    return out[:, 4], out[:, 5]
