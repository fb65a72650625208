"""Frames around the modules of a mirror: one around both halves of a module if nothing else is in its rows.

Otherwise each half has its own frame, if that holds nothing else. Unlike the frames of `layout.frames`, these are
drawn around boxes that were placed without them: a frame across both halves is only a matter of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..scopes import Scope
from .model import Mirror
from .place import Placed

_PAD, _TITLE, _CLEAR = 10.0, 14.0, 9.0


class Band(NamedTuple):
    """A frame over whole rows.

    Attributes:
        scope: the module.
        first, last: the rows.
        left, right: where it begins and ends in each row.
        room_above, room_below: how far its borders are from its first and its last row.
    """

    scope: Scope
    first: int
    last: int
    left: float
    right: float
    room_above: float
    room_below: float

    def meets(self, other: Band | _Item) -> bool:
        """Return whether it overlaps another frame, or a box."""
        rows = self.first <= other.last and other.first <= self.last
        return rows and self.left < other.right and other.left < self.right


class _Item(NamedTuple):
    """A box of either half."""

    scope: Scope
    first: int
    last: int
    left: float
    right: float
    half: int
    slot: bool


def bands(mirror: Mirror, where: Placed) -> list[Band]:
    """Return the frames that can be drawn truthfully, outer ones first."""
    items = _items(mirror, where)
    scopes: dict[Scope, int] = {}
    for item in items:
        for depth in range(1, len(item.scope) + 1):
            scopes.setdefault(item.scope[:depth], len(scopes))
    lanes = [pair for half in (where.left, where.right) for pair in zip(half.lanes.layers, half.x, strict=True)]
    drawn: list[Band] = []
    for scope in sorted(scopes, key=lambda s: (-len(s), scopes[s])):  # inner ones first: outer ones make room for them
        within = [item for item in items if item.scope[: len(scope)] == scope]
        strangers = [item for item in items if item.scope[: len(scope)] != scope]
        inner = [band for band in drawn if band.scope[: len(scope)] == scope]
        strange = [band for band in drawn if band.scope[: len(scope)] != scope]
        for halves in (((0, 1),), ((0,), (1,))):
            others = (strangers, strange, lanes)
            frames = [_around(scope, [i for i in within if i.half in half], inner, others, half) for half in halves]
            if new := [frame for frame in frames if frame]:
                drawn += new
                break
    return drawn[::-1]


def _items(mirror: Mirror, where: Placed) -> list[_Item]:
    items = []
    for half, side, cells in ((0, where.left, range(len(where.left.boxes))), (1, where.right, [*where.partner])):
        for i, cell in enumerate(cells):
            row, x = side.layers[i], side.x[i]
            # A gradient on its way to a parameter takes no room, but no frame should run along it.
            reach = side.boxes[i].width / 2 or 4.0
            scope = mirror.view.nodes[cell].scope
            items.append(_Item(scope, row, row, x - reach, x + reach, half, cell in mirror.slots))
    return items


def _around(
    scope: Scope,
    within: Sequence[_Item],
    inner: Sequence[Band],
    others: tuple[Sequence[_Item], Sequence[Band], Sequence[tuple[int, float]]],
    half: tuple[int, ...],
) -> Band | None:
    """Return the frame around items, with their slots or else without, if it holds nothing of other modules.

    `others` are the boxes and frames of other modules, and where lines run down.
    """
    strangers, strange, lanes = others
    ops = [item for item in within if not item.slot]
    if not ops:
        return None
    for around in (list(within), ops):
        band = _frame(scope, around, inner, half)
        touching = [item for item in within if item.slot and item not in around and band.meets(item)]
        band = _beside(_frame(scope, around + touching, inner, half), lanes)
        if not any(band.meets(item) for item in strangers) and not any(band.meets(other) for other in strange):
            return band
    return None


def _beside(band: Band, lanes: Sequence[tuple[int, float]]) -> Band:
    """Return the frame with its sides moved outwards where lines would run along them."""
    left, right = band.left, band.right
    near = sorted(x for row, x in lanes if band.first - 1 <= row <= band.last)
    for x in reversed(near):
        if abs(x - left) < _CLEAR:
            left = x - _CLEAR
    for x in near:
        if abs(x - right) < _CLEAR:
            right = x + _CLEAR
    return band._replace(left=left, right=right)


def _frame(scope: Scope, around: Sequence[_Item], inner: Sequence[Band], half: tuple[int, ...]) -> Band:
    first, last = min(i.first for i in around), max(i.last for i in around)
    low, high = min(i.left for i in around), max(i.right for i in around)
    nested = [b for b in inner if len(half) == 2 or (b.left < high and low < b.right)]
    first, last = min([first, *(b.first for b in nested)]), max([last, *(b.last for b in nested)])
    return Band(
        scope,
        first,
        last,
        min([low, *(b.left for b in nested)]) - _PAD,
        max([high, *(b.right for b in nested)]) + _PAD,
        max([0.0, *(b.room_above for b in nested if b.first == first)]) + _PAD + _TITLE,
        max([0.0, *(b.room_below for b in nested if b.last == last)]) + _PAD,
    )
