"""The data of a page about a graph: plain data for JSON, and nothing that depends on the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ....ir.graph_node import GraphNode, Kind, number_of
from ....ir.listing import place
from ....ir.node_labels import brief_params, clip, name_of_result, op_text, result_types, summary, visible
from ....ir.pure_graph import PureGraph
from ....ir.stats import Measurement, Stats, single
from ...cost import By, cost_of
from ...explanations.words.rules import Words
from ...marks import Mark, Overlay
from ..folding.assemble import commutes
from ..style import HEATS, LOOKS
from .groups import group_nodes

# User text is truncated; a megabyte-long name helps no one.
_LONGEST = 400
# In a larger graph no one reads every formula, and they would take most of the time and a third of the file.
_WORDS = 20_000


def page_data(
    graph: PureGraph, overlays: Sequence[Overlay], explain: Any, title: str, *, formulas: bool = True
) -> dict[str, Any]:
    """Return the data of a page under short keys; empty values are left out.

    Args:
        graph: the graph.
        overlays: marks and numbers to choose from.
        explain: an explanation as plain data, or None.
        title: of the page.
        formulas: include the formulas of operations; not for two graphs in one, whose operations may read from both.
    """
    groups, homes = group_nodes(graph, overlays[0] if overlays else None)
    places: dict[str, int] = {}
    words = Words(graph)
    explained = graph.nodes if formulas and len(graph) <= _WORDS else ()
    nodes = [_node(graph, node, home, places) for node, home in zip(graph.nodes, homes, strict=True)]
    return {
        "version": 1,
        "title": _text(title),
        "summary": summary(graph.nodes),
        "outputs": [number_of(i) for i in graph.outputs],
        "nodes": nodes,
        "groups": [
            _without_empty(
                name=_text(g.name),
                parent=g.parent + 1,
                kind=g.kind,
                times=g.times if g.times > 1 else 0,
                shut=int(g.shut),
                lines=[_text(line) for line in g.lines],
            )
            for g in groups
        ],
        "places": list(places),
        "flows": [[number_of(f.op), f.argument, *map(number_of, f[2:])] for f in graph.flows],
        "looks": {name: [look.shape, look.border, look.glyph, look.legend] for name, look in LOOKS.items()},
        "heats": HEATS,
        "commutative": sorted(filter(commutes, {node.op for node in graph})),
        "overlays": [_overlay(overlay) for overlay in overlays],
        "words": {str(number_of(node.id)): words.forward(node.id) for node in explained if node.kind is Kind.OP},
        "rules": _rules(graph, words) if explained else {},
        "costs": {by: _costs(graph, by) for by in _cost_kinds(graph)},
        "explain": _plain(explain),
    }


def _rules(graph: PureGraph, words: Words) -> dict[str, dict[str, list[str]]]:
    """Return the derivative rules as text: by op and argument, the formula and remarks."""
    rules: dict[str, dict[str, list[str]]] = {}
    for flow in graph.flows:
        formula, remarks = words.rule(flow)
        rules.setdefault(str(number_of(flow.op)), {})[str(flow.argument)] = [formula, *remarks]
    return rules


def _cost_kinds(graph: PureGraph) -> tuple[By, ...]:
    timed = any(m.seconds is not None for m in graph.measurements.values())
    return ("bytes", "saved", "time") if timed else ("bytes", "saved")


def _costs(graph: PureGraph, by: By) -> dict[str, float]:
    return {str(i): number for i, number in enumerate(cost_of(graph, by).numbers) if number}


def _text(text: str) -> str:
    return visible(clip(text, _LONGEST))


def _without_empty(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (None, "", 0, (), [], {})}


def _node(graph: PureGraph, node: GraphNode, home: int, places: dict[str, int]) -> dict[str, Any]:
    where, measured = place(node), graph.measurement(node.id)
    params = [[_text(p.name), _text(p.text)] for p in node.params if node.result is None]
    return _without_empty(
        kind="" if node.kind is Kind.OP else str(node.kind),
        op=_text(op_text(node, graph)),
        glyph=_text(node.glyph),
        name=_text(node.name),
        value=_text(node.value),
        inputs=[number_of(i) for i in node.inputs],
        params=params,
        told=_text(brief_params(node)) if node.result is None else "",
        shape=None if node.dtype.hasobject or node.weak else str(node.shape),
        dtype="generator" if node.dtype.hasobject else str(node.dtype),
        # Of a call, the names and types of its results; of one of them, its place among these.
        results=[[name_of_result(node, i), text] for i, text in enumerate(result_types(node))],
        result=0 if node.result is None else node.result + 1,
        weak=node.weak,
        size=node.size,
        bytes=node.nbytes,
        flops=node.flops,
        needs=list(node.needs),
        group=home + 1,
        role=str(node.role) if node.backward else "",
        of=number_of(node.of) + 1 if node.of else 0,
        toward=number_of(node.toward) + 1 if node.toward else 0,
        place=places.setdefault(where, len(places)) + 1 if where else 0,
        numbers=_numbers(node, measured),
        values=_stats(measured.values),
        gradient=_stats(measured.gradient),
        seconds=measured.seconds,
    )


def _numbers(node: GraphNode, measured: Measurement) -> list[str]:
    """Return the value and the gradient of a measured scalar, as the box shows them."""
    numbers = [single(stats, node.dtype) for stats in measured[:2]] if not node.shape else [""]
    return [text for text in numbers if text] if numbers[0] else []


def _stats(stats: Stats | None) -> list[Any] | None:
    return None if stats is None else [_plain(value) for value in stats]


def _overlay(overlay: Overlay) -> dict[str, Any]:
    return _without_empty(
        title=_text(overlay.title),
        caption=[_text(line) for line in overlay.caption],
        marks={str(number_of(i)): _mark(mark) for i, mark in overlay.marks.items()},
        totals={str(number_of(i)): _plain(float(v)) for i, v in overlay.totals.items()},
        unit=_text(overlay.unit),
    )


def _mark(mark: Mark) -> dict[str, Any]:
    return _without_empty(
        look=_text(mark.look),
        badge=_text(mark.badge),
        note=_text(mark.note),
        tip=[_text(line) for line in mark.tip],
        weight=None if mark.weight is None else max(round(mark.weight, 4), 1e-9),
    )


def _plain(value: Any) -> Any:
    """Return a value for JSON: numbers that JSON lacks as text, arrays and tuples as lists."""
    if isinstance(value, str):
        return visible(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return visible(str(value))
