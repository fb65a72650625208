"""The picture: SVG drawn by our own layout, self-contained, in light and dark, the same bytes for the same View."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Unpack

from ...ir.graph import PureGraph
from ...ir.labels import clip, text_width, visible
from .boxes import LEADING, SHEET, SMALL, Label, Line, label_of, pill_width
from .draw import lines_text, n, pill, shape, text, tip, xml
from .edge_labels import Area, Spots, points_of
from .folding.fold import ViewOptions, view_of
from .layout.frames import Frame
from .layout.geometry import TIP, Box, Leg, Point
from .layout.lanes import Edge
from .layout.layered import Layout, lay_out
from .layout.modules import Modules, modules_of
from .style import EDGE_LOOKS, FONT, HEATS, LOOKS, stylesheet
from .view import EdgeKind, View, ViewEdge, ViewNode
from .window import PICTURE_LIMIT

_MARGIN, _STUB, _ARGUMENT, _LABEL = 24.0, 18.0, 9.0, 10.0
# The caption and the legend may make a narrow page as wide as this before they break; between samples of the legend.
_LEAST, _SPACE, _SAMPLE, _LINE = 430.0, 14.0, 26.0, 30.0
# What the arrow out of nowhere takes of a box's upper border.
_ASIDE = 12.0
# How straight each kind of edge wants to be; edges from parameters and constants are quiet.
_WEIGHTS = {EdgeKind.DATA: 8.0, EdgeKind.GRADIENT: 8.0, EdgeKind.SAVED: 0.1}
_QUIET_WEIGHT, _LABELLED_ROOM = 1.0, 46.0
_KINDS = tuple(EdgeKind)


class _Drawing(NamedTuple):
    """A View with everything in its place."""

    view: View
    labels: list[Label]
    edges: list[Edge]
    layout: Layout
    modules: Modules


def graph_svg(graph: PureGraph, *, max_nodes: int = PICTURE_LIMIT, **options: Unpack[ViewOptions]) -> str:
    """Return the picture of a graph as SVG; see `Graph.to_svg`."""
    if not 1 <= max_nodes <= PICTURE_LIMIT:
        raise ValueError(f"to_svg: expected max_nodes from 1 to {PICTURE_LIMIT:,}; received {max_nodes}")
    options["limit"] = max_nodes
    return svg_text(view_of(graph, **options))


def svg_text(view: View) -> str:
    """Return a View as SVG."""
    number = {node.id: i for i, node in enumerate(view.nodes)}
    labels = [label_of(node) for node in view.nodes]
    edges = [
        Edge(
            number[edge.source],
            number[edge.target],
            _QUIET_WEIGHT if edge.quiet and edge.kind is EdgeKind.DATA else _WEIGHTS[edge.kind],
            _LABELLED_ROOM if edge.label else 0.0,
            _KINDS.index(edge.kind),
        )
        for edge in view.edges
    ]
    reads: list[list[int]] = [[] for _ in view.nodes]
    for edge in edges:
        reads[edge.target].append(edge.source)
    modules = modules_of([node.scope for node in view.nodes], reads)
    titles = [text_width(_title(scope[-1]), SMALL, bold=True) + 18 for scope in modules.scopes]
    cut = set(view.cut)
    boxes = [
        label.box._replace(taken_left=_ASIDE) if node.id in cut else label.box
        for node, label in zip(view.nodes, labels, strict=True)
    ]
    layout = lay_out(boxes, edges, modules, titles)
    drawing = _Drawing(view, labels, edges, layout, modules)
    return _page(
        drawing,
        [
            *map(_frame, layout.frames),
            *_edges(drawing),
            *_stubs(drawing),
            *(_node(*row) for row in zip(view.nodes, labels, layout.centers, strict=True)),
            *_words(drawing),
        ],
    )


# ---- the page -------------------------------------------------------------------------------------------------------


def _page(drawing: _Drawing, body: list[str]) -> str:
    """Put the caption above the drawing and the legend below it."""
    view, layout = drawing.view, drawing.layout
    room = max(layout.width, _LEAST)
    facts = [line for fact in view.caption for line in _broken(visible(fact), room)]
    legend = _wrapped(list(_samples(drawing)), room)
    rows = [sum(wide for _, wide in row) - _SPACE for row in legend]
    width = max([layout.width, *(text_width(fact, SMALL) for fact in facts), *rows]) + 2 * _MARGIN
    above = 16.0 + (_STUB if view.cut else 0.0)
    top = _MARGIN + len(facts) * SMALL * LEADING + above
    bottom = top + layout.height + 22
    height = bottom + len(legend) * 20 + _MARGIN - 8
    title = visible(view.title) or "Computation graph"
    inside = [
        f'<rect class="page" width="{n(width)}" height="{n(height)}" rx="10"/>',
        *(
            text(Line(fact, SMALL, "soft"), width / 2, _MARGIN + (i + 0.5) * SMALL * LEADING)
            for i, fact in enumerate(facts)
        ),
        f'<g transform="translate({n((width - layout.width) / 2)} {n(top)})">',
        *body,
        "</g>",
        *_legend(legend, width, bottom),
        "</svg>",
    ]
    # Two pictures on one page must not share ids, unless they are the same.
    key = f"ag{zlib.crc32(chr(10).join([title, *view.caption, *inside]).encode('utf-8', 'replace')):08x}"
    looks = [look for look in LOOKS if any(label.look == look for label in drawing.labels)]
    kinds = [kind for kind in EdgeKind if any(edge.kind is kind for edge in view.edges)] or [EdgeKind.DATA]
    heats = sorted({label.heat for label in drawing.labels if label.heat >= 0})
    if heats:
        heats = list(range(HEATS))  # the legend shows them all
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="autograd-graph" role="img" aria-labelledby="{key}t {key}d" '
        f'width="{n(width)}" height="{n(height)}" viewBox="0 0 {n(width)} {n(height)}" '
        f'style="max-width:100%;height:auto" font-family="{FONT}">',
        f'<title id="{key}t">{xml(title)}</title>',
        f'<desc id="{key}d">{xml("; ".join(map(visible, view.caption)))}</desc>',
        f"<style>\n{stylesheet(looks, kinds, heats)}\n</style>",
        *inside,
    ]
    return "\n".join(lines) + "\n"


def _broken(fact: str, width: float) -> list[str]:
    """Break a line of the caption between its parts, into lines of about the same length."""
    words = [(word, text_width(word, SMALL) + 12) for word in fact.split(", ")]
    lines = _wrapped(words, width)
    even = _wrapped(words, sum(wide for _, wide in words) / len(lines) + max(wide for _, wide in words) / 2)
    return [" · ".join(word for word, _ in line) for line in (even if len(even) == len(lines) else lines)]


def _wrapped(words: Sequence[tuple[str, float]], width: float) -> list[list[tuple[str, float]]]:
    """Break words of known width into lines."""
    lines: list[list[tuple[str, float]]] = []
    used = 0.0
    for word, wide in words:
        if not lines or used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append((word, wide))
        used += wide
    return lines


def _samples(drawing: _Drawing) -> Iterator[tuple[str, float]]:
    """Yield what the legend shows, and how wide each is: looks, kinds of edges, and the scale of weights."""
    for look in LOOKS:
        if any(label.look == look for label in drawing.labels):
            yield look, _SAMPLE + text_width(LOOKS[look].legend, SMALL) + _SPACE
    kinds = {edge.kind for edge in drawing.view.edges}
    for kind in EdgeKind:
        if kind in kinds and kinds != {EdgeKind.DATA}:
            yield kind.value, _LINE + 6 + text_width(EDGE_LOOKS[kind].legend, SMALL) + _SPACE
    if any(label.heat >= 0 for label in drawing.labels):
        yield "heat", HEATS * 9 + 60 + _SPACE


def _legend(rows: list[list[tuple[str, float]]], width: float, top: float) -> Iterator[str]:
    """Draw a small sample of each kind of box and line with its word."""
    for r, samples in enumerate(rows):
        x = (width - sum(wide for _, wide in samples) + _SPACE) / 2
        y = top + 20 * r + 6
        for sample, wide in samples:
            if sample in LOOKS:
                yield _look_sample(sample, x, y)
            elif sample == "heat":
                yield from _heat_sample(x, y)
            else:
                yield _line_sample(EdgeKind(sample), x, y)
            x += wide


def _look_sample(look: str, x: float, y: float) -> str:
    label = Label((), look)
    size = Box(20, 13) if label.shape != "stacked" else Box(18 + 2 * SHEET, 9 + 2 * SHEET)
    box = shape(label.shape, Point(x + 10, y), size, label.double)
    return f'<g class="{look}">{box}</g>{text(Line(LOOKS[look].legend, SMALL, "soft"), x + _SAMPLE, y, "start")}'


def _line_sample(kind: EdgeKind, x: float, y: float) -> str:
    arrow = EDGE_LOOKS[kind].arrow
    line = f'<path class="edge {kind}" d="M{n(x)} {n(y)}h{n(_LINE - (TIP if arrow else 0) - 2)}"/>'
    if arrow:
        line += f'<path class="tip {kind}" d="M{n(x + _LINE - 2)} {n(y)}l{n(-TIP)} -3.5v7z"/>'
    return line + text(Line(EDGE_LOOKS[kind].legend, SMALL, "soft"), x + _LINE + 6, y, "start")


def _heat_sample(x: float, y: float) -> Iterator[str]:
    yield text(Line("less", SMALL, "soft"), x + 24, y, "end")
    for heat in range(HEATS):
        cell = f'<rect class="box cell" x="{n(x + 30 + 9 * heat)}" y="{n(y - 6)}" width="9" height="12"/>'
        yield f'<g class="heat{heat}">{cell}</g>'
    yield text(Line("more", SMALL, "soft"), x + 36 + 9 * HEATS, y, "start")


# ---- nodes ----------------------------------------------------------------------------------------------------------


def _node(node: ViewNode, label: Label, center: Point) -> str:
    box = label.box
    back = SHEET if label.shape == "stacked" else 0.0
    top = center.y - back - label.text_size[1] / 2 + (4 if label.shape == "cylinder" else 0)
    parts = [
        f'<g class="node {label.css}" data-id="{xml(node.id)}">',
        f"<title>{xml(chr(10).join(map(visible, node.tip)))}</title>" if node.tip else "",
        shape(label.shape, center, box, label.double),
        lines_text(label.lines, center.x - back, top, label.text_size[0]),
    ]
    if label.badge:
        area = _pill_area(label, center)
        parts.append(pill(label.badge, area.right, (area.top + area.bottom) / 2))
    return "".join([*parts, "</g>"])


def _pill_area(label: Label, center: Point) -> Area:
    """Return where a box's badge is: over its upper border, at the right."""
    box = label.box
    right = center.x + box.width / 2 + (5 if label.shape != "stacked" else 5 - 2 * SHEET)
    y = center.y - box.height / 2 - 2
    return Area(right - pill_width(label.badge), y - 7.5, right, y + 7.5)


