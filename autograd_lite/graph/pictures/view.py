"""The contents of a picture, before it is drawn: boxes with lines of text, and lines between them.

SVG, DOT, Mermaid and HTML all draw a View, so folding, focusing and overlays are done once and look the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, get_args

from .scopes import Scope

# Beyond this many boxes a static picture is no longer a picture.
PICTURE_LIMIT = 1500
# The largest picture that fits a screen, or three of them in height, in CSS pixels with everything around it.
WIDEST, TALLEST = 1600.0, 3000.0
# Where lines lead: to the bottom, the top, the right or the left.
Direction = Literal["TB", "BT", "LR", "RL"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


class EdgeKind(StrEnum):
    """The kind of value that flows along an edge.

    Example:
        >>> [kind.value for kind in EdgeKind]
        ['data', 'gradient', 'saved']
    """

    DATA = "data"
    GRADIENT = "gradient"
    SAVED = "saved"  # a value of the forward pass that a derivative rule reads


@dataclass(frozen=True, slots=True)
class ViewNode:
    """A box.

    Attributes:
        id: of the graph's node; for a folded group "m0", "m1", … in the order of their first nodes.
        look: a key of `style.LOOKS`.
        lines: its text, the head first.
        sign: a glyph before the head.
        is_output: drawn with a double border.
        scope: the modules around it, outermost first.
        tip: lines of the tooltip.
        badge: a few characters at its corner.
        members: for a folded group, the ids of the graph's nodes in it.
        weight: from 0 to 1, how deeply it is colored; None for no color.
        results: for a call with several results, the ids of the graph's nodes that take them out of it.

    Example:
        >>> ViewNode("n1", "op", ("sin",)).lines
        ('sin',)
    """

    id: str
    look: str
    lines: tuple[str, ...]
    sign: str = ""
    is_output: bool = False
    scope: Scope = ()
    tip: tuple[str, ...] = ()
    badge: str = ""
    members: tuple[str, ...] = ()
    weight: float | None = None
    results: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The ids of the graph's nodes that it shows."""
        return self.members or (self.id, *self.results)


@dataclass(frozen=True, slots=True)
class ViewEdge:
    """A line between two boxes.

    Attributes:
        source, target: ids of boxes.
        kind: of the value that flows.
        label: next to the line, such as the shape where it changes, or which result of a call it is; may be empty.
        argument: the position among the target's arguments, from 1, if it has to be shown; 0 otherwise.
        quiet: it comes from a parameter, a constant or a generator.

    Example:
        >>> ViewEdge("n1", "n2").kind.value
        'data'
    """

    source: str
    target: str
    kind: EdgeKind = EdgeKind.DATA
    label: str = ""
    argument: int = 0
    quiet: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """A picture to be drawn.

    Attributes:
        nodes: in an order in which every edge goes from an earlier to a later one.
        edges: by the ids of the boxes; at most one of a kind between two boxes, unless arguments are told apart or a
            box reads the same value twice, as in `x * x`.
        title: of the picture.
        caption: lines above it, which count the shown and the hidden.
        cut: ids of boxes that read something not shown.
        words: what the legend calls the kinds of boxes, by their looks, where that is not their usual name.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import view_of
        >>> view = view_of(ag.build_graph(ag.tensor(2.0, requires_grad=True) * 3.0))
        >>> len(view.nodes), len(view.edges)
        (3, 2)
    """

    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]
    title: str = ""
    caption: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<View of {len(self.nodes)} boxes and {len(self.edges)} lines: {self.title}>"
