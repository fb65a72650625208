"""Frames around modules: each keeps its own column from its first row to its last, so that no other box gets into it.

Every row of a frame has two borders, left and right of what the module has there. Borders are vertices like any other
when positions are chosen; the segments between them are the heaviest, so they become straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .lanes import Edge, Lanes
from .modules import Modules, common

# The space between a frame and its contents, and for its title.
PAD, TITLE = 10.0, 18.0


class Frame(NamedTuple):
    """The rectangle around a group."""

    group: int
    left: float
    top: float
    right: float
    bottom: float


class Homes(NamedTuple):
    """Which group each vertex is in.

    Attributes:
        of: the groups of boxes, lanes and spacers, -1 for none.
        spacers: the layers of sizeless vertices that keep a place for a group on a row where it has nothing.
        first, last: the rows of each group.
    """

    of: list[int]
    spacers: list[int]
    first: list[int]
    last: list[int]


def homes_of(modules: Modules, lanes: Lanes, edges: Sequence[Edge]) -> Homes:
    """Find a group for every lane: next to a module that it comes from or leads to, it runs inside it.

    Loose lanes run inside only what they both come from and lead to, so that frames stay narrow.
    """
    parents, n = modules.parents, len(modules.homes)
    first, last = [len(lanes.layers)] * len(parents), [-1] * len(parents)
    for home, layer in zip(modules.homes, lanes.layers, strict=False):
        while home >= 0:
            first[home], last[home] = min(first[home], layer), max(last[home], layer)
            home = parents[home]
    chains = {home: modules.chain(home) for home in set(modules.homes)}
    towards: dict[int, tuple[int, ...]] = {}
    below: dict[int, list[int]] = {}
    for upper, lower in lanes.segments:
        if upper >= n:
            below.setdefault(upper, []).append(lower)
    for lane in sorted(below, key=lambda v: -lanes.layers[v]):
        ends = [towards[v] if v >= n else chains[modules.homes[v]] for v in below[lane]]
        shared = ends[0]
        for end in ends[1:]:
            shared = common(shared, end)
        towards[lane] = shared
    of = list(modules.homes)
    for lane, owner in enumerate(lanes.owners, start=n):
        layer = lanes.layers[lane]
        start = tuple(g for g in chains[modules.homes[owner]] if first[g] <= layer <= last[g])
        end = tuple(g for g in towards[lane] if first[g] <= layer <= last[g])
        inside = end if end[: len(start)] == start else start
        if lanes.loose[lane - n]:
            inside = common(start, end)
        of.append(inside[-1] if inside else -1)
    return Homes(of, _spacers(modules, lanes.layers, of, first, last), first, last)


def _spacers(
    modules: Modules, layers: Sequence[int], of: list[int], first: Sequence[int], last: Sequence[int]
) -> list[int]:
    """Add a vertex on each row of a group that has none; return their layers."""
    taken: list[set[int]] = [set() for _ in modules.parents]
    for home, layer in zip(of, layers, strict=True):
        while home >= 0 and layer not in taken[home]:
            taken[home].add(layer)
            home = modules.parents[home]
    spacers = []
    for group in reversed(range(len(modules.parents))):
        for layer in range(first[group], last[group] + 1):
            home = group
            if layer not in taken[home]:
                spacers.append(layer)
                of.append(group)
            while home >= 0 and layer not in taken[home]:
                taken[home].add(layer)
                home = modules.parents[home]
    return spacers


class Borders(NamedTuple):
    """The rows with borders in them.

    Attributes:
        rows: of vertices, from left to right.
        sides: of all vertices: -1 for a left border, 1 for a right one, 0 otherwise.
        left, right: the borders of each group, from its first row to its last.
    """

    rows: list[list[int]]
    sides: list[int]
    left: list[list[int]]
    right: list[list[int]]


def add_borders(rows: Sequence[Sequence[int]], homes: Homes, modules: Modules) -> Borders:
    """Put borders left and right of what each group has on each row."""
    sides = [0] * len(homes.of)
    left: list[list[int]] = [[] for _ in modules.parents]
    right: list[list[int]] = [[] for _ in modules.parents]
    chains = {home: modules.chain(home) for home in set(homes.of)}
    new_rows = []
    for row in rows:
        new: list[int] = []
        inside: tuple[int, ...] = ()
        for v in [*row, -1]:
            chain = chains[homes.of[v]] if v >= 0 else ()
            shared = len(common(inside, chain))
            for side, groups, ends in ((1, inside[shared:][::-1], right), (-1, chain[shared:], left)):
                for group in groups:
                    ends[group].append(len(sides))
                    new.append(len(sides))
                    sides.append(side)
            inside = chain
            if v >= 0:
                new.append(v)
        new_rows.append(new)
    return Borders(new_rows, sides, left, right)


def depths(modules: Modules, homes: Homes) -> tuple[list[float], list[float]]:
    """Return how far above its first row and below its last each frame reaches, with room for those inside it."""
    above, below = [0.0] * len(modules.parents), [0.0] * len(modules.parents)
    for group in reversed(range(len(modules.parents))):
        above[group] += PAD + TITLE
        below[group] += PAD
        around = modules.parents[group]
        if around >= 0 and homes.first[around] == homes.first[group]:
            above[around] = max(above[around], above[group])
        if around >= 0 and homes.last[around] == homes.last[group]:
            below[around] = max(below[around], below[group])
    return above, below
