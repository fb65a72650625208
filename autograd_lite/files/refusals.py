"""Why a file could not be read: because it is not what it should be, or because there is too little memory."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

# What libraries written in other languages say of memory, each by an error of its own. HDF5's image of what is on disk
# is as large as the file says, which is damaged if there is no memory for that.
_SAID = re.compile(
    r"cannot allocate|can't allocate|unable to allocate|memory allocation(?! failed for on disk image)|out of memory"
    r"|MemoryError",
    re.I,
)
_PANIC = "PanicException"  # what libraries written in Rust raise where they would end the program: no Exception


class SavedFileError(ValueError):
    """A file is not what it should be: damaged, of another kind, or for another model.

    Example:
        >>> issubclass(SavedFileError, Exception)
        True
    """


class Unreadable(ValueError):
    """A part of what is read is not what was written. Readers make one error of it that says what was read.

    Attributes:
        expected, received: for the message.
    """

    def __init__(self, expected: str, received: str, where: str = "") -> None:
        super().__init__(f"expected {expected}{f' at {where}' if where else ''}; received {received}")
        self.expected, self.received = expected, received


def refuse(expected: str, received: Any, where: str = "") -> NoReturn:
    """Raise `Unreadable`.

    Args:
        expected: what should be there.
        received: what is, whatever that is; a `Words` of ours as it stands.
        where: the place.
    """
    raise Unreadable(expected, received if isinstance(received, Words) else clipped(received), where)


def of_kind(kind: type[T], x: Any) -> T:
    """Return a value from outside that is exactly of a class.

    Raises:
        Unreadable: if it is something else.
    """
    return x if type(x) is kind else refuse(f"a value of the kind {kind.__name__}", x)


def nth(things: Sequence[T], n: Any) -> T:
    """Return the thing that a number from outside counts.

    Raises:
        Unreadable: if there is none.
    """
    return things[n] if type(n) is int and 0 <= n < len(things) else refuse(f"a number below {len(things)}", n)


class Words(str):
    """Words of an error, which quote nothing."""


def clipped(value: Any, length: int = 80) -> str:
    """Return what a value from outside looks like, in one short line."""
    text = ascii(value)
    return text if len(text) <= length else f"{text[:length]}..."


def parsed(text: str | bytes, most: int = 100, strict: bool = False) -> Any:
    """Return the values of a JSON text.

    Args:
        text: from outside.
        most: levels of lists and dicts, one in another.
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
    """Return how deeply lists and dicts are nested.

    Raises:
        ValueError: if that is more than allowed.
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
    return f"expected at most {most} levels of lists and dicts, one in another; received more"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def refused_as(
    what: str, refusal: Callable[[BaseException], Exception], *others: type[BaseException]
) -> Iterator[None]:
    """Let what is raised inside be the error that `refusal` makes of it.

    Args:
        what: the call, for the error of too little memory.
        refusal: returns the error of a file that is damaged, for what a library raised.
        others: errors that leave as they are.

    Raises:
        MemoryError: if there was too little memory: the file may be a good one.
    """
    try:
        yield
    except MemoryError:
        raise
    except BaseException as error:
        if _is_of_memory(error):
            raise MemoryError(f"{what}: expected more memory to read the file; received {error}") from error
        if isinstance(error, others) or not (isinstance(error, Exception) or type(error).__name__ == _PANIC):
            raise
        raise refusal(error) from error


def _is_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, is of too little memory."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if isinstance(error, MemoryError) or number == errno.ENOMEM or _SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
