"""The differences between two graphs: added, removed, changed and moved nodes, as text and as a picture of both."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

from ...core.messages import checked
from ...ir.graph_node import Flow, GraphNode, Kind
from ...ir.node_labels import brief_params, clip, op_text, result_text, type_text, visible
from ..export.save import SaveOptions
from ..graph import Graph
from ..marks import Mark, Overlay
from .matching import everything, increasing, match_nodes
from .report import Report

_CONTEXT = 2
_LONGEST = 60


class Difference(NamedTuple):
    """One property of a node: its name, its value before, and after.

    Attributes:
        name: of the property, such as "shape".
        before: its value in the first graph, as text.
        after: its value in the second graph, as text.

    Example:
        >>> str(Difference("shape", "(2,)", "(3,)"))
        'shape: (2,) → (3,)'
    """

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before or 'none'} → {self.after or 'none'}"


class Change(NamedTuple):
    """A node that is in both graphs but not the same.

    Attributes:
        a, b: its ids in the two.
        differences: at least one.

    Example:
        >>> change = Change("n1", "n2", (Difference("shape", "(2,)", "(3,)"),))
        >>> change.differences[0].name
        'shape'
    """

    a: str
    b: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, repr=False)
class GraphDiff(Report):
    """The differences between two graphs.

    A node of either graph is in exactly one place: in `pairs`, or in `removed` if it belongs to `a`, or in `added` if
    it belongs to `b`. A GraphDiff is true if there is a difference.

    Attributes:
        a, b: the graphs, before and after.
        pairs: the ids of nodes that are in both, in the order of `b`.
        added: ids in `b`.
        removed: ids in `a`.
        changed: the pairs that are not the same, in the order of `b`.
        moved: the pairs that are computed in another order than the rest.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> w = ag.tensor(2.0, requires_grad=True)
        >>> found = diff(ag.build_graph(np.sin(w)), ag.build_graph(np.cos(w)))
        >>> len(found.changed), bool(found)
        (1, True)
    """

    a: Graph
    b: Graph
    pairs: tuple[tuple[str, str], ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Change, ...]
    moved: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved or self._results_differ())

    def inverse(self) -> GraphDiff:
        """Return the differences from `b` to `a`."""
        order = {node.id: k for k, node in enumerate(self.a)}
        changed = [
            Change(c.b, c.a, tuple([Difference(d.name, d.after, d.before) for d in c.differences]))
            for c in self.changed
        ]
        return GraphDiff(
            self.b,
            self.a,
            tuple(sorted([(j, i) for i, j in self.pairs], key=lambda pair: order[pair[1]])),
            self.removed,
            self.added,
            tuple(sorted(changed, key=lambda c: order[c.b])),
            tuple(sorted([(j, i) for i, j in self.moved], key=lambda pair: order[pair[1]])),
        )

    def summary(self) -> str:
        """Return the counts in one line."""
        same = len(self.pairs) - len({c.b for c in self.changed} | {j for _, j in self.moved})
        counts = [(len(self.added), "added"), (len(self.removed), "removed"), (len(self.changed), "changed")]
        counts += [(len(self.moved), "moved")]
        parts = [f"{n:,} {word}" for n, word in counts if n]
        parts += ["other results"] if self._results_differ() else []
        return ", ".join([*(parts or ["no difference"]), f"{same:,} the same"])

    def merge(self) -> tuple[Graph, Overlay]:
        """Return one graph made of both, and the marks that tell them apart.

        It has the nodes of `b` and, between them, the removed ones of `a`; a forward node that read a removed one has
        it as a further input, so that pictures show where it went. It is meant to be looked at, not to be run.
        """
        return _merge(self)

    def overlay(self) -> Overlay:
        """Return the marks for a picture of `b` alone, where removed nodes have no place."""
        marks = {i: Mark("added", "+ added") for i in self.added}
        marks |= {c.b: _changed_mark(c) for c in self.changed}
        marks |= {j: _moved_mark(marks.get(j), i) for i, j in self.moved}
        return Overlay("differences", (self.summary(),), marks, of=self.b)

    def to_svg(self, **options: Any) -> str:
        """Return the picture of both graphs; see `Graph.to_svg` for the options."""
        graph, overlay = self.merge()
        return graph.to_svg(overlay=overlay, **options)

    def to_html(self, **options: Any) -> str:
        """Return the page of both graphs; see `Graph.to_html` for the options."""
        return self.b.to_html(diff=self, **options)

    def _picture(self, ending: str) -> tuple[Graph, SaveOptions]:
        if ending == ".html":
            return self.b, {"diff": self}
        graph, overlay = self.merge()
        return graph, {"overlay": overlay}

    def to_text(self, *, context: int = _CONTEXT) -> str:
        """Return lines like those of a unified diff: `+` added, `−` removed, `~` changed, `↕` moved.

        Args:
            context: lines of equal nodes around each difference.
        """
        rows = list(self._rows())
        near = {m for k, (sign, _) in enumerate(rows) if sign != " " for m in range(k - context, k + context + 1)}
        near |= {k for k in range(len(rows)) if {k - 1, k + 1} <= near | {-1, len(rows)}}  # do not elide a single line
        lines, hidden = [f"# {self.summary()}"], 0
        for k, (sign, text) in enumerate(rows):
            if k in near:
                lines += [f"@@ {hidden:,} the same @@"] if hidden else []
                lines.append(f"{sign} {text}")
                hidden = 0
            else:
                hidden += 1
        lines += [f"@@ {hidden:,} the same @@"] if hidden else []
        if self._results_differ():
            lines += [f"− return {', '.join(self.a.outputs)}", f"+ return {', '.join(self.b.outputs)}"]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<GraphDiff: {self.summary()}>"

    def _results_differ(self) -> bool:
        to_b = dict(self.pairs)
        return tuple([to_b.get(i, "") for i in self.a.outputs]) != self.b.outputs

    def _rows(self) -> Iterator[tuple[str, str]]:
        to_a = {j: i for i, j in self.pairs}
        changed, moved = {c.b: c for c in self.changed}, {j for _, j in self.moved}
        for side, i in _order(self):
            graph = self.a if side == "a" else self.b
            line = _line(graph, graph[i])
            if side == "a":
                yield "−", line
            elif i not in to_a:
                yield "+", line
            else:
                was = f"  (was {to_a[i]})" if to_a[i] != i else ""
                changes = "; ".join(map(str, changed[i].differences)) if i in changed else ""
                sign = "~" if i in changed else "↕" if i in moved else " "
                yield sign, line + was + (f"  {changes}" if changes else "")


@checked
def diff(a: Graph, b: Graph) -> GraphDiff:
    """Compare two graphs.

    Nodes are matched by their names, by what they are made from and go into, and by order; so an edit in the middle is
    just that edit, not everything after it.

    Args:
        a: the graph before.
        b: the graph after.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
        >>> import numpy as np
        >>> before, after = build_graph(np.tanh(x * 2).sum()), build_graph(np.sin(x * 2).sum() + 1)
        >>> print(diff(before, after))
        # 2 added, 1 changed, other results, 4 the same
          n0: parameter 'x'  (2,) float64
          n1: constant 2  ()
          n2: multiply(n0, n1)  (2,) float64
        ~ n3: sin(n2)  (2,) float64  op: tanh → sin
          n4: sum(n3)  () float64
        + n5: constant 1  ()
        + n6: add(n4, n5)  () float64
        − return n4
        + return n6
    """
    if _sorts_before(b, a):  # so that diff(a, b) and diff(b, a) agree
        return _compare(b, a).inverse()
    return _compare(a, b)


def _sorts_before(a: Graph, b: Graph) -> bool:
    if len(a) != len(b):
        return len(a) < len(b)
    for x, y in zip(a, b, strict=True):
        first, second = (everything(x), x.inputs), (everything(y), y.inputs)
        if first != second:
            return repr(first) < repr(second)
    return a.outputs < b.outputs


def _compare(a: Graph, b: Graph) -> GraphDiff:
    to_b = match_nodes(a, b)
    to_a = {j: i for i, j in to_b.items()}
    pairs = tuple([(to_a[node.id], node.id) for node in b if node.id in to_a])
    changes = [Change(i, j, tuple(_differences(a, b, a[i], b[j], to_b))) for i, j in pairs]
    place = {node.id: k for k, node in enumerate(a)}
    steady = set(increasing([place[i] for i, _ in pairs]))
    return GraphDiff(
        a,
        b,
        pairs,
        tuple([node.id for node in b if node.id not in to_a]),
        tuple([node.id for node in a if node.id not in to_b]),
        tuple([change for change in changes if change.differences]),
        tuple([pair for k, pair in enumerate(pairs) if k not in steady]),
    )


def _differences(a: Graph, b: Graph, x: GraphNode, y: GraphNode, to_b: Mapping[str, str]) -> Iterator[Difference]:
    reads = tuple([to_b.get(i, "") for i in x.inputs]) != y.inputs
    ruled = (x.of or x.toward or y.of or y.toward) and (to_b.get(x.of, ""), to_b.get(x.toward, "")) != (y.of, y.toward)
    if not reads and not ruled and replace(x, id=y.id, inputs=y.inputs, of=y.of, toward=y.toward) == y:
        return
    facts = [
        ("kind", x.kind.value, y.kind.value),
        ("op", x.op, y.op),
        ("shape", str(x.shape), str(y.shape)),
        ("dtype", str(x.dtype), str(y.dtype)),
        ("name", x.name and repr(x.name), y.name and repr(y.name)),
        ("value", x.value, y.value),
        ("module", x.scope, y.scope),
        ("role", x.role.value, y.role.value),
    ]
    for name, before, after in facts:
        if before != after:
            yield Difference(name, visible(before), visible(after))
    old, new = {p.name: p.text for p in x.params}, {p.name: p.text for p in y.params}
    for param in sorted({*old, *new}):
        if old.get(param) != new.get(param):
            yield Difference(visible(param), *[visible(clip(d.get(param, ""), _LONGEST)) for d in (old, new)])
    if reads:
        sources = list(zip_longest(x.inputs, y.inputs, fillvalue=""))
        other = [(i, j) for i, j in sources if not i or to_b.get(i, "") != j]
        old_names = dict.fromkeys([_title(a, i) for i, _ in other if i])
        new_names = dict.fromkeys([_title(b, j) for _, j in other if j])
        yield Difference("reads", ", ".join(old_names), ", ".join(new_names))
    if x.needs != y.needs or x.weak != y.weak:
        yield Difference("gradient to", *[", ".join(n.inputs[k] for k in n.needs) for n in (x, y)])
    if ruled:
        yield Difference("rule of", _rule(a, x), _rule(b, y))


def _rule(graph: Graph, node: GraphNode) -> str:
    return " by ".join([_title(graph, i) if i in graph else i for i in (node.of, node.toward) if i])


def _title(graph: Graph, i: str) -> str:
    node = graph[i]
    return f"{i} {visible(clip(op_text(node, graph) or node.name or node.value or node.kind, 24))}"


def _line(graph: Graph, node: GraphNode) -> str:
    if node.result is not None:
        text = visible(result_text(graph[node.inputs[0]].op, node.result, node.inputs[0]))
    elif node.kind is Kind.OP:
        params = brief_params(node)
        text = f"{visible(node.op)}({', '.join([*node.inputs, *([params] if params else [])])})"
    else:
        text = f"{node.kind} {visible(clip(repr(node.name), _LONGEST)) if node.name else node.value}".rstrip()
    dtype = "generator" if node.dtype.hasobject else "" if node.weak else str(node.dtype)
    kind = type_text(node) if node.has_several else f"{'' if node.dtype.hasobject else node.shape} {dtype}"
    return f"{node.id}: {text}  {kind}".rstrip()


# ---- both in one ----------------------------------------------------------------------------------------------------


def _order(d: GraphDiff) -> list[tuple[str, str]]:
    """Return an order of all nodes of `b` and the removed ones of `a` in which each comes after its inputs."""
    to_b = dict(d.pairs)
    gone = set(d.removed)
    place = {node.id: k for k, node in enumerate(d.b)}
    keys: dict[tuple[str, str], tuple[int, int]] = {("b", i): (k, -1) for i, k in place.items()}
    after = -1
    for k, node in enumerate(d.a):  # a removed node follows the last one before it that is still there
        if node.id in gone:
            keys["a", node.id] = (after, k)
        else:
            after = place[to_b[node.id]]
    reads = {("b", n.id): [("b", i) for i in n.inputs] for n in d.b}
    reads |= {("a", i): [_home(i_, to_b) for i_ in d.a[i].inputs] for i in d.removed}
    waiting = {item: len(set(inputs)) for item, inputs in reads.items()}
    readers: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for item, inputs in reads.items():
        for source in dict.fromkeys(inputs):
            readers.setdefault(source, []).append(item)
    heap = [(keys[item], item) for item, n in waiting.items() if not n]
    heapq.heapify(heap)
    order = []
    while heap:
        _, item = heapq.heappop(heap)
        order.append(item)
        for reader in readers.get(item, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(heap, (keys[reader], reader))
    return order


def _home(i: str, to_b: Mapping[str, str]) -> tuple[str, str]:
    return ("b", to_b[i]) if i in to_b else ("a", i)


def _merge(d: GraphDiff) -> tuple[Graph, Overlay]:
    order = _order(d)
    new = {item: f"n{k}" for k, item in enumerate(order)}
    to_b, to_a = dict(d.pairs), {j: i for i, j in d.pairs}
    changed = {c.b: c for c in d.changed}
    position = {item: k for k, item in enumerate(order)}
    nodes, marks = [], {}
    measurements = {}

    def new_id(side: str, i: str) -> str:
        home = ("b", i) if side == "b" else _home(i, to_b)
        return new.get(home, "") if i else ""

    for k, (side, i) in enumerate(order):
        node = d.a[i] if side == "a" else d.b[i]
        inputs = [new_id(side, source) for source in node.inputs]
        if side == "b" and i in to_a and not node.backward:  # derivative rules get their words from their inputs
            gone = [("a", source) for source in d.a[to_a[i]].inputs if source not in to_b]
            inputs += [new[item] for item in dict.fromkeys(gone) if position[item] < k]
        of, toward = new_id(side, node.of), new_id(side, node.toward)
        measured = (d.a if side == "a" else d.b).measurements.get(i)
        if measured is not None:
            measurements[f"n{k}"] = measured
        nodes.append(replace(node, id=f"n{k}", inputs=tuple(inputs), of=of, toward=toward))
        if side == "a":
            marks[f"n{k}"] = Mark("removed", "− removed", tip=(f"{i} of the graph before",))
        elif i not in to_a:
            marks[f"n{k}"] = Mark("added", "+ added", tip=(f"{i} of the graph after",))
        elif i in changed:
            marks[f"n{k}"] = _changed_mark(changed[i])
    for i, j in d.moved:
        at = new["b", j]
        marks[at] = _moved_mark(marks.get(at), i)
    flows = [
        Flow(new_id("b", f.op), f.argument, *[new_id("b", i) for i in (f.into, f.contribution, f.total)])
        for f in d.b.flows
    ]
    graph = Graph(tuple(nodes), tuple([new["b", i] for i in d.b.outputs]), tuple(flows), measurements)
    return graph, Overlay("differences", (d.summary(),), marks, of=graph)


def _changed_mark(change: Change) -> Mark:
    texts = [str(d) for d in change.differences]
    note = clip(texts[0], 40) + (f" (+ {len(texts) - 1} more)" if len(texts) > 1 else "")
    return Mark("changed", "~ changed", note, (f"was {change.a}, is {change.b}", *texts))


def _moved_mark(mark: Mark | None, i: str) -> Mark:
    if mark is not None:
        return replace(mark, tip=(*mark.tip, "computed in another order"))
    return Mark("", "↕ moved", tip=(f"was {i}: computed in another order",))


def changes_of(replay: Any) -> GraphDiff:
    """Return the difference between the traced program and the one that a `Replay` runs, after all passes."""
    before, after = (Graph.of(replay.passes[k].program.graph) for k in (0, -1))
    return diff(before, after)
