"""A layered layout: boxes in rows, every edge pointing down, no box over another, no edge through a box.

The steps of Sugiyama, Tagawa and Toda: (1) each box gets a layer, below all that it reads; (2) an edge over several
layers is led through a lane in each of them, and all edges from one box share their lanes as far as they go together;
(3) the order within the layers is improved by barycenter sweeps; (4) coordinates are the weighted least-squares answer
to "stand where your neighbours are", under the order and the distances found so far (`place`).

References:
    K. Sugiyama, S. Tagawa, M. Toda: Methods for Visual Understanding of Hierarchical System Structures, 1981.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from .bus import bus_lines, on_the_bus
from .frames import Borders, Frame as Frame, Homes, bordered, depths, homes_of
from .isotonic import isotonic
from .lanes import LOOSE, Edge as Edge, Lanes, depth_of, layer_of, lead_through_lanes, spans_of
from .modules import Modules
from .order import ordered
from .place import Extra, x_positions

# The length of an arrow's tip, in front of which the line ends.
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
    """A piece of an edge: straight down if the ends have the same x, as in every row, otherwise across a gap."""

    start: Point
    end: Point


class Layout(NamedTuple):
    """Where everything goes, within (0, 0) and (width, height).

    Attributes:
        width, height: of the whole.
        centers: of the boxes.
        legs: for each box and channel the pieces of all edges that leave it so; where they go together there is one.
        arrivals: for each edge the point on its target's upper border where it arrives.
        frames: around the groups, outer ones before those inside them.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    legs: dict[tuple[int, int], tuple[Leg, ...]]
    arrivals: tuple[Point, ...]
    frames: tuple[Frame, ...] = ()


# Pixels: between neighbours in a row; between rows; and per pixel that the edges between two rows run sideways.
_ROW_GAP, _ROW_SLOPE, _ROW_MAX = 34.0, 0.08, 72.0
# Between the points where edges arrive at one box, and from them to its corners; between those where channels leave.
_ARRIVAL, _CORNER, _LEAVE = 14.0, 10.0, 16.0
# Frames are as wide as this at least; between two, one below the other.
_FRAME, _FRAMES = 48.0, 14.0
# The borders of a frame are straight before anything else is.
_BORDER_WEIGHT = 1e9


