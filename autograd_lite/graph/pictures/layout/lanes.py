"""The layers of a layout, and the lanes that lead long edges through them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from .modules import Modules, common

# A lane wants to run straight more than a box wants to be below its neighbor.
_LANE_WEIGHT = 16.0
# Edges lighter than this pull a little, but give way to everything else.
LOOSE = 0.2


class Edge(NamedTuple):
    """An edge between two boxes.

    Attributes:
        source, target: numbers of boxes.
        weight: the heavier, the straighter.
        room: the least space above its target's row.
        channel: edges from one box share their way as far as they run together if they have the same channel.
    """

    source: int
    target: int
    weight: float = 1.0
    room: float = 0.0
    channel: int = 0


def spans_of(edges: Sequence[Edge], modules: Modules) -> list[int]:
    """Return the least number of layers each edge spans: more than 1 to leave some for a module's own boxes.

    What a module's operation reads from outside is drawn above the module if the operation also reads something that
    depends on no operation outside: a parameter, or a random draw.
    """
    if not modules.scopes:
        return [1] * len(edges)
    n = len(modules.homes)
    reads: list[list[int]] = [[] for _ in range(n)]
    first_reader = [n] * n
    loose = {(edge.source, edge.target) for edge in edges if edge.weight < LOOSE}
    for edge in edges:
        reads[edge.target].append(edge.source)
        first_reader[edge.source] = min(first_reader[edge.source], edge.target)
    chains = [modules.chain(home) for home in modules.homes]
    # The groups that hold a box and all operations that it depends on, and how many layers those take.
    closed: list[tuple[int, ...]] = []
    height: list[int] = []
    own: dict[int, list[int]] = {}
    for i in range(n):
        around = chains[i]
        for source in reads[i]:
            if reads[source] or (source, i) in loose:
                around = common(around, closed[source])
        closed.append(around)
        height.append(1 + max((height[source] for source in reads[i]), default=0))
        if around and first_reader[i] < n:
            own.setdefault(first_reader[i], []).append(i)
    spans = []
    for edge in edges:
        span = 1
        for i in own.get(edge.target, ()):
            shared = common(closed[i], chains[edge.target])
            if shared and shared[-1] not in chains[edge.source]:
                span = max(span, 1 + height[i])
        spans.append(span)
    return spans


def depth_of(n: int, edges: Sequence[Edge], spans: Sequence[int] | None = None) -> list[int]:
    """Return the length of the longest path to every box."""
    depth = [0] * n
    spans = spans or [1] * len(edges)
    for edge, span in sorted(zip(edges, spans, strict=True)):
        depth[edge.target] = max(depth[edge.target], depth[edge.source] + span)
    return depth


def layer_of(depth: Sequence[int], edges: Sequence[Edge], spans: Sequence[int] | None = None) -> list[int]:
    """Return the layer of every box: below all that it reads, and as near as that allows to its readers."""
    reads, read_by, layer = [0] * len(depth), [0] * len(depth), list(depth)
    spans = spans or [1] * len(edges)
    for edge in edges:
        # A source that reads nothing itself follows its reader down, so it is not a reason to stay.
        reads[edge.target] += depth[edge.source] > 0
        read_by[edge.source] += 1
    nearest: dict[int, int] = {}
    for edge, span in sorted(zip(edges, spans, strict=True), reverse=True):
        # Readers have higher numbers, so their layers are final. A box with more inputs than readers does not move:
        # that would lengthen more edges than it shortens.
        source, limit = edge.source, layer[edge.target] - span
        nearest[source] = min(nearest.get(source, limit), limit)
        if read_by[source] >= reads[source]:
            layer[source] = nearest[source]
    used = {old: new for new, old in enumerate(sorted(set(layer)))}
    return [used[old] for old in layer]


class Lanes(NamedTuple):
    """The graph with lanes: boxes and lanes together are its vertices, and no edge passes over a layer.

    Attributes:
        layers: of the boxes, then of the lanes.
        owners: for each lane the box that its edges come from.
        channels: of each lane.
        loose: for each lane whether its edges are lighter than `LOOSE`.
        segments: `(upper, lower) -> weight`, each between neighboring layers.
        last: for each edge the vertex from which it goes to its target: a lane, or the source itself; -1 if it has no
            lanes.
    """

    layers: list[int]
    owners: list[int]
    channels: list[int]
    loose: list[bool]
    segments: dict[tuple[int, int], float]
    last: list[int]


def lead_through_lanes(
    layers: Sequence[int],
    edges: Sequence[Edge],
    depth: Sequence[int],
    spans: Sequence[int] | None = None,
    without: Collection[int] = (),
) -> Lanes:
    """Cut every edge into segments; edges from one box share their lanes as far as they run together.

    So there are no more lanes than boxes times layers, however many read the same parameter. The edges named in
    `without` get none.
    """
    n = len(layers)
    lanes = Lanes(list(layers), [], [], [], {}, [])
    at: dict[tuple[int, int, int], int] = {}
    segments = lanes.segments
    spans = spans or [1] * len(edges)
    for i, (source, target, weight, _, channel) in enumerate(edges):
        if i in without:
            lanes.last.append(-1)
            continue
        span = spans[i]
        # The longest path through the graph is the spine of the picture.
        pull = 1.5 * weight if depth[source] + span == depth[target] else weight
        lower, layer, top = target, layers[target] - 1, layers[source]
        while True:
            upper = source if layer == top else at.get((source, channel, layer))
            joins = upper is not None
            if upper is None:
                upper = at[source, channel, layer] = len(lanes.layers)
                lanes.layers.append(layer)
                lanes.owners.append(source)
                lanes.channels.append(channel)
                lanes.loose.append(weight < LOOSE)
            if lower == target:
                lanes.last.append(upper)
            step = (pull, pull / 2, _LANE_WEIGHT)[(upper >= n) + (lower >= n)]
            segments[upper, lower] = max(segments.get((upper, lower), 0.0), step)
            if joins:
                break
            lower, layer = upper, layer - 1
    return lanes
