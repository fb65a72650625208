"""The memory that a training step needs, and where it needs the most: sums over lifetimes, see `ir.lifetimes`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from ..core.messages import checked
from ..ir.graph_node import Kind
from ..ir.lifetimes import Why, lifetimes
from ..ir.node_labels import amount, op_text, visible
from ..ir.pure_graph import PureGraph
from ..tensors.display import text_html
from .marks import Mark, Overlay

_LISTED = 8


class Held(NamedTuple):
    """An array that is alive at the high-water mark: its node, its bytes, and what keeps it."""

    id: str
    nbytes: int
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class Memory:
    """What a pass over the graph needs, in bytes, in addition to its inputs, parameters and constants.

    Attributes:
        graph: the graph.
        peak: the most that is alive at once.
        at: the id of the node with which it is reached; empty if nothing is ever made.
        timeline: for each node of the graph, how much is alive when it has run.
        held: the arrays that are alive at the high-water mark, the largest first.
        saved: how much is alive when the forward pass is over.
        inputs: bytes of inputs, parameters and constants, which are there all the time.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> graph = ag.build_graph(np.sin(ag.tensor(np.ones(4), requires_grad=True)), backward=True)
        >>> high_water(graph).peak
        128
    """

    graph: PureGraph
    peak: int
    at: str
    timeline: tuple[int, ...]
    held: tuple[Held, ...]
    saved: int
    inputs: int

    def overlay(self) -> Overlay:
        """Return the marks for pictures: how full the memory is at each node, and where the high-water mark is."""
        marks = {}
        alive = {h.id: h for h in self.held}
        for node, level in zip(self.graph, self.timeline, strict=True):
            if node.kind is not Kind.OP and node.id != self.at:
                continue
            tip = [f"{amount(level, 'B')} in use when it has run"]
            if node.id in alive:
                tip.append(f"alive at the high-water mark: {amount(alive[node.id].nbytes, 'B')}, {alive[node.id].why}")
            badge = "high-water mark" if node.id == self.at else ""
            marks[node.id] = Mark(badge=badge, tip=tuple(tip), weight=level / self.peak if self.peak else 0.0)
        return Overlay("memory in use", (self._headline(),), marks, of=self.graph)

    def _headline(self) -> str:
        if not self.at:
            return "no operation, so no memory"
        return f"high-water mark: {amount(self.peak, 'B')} at {_title(self.graph, self.at)}"

    def __str__(self) -> str:
        lines = [
            self._headline(),
            f"  {amount(self.saved, 'B'):>9}  at the end of the forward pass: results, and what the rules saved",
            f"  {amount(self.inputs, 'B'):>9}  besides: inputs, parameters and constants",
        ]
        lines += ["alive at the high-water mark:"] if self.held else []
        for h in self.held[:_LISTED]:
            lines.append(f"  {amount(h.nbytes, 'B'):>9}  {_title(self.graph, h.id)}: {h.why}")
        if len(self.held) > _LISTED:
            rest = sum(h.nbytes for h in self.held[_LISTED:])
            lines.append(f"  {amount(rest, 'B'):>9}  {len(self.held) - _LISTED:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return text_html(str(self))

    def __repr__(self) -> str:
        return f"<Memory {self._headline()}>"


@checked
def high_water(graph: PureGraph) -> Memory:
    """Return the most memory that the forward pass, and the backward pass if there is one, need, and where.

    The passes are simulated: each op makes its result while its inputs are alive. What an op needs internally
    and releases is not counted, nor are the few hundred bytes of the record for each op, nor the copy that a reshape of
    a transposed array makes.

    Args:
        graph: of `build_graph(loss, backward=True)` for a training step, or a forward graph.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> import numpy as np
        >>> x = ag.tensor(np.ones(1000), requires_grad=True)
        >>> print(high_water(build_graph(np.exp(np.sin(x)).sum(), backward=True)).peak)
        24008
    """
    life = lifetimes(graph)
    size, born, ends = life.nbytes, life.born, life.ends
    changes = [0] * (len(graph) + 2)
    for i, nbytes in size.items():
        if nbytes:
            changes[born[i]] += nbytes
            changes[ends[i] + 1] -= nbytes
    # What dies with a node is still there while the node runs, unless NumPy takes its memory for the result.
    for i, reused in life.reuses.items():
        changes[born[i]] -= size[reused]
        changes[ends[reused] + 1] += size[reused]
    timeline = tuple(list(accumulate(changes))[: len(graph)])
    peak = max(timeline, default=0)
    at = graph.nodes[timeline.index(peak)].id if peak else ""
    now = born[at] if at else 0
    held = [Held(i, n, _reason(graph, *life.why[i])) for i, n in size.items() if n and at and born[i] <= now <= ends[i]]
    held.sort(key=lambda h: (-h.nbytes, born[h.id]))
    forward = [k for k, node in enumerate(graph) if not node.backward and node.kind is Kind.OP]
    inputs = sum(n.nbytes for n in graph if n.kind is not Kind.OP and not n.backward)
    end = forward[-1] if forward else 0
    saved = sum(n for i, n in size.items() if n and born[i] <= end < ends[i])
    return Memory(graph, peak, at, timeline, tuple(held), saved, inputs)


def _reason(graph: PureGraph, why: Why, by: str) -> str:
    if why in (Why.MADE, Why.RESULT):
        return str(why)
    if why is Why.GIVEN:
        return f"{why} {by}"
    if why is Why.GRADIENT:
        return f"{why} {visible(graph[by].name or by)}"
    return f"{why} {_short(graph, by)}"


def _title(graph: PureGraph, i: str) -> str:
    node = graph[i]
    title = _short(graph, i)
    if node.backward and node.of:
        toward = f" by {node.toward}" if node.toward and node.toward != node.of else ""
        title += f", in the derivative of {_short(graph, node.of)}{toward}"
    return title + (f", in {visible(node.scope)}" if node.scope else "")


def _short(graph: PureGraph, i: str) -> str:
    return f"{i} {visible(op_text(graph[i], graph) or graph[i].kind)}" if i in graph else i
