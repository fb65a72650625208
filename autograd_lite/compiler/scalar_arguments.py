"""The Python numbers among the arguments of a compiled function: which are constants of its code, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .trace import ENOUGH

# Kinds of arguments that are remembered.
_MOST_SEEN = 1000
# Branches of a function that are traced with the numbers among its arguments as constants.
_MOST_BRANCHES = 8


class Number(NamedTuple):
    """A Python number among arguments: its place among their leaves, and in the key, and its value."""

    place: int
    of_key: int
    value: Any


class Numbers:
    """The Python numbers among arguments of one kind.

    Attributes:
        keys: of calls whose numbers are constants of the code: the first, and those that went another way.
        first: what stood for its numbers in that.
        vary: the places, among the leaves of the arguments, of those that have been others since.
        fixed: the places of those that Python reads: their values are constants of the code.
    """

    def __init__(self, key: Any, first: tuple[Any, ...]) -> None:
        self.keys, self.first = [key], first
        self.vary: set[int] = set()
        self.fixed: set[int] | frozenset[int] = frozenset()


class Varying(NamedTuple):
    """The numbers of a call that come with every call: the key without them, themselves, and their places."""

    key: Any
    values: tuple[Any, ...]
    places: frozenset[int]
    numbers: Numbers

    def fix(self) -> None:
        """Note that Python has read them: other values are other traces."""
        self.numbers.fixed |= self.places

    def reject(self, key: Any) -> None:
        """Note that the function has gone another way with these numbers, which are constants of the code here.

        Args:
            key: of the call, with its numbers.
        """
        self.numbers.keys.append(key)
        if len(self.numbers.keys) > _MOST_BRANCHES:
            self.fix()


def varying_numbers(
    table: dict[Any, Numbers], key: Any, kinds: Sequence[Any], numbers: Sequence[Number]
) -> Varying | None:
    """Return the numbers among the arguments that were others in a call before; they come with every call.

    Args:
        table: the numbers seen so far, for each kind of arguments.
        key, kinds: of the arguments, with their numbers.
        numbers: of the arguments.
    """
    general, bits = list(kinds), tuple([kinds[place] for _, place, _ in numbers])
    for _, place, x in numbers:
        general[place] = x.__class__
    entry = table.get(tuple(general))
    if entry is None:
        if len(table) >= _MOST_SEEN:
            table.clear()
        table[tuple(general)] = Numbers(key, bits)
        return None
    differ = {i for (i, _, _), a, b in zip(numbers, bits, entry.first, strict=True) if a != b}
    entry.vary = (entry.vary | differ) - entry.fixed
    if not entry.vary:
        return None
    if len(entry.keys) < ENOUGH:
        entry.keys.append(key)
        return None
    for i, place, _ in numbers:
        if i not in entry.vary:
            general[place] = kinds[place]
    values = tuple([x for i, _, x in numbers if i in entry.vary])
    return Varying(tuple(general), values, frozenset(entry.vary), entry)
