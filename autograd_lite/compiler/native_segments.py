"""Native segments: runs of calls that the executor in C carries out, through the inner loops of ufuncs.

A segment makes the same calls as the plan, in the same order and on the same memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..native.instructions import (
    BLOCK,
    CHECKED,
    LINE,
    REDUCE,
    REPEAT,
    THREADS,
    aligned_memory,
    block_record,
    call_record,
    is_long,
    like,
    repeat_record,
)
from ..native.kernels import library
from .buffer_assignment import Place
from .call_instructions import Instruction, InstructionEncoder, NotNative, Spot
from .execution_plan import Plan
from .inner_loops import Loop
from .numpy_calls import Call, How, Spec
from .steps import Steps, StepsEncoder

_ORDERS = "CF"
_KINDS = ("own", "arena", "step", "array", "argument", "scalar", "result")  # of memory, in the order of their numbers
_STILL = _KINDS[:4]  # the same at all calls, or set by records
_OWN, _SCRATCH = ("own", None), ("scratch", None)


class Segment(NamedTuple):
    """A run of calls.

    Attributes:
        first, stop: the positions of its calls.
        input_values: the numbers of the values that it is called with.
        output_values: the numbers of those that it returns.
        arguments, results: their layouts, as the executor takes them.
        code, loops: the instructions.
        values: for each record, but for those of blocks, the number of the value that it is a step to.
        fixed: the other memory that they use: "own", "arena", "step" for pointers that records set, and arrays.
        own: the bytes of memory that only this segment uses.
        temporaries: where in it the arrays begin that are needed during one call only.
        scratch: the bytes of the parts of blocks.
        is_long: whether it pays to let others run meanwhile.
        errors: the exceptions that are raised.
    """

    first: int
    stop: int
    input_values: tuple[int, ...]
    output_values: tuple[int, ...]
    arguments: tuple[Any, ...]
    results: tuple[Any, ...]
    code: Any
    loops: tuple[Any, ...]
    values: tuple[int, ...]
    fixed: tuple[Any, ...]
    own: int
    temporaries: int
    scratch: int
    is_long: bool
    errors: tuple[Exception, ...]

    def instance(self, arena: Any) -> Any:
        """Return a function of the input values, which uses this arena and allocates its private memory."""
        spaces = {"own": aligned_memory(self.own), "arena": arena, "step": arena}
        memory = tuple([spaces[a] if isinstance(a, str) else a for a in self.fixed])
        scratch = aligned_memory(self.scratch * THREADS)
        rest = self.arguments, self.results, scratch, self.is_long, self.errors
        return library.Segment(self.code, self.loops, memory, *rest)


def find_segments(plan: Plan, movable: Collection[int] = ()) -> list[Segment]:
    """Return the runs of calls that need no Python, in order.

    Args:
        plan: of which they are.
        movable: the numbers of values in the arena that may lie elsewhere from call to call.
    """
    return list(_SegmentFinder(plan, movable).segments()) if library else []


class WholeSegment(NamedTuple):
    """A plan that is one segment.

    Attributes:
        segment: which.
        slots: the numbers of the values that lie in its arguments and results, in this order.
        outputs: where the results of the plan lie: for each the number of a value in a slot or of an argument of the
            plan, or else of its memory, less than 0; and the offset there, in bytes.
    """

    segment: Segment
    slots: tuple[int, ...]
    outputs: tuple[tuple[int, int], ...]


def as_one_segment(plan: Plan, movable: Collection[int] = ()) -> WholeSegment | None:
    """Return a plan as one segment; None if it needs Python.

    Args:
        plan: as in `find_segments`.
        movable: as there.
    """
    return _SegmentFinder(plan, movable).whole() if library else None


def needs_no_python(plan: Plan) -> bool:
    """Return whether all calls of a plan are instructions, one after the other."""
    segments = find_segments(plan)
    return library is not None and (_are_whole(plan, segments) or all(call.how is How.VIEW for call in plan.calls))


def _are_whole(plan: Plan, segments: Sequence[Segment]) -> bool:
    """Return whether segments are one, and all that a plan does."""
    positions = [k for k, call in enumerate(plan.calls) if call.how is not How.VIEW]
    is_one = len(segments) == 1 and plan.end.start == len(plan.calls)
    return is_one and segments[0].first <= positions[0] and positions[-1] < segments[0].stop


class _SegmentFinder:
    def __init__(self, plan: Plan, movable: Collection[int]) -> None:
        self._plan = plan
        self._spots = _Spots(plan, movable)
        self._encoder = InstructionEncoder(plan.specs, self._spots, self._spots.arrays)
        self._readers: dict[int, list[int]] = {}  # for a value that owns memory, the positions at which it is read
        owners, readers = [spec.owner for spec in plan.specs], self._readers
        for position, call in enumerate(plan.calls):
            for n in call.reads:
                readers.setdefault(owners[n], []).append(position)
        for n in (*plan.outputs, *plan.end.entering):
            readers.setdefault(owners[n], []).append(len(plan.calls))

    def segments(self) -> Iterator[Segment]:
        """Yield the segments."""
        plan, position = self._plan, 0
        blocks = {block.first: block for block in plan.blocks}
        run: list[Instruction] = []
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
            if not run:
                self._spots.begin(position)
            try:
                instructions = self._instructions(call) if block is None else [self._block(block)]
            except NotNative:
                if run:
                    yield self._segment(stop, run)
                run = []
            else:
                run += instructions
                stop = after
            position = after
        if run:
            yield self._segment(stop, run)

    def whole(self) -> WholeSegment | None:
        """Return the plan as one segment; None if it needs Python."""
        plan, segments = self._plan, list(self.segments())
        if not _are_whole(plan, segments) or any(a[1] for a in segments[0].arguments):
            return None
        (segment,) = segments
        try:
            spots = [self._spots[n] for n in plan.outputs]
        except NotNative:
            return None
        outputs: list[tuple[int, int]] = []
        for spot in spots:
            if spot is None:
                return None
            kind, key, offset = spot
            memory = kind if kind in ("own", "arena") else self._spots.arrays.get(key)
            places = [k for k, fixed in enumerate(segment.fixed) if fixed is memory]
            if kind in ("argument", "result"):
                outputs.append((key, offset))
            elif places:
                outputs.append((-1 - places[0], offset))
            else:
                return None
        return WholeSegment(segment, (*segment.input_values, *segment.output_values), tuple(outputs))

    def _instructions(self, call: Call) -> list[Instruction]:
        if isinstance(call.function, Steps):
            spots = self._spots
            return [*StepsEncoder(call, self._plan.specs, spots, _spots_in_steps, spots.arrays).encode()]
        return self._encoder.of(call)

    def _block(self, block: Any) -> Instruction:
        calls = self._plan.calls[block.first : block.stop]
        return self._encoder.block(block, calls, [self._spots[call.value] for call in calls])

    def _segment(self, stop: int, run: Sequence[Instruction]) -> Segment:
        """Return a segment of these records."""
        code = _Code()
        for r in run:
            code.add(r)
        first = self._spots.first
        used = {place: number for place, number in code.places.items() if place != _SCRATCH}
        begins, size = self._private_memory(first, stop, used)
        if code.casts:
            begins[_OWN] = size
        written: dict[tuple[str, Any], bool] = {}
        for place, number in used.items():
            there = _OWN if place in begins else place
            written[there] = written.get(there, False) or number in code.written
        places = sorted(written, key=lambda place: _KINDS.index(place[0]))
        numbers = {place: k for k, place in enumerate(places, 1)}
        memory = {place: (numbers[_OWN if place in begins else place], begins.get(place, 0)) for place in used}
        inputs = [place for place in places if place[0] in ("argument", "scalar")]
        outputs = [n for kind, n in places if kind == "result"]
        arrays = self._spots.arrays
        return Segment(
            first,
            stop,
            tuple([n if kind == "argument" else n[0] for kind, n in inputs]),
            tuple(outputs),
            tuple([self._kind(place, written[place]) for place in inputs]),
            tuple([self._kind(("result", n)) for n in outputs]),
            code.array(memory),
            tuple([(loop.ufunc, loop.number) for loop in code.loops]),
            tuple(code.values),
            tuple([arrays[key] if kind == "array" else kind for kind, key in places if kind in _STILL]),
            size + code.casts,
            size,
            max((r.scratch for r in run), default=0),
            is_long(sum([r.work for r in run])),
            tuple(code.errors.values()),
        )

    def _private_memory(
        self, first: int, stop: int, used: Collection[tuple[str, Any]]
    ) -> tuple[dict[tuple[str, Any], int], int]:
        """Return the values that only this segment uses, with their places in private memory, and its size."""
        begins, size = dict[Any, int](), 0
        for place in used:
            kind, n = place
            is_private = kind == "result" and all(first <= position < stop for position in self._readers.get(n, [stop]))
            if is_private or kind == "buffer":
                begins[place] = size
                size += -(-(n[-1] if kind == "buffer" else self._plan.specs[n].nbytes) // LINE) * LINE
        return begins, size

    def _kind(self, place: tuple[str, Any], written: bool = False) -> tuple[Any, ...]:
        """Return the layout of an argument or result, as the executor takes it."""
        kind, n = place
        if kind == "scalar":
            return like((), (), n[1]), True, False, True
        shape, dtype, strides = self._plan.specs[n][:3]
        is_result = kind == "result"
        in_columns = is_result and _order(self._plan.specs[n]) == "F"
        is_scalar = is_result and self._plan.specs[n].is_scalar
        return like(shape, strides, dtype), in_columns, written, is_scalar


def _spots_in_steps(plan: Plan, arrays: dict[int, Any]) -> _Spots:
    """Return the places of values of a plan that runs again and again as part of another one."""
    spots = _Spots(plan, ())
    spots.arrays = arrays
    return spots


class _Spots(dict[int, Any]):
    """The places of values, by their numbers: cached, as far as they are the same in all segments.

    Attributes:
        arrays: that are always the same, by their ids.
        first: the position of the first call of the segment at hand.
    """

    def __init__(self, plan: Plan, movable: Collection[int]) -> None:
        self._plan, self._moved = plan, movable
        self._made_at = {call.value: position for position, call in enumerate(plan.calls)}
        self._known: dict[int, Any] = {}  # arrays that are always the same
        self.arrays: dict[int, Any] = {}
        self.first = 0
        self._passing: list[int] = []  # values that lie elsewhere in another segment

    def begin(self, position: int) -> None:
        """Begin a segment."""
        self.first = position
        for n in self._passing:
            del self[n]
        self._passing.clear()

    def __missing__(self, n: int) -> Spot | None:
        spot = self[n] = None if self._plan.specs[n].weak is not None else self._spot(n)
        if spot is not None and spot.kind in ("argument", "result"):
            self._passing.append(n)
        return spot

    def _spot(self, n: int) -> Spot:
        """Return where a value lies."""
        plan, spec = self._plan, self._plan.specs[n]
        owner, offset = spec.owner, spec.offset
        if offset is None:
            return Spot("argument", n)
        place, content, span = plan.where[owner]
        is_over = place in (Place.OVER, Place.REPLACES)
        while place in (Place.OVER, Place.REPLACES):
            owner, offset = plan.specs[content].owner, offset + plan.specs[content].offset
            place, content, span = plan.where[owner]
        owner_spec = plan.specs[owner]
        if span is not None and place is Place.PART:
            return Spot("scratch", (span.start, span.stop - span.start))
        if span is not None and owner not in self._moved:
            return Spot("arena", None, span.start + offset)
        if place is Place.CONSTANT:
            a = self._known.setdefault(owner, np.asarray(content))
            if (a.shape, a.dtype, a.strides) != owner_spec[:3]:
                raise NotNative
            self.arrays[id(a)] = a
            return Spot("array", id(a), offset)
        if owner_spec.weak is not None:
            raise NotNative
        position = self._made_at.get(owner)
        if position is None or place is Place.ARENA:
            return Spot("argument", owner, offset)
        if position >= self.first:
            if is_over or not (owner_spec.is_scalar or _order(owner_spec)):
                raise NotNative
            return Spot("result", owner, offset)
        is_sure = plan.calls[position].how in (How.UFUNC, How.REDUCE)
        return Spot("argument", owner, offset) if is_sure or owner == n else Spot("argument", n)


class _Code:
    """The integers of records, which are written one after the other.

    Attributes:
        places: the memory that they use, numbered as it turns up.
        written: the numbers of what they write into.
        casts: the bytes of the arrays that are needed during one call only.
        loops, errors: that they refer to.
        values: of all records but blocks, in order.
    """

    def __init__(self) -> None:
        self.places: dict[Any, int] = {_SCRATCH: 0}
        self.written: set[int] = set()
        self.casts = 0
        self.loops: dict[Loop, int] = {}
        self.errors: dict[int, Exception] = {}
        self.values: list[int] = []
        self._code: list[int] = []
        self._operands: list[int] = []  # where in the code there is memory
        self._loops: dict[int, int] = {}  # the same as `loops`, by their ids

    def add(self, r: Instruction) -> None:
        """Write a record."""
        code, places = self._code, self.places
        if r.kind == BLOCK:
            start = len(code)
            code += block_record(r.block.rows, r.block.step, r.scratch, r.work, ())
            for inner in r.inside:
                self.add(inner)
            code[start + 1] = len(code) - start
            return
        if r.kind == REPEAT:
            self._add_steps(r)
            return
        self.values.append(r.value)
        operands: list[int] = []
        for k, (spot, move) in enumerate(zip(r.spots, r.moves, strict=True)):
            place = spot[:2]
            number = places.get(place)
            if number is None:
                number = places[place] = len(places)
            operands += (number, spot[2], move)
            if place[0] == "own":
                self.casts = max(self.casts, spot[2] + r.reach(k))
        self.written.add(operands[0 if r.kind == REDUCE else -3])
        at = len(code) + 6 + len(r.dimensions) + len(r.core)
        self._operands += range(at, at + len(operands), 3)
        loop = self._loops.get(id(r.loop))
        if loop is None:
            loop = self._loops[id(r.loop)] = self.loops.setdefault(r.loop, len(self.loops))
        kind = r.kind
        if kind == CHECKED:
            self.errors[id(r.error)] = r.error
            kind += list(self.errors).index(id(r.error))
        code += call_record(kind, loop, r.dimensions, r.core, operands, r.strides)

    def _add_steps(self, r: Instruction) -> None:
        """Write the record of steps."""
        self.values.append(r.value)
        code, start, moves = self._code, len(self._code), list[int]()
        for to, begin, step in zip(r.spots[::2], r.spots[1::2], r.strides, strict=True):
            numbers = [self.places.setdefault(spot[:2], len(self.places)) for spot in (to, begin)]
            moves += (numbers[0], 0, numbers[1], begin.offset, step)
        code += repeat_record(r.dimensions[0], moves, ())
        self._operands += range(start + 4, len(code), 5)
        self._operands += range(start + 6, len(code), 5)
        for inner in r.inside:
            self.add(inner)
        code[start + 1] = len(code) - start

    def array(self, memory: Mapping[Any, tuple[int, int]]) -> Any:
        """Return all integers.

        Args:
            memory: the number of each in the end, and where what an offset counts from begins there.
        """
        code, where = np.array(self._code, np.intp), np.array(self._operands, np.intp)
        ends = np.array([memory.get(place, (0, 0)) for place in self.places], np.intp)
        places = ends[code[where]]
        code[where] = places[:, 0]
        code[where + 1] += places[:, 1]
        return code


def _order(spec: Spec) -> str | None:
    """Return in which order the elements lie, as NumPy calls it; None if it is another one."""
    return next((order for order in _ORDERS if _strides(spec, order) == spec.strides), None)


def _strides(spec: Spec, order: str) -> tuple[int, ...]:
    strides, step = [], spec.dtype.itemsize
    for n in reversed(spec.shape) if order == "C" else spec.shape:
        strides.append(step)
        step *= n
    return tuple(reversed(strides) if order == "C" else strides)
