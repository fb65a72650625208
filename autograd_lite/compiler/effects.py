"""What a replay changes in the end: a list of calls in C, which are made by one call, all or none."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ..core.live import Live
from ..core.node import next_stamp
from ..ir.hosts import Hosts, Put, leaves_of, mapped
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .trace import Traced

Call = tuple[Any, ...]


class Effects:
    """The code of what one trace changes.

    Args:
        traced: what the function did.
        written: for each value that the program was to compute, whether it is written over an old one by the plan.

    Attributes:
        any: whether there are changes.
        text: a function `calls` of the values that the plan hands out, the numbers that `Reader.read` gave, and the
            values of the slots, which returns calls in C.
    """

    def __init__(self, traced: Traced, written: Sequence[bool]) -> None:
        self._start = len(traced.results) + len(traced.saved)
        self._written = iter(written[self._start :])
        self._places = {id(x): i for i, x in enumerate(traced.slots)}
        self._names: dict[str, Any] = {
            "setitem": operator.setitem,
            "setattr": setattr,
            "copied": np.array,
            "gradient": _gradient,
            "stamped": _stamped,
        }
        self._values = self._numbers = 0
        rows: list[str] = []
        leaves = [leaf for leaf, _ in traced.assigned]
        for leaf in leaves:
            if not next(self._written):
                rows.append(f"(setitem, {self._name(leaf)}._writable(), ..., {self._value()}),")
        for leaf, i in traced.gradients:
            new = "None"
            if i is not None:
                next(self._written)  # which it is not
                new = f"gradient({self._value()})"
            rows.append(f"(setattr, {self._name(leaf)}, '_grad', {new}),")
        for put in traced.hosts.puts.values():
            rows += self._anew(put) if replaced(traced.hosts, put) is None else self._over(put)
        if leaves:
            rows.append(f"stamped({self._name(leaves)}),")
        self.text = "\n        ".join(["def calls(values, numbers, slots):\n    return [", *rows]) + "\n    ]\n"
        exec(compile(self.text, "<changes>", "exec"), self._names)
        self.any = bool(rows)
        self.calls: Callable[..., list[Call]] = self._names["calls"]

    def _over(self, put: Put) -> list[str]:
        """Write new arrays over those that were read."""
        rows = []
        for t in leaves_of(put.before):
            if isinstance(t, Tensor) and not next(self._written):
                rows.append(f"(setitem, slots[{self._places[id(t)]}], ..., {self._value()}),")
        return rows

    def _anew(self, put: Put) -> list[str]:
        return [f"(setitem, {self._name(put.container)}, {self._text(put.key)}, {self._text(put.value)}),"]

    def _text(self, x: Any) -> str:
        if x.__class__ is dict:
            return f"{{{', '.join(f'{self._text(key)}: {self._text(value)}' for key, value in x.items())}}}"
        if x.__class__ in (list, tuple):
            inside = "".join(f"{self._text(value)}, " for value in x)
            return f"[{inside}]" if x.__class__ is list else f"({inside})"
        if isinstance(x, Tensor):
            next(self._written)  # which it is not
            return f"copied({self._value()}){'' if x._data.__class__ is np.ndarray else '[()]'}"
        if x.__class__ is Live:
            self._numbers += 1
            return f"numbers[{self._numbers - 1}]"
        if x.__class__ in (bool, int, str) or x is None:
            return repr(x)
        return self._name(x)

    def _value(self) -> str:
        self._values += 1
        return f"values[{self._start + self._values - 1}]"

    def _name(self, thing: Any) -> str:
        self._names[name := f"c{len(self._names)}"] = thing
        return name


def _gradient(g: Any) -> Tensor:
    """Return a new gradient; a view may repeat elements, and is not to be written into."""
    t: Tensor = wrap(g if g.base is None else np.array(g), None)
    return t


def _stamped(leaves: Sequence[Tensor]) -> Call:
    """Return the call that notes when leaves were changed: after whatever another thread records meanwhile."""
    return deque, map(setattr, leaves, repeat("_stamp"), iter(next_stamp, None)), 0


def replaced(hosts: Hosts, put: Put) -> list[Tensor] | None:
    """Return the Tensors of the arrays that new ones are written over, if no one sees that; None if it is not so."""
    old, new = leaves_of(put.before), leaves_of(put.value)
    arrays = [t for t in old if isinstance(t, Tensor)]
    if not all(id(t) in hosts.owned for t in arrays) or _shape(put.before) != _shape(put.value):
        return None
    return arrays if all(map(_alike, old, new)) else None


def _shape(tree: Any) -> Any:
    return mapped(lambda *_: 0, tree)


def _alike(old: Any, new: Any) -> bool:
    """Return whether the values of one Tensor can be written over those of another."""
    if not (isinstance(old, Tensor) and isinstance(new, Tensor)):
        return old is new is None
    a, b = old._data, new._data
    return a.__class__ is b.__class__ is np.ndarray and (a.shape, a.dtype) == (b.shape, b.dtype)
