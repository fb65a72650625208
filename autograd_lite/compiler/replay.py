"""One trace, planned and ready to run again."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Sequence
from itertools import repeat, starmap
from typing import Any, NamedTuple

import numpy as np

from ..core.node import LEAF, next_stamp
from ..observing import AssumptionFailed
from ..random import Generator
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
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


class Replay:
    """A trace that can be run again.

    Attributes:
        plan: what it does.
        source: the same, as Python.
        guards: what must hold for it.
    """

    def __init__(self, traced: Traced) -> None:
        self._traced = traced
        gradients = [i for _, i in traced.gradients if i is not None]
        wanted = [*traced.results, *traced.saved, *(i for _, i in traced.assigned), *gradients]
        self.plan = plan_of(traced.program, wanted, traced.effects, traced.fixed, traced.overwritten)
        before = {id(g): leaf for leaf, g in traced.before if g is not None}
        self.source = Source(self.plan, before)
        self.guards = [Guard.of(t) for t in traced.captured if id(t) not in before]
        self._began = [(leaf, g is not None) for leaf, g in traced.before]
        self._idle = [self.source.instance()]  # functions with an arena each: as many as ever ran at a time
        found = (x for call in self.plan.calls for x in call.kwargs.values() if isinstance(x, Generator))
        self._generators = list(dict.fromkeys(found)) if traced.backward else []

    def broken(self) -> str:
        """Return the reason why the trace is no longer true, or "" if it is."""
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

    def __call__(self, arrays: Sequence[Any]) -> Sequence[Any]:
        """Compute the results for other arguments, and what a backward pass will read, and make the effects.

        Raises:
            AssumptionFailed: if the function itself must run.
        """
        values = self._computed(arrays)
        n = len(self._traced.results) + len(self._traced.saved)
        if len(values) > n or self._traced.gradients:
            self._change(values[n:])
        return values[:n]

    def _computed(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = self.source.instance()
        try:
            if not self._traced.backward:
                with np.errstate(all="ignore"):
                    return instance(*arrays)
            return self._masked_or_not(instance, arrays)
        finally:
            self._idle.append(instance)

    def _masked_or_not(self, instance: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Compute, unless a rule meets what the engine would mask: an operation that is invalid, or a NaN."""
        states = [(generator, generator.state) for generator in self._generators]
        alarm: list[Any] = []
        with np.errstate(all="ignore", invalid="call", call=lambda *kind: alarm.append(kind)):
            values: tuple[Any, ...] = instance(*arrays)
        if alarm or (self._traced.masks and any(map(has_nan, values))):
            for generator, state in states:
                generator.state = state
            raise AssumptionFailed
        return values

    def _change(self, values: Sequence[Any]) -> None:
        """Make the effects, all of them or none, wherever an interrupt comes."""
        each = iter(values)
        leaves = [leaf for leaf, _ in self._traced.assigned]
        calls: list[tuple[Any, ...]] = [(operator.setitem, leaf._writable(), Ellipsis, next(each)) for leaf in leaves]
        for leaf, i in self._traced.gradients:
            calls.append((setattr, leaf, "_grad", None if i is None else wrap(next(each), None)))
        calls.append((deque, map(setattr, leaves, repeat("_stamp"), iter(next_stamp, None)), 0))
        deque(starmap(operator.call, calls), 0)


def has_nan(a: Any) -> bool:
    """Return whether an array has a NaN; infinities may pass for some."""
    if a.dtype.kind not in "fc":
        return False
    flat = a.reshape(-1)
    return bool(np.isnan(flat.dot(flat)))
