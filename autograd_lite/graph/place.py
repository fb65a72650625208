"""Positions along the rows: what belongs together stands in one straight column, every column where its neighbours are.

Columns are what Brandes and Köpf call blocks: segments that do not cross are made vertical, the most important ones
first. From a start with all columns packed to the left, each in turn moves to the weighted mean of what its other
segments lead to, as far as its neighbours let it: coordinate descent on the weighted sum of the squares of how far the
segments run sideways.

References:
    U. Brandes, B. Köpf: Fast and Simple Horizontal Coordinate Assignment, 2002.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf

__all__ = ["isotonic", "x_positions"]

# Pixels between two boxes, between a box and a lane, between two lanes (a lane has no width of its own).
_BOXES, _BESIDE_LANE, _LANES = 26.0, 16.0, 14.0
# More make no difference that can be seen.
_ROUNDS = 8

Segments = Mapping[tuple[int, int], float]


def isotonic(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return positions x with x[i + 1] - x[i] >= gaps[i] that minimise sum_i weights[i] (x[i] - wanted[i])².

    With the gaps subtracted this is isotonic regression, which pooling adjacent violators solves in linear time.

    Args:
        wanted: any number of positions.
        weights: positive, as many.
        gaps: one fewer.

    Example:
        >>> isotonic([0.0, 0.0], [1.0, 1.0], [10.0])
        [-5.0, 5.0]
    """
    offset, offsets = 0.0, [0.0]
    for gap in gaps:
        offset += gap
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, shift in zip(wanted, weights, offsets, strict=True):
        mean, count = want - shift, 1
        while blocks and blocks[-1][0] >= mean:
            other, heavy, more = blocks.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + more
        blocks.append((mean, weight, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, offsets, strict=True)]


def x_positions(rows: Sequence[Sequence[int]], segments: Segments, widths: Sequence[float]) -> list[float]:
    """Return the centre of every box and lane.

    Args:
        rows: the order within each layer.
        segments: `(upper, lower) -> weight`.
        widths: of the boxes, and 0 of the lanes.
    """
    column = _columns(rows, segments, len(widths))
    n = max(column, default=-1) + 1
    right_of: list[dict[int, float]] = [{} for _ in range(n)]
    for row in rows:
        for u, v in pairwise(row):
            gap, a, b = _gap(widths[u], widths[v]), column[u], column[v]
            right_of[a][b] = max(right_of[a].get(b, 0.0), gap)
    order = _left_to_right(right_of)
    pulls: list[dict[int, float]] = [{} for _ in range(n)]
    for (upper, lower), weight in segments.items():
        a, b = column[upper], column[lower]
        if a != b:
            pulls[a][b] = pulls[a].get(b, 0.0) + weight
            pulls[b][a] = pulls[b].get(a, 0.0) + weight
    x = [0.0] * n
    for c in order:
        for b, gap in right_of[c].items():
            x[b] = max(x[b], x[c] + gap)
    _settle(x, order, right_of, pulls)
    return [x[c] for c in column]


def _pulled(c: int, x: Sequence[float], pulls: Sequence[Mapping[int, float]]) -> float:
    """Return where a column wants to stand: the weighted mean of what it leads to."""
    weight = sum(pulls[c].values())
    return sum(x[other] * w for other, w in pulls[c].items()) / weight if weight else x[c]


def _settle(
    x: list[float],
    order: Sequence[int],
    right_of: Sequence[Mapping[int, float]],
    pulls: Sequence[Mapping[int, float]],
) -> None:
    """Move single columns as far as they want and their neighbours let them, from one side and then from the other."""
    left_of: list[dict[int, float]] = [{} for _ in right_of]
    for a, others in enumerate(right_of):
        for b, gap in others.items():
            left_of[b][a] = gap
    for turn in range(_ROUNDS):
        for c in order if turn % 2 else reversed(order):
            least = max((x[a] + gap for a, gap in left_of[c].items()), default=-inf)
            most = min((x[b] - gap for b, gap in right_of[c].items()), default=inf)
            # Rounding may have left less than nothing between the two.
            x[c] = min(max(_pulled(c, x, pulls), least), max(most, least))


def _gap(left: float, right: float) -> float:
    between = _BOXES if left and right else _BESIDE_LANE if left or right else _LANES
    return (left + right) / 2 + between


def _columns(rows: Sequence[Sequence[int]], segments: Segments, n: int) -> list[int]:
    """Return the column of every vertex: segments become vertical, the heaviest first, if they cross none that is."""
    place = [0] * n
    layer = [0] * n
    for r, row in enumerate(rows):
        for i, v in enumerate(row):
            place[v], layer[v] = i, r
    above, below = [-1] * n, [-1] * n
    vertical: list[list[tuple[int, int]]] = [[] for _ in rows]
    aside = _aside(segments, place)
    for upper, lower in sorted(segments, key=lambda s: (-segments[s], aside[s])):
        if below[upper] >= 0 or above[lower] >= 0:
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
    """Return how far from the middle of those at its two ends each segment is; of equal ones the middle is vertical."""
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
    """Sort the columns, each after all to its left; that can be done since vertical segments do not cross."""
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
