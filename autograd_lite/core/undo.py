"""What undoes the changes of leaves since a transaction began; see `_changes`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

# A function written in C, and what it is called with.
Call = tuple[Any, ...]


class Undo(list[Call]):
    """What undoes the changes so far, the first one first; and the transactions that are open, in whatever order."""

    def __init__(self) -> None:
        self.blocks: list[Any] = []


UNDO: ContextVar[Undo | None] = ContextVar("autograd_lite_undo", default=None)


def open_undo() -> Undo | None:
    """Return what changes are to be noted in; None outside of a transaction, and when all have ended elsewhere."""
    undo = UNDO.get()
    return undo if undo is not None and undo.blocks else None
