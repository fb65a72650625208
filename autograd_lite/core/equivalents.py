"""Equivalents of functions of arrays, as data, which compiled code runs instead, into memory of its choice.

Three tables, by function: `FILLS` has functions that only copy (each part of the result is a copy of an argument, or
zeros), `UFUNCS` those equal to a ufunc, `LOOPS` those equal to a generalized ufunc, perhaps only on valid input. Where
a row returns None, the function itself is called.
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
        index: the part of the result to write.
        source: the number of the argument to copy there, or None for zeros.
    """

    index: Any
    source: int | None


class Fill:
    """A function of arrays that fills a new one, part by part.

    Args:
        shape, dtype: of the result.
        parts: the writes, in order.
        seen: the shape in which the parts index the result, if it differs.

    Attributes:
        replaces: the number of the argument that the result copies first, before other parts; None without one.

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
        """Fill a new array, or `out`, and return it."""
        out = np.empty(self.shape, self.dtype) if out is None else out
        whole = out if self.seen == self.shape else out.reshape(self.seen)
        for index, source in self.parts:
            whole[index] = 0 if source is None else arrays[source]
        return out


# For a function, another one of the same arguments, of which it may read only shapes and dtypes. It returns a fill and
# the arguments of the fill, or None.
FILLS: dict[Callable[..., Any], Callable[..., tuple[Fill, Sequence[Any]] | None]] = {}


def filled_by(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Decorate the row of a function in `FILLS`."""

    def enter(row: Any) -> Any:
        FILLS[function] = row
        return row

    return enter


# Functions of NumPy or of ops that equal a ufunc, bit for bit, for all dtypes that the ufunc takes.
UFUNCS: dict[Callable[..., Any], np.ufunc] = {}


class Loops:
    """A function of arrays that equals a generalized ufunc, but may raise where the ufunc sets the invalid flag.

    Args:
        function: of arrays.
        ufunc: the generalized ufunc.
        error: the exception that the function raises on invalid input; None if it raises none.
        rest: further arguments of the ufunc, after the arrays.
        axis: the axis of the first array and the result that is the last one for the ufunc.
        parts: functions of the result that return its parts, one for each result of the ufunc if it has several.
        in_place: whether the result may lie where an array of its layout does that is read.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        ufunc: np.ufunc,
        error: Exception | None = None,
        rest: Sequence[Any] = (),
        axis: int = -1,
        parts: Sequence[Callable[[Any], Any]] = (),
        in_place: bool = False,
    ) -> None:
        self.in_place = in_place
        self.function, self.ufunc, self.error, self.rest, self.axis = function, ufunc, error, tuple(rest), axis
        # A function and no bound method, with which each of these would be a cycle.
        move_axis: Any = functools.partial(_with_axis_last, axis=axis)
        move_axis.__name__ = "move_axis"
        self.move_axis, self.parts = move_axis, tuple(parts) or (move_axis,)
        self.__name__ = getattr(getattr(function, "func", function), "__name__", "loops")

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Return the result, in `out` if given."""
        result = self.function(*arrays)
        if out is None:
            return result
        out[...] = result
        return out

    def by_ufunc(self, *arrays: Any, like: Any) -> Any:
        """Return the result of the ufunc, in memory laid out as that of an array."""
        out = np.zeros_like(like)
        self.ufunc(*map(self.move_axis, arrays), *self.rest, out=tuple([part(out) for part in self.parts]))
        return out

    def bundle_results(self, results: Sequence[Any]) -> Loops:
        """Return the same for a function of several results, which puts their bytes one after another in one array.

        Args:
            results: examples of the function's results.
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


def _with_axis_last(a: Any, *, axis: int) -> Any:
    """Return a view of an array whose last axis is this one."""
    return a if axis == -1 else np.moveaxis(a, axis, -1)


_ALIGNMENT = 64  # bytes, one cache line


def _part(whole: Any, *, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return a view of the bytes of an array as another array."""
    return whole[start : start + math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


# For a function, another one of the same arguments that returns its equivalent for them, as `Loops`, or None. It may
# return a pair of that and the arguments that the loops take, parts of these.
LOOPS: dict[Callable[..., Any], Callable[..., Any]] = {}
