"""Activation functions under Keras's names; each takes a Tensor or array x of any shape and keeps its shape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import assume, fold_error, is_compiling

from .config.arguments import checked, problem_of
from .config.config import named_object, plain, publish
from .config.docstrings import arguments_from
from .config.registry import find
from .module import symbols
from .module.logits import remember_last

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
__dir__ = __all__.copy

Activation = Callable[[Any], Any]
F = TypeVar("F", bound=Callable[..., Any])

_ARGUMENTS = """
    x: the inputs of the activation, any shape, floating: a Tensor, an array, or a symbol of the functional model.
    axis: the axis along which probabilities sum to 1, the last by default; softmax and log_softmax also take several.
    alpha: what the function tends to below 0, with the sign reversed; above 0, by default 1.
    approximate: whether to compute Phi by tanh, as GPT-2 does, which is a little faster and differs by less than 5e-4.
    negative_slope: the slope below 0; 0 makes the result 0 there.
"""


def _of_symbols(function: F) -> F:
    """Let a function also be called on symbols, as a layer of the functional model."""

    @functools.wraps(function)
    def call_or_record(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.__class__ is symbols.Symbol:
            return symbols.operate(function.__name__, x, *args, **kwargs)
        try:
            return function(x, *args, **kwargs)
        except Exception as error:
            raise fold_error(problem_of(function, error, (x, *args), kwargs))  # noqa: B904 it keeps its cause

    return cast(F, call_or_record)


def activate(activation: Activation, x: Any) -> Any:
    """Return activation(x), in x's memory if possible, for an x that the caller has made and needs no more.

    Example:
        >>> import autograd_lite as ag
        >>> activate(relu, ag.tensor([-1.0, 2.0]))
        Tensor([0., 2.])
    """
    return ag.relu(x, out=x) if activation is relu and x.__class__ is Tensor else activation(x)


@checked
def linear(x: Any) -> Any:
    """Return x unchanged."""
    return x


@_of_symbols
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Replace negative values by zero: max(x, 0).

    With other arguments: max_value where x >= max_value, x where threshold < x < max_value, and
    negative_slope (x - threshold) up to the threshold, which is 0 at the threshold itself.

    Args:
        negative_slope: the slope below the threshold, at least 0; 0 by default, so that the result is 0 there.
        max_value: the largest result, at least 0; None, the default, for no bound.
        threshold: where the function becomes x, at least 0; 0 by default.

    Example:
        >>> relu(np.array([-2.0, 0.5, 3.0]), negative_slope=0.5, max_value=2.0, threshold=1.0)
        array([-1.5 , -0.25,  2.  ])
    """
    if negative_slope == 0 and max_value is None and threshold == 0:
        return ag.relu(x)
    below = negative_slope * (x - threshold) if negative_slope else 0.0
    above = x if max_value is None else np.minimum(x, max_value)
    # The derivative at the threshold itself is that of the lower side, as for `autograd_lite.relu`.
    return np.where(x > threshold, above, below)


@_of_symbols
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x where x > 0, otherwise negative_slope * x.

    Example:
        >>> leaky_relu(np.array([-1.0, 2.0]))
        array([-0.2,  2. ])
    """
    return ag.leaky_relu(x, negative_slope)


@_of_symbols
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, otherwise alpha * (exp(x) - 1); see `autograd_lite.elu`.

    Example:
        >>> elu(np.array([-1.0, 2.0]))
        array([-0.63212056,  2.        ])
    """
    return ag.elu(x, alpha)


@_of_symbols
def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x * Phi(x), with Phi the distribution function of the standard normal; see `autograd_lite.gelu`.

    Example:
        >>> gelu(np.array([-1.0, 2.0]))
        array([-0.15865525,  1.95449974])
    """
    return ag.gelu(x, approximate)


@_of_symbols
def silu(x: Any) -> Any:
    """Return x * sigmoid(x), also called swish; see `autograd_lite.silu`.

    Example:
        >>> silu(np.array([-1.0, 2.0]))
        array([-0.26894142,  1.76159416])
    """
    return ag.silu(x)


@_of_symbols
def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow.

    Example:
        >>> softplus(np.array([-100.0, 0.0, 100.0]))
        array([3.72007598e-44, 6.93147181e-01, 1.00000000e+02])
    """
    return ag.softplus(x)


@checked
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


@_of_symbols
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return remember_last(ag.sigmoid(x), x, "sigmoid")


