"""One trace, planned and ready to run again."""

from __future__ import annotations

import functools
import operator
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from itertools import repeat, starmap
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.node import LEAF, next_stamp
from ..core.undo import open_undo
from ..observing import AssumptionFailed
from ..passes.pipeline import optimized
from ..random import Generator
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .hosts import Changed, Memo, Reader, Writer
from .lowering import How
from .plan import Place, plan_of
from .source import Source
from .trace import Traced


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
        name = f"'{self.tensor.name}'" if self.tensor.name else "a captured tensor"
        return f"{name} {self.shape} {self.dtype}{' requires a gradient' if self.requires_grad else ''}"


class Instance(NamedTuple):
    """The code of a plan with an arena of its own.

    Attributes:
        run: the code, without NumPy's warnings.
        alarm: has something in it after an operation that was invalid, if that was asked for.
    """

    run: Callable[..., tuple[Any, ...]]
    alarm: list[Any]

    @classmethod
    def of(cls, replay: Callable[..., tuple[Any, ...]], alarmed: bool, calls_others: bool) -> Self:
        """Prepare a function that does not run twice at a time.

        Args:
            replay: the function.
            alarmed: whether to note operations that are invalid.
            calls_others: whether it calls functions of the user's, which see the context that they are called in.
        """
        alarm: list[Any] = []
        kinds: dict[str, Any] = {"invalid": "call" if alarmed else "ignore"}

        def noted(*kind: Any) -> None:
            alarm.append(kind)

        if calls_others:

            def run(*arrays: Any) -> tuple[Any, ...]:
                with np.errstate(all="ignore", **kinds, call=noted):
                    return replay(*arrays)

            return cls(run, alarm)
        context = (
            Context()
        )  # in which warnings are off once and for all: an `errstate` at every call takes a microsecond
        context.run(np.seterr, all="ignore", **kinds)
        context.run(np.seterrcall, noted)
        return cls(functools.partial(context.run, replay), alarm)


