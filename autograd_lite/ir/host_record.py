"""Host state of a function that is being compiled: reads of Python objects, computations with numbers, writes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.depth import outside
from ..core.dynamic_scalars import DynamicScalar, plain_number
from ..core.errors import TraceError
from ..tensors.record import wrap
from ..tensors.tensor import Tensor

_NUMBERS = (float, int)
PLAIN = (bool, int, float, str, type(None))


class Read(NamedTuple):
    """That `container[key]` is read at every replay, and must be like this.

    Attributes:
        container, key: where it is.
        value: with a `DynamicScalar` for each number and a Tensor for each array; the rest is unchanged.
        owned: whether no one else holds the arrays, so that new values may be written over them.
    """

    container: Any
    key: Any
    value: Any
    owned: bool


class Argument(NamedTuple):
    """That a number comes with every call, as one of several."""

    place: int
    number: DynamicScalar


class Fixed(NamedTuple):
    """That a number must have this value, since the function has branched on it."""

    number: DynamicScalar
    value: Any


class Pinned(NamedTuple):
    """That `container[key]` must be this object; its contents are not compared."""

    container: Any
    key: Any
    value: Any


class Same(NamedTuple):
    """That a function must return this, which is compared as by `Pinned`."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    value: Any


class Put(NamedTuple):
    """That `container[key]` gets a new value.

    Attributes:
        container, key: where it goes.
        value: with `DynamicScalar` numbers and Tensors in it.
        before: the value first read there, as `Read.value` is; None if none was.
        old: the value that it replaces.
    """

    container: Any
    key: Any
    value: Any
    before: Any
    old: Any


# Where the memo of a call has the numbers among its arguments.
ARGUMENTS = object()


def _read() -> None:
    """The `DynamicScalar.f` of a number that is read."""


