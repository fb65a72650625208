"""Buffer assignment: each value of a plan lies in the arena while it is needed, or over another that no longer is.

The arena is one block of memory in which all buffers of a plan lie.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, NamedTuple

from ..native.instructions import LINE
from .inplace_updates import Update
from .numpy_calls import Call, How, Ref, Spec, once_per_kind
from .tiling import Block, find_blocks


class Span(NamedTuple):
    """A range of bytes in the arena."""

    start: int
    stop: int


def _round_up(nbytes: int) -> int:
    return -(-max(nbytes, 1) // LINE) * LINE  # no two buffers share a line of the cache


class Arena:
    """Gives out spans of memory and takes them back; the smallest free one that is large enough is taken.

    Attributes:
        nbytes: the most that was in use.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._free: list[Span] = []  # by where they begin; no two of them touch
        self._lengths: list[tuple[int, int]] = []  # the same by how long they are: length and start

    def take(self, nbytes: int) -> Span:
        """Return a span of at least this length that nothing else uses."""
        length = _round_up(nbytes)
        i = bisect_left(self._lengths, (length, 0))
        if i < len(self._lengths):
            length_found, start = self._lengths[i]
            self._remove(Span(start, start + length_found))
            if length_found > length:
                self._add(Span(start + length, start + length_found))
        else:
            start = self.nbytes
            if self._free and self._free[-1].stop == start:  # the free span at the end grows
                start = self._free[-1].start
                self._remove(self._free[-1])
            self.nbytes = start + length
        return Span(start, start + length)

    def give(self, span: Span) -> None:
        """Take a span back; neighbors become one."""
        start, stop = span
        i = bisect_left(self._free, span)
        if i < len(self._free) and self._free[i].start == stop:
            stop = self._free[i].stop
            self._remove(self._free[i])
        if i and self._free[i - 1].stop == start:
            start = self._free[i - 1].start
            self._remove(self._free[i - 1])
        self._add(Span(start, stop))

    def _add(self, span: Span) -> None:
        insort(self._free, span)
        insort(self._lengths, (span.stop - span.start, span.start))

    def _remove(self, span: Span) -> None:
        del self._free[bisect_left(self._free, span)]
        del self._lengths[bisect_left(self._lengths, (span.stop - span.start, span.start))]


class Buffer:
    """Memory in the arena for values, one after the other.

    Attributes:
        nbytes: how long it is.
        first, last: the positions of the calls from which and up to which nothing else may lie there.
    """

    __slots__ = ("first", "last", "nbytes")

    def __init__(self, nbytes: int, first: int, last: int) -> None:
        self.nbytes, self.first, self.last = nbytes, first, last


def lay_out(buffers: Sequence[Buffer]) -> tuple[list[Span], int]:
    """Return where buffers lie, and how many bytes they take together.

    Small ones go where the smallest gap is when they begin. Large ones go, the largest first, where they fit next to
    those that live at the same time, which takes less memory, but time for each pair.
    """
    spans, nbytes = _in_order(buffers)
    large = sorted((k for k, b in enumerate(buffers) if b.nbytes >= LARGE), key=lambda k: -buffers[k].nbytes)
    if not 2 < len(large) <= _MOST_LARGE:
        return spans, nbytes
    places: list[tuple[Span, Buffer]] = []
    for k in large:
        start, length, buffer = 0, _round_up(buffers[k].nbytes), buffers[k]
        for span, other in places:  # by where they begin
            if other.first <= buffer.last and buffer.first <= other.last:
                if span.start >= start + length:
                    break
                start = max(start, span.stop)
        spans[k] = Span(start, start + length)
        insort(places, (spans[k], buffer), key=itemgetter(0))
    end = max(span.stop for span, _ in places)
    small = [k for k, b in enumerate(buffers) if b.nbytes < LARGE]
    behind, rest = _in_order([buffers[k] for k in small])
    for k, span in zip(small, behind, strict=True):
        spans[k] = Span(end + span.start, end + span.stop)
    return (spans, end + rest) if end + rest < nbytes else _in_order(buffers)


def _in_order(buffers: Sequence[Buffer]) -> tuple[list[Span], int]:
    arena, spans, ending = Arena(), list[Span](), list[tuple[int, Span]]()
    for buffer in buffers:
        while ending and ending[0][0] < buffer.first:
            arena.give(heappop(ending)[1])
        spans.append(arena.take(buffer.nbytes))
        heappush(ending, (buffer.last, spans[-1]))
    return spans, arena.nbytes