@_of_symbols
def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along `axis`, or along several axes together, without overflow.

    Example:
        >>> softmax(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]])
    """
    if isinstance(axis, Sequence):
        return ag.softmax(x, tuple(axis))
    out = ag.softmax(x, axis)
    return remember_last(out, x, "softmax") if axis in (-1, np.ndim(x) - 1) else out


# Klambauer, Unterthiner, Mayr, Hochreiter: Self-Normalizing Neural Networks, 2017, equation 14.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@_of_symbols
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, otherwise alpha (exp(x / alpha) - 1): smooth at 0 for every alpha.

    Example:
        >>> celu(np.array([-1.0, 2.0]))
        array([-0.63212056,  2.        ])

    References:
        Barron: Continuously Differentiable Exponential Linear Units, 2017, equation 2.
    """
    return ag.elu(x / alpha, 1.0) * alpha


@_of_symbols
def selu(x: Any) -> Any:
    """Return s elu(x, a) with a = 1.6733 and s = 1.0507, which keep mean 0 and variance 1 from layer to layer.

    Example:
        >>> selu(np.array([-1.0, 2.0]))
        array([-1.11133074,  2.10140197])

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter: Self-Normalizing Neural Networks, 2017, equation 2.
    """
    return ag.elu(x, SELU_ALPHA) * SELU_SCALE


@checked
def exponential(x: Any) -> Any:
    """Return exp(x)."""
    return np.exp(x)


@_of_symbols
def glu(x: Any, axis: int = -1) -> Any:
    """Return a sigmoid(b), where a and b are the two halves of x along `axis`; the result is half as long there.

    Args:
        axis: the axis that is halved, of even length; the last by default.

    References:
        Dauphin, Fan, Auli, Grangier: Language Modeling with Gated Convolutional Networks, 2017, equation 1.

    Example:
        >>> glu(np.array([3.0, 0.0]))
        array([1.5])
    """
    if x.shape[axis] % 2:
        raise ag.ShapeError(f"glu: expected an even length along axis {axis}; received shape {x.shape}")
    a, b = np.split(x, 2, axis=axis)
    return a * ag.sigmoid(b)


@_of_symbols
def relu6(x: Any) -> Any:
    """Return min(max(x, 0), 6), with derivative 0 at 0 and at 6, as the other activations of straight pieces have.

    Example:
        >>> relu6(np.array([-1.0, 2.0, 9.0]))
        array([0., 2., 6.])
    """
    return ag.hard_tanh(x, 0.0, 6.0)


@_of_symbols
def hard_sigmoid(x: Any) -> Any:
    """Return min(max(x + 3, 0), 6) / 6, a sigmoid of three straight pieces.

    Example:
        >>> hard_sigmoid(np.array([-4.0, 0.0, 1.5]))
        array([0.  , 0.5 , 0.75])
    """
    return ag.hard_tanh(x + 3.0, 0.0, 6.0) / 6.0


@_of_symbols
def hard_silu(x: Any) -> Any:
    """Return x hard_sigmoid(x), also called hard_swish.

    Example:
        >>> hard_silu(np.array([-4.0, 0.0, 1.5]))
        array([-0.   ,  0.   ,  1.125])

    References:
        Howard et al.: Searching for MobileNetV3, 2019, section 5.2.
    """
    return ag.hard_tanh(x, -3.0, np.inf) * hard_sigmoid(x)  # -inf times 0 would be NaN


@_of_symbols
def hard_tanh(x: Any) -> Any:
    """Return min(max(x, -1), 1).

    Example:
        >>> hard_tanh(np.array([-4.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])
    """
    return ag.hard_tanh(x)


@_of_symbols
def log_sigmoid(x: Any) -> Any:
    """Return log(sigmoid(x)), without overflow.

    Example:
        >>> log_sigmoid(np.array([-100.0, 0.0]))
        array([-100.        ,   -0.69314718])
    """
    return -ag.softplus(-x)


@_of_symbols
def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """Return log(softmax(x)) along `axis`, or along several axes together, exact where softmax underflows.

    Example:
        >>> log_softmax(np.array([0.0, np.log(3.0)]))
        array([-1.38629436, -0.28768207])
    """
    return ag.log_softmax(x, tuple(axis) if isinstance(axis, Sequence) else axis)


@_of_symbols
def mish(x: Any) -> Any:
    """Return x tanh(softplus(x)).

    Example:
        >>> mish(np.array([-1.0, 2.0]))
        array([-0.30340146,  1.94395896])

    References:
        Misra: Mish: A Self Regularized Non-Monotonic Activation Function, 2019, equation 1.
    """
    return ag.mish(x)


