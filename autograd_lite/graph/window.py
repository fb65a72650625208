"""Which nodes a picture shows: all of a graph that is small enough, otherwise those nearest the outputs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .parts import GraphNode

if TYPE_CHECKING:
    from .ir import Graph

__all__ = ["PICTURE_LIMIT", "Window", "nearest_outputs"]

# Beyond this many nodes a static picture is no picture any more.
PICTURE_LIMIT = 1500


class Window(NamedTuple):
    """The nodes shown, in recorded order, and how many are not."""

    nodes: tuple[GraphNode, ...]
    hidden: int


def nearest_outputs(graph: Graph, limit: int | None) -> Window:
    """Return at most `limit` nodes: breadth first from the outputs towards the inputs, so that nothing has a gap."""
    if limit is None or len(graph) <= limit:
        return Window(graph.nodes, 0)
    shown = dict.fromkeys(graph.outputs[:limit])
    queue = deque(shown)
    while queue and len(shown) < limit:
        for node_id in graph[queue.popleft()].inputs:
            if node_id not in shown and len(shown) < limit:
                shown[node_id] = None
                queue.append(node_id)
    nodes = tuple(sorted((graph[node_id] for node_id in shown), key=lambda node: int(node.id[1:])))
    return Window(nodes, len(graph) - len(nodes))
