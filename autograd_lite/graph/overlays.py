"""What a picture can show on top: an Overlay, an analysis that makes one, or the name of a cost."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from ..ir.graph_node import GraphNode, Kind
from ..ir.listing import has_range, number, unfit
from ..ir.node_labels import visible
from ..ir.pure_graph import PureGraph
from ..ir.stats import Measurement
from .cost import By, cost_of
from .marks import Mark, Overlay


def overlay_of(graph: PureGraph, choice: Any) -> Overlay | None:
    """Return the overlay, and make sure that it belongs to the graph.

    Args:
        graph: the graph that is drawn; may be a part of the one that the overlay was made for, or its forward pass.
        choice: an Overlay; anything with a method `overlay`, such as a Cost or a NanReport; "flops", "bytes", "saved"
            or "time"; "values" for the measured values; or None.

    Raises:
        TypeError: if it is something else.
        ValueError: if it belongs to another graph; for "values", if nothing was measured.
    """
    if choice is None:
        return None
    if isinstance(choice, str) and choice == "values":
        return _values(graph)
    by: By | None = next((by for by in get_args(By) if isinstance(choice, str) and by == choice), None)
    if by is not None:
        return cost_of(graph, by).overlay()
    overlay = choice
    if not isinstance(choice, (Overlay, type)) and callable(getattr(choice, "overlay", None)):
        takes_graph = "graph" in inspect.signature(choice.overlay).parameters
        overlay = choice.overlay(graph) if takes_graph else choice.overlay()
    if not isinstance(overlay, Overlay):
        raise TypeError(
            f"overlay: expected an Overlay, an analysis (a Cost, Memory, NanReport, Health or GraphDiff), or one of "
            f"{', '.join(map(repr, (*get_args(By), 'values')))}; received {_short(choice)}"
        )
    _check(graph, overlay)
    return overlay


def _values(graph: PureGraph) -> Overlay:
    """Say at the boxes of measured arrays how large they and their gradients are; scalars say so without."""
    marks = {node.id: Mark(note=note) for node in graph if (note := _range(node, graph.measurement(node.id)))}
    if not any(m.values for m in graph.measurements.values()):
        raise ValueError(
            'overlay: expected a graph with measured values for "values"; received one without. Build it with '
            "build_graph(loss, measured=True)"
        )
    return Overlay("least and greatest elements, and norms of gradients", marks=marks, of=graph)


def _range(node: GraphNode, measured: Measurement) -> str:
    values, gradient = measured.values, measured.gradient
    if not node.shape or values is None or node.backward:
        return ""
    low, high = number(values.low), number(values.high)
    parts = [f"{low} to {high}" if low != high else f"all {low}"] if has_range(values) else []
    parts += [unfit(measured)] if unfit(measured) else []
    return " · ".join([*parts, *([f"|g| {number(gradient.norm)}"] if gradient else [])])


def _check(graph: PureGraph, overlay: Overlay) -> None:
    home = overlay.of
    if home is graph:
        return
    for i in (*overlay.marks, *overlay.totals):
        if i not in graph and (home is None or i not in home):
            raise ValueError(
                f"overlay: expected marks for nodes of this graph; received one for {visible(str(i))!r}, which it does "
                "not have. Draw the graph that was analyzed, or analyze this one"
            )
    if home is None:
        return
    for node in graph:
        # In a part of a graph, an operation that is cut off is an input.
        if node.kind is not Kind.OP or node.id not in home:
            continue
        other = home[node.id]
        if (node.op, node.shape, node.dtype) != (other.op, other.shape, other.dtype):
            raise ValueError(
                f"overlay: expected one that was made for this graph; received one in which {node.id} is "
                f"{visible(other.op or str(other.kind))} {other.shape} and not {visible(node.op)} {node.shape}. "
                "Draw the graph that was analyzed, or analyze this one"
            )


def _short(value: Any) -> str:
    return repr(value) if isinstance(value, (str, int, float)) and len(repr(value)) < 60 else type(value).__name__
