"""The tables that ops are found by. The files of `ops/` fill them, and load when something of theirs is looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeVar

from .hooks import HOOKS

K = TypeVar("K", bound=str | Callable[..., Any])
V = TypeVar("V")


class Table(MutableMapping[K, V]):
    """Everything that the files of `ops/` define, by names of ops or by functions of NumPy, although they load late.

    A lookup loads the file that defines the name, and waits if another thread is loading it; iteration loads all files.

    Attributes:
        defined: the definitions of files that have loaded, or have begun to.
        known: `(key) -> value or None`, a fast lookup of keys that have been looked up before.

    Example:
        >>> import numpy as np
        >>> from autograd_lite.core.op import BY_FUNCTION
        >>> np.cumsum in BY_FUNCTION, BY_FUNCTION.cached(np.cumsum)
        (True, <op cumsum>)
    """

    __slots__ = ("_seen", "cached", "defined")

    def __init__(self) -> None:
        self.defined: dict[K, V] = {}
        self._seen: dict[K, V] = {}
        self.cached = self._seen.get

    def __getitem__(self, key: K) -> V:
        value = self.cached(key)
        if value is None:
            HOOKS.load_ops(key if isinstance(key, str) else getattr(key, "__name__", ""))
            value = self._seen[key] = self.defined[key]
        return value

    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        value = self.cached(key)
        return super().get(key, default) if value is None else value

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
