"""Reading a graph's JSON: everything is checked, so that what comes back is a graph or one error that says where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import numpy as np

from ...core.node import Source
from ...core.several import Dtypes
from ...ir.check import Inconsistent
from ...ir.graph import PureGraph
from ...ir.node import ArrayDigest, Flow, GraphNode, Kind, Opaque, Param, Role
from ...ir.stats import NOT_MEASURED, Measurement, Stats
from .json_format import FORMAT, SCHEMA_VERSION

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_UNREAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
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
        document = json.loads(text, parse_constant=_no_constant)
        _check_depth(document)
    except (ValueError, RecursionError) as error:
        if len(text) < 300 and isinstance(text, str) and text.lower().endswith(".json"):
            raise ValueError(
                f"Graph.from_json: expected JSON; received what looks like a path, {_clipped(text)}. Read the file "
                f"first: Graph.from_json(Path({_clipped(text)}).read_text())"
            ) from None
        _refuse("the text", "JSON", f"{_clipped(text)} ({error})")
    graph = _object(_object(document, "the document", ("graph",))["graph"], "graph", _GRAPH, ("label",))
    head = _head(graph)
    edges = _edges(graph["edges"])
    nodes, measurements = [], {}
    for i, entry in _map(graph["nodes"], "graph.nodes").items():
        where = f"graph.nodes.{_clipped(i, 20)}"
        node, measured = _node(i, entry, edges.pop(i, {}), where)
        nodes.append(node)
        if measured != NOT_MEASURED:
            measurements[i] = measured
    if edges:
        _refuse("graph.edges", "targets among the nodes", repr(next(iter(edges))))
    nodes.sort(key=lambda node: (len(node.id), node.id))
    flows = tuple(_list(head["flows"], "flows", _flow))
    made = PureGraph(tuple(nodes), tuple(_list(head["outputs"], "outputs", _text)), flows, measurements)
    try:
        made.check()
    except Inconsistent as wrong:
        place = wrong.where if wrong.where.startswith("flows") else f"graph.nodes.{wrong.where}"
        _refuse(place, wrong.expected, wrong.received)
    return made


_GRAPH = ("type", "directed", "metadata", "nodes", "edges")


def _head(graph: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of the graph, whose version comes first: nothing else is worth a complaint before."""
    head = _map(graph["metadata"], "graph.metadata")
    if head.get("format") != FORMAT:
        _refuse("graph.metadata.format", repr(FORMAT), _clipped(head.get("format")))
    version = head.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        _refuse("graph.metadata.schema_version", f"{SCHEMA_VERSION}, which this version reads", _clipped(version))
    if graph["type"] != FORMAT or graph["directed"] is not True or not isinstance(graph.get("label", ""), str):
        _refuse("graph", f"type {FORMAT!r}, directed true and a label that is text", "something else")
    return _object(head, "graph.metadata", ("format", "schema_version", "outputs", "flows"))


def _edges(entries: Any) -> dict[str, dict[int, str]]:
    """Return, for every target, its sources by position."""
    found: dict[str, dict[int, str]] = {}
    for n, entry in enumerate(_list(entries, "graph.edges", lambda e, _: e)):
        where = f"graph.edges[{n}]"
        edge = _object(entry, where, ("source", "target", "relation", "metadata"))
        if edge["relation"] != "argument":
            _refuse(f"{where}.relation", "'argument'", _clipped(edge["relation"]))
        position = _int(_object(edge["metadata"], f"{where}.metadata", ("position",))["position"], f"{where}.position")
        sources = found.setdefault(_text(edge["target"], f"{where}.target"), {})
        if position in sources:
            _refuse(where, "one edge for each argument", f"a second one for argument {position}")
        sources[position] = _text(edge["source"], f"{where}.source")
    return found


def _node(i: str, entry: Any, sources: Mapping[int, str], where: str) -> tuple[GraphNode, Measurement]:
    if not re.fullmatch("n(0|[1-9][0-9]*)", i):
        _refuse("graph.nodes", "ids n0, n1, …", _clipped(i))
    written = _object(entry, where, ("metadata",), ("label",))
    _text(written.get("label", ""), f"{where}.label")
    data = _object(written["metadata"], where, _REQUIRED, _OPTIONAL)
    if sorted(sources) != list(range(len(sources))):
        _refuse(where, "edges for arguments 0, 1, … without a gap", f"positions {sorted(sources)}")
    weak = data.get("weak", False)
    if type(weak) is not bool:
        _refuse(f"{where}.weak", "true or false", _clipped(weak))

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
    if type(value) in (int, float):
        return float(value)
    if isinstance(value, str) and value in _UNREAL:
        return _UNREAL[value]
    _refuse(where, 'a number, "NaN", "Infinity" or "-Infinity"', _clipped(value))


def _dtype(value: Any, where: str) -> np.dtype[Any]:
    try:
        # Only names: NumPy reads much more than that as a dtype.
        if isinstance(value, str) and re.fullmatch(r"[<>|=]?[A-Za-z]\w*(\[\w+\])?", value):
            return np.dtype(value)
    except (TypeError, ValueError):
        pass
    _refuse(where, "the name of a NumPy dtype", _clipped(value))


