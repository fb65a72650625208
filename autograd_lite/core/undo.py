"""The undo log of a transaction: the changes of leaves since it began; see `tensors.changes`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from weakref import ref

# A function written in C, and its arguments.
Call = tuple[Any, ...]


class Undo(list[Call]):
    """Calls that undo the changes so far, in the order of the changes; and the open transactions, in any order.

    These are held weakly, since an interrupt may come just before `__exit__`, which Python then does not call.
    """

    def __init__(self) -> None:
        self.blocks: set[ref[Any]] = set()


UNDO: ContextVar[Undo | None] = ContextVar("autograd_lite_undo", default=None)


def open_undo() -> Undo | None:
    """Return the log for changes; None outside of a transaction, or when all transactions have ended elsewhere."""
    undo = UNDO.get()
    return undo if undo is not None and undo.blocks else None
