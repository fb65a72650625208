"""Arguments that a function changes, or that it also finds elsewhere: others cannot stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import Obstacle
from ..core.mode import MODE
from ..tensors.tensor import Tensor
from .trace import Traced


def refuse_changes(given: Sequence[Any], inner: Sequence[tuple[Tensor, Any]]) -> None:
    """Raise if a run has changed an argument, or has changed anything and found an argument elsewhere.

    It is called while the run is recorded, and the run is undone.

    Args:
        given: the arguments that are arrays or Tensors.
        inner: for each the Tensor that the function was given, and the node that it had then.

    Raises:
        Obstacle: if so.
    """
    recording: Any = MODE.get().tape
    tensors = {id(x) for x in given if isinstance(x, Tensor)}
    if any(t._node is not node for x, (t, node) in zip(given, inner, strict=True) if id(x) in tensors):
        raise Obstacle("it changes an argument. Capture that in place of passing it")
    if not (recording.assignments or recording.gradients):
        return
    if not tensors.isdisjoint((*recording.outside, *recording.overwritten, *recording.gradients)):
        raise Obstacle("it captures an argument, and changes what it captures. Pass it or capture it")


def captured_by(done: Traced) -> frozenset[int]:
    """Return the ids of the Tensors that must not be arguments of a replay, since it changes some of them."""
    if not (done.assigned or done.gradients):
        return frozenset()
    return frozenset(map(id, (*done.captured, *(t for t, _ in (*done.assigned, *done.before)))))