class Replay:
    """A trace that can be run again.

    Attributes:
        plan: what it does.
        source: the same, as Python.
        guards: what must hold for it.
        passes: what each pass has made of the program.
    """

    def __init__(self, traced: Traced, exact: bool = True, max_bytes: int | None = None) -> None:
        self._traced = traced._replace(before=(), overwritten={})
        self.passes = optimized(traced.program, exact=exact, max_bytes=max_bytes)
        program = self.passes[-1].program
        outputs, n = program.graph.outputs, len(traced.effects)
        wanted, effects = outputs[: len(outputs) - n], outputs[len(outputs) - n :]
        self._read = Reader(traced.hosts, traced.slots).read
        self._changes = Writer(traced.hosts, traced.slots).changes
        self.plan = plan_of(program, wanted, effects, traced.overwritten)
        before = {id(g): leaf for leaf, g in traced.before if g is not None}
        self.source = Source(self.plan, before)
        self.guards = [Guard.of(t) for t in traced.captured if id(t) not in before]
        self._began = [(leaf, g is not None) for leaf, g in traced.before]
        self._holds = _holding(self.guards, self._began)
        self._idle = [self._instance()]  # as many as ever ran at a time
        given = [x for call in self.plan.calls for x in call.kwargs.values()]
        found = (g for x in given for g in ((x,) if isinstance(x, Generator) else getattr(x, "generators", ())))
        self._generators = list(dict.fromkeys(found))

    def broken(self) -> str:
        """Return the reason why the trace is no longer true, or "" if it is."""
        if self._holds():
            return ""
        for guard in self.guards:
            if not guard.holds():
                return f"it is no longer true that {guard}"
        for leaf, had in self._began:
            if (getattr(leaf, "_grad", None) is not None) is not had:
                return f"`.grad` of {leaf.name or 'a captured tensor'} was {'not ' if had else ''}None before the call"
        return ""

    def facts(self) -> list[str]:
        """Return what `explain` says of it."""
        calls = [call for call in self.plan.calls if self.plan.where[call.value].place is not Place.VIEW]
        return [
            f"{len(self._traced.program.calls)} operations became {len(calls)} calls of NumPy, with an arena of "
            f"{self.plan.nbytes:,} bytes",
            f"effects: {len(self._traced.assigned)} assignments, {len(self._traced.gradients)} gradients, "
            f"{len(self._traced.effects)} draws and observations",
            *(f"as long as {guard}" for guard in self.guards),
        ]

    def __call__(self, arrays: Sequence[Any], memo: Memo) -> Sequence[Any]:
        """Compute the results for other arguments, and what a backward pass will read, and make the effects.

        Args:
            arrays: the arguments.
            memo: what functions of numbers have given in this call.

        Raises:
            Changed: if something outside is not as it was when this was traced.
            AssumptionFailed: if the function itself must run.
        """
        try:
            slots, numbers = self._read(memo)
        except LookupError as error:
            raise Changed(f"there is {error!r}") from None
        values = self._computed([*arrays, *slots])
        n, traced = len(self._traced.results) + len(self._traced.saved), self._traced
        if len(values) > n or traced.gradients or traced.hosts.puts:
            m = len(values) - len(traced.put)
            self._change(values[n:m], self._changes(values[m:], numbers, slots))
        return values[:n]

    def _instance(self) -> Instance:
        calls_others = any(call.how is How.EFFECT for call in self.plan.calls)
        return Instance.of(self.source.instance(), self._traced.backward, calls_others)

    def _computed(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Compute, unless a rule meets what the engine would mask: an operation that is invalid, or a NaN."""
        states = [(generator, generator.state) for generator in self._generators]
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = self._instance()
        try:
            values: tuple[Any, ...] = instance.run(*arrays)
            if instance.alarm or (self._traced.masks and any(map(has_nan, values))):
                raise AssumptionFailed
        except BaseException:
            for generator, state in states:
                generator.state = state
            raise
        finally:
            if instance.alarm:
                instance.alarm.clear()
            self._idle.append(instance)
        return values

    def _change(self, values: Sequence[Any], others: list[tuple[Any, ...]]) -> None:
        """Make the effects, all of them or none, wherever an interrupt comes."""
        each = iter(values)
        leaves = [leaf for leaf, _ in self._traced.assigned]
        buffers = [leaf._writable() for leaf in leaves]
        if (undo := open_undo()) is not None:
            undo += [(operator.setitem, buffer, Ellipsis, buffer.copy()) for buffer in buffers]
        calls: list[tuple[Any, ...]] = [(operator.setitem, buffer, Ellipsis, next(each)) for buffer in buffers]
        for leaf, i in self._traced.gradients:
            calls.append((setattr, leaf, "_grad", None if i is None else wrap(next(each), None)))
        calls += others
        calls.append((deque, map(setattr, leaves, repeat("_stamp"), iter(next_stamp, None)), 0))
        deque(starmap(operator.call, calls), 0)


def _holding(guards: Sequence[Guard], began: Sequence[tuple[Tensor, bool]]) -> Callable[[], bool]:
    """Return a function that tells whether all guards hold: one expression, since it runs at every call."""
    names: dict[str, Any] = {"LEAF": LEAF}
    parts = []
    for k, (t, shape, dtype, strides, requires_grad) in enumerate(guards):
        names |= {f"t{k}": t, f"like{k}": (shape, strides, dtype)}
        parts.append(f"((a := t{k}._data).shape, a.strides, a.dtype) == like{k}")
        parts.append(f"t{k}._node is {'' if requires_grad else 'not '}LEAF")
    for k, (leaf, had) in enumerate(began):
        names[f"g{k}"] = leaf
        parts.append(f"getattr(g{k}, '_grad', None) is {'not ' if had else ''}None")
    holds: Callable[[], bool] = eval(f"lambda: {' and '.join(parts) or True}", names)
    return holds


def has_nan(a: Any) -> bool:
    """Return whether an array has a NaN; infinities may pass for some."""
    if a.dtype.kind not in "fc":
        return False
    flat = a.reshape(-1)
    return bool(np.isnan(flat.dot(flat)))
