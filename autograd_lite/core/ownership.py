"""Ownership of arrays: if nothing else refers to an array's memory, a result may be written into it.

CPython counts the references to every object. An array that only one dict holds is a temporary: no saved value, no view
and no name of the user can see it change. The counts that mean this are measured when the module is loaded, by the same
code that compares with them later. On an interpreter where they do not tell one holder from two, every array counts as
shared, and so it does on a free-threaded one, where another thread's references are counted elsewhere.

Another thread can fetch the array of a Tensor between the count and the write, since NumPy releases Python's lock while
it writes. So a Tensor's array is overwritten only while no other thread runs, only where NumPy does not raise after it
has written, and in one step with the new history, which no signal can interrupt (`write_whole`).
"""

from __future__ import annotations

import operator
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SMALL = 1 << 14  # elements; below this, a new array costs no more than asking
_count = getattr(sys, "getrefcount", lambda _: 0)


def _holders(held: Mapping[Any, Any], key: Any) -> int:
    return _count(held[key])


def _holders_of_base(held: Mapping[Any, Any], key: Any) -> int:
    return _count(held[key].base)


def _measure_counts() -> tuple[int, int]:
    """Return the counts of an array with one holder, and of the base of an array with one view; -1 if unclear."""
    alone, base = _holders({0: np.empty(1)}, 0), _holders_of_base({0: np.empty(4).reshape(2, 2)}, 0)
    array = np.empty(1)
    view = np.empty(4).reshape(2, 2)
    origin = view.base
    vague = (
        "free-threading" in sys.version
        or _holders({0: array}, 0) != alone + 1
        or _holders_of_base({0: view}, 0) != base + 1
        or origin is None
    )
    return (-1, -1) if vague else (alone, base)


_ALONE, _BASE_ALONE = _measure_counts()


def is_unshared(held: Mapping[Any, Any], key: Any, others: int = 0) -> bool:
    """Return whether only `held` and `others` known references hold an array, and nothing else refers to its memory.

    Args:
        held: the dict; the caller has no other name for the array.
        key: of the array in it.
        others: the number of other references that the caller knows about.

    Example:
        >>> is_unshared({"x": np.ones(3)}, "x"), is_unshared({"x": np.ones((2, 3)).reshape(6)}, "x")
        (True, True)
        >>> x = np.ones(3)
        >>> is_unshared({"x": x}, "x"), is_unshared({"x": x[1:]}, "x"), is_unshared({"x": x}, "x", others=1)
        (False, False, True)
    """
    if _holders(held, key) != _ALONE + others:
        return False
    a = held[key]
    if a.__class__ is not np.ndarray or not a.flags.writeable:
        return False
    if a.flags.owndata:
        return True
    base = a.base
    if base.__class__ is not np.ndarray or not base.flags.owndata:
        return False
    del base
    return _holders_of_base(held, key) == _BASE_ALONE


def is_undisturbed() -> bool:
    """Return whether a write is sure to complete unseen: no other thread runs, and NumPy does not raise."""
    if len(sys._current_frames()) > 1:
        return False
    modes = set(np.geterr().values())
    if not modes <= {"ignore", "warn", "print"}:
        return False
    return "warn" not in modes or not _warnings_raise()


def _warnings_raise() -> bool:
    """Return whether a warning of NumPy may be an error here: the first filter that matches decides."""
    for action, message, category, module, line in warnings.filters:
        if issubclass(RuntimeWarning, category):
            if action == "error":
                return True
            if message is module is None and not line:
                return False
    return False


def write_whole(*steps: Callable[[], Any]) -> None:
    """Call some functions written in C one after another, without Python instructions between them.

    Python handles signals between its own instructions, so none can interrupt. The array is written last: a warning
    from that write which a filter turns into an error then comes after everything is done.
    """
    deque(map(operator.call, steps), maxlen=0)
