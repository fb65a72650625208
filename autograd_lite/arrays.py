"""Arrays beyond NumPy's: for code that makes arrays of its own, which are to be where the Tensors are that they meet.

Tensors keep the array that they were given, and every operation keeps its kind and its device. A constant of NumPy that
meets a Tensor on a device goes there by itself; what requires a gradient stays where it is, until `move` moves it.
"""

from __future__ import annotations

from typing import Any

from .core.foreign import (
    FOREIGN as _FOREIGN,
    ArrayKind as ArrayKind,
    as_array as as_array,
    home as home,
    is_foreign as _is_foreign,
    is_lazy as is_lazy,
    placed as placed,
    register_array as register_array,
    to_numpy as to_numpy,
)
from .core.mode import TAPES
from .tensors.conversions import leaving, let_read as let_read
from .tensors.tensor import Tensor

__all__ = [
    "ArrayKind",
    "as_array",
    "home",
    "is_foreign",
    "is_lazy",
    "let_read",
    "meet",
    "move",
    "moved",
    "placed",
    "register_array",
    "to_numpy",
]

MOVES = [0]  # how often a leaf has been moved


def is_foreign(x: Any) -> bool:
    """Return whether something is an array of another library, which implements NumPy's protocols, or a Tensor of one.

    Example:
        >>> import numpy as np
        >>> is_foreign(np.ones(2)), is_foreign(2.0), is_foreign(Tensor([1.0]))
        (False, False, False)
    """
    if x.__class__ is Tensor:
        x = x._data
    known = _FOREIGN.get(x.__class__)
    return _is_foreign(x) if known is None else known


def meet(x: Any, y: Any) -> bool:
    """Return whether two arrays are of one kind and on one device, so that a call can take both.

    Example:
        >>> import numpy as np
        >>> meet(np.ones(2), np.float32(1.0))
        True
    """
    if not _is_foreign(x) and not _is_foreign(y):
        return True
    return type(x) is type(y) and getattr(x, "device", None) == getattr(y, "device", None)


def move(leaf: Tensor, like: Any) -> None:
    """Put the values of a leaf, and its gradient, where an array is: the Tensor stays the same object.

    Args:
        leaf: a Tensor that was not computed from others.
        like: an array of the kind, and on the device, that the values are to have.

    Raises:
        ValueError: if the tensor was computed from others.

    Example:
        >>> import autograd_lite as ag, numpy as np
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> move(w, np.zeros(0))
        >>> w.data
        array([1., 2.])
    """
    if TAPES:
        leaving("move(t, …)")
    if not leaf.is_leaf:
        raise ValueError(f"move: expected a leaf; received the result of {leaf.op}. Move what it is computed from")
    MOVES[0] += 1
    gradient = leaf.grad
    leaf._data, leaf._shared = moved(leaf._data, like), False
    if gradient is not None:
        move(gradient, like)


def moved(x: Any, like: Any) -> Any:
    """Return an array of any kind as a new one where another is.

    Args:
        x: to copy.
        like: of the kind, and on the device, of the copy.

    Example:
        >>> import numpy as np
        >>> moved(np.ones(2), np.zeros(0))
        array([1., 1.])
    """
    xp = home(like)
    if type(x) is type(like) and _is_foreign(x):
        return xp.array(x)
    return xp.array(to_numpy(x))
