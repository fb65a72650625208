"""Python values of a compiled function as JSON and back: parameters of ops, arguments, results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...compiler.kinds import RESULT, ArrayKind
from ...core.indices import IndexArray
from ...observing import Assumption
from ...random import Generator
from .arrays import Arrays, refuse

_UNREAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# What an assumption may be about; a file names nothing else that runs.
_ASSUMED: Mapping[str, Callable[..., Any]] = {
    "all": np.all,
    "any": np.any,
    "finite": math.isfinite,
    "isfinite": np.isfinite,
}
# The classes that stand for numbers among arguments which come with every call.
_NUMBERS: Mapping[str, type] = {"int": int, "float": float}


class UnwritableError(TypeError):
    """A value has no form in a file."""


class Writer:
    """Writes values.

    Args:
        arrays: where arrays go.
        generators: the number of each generator.
    """

    def __init__(self, arrays: Arrays, generators: Mapping[Generator, int]) -> None:
        self._arrays, self._generators = arrays, generators

    def text(self, x: Any, where: str) -> Any:
        """Return a value as JSON.

        Args:
            x: the value.
            where: the name of an array, if it is one.

        Raises:
            UnwritableError: naming what cannot be written.
        """
        if x is None or x.__class__ in (bool, int, str):
            return x
        if x.__class__ is float:
            return x if math.isfinite(x) else {"float": str(x).replace("inf", "Infinity").replace("nan", "NaN")}
        for kind, write in self._forms.items():
            if isinstance(x, kind):
                return write(self, x, where)
        if x is Ellipsis:
            return {"ellipsis": True}
        if x is RESULT:
            return {"result": True}
        raise UnwritableError(f"a {type(x).__name__}, {x!r:.60}")

    def _several(self, parts: Any, where: str) -> list[Any]:
        return [self.text(part, where) for part in parts]

    def _array(self, x: Any, where: str) -> Any:
        try:
            return self._arrays.put(where, x)
        except TypeError as error:
            raise UnwritableError(str(error)) from None

    def _container(self, x: Any, where: str) -> Any:
        kind = x.__class__
        if kind is dict:
            return {"dict": [[self.text(k, where), self.text(v, where)] for k, v in x.items()]}
        if kind is tuple or kind is list:
            return {kind.__name__: self._several(x, where)}
        raise UnwritableError(f"a {kind.__name__}; dicts, lists and tuples can be written")

    def _scalar_type(self, x: Any, where: str) -> Any:
        if x in _NUMBERS.values():
            return {"number": x.__name__}
        if issubclass(x, np.generic):
            return {"scalar type": np.dtype(x).str}
        raise UnwritableError(f"the class {x.__name__}")

    def _assumption(self, x: Assumption, where: str) -> Any:
        for name, f in _ASSUMED.items():
            if x.holds is f:
                return {"assume": name}
        raise UnwritableError(f"an assumption by {getattr(x.holds, '__name__', 'a function')}; write it with NumPy")

    _forms: Mapping[type, Callable[[Any, Any, str], Any]] = {
        IndexArray: lambda self, x, where: {"index": [list(x.shape), x.dtype.str]},
        np.ndarray: _array,
        np.generic: _array,
        ArrayKind: lambda self, x, where: {"given": _kind(x)},
        dict: _container,
        tuple: _container,
        list: _container,
        slice: lambda self, x, where: {"slice": self._several((x.start, x.stop, x.step), where)},
        complex: lambda self, x, where: {"complex": self._several((x.real, x.imag), where)},
        np.dtype: lambda self, x, where: {"dtype": x.str},
        type: _scalar_type,
        Generator: lambda self, x, where: {"generator": self._generators[x]},
        Assumption: _assumption,
    }


class Reader:
    """Reads what a `Writer` wrote.

    Args:
        arrays: of the file.
        generators: by number.
    """

    def __init__(self, arrays: Arrays, generators: list[Generator]) -> None:
        self._arrays, self._generators = arrays, generators

    def value(self, text: Any) -> Any:
        """Return the value.

        Raises:
            DamagedFileError: if nothing is written like this.
        """
        if text is None or text.__class__ in (bool, int, str, float):
            return text
        if not isinstance(text, dict) or not text:
            refuse("a value", text)
        if "array" in text:
            return self._arrays.get(text)
        ((tag, content), *more) = text.items()
        if more or tag not in self._forms:
            refuse("a value", text)
        try:
            return self._forms[tag](self, content)
        except (TypeError, ValueError, OverflowError, KeyError, IndexError) as error:
            refuse(f"a {tag}", f"{content!r:.60} ({error})")

    def _several(self, content: Any) -> list[Any]:
        if not isinstance(content, list):
            refuse("a list", content)
        return [self.value(part) for part in content]

    def _dict(self, content: Any) -> dict[Any, Any]:
        return dict(map(self._several, content))

    def _generator(self, content: Any) -> Generator:
        if type(content) is not int or not 0 <= content < len(self._generators):
            refuse("the number of a generator", content)
        return self._generators[content]

    _forms: Mapping[str, Callable[[Any, Any], Any]] = {
        "float": lambda self, c: _UNREAL[c],
        "complex": lambda self, c: complex(*self._several(c)),
        "tuple": lambda self, c: tuple(self._several(c)),
        "list": _several,
        "dict": _dict,
        "slice": lambda self, c: slice(*self._several(c)),
        "ellipsis": lambda self, c: Ellipsis,
        "result": lambda self, c: RESULT,
        "dtype": lambda self, c: dtype_named(c),
        "number": lambda self, c: _NUMBERS[c],
        "scalar type": lambda self, c: dtype_named(c).type,
        "index": lambda self, c: IndexArray.of(np.broadcast_to(np.zeros((), dtype_named(c[1])), shape_of(c[0])), None),
        "given": lambda self, c: _array_kind(*c),
        "generator": _generator,
        "assume": lambda self, c: Assumption(_ASSUMED[c]),
    }


def dtype_named(name: Any) -> np.dtype[Any]:
    """Return the dtype of numbers with this name; NumPy reads much more than that as a dtype."""
    if not isinstance(name, str) or len(name) > 4:
        refuse("the name of a dtype", name)
    found = np.dtype(name)
    if found.kind not in "biufc":
        refuse("the name of a dtype of numbers", name)
    return found


def shape_of(sizes: Any) -> tuple[int, ...]:
    """Return a shape whose elements fit into memory."""
    if not isinstance(sizes, list) or not all(type(n) is int and 0 <= n < 2**40 for n in sizes) or len(sizes) > 64:
        refuse("a shape", sizes)
    if math.prod(sizes) > 2**31:
        refuse("an array that fits into memory", sizes)
    return tuple(sizes)


def _kind(kind: ArrayKind) -> list[Any]:
    return [list(kind.shape), kind.dtype.str, None if kind.strides is None else list(kind.strides)]


def _array_kind(shape: Any, dtype: Any, strides: Any) -> ArrayKind:
    found = shape_of(shape)
    if strides is None and not found:
        return ArrayKind(found, dtype_named(dtype), None)
    if not isinstance(strides, list) or len(strides) != len(found) or not all(type(n) is int for n in strides):
        refuse("the strides of an array", strides)
    return ArrayKind(found, dtype_named(dtype), tuple(strides))
