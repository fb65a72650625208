"""Arguments that a function changes, or that it also finds elsewhere: others cannot stand for them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..core.errors import Obstacle
from ..core.mode import MODE
from ..tensors.tensor import Tensor
from .trace import Recording


def refuse_changes(arguments: Sequence[Any], inner: Sequence[tuple[Tensor, Any]]) -> None:
    """Raise if a run has changed an argument, or has changed anything and found an argument elsewhere.

    It is called while the run is recorded, and the run is undone.

    Args:
        arguments: the arguments that are arrays or Tensors.
        inner: for each the Tensor that the function was given, and the node that it had then.

    Raises:
        Obstacle: if so.
    """
    recording: Any = MODE.get().tape
    tensors = {id(x) for x in arguments if isinstance(x, Tensor)}
    if any(t._node is not node for x, (t, node) in zip(arguments, inner, strict=True) if id(x) in tensors):
        raise Obstacle("it changes an argument. Capture that in place of passing it")
    if not (recording.assignments or recording.gradients):
        return
    if not tensors.isdisjoint((*recording.outside, *recording.overwritten, *recording.gradients)):
        raise Obstacle("it captures an argument, and changes what it captures. Pass it or capture it")


def captured_ids(recording: Recording) -> frozenset[int]:
    """Return the ids of the Tensors that must not be arguments of a replay, since it changes some of them."""
    if not (recording.assigned or recording.gradients):
        return frozenset()
    return frozenset(map(id, (*recording.captured, *(t for t, _ in (*recording.assigned, *recording.before)))))


def _span(a: np.ndarray) -> tuple[int, int]:
    """Return where the memory of an array begins and ends."""
    start = end = a.__array_interface__["data"][0]
    for n, stride in zip(a.shape, a.strides, strict=True):
        if stride < 0:
            start += (n - 1) * stride
        else:
            end += (n - 1) * stride
    return start, end + a.itemsize


class Spans:
    """The memory that some arrays lie in, from the first byte of each to its last."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, arrays: Iterable[np.ndarray]) -> None:
        spans = sorted([_span(a) for a in arrays if a.size])
        self._starts = [start for start, _ in spans]
        self._ends = list(accumulate([end for _, end in spans], max))

    def meet(self, a: Any) -> bool:
        """Return whether an array may share memory with one of these, as `np.may_share_memory` does."""
        if not (self._starts and isinstance(a, np.ndarray) and a.size):
            return False
        start, end = _span(a)
        before = bisect_left(self._starts, end)
        return before > 0 and self._ends[before - 1] > start
