"""Interrupts at every line that a call runs: an exception that a trace function raises, as a signal handler would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from autograd_lite.core.forks import _LOCKS

__all__ = ["Interrupt", "interrupted_at", "lines_of"]


class Interrupt(BaseException):
    """What is raised; nothing else raises it."""


def lines_of(call: Callable[[], Any], ours: Callable[[str], bool] = lambda file: True) -> int:
    """Return the number of lines that a call runs in the files that are meant, those of functions' heads included.

    Args:
        call: what to run.
        ours: whether a file is meant, by its name.
    """
    return _traced(call, -1, ours)


def interrupted_at(call: Callable[[], Any], line: int, ours: Callable[[str], bool] = lambda file: True) -> None:
    """Run a call, and raise `Interrupt` in it before a line.

    Args:
        call: what to run.
        line: how many lines are run first.
        ours: whether a file is meant, by its name.
    """
    try:
        _traced(call, line, ours)
    finally:  # a trace function, unlike a signal, may come between the last line of a `with` block and its end
        for lock in _LOCKS:
            while lock._is_owned():
                lock.release()


def _traced(call: Callable[[], Any], stop: int, ours: Callable[[str], bool]) -> int:
    seen = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if not ours(frame.f_code.co_filename):
            return None
        if event in ("call", "line"):
            seen += 1
            if seen == stop + 1:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return seen