class HostState:
    """Records what one run of a function does outside of Tensors.

    Attributes:
        steps: everything read and computed, in order; a `DynamicScalar` is the result of a call.
        puts: the values put back, by the container's id and the key.
        arrays: the Tensors that stand for arrays that were read, by id.
        owned: the ids of those of arrays that no one else can see.
        final: whether `Changes` were made, which a `transaction` around them does not undo.
        by_value: whether Python has read a number among the arguments, so that the code is for this value alone.
    """

    def __init__(self, left: Callable[[str, str], Any], memo: dict[Any, Any] | None = None) -> None:
        self.steps: list[Read | Argument | Fixed | Pinned | Same | DynamicScalar] = []
        self.puts: dict[tuple[int, Any], Put] = {}
        self.arrays: dict[int, Tensor] = {}
        self.owned: set[int] = set()
        self.final = self.by_value = False
        self.left = left
        self._memo = {} if memo is None else memo
        self._now: dict[tuple[int, Any], Any] = {}
        self._known: dict[Any, DynamicScalar] = {}
        self._fixed: set[DynamicScalar] = set()
        self._pinned: set[tuple[int, Any]] = set()

    def argument(self, place: int, value: Any) -> DynamicScalar:
        """Return a number that comes with every call."""
        number = DynamicScalar(self, _argument, (), value, f"argument{place}")
        self.steps.append(Argument(place, number))
        return number

    def leave(self, number: DynamicScalar, plain: Callable[[], Any], how: str, instead: str) -> Any:
        """Return what a number becomes as an ordinary one, if it is computed from arguments; otherwise raise."""
        if not _is_of_arguments(number):
            return self.left(how, instead)
        self.by_value = True
        return plain()

    def read(self, container: Any, key: Any, owned: bool) -> Any:
        """Return `container[key]`, as it is by now."""
        place = id(container), key
        if place not in self._now:
            self._now[place] = value = map_values(self._leaf, container[key], str(key))
            self.steps.append(Read(container, key, value, owned))
            self.owned |= {id(x) for x in values_in(value) if owned and id(x) in self.arrays}
        return self._now[place]

    def pin(self, container: Any, key: Any) -> Any:
        """Return `container[key]`, for which alone the code is compiled."""
        place = id(container), key
        if place in self._now:
            now = self._now[place]
            return now.fix_value() if now.__class__ is DynamicScalar else now
        if place not in self._pinned:
            self._pinned.add(place)
            self.steps.append(Pinned(container, key, container[key]))
        return container[key]

    def rest(self, f: Callable[..., Any], args: tuple[Any, ...], value: Any) -> None:
        """Note that the code is for the case that a function returns this."""
        self.steps.append(Same(f, args, value))

    def put(self, container: Any, key: Any, value: Any) -> Any:
        """Note that `container[key]` is replaced; return the new value with ordinary numbers and arrays."""
        place = id(container), key
        before_put = self.puts.get(place)
        before, old = (self._now.get(place), container[key]) if before_put is None else before_put[3:]
        self.puts[place] = Put(container, key, value, before, old)
        self._now[place] = value
        return map_values(lambda x, _: x._data.copy() if isinstance(x, Tensor) else plain_number(x), value)

    @property
    def path(self) -> list[Any]:
        """A key that is equal for two runs that have taken the same branches."""
        path: list[Any] = []
        for step in self.steps:
            if isinstance(step, Read):
                path.append((id(step.container), step.key, abstract_of(step.value)))
            elif isinstance(step, Argument):
                path.append((step.number.name, step.number.value.__class__))
            elif isinstance(step, Fixed):
                path.append((step.number.name, step.value))
            elif isinstance(step, Pinned | Same):
                value = step.value if isinstance(step.value, PLAIN) else id(step.value)
                source = (id(step.container), step.key) if isinstance(step, Pinned) else key_of(step.f, step.args)
                path.append((source, value.__class__, value))
            else:
                path.append(key_of(step.f, [x.name if x.__class__ is DynamicScalar else x for x in step.args]))
        return path

    def settle(self) -> None:
        """Release the replaced values: the run has ended well, and nothing will be undone."""
        self.puts = {place: put._replace(old=None) for place, put in self.puts.items()}

    def release_values(self) -> None:
        """Let go of the values that were read, and of the history of those that are put back."""
        for t in self.arrays.values():
            t._data = np.broadcast_to(np.zeros((), t.dtype), t.shape)
        for put in self.puts.values():
            for t in values_in(put.value):
                if isinstance(t, Tensor):
                    t._node = None

    def forget(self) -> None:
        """Release all values; the rest is enough to compare with another run."""
        self.puts = {place: put._replace(value=abstract_of(put.value), before=None) for place, put in self.puts.items()}

    def undo(self) -> None:
        """Put everything back as it was before."""
        for put in self.puts.values():
            put.container[put.key] = put.old

    def call(self, f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Return what a function of numbers gives, as a number that is computed anew at every replay."""
        key = key_of(f, args)
        scalar = self._known.get(key)
        if scalar is None:
            values = tuple(map(plain_number, args))
            memo_key = key_of(f, values)
            # As at a replay: operations on Tensors in it are not recorded.
            value = self._memo[memo_key] if memo_key in self._memo else outside(f, values, {})
            if not isinstance(value, (*_NUMBERS, np.generic)):
                raise TraceError(f"compile: expected {f!r:.80} to return a number; received {value!r:.80}")
            scalar = self._known[key] = DynamicScalar(self, f, args, value, f"n{len(self._known)}")
            self.steps.append(scalar)
        return scalar

    def fix(self, number: DynamicScalar) -> Any:
        """Return the value that a number has now; the compiled code is for this value alone."""
        if number not in self._fixed:
            self._fixed.add(number)
            self.by_value = self.by_value or (number.value.__class__ is not bool and _is_of_arguments(number))
            self.steps.append(Fixed(number, number.value))
        return number.value

    def _leaf(self, x: Any, path: str) -> Any:
        if isinstance(x, (np.ndarray, np.generic)):
            t = wrap(x, None)
            self.arrays[id(t)] = t
            return t
        return DynamicScalar(self, _read, (), x, path) if x.__class__ in _NUMBERS else x


def _argument() -> None:
    """The `DynamicScalar.f` of a number among the arguments."""


def _is_of_arguments(number: DynamicScalar) -> bool:
    """Return whether a number is computed from arguments alone."""
    if number.f is _argument:
        return True
    lives = [x for x in number.args if x.__class__ is DynamicScalar]
    return bool(lives) and all(map(_is_of_arguments, lives))


def key_of(f: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """Return the key of a call: plain arguments are compared by value, others by identity."""
    return (f, *[(x.__class__, x if isinstance(x, PLAIN) else id(x)) for x in args])


def map_values(f: Callable[[Any, str], Any], tree: Any, path: str = "") -> Any:
    """Apply f to each value in dicts, lists and tuples, and to its path; nothing else is a container here."""
    if tree.__class__ is dict:
        return {key: map_values(f, x, f"{path}.{key}") for key, x in tree.items()}
    if tree.__class__ in (list, tuple):
        return tree.__class__(map_values(f, x, f"{path}.{i}") for i, x in enumerate(tree))
    return f(tree, path)


def values_in(tree: Any) -> list[Any]:
    """Return the values in dicts, lists and tuples."""
    values: list[Any] = []
    map_values(lambda x, _: values.append(x), tree)
    return values


def abstract_of(tree: Any) -> Any:
    """Replace numbers and Tensors in dicts, lists and tuples by their abstract values."""
    return map_values(lambda x, _: _kind(x), tree)


def _kind(x: Any) -> Any:
    if isinstance(x, Tensor):
        a = x._data
        return a.__class__, a.shape, a.dtype, a.strides
    return (x.__class__, x.name) if x.__class__ is DynamicScalar else x
