"""A layered layout: boxes in rows, every edge pointing down, no box over another, no edge through a box.

The steps of Sugiyama, Tagawa and Toda: (1) each box gets a layer, below all that it reads; (2) an edge over several
layers is led through a lane in each of them, and all edges from one box share their lanes as far as they go together;
(3) the order within the layers is improved by barycenter sweeps; (4) coordinates are the weighted least-squares answer
to "stand where your neighbours are", under the order and the distances found so far (`place`).

References:
    K. Sugiyama, S. Tagawa, M. Toda: Methods for Visual Understanding of Hierarchical System Structures, 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .lanes import Edge, Lanes, depth_of, layer_of, lead_through_lanes
from .order import ordered
from .place import isotonic, x_positions

__all__ = ["TIP", "Box", "Edge", "Layout", "Leg", "Point", "lay_out"]

# The length of an arrow's tip, in front of which the line ends.
TIP = 7.0


class Box(NamedTuple):
    """The size of a box."""

    width: float
    height: float


class Point(NamedTuple):
    """A point; y grows downwards."""

    x: float
    y: float


class Leg(NamedTuple):
    """A piece of an edge: straight down if the ends have the same x, as in every row, otherwise across a gap."""

    start: Point
    end: Point


class Layout(NamedTuple):
    """Where everything goes, within (0, 0) and (width, height).

    Attributes:
        width, height: of the whole.
        centers: of the boxes.
        legs: for each box the pieces of all edges that leave it; where they go together there is one piece.
        arrivals: for each edge the point on its target's upper border where it arrives.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    legs: tuple[tuple[Leg, ...], ...]
    arrivals: tuple[Point, ...]


# Pixels: between neighbours in a row; between rows; and per pixel that the edges between two rows run sideways.
_ROW_GAP, _ROW_SLOPE, _ROW_MAX = 34.0, 0.08, 72.0
# Between the points where edges arrive at one box, and from them to its corners.
_ARRIVAL, _CORNER = 14.0, 10.0


def lay_out(boxes: Sequence[Box], edges: Sequence[Edge]) -> Layout:
    """Lay out a graph whose edges go from lower to higher numbers, as recorded order has them.

    Args:
        boxes: their sizes in pixels.
        edges: by the boxes' numbers; the first edge into a box is kept to the left of the second where nothing speaks
            against it.

    Raises:
        ValueError: if an edge does not go from a lower to a higher number of a box.

    Example:
        >>> layout = lay_out([Box(40, 20), Box(40, 20)], [Edge(0, 1)])
        >>> [tuple(center) for center in layout.centers]
        [(20.0, 10.0), (20.0, 64.0)]
    """
    for edge in edges:
        if not 0 <= edge.source < edge.target < len(boxes):
            raise ValueError(f"lay_out: expected edges from a lower to a higher number of a box; received {edge}")
    depth = depth_of(len(boxes), edges)
    layers = layer_of(depth, edges)
    lanes = lead_through_lanes(layers, edges, depth)
    rows = ordered(lanes.layers, lanes.segments)
    widths = [box.width for box in boxes] + [0.0] * (len(lanes.layers) - len(boxes))
    x = x_positions(rows, lanes.segments, widths)
    left = min((x[i] - box.width / 2 for i, box in enumerate(boxes)), default=0.0)
    left = min([left, *x[len(boxes) :]])
    x = [position - left for position in x]
    tops, bottoms = _row_bounds(boxes, edges, lanes, x, len(rows))
    centers = tuple(Point(x[i], (tops[layers[i]] + bottoms[layers[i]]) / 2) for i in range(len(boxes)))
    right = max([0.0, *(x[i] + box.width / 2 for i, box in enumerate(boxes)), *x[len(boxes) :]])
    arrivals = tuple(
        Point(at, centers[edge.target].y - boxes[edge.target].height / 2)
        for edge, at in zip(edges, _arrivals(boxes, edges, lanes, x), strict=True)
    )
    legs = _legs(boxes, edges, lanes, centers, arrivals, x, list(zip(tops, bottoms, strict=True)))
    return Layout(right, bottoms[-1] if bottoms else 0.0, centers, legs, arrivals)


