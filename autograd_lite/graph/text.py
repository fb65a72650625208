"""The listing: one line for each node, `n2 : (4, 5) float64 = matmul n0 n1`, and the results at the end.

Numbers used as operands stand where they are used: as `2.0` if Python's own, as `2.0:float32` if they have a dtype.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .labels import summary, type_text, visible
from .parts import GraphNode, Kind
from .window import nearest_outputs

if TYPE_CHECKING:
    from .ir import Graph

__all__ = ["listing", "place"]

# Remarks stand in one column, but not farther right than this for the sake of one long line.
_REMARKS_AT = 96


def listing(graph: Graph, *, sources: bool = False, max_nodes: int | None = None) -> str:
    """Return the graph as text, deterministic and without values other than single numbers."""
    window = nearest_outputs(graph, max_nodes)
    literals = {node.id: _literal(node) for node in window.nodes if node.value and node.id not in graph.outputs}
    shown = [node for node in window.nodes if node.id not in literals]
    lines = [f"# {summary(graph)}"]
    if window.hidden:
        lines.append(f"# {window.hidden:,} of {len(graph):,} nodes are not shown: those farthest from the results")
    ids, types = _aligned([node.id for node in shown]), _types(shown)
    body = [f"{i} : {t} = {_call(n, literals)}" for i, t, n in zip(ids, types, shown, strict=True)]
    remarks = [_remark(node, sources) for node in shown]
    width = min(max((len(line) for line, remark in zip(body, remarks, strict=True) if remark), default=0), _REMARKS_AT)
    lines += [f"{line:<{width}}  # {remark}" if remark else line for line, remark in zip(body, remarks, strict=True)]
    return "\n".join([*lines, f"return {', '.join(graph.outputs)}"])


def place(node: GraphNode) -> str:
    """Return the user's line as "model.py:12 in forward", without the folders; empty if it was not recorded."""
    source = node.source
    return visible(f"{os.path.basename(source.file)}:{source.line} in {source.function}") if source else ""


def _aligned(texts: list[str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [text.ljust(width) for text in texts]


def _types(nodes: list[GraphNode]) -> list[str]:
    """Return shapes and dtypes in a column each."""
    arrays = [not node.weak and not node.dtype.hasobject for node in nodes]
    shapes = _aligned([str(node.shape) if array else "" for node, array in zip(nodes, arrays, strict=True)])
    return _aligned(
        [f"{s} {n.dtype}" if array else type_text(n) for n, s, array in zip(nodes, shapes, arrays, strict=True)]
    )


def _literal(node: GraphNode) -> str:
    return node.value if node.weak else f"{node.value}:{node.dtype}"


def _call(node: GraphNode, literals: dict[str, str]) -> str:
    if node.kind is not Kind.OP:
        said = f" {node.name!r}" if node.name else f" {node.value}" if node.value else ""
        return f"{node.kind}{said}"
    params = visible(f"[{', '.join(map(str, node.params))}]") if node.params else ""
    arguments = "".join(f" {literals.get(i, i)}" for i in node.inputs)
    return f"{visible(node.op)}{params}{arguments}"


def _remark(node: GraphNode, sources: bool) -> str:
    name = repr(node.name) if node.name and node.kind is Kind.OP else ""
    return "  ".join(filter(None, [name, visible(node.scope), place(node) if sources else ""]))