# ---- edges ----------------------------------------------------------------------------------------------------------


def _edges(drawing: _Drawing) -> Iterator[str]:
    """Draw all edges of a kind from one node as one path, so that where they go together one line is seen."""
    layout, view = drawing.layout, drawing.view
    leaving: dict[tuple[int, int], list[int]] = {}
    for i, edge in enumerate(drawing.edges):
        leaving.setdefault((edge.source, edge.channel), []).append(i)
    quiet = {key: all(view.edges[i].quiet for i in edges) for key, edges in leaving.items()}
    # What was saved first and the quiet ones next, so that data crosses over them.
    for key in sorted(leaving, key=lambda k: (-k[1], not quiet[k], k[0])):
        kind = _KINDS[key[1]]
        css = f"{kind} quiet" if quiet[key] and kind is EdgeKind.DATA else str(kind)
        arrivals = [layout.arrivals[i] for i in leaving[key]]
        legs = list(layout.legs[key])
        if not EDGE_LOOKS[kind].arrow:
            legs += [Leg(Point(at.x, at.y - TIP), at) for at in arrivals]
        source = xml(view.nodes[key[0]].id)
        yield f'<path class="edge {css}" data-from="{source}" d="{_way(legs)}"/>'
        if EDGE_LOOKS[kind].arrow:
            yield f'<path class="tip {css}" d="{"".join(map(tip, arrivals))}"/>'


