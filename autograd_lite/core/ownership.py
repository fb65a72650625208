"""Whether the memory of an array is known to nobody else, so that a result may take its place.

CPython counts the references to every object. An array that one dict holds, and nothing else, is a temporary: no saved
value, no view and no name of the user's can see it change. The counts that mean this are measured when the module is
loaded, by the code that compares with them; an interpreter on which they do not tell one holder from two is told that
every array is shared.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["SMALL", "unshared"]

SMALL = 1 << 14  # elements; of smaller arrays, a new one costs no more than the question
_count = getattr(sys, "getrefcount", lambda _: 0)


def _holders(held: Mapping[Any, Any], key: Any) -> int:
    return _count(held[key])


def _holders_of_base(held: Mapping[Any, Any], key: Any) -> int:
    return _count(held[key].base)


def _measured() -> tuple[int, int]:
    """Return what is counted of an array with one holder, and of the base of one with one view; -1 if that is vague."""
    alone, base = _holders({0: np.empty(1)}, 0), _holders_of_base({0: np.empty(4).reshape(2, 2)}, 0)
    array = np.empty(1)
    view = np.empty(4).reshape(2, 2)
    origin = view.base
    vague = _holders({0: array}, 0) != alone + 1 or _holders_of_base({0: view}, 0) != base + 1 or origin is None
    return (-1, -1) if vague else (alone, base)


_ALONE, _BASE_ALONE = _measured()


def unshared(held: Mapping[Any, Any], key: Any, others: int = 0) -> bool:
    """Say whether only a dict, and so many others that the caller knows of, hold an array, and nobody its memory.

    Args:
        held: the dict; the caller has no other name for the array.
        key: of the array in it.
        others: references besides the dict's.

    Example:
        >>> unshared({"x": np.ones(3)}, "x"), unshared({"x": np.ones((2, 3)).reshape(6)}, "x")
        (True, True)
        >>> x = np.ones(3)
        >>> unshared({"x": x}, "x"), unshared({"x": x[1:]}, "x"), unshared({"x": x}, "x", others=1)
        (False, False, True)
    """
    if _holders(held, key) != _ALONE + others:
        return False
    a = held[key]
    if not a.flags.writeable:
        return False
    if a.flags.owndata:
        return True
    base = a.base
    if base.__class__ is not np.ndarray or not base.flags.owndata:
        return False
    del base
    return _holders_of_base(held, key) == _BASE_ALONE