@_of_symbols
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return x where abs(x) > threshold, otherwise 0.

    Args:
        threshold: the distance from 0 up to which values become 0, at least 0.

    Example:
        >>> hard_shrink(np.array([-1.0, 0.2, 2.0]))
        array([-1.,  0.,  2.])
    """
    return np.where(np.abs(x) > threshold, x, 0.0)


@_of_symbols
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return x moved towards 0 by `threshold`, and 0 within it: sign(x) max(abs(x) - threshold, 0).

    Args:
        threshold: by how much values are moved, at least 0.

    Example:
        >>> soft_shrink(np.array([-1.0, 0.2, 2.0]))
        array([-0.5,  0. ,  1.5])
    """
    return x - np.clip(x, -threshold, threshold)


@_of_symbols
def tanh_shrink(x: Any) -> Any:
    """Return x - tanh(x); see `autograd_lite.tanh_shrink`."""
    return ag.tanh_shrink(x)


@_of_symbols
def softsign(x: Any) -> Any:
    """Return x / (1 + abs(x))."""
    return ag.softsign(x)


@_of_symbols
def sparse_plus(x: Any) -> Any:
    """Return 0 where x <= -1, (x + 1)² / 4 where x < 1, otherwise x: the integral of `sparse_sigmoid`.

    Example:
        >>> sparse_plus(np.array([-2.0, 0.0, 2.0]))
        array([0.  , 0.25, 2.  ])
    """
    return np.where(x < 1.0, np.square(np.clip(x, -1.0, 1.0) + 1.0) / 4.0, x)


@_of_symbols
def sparse_sigmoid(x: Any) -> Any:
    """Return min(max((x + 1) / 2, 0), 1).

    Example:
        >>> sparse_sigmoid(np.array([-2.0, 0.0, 0.5]))
        array([0.  , 0.5 , 0.75])
    """
    return ag.hard_tanh((x + 1.0) / 2.0, 0.0, 1.0)


@_of_symbols
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Return the point of the probability simplex that is nearest to x along `axis`; many entries are exactly 0.

    It is max(x - t, 0), with the t for which the entries sum to 1.

    References:
        Martins, Astudillo: From Softmax to Sparsemax, 2016, algorithm 1.

    Example:
        >>> sparsemax(np.array([1.0, 0.5, -1.0]))
        array([0.75, 0.25, 0.  ])
    """
    x = x if hasattr(x, "dtype") else np.asarray(x, np.float64)
    if not x.ndim:
        raise ag.ShapeError(f"sparsemax: expected x of at least one axis; received a single number, x={x!s:.20}")
    # The point is the same for x and x - c. With the largest at 0, values below -1 are not in it.
    top = ag.stop_gradient(np.max(x, axis=axis, keepdims=True))
    with np.errstate(over="ignore"):
        z = np.clip(x - np.clip(top, np.finfo(x.dtype).min, np.finfo(x.dtype).max), -1.0, 0.0)
    falling = -np.sort(-ag.stop_gradient(z), axis=axis)
    lengths = [1] * len(x.shape)
    lengths[axis] = x.shape[axis]
    rank = np.arange(1.0, x.shape[axis] + 1).reshape(lengths)
    inside = rank * falling + 1.0 > np.cumsum(falling, axis=axis, dtype=np.float64)
    # Comparisons have no derivative, so t is differentiated as the mean over the support that it is.
    edge = np.take_along_axis(falling, np.sum(inside, axis=axis, keepdims=True) - 1, axis)
    inside = z >= edge
    support = inside.astype(x.dtype)
    t = (np.sum(z * support, axis=axis, keepdims=True) - 1.0) / np.sum(support, axis=axis, keepdims=True)
    return np.where(inside, z - t, 0.0)


@_of_symbols
def squareplus(x: Any, b: float = 4.0) -> Any:
    """Return (x + sqrt(x² + b)) / 2.

    Args:
        b: how round the bend at 0 is, at least 0, where the value is sqrt(b) / 2; with 0 the function is relu.

    Example:
        >>> squareplus(np.array([-2.0, 0.0, 2.0]))
        array([0.41421356, 1.        , 2.41421356])

    References:
        Barron: Squareplus: A Softplus-Like Algebraic Rectifier, 2021, equation 1.
    """
    if not b:
        return ag.relu(x)
    half = 0.5 * np.hypot(x, b**0.5)
    # For negative x the sum cancels; it is b / 4 over the difference. Halves first: their sum does not overflow.
    return np.where(x >= 0, 0.5 * np.clip(x, 0.0, np.inf) + half, 0.25 * b / (0.5 * np.abs(x) + half))


@_of_symbols
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Return x where x > threshold, otherwise default_value.

    Args:
        threshold: the value that x must exceed to stay.
        default_value: what takes the place of the others.

    Example:
        >>> threshold(np.array([0.5, 2.0]), 1.0, 0.0)
        array([0., 2.])
    """
    return np.where(x > threshold, x, default_value)