def _way(legs: Sequence[Leg]) -> str:
    """Write legs as one path: the straight ones that follow each other as one line, the others as curves."""
    follows = {leg.start: leg.end for leg in legs if leg.start.x == leg.end.x}
    ends = set(follows.values())
    way = []
    for start, end in legs:
        if start.x != end.x:
            middle = n((start.y + end.y) / 2)
            way.append(f"M{n(start.x)} {n(start.y)}C{n(start.x)} {middle} {n(end.x)} {middle} {n(end.x)} {n(end.y)}")
        elif start not in ends:
            while end in follows:
                end = follows[end]
            way.append(f"M{n(start.x)} {n(start.y)}V{n(end.y)}")
    return "".join(way)


def _stubs(drawing: _Drawing) -> Iterator[str]:
    """Draw a dashed arrow out of nowhere into every box that reads what is not shown."""
    cut, reading = set(drawing.view.cut), {edge.target for edge in drawing.edges}
    for i, node in enumerate(drawing.view.nodes):
        if node.id in cut:
            box, center = drawing.labels[i].box, drawing.layout.centers[i]
            aside = box.width / 2 - 10 if i in reading else 0.0
            end = Point(center.x - aside, center.y - box.height / 2)
            yield f'<path class="edge data cut" d="M{n(end.x)} {n(end.y - _STUB)}V{n(end.y - TIP)}"/>'
            yield f'<path class="tip data" d="{tip(end)}"/>'


