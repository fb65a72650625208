"""The order of what stands in each layer: barycenter sweeps, and the count of crossings that judges them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["crossings", "ordered"]

Rows = list[list[int]]

_SWEEPS, _PATIENCE, _SWAP_ROUNDS = 24, 4, 8


def ordered(layers: Sequence[int], segments: Iterable[tuple[int, int]]) -> Rows:
    """Return the rows, each from left to right, with few crossings.

    Args:
        layers: of each vertex.
        segments: `(upper, lower)`, each from one layer to the next, in the order in which they arrive.
    """
    above: list[list[int]] = [[] for _ in layers]
    below: list[list[int]] = [[] for _ in layers]
    for upper, lower in segments:
        above[lower].append(upper)
        below[upper].append(lower)
    rows = _first_order(layers, above, below)
    best, fewest, idle = rows, crossings(rows, below), 0
    for sweep in range(_SWEEPS):
        if not fewest or idle > _PATIENCE:
            break
        rows = _swept(rows, above if sweep % 2 == 0 else below, downwards=sweep % 2 == 0)
        count = crossings(rows, below)
        idle = 0 if count < fewest else idle + 1
        if count < fewest:
            best, fewest = rows, count
    return _as_the_arguments_go(_swapped(best, above, below) if fewest else best, above)


def _first_order(layers: Sequence[int], above: list[list[int]], below: list[list[int]]) -> Rows:
    """Walk from the results towards the inputs, first argument first, and line up what is met in each layer."""
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


def _swept(rows: Rows, towards: list[list[int]], *, downwards: bool) -> Rows:
    """Sort each row by the mean position of its neighbours in the row before; what has none keeps its place."""
    place: dict[int, float] = {}
    new = [*rows]
    for r in range(len(rows)) if downwards else reversed(range(len(rows))):
        row = rows[r]
        key = {}
        for i, v in enumerate(row):
            ends = [place[u] for u in towards[v] if u in place]
            key[v] = sum(ends) / len(ends) if ends else (i + 0.5) / len(row)
        new[r] = sorted(row, key=key.__getitem__)
        place.update((v, (i + 0.5) / len(row)) for i, v in enumerate(new[r]))
    return new


def _swapped(rows: Rows, above: list[list[int]], below: list[list[int]]) -> Rows:
    """Swap neighbours as long as that removes crossings."""
    rows = [[*row] for row in rows]
    place = {v: i for row in rows for i, v in enumerate(row)}
    for _ in range(_SWAP_ROUNDS):
        done = True
        for row in rows:
            for i in range(len(row) - 1):
                u, v = row[i], row[i + 1]
                gain = 0
                for towards in (above, below):
                    if towards[u] and towards[v]:
                        left, right = sorted(place[w] for w in towards[u]), sorted(place[w] for w in towards[v])
                        gain += _inversions(left, right) - _inversions(right, left)
                if gain > 0:
                    row[i], row[i + 1] = v, u
                    place[u], place[v] = i + 1, i
                    done = False
        if done:
            break
    return rows


def _inversions(left: list[int], right: list[int]) -> int:
    """Count the pairs of which the left one's end lies farther right; both are sorted."""
    total = j = 0
    for end in left:
        while j < len(right) and right[j] < end:
            j += 1
        total += j
    return total


def _as_the_arguments_go(rows: Rows, above: list[list[int]]) -> Rows:
    """Mirror the picture if more first arguments come from the left then; crossings do not care."""
    place = {v: i for row in rows for i, v in enumerate(row)}
    agree = sum((place[a] < place[b]) - (place[a] > place[b]) for ends in above for a, b in pairwise(ends))
    return [row[::-1] for row in rows] if agree < 0 else rows


def crossings(rows: Rows, below: list[list[int]]) -> int:
    """Count the pairs of segments that cross, in O(segments · log(width)): inversions counted by a Fenwick tree."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {v: i for i, v in enumerate(lower)}
        tree = [0] * (len(lower) + 1)
        seen = 0
        for v in upper:
            ends = [place[w] for w in below[v]]
            for end in ends:
                total += seen
                i = end + 1
                while i:
                    total -= tree[i]
                    i &= i - 1
            for end in ends:
                seen += 1
                i = end + 1
                while i < len(tree):
                    tree[i] += 1
                    i += i & -i
    return total
