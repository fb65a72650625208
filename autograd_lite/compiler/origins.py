"""The owner of an object or a piece of code: Python, NumPy, SciPy, this project, or the user."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import types
from typing import Any

import numpy as np

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_OURS = (_HOME + "autograd_lite" + os.sep, _HOME + "nn" + os.sep)
_LIBRARIES = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")}
    | {os.path.dirname(os.path.abspath(np.__file__)) + os.sep, "<frozen ", "<__array_function__"}
)
_PACKAGES = frozenset(("numpy", "scipy", "autograd_lite", *sys.stdlib_module_names)) - {"__main__", "this"}
SITES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})


def is_ours(module: Any) -> bool:
    """Return whether a module is one of this project."""
    return str(module).partition(".")[0] == "autograd_lite"


@functools.lru_cache(maxsize=4096)
def _is_library_name(module: str) -> bool:
    return module.partition(".")[0] in _PACKAGES


def is_library(module: Any) -> bool:
    """Return whether a module's names are not the user's to change: of Python, NumPy, SciPy or this project."""
    return _is_library_name(str(module))


@functools.lru_cache(maxsize=4096)
def _is_library_file(file: str) -> bool:
    scipy = tuple(f"{site}scipy{os.sep}" for site in SITES)
    if file.startswith((*_OURS, *scipy)):
        return True
    return file.startswith(_LIBRARIES) and not file.startswith(SITES)


def is_library_code(code: types.CodeType) -> bool:
    """Return whether code is of Python, NumPy, SciPy or this project."""
    return _is_library_file(code.co_filename)


def package_of(code: types.CodeType) -> str:
    """Return the installed package that code is of, or ""."""
    file = code.co_filename
    site = next((site for site in SITES if file.startswith(site)), file)
    return file[len(site) :].partition(os.sep)[0].removesuffix(".py")


def own_attributes(x: Any) -> dict[str, Any] | None:
    """Return the attributes of an object itself, not a copy, without running code; None if it has no dict."""
    try:
        attributes = object.__getattribute__(x, "__dict__")
    except AttributeError:
        return None
    return attributes if isinstance(attributes, dict) else None


def has_attributes(x: Any) -> bool:
    """Return whether an object of a user's class has a `__dict__`."""
    return not is_library(type(x).__module__) and own_attributes(x) is not None


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots that a class adds to those of its bases."""
    slots = vars(kind).get("__slots__", ())
    return tuple(x for x in ((slots,) if isinstance(slots, str) else slots) if not x.startswith("__"))


def names_of(x: Any) -> set[str]:
    """Return the names of the attributes that an object and its class have, without running code."""
    kinds = x.__mro__ if isinstance(x, type) else type(x).__mro__
    return set[str]().union(own_attributes(x) or (), *(vars(kind) for kind in kinds if not is_library(kind.__module__)))
