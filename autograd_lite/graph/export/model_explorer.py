"""Graphs as Model Explorer reads them: modules as layers that open, gradients and saved values as edge overlays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...ir.graph_node import GraphNode
from ...ir.listing import duration, number, place
from ...ir.node_labels import clip, count_of, result_text, summary, type_text, visible
from ...ir.pure_graph import PureGraph
from ..pictures.describe import BACKWARD
from ..pictures.folding.plan import homes_of
from ..pictures.style import THEMES

_ID = "autograd_lite"
# The layer of a whole backward pass.
_BACKWARD = "backward pass"
_CLIP = 60


def model_explorer_text(graph: PureGraph, *, indent: int | None = None) -> str:
    """Return a collection of one graph, in Model Explorer's JSON."""
    homes, results = homes_of(graph.nodes).own, graph.results_of_calls
    picture: dict[str, Any] = {
        "id": _ID,
        "nodes": [_node(graph, n, homes[n.id], results.get(n.id, ())) for n in graph if n.result is None],
        "groupNodeAttributes": {"": {"graph": summary(graph)}},
    }
    overlays = [overlay for overlay in (_gradients(graph), _saved_values(graph)) if overlay["edges"]]
    if overlays:
        data = {"type": "edge_overlays", "name": "the backward pass", "overlays": overlays}
        picture["tasksData"] = {"edgeOverlaysDataListLeftPane": [data]}
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps({"label": _ID, "graphs": [picture]}, indent=indent, separators=separators, allow_nan=False)


# ---- nodes ----------------------------------------------------------------------------------------------------------


def _node(graph: PureGraph, node: GraphNode, home: tuple[str, ...], results: Sequence[GraphNode]) -> dict[str, Any]:
    # A slash separates layers, so a module's name must not contain one.
    layers = [_BACKWARD, *(name.removesuffix(BACKWARD) for name in home)] if node.backward else list(home)
    label = f"{node.name} = {node.op}" if node.name and node.op else node.op or node.name or node.value
    return {
        "id": node.id,
        "label": visible(clip(label, _CLIP)) or str(node.kind),
        "namespace": "/".join(visible(layer).replace("/", "∕") or "_" for layer in layers),
        "attrs": [{"key": key, "value": value} for key, value in _attributes(graph, node, results)],
        "incomingEdges": [
            {
                "sourceNodeId": graph.call_of(graph[source]).id,
                "sourceNodeOutputId": str(graph[source].result or 0),
                "targetNodeInputId": str(i),
            }
            for i, source in enumerate(node.inputs)
        ],
        "outputsMetadata": list(_outputs(node, results)),
    }


def _outputs(node: GraphNode, results: Sequence[GraphNode]) -> Iterator[dict[str, Any]]:
    """Yield what a node gives: of a call, each of its results."""
    names = {part.result or 0: part.name for part in (results if node.has_several else [node])}
    for i, (shape, dtype) in enumerate(node.kinds):
        attrs = [{"key": "tensor_shape", "value": f"{dtype}[{','.join(map(str, shape))}]"}]
        attrs += [{"key": "name", "value": visible(names[i])}] if names.get(i) else []
        yield {"id": str(i), "attrs": attrs}


def _attributes(graph: PureGraph, node: GraphNode, results: Sequence[GraphNode]) -> Iterator[tuple[str, Any]]:
    yield "kind", str(node.kind)
    yield "type", type_text(node)
    if node.name:
        yield "name", visible(node.name)
    if node.value:
        yield "value", visible(node.value)
    for param in node.params:
        yield visible(param.name), visible(param.text)
    if node.nbytes:
        yield "bytes", f"{node.nbytes:,}"
    if node.flops:
        yield "FLOP", f"{node.flops:,}"
    if node.scope:
        yield "module", visible(node.scope)
    if node.source:
        yield "line", place(node)
    if node.backward:
        yield "role", str(node.role)
        related = [graph.call_of(graph[i]).id for i in (node.of, node.toward) if i in graph]
        yield "belongs to", {"type": "node_ids", "nodeIds": list(dict.fromkeys(related))}
    for part in (node, *results):
        which = "" if part.result is None else f" {result_text(node.op, part.result)}"
        yield from ((name + which, text) for name, text in _measurements(graph, part))
    seconds = graph.measurement(node.id).seconds
    if seconds is not None:
        yield "time", duration(seconds)


def _measurements(graph: PureGraph, node: GraphNode) -> Iterator[tuple[str, str]]:
    if node.id in graph.outputs:
        yield "output", str(graph.outputs.index(node.id))
    measured = graph.measurement(node.id)
    for name, stats in (("values", measured.values), ("cotangent", measured.gradient)):
        if stats:
            yield name, f"{number(stats.low)} to {number(stats.high)}, norm {number(stats.norm)}"
            if not stats.finite:
                yield f"{name} that are not finite", f"{stats.nans:,} NaN, {stats.infs:,} infinite"


# ---- edges ----------------------------------------------------------------------------------------------------------


def _gradients(graph: PureGraph) -> dict[str, Any]:
    """Return the chain rule as edges against the forward ones, from an operation to the inputs that get gradients."""
    edges = [
        {
            "sourceNodeId": flow.op,
            "targetNodeId": graph.call_of(graph[flow.into]).id,
            "label": f"{flow.contribution} {type_text(graph[flow.into])}",
        }
        for flow in graph.flows
        if flow.op in graph and flow.into in graph
    ]
    return {"name": "gradients", "edgeColor": THEMES["light"].gradient, "edgeWidth": 2, "edges": edges}


def _saved_values(graph: PureGraph) -> dict[str, Any]:
    """Return, for every value that the backward pass reads, edges to those who read it."""
    edges = [
        {
            "sourceNodeId": graph.call_of(graph[i]).id,
            "targetNodeId": node.id,
            "label": count_of(graph[i].nbytes, "byte"),
        }
        for node in graph
        if node.backward and node.result is None
        for i in dict.fromkeys(node.inputs)
        if not graph.call_of(graph[i]).backward
    ]
    return {"name": "saved values", "edgeColor": THEMES["light"].quiet, "edgeWidth": 1, "edges": edges}
