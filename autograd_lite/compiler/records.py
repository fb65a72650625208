"""Calls as records of integers, which the executor in C reads; `native/c/executor.h` says what is where in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import Checked, Fill
from ..native.instructions import BLOCK, CALL, CHECKED, LINE, REDUCE
from ..native.kernels import library
from .blocks import Block, is_one
from .loops import (
    Loop,
    broadcast,
    cast,
    core_of,
    initial,
    loop_of,
    of_short_rows,
    ordered,
    reduced_axes,
    reduction_of,
)
from .lowering import Call, How, Ref, Spec

_NUMBERS = (int, float)


class Unfit(Exception):
    """Raised where a call must stay a line of Python."""


class Spot(NamedTuple):
    """Where a value lies.

    Attributes:
        kind: of memory: "arena", "scratch" of a block, "array" for one that is always the same, "argument", "live" for
            a number that comes with every call, "made" by a call, or "own" for what is needed during one call only.
        key: which memory of that kind it is.
        offset: in bytes, from where that begins.
    """

    kind: str
    key: Any = None
    offset: int = 0


class Operand(NamedTuple):
    """What a loop reads or writes."""

    spot: Spot
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


class Record(NamedTuple):
    """The call of one loop, or a block of such calls.

    Attributes:
        kind: one of `CALL`, `REDUCE`, `BLOCK` and `CHECKED`.
        loop: which is called.
        spots: where the operands begin.
        moves: by how many bytes they move from row to row of a block.
        dimensions: that the loop goes through, outermost first.
        core: of a generalized ufunc, the sizes of its own dimensions.
        strides: of all operands, dimension by dimension, then those of the core.
        block: what is carried out part by part.
        inside: the records of that.
        scratch: the bytes that its parts take.
        error: what is raised if the call is invalid, of the kind `CHECKED`.
    """

    kind: int
    loop: Any = None
    spots: tuple[Spot, ...] = ()
    moves: tuple[int, ...] = ()
    dimensions: tuple[int, ...] = ()
    core: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    block: Any = None
    inside: tuple[Record, ...] = ()
    scratch: int = 0
    error: Any = None

    @property
    def work(self) -> int:
        """How many elements the loops go through."""
        if self.block is not None:
            return len(self.inside) * math.prod(self.block.shape)
        return math.prod(self.dimensions) * math.prod(self.core)

    def reach(self, k: int) -> int:
        """Return how many bytes an operand spans."""
        steps = self.strides[k :: len(self.spots)]
        ends = sum((n - 1) * step for n, step in zip(self.dimensions, steps, strict=False))
        return ends + int(self.loop.dtypes[k].itemsize)


class Records:
    """Makes records of calls.

    Args:
        specs: of every value.
        spot_of: returns where a value lies; it may raise `Unfit`.
        live: returns where a number lies that comes with every call, of a value and as a dtype.

    Attributes:
        arrays: that are always the same, by their ids.
    """

    def __init__(self, specs: Sequence[Spec], spot_of: Callable[[int], Spot], live: Callable[[int, Any], Spot]) -> None:
        self._specs, self._spot_of, self._live = specs, spot_of, live
        self.arrays: dict[int, Any] = {}

    def array(self, a: Any, offset: int = 0) -> Spot:
        """Return where an array lies that is always the same."""
        self.arrays[id(a)] = a
        return Spot("array", id(a), offset)

    def of(self, call: Call) -> list[Record]:
        """Return the records of a call.

        Raises:
            Unfit: if it must stay a line of Python.
        """
        if call.how is How.REDUCE:
            return [self._reduction(call)]
        if call.how is How.FILL:
            return self._fill(call)
        checked = call.function
        if isinstance(checked, Checked):
            call = call._replace(how=How.UFUNC, function=checked.ufunc)
            record = self._generalized(*self._operands(call))
            return [record._replace(kind=CHECKED, error=checked.error)]
        loop, operands = self._operands(call)
        if loop.ufunc.signature is not None:
            return [self._generalized(loop, operands)]
        records: list[Record] = []
        size = 0
        for k, (a, dtype) in enumerate(zip(operands, loop.dtypes, strict=True)):
            if a.dtype != dtype:
                operands[k] = _like(a, dtype, Spot("own", None, size))
                size += -(-math.prod(a.shape) * dtype.itemsize // LINE) * LINE
                records.append(_elementwise(_cast(a.dtype, dtype), [a, operands[k]]))
        return [*records, _elementwise(loop, operands)]

    def _fill(self, call: Call) -> list[Record]:
        fill, spec = call.function, self._specs[call.value]
        if not isinstance(fill, Fill) or not library:
            raise Unfit
        zero = np.broadcast_to(np.zeros((), spec.dtype), spec.shape)
        whole = np.lib.stride_tricks.as_strided(np.empty(1, spec.dtype), spec.shape, spec.strides)  # never read
        if fill.seen != whole.shape:
            if not whole.flags.c_contiguous:
                raise Unfit
            whole = whole.reshape(fill.seen)
        spot, records = self._spot_of(call.value), []
        for index, source in fill.parts:
            index = index if index.__class__ is tuple else (index,)
            part = whole[index if Ellipsis in index else (*index, ...)]  # an array, and never a scalar
            start = Spot(spot.kind, spot.key, spot.offset + _address(part) - _address(whole))
            out = Operand(start, part.shape, part.strides, part.dtype)
            x = self._operand(zero if source is None else call.args[source], spec.dtype)
            if 0 not in part.shape:
                records.append(_elementwise(_cast(x.dtype, out.dtype), [x, out]))
        return records

    def block(self, block: Block, calls: Sequence[Call], parts: Sequence[Spot]) -> Record:
        """Return the record of a block.

        Args:
            block: which one.
            calls: that are part of it.
            parts: for each the place of its result in the arena, if it lies there part by part.

        Raises:
            Unfit: if it must stay a loop of Python.
        """
        own: dict[Any, int] = {}  # where the memory of the parts begins, by where it is in the arena
        size = 0
        for spot in parts:
            if spot.kind == "scratch" and spot.key[0] not in own:
                own[spot.key[0]] = size
                size += -(-spot.key[1] // LINE) * LINE
        inside: list[Record] = []
        most = size
        for call in calls:
            loop, operands = self._operands(call)
            if loop.ufunc.signature is not None:
                raise Unfit
            used = size
            for k, (a, dtype) in enumerate(zip(operands, loop.dtypes, strict=True)):
                if a.spot.kind == "scratch":
                    operands[k] = a = a._replace(spot=Spot("scratch", None, own[a.spot.key[0]]))
                if a.dtype != dtype:
                    operands[k] = _like(a, dtype, Spot("scratch", None, used))
                    part = block.step * block.row if a.shape == block.shape else math.prod(a.shape)
                    used += -(-part * dtype.itemsize // LINE) * LINE
                    inside.append(_in_block(block, _cast(a.dtype, dtype), [a, operands[k]]))
            most = max(most, used)
            inside.append(_in_block(block, loop, operands))
        return Record(BLOCK, block=block, inside=tuple(inside), scratch=most)

    def _operands(self, call: Call) -> tuple[Loop, list[Operand]]:
        loop = loop_of(call, self._specs)
        if loop is None:
            raise Unfit
        operands = [
            self._operand(x, dtype) for x, dtype in zip((*call.args, Ref(call.value)), loop.dtypes, strict=True)
        ]
        out = operands[-1]
        for a in operands[:-1]:
            same = a.spot.kind == out.spot.kind and a.spot.key == out.spot.key
            if same and a.spot.kind != "scratch" and a != out and _overlap(a, out):
                raise Unfit  # NumPy copies what is overwritten meanwhile
        return loop, operands

    def _operand(self, x: Any, dtype: np.dtype[Any]) -> Operand:
        if x.__class__ is Ref:
            spec = self._specs[x.value]
            if spec.weak is not None:
                return Operand(self._live(x.value, dtype), (), (), dtype)
            return Operand(self._spot_of(x.value), spec.shape, spec.strides, spec.dtype)
        a = np.array(x, dtype) if x.__class__ in _NUMBERS else np.asarray(x)
        return Operand(self.array(a), a.shape, a.strides, a.dtype)

    def _generalized(self, loop: Loop, operands: Sequence[Operand]) -> Record:
        found = core_of(loop, operands)
        if found is None:
            raise Unfit
        core, core_strides, counts = found
        shapes = [a.shape[: len(a.shape) - n] for a, n in zip(operands, counts, strict=True)]
        outer = shapes[-1]
        steps = [broadcast(shape, a.strides[: len(shape)], outer) for shape, a in zip(shapes, operands, strict=True)]
        dimensions, strides = ordered(outer, steps)
        return _record(CALL, loop, operands, dimensions, strides, core, core_strides)

    def _reduction(self, call: Call) -> Record:
        loop = reduction_of(call, self._specs)
        if loop is None:
            raise Unfit
        x, out = (self._operand(ref, loop.dtypes[0]) for ref in (call.args[0], Ref(call.value)))
        axes, kept = reduced_axes(call, len(x.shape)), iter(out.strides)
        steps = []
        for k, n in enumerate(x.shape):
            step = next(kept) if k not in axes or call.kwargs.get("keepdims") else 0
            steps.append(0 if k in axes or n == 1 else step)
        dimensions, strides = ordered(
            x.shape, [steps, [0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)]]
        )
        for (before, _), (after, _) in pairwise(strides):
            if before == after == 0:
                raise Unfit  # NumPy gathers such elements first, as many as a buffer of its holds
        value = initial(loop.ufunc, loop.dtypes[0])
        if value is None:
            return _record(REDUCE, loop, [out, x], dimensions, strides)
        begin = Operand(self.array(value), (), (), loop.dtypes[0])
        return _record(REDUCE, loop, [out, x, begin], dimensions, [(*pair, 0) for pair in strides])


def _like(a: Operand, dtype: np.dtype[Any], spot: Spot) -> Operand:
    """Return an operand of another dtype, whose elements lie in C order."""
    strides, step = [], dtype.itemsize
    for n in reversed(a.shape):
        strides.append(step)
        step *= n
    return Operand(spot, a.shape, tuple(reversed(strides)), dtype)


def _address(a: Any) -> int:
    address: int = a.__array_interface__["data"][0]
    return address


def _cast(start: np.dtype[Any], end: np.dtype[Any]) -> Loop:
    found = cast(start, end)
    if found is None:
        raise Unfit
    return found


def _overlap(a: Operand, b: Operand) -> bool:
    """Return whether two operands in the same memory have bytes in common, as far as their ends tell."""
    (start, stop), (first, last) = _reach(a), _reach(b)
    return start < last and first < stop


def _reach(a: Operand) -> tuple[int, int]:
    steps = [(n - 1) * step for n, step in zip(a.shape, a.strides, strict=True)]
    first = a.spot.offset + sum(s for s in steps if s < 0)
    return first, a.spot.offset + sum(s for s in steps if s > 0) + a.dtype.itemsize


def _record(
    kind: int,
    loop: Loop,
    operands: Sequence[Operand],
    dimensions: Sequence[int],
    strides: Sequence[Sequence[int]],
    core: Sequence[int] = (),
    core_strides: Sequence[int] = (),
) -> Record:
    if not dimensions:  # a result has a stride in NumPy's ufuncs even then, which some loops look at
        steps = [0 if not a.shape else a.dtype.itemsize for a in operands]
        if kind == CALL:
            steps[-1] = operands[-1].dtype.itemsize
        dimensions, strides = [1], [steps]
    if len(dimensions) > 16:
        raise Unfit
    flat = (*(s for row in strides for s in row), *core_strides)
    spots = tuple(a.spot for a in operands)
    return Record(kind, loop, spots, (0,) * len(spots), tuple(dimensions), tuple(core), flat)


def _elementwise(loop: Loop, operands: Sequence[Operand]) -> Record:
    shape = operands[-1].shape
    dimensions, strides = ordered(shape, [broadcast(a.shape, a.strides, shape) for a in operands])
    whole = of_short_rows(loop, dimensions, strides)
    if whole is None:
        return _record(CALL, loop, operands, dimensions, strides)
    *outer, rows, row = strides
    core = [step for pair in zip(rows, row, strict=True) for step in pair]
    outer = outer or [(0,) * len(operands)]
    return _record(CALL, whole, operands, dimensions[:-2] or [1], outer, dimensions[-2:], core)


def _in_block(block: Block, loop: Loop, operands: Sequence[Operand]) -> Record:
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
            return Record(CALL, whole, spots, tuple(moves), (1,), (1, row), (*flat[: len(spots)], *core))
        return Record(CALL, loop, spots, tuple(moves), (1, row), (), flat)
    return Record(CALL, loop, spots, tuple(moves), (row,), (), tuple(s[1] for s in strides))
