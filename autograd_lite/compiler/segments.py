"""Segments: runs of calls that the executor in C carries out, through the inner loops of ufuncs.

What a plan says stays as it is: the same calls in the same order, on the same memory. A segment is the same as data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakMethod

import numpy as np

from ..native.instructions import (
    BLOCK,
    CHECKED,
    LINE,
    REDUCE,
    THREADS,
    aligned,
    block_record,
    call_record,
    is_long,
    like,
)
from ..native.kernels import library
from .lowering import How, Spec
from .placing import Place
from .plan import Plan
from .records import Record, Records, Spot, Unfit

_ORDERS = "CF"
_KINDS = ("own", "arena", "array", "argument", "live", "made")  # of memory, in the order of their numbers
_STILL = _KINDS[:3]  # the same at all calls


class Segment(NamedTuple):
    """A run of calls.

    Attributes:
        first, stop: the positions of its calls.
        given: the numbers of the values that it is called with.
        made: the numbers of those that it returns.
        arguments, results: what is known of these.
        code, loops: the instructions.
        fixed: the memory that they use besides: "own", "arena", and arrays.
        own: the bytes of memory of its own.
        scratch: the bytes of the parts of blocks.
        is_long: whether it pays to let others run meanwhile.
        errors: the exceptions that are raised.
    """

    first: int
    stop: int
    given: tuple[int, ...]
    made: tuple[int, ...]
    arguments: tuple[Any, ...]
    results: tuple[Any, ...]
    code: Any
    loops: tuple[Any, ...]
    fixed: tuple[Any, ...]
    own: int
    scratch: int
    is_long: bool
    errors: tuple[Exception, ...]

    def instance(self, arena: Any) -> Any:
        """Return a function of the given values, which uses this arena, and memory of its own."""
        things = {"own": aligned(self.own), "arena": arena}
        memory = tuple([things[a] if isinstance(a, str) else a for a in self.fixed])
        scratch = aligned(self.scratch * THREADS)
        rest = self.arguments, self.results, scratch, self.is_long, self.errors
        return library.Segment(self.code, self.loops, memory, *rest)


def segments_of(plan: Plan, moved: Collection[int] = ()) -> list[Segment]:
    """Return the runs of calls that need no Python, in order.

    Args:
        plan: of which they are.
        moved: the numbers of values in the arena that may lie elsewhere from call to call.
    """
    return list(_Finder(plan, moved).segments()) if library else []


class _Finder:
    def __init__(self, plan: Plan, moved: Collection[int]) -> None:
        self._plan, self._moved = plan, moved
        self._made_at = {call.value: position for position, call in enumerate(plan.calls)}
        spot: Any = WeakMethod(self._spot)  # which would hold what holds it
        self._records = Records(plan.specs, lambda n: spot()(n), lambda n, dtype: Spot("live", (n, dtype)))
        self._known: dict[int, Any] = {}  # arrays that are always the same
        self._first = 0  # of the run so far
        self._readers: dict[int, list[int]] = {}  # for a value that owns memory, the positions at which it is read
        for position, call in enumerate(plan.calls):
            for n in call.reads:
                self._readers.setdefault(plan.specs[n].owner, []).append(position)
        for n in (*plan.outputs, *plan.end.entering):
            self._readers.setdefault(plan.specs[n].owner, []).append(len(plan.calls))

    def segments(self) -> Iterator[Segment]:
        """Yield the segments."""
        plan, position = self._plan, 0
        blocks = {block.first: block for block in plan.blocks}
        run: list[Record] = []
        stop = 0
        while position < len(plan.calls):
            block, call = blocks.get(position), plan.calls[position]
            after = position + 1 if block is None else block.stop
            if run and position == plan.end.start:
                yield self._segment(stop, run)
                run = []
            if block is None and call.how is How.VIEW:
                position = after
                continue
            self._first = self._first if run else position
            try:
                found = self._records.of(call) if block is None else [self._block(block)]
            except Unfit:
                if run:
                    yield self._segment(stop, run)
                run = []
            else:
                run += found
                stop = after
            position = after
        if run:
            yield self._segment(stop, run)

    def _block(self, block: Any) -> Record:
        calls = self._plan.calls[block.first : block.stop]
        return self._records.block(block, calls, [self._spot(call.value) for call in calls])

    def _spot(self, n: int) -> Spot:
        """Return where a value lies."""
        plan, spec = self._plan, self._plan.specs[n]
        owner, offset = spec.owner, spec.offset
        if offset is None:
            return Spot("argument", n)
        place, thing, span = plan.where[owner]
        is_over = place in (Place.OVER, Place.REPLACES)
        while place in (Place.OVER, Place.REPLACES):
            owner, offset = plan.specs[thing].owner, offset + plan.specs[thing].offset
            place, thing, span = plan.where[owner]
        known = plan.specs[owner]
        if span is not None and place is Place.PART:
            return Spot("scratch", (span.start, span.stop - span.start))
        if span is not None and owner not in self._moved:
            return Spot("arena", None, span.start + offset)
        if place is Place.KNOWN:
            a = self._known.setdefault(owner, np.asarray(thing))
            if (a.shape, a.dtype, a.strides) != known[:3]:
                raise Unfit
            return self._records.array(a, offset)
        if known.weak is not None:
            raise Unfit
        position = self._made_at.get(owner)
        if position is None or place is Place.ARENA:
            return Spot("argument", owner, offset)
        if position >= self._first:
            if is_over or not (known.is_scalar or _order(known)):
                raise Unfit
            return Spot("made", owner, offset)
        is_sure = plan.calls[position].how in (How.UFUNC, How.REDUCE)
        return Spot("argument", owner, offset) if is_sure or owner == n else Spot("argument", n)

    def _segment(self, stop: int, run: Sequence[Record]) -> Segment:
        """Return a segment of these records."""
        records = [r for record in run for r in (record.inside or (record,))]
        settled, size = self._settled(stop, records)
        spots = (settled(spot) for r in records for spot in r.spots if spot.kind != "scratch")
        places = sorted({spot[:2]: None for spot in spots}, key=lambda place: _KINDS.index(place[0]))
        loops = {loop: k for k, loop in enumerate(dict.fromkeys(r.loop for r in records))}
        errors = {id(r.error): r.error for r in records if r.kind == CHECKED}
        code = _Code({place: k for k, place in enumerate(places, 1)}, loops, list(errors), settled)
        given = [place for place in places if place[0] in ("argument", "live")]
        made = [n for kind, n in places if kind == "made"]
        arrays = self._records.arrays
        written = {settled(r.spots[0] if r.kind == REDUCE else r.spots[-1])[:2] for r in records}
        return Segment(
            self._first,
            stop,
            tuple([n if kind == "argument" else n[0] for kind, n in given]),
            tuple(made),
            tuple([self._kind(place, written) for place in given]),
            tuple([self._kind(("made", n)) for n in made]),
            np.array([i for r in run for i in code.of(r)], np.intp),
            tuple([(loop.ufunc, loop.number) for loop in loops]),
            tuple([arrays[key] if kind == "array" else kind for kind, key in places if kind in _STILL]),
            size,
            max((r.scratch for r in run), default=0),
            is_long(sum(r.work for r in run)),
            tuple(errors.values()),
        )

    def _settled(self, stop: int, records: Sequence[Record]) -> tuple[Callable[[Spot], Spot], int]:
        """Return where spots are that only this segment uses, and how many bytes of its own that takes."""
        specs, own, size = self._plan.specs, dict[int, int](), 0
        for kind, n in dict.fromkeys(spot[:2] for r in records for spot in r.spots):
            if kind == "made" and all(self._first <= position < stop for position in self._readers.get(n, [stop])):
                own[n] = size
                size += -(-specs[n].nbytes // LINE) * LINE

        def settled(spot: Spot) -> Spot:
            if spot.kind == "made" and spot.key in own:
                return Spot("own", None, own[spot.key] + spot.offset)
            return Spot("own", None, size + spot.offset) if spot.kind == "own" else spot

        casts = (spot.offset + r.reach(k) for r in records for k, spot in enumerate(r.spots) if spot.kind == "own")
        return settled, size + max(casts, default=0)

    def _kind(self, place: tuple[str, Any], written: Container[tuple[str, Any]] = ()) -> tuple[Any, ...]:
        """Return what the executor is told of an argument or result."""
        kind, n = place
        if kind == "live":
            return like((), (), n[1]), True, False, True
        shape, dtype, strides = self._plan.specs[n][:3]
        is_result = kind == "made"
        in_columns = is_result and _order(self._plan.specs[n]) == "F"
        is_scalar = is_result and self._plan.specs[n].is_scalar
        return like(shape, strides, dtype), in_columns, place in written, is_scalar


class _Code(NamedTuple):
    """How records are written.

    Attributes:
        numbers: of memory.
        loops: their numbers.
        errors: the ids of exceptions.
        settled: where a spot is in the end.
    """

    numbers: Mapping[Any, int]
    loops: Mapping[Any, int]
    errors: Sequence[int]
    settled: Callable[[Spot], Spot]

    def of(self, r: Record) -> list[int]:
        """Return the integers of a record."""
        if r.kind == BLOCK:
            body = [i for inner in r.inside for i in self.of(inner)]
            return block_record(r.block.rows, r.block.step, r.scratch, r.work, body)
        operands = [
            (0 if spot.kind == "scratch" else self.numbers[spot[:2]], spot.offset, move)
            for spot, move in zip(map(self.settled, r.spots), r.moves, strict=True)
        ]
        kind = r.kind if r.kind != CHECKED else CHECKED + self.errors.index(id(r.error))
        return call_record(kind, self.loops[r.loop], r.dimensions, r.core, operands, r.strides)


def _order(spec: Spec) -> str | None:
    """Return in which order the elements lie, as NumPy calls it; None if it is another one."""
    return next((order for order in _ORDERS if _strides(spec, order) == spec.strides), None)


def _strides(spec: Spec, order: str) -> tuple[int, ...]:
    strides, step = [], spec.dtype.itemsize
    for n in reversed(spec.shape) if order == "C" else spec.shape:
        strides.append(step)
        step *= n
    return tuple(reversed(strides) if order == "C" else strides)
