"""The contents of a mirror: the boxes of the forward pass, each with its derivative rules next to it.

A *cell* is a box of the forward half, by its number: one node, or a folded group. If a gradient flows through the
operations of a cell, their rules have a box in the right half; lines between these boxes go where gradients flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Unpack

from ....ir.graph_node import Flow, GraphNode, Kind, Role
from ....ir.node_labels import amount, clip, count_of, op_text, type_text, visible
from ....ir.pure_graph import PureGraph
from ....ir.stats import Stats, single
from ...explanations.words.rules import Words
from ...marks import Mark, Overlay, mark_of_group
from ...overlays import overlay_of
from ..folding.fold import ViewOptions, views_of
from ..view import View, ViewNode

# With more boxes in its forward half, a mirror is no longer a picture.
MIRROR_LIMIT = 750
# The most arguments of an op that are told apart in the box of its rules; the most characters of a formula, a line, a
# name and a line of a tooltip.
_RULES, _FORMULA, _LINE, _NAME, _TIP = 4, 52, 60, 18, 200
# The action of a derivative rule.
_ACTION = "the gradient of the result, to those of the arguments (a vector-Jacobian product, VJP)"


class Saved(NamedTuple):
    """Arrays that the backward pass reads.

    Attributes:
        cell: where they come from.
        ids: of the nodes; just one unless the cell is a group.
        nbytes: their total.
        readers: the cells whose rules read them.
    """

    cell: int
    ids: tuple[str, ...]
    nbytes: int
    readers: tuple[int, ...]


class Gradient(NamedTuple):
    """The gradient that arrives at a parameter: its cell, the id of the node, its label, the number of uses summed."""

    cell: int
    node: str
    label: str
    uses: int
    tip: tuple[str, ...]


class Seed(NamedTuple):
    """Where the backward pass begins: the cell of a result, or of some of a call, the first cotangent, and a label."""

    cell: int
    node: str
    label: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """A forward pass with its backward pass next to it.

    Attributes:
        view: the boxes of the forward half and the lines between them; the ids are those of the graph.
        rules: by cell, the box with the derivative rules of its operations.
        flows: `(into, op)`: a gradient flows from the rules of the second cell to those of the first, or to it if it
            is a parameter.
        uses: by cell, the number of contributions to its cotangent, where there are several.
        seeds: where the backward pass begins; at least one.
        saved: the values that the rules read; disjoint.
        gradients: one for each parameter that is a single cell and that a gradient reaches.
        slots: the cells that are not operations.
        cut: the cells from whose rules gradients flow to boxes not shown.
        caption: lines that count the shown and the hidden.
        hidden_bytes: the size of the saved values not shown.
    """

    view: View
    rules: Mapping[int, ViewNode]
    flows: tuple[tuple[int, int], ...]
    uses: Mapping[int, int]
    seeds: tuple[Seed, ...]
    saved: tuple[Saved, ...]
    gradients: tuple[Gradient, ...]
    slots: frozenset[int]
    cut: frozenset[int]
    caption: tuple[str, ...]
    hidden_bytes: int


def mirrors_of(graph: PureGraph, **options: Unpack[ViewOptions]) -> Iterator[Mirror]:
    """Yield the mirrors to choose from, of the Views in `views_of` for the forward half.

    Raises:
        ValueError: if the graph has no backward pass.
    """
    if not graph.flows and not any(node.role is Role.SEED for node in graph):
        raise ValueError(
            "to_mirror: expected a graph with a backward pass that reaches a parameter; received one without. Build it "
            "with build_graph(loss, backward=True) or trace(f, *args, backward=True)"
        )
    overlay = overlay_of(graph, options.get("overlay"))
    for view in _forward_views(graph, options, overlay):
        yield _mirror(graph, view, overlay)


def _mirror(graph: PureGraph, view: View, overlay: Overlay | None) -> Mirror:
    box_of = {i: k for k, box in enumerate(view.nodes) for i in box.nodes}
    # In a part of a graph, an op that is cut off is an input, so its rules are left out.
    flows = [flow for flow in graph.flows if flow.into in graph[flow.op].inputs]
    of: dict[str, list[Flow]] = {}
    for flow in flows:
        of.setdefault(flow.op, []).append(flow)
    work: dict[str, int] = {}
    for node in graph:
        if node.backward:
            work[node.of] = work.get(node.of, 0) + node.flops
    uses = _uses(graph, flows, view, box_of)
    rule_of = _Rules(graph, of, work, overlay or Overlay())
    rules = {k: rule_of.box(box, uses.get(k, 1)) for k, box in enumerate(view.nodes)}
    saved, hidden = _saved_values(graph, view, box_of)
    cells = [(box_of[f.into], box_of[f.op]) for f in flows if f.into in box_of and f.op in box_of]
    folded = {k for k, box in enumerate(view.nodes) if box.members}
    # All edges between two groups are one line; an op that reads a value twice has two, as in the forward half.
    cells = [c for i, c in enumerate(cells) if c[0] != c[1] and (folded.isdisjoint(c) or c not in cells[:i])]
    return Mirror(
        view,
        {k: rule for k, rule in rules.items() if rule is not None},
        tuple(cells),
        {k: n for k, n in uses.items() if n > 1},
        tuple(_seeds(graph, box_of)),
        saved,
        tuple(_gradients(graph, view, box_of, uses)),
        frozenset(k for k, box in enumerate(view.nodes) if not box.members and graph[box.id].kind is not Kind.OP),
        frozenset(box_of[f.op] for f in flows if f.op in box_of and f.into not in box_of),
        _caption(graph, len(of), view, hidden, work),
        hidden,
    )


# ---- the forward half -----------------------------------------------------------------------------------------------


def results_of(graph: PureGraph) -> tuple[str, ...]:
    """Return the results of the forward pass; a part of a graph may have others too, or none."""
    return tuple(i for i in graph.outputs if not graph[i].backward)


def _forward_views(graph: PureGraph, options: ViewOptions, overlay: Overlay | None) -> Iterator[View]:
    """View the forward pass alone."""
    forward = graph.forward()
    # Gradients are in the other half.
    values = {i: measured._replace(gradient=None) for i, measured in forward.measurements.items()}
    forward = replace(forward, measurements=values)
    options = {**options, "limit": min(options.get("limit", MIRROR_LIMIT), MIRROR_LIMIT)}
    if overlay is not None:
        # Numbers of the backward pass belong in the boxes of the rules.
        marks = {i: mark for i, mark in overlay.marks.items() if i in forward}
        totals = {i: total for i, total in overlay.totals.items() if i in forward}
        options["overlay"] = replace(overlay, marks=marks, totals=totals)
    return views_of(forward, **options)


# ---- the rules ------------------------------------------------------------------------------------------------------


class _Rules:
    """Makes the boxes of derivative rules."""

    def __init__(
        self, graph: PureGraph, of: Mapping[str, Sequence[Flow]], work: Mapping[str, int], overlay: Overlay
    ) -> None:
        self._graph, self._of, self._work = graph, of, work
        self._marks: dict[str, list[Mark]] = {}
        for node in graph:
            if node.backward and node.id in overlay.marks:
                self._marks.setdefault(node.of, []).append(overlay.marks[node.id])
        self._steps = Counter(node.of for node in graph if node.backward)
        self._unit, self._totals = overlay.unit, _totals(graph, overlay)
        # The colors have the same scale as those of the forward half: relative to the node that has most.
        self._most, self._all = max(overlay.totals.values(), default=0.0), sum(overlay.totals.values())
        self._words = Words(graph)
        self._gradients = graph.gradients

    def box(self, box: ViewNode, uses: int) -> ViewNode | None:
        """Return the box of the rules of a cell's operations, if a gradient flows through one of them."""
        if box.members:
            return self._group(box)
        flows = self._of.get(box.id)
        if not flows:
            return None
        node, tip = self._graph[box.id], []
        tip.append(f"the derivative rule of {node.id} = {node.op}: from g, {_ACTION}")
        lines: list[str] = []
        targets = self._targets(flows)
        for flow in flows:
            line, full = self._rule(flow, targets.get(flow.into, ""))
            lines.append(line)
            tip.append(full)
        if len(lines) > _RULES:
            lines = [*lines[: _RULES - 1], f"and {len(lines) - _RULES + 1} more"]
        lines = list(dict.fromkeys(lines))  # those of x * x are the same
        incoming = self._words.cotangents(flows[0])
        if not incoming and all(self._graph[f.contribution].kind is Kind.CONSTANT for f in flows):
            lines = ["g = 0: no gradient arrives"]
        elif uses > 1:
            lines.append(f"g: sum of {uses} uses")
        norms = [self._size(out) for out in incoming.values()]
        tip += [*norms, f"{self._work.get(node.id, 0):,} FLOP"]
        mark = self._mark([box.id])
        head = f"∇ {visible(clip(node.op, 30))}"
        return ViewNode(
            f"vjp-{box.id}",
            mark.look or "backward",
            tuple(line for line in (head, *lines, *norms, visible(clip(mark.note, _LINE))) if line),
            scope=box.scope,
            tip=tuple(visible(clip(line, _TIP)) for line in (*tip, *mark.tip) if line),
            badge=mark.badge,
            weight=mark.weight,
        )

    def _size(self, out: GraphNode) -> str:
        """Return the cotangent of a result if it is one number, else its size."""
        g, number = self._words.part("g", out), _number(self._graph, out)
        return f"{g} = {number}" if number else gradient_size(self._graph.measurement(out.id).gradient, g)

    def _mark(self, ops: Sequence[str]) -> Mark:
        """Return an overlay's mark for the rules of some ops: the sum of its numbers, or its gravest mark."""
        if self._totals:
            number = sum(self._totals.get(i, 0.0) for i in ops)
            share = number / self._all if self._all else 0.0
            badge = f"{100 * share:.2g} %" if share > 0.005 else ""
            weight = min(number / self._most, 1.0) if self._most else 0.0
            return Mark("", badge, amount(number, self._unit) if number else "", (), weight)
        marks = [mark for i in ops for mark in self._marks.get(i, ())]
        return mark_of_group(marks, sum(self._steps[i] for i in ops))

    def _targets(self, flows: Sequence[Flow]) -> dict[str, str]:
        """Return the names of the arguments that the rules are for, if there are several."""
        names: dict[str, str] = {}
        for flow in flows:
            node = self._graph[flow.into]
            names[node.id] = visible(
                clip(node.name.rpartition(".")[2] or op_text(node, self._graph) or str(node.kind), _NAME)
            )
        if len(names) < 2:
            return {}
        labels = list(names.values())
        letters = {flow.into: "xyz"[flow.argument] if flow.argument < 3 else str(flow.argument + 1) for flow in flows}
        return {i: f"{name} {letters[i]}" if labels.count(name) > 1 else name for i, name in names.items()}

    def _rule(self, flow: Flow, target: str) -> tuple[str, str]:
        """Return the lines of the box and of the tooltip for one step of the chain rule."""
        into, contribution = self._graph[flow.into], self._graph[flow.contribution]
        rule = self._words.rule(flow, limit=_FORMULA)
        # The picture itself shows where a sum was broadcast from, and what else is added up.
        after = [r.partition(" (")[0] for r in rule.remarks if not r.startswith(("+", "reshaped"))]
        short = ", ".join(after if after and rule.formula == "g" else [rule.formula, *after])
        line = f"→ {target}: {short}" if target else short
        target_text = f"{into.id} {into.name or op_text(into, self._graph) or into.kind}"
        return visible(clip(line, _LINE)), f"to {target_text}: {rule}; {contribution.id}, {type_text(contribution)}"

    def _group(self, box: ViewNode) -> ViewNode | None:
        ops = tuple(i for i in box.members if i in self._of)
        if not ops:
            return None
        reached = [self._graph[i] for i in box.members if i in self._gradients]
        flops = sum(self._work.get(i, 0) for i in box.members)
        lines = [f"∇ {box.lines[0]}", count_of(len(ops), "rule")]
        lines += [f"gradients of {count_of(len(reached), 'parameter')}"] if reached else []
        lines += [amount(flops, "FLOP")] if flops else []
        mark = self._mark(box.members)
        lines += [mark.note] if mark.note and self._unit != "FLOP" else []
        tip = (f"the derivative rules of {box.id}", f"{flops:,} FLOP", *(p.name or p.id for p in reached[:12]))
        tips = tuple(visible(clip(line, _TIP)) for line in tip)
        look = mark.look if mark.is_grave else "backward"
        badge = " ".join(filter(None, (box.badge.partition(" ")[0] if "×" in box.badge else "", mark.badge)))
        return ViewNode(f"vjp-{box.id}", look, tuple(lines), "", False, box.scope, tips, badge, ops, mark.weight)


