"""The bus: where long edges would need too many lanes, they run to the right of the whole picture instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from heapq import heappop, heappush

from .lanes import Edge

# The most lanes of a picture, and how many more per box; edges that pass fewer rows than the third never take the bus.
_LANES, _LANES_A_BOX, _LONG = 20_000, 5, 40
# Between the picture and the first line, and between lines.
_BESIDE, _STEP = 22.0, 7.0


def on_the_bus(layers: Sequence[int], edges: Sequence[Edge]) -> set[int]:
    """Return the edges without lanes: none in most pictures, the long ones where there would be too many."""
    lowest: dict[tuple[int, int], int] = {}
    for edge in edges:
        key = edge.source, edge.channel
        lowest[key] = max(lowest.get(key, 0), layers[edge.target])
    lanes = sum(low - layers[source] - 1 for (source, _), low in lowest.items())
    if lanes <= _LANES + _LANES_A_BOX * len(layers):
        return set()
    return {i for i, edge in enumerate(edges) if layers[edge.target] - layers[edge.source] > _LONG}


def bus_lines(
    layers: Sequence[int], edges: Sequence[Edge], chosen: Collection[int], right: float
) -> dict[tuple[int, int], float]:
    """Return the x of the line of each box and channel on the bus; lines one below the other share an x.

    Args:
        layers: of the boxes.
        edges: all of them.
        chosen: those on the bus.
        right: where the picture ends.
    """
    lowest: dict[tuple[int, int], int] = {}
    for i in sorted(chosen):
        key = edges[i].source, edges[i].channel
        lowest[key] = max(lowest.get(key, 0), layers[edges[i].target])
    lines: dict[tuple[int, int], float] = {}
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for source, channel in sorted(lowest, key=lambda key: (layers[key[0]], -lowest[key], key)):
        while busy and busy[0][0] < layers[source]:
            heappush(free, heappop(busy)[1])
        line = heappop(free) if free else len(busy)
        heappush(busy, (lowest[source, channel], line))
        lines[source, channel] = right + _BESIDE + _STEP * line
    return lines
