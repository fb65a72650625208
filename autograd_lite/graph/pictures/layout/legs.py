"""The lines of a layered graph: where they leave and reach boxes, and the legs between."""

from __future__ import annotations

from .geometry import TIP, Leg, Point
from .isotonic import isotonic
from .record import Layered

# Between the points where edges reach one box, and from them to its corners; between those where channels leave.
_ARRIVAL, _CORNER, _LEAVE = 14.0, 10.0, 16.0

# What leaves a box in a channel.
Key = tuple[int, int]


def draw_legs(graph: Layered) -> dict[Key, tuple[Leg, ...]]:
    """Find where every edge arrives; return, by box and channel, the legs of the edges that leave there.

    Where edges run together there is one leg.
    """
    graph.arrivals = _arrivals(graph)
    boxes, lanes, bounds, n = graph.boxes, graph.lanes, graph.bounds, len(graph.boxes)
    exits = _exits(graph)
    legs: dict[Key, dict[Leg, None]] = {key: {} for key in sorted(exits)}

    def foot(v: int, key: Key) -> Point:
        low = bounds[lanes.layers[v]][1]
        if v != key[0]:
            return Point(graph.x[v], low)
        # A tip at the source needs a straight piece of line.
        return Point(exits[key], max(low, graph.bottom(v) + TIP) if graph.upward and boxes[v].height else low)

    for key, at in exits.items():
        start = Point(at, graph.bottom(key[0]) + (TIP if graph.upward else 0.0))
        legs[key][Leg(start, foot(key[0], key))] = None
    for upper, lower in lanes.segments:
        if lower >= n:
            key = lanes.owners[lower - n], lanes.channels[lower - n]
            top = Point(graph.x[lower], bounds[lanes.layers[lower]][0])
            legs[key].update({Leg(foot(upper, key), top): None, Leg(top, foot(lower, key)): None})
    for edge, last, arrival in zip(graph.edges, lanes.last, graph.arrivals, strict=True):
        key, row = (edge.source, edge.channel), lanes.layers[edge.target]
        end = Point(arrival.x, arrival.y - (0.0 if graph.upward else TIP))
        turn = Point(arrival.x, min(bounds[row][0], end.y))
        start = foot(last, key) if last >= 0 else Point(graph.bus_lines[key], bounds[row - 1][1])
        legs[key].update({Leg(start, turn): None, Leg(turn, end): None})
    ends = {key: {leg.start.y for leg in legs[key] if leg.start.x == at} for key, at in graph.bus_lines.items()}
    for key, at in graph.bus_lines.items():
        # Down the bus in one piece between branches.
        top = Point(at, bounds[lanes.layers[key[0]] + 1][0])
        stops = [top, *(Point(at, y) for y in sorted(ends[key]))]
        legs[key].update({Leg(foot(key[0], key), top): None, **dict.fromkeys(map(Leg, stops, stops[1:]))})
    return {key: tuple(sorted(leg for leg in pieces if leg.start.y < leg.end.y)) for key, pieces in legs.items()}


def _exits(graph: Layered) -> dict[Key, float]:
    """Return where along its source's lower border each channel leaves: first in the middle, then to the right."""
    channels: dict[int, set[int]] = {}
    for edge in graph.edges:
        channels.setdefault(edge.source, set()).add(edge.channel)
    exits = {}
    for source, leaving in channels.items():
        step = min(_LEAVE, graph.boxes[source].width / (2 * len(leaving) + 1))
        for place, channel in enumerate(sorted(leaving)):
            exits[source, channel] = graph.centers[source].x + place * step
    return exits


def _arrivals(graph: Layered) -> tuple[Point, ...]:
    """Return where on its target's upper border each edge arrives: straight below where it comes from, if it can."""
    edges = graph.edges
    come = [
        graph.bus_lines[edge.source, edge.channel] if last < 0 else graph.x[last]
        for edge, last in zip(edges, graph.lanes.last, strict=True)
    ]
    into: dict[int, list[int]] = {}
    for i, edge in enumerate(edges):
        into.setdefault(edge.target, []).append(i)
    arrivals = [Point(0.0, 0.0)] * len(edges)
    for target, arriving in into.items():
        arriving.sort(key=come.__getitem__)
        box, x = graph.boxes[target], graph.centers[target].x
        corner = min(_CORNER, box.width / 2)
        first, last = x - box.width / 2 + corner, x + box.width / 2 - corner
        last = max(last - box.taken, min(x, last), first)
        first = min(first + box.taken_left, max(x, first), last)
        gap = min(_ARRIVAL, (last - first) / max(len(arriving) - 1, 1))
        targets = [min(max(come[i], first), last) for i in arriving]
        fitted = isotonic(targets, [edges[i].weight for i in arriving], [gap] * (len(arriving) - 1))
        for place, (i, at) in enumerate(zip(arriving, fitted, strict=True)):
            at = min(max(at, first + place * gap), last - (len(arriving) - 1 - place) * gap)
            arrivals[i] = Point(at, graph.top(target))
    return tuple(arrivals)
