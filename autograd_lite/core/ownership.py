"""Whether the memory of an array is known to nobody else, so that a result may take its place.

CPython counts the references to every object. An array that one dict holds, and nothing else, is a temporary: no saved
value, no view and no name of the user's can see it change. The counts that mean this are measured when the module is
loaded, by the code that compares with them; an interpreter on which they do not tell one holder from two is told that
every array is shared, and so is a free-threaded one, where another thread's references are counted elsewhere.

What a Tensor holds can be fetched by another thread between the count and the write, for NumPy lets go of Python's lock
while it writes. So it is written in its place only while no other thread runs, only where NumPy does not raise after it
has written, and in one step with the new history, which no signal can come between (`write_whole`).
"""

from __future__ import annotations

import operator
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

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
    vague = (
        "free-threading" in sys.version
        or _holders({0: array}, 0) != alone + 1
        or _holders_of_base({0: view}, 0) != base + 1
        or origin is None
    )
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


def undisturbed() -> bool:
    """Say whether a write into an array comes to its end: no other thread looks on, and NumPy does not raise."""
    if len(sys._current_frames()) > 1:
        return False
    modes = set(np.geterr().values())
    if not modes <= {"ignore", "warn", "print"}:
        return False
    return "warn" not in modes or not _warnings_raise()


def _warnings_raise() -> bool:
    """Say whether some warning of NumPy's may be an error here: of filters, the first that fits decides."""
    for action, message, category, module, line in warnings.filters:
        if issubclass(RuntimeWarning, category):
            if action == "error":
                return True
            if message is module is None and not line:
                return False
    return False


def write_whole(*steps: Callable[[], Any]) -> None:
    """Take some steps, each a function written in C, with nothing between them.

    Python looks for signals between its own instructions, and here are none. An array is written last: what its write
    may still bring forth, a warning that somebody makes an error of, comes when all is done.
    """
    deque(map(operator.call, steps), maxlen=0)
