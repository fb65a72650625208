"""Graphs as JSON, and back: the envelope of the JSON Graph Format 2, in which the nodes are a map by id.

What the format has no entry for is in `metadata`. Nothing is lost: parameters keep their Python type, and numbers
that JSON lacks are the texts "NaN", "Infinity" and "-Infinity". `schema.json` beside this file is its schema.
All of it is checked where it is read, so that what comes back is a graph or one error that says where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

import numpy as np

from ...core.messages import checked
from ...core.multi_result import Dtypes
from ...core.node import Source
from ...files import (
    FORMS,
    Codec,
    PlainText,
    Unreadable,
    clip_text,
    dtype_named,
    number_of,
    number_text,
    one_entry,
    parse_json,
    refuse,
)
from ...ir.graph_check import Inconsistent
from ...ir.graph_node import ArrayDigest, Flow, GraphNode, Kind, Opaque, Param, Role
from ...ir.node_labels import summary
from ...ir.pure_graph import PureGraph
from ...ir.stats import NOT_MEASURED, Measurement, Stats

T = TypeVar("T")
Read = Callable[[Any, str], Any]  # of a value from outside and its place

FORMAT = "autograd_lite.graph"
# To be raised when a reader of the version before would misread a file.
SCHEMA_VERSION = 1
_LEVELS = 60


@checked
def graph_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what `Graph.to_json` writes.

    Example:
        >>> graph_schema()["title"]
        'A graph of autograd_lite'
    """
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


# ---- writing --------------------------------------------------------------------------------------------------------


def json_text(graph: PureGraph, *, indent: int | None = None, sources: bool = True) -> str:
    """Return a graph as JSON; ASCII, so that no encoding can hurt it."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(document_of(graph, sources), indent=indent, separators=separators, allow_nan=False)


def document_of(graph: PureGraph, sources: bool = True) -> dict[str, Any]:
    """Return what the JSON of a graph says."""
    head = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "outputs": list(graph.outputs),
        "flows": [flow._asdict() for flow in graph.flows],
    }
    return {
        "graph": {
            "type": FORMAT,
            "label": summary(graph),
            "directed": True,
            "metadata": head,
            "nodes": {node.id: _node(node, graph.measurement(node.id), sources) for node in graph},
            "edges": list(_edges(graph)),
        }
    }


def _edges(graph: PureGraph) -> Iterator[dict[str, Any]]:
    for node in graph:
        for i, source in enumerate(node.inputs):
            yield {"source": source, "target": node.id, "relation": "argument", "metadata": {"position": i}}


def _node(node: GraphNode, measured: Measurement, sources: bool) -> dict[str, Any]:
    """Write a node; what has its default value is left out."""
    data: dict[str, Any] = {"kind": str(node.kind), "shape": list(node.shape), "dtype": str(node.dtype)}
    if node.has_several:
        shapes, dtypes = zip(*node.kinds, strict=True)
        data |= {"shape": list(map(list, shapes)), "dtype": list(map(str, dtypes))}
    for owner, entries in ((node, _ENTRIES), (measured, _MEASURED)):
        for name, entry in entries.items():
            value = getattr(owner, name)
            if value != entry.default and (sources or name != "source"):
                data[name] = entry.write(value)
    return {"label": node.name or node.op or node.value or str(node.kind), "metadata": data}


# ---- reading ---------------------------------------------------------------------------------------------------------


def graph_from_json(text: str | bytes) -> PureGraph:
    """Return the graph of a text that `Graph.to_json` wrote.

    Raises:
        TypeError: if the argument is not text.
        ValueError: if the text is not what `Graph.to_json` writes.
    """
    if not isinstance(text, (str, bytes, bytearray)):
        raise TypeError(
            f"Graph.from_json: expected text, as Graph.to_json wrote it; received {type(text).__name__}. Of a file, "
            "read it first: Graph.from_json(Path(path).read_text())"
        )
    try:
        try:
            document = parse_json(text, _LEVELS, strict=True)
        except ValueError as error:
            if len(text) < 300 and isinstance(text, str) and text.lower().endswith(".json"):
                raise ValueError(
                    f"Graph.from_json: expected JSON; received what looks like a path, {clip_text(text)}. Read the "
                    f"file first: Graph.from_json(Path({clip_text(text)}).read_text())"
                ) from None
            refuse("JSON", PlainText(f"{clip_text(text)} ({error})"), "the text")
        return graph_of(document)
    except Unreadable as error:
        raise ValueError(f"Graph.from_json: {error}. Read what Graph.to_json wrote") from None


def graph_of(document: Any) -> PureGraph:
    """Return the graph of what the JSON of one says.

    Raises:
        Unreadable: if it says something else.
    """
    graph = _object(_object(document, "the document", ("graph",))["graph"], "graph", _GRAPH, ("label",))
    head = _head(graph)
    edges = _sources(graph["edges"])
    nodes, measurements = [], {}
    for i, entry in _map(graph["nodes"], "graph.nodes").items():
        where = f"graph.nodes.{clip_text(i, 20)}"
        node, measured = _read_node(i, entry, edges.pop(i, {}), where)
        nodes.append(node)
        if measured != NOT_MEASURED:
            measurements[i] = measured
    if edges:
        refuse("targets among the nodes", next(iter(edges)), "graph.edges")
    nodes.sort(key=lambda node: (len(node.id), node.id))
    flows = tuple(_list(head["flows"], "flows", _FLOW))
    result = PureGraph(tuple(nodes), tuple(_list(head["outputs"], "outputs", _text)), flows, measurements)
    try:
        result.check()
    except Inconsistent as wrong:
        place = wrong.where if wrong.where.startswith("flows") else f"graph.nodes.{wrong.where}"
        refuse(wrong.expected, PlainText(wrong.received), place)
    return result


_GRAPH = ("type", "directed", "metadata", "nodes", "edges")


def _head(graph: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of the graph, whose version comes first: nothing else is worth a complaint before."""
    head = _map(graph["metadata"], "graph.metadata")
    if head.get("format") != FORMAT:
        refuse(repr(FORMAT), head.get("format"), "graph.metadata.format")
    version = head.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        refuse(f"{SCHEMA_VERSION}, which this version reads", version, "graph.metadata.schema_version")
    if graph["type"] != FORMAT or graph["directed"] is not True or not isinstance(graph.get("label", ""), str):
        refuse(f"type {FORMAT!r}, directed true and a label that is text", PlainText("something else"), "graph")
    return _object(head, "graph.metadata", ("format", "schema_version", "outputs", "flows"))


