"""A View with everything in its place, which `svg` draws and folding measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from ...ir.node_labels import clip, visible
from .boxes import SMALL, Label, label_of
from .draw import Element, element
from .layout.geometry import Box, Point
from .layout.lanes import Edge
from .layout.layered import Layout, lay_out
from .layout.modules import Modules, modules_of
from .scopes import without_calls
from .view import TALLEST, WIDEST, Direction, EdgeKind, View
from .widths import text_width

# How much of a box's upper border an arrow out of nowhere takes.
_ASIDE = 12.0
# How straight each kind of edge wants to be; edges from parameters and constants are quiet.
_WEIGHTS = {EdgeKind.DATA: 8.0, EdgeKind.GRADIENT: 8.0, EdgeKind.SAVED: 0.1}
_QUIET_WEIGHT, _LABELLED_ROOM = 1.0, 46.0
# The width of the margins; the height of margins, caption and legend.
_MARGINS, _CAPTION_AND_LEGEND = 56.0, 190.0
# The channel of an edge is the place of its kind here.
KINDS = tuple(EdgeKind)

T = TypeVar("T")


class Drawing(NamedTuple):
    """A View with everything in its place."""

    view: View
    labels: list[Label]
    edges: list[Edge]
    layout: Layout
    modules: Modules
    titles: list[str]
    direction: Direction = "TB"

    @property
    def is_sideways(self) -> bool:
        """Whether lines lead sideways: then the layout's x is the picture's y."""
        return self.direction in ("LR", "RL")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        size = self.layout.width, self.layout.height
        return size[::-1] if self.is_sideways else size

    def at(self, point: Point) -> Point:
        """Return where a point of the layout, whose lines lead down, is in the picture."""
        along = self.layout.height - point.y if self.direction in ("BT", "RL") else point.y
        return Point(along, point.x) if self.is_sideways else Point(point.x, along)

    def place(self, elements: Iterable[Element]) -> Iterable[Element]:
        """Return elements in the layout's coordinates moved and turned to the picture's."""
        if self.direction == "TB":
            return elements
        (x, y), right, down = self.at(Point(0, 0)), self.at(Point(1, 0)), self.at(Point(0, 1))
        return [element("g", "", *elements, transform=(right.x - x, right.y - y, down.x - x, down.y - y, x, y))]


def drawing_of(view: View, direction: Direction = "TB") -> Drawing:
    """Lay out a View.

    Args:
        view: what to draw.
        direction: where lines lead.
    """
    number = {node.id: i for i, node in enumerate(view.nodes)}
    labels = [label_of(node) for node in view.nodes]
    edges = [
        Edge(
            number[edge.source],
            number[edge.target],
            _QUIET_WEIGHT if edge.quiet and edge.kind is EdgeKind.DATA else _WEIGHTS[edge.kind],
            _LABELLED_ROOM if edge.label else 0.0,
            KINDS.index(edge.kind),
        )
        for edge in view.edges
    ]
    reads: list[list[int]] = [[] for _ in view.nodes]
    for edge in edges:
        reads[edge.target].append(edge.source)
    modules = modules_of([node.scope for node in view.nodes], reads)
    titles = titles_of(modules)
    widths = [text_width(title, SMALL, bold=True) + 18 for title in titles]
    cut = set(view.cut)
    boxes = [
        label.box._replace(taken_left=_ASIDE) if node.id in cut else label.box
        for node, label in zip(view.nodes, labels, strict=True)
    ]
    if direction in ("LR", "RL"):
        boxes, widths = [Box(box.height, box.width) for box in boxes], []
    layout = lay_out(boxes, edges, modules, widths or [0.0] * len(modules.scopes))
    return Drawing(view, labels, edges, layout, modules, titles, direction)


def titles_of(modules: Modules) -> list[str]:
    """Return the titles of the frames. A module that has several frames, one for each call, says nothing of calls."""
    frames = Counter(modules.scopes)
    names = [scope[-1] if frames[scope] == 1 else without_calls(scope[-1]) for scope in modules.scopes]
    return [visible(clip(name, 40)) for name in names]


def first_that_fits(choices: Iterable[T], size_of: Callable[[T], tuple[float, float]]) -> T:
    """Return the first choice whose drawing fits into `WIDEST` by `TALLEST`, or the last.

    Args:
        choices: at least one, from the one that shows most to the one that shows least.
        size_of: returns the width and height of a drawing.

    Example:
        >>> first_that_fits([4000, 1500, 300], lambda width: (width, 10.0))
        1500
    """
    for choice in choices:
        width, height = size_of(choice)
        if width <= WIDEST - _MARGINS and height <= TALLEST - _CAPTION_AND_LEGEND:
            break
    return choice
