"""Properties of the layout on random graphs, and of each of its steps against a slower way to the same answer."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from autograd_lite.graph import order, place
from autograd_lite.graph.frames import frames, room_between
from autograd_lite.graph.lanes import depth_of, layer_of, lead_through_lanes
from autograd_lite.graph.layout import TIP, Box, Edge, Layout, Leg, Point, lay_out
from autograd_lite.graph.order import crossings, ordered
from autograd_lite.graph.place import isotonic, x_positions


@st.composite
def graphs(draw: st.DrawFn, largest: int = 24) -> tuple[list[Box], list[Edge]]:
    """Any graph whose edges go forward: several parts, repeated edges, long edges, boxes of all sizes.

    Hypothesis chooses the size, the density and how far edges reach; within those, a seed chooses. Drawn one by one,
    edges would be few, and most graphs a heap of loose boxes.
    """
    n, reads, reach = draw(st.integers(1, largest)), draw(st.floats(0.3, 3)), draw(st.integers(1, largest))
    random = draw(st.integers(0, 2**32).map(Random))
    boxes = [Box(random.randint(1, 300), random.randint(1, 90)) for _ in range(n)]
    edges = []
    for _ in range(int(reads * n) if n > 1 else 0):
        target = random.randint(1, n - 1)
        source = random.randint(max(target - reach, 0), target - 1)
        edges.append(Edge(source, target, random.choice([1.0, 8.0]), random.choice([0.0, 50.0])))
    return boxes, edges


def rectangle(box: Box, center: Point) -> tuple[float, float, float, float]:
    left, top = center.x - box.width / 2, center.y - box.height / 2
    return left, top, left + box.width, top + box.height


def rectangles(boxes: list[Box], layout: Layout) -> list[tuple[float, float, float, float]]:
    return [rectangle(box, center) for box, center in zip(boxes, layout.centers, strict=True)]


def curve(leg: Leg, steps: int = 24) -> list[Point]:
    """Points along a leg: a line down, or the curve with both control points at half height."""
    (x0, y0), (x1, y1) = leg
    points = []
    for i in range(steps + 1):
        t = i / steps
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        points.append(Point((a + b) * x0 + (c + d) * x1, a * y0 + (b + c) * (y0 + y1) / 2 + d * y1))
    return points


@given(graphs())
def test_boxes_do_not_overlap_and_lie_on_the_page(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    placed = rectangles(boxes, layout)
    for a, b in itertools.combinations(placed, 2):
        assert a[2] <= b[0] - 10 or b[2] <= a[0] - 10 or a[3] <= b[1] - 10 or b[3] <= a[1] - 10
    for left, top, right, bottom in placed:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= layout.width + 1e-6
        assert bottom <= layout.height + 1e-6
    assert all(-1e-6 <= p.x <= layout.width + 1e-6 for legs in layout.legs for leg in legs for p in leg)


@given(graphs())
def test_edges_lead_down_from_box_to_box(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    placed = rectangles(boxes, layout)
    for legs in layout.legs:
        assert all(leg.start.y < leg.end.y for leg in legs)
        assert len(set(legs)) == len(legs)
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        left, top, right, _ = placed[edge.target]
        assert left - 1e-6 <= arrival.x <= right + 1e-6
        assert arrival.y == pytest.approx(top)
        came_from = {leg.end: leg.start for leg in layout.legs[edge.source]}
        point = Point(arrival.x, arrival.y - TIP)
        while point in came_from:
            point = came_from[point]
        assert point == pytest.approx((layout.centers[edge.source].x, placed[edge.source][3]))
        assert placed[edge.source][3] + max(34, edge.room) <= top + 1e-6


@given(graphs())
def test_no_edge_runs_through_a_box(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    placed = rectangles(boxes, layout)
    for point in [p for legs in layout.legs for leg in legs for p in curve(leg)]:
        for left, top, right, bottom in placed:
            assert not (left < point.x < right and top + 1e-6 < point.y < bottom - 1e-6)


@given(graphs())
def test_arrivals_at_one_box_are_apart(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    into: dict[int, list[float]] = {}
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        into.setdefault(edge.target, []).append(arrival.x)
    for target, arrivals in into.items():
        fair = max(boxes[target].width - 20, 0) / max(len(arrivals) - 1, 1)
        assert all(b - a >= min(14, fair) - 1e-6 for a, b in itertools.pairwise(sorted(arrivals)))


@given(graphs())
def test_same_input_same_layout(graph: tuple[list[Box], list[Edge]]) -> None:
    assert lay_out(*graph) == lay_out(*graph)


@given(graphs())
def test_layers(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    depth = depth_of(len(boxes), edges)
    layers = layer_of(depth, edges)
    assert all(layers[e.source] < layers[e.target] for e in edges)
    assert set(layers) == set(range(max(depth) + 1))
    for i in range(len(boxes)):
        readers = [layers[e.target] for e in edges if e.source == i]
        if readers and not any(e.target == i for e in edges):
            assert layers[i] == min(readers) - 1  # what reads nothing stands right above its first reader


@given(graphs())
def test_lanes(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    depth = depth_of(len(boxes), edges)
    lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
    assert all(lanes.layers[lower] == lanes.layers[upper] + 1 for upper, lower in lanes.segments)
    above = {lower: upper for upper, lower in lanes.segments if lower >= len(boxes)}
    for edge, v in zip(edges, lanes.last, strict=True):
        assert (v, edge.target) in lanes.segments
        while v >= len(boxes):
            assert lanes.owners[v - len(boxes)] == edge.source
            v = above[v]
        assert v == edge.source
    stations = {(o, layer) for o, layer in zip(lanes.owners, lanes.layers[len(boxes) :], strict=True)}
    assert len(stations) == len(lanes.owners)  # one lane a layer, however many read a box


def crossings_one_by_one(rows: list[list[int]], segments: set[tuple[int, int]]) -> int:
    place = {v: (r, i) for r, row in enumerate(rows) for i, v in enumerate(row)}
    total = 0
    for (a, b), (c, d) in itertools.combinations(segments, 2):
        if place[a][0] == place[c][0]:
            total += (place[a][1] - place[c][1]) * (place[b][1] - place[d][1]) < 0
    return total


@given(graphs(12))
def test_order_counts_its_crossings_and_loses_nothing(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    depth = depth_of(len(boxes), edges)
    lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
    rows = ordered(lanes.layers, lanes.segments)
    assert sorted(v for row in rows for v in row) == list(range(len(lanes.layers)))
    assert all(lanes.layers[v] == r for r, row in enumerate(rows) for v in row)
    below: list[list[int]] = [[] for _ in lanes.layers]
    for upper, lower in lanes.segments:
        below[upper].append(lower)
    assert crossings(rows, below) == crossings_one_by_one(rows, set(lanes.segments))


def test_order_removes_crossings_that_can_be_removed() -> None:
    layers = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    segments = [(0, 5), (1, 4), (2, 3), (3, 8), (4, 7), (5, 6)]
    assert crossings_one_by_one(ordered(layers, segments), set(segments)) == 0


def test_order_keeps_first_arguments_on_the_left() -> None:
    assert ordered([0, 0, 1], [(0, 2), (1, 2)]) == [[0, 1], [2]]
    assert ordered([0, 0, 1], [(1, 2), (0, 2)]) == [[1, 0], [2]]


@given(graphs(12))
def test_columns_keep_their_order_and_distance(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    depth = depth_of(len(boxes), edges)
    lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
    rows = ordered(lanes.layers, lanes.segments)
    widths = [box.width for box in boxes] + [0.0] * len(lanes.owners)
    x = x_positions(rows, lanes.segments, widths)
    for row in rows:
        for u, v in itertools.pairwise(row):
            assert x[v] - x[u] >= (widths[u] + widths[v]) / 2 + 14 - 1e-6
    n = len(boxes)
    inner = [s for s in lanes.segments if s[0] >= n and s[1] >= n]
    straight = sum(x[upper] == pytest.approx(x[lower]) for upper, lower in inner)
    crossing = crossings_one_by_one(rows, set(inner))
    assert straight >= len(inner) - crossing  # a lane bends only to let another pass


def test_a_chain_is_straight_and_its_parameters_stand_beside_it() -> None:
    boxes, edges = [Box(60, 40)], []
    for _ in range(5):
        last, parameter = len(boxes) - 1, len(boxes)
        boxes += [Box(120, 40), Box(80, 40)]
        edges += [Edge(last if last == 0 else parameter - 1, parameter + 1, 8.0), Edge(parameter, parameter + 1)]
    centers = lay_out(boxes, edges).centers
    spine = [centers[0], *centers[2::2]]
    assert len({round(p.x, 6) for p in spine}) == 1
    assert all(centers[i].x > spine[0].x for i in range(1, len(boxes), 2))


def test_the_longest_way_is_the_straight_one() -> None:
    # 0 -> 1 -> 2 -> 3 is longest; 4 also leads to 3, and is named first.
    edges = [Edge(4, 5, 8.0), Edge(0, 1, 8.0), Edge(1, 2, 8.0), Edge(2, 5, 8.0), Edge(3, 4, 1.0)]
    for first in (edges, edges[::-1]):
        centers = lay_out([Box(60, 40)] * 6, first).centers
        assert centers[0].x == centers[1].x == centers[2].x == centers[5].x


def test_what_joins_long_ways_stays_high() -> None:
    # 4 reads 1 and 3; its reader is far below. One edge from 4 is longer, instead of two to it.
    edges = [Edge(0, 1), Edge(2, 3), Edge(1, 4), Edge(3, 4), Edge(0, 5), Edge(5, 6), Edge(6, 7), Edge(7, 8), Edge(8, 9)]
    edges.append(Edge(4, 9))
    assert layer_of(depth_of(10, edges), edges)[4] == 2


def test_siblings_stand_evenly_around_their_reader() -> None:
    for n in (2, 3, 4):
        layout = lay_out([Box(60, 40)] * (n + 1), [Edge(i, n) for i in range(n)])
        spread = [p.x - layout.centers[n].x for p in layout.centers[:n]]
        if n % 2:
            assert spread == pytest.approx([-x for x in spread[::-1]])
        else:
            assert min(abs(x) for x in spread) < 60


def sideways(seeds: int) -> float:
    """How far all segments of some graphs run sideways: the weighted sum of squares that positions minimise."""
    total = 0.0
    for seed in range(seeds):
        random, n = Random(seed), 40
        edges = [
            Edge(random.randint(max(0, t - 9), t - 1), t) for t in range(1, n) for _ in range(random.randint(0, 3))
        ]
        depth = depth_of(n, edges)
        lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
        rows = ordered(lanes.layers, lanes.segments)
        x = x_positions(rows, lanes.segments, [100.0] * n + [0.0] * len(lanes.owners))
        total += sum(w * (x[upper] - x[lower]) ** 2 for (upper, lower), w in lanes.segments.items())
    return total


def test_columns_settle_where_their_neighbours_are(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = sideways(6)
    with monkeypatch.context() as patch:
        patch.setattr(place, "_ROUNDS", 40)
        assert settled < 1.02 * sideways(6)
        patch.setattr(place, "_ROUNDS", 0)
        assert settled < 0.95 * sideways(6)


def test_what_reads_inputs_only_comes_down_to_its_reader() -> None:
    # 0 -> 1 -> 2 -> 3 -> 6, and 6 also reads 5, which reads the input 4 and the early 0.
    edges = [Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(3, 6), Edge(4, 5), Edge(0, 5), Edge(5, 6)]
    assert layer_of(depth_of(7, edges), edges) == [0, 1, 2, 3, 2, 3, 4]


def total_crossings(seeds: int) -> int:
    total = 0
    for seed in range(seeds):
        random = Random(seed)
        layers = [i % 5 for i in range(30)]
        ends = [(a, b) for a in range(30) for b in range(30) if layers[b] == layers[a] + 1 and random.random() < 0.3]
        total += crossings_one_by_one(ordered(layers, ends), set(ends))
    return total


def test_sweeps_and_swaps_each_remove_crossings(monkeypatch: pytest.MonkeyPatch) -> None:
    both = total_crossings(6)
    with monkeypatch.context() as patch:
        patch.setattr(order, "_SWAP_ROUNDS", 0)
        only_sweeps = total_crossings(6)
        patch.setattr(order, "_SWEEPS", 0)
        neither = total_crossings(6)
    assert both < only_sweeps < 0.8 * neither


numbers = st.floats(-100, 100)


@given(st.lists(st.tuples(numbers, st.floats(0.1, 10), st.floats(0, 20)), min_size=1, max_size=8), st.integers(0, 9))
def test_isotonic_is_the_least_squares_answer(rows: list[tuple[float, float, float]], seed: int) -> None:
    wanted, weights, gaps = np.array(rows).T
    gaps = gaps[1:]
    best = np.array(isotonic(list(wanted), list(weights), list(gaps)))
    assert np.all(np.diff(best) >= gaps - 1e-9)
    rng = np.random.default_rng(seed)
    for scale in (1e-3, 1.0, 30.0):
        # Any other feasible answer, near or far, costs at least as much.
        other = best + rng.normal(0, scale, len(best))
        other = np.maximum.accumulate(other - np.cumsum([0, *gaps])) + np.cumsum([0, *gaps])
        assert np.sum(weights * (other - wanted) ** 2) >= np.sum(weights * (best - wanted) ** 2) - 1e-9


def test_edges_must_go_forward() -> None:
    for wrong in (Edge(1, 0), Edge(0, 0), Edge(0, 2), Edge(-1, 1)):
        with pytest.raises(ValueError, match="from a lower to a higher number"):
            lay_out([Box(1, 1), Box(1, 1)], [wrong])
    assert lay_out([], []) == Layout(0.0, 0.0, (), (), ())


scopes_ = st.lists(st.sampled_from("ab"), max_size=3).map(tuple)


@settings(max_examples=60)
@given(graphs(14), st.data())
def test_frames_hold_their_own_and_no_strangers(graph: tuple[list[Box], list[Edge]], data: st.DataObject) -> None:
    boxes, edges = graph
    homes = data.draw(st.lists(scopes_, min_size=len(boxes), max_size=len(boxes)))
    members = data.draw(st.lists(st.booleans(), min_size=len(boxes), max_size=len(boxes)))
    layout = lay_out(boxes, edges)
    drawn = frames(boxes, layout.centers, homes, members)
    assert len({frame.scope for frame in drawn}) == len(drawn)
    for frame in drawn:
        for home, member, r in zip(homes, members, rectangles(boxes, layout), strict=True):
            inside = home[: len(frame.scope)] == frame.scope
            if inside and member:
                assert frame.holds(*r)
            elif inside:
                assert frame.holds(*r) or not frame.meets(*r)
            else:
                assert not frame.meets(*r)
    for one, other in itertools.combinations(drawn, 2):
        assert other.holds(*one[1:]) or one.holds(*other[1:]) or not one.meets(*other[1:])


def test_a_frame_takes_in_what_it_would_cut_through() -> None:
    boxes, centers = [Box(40, 20), Box(40, 20), Box(40, 20)], [Point(0, 0), Point(45, 0), Point(200, 0)]
    (frame,) = frames(boxes, centers, [("a",)] * 3, [True, False, False])
    assert frame.holds(*rectangle(boxes[1], centers[1]))
    assert not frame.meets(*rectangle(boxes[2], centers[2]))


def test_an_outer_frame_leaves_room_for_inner_ones() -> None:
    (outer, inner) = frames([Box(40, 20)], [Point(0, 0)], [("a", "b")], [True])
    assert (outer.scope, inner.scope) == (("a",), ("a", "b"))
    assert outer.left + 10 == inner.left
    assert outer.top + 10 < inner.top
    assert outer.right - 10 == inner.right


def test_modules_one_below_the_other_get_frames() -> None:
    homes = [(), ("a", "b"), ("a", "b"), ("a", "c"), ("d", "e", "f")]
    edges = [Edge(i, i + 1, 8.0, room_between(homes[i], homes[i + 1]) + 2) for i in range(4)]
    boxes = [Box(80, 40)] * 5
    drawn = frames(boxes, lay_out(boxes, edges).centers, homes, [True] * 5)
    assert {f.scope for f in drawn} == {("a",), ("a", "b"), ("a", "c"), ("d",), ("d", "e"), ("d", "e", "f")}
    assert [len(f.scope) for f in drawn] == sorted(len(f.scope) for f in drawn)


def test_readers_of_one_box_share_its_lanes() -> None:
    """A parameter that every step of a long chain reads: as many pieces as steps, not a way from the top for each."""
    n = 500
    edges = [e for i in range(2, n) for e in (Edge(i - 1, i, 8.0), Edge(0, i))]
    assert len(lay_out([Box(50, 20)] * n, edges).legs[0]) < 5 * n
