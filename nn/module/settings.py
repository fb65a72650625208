"""Guards on the Python state that calls of a module read: attributes and modes. Other states get other compiled code.

The states that a tree of modules has been in are numbered. A function that is being compiled reads the number of each
tree that it calls, and is traced again where, say, a mode, a rate or a parameter has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from autograd_lite.extend import callback, same_objects

from ..config.ambient import CALL, MODES, during
from ..config.config import Configurable, Stateful
from .modes import mode_of
from .penalties import Rules
from .tree import Tree

# Attributes that no call reads, or not as Python values.
_UNREAD = frozenset(("_added", "_compiled", "_example", "_name", "_path", "_replays", "_settings", "history"))
_UNREAD |= frozenset(("last_parts", "output_shape", "stop_training"))
_VALUES = frozenset((bool, bytes, complex, float, int, str, np.float32, np.float64, np.int64))
_CONTAINERS = frozenset((dict, list, set, tuple))
_LONG = 64  # of longer containers only the length is compared
_MAX_STATES = 64  # that are remembered of a tree


class _State(NamedTuple):
    """The state of a tree.

    Attributes:
        below: the modules of the tree, without its root, in order.
        modes: of its modules in blocks, if there are any.
        containers: the dicts of attributes of the modules, and containers among these.
        values: the entries of all of them, in a row.
        read: the entries of each that calls read: names, or none if it has no names, and values.
    """

    below: tuple[Any, ...]
    modes: tuple[bool, ...]
    containers: tuple[Collection[Any], ...]
    values: tuple[Any, ...]
    read: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...]

    @classmethod
    def of(cls, root: Any) -> _State:
        """Look a tree through, or another object with attributes."""
        containers: list[Collection[Any]] = []
        read: list[Any] = []
        seen = {id(root)}
        stack: list[Any] = [vars(root)]
        while stack:
            container = stack.pop()
            named = container.__class__ is dict
            items = (
                [(k, x) for k, x in container.items() if not _is_unread(k)] if named else [("", x) for x in container]
            )
            containers.append(container)
            read.append((tuple([k for k, _ in items]), tuple([x for _, x in items])))
            for _, x in items:
                if id(x) not in seen:
                    if isinstance(x, (Tree, Configurable, Rules)) and not isinstance(x, Stateful):
                        stack.append(vars(x))
                    elif x.__class__ in _CONTAINERS and 0 < len(x) <= _LONG:
                        stack.append(x)
                    else:
                        continue
                    seen.add(id(x))
        values = chain.from_iterable(x.values() if x.__class__ is dict else x for x in containers)
        below = tuple([module for _, module in root._walk()][1:]) if isinstance(root, Tree) else ()
        return cls(below, _modes(root, below), tuple(containers), tuple(values), tuple(read))

    def holds(self, root: Any) -> bool:
        """Return whether the same objects are in all containers still, in the same modes."""
        return same_objects(self.containers, self.values) and _modes(root, self.below) == self.modes

    def is_like(self, other: _State) -> bool:
        """Return whether calls read the same."""
        if self.modes != other.modes or len(self.read) != len(other.read):
            return False
        return all(a == b and all(map(_equal, x, y)) for (a, x), (b, y) in zip(self.read, other.read, strict=True))

    def difference(self, other: _State) -> str:
        """Return the name of an attribute that is another one in another state, or ""."""
        for (names, values), (others, theirs) in zip(self.read, other.read, strict=False):
            if names != others:
                return next(iter(sorted(set(names) ^ set(others))), "")
            index = next((k for k, (x, y) in enumerate(zip(values, theirs, strict=False)) if not _equal(x, y)), None)
            if index is not None and names[index]:
                return names[index]
        return ""


def _is_unread(name: Any) -> bool:
    return name in _UNREAD or (name.__class__ is str and name.endswith("_initializer"))


def _equal(x: Any, y: Any) -> bool:
    if x is y:
        return True
    kind = x.__class__
    return kind is y.__class__ and (kind in _CONTAINERS or (kind in _VALUES and (x == y or x != x != y)))


class Settings:
    """The states that a tree has been in, in the order of their numbers. It is kept on the root; a copy is empty."""

    def __init__(self) -> None:
        self.states: list[_State] = []
        self.last = 0
        self.forgotten = 0

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Settings, ()

    def number(self, root: Any) -> int:
        """Return the number of the state that a tree is in, or another object with attributes."""
        if self.states:
            states, k = self.states, self.last  # other threads may ask at the same time
            if states[k].holds(root):
                return self.forgotten + k
        now = _State.of(root)
        for k, state in enumerate(self.states):
            if state.is_like(now):
                self.states[k], self.last = now, k
                return self.forgotten + k
        if len(self.states) == _MAX_STATES:
            self.forgotten, self.states = self.forgotten + _MAX_STATES, []
        self.states.append(now)
        self.last = len(self.states) - 1
        return self.forgotten + self.last

    def difference(self, a: int, b: int) -> str:
        """Return the name of an attribute that is another one in another state, by their numbers, or ""."""
        if min(a, b) < self.forgotten:
            return ""
        return self.states[a - self.forgotten].difference(self.states[b - self.forgotten])


def _modes(root: Any, below: Sequence[Tree]) -> tuple[bool, ...]:
    return tuple(map(mode_of, (root, *below))) if MODES.open.get() and isinstance(root, Tree) else ()


def settings_of(root: Tree) -> Settings:
    """Return the states that a tree has been in."""
    own = vars(root)
    settings: Settings = own["_settings"] if "_settings" in own else own.setdefault("_settings", Settings())
    return settings


def _number_of(this: ref[Tree]) -> int:
    root = this()
    return -1 if root is None else settings_of(root).number(root)


@contextmanager
def cover(root: Tree) -> Iterator[None]:
    """Do not guard on the state of this tree inside: a guard exists already."""
    with during(covered=CALL.get().covered | {id(module) for _, module in root._walk()}):
        yield


def is_covered(module: Tree) -> bool:
    """Return whether there is a guard on the state of a tree that a module belongs to."""
    return id(module) in CALL.get().covered


def guard_on(root: Tree) -> None:
    """Guard a function that is being compiled on the state that a tree is in now."""
    callback(_number_of, ref(root)).fix_value()
