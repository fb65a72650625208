"""One trace, planned and ready to run again."""

from __future__ import annotations

import functools
import operator
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from itertools import starmap
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.collector import collector_at_rest
from ..core.errors import AssumptionFailed
from ..core.undo import Undo, open_undo
from ..engine.walk import may_have_nan
from ..ir.host_record import values_in
from ..ir.observing import SEEN, Seen
from ..ir.tape import OBSERVE
from ..native.kernels import library
from ..random import Generator, rehearse_draws
from ..tensors.tensor import Tensor
from .buffer_assignment import Place
from .execution_plan import Plan, make_plan
from .guards import Arrays, Guard, Guards, guard_on_array, guards_on_gradient, guards_on_host_state, guards_on_tensor
from .host_code import HostStateChanged, Memo, Reader
from .numpy_calls import How
from .passes.pass_pipeline import optimize
from .replay_effects import Call, Effects, replaced_tensors, split_checks
from .source import Source
from .trace import Recording


class Instance(NamedTuple):
    """The code of a plan with one arena.

    Attributes:
        run: the code, without NumPy's warnings.
        alarm: has something in it after an operation that was invalid, if that was asked for.
        change: calls a function, without NumPy's warnings.
    """

    run: Callable[..., tuple[Any, ...]]
    alarm: list[Any]
    change: Callable[..., Any]

    @classmethod
    def of(cls, replay: Callable[..., tuple[Any, ...]], alarmed: bool, calls_others: bool) -> Self:
        """Prepare a function that does not run twice at a time.

        Args:
            replay: the function.
            alarmed: whether to note operations that are invalid.
            calls_others: whether it calls functions of the user's, which see the context that they are called in.
        """
        alarm: list[Any] = []
        quiet = Context()
        quiet.run(np.seterr, all="ignore")
        kinds: dict[str, Any] = {"invalid": "call" if alarmed else "ignore"}

        def note(*kind: Any) -> None:
            alarm.append(kind)

        if calls_others:

            def run(*arrays: Any) -> tuple[Any, ...]:
                np.errstate(all="ignore", **kinds, call=note).__enter__()
                return replay(*arrays)

            # As in a backward pass: the end of a context restores NumPy's state wherever an interrupt comes.
            return cls(lambda *arrays: copy_context().run(run, *arrays), alarm, quiet.run)
        context = Context()  # with warnings off for good: an `errstate` at every call takes a microsecond
        context.run(np.seterr, all="ignore", **kinds)
        context.run(np.seterrcall, note)
        return cls(functools.partial(context.run, replay), alarm, quiet.run)


