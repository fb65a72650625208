"""The frames of the page: what the picture shows at first, in its words, and what opens inside of that.

The boxes of the picture (`folding`) are frames that are shut at first. In them are modules, repetitions, and parts of
long listings, found in the same way. No frame reads from itself through another one; a module that is entered twice is
two frames. The backward pass goes into the frames of its operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ....ir.graph_node import GraphNode, Kind
from ....ir.pure_graph import PureGraph
from ...marks import Overlay
from ..describe import series
from ..folding.assemble import assemble
from ..folding.fold import plan_for
from ..folding.groups import Item, Rows, contents_of, fold_repeats, tree_of
from ..folding.plan import Cell, Homes, Plan, homes_of

# In a frame that is shut at first and has more boxes than the first number, as many as the second are at each of its
# ends; the rest is cut into parts of the third.
_CROWD, _END, _PART = 40, 12, 40
# How much wider and taller the forward pass is with its derivative rules beside it.
_BESIDE = 2.0, 1.2


@dataclass(slots=True)
class Group:
    """A frame, which may be shut to one box.

    Attributes:
        name: its title.
        kind: "module", "repeat" for a repetition, "step" for one turn of it, "part" for neighbors that share a box,
            "leaves" for many slots of a kind.
        times: the number of turns of a repetition.
        shut: whether it is a box at first.
        lines: what that box says after its title, if the picture has it.
        inside: operations by their numbers, and frames.
        parent: the number of the frame around it, or -1.
        depth: the number of frames around it.
    """

    name: str
    kind: str
    times: int = 1
    shut: bool = False
    lines: Sequence[str] = ()
    inside: list[int | Group] = field(default_factory=list)
    parent: int = -1
    depth: int = 0


def group_nodes(graph: PureGraph, overlay: Overlay | None = None) -> tuple[list[Group], list[int]]:
    """Return the frames, outer ones first, and for every node the number of the innermost around it, or -1.

    Args:
        graph: the graph.
        overlay: what the operations weigh, as in a picture.
    """
    forward = graph.forward()
    totals = {i: total for i, total in overlay.totals.items() if i in forward} if overlay else {}
    wider, taller = _BESIDE if len(forward) < len(graph) else (1.0, 1.0)
    plan = plan_for(forward, wider, taller, overlay=Overlay(totals=totals) if totals else None)
    homes = homes_of(forward.nodes)
    rows = Rows(forward.nodes, homes.own)
    rows.set_weights(forward, totals)
    lines = {i: box.lines[1:] for box in assemble(forward, plan, homes).nodes for i in box.members}
    root = Group("", "root")
    _Frames(rows, plan, lines).fill(root)
    groups: list[Group] = []
    home: dict[str, int] = {}
    numbers = {id(root): -1}
    for frame in _frames(root):
        for item in frame.inside:
            if isinstance(item, int):
                home[rows.ops[item].id] = numbers[id(frame)]
            else:
                item.parent, item.depth = numbers[id(frame)], frame.depth + 1
                numbers[id(item)] = len(groups)
                groups.append(item)
    home.update([(node.id, home[node.inputs[0]]) for node in forward.nodes if node.result is not None])
    _place_slots(plan, homes, groups, home)
    for node in graph.nodes:
        if node.backward:
            home[node.id] = home.get(node.of, -1)
    return groups, [home[node.id] for node in graph.nodes]


def _frames(root: Group) -> Iterator[Group]:
    """Yield the frames from outside to inside."""
    pending = [root]
    for frame in pending:
        yield frame
        pending += [item for item in frame.inside if isinstance(item, Group)]


class _Frames:
    """Puts operations into frames: those around the boxes of a picture, and those inside them.

    Args:
        rows: the operations.
        plan: the boxes of the picture.
        lines: what they say, by the ids of nodes in them.
    """

    def __init__(self, rows: Rows, plan: Plan, lines: Mapping[str, Sequence[str]]) -> None:
        self._rows, self._plan, self._lines = rows, plan, lines
        numbers = [plan.number[node.id] for node in rows.ops]
        self._cells = [k if plan.cells[k].title else -1 for k in numbers]
        self._pending: list[tuple[Group, Sequence[Item]]] = []

    def fill(self, root: Group) -> None:
        """Put all operations into a frame."""
        visible: list[tuple[Group, Sequence[Item]]] = [(root, tree_of(self._rows, lambda _: False))]
        while visible:
            frame, items = visible.pop()
            boxes: dict[int, tuple[Group, list[Item]]] = {}
            for item in items:
                cells = set(self._cells[item.start : item.stop])
                k = cells.pop() if len(cells) == 1 else -1
                if k >= 0:
                    if k not in boxes:
                        boxes[k] = Group(self._plan.cells[k].title, "part", shut=True), []
                        frame.inside.append(boxes[k][0])
                    boxes[k][1].append(item)
                elif item.inner:
                    module = Group(item.name, "module")
                    frame.inside.append(module)
                    visible.append((module, item.inner))
                else:
                    frame.inside.append(item.start)
            for k, (box, contents) in boxes.items():
                self._fill_box(box, self._plan.cells[k], contents)
        while self._pending:
            frame, items = self._pending.pop()
            frame.inside = self._contents(frame, items)

    def _fill_box(self, box: Group, cell: Cell, items: Sequence[Item]) -> None:
        box.lines = self._lines.get(cell.ops[0].id, ())
        if len(items) == 1 and items[0].inner:
            box.kind = "module"
            items = items[0].inner
        if cell.times > 1:
            self._fill_repeat(box, items, cell.times)
        else:
            self._pending.append((box, self._fold(items)))

    def _contents(self, frame: Group, items: Sequence[Item]) -> list[int | Group]:
        """Return the contents of a frame that is shut at first: repetitions are folded, and long listings cut."""
        inside: list[int | Group] = []
        for item in self._cut(items) if frame.shut or frame.kind != "part" else items:
            if not item.inner:
                inside.append(item.start)
                continue
            group = Group(item.name, item.title or "module")
            inside.append(group)
            if item.times > 1:
                self._fill_repeat(group, item.inner, item.times)
            else:
                self._pending.append((group, item.inner if item.title else self._fold(item.inner)))
        return inside

    def _fold(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return items with one in place of each repetition, which has these inside."""
        folded, k = [], 0
        for item in fold_repeats(self._rows, (), items, lambda _: False, repeats=True):
            begin = k
            while k < len(items) and items[k].stop <= item.stop:
                k += 1
            is_new = item.times > 1 and not item.inner
            folded.append(
                Item(item.start, item.stop, "repeat", tuple(items[begin:k]), item.times, item.title) if is_new else item
            )
        return folded

    def _cut(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return items of which a part holds those between the ends, if they are many."""
        if len(items) <= _CROWD:
            return items
        middle = items[_END:-_END]
        while len(middle) > _CROWD:
            middle = [self._part(middle[i : i + _PART]) for i in range(0, len(middle), _PART)]
        return [*items[:_END], self._part(middle), *items[-_END:]]

    def _part(self, items: Sequence[Item]) -> Item:
        named = [item._replace(title="") for item in items]
        return Item(items[0].start, items[-1].stop, "part", tuple(items), name=contents_of(self._rows, named))

    def _fill_repeat(self, repeat: Group, items: Sequence[Item], times: int) -> None:
        """Put a frame around each turn of a repetition, unless that is a single box."""
        repeat.kind, repeat.times = "repeat", times
        begin, size = items[0].start, (items[-1].stop - items[0].start) // times
        turns: list[list[Item]] = [[] for _ in range(times)]
        for item in items:
            turns[min((item.start - begin) // size, times - 1)].append(item)
        whole = all(turn and turn[-1].stop == begin + (k + 1) * size for k, turn in enumerate(turns))
        if whole and any(len(turn) > 1 for turn in turns):
            names = [f"{k + 1} of {times}" for k in range(times)]
            items = [Item(t[0].start, t[-1].stop, "step", tuple(t), 1, n) for t, n in zip(turns, names, strict=True)]
        self._pending.append((repeat, items))


# ---- slots ----------------------------------------------------------------------------------------------------------


def _place_slots(plan: Plan, homes: Homes, groups: list[Group], home: dict[str, int]) -> None:
    """Put parameters, constants and generators where all their readers are; what the picture shows stays visible."""
    for slots in plan.inside.values():
        home.update([(slot.id, _common_frame([home[i] for i in homes.readers[slot.id]], groups)) for slot in slots])
    for boxes in plan.alone.values():
        for box in boxes:
            around = _common_frame([_visible_frame(slot, homes, groups, home) for slot in box], groups)
            if len(box) > 1:
                name = series([slot.name or str(slot.kind) for slot in box])
                depth = groups[around].depth + 1 if around >= 0 else 0
                groups.append(Group(name, "leaves", len(box), shut=True, parent=around, depth=depth))
                around = len(groups) - 1
            home.update([(slot.id, around) for slot in box])


def _visible_frame(slot: GraphNode, homes: Homes, groups: Sequence[Group], home: Mapping[str, int]) -> int:
    """Return the frame in which a slot is seen at first: around its readers, and for inputs of the whole none."""
    ends = [home[i] for i in homes.readers[slot.id]]
    if not ends or (slot.kind is Kind.INPUT and slot.id not in homes.frozen):
        return -1
    around = at = _common_frame(ends, groups)
    while at >= 0:
        if groups[at].shut:
            around = groups[at].parent
        at = groups[at].parent
    return around


def _common_frame(ends: Sequence[int], groups: Sequence[Group]) -> int:
    """Return the innermost frame around all of some frames."""
    shared = ends[0]
    for other in ends:
        while shared != other:
            if other < 0 or (shared >= 0 and groups[shared].depth >= groups[other].depth):
                shared = groups[shared].parent
            else:
                other = groups[other].parent
    return shared
