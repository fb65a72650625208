"""The record of a layout, which its steps read and fill."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .frames import Borders, Frame, Homes
from .geometry import Box, Point
from .lanes import Edge, Lanes
from .modules import Modules


@dataclass(slots=True)
class Layered:
    """A graph on its way to a layout, filled from top to bottom by the steps in `layered`.

    Vertices are the boxes, then the lanes, then (with modules) spacers and the borders of frames.

    Attributes:
        boxes, edges: the graph; edges lead from lower to higher numbers.
        modules, titles: which boxes are framed together, and how wide the title of each frame is.
        upward: the arrows' tips are at the sources of the edges, for lines that are read from below.
        layers, depth, spans: of the boxes; the length of the longest way to each; how many layers each edge spans.
        bus: the edges that have no lanes.
        lanes, homes: where long edges pass, and which group every vertex is in.
        rows, borders: the vertices of each layer from left to right; those that belong to frames.
        x: of every vertex.
        bounds, centers: the top and bottom of each row, the middles of the boxes.
        frames: around the groups.
        bus_lines: the x of the lines of each box and channel on the bus.
        arrivals: for each edge the point on its target's upper border that it reaches.
    """

    boxes: Sequence[Box]
    edges: Sequence[Edge]
    modules: Modules
    titles: Sequence[float] = ()
    upward: bool = False
    # (1) layers
    layers: Sequence[int] = ()
    depth: Sequence[int] = ()
    spans: Sequence[int] = ()
    bus: Collection[int] = ()
    # (2) lanes
    lanes: Lanes = field(init=False)
    homes: Homes = field(init=False)
    # (3) order
    rows: list[list[int]] = field(default_factory=list)
    borders: Borders = field(init=False)
    # (4) coordinates
    x: list[float] = field(default_factory=list)
    bounds: list[tuple[float, float]] = field(default_factory=list)
    centers: Sequence[Point] = ()
    frames: tuple[Frame, ...] = ()
    bus_lines: Mapping[tuple[int, int], float] = field(default_factory=dict)
    arrivals: tuple[Point, ...] = ()

    def top(self, i: int) -> float:
        """Return the height of a box's upper border."""
        return self.centers[i].y - self.boxes[i].height / 2

    def bottom(self, i: int) -> float:
        """Return the height of a box's lower border."""
        return self.centers[i].y + self.boxes[i].height / 2

    @property
    def right_end(self) -> float:
        """Where the boxes and lanes end on the right."""
        n = len(self.boxes)
        return max([0.0, *(self.x[i] + box.width / 2 for i, box in enumerate(self.boxes)), *self.x[n:]])
