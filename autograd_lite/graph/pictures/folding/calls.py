"""Modules that are called several times, as the two towers of a Siamese network, which are one.

The calls are not recorded. They are known where the parts of a module begin anew with the same parameters, and read
nothing of what came before: turns of a loop inside of a module do, and are not taken for calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ....ir.graph_node import GraphNode, Kind
from ..scopes import Scope


def calls_of(nodes: Sequence[GraphNode], own: Mapping[str, Scope], frozen: Collection[str]) -> dict[Scope, int]:
    """Return how often modules are called, of those that are called several times in the same way.

    A module inside of such a one, which is called once each time, is not among them.

    Args:
        nodes: of a graph, in recorded order.
        own: the path of each.
        frozen: ids of inputs that are untrained weights of a module.
    """
    weights = {node.id for node in nodes if node.kind is Kind.PARAMETER}.union(frozen)
    ops = [node for node in nodes if node.computes and not node.backward]
    paths = [own[node.id] for node in ops]
    call_of = {node.id: node.inputs[0] for node in nodes if node.result is not None}
    inside: dict[Scope, list[int]] = {}
    entered: dict[Scope, list[int]] = {}
    before: Scope = ()
    for i, path in enumerate(paths):
        for k in range(1, len(path) + 1):
            inside.setdefault(path[:k], []).append(i)
            if path[:k] != before[:k]:
                entered.setdefault(path[:k], []).append(i)
        before = path
    calls: dict[Scope, int] = {}
    for path, numbers in inside.items():
        first = next((paths[i][: len(path) + 1] for i in numbers if len(paths[i]) > len(path)), path)
        around = max([calls[path[:k]] for k in range(1, len(path)) if path[:k] in calls], default=1)
        for n in {len(entered[path]), len(entered[first])}:
            if n > around and _are_calls(ops, numbers, call_of, weights, n):
                calls[path] = n
    return calls


def _are_calls(
    ops: Sequence[GraphNode],
    numbers: Sequence[int],
    call_of: Mapping[str, str],
    weights: Collection[str],
    n: int,
) -> bool:
    """Return whether operations are one computation n times, with the same weights, which reads none of its turns."""
    size, rest = divmod(len(numbers), n)
    if rest or n < 2:
        return False
    place = {ops[i].id: divmod(k, size) for k, i in enumerate(numbers)}
    turns: list[list[tuple[str, list[int | None], list[str]]]] = [[] for _ in range(n)]
    for k, i in enumerate(numbers):
        reads = [place.get(call_of.get(source, source)) for source in ops[i].inputs]
        if any(at and at[0] != k // size for at in reads):
            return False
        own = [source for source in ops[i].inputs if source in weights]
        turns[k // size].append((ops[i].op, [at[1] if at else None for at in reads], own))
    return any(own for _, _, own in turns[0]) and all(turn == turns[0] for turn in turns)
