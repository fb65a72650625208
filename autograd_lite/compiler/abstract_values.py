"""Abstract values: kinds of arrays in place of the arguments of a compiled function, and keys of its traces."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Self
from weakref import ref

import numpy as np

from ..core.arguments import describe
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild, structure

ARRAYS = (Tensor, np.ndarray, np.generic)


class ArrayKind:
    """The shape, dtype and strides of an array among arguments, or of one of NumPy's scalars.

    Args:
        shape, dtype: of the array.
        strides: of the array; None for a scalar.
    """

    __slots__ = ("dtype", "shape", "strides")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], strides: tuple[int, ...] | None) -> None:
        self.shape, self.dtype, self.strides = shape, dtype, strides

    @classmethod
    def of(cls, a: Any) -> Self:
        """Return the kind of an array or scalar."""
        return cls(a.shape, a.dtype, a.strides if isinstance(a, np.ndarray) else None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayKind):
            return NotImplemented
        return (self.shape, self.dtype, self.strides) == (other.shape, other.dtype, other.strides)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.strides))

    def __repr__(self) -> str:
        return f"{self.shape} {self.dtype}"


class Result:
    """The place of a Tensor in the result of a function."""


RESULT = Result()


def copy_arrays(x: Any) -> Any:
    """Return a copy of an array that a function returned, so that no caller changes it for others; else the value."""
    return x.copy() if x.__class__ is np.ndarray else x


def unflatten_like(out: Any) -> Callable[[Sequence[Any]], Any]:
    """Return a function of values that puts them in the place of each `RESULT` in a structure."""
    names: dict[str, Any] = {"rebuild": rebuild}
    text = _expression_of(out, names, itertools.count())
    unflatten: Callable[[Sequence[Any]], Any] = eval(_code_of(text), names)
    return unflatten


@functools.lru_cache(maxsize=256)
def _code_of(text: str) -> Any:
    return compile(f"lambda values: {text}", "<results>", "eval")


def _expression_of(x: Any, names: dict[str, Any], places: Iterator[int]) -> str:
    """Return a structure as an expression, in which names stand for leaves."""

    def name_of(x: Any) -> str:
        names[name := f"c{len(names)}"] = x
        return name

    kind = x.__class__
    if x is RESULT:
        return f"values[{next(places)}]"
    if structure(x) is None:  # a leaf
        return f"{name_of(x)}{'.copy()' if kind is np.ndarray else ''}"
    if kind is dict:
        return f"{{{', '.join([f'{name_of(key)}: {_expression_of(part, names, places)}' for key, part in x.items()])}}}"
    if x is None:
        return "None"
    is_row = isinstance(x, tuple) or kind is list
    parts = [_expression_of(part, names, places) for part in (x if is_row else leaves(x))]
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return f"{name_of(kind)}({', '.join(parts)})"
    if kind is tuple or kind is list:
        inside = "".join([f"{part}, " for part in parts])
        return f"({inside})" if kind is tuple else f"[{inside}]"
    return f"rebuild({name_of(x)}, [{', '.join(parts)}])"


def constant(x: Any) -> Any:
    """Return the key of an argument that is a constant of the code: equal for arguments that compute the same."""
    if x.__class__ is float or x.__class__ is complex:
        return x.__class__, np.array(x).tobytes()  # 0.0 is not -0.0, and NaN is NaN
    return (x.__class__, ref(x)) if hasattr(x, "named_parameters") else (x.__class__, x)


def unhashable(arguments: Sequence[Any]) -> TypeError:
    """Return the error on arguments of which one can be neither an array nor a constant."""
    wrong = next(x for x in arguments if not isinstance(x, ARRAYS) and x.__class__.__hash__ is None)
    return TypeError(
        f"compile: expected arguments that are arrays, Tensors, containers of them, or values that can be hashed, "
        f"which are constants of the code; received {describe(wrong)}. Make it a tuple, or capture it"
    )


def flat(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the leaves of arguments, and a key that is equal for arguments in the same containers."""
    if not kwargs:
        for x in args:
            if x.__class__ is not np.ndarray and x.__class__ is not Tensor:
                break
        else:
            return args, None
        return leaves(args), structure(args)
    return leaves((args, kwargs)), structure((args, kwargs))


def kinds_of(args: Any, kwargs: Any, varying: Collection[int] = ()) -> Any:
    """Return the abstract values of arguments: the kind of an array, a plain value, or the class of another object.

    Args:
        args, kwargs: the arguments.
        varying: the places, among the leaves, of numbers that come with every call; their classes stand for them.
    """
    places = itertools.count()

    def kind(x: Any) -> Any:
        if next(places) in varying:
            return x.__class__
        if isinstance(x, ARRAYS):
            return ArrayKind.of(x)
        return x if isinstance(x, (bool, int, float, complex, str)) else x.__class__

    return map_leaves(kind, (args, kwargs))
