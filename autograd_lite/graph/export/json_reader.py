"""Reading a graph's JSON: everything is checked, so that what comes back is a graph or one error that says where."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np

from ...core.node import Source
from ...core.several import Dtypes
from ...files import Unreadable, Words, clipped, dtype_named, number_of, parsed, refuse
from ...ir.check import Inconsistent
from ...ir.graph import PureGraph
from ...ir.node import Flow, GraphNode, Kind, Param, Role
from ...ir.stats import NOT_MEASURED, Measurement, Stats
from .json_format import FORMAT, SCHEMA_VERSION, VALUES, is_count

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_LEVELS = 60
_TEXTS = ("op", "glyph", "name", "value", "scope", "of", "toward")
_REQUIRED = ("kind", "shape", "dtype")
_OPTIONAL = (*_TEXTS, "params", "weak", "needs", "flops", "role", "source", "values", "gradient", "seconds")


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
            document = parsed(text, _LEVELS, strict=True)
        except ValueError as error:
            if len(text) < 300 and isinstance(text, str) and text.lower().endswith(".json"):
                raise ValueError(
                    f"Graph.from_json: expected JSON; received what looks like a path, {clipped(text)}. Read the file "
                    f"first: Graph.from_json(Path({clipped(text)}).read_text())"
                ) from None
            refuse("JSON", Words(f"{clipped(text)} ({error})"), "the text")
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
    edges = _edges(graph["edges"])
    nodes, measurements = [], {}
    for i, entry in _map(graph["nodes"], "graph.nodes").items():
        where = f"graph.nodes.{clipped(i, 20)}"
        node, measured = _node(i, entry, edges.pop(i, {}), where)
        nodes.append(node)
        if measured != NOT_MEASURED:
            measurements[i] = measured
    if edges:
        refuse("targets among the nodes", next(iter(edges)), "graph.edges")
    nodes.sort(key=lambda node: (len(node.id), node.id))
    flows = tuple(_list(head["flows"], "flows", _flow))
    made = PureGraph(tuple(nodes), tuple(_list(head["outputs"], "outputs", _text)), flows, measurements)
    try:
        made.check()
    except Inconsistent as wrong:
        place = wrong.where if wrong.where.startswith("flows") else f"graph.nodes.{wrong.where}"
        refuse(wrong.expected, Words(wrong.received), place)
    return made


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
        refuse(f"type {FORMAT!r}, directed true and a label that is text", Words("something else"), "graph")
    return _object(head, "graph.metadata", ("format", "schema_version", "outputs", "flows"))


def _edges(entries: Any) -> dict[str, dict[int, str]]:
    """Return, for every target, its sources by position."""
    found: dict[str, dict[int, str]] = {}
    for n, entry in enumerate(_list(entries, "graph.edges", lambda e, _: e)):
        where = f"graph.edges[{n}]"
        edge = _object(entry, where, ("source", "target", "relation", "metadata"))
        if edge["relation"] != "argument":
            refuse("'argument'", edge["relation"], f"{where}.relation")
        position = _int(_object(edge["metadata"], f"{where}.metadata", ("position",))["position"], f"{where}.position")
        sources = found.setdefault(_text(edge["target"], f"{where}.target"), {})
        if position in sources:
            refuse("one edge for each argument", Words(f"a second one for argument {position}"), where)
        sources[position] = _text(edge["source"], f"{where}.source")
    return found


def _node(i: str, entry: Any, sources: Mapping[int, str], where: str) -> tuple[GraphNode, Measurement]:
    if not re.fullmatch("n(0|[1-9][0-9]*)", i):
        refuse("ids n0, n1, …", i, "graph.nodes")
    written = _object(entry, where, ("metadata",), ("label",))
    _text(written.get("label", ""), f"{where}.label")
    data = _object(written["metadata"], where, _REQUIRED, _OPTIONAL)
    if sorted(sources) != list(range(len(sources))):
        refuse("edges for arguments 0, 1, … without a gap", Words(f"positions {sorted(sources)}"), where)
    weak = data.get("weak", False)
    if type(weak) is not bool:
        refuse("true or false", weak, f"{where}.weak")

    def given(name: str, read: Callable[[Any, str], T], default: T) -> T:
        return read(data[name], f"{where}.{name}") if name in data else default

    node = GraphNode(
        i,
        _member(Kind, data["kind"], f"{where}.kind"),
        given("op", _text, ""),
        given("glyph", _text, ""),
        tuple([sources[n] for n in range(len(sources))]),
        given("params", lambda value, at: tuple(_list(value, at, _param)), ()),
        *_type(data, where),
        given("name", _text, ""),
        given("value", _text, ""),
        weak,
        given("needs", lambda value, at: tuple(_list(value, at, _int)), ()),
        given("flops", _int, 0),
        given("scope", _text, ""),
        given("role", lambda value, at: _member(Role, value, at), Role.FORWARD),
        given("of", _text, ""),
        given("toward", _text, ""),
        given("source", _source, None),
    )
    measured = (given("values", _stats, None), given("gradient", _stats, None), given("seconds", _number, None))
    return node, Measurement(*measured)


# ---- parts of a node ------------------------------------------------------------------------------------------------


def _source(value: Any, where: str) -> Source | None:
    data = _object(value, where, Source._fields)
    return Source(_text(data["file"], where), _int(data["line"], where), _text(data["function"], where))


def _flow(value: Any, where: str) -> Flow:
    data = _object(value, where, Flow._fields)
    return Flow(*[(_int if name == "argument" else _text)(data[name], f"{where}.{name}") for name in Flow._fields])  # type: ignore[arg-type]


def _stats(value: Any, where: str) -> Stats | None:
    data = _object(value, where, Stats._fields)
    counts = ("size", "zeros", "nans", "infs")
    return Stats(*[(_int if name in counts else _number)(data[name], f"{where}.{name}") for name in Stats._fields])  # type: ignore[arg-type]


def _number(value: Any, where: str) -> float | None:
    return _at(where, number_of, value)


def _at(where: str, read: Callable[[Any], T], value: Any) -> T:
    """Return what is read at a place, whose name errors get."""
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
    found = _map(value, where)
    for name in required:
        if name not in found:
            refuse(f"an entry {name!r}", Words(f"one with {clipped(', '.join(found)) if found else 'none'}"), where)
    for name in found:
        if name not in required and name not in optional:
            refuse(f"no entries but {', '.join((*required, *optional))}", name, where)
    return found


def _list(value: Any, where: str, read: Callable[[Any, str], T]) -> list[T]:
    if not isinstance(value, list):
        refuse("an array", value, where)
    return [read(item, where) for item in value]


def _text(value: Any, where: str) -> str:
    return value if isinstance(value, str) else refuse("text", value, where)


def _int(value: Any, where: str) -> int:
    return value if is_count(value) else refuse("a count", value, where)


def _member(kind: type[E], value: Any, where: str) -> E:
    if value in list(kind):
        return kind(value)
    refuse(f"one of {', '.join(kind)}", value, where)
