"""Graphs as JSON, and back: the envelope of the JSON Graph Format 2, in which the nodes are a map by id.

What the format has no entry for is in `metadata`. Nothing is lost: parameters keep their Python type, and numbers
that JSON lacks are the texts "NaN", "Infinity" and "-Infinity". `schema.json` beside this file says what is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core.messages import checked
from ...files import FORMS, Codec, number_text, one_entry, refuse
from ...ir.graph import PureGraph
from ...ir.labels import summary
from ...ir.node import ArrayDigest, GraphNode, Opaque
from ...ir.stats import Measurement

FORMAT = "autograd_lite.graph"
# To be raised when a reader of the version before would misread what is written.
SCHEMA_VERSION = 1


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
        data |= {"shape": list(map(list, node.shape)), "dtype": list(map(str, node.dtype))}
    texts = ("op", "glyph", "name", "value", "scope", "of", "toward")
    data.update({name: getattr(node, name) for name in texts if getattr(node, name)})
    if node.params:
        data["params"] = [{"name": p.name, "text": p.text, "value": VALUES.write(p.value)} for p in node.params]
    if node.weak:
        data["weak"] = True
    if node.needs:
        data["needs"] = list(node.needs)
    if node.flops:
        data["flops"] = node.flops
    if node.backward:
        data["role"] = str(node.role)
    if node.source and sources:
        data["source"] = node.source._asdict()
    for name, stats in (("values", measured.values), ("gradient", measured.gradient)):
        if stats is not None:
            data[name] = {key: x if isinstance(x, int) else number_text(x) for key, x in stats._asdict().items()}
    if measured.seconds is not None:
        data["seconds"] = number_text(measured.seconds)
    return {"label": node.name or node.op or node.value or str(node.kind), "metadata": data}


def _survives(dtype: np.dtype[Any]) -> bool:
    try:
        return np.dtype(str(dtype)) == dtype
    except TypeError:  # a structured one
        return False


def _digest(codec: Codec, data: Any) -> ArrayDigest:
    shape, dtype, digest = (data[name] for name in ArrayDigest._fields)
    texts = isinstance(dtype, str) and isinstance(digest, str)
    if len(data) != 3 or not texts or not isinstance(shape, list) or not all(map(is_count, shape)):
        refuse("the shape, dtype and digest of an array", data)
    return ArrayDigest(tuple(shape), dtype, digest)


def is_count(x: Any) -> bool:
    """Return whether a value from outside is a count that NumPy can hold."""
    return type(x) is int and 0 <= x < 2**63


# The values of parameters.
VALUES = Codec(
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
    lambda x, where: {"opaque": str(x)},
    ("int", "float", "tuple", "dict", "slice", "complex", "ellipsis"),
)
