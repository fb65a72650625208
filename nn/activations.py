"""Activation functions, under Keras's names: each takes a Tensor (or an array) x of any shape and keeps its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .registry import find

__all__ = [
    "elu",
    "gelu",
    "get",
    "leaky_relu",
    "linear",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

Activation = Callable[[Any], Any]


def linear(x: Any) -> Any:
    """Return x as it is."""
    return x


def relu(x: Any) -> Any:
    """Replace negative values by zero: max(x, 0)."""
    return ag.relu(x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x where x > 0, otherwise negative_slope * x."""
    return ag.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, otherwise alpha * (exp(x) - 1); see `autograd_lite.elu`."""
    return ag.elu(x, alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x * Phi(x), with Phi the distribution function of the standard normal; see `autograd_lite.gelu`."""
    return ag.gelu(x, approximate)


def silu(x: Any) -> Any:
    """Return x * sigmoid(x), also called swish; see `autograd_lite.silu`."""
    return ag.silu(x)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow."""
    return ag.softplus(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return _remember(ag.sigmoid(x), x, "sigmoid")


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along `axis`, without overflow.

    Example:
        >>> softmax(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]])
    """
    out = ag.softmax(x, axis)
    return _remember(out, x, "softmax") if axis in (-1, np.ndim(x) - 1) else out


_BY_NAME: dict[str, Activation] = {
    "elu": elu,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "swish": silu,
    "tanh": tanh,
}


def get(identifier: str | Activation | None) -> Activation:
    """Return an activation by its name, or the given function; None is `linear`.

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("relu") is relu, get(None) is linear
        (True, True)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return find("an activation", identifier, _BY_NAME)
    if callable(identifier):
        return identifier
    raise TypeError(f"activation: expected a name, a function or None; received {identifier!r}")


# ---- the logits behind probabilities while nothing is recorded ------------------------------------------------------

_LAST: ContextVar[list[tuple[Tensor, Tensor, str]] | None] = ContextVar("nn_last_logits", default=None)


@contextmanager
def remember_logits() -> Iterator[None]:
    """Remember what the last softmax or sigmoid was applied to, so that a loss finds it although nothing is recorded.

    `evaluate` runs a model without a record, yet reports the same cross-entropy as training, which is computed from
    the logits. Only the last one is kept, and only inside this block.
    """
    token = _LAST.set([])
    try:
        yield
    finally:
        _LAST.reset(token)


def remembered_logits(probabilities: Tensor, activation: str) -> Tensor | None:
    """Return what `activation` was applied to when it made exactly this tensor, if that is remembered."""
    for out, logits, name in _LAST.get() or ():
        if out is probabilities and name == activation:
            return logits
    return None


def _remember(out: Any, x: Any, activation: str) -> Any:
    last = _LAST.get()
    if last is not None and isinstance(out, Tensor):
        last[:] = [(out, x, activation)]
    return out
