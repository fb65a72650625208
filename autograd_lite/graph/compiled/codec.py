"""Values of a compiled function in a file: parameters of ops, arguments, results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ...compiler.abstract_values import RESULT, ArrayKind, Result
from ...core.indices import IndexArray
from ...files import STORED, Codec, Form, arrays_by_name, dtype_named, nth, one_entry, refuse
from ...ir.observing import Assumption
from ...random import Generator

NUMERIC = "biufc"  # the kinds of dtypes
# The functions that an assumption may call; a file names nothing else that runs.
_ASSUMED: Mapping[str, Callable[..., Any]] = {
    "all": np.all,
    "any": np.any,
    "finite": math.isfinite,
    "isfinite": np.isfinite,
}
# The classes that stand for numbers among arguments which come with every call.
_NUMBERS: Mapping[str, type] = {"int": int, "float": float}
_ARRAYS = STORED | {np.dtype(np.complex64), np.dtype(np.complex128)}
_EXACT = (bool, int, float, complex, str, tuple, list, dict)


class UnwritableError(TypeError):
    """A value has no form in a file."""


class ValueCodec(Codec):
    """Writes and reads the values.

    Args:
        held: the arrays of the file.
        generators: in the order of their numbers.
        forms: of further values.
        arrays: the classes whose values are written as arrays.
    """

    def __init__(
        self,
        held: dict[str, npt.NDArray[Any]],
        generators: list[Generator],
        forms: Mapping[str, Form] | None = None,
        arrays: type | tuple[type, ...] = (np.ndarray, np.generic),
    ) -> None:
        generator = one_entry(
            "generator", Generator, lambda codec, x, where: generators.index(x), lambda codec, n: nth(generators, n)
        )
        super().__init__(
            {**(forms or {}), **_FORMS, "generator": generator, "array": arrays_by_name(held, arrays)}, _unwritable
        )
        self.held, self.generators = held, generators

    def write(self, x: Any, where: str = "") -> Any:
        """Return a value as JSON has it.

        Raises:
            UnwritableError: if it has no form in a file; the message names it.
        """
        if isinstance(x, _EXACT) and x.__class__ not in _EXACT and not isinstance(x, np.generic):
            _unwritable(self, x, where)  # the file would not say of which class it is
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.newbyteorder("=") not in _ARRAYS:
            raise UnwritableError(f"an array of {x.dtype}")
        return super().write(x, where)


def _unwritable(codec: Codec, x: Any, where: str) -> NoReturn:
    raise UnwritableError(f"the class {x.__name__}" if isinstance(x, type) else f"a {type(x).__name__}, {x!r:.60}")


def _assumption(codec: Codec, x: Assumption, where: str) -> str:
    for name, f in _ASSUMED.items():
        if x.holds is f:
            return name
    raise UnwritableError(f"an assumption by {getattr(x.holds, '__name__', 'a function')}; write it with NumPy")


def _class(codec: Codec, x: type, where: str) -> dict[str, str]:
    if x in _NUMBERS.values():
        return {"number": x.__name__}
    return {"scalar type": np.dtype(x).str} if issubclass(x, np.generic) else _unwritable(codec, x, where)


def shape_of(sizes: Any) -> tuple[int, ...]:
    """Return a shape whose elements fit into memory."""
    if not isinstance(sizes, list) or not all(type(n) is int and 0 <= n < 2**40 for n in sizes) or len(sizes) > 64:
        refuse("a shape", sizes)
    if math.prod(sizes) > 2**31:
        refuse("an array that fits into memory", sizes)
    return tuple(sizes)


def like(a: Any) -> list[Any]:
    """Return the shape and dtype of an array or a NumPy scalar, and which of the two it is."""
    return [list(np.shape(a)), np.asarray(a).dtype.str, isinstance(a, np.ndarray)]


def example(about: Any) -> Any:
    """Return zeros as `like` described them."""
    shape, dtype, array = about
    zeros = np.broadcast_to(np.zeros((), dtype_named(dtype, NUMERIC)), shape_of(shape))
    return zeros if array is True else zeros[()]


def _array_kind(codec: Codec, about: Any) -> ArrayKind:
    sizes, dtype, strides = about
    shape = shape_of(sizes)
    if strides is None and not shape:
        return ArrayKind(shape, dtype_named(dtype, NUMERIC), None)
    if not isinstance(strides, list) or len(strides) != len(shape) or not all(type(n) is int for n in strides):
        refuse("the strides of an array", strides)
    return ArrayKind(shape, dtype_named(dtype, NUMERIC), tuple(strides))


_FORMS: dict[str, Form] = {
    "index": one_entry(
        "index",
        IndexArray,
        lambda codec, x, where: [list(x.shape), x.dtype.str],
        lambda codec, about: IndexArray.of(example([*about, True]), None),
    ),
    "given": one_entry(
        "given",
        ArrayKind,
        lambda codec, x, where: [list(x.shape), x.dtype.str, None if x.strides is None else list(x.strides)],
        _array_kind,
    ),
    "result": one_entry("result", Result, lambda codec, x, where: True, lambda codec, x: RESULT),
    "dtype": one_entry(
        "dtype", np.dtype, lambda codec, x, where: x.str, lambda codec, name: dtype_named(name, NUMERIC)
    ),
    "number": Form(type, _class, lambda codec, text: _NUMBERS[text["number"]]),
    "scalar type": Form((), _class, lambda codec, text: dtype_named(text["scalar type"], NUMERIC).type),
    "assume": one_entry("assume", Assumption, _assumption, lambda codec, name: Assumption(_ASSUMED[name])),
}
