"""Graphviz's DOT language: plain quoted labels, ids without colons, a cluster for each module, the same bytes always.

Labels are never HTML-like, since several engines cannot read those; only the user's names go beyond ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .labels import brief_params, clip, summary, type_text, visible
from .parts import GraphNode, Kind
from .scopes import scopes
from .style import LOOKS, THEMES

if TYPE_CHECKING:
    from .ir import Graph

__all__ = ["dot_text", "quoted"]

# Graphviz fails on labels that are much wider than a page.
_CLIP = 60
_HEAD = """\
digraph autograd_lite {
  graph [rankdir=TB, newrank=true, fontname="Helvetica", fontsize=11, nodesep=0.3, ranksep=0.4, labelloc=t];
  node [fontname="Helvetica", fontsize=11, margin="0.14,0.06", height=0.3];
  edge [color="{edge}", arrowsize=0.7];"""


def quoted(text: str) -> str:
    r"""Return a user's text as a DOT string: no escape sequence, entity or quote in it means anything.

    Example:
        >>> print(quoted('a "quoted" \\N'))
        "a \"quoted\" \\N"
    """
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    # Graphviz decodes entities in labels, and reads \\N, \\G, \\l as names and line ends.
    return visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


class _Cluster:
    """A module: its own nodes, and the modules inside it."""

    __slots__ = ("inner", "label", "nodes")

    def __init__(self, label: str = "") -> None:
        self.label = label
        self.nodes: list[GraphNode] = []
        self.inner: dict[str, _Cluster] = {}


def dot_text(graph: Graph) -> str:
    """Return the graph as DOT text."""
    homes, outputs, root = scopes(graph.nodes), set(graph.outputs), _Cluster()
    for node in graph:
        cluster = root
        for name in homes[node.id]:
            cluster = cluster.inner.setdefault(name, _Cluster(name))
        cluster.nodes.append(node)
    lines = [_HEAD.replace("{edge}", THEMES["light"].edge), f"  label={quoted(summary(graph))};"]
    lines += _clusters(root, outputs)
    lines += [f"  {source} -> {node.id};" for node in graph for source in node.inputs]
    return "\n".join([*lines, "}"]) + "\n"


def _clusters(root: _Cluster, outputs: set[str]) -> Iterator[str]:
    """Yield the lines of the nodes, module by module, without recursion."""
    pending: list[tuple[int, _Cluster | str]] = [(0, root)]
    number = 0
    while pending:
        depth, item = pending.pop()
        pad = "  " * (depth + 1)
        if isinstance(item, str):
            yield pad + item
            continue
        if item is not root:
            yield f"{pad[2:]}subgraph cluster_{number} {{"
            label, colour = quoted(clip(item.label, _CLIP)), THEMES["light"].quiet
            yield f'{pad}label={label}; style="rounded,dashed"; color="{colour}";'
            number += 1
            pending.append((depth - 1, "}"))
        yield from (pad + _node(node, node.id in outputs) for node in item.nodes)
        pending += [(depth + 1, inner) for inner in reversed(item.inner.values())]


def _node(node: GraphNode, is_output: bool) -> str:
    look = "output" if is_output and node.kind is Kind.OP else str(node.kind)
    ink = THEMES["light"].inks[look]
    double = ", peripheries=2" if is_output and look != "output" else ""
    text = "\\n".join(_escaped(line) for line in _label(node))
    return (
        f'{node.id} [label="{text}", {LOOKS[look].dot}{double}, fillcolor="{ink.fill}", color="{ink.border}", '
        f'class="{look}"];'
    )


def _label(node: GraphNode) -> list[str]:
    """Return up to three lines: what it is, its parameters, its type."""
    if node.kind is Kind.CONSTANT and node.value:
        return [node.value]
    name, op = clip(node.name, _CLIP), clip(node.op, _CLIP)
    said = f"{name} = {op}" if name and op else name or op or str(node.kind)
    return [line for line in (said, clip(brief_params(node), 40), type_text(node)) if line]
