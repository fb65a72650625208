"""The order within each layer: barycenter sweeps, judged by the number of crossings.

The vertices of a module stay together on every row, and two modules have the same order on all rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from .isotonic import isotonic
from .sides import keep_sides

Rows = list[list[int]]

_SWEEPS, _PATIENCE, _SWAP_ROUNDS = 24, 4, 8


def order_vertices(
    layers: Sequence[int],
    segments: Iterable[tuple[int, int]],
    homes: Sequence[int] = (),
    parents: Sequence[int] = (),
    loose: Collection[tuple[int, int]] = (),
    lanes: Sequence[int] = (),
) -> Rows:
    """Return the rows, each from left to right, with few crossings.

    Args:
        layers: of each vertex.
        segments: `(upper, lower)`, each from one layer to the next, in the order in which they arrive.
        homes: the innermost group around each vertex, -1 for none; empty if there are no groups.
        parents: the group around each group, of a lower number, or -1.
        loose: segments that may cross others, and that pull only what nothing else pulls.
        lanes: the vertices that are lanes and should go round frames.
    """
    above: list[list[int]] = [[] for _ in layers]
    below: list[list[int]] = [[] for _ in layers]
    for upper, lower in segments:
        above[lower].append(upper)
        below[upper].append(lower)
    joined = above, below
    groups = _Groups(homes, parents) if parents else None
    rows = _first_order(layers, above, below)
    if loose:
        above, below = _firm(above, below, loose)
    if groups:
        rows = groups.arrange(rows, {v: (i + 0.5) / len(row) for row in rows for i, v in enumerate(row)})
    best, fewest, idle = rows, crossings(rows, below), 0
    for sweep in range(_SWEEPS):
        if not fewest or idle > _PATIENCE:
            break
        rows = _sweep(rows, above if sweep % 2 == 0 else below, groups, downwards=sweep % 2 == 0)
        count = crossings(rows, below)
        idle = 0 if count < fewest else idle + 1
        if count < fewest:
            best, fewest = rows, count
    if groups:
        best = keep_sides(best, homes, parents, lanes, *joined)
    best = _swap_neighbours(best, above, below, homes) if fewest else best
    return _as_they_lead(best, loose) if loose else _as_the_arguments_go(best, above)


def _firm(
    above: list[list[int]], below: list[list[int]], loose: Collection[tuple[int, int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """Leave out the loose segments of vertices that have others on the same side."""
    up = [[u for u in ends if (u, v) not in loose] or ends for v, ends in enumerate(above)]
    down = [[v for v in ends if (u, v) not in loose] or ends for u, ends in enumerate(below)]
    return up, down


class _Groups:
    """Keeps groups together: on each row, and in one order with their siblings on all rows."""

    __slots__ = ("homes", "parents", "rank")

    def __init__(self, homes: Sequence[int], parents: Sequence[int]) -> None:
        self.homes, self.parents = homes, parents
        self.rank = [0.0] * len(parents)

    def arrange(self, rows: Rows, key: dict[int, float]) -> Rows:
        """Sort all rows by their keys, with sibling groups in the order of their mean keys."""
        total, count = [0.0] * len(self.parents), [0] * len(self.parents)
        for row in rows:
            for v in row:
                home = self.homes[v]
                while home >= 0:
                    total[home] += key[v]
                    count[home] += 1
                    home = self.parents[home]
        self.rank = [t / n if n else 0.0 for t, n in zip(total, count, strict=True)]
        return [self.sort_row(row, key) for row in rows]

    def sort_row(self, row: Sequence[int], key: dict[int, float]) -> list[int]:
        """Sort a row by its keys; groups go to the mean of theirs, as far as their order allows."""
        if len(row) < 2:
            return [*row]
        inside: dict[int, list[tuple[float, int]]] = {-1: []}
        sums: dict[int, float] = {}
        counts: dict[int, int] = {}
        inner: dict[int, list[int]] = {}
        for v in row:
            home = self.homes[v]
            inside.setdefault(home, []).append((key[v], v))
            while home >= 0:
                if home not in sums:
                    sums[home], counts[home] = 0.0, 0
                    inner.setdefault(self.parents[home], []).append(home)
                sums[home] += key[v]
                counts[home] += 1
                home = self.parents[home]
        if not sums:
            return [v for _, v in sorted(inside[-1], key=lambda item: item[0])]
        for around, groups in inner.items():
            groups.sort(key=lambda g: (self.rank[g], g))
            weights = [float(counts[g]) for g in groups]
            means = isotonic([sums[g] / counts[g] for g in groups], weights, [0.0] * (len(groups) - 1))
            # Groups have negative numbers here, so among equal keys they come first, in their order.
            members = [(mean, -2 - g) for g, mean in zip(groups, means, strict=True)]
            inside[around] = members + inside.get(around, [])
        new: list[int] = []
        stack = sorted(inside[-1], key=lambda item: item[0])[::-1]
        while stack:
            _, item = stack.pop()
            if item >= 0:
                new.append(item)
            else:
                stack += sorted(inside[-2 - item], key=lambda member: member[0])[::-1]
        return new


def _first_order(layers: Sequence[int], above: list[list[int]], below: list[list[int]]) -> Rows:
    """Walk from the results towards the inputs, first argument first, and line up each layer as it is met."""
    rows: Rows = [[] for _ in range(max(layers, default=-1) + 1)]
    seen = [False] * len(layers)
    stack = [v for v in reversed(range(len(layers))) if not below[v]]
    while stack:
        v = stack.pop()
        if not seen[v]:
            seen[v] = True
            rows[layers[v]].append(v)
            stack.extend(reversed(above[v]))
    return rows


def _sweep(rows: Rows, towards: list[list[int]], groups: _Groups | None, *, downwards: bool) -> Rows:
    """Sort each row by the mean position of neighbors in the row before; a vertex without any keeps its place."""
    place: dict[int, float] = {}
    new = [*rows]
    for r in range(len(rows)) if downwards else reversed(range(len(rows))):
        row = rows[r]
        if len(row) > 1:
            key = {}
            for i, v in enumerate(row):
                ends = [place[u] for u in towards[v] if u in place]
                key[v] = sum(ends) / len(ends) if ends else (i + 0.5) / len(row)
            row = new[r] = groups.sort_row(row, key) if groups else sorted(row, key=key.__getitem__)
        size = len(row)
        for i, v in enumerate(row):
            place[v] = (i + 0.5) / size
    return groups.arrange(new, place) if groups else new


def _swap_neighbours(rows: Rows, above: list[list[int]], below: list[list[int]], homes: Sequence[int]) -> Rows:
    """Swap neighbors in one group as long as that removes crossings."""
    rows = [[*row] for row in rows]
    place = {v: i for row in rows for i, v in enumerate(row)}
    waiting = list(range(len(rows)))
    for _ in range(_SWAP_ROUNDS):
        changed = [r for r in waiting if _swap_in_row(rows[r], place, above, below, homes)]
        # A row that did not change gets new reasons to only if a row next to it did.
        waiting = sorted({near for r in changed for near in (r - 1, r, r + 1) if 0 <= near < len(rows)})
    return rows


def _swap_in_row(
    row: list[int], place: dict[int, int], above: list[list[int]], below: list[list[int]], homes: Sequence[int]
) -> bool:
    """Swap neighbors in a row; return whether any were."""
    if len(row) < 2:
        return False
    up = [sorted([place[w] for w in above[v]]) for v in row]
    down = [sorted([place[w] for w in below[v]]) for v in row]
    done = False
    for i in range(len(row) - 1):
        u, v = row[i], row[i + 1]
        if homes and homes[u] != homes[v]:
            continue
        gain = 0
        for ends in (up, down):
            left, right = ends[i], ends[i + 1]
            if left and right:
                gain += _inversions(left, right) - _inversions(right, left)
        if gain > 0:
            row[i], row[i + 1] = v, u
            place[u], place[v] = i + 1, i
            for ends in (up, down):
                ends[i], ends[i + 1] = ends[i + 1], ends[i]
            done = True
    return done


def _inversions(left: list[int], right: list[int]) -> int:
    """Count the pairs in which the left one's end is farther right; both are sorted."""
    total = j = 0
    for end in left:
        while j < len(right) and right[j] < end:
            j += 1
        total += j
    return total


