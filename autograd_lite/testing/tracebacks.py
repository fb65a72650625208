"""Tracebacks of a failed check: the user's lines, down to the one where the derivative goes wrong, and none of ours.

A gradient is found wrong long after the line at fault has run, when its frame is gone. So one is made that points at
this line, as template engines do for the lines of a template: whatever prints a traceback then prints the line.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from ..core.node import Source
from .report import GradientMismatch, PropertyError

F = TypeVar("F", bound=Callable[..., Any])

_OURS = (str(Path(__file__).parent), str(Path(__file__).parents[1] / "core" / "messages.py"))
_HYPOTHESIS = f"{os.sep}hypothesis{os.sep}"


def plainly(function: F) -> F:
    """Decorate a public check, so that its failures show the lines of its caller and those to blame alone."""
    lines = users_lines

    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with lines():
            return function(*args, **kwargs)

    # With the globals of the module that the function belongs to, where doctest looks for it.
    here: Any = types.FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return cast(F, functools.update_wrapper(here, function))


class users_lines:
    """Cut our frames out of the traceback of an error that leaves the block, and add those of the lines to blame.

    Args:
        place: the line that made the test, which comes first.
    """

    def __init__(self, place: Source | None = None) -> None:
        self._places = () if place is None else (place,)

    def __enter__(self) -> users_lines:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        caller = sys._getframe(2)
        here = caller.f_code.co_filename, caller.f_lineno  # Python shows this line itself
        places = [p for p in (*self._places, *getattr(error, "places", ())) if (p.file, p.line) != here]
        # Python raises the error again with the traceback that it is given here: without the frame of the block.
        if isinstance(error, GradientMismatch | PropertyError):
            error.__traceback__ = _link(places)
        elif isinstance(error, Exception):
            error.__traceback__ = _link(places, _without_ours(traceback, str(error)))


def _without_ours(traceback: types.TracebackType | None, message: str) -> types.TracebackType | None:
    """Return the frames that are neither ours nor Hypothesis's; all of them for a fault of ours."""
    frames = list(_entries(traceback))
    if not frames:
        return None
    about_arguments = ": expected " in message and frames[-1].tb_frame.f_code.co_filename.startswith(_OURS[0])
    if _is_ours(frames[-1]) and not about_arguments:
        return traceback
    rest = None
    for entry in reversed([e for e in frames if not _is_ours(e) and _HYPOTHESIS not in e.tb_frame.f_code.co_filename]):
        rest = types.TracebackType(rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return rest


def _entries(traceback: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_ours(entry: types.TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_OURS)


def _link(places: Sequence[Source], rest: types.TracebackType | None = None) -> types.TracebackType | None:
    """Return a traceback with an entry for each place, and then the rest."""
    for place in reversed(list(dict.fromkeys(places))):
        if line_at(place):
            entry = _entry(place)
            rest = types.TracebackType(rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return rest


def _entry(place: Source) -> types.TracebackType:
    """Return a traceback with one frame, at this place: that of code with its file, line and function."""
    tree = ast.parse("raise StopIteration")
    start, line = _start(place), linecache.getline(place.file, place.line).rstrip()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno = node.end_lineno = place.line - start + 1
            # All of the line, or Python would point at a part of it.
            node.col_offset, node.end_col_offset = len(line) - len(line.lstrip()), len(line.encode())
    code = compile(tree, place.file, "exec").replace(
        co_name=place.function, co_qualname=place.function, co_firstlineno=start
    )
    try:
        exec(code, {"__name__": "", "__file__": place.file})
    except StopIteration:
        traceback = sys.exc_info()[2]
    assert traceback is not None
    assert traceback.tb_next is not None
    return traceback.tb_next


def standing_at(place: Source) -> Callable[[], None]:
    """Return a function whose code has the file and line of a place."""

    def nowhere() -> None: ...

    code = nowhere.__code__.replace(co_filename=place.file, co_firstlineno=place.line, co_name=place.function)
    return types.FunctionType(code, {})


def _start(place: Source) -> int:
    """Return the first line of the innermost function around a place, or its own line in a module."""
    if not place.function.isidentifier():
        return place.line
    functions = _functions("".join(linecache.getlines(place.file)))
    around = (first for name, first, last in functions if name == place.function and first <= place.line <= last)
    return max(around, default=place.line)


@functools.lru_cache(16)
def _functions(source: str) -> list[tuple[str, int, int]]:
    """Return name, first and last line of every function in a file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [
        (node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def line_at(place: Source) -> str:
    """Return the line of source at a place, or "" where there is none to read."""
    return linecache.getline(place.file, place.line).strip()


def place_of(function: Any) -> Source | None:
    """Return where a function was written; None for one that was not written in Python, or not by the user."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(code, types.CodeType) or is_ours(code):
        return None
    lines = sorted({line for *_, line in code.co_lines() if line is not None and line > code.co_firstlineno})
    return Source(code.co_filename, lines[-1] if lines else code.co_firstlineno, code.co_name)


def is_ours(code: types.CodeType) -> bool:
    """Return whether code belongs to this package."""
    return code.co_filename.startswith(str(Path(__file__).parents[1]) + os.sep)