def lay_out(
    boxes: Sequence[Box], edges: Sequence[Edge], modules: Modules | None = None, titles: Sequence[float] = ()
) -> Layout:
    """Lay out a graph whose edges go from lower to higher numbers, as recorded order has them.

    Args:
        boxes: their sizes in pixels.
        edges: by the boxes' numbers; the first edge into a box is kept to the left of the second where nothing speaks
            against it.
        modules: which boxes are framed together.
        titles: how wide the title of each frame is.

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
    modules = modules or Modules((), (), (-1,) * len(boxes))
    spans = spans_of(edges, modules)
    depth = depth_of(len(boxes), edges, spans)
    layers = layer_of(depth, edges, spans)
    bus = on_the_bus(layers, edges)
    lanes = lead_through_lanes(layers, edges, depth, spans, bus)
    homes = homes_of(modules, lanes, edges)
    loose = {segment for segment, weight in lanes.segments.items() if weight < LOOSE}
    vertices = [*lanes.layers, *homes.spacers]
    firm = [lane for lane, bends in enumerate(lanes.loose, start=len(boxes)) if not bends]
    rows = ordered(vertices, lanes.segments, homes.of, modules.parents, loose, firm)
    borders = bordered(rows, homes, modules)
    x = _positions(boxes, lanes, homes, modules, borders, titles)
    bounds, frames = _vertical(boxes, edges, lanes, x, len(rows), modules, homes, borders)
    centers = tuple(Point(x[i], sum(bounds[layers[i]]) / 2) for i in range(len(boxes)))
    right = max([0.0, *(x[i] + box.width / 2 for i, box in enumerate(boxes)), *x[len(boxes) :]])
    lines = bus_lines(layers, edges, bus, right)
    come = [lines[e.source, e.channel] if v < 0 else x[v] for e, v in zip(edges, lanes.last, strict=True)]
    right = max([right, *lines.values()])
    bottom = max([bounds[-1][1] if bounds else 0.0, *(frame.bottom for frame in frames)])
    arrivals = tuple(
        Point(at, centers[edge.target].y - boxes[edge.target].height / 2)
        for edge, at in zip(edges, _arrivals(boxes, edges, come, x), strict=True)
    )
    legs = _legs(boxes, edges, lanes, centers, arrivals, x, bounds, lines)
    return Layout(right, bottom, centers, legs, arrivals, frames)


def _positions(
    boxes: Sequence[Box], lanes: Lanes, homes: Homes, modules: Modules, borders: Borders, titles: Sequence[float]
) -> list[float]:
    """Return the x of every vertex, from 0 on."""
    widths = [box.width for box in boxes] + [0.0] * (len(borders.sides) - len(boxes))
    segments = lanes.segments
    extra = None
    if modules.parents:
        segments = {**segments}
        for chain in (*borders.left, *borders.right):
            segments.update((pair, _BORDER_WEIGHT) for pair in pairwise(chain))
        held: list[list[int]] = [[] for _ in modules.parents]
        for v, home in enumerate(homes.of):
            while home >= 0:
                held[home].append(v)
                home = modules.parents[home]
        for group in reversed(range(len(held))):
            around = modules.parents[group]
            if around >= 0:
                held[around] += [v for v in held[group] if v >= len(homes.of)]
                held[around] += borders.left[group] + borders.right[group]
        least = [max(width, _FRAME) for width in titles] or [_FRAME] * len(held)
        extra = Extra(borders.sides, list(zip(borders.left, borders.right, least, held, strict=True)))
    x = x_positions(borders.rows, segments, widths, extra)
    left = min((x[i] - box.width / 2 for i, box in enumerate(boxes)), default=0.0)
    left = min([left, *x[len(boxes) :]])
    return [position - left for position in x]


def _vertical(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    lanes: Lanes,
    x: Sequence[float],
    rows: int,
    modules: Modules,
    homes: Homes,
    borders: Borders,
) -> tuple[list[tuple[float, float]], tuple[Frame, ...]]:
    """Return the upper and lower bound of every row, and the frames.

    The farther the edges between two rows run sideways, the more space there is, and frames get theirs.
    """
    heights, run, room = [0.0] * rows, [0.0] * rows, [0.0] * rows
    for box, layer in zip(boxes, lanes.layers, strict=False):
        heights[layer] = max(heights[layer], box.height)
    for edge in edges:
        below = lanes.layers[edge.target]
        room[below] = max(room[below], edge.room)
    for upper, lower in lanes.segments:
        below = lanes.layers[lower]
        run[below] = max(run[below], abs(x[upper] - x[lower]))
    above, under = depths(modules, homes)
    opening, closing = [0.0] * (rows + 1), [0.0] * (rows + 1)
    for group in range(len(above)):
        opening[homes.first[group]] = max(opening[homes.first[group]], above[group])
        closing[homes.last[group] + 1] = max(closing[homes.last[group] + 1], under[group])
    bounds: list[tuple[float, float]] = []
    y = 0.0
    for row, height in enumerate(heights):
        framed = opening[row] + closing[row]
        if row:
            y += max(min(_ROW_GAP + _ROW_SLOPE * run[row], _ROW_MAX), room[row], framed + _FRAMES if framed else 0.0)
        else:
            y += opening[row]
        bounds.append((y, y + height))
        y += height
    frames = tuple(
        Frame(
            g,
            x[borders.left[g][0]],
            bounds[homes.first[g]][0] - above[g],
            x[borders.right[g][0]],
            bounds[homes.last[g]][1] + under[g],
        )
        for g in range(len(above))
    )
    return bounds, frames


def _exits(boxes: Sequence[Box], edges: Sequence[Edge], centers: Sequence[Point]) -> dict[tuple[int, int], float]:
    """Return where along its source's lower border each channel leaves: the first in the middle, others beside it."""
    channels: dict[int, set[int]] = {}
    for edge in edges:
        channels.setdefault(edge.source, set()).add(edge.channel)
    exits = {}
    for source, leaving in channels.items():
        step = min(_LEAVE, boxes[source].width / (2 * len(leaving) + 1))
        for place, channel in enumerate(sorted(leaving)):
            exits[source, channel] = centers[source].x + place * step
    return exits


