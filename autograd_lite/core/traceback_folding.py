"""Folding of tracebacks: the user's frames stay, and of ours only the last one, which raised the error.

Public calls that run long chains of functions fold the tracebacks of errors that leave them. That changes the error
itself, so that every printer of it (Python, pytest, IPython, a thread, a log) shows the same.
"""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = (_PACKAGE + os.sep, os.path.join(os.path.dirname(_PACKAGE), "nn") + os.sep)
_FOLDS = [os.environ.get("AUTOGRAD_LITE_TRACEBACKS", "").lower() not in ("full", "all")]


def fold_tracebacks(on: bool = True) -> None:
    """Choose whether the tracebacks of errors leave out all frames of this library but the last; they do by default.

    The environment variable AUTOGRAD_LITE_TRACEBACKS=full has the effect of `fold_tracebacks(False)` from the start.

    Args:
        on: whether to leave the frames out.

    Example:
        >>> import autograd_lite as ag
        >>> ag.fold_tracebacks(False)  # to see where in the library an error comes from
        >>> ag.fold_tracebacks()
    """
    if on is not True and on is not False:
        raise TypeError(f"fold_tracebacks: expected on to be True or False; received on={on!r:.80}")
    _FOLDS[0] = on


def folds_tracebacks() -> bool:
    """Return whether tracebacks leave out all frames of this library but the last.

    Example:
        >>> folds_tracebacks()
        True
    """
    return _FOLDS[0]


def _is_ours(code: types.CodeType) -> bool:
    return code.co_filename.startswith(_OURS)


def fold_error(error: Exception) -> Exception:
    """Fold the traceback of a caught error, and those of its causes, and return it.

    Args:
        error: the error; it is changed and returned.

    Example:
        >>> fold_error(ValueError("bad"))
        ValueError('bad')
    """
    error = _cause_of(error)
    one: BaseException | None = error if _FOLDS[0] else None
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        if one.__traceback__ is not None:
            one.__traceback__ = _fold(one.__traceback__)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return error


def _cause_of(error: Exception) -> Exception:
    """Return our error in place of NumPy's ValueError in `array[i] = t`, at the line of the assignment."""
    cause = error.__cause__
    if not isinstance(error, ValueError) or not isinstance(cause, Exception) or cause.__traceback__ is None:
        return error
    last = cause.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    if not _is_ours(last.tb_frame.f_code) or not str(error).startswith("setting an array element with a sequence"):
        return error
    cause.__suppress_context__ = True
    return cause.with_traceback(error.__traceback__)


def _fold(trace: types.TracebackType) -> types.TracebackType | None:
    entries: list[types.TracebackType] = []
    place: types.TracebackType | None = trace
    while place is not None:
        entries.append(place)
        place = place.tb_next
    ours = [i for i, entry in enumerate(entries) if _is_ours(entry.tb_frame.f_code)]
    last = ours[-1] if ours else -1
    rest = [entry for i, entry in enumerate(entries) if i == last or not _is_ours(entry.tb_frame.f_code)]
    for entry, after in zip(rest, [*rest[1:], None], strict=True):
        if entry.tb_next is not after:
            entry.tb_next = after
    return rest[0] if rest else None


def folding(function: F) -> F:
    """Decorate a function of this library that calls the user's functions, so that tracebacks of errors are folded."""

    fold = fold_error

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            __tracebackhide__ = True
            raise fold(error)  # noqa: B904 it is the error itself

    # With the globals of the module of the function, where doctest looks for it.
    here: Any = types.FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return cast(F, functools.update_wrapper(here, function))
