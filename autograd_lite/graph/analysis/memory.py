"""How much memory a training step needs, and where the most: the lifetimes of its arrays, as the engine frees them.

An array of the forward pass lives until it is read for the last time, or, if a derivative rule saved it, until the
rules of the last op that saved it have run. A cotangent lives until the rules that read it have run, a gradient and a
result to the end. Views own no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from ...core.messages import checked
from ...core.op import OPS
from ...ir.labels import visible
from ...ir.node import ArrayDigest, GraphNode, Kind, Role
from ..pictures.describe import amount
from ..pictures.view import Mark, Overlay

if TYPE_CHECKING:
    from ...ir.graph import Graph

_VIEWS = frozenset(("reshape", "transpose", "broadcast_to", "diagonal", "stop_gradient", "zero_mask"))
_LISTED = 8
# NumPy computes `g * (1 - y * y)` in the memory of its temporaries, if they have at least so many bytes.
_ELIDED_BYTES = 1 << 18
_ELIDABLE = frozenset(("add", "subtract", "multiply", "divide", "negative", "absolute", "square"))


class Held(NamedTuple):
    """An array that is alive at the high-water mark: its node, its bytes, and what keeps it."""

    id: str
    nbytes: int
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class Memory:
    """What a pass over the graph needs, in bytes, beside its inputs, parameters and constants.

    Attributes:
        graph: the graph.
        peak: the most that is alive at once.
        at: the id of the node with which it is reached; empty if nothing is ever made.
        timeline: for each node of the graph, how much is alive when it has run.
        held: what is alive at the high-water mark, the largest first.
        saved: how much is alive when the forward pass is over.
        given: bytes of inputs, parameters and constants, which are there all the time.
    """

    graph: Graph
    peak: int
    at: str
    timeline: tuple[int, ...]
    held: tuple[Held, ...]
    saved: int
    given: int

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
            f"  {amount(self.given, 'B'):>9}  besides: inputs, parameters and constants",
        ]
        lines += ["alive at the high-water mark:"] if self.held else []
        for h in self.held[:_LISTED]:
            lines.append(f"  {amount(h.nbytes, 'B'):>9}  {_title(self.graph, h.id)}: {h.why}")
        if len(self.held) > _LISTED:
            rest = sum(h.nbytes for h in self.held[_LISTED:])
            lines.append(f"  {amount(rest, 'B'):>9}  {len(self.held) - _LISTED:,} more")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Memory {self._headline()}>"


@checked
def high_water(graph: Graph) -> Memory:
    """Say how much memory a forward pass, and the backward pass if the graph has one, need at most, and where.

    The passes are simulated: each op makes its result while its inputs are alive. What an op needs inside of itself
    and gives back is not counted, nor are the few hundred bytes of the record for each op, nor a copy that a reshape of
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
    owner = owners(graph)
    size = {node.id: _own_bytes(node, owner) for node in graph}
    born = {node.id: k for k, node in enumerate(graph)}
    ends, why = _lifetimes(graph, owner, born)
    changes = [0] * (len(graph) + 2)
    for i, nbytes in size.items():
        if nbytes:
            changes[born[i]] += nbytes
            changes[ends[i] + 1] -= nbytes
    # What dies with a node is still there while the node runs, unless NumPy takes its memory for the result.
    for node in graph:
        reused = _reused(graph, node, owner)
        if reused and ends[reused] == born[node.id]:
            changes[born[node.id]] -= size[reused]
            changes[ends[reused] + 1] += size[reused]
    timeline = tuple(list(accumulate(changes))[: len(graph)])
    peak = max(timeline, default=0)
    at = graph.nodes[timeline.index(peak)].id if peak else ""
    now = born[at] if at else 0
    held = [Held(i, n, why[i]) for i, n in size.items() if n and at and born[i] <= now <= ends[i]]
    held.sort(key=lambda h: (-h.nbytes, born[h.id]))
    forward = [k for k, node in enumerate(graph) if not node.backward and node.kind is Kind.OP]
    given = sum(n.nbytes for n in graph if n.kind is not Kind.OP and not n.backward)
    end = forward[-1] if forward else 0
    saved = sum(n for i, n in size.items() if n and born[i] <= end < ends[i])
    return Memory(graph, peak, at, timeline, tuple(held), saved, given)


def owners(graph: Graph) -> dict[str, str]:
    """For every node, the id of the node whose memory its value lies in: its own, unless it is a view."""
    owner: dict[str, str] = {}
    for node in graph:
        owner[node.id] = owner[node.inputs[0]] if _is_view(node, graph) else node.id
    return owner


def _is_view(node: GraphNode, graph: Graph) -> bool:
    if node.op in _VIEWS:
        return True
    if node.op == "real":
        return graph[node.inputs[0]].dtype.kind != "c"
    return node.op == "getitem" and not any(_has_array(p.value) for p in node.params)


