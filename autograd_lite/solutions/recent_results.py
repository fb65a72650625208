"""The last results of a kind of computation, by what they follow from, within a budget of memory."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ..core.forks import fork_safe_lock

T = TypeVar("T")


class RecentResults(Generic[T]):
    """The last results; beyond a limit, the oldest ones go.

    Args:
        most: how many are kept.
        most_bytes: what they may take, apart from the last one.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._entries: dict[Any, tuple[T, int]] = {}
        self._bytes = 0
        self._lock = fork_safe_lock()

    def get(self, key: Any) -> T | None:
        """Return the result of a key, if it is there."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def keep(self, key: Any, result: T, size: int) -> None:
        """Keep a result of about this many bytes."""
        with self._lock:
            before = self._entries.pop(key, None)
            self._bytes += size - (0 if before is None else before[1])
            while self._entries and (self._bytes > self._most_bytes or len(self._entries) >= self._most):
                self._bytes -= self._entries.pop(next(iter(self._entries)))[1]
            self._entries[key] = result, size
