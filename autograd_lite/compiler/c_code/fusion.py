"""Fusion: statements that go through the same points become one loop, and what only that loop reads is not stored."""

from __future__ import annotations

import itertools
import operator
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from ..buffer_assignment import Place
from ..execution_plan import Plan
from ..native_segments import Segment
from ..numpy_calls import How
from ..steps import COPY
from .expressions import of_numpy
from .loop_nests import FOLD, MAP, SCRATCH, Access, Nest, Statement, cut, refine, statements_of

_LOOK_BACK = 12  # groups before the last one that a statement may join
_MOST = 128  # statements of a group: a compiler takes longer for each where there are more
_MOST_OF_NUMBERS = 32  # the same where each has one element: shorter texts are alike more often, and stay in the cache
_ALONE = 1024  # points from which a reduction by itself is as fast where it is called
_SHORT = 32  # points of the innermost dimension, below which calling a loop for each row does not pay

_Places = Mapping[int, tuple[int, int]]  # for memory other memory, and where in it


class Group(NamedTuple):
    """Statements that become one loop, or one that the executor runs.

    Attributes:
        dimensions: that the loop goes through, outermost first.
        statements: in order, with the strides of these dimensions.
        stores: for each whether anything outside reads its result.
        is_inline: whether this is a loop; if not, the executor runs the records of the statements, or their blocks.
        nest: instead of all this, statements that run step by step.
        inside: the groups of one step.
        plan: that the calls belong to.
    """

    dimensions: tuple[int, ...]
    statements: tuple[Statement, ...]
    stores: tuple[bool, ...]
    is_inline: bool
    plan: Plan
    nest: Nest | None = None
    inside: tuple[Group, ...] = ()

    @property
    def work(self) -> int:
        """The number of points of all statements."""
        return sum(s.size for s in self.statements)


def fuse(plan: Plan, segment: Segment) -> list[Group]:
    """Return the loops of a segment, in order."""
    return _groups(plan, segment, statements_of(segment), _places(plan, segment))


def _places(plan: Plan, segment: Segment) -> _Places:
    """Return the places in the arena of arguments that may lie elsewhere, but need not: others share their memory."""
    arena = next((k for k, memory in enumerate(segment.fixed, 1) if memory.__class__ is str and memory == "arena"), 0)
    spans = {k: plan.where[n].span for k, n in enumerate(segment.input_values, 1 + len(segment.fixed))}
    return {k: (arena, span.start) for k, span in spans.items() if span is not None}


def _groups(plan: Plan, segment: Segment, statements: Sequence[Statement | Nest], places: _Places) -> list[Group]:
    liveness, groups, row = _Liveness(plan, segment, [s.value for s in statements]), list[Group](), list[Statement]()
    for statement in statements:
        if isinstance(statement, Statement):
            row.append(statement)
            continue
        groups += _groups_of_row(row, liveness, places)
        row.clear()
        steps: Any = next(call.function for call in plan.calls if call.value == statement.value)
        inside = _groups(steps.plan, segment._replace(first=0, stop=len(steps.plan.calls)), statement.inside, places)
        groups.append(Group((statement.steps,), (), (), False, plan, statement, tuple(inside)))
    return groups + _groups_of_row(row, liveness, places)


def _groups_of_row(statements: Sequence[Statement], liveness: _Liveness, places: _Places) -> list[Group]:
    runs: list[_Run] = []
    blocks: dict[int, list[Statement]] = {}
    for statement in statements:
        if statement.block >= 0:
            blocks.setdefault(statement.block, []).append(statement)
    done = set()
    for statement in statements:
        if statement.block in done:
            continue
        together = blocks.get(statement.block, [statement])
        if statement.block >= 0:
            done.add(statement.block)
        _add(runs, together, places)
    return [run.group(liveness) for run in runs]


def _add(runs: list[_Run], statements: Sequence[Statement], places: _Places) -> None:
    """Add a statement, or those of a block, to a run that they fit in, or as a new one."""
    if all(map(_is_inline, statements)):
        for run in runs[: -_LOOK_BACK - 1 : -1]:
            if run.join(statements):
                return
            if run.conflicts(statements):
                break
    runs.append(_Run(statements, places))


