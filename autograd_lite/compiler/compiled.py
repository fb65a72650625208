"""`compile`: a function that is traced once for each kind of arguments, and replayed from then on."""

from __future__ import annotations

import functools
import operator
from collections import deque
from collections.abc import Callable
from itertools import starmap
from typing import Any

import numpy as np

from ..core.depth import DEPTH
from ..core.mode import MODE
from ..core.node import LEAF, next_stamp
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves
from .plan import plan_of
from .source import Source
from .trace import Traced, slot_of, trace


class Replay:
    """One trace, planned: what runs for arguments of one kind."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        wanted = [*traced.results, *(i for _, i in traced.assigned), *(i for _, i in traced.gradients if i), *traced.draws]
        self.plan = plan_of(traced.program, wanted)
        self.source = Source(self.plan)
        self.instances: list[Any] = []
        self.leaves = [leaf for leaf, _ in traced.assigned]
        self.n = len(traced.results)

    def __call__(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """Replay, and make the effects."""
        try:
            instance = self.instances.pop()
        except IndexError:
            instance = self.source.instance()
        try:
            values = instance(*arrays)
        finally:
            self.instances.append(instance)
        n, m = self.n, len(self.leaves)
        calls = [(np.copyto, leaf._writable(), value) for leaf, value in zip(self.leaves, values[n : n + m], strict=False)]
        if calls:
            calls.append((deque, map(setattr, self.leaves, [None] * 0), 0))
            deque(starmap(operator.call, calls), 0)
            for leaf in self.leaves:
                leaf._stamp = next_stamp()
        rest = iter(values[n + m :])
        for leaf, i in self.traced.gradients:
            leaf._grad = None if i is None else wrap(next(rest), None)
        return values[:n]


def compile(f: Callable[..., Any]) -> Callable[..., Any]:  # noqa: A001 -- the name that the field has for it
    """Return a function that does what `f` does, by replaying what it recorded at the first call."""
    cache: dict[Any, tuple[Replay, Any]] = {}

    @functools.wraps(f)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        found = leaves((args, kwargs))
        if DEPTH.get().all or MODE.get().tape is not None:
            return f(*args, **kwargs)
        key = tuple(_kind(x) for x in found)
        arrays = tuple(x._data if isinstance(x, Tensor) else x for x in found if isinstance(x, (Tensor, np.ndarray)))
        known = cache.get(key)
        as_tensors = any(isinstance(x, Tensor) for x in found)
        if known is None:
            slots: list[Tensor] = []

            def opened(leaf: Any) -> Any:
                if not isinstance(leaf, (Tensor, np.ndarray)):
                    return leaf
                slot, given = slot_of(leaf)
                slots.append(slot)
                return given

            inner, kinner = map_leaves(opened, (args, kwargs))
            traced = trace(f, args, slots, [f"x{i}" for i in range(len(slots))], lambda: f(*inner, **kinner), _tensors)
            known = cache[key] = Replay(traced), traced.out
            values = tuple(t._data for t in _tensors(traced.out))
        else:
            values = known[0](arrays)
        each = iter(values)
        return map_leaves(
            lambda x: (wrap(next(each), None) if as_tensors else next(each)) if isinstance(x, Tensor) else x, known[1]
        )

    compiled.cache = cache  # type: ignore[attr-defined]
    return compiled


def _tensors(out: Any) -> list[Tensor]:
    return [t for t in leaves(out) if isinstance(t, Tensor)]


def _kind(x: Any) -> Any:
    if isinstance(x, (Tensor, np.ndarray)):
        a = x._data if isinstance(x, Tensor) else x
        return a.shape, a.dtype, a.strides, isinstance(x, Tensor), isinstance(x, Tensor) and x._node is LEAF
    return type(x), x
