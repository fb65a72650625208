"""What a function that is being compiled reads from Python objects, computes with Python's numbers, and puts back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import TraceError
from ..core.live import Live, bare_number
from ..tensors.record import wrap
from ..tensors.tensor import Tensor

_NUMBERS = (float, int)


class Read(NamedTuple):
    """That `container[key]` is read at every replay, and must be like this.

    Attributes:
        container, key: where it is.
        found: with a `Live` in place of each number, and a Tensor in place of each array; the rest stays as it is.
        owned: whether no one else holds the arrays, so that new values may be written over them.
    """

    container: Any
    key: Any
    found: Any
    owned: bool


class Fixed(NamedTuple):
    """That a number must have this value, since the function has branched on it."""

    number: Live
    value: Any


class Put(NamedTuple):
    """That `container[key]` gets a new value.

    Attributes:
        container, key: where it goes.
        value: with `Live` numbers and Tensors in it.
        before: what was read there first, as `Read.found` is; None if nothing was.
        old: what was there.
    """

    container: Any
    key: Any
    value: Any
    before: Any
    old: Any


def _read() -> None:
    """Stands for the reading of a number."""


class Hosts:
    """Notes what one run of a function does outside of Tensors.

    Attributes:
        steps: what is read and computed, in order: `Read`, `Fixed`, or the `Live` that a call gave.
        puts: what is put back, by the container's id and the key.
        arrays: the Tensors that stand for arrays that were read, by id.
    """

    def __init__(self, left: Callable[[str], Any]) -> None:
        self.steps: list[Read | Fixed | Live] = []
        self.puts: dict[tuple[int, Any], Put] = {}
        self.arrays: dict[int, Tensor] = {}
        self.left = left
        self._now: dict[tuple[int, Any], Any] = {}
        self._known: dict[Any, Live] = {}
        self._fixed: set[Live] = set()

    def read(self, container: Any, key: Any, owned: bool) -> Any:
        """Return `container[key]`, as it is by now."""
        place = id(container), key
        if place not in self._now:
            self._now[place] = found = mapped(self._leaf, container[key])
            self.steps.append(Read(container, key, found, owned))
        return self._now[place]

    def put(self, container: Any, key: Any, value: Any) -> Any:
        """Note that `container[key]` is replaced; return what it is to be, with ordinary numbers and arrays."""
        place = id(container), key
        known = self.puts.get(place)
        before, old = (self._now.get(place), container[key]) if known is None else known[3:]
        self.puts[place] = Put(container, key, value, before, old)
        self._now[place] = value
        return mapped(lambda x: x._data.copy() if isinstance(x, Tensor) else bare_number(x), value)

    def undo(self) -> None:
        """Put everything back as it was before."""
        for put in self.puts.values():
            put.container[put.key] = put.old

    def call(self, f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Return what a function of numbers gives, as a number that is computed anew at every replay."""
        key = (f, *[id(x) if x.__class__ is Live else (x.__class__, x) for x in args])
        known = self._known.get(key)
        if known is None:
            value = f(*map(bare_number, args))
            if not isinstance(value, (*_NUMBERS, np.generic)):
                raise TraceError(f"compile: expected {f!r:.80} to return a number; received {value!r:.80}")
            known = self._known[key] = Live(self, f, args, value)
            self.steps.append(known)
        return known

    def fix(self, number: Live) -> Any:
        """Return the value that a number has now; the compiled code is for this value alone."""
        if number not in self._fixed:
            self._fixed.add(number)
            self.steps.append(Fixed(number, number.value))
        return number.value

    def _leaf(self, x: Any) -> Any:
        if isinstance(x, (np.ndarray, np.generic)):
            t = wrap(x, None)
            self.arrays[id(t)] = t
            return t
        return Live(self, _read, (), x) if x.__class__ in _NUMBERS else x


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return dicts, lists and tuples with f of what is in them; nothing else is a container here."""
    if tree.__class__ is dict:
        return {key: mapped(f, x) for key, x in tree.items()}
    return tree.__class__(mapped(f, x) for x in tree) if tree.__class__ in (list, tuple) else f(tree)


def leaves_of(tree: Any) -> list[Any]:
    """Return what is in dicts, lists and tuples."""
    found: list[Any] = []
    mapped(found.append, tree)
    return found
