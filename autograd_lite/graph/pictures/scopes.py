"""Paths of modules, and the tree that they form."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

Scope = tuple[str, ...]


def common_scope(paths: Collection[Scope]) -> Scope:
    """Return the longest path that all begin with: everything between the first and the last in order has it too."""
    if not paths:
        return ()
    first, last = min(paths), max(paths)
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def path_text(scope: Scope) -> str:
    """Return a path as it is given to `expand`, without what titles say of calls: "net.tower" for "tower (2 calls)"."""
    return ".".join(map(without_calls, scope))


def without_calls(title: str) -> str:
    """Return the title of a frame without how often the module is called."""
    return re.sub(r" \([\d,]+ calls\)$", "", title)


class _Placed(Protocol):
    """Anything that belongs to a module."""

    @property
    def scope(self) -> Scope:
        """The modules around it, outermost first."""


P = TypeVar("P", bound=_Placed)


class _Module(Generic[P]):
    """A module: its items, and the modules inside it."""

    __slots__ = ("inner", "items")

    def __init__(self) -> None:
        self.items: list[P] = []
        self.inner: dict[str, _Module[P]] = {}


def walk_modules(items: Iterable[P]) -> Iterator[tuple[int, P | str | None]]:
    """Walk through items module by module, each module once, without recursion.

    Yields:
        `(depth, item)`; `(depth, name)` where a module begins, and `(depth, None)` where it ends.
    """
    root: _Module[P] = _Module()
    for item in items:
        module = root
        for name in item.scope:
            if name not in module.inner:
                module.inner[name] = _Module()
            module = module.inner[name]
        module.items.append(item)
    pending: list[tuple[int, str, _Module[P] | None]] = [(-1, "", root)]
    while pending:
        depth, name, module_or_end = pending.pop()
        if module_or_end is None:
            yield depth, None
            continue
        if module_or_end is not root:
            yield depth, name
            pending.append((depth, name, None))
        yield from ((depth + 1, item) for item in module_or_end.items)
        pending += [(depth + 1, inner, module) for inner, module in reversed(module_or_end.inner.items())]
