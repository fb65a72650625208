"""A replay that is made at the next call, so that no call takes the time of a trace and of a plan."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

from ..core.collector import collector_at_rest
from ..tensors.tensor import Tensor
from .facts import Fact, Facts, of_tensor
from .replay import Replay
from .trace import Recording, let_go


class InProgress(Exception):
    """Another thread is making the replay."""


class Pending:
    """What a replay is made of.

    Args:
        traced: what the function did twice.
        exact, max_bytes: as of `compile`.
    """

    def __init__(self, traced: Recording, exact: bool, max_bytes: int | None) -> None:
        program = traced.program
        slots = [program.bindings[i] for i in program.inputs if i is not None]
        # What stands for arguments has no values after the trace.
        self._values = [(t, t._data) for t in slots if isinstance(t, Tensor) and t._node is None]
        self._free = [(traced, exact, max_bytes)]  # for the thread that makes it
        rows: list[Fact] = [fact for t in traced.captured for fact in of_tensor(t)]
        self._facts = Facts(rows)

    def replay(self) -> Replay | None:
        """Return the replay; None if a captured Tensor has changed its kind since the trace.

        Raises:
            InProgress: if another thread is making it.
        """
        try:
            arguments = self._free.pop()
        except IndexError:
            raise InProgress from None
        if self._facts.found() is None:
            return None
        try:
            for t, array in self._values:
                t._data = array
            return planned_replay(*arguments)
        except BaseException:
            self._free.append(arguments)
            raise
        finally:
            let_go(t for t, _ in self._values)


def planned_replay(*arguments: Any) -> Replay:
    """Return a replay, made in a context of its own, whose end restores NumPy's errors wherever an interrupt comes."""
    with collector_at_rest():
        return copy_context().run(Replay, *arguments)
