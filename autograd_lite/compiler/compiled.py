"""`compile`: a function that is traced once for each kind of arguments, and replayed from then on."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np

from ..core.arguments import function_given
from ..core.depth import DEPTH
from ..core.mode import MODE
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves
from .replay import Masked, Replay
from .trace import slot_of, trace

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 64  # traces that one function keeps; the one that was used longest ago is dropped first


class Entry(NamedTuple):
    """What is kept for one kind of arguments.

    Attributes:
        replay: what runs, or None if the function runs as it is.
        out: what it returned, for its structure.
        why: the reason for this trace, or for running the function as it is.
    """

    replay: Replay | None
    out: Any
    why: str


class Compiled(Generic[P, R]):
    """What `compile` returns: the function, traced once for each kind of arguments, and replayed from then on."""

    def __init__(self, f: Callable[P, R], *, validate: bool = False) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._validate = validate
        self._entries: dict[Any, Entry] = {}
        self._lock = threading.RLock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what the function does."""
        found = _flat(args) if not kwargs else leaves((args, kwargs))
        mode = MODE.get()
        if DEPTH.get().all or mode.tape is not None or mode.watch is not None:
            return self._f(*args, **kwargs)
        arrays: list[Any] = []
        kinds: list[Any] = [mode.record]
        as_tensors = False
        for x in found:
            if x.__class__ is np.ndarray:
                arrays.append(x)
                kinds.append((x.shape, x.dtype, x.strides))
            elif isinstance(x, Tensor):
                if x._node is not None:
                    return self._f(*args, **kwargs)
                as_tensors = True
                arrays.append(x._data)
                kinds.append((Tensor, x.shape, x.dtype, x._data.strides))
            else:
                kinds.append((x.__class__, x))
        key = tuple(kinds)
        entry = self._entries.get(key)
        why = "arguments of a new kind"
        if entry is not None:
            if entry.replay is None:
                return self._f(*args, **kwargs)
            why = entry.replay.broken()
            if not why:
                try:
                    values = entry.replay(arrays)
                except Masked:
                    return self._eager(args, kwargs, as_tensors)
                return self._given_back(entry.out, values, as_tensors)
        return self._traced(key, why, args, kwargs, as_tensors)

    def _traced(self, key: Any, why: str, args: Any, kwargs: Any, as_tensors: bool) -> Any:
        with self._lock:
            slots: list[Tensor] = []

            def opened(leaf: Any) -> Any:
                if not isinstance(leaf, (Tensor, np.ndarray)):
                    return leaf
                slot, given = slot_of(leaf)
                slots.append(slot)
                return given

            inner, keywords = map_leaves(opened, (args, kwargs))
            traced = trace(self._f, slots, lambda: self._f(*inner, **keywords))
            results = tensors_in(traced.out)
            replay: Replay | None = None
            if traced.history:
                why = "its results have a history, so it runs as it is: call backward inside, or return what has none"
            else:
                replay = Replay(traced)
            values = tuple(t._data for t in results)
            out = map_leaves(lambda x: _RESULT if isinstance(x, Tensor) else x, traced.out)
            while len(self._entries) >= _MOST:
                self._entries.pop(next(iter(self._entries)), None)
            self._entries[key] = Entry(replay, out, why)
        if replay is None:
            return traced.out
        return self._given_back(out, values, as_tensors)

    def _eager(self, args: Any, kwargs: Any, as_tensors: bool) -> Any:
        """Run the function as it is, on Tensors, and return what a replay would."""
        inner, keywords = map_leaves(
            lambda x: (
                wrap(x if x.__class__ is np.ndarray else x._data, None) if isinstance(x, (Tensor, np.ndarray)) else x
            ),
            (args, kwargs),
        )
        out: Any = self._f(*inner, **keywords)
        return out if as_tensors else map_leaves(lambda x: x._data if isinstance(x, Tensor) else x, out)

    def _given_back(self, out: Any, values: Sequence[Any], as_tensors: bool) -> Any:
        if out is _RESULT:
            return wrap(values[0], None) if as_tensors else values[0]
        each = iter(values)

        def filled(x: Any) -> Any:
            if x is not _RESULT:
                return x
            return wrap(next(each), None) if as_tensors else next(each)

        return map_leaves(filled, out)


class _Result:
    """Stands for a Tensor in what a function returned."""


_RESULT = _Result()


def _flat(args: Any) -> list[Any]:
    for x in args:
        if x.__class__ is not np.ndarray and x.__class__ is not Tensor:
            return leaves(args)
    return args


def tensors_in(out: Any) -> list[Tensor]:
    """Return the Tensors in what a function returned."""
    return [t for t in leaves(out) if isinstance(t, Tensor)]


def compile(f: Callable[P, R], *, validate: bool = False) -> Compiled[P, R]:
    """Return a function that does what `f` does, by replaying what it recorded at the first call."""
    function_given("compile", f)
    return Compiled(f, validate=validate)
