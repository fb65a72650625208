"""The boxes of a picture before they are described: which operations share one, and where the slots go."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from ....ir.graph_node import GraphNode, Kind, Role, number_of
from ....ir.pure_graph import PureGraph
from ..describe import BACKWARD
from ..scopes import Scope, common_scope
from .repeats import LEAST
from .residuals import frame_blocks

NAMED = frozenset((Kind.PARAMETER, Kind.INPUT))
# Up to this many inputs are drawn next to the folded group that alone reads them; more go inside. This many slots that
# are alike share a box.
_INPUTS_BESIDE, MANY = 4, 7


class Cell(NamedTuple):
    """Operations that become one box.

    Attributes:
        ops: their nodes, in recorded order; of a call, also those that take its results out of it.
        title: of the group; empty for a box that is one operation.
        scope: the modules around the box.
        times: how often the same structure is repeated in it.
    """

    ops: tuple[GraphNode, ...]
    title: str = ""
    scope: Scope = ()
    times: int = 1


class Homes(NamedTuple):
    """The modules around the nodes of a graph, by id.

    Attributes:
        own: the path of each, with "∇" after the names where it belongs to the backward pass.
        readers: for each slot the ids of the operations that decide where it goes: those of the forward pass, if any.
        frozen: inputs that are untrained weights of a module: they are named after the module that reads them.
        blocks: the paths that are residual blocks.
    """

    own: dict[str, Scope]
    readers: dict[str, list[str]]
    frozen: Collection[str]
    blocks: Collection[Scope] = ()


def homes_of(nodes: Sequence[GraphNode]) -> Homes:
    """Return the modules around each node: an operation's own; for a slot, those that its readers share.

    Inputs belong to no module, since they come from outside.
    """
    own: dict[str, Scope] = {}
    paths: dict[tuple[str, bool], Scope] = {("", False): (), ("", True): ()}
    forward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for node in nodes:
        if node.kind is not Kind.OP:
            continue
        key = node.scope, node.backward
        path = paths.get(key)
        if path is None:
            path = paths[key] = tuple(f"{part}{BACKWARD}" if key[1] else part for part in node.scope.split("."))
        own[node.id] = path
        readers = backward if node.backward else forward
        for source in node.inputs:
            readers.setdefault(source, []).append(node.id)
    slot_readers = {
        node.id: forward.get(node.id) or backward.get(node.id, []) for node in nodes if node.kind is not Kind.OP
    }
    frozen = {
        node.id
        for node in nodes
        if node.kind is Kind.INPUT
        and (module := node.name.rpartition(".")[0])
        and any(own[i] == tuple(module.split(".")) for i in slot_readers[node.id])
    }
    blocks = frame_blocks(nodes, own)
    for node in nodes:
        if node.kind is not Kind.OP:
            outside = (node.kind is Kind.INPUT and node.id not in frozen) or node.role is Role.SEED
            around = () if outside else {own[i] for i in slot_readers[node.id]}
            own[node.id] = common_scope(around)
    return Homes(own, slot_readers, frozen, blocks)


class Plan(NamedTuple):
    """Boxes before they are described.

    Attributes:
        cells: disjoint, in an order in which none reads from a later one.
        inside: by the number of a cell, the slots in it.
        alone: by the number of a cell, the slots that come before it, with those that share a box; at -1 those without
            readers.
        number: for each operation the number of its cell.
    """

    cells: Sequence[Cell]
    inside: dict[int, list[GraphNode]]
    alone: dict[int, list[tuple[GraphNode, ...]]]
    number: dict[str, int]

    @property
    def has_bundles(self) -> bool:
        """Whether slots share a box."""
        return any(len(box) > 1 for boxes in self.alone.values() for box in boxes)

    @property
    def size(self) -> int:
        """The number of boxes."""
        return len(self.cells) + sum(map(len, self.alone.values()))


def frames_of(cells: Sequence[Cell]) -> Collection[Scope]:
    """Return the modules that have a frame around some boxes."""
    return {cell.scope[:n] for cell in cells for n in range(len(cell.scope) + 1)}


def frame_around(scope: Scope, frames: Collection[Scope]) -> Scope:
    """Return the innermost module on a path that has a frame; others are in a closed box, or have none."""
    while scope and scope not in frames:
        scope = scope[:-1]
    return scope


class Bundles(Enum):
    """Which slots share a box, if they are many: none, those that the same boxes read, or all of a kind."""

    NONE = 0
    BY_READERS = 1
    BY_KIND = 2


def plan_boxes(graph: PureGraph, cells: Sequence[Cell], homes: Homes, bundles: Bundles = Bundles.NONE) -> Plan:
    """Decide where the slots go.

    A slot goes into the group that alone reads it; inputs, and parameters that no module in it owns, only if they are
    many. Inputs and parameters that several repetitions read stay outside.

    Args:
        graph: the graph.
        cells: its operations.
        homes: the modules around the nodes.
        bundles: which slots share a box.
    """
    plan = Plan(cells, {}, {}, {})
    alone: dict[int, list[GraphNode]] = {}
    outputs = set(graph.outputs)
    first: dict[str, int] = {}
    for k, cell in enumerate(cells):
        for node in cell.ops:
            plan.number[node.id] = k
            for source in node.inputs:
                first.setdefault(source, k)
    loose: dict[int, list[GraphNode]] = {}
    starts = {i for cell in cells if cell.times > 1 for i in _starts(cell, plan.number)}
    shared = {i for cell in cells if cell.times > 1 for i in _slots_of_several(cell, plan.number)}
    for node in graph:
        if node.kind is Kind.OP:
            continue
        k = first.get(node.id, -1)
        users = {plan.number[i] for i in homes.readers[node.id]}
        grouped = users == {k} and bool(cells[k].title)
        owned = grouped and len(homes.own[node.id]) > len(cells[k].scope)  # by a module inside
        if not grouped or node.id in outputs or node.role is Role.SEED or node.id in starts:
            alone.setdefault(k, []).append(node)
        elif node.kind not in NAMED or node.id in homes.frozen or owned or node.name == cells[k].title:
            plan.inside.setdefault(k, []).append(node)
        elif node.id in shared:
            alone.setdefault(k, []).append(node)
        else:
            loose.setdefault(k, []).append(node)
    for k, slots in loose.items():
        for kind in NAMED:
            same = [node for node in slots if node.kind is kind]
            hidden = len(same) > _INPUTS_BESIDE or (cells[k].times > 1 and kind is Kind.INPUT)
            (plan.inside if hidden else alone).setdefault(k, []).extend(same)
    plan.alone.update(_boxes_of_slots(alone, plan, homes, outputs, bundles))
    return plan


def _boxes_of_slots(
    alone: Mapping[int, list[GraphNode]], plan: Plan, homes: Homes, outputs: Collection[str], bundles: Bundles
) -> Mapping[int, list[tuple[GraphNode, ...]]]:
    """Return the boxes of slots before each cell; those in a frame share one if they are alike, and many."""
    frames = frames_of(plan.cells)
    alike: dict[object, list[tuple[int, GraphNode]]] = {}
    for k, slots in alone.items():
        for node in slots:
            frame = frame_around(homes.own[node.id], frames)
            key: object = node.id
            if bundles is Bundles.BY_KIND:
                key = node.kind, node.role, frame
            elif bundles is Bundles.BY_READERS and node.id not in outputs and node.role is not Role.SEED:
                key = node.kind, frozenset(plan.number[i] for i in homes.readers[node.id]), frame, len(node.shape)
            alike.setdefault(key, []).append((k, node))
    boxes: dict[int, list[tuple[GraphNode, ...]]] = {}
    for same in alike.values():
        slots = sorted([node for _, node in same], key=lambda node: number_of(node.id))
        if len(slots) >= (MANY if bundles is Bundles.BY_READERS else LEAST):
            boxes.setdefault(min([k for k, _ in same if k >= 0], default=-1), []).append(tuple(slots))
        else:
            for k, node in same:
                boxes.setdefault(k, []).append((node,))
    return {k: sorted(some, key=lambda box: number_of(box[0].id)) for k, some in boxes.items()}


def _starts(cell: Cell, number: Mapping[str, int]) -> Iterator[str]:
    """Yield the initial values of a loop: slots that the first repetition reads where the second reads an operation."""
    step = len(cell.ops) // cell.times
    for first, second in zip(cell.ops[:step], cell.ops[step:], strict=False):
        for source, instead in zip(first.inputs, second.inputs, strict=True):
            if source not in number and instead in number:
                yield source


def _slots_of_several(cell: Cell, number: Mapping[str, int]) -> Iterator[str]:
    """Yield the slots that several repetitions read."""
    step = len(cell.ops) // cell.times
    last: dict[str, int] = {}
    for k, node in enumerate(cell.ops):
        for source in node.inputs:
            if source not in number and last.setdefault(source, k // step) != k // step:
                yield source


def nearest(graph: PureGraph, plan: Plan, limit: int) -> Collection[int | str]:
    """Return at most `limit` boxes, cells by number and slots by id: breadth first from the results, without gaps."""
    home: dict[str, int | str] = {node.id: box[0].id for boxes in plan.alone.values() for box in boxes for node in box}
    home.update((node.id, k) for k, slots in plan.inside.items() for node in slots)
    home.update(plan.number)
    results = (*graph.outputs, *graph.gradients.values()) if graph.flows else graph.outputs
    boxes = dict.fromkeys([home[i] for i in results][:limit])
    queue = deque(boxes)
    while queue and len(boxes) < limit:
        box = queue.popleft()
        if isinstance(box, int):
            for node in plan.cells[box].ops:
                for source in node.inputs:
                    if home[source] not in boxes and len(boxes) < limit:
                        boxes[home[source]] = None
                        queue.append(home[source])
    return boxes
