"""One trace, planned and ready to run again."""

from __future__ import annotations

import functools
import operator
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import Context, copy_context
from itertools import islice, repeat, starmap
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.errors import AssumptionFailed
from ..core.node import LEAF, next_stamp
from ..core.undo import open_undo
from ..engine import may_have_nan
from ..ir.hosts import leaves_of
from ..ir.recording import OBSERVE
from ..observing import counting
from ..passes.pipeline import optimized
from ..random import Generator
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .hosts import Changed, Memo, Reader, Writer, replaced
from .lowering import How
from .plan import plan_of
from .source import Source
from .trace import Traced


def _called(t: Tensor) -> str:
    return f"'{t.name}'" if t.name else "a captured tensor"


class Guard(NamedTuple):
    """What a captured Tensor must be like for a trace to be true."""

    tensor: Tensor
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    requires_grad: bool

    @classmethod
    def of(cls, t: Tensor) -> Guard:
        """Return what it is like now."""
        a = t._data
        return cls(t, a.shape, a.dtype, a.strides, t._node is LEAF)

    def holds(self) -> bool:
        """Return whether it still is."""
        a = self.tensor._data
        return (
            a.strides == self.strides
            and a.shape == self.shape
            and a.dtype == self.dtype
            and (self.tensor._node is LEAF) is self.requires_grad
        )

    def __str__(self) -> str:
        return f"{_called(self.tensor)} {self.shape} {self.dtype}{' requires a gradient' if self.requires_grad else ''}"


