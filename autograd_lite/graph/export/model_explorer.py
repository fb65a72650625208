"""Graphs as Model Explorer reads them: modules as layers that open, gradients and saved values as edge overlays.

Numbers that color the nodes go into a second file, which Model Explorer calls node data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from ...ir.graph_node import GraphNode, Kind
from ...ir.listing import duration, number, place
from ...ir.node_labels import clip, counted, result_text, summary, type_text, visible
from ...ir.pure_graph import PureGraph
from ...ir.stats import Measurement
from ..pictures.describe import BACKWARD
from ..pictures.folding.assemble import homes_of
from ..pictures.style import THEMES

NodeNumber = Literal["flops", "bytes", "seconds", "norm", "gradient"]

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
    overlays = [overlay for overlay in (_gradients(graph), _saved(graph)) if overlay["edges"]]
    if overlays:
        data = {"type": "edge_overlays", "name": "the backward pass", "overlays": overlays}
        picture["tasksData"] = {"edgeOverlaysDataListLeftPane": [data]}
    return _json({"label": _ID, "graphs": [picture]}, indent)


def node_data_text(graph: PureGraph, by: NodeNumber, *, indent: int | None = None) -> str:
    """Return a number for each node that has one, in Model Explorer's JSON of node data; colored from low to high.

    Raises:
        ValueError: if `by` is none of the numbers, or no node has one.
    """
    found = {node.id: _number(node, graph.measurement(node.id), by) for node in graph}
    for call, results in graph.results_of_calls.items():
        of_results = [x for node in results if (x := found.pop(node.id)) is not None]
        if of_results and by in ("norm", "gradient"):
            found[call] = math.hypot(*of_results)
    numbers = {i: x for i, x in found.items() if x is not None and math.isfinite(x)}
    if not numbers:
        hint = "" if by in ("flops", "bytes") else ". Measure it: Program.build(loss, backward=True).measured(…)"
        raise ValueError(f"to_model_explorer_data: expected a node with a number for {by!r}; received none{hint}")
    light = THEMES["light"]
    colors = [(0, light.page), (1, light.inks["output"].border)]
    made = {
        "results": {i: {"value": x} for i, x in numbers.items()},
        "gradient": [{"stop": stop, "bgColor": color} for stop, color in colors],
    }
    return _json({_ID: made}, indent)


def _number(node: GraphNode, measured: Measurement, by: str) -> float | None:
    if by == "flops":
        return node.flops if node.kind is Kind.OP else None
    if by == "bytes":
        return node.nbytes
    if by == "seconds":
        return measured.seconds
    if by == "norm":
        return measured.values.norm if measured.values else None
    if by == "gradient":
        return measured.gradient.norm if measured.gradient else None
    raise ValueError(f"to_model_explorer_data: expected flops, bytes, seconds, norm or gradient; received {by!r}")


def _json(value: Any, indent: int | None) -> str:
    return json.dumps(value, indent=indent, separators=(",", ":") if indent is None else (",", ": "), allow_nan=False)


# ---- nodes ----------------------------------------------------------------------------------------------------------


def _node(graph: PureGraph, node: GraphNode, home: tuple[str, ...], results: Sequence[GraphNode]) -> dict[str, Any]:
    # A slash separates layers, so a module's name must not contain one.
    layers = [_BACKWARD, *(name.removesuffix(BACKWARD) for name in home)] if node.backward else list(home)
    said = f"{node.name} = {node.op}" if node.name and node.op else node.op or node.name or node.value
    return {
        "id": node.id,
        "label": visible(clip(said, _CLIP)) or str(node.kind),
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
        yield from ((name + which, text) for name, text in _measured(graph, part))
    seconds = graph.measurement(node.id).seconds
    if seconds is not None:
        yield "time", duration(seconds)


def _measured(graph: PureGraph, node: GraphNode) -> Iterator[tuple[str, str]]:
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
    """Return the chain rule as edges against the forward ones: from every operation to what it passes a gradient to."""
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


def _saved(graph: PureGraph) -> dict[str, Any]:
    """Return, for every value that the backward pass reads, edges to those who read it."""
    edges = [
        {"sourceNodeId": graph.call_of(graph[i]).id, "targetNodeId": node.id, "label": counted(graph[i].nbytes, "byte")}
        for node in graph
        if node.backward and node.result is None
        for i in dict.fromkeys(node.inputs)
        if not graph.call_of(graph[i]).backward
    ]
    return {"name": "saved values", "edgeColor": THEMES["light"].quiet, "edgeWidth": 1, "edges": edges}