# Keras has two names for each.
hard_swish, swish = hard_silu, silu

# Those that can be called with x alone.
_BY_NAME: dict[str, Activation] = {
    name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize", "threshold")
}


@checked
def get(identifier: str | Mapping[str, Any] | Activation | None) -> Activation:
    """Return an activation by its name or configuration, or the given function; None is `linear`.

    Args:
        identifier: a name such as "relu", what `serialize` returned, a function of one Tensor, or None.

    Returns:
        A function of one Tensor.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("relu") is relu, get(None) is linear
        (True, True)
    """
    if (identifier := named_object(identifier)) is None:
        return linear
    if isinstance(identifier, str):
        return find("an activation", identifier, _BY_NAME)
    if callable(identifier):
        return identifier
    fix = ". Layers take the number of outputs, and learn that of inputs" * isinstance(identifier, int)
    raise TypeError(f"activation: expected a name, a function or None; received {identifier!r}{fix}")


@checked
def serialize(activation: Activation) -> Any:
    """Return the name of an activation of this module, or the configuration of a registered custom function.

    Args:
        activation: one of this module's functions, or one that `nn.saving.register_keras_serializable` registered.

    Returns:
        A string or a dict, which `deserialize` takes, and which JSON can hold.

    Raises:
        ValueError: for another function; see `nn.saving.register_keras_serializable`.

    Example:
        >>> serialize(silu)
        'silu'
    """
    for name, function in _BY_NAME.items():
        if function is activation:
            return name
    if (config := plain(activation)) is not activation:
        return config
    raise ValueError(
        f"serialize: expected one of {', '.join(_BY_NAME)}, or a function that is registered with "
        f"nn.saving.register_keras_serializable; received {activation!r}"
    )


@checked
def deserialize(config: str | Mapping[str, Any]) -> Activation:
    """Return the activation with a name, or from what `serialize` returned; the same as `get`.

    Args:
        config: a name such as "relu", or what `serialize` returned.

    Raises:
        ValueError: for a name that is not known.

    Example:
        >>> deserialize("swish") is silu
        True
    """
    return get(config)


publish(_BY_NAME.values())
for _function in (*_BY_NAME.values(), cast(Any, threshold)):
    arguments_from(_ARGUMENTS)(_function)


def unit_vectors(x: Tensor, axis: Any, least: float) -> Tensor:
    """Return x / max(norm(x), least), the norms taken along one axis or several.

    Example:
        >>> unit_vectors(ag.tensor([3e200, 4e200]), -1, 1e-12)
        Tensor([0.6, 0.8])
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares: Any = np.square(x).sum(axis=axis, keepdims=True)
        if are_normal(squares):
            return x / np.sqrt(np.maximum(squares, least * least))
        # Lengths do not matter, so all is divided by the largest first, which then counts as a constant.
        limits = np.finfo(x.dtype)
        least = max(least, float(limits.tiny))
        bounded: Any = np.clip(x, -limits.max, limits.max)
        scale = ag.stop_gradient(np.maximum(np.abs(bounded).max(axis=axis, keepdims=True), least))
        scaled = bounded / scale
        squares = np.square(scaled).sum(axis=axis, keepdims=True)
        return scaled / np.sqrt(np.maximum(squares, np.square(least / scale)))


def are_normal(squares: Any) -> bool:
    """Return whether sums of squares have all their digits: none has over- or underflowed, or is 0."""
    if squares.__class__ is not Tensor:
        return False  # in `vmap` and `jvp`, where values are not known
    limits = np.finfo(squares.dtype)
    if is_compiling():
        assume(np.all, np.logical_and(squares > limits.tiny / limits.eps, squares < np.inf))
        return True
    values = squares.data
    return bool(values.size and limits.tiny / limits.eps < values.min() and values.max() < np.inf)
