"""Frames around modules: one for each module path whose nodes stand together with nothing else between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from .layout import Box, Point
from .scopes import Scope

__all__ = ["Frame", "frames", "room_between"]

Rectangle = tuple[float, float, float, float]

# Between a frame and what it holds, and for its title. Lanes run 16 pixels beside a box: on no frame around it.
_PAD, _TITLE = 10.0, 12.0


class Frame(NamedTuple):
    """A rectangle with a title."""

    scope: Scope
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether a rectangle lies inside."""
        return self.left <= left and self.top <= top and right <= self.right and bottom <= self.bottom

    def meets(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether a rectangle overlaps this one."""
        return self.left < right and left < self.right and self.top < bottom and top < self.bottom


def room_between(outside: Scope, inside: Scope) -> float:
    """Return the pixels that frames take between a node and a reader in another module."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(outside, inside, strict=False)))
    return (len(outside) - shared) * _PAD + (len(inside) - shared) * (_PAD + _TITLE)


def frames(
    boxes: Sequence[Box], centers: Sequence[Point], homes: Sequence[Scope], members: Sequence[bool]
) -> list[Frame]:
    """Return the frames that can be drawn truthfully: a frame that would hold a stranger is left out.

    Args:
        boxes, centers: of the nodes.
        homes: the module path of each.
        members: which nodes a frame must go round: the operations. A parameter of the module, which may stand beside
            the operations of others, is taken in where it is near.

    Returns:
        The frames, outer ones first.
    """
    rectangles = [
        (c.x - b.width / 2, c.y - b.height / 2, c.x + b.width / 2, c.y + b.height / 2)
        for b, c in zip(boxes, centers, strict=True)
    ]
    own: dict[Scope, list[int]] = {}
    for i, home in enumerate(homes):
        for depth in range(1, len(home) + 1):
            own.setdefault(home[:depth], []).append(i)
    drawn: list[Frame] = []
    # Inner frames first: an outer one has to leave room for them.
    for scope in sorted(own, key=lambda s: (-len(s), own[s][0])):
        inside = [rectangles[i] for i in own[scope] if members[i]]
        inside += [frame[1:] for frame in drawn if frame.scope[: len(scope)] == scope]
        if not inside:
            continue
        frame = _around(scope, inside, [rectangles[i] for i in own[scope] if not members[i]])
        strangers = [r for i, r in enumerate(rectangles) if homes[i][: len(scope)] != scope]
        strangers += [other[1:] for other in drawn if other.scope[: len(scope)] != scope]
        if not any(frame.meets(*r) for r in strangers):
            drawn.append(frame)
    return drawn[::-1]


def _around(scope: Scope, inside: list[Rectangle], near: list[Rectangle]) -> Frame:
    """Return the frame around rectangles, and around those near ones that it would cut through."""
    while True:
        frame = Frame(
            scope,
            min(r[0] for r in inside) - _PAD,
            min(r[1] for r in inside) - _PAD - _TITLE,
            max(r[2] for r in inside) + _PAD,
            max(r[3] for r in inside) + _PAD,
        )
        cut = [r for r in near if frame.meets(*r) and not frame.holds(*r)]
        if not cut:
            return frame
        inside = inside + cut
