"""What a picture shows, before it is drawn: boxes with lines of text, and lines between them.

SVG, DOT, Mermaid and HTML all draw a View, so folding, focusing and overlays are done once, here, and look alike
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from .scopes import Scope

if TYPE_CHECKING:
    from ...ir.graph import Graph


class EdgeKind(StrEnum):
    """What flows along an edge."""

    DATA = "data"
    GRADIENT = "gradient"
    SAVED = "saved"  # a value of the forward pass that a derivative rule reads


@dataclass(frozen=True, slots=True)
class Mark:
    """What an overlay says about one node.

    Attributes:
        look: a look in place of the node's own (a key of `style.LOOKS`, such as "nan", "added", "removed", "changed").
        badge: a few characters at the box's corner, such as "NaN", "+" or "12 %".
        note: one more line in the box.
        tip: more lines for the tooltip and the side panel.
        weight: from 0 to 1, how deeply the box is coloured; None for no colour.
    """

    look: str = ""
    badge: str = ""
    note: str = ""
    tip: tuple[str, ...] = ()
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Overlay:
    """Marks for the nodes of a graph, and what the caption says of them.

    Attributes:
        title: what is shown, such as "bytes saved for the backward pass".
        caption: lines for the caption: the totals.
        marks: by node id.
        totals: for a folded group the marks of its members are added up by `total(marks)`: the numbers by node id.
        unit: of `totals`: "FLOP", "B", "s" or "".
        of: the graph it was made for, if that is known; a picture of another one refuses it.
    """

    title: str = ""
    caption: tuple[str, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    of: Graph | None = field(default=None, compare=False, repr=False)


class HasOverlay(Protocol):
    """What an analysis found, and can be shown on a picture: Cost, Memory, NanReport, Health or GraphDiff."""

    def overlay(self) -> Overlay:
        """Return the marks."""


# What pictures take as `overlay`.
Overlaid = Overlay | HasOverlay | Literal["flops", "bytes", "saved", "time"]


@dataclass(frozen=True, slots=True)
class ViewNode:
    """A box.

    Attributes:
        id: of the graph's node; of a folded group "m0", "m1", … in the order of their first nodes.
        look: a key of `style.LOOKS`.
        lines: its text, the head first.
        sign: a glyph before the head.
        is_output: drawn with a double border.
        scope: the modules around it, outermost first.
        tip: lines of the tooltip.
        badge: a few characters at its corner.
        members: of a folded group, the ids of the graph's nodes in it.
        weight: see `Mark`.
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


@dataclass(frozen=True, slots=True)
class ViewEdge:
    """A line between two boxes.

    Attributes:
        source, target: ids of boxes.
        kind: what flows.
        label: beside the line, such as the shape where it changes; empty for none.
        argument: the position among the target's arguments, from 1, where it must be told; 0 otherwise.
        quiet: it comes from a parameter, a constant or a generator.
    """

    source: str
    target: str
    kind: EdgeKind = EdgeKind.DATA
    label: str = ""
    argument: int = 0
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A picture to be drawn.

    Attributes:
        nodes: in an order in which every edge goes from an earlier to a later one.
        edges: by the ids of the boxes; two boxes have one edge of a kind at most, unless arguments are told apart or a
            box reads the same value twice, as in `x * x`.
        title: of the picture.
        caption: lines above it: what it counts, what it hides.
        cut: ids of boxes that read what is not shown.
    """

    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]
    title: str = ""
    caption: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
