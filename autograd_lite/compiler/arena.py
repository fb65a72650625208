"""The arena: one block of memory in which all buffers of a plan lie, each as long as its value is needed."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

_ALIGNMENT = 64  # a cache line, which no two buffers share


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
        self._free: list[Span] = []

    def take(self, nbytes: int) -> Span:
        """Return a span of at least this length that nothing else uses."""
        length = -(-max(nbytes, 1) // _ALIGNMENT) * _ALIGNMENT
        fitting = [span for span in self._free if span.stop - span.start >= length]
        if fitting:
            span = min(fitting, key=lambda s: (s.stop - s.start, s.start))
            self._free.remove(span)
            start = span.start
            if span.stop - start > length:
                insort(self._free, Span(start + length, span.stop))
        else:
            start = self.nbytes
            if self._free and self._free[-1].stop == start:  # what is free at the end grows
                start = self._free.pop().start
            self.nbytes = start + length
        return Span(start, start + length)

    def give(self, span: Span) -> None:
        """Take a span back; neighbours become one."""
        insort(self._free, span)
        i = self._free.index(span)
        if i + 1 < len(self._free) and self._free[i + 1].start == span.stop:
            span = self._free[i] = Span(span.start, self._free.pop(i + 1).stop)
        if i and self._free[i - 1].stop == span.start:
            self._free[i - 1 : i + 1] = [Span(self._free[i - 1].start, span.stop)]
