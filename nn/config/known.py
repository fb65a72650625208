"""The classes and functions that configurations name: all of nn, although its modules load late."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, MutableMapping
from typing import TypeVar

from .hooks import HOOKS

V = TypeVar("V")


class Known(MutableMapping[str, V]):
    """Classes or functions by their names in configurations, as "layers.Dense".

    To look one up loads the module that has it; to go through them loads all.

    Args:
        entries: those of modules that have loaded, which enter themselves.
    """

    def __init__(self, entries: MutableMapping[str, V]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> V:
        HOOKS.load_room(name)
        return self._entries[name]

    def __setitem__(self, name: str, value: V) -> None:
        self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        HOOKS.load_room(None)
        return iter(list(self._entries))

    def items(self) -> ItemsView[str, V]:
        """Return the entries of now: those that nothing holds may be gone in the next moment."""
        HOOKS.load_room(None)
        return dict(self._entries).items()

    def __len__(self) -> int:
        HOOKS.load_room(None)
        return len(self._entries)
