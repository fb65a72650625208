"""Guards: conditions on the outside world that one trace depends on, checked before every replay.

A guard is a row, and a replay has a table of them. One call in C goes through it, or one expression in Python. The
check also collects the arrays that the replay reads, so that none of them is looked up twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import is_
from struct import pack
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..core.node import LEAF
from ..ir.host_record import HostState, Pinned, Same
from ..native.instructions import like
from ..native.kernels import library
from ..tensors.tensor import Tensor

Arrays = tuple[Any, ...]

# The value of a row that states that there is nothing at a key, or in a cell.
MISSING: Any = type("Missing", (), {"__repr__": lambda _: "nothing"})()
_EXACT = (int, str, bytes, np.generic)


def is_same(x: Any, value: Any) -> bool:
    """Return whether two objects are one, or numbers or texts of one class and the same value; of floats, the bits.

    Of tuples, whether this is so for all that is in them.
    """
    if x is value or x.__class__ is not value.__class__:
        return x is value
    if isinstance(x, (float, complex)):
        return pack("2d", x.real, x.imag) == pack("2d", value.real, value.imag)
    if x.__class__ is tuple:
        return have_same(x, value)
    return isinstance(x, _EXACT) and bool(x == value)


def content_of(container: Any) -> tuple[Any, ...]:
    """Return the items of a container as a tuple; of a dict, keys and values in turn."""
    return tuple(chain.from_iterable(container.items())) if isinstance(container, dict) else tuple(container)


def have_same(x: tuple[Any, ...], value: tuple[Any, ...]) -> bool:
    """Return whether the items of two containers are the same, one after the other."""
    return len(x) == len(value) and all(map(is_same, x, value))


def cell_content(cell: CellType) -> Any:
    """Return what the cell of a variable holds, if there is anything."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def class_item(kind: type, name: str) -> Any:
    """Return what a class and its bases have under a name, without running code."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), MISSING)


def item_of(container: Any, key: Any) -> Any:
    """Return what a container has at a key, if there is anything."""
    try:
        return container[key]
    except (LookupError, TypeError, ValueError):
        return MISSING


def items_of(x: Mapping[Any, Any]) -> tuple[Any, ...]:
    """Return the items of a mapping that can be seen and not compared, such as that of a class."""
    return tuple(x.items())


def parts_of(f: FunctionType) -> tuple[Any, Any, Any]:
    """Return what a function can be given anew: its code and its defaults."""
    return f.__code__, f.__defaults__, f.__kwdefaults__


# The condition of each kind of guard, on an owner, a key and a value.
KINDS: Mapping[str, str] = {
    "array": "((a := {owner}).shape, a.strides, a.dtype) == {value}",
    "values": "((a := {owner}._data).shape, a.strides, a.dtype) == {value}",
    "gradient": "(g := getattr({owner}, '_grad', None)) is not None"
    " and ((a := g._data).shape, a.strides, a.dtype) == {value}",
    "no gradient": "getattr({owner}, '_grad', None) is None",
    "leaf": "{owner}._node is LEAF",
    "no leaf": "{owner}._node is not LEAF",
    "hooks": "getattr({owner}, '_hooks', none) == {value}",
    "item": "is_same(item({owner}, {key}), {value})",
    "result": "is_same({owner}(*{key}), {value})",
    "cell": "is_same(in_cell({owner}), {value})",
    "class item": "is_same(class_item({owner}, {key}), {value})",
    "contents": "have_same(content_of({owner}), {value})",
    "elements": "{owner}.dtype == {value}.dtype and {owner}.shape == {value}.shape"
    " and {owner}.tobytes() == {value}.tobytes()",
    "function": "all(map(is_, parts_of({owner}), {value}))",
}
# Where the array is that some of them are about.
_ARRAYS = {"array": "{owner}", "values": "{owner}._data", "gradient": "{owner}._grad._data"}
_NAMES: Mapping[str, Any] = {
    "LEAF": LEAF,
    "none": [],
    "is_": is_,
    "is_same": is_same,
    "item": item_of,
    "in_cell": cell_content,
    "class_item": class_item,
    "content_of": content_of,
    "have_same": have_same,
    "parts_of": parts_of,
}


class Guard(NamedTuple):
    """One row.

    Attributes:
        kind: one of the keys of `KINDS`.
        owner, key, value: the parts that the expression of this kind compares.
        message: the condition as text.
    """

    kind: str
    owner: Any
    key: Any
    value: Any
    message: str

    def text(self, expression: str, k: object = "") -> str:
        """Return an expression about it, in which numbered names stand for its parts."""
        return expression.format(owner=f"owner{k}", key=f"key{k}", value=f"value{k}")

    def names(self, k: object = "") -> dict[str, Any]:
        """Return what these names stand for."""
        return {f"owner{k}": self.owner, f"key{k}": self.key, f"value{k}": self.value}

    def identity(self) -> tuple[Any, ...]:
        """Return a key that is equal for two rows that state the same."""
        value = self.value.tobytes() if self.kind == "elements" else self.value
        # A part of an array that code reads is another object in every run.
        is_array = self.kind in ("elements", "array")
        place = (self.owner.ctypes.data, self.owner.strides) if is_array else id(self.owner)
        return self.kind, place, *(tuple(map(_comparable, _parts(x))) for x in (self.key, value))

    def holds(self) -> bool:
        """Return whether it is so."""
        try:
            return bool(eval(_code_of(self.kind), {**_NAMES, **self.names()}))
        except LookupError:
            return False


@functools.cache
def _code_of(kind: str) -> CodeType:
    return compile(KINDS[kind].format(owner="owner", key="key", value="value"), kind, "eval")


def _parts(x: Any) -> tuple[Any, ...]:
    return x if x.__class__ is tuple else (x,)


def _comparable(x: Any) -> Any:
    """Return a key that is equal for numbers and texts of one class and value; of other objects, the id."""
    if isinstance(x, (float, complex)):
        return x.__class__, pack("2d", x.real, x.imag)
    if x.__class__ is tuple:
        return tuple(map(_comparable, x))
    return (x.__class__, x) if isinstance(x, _EXACT) else id(x)


def _like(kind: str, owner: Any, a: Any, message: str) -> Guard:
    """Return that an array is as this one is."""
    return Guard(kind, owner, None, (a.shape, a.strides, a.dtype), message)


def tensor_name(t: Tensor) -> str:
    """Return what a Tensor is called in messages."""
    return f"'{t.name}'" if t.name else "a captured tensor"


def guards_on_tensor(t: Tensor) -> Iterator[Guard]:
    """Yield what a captured Tensor is like."""
    a, leaf = t._data, t._node is LEAF
    message = f"{tensor_name(t)} {a.shape} {a.dtype}{' requires a gradient' if leaf else ''}"
    yield _like("values", t, a, message)
    yield Guard("leaf" if leaf else "no leaf", t, None, None, message)


def guards_on_gradient(leaf: Tensor, g: Tensor | None) -> Iterator[Guard]:
    """Yield what the gradient of a leaf was before a trace."""
    message = f"`.grad` of {tensor_name(leaf)} is {'' if g is None else 'not '}None before the call"
    yield Guard("no gradient", leaf, None, None, message) if g is None else _like("gradient", leaf, g._data, message)
    yield Guard("hooks", leaf, None, list(getattr(leaf, "_hooks", ())), f"{tensor_name(leaf)} has the same hooks")


def guard_on_array(a: np.ndarray) -> Guard:
    """Return what an array from outside is like."""
    return _like("array", a, a, f"an array that the function finds is {a.shape} {a.dtype}")


def guards_on_host_state(host_state: HostState) -> Iterator[Guard]:
    """Yield the guards on Python objects: constants read by `static`, and results of functions."""
    for step in host_state.steps:
        if isinstance(step, Pinned):
            yield Guard("item", step.container, step.key, step.value, f"{step.key} is as it was")
        elif isinstance(step, Same):
            yield Guard("result", step.f, step.args, step.value, "a name that the function reads is as it was")


class Guards:
    """The guards of one trace.

    Args:
        rows: all of them.
        reads: the numbers of those whose arrays a replay reads, in order, and whether it writes into them too, so that
            no other Tensor may share their memory.

    Attributes:
        check: returns these arrays; None if one of the guards does not hold.
    """

    def __init__(self, rows: Sequence[Guard], reads: Sequence[tuple[int, bool]] = ()) -> None:
        self.rows = rows
        self.check = (check_in_c if library else check_in_python)(rows, reads)

    def why_broken(self) -> str:
        """Return which of them does not hold, as a reason; "" if they all do."""
        if self.check() is not None:
            return ""
        broken_guard = next((guard for guard in self.rows if not guard.holds()), None)
        return "" if broken_guard is None else f"it is no longer true that {broken_guard.message}"


def check_in_c(rows: Sequence[Guard], reads: Sequence[tuple[int, bool]]) -> Callable[[], Arrays | None]:
    """Return `Guards.check`, as a function of C."""
    # The dtype is passed next to an array of bytes, since `like` can make none of StringDType.
    packed = tuple(
        (*row[:2], row.value[-1], like(row.value[0], row.value[1], np.uint8)) if row.kind in _ARRAYS else row[:4]
        for row in rows
    )
    check: Callable[[], Arrays | None] = library.guards(Tensor, LEAF, MISSING, packed, tuple(reads))
    return check


def check_in_python(rows: Sequence[Guard], reads: Sequence[tuple[int, bool]]) -> Callable[[], Arrays | None]:
    """Return `Guards.check`, as a function of Python."""
    names, arrays = dict(_NAMES), []
    for k, guard in enumerate(rows):
        names |= guard.names(k)
    for k, written in reads:
        arrays.append(f"owner{k}._writable(), " if written else rows[k].text(_ARRAYS[rows[k].kind], k) + ", ")
    conditions = [guard.text(KINDS[guard.kind], k) for k, guard in enumerate(rows)]
    text = f"""
def found():
    try:
        return ({"".join(arrays)}) if {" and ".join(conditions) or True} else None
    except LookupError:
        return None
"""
    exec(text, names)
    check: Callable[[], Arrays | None] = names.pop("found")  # else it would hold itself
    return check
