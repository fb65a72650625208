"""Errors of files that cannot be read: damaged, of the wrong kind, or too large for the memory."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

# Messages about memory of libraries in other languages, which raise errors of their own classes. HDF5's image of an
# object on disk is as large as the file claims: a failure to allocate it means a damaged file.
_MEMORY_MESSAGES = re.compile(
    r"cannot allocate|can't allocate|unable to allocate|memory allocation(?! failed for on disk image)|out of memory"
    r"|MemoryError",
    re.I,
)
_PANIC = "PanicException"  # of libraries in Rust, where they would end the program; not a subclass of Exception


class SavedFileError(ValueError):
    """A file is unusable: damaged, of another kind, or for another model.

    Example:
        >>> issubclass(SavedFileError, Exception)
        True
    """


class Unreadable(ValueError):
    """A part of a file does not have the expected form. Readers turn it into one error that names the file.

    Attributes:
        expected, received: for the message.
    """

    def __init__(self, expected: str, received: str, where: str = "") -> None:
        super().__init__(f"expected {expected}{f' at {where}' if where else ''}; received {received}")
        self.expected, self.received = expected, received


def refuse(expected: str, received: Any, where: str = "") -> NoReturn:
    """Raise `Unreadable`.

    Args:
        expected: a description of the expected value.
        received: the value, or a `PlainText` that describes it.
        where: the place.
    """
    raise Unreadable(expected, received if isinstance(received, PlainText) else clip_text(received), where)


def of_kind(kind: type[T], x: Any) -> T:
    """Return an untrusted value if its class is exactly `kind`.

    Raises:
        Unreadable: if it has another class.
    """
    return x if type(x) is kind else refuse(f"a value of the kind {kind.__name__}", x)


def nth(entries: Sequence[T], n: Any) -> T:
    """Return the entry at an untrusted index.

    Raises:
        Unreadable: if there is none.
    """
    return entries[n] if type(n) is int and 0 <= n < len(entries) else refuse(f"a number below {len(entries)}", n)


class PlainText(str):
    """Text of an error message that is inserted without quotes."""


def clip_text(value: Any, length: int = 80) -> str:
    """Return an untrusted value as text, in one short line of ASCII."""
    text = ascii(value)
    return text if len(text) <= length else f"{text[:length]}..."


def parse_json(text: str | bytes, most: int = 100, strict: bool = False) -> Any:
    """Return the values of a JSON text.

    Args:
        text: an untrusted text.
        most: the largest allowed depth of nested lists and dicts.
        strict: whether NaN and infinities, which are not JSON although Python writes them, are refused.

    Raises:
        TypeError: if it is not text.
        ValueError: if it is not JSON, or is nested too deeply.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant if strict else None)
    except RecursionError:
        raise ValueError(_too_deep(most)) from None
    depth_of(value, most)
    return value


def depth_of(value: Any, most: int) -> int:
    """Return the depth of nested lists and dicts.

    Raises:
        ValueError: if it exceeds `most`.
    """
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    for depth in range(most):
        inner = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        # by identity: a list that is in itself twice has no end, and two to the power of levels entries in each
        level = list({id(part): part for part in inner if isinstance(part, (dict, list, tuple))}.values())
        if not level:
            return depth
    raise ValueError(_too_deep(most))


def _too_deep(most: int) -> str:
    return f"expected at most {most} levels of nested lists and dicts; received more"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def refused_as(
    caller: str, refusal: Callable[[BaseException], Exception], *others: type[BaseException]
) -> Iterator[None]:
    """Turn exceptions inside the block into the errors that `refusal` returns for them.

    Args:
        caller: the call, for the error of too little memory.
        refusal: returns the error of a damaged file, for the exception of a library.
        others: errors that pass unchanged.

    Raises:
        MemoryError: if there was too little memory: the file may be intact.
    """
    try:
        yield
    except MemoryError:
        raise
    except BaseException as error:
        if _is_of_memory(error):
            raise MemoryError(f"{caller}: expected more memory to read the file; received {error}") from error
        if isinstance(error, others) or not (isinstance(error, Exception) or type(error).__name__ == _PANIC):
            raise
        raise refusal(error) from error


def _is_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, is about too little memory."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if isinstance(error, MemoryError) or number == errno.ENOMEM or _MEMORY_MESSAGES.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