def _totals(graph: PureGraph, overlay: Overlay) -> dict[str, float]:
    """Return an overlay's sum over the backward pass of every forward op."""
    totals: dict[str, float] = {}
    for node in graph:
        if node.backward and overlay.totals:
            totals[node.of] = totals.get(node.of, 0.0) + overlay.totals.get(node.id, 0.0)
    return totals if any(totals.values()) else {}


def _number(graph: PureGraph, node: GraphNode) -> str:
    """Return the measured gradient of a scalar."""
    return "" if node.shape else single(graph.measurement(node.id).gradient, node.dtype)


def gradient_size(stats: Stats | None, g: str = "g") -> str:
    """Return the size of a gradient, which is called `g`, as text, if it was measured."""
    if stats is None:
        return ""
    if not stats.finite:
        return f"{stats.nans + stats.infs:,} of {stats.size:,} not finite"
    return f"|{g}| {stats.norm:.2g}"


def _uses(graph: PureGraph, flows: Sequence[Flow], view: View, box_of: Mapping[str, int]) -> dict[int, int]:
    """Return the number of contributions to the cotangent of every cell that is a single node."""
    alone = {box.id for box in view.nodes if not box.members}
    counts: dict[int, int] = {}
    into = [flow.into for flow in flows] + [node.of for node in graph if node.role is Role.SEED]
    for i in into:
        if i in alone:
            counts[box_of[i]] = counts.get(box_of[i], 0) + 1
    return counts


