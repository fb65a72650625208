"""The picture: SVG drawn by our own layout, self-contained, in light and dark, the same bytes for the same graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from .boxes import LEADING, SMALL, Label, Line, label_of
from .frames import Frame, frames, room_between
from .labels import clip, counted, fits_table, summary, text_width, type_text, visible
from .layout import TIP, Box, Edge, Layout, Leg, Point, lay_out
from .parts import GraphNode, Kind
from .scopes import scopes
from .style import FONT, LOOKS, stylesheet
from .text import place
from .window import PICTURE_LIMIT, Window, nearest_outputs

if TYPE_CHECKING:
    from .ir import Graph

__all__ = ["svg_text"]

_MARGIN, _STUB = 24.0, 18.0
# The caption and the legend may make a narrow page as wide as this before they break; between samples of the legend.
_LEAST, _SPACE = 430.0, 14.0
# Ops whose arguments may change places: where these arrive in another order, nobody needs to be told.
_COMMUTATIVE = frozenset(
    ("add", "multiply", "maximum", "minimum", "fmax", "fmin", "equal", "not_equal", "hypot", "logaddexp", "logaddexp2")
).union(("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"))
# What flows from these is not what the computation is about; its edges are drawn thinner and may bend more.
_QUIET = frozenset((Kind.PARAMETER, Kind.CONSTANT, Kind.STATE))


def svg_text(graph: Graph, *, max_nodes: int = PICTURE_LIMIT) -> str:
    """Return the picture of a graph as SVG."""
    if not 1 <= max_nodes <= PICTURE_LIMIT:
        raise ValueError(f"to_svg: expected max_nodes from 1 to {PICTURE_LIMIT:,}; received {max_nodes}")
    window = nearest_outputs(graph, max_nodes)
    nodes, number = window.nodes, {node.id: i for i, node in enumerate(window.nodes)}
    outputs = set(graph.outputs)
    labels = [label_of(node, node.id in outputs) for node in nodes]
    boxes = [label.box for label in labels]
    homes = scopes(nodes)
    edges = [
        Edge(
            number[source],
            i,
            1.0 if nodes[number[source]].kind in _QUIET else 8.0,
            room_between(homes[source], homes[node.id]) + 2,
        )
        for i, node in enumerate(nodes)
        for source in node.inputs
        if source in number
    ]
    layout = lay_out(boxes, edges)
    members = [node.kind is Kind.OP for node in nodes]
    framed = frames(boxes, layout.centers, [homes[node.id] for node in nodes], members)
    drawing = [
        *map(_frame, framed),
        *_edges(nodes, edges, layout),
        *map(_frame_title, framed),
        *_stubs(nodes, number, boxes, layout),
        *_argument_numbers(nodes, edges, layout, number),
        *(_node(*row) for row in zip(nodes, labels, boxes, layout.centers, strict=True)),
    ]
    return _page(graph, window, drawing, labels, layout, framed)


# ---- the page -------------------------------------------------------------------------------------------------------


def _page(
    graph: Graph, window: Window, drawing: list[str], labels: list[Label], layout: Layout, framed: list[Frame]
) -> str:
    """Put the caption above the drawing and the legend below it."""
    left = min([0.0, *(frame.left for frame in framed)])
    right = max([layout.width, *(frame.right for frame in framed)])
    above = -min([-_STUB if window.hidden else 0.0, *(frame.top for frame in framed)])
    below = max([layout.height, *(frame.bottom for frame in framed)])
    words = [(word, text_width(word, SMALL) + 12) for word in summary(graph).split(", ")]
    facts = [" · ".join(line) for line in _wrapped(words, max(right - left, _LEAST))]
    counts = len(facts)
    if window.hidden:
        facts.append(f"{window.hidden:,} of {len(graph):,} nodes are not shown: those farthest from the results")
    looks = [look for look in LOOKS if any(label.look == look for label in labels)]
    legend = _wrapped([(look, _legend_width(look)) for look in looks], max(right - left, _LEAST))
    samples = [sum(map(_legend_width, row)) for row in legend]
    width = max([right - left, *(text_width(fact, SMALL) for fact in facts), *samples]) + 2 * _MARGIN
    top = _MARGIN + len(facts) * SMALL * LEADING + 14 + above
    bottom = top + below + 22
    height = bottom + len(legend) * 20 + _MARGIN - 8
    shift = _MARGIN - left + (width - 2 * _MARGIN - right + left) / 2
    name = visible(graph[graph.outputs[0]].name)
    title = f"Computation graph of {name}" if name else "Computation graph"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="autograd-graph" role="img" width="{_n(width)}" '
        f'height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" style="max-width:100%;height:auto" '
        f'font-family="{FONT}">',
        f"<title>{_xml(title)}</title>",
        f"<desc>{_xml('; '.join([summary(graph), *facts[counts:]]))}</desc>",
        f"<style>\n{stylesheet()}\n</style>",
        f'<rect class="page" width="{_n(width)}" height="{_n(height)}" rx="10"/>',
        *(
            _text(Line(fact, SMALL, "soft"), width / 2, _MARGIN + (i + 0.5) * SMALL * LEADING)
            for i, fact in enumerate(facts)
        ),
        f'<g transform="translate({_n(shift)} {_n(top)})">',
        *drawing,
        "</g>",
        *_legend(legend, width, bottom),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _wrapped(words: Sequence[tuple[str, float]], width: float) -> list[list[str]]:
    """Break words of known width into lines."""
    lines: list[list[str]] = []
    used = 0.0
    for word, wide in words:
        if not lines or used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += wide
    return lines


def _legend(rows: list[list[str]], width: float, top: float) -> Iterator[str]:
    """Draw a small sample of each kind of box with its word."""
    for r, looks in enumerate(rows):
        x = (width - sum(map(_legend_width, looks)) + _SPACE) / 2
        y = top + 20 * r + 6
        for look in looks:
            word = LOOKS[look].legend
            yield f'<g class="{look}">{_shape(LOOKS[look].shape, Point(x + 10, y), Box(20, 13), look == "output")}</g>'
            yield _text(Line(word, SMALL, "soft"), x + 26, y, anchor="start")
            x += _legend_width(look)


def _legend_width(look: str) -> float:
    return 26 + text_width(LOOKS[look].legend, SMALL) + _SPACE


# ---- nodes ----------------------------------------------------------------------------------------------------------


def _node(node: GraphNode, label: Label, box: Box, center: Point) -> str:
    parts = [
        f'<g class="node {label.look}" data-id="{node.id}">',
        f"<title>{_xml(_tooltip(node))}</title>",
        _shape(label.shape, center, box, label.is_output),
    ]
    y = center.y - label.text_size[1] / 2 + (4 if label.shape == "cylinder" else 0)
    for line in label.lines:
        height = line.size * LEADING
        if fits_table(line.text):
            parts.append(_text(line, center.x, y + height / 2))
        else:
            # No table knows how wide these characters are: a window of the label's size cuts what would stand out.
            wide = label.text_size[0]
            inner = _text(line, wide / 2, height / 2 + 2)
            parts.append(
                f'<svg x="{_n(center.x - wide / 2)}" y="{_n(y - 2)}" width="{_n(wide)}" height="{_n(height + 4)}" '
                f'overflow="hidden">{inner}</svg>'
            )
        y += height
    return "".join([*parts, "</g>"])


def _shape(shape: str, center: Point, box: Box, double: bool) -> str:
    if shape == "cylinder":
        return _cylinder(center, box)
    drawn = []
    for inset in (0.0, 3.0) if double else (0.0,):
        wide, high = box.width - 2 * inset, box.height - 2 * inset
        if shape == "ellipse":
            size = f'rx="{_n(wide / 2)}" ry="{_n(high / 2)}"'
            drawn.append(f'<ellipse class="box" cx="{_n(center.x)}" cy="{_n(center.y)}" {size}/>')
        else:
            round_ = f' rx="{_n(min(8.0, box.height / 3) - inset)}"' if shape in ("rounded", "double") else ""
            corner = f'x="{_n(center.x - wide / 2)}" y="{_n(center.y - high / 2)}"'
            drawn.append(f'<rect class="box" {corner} width="{_n(wide)}" height="{_n(high)}"{round_}/>')
    return "".join(drawn)


def _cylinder(center: Point, box: Box) -> str:
    x, y, wide, lid = center.x - box.width / 2, center.y - box.height / 2, box.width, min(6.0, box.height / 4)
    arc = f"{_n(wide / 2)} {_n(lid)} 0 0"
    return (
        f'<path class="box" d="M{_n(x)} {_n(y + lid)}A{arc} 1 {_n(x + wide)} {_n(y + lid)}'
        f"V{_n(y + box.height - lid)}A{arc} 1 {_n(x)} {_n(y + box.height - lid)}Z"
        f'M{_n(x)} {_n(y + lid)}A{arc} 0 {_n(x + wide)} {_n(y + lid)}"/>'
    )


def _tooltip(node: GraphNode) -> str:
    what = [str(node.kind), node.name] if node.kind is not Kind.OP else [node.op, *node.inputs]
    flops = f"{node.flops:,} FLOP" if node.flops else ""
    size = f"{type_text(node)}, {counted(node.nbytes, 'byte')}" if node.nbytes and not node.weak else type_text(node)
    lines = [" ".join([node.id, "=", *what, node.value]), *map(str, node.params), size, flops, node.scope, place(node)]
    return "\n".join(visible(line) for line in lines if line)


# ---- edges ----------------------------------------------------------------------------------------------------------


def _edges(nodes: Sequence[GraphNode], edges: Sequence[Edge], layout: Layout) -> Iterator[str]:
    """Draw all edges from one node as one path, so that where they go together one line is seen."""
    tips: dict[int, list[Point]] = {}
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        tips.setdefault(edge.source, []).append(arrival)
    # The quiet ones first, so that data crosses over them.
    for source in sorted(tips, key=lambda s: (nodes[s].kind not in _QUIET, s)):
        quiet = " quiet" if nodes[source].kind in _QUIET else ""
        yield f'<path class="edge{quiet}" data-from="{nodes[source].id}" d="{_way(layout.legs[source])}"/>'
        yield f'<path class="tip{quiet}" d="{"".join(map(_tip, tips[source]))}"/>'


def _way(legs: Sequence[Leg]) -> str:
    """Write legs as one path: the straight ones that follow each other as one line, the others as curves."""
    follows = {leg.start: leg.end for leg in legs if leg.start.x == leg.end.x}
    ends = set(follows.values())
    way = []
    for start, end in legs:
        if start.x != end.x:
            middle = _n((start.y + end.y) / 2)
            way.append(
                f"M{_n(start.x)} {_n(start.y)}C{_n(start.x)} {middle} {_n(end.x)} {middle} {_n(end.x)} {_n(end.y)}"
            )
        elif start not in ends:
            while end in follows:
                end = follows[end]
            way.append(f"M{_n(start.x)} {_n(start.y)}V{_n(end.y)}")
    return "".join(way)


def _tip(at: Point) -> str:
    return f"M{_n(at.x)} {_n(at.y)}l-3.5 {_n(-TIP)}h7z"


def _stubs(nodes: Sequence[GraphNode], number: dict[str, int], boxes: Sequence[Box], layout: Layout) -> Iterator[str]:
    """Draw a dashed arrow out of nowhere into every box that reads what is not shown."""
    for i, node in enumerate(nodes):
        if any(source not in number for source in node.inputs):
            aside = boxes[i].width / 2 - 12 if any(source in number for source in node.inputs) else 0.0
            tip = Point(layout.centers[i].x - aside, layout.centers[i].y - boxes[i].height / 2)
            yield f'<path class="edge cut" d="M{_n(tip.x)} {_n(tip.y - _STUB)}V{_n(tip.y - TIP)}"/>'
            yield f'<path class="tip" d="{_tip(tip)}"/>'


def _argument_numbers(
    nodes: Sequence[GraphNode], edges: Sequence[Edge], layout: Layout, number: dict[str, int]
) -> Iterator[str]:
    """Number the arguments of an op where they do not arrive from left to right."""
    into: dict[int, list[Point]] = {}
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        into.setdefault(edge.target, []).append(arrival)
    for target, arrivals in into.items():
        node = nodes[target]
        in_order = all(a.x <= b.x for a, b in pairwise(arrivals))
        if in_order or node.op in _COMMUTATIVE:
            continue
        places = [i + 1 for i, source in enumerate(node.inputs) if source in number]
        for argument, at in zip(places, arrivals, strict=True):
            yield _text(Line(str(argument), 9.0, "soft"), at.x + 4.5, at.y - 9, anchor="start")


def _frame(frame: Frame) -> str:
    size = f'width="{_n(frame.right - frame.left)}" height="{_n(frame.bottom - frame.top)}"'
    return f'<rect class="frame" x="{_n(frame.left)}" y="{_n(frame.top)}" {size} rx="10"/>'


def _frame_title(frame: Frame) -> str:
    """Write the module's name over the edges, with a halo that keeps them off the letters."""
    line = Line(visible(clip(frame.scope[-1], 40)), SMALL, "soft halo")
    full = _xml(visible(".".join(frame.scope)))
    return f"<g><title>{full}</title>{_text(line, frame.left + 9, frame.top + 11, anchor='start')}</g>"


# ---- text and numbers -----------------------------------------------------------------------------------------------

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def _xml(text: str) -> str:
    return text.translate(_ENTITIES)


def _text(line: Line, x: float, y: float, anchor: str = "middle") -> str:
    """Set a line with its middle at height y (a third of the size above the baseline is the middle of the letters)."""
    style = f' class="{line.style}"' if line.style else ""
    where = f'x="{_n(x)}" y="{_n(y + 0.35 * line.size)}" font-size="{_n(line.size)}" text-anchor="{anchor}"'
    sign = f'<tspan class="sign">{_xml(line.sign)} </tspan>' if line.sign else ""
    return f"<text{style} {where}>{sign}{_xml(line.text)}</text>"


def _n(value: float) -> str:
    """Write a number with at most one decimal."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
