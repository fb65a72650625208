"""The layers of a layout, and the lanes that lead long edges through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Edge", "Lanes", "depth_of", "layer_of", "lead_through_lanes"]

# A lane wants to run straight more than a box wants to stand below its neighbour.
_LANE_WEIGHT = 16.0


class Edge(NamedTuple):
    """An edge between two boxes: the heavier, the straighter; `room` is the least space above its target's row."""

    source: int
    target: int
    weight: float = 1.0
    room: float = 0.0


def depth_of(n: int, edges: Sequence[Edge]) -> list[int]:
    """Return for every box the length of the longest way to it."""
    depth = [0] * n
    for edge in sorted(edges):
        depth[edge.target] = max(depth[edge.target], depth[edge.source] + 1)
    return depth


def layer_of(depth: Sequence[int], edges: Sequence[Edge]) -> list[int]:
    """Return the layer of every box: below all that it reads, and as near as that allows to those that read it."""
    reads, read_by, layer = [0] * len(depth), [0] * len(depth), list(depth)
    for edge in edges:
        # What reads nothing itself comes along when its reader moves down, so it is no reason to stay.
        reads[edge.target] += depth[edge.source] > 0
        read_by[edge.source] += 1
    nearest: dict[int, int] = {}
    for edge in sorted(edges, reverse=True):
        # Readers have higher numbers, so their layers are final. What reads more than it is read by does not move:
        # that would lengthen more edges than it shortens.
        source = edge.source
        nearest[source] = min(nearest.get(source, layer[edge.target]), layer[edge.target])
        if read_by[source] >= reads[source]:
            layer[source] = nearest[source] - 1
    return layer


class Lanes(NamedTuple):
    """The graph with lanes: boxes and lanes together are its vertices, and no edge passes over a layer.

    Attributes:
        layers: of the boxes, then of the lanes.
        owners: of each lane, the box that its edges come from.
        segments: `(upper, lower) -> weight`, each between neighbouring layers.
        last: for each edge the vertex from which it goes to its target: a lane, or the source itself.
    """

    layers: list[int]
    owners: list[int]
    segments: dict[tuple[int, int], float]
    last: list[int]


def lead_through_lanes(layers: Sequence[int], edges: Sequence[Edge], depth: Sequence[int]) -> Lanes:
    """Cut every edge into segments; all edges from one box share their lanes as far as they go together.

    So there are no more lanes than boxes times layers, however many read the same parameter.
    """
    n = len(layers)
    lanes = Lanes(list(layers), [], {}, [])
    at: dict[tuple[int, int], int] = {(i, layer): i for i, layer in enumerate(layers)}
    for source, target, weight, _ in edges:
        # The longest way through the graph is the spine of the picture.
        pull = 1.5 * weight if depth[source] + 1 == depth[target] else weight
        lower, layer = target, layers[target] - 1
        while True:
            upper = at.get((source, layer))
            known = upper is not None
            if upper is None:
                upper = at[source, layer] = len(lanes.layers)
                lanes.layers.append(layer)
                lanes.owners.append(source)
            if lower == target:
                lanes.last.append(upper)
            step = (pull, pull / 2, _LANE_WEIGHT)[(upper >= n) + (lower >= n)]
            lanes.segments[upper, lower] = max(lanes.segments.get((upper, lower), 0.0), step)
            if known:
                break
            lower, layer = upper, layer - 1
    return lanes
