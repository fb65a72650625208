"""The lines of a mirror: values run down on the left, gradients up on the right, and what is saved goes across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..draw import n
from ..layout.isotonic import isotonic
from ..layout.layered import TIP, Point
from .frames import Band
from .grid import Grid
from .model import Mirror
from .place import Half, Placed

_ARRIVAL, _CORNER, _ROUND, _STUB = 14.0, 10.0, 8.0, 9.0
# Of a slot's two lines to the right, the gradient arrives above the middle, and what is saved leaves below it.
_ASIDE, _PORT = 7.0, 8.0


class Wire(NamedTuple):
    """A line: its kind ("data", "quiet", "flow", "arrival", "seed", "saved"), its path, its tip's, what it is of."""

    kind: str
    path: str
    tip: str
    of: int


class Note(NamedTuple):
    """What stands on a line: its kind ("gradient", "seed", "saved", "sum", "dot", "argument"), its middle, of what."""

    kind: str
    at: Point
    of: int


@dataclass(slots=True)
class Plan:
    """Where everything goes.

    Attributes:
        width, height: of the drawing, whose upper left corner is (0, 0).
        left, right: the middles of the boxes of the left half, and by cell of what stands for it in the right half.
        bands: the frames: left, top, right and bottom of each.
        middles: of the left half, of the strip for labels and of the right half.
        wires, notes: lines, and what stands on them.
    """

    width: float
    height: float
    left: list[Point]
    right: dict[int, Point]
    bands: list[tuple[Band, float, float]]
    middles: tuple[float, float, float]
    wires: list[Wire] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def planned(mirror: Mirror, where: Placed, words: Sequence[str]) -> Plan:
    """Plan all lines of a mirror; `words` stand on those to what is saved."""
    return _Router(mirror, where, Grid(mirror, where, words)).plan()


