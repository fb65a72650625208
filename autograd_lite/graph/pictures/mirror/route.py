"""The lines of a mirror: values run down on the left, gradients up on the right, and saved values go across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..draw import Path, path_of, tip
from ..layout.geometry import TIP, Point
from ..layout.legs import draw_legs
from .frames import Band
from .grid import Grid
from .model import Mirror
from .place import Placed

_ROUND, _STUB = 8.0, 9.0
# If a slot has two lines to the right, the gradient arrives above the middle, and the saved value leaves below it.
_ASIDE, _PORT = 7.0, 8.0


class Wire(NamedTuple):
    """A line: its kind ("data", "quiet", "flow", "arrival", "seed", "saved"), path, tip, and its owner's number."""

    kind: str
    path: Path
    tip: Path
    of: int


class Note(NamedTuple):
    """A mark: its kind, its middle, its owner's number.

    The kinds are "gradient", "seed", "saved", "sum", "dot", "argument"; "before" and "after" the name of a result.
    """

    kind: str
    at: Point
    of: int


@dataclass(slots=True)
class Plan:
    """Where everything goes.

    Attributes:
        width, height: of the drawing, whose upper left corner is (0, 0).
        left, right: the middles of the boxes of the left half, and by cell of its counterpart in the right half.
        bands: the frames, and the top and bottom of each.
        middles: of the left half, of the strip for labels and of the right half.
        wires, notes: lines, and the marks on them.
    """

    width: float
    height: float
    left: Sequence[Point]
    right: dict[int, Point]
    bands: list[tuple[Band, float, float]]
    middles: tuple[float, float, float]
    wires: list[Wire] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def left_end(self) -> float:
        """Where the drawing begins, with its frames."""
        return min([0.0, *(band.left for band, _, _ in self.bands)])

    @property
    def right_end(self) -> float:
        """Where it ends on the right."""
        return max([self.width, *(band.right for band, _, _ in self.bands)])

    @property
    def low_end(self) -> float:
        """Where it ends below."""
        return max([self.height, *(bottom for _, _, bottom in self.bands)])


def plan_lines(mirror: Mirror, where: Placed, words: Sequence[str]) -> Plan:
    """Plan all lines of a mirror; `words` are the labels of those for saved values."""
    return _Router(mirror, where, Grid(mirror, where, words)).plan()