class Place(StrEnum):
    """The kinds of places for values."""

    ARGUMENT = "an argument"
    CAPTURED = "captured"  # a Tensor from outside, which is read at every replay
    ARRAY = "an array from outside"  # which is read where it is
    CONSTANT = "known"
    ARENA = "in the arena"
    PART = "in the arena, part by part"  # of a block: the memory of one part is that of the next
    VIEW = "a view that stays"  # of the arena or of a constant, so that one will do for all replays
    ALLOCATED = "made"  # by the call that computes it, at every replay
    OVER = "over another"  # that was made, and is not needed any more
    REPLACES = "written over another"  # that it replaces, at the end of the plan


# Places that are the same at every replay.
_STILL = frozenset((Place.ARRAY, Place.CONSTANT, Place.ARENA, Place.VIEW))
_IN_ARENA = frozenset((Place.ARENA, Place.PART))
# Calls that take no `out`.
_MAKERS = frozenset((How.CALL, How.OPAQUE, How.EFFECT))
LARGE = 1 << 16  # bytes of arrays for which it pays to look where they lie
_MOST_LARGE = 512  # buffers that are compared with each other


class Where(NamedTuple):
    """The place of a value.

    Attributes:
        place: the kind of place.
        content: the position among the arguments, the Tensor, the array, or the number of the value that it lies over;
            of one in the arena the `Buffer`, until that has its place.
        span: in the arena.
    """

    place: Place
    content: Any = None
    span: Span | None = None


ALLOCATED = Where(Place.ALLOCATED)


class Assignment(NamedTuple):
    """The places of all values of a plan.

    Attributes:
        where: every value lies.
        last: for every value, the position of the last call that needs it; that after all calls for a result.
        blocks: the runs of calls that are carried out part by part.
        nbytes: of the arena.
    """

    where: tuple[Where, ...]
    last: tuple[int, ...]
    blocks: tuple[Block, ...]
    nbytes: int


def assign_buffers(
    update: Update,
    specs: Sequence[Spec],
    places: Mapping[int, Where],
    results: Collection[int],
    borrowed: Collection[int],
) -> Assignment:
    """Decide where the values of some calls lie.

    Args:
        update: all calls, and how they end.
        specs: of every value.
        places: where the values lie that no call computes.
        results: the values that are handed out, in memory that is theirs.
        borrowed: the values that are read after all calls, and before the next replay.
    """
    assigner = _Assigner(update, specs, places, results, borrowed)
    for position in range(len(update.calls)):
        assigner.place(position)
    spans, nbytes = lay_out(assigner.buffers)
    span_of = dict(zip(assigner.buffers, spans, strict=True))
    places_of = [assigner.where.get(number, ALLOCATED) for number in range(len(specs))]
    where = tuple([w if w.place not in _IN_ARENA else Where(w.place, None, span_of[w.content]) for w in places_of])
    return Assignment(where, tuple(assigner.last), tuple(assigner.blocks), nbytes)


