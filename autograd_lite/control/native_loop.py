"""Steps of a loop in C: where a body is nothing but instructions of the executor, no Python runs between its steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np

from ..compiler.buffer_assignment import Place
from ..compiler.c_code.fused_segment import FusedSegment
from ..compiler.call_instructions import NotNative
from ..compiler.native_segments import as_one_segment
from ..compiler.numpy_calls import Spec
from ..native.instructions import aligned_memory
from ..native.kernels import library
from .body import Body

# A buffer is made for a run, and each has a number: first come the arguments of the body, then the rows to which its
# collected results go, then temporaries.
_Buffer = Callable[[], Any]


class NativeLoop:
    """Runs a body in C, for arguments of one layout.

    Args:
        body: what runs.
        n: how many arguments, the first ones, are carried from step to step; as many results, the first ones, follow.
        arrays: the arguments of one step.

    Raises:
        NotNative: if the body is more than instructions.
    """

    def __init__(self, body: Body, n: int, arrays: Sequence[Any]) -> None:
        self._n, self._inputs, self._specs = n, len(arrays), body.specs
        plan = body.plan(arrays, ())
        direct = _direct(plan.specs, plan.where, plan.outputs, n)
        whole = as_one_segment(plan, direct)
        examples, specs = [*body.examples[:n], *body.specs[n:]], [plan.specs[number] for number in plan.outputs]
        if whole is None or any((a.shape, a.dtype) != x[:2] for a, x in zip(examples, specs, strict=True)):
            raise NotNative
        self._segment, self._nbytes = FusedSegment(plan, whole.segment), plan.nbytes
        self._idle: list[Any] = []
        self._steps: dict[Any, Any] = {}
        self._own: list[_Buffer] = []
        numbers = {number: content for number, (place, content, _) in enumerate(plan.where) if place is Place.ARGUMENT}
        collected = {number: k for k, number in enumerate(plan.outputs) if k >= n}
        for number in whole.slots:
            spec, (place, content, _) = plan.specs[number], plan.where[number]
            is_made = number in whole.segment.output_values
            k = direct.get(number, collected.get(number) if is_made else None)
            if number in numbers:
                continue
            if k is not None and spec.strides == _c_strides(spec.shape, spec.dtype):
                numbers[number] = self._row(k)
            elif is_made:
                numbers[number] = self._empty(spec)
            elif place is Place.ARRAY and (content.shape, content.dtype, content.strides) == spec[:3]:
                numbers[number] = self._buffer(partial(np.asarray, content))
            else:
                raise NotNative
        if any(number >= 0 and number not in numbers for number, _ in whole.outputs):
            raise NotNative
        self._slots = np.array([numbers[number] for number in whole.slots], np.intp)
        sources = [(number if number < 0 else numbers[number], offset) for number, offset in whole.outputs]
        self._records = np.array([*chain.from_iterable(self._copies(sources, specs))], np.intp)

    def _row(self, k: int) -> int:
        return self._inputs + k - self._n

    def _empty(self, spec: Spec) -> int:
        """Return the number of a new buffer, for an array that lies so."""
        order: Any = "C" if spec.strides == _c_strides(spec.shape, spec.dtype) else "F"
        return self._buffer(lambda: np.empty(spec.shape, spec.dtype, order))

    def _buffer(self, make: _Buffer) -> int:
        self._own.append(make)
        return self._inputs + len(self._specs) - self._n + len(self._own) - 1

    def _copies(self, sources: Sequence[tuple[int, int]], specs: Sequence[Spec]) -> Iterator[list[int]]:
        """Yield the records of copies: from where the results lie to rows, then to the carry of the next step."""
        last = []
        for k, ((source, offset), spec) in enumerate(zip(sources, specs, strict=True)):
            end = k if k < self._n else self._row(k)
            if (source, offset) == (end, 0) and spec.strides == _c_strides(spec.shape, spec.dtype):
                continue
            if k < self._n and 0 <= source < self._n:  # another copy may come before this one is made
                dense = spec._replace(strides=_c_strides(spec.shape, spec.dtype))
                between = self._empty(dense)
                yield _copy(source, offset, spec, between)
                last.append(_copy(between, 0, dense, end))
            elif k < self._n:
                last.append(_copy(source, offset, spec, end))
            else:
                yield _copy(source, offset, spec, end)
        yield from last

    def _take(self) -> tuple[Any, list[Any]]:
        try:
            segment, temporaries = self._idle.pop()
        except IndexError:
            segment, temporaries = self._segment.instance(aligned_memory(self._nbytes)), [make() for make in self._own]
        return segment, temporaries

    @contextmanager
    def called_with(self, inputs: Sequence[Any], rows: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Give what C calls the body by, as `native/c/body_call.h` describes it, within the block.

        Args:
            inputs: the arguments, arrays that lie as those that the loop was made for.
            rows: arrays for the results, in the order C.
        """
        segment, temporaries = self._take()
        try:
            yield segment, (*inputs, *rows, *temporaries), self._slots, self._records
        finally:
            self._idle.append((segment, temporaries))

    def run(
        self,
        carry: Sequence[Any],
        xs: Sequence[Any],
        rest: Sequence[Any],
        rows: Sequence[Any],
        order: range,
        states: Mapping[int, Sequence[Any]],
        until: int = 0,
    ) -> None:
        """Run steps.

        Args:
            carry: arrays of the carry, without gaps, which have the new one in the end.
            xs: arrays of which each step takes an entry.
            rest: the inputs that are the same at all steps.
            rows: for each collected result the array of its entries.
            order: the numbers of the entries.
            states: for a position in that order, where the carry before that step goes.
            until: the number of a carry that is true as long as another step is run, or 0.
        """
        specs = self._specs[self._n :]
        whole = [_as_it_lies(row, spec) for row, spec in zip(rows, specs, strict=True)]
        key = *[a.strides[0] for a in xs], None, *[a.strides[0] for a in whole]
        steps, done = self._steps.get(key), 0
        if steps is None:
            moves = [0] * len(carry) + [*key[: len(xs)]] + [0] * len(rest) + [*key[len(xs) + 1 :]]
            steps = self._steps[key] = np.array(moves + [0] * len(self._own), np.intp)
        segment, temporaries = self._take()
        buffers = (*carry, *xs, *rest, *whole, *temporaries)
        try:
            for start, stop in pairwise(sorted({0, *states, len(order)})):
                for view, a in zip(states.get(start, ()), carry, strict=False):
                    view[...] = a
                part = order[start:stop]
                ends = part.start, part.stop, part.step
                call = segment, buffers, self._slots, self._records
                done += library.repeat(call, steps, *ends, until or -1)
        finally:
            self._idle.append((segment, temporaries))
        for row, a in zip(rows, whole, strict=True):
            if row is not a:  # of which other steps have filled the rest
                ran = slice(min(order[:done]), max(order[:done]) + 1)
                row[ran] = a[ran]


