"""The graph that users see: the structure of a computation, and its faces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..core.messages import checked
from ..ir.build import build_from
from ..ir.graph_node import Kind
from ..ir.pure_graph import PureGraph
from ..ir.pure_program import PureProgram
from ..tensors.tensor import Tensor
from .cost import By, Cost, cost_of
from .explanations.explanation import Explanation
from .export.json_format import graph_from_json, json_text
from .export.model_explorer import model_explorer_text
from .export.render import Renderer, RenderOptions
from .export.save import SaveOptions, save_graph
from .marks import Overlaid, Overlay
from .memory import Memory, high_water
from .pictures.dot import ThemeName, digraph, dot_text
from .pictures.folding.fold import Paths, ViewOptions, view_of
from .pictures.mermaid import graph_mermaid
from .pictures.mirror.svg import mirror_scene
from .pictures.notebook import TENSOR_LIMIT, graph_bundle, picture
from .pictures.page import Differences, Page, html_text
from .pictures.screen import screen_text
from .pictures.svg import graph_scene
from .pictures.tree_text import graph_text
from .pictures.view import PICTURE_LIMIT

if TYPE_CHECKING:
    import graphviz

# The most nodes of a tensor whose numbers are shown without being asked for.
_EXPRESSION = 40


class Graph(PureGraph):
    """The structure of a computation: operations, their parameters, shapes and dtypes, and what they read.

    It holds no array, and prints, compares and hashes by structure: two runs of the same computation give equal
    graphs, whatever the values and wherever the lines are. Iterating goes through the nodes in recorded order;
    `graph["n3"]` is one of them. A `PureGraph` is the same without pictures, files and analyses; the two are equal if
    their structures are.

    Args:
        nodes: in recorded order, called `n0`, `n1`, … (a part of a graph keeps the ids, so some are missing); each
            reads earlier nodes only.
        outputs: the ids of the results.
        flows: with a backward pass, the steps of the chain rule in the order in which they run.
        measurements: the numbers measured at nodes, by their ids.

    Raises:
        ValueError: if the nodes are not numbered like this, or read something that does not come before them.

    Example:
        >>> import autograd_lite as ag
        >>> graph = build_graph(ag.tensor(2.0, requires_grad=True, name="w") ** 2)
        >>> graph["n1"].op, graph.outputs
        ('square', ('n1',))
    """

    __slots__ = ()

    # ---- numbers ----------------------------------------------------------------------------------------------------

    def cost(self, by: By = "flops") -> Cost:
        """Return what the nodes and modules cost, by "flops", "bytes", "saved" or "time"; see `cost_of`."""
        return cost_of(self, by)

    def memory(self) -> Memory:
        """Return how much memory the passes need at most, and where; see `high_water`."""
        return high_water(self)

    # ---- faces ------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        """Return the listing, or, of a graph with more than a hundred nodes, its ends and its largest modules."""
        return screen_text(self)

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
        """Return the graph as text; see `autograd_lite.ir.listing` and `tree_text`.

        Args:
            style: "listing", one line for each node; or "tree", from the results down to what they were made of.
            ascii: use ASCII alone.
            color: write ANSI colors; None if standard output is a terminal and NO_COLOR is not set. False by default,
                so that the same graph gives the same text everywhere.
            width: cut longer lines.
            overlay: what to add to the nodes, such as their costs.
            sources: add the user's file and line, where recorded; without them, equal graphs have equal texts.
            max_nodes: show at most this many nodes, those nearest the outputs, and say how many are left out.

        Raises:
            ValueError: if the style is unknown.
        """
        return graph_text(
            self,
            style=style,
            ascii=ascii,
            color=color,
            width=width,
            overlay=overlay,
            sources=sources,
            max_nodes=max_nodes,
        )

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
        options = ViewOptions(overlay=overlay, depth=depth, expand=expand, collapse=collapse, fold=fold)
        return graph_scene(self, max_nodes=max_nodes, **options).to_svg()

    def to_mirror(self, **options: Unpack[ViewOptions]) -> str:
        """Return the forward pass and, beside it, the derivative rules that mirror it, as SVG.

        The forward pass runs down on the left. On the right its derivative rules run up, each in the row of its
        operation and as a formula; dotted lines lead saved values to the rules that read it, with the bytes, and
        dashed lines lead gradients to the parameters. A measured graph shows how large these are.

        Args:
            options: `overlay`, `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`; each half has at
                most 750 boxes.

        Raises:
            ValueError: if the graph has no backward pass.
        """
        return mirror_scene(self, **options).to_svg()

    def to_json(self, *, indent: int | None = None, sources: bool = True) -> str:
        """Return the graph as JSON, from which `from_json` makes an equal one; see `graph_schema`.

        Args:
            indent: spaces for each level; None for one line.
            sources: with the user's files and lines, where recorded.
        """
        return json_text(self, indent=indent, sources=sources)

    @classmethod
    def from_json(cls, text: str | bytes) -> Graph:
        """Make a graph from what `to_json` wrote; unknown operations are fine.

        Raises:
            TypeError: if the argument is not text, for example a Path.
            ValueError: if the text is something else, or of another version.
        """
        return cls.of(graph_from_json(text))

    def to_model_explorer(self, *, indent: int | None = None) -> str:
        """Return the graph as JSON for Model Explorer, with the gradients as edge overlays."""
        return model_explorer_text(self, indent=indent)

    def to_html(
        self,
        *,
        overlay: Overlaid | Sequence[Overlaid] | None = None,
        explain: Explanation | None = None,
        diff: Differences | Overlay | None = None,
        title: str | None = None,
    ) -> str:
        """Return one HTML file that loads nothing: to fold and unfold, search, zoom, and step through the chain rule.

        Args:
            overlay: marks and numbers to choose from; the first is shown.
            explain: an explanation, whose steps are then played over the picture.
            diff: the differences to another graph: of `diff(a, b)` both are shown in one, with the removed nodes; or
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
            renderer: who draws. "auto": ourselves, with matplotlib to paint the picture of .svg as PNG or PDF; for want
                of it Graphviz's `dot`, or `graphviz-pure`. "builtin", "dot" or "graphviz-pure" for that one alone. An
                SVG that `dot` cannot draw is drawn by ourselves, with a warning.
            dpi: dots per inch of a PNG, above 0; 96 gives the size of the SVG.
            timeout: seconds after which a program that draws is killed.
            options: `overlay`, and for pictures `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`; for
                a page `explain`, `diff` and `title`, as of `to_html`; for PNG, PDF, DOT and Mermaid `theme`, "light"
                or "dark".

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or renderer, the dots per inch are not above 0, a PNG would have
                more than 200 million dots, or the form does not have one of the options.
            RenderError: if nothing can draw a PNG or a PDF; the message says how to get what can.
        """
        return save_graph(self, path, RenderOptions(renderer, dpi, timeout), options)

    def _repr_svg_(self) -> str:
        return picture(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return graph_bundle(self, include, exclude)


@checked
def build_graph(tensors: Tensor | Iterable[Tensor], *, backward: bool = False, measured: bool = False) -> Graph:
    """Return the graph of the operations that made the given tensors.

    A tensor that requires a gradient and was made by no operation is a *parameter*; any other tensor without history
    an *input*; an array or a number used as an operand a *constant*, one for each use; a random generator *state*.
    The graph keeps no array alive, and is the same before and after `backward`.

    Args:
        tensors: one tensor, or several: the outputs of the graph.
        backward: add the backward pass from the outputs to all parameters, as the derivative rules state it.
        measured: run it, backward too if a gradient flows, and put numbers at its nodes. Boxes of scalars show their
            values and gradients; `overlay="values"` shows how large arrays are.

    Returns:
        The graph. The same computation gives an equal one.

    Raises:
        TypeError: if an output is not a Tensor.
        ValueError: if there is no output.
        GradError: with `backward`, if no output requires a gradient; with `measured`, if `backward` released what that
            needs.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 2.0], name="x")
        >>> w = ag.tensor([0.5, 0.5], requires_grad=True, name="w")
        >>> print(build_graph((x * w).sum()))
        # 2 operations, 1 input, 1 parameter (2 values), 4 FLOP
        n0 : (2,) float64 = input 'x'
        n1 : (2,) float64 = parameter 'w'
        n2 : (2,) float64 = multiply n0 n1
        n3 : ()   float64 = sum[axis=None, dtype=None, keepdims=False] n2
        return n3
        >>> print(build_graph((x * w).sum(), measured=True).to_text().splitlines()[-2])
        n3 : ()   float64 = sum[axis=None, dtype=None, keepdims=False] n2  # 1.5   1.5     1
    """
    if not measured:
        return Graph.of(build_from(tensors, backward=backward).graph)
    results = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    flows = backward or any(getattr(tensor, "requires_grad", False) for tensor in results)
    graph = PureProgram.build(results, backward=flows).measure()
    return Graph.of(graph if backward else graph.forward())


def tensor_picture(tensor: Tensor) -> str:
    """Draw the history of a tensor, as a notebook shows it; a short expression of numbers shows them."""
    graph = build_graph(tensor)
    if len(graph) <= _EXPRESSION and all(not node.shape and node.kind is not Kind.STATE for node in graph):
        graph = _with_numbers(tensor) or graph
    return picture(graph, TENSOR_LIMIT)


def _with_numbers(tensor: Tensor) -> Graph | None:
    """Return the measured graph of an expression; None if its numbers have changed since, or its ops cannot run."""
    try:
        program = PureProgram.build(tensor, backward=tensor.requires_grad)
        stale = program.first_changed(program.values(backward=False))
        return Graph.of(program.measure().forward()) if stale is None else None
    except Exception:  # a picture is shown all the same
        return None
