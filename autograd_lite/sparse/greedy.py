"""Greedy colorings of sparse patterns, and what they need: in C where the extension is, else the same in Python.

Rows and columns are those of a pattern as CSR, int32; a color is a number from 0, and -1 stands for no color.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..native.kernels import library
from .pattern import Indices


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
    order: list[int] = []
    at, is_out = 0 if kind == 1 else len(buckets) - 1, [False] * n
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


def _acyclic(indptr: Indices, indices: Indices, order: Indices) -> Indices:
    """Color the vertices so that no circle of edges has two colors: each edge can be read once others have been.

    This is algorithm 3.1 of Gebremedhin, Tarafdar, Manne and Pothen (2007). The edges of a vertex to its neighbors of
    one color are in one tree, so that a tree is kept for each vertex and color.
    """
    rows = _rows(indptr, indices)
    loops = [v in row for v, row in enumerate(rows)]
    colors = [-1] * len(rows)
    parents: dict[tuple[int, int], tuple[int, int]] = {}  # of a vertex and a color of its neighbors
    tables: list[dict[int, None]] = [{} for _ in rows]

    def root(key: tuple[int, int]) -> tuple[int, int]:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    for v in order.tolist():
        forbidden, visits = set[int](), set[Any]()
        near = [w for w in rows[v] if w != v]
        for w in near:
            color = colors[w]
            if color < 0:
                continue
            if loops[v] or loops[w]:
                forbidden.add(color)
            for other in tables[w]:
                visit = root((w, other)), color < other
                if visit in visits:
                    forbidden.add(other)
                visits.add(visit)
        color = colors[v] = _least(forbidden)
        for w in near:
            tables[w][color] = None
            if colors[w] >= 0:
                parents[root((w, color))] = root((v, colors[w]))
    return np.array(colors, np.int32)


def _periodic_factors(indptr: Indices, digits: Indices, n: int, k: int) -> Indices:
    """Return factors of n digits by which no row has a color twice, or no numbers.

    Args:
        indptr, digits: the digits of the vertices of each row.
        n, k: how many digits a vertex has, and how many colors there are: the sum of the digits times factors, mod k.
    """
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) * k
    of_vertex = digits.reshape(-1, n).astype(np.int64)
    first = [f for f in range(k) if f == 0 or k % f == 0]  # all factors may be multiplied by what k has no divisor of
    for rest in itertools.product(range(k), repeat=n - 1):
        for one in first:
            factors = np.array([one, *rest[::-1]])
            if np.bincount(rows + of_vertex @ factors % k, minlength=1).max() < 2:
                return factors.astype(np.int32)
    return np.zeros(0, np.int32)


def _read_places(indptr: Indices, indices: Indices, colors: Indices, count: int) -> npt.NDArray[np.int64]:
    """Return for each nonzero where it stands alone in the products (count x rows), flattened; else -1."""
    m = len(indptr) - 1
    places = colors[indices].astype(np.int64) * m + np.repeat(np.arange(m), np.diff(indptr))
    places[colors[indices] < 0] = -1
    sharing = np.bincount(places[places >= 0], minlength=count * m + 1)
    places[(places >= 0) & (sharing[places] > 1)] = -1
    return places


def _peel(
    indptr: Indices, indices: Indices, mirror: Indices, colors: Indices, count: int
) -> tuple[npt.NDArray[np.int64], Indices]:
    """Return where each nonzero of a symmetric matrix is read in its products, and after how many others in turn.

    It is the last one of a row and color that is not read elsewhere; what cannot be read is at -1.
    """
    n = len(indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(indptr)).tolist()
    columns, colors_of = indices.tolist(), colors.tolist()
    left: list[set[int]] = [set() for _ in range(count * n)]
    for k, (v, w) in enumerate(zip(rows, columns, strict=True)):
        left[colors_of[w] * n + v].add(k)
    places, levels, depths = [-1] * len(rows), [0] * len(rows), [0] * len(left)
    queue = [entry for entry, own in enumerate(left) if len(own) == 1]
    for entry in queue:
        if len(left[entry]) == 1:
            k = left[entry].pop()
            twin = int(mirror[k])
            places[k] = places[twin] = entry
            levels[k] = levels[twin] = depths[entry]
            other = colors_of[rows[k]] * n + columns[k]
            if twin != k:
                left[other].remove(twin)
                depths[other] = max(depths[other], depths[entry] + 1)
                if len(left[other]) == 1:
                    queue.append(other)
    return np.array(places, np.int64), np.array(levels, np.int32)


# Those of the extension, where it is in use.
order_vertices = getattr(library, "order_vertices", _order)
color_distance_2 = getattr(library, "color_distance_2", _distance_2)
color_star = getattr(library, "color_star", _star)
color_acyclic = getattr(library, "color_acyclic", _acyclic)
periodic_factors = getattr(library, "periodic_factors", _periodic_factors)
peel_places = getattr(library, "peel_places", _peel)
read_places = getattr(library, "read_places", _read_places)
