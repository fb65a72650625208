"""JSON: an exact round trip, strict parsers and a schema that accept it, and one clear error for everything else."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.core.node import Source
from autograd_lite.graph import (
    Flow,
    Graph,
    GraphNode,
    Kind,
    Measurement,
    Program,
    Role,
    Stats,
    build_graph,
    graph_schema,
)
from autograd_lite.ir.graph_node import make_param

from ..pictures.test_text import JOINT
from ..samples import SAMPLES, parameter
from ..test_faces import GOLDEN, names

SCHEMA = jsonschema.Draft202012Validator(graph_schema())


def strict(text: str) -> Any:
    """Parse as a strict parser does: without the NaN and Infinity that Python's own lets pass."""

    def never(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=never)


def everything(graph: Graph) -> str:
    """Return all there is of a graph, what equality leaves out too, as a text in which NaN is equal to itself."""
    said = [[dataclasses.astuple(node) for node in graph], graph.outputs, graph.flows, graph.measurements]
    return repr(said) + repr([[[type(p.value).__name__ for p in node.params], type(node.shape)] for node in graph])


# ---- golden files and samples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_golden(name: str) -> None:
    """To write the files anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    graph = JOINT[name] if len(JOINT[name]) < 300 else build_graph(SAMPLES[name]())  # a file that one can still read
    text = graph.to_json(indent=1, sources=False) + "\n"
    file = GOLDEN / f"{name}.json"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_bytes().decode("utf-8")
    assert Graph.from_json(file.read_bytes()) == graph


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_come_back(name: str) -> None:
    result = SAMPLES[name]()
    graph = Program.build(result, backward=bool(JOINT[name].flows)).measure(seconds=True)
    for indent in (None, 0, 2):
        text = graph.to_json(indent=indent)
        back = Graph.from_json(text)
        assert (back, hash(back)) == (graph, hash(graph))
        assert everything(back) == everything(graph)
        assert back.to_json(indent=indent) == text
    SCHEMA.validate(strict(text))
    assert "\n" not in graph.to_json()
    assert back.to_text(sources=True) == graph.to_text(sources=True)
    assert back.to_text(style="tree") == graph.to_text(style="tree")


def test_sources_can_be_left_out() -> None:
    graph = JOINT["perceptron"]
    assert "samples.py" in graph.to_json()
    without = Graph.from_json(graph.to_json(sources=False))
    assert without == graph
    assert all(node.source is None for node in without)


# ---- the round trip -------------------------------------------------------------------------------------------------

floats = st.floats(allow_nan=True, allow_infinity=True)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**80), 2**80), floats, st.complex_numbers(), names
)
plain = st.one_of(
    plain,
    st.sampled_from([..., np.dtype("float32"), np.dtype(">i2"), np.dtype("M8[ns]"), len]),
    st.builds(np.array, st.lists(st.integers(-9, 9), max_size=4)),
    st.builds(slice, *[st.one_of(st.none(), st.integers(-5, 5))] * 3),
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.integers(), inner, max_size=3)
)
counts = st.integers(0, 2**63 - 1)
stats = st.builds(Stats, counts, floats, floats, floats, floats, floats, counts, counts, counts)
sources = st.builds(Source, names, counts, names)
dtypes = st.sampled_from([np.dtype(t) for t in ("f2", "f4", "f8", "c8", "c16", "i8", "u1", "?", "O", ">f4")])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes: list[GraphNode] = []
    measurements: dict[str, Measurement] = {}
    for i in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(list(Kind)))
        op = kind is Kind.OP
        earlier = [node.id for node in nodes]
        forward = st.sampled_from(["", *(node.id for node in nodes if not node.backward)])
        inputs = tuple(draw(st.lists(st.sampled_from(earlier), max_size=3))) if op and nodes else ()
        after = any(node.backward for node in nodes if node.id in inputs)
        roles = [role for role in Role if not after or role is not Role.FORWARD]
        params = {name: draw(values) for name in draw(st.lists(names, max_size=2))} if op else {}
        nodes.append(
            GraphNode(
                f"n{i}",
                kind,
                "my " + draw(names) if op else "",
                draw(names),
                inputs,
                tuple(make_param(name, value) for name, value in params.items()),
                tuple(draw(st.lists(st.integers(0, 9), max_size=3))),
                draw(dtypes),
                draw(names),
                draw(names),
                draw(st.booleans()),
                tuple(draw(st.lists(st.sampled_from(range(len(inputs))), max_size=2, unique=True))) if inputs else (),
                draw(counts),
                draw(names),
                draw(st.sampled_from(roles if inputs else [Role.FORWARD, Role.SEED])),
                draw(forward),
                draw(forward),
                draw(st.none() | sources),
            )
        )
        measured = Measurement(draw(st.none() | stats), draw(st.none() | stats), draw(st.none() | floats))
        if any(number is not None for number in measured):
            measurements[f"n{i}"] = measured
    ids = [node.id for node in nodes]
    ends = [(n.id, i, into) for n in nodes if not n.backward for i, into in enumerate(n.inputs)]
    cotangents = [n.id for n in nodes if n.backward]
    flows: st.SearchStrategy[list[Flow]] = st.just([])
    if ends and cotangents:
        two = st.tuples(st.sampled_from(cotangents), st.sampled_from(cotangents))
        flows = st.lists(st.tuples(st.sampled_from(ends), two).map(lambda pair: Flow(*pair[0], *pair[1])), max_size=2)
    outputs = tuple(draw(st.lists(st.sampled_from(ids), max_size=2)))
    return Graph(tuple(nodes), outputs, tuple(draw(flows)), measurements)


@settings(max_examples=200)
@given(graphs(), st.sampled_from([None, 0, 1]))
def test_nothing_is_lost(graph: Graph, indent: int | None) -> None:
    text = graph.to_json(indent=indent)
    assert text.isascii()
    document = strict(text)
    SCHEMA.validate(document)
    back = Graph.from_json(text)
    assert back == graph
    assert hash(back) == hash(graph)
    assert everything(back) == everything(graph)
    assert back.to_json(indent=indent) == text


_NUMBERS = [True, 1, 1.0, -0.0, math.nan, math.inf, 1j, complex(math.nan, -math.inf), 2**53, -(2**64), np.float32(1.5)]
_SLICES = [slice(None, 3), (slice(1, None, -1), ..., None)]
_NESTED = [(), (1,), ((1,), 2), {}, {"a": (1.0,), 2: "b"}, {"complex": 1}, ("int", "5")]
_OTHERS = ["1", None, ..., np.dtype("float32"), np.arange(3), object()]


@pytest.mark.parametrize("value", [*_NUMBERS, *_SLICES, *_NESTED, *_OTHERS], ids=lambda value: type(value).__name__)
def test_a_parameter_keeps_its_type(value: Any) -> None:
    param = make_param("p", value)
    node = GraphNode("n0", Kind.OP, "op", "", (), (param,), (), np.dtype(float))
    (back,) = Graph.from_json(Graph((node,), ("n0",)).to_json())["n0"].params
    assert back == param
    assert type(back.value) is type(param.value)
    assert repr(back.value) == repr(param.value)


def test_no_number_is_too_long_for_readers_with_double_precision() -> None:
    params = tuple(make_param("p", n) for n in (2**53 - 1, 1 - 2**53, 2**53, -(2**53), 2**80))
    node = GraphNode("n0", Kind.OP, "op", "", (), params, (), np.dtype(float))
    written = strict(Graph((node,), ("n0",)).to_json())["graph"]["nodes"]["n0"]["metadata"]["params"]
    small, large = [p["value"] for p in written[:2]], [p["value"] for p in written[2:]]
    assert small == [2**53 - 1, 1 - 2**53]
    assert large == [{"int": str(n)} for n in (2**53, -(2**53), 2**80)]


def test_a_value_that_json_cannot_tell_keeps_its_text() -> None:
    param = make_param("p", np.dtype([("a", "i4")]))
    node = GraphNode("n0", Kind.OP, "op", "", (), (param,), (), np.dtype(float))
    assert Graph.from_json(Graph((node,), ("n0",)).to_json())["n0"].params == (param,)


def test_an_operation_that_nobody_knows_is_fine() -> None:
    node = GraphNode("n0", Kind.OP, "their_operation", "", (), (), (2,), np.dtype(float), name="x")
    graph = Graph((node,), ("n0",))
    assert Graph.from_json(graph.to_json()) == graph


def test_a_long_chain() -> None:
    y = parameter("x")
    for _ in range(6_000):
        y = y + 1.0
    graph = build_graph(y)
    assert Graph.from_json(graph.to_json()) == graph


# ---- what is refused ------------------------------------------------------------------------------------------------


def document() -> Any:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    with ag.record_source():
        y = (w[np.array([0, 1]), None] * 2.0).sum(axis=(0, 1))
    return json.loads(Program.build(y, backward=True).measure(seconds=True).to_json())


DOCUMENT = document()


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(child, (*path, key))


def changed(path: tuple[Any, ...], new: Any) -> Any:
    """Return the document with another value at a place; without that entry if the value is ...; with it twice."""
    if not path:
        return new
    fresh = copy.deepcopy(DOCUMENT)
    parent = fresh
    for key in path[:-1]:
        parent = parent[key]
    if new is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = new
    return fresh


PATHS = list(paths(DOCUMENT))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=400)
@given(st.sampled_from(PATHS), json_values | st.just(...) | st.sampled_from([-1, 1.0, "n0", "n99", "op", {}, [], 0]))
def test_garbage_is_an_error_and_nothing_else(path: tuple[Any, ...], new: Any) -> None:
    wrong = changed(path, new if path or new is not ... else None)
    graph, complaint = None, ""
    try:
        graph = Graph.from_json(json.dumps(wrong))
    except ValueError as error:
        complaint = str(error)
    if graph is None:
        assert len(complaint.splitlines()) == 1
        assert complaint.startswith(("Graph.from_json: expected ", "Graph: expected "))
        assert len(complaint) < 700
    else:
        assert SCHEMA.is_valid(wrong), "read, but against the schema"
        assert Graph.from_json(graph.to_json()) == graph


def test_no_entry_can_be_another_thing() -> None:
    for path in PATHS:
        for new in (None, {"what": 1}, [[]]):
            if "value" in path and "params" in path and new is None:
                continue  # None is a value of a parameter
            with pytest.raises(ValueError, match=r"^Graph\.from_json: expected .*; received "):
                Graph.from_json(json.dumps(changed(path, new)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"expected JSON at the text; received ''"),
        ("digraph {}", r"expected JSON"),
        (b"\xff\xfe\xfa", r"expected JSON"),
        ("NaN", r"expected JSON at the text; received 'NaN' \(NaN is not JSON\)"),
        ("[" * 100_000, r"expected JSON"),
        ("[]", r"expected an object at the document; received \[\]"),
        ('{"graphs": []}', r"expected an entry 'graph' at the document; received one with 'graphs'"),
        ('{"graph": {"nodes": {}}}', r"expected an entry 'type' at graph"),
        (json.dumps(changed(("graph", "metadata", "schema_version"), 2)), r"expected 1, which this version reads at"),
        (json.dumps(changed(("graph", "metadata", "schema_version"), True)), r"schema_version; received True"),
        (json.dumps(changed(("graph", "metadata", "format"), "dot")), r"expected 'autograd_lite.graph' at graph"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "kind"), "leaf")), r"one of input, parameter, con"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "shape"), [-1])), r"expected a count at graph.nodes"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "dtype"), "float33")), r"the name of a NumPy dtype"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "dtype"), "i4,f8")), r"the name of a NumPy dtype"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "more"), 1)), r"expected no entries but kind, shape"),
        (json.dumps(changed(("graph", "nodes", "n0"), ...)), r"to read earlier nodes only|called n0"),
        (json.dumps(changed(("graph", "metadata", "outputs"), ["n77"])), r"expected outputs among its nodes"),
        (json.dumps(changed(("graph", "edges", 0, "source"), "n9")), r"to read earlier nodes only"),
        (json.dumps(changed(("graph", "edges", 0, "target"), "n99")), r"expected targets among the nodes"),
        (json.dumps(changed(("graph", "edges", 0, "metadata", "position"), 1)), r"arguments 0, 1, … without a gap"),
    ],
    ids=range(21),
)
def test_what_is_wrong_is_said(text: str | bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Graph.from_json(text)


def of_op(name: str, entry: str, new: Any) -> str:
    """Return the document with another entry of its first node of an op; None for an op of the backward pass."""
    nodes = DOCUMENT["graph"]["nodes"]
    node = next(i for i, n in nodes.items() if n["metadata"].get("op") == name and "role" not in n["metadata"])
    return json.dumps(changed(("graph", "nodes", node, "metadata", entry), new))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (of_op("multiply", "shape", [3]), r"what multiply makes of these arguments and parameters, \(2, 1\)"),
        (of_op("multiply", "op", "sin"), r"expected 1 arguments of sin"),
        (of_op("multiply", "params", [{"name": "axis", "text": "0", "value": 0}]), r"what multiply makes of these"),
        (of_op("multiply", "needs", [0, 2]), r"positions of its arguments, each once"),
        (of_op("multiply", "needs", [0, 0]), r"positions of its arguments, each once"),
        (of_op("multiply", "flops", 2**70), r"expected a count"),
        (of_op("multiply", "of", "n99"), r"a node of the forward pass"),
        (of_op("getitem", "role", "rule"), r"that the forward pass reads nothing of the backward pass"),
        (of_op("multiply", "kind", "input"), r"no op, edges and parameters of input"),
        (json.dumps(changed(("graph", "metadata", "flows", 0, "total"), "x")), r"expected nodes of the graph at flows"),
        (json.dumps(changed(("graph", "metadata", "flows", 0, "argument"), 7)), r"and one of its arguments"),
        (json.dumps(changed(("graph", "metadata", "flows", 0, "op"), "n0")), r"an operation of the forward pass"),
        (json.dumps(changed(("graph", "metadata", "flows", 0, "contribution"), "n0")), r"cotangents of the backward"),
        (json.dumps(changed(("graph", "nodes", "n0", "metadata", "shape"), [2**62, 2**62])), r"that an array can have"),
        (json.dumps(DOCUMENT).replace('"flows": [', '"flows": [' + "[" * 70 + "]" * 70 + ","), r"at most 60 levels"),
    ],
    ids=range(15),
)
def test_what_no_computation_can_have_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Graph.from_json(text)


@pytest.mark.parametrize("wrong", [None, 3, {"graph": {}}, Path("o.json")])
def test_what_is_no_text_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="Graph.from_json: expected text, as Graph.to_json wrote it; received"):
        Graph.from_json(wrong)


def test_a_path_is_told_from_text() -> None:
    with pytest.raises(ValueError, match="received what looks like a path, 'o.json'. Read the file first"):
        Graph.from_json("o.json")


def test_the_document_of_these_tests_is_right() -> None:
    graph = Graph.from_json(json.dumps(DOCUMENT))
    assert graph.flows
    assert any(node.params for node in graph)
    SCHEMA.validate(DOCUMENT)


# ---- the schemas ----------------------------------------------------------------------------------------------------

# The JSON Graph Format, version 2: what a graph, a node and an edge may have. No more than its specification says.
_TEXT, _MAP = {"type": "string"}, {"type": "object"}
JSON_GRAPH_FORMAT = {
    "type": "object",
    "required": ["graph"],
    "additionalProperties": False,
    "properties": {
        "graph": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                **dict.fromkeys(("id", "label", "type"), _TEXT),
                "directed": {"type": "boolean"},
                "metadata": _MAP,
                "nodes": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"label": _TEXT, "metadata": _MAP},
                    },
                },
                "edges": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["source", "target"],
                        "additionalProperties": False,
                        "properties": {
                            **dict.fromkeys(("id", "source", "target", "relation", "label"), _TEXT),
                            "directed": {"type": "boolean"},
                            "metadata": _MAP,
                        },
                    },
                },
            },
        }
    },
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_envelope_is_the_json_graph_format(name: str) -> None:
    written = strict(JOINT[name].to_json())
    jsonschema.validate(written, JSON_GRAPH_FORMAT)
    edges = [(edge["source"], edge["target"]) for edge in written["graph"]["edges"]]
    assert edges == [(source, node.id) for node in JOINT[name] for source in node.inputs]


def test_the_schema_is_one_and_describes_what_it_allows() -> None:
    schema = graph_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    node = schema["$defs"]["node"]["properties"]
    assert node["kind"]["enum"] == [str(kind) for kind in Kind]
    assert node["role"]["enum"] == [str(role) for role in Role]
    assert schema["$defs"]["stats"]["required"] == list(Stats._fields)
    fields = {field.name for field in dataclasses.fields(GraphNode)} - {"id", "inputs"}
    assert set(node) == fields | set(Measurement._fields)
    graph_schema()["title"] = "changed"
    assert graph_schema()["title"] == schema["title"]
