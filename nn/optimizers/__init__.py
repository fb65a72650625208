"""Optimizers: they change parameters by their gradients, with Keras 3's formulas, argument names and defaults.

In a loop of your own:

    >>> import autograd_lite as ag
    >>> from nn import optimizers
    >>> w = ag.tensor([3.0, -2.0], requires_grad=True, name="w")
    >>> optimizer = optimizers.Adam(learning_rate=0.1, parameters=[w])
    >>> for _ in range(200):
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> loss.item() < 1e-2
    True

`compile(optimizer=...)` takes the same objects, or their names.

References:
    Keras 3, `keras.optimizers`, 2023.
"""

from __future__ import annotations

from collections.abc import Callable

from ..registry import find
from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .hyper import Number, OptionalNumber
from .optimizer import Optimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Number", "Optimizer", "OptionalNumber", "RMSprop", "get"]

_BY_NAME: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adagrad": Adagrad,
}


def get(identifier: str | Optimizer) -> Optimizer:
    """Return a new optimizer with default arguments by its name, or the given object.

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else.

    Example:
        >>> get("rmsprop")
        RMSprop(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07)
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return find("an optimizer", identifier, _BY_NAME)()
    hint = f"; did you mean {identifier.__name__}()?" if isinstance(identifier, type) else ""
    raise TypeError(f"optimizer: expected a name or an optimizer; received {identifier!r}{hint}")
