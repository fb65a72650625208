"""Greedy colorings of sparse patterns, and what they need: in C where the extension is, else the same in Python.

Rows and columns are those of a pattern as CSR, int32; a color is a number from 0, and -1 stands for no color.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..native.kernels import library
from .pattern import Indices


def _transpose(indptr: Indices, indices: Indices, n: int) -> tuple[Indices, Indices, Indices]:
    """Return the transposed pattern, whose rows are n, and where its nonzeros are in the pattern."""
    places = np.argsort(indices, kind="stable").astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(indices, minlength=n))]).astype(np.int32)
    rows = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    return ends, rows[places], places


def _neighbors(
    indptr: Indices, indices: Indices, lines: Indices | None, members: Indices | None
) -> Callable[[int], list[int]]:
    """Return a function of a vertex: those in its row, or those with which it shares one of its lines."""
    rows = _rows(indptr, indices)
    if lines is None or members is None:
        return lambda v: [w for w in rows[v] if w != v]
    own = _rows(lines, members)
    return lambda v: [w for w in dict.fromkeys(w for line in own[v] for w in rows[line]) if w != v]


def _rows(indptr: Indices, indices: Indices) -> list[list[int]]:
    return [row.tolist() for row in np.split(indices, indptr[1:-1])] if len(indptr) > 1 else []


def _order(
    kind: int, indptr: Indices, indices: Indices, lines: Indices | None = None, members: Indices | None = None
) -> Indices:
    """Return the vertices in an order for a greedy coloring.

    Args:
        kind: 0 for that of falling degrees, 1 for smallest last, 2 for the most neighbors that come before it next.
        indptr, indices: the neighbors of each vertex; or, with lines, the vertices of each line.
        lines, members: the lines of each vertex; two vertices are neighbors if they share one.
    """
    near = _neighbors(indptr, indices, lines, members)
    n = len(indptr if lines is None else lines) - 1
    degrees = [len(near(v)) for v in range(n)]
    if kind == 0:
        return np.argsort(-np.array(degrees, int), kind="stable").astype(np.int32)
    # Buckets of vertices by their number, as stacks. An entry that is out of date is passed over.
    numbers, step = (degrees, -1) if kind == 1 else ([0] * n, 1)
    buckets: list[list[int]] = [[] for _ in range(max(degrees, default=0) + 1)]
    for v in range(n - 1, -1, -1):
        buckets[numbers[v]].append(v)
    order, at, is_out = [], 0 if kind == 1 else len(buckets) - 1, [False] * n
    while len(order) < n:
        while not buckets[at]:
            at -= step
        v = buckets[at].pop()
        if is_out[v] or numbers[v] != at:
            continue
        order.append(v)
        is_out[v] = True
        for w in near(v):
            if not is_out[w]:
                numbers[w] += step
                buckets[numbers[w]].append(w)
        at = max(at - 1, 0) if kind == 1 else min(at + 1, len(buckets) - 1)
    return np.array(order[:: -1 if kind == 1 else 1], np.int32)


def _distance_2(indptr: Indices, indices: Indices, lines: Indices, members: Indices, order: Indices) -> Indices:
    """Color vertices so that no line has a color twice; a vertex without lines has none.

    This is GreedyPartialD2Coloring, algorithm 3.2 of Gebremedhin, Manne and Pothen (2005).
    """
    colors = [-1] * (len(lines) - 1)
    rows = _rows(indptr, indices)
    for v in order.tolist():
        own = members[lines[v] : lines[v + 1]]
        if len(own):
            colors[v] = _least({colors[w] for line in own for w in rows[line]})
    return np.array(colors, np.int32)


def _least(forbidden: set[int]) -> int:
    return next(color for color in range(len(forbidden) + 1) if color not in forbidden)


def _star(indptr: Indices, indices: Indices, order: Indices) -> Indices:
    """Color the vertices in `order` so that each edge can be read from one product; the others stay without a color.

    An edge vw is read at v if no other neighbor of v, nor v itself if it has a loop, has the color of w, or at w. This
    is algorithm 4.1 of Gebremedhin, Tarafdar, Manne and Pothen (2007), with a table for each vertex, by color, of the
    neighbors that have it, and whether the vertex is a leaf of the star that has them: then a neighbor of it with this
    color has other neighbors of the vertex's color. Neighbors may share a color if both lack loops.
    """
    n = len(indptr) - 1
    rows = _rows(indptr, indices)
    loops = [v in row for v, row in enumerate(rows)]
    colors, ordered = [-1] * n, np.zeros(n, bool)
    ordered[order] = True
    tables: list[dict[int, list[int]]] = [{} for _ in range(n)]  # by color: how many, the first, whether a leaf
    for v in order.tolist():
        own, forbidden = tables[v], set[int]()
        near = [w for w in rows[v] if w != v]
        for w in near:
            color = colors[w]
            if not ordered[w] or (color >= 0 and own[color][0] > 1):
                forbidden.update(tables[w])
            elif color >= 0:
                forbidden.update(other for other, entry in tables[w].items() if entry[2])
            if color >= 0 and (loops[v] or loops[w]):
                forbidden.add(color)
        color = colors[v] = _least(forbidden)
        for w in near:
            table, other = tables[w], colors[w]
            entry = table.setdefault(color, [0, v, 0])
            entry[0] += 1
            entry[2] |= other >= 0 and own[other][0] > 1
            if entry[0] > 1 and other >= 0:
                for x in (entry[1], v):
                    tables[x][other][2] = 1
    return np.array(colors, np.int32)


def _read_places(indptr: Indices, indices: Indices, colors: Indices, count: int) -> npt.NDArray[np.int64]:
    """Return for each nonzero where it stands alone in the products (count x rows), flattened; else -1."""
    m = len(indptr) - 1
    places = colors[indices].astype(np.int64) * m + np.repeat(np.arange(m), np.diff(indptr))
    places[colors[indices] < 0] = -1
    sharing = np.bincount(places[places >= 0], minlength=count * m + 1)
    places[(places >= 0) & (sharing[places] > 1)] = -1
    return places


def either(name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of the extension, if that is in use, or another one."""
    return getattr(library, name, otherwise)


transpose = either("transpose_pattern", _transpose)
order_vertices = either("order_vertices", _order)
color_distance_2 = either("color_distance_2", _distance_2)
color_star = either("color_star", _star)
read_places = either("read_places", _read_places)