class _Assigner:
    def __init__(
        self,
        update: Update,
        specs: Sequence[Spec],
        places: Mapping[int, Where],
        results: Collection[int],
        borrowed: Collection[int],
    ) -> None:
        self.buffers: list[Buffer] = []  # by where they begin
        self.where = dict(places)
        calls = update.calls
        self.last = _last_reads(calls, specs, (*results, *borrowed))
        replaced = frozenset(update.over.values())
        self.blocks = find_blocks(calls, specs, 0, update.start)
        self.blocks += find_blocks(calls, specs, update.start, len(calls), replaced)
        self._calls, self._specs, self._replaced_value = calls, specs, update.over
        self._results = {specs[number].owner for number in results}
        self._block_at = {position: block for block in self.blocks for position in range(block.first, block.stop)}
        self._spare: list[Buffer] = []  # of values of this block that lie there part by part
        self._ended: dict[int, None] = {}  # what calls of this block are the last to read
        self._viewed: set[int] | None = None  # values that are read through views, in a block
        self._drawn = {call.value for call in calls if call.how is How.EFFECT}

    def place(self, position: int) -> None:
        """Decide where the result of a call lies."""
        call, block, last = self._calls[position], self._block_at.get(position), self.last
        ended = dict.fromkeys([n for n in call.reads if last[n] == position])
        if block is None:
            self._ended, self._viewed = ended, None
            self.where[call.value] = self._choose_place(position, call, None)
        else:
            if position == block.first:
                self._spare.clear()
                self._ended = {}
                self._viewed = self._views_in(self._calls[block.first : block.stop])
            self._ended.update(ended)
            self.where[call.value] = place_of_result = self._choose_place(position, call, block)
            for n in ended:
                place, buffer, _ = self.where[n]
                if place is Place.PART:
                    del self._ended[n]
                    if buffer is not place_of_result.content:
                        self._spare.append(buffer)

    def _views_in(self, calls: Sequence[Call]) -> set[int]:
        """Return the values that calls read through views, and so in another layout than their own."""
        specs = self._specs
        return {owner for call in calls for n in call.reads if (owner := specs[n].owner) != n}

    def _choose_place(self, position: int, call: Call, block: Block | None) -> Where:
        number, spec = call.value, self._specs[call.value]
        if spec.owner != number:
            still = call.how is How.VIEW and all(self.where[n].place in _STILL for n in call.reads)
            return Where(Place.VIEW) if still else ALLOCATED
        if call.how in _MAKERS or spec.is_scalar or not spec.format.is_dense:
            return ALLOCATED
        if number in self._replaced_value:
            return Where(Place.REPLACES, self._replaced_value[number])
        over = self._over(call) if self._ended else {}
        if block is not None and self.last[number] < block.stop:
            return Where(Place.PART, self._part(position, block, spec, over.get(Place.PART)))
        reused = over.get(Place.OVER, over.get(Place.ALLOCATED))
        if reused is not None and spec.nbytes >= LARGE:
            del self._ended[reused]
            return Where(Place.OVER, reused)
        if number in self._results:
            return ALLOCATED
        old = over.get(Place.ARENA)
        end = self._end(max(self.last[number], position))
        if old is None:
            return Where(Place.ARENA, self._buffer(spec.format.nbytes, position, end))
        del self._ended[old]
        buffer: Buffer = self.where[old].content
        buffer.last = end
        return Where(Place.ARENA, buffer)

    def _buffer(self, nbytes: int, first: int, last: int) -> Buffer:
        self.buffers.append(Buffer(nbytes, first, last))
        return self.buffers[-1]

    def _end(self, position: int) -> int:
        """Return when memory that a call is the last to read is free: after its block, in which it is read again."""
        block = self._block_at.get(position)
        return position if block is None else block.stop - 1

    def _over(self, call: Call) -> dict[Place, int]:
        """Return values that a result may be written over, since nothing reads them later.

        They are what an elementwise call reads, and what a call replaces parts of.

        In a block these are inputs of earlier calls too: a part of the result is written when the same part of all of
        them has been read.
        """
        specs, candidates = self._specs, dict[Place, int]()
        replaced = _replaced_value(call)
        if replaced is None and not _may_be_over(call, specs):
            return candidates
        spec = specs[call.value]
        viewed = self._views_in((call,)) if self._viewed is None else self._viewed
        for n in self._ended if replaced is None else self._ended.keys() & {replaced}:
            other = specs[n]
            if other.owner == n and other.alike(spec) and n not in viewed and n not in self._drawn:
                candidates[self.where[n].place] = n
        return candidates

    def _part(self, position: int, block: Block, spec: Spec, over: int | None) -> Buffer:
        """Return memory for one part of a value that only calls of this block read."""
        if over is not None:
            buffer: Buffer = self.where[over].content
            return buffer
        nbytes = block.nbytes(spec)
        spare = next((buffer for buffer in self._spare if buffer.nbytes == nbytes), None)
        if spare is None:
            return self._buffer(nbytes, position, block.stop - 1)
        self._spare.remove(spare)
        return spare


def _replaced_value(call: Call) -> int | None:
    """Return the value that the result of a call is, but for some parts."""
    k = getattr(call.function, "replaces", None) if call.how is How.FILL else None
    x = None if k is None else call.args[k]
    return x.value if isinstance(x, Ref) and call.reads.count(x.value) == 1 else None


@once_per_kind
def _may_be_over(call: Call, specs: Sequence[Spec]) -> bool:
    """Return whether a result may be written over an input, element by element or row by row."""
    if call.how is How.LOOPS:
        return bool(call.function.in_place)  # type: ignore[attr-defined]
    if call.how is not How.UFUNC or call.function.signature is not None:  # type: ignore[attr-defined]
        return False
    # Where the result is an input of one element, NumPy takes three times as long.
    return math.prod(specs[call.value].shape) != 1


def _last_reads(calls: Sequence[Call], specs: Sequence[Spec], outputs: Sequence[int]) -> list[int]:
    """Return for every value the position of the call that reads it, or a view of it, last; -1 if none does."""
    last = [-1] * len(specs)
    owners = [spec.owner for spec in specs]
    for position, call in enumerate(calls):
        for number in call.reads:
            last[number] = last[owners[number]] = position
    for number in outputs:
        last[number] = last[specs[number].owner] = len(calls)
    for call in reversed(calls):
        if call.how is How.OPAQUE:  # the result may be one of its arguments
            for number in call.reads:
                owner = specs[number].owner
                if specs[owner].nbytes < LARGE:  # where an argument is larger, a copy is made then
                    last[owner] = max(last[owner], last[call.value])
    return last
