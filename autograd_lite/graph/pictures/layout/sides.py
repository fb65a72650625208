"""Keeps long edges off the frames that they pass: an edge stays on one side of a frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def keep_sides(
    rows: list[list[int]],
    homes: Sequence[int],
    parents: Sequence[int],
    lanes: Sequence[int],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
) -> list[list[int]]:
    """Move lanes within their rows, so that an edge changes sides above or below a frame rather than across it.

    Args:
        rows: the vertices of each, groups in one piece.
        homes: the innermost group around each vertex, -1 for none.
        parents: the group around each group.
        lanes: the vertices that are lanes and should go round frames.
        above, below: the vertices that each is joined to.
    """
    rows = [[*row] for row in rows]
    row_of = {v: r for r, row in enumerate(rows) for v in row}
    span = _spans(rows, homes, parents)
    on_row: dict[tuple[int, int], list[int]] = {}
    for group, (first, last) in enumerate(span):
        for r in range(first, last + 1):
            on_row.setdefault((parents[group], r), []).append(group)
    for chain in _chains(homes, lanes, below):
        home = homes[chain[0]]
        for group in dict.fromkeys(group for v in chain for group in on_row.get((home, row_of[v]), ())):
            first, last = span[group]
            passing = [v for v in chain if first <= row_of[v] <= last]
            ends = [v for lane in passing for v in (*above[lane], *below[lane]) if first <= row_of[v] <= last]
            own = set(passing)
            _to_one_side(rows, row_of, homes, parents, group, passing, [v for v in ends if v not in own])
    return rows


def _spans(rows: Sequence[Sequence[int]], homes: Sequence[int], parents: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last row of each group."""
    span = [(len(rows), -1)] * len(parents)
    for r, row in enumerate(rows):
        for v in row:
            group = homes[v]
            while group >= 0 and span[group][1] < r:
                span[group] = min(span[group][0], r), r
                group = parents[group]
    return span


def _chains(homes: Sequence[int], lanes: Sequence[int], below: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the lanes that follow each other within one group."""
    following, own = {}, set(lanes)
    for v in lanes:
        for w in below[v]:
            if w in own and homes[v] == homes[w]:
                following[v] = w
    starts = set(following.values())
    for v in lanes:
        if v not in starts:
            chain = [v]
            while chain[-1] in following:
                chain.append(following[chain[-1]])
            yield chain


def _to_one_side(
    rows: list[list[int]],
    row_of: dict[int, int],
    homes: Sequence[int],
    parents: Sequence[int],
    group: int,
    passing: Sequence[int],
    ends: Sequence[int],
) -> None:
    """Move the lanes next to a group to the side of most of their ends, or of the first lane."""

    def is_inside(v: int) -> bool:
        home = homes[v]
        while home >= 0 and home != group:
            home = parents[home]
        return home == group

    def side(v: int) -> int:
        row = rows[row_of[v]]
        inside = [i for i, w in enumerate(row) if is_inside(w)]
        at = row.index(v)
        return -1 if at < inside[0] else 1 if at > inside[-1] else 0

    sides = {v: side(v) for v in passing}
    direction = sum(side(v) for v in ends) or sides[passing[0]]
    for v in passing:
        if sides[v] * direction < 0:
            row = rows[row_of[v]]
            row.remove(v)
            inside = [i for i, w in enumerate(row) if is_inside(w)]
            row.insert(inside[0] if direction < 0 else inside[-1] + 1, v)