def _sources(entries: Any) -> dict[str, dict[int, str]]:
    """Return, for every target, its sources by position."""
    by_target: dict[str, dict[int, str]] = {}
    for n, entry in enumerate(_list(entries, "graph.edges", lambda e, _: e)):
        where = f"graph.edges[{n}]"
        edge = _object(entry, where, ("source", "target", "relation", "metadata"))
        if edge["relation"] != "argument":
            refuse("'argument'", edge["relation"], f"{where}.relation")
        position = _int(_object(edge["metadata"], f"{where}.metadata", ("position",))["position"], f"{where}.position")
        sources = by_target.setdefault(_text(edge["target"], f"{where}.target"), {})
        if position in sources:
            refuse("one edge for each argument", PlainText(f"a second one for argument {position}"), where)
        sources[position] = _text(edge["source"], f"{where}.source")
    return by_target


def _read_node(i: str, entry: Any, sources: Mapping[int, str], where: str) -> tuple[GraphNode, Measurement]:
    if not re.fullmatch("n(0|[1-9][0-9]*)", i):
        refuse("ids n0, n1, …", i, "graph.nodes")
    written = _object(entry, where, ("metadata",), ("label",))
    _text(written.get("label", ""), f"{where}.label")
    data = _object(written["metadata"], where, ("kind", "shape", "dtype"), (*_ENTRIES, *_MEASURED))
    if sorted(sources) != list(range(len(sources))):
        refuse("edges for arguments 0, 1, … without a gap", PlainText(f"positions {sorted(sources)}"), where)

    def read(entries: Mapping[str, _Entry]) -> dict[str, Any]:
        return {
            name: entry.read(data[name], f"{where}.{name}") if name in data else entry.default
            for name, entry in entries.items()
        }

    kind = _member(Kind)(data["kind"], f"{where}.kind")
    shape, dtype = _type(data, where)
    inputs = tuple([sources[n] for n in range(len(sources))])
    return GraphNode(i, kind, inputs=inputs, shape=shape, dtype=dtype, **read(_ENTRIES)), Measurement(**read(_MEASURED))


def _number(value: Any, where: str) -> float | None:
    return _at(where, number_of, value)


def _at(where: str, read: Callable[[Any], T], value: Any) -> T:
    """Read a value at a place, which errors name."""
    try:
        return read(value)
    except Unreadable as error:
        raise Unreadable(error.expected, error.received, where) from None


