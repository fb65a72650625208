"""Encodes calls as instructions, rows of integers for the executor in C; `native/c/executor.h` has the layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import Fill, Loops
from ..core.gathers import Gather, Put, Scatter, kernels
from ..native.instructions import BLOCK, CALL, CHECKED, LINE, REDUCE, REPEAT
from ..native.kernels import library
from .gather_operands import by_elements, by_rows
from .inner_loops import (
    Loop,
    broadcast,
    cast,
    core_of,
    generalized_loop,
    initial,
    is_copy,
    loop_of,
    of_short_rows,
    order_axes,
    reduced_axes,
    reduction_of,
    rows_loop,
    short_sums,
)
from .numpy_calls import Call, How, Ref, Spec, address_of
from .tiling import Block, is_in_order, is_one

_NUMBERS = (int, float, complex)
_MOVES = (Gather, Scatter, Put)
_OVER = frozenset((How.UFUNC, How.LOOPS))  # whose results may lie over what they read


class NotNative(Exception):
    """Raised where a call must stay a line of Python."""


class Spot(NamedTuple):
    """The place of a value, as instructions address it.

    Attributes:
        kind: of memory: "arena", "scratch" of a block, "array" for a constant one, "argument", "scalar" for a number
            that comes with every call, "result" of a call, or "own" for a temporary of one call.
        key: which memory of that kind it is.
        offset: in bytes, from where that begins.
    """

    kind: str
    key: Any = None
    offset: int = 0


class Operand(NamedTuple):
    """An array that a loop reads or writes."""

    spot: Spot
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


class Instruction(NamedTuple):
    """The call of one loop, a block of such calls, or calls that run again and again.

    Attributes:
        kind: one of `CALL`, `REDUCE`, `BLOCK`, `REPEAT` and `CHECKED`.
        loop: which is called.
        spots: where the operands begin; of steps, for each pointer that moves itself, and where it begins.
        moves: by how many bytes they move from row to row of a block.
        dimensions: that the loop goes through, outermost first; the number of steps.
        core: of a generalized ufunc, the sizes of its own dimensions.
        strides: of all operands, dimension by dimension, then those of the core; of steps, of the pointers that move.
        block: the block that is carried out part by part, if any.
        inside: the records of that, or of one step.
        scratch: the bytes that its parts take.
        error: the exception to raise if the call is invalid, of the kind `CHECKED`.
        value: the number of the value that the call of the plan computes, of which this is a step.
    """

    kind: int
    loop: Any = None
    spots: tuple[Spot, ...] = ()
    moves: tuple[int, ...] = ()
    dimensions: tuple[int, ...] = ()
    core: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    block: Any = None
    inside: tuple[Instruction, ...] = ()
    scratch: int = 0
    error: Any = None
    value: int = -1

    @property
    def work(self) -> int:
        """The number of elements that the loops go through."""
        if self.block is not None:
            return len(self.inside) * math.prod(self.block.shape)
        if self.kind == REPEAT:
            return self.dimensions[0] * sum([r.work for r in self.inside])
        return math.prod(self.dimensions) * math.prod(self.core)

    def reach(self, k: int) -> int:
        """Return how many bytes an operand spans."""
        steps = self.strides[k :: len(self.spots)]
        ends = sum((n - 1) * step for n, step in zip(self.dimensions, steps, strict=False))
        return ends + int(self.loop.dtypes[k].itemsize)


class _Kind(NamedTuple):
    """A record of calls that differ only in where the values lie.

    Attributes:
        record: of one of these calls.
        operands: for each where it lies, and the number of the value among those that the call reads, of which the
            result is the last; -1 for what lies in the same place in all of these calls.
        copies: whether it does nothing if the result lies where the other operand does.
    """

    record: Instruction
    operands: tuple[tuple[Spot, int], ...]
    copies: bool


class InstructionEncoder:
    """Makes records of calls.

    Args:
        specs: of every value.
        spots: where values lie; None for a number that comes with every call. To look there may raise `NotNative`.
        arrays: takes those that are always the same, by their ids.
    """

    def __init__(self, specs: Sequence[Spec], spots: Mapping[int, Spot | None], arrays: dict[int, Any]) -> None:
        self._specs, self._spots, self._arrays = specs, spots, arrays
        self._kinds: dict[int, list[_Kind] | None] = {}  # by the ids of `Call.derived`

    def _array(self, a: Any) -> Spot:
        """Return where an array lies that is always the same."""
        self._arrays[id(a)] = a
        return Spot("array", id(a))

    def of(self, call: Call) -> list[Instruction]:
        """Return the records of a call.

        Raises:
            NotNative: if it must stay a line of Python.
        """
        kind = id(call.derived)
        if kind not in self._kinds:
            self._kinds[kind] = self._of_kind(call)
        rows = self._kinds[kind]
        if rows is None:
            raise NotNative
        values = (*call.reads, call.value)
        spots = self._spots
        places = [spots[n] for n in values]
        if call.how in _OVER:
            self._refuse_overlaps(call, places)
        instructions = []
        for instruction, operands, copies in rows:
            at = []
            for spot, k in operands:
                if k >= 0:
                    place = places[k]
                    if place is None:
                        spot = Spot("scalar", (values[k], spot.key[1]))
                    else:
                        spot = Spot(place[0], place[1], place[2] + spot[2]) if spot[2] else place
                at.append(spot)
            if copies and at[0] == at[1]:
                continue
            parts = (instruction[0], instruction[1], tuple(at), *instruction[3:-1], call.value)
            instructions.append(tuple.__new__(Instruction, parts))
        return instructions

    def _of_kind(self, call: Call) -> list[_Kind] | None:
        """Return the records of calls that are known to be like this one; None if they must stay lines of Python."""
        values = (*call.reads, call.value)
        numbers = {n: k for k, n in reversed(list(enumerate(values)))}
        weak = {n for n in values if self._specs[n].weak is not None}
        spots = {n: None if n in weak else Spot("value", n) for n in values}
        try:
            instructions = InstructionEncoder(self._specs, spots, self._arrays)._encode(call)
        except NotNative:
            return None
        keys = {"value": lambda key: numbers[key], "scalar": lambda key: numbers[key[0]]}
        none: Callable[[Any], int] = lambda _: -1  # noqa: E731
        return [
            _Kind(r, tuple([(s, keys.get(s.kind, none)(s.key)) for s in r.spots]), _copies(r)) for r in instructions
        ]

    def _refuse_overlaps(self, call: Call, places: Sequence[Spot | None]) -> None:
        """Raise if a result overlaps an input in part, of which NumPy makes a copy first."""
        out, spec = places[-1], self._specs[call.value]
        if out is None or out.kind == "scratch":
            return
        for n, place in zip(call.reads, places, strict=False):
            if place is not None and place.kind == out.kind and place.key == out.key:
                other = self._specs[n]
                (first, last), (start, stop) = spec.format.reach, other.format.reach
                apart = place.offset - out.offset
                if (apart or not other.alike(spec)) and first < apart + stop and apart + start < last:
                    raise NotNative

    def _spot(self, n: int) -> Spot:
        spot = self._spots[n]
        if spot is None:
            raise NotNative
        return spot

    def _encode(self, call: Call) -> list[Instruction]:
        if call.how is How.REDUCE:
            return [self._reduction(call)]
        if call.how is How.FILL:
            return self._fill(call)
        if isinstance(call.function, Loops):
            return [self._loops(call, call.function)]
        loop, operands = self._operands(call)
        if loop.ufunc.signature is not None:
            return [self._core_call(loop, operands)]
        instructions: list[Instruction] = []
        size = 0
        for k, (a, dtype) in enumerate(zip(operands, loop.dtypes, strict=True)):
            if a.dtype != dtype:
                operands[k] = _like(a, dtype, Spot("own", None, size))
                size += -(-math.prod(a.shape) * dtype.itemsize // LINE) * LINE
                instructions.append(_elementwise(_cast(a.dtype, dtype), [a, operands[k]]))
        return [*instructions, _elementwise(loop, operands)]

    def _fill(self, call: Call) -> list[Instruction]:
        fill, spec = call.function, self._specs[call.value]
        if not library:
            raise NotNative
        if not isinstance(fill, Fill):
            return self._gather_or_scatter(call)
        zero, instructions = _zeros(spec.shape, spec.dtype), []
        whole = self._operand(Ref(call.value), spec.dtype)
        if fill.seen != whole.shape:
            if not is_in_order(whole):
                raise NotNative
            whole = _like(whole._replace(shape=fill.seen), spec.dtype, whole.spot)
        for index, source in fill.parts:
            out = _part(whole, index if index.__class__ is tuple else (index,))
            x = self._operand(zero if source is None else call.args[source], spec.dtype)
            if 0 not in out.shape:
                instructions.append(copy_instruction(x, out))
        return instructions

    def _gather_or_scatter(self, call: Call) -> list[Instruction]:
        """Return the records of a call that takes, adds or puts rows by arrays of indices."""
        move, out = call.function, self._operand(Ref(call.value), self._specs[call.value].dtype)
        if not isinstance(move, (Gather, Scatter, Put)) or 0 in out.shape:
            raise NotNative
        places, first = move.places, len(call.args) - move.places.arrays
        arrays = [self._operand(x, out.dtype) for x in call.args[:first]]
        indices = [self._operand(i, np.dtype(np.intp)) for i in call.args[first:]]
        if any(0 in a.shape or a.dtype != out.dtype for a in arrays):
            raise NotNative
        whole = arrays[0] if isinstance(move, Gather) else out
        part = whole if places.along else _part(whole, places.basic)
        rows, instructions = out if isinstance(move, Gather) else arrays[-1], []
        if isinstance(move, Put) or (part.shape != out.shape and isinstance(move, Scatter)):  # the array before
            before = arrays[0] if isinstance(move, Put) else self._operand(_zeros(out.shape, out.dtype), out.dtype)
            instructions.append(copy_instruction(before, out))
        if not places.along:
            shape = (*part.shape[: places.first], *indices[0].shape, *part.shape[places.first + places.arrays :])
            if len(rows.shape) > len(shape):
                raise NotNative
            rows = rows._replace(shape=shape, strides=broadcast(rows.shape, rows.strides, shape))
        form = by_elements if places.along else by_rows
        loop = rows_loop(kernels(places.arrays, places.axis)[_MOVES.index(type(move))], out.dtype)
        operands = form(part, rows, indices, places.first)
        if operands is None or loop is None:
            raise NotNative
        part, rows, indices = operands
        ends = [part, rows] if isinstance(move, Gather) else [rows, part]
        return [*instructions, self._core_call(loop, [ends[0], *indices, ends[1]])]

    def block(self, block: Block, calls: Sequence[Call], parts: Sequence[Spot]) -> Instruction:
        """Return the record of a block.

        Args:
            block: which one.
            calls: that are part of it.
            parts: for each the place of its result in the arena, if it lies there part by part.

        Raises:
            NotNative: if it must stay a loop of Python.
        """
        scratch: dict[Any, int] = {}  # where the memory of the parts begins, by where it is in the arena
        size = 0
        for spot in parts:
            if spot.kind == "scratch" and spot.key[0] not in scratch:
                scratch[spot.key[0]] = size
                size += -(-spot.key[1] // LINE) * LINE
        inside: list[Instruction] = []
        most = size
        for call in calls:
            loop, operands = self._operands(call)
            if loop.ufunc.signature is not None:
                raise NotNative
            arguments = operands[: len(call.args)]
            spots = {x.value: a.spot for x, a in zip(call.args, arguments, strict=True) if x.__class__ is Ref}
            self._refuse_overlaps(call, [*[spots[n] for n in call.reads], operands[-1].spot])
            used = size
            for k, (a, dtype) in enumerate(zip(operands, loop.dtypes, strict=True)):
                if a.spot.kind == "scratch":
                    operands[k] = a = a._replace(spot=Spot("scratch", None, scratch[a.spot.key[0]]))
                if a.dtype != dtype:
                    operands[k] = _like(a, dtype, Spot("scratch", None, used))
                    part = block.step * block.row if a.shape == block.shape else math.prod(a.shape)
                    used += -(-part * dtype.itemsize // LINE) * LINE
                    cast_of_operand = _in_block(block, _cast(a.dtype, dtype), [a, operands[k]])
                    inside.append(cast_of_operand._replace(value=call.value))
            most = max(most, used)
            inside.append(_in_block(block, loop, operands)._replace(value=call.value))
        return Instruction(BLOCK, block=block, inside=tuple(inside), scratch=most)

    def _operands(self, call: Call) -> tuple[Loop, list[Operand]]:
        loop = loop_of(call, self._specs)
        if loop is None:
            raise NotNative
        operands = [
            self._operand(x, dtype) for x, dtype in zip((*call.args, Ref(call.value)), loop.dtypes, strict=True)
        ]
        return loop, operands

    def operand(self, x: Any) -> Operand:
        """Return where an argument of a call lies, a value or a constant array.

        Raises:
            NotNative: if it is a number that comes with every call.
        """
        if x.__class__ is Ref and self._specs[x.value].weak is not None:
            raise NotNative
        return self._operand(x, np.asarray(x).dtype if x.__class__ is not Ref else self._specs[x.value].dtype)

    def _operand(self, x: Any, dtype: np.dtype[Any]) -> Operand:
        if x.__class__ is Ref:
            spec = self._specs[x.value]
            if spec.weak is not None:
                return Operand(Spot("scalar", (x.value, dtype)), (), (), dtype)
            return Operand(self._spot(x.value), spec.shape, spec.strides, spec.dtype)
        a = np.array(x, dtype) if x.__class__ in _NUMBERS else np.asarray(x)
        return Operand(self._array(a), a.shape, a.strides, a.dtype)

    def _core_call(self, loop: Loop, operands: Sequence[Operand]) -> Instruction:
        parts = core_of(loop, operands)
        if parts is None:
            raise NotNative
        core, core_strides, counts = parts
        shapes = [a.shape[: len(a.shape) - n] for a, n in zip(operands, counts, strict=True)]
        outer = shapes[-1]
        steps = [broadcast(shape, a.strides[: len(shape)], outer) for shape, a in zip(shapes, operands, strict=True)]
        dimensions, strides = order_axes(outer, steps)
        return _instruction(CALL, loop, operands, dimensions, strides, core, core_strides)

    def _loops(self, call: Call, loops: Loops) -> Instruction:
        spec, spot = self._specs[call.value], self._spot(call.value)
        whole = np.lib.stride_tricks.as_strided(np.empty(1, spec.dtype), spec.shape, spec.strides)  # never read
        operands = [self._operand(x, spec.dtype) for x in (*call.args, *loops.rest)]
        if loops.axis != -1:
            operands[0] = _along(operands[0], loops.axis)
        for part in [part(whole) for part in loops.parts]:
            start = Spot(spot.kind, spot.key, spot.offset + address_of(part) - address_of(whole))
            operands.append(Operand(start, part.shape, part.strides, part.dtype))
        loop = generalized_loop(loops.ufunc, operands)
        if loop is None:
            raise NotNative
        instruction = self._core_call(loop, operands)
        return instruction if loops.error is None else instruction._replace(kind=CHECKED, error=loops.error)

    def _reduction(self, call: Call) -> Instruction:
        loop = reduction_of(call, self._specs)
        if loop is None:
            raise NotNative
        x, out = (self._operand(ref, loop.dtypes[0]) for ref in (call.args[0], Ref(call.value)))
        axes, out_strides = reduced_axes(call, len(x.shape)), iter(out.strides)
        steps = []
        for k, n in enumerate(x.shape):
            step = next(out_strides) if k not in axes or call.kwargs.get("keepdims") else 0
            steps.append(0 if k in axes or n == 1 else step)
        dimensions, strides = order_axes(
            x.shape, [steps, [0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)]]
        )
        for (before, _), (after, _) in pairwise(strides):
            if before == after == 0:
                raise NotNative  # NumPy gathers such elements first, as many as a buffer of its holds
        value = initial(loop.ufunc, loop.dtypes[0])
        if value is None:
            return _instruction(REDUCE, loop, [out, x], dimensions, strides)
        begin = Operand(self._array(value), (), (), loop.dtypes[0])
        if short := short_sums(loop, dimensions, [step for step, _ in strides]):
            whole, n = short
            outer = [(step_of_input, 0, step) for step, step_of_input in strides[:-n]]
            core = [step_of_input for _, step_of_input in strides[-n:]] + [step for step, _ in strides[-n:] if step]
            return _instruction(CALL, whole, [x, begin, out], dimensions[:-n], outer, dimensions[-n:], core)
        return _instruction(REDUCE, loop, [out, x, begin], dimensions, [(*pair, 0) for pair in strides])


def _along(a: Operand, axis: int) -> Operand:
    """Return an operand with one of its axes as the last one."""
    order = [k for k in range(len(a.shape)) if k != axis % len(a.shape)]
    order.append(axis % len(a.shape))
    return a._replace(shape=tuple([a.shape[k] for k in order]), strides=tuple([a.strides[k] for k in order]))


def _copies(r: Instruction) -> bool:
    """Return whether a call copies elements to where they would lie if both operands were in the same place."""
    if r.kind != CALL or len(r.spots) != 2 or not is_copy(r.loop):
        return False
    outer, n = r.strides[: 2 * len(r.dimensions)], len(r.core)
    core = r.strides[2 * len(r.dimensions) :]
    return outer[::2] == outer[1::2] and core[:n] == core[n:]


def copy_instruction(start: Operand, end: Operand) -> Instruction:
    """Return the record of a copy.

    Raises:
        NotNative: if only NumPy casts so.
    """
    return _elementwise(_cast(start.dtype, end.dtype), [start, end])


def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _part(a: Operand, index: tuple[Any, ...]) -> Operand:
    """Return a part of an operand, by slices and integers."""
    whole = np.lib.stride_tricks.as_strided(np.empty(1, a.dtype), a.shape, a.strides)  # never read
    part = whole[index if Ellipsis in index else (*index, ...)]  # an array, and never a scalar
    spot = a.spot._replace(offset=a.spot.offset + address_of(part) - address_of(whole))
    return Operand(spot, part.shape, part.strides, part.dtype)


def _like(a: Operand, dtype: np.dtype[Any], spot: Spot) -> Operand:
    """Return an operand of another dtype, whose elements lie in C order."""
    strides, step = [], dtype.itemsize
    for n in reversed(a.shape):
        strides.append(step)
        step *= n
    return Operand(spot, a.shape, tuple(reversed(strides)), dtype)


def _cast(start: np.dtype[Any], end: np.dtype[Any]) -> Loop:
    loop = cast(start, end)
    if loop is None:
        raise NotNative
    return loop


def _instruction(
    kind: int,
    loop: Loop,
    operands: Sequence[Operand],
    dimensions: Sequence[int],
    strides: Sequence[Sequence[int]],
    core: Sequence[int] = (),
    core_strides: Sequence[int] = (),
) -> Instruction:
    if not dimensions:  # a result has a stride in NumPy's ufuncs even then, which some loops look at
        steps = [0 if not a.shape else a.dtype.itemsize for a in operands]
        if kind == CALL:
            steps[-1] = operands[-1].dtype.itemsize
        dimensions, strides = [1], [steps]
    if len(dimensions) > 16:
        raise NotNative
    flat = (*(s for row in strides for s in row), *core_strides)
    spots = tuple(a.spot for a in operands)
    return Instruction(kind, loop, spots, (0,) * len(spots), tuple(dimensions), tuple(core), flat)


def _elementwise(loop: Loop, operands: Sequence[Operand]) -> Instruction:
    shape = operands[-1].shape
    dimensions, strides = order_axes(shape, [broadcast(a.shape, a.strides, shape) for a in operands])
    whole = of_short_rows(loop, dimensions, strides)
    if whole is None:
        return _instruction(CALL, loop, operands, dimensions, strides)
    *outer, rows, row = strides
    core = [step for pair in zip(rows, row, strict=True) for step in pair]
    outer = outer or [(0,) * len(operands)]
    return _instruction(CALL, whole, operands, dimensions[:-2] or [1], outer, dimensions[-2:], core)


def _in_block(block: Block, loop: Loop, operands: Sequence[Operand]) -> Instruction:
    """Return the record of an elementwise call for one row of a block."""
    row, moves, strides = block.row, [], []
    for a in operands:
        size, split = a.dtype.itemsize, a.shape == block.shape and not is_one(a)
        moves.append(row * size if split and a.spot.kind != "scratch" else 0)
        strides.append((row * size, size) if split else (0, 0 if is_one(a) else size))
    spots = tuple(a.spot for a in operands)
    by_rows = any(a.shape != block.shape and not is_one(a) for a in operands)
    if by_rows:
        flat = (*(s[0] for s in strides), *(s[1] for s in strides))
        if whole := of_short_rows(loop, (1, row), (flat[: len(spots)], flat[len(spots) :])):
            core = [step for s in strides for step in (0, s[1])]
            return Instruction(CALL, whole, spots, tuple(moves), (1,), (1, row), (*flat[: len(spots)], *core))
        return Instruction(CALL, loop, spots, tuple(moves), (1, row), (), flat)
    return Instruction(CALL, loop, spots, tuple(moves), (row,), (), tuple(s[1] for s in strides))
