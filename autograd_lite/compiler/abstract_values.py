"""What stands for the arguments of a compiled function, and takes the place of arrays in its results."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Self
from weakref import ref

import numpy as np

from ..core.arguments import described
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild, structure

ARRAYS = (Tensor, np.ndarray, np.generic)


class ArrayKind:
    """Stands for an array among arguments, or for one of NumPy's scalars.

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
    """Stands for a Tensor in what a function returned."""


RESULT = Result()


def own(x: Any) -> Any:
    """Return what a function returned besides Tensors, so that no one who is given it can change it for others."""
    return x.copy() if x.__class__ is np.ndarray else x


def filler(out: Any) -> Callable[[Sequence[Any]], Any]:
    """Return a function of values, which returns what a function returned with these in the place of `RESULT`."""
    names: dict[str, Any] = {"rebuild": rebuild}
    text = _filled(out, names, itertools.count())
    filled: Callable[[Sequence[Any]], Any] = eval(_code_of(text), names)
    return filled


@functools.lru_cache(maxsize=256)
def _code_of(text: str) -> Any:
    return compile(f"lambda values: {text}", "<results>", "eval")


def _filled(x: Any, names: dict[str, Any], places: Iterator[int]) -> str:
    """Return what a function returned as an expression, in which names stand for leaves."""

    def named(x: Any) -> str:
        names[name := f"c{len(names)}"] = x
        return name

    kind = x.__class__
    if x is RESULT:
        return f"values[{next(places)}]"
    if structure(x) is None:  # a leaf
        return f"{named(x)}{'.copy()' if kind is np.ndarray else ''}"
    if kind is dict:
        return f"{{{', '.join([f'{named(key)}: {_filled(part, names, places)}' for key, part in x.items()])}}}"
    if x is None:
        return "None"
    is_row = isinstance(x, tuple) or kind is list
    parts = [_filled(part, names, places) for part in (x if is_row else leaves(x))]
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return f"{named(kind)}({', '.join(parts)})"
    if kind is tuple or kind is list:
        inside = "".join([f"{part}, " for part in parts])
        return f"({inside})" if kind is tuple else f"[{inside}]"
    return f"rebuild({named(x)}, [{', '.join(parts)}])"


def constant(x: Any) -> Any:
    """Return what stands for an argument that is a constant of the code: equal for those that compute the same."""
    if x.__class__ is float or x.__class__ is complex:
        return x.__class__, np.array(x).tobytes()  # 0.0 is not -0.0, and NaN is NaN
    return (x.__class__, ref(x)) if hasattr(x, "named_parameters") else (x.__class__, x)


def unhashable(found: Sequence[Any]) -> TypeError:
    """Return the error on arguments of which one can be neither an array nor a constant."""
    wrong = next(x for x in found if not isinstance(x, ARRAYS) and x.__class__.__hash__ is None)
    return TypeError(
        f"compile: expected arguments that are arrays, Tensors, containers of them, or values that can be hashed, "
        f"which are constants of the code; received {described(wrong)}. Make it a tuple, or capture it"
    )


def flat(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the leaves of arguments, and what is equal for arguments in the same containers."""
    if not kwargs:
        for x in args:
            if x.__class__ is not np.ndarray and x.__class__ is not Tensor:
                break
        else:
            return args, None
        return leaves(args), structure(args)
    return leaves((args, kwargs)), structure((args, kwargs))


def kinds_of(args: Any, kwargs: Any, varying: Collection[int] = ()) -> Any:
    """Return what stands for arguments: the kind of an array, a plain value, or the class of another.

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
