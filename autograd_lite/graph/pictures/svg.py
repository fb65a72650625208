"""The picture of a View, which is written as SVG: self-contained, light and dark, the same bytes for the same View."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Unpack

from ...ir.node_labels import clip, visible
from ...ir.pure_graph import PureGraph
from .boxes import SMALL, Label, Line
from .draw import STUB, Element, element, node_element, path_of, pill_area, stub, text, tip
from .drawing import KINDS, Drawing, drawing_of
from .edge_labels import Area, Spots, points_of
from .folding.fold import ViewOptions, drawing_for
from .layout.frames import Frame
from .layout.geometry import TIP, Leg, Point
from .scopes import path_text
from .sheet import Scene, Sheet, heat_sample, line_sample, page, sample_of
from .style import EDGE_LOOKS, HEATS, LOOKS, Stylesheet
from .view import PICTURE_LIMIT, Direction, EdgeKind, View, ViewEdge
from .widths import text_width

_ARGUMENT, _LABEL = 9.0, 10.0


def graph_scene(graph: PureGraph, *, max_nodes: int = PICTURE_LIMIT, **options: Unpack[ViewOptions]) -> Scene:
    """Return the picture of a graph; see `Graph.to_svg`."""
    if not 1 <= max_nodes <= PICTURE_LIMIT:
        raise ValueError(f"to_svg: expected max_nodes from 1 to {PICTURE_LIMIT:,}; received {max_nodes}")
    options["limit"] = max_nodes
    return _scene(drawing_for(graph, **options))


def view_scene(view: View, direction: Direction = "TB") -> Scene:
    """Return the picture of a View.

    Args:
        view: what to draw.
        direction: where lines lead. If that is not down, labels of lines and numbers of arguments are left out.
    """
    return _scene(drawing_of(view, direction))


def _scene(drawing: Drawing) -> Scene:
    view, layout = drawing.view, drawing.layout
    centers = map(drawing.at, layout.centers)
    body = [
        *drawing.place([_frame(frame) for frame in layout.frames]),
        *drawing.place([*_edges(drawing), *_stubs(drawing)]),
        *(node_element(*row) for row in zip(view.nodes, drawing.labels, centers, strict=True)),
        *(_words(drawing) if drawing.direction == "TB" else _sideways_titles(drawing)),
    ]
    width, height = drawing.size
    return page(_sheet(view, drawing.labels), body, 0.0, width, 16.0 + (STUB if view.cut else 0.0), height)


def _sheet(view: View, labels: Sequence[Label]) -> Sheet:
    """Return the page around the drawing; the legend shows only what occurs."""
    looks = [look for look in LOOKS if any(label.look == look for label in labels)]
    kinds = [kind for kind in EdgeKind if any(edge.kind is kind for edge in view.edges)] or [EdgeKind.DATA]
    warm = any(label.heat >= 0 for label in labels)
    legend = [sample_of(look, view.words.get(look, "")) for look in looks]
    legend += [line_sample(kind) for kind in kinds] if kinds != [EdgeKind.DATA] else []
    legend += [heat_sample()] if warm else []
    style = Stylesheet(looks, kinds, range(HEATS) if warm else ())  # the legend shows all depths
    return Sheet(visible(view.title) or "Computation graph", view.caption, legend, style)


# ---- edges ----------------------------------------------------------------------------------------------------------


def _edges(drawing: Drawing) -> Iterator[Element]:
    """Draw all edges of a kind from one node as one path, so that they are one line where they run together."""
    layout, view = drawing.layout, drawing.view
    leaving: dict[tuple[int, int], list[int]] = {}
    for i, edge in enumerate(drawing.edges):
        leaving.setdefault((edge.source, edge.channel), []).append(i)
    quiet = {key: all(view.edges[i].quiet for i in edges) for key, edges in leaving.items()}
    # Saved values first and quiet edges next, so that data crosses over them.
    for key in sorted(leaving, key=lambda k: (-k[1], not quiet[k], k[0])):
        kind = KINDS[key[1]]
        css = f"{kind} quiet" if quiet[key] and kind is EdgeKind.DATA else str(kind)
        arrivals = [layout.arrivals[i] for i in leaving[key]]
        legs = list(layout.legs[key])
        if not EDGE_LOOKS[kind].arrow:
            legs += [Leg(Point(at.x, at.y - TIP), at) for at in arrivals]
        yield element("path", f"edge {css}", data_from=view.nodes[key[0]].id, d=path_of(legs))
        if EDGE_LOOKS[kind].arrow:
            yield element("path", f"tip {css}", d=[piece for at in arrivals for piece in tip(at)])


def _stubs(drawing: Drawing) -> Iterator[Element]:
    """Draw a dashed arrow out of nowhere into every box that reads something not shown."""
    cut, reading = set(drawing.view.cut), {edge.target for edge in drawing.edges}
    for i, node in enumerate(drawing.view.nodes):
        if node.id in cut:
            box, center = drawing.labels[i].box, drawing.layout.centers[i]
            width, height = (box.height, box.width) if drawing.is_sideways else (box.width, box.height)
            aside = width / 2 - 10 if i in reading else 0.0
            yield from stub(Point(center.x - aside, center.y - height / 2))


# ---- words ----------------------------------------------------------------------------------------------------------


def _words(drawing: Drawing) -> Iterator[Element]:
    """Write the titles of frames, the numbers of arguments and the labels of edges where there is room."""
    layout = drawing.layout
    lines = (leg for legs in layout.legs.values() for leg in legs)
    spots = Spots(_occupied_areas(drawing), lines, layout.width)
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
        label = visible(clip(shown.label, 28))
        if label and (spot := spots.find(label, _LABEL, list(_along(into[edge.source, edge.channel], at)))):
            yield text(Line(label, _LABEL, "soft halo"), spot.x, spot.y, spot.anchor)


def _occupied_areas(drawing: Drawing) -> Iterator[Area]:
    """Yield the areas of boxes and badges."""
    for label, center in zip(drawing.labels, drawing.layout.centers, strict=True):
        (x, y), box = center, label.box
        yield Area(x - box.width / 2 - 1, y - box.height / 2, x + box.width / 2 + 1, y + box.height / 2)
        if label.badge:
            yield pill_area(label, center)


def _along(into: dict[Point, Leg], arrival: Point) -> Iterator[Point]:
    """Yield points along an edge where a label may go, from its end upwards."""
    point = Point(arrival.x, arrival.y - TIP)
    while point in into:
        yield from (at for at in points_of(into[point]) if at.y < arrival.y - _LABEL - 2)
        point = into[point].start


def _arguments(drawing: Drawing) -> Iterator[tuple[str, Point]]:
    """Number the arguments of an op if they do not arrive from left to right."""
    into: dict[int, list[tuple[ViewEdge, Point]]] = {}
    for edge, shown, arrival in zip(drawing.edges, drawing.view.edges, drawing.layout.arrivals, strict=True):
        if shown.argument:
            into.setdefault(edge.target, []).append((shown, arrival))
    for arrivals in into.values():
        in_order = sorted(arrivals, key=lambda pair: pair[0].argument)
        if any(a.x > b.x for (_, a), (_, b) in pairwise(in_order)):
            yield from ((str(shown.argument), at) for shown, at in in_order)


# ---- frames ---------------------------------------------------------------------------------------------------------


def _frame(frame: Frame) -> Element:
    left, top = frame.left, frame.top
    return element("rect", "frame", x=left, y=top, width=frame.right - left, height=frame.bottom - top, rx=10.0)


def _frame_title(drawing: Drawing, frame: Frame, spots: Spots) -> Element:
    """Write a module's name in a corner of its frame; if lines cross both corners, a halo keeps them off."""
    scope = drawing.modules.scopes[frame.group]
    title = drawing.titles[frame.group]
    width, top = text_width(title, SMALL, bold=True), frame.top + 3
    left = Area(frame.left + 9, top, frame.left + 9 + width, top + 17)
    right = Area(frame.right - 9 - width, top, frame.right - 9, top + 17)
    free = [area for area in (left, right) if not spots.is_crossed(area)]
    area = free[0] if free else left
    spots.take(area)
    x, anchor = (area.left, "start") if area is left else (area.right, "end")
    line = text(Line(title, SMALL, "name" if free else "name halo"), x, frame.top + 11.5, anchor)
    return element("g", "", line, tip=visible(path_text(scope)))


def _sideways_titles(drawing: Drawing) -> Iterator[Element]:
    """Write the names of modules on the upper borders of their frames, where lines do not lead down."""
    for frame in drawing.layout.frames:
        scope = drawing.modules.scopes[frame.group]
        corners = drawing.at(Point(frame.left, frame.top)), drawing.at(Point(frame.right, frame.bottom))
        x, y = min(corner.x for corner in corners) + 9, min(corner.y for corner in corners)
        line = text(Line(drawing.titles[frame.group], SMALL, "name halo"), x, y, "start")
        yield element("g", "", line, tip=visible(path_text(scope)))
