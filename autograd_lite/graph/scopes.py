"""Which module each node belongs to, for the frames of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from .parts import GraphNode, Kind

__all__ = ["Scope", "scopes"]

Scope = tuple[str, ...]


def scopes(nodes: Sequence[GraphNode]) -> dict[str, Scope]:
    """Return the module path of every node: an op's own; a parameter's or constant's that of all who read it.

    Inputs belong to no module, for they come from outside.
    """
    homes: dict[str, Scope] = {}
    readers: dict[str, list[Scope]] = {}
    for node in nodes:
        if node.kind is Kind.OP:
            homes[node.id] = tuple(node.scope.split(".")) if node.scope else ()
            for source in node.inputs:
                readers.setdefault(source, []).append(homes[node.id])
    for node in nodes:
        if node.kind is not Kind.OP:
            inside = node.kind is not Kind.INPUT and node.id in readers
            homes[node.id] = _common(readers[node.id]) if inside else ()
    return homes


def _common(paths: Sequence[Scope]) -> Scope:
    """Return the longest path that all begin with: what the first and the last in order share, so do those between."""
    first, last = min(paths), max(paths)
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