class _Router:
    def __init__(self, mirror: Mirror, where: Placed, grid: Grid) -> None:
        self.mirror, self.grid = mirror, grid
        self.left, self.right, self.partner = where.left, where.right, where.partner
        self.arriving = {g.cell for g in mirror.gradients}
        self.leaving = {s.cell for s in mirror.saved}
        self.ports = self._ports()

    def plan(self) -> Plan:
        grid, left, right = self.grid, self.left, self.right
        plan = Plan(
            grid.shift + right.width,
            max(grid.floor, default=0.0),
            [Point(left.x[i], grid.middle(left.row[i])) for i in range(len(left.boxes))],
            {k: Point(grid.shift + right.x[v], grid.middle(right.row[v])) for k, v in self.partner.items()},
            [(b, grid.ceil[b.first] - b.room_above, grid.floor[b.last] + b.room_below) for b in grid.bands],
            (left.width / 2, grid.strip, grid.shift + right.width / 2),
        )
        for i in range(len(self.mirror.saved)):
            self._saved(i, plan)
        self._forward(plan)
        self._backward(plan)
        for i, seed in enumerate(self.mirror.seeds):
            if seed.cell in self.partner:
                self._seed(i, plan)
        for i in range(len(self.mirror.gradients)):
            self._gradient(i, plan)
        return plan

    # ---- within the halves ------------------------------------------------------------------------------------------

    def _forward(self, plan: Plan) -> None:
        half, edges = self.left, self.mirror.view.edges
        arrivals = _arrivals(half)
        tips: dict[int, list[str]] = {}
        into: dict[int, list[tuple[float, int]]] = {}
        for edge, said, x in zip(half.edges, edges, arrivals, strict=True):
            top = self._top(half, edge.target)
            tips.setdefault(edge.source, []).append(_tip(Point(x, top), "down"))
            into.setdefault(edge.target, []).append((x, said.argument))
        legs = self._legs(half, 0.0, arrivals, TIP)
        quiet = {edge.source for edge, said in zip(half.edges, edges, strict=True) if said.quiet}
        for source in sorted(tips, key=lambda s: (s not in quiet, s)):
            kind = "quiet" if source in quiet else "data"
            plan.wires.append(Wire(kind, legs[source], "".join(tips[source]), source))
        for target, arrived in into.items():
            numbers = [argument for _, argument in sorted(arrived)]
            if numbers != sorted(numbers):
                for x, argument in arrived:
                    plan.notes.append(Note("argument", Point(x + 4.5, self._top(half, target) - 9), argument))

    def _backward(self, plan: Plan) -> None:
        """Lead gradients up: what several uses contribute comes together on the way, under a sign for the sum."""
        half, grid = self.right, self.grid
        cells = {v: k for k, v in self.partner.items()}
        legs = self._legs(half, grid.shift, _arrivals(half), 0.0)
        seeded = {seed.cell for seed in self.mirror.seeds}
        for v in range(len(half.boxes)):
            cell, x = cells[v], grid.shift + half.x[v]
            if not half.boxes[v].height:
                if legs[v]:
                    plan.wires.append(Wire("flow", legs[v], "", cell))
                continue
            foot = Point(x, plan.right[cell].y + half.boxes[v].height / 2)
            if legs[v]:
                plan.wires.append(Wire("flow", legs[v], _tip(foot, "up"), cell))
            if cell in self.mirror.uses and (legs[v] or cell in seeded):
                plan.notes.append(Note("sum", Point(x, foot.y + 15), cell))

    def _legs(self, half: Half, shift: float, arrivals: Sequence[float], gap: float) -> list[str]:
        """Return for every box the path of all lines that leave it downwards; together where they go together.

        They are written from below, as gradients flow: dashes run on through the bends, and end where lines meet.

        Args:
            half: the half.
            shift: where it begins.
            arrivals: where each edge arrives.
            gap: how far above its box each ends.
        """
        grid, count = self.grid, len(half.boxes)
        lane = {(owner, half.row[count + i]): count + i for i, owner in enumerate(half.lanes.owners)}
        paths = [""] * count
        done: set[int] = set()
        for edge, x in zip(half.edges, arrivals, strict=True):
            row, at, y = half.row[edge.target], shift + x, self._top(half, edge.target) - gap
            path = f"M{n(at)} {n(y)}"
            while True:
                y = min(y, grid.ceil[row])
                path += f"V{n(y)}"
                row -= 1
                v = lane.get((edge.source, row), edge.source)
                foot, x = grid.floor[row], shift + half.x[v]
                end = grid.ceil[row] if v >= count else grid.middle(row) + half.boxes[v].height / 2
                if v < count and half.boxes[v].height:
                    end += 0.0 if gap else TIP
                    foot = max(foot, end)
                path += _bend(at, y, x, foot)
                if v in done:
                    break
                done.add(v)
                at, y = x, end
                if v < count:
                    path += f"V{n(end)}" if half.boxes[v].height else ""
                    break
            paths[edge.source] += path
        return paths

    def _top(self, half: Half, i: int) -> float:
        return self.grid.middle(half.row[i]) - half.boxes[i].height / 2

    # ---- across -----------------------------------------------------------------------------------------------------

    def _gradient(self, i: int, plan: Plan) -> None:
        gradient, half, grid = self.mirror.gradients[i], self.left, self.grid
        cell, row = gradient.cell, half.row[gradient.cell]
        flows = any(edge.source == self.partner[cell] for edge in self.right.edges)
        begin = Point(plan.right[cell].x, grid.floor[row] if flows else grid.bottom[row])
        track = grid.tracks.get(("gradient", i, 0))
        if track is None:
            y = plan.left[cell].y - (_ASIDE if cell in self.leaving else 0.0)
            end = Point(half.right(cell), y)
            way, tip = [begin, Point(begin.x, y), Point(end.x + TIP, y)], _tip(end, "left")
        else:
            y, end = track, Point(half.x[cell], self._top(half, cell))
            way = [begin, Point(begin.x, y), Point(end.x, y), Point(end.x, end.y - TIP)]
            tip = _tip(end, "down")
        plan.wires.append(Wire("arrival", _bent(way), tip, cell))
        plan.notes.append(Note("gradient", Point(grid.strip, y), i))
        if gradient.uses > 1:
            plan.notes.append(Note("sum", Point(begin.x, max(y + 14, grid.bottom[row] - 4)), cell))

    def _seed(self, i: int, plan: Plan) -> None:
        """Turn round: from a result down, across, and up to its rules."""
        seed, half, grid = self.mirror.seeds[i], self.left, self.grid
        cell, y = seed.cell, grid.tracks["seed", i, 0]
        begin = Point(half.x[cell], plan.left[cell].y + half.boxes[cell].height / 2)
        if any(edge.source == cell for edge in half.edges):
            begin = Point(half.x[cell] + half.boxes[cell].width / 4, begin.y)
        v = self.partner[cell]
        x = plan.right[cell].x
        foot = plan.right[cell].y + self.right.boxes[v].height / 2
        is_rule = self.right.boxes[v].height > 0
        end = Point(x, foot + TIP if is_rule else grid.bottom[self.right.row[v]])
        way = [begin, Point(begin.x, y), Point(x, y), end]
        plan.wires.append(Wire("seed", _bent(way), _tip(Point(x, foot), "up") if is_rule else "", cell))
        plan.notes.append(Note("seed", Point(grid.strip, y), i))

    def _saved(self, i: int, plan: Plan) -> None:
        """Lead what is saved across to the rules that read it, and down in a lane if they stand in lower rows."""
        saved, half, grid = self.mirror.saved[i], self.left, self.grid
        cell, lane = saved.cell, grid.lanes.get(i)
        middle, track = plan.left[cell].y, grid.tracks.get(("saved", i, 0))
        y = middle + (_ASIDE if cell in self.arriving and track is None else 0.0) if track is None else track
        start = Point(half.right(cell), middle)
        way = [start] if track is None else [start, Point(start.x + _STUB, middle), Point(start.x + _STUB, y)]
        if track is None:
            way = [Point(start.x, y)]
        ends = sorted(
            (list(self._into(i, t, y, plan)) for t in saved.readers if t in self.partner), key=lambda e: e[0].y
        )
        own, lower = [e for e in ends if e[0].y == y], [e for e in ends if e[0].y != y]
        paths = []
        if lower and lane is not None:
            *others, last = lower
            paths.append(_bent([*way, Point(lane, y), Point(lane, last[0].y), *last]))
            for other in others:
                at = Point(lane, other[0].y)
                paths.append(_bent([at, *other]))
                plan.notes.append(Note("dot", at, i))
            way = [Point(lane, y)]
            plan.notes += [Note("dot", way[0], i)] if own else []
        paths += [_bent([*way, *end]) for end in own]
        plan.wires.append(Wire("saved", "".join(paths), "", i))
        plan.notes.append(Note("saved", Point(grid.strip, y), i))

    def _into(self, i: int, t: int, y: float, plan: Plan) -> Iterator[Point]:
        """Yield the corners of the way to the rules of a cell, the first at the height at which it leaves the aisle."""
        v, saved, grid = self.partner[t], self.mirror.saved[i], self.grid
        edge, port = grid.shift + self.right.left(v), plan.right[t].y + self.ports[i, t]
        key = ("saved", i, 0) if t == saved.cell else ("sink", i, t)
        if key in grid.tracks:
            aside = edge - _STUB
            yield Point(aside, grid.tracks[key])
            yield Point(aside, port)
        yield Point(edge, port)

    def _ports(self) -> dict[tuple[int, int], float]:
        """Return how far from the middle of its rules each line with something saved arrives.

        Its own result goes straight; what began earlier comes from farther right in the aisle, and so from above.
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


def _arrivals(half: Half) -> list[float]:
    """Return where along the upper border of its target each edge arrives: below where it comes from, if it can."""
    into: dict[int, list[int]] = {}
    for i, edge in enumerate(half.edges):
        into.setdefault(edge.target, []).append(i)
    arrivals = [0.0] * len(half.edges)
    for target, arriving in into.items():
        arriving.sort(key=lambda i: half.x[half.lanes.last[i]])
        box, reach = half.boxes[target], max(half.boxes[target].width / 2 - _CORNER, 0.0)
        low = half.x[target] - reach
        high = max(half.x[target] + reach - box.taken, low)
        gap = min(_ARRIVAL, (high - low) / max(len(arriving) - 1, 1))
        wanted = [min(max(half.x[half.lanes.last[i]], low), high) for i in arriving]
        fitted = isotonic(wanted, [half.edges[i].weight for i in arriving], [gap] * (len(arriving) - 1))
        over = max(fitted[-1] - high, 0.0) - max(low - fitted[0], 0.0)
        for i, at in zip(arriving, fitted, strict=True):
            arrivals[i] = at - over
    return arrivals


# ---- paths ----------------------------------------------------------------------------------------------------------


def _bend(x: float, y: float, end_x: float, end_y: float) -> str:
    """Return how a path goes on from one point to another so that it leaves and arrives upright."""
    if x == end_x:
        return f"V{n(end_y)}"
    middle = n((y + end_y) / 2)
    return f"C{n(x)} {middle} {n(end_x)} {middle} {n(end_x)} {n(end_y)}"


def _bent(way: Sequence[Point]) -> str:
    """Return a line along and across with round corners."""
    corners = [p for i, p in enumerate(way) if not i or p != way[i - 1]]
    path = f"M{n(corners[0].x)} {n(corners[0].y)}"
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        first, second = abs(at.x - before.x) + abs(at.y - before.y), abs(after.x - at.x) + abs(after.y - at.y)
        r = min(_ROUND, first / 2, second / 2)
        a, b = _toward(at, before, r), _toward(at, after, r)
        path += f"L{n(a.x)} {n(a.y)}Q{n(at.x)} {n(at.y)} {n(b.x)} {n(b.y)}"
    return path + f"L{n(corners[-1].x)} {n(corners[-1].y)}"


def _toward(at: Point, other: Point, r: float) -> Point:
    if at.x != other.x:
        return Point(at.x + (r if other.x > at.x else -r), at.y)
    return Point(at.x, at.y + (r if other.y > at.y else -r))


def _tip(at: Point, way: str) -> str:
    """Return the tip of an arrow that points down, up or left at a point."""
    rest = {"down": f"l-3.5 {n(-TIP)}h7z", "up": f"l-3.5 {n(TIP)}h7z", "left": f"l{n(TIP)} -3.5v7z"}
    return f"M{n(at.x)} {n(at.y)}{rest[way]}"
