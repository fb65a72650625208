"""The optimizers of `autograd.misc.optimizers`: `grad(x, i)` in, containers of arrays throughout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .flatten import flatten

Gradient = Callable[[Any, int], Any]
Callback = Callable[[Any, int, Any], Any] | None
# From a gradient and its number to the step that is subtracted.
Rule = Callable[[Any, int], Any]


def _minimize(grad: Gradient, x0: Any, callback: Callback, num_iters: int, step: Rule) -> Any:
    """Subtract the step of each gradient, in turn."""
    x, unflatten = flatten(x0)
    for i in range(num_iters):
        g = flatten(grad(unflatten(x), i))[0]
        if callback:
            callback(unflatten(x), i, unflatten(g))
        x = x - step(g, i)
    return unflatten(x)


def sgd(
    grad: Gradient,
    x0: Any,
    callback: Callback = None,
    num_iters: int = 200,
    step_size: float = 0.1,
    mass: float = 0.9,
) -> Any:
    """Descend with momentum: v' = mass v + (1 − mass) g;  x' = x − step_size v'.

    Args:
        grad: `grad(x, i)` returns the gradient at x in iteration i, with the structure of x.
        x0: the start, an array or nested containers of arrays.
        callback: called with x, i and the gradient before each step.
        num_iters: the number of steps.
        step_size: the length of steps.
        mass: the share of the last step in the next.

    Returns:
        The last x.

    Example:
        >>> float(sgd(lambda x, i: 2 * x, 1.0, num_iters=500)) < 1e-6
        True
    """
    velocity: Any = 0.0

    def step(g: Any, i: int) -> Any:
        nonlocal velocity
        velocity = mass * velocity + (1 - mass) * g
        return step_size * velocity

    return _minimize(grad, x0, callback, num_iters, step)


def rmsprop(
    grad: Gradient,
    x0: Any,
    callback: Callback = None,
    num_iters: int = 100,
    step_size: float = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """Descend by gradients over their running size: s' = gamma s + (1 − gamma) g²;  x' = x − step_size g / (√s' + eps).

    Args are those of `sgd`; gamma is the share of the past, and s begins with ones.
    """
    square: Any = 1.0

    def step(g: Any, i: int) -> Any:
        nonlocal square
        square = gamma * square + (1 - gamma) * g**2
        return step_size * g / (np.sqrt(square) + eps)

    return _minimize(grad, x0, callback, num_iters, step)


def adam(
    grad: Gradient,
    x0: Any,
    callback: Callback = None,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Descend by Adam: running means of g and g², corrected for beginning with zeros; args are those of `sgd`.

    References:
        Kingma, Ba: Adam, a method for stochastic optimization, 2015, algorithm 1.
    """
    m: Any = 0.0
    v: Any = 0.0

    def step(g: Any, i: int) -> Any:
        nonlocal m, v
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        return step_size * (m / (1 - b1 ** (i + 1))) / (np.sqrt(v / (1 - b2 ** (i + 1))) + eps)

    return _minimize(grad, x0, callback, num_iters, step)
