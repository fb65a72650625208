"""The tree: from the results down to their inputs, every node once.

A node with several readers is written out the first time, and is `n3 (above)` afterward. Where the tree gets too deep
for a page, it continues below, from the left margin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ...ir.graph_node import GraphNode
from ...ir.listing import (
    NO_REMARKS,
    Remarks,
    alarming,
    call_text,
    caption_lines,
    duration,
    has_range,
    listing,
    literals_of,
    named_gradients,
    number,
    purposes,
    remark_text,
    text_window,
    unfit,
)
from ...ir.node_labels import type_text
from ...ir.pen import PLAIN, Line, Pen, ink_of, shows_colors
from ...ir.pure_graph import PureGraph
from ...ir.stats import Measurement
from ..marks import Overlaid, remarks_of
from ..overlays import overlay_of

# Levels of one piece of the tree; each takes three columns.
_LEVELS = 16


class _Signs(NamedTuple):
    """The characters of the branches."""

    more: str  # a child that has siblings below it
    last: str  # a child that has none
    through: str  # next to the children of the former
    blank: str  # next to the children of the latter
    rest: str  # something is left out


_UNICODE = _Signs("├─ ", "└─ ", "│  ", "   ", "…")
_ASCII = _Signs("|- ", "`- ", "|  ", "   ", "...")


class _Branch(NamedTuple):
    """A line to be written: a node and its place, or the ids of nodes that are left out."""

    node_id: str
    left_out: tuple[str, ...]
    prefix: str
    sign: str
    level: int
    scope: str


def graph_text(
    graph: PureGraph,
    *,
    style: Literal["listing", "tree"] = "listing",
    ascii: bool = False,
    color: bool | None = False,
    width: int | None = None,
    overlay: Overlaid | None = None,
    sources: bool = False,
    max_nodes: int | None = None,
) -> str:
    """Return a graph as text; see `Graph.to_text`."""
    styles = {"listing": listing, "tree": tree}
    if style not in styles:
        raise ValueError(f"to_text: expected style 'listing' or 'tree'; received {style!r}")
    pen = Pen(ascii, shows_colors() if color is None else color, width)
    remarks = remarks_of(overlay_of(graph, overlay))
    return styles[style](graph, pen, remarks=remarks, sources=sources, max_nodes=max_nodes)


def tree(
    graph: PureGraph, pen: Pen = PLAIN, *, remarks: Remarks = NO_REMARKS, sources: bool = False,
    max_nodes: int | None = None,
) -> str:  # fmt: skip
    """Return the graph as a tree; the arguments are those of `listing`."""
    window = text_window(graph, max_nodes)
    writer = _Writer(graph, pen, remarks, sources, window)
    lines = caption_lines(graph, len(window), remarks, pen)
    for i in dict.fromkeys(graph.outputs):
        lines += writer.grow(i)
    for name, i in named_gradients(graph, pen):
        lines.append([(f"# the gradient of {name}", "head")])
        lines += writer.grow(i)
    return pen.write(lines)


class _Writer:
    """Writes trees of one graph, each node once."""

    def __init__(self, graph: PureGraph, pen: Pen, remarks: Remarks, sources: bool, window: list[GraphNode]) -> None:
        self._graph, self._pen, self._remarks, self._sources = graph, pen, remarks, sources
        self._literals = literals_of(graph, remarks)
        self._shown = {node.id for node in window}
        self._said: Mapping[str, str] = purposes(graph)
        self._signs = _ASCII if pen.ascii else _UNICODE
        self._written: set[str] = set()
        self._below: deque[str] = deque()

    def grow(self, root: str) -> list[Line]:
        """Return the lines of a tree and of the pieces that continue below it."""
        lines: list[Line] = []
        if root not in self._shown:
            return [[(f"{self._signs.rest} {root}", "soft")]]
        self._below.append(root)
        waiting = {root}
        while self._below:
            stack = [_Branch(self._below.popleft(), (), "", "", 0, "")]
            while stack:
                branch = stack.pop()
                lead = [(branch.prefix + branch.sign, "soft")] if branch.sign else []
                if branch.left_out:
                    lines.append([*lead, (f"{self._signs.rest} {' '.join(branch.left_out)}", "soft")])
                    continue
                i = branch.node_id
                children = self._children(i)
                deep = branch.level >= _LEVELS and bool(children)
                if i in self._written or (branch.level and (i in waiting or deep)):
                    if i not in self._written and i not in waiting:
                        waiting.add(i)
                        self._below.append(i)
                    lines.append([*lead, (i, ""), (" (above)" if i in self._written else " (below)", "soft")])
                    continue
                self._written.add(i)
                lines.append([*lead, *self._node(self._graph[i], branch.scope)])
                stack += reversed(self._branches(branch, children))
        return lines

    def _children(self, node_id: str) -> list[str]:
        return [i for i in dict.fromkeys(self._graph[node_id].inputs) if i not in self._literals]

    def _branches(self, parent: _Branch, children: list[str]) -> list[_Branch]:
        signs, scope = self._signs, self._graph[parent.node_id].scope
        continuation = {signs.more: signs.through, signs.last: signs.blank, "": ""}[parent.sign]
        prefix, level = parent.prefix + continuation, parent.level + 1
        visible_children = [i for i in children if i in self._shown]
        branches = [_Branch(i, (), prefix, signs.more, level, scope) for i in visible_children]
        if left := tuple(i for i in children if i not in self._shown):
            branches.append(_Branch("", left, prefix, signs.more, level, scope))
        return [*branches[:-1], *(branch._replace(sign=signs.last) for branch in branches[-1:])]

    def _node(self, node: GraphNode, scope: str) -> Line:
        pen = self._pen
        # A module is named where it is entered; inside, the branches show it.
        text = remark_text(node, self._said, self._sources, self._remarks, pen, inside=scope)
        measured = self._graph.measurement(node.id)
        remark = "  ".join(filter(None, [self._numbers(measured), text]))
        ink = "alarm" if alarming(measured, self._remarks.of.get(node.id)) else "soft"
        tail = [(f"  # {remark}", ink)] if remark else []
        call = call_text(node, self._graph, self._literals, pen, brief=True)
        return [
            (node.id, ""),
            (" = ", "soft"),
            (call, ink_of(node, self._graph.outputs)),
            (f"  {type_text(node)}", "soft"),
            *tail,
        ]

    def _numbers(self, measured: Measurement) -> str:
        stats, gradient, seconds = measured
        between = "..." if self._pen.ascii else "…"
        return "  ".join(
            filter(
                None,
                [
                    f"{number(stats.low)} {between} {number(stats.high)}" if has_range(stats) else "",
                    f"|d| {number(gradient.norm)}" if gradient else "",
                    unfit(measured),
                    self._pen.safe(duration(seconds)) if seconds is not None else "",
                ],
            )
        )
