"""A layered layout: boxes in rows, every edge pointing down, no box over another, no edge through a box.

The steps of Sugiyama, Tagawa and Toda, each of which fills its part of one record: (1) each box gets a layer, below all
that it reads; (2) an edge over several layers is led through a lane in each of them, and all edges from one box share
their lanes as far as they run together; (3) barycenter sweeps improve the order within the layers; (4) coordinates are
the weighted least-squares solution of "be where your neighbors are", under that order and the distances (`place`).

References:
    K. Sugiyama, S. Tagawa, M. Toda: Methods for Visual Understanding of Hierarchical System Structures, 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .bus import bus_lines, on_the_bus
from .frames import Frame, add_borders, depths, homes_of
from .geometry import Box, Leg, Point
from .lanes import LOOSE, Edge, depth_of, layer_of, lead_through_lanes, spans_of
from .legs import draw_legs
from .modules import Modules
from .order import order_vertices
from .place import Extra, x_positions
from .record import Layered

# Pixels: between neighbors in a row; between rows; and per pixel that the edges between two rows run sideways.
_ROW_GAP, _ROW_SLOPE, _ROW_MAX = 34.0, 0.08, 72.0
# Frames are at least as wide as the first; the second is between two frames, one below the other.
_FRAME, _FRAMES = 48.0, 14.0
# How wide a row may be; the space next to a box.
ROW, _BESIDE_BOX = 1500.0, 26.0
# The borders of a frame become straight before anything else does.
_BORDER_WEIGHT = 1e9


class Layout(NamedTuple):
    """Where everything goes, within (0, 0) and (width, height).

    Attributes:
        width, height: of the whole.
        centers: of the boxes.
        legs: for each box and channel the pieces of all edges that leave it so; where they run together there is one.
        arrivals: for each edge the point on its target's upper border that it reaches.
        frames: around the groups, outer ones before those inside them.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    legs: dict[tuple[int, int], tuple[Leg, ...]]
    arrivals: tuple[Point, ...]
    frames: tuple[Frame, ...] = ()


def lay_out(
    boxes: Sequence[Box], edges: Sequence[Edge], modules: Modules | None = None, titles: Sequence[float] = ()
) -> Layout:
    """Lay out a graph whose edges lead from lower to higher numbers, as in recorded order.

    Args:
        boxes: their sizes in pixels.
        edges: by the boxes' numbers; the first edge into a box is kept to the left of the second where possible.
        modules: which boxes are framed together.
        titles: how wide the title of each frame is.

    Raises:
        ValueError: if an edge does not lead from a lower to a higher number of a box.

    Example:
        >>> layout = lay_out([Box(40, 20), Box(40, 20)], [Edge(0, 1)])
        >>> [tuple(center) for center in layout.centers]
        [(20.0, 10.0), (20.0, 64.0)]
    """
    for edge in edges:
        if not 0 <= edge.source < edge.target < len(boxes):
            raise ValueError(f"lay_out: expected edges from a lower to a higher number of a box; received {edge}")
    graph = Layered(boxes, edges, modules or no_modules(len(boxes)), titles)
    give_layers(graph)
    lead_edges(graph)
    order_rows(graph)
    place_columns(graph)
    stack_rows(graph)
    graph.bus_lines = bus_lines(graph.layers, edges, graph.bus, graph.right_end)
    legs = draw_legs(graph)
    right = max([graph.right_end, *graph.bus_lines.values()])
    bottom = max([graph.bounds[-1][1] if graph.bounds else 0.0, *(frame.bottom for frame in graph.frames)])
    return Layout(right, bottom, tuple(graph.centers), legs, graph.arrivals, graph.frames)


def no_modules(n: int) -> Modules:
    """Return the modules of n boxes that belong to none."""
    return Modules((), (), (-1,) * n)


# ---- (1) layers -----------------------------------------------------------------------------------------------------


def give_layers(graph: Layered) -> None:
    """Give every box a layer below all that it reads, and break layers that are too wide."""
    n, edges = len(graph.boxes), graph.edges
    graph.spans = spans_of(edges, graph.modules)
    graph.depth = depth_of(n, edges, graph.spans)
    layers = layer_of(graph.depth, edges, graph.spans)
    graph.layers = break_rows(layers, [box.width for box in graph.boxes])
    graph.bus = on_the_bus(graph.layers, edges)


def break_rows(layers: Sequence[int], widths: Sequence[float], most: float = ROW) -> list[int]:
    """Return the layers, with those wider than `most` broken in two: every other box goes below its neighbors.

    No edge joins two boxes of a layer, so one may be below the other; a line past a box needs little room next to
    it. More than two rows would gain nothing: the width would then be that of the lines.

    Args:
        layers: of the boxes, from 0 on.
        widths: of the boxes.
        most: the width of a row.

    Example:
        >>> break_rows([0, 0, 0, 0, 1], [40.0] * 5, most=200.0)
        [0, 1, 0, 1, 2]
    """
    rows: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for i, layer in enumerate(layers):
        rows[layer].append(i)
    new, count = [0] * len(layers), 0
    for row in rows:
        parts = 2 if sum(widths[i] + _BESIDE_BOX for i in row) - _BESIDE_BOX > most else 1
        for place, i in enumerate(row):
            new[i] = count + place % parts
        count += parts
    return new


