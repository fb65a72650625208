"""Loops inside of plans: a plan that runs once for each entry of some arrays, as one record around its instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.equivalents import Loops
from ..native.instructions import REPEAT
from .buffer_assignment import Place
from .call_instructions import Instruction, InstructionEncoder, NotNative, Operand, Spot, copy_instruction
from .execution_plan import Plan
from .numpy_calls import Call, How, Spec

COPY = -2  # the value of a record that copies the result of a step to where it stays


class Steps(Loops):
    """A loop as the function of a call: its results lie one after another in one array of bytes.

    Args:
        name: of the loop.
        function: runs all steps on arrays and returns the results: the last carry, and then the rows.
        results: examples of these.
        plan: of one step: it takes the carry, entries of the xs, and the other inputs; it returns the next carry and
            rows of the other results.
        n, m: the numbers of arrays in the carry, and of those and the xs.
        length: the number of steps, at least one.
        reverse: whether the last entry comes first.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        results: Sequence[Any],
        plan: Plan,
        n: int,
        m: int,
        length: int,
        reverse: bool,
    ) -> None:
        bundle = Loops(function, np.add).bundle_results(results)
        super().__init__(bundle.function, np.add, parts=bundle.parts)
        self.__name__ = name
        self.plan, self.n, self.m, self.length, self.reverse = plan, n, m, length, reverse


