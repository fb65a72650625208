"""Where the labels of lines go: near the end of their line, on no box or other label, and off lines if possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .boxes import LEADING
from .layout.geometry import Leg, Point
from .widths import text_width

# The size of a grid cell; how far labels may reach into the margin of the page.
_CELL, _BESIDE = 48.0, 12.0


class Area(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        """Return whether two areas overlap."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


class Spot(NamedTuple):
    """Where text is set: its anchor point at middle height, and the side it runs to."""

    x: float
    y: float
    anchor: str


class _Grid:
    """Areas by the cells of a grid, so that those that meet another are found quickly."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], list[Area]] = {}

    def _keys(self, area: Area) -> Iterable[tuple[int, int]]:
        for i in range(int(area.left // _CELL), int(area.right // _CELL) + 1):
            for j in range(int(area.top // _CELL), int(area.bottom // _CELL) + 1):
                yield i, j

    def add(self, area: Area) -> None:
        for key in self._keys(area):
            self.cells.setdefault(key, []).append(area)

    def meeting(self, area: Area) -> int:
        areas = {other for key in self._keys(area) for other in self.cells.get(key, ()) if other.meets(area)}
        return len(areas)


class Spots:
    """Finds spots for labels, one after another.

    Args:
        taken: areas that no label may meet.
        lines: what labels should avoid.
        width: of the drawing; labels lie between 0 and `width`, or slightly outside.
    """

    def __init__(self, taken: Iterable[Area], lines: Iterable[Leg], width: float) -> None:
        self._width = width
        self._taken, self._lines = _Grid(), _Grid()
        for area in taken:
            self._taken.add(area)
        for leg in lines:
            for piece in _pieces(leg):
                self._lines.add(piece)

    def is_crossed(self, area: Area) -> bool:
        """Return whether a line runs through an area."""
        return self._lines.meeting(area) > 0

    def take(self, area: Area) -> None:
        """Keep later labels off an area."""
        self._taken.add(area)

    def find(self, text: str, size: float, along: Sequence[Point]) -> Spot | None:
        """Return the best spot next to a point of a line, the earlier points being better; None if all are taken."""
        width, high = text_width(text, size), size * LEADING
        best: tuple[int, Spot, Area] | None = None
        for point in along:
            for anchor, left in (("start", point.x + 5), ("end", point.x - 5 - width)):
                area = Area(left - 1, point.y - high / 2, left + width + 1, point.y + high / 2)
                if area.left < -_BESIDE or area.right > self._width + _BESIDE or self._taken.meeting(area):
                    continue
                crossed = self._lines.meeting(area)
                if best is None or crossed < best[0]:
                    best = crossed, Spot(point.x + (5 if anchor == "start" else -5), point.y, anchor), area
            if best and not best[0]:
                break
        if best is None:
            return None
        self._taken.add(best[2])
        return best[1]


def _pieces(leg: Leg) -> Iterable[Area]:
    """Cover a leg with small areas."""
    points = list(_curve(leg, 8 if leg.start.x != leg.end.x else 1))
    for (x0, y0), (x1, y1) in pairwise(points):
        yield Area(min(x0, x1) - 1, min(y0, y1), max(x0, x1) + 1, max(y0, y1))


def _curve(leg: Leg, steps: int) -> Iterable[Point]:
    (x0, y0), (x1, y1) = leg
    for i in range(steps + 1):
        t = i / steps
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        yield Point((a + b) * x0 + (c + d) * x1, a * y0 + (b + c) * (y0 + y1) / 2 + d * y1)


def points_of(leg: Leg) -> list[Point]:
    """Return points along a leg where a label may go, from its end upwards."""
    return list(_curve(leg, 10))[::-1]
