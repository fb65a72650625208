"""Arrays of other libraries than NumPy, for code that creates arrays next to those of the Tensors it works with.

A Tensor keeps the array it was created from, and every operation keeps its kind and device. A NumPy constant that meets
a Tensor on a device is copied there automatically; what requires a gradient stays where it is until `move` moves it.
"""

from __future__ import annotations

from typing import Any

from .core import duck_arrays as _duck_arrays
from .core.duck_arrays import (
    ArrayKind as ArrayKind,
    array_namespace as array_namespace,
    as_array as as_array,
    asarray_like as asarray_like,
    is_lazy as is_lazy,
    register_array as register_array,
    to_numpy as to_numpy,
)
from .core.mode import TAPES
from .tensors.conversions import allow_numpy as allow_numpy, leaving
from .tensors.tensor import Tensor

__all__ = [
    "MOVE_COUNT",
    "ArrayKind",
    "allow_numpy",
    "array_namespace",
    "as_array",
    "asarray_like",
    "is_duck_array",
    "is_lazy",
    "move",
    "register_array",
    "same_device",
    "to_device",
    "to_numpy",
]
__dir__ = __all__.copy

MOVE_COUNT = [0]  # how often a leaf has been moved


def is_duck_array(x: Any) -> bool:
    """Return whether an object is an array of another library that implements NumPy's protocols, or a Tensor of one.

    Args:
        x: any object.

    Example:
        >>> import numpy as np
        >>> is_duck_array(np.ones(2)), is_duck_array(2.0), is_duck_array(Tensor([1.0]))
        (False, False, False)
    """
    if x.__class__ is Tensor:
        x = x._data
    is_duck = _duck_arrays.IS_DUCK.get(x.__class__)
    return _duck_arrays.is_duck_array(x) if is_duck is None else is_duck


def same_device(x: Any, y: Any) -> bool:
    """Return whether two arrays are of one kind and on one device, so that one call can take both.

    Args:
        x, y: arrays or NumPy's numbers.

    Example:
        >>> import numpy as np
        >>> same_device(np.ones(2), np.float32(1.0))
        True
    """
    if not _duck_arrays.is_duck_array(x) and not _duck_arrays.is_duck_array(y):
        return True
    return type(x) is type(y) and getattr(x, "device", None) == getattr(y, "device", None)


def move(leaf: Tensor, like: Any) -> None:
    """Move the values of a leaf, and its gradient, to the device of an array; the Tensor stays the same object.

    Args:
        leaf: a Tensor that was not computed from others.
        like: an array of the kind and on the device to move to.

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
    MOVE_COUNT[0] += 1
    gradient = leaf.grad
    leaf._data, leaf._shared = to_device(leaf._data, like), False
    if gradient is not None:
        move(gradient, like)


def to_device(x: Any, like: Any) -> Any:
    """Return a copy of an array, of the kind and on the device of another.

    Args:
        x: an array of any kind.
        like: an array of the kind and on the device of the copy.

    Example:
        >>> import numpy as np
        >>> to_device(np.ones(2), np.zeros(0))
        array([1., 1.])
    """
    xp = array_namespace(like)
    if type(x) is type(like) and _duck_arrays.is_duck_array(x):
        return xp.array(x)
    return xp.array(to_numpy(x))
