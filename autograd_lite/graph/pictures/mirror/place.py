"""Where the boxes of a mirror stand: both halves have the same rows, and in opposite order.

Operations and what fills their slots never share a row. So parameters can be reached from the right, and between an
operation and its rules there is, where nothing runs beside it, nothing but a straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..layout.lanes import Edge, Lanes, depth_of, layer_of, lead_through_lanes
from ..layout.layered import Box
from ..layout.order import ordered
from ..layout.place import x_positions
from .model import Mirror

# How straight lines are to be: from a parameter or a constant, from an input, from an operation.
_QUIET, _INPUT, _DATA = 1.0, 3.0, 8.0


class Half(NamedTuple):
    """One half: its boxes first, then the lanes that lead long lines through the rows between.

    Attributes:
        boxes: the sizes; of the place from which a gradient turns to its parameter, none.
        edges: downwards; in the right half gradients flow against them.
        lanes: see `lanes.Lanes`; the layers are rows.
        rows: what stands in each, from left to right.
        x: of boxes and lanes.
        width: of the half, which begins at 0.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    lanes: Lanes
    rows: list[list[int]]
    x: list[float]
    width: float

    @property
    def row(self) -> list[int]:
        """The row of every box and lane."""
        return self.lanes.layers

    def left(self, i: int) -> float:
        """Return the left border of a box."""
        return self.x[i] - self.boxes[i].width / 2

    def right(self, i: int) -> float:
        """Return the right border of a box."""
        return self.x[i] + self.boxes[i].width / 2

    def beside(self, i: int, *, right: bool) -> int:
        """Return how many boxes stand to the right (or left) of one in its row."""
        row = [v for v in self.rows[self.row[i]] if v < len(self.boxes) and self.boxes[v].width]
        return sum(self.x[v] > self.x[i] if right else self.x[v] < self.x[i] for v in row if v != i)


class Placed(NamedTuple):
    """Both halves; `partner` is the number in the right half of each cell that has a counterpart there."""

    left: Half
    right: Half
    partner: dict[int, int]
    slot_rows: frozenset[int]


def placed(mirror: Mirror, boxes: Sequence[Box], rules: dict[int, Box]) -> Placed:
    """Place the boxes along the rows.

    Args:
        mirror: what is shown.
        boxes: the sizes of the cells.
        rules: by cell, those of the boxes with their rules.
    """
    number = {box.id: k for k, box in enumerate(mirror.view.nodes)}
    edges = tuple(
        Edge(number[e.source], number[e.target], _QUIET if e.quiet else _weight(mirror, number[e.source]))
        for e in mirror.view.edges
    )
    layers, slot_rows = _rows(mirror, edges)
    depth = depth_of(len(boxes), edges)
    lanes = lead_through_lanes(layers, edges, depth)
    rows = ordered(lanes.layers, lanes.segments)
    left = _half(boxes, edges, lanes, rows)
    cells = [*rules, *(g.cell for g in mirror.gradients)]
    cells.sort()
    partner = {cell: i for i, cell in enumerate(cells)}
    flows = tuple(
        Edge(partner[s], partner[t], _QUIET if s in mirror.slots else _weight(mirror, s))
        for s, t in mirror.flows
        if s in partner and t in partner
    )
    back = lead_through_lanes([layers[c] for c in cells], flows, [depth[c] for c in cells])
    where = _places(rows, lanes, len(boxes))
    keys = [(c, layers[c]) for c in cells]
    keys += [(cells[owner], layer) for owner, layer in zip(back.owners, back.layers[len(cells) :], strict=True)]
    turned: list[list[int]] = [[] for _ in rows]
    for v in sorted(range(len(keys)), key=lambda v: -where[keys[v]]):
        turned[back.layers[v]].append(v)
    sizes = [rules.get(c, Box(0, 0)) for c in cells]
    return Placed(left, _half(sizes, flows, back, turned), partner, slot_rows)


def _weight(mirror: Mirror, source: int) -> float:
    return _INPUT if source in mirror.slots else _DATA


def _half(boxes: Sequence[Box], edges: Sequence[Edge], lanes: Lanes, rows: list[list[int]]) -> Half:
    widths = [box.width for box in boxes] + [0.0] * len(lanes.owners)
    x = x_positions(rows, lanes.segments, widths)
    first = min((at - width / 2 for at, width in zip(x, widths, strict=True)), default=0.0)
    x = [at - first for at in x]
    width = max((at + width / 2 for at, width in zip(x, widths, strict=True)), default=0.0)
    return Half(tuple(boxes), tuple(edges), lanes, rows, x, width)


def _places(rows: Sequence[Sequence[int]], lanes: Lanes, n: int) -> dict[tuple[int, int], int]:
    """Return by what a row holds of which box, and the row: how many stand to its left."""
    places = {}
    for r, row in enumerate(rows):
        for i, v in enumerate(row):
            places[v if v < n else lanes.owners[v - n], r] = i
    return places


def _rows(mirror: Mirror, edges: Sequence[Edge]) -> tuple[list[int], frozenset[int]]:
    """Return the row of every cell, and which rows hold no operations.

    The slots of a row of operations stand above it: first those that belong to no module, then the others.
    """
    slots = mirror.slots
    ops = [k for k in range(len(mirror.view.nodes)) if k not in slots]
    number = {k: i for i, k in enumerate(ops)}
    between = [Edge(number[e.source], number[e.target], e.weight) for e in edges if not {e.source, e.target} & slots]
    layer = layer_of(depth_of(len(ops), between), between)
    level = {k: 3 * layer[i] + 2 for k, i in number.items()}
    first: dict[int, int] = {}
    for edge in edges:
        if edge.source in slots:
            first[edge.source] = min(first.get(edge.source, level[edge.target]), level[edge.target])
    for k in slots:
        level[k] = first.get(k, 2) - (1 if mirror.view.nodes[k].scope else 2)
    used = {old: new for new, old in enumerate(sorted(set(level.values())))}
    rows = [used[level[k]] for k in range(len(mirror.view.nodes))]
    return rows, frozenset(used[old] for old in used if old % 3 != 2)
