"""Names for the values of a model: the user's, as far as they are printable, and none twice."""

from __future__ import annotations

_LONGEST = 200
_ALLOWED = frozenset("_.-/[]")


def readable(name: str) -> str:
    """Return a name of letters, digits and `_.-/[]` alone; anything else becomes an underscore.

    Example:
        >>> readable("dense 1: weight")
        'dense_1__weight'
    """
    plain = "".join(c if c.isalnum() or c in _ALLOWED else "_" for c in name[:_LONGEST])
    return plain if plain.strip("_") else ""


class Names:
    """Hands out names, each once.

    Example:
        >>> names = Names()
        >>> [names.new("w"), names.new("w"), names.new("\\n", "x")]
        ['w', 'w_2', 'x']
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def new(self, *wishes: str) -> str:
        """Return the first wish that says anything, with a number behind it if it is taken."""
        wish = next(filter(None, map(readable, wishes)), "value")
        name = wish
        while name in self._taken:
            self._next[wish] = self._next.get(wish, 1) + 1
            name = f"{wish}_{self._next[wish]}"
        self._taken.add(name)
        return name
