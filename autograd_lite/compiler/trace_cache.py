"""The cached traces of a compiled function, and how a trace becomes a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, NamedTuple

from ..core.collector import collector_at_rest
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.views import in_step
from .abstract_values import unflatten_like
from .compile_report import argument_kinds, describe_replay, rows
from .guards import Guard, Guards, guards_on_tensor
from .host_code import Memo
from .replay import Replay
from .scalar_arguments import Varying
from .trace import Recording, clear_slots


class Request(NamedTuple):
    """A call for which there is no replay.

    Attributes:
        key: of the arguments, without the numbers that come with every call.
        plain: the same with all numbers, as constants.
        traces: those cached for arguments of this kind.
        why: the reason why none of that can be used, or "".
        memo: what functions of numbers have given already, and the numbers that come with every call.
        args, kwargs: the arguments.
        as_tensors: whether results without a history are Tensors.
        varying: the numbers that come with every call, if there are any.
    """

    key: Any
    plain: Any
    traces: Sequence[Trace]
    why: str
    memo: Memo
    args: Any
    kwargs: Any
    as_tensors: bool
    varying: Varying | None

    def with_constants(self, traces: Sequence[Trace]) -> Request:
        """Return the same call with all numbers as constants, of which this is kept."""
        return self._replace(key=self.plain, traces=traces, memo={}, varying=None)


class Trace(NamedTuple):
    """One cached trace of a compiled function, for one kind of arguments.

    Attributes:
        why: the reason why the function was traced.
        replay: what runs, or None if the function itself runs.
        out: the value returned, with `RESULT` in place of Tensors.
        first: what the first of two runs did, until a second one has done the same.
        history: how results with a history are made, if there are any; see `control.histories`.
        arguments: with an `ArrayKind` in place of each array.
        unflatten: returns what the function returns, with these values.
        aliases: the ids of the Tensors that must not be arguments of the replay.
        written: what `views.in_step` takes of the Tensors that the replay writes in place.
        pending: what the replay will be made of at the next call; `first` is there until then.
    """

    why: str
    replay: Replay | None
    out: Any
    first: Recording | None
    history: Any
    arguments: Any
    unflatten: Callable[[Sequence[Any]], Any] = unflatten_like(None)
    aliases: frozenset[int] = frozenset()
    written: tuple[tuple[Any, bool], ...] = ()
    pending: Pending | None = None

    def takes(self, arguments: Sequence[Any]) -> bool:
        """Return whether the replay, which changes Tensors, does what the function does with these arguments."""
        if not self.aliases.isdisjoint(map(id, arguments)):
            return False
        return not self.written or in_step(
            self.written, arguments, self.replay is None or bool(self.replay.traced.slots)
        )

    def with_replay(self, arguments: tuple[Recording, bool, int | None], aliases: frozenset[int], later: bool) -> Trace:
        """Return it with a replay, or with what that will be made of later.

        Args:
            arguments: of `Replay`.
            aliases: as of the attribute.
            later: whether it is made at the next call.
        """
        changed = self._replace(aliases=aliases, written=arguments[0].written)
        if later:
            return changed._replace(pending=Pending(*arguments))
        return changed._replace(first=None, replay=make_replay(*arguments))

    def finish_pending(self) -> Iterator[Trace]:
        """Yield it with its replay, if that was pending; nothing if it no longer holds."""
        if self.pending is None:
            yield self
        elif (replay := self.pending.replay()) is not None:
            yield self._replace(first=None, replay=replay, pending=None)

    @property
    def argument_text(self) -> str:
        """Of what kind they are, as text."""
        return argument_kinds(self.arguments)

    def results(self, values: Sequence[Any], arguments: Sequence[Any], as_tensors: bool) -> Any:
        """Return what the function returns.

        Args:
            values: of the results, and what a backward pass will read.
            arguments: the arguments that are arrays and Tensors.
            as_tensors: whether results without a history are Tensors.
        """
        if self.history is not None:
            values = self.history.results(values, arguments, as_tensors)
        elif as_tensors:
            values = [wrap(a, None) for a in values]
        return self.unflatten(values)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield what `explain` says of it."""
        yield from rows("traced since", [self.why])
        if self.pending is not None:
            yield from rows("replay", ["not yet: it is made at the next call"])
        elif self.first is not None:
            yield from rows("replay", ["not yet: the next call is traced too, to see whether it does the same"])
        elif self.replay is None:
            yield from rows("replay", ["none: the function itself runs"])
        else:
            yield from describe_replay(self.replay)
            if self.history is not None:
                yield ""
                yield from rows("history", self.history.describe())


def took_same_path(first: Recording, second: Recording) -> bool:
    """Return whether two runs have taken the same branches; what a later one has read, the first has read too."""
    return first.path == second.path and first.guards.keys() >= second.guards.keys()


def is_broken(first: Recording) -> bool:
    """Return whether what a run rested on is no longer so."""
    return bool(Guards([*first.guards.values()]).why_broken())


def is_branch(traces: Sequence[Trace], recording: Recording) -> bool:
    """Return whether a run has gone another way than those that are known, by numbers that are read at every call."""
    before = [one.first if one.replay is None else one.replay.traced for one in traces]
    return bool(traces) and all(one is not None and one.path[:1] != recording.path[:1] for one in before)


# ---- a replay that is made at the next call, so that no call takes the time of a trace and of a plan -----------------


class InProgress(Exception):
    """Another thread is making the replay."""


class Pending:
    """A replay that is made at the next call.

    Args:
        traced: what the function did twice.
        exact, max_bytes: as of `compile`.
    """

    def __init__(self, traced: Recording, exact: bool, max_bytes: int | None) -> None:
        program = traced.program
        slots = [program.bindings[i] for i in program.inputs if i is not None]
        # The slots of arguments have no values after the trace.
        self._values = [(t, t._data) for t in slots if isinstance(t, Tensor) and t._node is None]
        self._free = [(traced, exact, max_bytes)]  # for the thread that makes it
        rows: list[Guard] = [guard for t in traced.captured for guard in guards_on_tensor(t)]
        self._guards = Guards(rows)

    def replay(self) -> Replay | None:
        """Return the replay; None if a captured Tensor has changed its kind since the trace.

        Raises:
            InProgress: if another thread is making it.
        """
        try:
            arguments = self._free.pop()
        except IndexError:
            raise InProgress from None
        if self._guards.check() is None:
            return None
        try:
            for t, array in self._values:
                t._data = array
            return make_replay(*arguments)
        except BaseException:
            self._free.append(arguments)
            raise
        finally:
            clear_slots(t for t, _ in self._values)


def make_replay(*arguments: Any) -> Replay:
    """Make a replay in a new context, whose end restores NumPy's error state even after an interrupt."""
    with collector_at_rest():
        return copy_context().run(Replay, *arguments)
