"""What a computation costs: FLOPs, bytes, bytes saved for the backward pass, or measured time, by node and by module.

The numbers of the nodes add up exactly to those of the modules, and these to the total: FLOPs and bytes are integers,
and seconds are multiples of 2**-40, so that no sum is rounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..ir.graph_node import GraphNode, Kind, number_of
from ..ir.lifetimes import own_bytes, owners, saved_bytes
from ..ir.node_labels import align_columns, amount, count_of, op_text, visible
from ..ir.pure_graph import PureGraph
from ..tensors.display import text_html
from .marks import Mark, Overlay

By = Literal["flops", "bytes", "saved", "time"]

_TITLES = {
    "flops": ("floating-point operations", "FLOP"),
    "bytes": ("bytes of results", "B"),
    "saved": ("bytes saved for the backward pass", "B"),
    "time": ("measured time", "s"),
}
_GRAIN = 2.0**40  # of a second: sums of multiples of 2**-40 below 2**13 seconds are exact in float64
_LISTED = 10


class ModuleCost(NamedTuple):
    """What a module costs.

    Attributes:
        path: of the module; empty for the whole.
        own: of the operations in it that are in no inner module.
        total: of all operations in it: `own`, plus the totals of its inner modules.
        forward, backward: the two parts of `total`.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(ag.tensor([[1.0, 2.0]], requires_grad=True) @ [[1.0], [2.0]])
        >>> graph.cost("flops").modules[0].forward
        4
    """

    path: str
    own: float
    total: float
    forward: float
    backward: float


@dataclass(frozen=True, slots=True, repr=False)
class Cost:
    """What a graph costs, node by node and module by module.

    Attributes:
        graph: the graph.
        by: the unit that is counted: "flops", "bytes", "saved" or "time".
        numbers: for each node of the graph.
        modules: the whole first, then its modules, parents before children, in the order of their first operations.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(ag.tensor([[1.0, 2.0]], requires_grad=True) @ [[1.0], [2.0]])
        >>> cost = graph.cost("flops")
        >>> cost.by, cost.modules[0].total
        ('flops', 4)
    """

    graph: PureGraph
    by: By
    numbers: tuple[float, ...]
    modules: tuple[ModuleCost, ...]

    @property
    def unit(self) -> str:
        """FLOP, B or s."""
        return _TITLES[self.by][1]

    @property
    def total(self) -> float:
        """The sum over all nodes."""
        return self.modules[0].total

    @property
    def forward(self) -> float:
        """The sum over the forward pass."""
        return self.modules[0].forward

    @property
    def backward(self) -> float:
        """The sum over the backward pass."""
        return self.modules[0].backward

    def __getitem__(self, node_id: str) -> float:
        """Return the number of one node."""
        position = bisect_left(self.graph.nodes, _number(self.graph[node_id]), key=_number)
        return self.numbers[position]

    def module(self, path: str) -> ModuleCost:
        """Return what the module with this path costs."""
        module = next((m for m in self.modules if m.path == path), None)
        if module is None:
            raise KeyError(f"{path!r}: expected a module of the graph: {[m.path for m in self.modules]}")
        return module

    def most(self, n: int = _LISTED) -> tuple[GraphNode, ...]:
        """Return the nodes that cost most, the most expensive first."""
        order = sorted(range(len(self.numbers)), key=lambda i: (-self.numbers[i], i))
        return tuple(self.graph.nodes[i] for i in order[:n] if self.numbers[i])

    def overlay(self) -> Overlay:
        """Return the marks for pictures: the share of the total, with a color of proportional depth."""
        most, marks, totals = max(self.numbers, default=0), {}, {}
        for node, number in zip(self.graph, self.numbers, strict=True):
            if node.kind is Kind.OP:
                totals[node.id] = number
                share = _percent(number, self.total)
                tip = (f"{_exact(number, self.unit)}, {share} of the total",) if number else ()
                marks[node.id] = Mark(
                    badge=share if number > 0.005 * self.total else "", tip=tip, weight=number / most if most else 0.0
                )
        return Overlay(_TITLES[self.by][0], (self._headline(),), marks, totals, self.unit, self.graph)

    def to_text(self, *, nodes: int = _LISTED) -> str:
        """Return a table by module, and the nodes that cost most.

        Args:
            nodes: the number of nodes to list.
        """
        lines = [f"{_TITLES[self.by][0]}: {self._headline()}", *self._table()]
        listed = self.most(nodes)
        if listed:
            lines += [
                "",
                f"the {count_of(len(listed), 'node')} that cost most" if len(listed) > 1 else "the node that costs",
            ]
            rows = [
                [n.id, visible(n.op), str(n.shape), *self._cells(self[n.id]), visible(_where(n, self.graph))]
                for n in listed
            ]
            lines += align_columns(rows, left=(0, 1, 2, 5))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return text_html(str(self))

    def __repr__(self) -> str:
        return f"<Cost by {self.by}: {self._headline()}>"

    def _headline(self) -> str:
        headline = _exact(self.total, self.unit)
        if self.backward:
            headline += f" = {_exact(self.forward, self.unit)} forward + {_exact(self.backward, self.unit)} backward"
        return headline

    def _cells(self, number: float) -> list[str]:
        return [amount(number, self.unit) if number else "0", _percent(number, self.total)]

    def _table(self) -> list[str]:
        head = ["module", "own", "total", "share", "forward", "backward"]
        rows = [head]
        for m in self.modules:
            depth = m.path.count(".") + 1 if m.path else 0
            name = "  " * depth + (visible(m.path.rpartition(".")[2]) or "all")
            numbers = [amount(v, self.unit) if v else "0" for v in (m.own, m.total, m.forward, m.backward)]
            rows.append([name, *numbers[:2], _percent(m.total, self.total), *numbers[2:]])
        return align_columns(rows, left=(0,))


def cost_of(graph: PureGraph, by: By = "flops") -> Cost:
    """Return what a graph costs.

    Args:
        graph: with a backward pass for the cost of a training step.
        by: "flops", an estimate; "bytes" of the results of operations, except views; "saved", the bytes of results that
            the forward pass keeps for the backward pass, each array once; "time", as measured by
            `Program.measure(seconds=True)`.

    Raises:
        ValueError: if `by` is something else, or "time" and nothing was measured.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> import numpy as np
        >>> w = ag.tensor(np.ones((3, 2)), requires_grad=True, name="w")
        >>> cost = cost_of(build_graph((np.ones((4, 3)) @ w).sum(), backward=True))
        >>> cost.forward, cost.backward, cost.total
        (56, 48, 104)
    """
    if by not in _TITLES:
        raise ValueError(f"cost: expected by to be one of {', '.join(map(repr, _TITLES))}; received {by!r}")
    numbers = _numbers(graph, by)
    return Cost(graph, by, numbers, _modules(graph, numbers))


def _numbers(graph: PureGraph, by: By) -> tuple[float, ...]:
    if by == "flops":
        return tuple(node.flops for node in graph)
    if by == "bytes":
        sizes = own_bytes(graph, owners(graph))
        return _with_results(graph, {node.id: sizes[node.id] for node in graph if node.kind is Kind.OP})
    if by == "saved":
        return _with_results(graph, saved_bytes(graph))
    if all(m.seconds is None for m in graph.measurements.values()):
        raise ValueError(
            'cost(by="time"): expected a graph with times; received one without. Measure them: '
            "Program.build(loss, backward=True).measure(seconds=True).cost(by='time')"
        )
    seconds = {i: round(m.seconds * _GRAIN) / _GRAIN for i, m in graph.measurements.items() if m.seconds}
    return _with_results(graph, seconds)


def _with_results(graph: PureGraph, numbers: Mapping[str, float]) -> tuple[float, ...]:
    """Return the number of each node; a call has those of its results too, and these have none."""
    sums = {node.id: numbers.get(node.id, 0) for node in graph}
    for node in graph:
        if node.result is not None:
            sums[node.inputs[0]] += sums[node.id]
            sums[node.id] = 0
    return tuple(sums.values())


def _modules(graph: PureGraph, numbers: tuple[float, ...]) -> tuple[ModuleCost, ...]:
    own: dict[str, float] = {"": 0}
    forward: dict[str, float] = {"": 0}
    backward: dict[str, float] = {"": 0}
    for node, number in zip(graph, numbers, strict=True):
        if node.kind is not Kind.OP:
            continue
        paths = [""]
        for part in node.scope.split(".") if node.scope else ():
            paths.append(f"{paths[-1]}.{part}" if paths[-1] else part)
        side = backward if node.backward else forward
        for path in paths:
            own.setdefault(path, 0)
            side[path] = side.get(path, 0) + number
        own[paths[-1]] += number
    rows = {
        p: ModuleCost(p, own[p], forward.get(p, 0) + backward.get(p, 0), forward.get(p, 0), backward.get(p, 0))
        for p in own
    }
    return tuple(rows[p] for p in _in_order(list(rows)))


def _in_order(paths: list[str]) -> list[str]:
    """Sort paths: parents before children, and children together, in the order of their first operations."""
    children: dict[str, list[str]] = {}
    for path in paths:
        if path:
            children.setdefault(path.rpartition(".")[0], []).append(path)
    order, stack = [], [""]
    while stack:
        path = stack.pop()
        order.append(path)
        stack += reversed(children.get(path, []))
    return order


def _number(node: GraphNode) -> int:
    return number_of(node.id)


def _where(node: GraphNode, graph: PureGraph) -> str:
    derivative = (
        f"in the derivative of {node.of} {op_text(graph[node.of], graph)}" if node.backward and node.of in graph else ""
    )
    return ", ".join(filter(None, [derivative, f"in {node.scope}" if node.scope else ""]))


def _percent(number: float, total: float) -> str:
    share = 100 * number / total if total else 0.0
    return f"{share:.0f} %" if share >= 9.95 or not share else f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"


def _exact(number: float, unit: str) -> str:
    return amount(number, unit) if unit == "s" else f"{number:,} {unit}"
