"""Objects with a state that no guard can compare: clocks, files, generators, iterators. Their readers run eagerly."""

from __future__ import annotations

import builtins
import functools
import io
import itertools
import os
import sys
import time
import types
from collections.abc import Callable
from importlib import import_module
from operator import is_
from pathlib import PurePath
from typing import Any

import numpy as np

from .origins import is_library, own_attributes

_CLOCKS: list[Any] = [time.time, time.monotonic, time.perf_counter, time.process_time, time.thread_time]
_CLOCKS += [time.time_ns, time.monotonic_ns, time.perf_counter_ns, time.process_time_ns, time.localtime, time.gmtime]
_DATES = ("now", "today", "utcnow")
# Classes of modules that load only when someone uses them.
_GENERATORS = {"numpy.random": ("Generator", "RandomState", "BitGenerator"), "random": ("Random",)}
_BUILTIN: Any = type(time.time)
_FUNCTIONS = (_BUILTIN, types.FunctionType, type(np.load))
# What opens files, and modules of which all functions look at files or processes but those that take names apart.
_OPENERS: tuple[Any, ...] = (builtins.open, builtins.input, np.load, np.loadtxt, np.genfromtxt, np.fromfile)
_OF_FILES = frozenset(("os", "posix", "nt", "genericpath", "subprocess", "socket", "shutil", "tempfile", "glob"))
_OF_NAMES = frozenset(("fspath", "fsdecode", "fsencode", "cpu_count", "strerror", "commonprefix"))
_OF_PATHS = frozenset(("realpath", "abspath", "expanduser", "expandvars", "lexists", "islink", "ismount"))
# The methods of paths that look at files.
LOOKS_OF_PATHS = frozenset(
    ("read_text", "read_bytes", "open", "exists", "is_file", "is_dir", "stat", "iterdir", "glob", "rglob", "resolve")
)
_BY_TEXT: tuple[Any, ...] = (builtins.eval, builtins.exec, builtins.globals, builtins.__import__, import_module)
_MADE_BY_PYTHON = 1 << 9  # of the flags of a class
# Modules of Python whose objects are memory that others may write to; the class there that is an exception.
_OF_MEMORY, _OF_C = frozenset(("_ctypes", "mmap", "multiprocessing.sharedctypes")), "CFuncPtr"
# Parts of the names of classes in C whose instances are functions.
_CALLABLES = ("function", "method", "ufunc", "dispatcher")
_METHODS: tuple[Any, ...] = (_BUILTIN, types.MethodType)


def _is_clock(x: Any) -> bool:
    if x.__class__ is not _BUILTIN:
        return False
    return x in _CLOCKS or (x.__name__ in _DATES and getattr(x.__self__, "__module__", "") == "datetime")


@functools.cache
def _generators(*are_loaded: bool) -> tuple[type, ...]:
    rows = zip(are_loaded, _GENERATORS.items(), strict=True)
    return tuple([getattr(sys.modules[name], kind) for loaded, (name, kinds) in rows if loaded for kind in kinds])


def _is_generator(x: Any) -> bool:
    owner = x.__self__ if isinstance(x, _METHODS) else x
    return isinstance(owner, _generators(*[name in sys.modules for name in _GENERATORS]))


def _is_file(x: Any) -> bool:
    if x.__class__ not in _FUNCTIONS:
        return isinstance(x, io.IOBase) and (x.closed or x.readable())
    if x in _OPENERS or x.__name__ in _OF_NAMES:
        return x in _OPENERS
    return x.__module__ in _OF_FILES or (x.__module__ in ("posixpath", "ntpath") and x.__name__ in _OF_PATHS)


def _is_memory(x: Any) -> bool:
    return any(kind.__module__ in _OF_MEMORY and kind.__name__ != _OF_C for kind in type(x).__mro__)


# Predicates, and the reason given when one is true.
STATES: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (_is_clock, "it reads a clock"),
    (_is_generator, "it draws from a generator of random numbers that is not ag.random's"),
    (_is_memory, "it reads memory that is not Python's"),
    (_is_file, "it reads a file or what is typed"),
    (lambda x: x.__class__ in _FUNCTIONS and x in _BY_TEXT, "it runs code, or reads names, that a text has"),
    (lambda x: x is os.environ or x is os.getenv or x is os.urandom, "it reads the environment of the process"),
    (
        lambda x: hasattr(type(x), "__next__") and not isinstance(x, io.IOBase),
        "it reads an iterator, which goes on at every call",
    ),
)


def state_of(x: Any) -> str:
    """Return why a function that reads this cannot be replayed, or "".

    Example:
        >>> state_of(time.time), state_of(len)
        ('it reads a clock', '')
    """
    for asks, why in STATES:
        if asks(x):
            return why
    return ""


def looks_at_files(x: Any, name: str) -> bool:
    """Return whether an attribute of this name is a method of a path that looks at files."""
    return name in LOOKS_OF_PATHS and isinstance(x, PurePath)


def is_opaque(x: Any) -> bool:
    """Return whether what an object of another package holds is in C, where it cannot be compared.

    Example:
        >>> is_opaque(np.ones(2)), is_opaque(io)
        (False, False)
    """
    kind = type(x)
    if any(word in kind.__name__.lower() for word in _CALLABLES):
        return False
    bases = [base for base in kind.__mro__ if not is_library(base.__module__)]
    if any(not base.__flags__ & _MADE_BY_PYTHON for base in bases):
        return True
    return bool(bases) and own_attributes(x) is None and not any("__slots__" in vars(base) for base in bases)


def is_constant(x: Any) -> bool:
    """Return whether the module of an object's class has the object too, as SciPy has its distributions."""
    module = sys.modules.get(type(x).__module__, np)
    if vars(module).get(str(getattr(x, "__name__", ""))) is x:
        return True
    return any(map(is_, vars(module).values(), itertools.repeat(x)))
