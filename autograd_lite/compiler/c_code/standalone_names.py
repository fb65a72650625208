"""Names, numbers and comments in C text that is made from a user's program."""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.node import Source
from ..numpy_calls import Call
from .standalone_functions import HELPERS, LIBRARY

_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false
    class new delete this template namespace main abs exit printf errno index work wrong differs time y0 y1 yn j0 j1 jn
    gamma lgamma tgamma signgam isnan isinf isfinite signbit isnormal fma fdim remainder round lround nan modf frexp
    NAN INFINITY HUGE_VAL DBL_MAX FLT_MAX NULL EOF
"""
_OWN = {f"{name}_{type.removesuffix('_t')}" for name in HELPERS for type in ("double", "float", "int64_t", "int32_t")}
_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*)\s*(?::[^=]+)?=[^=]")
TYPES: Mapping[str, str] = {
    "d": "double",
    "f": "float",
    "?": "bool",
    "b": "int8_t",
    "B": "uint8_t",
    "h": "int16_t",
    "H": "uint16_t",
    "i": "int32_t",
    "I": "uint32_t",
    "l": "int64_t",
    "L": "uint64_t",
    "q": "int64_t",
    "Q": "uint64_t",
}


class Names:
    """The names that are in use, so that each is given once.

    Args:
        taken: names that stand for something else.
    """

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._count = dict.fromkeys([*_WORDS.split(), *_OWN, *LIBRARY, *taken], 1)

    def is_new(self, name: str) -> bool:
        """Return whether nothing has a name."""
        return name not in self._count

    def new(self, wish: str) -> str:
        """Return a name in C that is like another one, and new.

        Example:
            >>> names = Names()
            >>> names.new("params['w 1']"), names.new("x"), names.new("x"), names.new("double")
            ('params_w_1', 'x', 'x_2', 'double_2')
        """
        name = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_") or "v"
        name = f"v{name}" if name[0].isdigit() else name
        count = self._count.get(name, 0)
        self._count[name] = count + 1
        return name if not count else self.new(f"{name}_{count + 1}")


def assigned_names(calls: Sequence[Call], sources: Mapping[str, Source]) -> dict[int, str]:
    """Return the names of variables by the numbers of values: the last value of a line is assigned.

    Args:
        calls: of a plan.
        sources: for the id of an operation, the user's line.
    """
    last = {source: call.value for call in calls if (source := sources.get(call.node)) is not None}
    matches = {value: _ASSIGNED.match(line_of(source)) for source, value in last.items()}
    return {value: match[1] for value, match in matches.items() if match is not None}


def line_of(source: Source) -> str:
    """Return a line of the user's code, or "" if it is not at hand."""
    return linecache.getline(source.file, source.line).strip()


def comment(source: Source, of: bool) -> str:
    """Return a comment with a user's line.

    Args:
        source: the line.
        of: whether what follows is a derivative of it.
    """
    text = f"{'derivative of ' * of}{source.brief}: {line_of(source)}".removesuffix(": ")
    return f"/* {text.replace('/*', '/ *').replace('*/', '* /').replace('??', '? ?')} */"


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """Return a number in C that has this value in a dtype.

    Example:
        >>> literal(0.1, np.dtype("f")), literal(-2.0, np.dtype("d")), literal(True, np.dtype(bool))
        ('0.1f', '-2.0', 'true')
    """
    number = dtype.type(value)
    if dtype.kind == "b":
        return "true" if number else "false"
    if dtype.kind in "iu":
        least = dtype.kind == "i" and dtype.itemsize == 8 and number == np.iinfo(dtype).min
        return "(-9223372036854775807 - 1)" if least else f"{number}{'u' if number > np.iinfo(np.int64).max else ''}"
    suffix = "f" if dtype.char == "f" else ""
    if math.isnan(number):
        return f"({TYPES[dtype.char]})NAN"
    if math.isinf(number):
        return f"{'-' if number < 0 else ''}({TYPES[dtype.char]})HUGE_VAL"
    return f"{number.item() if dtype.char == 'd' else str(number)}{suffix}"


def atom(value: Any, dtype: np.dtype[Any]) -> str:
    """Return a number in C as an operand."""
    text = literal(value, dtype)
    return f"({text})" if text[0] == "-" else text
