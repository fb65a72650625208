"""Positions along the rows: vertices that belong together form columns, and each column is near its neighbors.

Columns are what Brandes and Köpf call blocks: segments that do not cross are made vertical, the most important ones
first. All columns start packed to the left; then each in turn moves to the weighted mean of the ends of its other
segments, as far as the columns next to it allow: coordinate descent on the weighted sum of the squares of how far the
segments run sideways.

References:
    U. Brandes, B. Köpf: Fast and Simple Horizontal Coordinate Assignment, 2002.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from .lanes import LOOSE

# Pixels between two boxes, between a box and a lane, between two lanes (a lane itself has no width).
_BOXES, _BESIDE_LANE, _LANES = 26.0, 16.0, 14.0
# From a border to its contents, to a frame inside or around it, to a lane, and to anything else.
_INSIDE, _NESTED, _LANE_INSIDE, _OUTSIDE = 12.0, 10.0, 9.0, 18.0
# More rounds make no visible difference.
_ROUNDS = 8

Segments = Mapping[tuple[int, int], float]


class Extra(NamedTuple):
    """Borders of frames, which positions must respect.

    Attributes:
        sides: of all vertices: -1 for a left border, 1 for a right one, 0 otherwise.
        groups: for each group its left and right borders, the least distance between them, and its contents.
    """

    sides: Sequence[int]
    groups: Sequence[tuple[Sequence[int], Sequence[int], float, Sequence[int]]]


def x_positions(
    rows: Sequence[Sequence[int]], segments: Segments, widths: Sequence[float], extra: Extra | None = None
) -> list[float]:
    """Return the center of every box and lane.

    Args:
        rows: the order within each layer.
        segments: `(upper, lower) -> weight`.
        widths: of the boxes, and 0 of the lanes.
        extra: borders of frames, which are among the rows.
    """
    column = _columns(rows, segments, len(widths))
    n = max(column, default=-1) + 1
    right_of: list[dict[int, float]] = [{} for _ in range(n)]
    sides = extra.sides if extra else [0] * len(widths)
    for row in rows:
        for u, v in pairwise(row):
            gap, a, b = _gap(widths[u], widths[v], sides[u], sides[v]), column[u], column[v]
            right_of[a][b] = max(right_of[a].get(b, 0.0), gap)
    blocks: list[tuple[int, int, list[int]]] = []
    for left, right, least, inside in extra.groups if extra else ():
        a, b = column[left[0]], column[right[0]]
        right_of[a][b] = max(right_of[a].get(b, 0.0), least)
        blocks.append((a, b, sorted({column[v] for v in (*left, *right, *inside)})))
    order = _left_to_right(right_of)
    pulls: list[dict[int, float]] = [{} for _ in range(n)]
    for (upper, lower), weight in segments.items():
        a, b = column[upper], column[lower]
        if a != b:
            pulls[a][b] = pulls[a].get(b, 0.0) + weight
            pulls[b][a] = pulls[b].get(a, 0.0) + weight
    x = [0.0] * n
    left_of: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for c in order:
        for b, gap in right_of[c].items():
            x[b] = max(x[b], x[c] + gap)
            left_of[b].append((c, gap))
    pulled = [_Pull(tuple(others.items()), sum(others.values())) for others in pulls]
    _settle(x, order, left_of, [tuple(others.items()) for others in right_of], pulled, blocks)
    return [x[c] for c in column]


class _Pull(NamedTuple):
    """The neighbors of a column with their weights, and the sum of the weights."""

    others: tuple[tuple[int, float], ...]
    weight: float

    def wish(self, c: int, x: Sequence[float]) -> float:
        """Return where the column wants to be: the weighted mean of its neighbors' positions."""
        if not self.weight:
            return x[c]
        total = 0.0
        for other, w in self.others:
            total += x[other] * w
        return total / self.weight


Near = Sequence[Sequence[tuple[int, float]]]