def _legs(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    lanes: Lanes,
    centers: Sequence[Point],
    arrivals: Sequence[Point],
    x: Sequence[float],
    bounds: Sequence[tuple[float, float]],
    lines: Mapping[tuple[int, int], float],
) -> dict[tuple[int, int], tuple[Leg, ...]]:
    """Return the pieces of the edges by the box and channel that they leave; see `Layout.legs`."""
    n = len(boxes)
    exits = _exits(boxes, edges, centers)
    legs: dict[tuple[int, int], dict[Leg, None]] = {key: {} for key in sorted(exits)}
    for (source, channel), at in exits.items():
        bottom = centers[source].y + boxes[source].height / 2
        legs[source, channel][Leg(Point(at, bottom), Point(at, bounds[lanes.layers[source]][1]))] = None

    def foot(v: int, key: tuple[int, int]) -> Point:
        return Point(exits[key] if v == key[0] else x[v], bounds[lanes.layers[v]][1])

    for upper, lower in lanes.segments:
        if lower >= n:
            key = lanes.owners[lower - n], lanes.channels[lower - n]
            top = Point(x[lower], bounds[lanes.layers[lower]][0])
            legs[key].update({Leg(foot(upper, key), top): None, Leg(top, foot(lower, key)): None})
    for edge, last, arrival in zip(edges, lanes.last, arrivals, strict=True):
        key = edge.source, edge.channel
        end = Point(arrival.x, arrival.y - TIP)
        row = lanes.layers[edge.target]
        turn = Point(arrival.x, min(bounds[row][0], end.y))
        start = foot(last, key) if last >= 0 else Point(lines[key], bounds[row - 1][1])
        legs[key].update({Leg(start, turn): None, Leg(turn, end): None})
    ends = {key: {leg.start.y for leg in legs[key] if leg.start.x == at} for key, at in lines.items()}
    for key, at in lines.items():
        # Down the bus in one piece from one branch to the next.
        top = Point(at, bounds[lanes.layers[key[0]] + 1][0])
        stops = [top, *(Point(at, y) for y in sorted(ends[key]))]
        legs[key].update({Leg(foot(key[0], key), top): None, **dict.fromkeys(map(Leg, stops, stops[1:]))})
    return {key: tuple(sorted(leg for leg in pieces if leg.start != leg.end)) for key, pieces in legs.items()}


def _arrivals(boxes: Sequence[Box], edges: Sequence[Edge], come: Sequence[float], x: Sequence[float]) -> list[float]:
    """Return where along its target's upper border each edge arrives: straight below where it comes from, if it can."""
    into: dict[int, list[int]] = {}
    for i, edge in enumerate(edges):
        into.setdefault(edge.target, []).append(i)
    arrivals = [0.0] * len(edges)
    for target, arriving in into.items():
        arriving.sort(key=come.__getitem__)
        half = boxes[target].width / 2
        first, last = x[target] - half + min(_CORNER, half), x[target] + half - min(_CORNER, half)
        last = max(last - boxes[target].taken, min(x[target], last), first)
        first = min(first + boxes[target].taken_left, max(x[target], first), last)
        gap = min(_ARRIVAL, (last - first) / max(len(arriving) - 1, 1))
        wanted = [min(max(come[i], first), last) for i in arriving]
        fitted = isotonic(wanted, [edges[i].weight for i in arriving], [gap] * (len(arriving) - 1))
        for place, (i, position) in enumerate(zip(arriving, fitted, strict=True)):
            arrivals[i] = min(max(position, first + place * gap), last - (len(arriving) - 1 - place) * gap)
    return arrivals
