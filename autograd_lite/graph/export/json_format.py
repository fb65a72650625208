"""Graphs as JSON, and back: the envelope of the JSON Graph Format 2, in which the nodes are a map by id.

What the format has no entry for is in `metadata`. Nothing is lost: parameters keep their Python type, and numbers
that JSON lacks are the texts "NaN", "Infinity" and "-Infinity". `schema.json` beside this file says what is allowed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.messages import checked
from ...ir.graph import PureGraph
from ...ir.labels import summary
from ...ir.node import ArrayDigest, GraphNode
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
    head = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "outputs": list(graph.outputs),
        "flows": [flow._asdict() for flow in graph.flows],
    }
    envelope = {
        "graph": {
            "type": FORMAT,
            "label": summary(graph),
            "directed": True,
            "metadata": head,
            "nodes": {node.id: _node(node, graph.measurement(node.id), sources) for node in graph},
            "edges": list(_edges(graph)),
        }
    }
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(envelope, indent=indent, separators=separators, allow_nan=False)


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
        data["params"] = [{"name": p.name, "text": p.text, "value": _value(p.value)} for p in node.params]
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
            data[name] = {key: _number(x) for key, x in stats._asdict().items()}
    if measured.seconds is not None:
        data["seconds"] = _number(measured.seconds)
    return {"label": node.name or node.op or node.value or str(node.kind), "metadata": data}


def _number(x: float) -> float | str:
    if isinstance(x, int) or math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _value(value: Any) -> Any:
    """Write a parameter's value: as it is where JSON has it, otherwise as an object whose one entry names the type."""
    if value is None or type(value) in (bool, str):
        return value
    if isinstance(value, str):
        return {"opaque": str(value)}
    if isinstance(value, int):
        # Readers that know only double precision would change larger ones.
        return int(value) if abs(value) < 2**53 else {"int": str(int(value))}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": _number(value)}
    if isinstance(value, complex):
        return {"complex": [_number(value.real), _number(value.imag)]}
    if isinstance(value, ArrayDigest):
        return {"array": {"shape": list(value.shape), "dtype": value.dtype, "digest": value.digest}}
    if isinstance(value, tuple):
        return {"tuple": [_value(v) for v in value]}
    if isinstance(value, slice):
        return {"slice": [_value(v) for v in (value.start, value.stop, value.step)]}
    if isinstance(value, Mapping):
        return {"dict": [[_value(k), _value(v)] for k, v in value.items()]}
    if isinstance(value, np.dtype) and _dtype_survives(value):
        return {"dtype": str(value)}
    return {"ellipsis": True} if value is Ellipsis else {"opaque": str(value)}


def _dtype_survives(dtype: np.dtype[Any]) -> bool:
    try:
        return np.dtype(str(dtype)) == dtype
    except TypeError:  # a structured one
        return False
