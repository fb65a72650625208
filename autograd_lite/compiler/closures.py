"""What a function's own code reads by name, from around it: compiled code rests on these names meaning the same.

A replay reads captured Tensors and arrays anew, but it cannot see that a name has been given to another one. So the
variables of closures, the globals, and the attributes of `self` and of other arguments that the code names are compared
at every call. What functions read that it calls is not looked at, unless they are in its closure.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..tensors.tensor import Tensor

_VALUES = (Tensor, np.ndarray, np.generic, bool, int, float, complex, str, type(None))
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_OURS = (_HOME + "autograd_lite" + os.sep, _HOME + "nn" + os.sep)
_MOST = 100  # functions that are looked through

_MISSING = object()

contents = operator.attrgetter("cell_contents")


def attribute(this: ref[Any], name: str) -> Any:
    """Return an attribute of an object or its class, without running code."""
    if (x := this()) is not None:
        for where in (vars(x), *map(vars, type(x).__mro__)):
            if name in where:
                return where[name]
    return _MISSING


class Named(NamedTuple):
    """A name that code reads.

    Attributes:
        where: the cell, or the globals, or a reference to the object of which this is an attribute.
        name: of the variable.
        value: what it is now.
    """

    where: Any
    name: str
    value: Any


def names_in(f: Any, objects: Iterable[Any] = ()) -> list[Named]:
    """Return the names of what may be exchanged that a function reads, and the functions in its closure.

    Args:
        f: the function.
        objects: those of which it may read attributes; of a method, its object is one.
    """
    found: dict[tuple[int, str], Named] = {}
    stack, seen = [f], set[int]()
    of = [x for x in (*objects, getattr(f, "__self__", None)) if _has_attributes(x)]
    while stack and len(seen) < _MOST:
        g = stack.pop()
        while isinstance(g, (functools.partial, MethodType)):
            g = g.func if isinstance(g, functools.partial) else g.__func__
        g = getattr(g, "__wrapped__", g) if not isinstance(g, FunctionType) else g
        if not isinstance(g, FunctionType) or id(g) in seen:
            continue
        seen.add(id(g))
        ours = g.__code__.co_filename.startswith(_OURS)
        for named in _named(g, of):
            if isinstance(named.value, FunctionType | functools.partial | MethodType):
                if isinstance(named.where, CellType):
                    stack.append(named.value)
            elif not ours and isinstance(named.value, _VALUES):
                found.setdefault((id(named.where), named.name), named)
    return list(found.values())


def _has_attributes(x: Any) -> bool:
    """Return whether this is an object with attributes of its own; a module of `nn` sees to its own."""
    others = FunctionType | ModuleType | functools.partial | type
    return (
        hasattr(x, "__dict__")
        and hasattr(x, "__weakref__")
        and not isinstance(x, others)
        and not hasattr(x, "named_parameters")
    )


def _named(g: FunctionType, objects: Sequence[Any]) -> Iterator[Named]:
    for name, cell in zip(g.__code__.co_freevars, g.__closure__ or (), strict=True):
        try:
            yield Named(cell, name, cell.cell_contents)
        except ValueError:  # of a name that has no value yet
            continue
    for name in dict.fromkeys(_names_of(g.__code__)):
        if name in g.__globals__:
            yield Named(g.__globals__, name, g.__globals__[name])
        for x in objects:
            yield Named(ref(x), name, attribute(ref(x), name))


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