def _is_inline(statement: Statement) -> bool:
    """Return whether a statement may be part of a loop, as an expression, or by calling its own loop for each strip."""
    if statement.kind == FOLD:
        if statement.expression is None:
            return False
        if statement.output.strides[-1] or statement.dimensions[-1] == 1:  # added up row by row
            return True
        return (
            of_numpy(statement.ufunc) is np.add and statement.output.dtype.char in "fd" and len(statement.inputs) == 2
        )
    if statement.kind != MAP or statement.expression is not None:
        return statement.kind == MAP
    # Loops of complex numbers may round otherwise where operands lie otherwise.
    row = next((n for n in reversed(statement.dimensions) if n > 1), 1)
    return not {"F", "D"} & set(statement.chars) and (row >= _SHORT or statement.size == 1)


class _Touch(NamedTuple):
    """Bytes that a statement reads or writes: where they begin and end, and by which access."""

    start: int
    stop: int
    memory: int
    access: Access
    writes: bool
    folds: bool


class _Memory:
    """The bytes that some statements read and write."""

    def __init__(self, statements: Iterable[Statement], places: _Places) -> None:
        self._places = places
        self._touches: dict[int, list[_Touch]] = {}  # by memory, in the order of their starts
        self._longest: dict[int, int] = {}
        self._known = set[tuple[int, Access, bool, bool]]()
        self.add(statements)

    def add(self, statements: Iterable[Statement]) -> None:
        """Take in the bytes of more statements."""
        for touch in itertools.chain.from_iterable([_touches(s, self._places) for s in statements]):
            if touch[2:] not in self._known:
                self._known.add(touch[2:])
                memory = touch.memory
                insort(self._touches.setdefault(memory, []), touch, key=_start)
                self._longest[memory] = max(self._longest.get(memory, 0), touch.stop - touch.start)

    def conflicts(self, statement: Statement) -> Iterator[tuple[_Touch, _Touch]]:
        """Yield bytes that another statement shares with these, where one of both writes."""
        for touch in _touches(statement, self._places):
            memory = touch.memory
            others = self._touches.get(memory, ())
            at = bisect_right(others, touch.start - self._longest.get(memory, 0), key=_start)
            while at < len(others) and others[at].start < touch.stop:
                if others[at].stop > touch.start and (touch.writes or others[at].writes):
                    yield others[at], touch
                at += 1


_start = operator.itemgetter(0)


def _touches(statement: Statement, places: _Places) -> Iterator[_Touch]:
    is_fold = statement.kind == FOLD
    accesses = [(a, False) for a in statement.inputs] + [(a, True) for a in (statement.output, *statement.more)]
    for access, writes in accesses:
        if access.memory != SCRATCH:
            start, stop = access.span(statement.dimensions)
            memory, by = places.get(access.memory, (access.memory, 0))
            yield _Touch(start + by, stop + by, memory, access, writes, writes and is_fold)


