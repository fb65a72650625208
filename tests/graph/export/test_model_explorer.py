"""Model Explorer's JSON: the fields that it declares and no others, and the edges of the graph."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given

from autograd_lite.graph import Graph, GraphNode, Kind

from ..pictures.test_text import JOINT
from ..samples import SAMPLES
from ..test_faces import names
from .test_json import strict

_TEXT = {"type": "string"}


def _record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _all(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


# What Model Explorer's `graph_builder` declares, as far as a graph of ours has it.
_IDS = _record({"type": {"const": "node_ids"}, "nodeIds": _all(_TEXT)})
_ATTRIBUTES = _all(_record({"key": _TEXT, "value": {"anyOf": [_TEXT, _IDS]}}))
_METADATA = _all(_record({"id": _TEXT}, attrs=_ATTRIBUTES))
_EDGE = _record({"sourceNodeId": _TEXT}, sourceNodeOutputId=_TEXT, targetNodeInputId=_TEXT)
_NODE = _record(
    {"id": _TEXT, "label": _TEXT, "namespace": _TEXT},
    attrs=_ATTRIBUTES,
    incomingEdges=_all(_EDGE),
    outputsMetadata=_METADATA,
)
_LINK = _record({"sourceNodeId": _TEXT, "targetNodeId": _TEXT}, label=_TEXT)
_OVERLAY = _record({"name": _TEXT, "edgeColor": _TEXT, "edges": _all(_LINK)}, edgeWidth={"type": "integer"})
_OVERLAYS = _record({"name": _TEXT, "type": {"const": "edge_overlays"}, "overlays": _all(_OVERLAY)})
_GROUPS = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _TEXT}}
_GRAPH = _record(
    {"id": _TEXT, "nodes": _all(_NODE)},
    groupNodeAttributes=_GROUPS,
    tasksData=_record({"edgeOverlaysDataListLeftPane": _all(_OVERLAYS)}),
)
COLLECTION = _record({"label": _TEXT, "graphs": _all(_GRAPH)})


def read(graph: Graph) -> dict[str, Any]:
    collection = strict(graph.to_model_explorer())
    jsonschema.validate(collection, COLLECTION)
    (picture,) = collection["graphs"]
    return picture


@pytest.mark.parametrize("name", SAMPLES)
def test_it_has_the_nodes_and_edges_of_the_graph(name: str) -> None:
    graph = JOINT[name]
    picture = read(graph)
    boxes = [node for node in graph if node.result is None]
    assert [node["id"] for node in picture["nodes"]] == [node.id for node in boxes]
    edges = [
        (edge["sourceNodeId"], int(edge["sourceNodeOutputId"]), node["id"], int(edge["targetNodeInputId"]))
        for node in picture["nodes"]
        for edge in node["incomingEdges"]
    ]
    wanted = [(graph[source], node.id, i) for node in boxes for i, source in enumerate(node.inputs)]
    assert edges == [(graph.call_of(source).id, source.result or 0, i, k) for source, i, k in wanted]
    for told, node in zip(picture["nodes"], boxes, strict=True):
        assert len(told["outputsMetadata"]) == (len(node.shape) if node.has_several else 1)
    overlays = picture.get("tasksData", {"edgeOverlaysDataListLeftPane": []})["edgeOverlaysDataListLeftPane"]
    links = {
        overlay["name"]: [(link["sourceNodeId"], link["targetNodeId"]) for link in overlay["edges"]]
        for data in overlays
        for overlay in data["overlays"]
    }
    assert links.get("gradients", []) == [(flow.op, graph.call_of(graph[flow.into]).id) for flow in graph.flows]
    assert {i for i, _ in links.get("saved values", [])} == {graph.call_of(graph[i]).id for i in graph.savers}
    assert graph.to_model_explorer(indent=1).replace("\n", "").count("n0")


def test_labels_say_what_a_node_is() -> None:
    labels = {node["id"]: node["label"] for node in read(JOINT["perceptron"])["nodes"]}
    assert [labels[i] for i in ("n0", "n1", "n2", "n15")] == ["x", "dense_1.weight", "matmul", "loss = negative"]


def test_modules_are_layers() -> None:
    layers = {node["id"]: node["namespace"] for node in read(JOINT["perceptron"])["nodes"]}
    for node in JOINT["perceptron"]:
        if node.kind is Kind.OP:
            assert layers[node.id] == "/".join(filter(None, ["backward pass" if node.backward else "", node.scope]))


@given(names, names, names)
def test_a_name_cannot_break_it(name: str, op: str, scope: str) -> None:
    dtype = np.dtype(float)
    x = GraphNode("n0", Kind.INPUT, "", "", (), (), (2,), dtype, name)
    y = GraphNode("n1", Kind.OP, op, "", ("n0",), (), (2,), dtype, name, scope=scope)
    graph = Graph((x, y), ("n1",))
    picture = read(graph)
    assert graph.to_model_explorer().isascii()
    assert picture["nodes"][1]["namespace"].count("/") == (scope.count(".") if scope else 0)
    assert all(0 < len(node["label"]) <= 60 for node in picture["nodes"])


@pytest.mark.ci
@pytest.mark.parametrize("name", SAMPLES)
def test_model_explorer_itself_reads_it(name: str) -> None:
    """Needs ai-edge-model-explorer, which only `dev.py ci` installs."""
    builder = pytest.importorskip("model_explorer.graph_builder")
    dacite = pytest.importorskip("dacite")
    config = dacite.Config(strict=True, check_types=True)
    data = json.loads(JOINT[name].to_model_explorer())
    read_back = dacite.from_dict(builder.GraphCollection, data, config)
    assert len(read_back.graphs[0].nodes) == sum(node.result is None for node in JOINT[name])
