"""Docstrings: an argument that several functions share is described once, and shown by each."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

_SECTION = re.compile(r"^Args:\n((?: +\S.*\n|\n(?= ))+)", re.MULTILINE)
_AFTER = re.compile(r"^(?:Raises|Returns|Attributes|Example|References):$", re.MULTILINE)
_ENTRY = re.compile(r"^(?: {4})?([A-Za-z_*][\w*, \n…]*): (.*\n(?: {5,}.*\n)*)", re.MULTILINE)
_WIDTH = 100

T = TypeVar("T", bound=Callable[..., Any])


def arguments_from(*places: Any) -> Callable[[T], T]:
    """Return a decorator that describes the arguments of a function of which its docstring says nothing.

    Args:
        places: functions and classes that describe them, texts with a row for each, or dicts of texts by name; the
            first that has one counts.

    Example:
        >>> @arguments_from("    x: a number.")
        ... def double(x):
        ...     '''Return 2 x.'''
        >>> double.__doc__
        'Return 2 x.\\n\\nArgs:\\n    x: a number.'
    """
    rows: dict[str, str] = {}
    for place in reversed(places):
        rows |= place if isinstance(place, dict) else _rows_of(place)

    def describe(owner: T) -> T:
        if owner.__doc__ is not None:  # as with python -OO
            text = inspect.cleandoc(owner.__doc__)
            order = list(inspect.signature(owner).parameters)
            owner.__doc__ = with_arguments(text, order, rows | _one_by_one(described_arguments(text)))
        return owner

    return describe


def _rows_of(place: Any) -> dict[str, str]:
    if isinstance(place, str):
        return _one_by_one(described_arguments(f"Args:\n{place}"))
    return _one_by_one(described_arguments(inspect.getdoc(place) or ""))


def _one_by_one(groups: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    return {name: row for names, row in groups.items() for name in names}


def described_arguments(text: str) -> dict[tuple[str, ...], str]:
    """Return the arguments that a docstring describes, in groups, with their texts.

    Args:
        text: the docstring, without indentation.

    Example:
        >>> described_arguments("Args:\\n    a, b: numbers.\\n    c: a name;\\n        or None.\\n")
        {('a', 'b'): 'numbers.', ('c',): 'a name; or None.'}
    """
    section = _SECTION.search(f"{text}\n")
    return {
        tuple(name.strip("* ") for name in re.split(r",\s*", match[1].strip())): " ".join(match[2].split())
        for match in _ENTRY.finditer(section[1] if section else "")
    }


def with_arguments(text: str, order: list[str], rows: Mapping[str, str]) -> str:
    """Return a docstring of which the section of the arguments has the given texts.

    Args:
        text: the docstring, without indentation.
        order: names of arguments in the order of the signature; others that it describes follow.
        rows: the text of each argument.

    Example:
        >>> with_arguments("Return a + b.", ["a", "b"], {"a": "a number.", "b": "a number."})
        'Return a + b.\\n\\nArgs:\\n    a, b: a number.'
    """
    names = [name for name in order if name in rows]
    names += [name for group in described_arguments(text) for name in group if name not in order and name in rows]
    if not names:
        return text
    section = "".join(_lines(names, rows))
    if match := _SECTION.search(f"{text}\n"):
        return f"{text[: match.start()]}Args:\n{section}{text[match.end() :]}".rstrip()
    after = _AFTER.search(text)
    at = after.start() if after else len(text)
    return f"{text[:at].rstrip()}\n\nArgs:\n{section}\n{text[at:]}".rstrip()


def _lines(order: list[str], rows: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a section: names that follow each other and have one text share it."""
    groups: list[tuple[list[str], str]] = []
    for name in order:
        if groups and groups[-1][1] == rows[name]:
            groups[-1][0].append(name)
        else:
            groups.append(([name], rows[name]))
    for names, text in groups:
        head = f"{', '.join(names)}: {text}"
        yield textwrap.fill(head, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False)
        yield "\n"
