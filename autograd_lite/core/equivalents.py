"""What functions of arrays equal, as data, so that compiled code can do it by itself, into memory of its choice.

Three tables, by function: `FILLS` has those that only copy (each part of a result is where one of the arguments goes,
or zeros), `UFUNCS` those that a ufunc equals, `LOOPS` those that a generalized ufunc equals, maybe only where it meets
nothing invalid. Where a row returns None, the function is called.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """One step of a fill.

    Attributes:
        index: of the part of the result that is written.
        source: the number of the argument that goes there, or None for zeros.
    """

    index: Any
    source: int | None


class Fill:
    """A function of arrays that fills a new one, part after part.

    Args:
        shape, dtype: of the result.
        parts: what is written, in order.
        seen: the shape as which the result is written, if that is another one.

    Attributes:
        replaces: the number of the argument that the result is, but for some parts; None if there is none.

    Example:
        >>> both = Fill((4,), np.dtype(float), [Part(slice(0, 2), 0), Part(slice(2, 4), 0)])
        >>> both(np.array([1.0, 2.0]))
        array([1., 2., 1., 2.])
    """

    __name__ = "fill"

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        parts: Sequence[Part],
        seen: tuple[int, ...] | None = None,
    ) -> None:
        self.shape, self.dtype, self.parts, self.seen = shape, dtype, tuple(parts), shape if seen is None else seen
        first = parts[0] if parts else None
        is_copy = first is not None and first.index is Ellipsis and self.seen == shape
        self.replaces = first.source if first is not None and is_copy else None

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Return a new array, or the one that is given, filled."""
        out = np.empty(self.shape, self.dtype) if out is None else out
        whole = out if self.seen == self.shape else out.reshape(self.seen)
        for index, source in self.parts:
            whole[index] = 0 if source is None else arrays[source]
        return out


# For a function, one of the same arguments, of which only shapes and dtypes may be read. It returns the fill and the
# arguments of that, or None.
FILLS: dict[Callable[..., Any], Callable[..., tuple[Fill, Sequence[Any]] | None]] = {}


def filled_by(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Enter what a function copies."""

    def enter(row: Any) -> Any:
        FILLS[function] = row
        return row

    return enter


# Functions that a ufunc equals, bit for bit, if the dtypes are such that it equals them at all; of NumPy, or of ops.
UFUNCS: dict[Callable[..., Any], np.ufunc] = {}


class Loops:
    """A function of arrays that equals a generalized ufunc, and raises where that meets what is invalid, if it does.

    Args:
        function: of arrays.
        ufunc: the other one.
        error: what is raised.
        rest: what the ufunc is given besides the arrays.
        axis: of the first array and the result that the ufunc takes for the last one.
        parts: of the result, as functions of it, which the results of the ufunc are, if there are several.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        ufunc: np.ufunc,
        error: Exception | None = None,
        rest: Sequence[Any] = (),
        axis: int = -1,
        parts: Sequence[Callable[[Any], Any]] = (),
    ) -> None:
        self.function, self.ufunc, self.error, self.rest, self.axis = function, ufunc, error, tuple(rest), axis
        self.parts = tuple(parts) or (self.moved,)
        self.__name__ = getattr(getattr(function, "func", function), "__name__", "loops")

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Return the result, in memory that is given, if it is."""
        made = self.function(*arrays)
        if out is None:
            return made
        out[...] = made
        return out

    def by_ufunc(self, *arrays: Any, like: Any) -> Any:
        """Return what the ufunc makes of the arrays, in memory like that of an array."""
        out = np.zeros_like(like)
        self.ufunc(*map(self.moved, arrays), *self.rest, out=tuple([part(out) for part in self.parts]))
        return out

    def bundled(self, results: Sequence[Any]) -> Loops:
        """Return the same for a function of several results, whose bytes lie one behind the other in one array.

        Args:
            results: that the function gives.
        """
        parts: list[Any] = []
        size = 0
        for a in results:
            part: Any = functools.partial(_part, start=size, shape=a.shape, dtype=a.dtype)
            part.__name__ = f"result_{len(parts)}"
            parts.append(part)
            size += -(-a.nbytes // _ALIGNMENT) * _ALIGNMENT

        def bundle(*arrays: Any) -> Any:
            whole = np.zeros(size, np.uint8)
            for part, a in zip(parts, self.function(*arrays), strict=True):
                part(whole)[...] = a
            return whole

        bundle.__name__ = self.__name__
        return Loops(bundle, self.ufunc, self.error, self.rest, self.axis, parts)

    def moved(self, a: Any) -> Any:
        """Return an array whose last axis is the one that the ufunc works along."""
        return a if self.axis == -1 else np.moveaxis(a, self.axis, -1)


_ALIGNMENT = 64


def _part(whole: Any, *, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the array whose bytes lie in a part of another."""
    return whole[start : start + math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


# For a function, one of the same arguments that returns the ufunc that it equals for them, as `Loops`, or None.
LOOPS: dict[Callable[..., Any], Callable[..., Loops | None]] = {}
