"""From the boxes of a plan to a View: their texts, the labels of edges, sums over groups."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ....core.op import OPS
from ....core.shape_arithmetic import Shape
from ....ir.graph_node import GraphNode, Kind, Role, number_of
from ....ir.node_labels import amount, clip, count_of, name_of_result, visible
from ....ir.pure_graph import PureGraph
from ...marks import Overlay
from ..describe import Facts, Sums, beginning, group_box, is_anonymous, node_box, number_text, series, stem_of
from ..scopes import Scope
from ..view import EdgeKind, View, ViewEdge, ViewNode
from .calls import calls_of
from .plan import MANY, NAMED, Cell, Homes, Plan, frame_around, frames_of

_QUIET = frozenset((Kind.PARAMETER, Kind.CONSTANT, Kind.STATE))
# More arguments from one group get no numbers.
_NUMBERED = 3


def commutes(name: str) -> bool:
    """Return whether the order of an op's arguments does not matter, so that it need not be shown."""
    op = OPS.get(name)
    return op is not None and op.commutes


def facts_of(graph: PureGraph, homes: Homes) -> Facts:
    """Collect the facts about nodes that boxes need and nodes do not hold."""
    gradients = {total: graph[leaf].name or leaf for leaf, total in graph.gradients.items()} if graph.flows else {}
    return Facts(frozenset(graph.outputs), gradients, homes.frozen, graph.measurements)


def assemble(
    graph: PureGraph,
    plan: Plan,
    homes: Homes,
    *,
    overlay: Overlay | None = None,
    caption: Sequence[str] = (),
    part: Collection[int | str] | None = None,
) -> View:
    """Make the View in which each cell is a box.

    Args:
        graph: the graph.
        plan: the boxes.
        homes: the modules around the nodes.
        overlay: marks and totals.
        caption: the last lines of the caption.
        part: the numbers of cells and the ids of slots to show; None for all.
    """
    overlay = overlay or Overlay()
    facts, whole = facts_of(graph, homes), sum(overlay.totals.values())
    names: dict[str, str] = {}
    boxes: list[ViewNode] = []
    frames = frames_of(plan.cells)
    for k, cell in enumerate((*plan.cells, None)):
        for slot, *others in plan.alone.get(-1 if cell is None else k, ()):
            if part is None or slot.id in part:
                scope = frame_around(homes.own[slot.id], frames)
                if others:
                    boxes.append(_bundle([slot, *others], scope, facts, overlay, whole))
                else:
                    boxes.append(node_box(slot, facts, scope, overlay.marks, badge=_uses(slot, homes)))
                names.update((node.id, boxes[-1].id) for node in (slot, *others))
        if cell is None or (part is not None and k not in part):
            continue
        if not cell.title:
            node, *results = cell.ops
            boxes.append(node_box(node, facts, cell.scope, overlay.marks, results=results))
        else:
            members = sorted((*cell.ops, *plan.inside.get(k, ())), key=lambda node: number_of(node.id))
            inside = _names_in(cell, members, homes, facts)
            boxes.append(_group(f"m{k}", cell, members, facts, overlay, whole, inside, _parts_of(cell, homes)))
            names.update((slot.id, boxes[-1].id) for slot in plan.inside.get(k, ()))
        names.update((node.id, boxes[-1].id) for node in cell.ops)
    groups = {box.id: f"m{k}" for k, box in enumerate(box for box in boxes if box.members)}
    boxes = [replace(box, id=groups.get(box.id, box.id)) if box.members else box for box in boxes]
    names = {i: groups.get(name, name) for i, name in names.items()} if groups else names
    cells = [cell for cell in plan.cells if cell.ops[0].id in names]
    edges, cut = _edges(graph, cells, names, _Doors(homes.blocks, {box.id: box.scope for box in boxes}))
    boxes = _with_calls(_color_by_sums(boxes, overlay), calls_of(graph.nodes, homes.own, homes.frozen))
    return View(tuple(boxes), edges, title_of(graph), _caption(graph, overlay, caption), cut)


def _with_calls(boxes: Sequence[ViewNode], calls: Mapping[Scope, int]) -> list[ViewNode]:
    """Say on the frames, and on the boxes, of modules that are called several times how often that is."""
    if not calls:
        return list(boxes)

    def title_at(path: Scope) -> str:
        return f"{path[-1]} ({count_of(calls[path], 'call')})" if path in calls else path[-1]

    def box_of(box: ViewNode) -> ViewNode:
        scope = tuple([title_at(box.scope[:k]) for k in range(1, len(box.scope) + 1)])
        here = (*box.scope, box.lines[0])
        badge = " · ".join(filter(None, [count_of(calls[here], "call"), box.badge])) if here in calls else box.badge
        return replace(box, scope=scope, badge=badge)

    return [box_of(box) for box in boxes]