class _Run:
    """Statements that are run together, as they are collected."""

    def __init__(self, statements: Sequence[Statement], places: _Places) -> None:
        self.is_inline = all(map(_is_inline, statements))
        self.dimensions = statements[0].dimensions
        self.statements = list(statements)
        self._memory, self._places = _Memory(statements, places), places

    def join(self, others: Sequence[Statement]) -> bool:
        """Take statements in, if they go through the same points, and none needs what another one leaves elsewhere."""
        most = _MOST if self.statements[0].size > 1 else _MOST_OF_NUMBERS
        if not self.is_inline or len(self.statements) + len(others) > most:
            return False
        common = refine(self.dimensions, others[0].dimensions)
        if common is None:
            return False
        new, mine, memory = [_cut(s, common) for s in others], self.statements, self._memory
        if common != self.dimensions:
            mine = [_cut(s, common) for s in mine]
            if not all(map(_keeps_rows, self.statements, mine)):
                return False
            memory = _Memory(mine, self._places)
        # Another place, or a result that is not whole before the loop ends.
        if not all(map(_keeps_rows, others, new)) or any(
            a.access != b.access or a.folds or b.folds for s in new for a, b in memory.conflicts(s)
        ):
            return False
        memory.add(new)
        self.dimensions, self.statements, self._memory = common, mine + new, memory
        return True

    def conflicts(self, others: Sequence[Statement]) -> bool:
        """Return whether statements may not be run before these."""
        return any(next(self._memory.conflicts(s), None) is not None for s in others)

    def group(self, liveness: _Liveness) -> Group:
        """Return the group."""
        whole = liveness.whole_values(self.statements)
        stores = tuple([s.kind == FOLD or liveness.is_read(s, whole) for s in self.statements])
        alone = len(self.statements) == 1 and self.statements[0].kind == FOLD and self.statements[0].size > _ALONE
        is_inline = self.is_inline and not alone
        return Group(self.dimensions, tuple(self.statements), stores, is_inline, liveness.plan)


def _cut(statement: Statement, dimensions: tuple[int, ...]) -> Statement:
    if dimensions == statement.dimensions:
        return statement
    inputs = tuple([cut(a, statement.dimensions, dimensions) for a in statement.inputs])
    output = cut(statement.output, statement.dimensions, dimensions)
    return statement._replace(dimensions=dimensions, inputs=inputs, output=output)


def _keeps_rows(before: Statement, after: Statement) -> bool:
    """Return whether a reduction along the innermost dimension is so still, after that was cut."""
    return before.kind != FOLD or before.output.strides[-1] != 0 or before.dimensions[-1] == after.dimensions[-1]


class _Liveness:
    """Which values are read after the statements that compute them."""

    def __init__(self, plan: Plan, segment: Segment, values: Iterable[int]) -> None:
        self.plan, self._temporaries = plan, segment.temporaries
        places = [k for k, memory in enumerate(segment.fixed, 1) if memory.__class__ is str and memory == "own"]
        self._own = next(iter(places), -1)
        self._owners = owners = [spec.owner for spec in plan.specs]
        self._steps = Counter(values)  # how many records lead to each value
        self._readers: dict[int, set[int]] = {}  # for a value that owns memory, the values of the calls that read it
        for position, call in enumerate(plan.calls):
            if call.how is How.VIEW:
                continue
            inside = segment.first <= position < segment.stop
            for n in call.reads:
                self._readers.setdefault(owners[n], set()).add(call.value if inside else -1)
        for n in (*plan.outputs, *plan.end.entering, *plan.end.over):
            self._readers.setdefault(owners[n], set()).add(-1)
        for call in reversed(plan.calls):  # a value that is filled in part has the rest of the one before
            base = owners[call.reads[0]] if call.how is How.FILL and call.reads else -1
            if base >= 0 and _is_over(plan, owners[call.value], base):
                self._readers[base] |= self._readers.get(owners[call.value], set())

    def whole_values(self, statements: Sequence[Statement]) -> set[int]:
        """Return the values all of whose steps are among some statements."""
        return {n for n, steps in Counter([s.value for s in statements]).items() if steps == self._steps[n]}

    def is_read(self, statement: Statement, whole: Set[int]) -> bool:
        """Return whether something outside reads what a statement writes.

        Args:
            statement: inside.
            whole: the values that are computed inside, from the first step to the last.
        """
        memory, offset = statement.output[:2]
        if memory == SCRATCH or statement.value == COPY:
            return memory != SCRATCH
        if memory == self._own and offset >= self._temporaries:
            return statement.value not in whole
        return not self._readers.get(self._owners[statement.value], {-1}) <= whole


def _is_over(plan: Plan, value: int, base: int) -> bool:
    """Return whether a value lies where another one lay, which is not needed any longer."""
    place, content, span = plan.where[value]
    over = place in (Place.OVER, Place.REPLACES) and content == base
    return over or (span is not None and span == plan.where[base].span)
