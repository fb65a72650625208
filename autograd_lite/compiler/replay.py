"""One trace, planned and ready to run: `Replay`."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Sequence
from itertools import repeat, starmap
from typing import Any, NamedTuple

import numpy as np

from ..core.node import LEAF, next_stamp
from ..random import Generator
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .plan import plan_of
from .source import Source
from .trace import Traced


class Guard(NamedTuple):
    """What a captured Tensor must still be like for a trace to be true."""

    leaf: Tensor
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    differentiated: bool

    @classmethod
    def of(cls, leaf: Tensor) -> Guard:
        """Return what it is like now."""
        a = leaf._data
        return cls(leaf, a.shape, a.dtype, a.strides, leaf._node is LEAF)

    def holds(self) -> bool:
        """Return whether it still is."""
        a = self.leaf._data
        return (
            a.strides == self.strides
            and a.shape == self.shape
            and a.dtype == self.dtype
            and (self.leaf._node is LEAF) is self.differentiated
        )

    def __str__(self) -> str:
        name = self.leaf.name or "a captured tensor"
        return f"{name} is {self.shape} {self.dtype}{', differentiated' if self.differentiated else ''}"


class Masked(Exception):
    """Raised by a replay that must be given up: an eager run would mask a NaN in its backward pass."""


class Replay:
    """A trace that can be run again.

    Attributes:
        traced: what the function did.
        plan: how to do it again.
        source: as Python.
        guards: what must hold for it.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        gradients = [i for _, i in traced.gradients if i is not None]
        wanted = [*traced.results, *(i for _, i in traced.assigned), *gradients, *traced.draws]
        self.plan = plan_of(traced.program, wanted[: len(wanted) - len(traced.draws)], traced.draws)
        before = {id(g): leaf for leaf, g in traced.before if g is not None}
        self.guards = [Guard.of(t) for t in traced.captured if id(t) not in before]
        self.source = Source(self.plan, before)
        self._began = [(leaf, g is not None) for leaf, g in traced.before]
        self._instances: list[Any] = []
        self._leaves = [leaf for leaf, _ in traced.assigned]
        self._ends = len(traced.results), len(traced.results) + len(traced.assigned)
        found = (v for call in self.plan.calls for v in call.kwargs.values() if isinstance(v, Generator))
        self._generators = list(dict.fromkeys(found)) if traced.backward else []

    def broken(self) -> str:
        """Return the first thing that must hold and does not, or ""."""
        for guard in self.guards:
            if not guard.holds():
                return f"no longer: {guard}"
        for leaf, had in self._began:
            if (getattr(leaf, "_grad", None) is not None) is not had:
                return f"`.grad` of {leaf.name or 'a captured tensor'} was {'there' if had else 'None'} before"
        return ""

    def __call__(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Compute the results for other arguments, and make the effects.

        Raises:
            Masked: before any effect, if an eager run is needed.
        """
        values = self._computed(arrays)
        first, second = self._ends
        self._assign(values[first:second])
        rest = iter(values[second:])
        for leaf, i in self.traced.gradients:
            leaf._grad = None if i is None else wrap(next(rest), None)
        return values[:first]

    def _computed(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        try:
            instance = self._instances.pop()
        except IndexError:
            instance = self.source.instance()
        states = [(g, g.state) for g in self._generators]
        try:
            if self.traced.backward:
                alarm: list[Any] = []
                with np.errstate(
                    divide="ignore", over="ignore", under="ignore", invalid="call", call=lambda *a: alarm.append(a)
                ):
                    values = instance(*arrays)
                if alarm or (self.traced.masks and any(map(_has_nan, values))):
                    for g, state in states:
                        g.state = state
                    raise Masked
            else:
                with np.errstate(all="ignore"):
                    values = instance(*arrays)
        finally:
            self._instances.append(instance)
        return values

    def _assign(self, values: Sequence[Any]) -> None:
        """Give the leaves their new values, all of them or none, wherever an interrupt comes."""
        leaves = self._leaves
        if not leaves:
            return
        calls: list[tuple[Any, ...]] = [
            (operator.setitem, leaf._writable(), Ellipsis, value) for leaf, value in zip(leaves, values, strict=True)
        ]
        calls.append((deque, map(setattr, leaves, repeat("_stamp"), iter(next_stamp, None)), 0))
        deque(starmap(operator.call, calls), 0)


def _has_nan(a: Any) -> bool:
    if getattr(a, "dtype", None) is None or a.dtype.kind not in "fc":
        return False
    total = np.dot(a.reshape(-1), a.reshape(-1)) if isinstance(a, np.ndarray) else a
    return bool(total != total)
