"""Which module each node belongs to, for the frames of pictures, and the tree of modules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

from ...ir.graph_node import GraphNode, Kind

Scope = tuple[str, ...]


def scopes(nodes: Sequence[GraphNode]) -> dict[str, Scope]:
    """Return the module path of every node: an op's own; for a parameter or constant, what its readers share.

    Inputs belong to no module, since they come from outside.
    """
    homes: dict[str, Scope] = {}
    readers: dict[str, dict[Scope, None]] = {}
    for node in nodes:
        if node.kind is Kind.OP:
            homes[node.id] = tuple(node.scope.split(".")) if node.scope else ()
            for source in node.inputs:
                readers.setdefault(source, {})[homes[node.id]] = None
    for node in nodes:
        if node.kind is not Kind.OP:
            inside = node.kind is not Kind.INPUT and node.id in readers
            homes[node.id] = common_scope(readers[node.id]) if inside else ()
    return homes


def common_scope(paths: Collection[Scope]) -> Scope:
    """Return the longest path that all begin with: what the first and last in order share, all between share too."""
    if not paths:
        return ()
    first, last = min(paths), max(paths)
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


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


def nested(items: Iterable[P]) -> Iterator[tuple[int, P | str | None]]:
    """Walk through items module by module, each module once, without recursion.

    Yields:
        `(depth, item)`; `(depth, name)` where a module begins, and `(depth, None)` where it ends.
    """
    root: _Module[P] = _Module()
    for item in items:
        module = root
        for name in item.scope:
            found = module.inner.get(name)
            if found is None:
                found = module.inner[name] = _Module()
            module = found
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