# ---- (2) lanes ------------------------------------------------------------------------------------------------------


def lead_edges(graph: Layered) -> None:
    """Lead every edge through lanes in the layers that it passes, inside the modules that it belongs to."""
    graph.lanes = lead_through_lanes(graph.layers, graph.edges, graph.depth, graph.spans, graph.bus)
    graph.homes = homes_of(graph.modules, graph.lanes, graph.edges)


# ---- (3) order ------------------------------------------------------------------------------------------------------


def order_rows(graph: Layered) -> None:
    """Order the vertices within each row, so that few edges cross and modules stay together."""
    lanes, homes, n = graph.lanes, graph.homes, len(graph.boxes)
    loose = {segment for segment, weight in lanes.segments.items() if weight < LOOSE}
    firm = [lane for lane, bends in enumerate(lanes.loose, start=n) if not bends]
    vertices = [*lanes.layers, *homes.spacers]
    graph.rows = order_vertices(vertices, lanes.segments, homes.of, graph.modules.parents, loose, firm)


# ---- (4) coordinates ------------------------------------------------------------------------------------------------


def place_columns(graph: Layered) -> None:
    """Give every vertex its x, from 0 on."""
    boxes, modules, homes = graph.boxes, graph.modules, graph.homes
    graph.borders = borders = add_borders(graph.rows, homes, modules)
    widths = [box.width for box in boxes] + [0.0] * (len(borders.sides) - len(boxes))
    segments = graph.lanes.segments
    extra = None
    if modules.parents:
        segments = {**segments}
        for chain in (*borders.left, *borders.right):
            segments.update((pair, _BORDER_WEIGHT) for pair in pairwise(chain))
        least = [max(width, _FRAME) for width in graph.titles] or [_FRAME] * len(modules.parents)
        extra = Extra(borders.sides, list(zip(borders.left, borders.right, least, _contents(graph), strict=True)))
    x = x_positions(borders.rows, segments, widths, extra)
    left = min([*(x[i] - box.width / 2 for i, box in enumerate(boxes)), *x[len(boxes) :]], default=0.0)
    graph.x = [position - left for position in x]


def _contents(graph: Layered) -> list[list[int]]:
    """Return the vertices that each frame holds, borders of inner frames among them."""
    modules, homes, borders = graph.modules, graph.homes, graph.borders
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
    return held


def stack_rows(graph: Layered) -> None:
    """Give every row its bounds, every box its middle, and every module its frame.

    The farther the edges between two rows run sideways, the more space there is between them; frames add theirs.
    """
    homes, borders, x = graph.homes, graph.borders, graph.x
    heights, run, room = extents(graph)
    above, under = depths(graph.modules, homes)
    rows = len(heights)
    opening, closing = [0.0] * (rows + 1), [0.0] * (rows + 1)
    for group in range(len(above)):
        opening[homes.first[group]] = max(opening[homes.first[group]], above[group])
        closing[homes.last[group] + 1] = max(closing[homes.last[group] + 1], under[group])
    y = 0.0
    for row, height in enumerate(heights):
        framed = opening[row] + closing[row]
        if row:
            y += max(min(_ROW_GAP + _ROW_SLOPE * run[row], _ROW_MAX), room[row], framed + _FRAMES if framed else 0.0)
        else:
            y += opening[row]
        graph.bounds.append((y, y + height))
        y += height
    bounds = graph.bounds
    graph.centers = tuple(Point(x[i], sum(bounds[graph.layers[i]]) / 2) for i in range(len(graph.boxes)))
    graph.frames = tuple(
        Frame(
            g,
            x[borders.left[g][0]],
            bounds[homes.first[g]][0] - above[g],
            x[borders.right[g][0]],
            bounds[homes.last[g]][1] + under[g],
        )
        for g in range(len(above))
    )


def extents(graph: Layered) -> tuple[list[float], list[float], list[float]]:
    """Return the height of every row, how far the edges to it run sideways, and the room that they ask for above it."""
    rows, lanes = len(graph.rows), graph.lanes
    heights, run, room = [0.0] * rows, [0.0] * rows, [0.0] * rows
    for box, layer in zip(graph.boxes, lanes.layers, strict=False):
        heights[layer] = max(heights[layer], box.height)
    for edge in graph.edges:
        below = lanes.layers[edge.target]
        room[below] = max(room[below], edge.room)
    for upper, lower in lanes.segments:
        below = lanes.layers[lower]
        run[below] = max(run[below], abs(graph.x[upper] - graph.x[lower]))
    return heights, run, room