def _settle(
    x: list[float],
    order: Sequence[int],
    left_of: Near,
    right_of: Near,
    pulls: Sequence[_Pull],
    blocks: Sequence[tuple[int, int, list[int]]],
) -> None:
    """Move single columns as far as they want and the gaps allow, from one side and then from the other.

    A frame moves as a whole towards the average target of its contents, and each of its borders stays close to them
    and out of their way.
    """
    left_borders, right_borders = {a for a, _, _ in blocks}, {b for _, b, _ in blocks}
    for turn in range(_ROUNDS):
        for _, _, inside in blocks:
            _move_together(inside, x, left_of, right_of, pulls)
        for c in order if turn % 2 else reversed(order):
            least, most = -inf, inf
            for a, gap in left_of[c]:
                if x[a] + gap > least:
                    least = x[a] + gap
            for b, gap in right_of[c]:
                if x[b] - gap < most:
                    most = x[b] - gap
            if c in left_borders:
                want = min([pulls[b].wish(b, x) - gap for b, gap in right_of[c]])
            elif c in right_borders:
                want = max([pulls[a].wish(a, x) + gap for a, gap in left_of[c]])
            else:
                want = pulls[c].wish(c, x)
            # Rounding may have made `most` slightly smaller than `least`.
            x[c] = min(max(want, least), max(most, least))
    for c in order:
        if c in right_borders:
            x[c] = max([x[a] + gap for a, gap in left_of[c]])
    for c in reversed(order):
        if c in left_borders:
            x[c] = min([x[b] - gap for b, gap in right_of[c]])


def _move_together(
    inside: Sequence[int], x: list[float], left_of: Near, right_of: Near, pulls: Sequence[_Pull]
) -> None:
    """Shift these columns together towards the average of their neighbors' positions, as far as the gaps allow."""
    own = set(inside)
    total = weight = 0.0
    least, most = -inf, inf
    for c in inside:
        for other, w in pulls[c].others:
            if other not in own:
                total += w * (x[other] - x[c])
                weight += w
        for a, gap in left_of[c]:
            if a not in own:
                least = max(least, x[a] + gap - x[c])
        for b, gap in right_of[c]:
            if b not in own:
                most = min(most, x[b] - gap - x[c])
    if weight:
        shift = min(max(total / weight, least), max(most, least))
        for c in inside:
            x[c] += shift


def _gap(left: float, right: float, left_side: int = 0, right_side: int = 0) -> float:
    """Return the least distance between the centers of two neighbors, given their widths and sides as borders."""
    if left_side or right_side:
        if left_side and right_side:
            between = _NESTED if left_side == right_side else _OUTSIDE
        elif left_side < 0 or right_side > 0:
            between = _INSIDE if left or right else _LANE_INSIDE
        else:
            between = _OUTSIDE if left or right else _LANES
    else:
        between = _BOXES if left and right else _BESIDE_LANE if left or right else _LANES
    return (left + right) / 2 + between


def _columns(rows: Sequence[Sequence[int]], segments: Segments, n: int) -> list[int]:
    """Return the column of every vertex: segments become vertical, the heaviest first, unless they cross others."""
    place = [0] * n
    layer = [0] * n
    for r, row in enumerate(rows):
        for i, v in enumerate(row):
            place[v], layer[v] = i, r
    above, below = [-1] * n, [-1] * n
    vertical: list[list[tuple[int, int]]] = [[] for _ in rows]
    aside = _aside(segments, place)
    for upper, lower in sorted(segments, key=lambda s: (-segments[s], aside[s])):
        if below[upper] >= 0 or above[lower] >= 0 or segments[upper, lower] < LOOSE:
            continue
        chosen, ends = vertical[layer[upper]], (place[upper], place[lower])
        i = bisect_left(chosen, ends)
        if (i == 0 or chosen[i - 1][1] < ends[1]) and (i == len(chosen) or chosen[i][1] > ends[1]):
            insort(chosen, ends)
            below[upper], above[lower] = lower, upper
    column = [-1] * n
    count = 0
    for row in rows:
        for v in row:
            if above[v] < 0:
                while v >= 0:
                    column[v] = count
                    v = below[v]
                count += 1
    return column


def _aside(segments: Segments, place: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return how far each segment is from the middle of those that share an end; the middle one is vertical."""
    aside = dict.fromkeys(segments, 0)
    for end in (0, 1):
        together: dict[int, list[tuple[int, int]]] = {}
        for segment in segments:
            together.setdefault(segment[end], []).append(segment)
        for others in together.values():
            others.sort(key=lambda s: place[s[1 - end]])
            for rank, segment in enumerate(others):
                aside[segment] += abs(2 * rank - len(others) + 1)
    return aside


def _left_to_right(right_of: Sequence[Mapping[int, float]]) -> list[int]:
    """Sort the columns, each after all to its left; this is possible since vertical segments do not cross."""
    waiting = [0] * len(right_of)
    for others in right_of:
        for b in others:
            waiting[b] += 1
    order = [c for c, n in enumerate(waiting) if not n]
    for c in order:
        for b in right_of[c]:
            waiting[b] -= 1
            if not waiting[b]:
                order.append(b)
    return order
