"""Settings that a block holds for its thread and its task, and that are right again in whatever order blocks end."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """What one block holds; nothing any more once it has ended in another thread or task than it began in."""

    def __init__(self, value: T) -> None:
        self.values = [value]
        self.token: Token[tuple[Held[T], ...]] | None = None


class Setting(Generic[T]):
    """The values that the open blocks hold.

    Blocks need not end in the reverse of the order in which they began, for generators may hold them. So each takes
    away its own value, where resetting a variable would bring back values of old.
    """

    def __init__(self, name: str) -> None:
        self._blocks: ContextVar[tuple[Held[T], ...]] = ContextVar(name, default=())

    def values(self) -> list[T]:
        """Return the values, the innermost block's first."""
        return [value for held in reversed(self._blocks.get()) for value in held.values]

    def enter(self, value: T) -> Held[T]:
        """Begin a block."""
        held = Held(value)
        held.token = self._blocks.set((*self._blocks.get(), held))
        return held

    def leave(self, among: list[Held[T]]) -> None:
        """End the innermost of these blocks, and take it off the list."""
        now = self._blocks.get()
        held = next((h for h in reversed(now) if h in among), among[-1])
        among.remove(held)
        assert held.token is not None
        try:
            self._blocks.reset(held.token)
        except ValueError:  # it began in another thread or task, where nobody can take it away: so it is emptied
            held.values.clear()
        else:
            self._blocks.set(tuple(h for h in now if h is not held))