class _Router:
    def __init__(self, mirror: Mirror, where: Placed, grid: Grid) -> None:
        self.mirror, self.grid = mirror, grid
        self.left, self.right, self.partner = where.left, where.right, where.partner
        self.arriving = {g.cell for g in mirror.gradients}
        self.leaving = {s.cell for s in mirror.saved}
        self.flowing = {edge.source for edge in where.right.edges}
        self.ports = self._ports()

    def plan(self) -> Plan:
        grid, left, right = self.grid, self.left, self.right
        begin = min([x - box.width / 2 for x, box in zip(right.x, right.boxes, strict=False)], default=left.right_end)
        plan = Plan(
            right.right_end,
            max(grid.floor, default=0.0),
            left.centers,
            {k: right.centers[v] for k, v in self.partner.items()},
            [(b, grid.ceil[b.first] - b.room_above, grid.floor[b.last] + b.room_below) for b in grid.bands],
            (left.right_end / 2, grid.strip, (begin + right.right_end) / 2),
        )
        for i in range(len(self.mirror.saved)):
            self._route_saved(i, plan)
        self._route_forward(plan)
        self._route_backward(plan)
        for i, seed in enumerate(self.mirror.seeds):
            if seed.cell in self.partner:
                self._route_seed(i, plan)
        for i in range(len(self.mirror.gradients)):
            self._route_gradient(i, plan)
        return plan

    # ---- within the halves ------------------------------------------------------------------------------------------

    def _route_forward(self, plan: Plan) -> None:
        half, edges = self.left, self.mirror.view.edges
        legs = draw_legs(half)
        tips: dict[int, list[Any]] = {}
        into: dict[int, list[tuple[Point, int, int]]] = {}
        for i, (edge, view_edge, arrival) in enumerate(zip(half.edges, edges, half.arrivals, strict=True)):
            tips.setdefault(edge.source, []).extend(tip(arrival))
            into.setdefault(edge.target, []).append((arrival, view_edge.argument, i))
        quiet = {edge.source for edge, view_edge in zip(half.edges, edges, strict=True) if view_edge.quiet}
        for source in sorted(tips, key=lambda s: (s not in quiet, s)):
            kind = "quiet" if source in quiet else "data"
            plan.wires.append(Wire(kind, path_of(legs[source, 0]), tips[source], source))
        for arrived in into.values():
            numbers = [argument for _, argument, _ in sorted(arrived)]
            numbered = numbers != sorted(numbers)
            if numbered:
                for at, argument, _ in arrived:
                    plan.notes.append(Note("argument", Point(at.x + 4.5, at.y - 9), argument))
            self._results(sorted(arrived), numbered, plan)

    def _results(self, arrived: Sequence[tuple[Point, int, int]], numbered: bool, plan: Plan) -> None:
        """Name the results of calls that arrive at a box, from left to right; numbers of arguments are on the right."""
        edges, last = self.mirror.view.edges, ""
        calls = {box.id for box in self.mirror.view.nodes if box.results}
        for k, (at, _, i) in enumerate(arrived):
            label = edges[i].label if edges[i].source in calls else ""
            if label and label != last:
                aside = 0 < k == len(arrived) - 1 and not numbered
                plan.notes.append(
                    Note("after" if aside else "before", Point(at.x + (4.5 if aside else -4.5), at.y - 9), i)
                )
            last = label

    def _route_backward(self, plan: Plan) -> None:
        """Lead gradients up: the contributions of several uses come together on the way, under a sign for the sum."""
        half = self.right
        legs = draw_legs(half)
        seeded = {seed.cell for seed in self.mirror.seeds}
        for cell, v in self.partner.items():
            foot, path = Point(half.x[v], half.bottom(v)), path_of(legs.get((v, 0), ()))
            is_rule = half.boxes[v].height > 0
            if path:
                plan.wires.append(Wire("flow", path, tip(foot, "up") if is_rule else (), cell))
            if is_rule and cell in self.mirror.uses and (path or cell in seeded):
                plan.notes.append(Note("sum", Point(foot.x, foot.y + 15), cell))

    # ---- across -----------------------------------------------------------------------------------------------------

    def _route_gradient(self, i: int, plan: Plan) -> None:
        gradient, half, grid = self.mirror.gradients[i], self.left, self.grid
        cell, row = gradient.cell, half.layers[gradient.cell]
        flows = self.partner[cell] in self.flowing
        begin = Point(plan.right[cell].x, grid.floor[row] if flows else grid.bottom[row])
        track = grid.tracks.get(("gradient", i, 0))
        if track is None:
            y = plan.left[cell].y - (_ASIDE if cell in self.leaving else 0.0)
            end = Point(self._right_of(cell), y)
            way, head = [begin, Point(begin.x, y), Point(end.x + TIP, y)], tip(end, "left")
        else:
            y, end = track, Point(half.x[cell], half.top(cell))
            way = [begin, Point(begin.x, y), Point(end.x, y), Point(end.x, end.y - TIP)]
            head = tip(end)
        plan.wires.append(Wire("arrival", _bend(way), head, cell))
        plan.notes.append(Note("gradient", Point(grid.strip, y), i))
        if gradient.uses > 1:
            plan.notes.append(Note("sum", Point(begin.x, max(y + 14, grid.bottom[row] - 4)), cell))

    def _route_seed(self, i: int, plan: Plan) -> None:
        """Turn round: from a result down, across, and up to its rules."""
        seed, half, grid = self.mirror.seeds[i], self.left, self.grid
        cell, y = seed.cell, grid.tracks["seed", i, 0]
        begin = Point(half.x[cell], half.bottom(cell))
        if any(edge.source == cell for edge in half.edges):
            begin = Point(half.x[cell] + half.boxes[cell].width / 4, begin.y)
        v = self.partner[cell]
        x, foot = self.right.x[v], self.right.bottom(v)
        is_rule = self.right.boxes[v].height > 0
        end = Point(x, foot + TIP if is_rule else grid.bottom[self.right.layers[v]])
        way = [begin, Point(begin.x, y), Point(x, y), end]
        plan.wires.append(Wire("seed", _bend(way), tip(Point(x, foot), "up") if is_rule else (), cell))
        plan.notes.append(Note("seed", Point(grid.strip, y), i))

    def _right_of(self, cell: int) -> float:
        return self.left.x[cell] + self.left.boxes[cell].width / 2

    def _route_saved(self, i: int, plan: Plan) -> None:
        """Lead a saved value across to the rules that read it, and down in a lane if they are in lower rows."""
        saved, grid = self.mirror.saved[i], self.grid
        cell, lane = saved.cell, grid.lanes.get(i)
        middle, track = plan.left[cell].y, grid.tracks.get(("saved", i, 0))
        y = middle + (_ASIDE if cell in self.arriving and track is None else 0.0) if track is None else track
        start = Point(self._right_of(cell), middle)
        way = [start] if track is None else [start, Point(start.x + _STUB, middle), Point(start.x + _STUB, y)]
        if track is None:
            way = [Point(start.x, y)]
        ends = sorted(
            (list(self._into(i, t, y, plan)) for t in saved.readers if t in self.partner), key=lambda e: e[0].y
        )
        own, lower = [e for e in ends if e[0].y == y], [e for e in ends if e[0].y != y]
        paths: list[Any] = []
        if lower and lane is not None:
            *others, last = lower
            paths += _bend([*way, Point(lane, y), Point(lane, last[0].y), *last])
            for other in others:
                at = Point(lane, other[0].y)
                paths += _bend([at, *other])
                plan.notes.append(Note("dot", at, i))
            way = [Point(lane, y)]
            plan.notes += [Note("dot", way[0], i)] if own else []
        for end in own:
            paths += _bend([*way, *end])
        if paths:  # in a part of a graph the rules that read it may be missing
            plan.wires.append(Wire("saved", paths, (), i))
        plan.notes.append(Note("saved", Point(grid.strip, y), i))

    def _into(self, i: int, t: int, y: float, plan: Plan) -> Iterator[Point]:
        """Yield the corners of the way to the rules of a cell, the first at the height at which it leaves the aisle."""
        v, saved, grid = self.partner[t], self.mirror.saved[i], self.grid
        edge, port = self.right.x[v] - self.right.boxes[v].width / 2, plan.right[t].y + self.ports[i, t]
        key = ("saved", i, 0) if t == saved.cell else ("sink", i, t)
        if key in grid.tracks:
            aside = edge - _STUB
            yield Point(aside, grid.tracks[key])
            yield Point(aside, port)
        yield Point(edge, port)

    def _ports(self) -> dict[tuple[int, int], float]:
        """Return how far from the middle of its rules each line of a saved value arrives.

        An op's own result runs straight; what began earlier comes from farther right in the aisle, and so from above.
        """
        into: dict[int, list[int]] = {}
        for i, saved in enumerate(self.mirror.saved):
            for t in saved.readers:
                into.setdefault(t, []).append(i)
        ports = {}
        for t, arriving in into.items():
            if t not in self.partner:
                continue
            half = self.right.boxes[self.partner[t]].height / 2 - 6
            own = [i for i in arriving if self.mirror.saved[i].cell == t]
            others = [i for i in arriving if i not in own]
            others.sort(key=lambda i: (-self.grid.lanes.get(i, 0.0), i))
            step = min(_PORT, half / max(len(others), 1)) if own else min(_PORT, 2 * half / max(len(others) - 1, 1))
            ports.update({(i, t): 0.0 for i in own})
            base = -step * len(others) if own else -step * (len(others) - 1) / 2
            ports.update({(i, t): base + step * rank for rank, i in enumerate(others)})
        return ports


# ---- paths ----------------------------------------------------------------------------------------------------------


def _bend(way: Sequence[Point]) -> Path:
    """Return the path of a line with right angles and round corners."""
    corners = [p for i, p in enumerate(way) if not i or p != way[i - 1]]
    path: list[tuple[Any, ...]] = [("M", *corners[0])]
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        first, second = abs(at.x - before.x) + abs(at.y - before.y), abs(after.x - at.x) + abs(after.y - at.y)
        r = min(_ROUND, first / 2, second / 2)
        path += [("L", *_toward(at, before, r)), ("Q", *at, *_toward(at, after, r))]
    return [*path, ("L", *corners[-1])]


def _toward(at: Point, other: Point, r: float) -> Point:
    if at.x != other.x:
        return Point(at.x + (r if other.x > at.x else -r), at.y)
    return Point(at.x, at.y + (r if other.y > at.y else -r))
