"""Gathers and scatters: reading, adding to and replacing elements at arrays of indices, by kernels in C.

Without the extension NumPy does all of it, with the same bits: sums are in the order of the indices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from ..native.kernels import library

_ndarray = np.ndarray
_ALL = slice(None)
BASIC = (int, slice, type(None), EllipsisType)  # parts of an index that makes views
_INTP = np.dtype(np.intp)
_FEW = 100  # up to this many elements, np.add.at takes less time than analysing the index
_MOST = 3  # the largest number of arrays of indices that the kernels take
_SUMMED = frozenset("bBhHiIlLqQfdFD")  # dtypes of elements that the kernels add


@functools.lru_cache(maxsize=256)
def kernels(count: int, axis: int) -> Any:
    """Return the ufuncs that take, add and put rows by `count` arrays of indices, of which the first is for `axis`."""
    return library.gathers(count, axis)


class Places(NamedTuple):
    """The structure of an index with arrays.

    Attributes:
        basic: an index without arrays, which selects the part of the array that the arrays of indices address.
        first: the axis of this part for the first array of indices; the next ones are for the axes after it.
        arrays: the number of arrays of indices.
        axis: the axis of the whole array for the first one.
        along: whether the single array has all axes of the part, as that of np.take_along_axis has.
    """

    basic: tuple[Any, ...]
    first: int
    arrays: int
    axis: int
    along: bool = False

    def key(self, indices: Sequence[Any]) -> tuple[Any, ...]:
        """Return the index of the part."""
        if not self.along:
            return (*(_ALL,) * self.first, *indices)
        (y,) = indices
        grid: list[Any] = list(np.ogrid[tuple([slice(n) for n in y.shape])])
        grid[self.first] = y
        return tuple(grid)


def along(axis: int) -> Places:
    """Return the structure of an array of indices that has all axes, as that of np.take_along_axis has."""
    return Places((), axis, 1, axis, True)


def prepare_indices(indices: Sequence[Any]) -> list[Any] | None:
    """Return arrays of indices, or recorders of them, as the kernels take them: of one shape; None if impossible."""
    arrays = [i if i.dtype == _INTP else i.astype(_INTP) for i in indices]
    if len({i.shape for i in arrays}) > 1:
        if any(i.__class__ is not _ndarray for i in arrays):
            return None
        arrays = list(np.broadcast_arrays(*arrays))
    return [np.ascontiguousarray(i) if i.__class__ is _ndarray else i for i in arrays]


def places_of(index: Sequence[Any], ndim: int) -> tuple[Places, list[Any]] | None:
    """Return the structure of an index of an array of `ndim` axes, and its arrays of indices, one for each axis.

    Returns:
        None if it has no arrays, arrays that are not adjacent, or too many: these are left to NumPy.
    """
    parts: list[Any] = []
    for part in index:
        if getattr(part, "ndim", 0) == 0:
            if not isinstance(part, BASIC) or part.__class__ is bool:
                return None
            parts.append(part)
        elif part.dtype == np.bool_:
            if part.__class__ is not _ndarray:
                return None
            parts += np.nonzero(part)
        else:
            parts.append(part)
    where = next((k for k, part in enumerate(parts) if part is Ellipsis), None)
    if where is not None:
        parts[where : where + 1] = [_ALL] * (ndim + 1 - sum(part is not None for part in parts))
    is_array = [hasattr(part, "dtype") for part in parts]
    count = sum(is_array)
    if not 0 < count <= _MOST:
        return None
    begin = is_array.index(True)
    advanced = [k for k, part in enumerate(parts) if is_array[k] or isinstance(part, int)]
    if advanced[-1] - advanced[0] >= len(advanced) or not all(is_array[begin : begin + count]):
        return None
    basic = tuple([_ALL if array else part for part, array in zip(parts, is_array, strict=True)])
    before = parts[:begin]
    axis = sum(part is not None for part in before)
    first = begin - sum(isinstance(part, int) for part in before)
    return Places(basic, first, count, axis), parts[begin : begin + count]


def as_slice(a: Any, n: int) -> slice | None:
    """Return the slice of an axis that selects the same entries as a row of indices; None if there is none."""
    if a.__class__ is not _ndarray or a.ndim != 1 or not a.size or a.dtype.kind not in "iu":
        return None
    first, last = (int(i) + (n if i < 0 else 0) for i in (a[0], a[-1]))
    step, rest = divmod(last - first, max(len(a) - 1, 1))
    step = step or 1
    if rest or not (0 <= first < n and 0 <= last < n) or last != first + step * (len(a) - 1):
        return None
    if not (np.where(a < 0, a + n, a) == np.arange(first, last + np.sign(step), step)).all():
        return None
    stop = last + (1 if step > 0 else -1)
    return slice(first, None if stop < 0 else stop, step)


class Gather:
    """A function of an array and arrays of indices that reads the elements at the indices.

    Args:
        places: the structure of the index.

    Example:
        >>> Gather(Places((slice(None),), 0, 1, 0))(np.array([3.0, 5.0]), np.array([1, 1, 0]))
        array([5., 5., 3.])
    """

    __name__ = "gather"

    def __init__(self, places: Places) -> None:
        self.places = places

    def __call__(self, x: Any, *indices: Any, out: Any = None) -> Any:
        """Return the elements, in `out` if given."""
        places = self.places
        values = (
            np.take_along_axis(x, indices[0], places.first) if places.along else x[places.basic][places.key(indices)]
        )
        if out is None:
            return values
        out[...] = values
        return out


class Scatter:
    """A function that adds the elements of an array to zeros at arrays of indices, in their order.

    Args:
        shape: of the result.
        places: the structure of the index.

    Example:
        >>> Scatter((2,), Places((slice(None),), 0, 1, 0))(np.array([3.0, 5.0, 7.0]), np.array([1, 1, 0]))
        array([7., 8.])
    """

    __name__ = "scatter"

    def __init__(self, shape: tuple[int, ...], places: Places) -> None:
        self.shape, self.places = shape, places

    def __call__(self, x: Any, *indices: Any, out: Any = None) -> Any:
        """Return the sums, in `out` if given."""
        sums = np.zeros(self.shape, x.dtype)
        indices = tuple([np.broadcast_to(i, x.shape) for i in indices]) if self.places.along else indices
        np.add.at(sums[self.places.basic], self.places.key(indices), x)
        if out is None:
            return sums
        out[...] = sums
        return out


class Put:
    """A function of two arrays and arrays of indices: a copy of the first with the second at the indices.

    Args:
        places: the structure of the index; if it names an element twice, the last value counts.
    """

    __name__ = "put"
    replaces = 0  # see `Fill`

    def __init__(self, places: Places) -> None:
        self.places = places

    def __call__(self, x: Any, y: Any, *indices: Any, out: Any = None) -> Any:
        """Return the result, in `out` if given."""
        out = np.empty(x.shape, x.dtype) if out is None else out
        out[...] = x
        indices = tuple(map(np.ascontiguousarray, indices))  # NumPy runs backwards through some others
        out[self.places.basic][self.places.key(indices)] = y
        return out


# ---- in eager code --------------------------------------------------------------------------------------------------


def take_rows(x: Any, index: tuple[Any, ...]) -> Any:
    """Return `x[index]` for a NumPy array and one array of indices: rows by `take`, faster than NumPy's indexing."""
    (i,) = index
    plain = x.ndim > 1 and i.dtype == _INTP and i.flags.c_contiguous and x.flags.c_contiguous
    return x.take(i, 0) if plain else x[i]