def _row_bounds(
    boxes: Sequence[Box], edges: Sequence[Edge], lanes: Lanes, x: Sequence[float], rows: int
) -> tuple[list[float], list[float]]:
    """Return the upper and lower bound of every row; the farther the edges between two run sideways, the more space."""
    heights, run, room = [0.0] * rows, [0.0] * rows, [0.0] * rows
    for box, layer in zip(boxes, lanes.layers, strict=False):
        heights[layer] = max(heights[layer], box.height)
    for edge in edges:
        below = lanes.layers[edge.target]
        room[below] = max(room[below], edge.room)
    for upper, lower in lanes.segments:
        below = lanes.layers[lower]
        run[below] = max(run[below], abs(x[upper] - x[lower]))
    tops, bottoms, y = [], [], 0.0
    for row, height in enumerate(heights):
        y += max(min(_ROW_GAP + _ROW_SLOPE * run[row], _ROW_MAX), room[row]) if row else 0.0
        tops.append(y)
        y += height
        bottoms.append(y)
    return tops, bottoms


def _legs(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    lanes: Lanes,
    centers: Sequence[Point],
    arrivals: Sequence[Point],
    x: Sequence[float],
    bounds: Sequence[tuple[float, float]],
) -> tuple[tuple[Leg, ...], ...]:
    """Return the pieces of the edges by the box that they leave; see `Layout.legs`."""
    n = len(boxes)
    legs: list[dict[Leg, None]] = [{} for _ in boxes]
    feet = [Point(x[v], bounds[layer][1]) for v, layer in enumerate(lanes.layers)]
    for edge in edges:
        center = centers[edge.source]
        legs[edge.source][Leg(Point(center.x, center.y + boxes[edge.source].height / 2), feet[edge.source])] = None
    for upper, lower in lanes.segments:
        if lower >= n:
            top = Point(x[lower], bounds[lanes.layers[lower]][0])
            legs[lanes.owners[lower - n]].update({Leg(feet[upper], top): None, Leg(top, feet[lower]): None})
    for edge, last, arrival in zip(edges, lanes.last, arrivals, strict=True):
        end = Point(arrival.x, arrival.y - TIP)
        turn = Point(arrival.x, min(bounds[lanes.layers[edge.target]][0], end.y))
        legs[edge.source].update({Leg(feet[last], turn): None, Leg(turn, end): None})
    return tuple(tuple(sorted(leg for leg in box if leg.start != leg.end)) for box in legs)


def _arrivals(boxes: Sequence[Box], edges: Sequence[Edge], lanes: Lanes, x: Sequence[float]) -> list[float]:
    """Return where along its target's upper border each edge arrives: straight below where it comes from, if it can."""
    into: dict[int, list[int]] = {}
    for i, edge in enumerate(edges):
        into.setdefault(edge.target, []).append(i)
    arrivals = [0.0] * len(edges)
    for target, arriving in into.items():
        arriving.sort(key=lambda i: x[lanes.last[i]])
        half = boxes[target].width / 2
        first, last = x[target] - half + min(_CORNER, half), x[target] + half - min(_CORNER, half)
        gap = min(_ARRIVAL, (last - first) / max(len(arriving) - 1, 1))
        wanted = [min(max(x[lanes.last[i]], first), last) for i in arriving]
        fitted = isotonic(wanted, [edges[i].weight for i in arriving], [gap] * (len(arriving) - 1))
        for place, (i, position) in enumerate(zip(arriving, fitted, strict=True)):
            arrivals[i] = min(max(position, first + place * gap), last - (len(arriving) - 1 - place) * gap)
    return arrivals