class Instance(NamedTuple):
    """The code of a plan with an arena of its own.

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

        def noted(*kind: Any) -> None:
            alarm.append(kind)

        if calls_others:

            def run(*arrays: Any) -> tuple[Any, ...]:
                np.errstate(all="ignore", **kinds, call=noted).__enter__()
                return replay(*arrays)

            # As in a backward pass: the end of a context restores NumPy's state wherever an interrupt comes.
            return cls(lambda *arrays: copy_context().run(run, *arrays), alarm, quiet.run)
        context = Context()  # with warnings off for good: an `errstate` at every call takes a microsecond
        context.run(np.seterr, all="ignore", **kinds)
        context.run(np.seterrcall, noted)
        return cls(functools.partial(context.run, replay), alarm, quiet.run)


class Replay:
    """A trace that can be run again.

    Attributes:
        traced: what the function did.
        plan: what it does.
        source: the same, as Python.
        guards: what must hold for it.
        passes: what each pass has made of the program.
    """

    def __init__(self, traced: Traced, exact: bool = True, max_bytes: int | None = None) -> None:
        self.passes = optimized(traced.program, exact=exact, max_bytes=max_bytes)
        self.traced = traced._replace(program=self.passes[0].program, overwritten={})  # without values of that run
        program = self.passes[-1].program
        outputs, n = program.graph.outputs, len(traced.effects)
        wanted, effects = outputs[: len(outputs) - n], outputs[len(outputs) - n :]
        self._n = len(traced.results) + len(traced.saved)
        gradients = self._n + len(traced.assigned)
        kept = {*range(self._n), *range(gradients, gradients + sum(i is not None for _, i in traced.gradients))}
        self.plan = plan_of(program, wanted, effects, traced.overwritten, self._into(), traced.hosts.owned, kept)
        written = iter(self.plan.written[self._n :])
        self._leaves = [leaf for leaf, _ in traced.assigned]
        self._assigned = [leaf for leaf in self._leaves if not next(written)]
        self._graded = [leaf for leaf, i in traced.gradients if i is not None]
        self._cleared = [(setattr, leaf, "_grad", None) for leaf, i in traced.gradients if i is None]
        written = islice(written, sum(i is not None for _, i in traced.gradients), None)
        self._read = Reader(traced.hosts, traced.slots).read
        self._changes = Writer(traced.hosts, traced.slots, written).changes
        before = {id(g): leaf for leaf, g in traced.before if g is not None}
        self.source = Source(self.plan, before)
        self.guards = [Guard.of(t) for t in traced.captured if id(t) not in before]
        self._began = [(leaf, g is not None, list(getattr(leaf, "_hooks", ()))) for leaf, g in traced.before]
        self._holds = _holding(self.guards, self._began)
        self._observes = any(call.how is How.EFFECT and call.function is OBSERVE.forward for call in self.plan.calls)
        self._idle = [self._instance()]  # as many as ever ran at a time
        given = [x for call in self.plan.calls for x in call.kwargs.values()]
        found = (g for x in given for g in ((x,) if isinstance(x, Generator) else getattr(x, "generators", ())))
        self._generators = list(dict.fromkeys(found))

    def _into(self) -> list[Tensor | None]:
        """Return for each wanted value the Tensor that has it in the end, if it may be written over the old one."""
        traced = self.traced
        into: list[Tensor | None] = [None] * self._n
        into += [leaf for leaf, _ in traced.assigned]
        into += [None for _, i in traced.gradients if i is not None]
        for put in traced.hosts.puts.values():
            new = [t for t in leaves_of(put.value) if isinstance(t, Tensor)]
            into += replaced(traced.hosts, put) or [None] * len(new)
        return into

    def broken(self) -> str:
        """Return the reason why the trace is no longer true, or "" if it is."""
        if self._holds():
            return ""
        for guard in self.guards:
            if not guard.holds():
                return f"it is no longer true that {guard}"
        for leaf, had, _ in self._began:
            if (getattr(leaf, "_grad", None) is not None) is not had:
                return f"`.grad` of {_called(leaf)} was {'not ' if had else ''}None before the call"
        return "a captured tensor had the same hooks"

    def conditions(self) -> list[str]:
        """Return what must hold for the trace to be true."""
        grads = [
            f"`.grad` of {_called(leaf)} is {'not ' if had else ''}None before the call" for leaf, had, _ in self._began
        ]
        return [*map(str, self.guards), *grads]

    def __call__(self, arrays: Sequence[Any], memo: Memo) -> Sequence[Any]:
        """Compute the results for other arguments, and what a backward pass will read, and make the effects.

        Args:
            arrays: the arguments.
            memo: what functions of numbers have given in this call.

        Raises:
            Changed: if something outside is not as it was when this was traced.
            AssumptionFailed: if the function itself must run.
        """
        slots, numbers = self._found(memo)
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = self._instance()
        try:
            values, end = self._computed(instance, (*arrays, *slots))
            traced = self.traced
            if self._leaves or traced.gradients or traced.hosts.puts:
                self._change(instance, values[self._n :], end, numbers, slots)
        finally:
            if instance.alarm:
                instance.alarm.clear()
            self._idle.append(instance)
        return values[: self._n]

    def inputs(self, arrays: Sequence[Any], memo: Memo) -> list[Any]:
        """Return what the program takes: the arguments, and what is read outside of Tensors."""
        return [*arrays, *self._found(memo)[0]]

    def _found(self, memo: Memo) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        try:
            return self._read(memo)
        except LookupError as error:
            raise Changed(f"there is {error!r}") from None

    def _instance(self) -> Instance:
        calls_others = any(call.how is How.EFFECT for call in self.plan.calls)
        return Instance.of(self.source.instance(), self.traced.backward, calls_others)

    def _computed(self, instance: Instance, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
        """Compute, unless a rule meets what the engine would mask: an operation that is invalid, or a NaN."""
        states = [(generator, generator.state) for generator in self._generators]
        try:
            with counting(instance.alarm, self.traced.masks) if self._observes else nullcontext():
                values, end, found = instance.run(*arrays)
                if instance.alarm or (self.traced.masks and any(map(may_have_nan, (*values, *found)))):
                    raise AssumptionFailed
        except BaseException:
            for generator, state in states:
                generator.state = state
            raise
        return values, end

    def _change(
        self, instance: Instance, values: Sequence[Any], end: list[tuple[Any, ...]], numbers: Any, slots: Any
    ) -> None:
        """Make the effects, all of them or none, wherever an interrupt comes."""
        each = iter(values)
        hosts, calls = self.traced.hosts, end
        if (undo := open_undo()) is not None:
            if hosts.final:
                calls.append((undo.clear,))
            else:
                buffers = [leaf._writable() for leaf in self._leaves]
                undo += [(operator.setitem, buffer, Ellipsis, buffer.copy()) for buffer in buffers]
        calls += [(operator.setitem, leaf._writable(), Ellipsis, next(each)) for leaf in self._assigned]
        for leaf in self._graded:
            g = next(each)
            # A view may repeat elements, and is not to be written into.
            calls.append((setattr, leaf, "_grad", wrap(g if g.base is None else np.array(g), None)))
        calls += self._cleared
        if hosts.puts:
            calls += self._changes(tuple(each), numbers, slots)
        calls.append((deque, map(setattr, self._leaves, repeat("_stamp"), iter(next_stamp, None)), 0))
        instance.change(deque, starmap(operator.call, calls), 0)


def _holding(guards: Sequence[Guard], began: Sequence[tuple[Tensor, bool, list[Any]]]) -> Callable[[], bool]:
    """Return a function that tells whether all guards hold: one expression, since it runs at every call."""
    names: dict[str, Any] = {"LEAF": LEAF, "none": []}
    parts = []
    for k, (t, shape, dtype, strides, requires_grad) in enumerate(guards):
        names |= {f"t{k}": t, f"like{k}": (shape, strides, dtype)}
        parts.append(f"((a := t{k}._data).shape, a.strides, a.dtype) == like{k}")
        parts.append(f"t{k}._node is {'' if requires_grad else 'not '}LEAF")
    for k, (leaf, had, hooks) in enumerate(began):
        names |= {f"g{k}": leaf, f"hooks{k}": hooks}
        parts.append(f"getattr(g{k}, '_grad', None) is {'not ' if had else ''}None")
        parts.append(f"getattr(g{k}, '_hooks', none) == hooks{k}")
    holds: Callable[[], bool] = eval(f"lambda: {' and '.join(parts) or True}", names)
    return holds