def _has_array(value: object) -> bool:
    parts = value if isinstance(value, tuple) and not isinstance(value, ArrayDigest) else (value,)
    return any(isinstance(part, ArrayDigest) for part in parts)


def _own_bytes(node: GraphNode, owner: dict[str, str]) -> int:
    made = node.kind is Kind.OP or node.role is Role.SEED
    return node.nbytes if made and owner[node.id] == node.id else 0


def _lifetimes(graph: Graph, owner: dict[str, str], born: dict[str, int]) -> tuple[dict[str, int], dict[str, str]]:
    """Return for each owner the position where it ends, and why it lives until then."""
    ends, why = dict(born), dict.fromkeys(born, "just made")
    rules_end: dict[str, int] = {}  # by forward op: the last node of its rules
    for node in graph:
        if node.backward and node.of:
            rules_end[node.of] = born[node.id]

    def extend(i: str, until: int, reason: str) -> None:
        mine = owner[i]
        if until >= ends[mine]:
            ends[mine], why[mine] = until, reason

    # The engine holds what the last rule gave until the next rule has given something.
    for flow, after in zip(graph.flows, graph.flows[1:], strict=False):
        if not _is_slot(graph[after.contribution]):
            extend(flow.contribution, born[after.contribution], f"given by the rule of {flow.op}")
    for node in graph:
        for i in node.inputs:
            if not (node.backward and node.of and not graph[i].backward):
                extend(i, born[node.id], f"read by {node.id} {visible(node.op)}")
    for i, savers in savers_of(graph).items():
        for saver in savers:
            if saver in rules_end:
                extend(i, rules_end[saver], f"saved for the derivative of {_short(graph, saver)}")
    for forward, cotangent in graph.cotangents.items():
        if forward in rules_end:
            extend(cotangent, rules_end[forward], f"the cotangent of {_short(graph, forward)}")
    last = len(graph) - 1
    for parameter, gradient in graph.gradients.items():
        extend(gradient, last, f"the gradient of {visible(graph[parameter].name or parameter)}")
    for i in graph.outputs:
        extend(i, last, "a result")
    return ends, why


def _is_slot(node: GraphNode) -> bool:
    return node.kind is not Kind.OP


def savers_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """For every forward value that is saved for a backward pass, the ops that save it: as their records say.

    That is what a rule reads, and what an op keeps for another purpose. Of an op that is not in the tables, only what
    the backward pass in the graph reads is known.
    """
    found: dict[str, dict[str, None]] = {i: dict.fromkeys(ops) for i, ops in graph.saved.items()}
    for node in graph:
        op = OPS.get(node.op)
        if node.backward or not node.needs or op is None or not op.keeps:
            continue
        arity = len(op.keeps).bit_length() - 1
        keeps = op.keeps[1 if arity == 1 else sum(1 << i for i in node.needs)]
        for kept, i in zip(keeps, (node.id, *node.inputs[:arity]), strict=True):
            if kept:
                found.setdefault(i, {})[node.id] = None
    return {i: tuple(ops) for i, ops in found.items()}


def _reused(graph: Graph, node: GraphNode, owner: dict[str, str]) -> str:
    """Return the id of the temporary of a derivative rule whose memory NumPy takes for the result of the next step."""
    if node.role is not Role.RULE or node.op not in _ELIDABLE or node.nbytes < _ELIDED_BYTES:
        return ""
    for i in node.inputs if node.op in ("add", "multiply") else node.inputs[:1]:
        other = graph[i]
        temporary = other.role is Role.RULE and other.kind is Kind.OP and other.of == node.of and owner[i] == i
        alike = other.shape == node.shape and other.dtype == node.dtype and other.toward == node.toward
        if temporary and alike:
            return i
    return ""


def _title(graph: Graph, i: str) -> str:
    node = graph[i]
    said = f"{i} {visible(node.op or node.kind)}"
    if node.backward and node.of:
        toward = f" by {node.toward}" if node.toward and node.toward != node.of else ""
        said += f", in the derivative of {_short(graph, node.of)}{toward}"
    return said + (f", in {visible(node.scope)}" if node.scope else "")


def _short(graph: Graph, i: str) -> str:
    return f"{i} {visible(graph[i].op or graph[i].kind)}" if i in graph else i


def saved_bytes(graph: Graph) -> dict[str, int]:
    """Return the bytes of each result that is saved for the backward pass: each array once, inputs not counted."""
    owner = owners(graph)
    kept = {owner[i]: graph[owner[i]] for i in savers_of(graph)}
    return {i: node.nbytes for i, node in kept.items() if node.kind is Kind.OP}
