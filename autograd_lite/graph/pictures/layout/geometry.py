"""The parts of a layout: sizes, points, and pieces of lines."""

from __future__ import annotations

from typing import NamedTuple

# The length of an arrow's tip, in front of which its line ends.
TIP = 7.0


class Box(NamedTuple):
    """The size of a box, and how much of its upper border, at the right and at the left end, no edge may reach."""

    width: float
    height: float
    taken: float = 0.0
    taken_left: float = 0.0


class Point(NamedTuple):
    """A point; y grows downwards."""

    x: float
    y: float


class Leg(NamedTuple):
    """A piece of an edge: straight down if both ends have the same x, as inside every row, otherwise across a gap."""

    start: Point
    end: Point
