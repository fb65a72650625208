"""Walks that are made in several parts: around composites, and with stops where gradients of leaves are whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.composite import COMPOSITE, opened as opened_composite
from .core.node import Node
from .paths import paths_from
from .tensors.hooks import arrival_hooks
from .tensors.tensor import Tensor


def walk_around(
    way: Callable[..., dict[Any, Any]],
    targets: set[Any] | None,
    order: list[Node],
    pending: dict[Any, Any],
    wanted: set[Any] | None,
    *how: Any,
) -> dict[Any, Any]:
    """Walk through an order with composites: these pull back by themselves, or become the operations that they are."""
    alarm, retain, _ = how
    part: list[Node] = []
    rest, order = order[::-1], []
    while rest:
        node = rest.pop()
        if node.op is not COMPOSITE:
            part.append(node)
            continue
        way(part, pending, wanted, *how)
        part = []
        if not node.params:  # opened: its hooks are those of the operation
            if node in pending:
                pending[node.inputs[0]] = pending.pop(node)
            continue
        composite = node.params["composite"]
        together = [node]
        while rest and rest[-1].op is COMPOSITE and rest[-1].params.get("composite") is composite:
            together.append(rest.pop())
        given = {n: pending.pop(n) for n in together if n in pending}
        if given and not composite.pull_back(given, pending, wanted, alarm.on, retain):
            for n, g in given.items():
                pending[opened_composite(n).inputs[0]] = g
            again = paths_from(pending, targets)
            rest = again.order[::-1]
            wanted = targets.union(again.order) if again.astray and targets is not None else None
    return way(part, pending, wanted, *how)


def walk_by_arrivals(
    way: Callable[..., dict[Any, Any]],
    arrived: Callable[[list[Tensor], dict[Any, Any]], None],
    order: list[Node],
    pending: dict[Any, Any],
    *how: Any,
) -> dict[Any, Any]:
    """Walk through an order, and stop where the cotangents of leaves with hooks for it are whole."""
    last: dict[int, tuple[int, Tensor]] = {}
    for position, node in enumerate(order):
        for i in node.needs:
            edge = node.inputs[i]
            if edge.__class__ is not Node and getattr(edge, "_hooks", None) and arrival_hooks(edge):
                last[id(edge)] = position, edge
    stops: dict[int, list[Tensor]] = {}
    for position, leaf in last.values():
        stops.setdefault(position, []).append(leaf)
    start = 0
    for position in sorted(stops):
        pending = way(order[start : position + 1], pending, *how)
        start = position + 1
        if leaves := [leaf for leaf in stops[position] if leaf in pending]:
            arrived(leaves, pending)
    return way(order[start:], pending, *how)
