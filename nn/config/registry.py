"""Things found by name: the strings that `compile` and the layers accept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def find(what: str, name: str, table: Mapping[str, T]) -> T:
    """Return the entry of `table` that is called `name`, whatever its case and underscores.

    Args:
        what: what the table holds, with its article, for the error message: "a loss".
        name: as the user wrote it; "MeanSquaredError" and "mean_squared_error" are the same name.
        table: entries by their names.

    Raises:
        ValueError: if there is none; the message has the nearest names, then all of them.

    Example:
        >>> find("a number", "One", {"one": 1, "two": 2})
        1
    """
    by_key = {_key(known): entry for known, entry in table.items()}
    if _key(name) in by_key:
        return by_key[_key(name)]
    spelled = {_key(known): known for known in table}
    near = [spelled[key] for key in difflib.get_close_matches(_key(name), spelled, n=3)]
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(f"expected the name of {what}; received {name!r}.{meant} Known names: {', '.join(table)}")


def _key(name: str) -> str:
    return name.replace("_", "").lower()