def _type(data: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    """Return shape and dtype, or those of several results."""
    if not isinstance(data["dtype"], list):
        return _shape(data["shape"], f"{where}.shape"), _dtype(data["dtype"], f"{where}.dtype")
    shapes, dtypes = _list(data["shape"], f"{where}.shape", _shape), _list(data["dtype"], f"{where}.dtype", _dtype)
    if len(shapes) != len(dtypes) or not shapes:
        refuse(f"{max(len(dtypes), 1)} shapes, one for each dtype", len(shapes), f"{where}.shape")
    return tuple(shapes), Dtypes(dtypes)


def _dtype(value: Any, where: str) -> np.dtype[Any]:
    return _at(where, dtype_named, value)


def _shape(value: Any, where: str) -> tuple[int, ...]:
    return tuple(_list(value, where, _int))


def _param(value: Any, where: str) -> Param:
    data = _object(value, where, ("name", "text", "value"))
    return Param(_text(data["name"], where), _text(data["text"], where), _at(where, VALUES.read, data["value"]))


# ---- checks ---------------------------------------------------------------------------------------------------------


def _map(value: Any, where: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else refuse("an object", value, where)


def _object(value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    entries = _map(value, where)
    for name in required:
        if name not in entries:
            names = clip_text(", ".join(entries)) if entries else "none"
            refuse(f"an entry {name!r}", PlainText(f"one with {names}"), where)
    for name in entries:
        if name not in required and name not in optional:
            refuse(f"no entries but {', '.join((*required, *optional))}", name, where)
    return entries


def _list(value: Any, where: str, read: Callable[[Any, str], T]) -> list[T]:
    if not isinstance(value, list):
        refuse("an array", value, where)
    return [read(item, where) for item in value]


def _text(value: Any, where: str) -> str:
    return value if isinstance(value, str) else refuse("text", value, where)


def _int(value: Any, where: str) -> int:
    return value if _is_count(value) else refuse("a count", value, where)


def _truth(value: Any, where: str) -> bool:
    return value if type(value) is bool else refuse("true or false", value, where)


def _member(kind: type[StrEnum]) -> Read:
    def read(value: Any, where: str) -> StrEnum:
        return kind(value) if value in list(kind) else refuse(f"one of {', '.join(kind)}", value, where)

    return read


def _fields(kind: type[Any]) -> Read:
    """Return what reads a tuple with names, each of whose fields is a text, a count or a number."""
    of: dict[type, Read] = {str: _text, int: _int, float: _number}
    readers = {name: of[hint] for name, hint in get_type_hints(kind).items()}

    def read(value: Any, where: str) -> Any:
        data = _object(value, where, kind._fields)
        return kind(*[reader(data[name], f"{where}.{name}") for name, reader in readers.items()])

    return read


class _Entry(NamedTuple):
    """An entry of a node: its default, and how it is read and written."""

    default: Any
    read: Read
    write: Callable[[Any], Any] = lambda value: value


def _stats(stats: Stats) -> dict[str, Any]:
    return {key: x if isinstance(x, int) else number_text(x) for key, x in stats._asdict().items()}


_FLOW = _fields(Flow)
_ENTRIES = {
    **dict.fromkeys(("op", "glyph", "name", "value", "scope", "of", "toward"), _Entry("", _text)),
    "params": _Entry(
        (),
        lambda value, where: tuple(_list(value, where, _param)),
        lambda params: [{"name": p.name, "text": p.text, "value": VALUES.write(p.value)} for p in params],
    ),
    "weak": _Entry(False, _truth),
    "needs": _Entry((), _shape, list),
    "flops": _Entry(0, _int),
    "role": _Entry(Role.FORWARD, _member(Role), str),
    "source": _Entry(None, _fields(Source), Source._asdict),
}
_MEASURED = {
    **dict.fromkeys(("values", "gradient"), _Entry(None, _fields(Stats), _stats)),
    "seconds": _Entry(None, _number, number_text),
}


def _survives(dtype: np.dtype[Any]) -> bool:
    try:
        return np.dtype(str(dtype)) == dtype
    except TypeError:  # a structured one
        return False


def _digest(codec: Codec, data: Any) -> ArrayDigest:
    shape, dtype, digest = (data[name] for name in ArrayDigest._fields)
    texts = isinstance(dtype, str) and isinstance(digest, str)
    if len(data) != 3 or not texts or not isinstance(shape, list) or not all(map(_is_count, shape)):
        refuse("the shape, dtype and digest of an array", data)
    return ArrayDigest(tuple(shape), dtype, digest)


def _is_count(x: Any) -> bool:
    """Return whether a value from outside is a count that NumPy can hold."""
    return type(x) is int and 0 <= x < 2**63


# The values of parameters.
VALUES: Codec = Codec(
    {
        "opaque": one_entry(
            "opaque",
            str,
            lambda codec, x, where: str(x),
            lambda codec, x: Opaque(x) if isinstance(x, str) else refuse("text", x),
        ),
        "array": one_entry(
            "array", ArrayDigest, lambda codec, x, where: {**x._asdict(), "shape": list(x.shape)}, _digest
        ),
        "dtype": FORMS["dtype"]._replace(
            write=lambda codec, x, where: {"dtype" if _survives(x) else "opaque": str(x)},
        ),
    },
    lambda codec, x, where: {"opaque": str(x)},
    ("int", "float", "tuple", "dict", "slice", "complex", "ellipsis"),
)
