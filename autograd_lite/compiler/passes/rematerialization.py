"""Rematerialization: a result that is cheap to compute is computed again where it is read later, and not kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from ...core.batching import elementwise
from ...ir.edits import is_pure, reading, rebuild
from ...ir.graph_node import GraphNode, Kind
from ...ir.lifetimes import owners
from ...ir.pure_program import PureProgram

_MOST_ROUNDS = 12
# How many operations may be computed again for one value.
_MOST_OPERATIONS = 6
# A value that is read again after fewer operations than this is kept.
_SHORTEST = 4


def within(program: PureProgram, max_bytes: int) -> PureProgram:
    """Compute elementwise results again, as far as it takes for the arrays alive at a time to need at most these bytes.

    Values are chosen that free the most memory, for the longest time where it is short, for the fewest operations. What
    they are computed from must be alive at that time anyway. Each value keeps its bits.

    Returns:
        A program that needs as little as could be found, if not as little as was asked for.
    """
    best = _Schedule(_with_late_views(program))
    if best.peak <= max_bytes:
        return program
    first = best
    for _ in range(_MOST_ROUNDS):
        again = best.choose(max_bytes) if best.peak > max_bytes else []
        schedule = _Schedule(best.computing_again(again))
        if not again or (schedule.peak, schedule.above(max_bytes)) >= (best.peak, best.above(max_bytes)):
            break
        best = schedule
    return program if best is first else best.program


def _with_late_views(program: PureProgram) -> PureProgram:
    """Make each view anew where it is read, so that its reader reads the array behind it."""
    owner, results = owners(program.graph), set(program.graph.outputs)
    views = {node.id: node for node in program.graph if owner[node.id] != node.id and node.id not in results}
    order: list[GraphNode] = []
    calls: dict[str, Any] = {}

    def view(i: str, reader: str) -> str:
        new = f"{i} for {reader}"
        named = {k: view(k, reader) for k in views[i].inputs if k in views}
        copy, calls[new] = reading(views[i], program.calls[i], named)
        order.append(copy.replace(id=new))
        return new

    for node in program.graph:
        if node.id not in views:
            named = {i: view(i, node.id) for i in dict.fromkeys(node.inputs) if i in views}
            if named:
                node, calls[node.id] = reading(node, program.calls[node.id], named)
            order.append(node)
    return rebuild(program, order, program.graph.outputs, calls=calls) if calls else program


class _Again(NamedTuple):
    """A value that is to be computed again.

    Attributes:
        root: its id.
        at: the position before which that happens; what reads it from there on reads the new one.
        ids: of the operations to compute again, in order; the last is the root.
        freed: the bytes that are free between the two, times the number of positions where they are short.
    """

    root: str
    at: int
    ids: tuple[str, ...]
    freed: int


def peak_of(program: PureProgram) -> int:
    """Return the most bytes that are alive at a time, by the order of the operations; slots and results count."""
    return _Schedule(program).peak


class _Schedule:
    """The memory in use at each operation of a program.

    Attributes:
        program: the program.
        peak: the most bytes that are alive at a time.
    """

    def __init__(self, program: PureProgram) -> None:
        self.program = program
        nodes = program.graph.nodes
        self._owner = owners(program.graph)
        self._nodes = {node.id: node for node in nodes}
        self._at = {node.id: k for k, node in enumerate(nodes)}
        self._reads: dict[str, list[int]] = {node.id: [] for node in nodes}  # of owners: positions, in order
        for k, node in enumerate(nodes):
            for i in dict.fromkeys(self._owner[i] for i in node.inputs):
                self._reads[i].append(k)
        for i in dict.fromkeys(self._owner[i] for i in program.graph.outputs):
            self._reads[i].append(len(nodes))
        change = [0] * (len(nodes) + 2)
        for node in nodes:
            if self._owner[node.id] == node.id:
                is_slot = node.kind is not Kind.OP
                begin, end = (0, len(nodes)) if is_slot else (self._at[node.id], self._last(node.id))
                change[begin] += node.nbytes
                change[end + 1] -= node.nbytes
        self._used = list(accumulate(change))
        self.peak = max(self._used)

    def above(self, max_bytes: int) -> int:
        """Return by how much memory is short, summed over all positions."""
        return sum(used - max_bytes for used in self._used if used > max_bytes)

    def _last(self, i: str) -> int:
        return max(self._at[i], self._reads[i][-1] if self._reads[i] else 0)

    def choose(self, max_bytes: int) -> list[_Again]:
        """Return what to compute again, so that none of it needs what another one has given up."""
        short = list(accumulate((used > max_bytes for used in self._used), initial=0))
        candidates = [again for node in self.program.graph if (again := self._candidate(node, short)) is not None]
        candidates.sort(key=lambda a: (-a.freed / len(a.ids), a.at))
        missing = max(self._used) - max_bytes
        chosen: list[_Again] = []
        needed: set[str] = set()
        gone: set[str] = set()
        for again in candidates:
            reads = {self._owner[i] for k in again.ids for i in self._nodes[k].inputs} - set(again.ids)
            if again.root in needed or not gone.isdisjoint(reads):
                continue
            chosen.append(again)
            gone.add(again.root)
            needed |= reads
            missing -= self._nodes[again.root].nbytes
            if missing <= 0:
                break
        return chosen

    def _candidate(self, node: GraphNode, short: Sequence[int]) -> _Again | None:
        """Return how to compute a value again after the longest time for which nothing reads it, or None."""
        i = node.id
        if not node.nbytes or self._owner[i] != i or not self._is_cheap(node):
            return None
        reads = [self._at[i], *(k for k in self._reads[i] if k < len(self._at))]
        gaps = [(short[b] - short[a + 1], b) for a, b in pairwise(reads) if b - a > _SHORTEST]
        best, at = max(gaps, default=(0, 0))
        if best <= 0 or self._reads[i][-1] == len(self._at):  # a result is kept in any case
            return None
        ids: list[str] = []
        if not self._again(i, at, ids):
            return None
        return _Again(i, at, tuple(ids), best * node.nbytes)

    def _again(self, i: str, at: int, ids: list[str], depth: int = _MOST_OPERATIONS) -> bool:
        """Collect the operations that compute a value from values alive at a position; return whether that works."""
        for k in self._nodes[i].inputs:
            owner = self._owner[k]
            if k in ids or self._nodes[owner].kind is not Kind.OP or self._last(owner) >= at:
                continue
            may_be = owner != k or self._is_cheap(self._nodes[k])
            if not may_be or depth <= 1 or not self._again(k, at, ids, depth - 1):
                return False
        ids.append(i)
        return len(ids) <= _MOST_OPERATIONS

    def _is_cheap(self, node: GraphNode) -> bool:
        if node.kind is not Kind.OP or not is_pure(self.program, node):
            return False
        return self.program.calls[node.id][0].batch is elementwise

    def computing_again(self, choose: Sequence[_Again]) -> PureProgram:
        """Return the program in which these values are computed again."""
        at: dict[int, list[_Again]] = {}
        for again in choose:
            at.setdefault(again.at, []).append(again)
        now: dict[str, str] = {}  # for each value, which of its copies is to be read
        order: list[GraphNode] = []
        calls: dict[str, Any] = {}

        def emit(node: GraphNode, new: str, named: dict[str, str]) -> None:
            copy, calls[new] = reading(node, self.program.calls[node.id], named)
            order.append(copy.replace(id=new))

        for position, node in enumerate(self.program.graph):
            for again in at.get(position, ()):
                named = dict(now)
                for i in again.ids:
                    new = f"{i} at {position} for {again.root}"
                    emit(self._nodes[i], new, named)
                    named[i] = new
                now[again.root] = named[again.root]
            if node.kind is Kind.OP and not now.keys().isdisjoint(node.inputs):
                emit(node, node.id, now)
            else:
                order.append(node)
        outputs = [now.get(i, i) for i in self.program.graph.outputs]
        return rebuild(self.program, order, outputs, calls=calls)
