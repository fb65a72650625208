"""What has a state that cannot be compared: clocks, files, generators, iterators. A function that reads one is run."""

from __future__ import annotations

import builtins
import io
import os
import sys
import time
import types
from collections.abc import Callable
from typing import Any

_CLOCKS: list[Any] = [time.time, time.monotonic, time.perf_counter, time.process_time, time.thread_time]
_CLOCKS += [time.time_ns, time.monotonic_ns, time.perf_counter_ns, time.process_time_ns, time.localtime, time.gmtime]
_DATES = ("now", "today", "utcnow")
# Classes of modules that load only when someone uses them.
_GENERATORS = {"numpy.random": ("Generator", "RandomState", "BitGenerator"), "random": ("Random",)}
_BUILTIN: Any = type(time.time)
_METHODS: tuple[Any, ...] = (_BUILTIN, types.MethodType)


def _is_clock(x: Any) -> bool:
    if x.__class__ is not _BUILTIN:
        return False
    return x in _CLOCKS or (x.__name__ in _DATES and getattr(x.__self__, "__module__", "") == "datetime")


def _is_generator(x: Any) -> bool:
    owner = x.__self__ if isinstance(x, _METHODS) else x
    for name, kinds in _GENERATORS.items():
        if (module := sys.modules.get(name)) and isinstance(owner, tuple([getattr(module, kind) for kind in kinds])):
            return True
    return False


def _is_file(x: Any) -> bool:
    return isinstance(x, io.IOBase) or x is builtins.open or x is builtins.input


def _is_environment(x: Any) -> bool:
    return x is os.environ or x is os.getenv or x is os.urandom


def _is_iterator(x: Any) -> bool:
    return hasattr(type(x), "__next__")


# What it is, and how that is told.
STATES: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (_is_clock, "it reads a clock"),
    (_is_generator, "it draws from a generator of random numbers that is not ag.random's"),
    (_is_file, "it reads a file or what is typed"),
    (_is_environment, "it reads the environment of the process"),
    (_is_iterator, "it reads an iterator, which goes on at every call"),
)


def state_of(x: Any) -> str:
    """Return why a function that reads this cannot be replayed, or "".

    Example:
        >>> state_of(time.time), state_of(len)
        ('it reads a clock', '')
    """
    return next((why for asks, why in STATES if asks(x)), "")
