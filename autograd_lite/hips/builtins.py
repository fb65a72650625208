"""Containers: `autograd.builtins`. Here they need no boxes, so that these are Python's own."""

import builtins as _builtins
from typing import Any

import numpy as _np

from ..tensors.tensor import Tensor as _Tensor
from .tracer import Box, getval

dict, list, tuple = _builtins.dict, _builtins.list, _builtins.tuple


def isinstance(x: Any, classes: Any) -> bool:
    """Return whether the value of `x` is an instance of a class, or of one of a tuple of them.

    Example:
        >>> isinstance(_Tensor([1.0]), _np.ndarray)
        True
    """
    return _builtins.isinstance(x, classes) or _builtins.isinstance(getval(x), classes)


def type(x: Any) -> Any:
    """Return the class of the value of `x`."""
    return _np.ndarray if _builtins.isinstance(x, _Tensor) else _builtins.type(x)


class SequenceBox(Box):
    """HIPS's class of boxed lists and tuples, of which nothing is an instance: they stay lists and tuples."""

    holds_tensors = False


class DictBox(Box):
    """HIPS's class of boxed dicts, of which nothing is an instance."""

    holds_tensors = False
