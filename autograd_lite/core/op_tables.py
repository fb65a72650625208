"""The tables that ops are found by. The files of `ops/` fill them, and load when something of theirs is looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeVar

from .hooks import HOOKS

K = TypeVar("K", bound=str | Callable[..., Any])
V = TypeVar("V")


class Table(MutableMapping[K, V]):
    """By names of ops, or by functions of NumPy: everything that the files of `ops/` define, although they load late.

    To look something up loads the file that defines what has its name, and waits for it where another thread is at it;
    to go through the table loads all.

    Attributes:
        defined: what files that have loaded, or have begun to, define.
        known: `(key) -> value or None`, of what has been looked up before: for where speed counts.

    Example:
        >>> import numpy as np
        >>> from autograd_lite.core.op import BY_FUNCTION
        >>> np.cumsum in BY_FUNCTION, BY_FUNCTION.known(np.cumsum)
        (True, <op cumsum>)
    """

    __slots__ = ("_seen", "defined", "known")

    def __init__(self) -> None:
        self.defined: dict[K, V] = {}
        self._seen: dict[K, V] = {}
        self.known = self._seen.get

    def __getitem__(self, key: K) -> V:
        found = self.known(key)
        if found is None:
            HOOKS.load_ops(key if isinstance(key, str) else getattr(key, "__name__", ""))
            found = self._seen[key] = self.defined[key]
        return found

    def get(self, key: K, default: Any = None) -> Any:
        """Return what is under a key, or the default."""
        found = self.known(key)
        return super().get(key, default) if found is None else found

    def __setitem__(self, key: K, value: V) -> None:
        self.defined[key] = value
        self._seen.pop(key, None)

    def __delitem__(self, key: K) -> None:
        del self.defined[key]
        self._seen.pop(key, None)

    def __iter__(self) -> Iterator[K]:
        HOOKS.load_ops(None)
        return iter(self.defined)

    def __len__(self) -> int:
        HOOKS.load_ops(None)
        return len(self.defined)