class StepsEncoder:
    """Makes the record of a call of `Steps`.

    Args:
        call: the call.
        specs: of the values of the plan that it belongs to.
        spots: where these lie.
        spots_of: returns where the values of another plan lie, as if it were one segment.
        arrays: takes those that are always the same, by their ids.
    """

    def __init__(
        self,
        call: Call,
        specs: Sequence[Spec],
        spots: Mapping[int, Spot | None],
        spots_of: Callable[[Plan, dict[int, Any]], Mapping[int, Spot | None]],
        arrays: dict[int, Any],
    ) -> None:
        steps: Any = call.function
        self._steps, self._plan, self._call = steps, steps.plan, call
        self._inside = spots_of(steps.plan, arrays)
        self._spots_of, self._arrays = spots_of, arrays
        self._moves: dict[Spot, tuple[Spot, int]] = {}  # for each pointer that moves where it begins, and by how much
        out = spots[call.value]
        if out is None:
            raise NotNative
        whole = np.empty(specs[call.value].shape, np.uint8)
        start = whole.ctypes.data
        self._out = [(part(whole), _at(out, part(whole).ctypes.data - start)) for part in steps.parts]
        outer = InstructionEncoder(specs, spots, arrays)
        self._inputs = [outer.operand(x) for x in call.args]
        for k in range(steps.n, steps.m):
            a = self._inputs[k]
            spot = self._moving(k, a.spot, a.strides[0])
            self._inputs[k] = Operand(spot, a.shape[1:], a.strides[1:], a.dtype)
        self._values = _Values(self._place)
        self._rows = self._direct_rows()

    def _moving(self, k: int, start: Spot, step: int) -> Spot:
        """Return where an entry lies, of which there is one for each step."""
        steps, spot = self._steps, Spot("step", (id(self._call), k))
        last = (steps.length - 1) * step
        self._moves[spot] = (_at(start, last), -step) if steps.reverse else (start, step)
        return spot

    def _row(self, k: int) -> Operand:
        """Return where a result of a step goes."""
        a, spot = self._out[k]
        if k >= self._steps.n:
            spot = self._moving(self._steps.m + k, spot, a.strides[0])
            a = a[0, ...]
        return Operand(spot, a.shape, a.strides, a.dtype)

    def _direct_rows(self) -> dict[int, Spot]:
        """Return the values that are computed where their rows lie."""
        plan, rows = self._plan, dict[int, Spot]()
        for k, number in list(enumerate(plan.outputs))[self._steps.n :]:
            spec, row = plan.specs[number], self._row(k)
            alone = spec.owner == number and plan.where[number].place in (Place.ARENA, Place.ALLOCATED)
            over = any(w.place in (Place.OVER, Place.REPLACES) and w.content == number for w in plan.where)
            if alone and not over and spec.strides == row.strides and spec.dtype == row.dtype:
                rows.setdefault(number, row.spot)
        return rows

    def _place(self, n: int) -> Spot:
        """Return where a value of one step lies."""
        plan = self._plan
        spot = self._inside[n]
        if spot is None:
            raise NotNative
        owner, offset = plan.specs[n].owner, plan.specs[n].offset
        if owner in self._rows and offset is not None:
            return _at(self._rows[owner], offset)
        kind, key, offset = spot
        if kind == "arena":
            return Spot("buffer", (id(self._call), None, plan.nbytes), offset)
        if kind == "result":
            return Spot("buffer", (id(self._call), key, plan.specs[key].nbytes), offset)
        if kind != "argument":
            return spot
        place, content, _ = plan.where[key]
        if place is Place.ARGUMENT:
            return _at(self._carry(content).spot if content < self._steps.n else self._inputs[content].spot, offset)
        is_array = place is Place.ARRAY and isinstance(content, np.ndarray)
        if is_array and (content.shape, content.dtype, content.strides) == plan.specs[key][:3]:
            self._arrays[id(content)] = content
            return Spot("array", id(content), offset)
        raise NotNative

    def _carry(self, k: int) -> Operand:
        a, spot = self._out[k]
        return Operand(spot, a.shape, a.strides, a.dtype)

    def encode(self) -> Iterator[Instruction]:
        """Yield the records of the call."""
        n = self._steps.n
        for start, end in zip(self._inputs[:n], map(self._carry, range(n)), strict=True):
            yield copy_instruction(start, end)._replace(value=self._call.value)
        inside = [*self._calls(), *[copy._replace(value=COPY) for copy in self._copies()]]
        spots = [spot for to, (start, _) in self._moves.items() for spot in (to, start)]
        strides = tuple([step for _, step in self._moves.values()])
        scratch = max((r.scratch for r in inside), default=0)
        length = (self._steps.length,)
        yield Instruction(
            REPEAT,
            None,
            tuple(spots),
            (),
            length,
            strides=strides,
            inside=tuple(inside),
            scratch=scratch,
            value=self._call.value,
        )

    def _calls(self) -> Iterator[Instruction]:
        """Yield the records of one step."""
        plan = self._plan
        if plan.end.start < len(plan.calls):
            raise NotNative
        encoder = InstructionEncoder(plan.specs, self._values, self._arrays)
        blocks, stop = {block.first: block for block in plan.blocks}, 0
        for position, call in enumerate(plan.calls):
            if position < stop or call.how is How.VIEW:
                continue
            if block := blocks.get(position):
                stop, calls = block.stop, plan.calls[block.first : block.stop]
                yield encoder.block(block, calls, [self._values[call.value] for call in calls])
            elif isinstance(call.function, Steps):
                yield from StepsEncoder(call, plan.specs, self._values, self._spots_of, self._arrays).encode()
            else:
                yield from encoder.of(call)

    def _copies(self) -> Iterator[Instruction]:
        """Yield the records of copies: from where the results of a step lie to their rows, then to the next carry."""
        n, plan, last = self._steps.n, self._plan, list[Instruction]()
        for k, number in enumerate(plan.outputs):
            spec, end = plan.specs[number], self._carry(k) if k < n else self._row(k)
            start = Operand(self._values[number], spec.shape, spec.strides, spec.dtype)
            if (start.shape, start.dtype) != (end.shape, end.dtype):
                raise NotNative
            if (start.spot, start.strides) == (end.spot, end.strides):
                continue
            if k < n and self._is_a_carry(number):  # another copy may come before this one is made
                between = end._replace(spot=Spot("buffer", (id(self._call), -1 - k, spec.nbytes)))
                yield copy_instruction(start, between)
                last.append(copy_instruction(between, end))
            elif k < n:
                last.append(copy_instruction(start, end))
            else:
                yield copy_instruction(start, end)
        yield from last

    def _is_a_carry(self, number: int) -> bool:
        place, content, _ = self._plan.where[self._plan.specs[number].owner]
        return place is Place.ARGUMENT and content < self._steps.n


class _Values(dict[int, Any]):
    """The places of values, as a function returns them."""

    def __init__(self, place: Callable[[int], Spot]) -> None:
        self._place = place

    def __missing__(self, n: int) -> Spot:
        spot = self[n] = self._place(n)
        return spot


def _at(spot: Spot, offset: int) -> Spot:
    return spot._replace(offset=spot.offset + offset)
