"""The arena: one block of memory in which all buffers of a plan lie, each as long as its value is needed."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

from ..native.instructions import LINE


class Span(NamedTuple):
    """A range of bytes in the arena."""

    start: int
    stop: int


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
        length = -(-max(nbytes, 1) // LINE) * LINE  # no two buffers share a line of the cache
        i = bisect_left(self._lengths, (length, 0))
        if i < len(self._lengths):
            found, start = self._lengths[i]
            self._remove(Span(start, start + found))
            if found > length:
                self._add(Span(start + length, start + found))
        else:
            start = self.nbytes
            if self._free and self._free[-1].stop == start:  # what is free at the end grows
                start = self._free[-1].start
                self._remove(self._free[-1])
            self.nbytes = start + length
        return Span(start, start + length)

    def give(self, span: Span) -> None:
        """Take a span back; neighbours become one."""
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
