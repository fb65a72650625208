"""Guards on objects of this project, of Python's, NumPy's and SciPy's classes, and on slots."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from operator import attrgetter, methodcaller
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np

from ..core.bytecode import Step, Use
from ..core.dynamic_scalars import DynamicScalar
from ..tensors.tensor import Tensor
from .guards import MISSING, Guard, content_of
from .origins import SITES, is_library, is_ours, own_attributes, slots_of
from .stateful_objects import is_constant, state_of

# Numbers, texts and the like, which are compared by value.
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range, np.dtype, np.generic)
UNREAD = (Tensor, DynamicScalar, *PLAIN)
_COMPARED = (np.ndarray, Tensor, *PLAIN)
_HOLDS_CODE = (types.FunctionType, types.MethodType, functools.partial, list, tuple, dict, set, type)


class GuardCollector(Protocol):
    """The part of `guard_collector.GuardCollector` that this needs."""

    by_name: bool

    def visit(self, x: Any, name: str) -> None: ...

    def is_new(self, x: Any) -> bool: ...

    def row(self, kind: str, owner: Any, key: Any, value: Any, name: str) -> None: ...

    def add(self, row: Guard) -> None: ...

    def contents(self, x: Any, name: str) -> None: ...

    def methods(self, kind: type, name: str, is_meant: Callable[[str], bool]) -> None: ...


def visit_library_object(guards: GuardCollector, x: Any, name: str) -> None:
    """Visit an instance of a class of Python, NumPy or SciPy: its attributes, not its methods."""
    kind, attributes = type(x), own_attributes(x)
    if isinstance(x, (attrgetter, methodcaller)):
        guards.by_name = True
    elif kind.__name__ == "array":
        guards.contents(x, name)
    elif isinstance(x, memoryview):
        guards.add(Guard("result", memoryview.tobytes, (x,), x.tobytes(), f"{name} has the same in it"))
    elif kind.__module__ == "functools":
        guards.visit(getattr(x, "__wrapped__", None), name)
    elif kind.__module__ != "logging" and not isinstance(x, PurePath) and not is_constant(x):
        visit_slots(guards, x)
        if attributes is not None:
            guards.contents(attributes, name)
        for part in (attributes or {}).values():
            if not state_of(part):
                guards.visit(part, name)


def visit_sparse(guards: GuardCollector, x: Any, name: str) -> Iterator[tuple[np.ndarray, str]]:
    """Visit one of SciPy's sparse matrices; yield its arrays, which an operation may have taken, with their names."""
    attributes = own_attributes(x) or {}
    for key, value in attributes.items():
        guards.row("item", attributes, key, value, f"{name}.{key}")
        for part in value if value.__class__ is tuple else (value,):
            if isinstance(part, np.ndarray):
                yield part, f"{name}.{key}"
            else:
                guards.visit(part, name)


def visit_own_object(guards: GuardCollector, x: Any, name: str) -> None:
    """Look for the user's code in an object of this project, or of a class that is derived from one."""
    attributes, kind = own_attributes(x) or {}, type(x)
    unread = getattr(kind, "_unguarded", ())
    for key in getattr(kind, "_guarded", ()):
        guards.row("item", attributes, key, attributes[key], f"{name}.{key}")
    slots = {key: getattr(x, key, None) for base in kind.__mro__ for key in slots_of(base)}
    for part in (value for key, value in (*attributes.items(), *slots.items()) if key not in unread):
        if isinstance(part, _HOLDS_CODE) or is_ours(type(part).__module__) or not is_library(type(part).__module__):
            _visit_part(guards, part, name)


def _visit_part(guards: GuardCollector, x: Any, name: str) -> None:
    """Look at what an object of this project holds; its own containers change as it works: no guards."""
    if isinstance(x, (list, tuple, dict, set)):
        if guards.is_new(x):
            for part in x.values() if isinstance(x, dict) else x:
                _visit_part(guards, part, name)
    elif not isinstance(x, _COMPARED) and not state_of(x):
        guards.visit(x, name)


def visit_slots(guards: GuardCollector, x: Any) -> None:
    """Note what an object has in slots."""
    for key in dict.fromkeys(key for base in type(x).__mro__ for key in slots_of(base)):
        value = getattr(x, key, MISSING)
        guards.row("result", getattr, (x, key, MISSING), value, key)
        guards.visit(value, key)


def visit_all(guards: GuardCollector, x: Any) -> None:
    """Guard all attributes of an object, a class or a module, since code reads some by names that it computes."""
    if isinstance(x, types.ModuleType):
        if not str(getattr(x, "__file__", "")).startswith(SITES):
            guards.contents(vars(x), x.__name__)
        return
    if isinstance(x, types.FunctionType):
        return
    kind = x if isinstance(x, type) else type(x)
    if x is not kind:
        visit_slots(guards, x)
        guards.visit(own_attributes(x), kind.__name__)
    for base in kind.__mro__:
        if not is_library(base.__module__):
            guards.methods(base, kind.__name__, lambda _: True)
            for key, value in [*vars(base).items()]:
                if not key.startswith("__") and not state_of(value):
                    guards.row("class item", base, key, value, f"{kind.__name__}.{key}")
                    guards.visit(value, f"{kind.__name__}.{key}")


def is_counter(use: Use, x: Any, step: Step | None = None) -> bool:
    """Return whether code adds a constant to a number, whose name is then bound anew; an array would change in place.

    Args:
        use: the place in the code.
        x: a value, of which it is a part if there is a step.
        step: from the value to the part.
    """
    if use.taker != "update" or isinstance(x, np.ndarray):
        return False
    if step is None:
        return True
    if step.kind == "attribute":
        return not isinstance((own_attributes(x) or {}).get(step.key), np.ndarray)
    parts = content_of(x) if x.__class__ in (list, tuple, dict) else ()
    return not any(isinstance(part, np.ndarray) for part in parts)