# ---- saved values and gradients -------------------------------------------------------------------------------------


def _saved_values(graph: PureGraph, view: View, box_of: Mapping[str, int]) -> tuple[tuple[Saved, ...], int]:
    """Return the saved arrays, a group's with the same readers together, and the bytes of those not shown."""
    groups: dict[tuple[int, tuple[int, ...]], list[GraphNode]] = {}
    hidden = 0
    for i, ops in graph.savers.items():
        readers = tuple(sorted({box_of[op] for op in ops if op in box_of}))
        if i in box_of and readers:
            groups.setdefault((box_of[i], readers), []).append(graph[i])
        else:
            hidden += graph[i].nbytes
    saved = [
        Saved(cell, tuple(node.id for node in nodes), sum(node.nbytes for node in nodes), readers)
        for (cell, readers), nodes in groups.items()
    ]
    return tuple(sorted(_call_by_call(saved, view))), hidden


def _call_by_call(saved: Sequence[Saved], view: View) -> list[Saved]:
    """Put the saved results of a call into one, since they leave its box together."""
    merged: dict[object, Saved] = {}
    for new in saved:
        key = new.cell if view.nodes[new.cell].results else (new.cell, new.readers)
        old = merged.get(key, Saved(new.cell, (), 0, ()))
        readers = tuple(sorted({*old.readers, *new.readers}))
        merged[key] = Saved(new.cell, (*old.ids, *new.ids), old.nbytes + new.nbytes, readers)
    return list(merged.values())


