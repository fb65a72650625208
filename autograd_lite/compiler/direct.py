"""A compiled function, run as it is: on Tensors, as when it was traced, and with results of the same classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.foreign import copied, is_foreign
from ..core.mode import MODE, TAPES
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves


def has_own_meaning(x: Any) -> bool:
    """Return whether an array is of a class that operators mean something else to, such as masked arrays."""
    return isinstance(x, np.ndarray) and x.__array_priority__ > 0


def run(f: Callable[..., Any], args: Any, kwargs: Any, gives_tensors: bool) -> Any:
    """Run a function on Tensors in place of arrays, and return arrays if it was given arrays alone.

    Args:
        f: the function.
        args, kwargs: what it is called with.
        gives_tensors: whether results are Tensors of arrays, too.
    """
    given = leaves((args, kwargs))
    if any(map(has_own_meaning, given)):
        return f(*args, **kwargs)
    inner, keywords = map_leaves(_as_tensor, (args, kwargs))
    out = f(*inner, **keywords)
    if gives_tensors or any(isinstance(x, Tensor) for x in given) or (TAPES and MODE.get().tape is not None):
        return out
    return map_leaves(_as_array, out)


def _as_tensor(x: Any) -> Any:
    if not isinstance(x, (np.ndarray, np.generic)) and not is_foreign(x):
        return x
    t = wrap(np.asarray(x) if isinstance(x, np.ndarray) else x, None)
    t._shared = True  # it is the caller's
    return t


def _as_array(x: Any) -> Any:
    if x.__class__ is not Tensor or x.requires_grad:
        return x
    a = copied(x._data)
    return a[()] if isinstance(a, np.ndarray) else a