def scatter(x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Return the elements of a NumPy array, added to zeros at an index that may name an element more than once.

    Example:
        >>> scatter(np.array([3.0, 5.0, 7.0]), (np.array([1, 1, 0]),), (2,))
        array([7., 8.])
    """
    if library and x.size and x.ndim > 1 and x.dtype.char in _SUMMED:
        first = index[0]
        if len(index) == 1 and first.__class__ is _ndarray and first.dtype == _INTP:  # rows
            out = np.empty(shape, x.dtype)
            n = first.size
            kernels(1, 0)[1](x.reshape(n, -1), first.reshape(n), out=out.reshape(shape[0], -1))
            return out
        if x.size > _FEW and not any(getattr(i, "dtype", None) == np.bool_ for i in index):
            located = places_of(index, len(shape))
            out = np.zeros(shape, x.dtype)
            if located is not None and (part := out[located[0].basic]).flags.c_contiguous:
                _add(x, *located, part)
                return out
    out = np.zeros(shape, x.dtype)
    np.add.at(out, index, x)
    return out


def _add(x: Any, places: Places, indices: Sequence[Any], out: Any) -> None:
    """Add to an array in C order."""
    first, behind = places.first, places.first + places.arrays
    row = math.prod(out.shape[behind:])
    indices = [i.reshape(-1) for i in prepare_indices(indices) or ()]
    rows = x.reshape(*out.shape[:first], indices[0].size, row)
    kernels(places.arrays, places.axis)[1](rows, *indices, out=out.reshape(*out.shape[:behind], row))


def scatter_along(x: Any, y: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Return the elements of x, added to zeros at the positions y along an axis.

    Example:
        >>> scatter_along(np.array([[3.0, 5.0, 7.0]]), np.array([[1, 1, 0]]), 1, (1, 2))
        array([[7., 8.]])
    """
    if library and x.size and math.prod(shape) and x.dtype.char in _SUMMED:
        out = np.empty(shape, x.dtype)
        y = y if y.dtype == _INTP else y.astype(_INTP)
        x, y, to = x.swapaxes(axis, -1), y.swapaxes(axis, -1), out.swapaxes(axis, -1)
        kernels(1, axis)[1](x[..., None], y, out=to[..., None])
        return out
    return Scatter(shape, along(axis))(x, y)
