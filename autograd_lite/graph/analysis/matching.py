"""Matches the nodes of two graphs: by name, by what they are made from and go into, by order.

Every node gets two numbers, for its label together with everything above it, and with everything below it. Nodes of the
two graphs with equal numbers are a pair; a pair counts as the same thing in the numbers of its neighbors, so an edit
is closed in from both sides. Labels start with all that is known about a node and end with next to nothing. Nodes left
over between the same pairs are aligned in order. All of this takes nearly linear time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ...ir.graph_node import GraphNode, Kind
from ...ir.pure_graph import PureGraph

Label = Callable[[GraphNode], Hashable]
# Gaps of up to this many pairs of nodes are aligned by a table; larger ones by the order of equal labels.
_TABLE = 40_000


def everything(node: GraphNode) -> Hashable:
    """Return a label equal for exactly those nodes that are equal apart from their ids."""
    params = tuple([(p.name, p.text) for p in node.params])
    kind = (node.kind, node.op, node.role, len(node.inputs), node.weak)
    return (kind, params, node.shape, str(node.dtype), node.name, node.value, node.needs, node.scope)


def _name_label(node: GraphNode) -> Hashable:
    return (node.kind, node.op, node.role, node.name, tuple([p.name for p in node.params]))


def _kind(node: GraphNode) -> Hashable:
    return (node.kind, node.op, node.role)


def _any(node: GraphNode) -> Hashable:
    return (node.kind is Kind.OP, node.role)


def match_nodes(a: PureGraph, b: PureGraph) -> dict[str, str]:
    """Return the pairs: ids of `a` with ids of `b`, each at most once."""
    match = _Match(a, b)
    match.by_name()
    for label in (everything, _name_label, _kind):
        for _ in range(2):
            match.by_structure(label)
            if match.complete:
                return match.pairs
        match.in_order(label)
        match.by_structure(label)
    match.by_structure(_any, alone=True)
    match.slots_left()
    return match.pairs


class _Match:
    """The pairs found so far."""

    def __init__(self, a: PureGraph, b: PureGraph) -> None:
        self.graphs = (a, b)
        self.pairs: dict[str, str] = {}
        self._partner: tuple[dict[str, int], dict[str, int]] = ({}, {})  # ids to numbers of pairs
        self._readers = (_readers(a), _readers(b))
        self._left: tuple[list[GraphNode], list[GraphNode]] = (list(a), list(b))

    @property
    def complete(self) -> bool:
        """True if one of the graphs has no node left."""
        return len(self.pairs) == min(map(len, self.graphs))

    def add(self, i: str, j: str) -> None:
        number = len(self.pairs)
        self.pairs[i] = j
        self._partner[0][i] = self._partner[1][j] = number

    def by_name(self) -> None:
        """Pair nodes with the same name, if it is unique in both graphs."""
        by_name = [_unique(((node.name, node.role), node.id) for node in graph if node.name) for graph in self.graphs]
        for key, i in by_name[0].items():
            if key in by_name[1]:
                self.add(i, by_name[1][key])

    def by_structure(self, label: Label, *, alone: bool = False) -> None:
        """Pair nodes with the same above and below them; then, unless `alone`, the same above, or the same below.

        Slots follow the operations that read them: by themselves they say too little, and many may be alike.
        """
        labels = self._number_labels(label)
        table: dict[Hashable, int] = {}
        above = [self._above(side, labels[side], table) for side in (0, 1)]
        below = [self._below(side, labels[side], table) for side in (0, 1)]
        self._by_key([{i: (above[s][i], below[s][i]) for i in above[s]} for s in (0, 1)])
        if not alone:
            self._by_key(above)
            self._by_key(below)
        self._slots(labels)

    def slots_left(self) -> None:
        """Pair slots without readers, or with readers elsewhere, by their kinds and in order."""
        labels = self._number_labels(_kind)
        self._by_key(labels, slots=True)

    def in_order(self, label: Label) -> None:
        """Pair equal labels between the same neighbors in the order of execution."""
        gaps, labels = (self._gaps(0), self._gaps(1)), self._number_labels(label)
        for gap, nodes in gaps[0].items():
            others = gaps[1].get(gap)
            if others:
                for i, j in _align([labels[0][n] for n in nodes], [labels[1][n] for n in others]):
                    self.add(nodes[i], others[j])
        self._slots(labels)

    def _number_labels(self, label: Label) -> list[dict[str, int]]:
        """Return the labels of the remaining nodes as numbers, the same for equal labels of both graphs."""
        for side in (0, 1):
            self._left[side][:] = [node for node in self._left[side] if node.id not in self._partner[side]]
        table: dict[Hashable, int] = {}
        return [{n.id: table.setdefault(label(n), len(table)) for n in left} for left in self._left]

    def _by_key(self, keys: Sequence[Mapping[str, Any]], *, slots: bool = False) -> None:
        groups: list[dict[Hashable, list[str]]] = []
        for side in (0, 1):
            group: dict[Hashable, list[str]] = {}
            for node in self._left[side]:
                if node.id not in self._partner[side] and (node.kind is Kind.OP) != slots:
                    group.setdefault(keys[side][node.id], []).append(node.id)
            groups.append(group)
        for key, ids in groups[0].items():
            for i, j in zip(ids, groups[1].get(key, ()), strict=False):
                self.add(i, j)

    def _slots(self, labels: Sequence[dict[str, int]]) -> None:
        """Pair slots with equal labels that paired operations read at the same place."""
        b, theirs = self.graphs[1], self._partner[1]
        for slot in self._left[0]:
            if slot.kind is Kind.OP or slot.id in self.pairs:
                continue
            for reader, k in self._readers[0].get(slot.id, ()):
                inputs = b[self.pairs[reader]].inputs if reader in self.pairs else ()
                if k < len(inputs) and inputs[k] not in theirs and labels[1][inputs[k]] == labels[0][slot.id]:
                    self.add(slot.id, inputs[k])
                    break

    def _above(self, side: int, labels: dict[str, int], table: dict[Hashable, int]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        pairs = self._partner[side]
        for node in self._left[side]:
            inputs = [numbers[i] if i in numbers else ~pairs[i] for i in node.inputs]
            numbers[node.id] = table.setdefault((labels[node.id], *inputs), len(table))
        return numbers

    def _below(self, side: int, labels: dict[str, int], table: dict[Hashable, int]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        pairs, readers = self._partner[side], self._readers[side]
        results: dict[str, list[int]] = {}
        for k, i in enumerate(self.graphs[side].outputs):
            results.setdefault(i, []).append(k)
        for node in reversed(self._left[side]):
            uses = sorted([(numbers[i] if i in numbers else ~pairs[i], k) for i, k in readers.get(node.id, ())])
            whole = ("below", labels[node.id], *uses, *results.get(node.id, ()))
            numbers[node.id] = table.setdefault(whole, len(table))
        return numbers

    def _gaps(self, side: int) -> dict[int, list[str]]:
        """Return the remaining operations, by the number of pairs before them that keep their order."""
        place = {node.id: k for k, node in enumerate(self.graphs[1])}
        ordered = sorted(self.pairs.items(), key=lambda pair: int(pair[0][1:]))
        steady = increasing([place[j] for _, j in ordered])
        anchors = {ordered[k][side] for k in steady}
        gaps: dict[int, list[str]] = {}
        count = 0
        for node in self.graphs[side]:
            if node.id in anchors:
                count += 1
            elif node.kind is Kind.OP and node.id not in self._partner[side]:
                gaps.setdefault(count, []).append(node.id)
        return gaps


def _readers(graph: PureGraph) -> dict[str, list[tuple[str, int]]]:
    readers: dict[str, list[tuple[str, int]]] = {}
    for node in graph:
        for k, i in enumerate(node.inputs):
            readers.setdefault(i, []).append((node.id, k))
    return readers


def _unique(pairs: Iterable[tuple[Hashable, str]]) -> dict[Hashable, str]:
    ids: dict[Hashable, str] = {}
    twice: set[Hashable] = set()
    for key, i in pairs:
        if key in ids:
            twice.add(key)
        ids[key] = i
    return {key: i for key, i in ids.items() if key not in twice}


def _align(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """Return pairs of equal elements, in order on both sides; the most possible if the sequences are short."""
    if len(a) * len(b) <= _TABLE:
        return _longest_common(a, b)
    seen: dict[tuple[int, int], int] = {}
    counts: dict[int, int] = {}
    for j, label in enumerate(b):
        counts[label] = counts.get(label, 0) + 1
        seen[label, counts[label]] = j
    counts = {}
    pairs = []
    for i, label in enumerate(a):
        counts[label] = counts.get(label, 0) + 1
        j = seen.get((label, counts[label]), -1)
        if j >= 0:
            pairs.append((i, j))
    return [pairs[k] for k in increasing([j for _, j in pairs])]


def _longest_common(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    lengths = [[0] * (len(b) + 1)]
    for x in a:
        above, row = lengths[-1], [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(above[j + 1], row[j]))
        lengths.append(row)
    pairs, i, j = [], len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif lengths[i - 1][j] >= lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def increasing(values: Sequence[int]) -> list[int]:
    """Return the positions of a longest increasing subsequence of distinct numbers.

    Example:
        >>> increasing([0, 3, 1, 2, 9])
        [0, 2, 3, 4]
    """
    ends: list[int] = []  # the smallest last value of an increasing sequence of each length
    at: list[int] = []
    before: list[int] = []
    for k, value in enumerate(values):
        length = bisect_left(ends, value)
        before.append(at[length - 1] if length else -1)
        if length == len(ends):
            ends.append(value)
            at.append(k)
        else:
            ends[length], at[length] = value, k
    positions: list[int] = []
    k = at[-1] if at else -1
    while k >= 0:
        positions.append(k)
        k = before[k]
    return positions[::-1]
