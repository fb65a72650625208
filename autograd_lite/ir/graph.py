"""The graph: an immutable record of what was computed, for pictures, checks, export and compilation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..graph.analysis.cost import By, Cost, cost_of
from ..graph.analysis.memory import Memory, high_water
from ..graph.analysis.overlays import overlay_of
from ..graph.export.consistency import check_consistent
from ..graph.export.json_format import json_text
from ..graph.export.json_reader import graph_parts
from ..graph.export.model_explorer import NodeNumber, model_explorer_text, node_data_text
from ..graph.export.render import Renderer
from ..graph.export.save import Drawing, SaveOptions, saved
from ..graph.pictures.dot import ThemeName, digraph, dot_text
from ..graph.pictures.folding.fold import Paths, ViewOptions, view_of
from ..graph.pictures.mermaid import graph_mermaid
from ..graph.pictures.mirror.dot import mirror_dot
from ..graph.pictures.mirror.svg import mirror_svg
from ..graph.pictures.notebook import graph_bundle, picture
from ..graph.pictures.page import Page, html_text
from ..graph.pictures.svg import svg_text
from ..graph.pictures.tree_text import tree
from ..graph.pictures.view import Overlaid, Overlay
from ..graph.pictures.window import PICTURE_LIMIT
from .focus import ancestors, around, between, descendants
from .labels import summary
from .node import Flow, GraphNode, Kind, Role, number_of
from .pen import Pen, shows_colors
from .text import listing

if TYPE_CHECKING:
    import graphviz

    from ..graph.analysis.differences import GraphDiff
    from ..graph.explanations.explanation import Explanation


def _number(node: GraphNode) -> int:
    return number_of(node.id)


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """The structure of a computation: operations, their parameters, shapes and dtypes, and what they read.

    It holds no array, and prints, compares and hashes by structure: two runs of the same computation give equal
    graphs, whatever the values and wherever the lines stand. Iterating goes through the nodes in recorded order;
    `graph["n3"]` is one of them.

    Args:
        nodes: in recorded order, called `n0`, `n1`, … (a part of a graph keeps the ids, so some are missing); each
            reads earlier nodes only.
        outputs: the ids of the results.
        flows: with a backward pass, the steps of the chain rule in the order in which they run.

    Raises:
        ValueError: if the nodes are not numbered so, or read what does not come before them.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> graph = build_graph(ag.tensor(2.0, requires_grad=True, name="w") ** 2)
        >>> graph["n1"].op, graph.outputs
        ('square', ('n1',))
    """

    nodes: tuple[GraphNode, ...]
    outputs: tuple[str, ...]
    flows: tuple[Flow, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        number = -1
        for node in self.nodes:
            digits = node.id[1:]
            if node.id != f"n{digits}" or not digits.isdecimal() or int(digits) <= number:
                raise ValueError(
                    f"Graph: expected nodes to be called n0, n1, … in order; received {node.id!r} after {number}"
                )
            number = int(digits)
            if not seen.issuperset(node.inputs):
                raise ValueError(f"Graph: expected nodes to read earlier nodes only; received {node}")
            seen.add(node.id)
        if not seen.issuperset(self.outputs):
            raise ValueError(f"Graph: expected outputs among its nodes; received {self.outputs}")

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: object) -> bool:
        """Say whether a node, or a node of this id, is one of the graph's."""
        if isinstance(node, GraphNode):
            return node.id in self and self[node.id] == node
        return isinstance(node, str) and self._position(node) is not None

    def __getitem__(self, node_id: str) -> GraphNode:
        position = self._position(str(node_id))
        if position is None:
            raise KeyError(f"{node_id!r}: expected an id from {self.nodes[0].id!r} to {self.nodes[-1].id!r}")
        return self.nodes[position]

    def _position(self, node_id: str) -> int | None:
        number = node_id[1:]
        if not number.isdecimal() or node_id != f"n{int(number)}":
            return None
        wanted = int(number)
        if wanted < len(self.nodes) and self.nodes[wanted].id == node_id:
            return wanted
        at = bisect_left(self.nodes, wanted, hi=min(len(self.nodes), wanted), key=_number)
        return at if at < len(self.nodes) and self.nodes[at].id == node_id else None

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        operations = sum(node.kind is Kind.OP for node in self.nodes)
        return f"<Graph of {len(self.nodes)} nodes, {operations} of them operations; returns {', '.join(self.outputs)}>"

    # ---- the backward pass ------------------------------------------------------------------------------------------

    @property
    def cotangents(self) -> dict[str, str]:
        """For every forward node that a gradient reaches, the id of its complete cotangent."""
        found = {node.of: node.id for node in self.nodes if node.role is Role.SEED}
        found.update((flow.into, flow.total) for flow in self.flows)
        return {node.id: found[node.id] for node in self.nodes if node.id in found}

    @property
    def gradients(self) -> dict[str, str]:
        """For every parameter that a gradient reaches, the id of its gradient."""
        return {i: c for i, c in self.cotangents.items() if self[i].kind is Kind.PARAMETER}

    @property
    def saved(self) -> dict[str, tuple[str, ...]]:
        """For every forward node that the backward pass reads, the forward ops that saved it for their rules."""
        found: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            if node.backward:
                for i in node.inputs:
                    if not self[i].backward:
                        found.setdefault(i, {})[node.of] = None
        return {i: tuple(found[i]) for i in sorted(found, key=number_of)}

    # ---- parts ------------------------------------------------------------------------------------------------------

    def around(self, node: str | GraphNode, radius: int = 3) -> Graph:
        """Return the part that is at most so many edges away from a node, forwards and backwards.

        Args:
            node: its id, its name, or its op if no other node has the same; so in the methods below.
            radius: in edges.

        Returns:
            A graph with the same ids. An operation that is cut off is an input there, called "… matmul"; slots that an
            operation of the part reads come along.

        Raises:
            ValueError: if there is no such node, or several.
        """
        return around(self, node, radius)

    def between(self, a: str | GraphNode, b: str | GraphNode) -> Graph:
        """Return the part that lies on the ways from one node to another, in whichever order they are given."""
        return between(self, a, b)

    def ancestors(self, node: str | GraphNode) -> Graph:
        """Return the part of a node and all that it depends on."""
        return ancestors(self, node)

    def descendants(self, node: str | GraphNode) -> Graph:
        """Return the part of a node and all that depends on it."""
        return descendants(self, node)

    # ---- numbers ----------------------------------------------------------------------------------------------------

    def cost(self, by: By = "flops") -> Cost:
        """Return what the nodes and modules cost, by "flops", "bytes", "saved" or "time"; see `cost_of`."""
        return cost_of(self, by)

    def memory(self) -> Memory:
        """Return how much memory the passes need at most, and where; see `high_water`."""
        return high_water(self)

    # ---- faces ------------------------------------------------------------------------------------------------------

    def to_text(
        self,
        *,
        style: Literal["listing", "tree"] = "listing",
        ascii: bool = False,
        color: bool | None = False,
        width: int | None = None,
        overlay: Overlaid | None = None,
        sources: bool = False,
        max_nodes: int | None = None,
    ) -> str:
        """Return the graph as text; see `autograd_lite.ir.text` and `tree_text`.

        Args:
            style: "listing", one line for each node; or "tree", from the results down to what they were made of.
            ascii: use ASCII alone.
            color: write ANSI colors; None if standard output is a terminal and NO_COLOR is not set. False by default,
                so that the same graph gives the same text everywhere.
            width: cut longer lines.
            overlay: what to say about the nodes besides, such as their costs.
            sources: add the user's file and line, where recorded; without them, equal graphs have equal texts.
            max_nodes: show only so many nodes, those nearest the outputs, and say how many are left out.

        Raises:
            ValueError: if the style is another one.
        """
        styles = {"listing": listing, "tree": tree}
        if style not in styles:
            raise ValueError(f"to_text: expected style 'listing' or 'tree'; received {style!r}")
        pen = Pen(ascii, shows_colors() if color is None else color, width)
        return styles[style](self, pen, overlay=overlay_of(self, overlay), sources=sources, max_nodes=max_nodes)

    def to_dot(self, *, theme: ThemeName = "light", **options: Unpack[ViewOptions]) -> str:
        """Return the picture in Graphviz's DOT language.

        Args:
            theme: the colors, "light" or "dark".
            options: `overlay`, `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`.
        """
        return dot_text(view_of(self, **options), theme)

    def to_graphviz(self, *, theme: ThemeName = "light", **options: Unpack[ViewOptions]) -> graphviz.Digraph:
        """Return the picture as a `graphviz.Digraph`, whose source is what `to_dot` gives with the same arguments."""
        return digraph(view_of(self, **options), theme)

    def to_mermaid(self, *, theme: ThemeName = "light", **options: Unpack[ViewOptions]) -> str:
        """Return the picture as a Mermaid flowchart, folded so far that Mermaid and GitHub accept it.

        Args:
            theme: the colors, "light" or "dark".
            options: `overlay`, `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`.
        """
        return graph_mermaid(self, theme, **options)

    def to_svg(
        self,
        *,
        overlay: Overlaid | None = None,
        depth: int | None = None,
        expand: Paths = (),
        collapse: Paths = (),
        fold: bool = True,
        max_nodes: int = PICTURE_LIMIT,
    ) -> str:
        """Return the picture as SVG, drawn without any other program; for the other arguments see `view_of`.

        Args:
            max_nodes: the most boxes; at most 1,500. A larger graph is folded, and the picture says so.

        Raises:
            ValueError: if `max_nodes` is not within 1 to 1,500.
        """
        if not 1 <= max_nodes <= PICTURE_LIMIT:
            raise ValueError(f"to_svg: expected max_nodes from 1 to {PICTURE_LIMIT:,}; received {max_nodes}")
        return svg_text(
            view_of(self, overlay=overlay, depth=depth, expand=expand, collapse=collapse, fold=fold, limit=max_nodes)
        )

    def to_mirror(self, **options: Unpack[ViewOptions]) -> str:
        """Return the forward pass and, beside it, the derivative rules that mirror it, as SVG.

        The forward pass runs down on the left. On the right its derivative rules run up, each in the row of its
        operation and in words; dotted lines lead what is saved to the rules that read it, with the bytes, and dashed
        lines lead gradients to the parameters. A measured graph shows how large these are.

        Args:
            options: `overlay`, `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`; each half has at
                most 750 boxes.

        Raises:
            ValueError: if the graph has no backward pass.
        """
        return mirror_svg(self, **options)

    def to_mirror_dot(self, *, theme: ThemeName = "light", **options: Unpack[ViewOptions]) -> str:
        """Return the picture of `to_mirror` in Graphviz's DOT language, with the rules of an op in its rank.

        Args:
            theme: the colors, "light" or "dark".
            options: as of `to_mirror`.

        Raises:
            ValueError: if the graph has no backward pass.
        """
        return mirror_dot(self, theme=theme, **options)

    def to_json(self, *, indent: int | None = None, sources: bool = True) -> str:
        """Return the graph as JSON, from which `from_json` makes an equal one; see `graph_schema`.

        Args:
            indent: spaces for each level; None for one line.
            sources: with the user's files and lines, where recorded.
        """
        return json_text(self, indent=indent, sources=sources)

    @classmethod
    def from_json(cls, text: str | bytes) -> Graph:
        """Make a graph from what `to_json` wrote; operations that nobody knows are fine.

        Raises:
            TypeError: if it is no text, such as a Path.
            ValueError: if the text is something else, or of another version.
        """
        graph = cls(*graph_parts(text))
        check_consistent(graph.nodes, graph.flows)
        return graph

    def to_model_explorer(self, *, indent: int | None = None) -> str:
        """Return the graph as JSON for Model Explorer, with the gradients as edge overlays."""
        return model_explorer_text(self, indent=indent)

    def to_model_explorer_data(self, by: NodeNumber = "flops", *, indent: int | None = None) -> str:
        """Return a number for each node as Model Explorer's node data, which colors the nodes of `to_model_explorer`.

        Args:
            by: "flops", "bytes", or of a measured graph "seconds", "norm" of the value, "gradient" for that of the
                cotangent.
            indent: spaces for each level; None for one line.
        """
        return node_data_text(self, by, indent=indent)

    def to_html(
        self,
        *,
        overlay: Overlaid | Sequence[Overlaid] | None = None,
        explain: Explanation | None = None,
        diff: GraphDiff | Overlay | None = None,
        title: str | None = None,
    ) -> str:
        """Return one HTML file that loads nothing: to fold and unfold, search, zoom, and step through the chain rule.

        Args:
            overlay: marks and numbers to choose from; the first is shown.
            explain: an explanation, whose steps are then played over the picture.
            diff: what differs from another graph: of `diff(a, b)` both are shown in one, with what was removed; or
                marks for this graph.
            title: of the page.

        Example:
            >>> import autograd_lite as ag
            >>> from autograd_lite.graph import build_graph, explain
            >>> w = ag.tensor([1.0, -2.0], requires_grad=True, name="w")
            >>> loss = (w * w).sum()
            >>> page = build_graph(loss, backward=True).to_html(explain=explain(loss))
            >>> page.startswith("<!doctype html>"), "https:" in page
            (True, False)
        """
        return html_text(self, overlay=overlay, explain=explain, diff=diff, title=title)

    def show(self, height: int = 480, **options: Any) -> Page:
        """Return the page of `to_html`, with its options, as what a notebook shows in a frame of that height."""
        return Page(html_text(self, **options), height)

    def save(
        self,
        path: str | Path,
        *,
        renderer: Renderer = "auto",
        dpi: float = 144.0,
        timeout: float = 30.0,
        **options: Unpack[SaveOptions],
    ) -> Path:
        """Write the graph to a file, in the form that the file's ending names.

        The endings are .svg, .png and .pdf (of a graph with a backward pass the mirror, as of `to_mirror`), .html,
        .dot, .mmd (Mermaid), .md (a Mermaid diagram and the listing), .txt and .json. A file is written whole or not at
        all.

        Args:
            path: the file; one that is there is replaced.
            renderer: who draws. "auto": SVG by ourselves, PNG and PDF by Graphviz's `dot` or, for want of it,
                `graphviz-pure`; "dot", "graphviz-pure" or "builtin" for that one alone. An SVG that `dot` cannot draw
                is drawn by ourselves, with a warning.
            dpi: dots per inch of a PNG.
            timeout: seconds after which a program that draws is killed.
            options: `overlay`, and for pictures `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`; for
                a page `explain`, `diff` and `title`, as of `to_html`.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or renderer, or the form does not have one of the options.
            RenderError: if nothing can draw a PNG or a PDF; the message says how to get what can.
        """
        return saved(self, path, Drawing(renderer, dpi, timeout), options)

    def summary(self) -> str:
        """Return one line that counts the nodes by kind, the parameters' values and the operations' FLOPs."""
        return summary(self.nodes)

    def _repr_svg_(self) -> str:
        return picture(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return graph_bundle(self, include, exclude)


def _refuse_change(graph: Graph, name: str, value: Any = None) -> None:
    """Say why an attribute cannot be set; what a dataclass with slots says itself is another class's business."""
    raise FrozenInstanceError(
        f"{name!r} cannot be set or deleted: a Graph is immutable. Make another one, "
        "dataclasses.replace(graph, nodes=...), or keep the value beside it"
    )


Graph.__setattr__ = Graph.__delattr__ = _refuse_change  # type: ignore[method-assign, assignment]
