"""The frames of the page: modules inside modules, repetitions, and parts of long listings.

Every frame is an interval of the forward operations in recorded order, so that no frame reads from itself through
another one; a module that is entered twice is two frames. The backward pass goes into the frames of its operations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ....ir.graph_node import GraphNode, Kind, Role
from ..describe import series
from ..folding.groups import Rows
from ..folding.plan import MANY, homes_of
from ..folding.repeats import runs_in

# A repetition of operations is folded if that hides at least the first number of boxes. A frame with more boxes than
# the second shows as many as the third at each of its ends; the rest is cut into parts of the fourth. Up to the
# fifth number of inputs are drawn outside all frames.
_WORTH, _CROWD, _END, _PART, _INPUTS = 6, 40, 12, 40, 12


@dataclass(slots=True)
class Group:
    """A frame, which may be shut to one box.

    Attributes:
        name: its title.
        kind: "module", "repeat" for a repetition, "step" for one turn of it, "part" for a piece of a long listing,
            "leaves" for many slots of a kind.
        start, stop: the interval of operations.
        times: the number of turns of a repetition.
        inside: operations by their numbers, and frames.
        parent: the number of the frame around it, or -1.
        depth: the number of frames around it.
    """

    name: str
    kind: str
    start: int
    stop: int = 0
    times: int = 1
    inside: list[int | Group] = field(default_factory=list)
    parent: int = -1
    depth: int = 0


def group_nodes(nodes: Sequence[GraphNode]) -> tuple[list[Group], list[int]]:
    """Return the frames, outer ones first, and for every node the number of the innermost around it, or -1."""
    forward = [node for node in nodes if not node.backward]
    homes = homes_of(forward)
    rows = Rows(forward, homes.own)
    root = _modules(rows)
    for frame in _frames(root):
        frame.inside = _with_repeats(frame, rows)
    for frame in _frames(root):
        frame.inside = _with_parts(frame)
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
    home.update([(node.id, home[node.inputs[0]]) for node in forward if node.result is not None])
    _place_slots(forward, homes.readers, groups, home)
    for node in nodes:
        if node.backward:
            home[node.id] = home.get(node.of, -1)
    return groups, [home[node.id] for node in nodes]


def _frames(root: Group) -> Iterator[Group]:
    """Yield the frames from outside to inside, including those that are added meanwhile."""
    pending = [root]
    for frame in pending:
        yield frame
        pending += [item for item in frame.inside if isinstance(item, Group)]


def _modules(rows: Rows) -> Group:
    """Put the operations into their modules, with one frame each time a module is entered."""
    root = Group("", "root", 0, len(rows.ops))
    stack = [root]
    names: list[str] = []
    for i, path in enumerate(rows.paths):
        shared = 0
        while shared < min(len(names), len(path)) and names[shared] == path[shared]:
            shared += 1
        del stack[shared + 1 :], names[shared:]
        for name in path[shared:]:
            frame = Group(name, "module", i)
            stack[-1].inside.append(frame)
            stack.append(frame)
            names.append(name)
        stack[-1].inside.append(i)
        for frame in stack:
            frame.stop = max(frame.stop, i + 1)
    return root


# ---- repetition -----------------------------------------------------------------------------------------------------


def _with_repeats(frame: Group, rows: Rows) -> list[int | Group]:
    """Put a frame around every stretch inside a frame that repeats three or more times."""
    if frame.kind in ("repeat", "step"):
        return frame.inside
    numbers: dict[object, int] = {}
    tokens = [numbers.setdefault(_token(item, rows), len(numbers)) for item in frame.inside]
    new: list[int | Group] = []
    at = 0
    for run in runs_in(tokens):
        turns = [frame.inside[i : i + run.period] for i in range(run.start, run.stop - run.period + 1, run.period)]
        modules = any(isinstance(item, Group) for item in turns[0])
        alike = len({rows.structure(_start(turn[0]), _stop(turn[-1]))[0] for turn in turns}) == 1
        if not alike or (not modules and run.times * run.period - 1 < _WORTH):
            continue
        new += frame.inside[at : run.start]
        new.append(_repeat(turns, rows))
        at = run.start + run.times * run.period
    return new + frame.inside[at:]


def _token(item: int | Group, rows: Rows) -> object:
    if isinstance(item, int):
        return rows.tokens[item]
    # The query, key and value of an attention are built alike, but are not a repetition.
    return re.sub(r"\d+", "#", item.name), rows.structure(item.start, item.stop)[0]


def _start(item: int | Group) -> int:
    return item if isinstance(item, int) else item.start


def _stop(item: int | Group) -> int:
    return item + 1 if isinstance(item, int) else item.stop


def _repeat(turns: list[list[int | Group]], rows: Rows) -> Group:
    named = [next((item.name for item in turn if isinstance(item, Group)), "") for turn in turns]
    first, last = turns[0], turns[-1]
    start, stop = _start(first[0]), _stop(last[-1])
    if named[0]:
        name = named[0] if named[0] == named[-1] else f"{named[0]} … {named[-1]}"
    else:
        ops = [rows.ops[item].op for item in first if isinstance(item, int)]
        name = ", ".join(ops[:3]) + (", …" if len(ops) > 3 else "")
    if len(first) == 1:
        return Group(name, "repeat", start, stop, len(turns), [item for turn in turns for item in turn])
    steps: list[int | Group] = [
        Group(f"{i + 1} of {len(turns)}", "step", _start(turn[0]), _stop(turn[-1]), 1, turn)
        for i, turn in enumerate(turns)
    ]
    return Group(name, "repeat", start, stop, len(turns), steps)


# ---- parts ----------------------------------------------------------------------------------------------------------


def _with_parts(frame: Group) -> list[int | Group]:
    """Put a part around the items between the ends of a crowded frame, and cut that while it is too long."""
    inside = frame.inside
    if len(inside) <= _CROWD or frame.kind == "part":
        return inside
    parts = inside[_END:-_END]
    while len(parts) > _CROWD:
        parts = [_part(parts[i : i + _PART]) for i in range(0, len(parts), _PART)]
    return [*inside[:_END], _part(parts, "more operations"), *inside[-_END:]]


def _part(some: list[int | Group], name: str = "") -> Group:
    start, stop = _start(some[0]), _stop(some[-1])
    return Group(name or f"operations {start + 1:,} to {stop:,}", "part", start, stop, 1, some)


# ---- slots ----------------------------------------------------------------------------------------------------------


def _place_slots(
    nodes: Sequence[GraphNode], readers: dict[str, list[str]], groups: list[Group], home: dict[str, int]
) -> None:
    """Put parameters, constants and generators where all their readers are, and inputs outside if they are few."""
    slots = [node for node in nodes if node.kind is not Kind.OP]
    outside = sum(node.kind is Kind.INPUT for node in slots) <= _INPUTS
    for node in slots:
        ends = [home[i] for i in readers.get(node.id, ())]
        home[node.id] = -1 if not ends or (outside and node.kind is Kind.INPUT) else _common_frame(ends, groups)
    _bundle(slots, readers, groups, home)


def _bundle(
    slots: Sequence[GraphNode], readers: dict[str, list[str]], groups: list[Group], home: dict[str, int]
) -> None:
    """Put a frame around slots of a kind that the same items of their frame read, if they are many."""
    alike: dict[object, list[GraphNode]] = {}
    for node in slots:
        if node.role is Role.FORWARD:
            users = frozenset(_thing(i, home[node.id], groups, home) for i in readers.get(node.id, ()))
            alike.setdefault((node.kind, home[node.id], users, len(node.shape)), []).append(node)
    for same in alike.values():
        if len(same) >= MANY:
            around = home[same[0].id]
            depth = groups[around].depth + 1 if around >= 0 else 0
            name = series([node.name or str(node.kind) for node in same])
            home.update((node.id, len(groups)) for node in same)
            groups.append(Group(name, "leaves", 0, 0, len(same), [], around, depth))


def _thing(op: str, around: int, groups: Sequence[Group], home: dict[str, int]) -> str | int:
    """Return the item of a frame that holds an operation: a frame inside, or the operation itself."""
    at, below = home[op], -1
    while at != around and at >= 0:
        below, at = at, groups[at].parent
    return op if below < 0 else below


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