def _type(data: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    """Return shape and dtype, or those of several results."""
    if not isinstance(data["dtype"], list):
        return _shape(data["shape"], f"{where}.shape"), _dtype(data["dtype"], f"{where}.dtype")
    shapes, dtypes = _list(data["shape"], f"{where}.shape", _shape), _list(data["dtype"], f"{where}.dtype", _dtype)
    if len(shapes) != len(dtypes) or not shapes:
        _refuse(f"{where}.shape", f"{max(len(dtypes), 1)} shapes, one for each dtype", str(len(shapes)))
    return tuple(shapes), Dtypes(dtypes)


def _shape(value: Any, where: str) -> tuple[int, ...]:
    return tuple(_list(value, where, _int))


def _param(value: Any, where: str) -> Param:
    data = _object(value, where, ("name", "text", "value"))
    return Param(_text(data["name"], where), _text(data["text"], where), _value(data["value"], where))


def _value(value: Any, where: str) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _TYPES:
        _refuse(where, f"a plain value, or an object with one of {', '.join(_TYPES)}", _clipped(value))
    ((tag, content),) = value.items()
    return _TYPES[tag](content, f"{where}.{tag}")


def _big(value: Any, where: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,4300}", _text(value, where)):
        _refuse(where, "the digits of an integer", _clipped(value))
    return int(value)


def _float(value: Any, where: str) -> float:
    if value not in _UNREAL:
        _refuse(where, " or ".join(_UNREAL), _clipped(value))
    return _UNREAL[value]


def _complex(value: Any, where: str) -> complex:
    parts = _list(value, where, _number)
    if len(parts) != 2:
        _refuse(where, "a real and an imaginary part", _clipped(value))
    return complex(*parts)  # type: ignore[arg-type]


def _slice(value: Any, where: str) -> slice:
    bounds = _list(value, where, _value)
    if len(bounds) != 3:
        _refuse(where, "start, stop and step", _clipped(value))
    return slice(*bounds)


def _dict(value: Any, where: str) -> dict[Any, Any]:
    pairs = _list(value, where, lambda pair, at: _list(pair, at, _value))
    try:
        return dict(pairs)
    except (TypeError, ValueError):
        _refuse(where, "pairs of a key and a value", _clipped(value))


def _digest(value: Any, where: str) -> ArrayDigest:
    data = _object(value, where, ArrayDigest._fields)
    return ArrayDigest(
        tuple(_list(data["shape"], where, _int)), _text(data["dtype"], where), _text(data["digest"], where)
    )


def _ellipsis(value: Any, where: str) -> Any:
    return Ellipsis if value is True else _refuse(where, "true", _clipped(value))


_TYPES: dict[str, Callable[[Any, str], Any]] = {
    "int": _big,
    "float": _float,
    "complex": _complex,
    "tuple": lambda value, where: tuple(_list(value, where, _value)),
    "slice": _slice,
    "dict": _dict,
    "array": _digest,
    "dtype": _dtype,
    "ellipsis": _ellipsis,
    "opaque": lambda value, where: Opaque(_text(value, where)),
}


# ---- checks ---------------------------------------------------------------------------------------------------------


def _map(value: Any, where: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _refuse(where, "an object", _clipped(value))


def _object(value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    found = _map(value, where)
    for name in required:
        if name not in found:
            _refuse(where, f"an entry {name!r}", f"one with {_clipped(', '.join(found)) if found else 'none'}")
    for name in found:
        if name not in required and name not in optional:
            _refuse(where, f"no entries but {', '.join((*required, *optional))}", _clipped(name))
    return found


def _list(value: Any, where: str, read: Callable[[Any, str], T]) -> list[T]:
    if not isinstance(value, list):
        _refuse(where, "an array", _clipped(value))
    return [read(item, where) for item in value]


def _text(value: Any, where: str) -> str:
    return value if isinstance(value, str) else _refuse(where, "text", _clipped(value))


def _int(value: Any, where: str) -> int:
    return value if type(value) is int and 0 <= value < 2**63 else _refuse(where, "a count", _clipped(value))


def _member(kind: type[E], value: Any, where: str) -> E:
    if value in list(kind):
        return kind(value)
    _refuse(where, f"one of {', '.join(kind)}", _clipped(value))


def _check_depth(document: Any) -> None:
    """Raise if the document is nested more deeply than the parameters of any op."""
    level = [document]
    for _ in range(_LEVELS):
        level = [part for value in level if isinstance(value, (dict, list)) for part in _parts(value)]
    if level:
        raise ValueError(f"it has more than {_LEVELS} levels")


def _parts(value: dict[str, Any] | list[Any]) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _clipped(value: Any, length: int = 60) -> str:
    text = ascii(value)
    return text if len(text) <= length else f"{text[:length]}..."


def _refuse(where: str, expected: str, received: str) -> NoReturn:
    raise ValueError(
        f"Graph.from_json: expected {expected} at {where}; received {received}. Read what Graph.to_json wrote"
    )
