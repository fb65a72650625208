"""Room for deep nesting: modules in modules, and lists and dicts in descriptions of them.

A call of a module calls its parts, so that every level takes some of the frames that Python's recursion limit counts.
The limit is raised for as long as something deep runs. It is one for the whole process, so it is lowered again when
the last thread that needs it is done, and no other is so deep that it would not fit.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from types import FrameType, FunctionType
from typing import Any, TypeVar, cast

from .forks import guard, on_fork

F = TypeVar("F", bound=Callable[..., Any])

MOST_LEVELS = 500  # of modules; the stack of the C code between their calls must hold them too
_FRAMES = 24  # that one level of modules takes at most
_LITTLE = 16  # levels for which the limit leaves room anyway
_HERE = threading.local()
_GUARD = guard()
_NEEDS: dict[object, int] = {}  # the frames that each running block needs, besides those of the limit
_LIMITS = [0, 0]  # the user's, and the raised one
on_fork(after_in_child=lambda: _keep(getattr(_HERE, "block", None)))  # the other threads do not exist there


@contextmanager
def room_for(levels: int) -> Iterator[None]:
    """Raise Python's recursion limit inside, as far as this many levels of modules need it.

    Args:
        levels: how deeply they are nested; inside another such block, its room serves if that is as deep.

    Raises:
        RecursionError: if they are more than `MOST_LEVELS`.
    """
    around = _levels_here()
    if levels <= max(around, _LITTLE):
        yield
        return
    if levels > MOST_LEVELS:
        raise RecursionError(
            f"expected modules nested at most {MOST_LEVELS} deep; received {levels} levels, one in another. Put the "
            "layers side by side into one Sequential or Model: their number is not limited"
        )
    block = object()
    before = _HERE.__dict__.get("block")
    try:
        _HERE.levels, _HERE.block = levels, block
        _change(block, levels * _FRAMES)
        yield
    finally:
        _HERE.levels, _HERE.block = around, before
        _change(block, 0)


def is_roomy(levels: int) -> bool:
    """Return whether a block around this has room for this many levels."""
    return levels <= _levels_here()


def with_room(levels_of: Callable[[Any], int]) -> Callable[[F], F]:
    """Decorate a function of something deep, so that it has room for it.

    Args:
        levels_of: returns how deep an argument is.
    """

    def decorate(function: F) -> F:
        inside, room = _levels_here, room_for

        def call(*args: Any, **kwargs: Any) -> Any:
            if inside():
                return function(*args, **kwargs)
            with room(max(map(levels_of, (*args, *kwargs.values())), default=0)):
                return function(*args, **kwargs)

        # With the globals of the module that the function belongs to, where doctest looks for it.
        here: Any = FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
        return cast(F, update_wrapper(here, function))

    return decorate


def all_levels(_: Any) -> int:
    """Return the deepest nesting that a file may describe."""
    return MOST_LEVELS


def _levels_here() -> int:
    return cast(int, _HERE.__dict__.get("levels", 0))


def _change(block: object, need: int) -> None:
    with _GUARD:
        if need:
            _NEEDS[block] = need
        else:
            _NEEDS.pop(block, None)
        _renew()


def _keep(block: object) -> None:
    for other in [b for b in _NEEDS if b is not block]:
        del _NEEDS[other]


def _renew() -> None:
    now = sys.getrecursionlimit()
    if now != _LIMITS[1]:  # the user has set it
        _LIMITS[0] = now
    limit = _LIMITS[0] + max(_NEEDS.values(), default=0)
    if limit > now or (limit < now and all(_is_within(frame, limit - 50) for frame in sys._current_frames().values())):
        sys.setrecursionlimit(limit)
        _LIMITS[1] = limit


def _is_within(frame: FrameType | None, limit: int) -> bool:
    for _ in range(limit):
        if frame is None:
            return True
        frame = frame.f_back
    return False
