"""Where the boxes of a mirror go: both halves have the same rows, in opposite order.

Each half is laid out by the steps of `layout.layered`: the left one is given its rows, the right one also their order.
Operations and the slots that they read never share a row. So parameters can be reached from the right, and where no
other branch runs parallel, there is only a straight line between an operation and its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..layout.geometry import Box
from ..layout.lanes import Edge, depth_of, layer_of
from ..layout.layered import ROW, break_rows, lead_edges, no_modules, order_rows, place_columns
from ..layout.record import Layered
from .model import Mirror

# How straight lines should be: from a parameter or a constant, from an input, from an operation.
_QUIET, _INPUT, _DATA = 1.0, 3.0, 8.0


class Placed(NamedTuple):
    """Both halves along the rows.

    Attributes:
        left: the cells.
        right: the boxes with their rules, and sizeless places where a gradient turns to its parameter. Its edges point
            down as in the left half, and gradients flow against them.
        partner: the number in the right half of each cell that has a counterpart there.
        slot_rows: the rows without operations.
    """

    left: Layered
    right: Layered
    partner: dict[int, int]
    slot_rows: frozenset[int]


def place_boxes(mirror: Mirror, boxes: Sequence[Box], rules: dict[int, Box]) -> Placed:
    """Place the boxes along the rows.

    Args:
        mirror: the boxes.
        boxes: the sizes of the cells.
        rules: by cell, the sizes of the boxes with their rules.
    """
    number = {box.id: k for k, box in enumerate(mirror.view.nodes)}
    edges = tuple(
        Edge(number[e.source], number[e.target], _QUIET if e.quiet else _weight(mirror, number[e.source]))
        for e in mirror.view.edges
    )
    left = Layered(boxes, edges, no_modules(len(boxes)))
    left.layers, slot_rows = _rows(
        mirror, edges, [max(box.width, rules.get(k, box).width) for k, box in enumerate(boxes)]
    )
    left.depth = depth_of(len(boxes), edges)
    lead_edges(left)
    order_rows(left)
    place_columns(left)
    cells = sorted([*rules, *(g.cell for g in mirror.gradients)])
    partner = {cell: i for i, cell in enumerate(cells)}
    flows = tuple(
        Edge(partner[s], partner[t], _QUIET if s in mirror.slots else _weight(mirror, s))
        for s, t in mirror.flows
        if s in partner and t in partner
    )
    right = Layered([rules.get(c, Box(0, 0)) for c in cells], flows, no_modules(len(cells)), upward=True)
    right.layers, right.depth = [left.layers[c] for c in cells], [left.depth[c] for c in cells]
    lead_edges(right)
    right.rows = _mirror_rows(left, right, cells)
    place_columns(right)
    return Placed(left, right, partner, slot_rows)


def boxes_beside(half: Layered, i: int, *, right: bool) -> int:
    """Return the number of boxes to the right (or left) of one in its row."""
    row = [v for v in half.rows[half.layers[i]] if v < len(half.boxes) and half.boxes[v].width and v != i]
    return sum(half.x[v] > half.x[i] if right else half.x[v] < half.x[i] for v in row)


def _weight(mirror: Mirror, source: int) -> float:
    return _INPUT if source in mirror.slots else _DATA


def _mirror_rows(left: Layered, right: Layered, cells: Sequence[int]) -> list[list[int]]:
    """Return the rows of the right half: boxes of the same cells, in the opposite order."""
    n, place = len(left.boxes), {}
    for r, row in enumerate(left.rows):
        for i, v in enumerate(row):
            place[v if v < n else left.lanes.owners[v - n], r] = i
    layers = right.lanes.layers
    owners = [cells[v] for v in (*range(len(cells)), *right.lanes.owners)]
    rows: list[list[int]] = [[] for _ in left.rows]
    for v in sorted(range(len(layers)), key=lambda v: -place[owners[v], layers[v]]):
        rows[layers[v]].append(v)
    return rows


def _rows(mirror: Mirror, edges: Sequence[Edge], widths: Sequence[float]) -> tuple[list[int], frozenset[int]]:
    """Return the row of every cell, and the rows without operations.

    The slots of a row of operations are above it: first those that belong to no module, then the others.
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
    rows = break_rows([used[level[k]] for k in range(len(mirror.view.nodes))], widths, ROW / 2)
    return rows, frozenset(rows[k] for k in slots).difference(rows[k] for k in ops)
