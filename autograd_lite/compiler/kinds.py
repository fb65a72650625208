"""What takes the place of arrays in the arguments of a compiled function, and in its results."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from ..tree import leaves, rebuild, structure


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
    filled: Callable[[Sequence[Any]], Any] = eval(f"lambda values: {text}", names)
    return filled


def _filled(x: Any, names: dict[str, Any], places: Iterator[int]) -> str:
    """Return what a function returned as an expression, in which names stand for what is no container."""

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
