"""Random graphs to lay out, with and without modules, and what the tests ask of a layout."""

from __future__ import annotations

import time
from random import Random

from hypothesis import strategies as st

from autograd_lite.graph.pictures.layout.geometry import Box, Leg, Point
from autograd_lite.graph.pictures.layout.lanes import Edge
from autograd_lite.graph.pictures.layout.layered import Layout, lay_out
from autograd_lite.graph.pictures.layout.modules import Modules, modules_of


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
        weight, room, channel = random.choice([0.1, 1.0, 8.0]), random.choice([0.0, 50.0]), random.randint(0, 2)
        edges.append(Edge(source, target, weight, room, channel))
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


scopes_ = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)
Framed = tuple[list[Box], list[Edge], list[tuple[str, ...]], Modules]


@st.composite
def framed_graphs(draw: st.DrawFn, largest: int = 20) -> Framed:
    """Any graph, whose boxes belong to any modules: runs of neighbors to the same, or each to its own."""
    boxes, edges = draw(graphs(largest))
    run = draw(st.integers(1, 6))
    homes = draw(st.lists(scopes_, min_size=len(boxes), max_size=len(boxes)))
    homes = [homes[i - i % run] for i in range(len(boxes))]
    reads: list[list[int]] = [[] for _ in boxes]
    for edge in edges:
        reads[edge.target].append(edge.source)
    return boxes, edges, homes, modules_of(homes, reads)


def seconds(boxes: list[Box], edges: list[Edge], modules: Modules | None = None) -> float:
    """The least of two runs, since other work may share the processor."""
    times = []
    for _ in range(2):
        start = time.process_time()
        lay_out(boxes, edges, modules)
        times.append(time.process_time() - start)
    return min(times)