def native_loop_of(
    body: Body, n: int, carry: Sequence[Any], xs: Sequence[Any], rest: Sequence[Any]
) -> NativeLoop | None:
    """Return what runs a body in C; None if Python must, or if the body has not run often enough to be planned.

    Args:
        body, n: as in `NativeLoop`.
        carry, xs, rest: as in `Repetition.run`.
    """
    if body.runs < body.planned_after or library is None or body.effects:
        return None
    for a in (*xs, *rest):
        if not a.flags.aligned:
            return None
    key = "repetition", n, tuple([x.strides[1:] for x in xs]), tuple([a.strides for a in rest])
    if key not in body.derived:
        arrays = [*carry, *[x[0, ...] for x in xs], *rest]
        pairs = zip(arrays, body.examples, strict=True)
        fits = all(a.__class__ is np.ndarray and (a.shape, a.dtype) == (x.shape, x.dtype) for a, x in pairs)
        try:
            body.derived[key] = NativeLoop(body, n, arrays) if fits else None
        except NotNative:
            body.derived[key] = None
    return body.derived[key]


def _direct(specs: Sequence[Spec], where: Sequence[Any], outputs: Sequence[int], n: int) -> Mapping[int, int]:
    """Return the numbers of collected results that can be written where they are to be, with their positions."""
    positions: dict[int, int] = {}
    for k, number in list(enumerate(outputs))[n:]:
        spec = specs[number]
        alone = where[number].place is Place.ARENA and spec.owner == number
        if alone and spec.strides == _c_strides(spec.shape, spec.dtype):
            positions.setdefault(number, k)
    return positions


def _as_it_lies(row: Any, spec: Any) -> Any:
    """Return an array of entries, or another one where its own cannot be written by C."""
    return row if row.dtype == spec.dtype and row.flags.aligned else np.empty(row.shape, spec.dtype)


def _c_strides(shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[int, ...]:
    return tuple(math.prod(shape[k + 1 :]) * dtype.itemsize for k in range(len(shape)))


def _copy(source: int, offset: int, spec: Spec, end: int) -> list[int]:
    """Return the record of a copy of an array into one in the order C, as `native/c/repeat.c` reads it."""
    dense = _c_strides(spec.shape, spec.dtype)
    if spec.strides == dense:
        return [7, source, offset, end, 0, math.prod(spec.shape) * spec.dtype.itemsize, 0]
    rest = [*spec.shape, *spec.strides, *dense]
    return [7 + len(rest), source, offset, end, 0, spec.dtype.itemsize, len(spec.shape), *rest]