# ---- words ----------------------------------------------------------------------------------------------------------


def _words(drawing: _Drawing) -> Iterator[str]:
    """Write the titles of frames, the numbers of arguments and the labels of edges where nothing else stands."""
    layout = drawing.layout
    lines = (leg for legs in layout.legs.values() for leg in legs)
    spots = Spots(_taken(drawing), lines, layout.width)
    for frame in layout.frames:
        yield _frame_title(drawing, frame, spots)
    for argument, at in _arguments(drawing):
        along = [Point(at.x, at.y - high) for high in (9, 13, 18, 23)]
        if spot := spots.find(argument, _ARGUMENT, along):
            yield text(Line(argument, _ARGUMENT, "soft halo"), spot.x, spot.y, spot.anchor)
    into: dict[tuple[int, int], dict[Point, Leg]] = {
        key: {leg.end: leg for leg in legs} for key, legs in layout.legs.items()
    }
    for edge, shown, at in zip(drawing.edges, drawing.view.edges, layout.arrivals, strict=True):
        said = visible(clip(shown.label, 28))
        if said and (spot := spots.find(said, _LABEL, list(_along(into[edge.source, edge.channel], at)))):
            yield text(Line(said, _LABEL, "soft halo"), spot.x, spot.y, spot.anchor)


def _taken(drawing: _Drawing) -> Iterator[Area]:
    """Yield the areas of boxes and badges."""
    for label, center in zip(drawing.labels, drawing.layout.centers, strict=True):
        (x, y), box = center, label.box
        yield Area(x - box.width / 2 - 1, y - box.height / 2, x + box.width / 2 + 1, y + box.height / 2)
        if label.badge:
            yield _pill_area(label, center)


def _along(into: dict[Point, Leg], arrival: Point) -> Iterator[Point]:
    """Yield points on the way of an edge where words may stand, from its end upwards."""
    point = Point(arrival.x, arrival.y - TIP)
    while point in into:
        yield from (at for at in points_of(into[point]) if at.y < arrival.y - _LABEL - 2)
        point = into[point].start


def _arguments(drawing: _Drawing) -> Iterator[tuple[str, Point]]:
    """Number the arguments of an op where they do not arrive from left to right."""
    into: dict[int, list[tuple[ViewEdge, Point]]] = {}
    for edge, shown, arrival in zip(drawing.edges, drawing.view.edges, drawing.layout.arrivals, strict=True):
        if shown.argument:
            into.setdefault(edge.target, []).append((shown, arrival))
    for arrivals in into.values():
        in_order = sorted(arrivals, key=lambda pair: pair[0].argument)
        if any(a.x > b.x for (_, a), (_, b) in pairwise(in_order)):
            yield from ((str(shown.argument), at) for shown, at in in_order)


# ---- frames ---------------------------------------------------------------------------------------------------------


def _title(name: str) -> str:
    return visible(clip(name, 40))


def _frame(frame: Frame) -> str:
    size = f'width="{n(frame.right - frame.left)}" height="{n(frame.bottom - frame.top)}"'
    return f'<rect class="frame" x="{n(frame.left)}" y="{n(frame.top)}" {size} rx="10"/>'


def _frame_title(drawing: _Drawing, frame: Frame, spots: Spots) -> str:
    """Write a module's name in a corner of its frame; where no corner is free of lines, a halo keeps them off."""
    scope = drawing.modules.scopes[frame.group]
    title = _title(scope[-1])
    wide, top = text_width(title, SMALL, bold=True), frame.top + 3
    left = Area(frame.left + 9, top, frame.left + 9 + wide, top + 17)
    right = Area(frame.right - 9 - wide, top, frame.right - 9, top + 17)
    free = [area for area in (left, right) if not spots.crossed(area)]
    area = free[0] if free else left
    spots.take(area)
    x, anchor = (area.left, "start") if area is left else (area.right, "end")
    line = text(Line(title, SMALL, "name" if free else "name halo"), x, frame.top + 11.5, anchor)
    return f"<g><title>{xml(visible('.'.join(scope)))}</title>{line}</g>"
