"""What undoes the changes of leaves since a transaction began; see `_changes`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

__all__ = ["UNDO", "Call"]

# A function written in C, and what it is called with.
Call = tuple[Any, ...]
# None outside of a transaction.
UNDO: ContextVar[list[Call] | None] = ContextVar("autograd_lite_undo", default=None)