class Replay:
    """A trace that can be run again.

    Attributes:
        traced: what the function did.
        plan: its calls and buffers.
        source: the same, as Python.
        guards: checked before each run.
        passes: what each pass has made of the program.
    """

    def __init__(self, traced: Recording, exact: bool = True, max_bytes: int | None = None) -> None:
        with collector_at_rest(), rehearse_draws():  # functions that draw for themselves run once for the plan
            self._plan(traced, exact, max_bytes)

    def _plan(self, traced: Recording, exact: bool, max_bytes: int | None) -> None:
        self.passes = optimize(traced.program, exact=exact, max_bytes=max_bytes)
        self.traced = traced._replace(program=self.passes[0].program, overwritten={})  # without values of that run
        program = self.passes[-1].program
        outputs, n = program.graph.outputs, len(traced.effects)
        results, effects = outputs[: len(outputs) - n], outputs[len(outputs) - n :]
        self._n = len(traced.results) + len(traced.saved)
        gradients = self._n + len(traced.assigned)
        kept_places = {*range(self._n), *range(gradients, gradients + sum(i is not None for _, i in traced.gradients))}
        self._run_checks, checked, effects = split_checks(program, effects)
        into = [*self._into(), *[None] * len(checked)]
        self.plan = make_plan(
            program,
            (*results, *checked),
            effects,
            traced.overwritten,
            into,
            traced.host_state.owned,
            kept_places,
            len(checked),
        )
        self._read = Reader(traced.host_state, traced.slots).read
        self._effects = Effects(traced, self.plan.written)
        self.source = Source(self.plan, num_returned=len(traced.results), exact=exact)
        self.guards = collect_guards(traced, self.plan)
        self._observes = any(call.how is How.EFFECT and call.function is OBSERVE.forward for call in self.plan.calls)
        self._idle = [self._instance()]  # as many as ever ran at a time
        parameters = [x for call in self.plan.calls for x in call.kwargs.values()]
        generators = (
            g for x in parameters for g in ((x,) if isinstance(x, Generator) else getattr(x, "generators", ()))
        )
        self._generators = list(dict.fromkeys(generators))
        self._is_plain = not (self._generators or self._observes)

    def _into(self) -> list[Tensor | None]:
        """Return for each wanted value the Tensor that has it in the end, if it may be written over the old one."""
        traced = self.traced
        into: list[Tensor | None] = [None] * self._n
        into += [leaf for leaf, _ in traced.assigned]
        into += [None for _, i in traced.gradients if i is not None]
        for put in traced.host_state.puts.values():
            new = [t for t in values_in(put.value) if isinstance(t, Tensor)]
            into += replaced_tensors(traced.host_state, put) or [None] * len(new)
        return into

    def conditions(self) -> list[str]:
        """Return what must hold of Tensors for the trace to be true."""
        return list(dict.fromkeys(guard.message for guard in self.guards.rows if guard.kind in _LISTED))

    def __call__(self, arrays: Sequence[Any], memo: Memo, captured: Arrays) -> Sequence[Any]:
        """Compute the results for other arguments, and what a backward pass will read, and make the effects.

        Args:
            arrays: the arguments.
            memo: what functions of numbers have given in this call.
            captured: the arrays that `guards.check` has just returned.

        Raises:
            HostStateChanged: if something outside is not as it was when this was traced.
            AssumptionFailed: if the function itself must run.
        """
        slots, numbers = self._read_host_state(memo)
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = self._instance()
        run, alarm, change = instance
        try:
            if self._is_plain:
                values, end, saved = run(*arrays, *slots, *captured)
                if alarm or (self.traced.masks and self._meet_nan(instance, values, saved)):
                    raise AssumptionFailed
                self._run_checks(values)
            else:
                values, end = self._compute_watched(instance, (*arrays, *slots, *captured))
            if self._effects.any:
                end += self._effects.calls(values, numbers, slots)
                if (undo := open_undo()) is not None:
                    end = self._make_undoable(undo, end)
                change(deque, starmap(operator.call, end), 0)
        finally:
            if alarm:
                alarm.clear()
            self._idle.append(instance)
        return values[: self._n]

    def inputs(self, arrays: Sequence[Any], memo: Memo) -> list[Any]:
        """Return the inputs of the program: the arguments, and the values of host state."""
        return [*arrays, *self._read_host_state(memo)[0]]

    def _read_host_state(self, memo: Memo) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        try:
            return self._read(memo)
        except LookupError as error:
            raise HostStateChanged(f"there is {error!r}") from None

    def _instance(self) -> Instance:
        calls_others = any(call.how is How.EFFECT for call in self.plan.calls)
        return Instance.of(self.source.instance(), self.traced.backward, calls_others)

    def _compute_watched(
        self, instance: Instance, arrays: Sequence[Any]
    ) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
        """Compute, unless a rule meets what the engine would mask: an operation that is invalid, or a NaN."""
        states = [(generator, generator.state) for generator in self._generators]
        around = SEEN.get()
        seen = Seen(instance.alarm, self.traced.masks) if self._observes else None
        try:
            if seen is not None:
                SEEN.set(seen)
            values, end, saved = instance.run(*arrays)
            if instance.alarm or (self.traced.masks and self._meet_nan(instance, values, saved)):
                raise AssumptionFailed
            self._run_checks(values)
        except BaseException as error:
            if seen is not None and isinstance(error, AssumptionFailed):
                error.seen = seen.count
            for generator, state in states:
                generator._stream().bit_generator.state = state
            raise
        finally:
            if seen is not None:
                SEEN.set(around)
        return values, end

    @staticmethod
    def _meet_nan(instance: Instance, *parts: tuple[Any, ...]) -> bool:
        if library and all(map(library.free_of_nan, parts)):
            return False
        return bool(instance.change(_have_nan, *parts))

    def _make_undoable(self, undo: Undo, calls: list[Call]) -> list[Call]:
        """Return the calls that make the effects inside a transaction, and note how they are undone."""
        if self.traced.host_state.final:
            return [*calls, (undo.clear,)]
        buffers = [leaf._writable() for leaf, _ in self.traced.assigned]
        undo += [(operator.setitem, buffer, Ellipsis, buffer.copy()) for buffer in buffers]
        return calls


def _have_nan(*parts: Sequence[Any]) -> bool:
    return any(may_have_nan(a) for part in parts for a in part)


_LISTED = ("values", "gradient", "no gradient")


def collect_guards(traced: Recording, plan: Plan) -> Guards:
    """Return the guards of a trace, and the rows of those whose arrays its plan reads."""
    before = {id(g): leaf for leaf, g in traced.before if g is not None}
    reads = plan.captured_tensors()
    rows: list[Guard] = []
    places: dict[int, int] = {}  # of the rows on arrays, by the ids of Tensors
    for t in dict.fromkeys((*traced.captured, *(t for t, _ in reads))):
        if id(t) not in before:
            places[id(t)] = len(rows)
            rows += guards_on_tensor(t)
    for leaf, g in traced.before:
        places[id(g)] = len(rows)
        rows += guards_on_gradient(leaf, g)
    rows += [*guards_on_host_state(traced.host_state), *traced.guards.values()]
    rows += [guard_on_array(where.content) for where in plan.where if where.place is Place.ARRAY]
    return Guards(rows, [(places[id(t)], written) for t, written in reads])