def _gradients(graph: PureGraph, view: View, box_of: Mapping[str, int], uses: Mapping[int, int]) -> list[Gradient]:
    gradients = []
    for leaf, total in graph.gradients.items():
        k = box_of.get(leaf)
        if k is None or view.nodes[k].members or k not in uses:
            continue
        node = graph[leaf]
        number, size = _number(graph, node), gradient_size(graph.measurement(leaf).gradient)
        words = [f"grad {number}"] if number else [f"grad {node.shape}", size]
        words.append(f"sum of {uses[k]} uses" if uses[k] > 1 else "")
        tip = (
            f"gradient of {node.name or leaf}",
            f"{total} : {type_text(graph[total])}",
            f"the sum of what {uses[k]} uses contribute" if uses[k] > 1 else "",
        )
        label = " · ".join(word for word in words if word)
        gradients.append(Gradient(k, leaf, label, uses[k], tuple(visible(line) for line in tip if line)))
    return gradients


def _seeds(graph: PureGraph, box_of: Mapping[str, int]) -> list[Seed]:
    seeds = [node for node in graph if node.role is Role.SEED and node.of in box_of]
    labels: dict[int, dict[str, None]] = {}
    first: dict[int, str] = {}
    for node in seeds:
        if node.shape:
            label = f"seed {node.shape}"
        else:
            name = visible(clip(graph[node.of].name, 12)) or ("L" if len(seeds) == 1 else node.of)
            d = "d" if len(name) == 1 else "d "
            label = f"{d}{name}/{d}{name} = 1"
        labels.setdefault(box_of[node.of], {})[label] = None
        first.setdefault(box_of[node.of], node.id)
    return [Seed(cell, node, ", ".join(labels[cell])) for cell, node in first.items()]


def _caption(graph: PureGraph, rules: int, view: View, hidden: int, work: Mapping[str, int]) -> tuple[str, ...]:
    """Return the lines of the caption, which count operations, bytes and FLOP."""
    forward = sum(node.computes and not node.backward for node in graph)
    flops, back = sum(node.flops for node in graph if not node.backward), sum(work.values())
    saved = [graph[i] for i in graph.savers]
    total = sum(node.nbytes for node in saved)
    slots = sum(node.nbytes for node in saved if node.kind is not Kind.OP)
    words = [count_of(forward, "op") + " forward", count_of(rules, "rule") + " backward"]
    words += [f"{amount(flops, 'FLOP')} forward, {amount(back, 'FLOP')} backward"] if flops or back else []
    words.append(f"{amount(total, 'B')} saved in {count_of(len(saved), 'tensor')}" if saved else "nothing saved")
    lines = [" · ".join(words)]
    if slots:
        lines.append(f"{amount(slots, 'B')} of these are inputs and parameters, which exist anyway")
    if hidden:
        lines.append(f"{amount(hidden, 'B')} of these are not shown")
    return (*lines, *view.caption[1:])
