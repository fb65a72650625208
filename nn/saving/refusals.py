"""Why a file could not be read: because it is not what it should be, or because there is too little memory."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What libraries written in other languages say of memory, each by an error of its own. HDF5's image of what is on disk
# is as large as the file says, which is damaged if there is no memory for that.
_SAID = re.compile(
    r"cannot allocate|can't allocate|unable to allocate|memory allocation(?! failed for on disk image)|out of memory"
    r"|MemoryError",
    re.I,
)
_PANIC = "PanicException"  # what libraries written in Rust raise where they would end the program: no Exception


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