def _bundle(slots: Sequence[GraphNode], scope: Scope, facts: Facts, overlay: Overlay, whole: float) -> ViewNode:
    """Return the box of slots of a kind: headed by their names, if these differ by a number alone, or by the kind."""
    names = [node.name or str(node.kind) for node in slots]
    numbered = len({re.sub(r"\d+", "", name) for name in names}) == 1
    if numbered:
        names.sort(key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    title = series(names) if numbered else count_of(len(slots), str(slots[0].kind))
    cell = Cell((), title, scope, len(slots) if numbered else 1)
    return _group(f"s{slots[0].id}", cell, slots, facts, overlay, whole, () if numbered else names)


def _uses(slot: GraphNode, homes: Homes) -> str:
    """Say of a parameter how many modules, or how many operations, read it, if they are more than one or two."""
    if slot.kind is not Kind.PARAMETER:
        return ""
    readers = homes.readers[slot.id]
    modules = len({homes.own[i] for i in readers})
    return f"shared ×{modules}" if modules > 1 else f"used ×{len(readers):,}" if len(readers) >= MANY else ""


def _names_in(cell: Cell, members: Sequence[GraphNode], homes: Homes, facts: Facts) -> list[str]:
    """Return the names in a group that its title does not imply: of results, and of slots that no module owns."""
    return [
        node.name
        for node in members
        if node.name
        and (node.id in facts.outputs or (node.kind in NAMED and len(homes.own[node.id]) <= len(cell.scope)))
    ]


def _parts_of(cell: Cell, homes: Homes) -> str:
    """Name the modules in a group, without their numbers: those of a closed module, or of a repetition of several."""
    inner = dict.fromkeys([homes.own[node.id][len(cell.scope) :] for node in cell.ops])
    names: dict[str, None] = {}
    for depth in range(3):
        names.update(dict.fromkeys([stem_of(path[depth]) for path in inner if len(path) > depth]))
    head = {stem_of(name) for name in re.split(r" [›…] |, ", cell.title)}
    words = [name for name in names if name not in {*head, "residual"} and not is_anonymous(name)]
    return beginning(words) if len(words) > 1 else ""


def title_of(graph: PureGraph) -> str:
    """Return the title of a picture: it has the names of the results."""
    names = clip(", ".join(filter(None, [graph[i].name for i in graph.outputs])), 80)
    return f"Computation graph of {names}" if names else "Computation graph"


def _caption(graph: PureGraph, overlay: Overlay, more: Sequence[str]) -> tuple[str, ...]:
    lines = [graph.summary()]
    if any(number_text(node, graph.measurement(node.id)).count("grad") for node in graph):
        name = graph[graph.outputs[0]].name if len(graph.outputs) == 1 else ""
        lines.append(f"grad: the derivative of {visible(clip(name, 40)) or 'the result'} with respect to the box")
    lines += [overlay.title] if overlay.title else []
    return (*lines, *overlay.caption, *more)


def _group(
    group_id: str,
    cell: Cell,
    members: Sequence[GraphNode],
    facts: Facts,
    overlay: Overlay,
    whole: float,
    names: Sequence[str] = (),
    parts: str = "",
) -> ViewNode:
    numbers = [overlay.totals[node.id] for node in members if node.id in overlay.totals]
    sums = Sums(sum(numbers), whole, overlay.unit) if numbers else None
    return group_box(
        group_id, cell.title, members, facts,
        scope=cell.scope, times=cell.times, marks=overlay.marks, sums=sums,
        names=names, parts=parts,
    )  # fmt: skip


def _color_by_sums(boxes: Sequence[ViewNode], overlay: Overlay) -> list[ViewNode]:
    """Color boxes by their sums, on one scale, if there are groups among them."""
    if not overlay.totals or not any(box.members for box in boxes):
        return list(boxes)
    numbers = [[overlay.totals[i] for i in box.nodes if i in overlay.totals] for box in boxes]
    largest = max(map(sum, numbers))
    if not 0 < largest < math.inf:
        return list(boxes)
    return [
        replace(box, weight=max(0.0, sum(own) / largest)) if own else box
        for box, own in zip(boxes, numbers, strict=True)
    ]


# ---- edges ----------------------------------------------------------------------------------------------------------


class _Line(NamedTuple):
    source: str
    target: str
    kind: EdgeKind
    argument: int
    result: int | None  # of a call


class _Doors:
    """Labels with their shapes the values that enter and leave residual blocks.

    Args:
        blocks: the paths that are such blocks.
        scopes: the modules around boxes, by their ids.
    """

    def __init__(self, blocks: Collection[Scope], scopes: Mapping[str, Scope]) -> None:
        self._blocks, self._scopes = blocks, scopes
        self._labelled: set[tuple[str, Scope]] = set()

    def label(self, line: _Line, value: GraphNode) -> str:
        """Return the label of a line, once for each value and block, or nothing."""
        crossed = {
            (value.id, scope[:k])
            for scope, other in (self._around(line.source, line.target), self._around(line.target, line.source))
            for k in range(1, len(scope) + 1)
            if scope[:k] in self._blocks and other[:k] != scope[:k]
        }
        if crossed <= self._labelled:
            return ""
        self._labelled |= crossed
        return str(value.shape)

    def _around(self, *boxes: str) -> tuple[Scope, Scope]:
        one, other = (self._scopes[box] for box in boxes)
        return one, other


def _edges(
    graph: PureGraph, cells: Sequence[Cell], names: Mapping[str, str], doors: _Doors
) -> tuple[tuple[ViewEdge, ...], tuple[str, ...]]:
    """Return the edges, and the ids of boxes that read something not shown."""
    flowing: dict[_Line, dict[str, None]] = {}
    again: Counter[_Line] = Counter()
    cut: dict[str, None] = {}
    arriving: dict[str, set[Shape]] = {}
    single = {names[cell.ops[0].id] for cell in cells if not cell.title}
    carriers = _carriers(graph)
    for cell in cells:
        for node in cell.ops:
            target = names[node.id]
            numbered = len(node.inputs) > 1 and not commutes(node.op) and target in single
            if numbered and len(node.inputs) > _NUMBERED:
                # Of a folded group that has most of the arguments, one line says as much as many.
                sources = Counter(names.get(i) for i in node.inputs if names.get(i) != i)
                numbered = max(sources.values(), default=0) <= _NUMBERED
            for position, source_id in enumerate(node.inputs, 1):
                source = names.get(source_id)
                if source is None:
                    cut[target] = None
                elif source != target:
                    value = graph[source_id]
                    which = value.result if source in single else None
                    line = _Line(source, target, _kind(value, node, carriers), position if numbered else 0, which)
                    values = flowing.setdefault(line, {})
                    again[line] += source_id in values and target in single  # the same value twice, as in x * x
                    values[source_id] = None
                    arriving.setdefault(target, set()).add(value.shape)
    edges = []
    for line, ids in flowing.items():
        origins = [graph[i] for i in ids]
        folded = line.source not in single and line.source not in ids
        label = _label(graph, line, origins, arriving.get(line.source, set()) if folded else None)
        quiet = all(origin.kind in _QUIET for origin in origins)
        door = not label and len(origins) == 1 and origins[0].kind is Kind.OP and line.kind is EdgeKind.DATA
        edge = ViewEdge(line.source, line.target, line.kind, label, line.argument, quiet)
        first = replace(edge, label=doors.label(line, origins[0])) if door else edge
        edges += [first, *[edge] * again[line]]
    return tuple(edges), tuple(cut)


def _carriers(graph: PureGraph) -> Collection[str]:
    """Return the ids of the nodes that depend on the cotangent of a result, which the backward pass propagates."""
    carriers: set[str] = set()
    for node in graph:
        # In a part of a graph, an input of the backward pass takes the place of one of its operations.
        begins = node.role is Role.SEED or (node.backward and node.kind is Kind.INPUT)
        if begins or (node.backward and not carriers.isdisjoint(node.inputs)):
            carriers.add(node.id)
    return carriers


def _kind(value: GraphNode, reader: GraphNode, carriers: Collection[str]) -> EdgeKind:
    if value.id in carriers:
        return EdgeKind.GRADIENT
    return EdgeKind.SAVED if reader.backward and not value.backward else EdgeKind.DATA


def _label(graph: PureGraph, line: _Line, values: Sequence[GraphNode], arriving: Collection[Shape] | None) -> str:
    """Label saved edges with their bytes, and edges leaving a group with their shape if it differs from the input's.

    The box of a node shows its own shape; of a call the edges say which of its results they are.
    """
    which = "" if line.result is None else name_of_result(graph[line.source], line.result)
    if line.kind is EdgeKind.SAVED:
        size = amount(sum(value.nbytes for value in values), "B")
        return f"{which}: {size}" if which else size
    if arriving is None:
        return which
    shapes = list(dict.fromkeys(value.shape for value in values))
    if len(values) > 1:
        return f"{len(values)} × {shapes[0]}" if len(shapes) == 1 else f"{len(values)} tensors"
    return "" if set(shapes) == set(arriving) else str(shapes[0])
