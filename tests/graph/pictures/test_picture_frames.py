"""Frames around modules, edges that go round them, and the bus beside deep pictures."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

from autograd_lite.graph import build_graph
from autograd_lite.graph.pictures.drawing import drawing_of
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.layout import bus, layered as layout_module, place
from autograd_lite.graph.pictures.layout.bus import bus_lines
from autograd_lite.graph.pictures.layout.frames import Frame, homes_of
from autograd_lite.graph.pictures.layout.geometry import TIP, Box, Point
from autograd_lite.graph.pictures.layout.lanes import Edge, depth_of, layer_of, lead_through_lanes, spans_of
from autograd_lite.graph.pictures.layout.layered import Layout, lay_out
from autograd_lite.graph.pictures.layout.modules import Modules, modules_of
from autograd_lite.graph.pictures.layout.order import order_vertices
from autograd_lite.graph.pictures.layout.sides import keep_sides

from ..samples import blocks
from .layouts import Framed, curve, framed_graphs, rectangles


def inside(frame: Frame, r: tuple[float, float, float, float]) -> bool:
    return frame.left < r[0] and frame.top < r[1] and r[2] < frame.right and r[3] < frame.bottom


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


@settings(max_examples=120)
@given(framed_graphs())
def test_every_module_has_a_frame_that_holds_its_own_and_no_strangers(graph: Framed) -> None:
    boxes, edges, _, modules = graph
    layout = lay_out(boxes, edges, modules)
    assert [frame.group for frame in layout.frames] == list(range(len(modules.scopes)))
    place_boxes = rectangles(boxes, layout)
    for frame in layout.frames:
        for home, r in zip(modules.homes, place_boxes, strict=True):
            assert inside(frame, r) if frame.group in modules.chain(home) else apart(frame[1:], r)
        assert frame.left >= -1e-6
        assert frame.top >= -1e-6
        assert frame.right <= layout.width + 1e-6
        assert frame.bottom <= layout.height + 1e-6
    for one, other in itertools.combinations(layout.frames, 2):
        walk_modules = one.group in modules.chain(other.group)
        assert inside(one, other[1:]) if walk_modules else apart(one[1:], other[1:])


@settings(max_examples=120)
@given(framed_graphs())
def test_layouts_with_frames_keep_all_other_properties(graph: Framed) -> None:
    boxes, edges, _, modules = graph
    layout = lay_out(boxes, edges, modules)
    place_boxes = rectangles(boxes, layout)
    assert all(
        a[2] <= b[0] - 10 or b[2] <= a[0] - 10 or a[3] <= b[1] - 10 or b[3] <= a[1] - 10
        for a, b in itertools.combinations(place_boxes, 2)
    )
    for legs in layout.legs.values():
        assert all(leg.start.y < leg.end.y for leg in legs)
        for point in (p for leg in legs for p in curve(leg, 12)):
            assert not any(
                left < point.x < right and top + 1e-6 < point.y < bottom - 1e-6
                for left, top, right, bottom in place_boxes
            )
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        came_from = {leg.end: leg.start for leg in layout.legs[edge.source, edge.channel]}
        point = Point(arrival.x, arrival.y - TIP)
        while point in came_from:
            point = came_from[point]
        assert point.y == pytest.approx(place_boxes[edge.source][3])
    assert lay_out(boxes, edges, modules) == layout


@given(framed_graphs(14))
def test_groups_are_the_convex_parts_of_modules(graph: Framed) -> None:
    boxes, edges, homes, modules = graph
    n = len(boxes)
    below = np.eye(n, dtype=bool)
    for edge in sorted(edges, reverse=True):
        below[edge.source] |= below[edge.target]
    reading = {edge.target for edge in edges}
    for i in range(n):
        chain = modules.chain(modules.homes[i])
        scopes = [modules.scopes[group] for group in chain]
        assert scopes == [homes[i][: depth + 1] for depth in range(len(chain))]
        assert len(chain) == len(homes[i]) or i not in reading
    for group in range(len(modules.scopes)):
        own = [i for i in range(n) if group in modules.chain(modules.homes[i])]
        assert own
        for i, j in itertools.product(set(own) & reading, own):
            between = [k for k in range(n) if below[i, k] and below[k, j]]
            assert set(between) <= set(own)  # no way leads out of a group and back


def test_a_module_called_twice_has_two_frames_if_a_stranger_stands_between() -> None:
    reads: list[list[int]] = [[], [0], [1], [2], [3]]
    assert modules_of([()] + [("a",)] * 4, reads).homes == (-1, 0, 0, 0, 0)
    assert modules_of([(), ("a",), (), ("a",), ("a",)], reads).homes == (-1, 0, -1, 1, 1)
    assert modules_of([(), ("a", "b"), ("a",), ("a", "b"), ()], reads).scopes == (("a",), ("a", "b"), ("a", "b"))


def test_a_parameter_stands_where_its_readers_are() -> None:
    # 1 is read in a.b, 2 in a.b and in a.c, 3 in a.b and outside of a, from where the backward pass reads it, say.
    reads: list[list[int]] = [[], [], [], [], [0, 1, 2, 3], [4, 2], [5, 3]]
    modules = modules_of([(), ("a", "b"), ("a",), ("a", "b"), ("a", "b"), ("a", "c"), ()], reads)
    assert [[modules.scopes[g] for g in modules.chain(home)][-1:] for home in modules.homes] == [
        [], [("a", "b")], [("a",)], [("a", "b")], [("a", "b")], [("a", "c")], [],
    ]  # fmt: skip


def test_what_comes_from_outside_stands_above_the_parameters_of_the_module() -> None:
    # x -> matmul <- kernel; matmul -> add <- bias; add -> matmul <- kernel: the parameters cost one row a module.
    edges = [Edge(0, 2, 8.0), Edge(1, 2), Edge(2, 4, 8.0), Edge(3, 4), Edge(4, 6, 8.0), Edge(5, 6)]
    modules = Modules((("a",), ("b",)), (-1, -1), (-1, 0, 0, 0, 0, 1, 1))
    spans = spans_of(edges, modules)
    assert spans == [2, 1, 1, 1, 2, 1]
    depth = depth_of(7, edges, spans)
    assert layer_of(depth, edges, spans) == [0, 1, 2, 2, 3, 4, 5]
    layout = lay_out([Box(60, 40)] * 7, edges, modules)
    assert len({layout.centers[i].x for i in (0, 2, 4, 6)}) == 1
    assert layout.frames[0].bottom < layout.frames[1].top


def test_a_random_draw_of_a_module_stands_in_it_below_what_comes_from_outside() -> None:
    # generator -> draw -> multiply <- x
    edges = [Edge(1, 2), Edge(0, 3, 8.0), Edge(2, 3, 8.0)]
    assert spans_of(edges, Modules((("dropout",),), (-1,), (-1, 0, 0, 0))) == [1, 3, 1]


def test_a_frame_has_room_for_its_title() -> None:
    modules = Modules((("a",), ("a", "b")), (-1, 0), (1,))
    outer, inner = lay_out([Box(10, 10)], [], modules, [80.0, 200.0]).frames
    assert inner.right - inner.left >= 200
    assert outer.left < inner.left < inner.right < outer.right
    assert inner.top - outer.top >= 14
    assert lay_out([Box(10, 10)], [], modules, [300.0, 20.0]).width >= 300


def test_frames_keep_close_to_what_they_hold() -> None:
    boxes, homes = [Box(60, 40)], [-1]
    edges = []
    for module in range(4):
        last = len(boxes) - 1
        boxes += [Box(120, 40), Box(80, 40), Box(90, 40), Box(80, 40)]
        edges += [Edge(last, last + 2, 8.0), Edge(last + 1, last + 2)]
        edges += [Edge(last + 2, last + 4, 8.0), Edge(last + 3, last + 4)]
        homes += [module] * 4
    modules = Modules(tuple((name,) for name in "abcd"), (-1,) * 4, tuple(homes))
    layout = lay_out(boxes, edges, modules)
    place_boxes = rectangles(boxes, layout)
    for frame in layout.frames:
        own = [r for r, home in zip(place_boxes, homes, strict=True) if home == frame.group]
        assert min(r[0] for r in own) - frame.left <= 16
        assert frame.right - max(r[2] for r in own) <= 16
        assert frame.bottom - max(r[3] for r in own) <= 16


@given(framed_graphs())
def test_no_frame_could_be_narrower(graph: Framed) -> None:
    """Each border touches what it holds on one row at least, or the other border for the sake of the title."""
    boxes, edges, _, modules = graph
    seen: list[tuple[list[list[int]], list[float], list[float], place.Extra | None]] = []

    def watched(rows, segments, widths, extra=None):
        x = place.x_positions(rows, segments, widths, extra)
        seen.append((rows, widths, x, extra))
        return x

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout_module, "x_positions", watched)
        lay_out(boxes, edges, modules, [20.0] * len(modules.scopes))
    ((rows, widths, x, extra),) = seen
    room: dict[int, float] = {}
    for row in rows:
        for u, v in itertools.pairwise(row):
            if extra and (extra.sides[u] < 0 or extra.sides[v] > 0):
                free = x[v] - x[u] - place._gap(widths[u], widths[v], extra.sides[u], extra.sides[v])
                for border in (u, v):
                    if extra.sides[border] == (-1 if border == u else 1):
                        room[border] = free
    for left, right, least, _ in extra.groups if extra else ():
        for chain in (left, right):
            assert min(*(room[v] for v in chain), x[right[0]] - x[left[0]] - least) < 1e-6


def test_two_modules_stand_in_one_order_on_all_rows() -> None:
    """Whatever pulls them to and fro, so that their frames cannot cross."""
    random = Random(7)
    layers = [i // 8 for i in range(48)]
    homes = [i % 3 - 1 for i in range(48)]
    ends = [(a, b) for a in range(48) for b in range(48) if layers[b] == layers[a] + 1 and random.random() < 0.3]
    rows = order_vertices(layers, ends, homes, [-1, -1])
    orders = set()
    for row in rows:
        groups = [homes[v] for v in row if homes[v] >= 0]
        runs = [group for group, _ in itertools.groupby(homes[v] for v in row) if group >= 0]
        assert len(runs) == len(set(groups))  # each in one piece
        orders.add(tuple(runs))
    assert len(orders) == 1


def test_an_edge_changes_sides_above_or_below_a_frame_and_not_across_it() -> None:
    # A box 0 above, a group (1, 2, 3 on rows 1 to 3), a box 4 below; lanes 5, 6, 7 beside the group, from 0 to 4.
    homes = [-1, 0, 0, 0, -1, -1, -1, -1]
    above: list[list[int]] = [[], [], [1], [2], [7], [0], [5], [6]]
    below: list[list[int]] = [[5], [2], [3], [], [], [6], [7], [4]]
    rows = [[0], [1, 5], [6, 2], [3, 7], [4]]
    assert keep_sides(rows, homes, [-1], [5, 6, 7], above, below) == [[0], [1, 5], [2, 6], [3, 7], [4]]
    assert rows[2] == [6, 2]
    assert keep_sides(rows, homes, [-1], [], above, below) == rows
    # A box 8 on row 2, left of the group, that the lane leads to as well: so the left is its side.
    homes, above, below = [*homes, -1], [*above, [5]], [*below, []]
    below[5] = [6, 8]
    rows[2] = [8, 2, 6]
    assert keep_sides(rows, homes, [-1], [5, 6, 7], above, below) == [[0], [5, 1], [8, 6, 2], [7, 3], [4]]


@given(framed_graphs())
def test_sides_are_kept_without_losing_anything(graph: Framed) -> None:
    boxes, edges, _, modules = graph
    lanes = lead_through_lanes(layer_of(depth_of(len(boxes), edges), edges), edges, depth_of(len(boxes), edges))
    homes = homes_of(modules, lanes, edges)
    vertices = [*lanes.layers, *homes.spacers]
    beside = range(len(boxes), len(lanes.layers))
    rows = order_vertices(vertices, lanes.segments, homes.of, modules.parents)
    above: list[list[int]] = [[] for _ in vertices]
    below: list[list[int]] = [[] for _ in vertices]
    for upper, lower in lanes.segments:
        above[lower].append(upper)
        below[upper].append(lower)
    kept = keep_sides(rows, homes.of, modules.parents, beside, above, below)
    assert [sorted(row) for row in kept] == [sorted(row) for row in rows]
    for row in kept:
        for group in range(len(modules.parents)):
            inside = [i for i, v in enumerate(row) if group in modules.chain(homes.of[v])]
            assert inside == list(range(inside[0], inside[0] + len(inside))) if inside else True


def laid_out_sample(sample) -> tuple[Layout, list[Edge]]:
    """Return how the picture of a sample is laid out."""
    drawing = drawing_of(view_of(build_graph(sample()), fold=False))
    return drawing.layout, drawing.edges


def test_no_edge_of_a_transformer_runs_across_a_frame() -> None:
    layout, _ = laid_out_sample(blocks)
    for frame in layout.frames:
        for start, end in (leg for legs in layout.legs.values() for leg in legs):
            if frame.top < start.y and end.y < frame.bottom:
                left, right = sorted((start.x, end.x))
                assert not (left < frame.left and frame.right < right)


def sideways(seeds: int) -> float:
    """How far the edges of some graphs with frames run sideways: the sum of squares."""
    total = 0.0
    for seed in range(seeds):
        random, n = Random(seed), 40
        edges = [
            Edge(random.randint(max(0, t - 9), t - 1), t) for t in range(1, n) for _ in range(random.randint(1, 2))
        ]
        reads: list[list[int]] = [[] for _ in range(n)]
        for edge in edges:
            reads[edge.target].append(edge.source)
        layout = lay_out([Box(60, 40)] * n, edges, modules_of([(f"m{i // 8}",) for i in range(n)], reads))
        total += sum((leg.start.x - leg.end.x) ** 2 for legs in layout.legs.values() for leg in legs)
    return total


def test_frames_move_as_a_whole_to_where_their_edges_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = sideways(8)
    monkeypatch.setattr(place, "_move_together", lambda *_: None)
    assert moved < 0.99 * sideways(8)


def test_what_was_saved_widens_no_frame_and_moves_no_row() -> None:
    # 0 -> 1 -> 2 -> 3 -> 4 in turn, of which 0 and 1 are in a module, and 0 is saved for 4.
    modules = Modules((("a",),), (-1,), (0, 0, -1, -1, -1))
    for weight, home in ((8.0, 0), (0.1, -1)):
        edges = [*(Edge(i, i + 1, 8.0) for i in range(4)), Edge(0, 4, weight, 0.0, 2)]
        lanes = lead_through_lanes([0, 1, 2, 3, 4], edges, [0, 1, 2, 3, 4])
        assert homes_of(modules, lanes, edges).of[5:8] == [-1, -1, home]  # the lowest lane first
    # Box 2 of a module reads what was saved outside alone: no reason to put 1, which 3 reads as well, above the module.
    modules = Modules((("a",),), (-1,), (-1, -1, 0, 0))
    for weight, span in ((1.0, 3), (0.1, 1)):
        assert spans_of([Edge(0, 2, weight), Edge(1, 3, 8.0), Edge(2, 3, 8.0)], modules) == [1, span, 1]


def test_what_was_saved_leads_to_the_right() -> None:
    ends = [(0, 2), (1, 3)]
    assert order_vertices([0, 0, 1, 1], ends, loose={(0, 3)}) == [[0, 1], [2, 3]]
    assert order_vertices([0, 0, 1, 1], ends, loose={(1, 2)}) == [[1, 0], [3, 2]]


# ---- the bus ---------------------------------------------------------------------------------------------------------


@settings(max_examples=120)
@given(framed_graphs())
def test_edges_on_the_bus_keep_all_properties(graph: Framed) -> None:
    boxes, edges, _, modules = graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bus, "_LANES", -1)
        patch.setattr(bus, "_LANES_A_BOX", 0)
        patch.setattr(bus, "_LONG", 2)
        layout = lay_out(boxes, edges, modules)
        rows = [round(center.y, 6) for center in layout.centers]
    place_boxes = rectangles(boxes, layout)
    everything = max([r[2] for r in place_boxes] + [frame.right for frame in layout.frames])
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        came_from = {leg.end: leg.start for leg in layout.legs[edge.source, edge.channel]}
        point, way = Point(arrival.x, arrival.y - TIP), []
        while point in came_from:
            point = came_from[point]
            way.append(point)
        assert point.y == pytest.approx(place_boxes[edge.source][3])
        between = len({y for y in rows if rows[edge.source] < y < rows[edge.target]})
        if between >= 3:
            assert max(p.x for p in way) > everything
    lines = [p.x for legs in layout.legs.values() for leg in legs for p in leg if p.x > everything]
    assert all(x <= layout.width for x in lines)
    for point in (p for legs in layout.legs.values() for leg in legs for p in curve(leg, 12)):
        assert not any(
            left < point.x < right and top + 1e-6 < point.y < bottom - 1e-6 for left, top, right, bottom in place_boxes
        )
    assert all(leg.start.y < leg.end.y for legs in layout.legs.values() for leg in legs)


def test_lines_of_the_bus_are_shared_in_turn_only() -> None:
    layers = [0, 10, 20, 30, 40, 50]
    edges = [Edge(0, 2), Edge(1, 3), Edge(2, 4), Edge(3, 5), Edge(0, 1)]
    lines = bus_lines(layers, edges, {0, 1, 2, 3}, 100.0)
    assert min(lines.values()) > 100
    spans = {(e.source, e.channel): (layers[e.source], layers[e.target]) for e in edges[:4]}
    for one, other in itertools.combinations(spans, 2):
        overlap = spans[one][0] <= spans[other][1] and spans[other][0] <= spans[one][1]
        assert (lines[one] != lines[other]) == overlap
