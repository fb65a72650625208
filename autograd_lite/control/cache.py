"""Functions that have run before: what a function is and reads, so that an equal one need not be recorded again.

A function that is defined inside another one is a new object at every call. What it does is settled by its code and by
what it reads from around itself, of which Tensors may be others each time.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.bytecode import imports, names_in
from ..core.forks import fork_safe_lock
from ..random import Generator
from ..tensors.lifted import LiftedTensor
from ..tensors.tensor import Tensor

_PLAIN = (bool, int, str, bytes, type(None), type(Ellipsis), np.dtype)
_AS_THEY_ARE = (BuiltinFunctionType, np.ufunc, Generator)
_LARGE = 1 << 16
_OURS = __name__.partition(".")[0]
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_MOST = 64


class Unfamiliar(Exception):
    """Raised where a function reads something that may change unnoticed."""


class Reading:
    """What a function is, apart from the Tensors that it reads.

    Attributes:
        key: equal for functions that do the same.
        tensors: what they do it with, in order.
        held: whatever must stay alive as long as the key is kept, since its id is in it.

    Raises:
        Unfamiliar: if the function reads something that may change unnoticed, such as an attribute of an object.
    """

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self.tensors: list[Tensor] = []
        self.held: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self.key = tuple([self._of(f) for f in functions])

    def _of(self, x: Any) -> Any:
        kind = x.__class__
        if isinstance(x, Tensor):
            if isinstance(x, LiftedTensor):
                raise Unfamiliar
            number = self._numbers.setdefault(id(x), len(self.tensors))
            if number == len(self.tensors):
                self.tensors.append(x)
            return "tensor", number, x.shape, x.dtype
        if isinstance(x, _PLAIN):
            return kind, x
        if isinstance(x, (float, complex, np.generic)):
            return kind, repr(x)
        if kind in (tuple, list):
            return kind, tuple([self._of(y) for y in x])
        if kind is dict:
            return kind, tuple([(self._of(k), self._of(y)) for k, y in x.items()])
        if kind is FunctionType and not _is_of_a_library(x.__module__):
            return self._function(x)
        if kind is np.ndarray and x.nbytes <= _LARGE and not x.dtype.hasobject:
            return self._itself(x), x.shape, x.dtype, x.tobytes()  # NumPy may read it before an operation does
        if kind is BuiltinFunctionType and not isinstance(x.__self__, ModuleType | None):
            raise Unfamiliar  # a method of something that has a state
        if isinstance(x, (*_AS_THEY_ARE, FunctionType)):
            return self._itself(x)
        if isinstance(x, ModuleType) and _is_of_a_library(x.__name__):
            return self._itself(x)
        if isinstance(x, type) and _is_of_a_library(x.__module__):
            return self._itself(x)
        raise Unfamiliar

    def _itself(self, x: Any) -> Any:
        self.held.append(x)
        return id(x)

    def _function(self, f: FunctionType) -> Any:
        if id(f) in self._seen:  # it calls itself
            return "again", self._seen[id(f)]
        if vars(f) or imports(f.__code__):
            raise Unfamiliar
        self._seen[id(f)] = len(self._seen)
        self.held.append(f.__code__)
        try:
            cells = [cell.cell_contents for cell in f.__closure__ or ()]
        except ValueError:  # not yet filled
            raise Unfamiliar from None
        names = [name for name in names_in(f.__code__) if name in f.__globals__]
        read = [f.__globals__[name] for name in names]
        given = [*cells, *read, f.__defaults__, f.__kwdefaults__]
        return f.__code__, tuple(names), tuple([self._of(x) for x in given])


def _is_of_a_library(module: Any) -> bool:
    name = str(module).partition(".")[0]
    if name == _OURS or name in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and file.startswith(_LIBRARIES)


class Memory:
    """Keeps what was made of functions; of more than some, the first ones are forgotten."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, list[Any]]] = {}
        self._lock = fork_safe_lock()

    def get(self, key: Any, default: Any) -> Any:
        """Return what is kept, or the default."""
        found = self._known.get(key)
        return default if found is None else found[0]

    def keep(self, key: Any, thing: Any, held: list[Any]) -> None:
        """Keep a thing."""
        with self._lock:
            self._known.pop(key, None)
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = thing, held
