"""Checks of arguments that several callbacks have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..config.arguments import Check, argument_error, is_integer, number


def size(caller: Any, name: str, value: Any) -> float:
    """Check that `value` is a number, and return its absolute value."""
    return abs(float(number()(caller, name, value)))


def function(caller: Any, name: str, value: Any) -> Any:
    """Check that `value` can be called."""
    if not callable(value):
        raise argument_error(TypeError, caller, name, "a function", value)
    return value


def path(caller: Any, name: str, value: Any) -> Path:
    """Check that `value` names a file or a folder, and return it as a Path."""
    if not isinstance(value, (str, os.PathLike)):
        raise argument_error(TypeError, caller, name, "a path", value)
    return Path(value)


def path_text(caller: Any, name: str, value: Any) -> str:
    """Check that `value` names a file, and return it as text; it may be a format of names."""
    return os.fspath(value) if isinstance(value, str) else os.fspath(path(caller, name, value))


def frequency(*words: str) -> Check:
    """Return the check of one of these words, or a positive integer."""
    expected = f"{', '.join(map(repr, words))} or a positive integer"

    def check(caller: Any, name: str, value: Any) -> int | str:
        if not isinstance(value, str) and not is_integer(value):
            raise argument_error(TypeError, caller, name, expected, value)
        if value not in words if isinstance(value, str) else value < 1:
            raise argument_error(ValueError, caller, name, expected, value)
        return value if isinstance(value, str) else int(value)

    return check