def _as_the_arguments_go(rows: Rows, above: list[list[int]]) -> Rows:
    """Mirror the picture if more first arguments then come from the left; crossings stay the same."""
    place = {v: i for row in rows for i, v in enumerate(row)}
    agree = sum((place[a] < place[b]) - (place[a] > place[b]) for ends in above for a, b in pairwise(ends))
    return [row[::-1] for row in rows] if agree < 0 else rows


def _as_they_lead(rows: Rows, loose: Collection[tuple[int, int]]) -> Rows:
    """Mirror the picture if more loose segments then lead to the left."""
    place = {v: (i + 0.5) / len(row) for row in rows for i, v in enumerate(row)}
    agree = sum((place[u] < place[v]) - (place[u] > place[v]) for u, v in loose)
    return [row[::-1] for row in rows] if agree < 0 else rows


def crossings(rows: Rows, below: list[list[int]]) -> int:
    """Count the pairs of segments that cross: ends, in the order of their starts, that follow a larger one.

    Inserting into a sorted list moves memory, which is faster than any tree in Python even for rows of thousands.
    """
    total = 0
    for upper, lower in pairwise(rows):
        place = {v: i for i, v in enumerate(lower)}
        seen: list[int] = []
        for v in upper:
            for end in sorted([place[w] for w in below[v]]):
                at = bisect_right(seen, end)
                total += len(seen) - at
                seen.insert(at, end)
    return total
