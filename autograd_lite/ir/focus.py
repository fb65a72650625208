"""Parts of a graph: what is near a node, between two, before or after one. A part is a Graph, with the same ids.

An operation that is cut off stands in the part as an input, with its id, shape and dtype, called "… matmul"; slots
that operations of the part read come along whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from .node import GraphNode, Kind

if TYPE_CHECKING:
    from .graph import Graph


def around(graph: Graph, node: str | GraphNode, radius: int) -> Graph:
    """Return what is at most so many edges away from a node, whichever way they point."""
    if radius < 0:
        raise ValueError(f"around: expected radius >= 0; received {radius}")
    center = found_node(graph, node, "around")
    readers = _readers(graph)
    kept = {center: 0}
    queue = deque(kept)
    while queue:
        i = queue.popleft()
        if kept[i] < radius:
            for near in (*graph[i].inputs, *readers.get(i, ())):
                if near not in kept:
                    kept[near] = kept[i] + 1
                    queue.append(near)
    return _part(graph, kept)


def between(graph: Graph, a: str | GraphNode, b: str | GraphNode) -> Graph:
    """Return what lies on the ways from one node to another."""
    start, end = found_node(graph, a, "between"), found_node(graph, b, "between")
    kept = _after(graph, start) & _before(graph, end) or _after(graph, end) & _before(graph, start)
    if not kept:
        raise ValueError(
            f"between: expected two nodes of which one depends on the other; received {start} and {end}. "
            "Take ancestors(…) of both to see what they share"
        )
    return _part(graph, kept)


def ancestors(graph: Graph, node: str | GraphNode) -> Graph:
    """Return a node and all that it depends on."""
    i = found_node(graph, node, "ancestors")
    return _part(graph, _before(graph, i))


def descendants(graph: Graph, node: str | GraphNode) -> Graph:
    """Return a node and all that depends on it."""
    i = found_node(graph, node, "descendants")
    return _part(graph, _after(graph, i))


def found_node(graph: Graph, node: str | GraphNode, what: str) -> str:
    """Return the id of a node that is given by its id, its name, or the name of its op if no other has the same.

    Raises:
        ValueError: if there is no such node, or several.
    """
    asked = node.id if isinstance(node, GraphNode) else node
    if asked in graph:
        return asked
    same = [n.id for n in graph if n.name == asked] or [n.id for n in graph if n.op == asked] if asked else []
    if len(same) == 1:
        return same[0]
    expected = (
        f"{what}: expected the id of a node ('{graph.nodes[0].id}' to '{graph.nodes[-1].id}'), its name or its op"
    )
    if same:
        some = ", ".join(same[:8]) + (", …" if len(same) > 8 else "")
        raise ValueError(
            f"{expected}; received {asked!r}, which {len(same)} nodes have: {some}. Name one of them by id"
        )
    raise ValueError(f"{expected}; received {asked!r}, which none has")


# ---- what depends on what -------------------------------------------------------------------------------------------


def _readers(graph: Graph) -> dict[str, list[str]]:
    readers: dict[str, list[str]] = {}
    for node in graph:
        for source in dict.fromkeys(node.inputs):
            readers.setdefault(source, []).append(node.id)
    return readers


def _before(graph: Graph, i: str) -> set[str]:
    found, stack = {i}, [i]
    while stack:
        for source in graph[stack.pop()].inputs:
            if source not in found:
                found.add(source)
                stack.append(source)
    return found


def _after(graph: Graph, i: str) -> set[str]:
    found = {i}
    for node in graph:
        if not found.isdisjoint(node.inputs):
            found.add(node.id)
    return found


def _part(graph: Graph, kept: Collection[str]) -> Graph:
    """Return the graph of these nodes. Its results are those of the whole, and what nobody here reads."""
    read: set[str] = set()
    for node in graph:
        if node.id in kept:
            read.update(node.inputs)
    nodes = []
    for node in graph:
        if node.id in kept:
            nodes.append(node)
        elif node.id in read:
            nodes.append(node if node.kind is not Kind.OP else _stub(node))
    present = {node.id for node in nodes}
    nodes = [
        replace(node, of=node.of if node.of in present else "", toward=node.toward if node.toward in present else "")
        for node in nodes
    ]
    results = dict.fromkeys(i for i in graph.outputs if i in kept)
    results.update(dict.fromkeys(node.id for node in nodes if node.id not in read))
    flows = tuple(
        flow for flow in graph.flows if present.issuperset((flow.op, flow.into, flow.contribution, flow.total))
    )
    return replace(graph, nodes=tuple(nodes), outputs=tuple(results), flows=flows)


def _stub(node: GraphNode) -> GraphNode:
    """Return an input in place of an operation."""
    stub = replace(node, kind=Kind.INPUT, op="", glyph="", inputs=(), params=(), needs=(), flops=0, scope="")
    return replace(stub, name=f"… {node.name or node.op}", seconds=None)
