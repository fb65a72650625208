"""Properties of the layout on random graphs, and of each of its steps against a slower way to the same answer."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, strategies as st

from autograd_lite.graph.pictures.layout import order, place
from autograd_lite.graph.pictures.layout.geometry import TIP, Box, Point
from autograd_lite.graph.pictures.layout.isotonic import isotonic
from autograd_lite.graph.pictures.layout.lanes import Edge, depth_of, layer_of, lead_through_lanes
from autograd_lite.graph.pictures.layout.layered import Layout, lay_out
from autograd_lite.graph.pictures.layout.modules import modules_of
from autograd_lite.graph.pictures.layout.order import crossings, order_vertices
from autograd_lite.graph.pictures.layout.place import x_positions

from .layouts import curve, graphs, rectangles, seconds


@given(graphs())
def test_boxes_do_not_overlap_and_lie_on_the_page(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    place_boxes = rectangles(boxes, layout)
    for a, b in itertools.combinations(place_boxes, 2):
        assert a[2] <= b[0] - 10 or b[2] <= a[0] - 10 or a[3] <= b[1] - 10 or b[3] <= a[1] - 10
    for left, top, right, bottom in place_boxes:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= layout.width + 1e-6
        assert bottom <= layout.height + 1e-6
    assert all(-1e-6 <= p.x <= layout.width + 1e-6 for legs in layout.legs.values() for leg in legs for p in leg)


@given(graphs())
def test_edges_lead_down_from_box_to_box(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    place_boxes = rectangles(boxes, layout)
    for legs in layout.legs.values():
        assert all(leg.start.y < leg.end.y for leg in legs)
        assert len(set(legs)) == len(legs)
    for edge, arrival in zip(edges, layout.arrivals, strict=True):
        left, top, right, _ = place_boxes[edge.target]
        assert left - 1e-6 <= arrival.x <= right + 1e-6
        assert arrival.y == pytest.approx(top)
        came_from = {leg.end: leg.start for leg in layout.legs[edge.source, edge.channel]}
        point = Point(arrival.x, arrival.y - TIP)
        while point in came_from:
            point = came_from[point]
        assert point.y == pytest.approx(place_boxes[edge.source][3])
        first = min(e.channel for e in edges if e.source == edge.source)
        aside = point.x - layout.centers[edge.source].x
        assert aside == 0 if edge.channel == first else 0 < aside < boxes[edge.source].width / 2
        assert place_boxes[edge.source][3] + max(34, edge.room) <= top + 1e-6


@given(graphs())
def test_no_edge_runs_through_a_box(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    place_boxes = rectangles(boxes, layout)
    for point in [p for legs in layout.legs.values() for leg in legs for p in curve(leg)]:
        for left, top, right, bottom in place_boxes:
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
            assert (lanes.owners[v - len(boxes)], lanes.channels[v - len(boxes)]) == (edge.source, edge.channel)
            v = above[v]
        assert v == edge.source
    stations = set(zip(lanes.owners, lanes.channels, lanes.layers[len(boxes) :], strict=True))
    assert len(stations) == len(lanes.owners)  # one lane a layer and channel, however many read a box


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
    rows = order_vertices(lanes.layers, lanes.segments)
    assert sorted(v for row in rows for v in row) == list(range(len(lanes.layers)))
    assert all(lanes.layers[v] == r for r, row in enumerate(rows) for v in row)
    below: list[list[int]] = [[] for _ in lanes.layers]
    for upper, lower in lanes.segments:
        below[upper].append(lower)
    assert crossings(rows, below) == crossings_one_by_one(rows, set(lanes.segments))


def test_order_removes_crossings_that_can_be_removed() -> None:
    layers = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    segments = [(0, 5), (1, 4), (2, 3), (3, 8), (4, 7), (5, 6)]
    assert crossings_one_by_one(order_vertices(layers, segments), set(segments)) == 0


def test_order_keeps_first_arguments_on_the_left() -> None:
    assert order_vertices([0, 0, 1], [(0, 2), (1, 2)]) == [[0, 1], [2]]
    assert order_vertices([0, 0, 1], [(1, 2), (0, 2)]) == [[1, 0], [2]]


@given(graphs(12))
def test_columns_keep_their_order_and_distance(graph: tuple[list[Box], list[Edge]]) -> None:
    boxes, edges = graph
    depth = depth_of(len(boxes), edges)
    lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
    rows = order_vertices(lanes.layers, lanes.segments)
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
    """How far all segments of some graphs run sideways: the weighted sum of squares that positions minimize."""
    total = 0.0
    for seed in range(seeds):
        random, n = Random(seed), 40
        edges = [
            Edge(random.randint(max(0, t - 9), t - 1), t) for t in range(1, n) for _ in range(random.randint(0, 3))
        ]
        depth = depth_of(n, edges)
        lanes = lead_through_lanes(layer_of(depth, edges), edges, depth)
        rows = order_vertices(lanes.layers, lanes.segments)
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
        total += crossings_one_by_one(order_vertices(layers, ends), set(ends))
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
    assert lay_out([], []) == Layout(0.0, 0.0, (), {}, ())


# ---- size -----------------------------------------------------------------------------------------------------------


def test_a_deep_graph_whose_values_are_all_read_late_is_laid_out_at_once() -> None:
    n = 1500  # a chain down, and each of its boxes read once more, the last one first
    edges = [Edge(i, i + 1, 8.0) for i in range(n - 1)] + [Edge(i, n - 1 - i, 0.1, 0.0, 2) for i in range(n // 2)]
    assert seconds([Box(60, 40)] * n, edges) < 3


def test_readers_of_one_box_share_its_lanes() -> None:
    """A parameter that every step of a long chain reads: as many pieces as steps, not a way from the top for each."""
    n = 500
    edges = [e for i in range(2, n) for e in (Edge(i - 1, i, 8.0), Edge(0, i))]
    assert len(lay_out([Box(50, 20)] * n, edges).legs[0, 0]) < 5 * n


def network(n: int) -> tuple[list[Box], list[Edge], list[tuple[str, ...]]]:
    """A perceptron with skips: of every module a kernel, a product, a bias, a sum and an activation."""
    boxes, edges, homes, last, skip = [Box(100, 40)], [], [()], 0, 0
    while len(boxes) < n:
        k = len(boxes)
        boxes += [Box(80, 40)] * 6
        edges += [Edge(last, k + 1, 8.0), Edge(k, k + 1), Edge(k + 1, k + 3, 8.0), Edge(k + 2, k + 3)]
        edges += [Edge(k + 3, k + 4, 8.0), Edge(k + 4, k + 5, 8.0), Edge(skip, k + 5, 8.0)]
        homes += [(f"dense_{k}",)] * 5 + [()]
        last = skip = k + 5
    return boxes, edges, homes


# The goal is 2 s for 10,000 boxes, which take 0.1 to 0.8 s alone; other work may share the processor.
def test_thousands_of_boxes_of_a_network_are_laid_out_at_once() -> None:
    boxes, edges, homes = network(4_000)
    assert seconds(boxes, edges) < 1
    reads: list[list[int]] = [[] for _ in boxes]
    for edge in edges:
        reads[edge.target].append(edge.source)
    assert seconds(boxes, edges, modules_of(homes, reads)) < 3


def test_thousands_of_boxes_in_wide_rows_are_laid_out_at_once() -> None:
    random = Random(0)
    edges = [Edge((i // 100 - 1) * 100 + random.randrange(100), i, 8.0) for i in range(100, 4_000) for _ in "ab"]
    assert seconds([Box(60, 40)] * 4_000, edges) < 3


def test_a_long_chain_is_laid_out() -> None:
    n = 12_000
    edges = [Edge(i, i + 1, 8.0) for i in range(n - 1)]
    layout = lay_out([Box(60, 40)] * n, edges)
    assert len({center.x for center in layout.centers}) == 1
    assert seconds([Box(60, 40)] * 4_000, edges[:3_999]) < 1
