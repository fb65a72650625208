"""Rearranging, repeating, cutting and enlarging arrays."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError
from ..core.op import composes
from ..core.shape_arithmetic import is_axis_of_scalar, normalize_axis
from .operands import along_axis, newer, operand, values

# ---- turning and rolling --------------------------------------------------------------------------------------------


@composes(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis = normalize_axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    if not 0 <= start <= a.ndim:
        raise ShapeError(f"rollaxis: start={start} is out of bounds; use {-a.ndim} to {a.ndim}")
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@composes(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    i, j = (normalize_axis(axis, m.ndim, "axes") for axis in axes)
    if i == j:
        raise ShapeError(f"rot90: expected two different axes; received {axes}")
    k %= 4
    if k == 0:
        return m[...]
    if k == 2:
        return np.flip(m, (i, j))
    return np.swapaxes(np.flip(m, j), i, j) if k == 1 else np.flip(np.swapaxes(m, i, j), j)


@composes(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    a = operand(a)
    if axis is None:
        return np.roll(a.reshape(-1), shift, 0).reshape(a.shape)
    pairs = np.broadcast(values(shift), np.asarray(axis))
    if pairs.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    for by, along in pairs:
        along = normalize_axis(int(along), a.ndim)
        length = a.shape[along]
        cut = -int(by) % length if length else 0
        if cut:
            before = (slice(None),) * along
            a = np.concatenate([a[(*before, slice(cut, None))], a[(*before, slice(None, cut))]], axis=along)
    return a


# ---- more axes ------------------------------------------------------------------------------------------------------


def _each(arys: Sequence[Any], convert: Any) -> Any:
    results = tuple(convert(operand(a)) for a in arys)
    return results[0] if len(results) == 1 else results


@composes(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _each(arys, lambda a: a if a.ndim else a.reshape(1))


@composes(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _each(arys, lambda a: a if a.ndim > 1 else a.reshape(1, -1))


def _three_axes(a: Any) -> Any:
    if a.ndim > 2:
        return a
    return a.reshape(*a.shape, 1) if a.ndim == 2 else a.reshape(1, -1, 1)


@composes(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return _each(arys, _three_axes)


@composes(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    arrays = [operand(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays)


@composes(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    grids = [operand(x).reshape((1,) * i + (-1,) + (1,) * (n - i - 1)) for i, x in enumerate(xi)]
    if indexing == "xy" and n > 1:
        grids = [np.swapaxes(grid, 0, 1) for grid in grids]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@composes(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    grids = []
    for i, a in enumerate(args):
        a = operand(a)
        if a.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if a.dtype.kind == "b":
            a = np.flatnonzero(a)
        grids.append(a.reshape((1,) * i + (-1,) + (1,) * (len(args) - i - 1)))
    return tuple(grids)


# ---- repeating ------------------------------------------------------------------------------------------------------


@composes(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    a, axis = along_axis(a, axis)
    counts = values(repeats)
    if counts.size != 1:
        return a[(slice(None),) * axis + (np.repeat(np.arange(a.shape[axis]), counts),)]
    n = int(counts.reshape(-1)[0])
    head, tail = a.shape[: axis + 1], a.shape[axis + 1 :]
    spread = np.broadcast_to(a.reshape(*head, 1, *tail), (*head, n, *tail))
    return spread.reshape(*head[:-1], head[-1] * n, *tail)


@composes(np.tile)
def tile(A: Any, reps: Any) -> Any:
    A = operand(A)
    times = tuple(int(r) for r in reps) if np.ndim(reps) else (int(reps),)
    ndim = max(A.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - A.ndim) + A.shape
    spread = np.broadcast_to(
        A.reshape(tuple(m for n in shape for m in (1, n))),
        tuple(m for r, n in zip(times, shape, strict=True) for m in (r, n)),
    )
    return spread.reshape(tuple(r * n for r, n in zip(times, shape, strict=True)))


@composes(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    a = operand(a)
    shape = tuple(new_shape) if isinstance(new_shape, (tuple, list)) else (operator.index(new_shape),)
    size = math.prod(shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    if not a.size and size:
        return np.zeros(shape, a.dtype)
    return a.reshape(-1)[np.arange(size) % max(a.size, 1)].reshape(shape)


# ---- joining --------------------------------------------------------------------------------------------------------


@composes(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    arr, values = operand(arr), operand(values)
    if axis is None:
        return np.concatenate([arr.reshape(-1), values.reshape(-1)])
    return np.concatenate([arr, values], axis=axis)


@composes(np.column_stack)
def column_stack(tup: Any) -> Any:
    columns = [operand(a) for a in tup]
    return np.concatenate([a if a.ndim > 1 else a.reshape(-1, 1) for a in columns], axis=1)


@composes(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([_three_axes(operand(a)) for a in tup], axis=2)


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ValueError("List at arrays cannot be empty")
    depths = {_depth(a) for a in arrays}
    if len(depths) > 1:
        raise ValueError("List depths are mismatched in np.block")
    return 1 + depths.pop()


def _blocks(arrays: Any, level: int, depth: int, ndim: int) -> Any:
    if level == depth:
        a = operand(arrays)
        return a.reshape((1,) * (ndim - a.ndim) + a.shape)
    return np.concatenate([_blocks(a, level + 1, depth, ndim) for a in arrays], axis=level - depth)


def _most_axes(arrays: Any) -> int:
    return max(map(_most_axes, arrays)) if isinstance(arrays, list) else np.ndim(arrays)


@composes(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    return _blocks(arrays, 0, depth, max(depth, _most_axes(arrays)))


def _places(function: str, obj: Any) -> Any:
    """Return the positions to insert at or delete, in a form that NumPy accepts: bare integers, or a slice."""
    if isinstance(obj, (slice, int)):
        return obj
    places = values(obj)
    if places.size and places.dtype.kind not in "iub":
        raise IndexError(f"{function}: expected obj to be integers, a mask or a slice; received obj={describe(obj)}")
    return places if places.size else places.astype(np.intp)


@composes(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    arr, inserted = operand(arr), operand(values)
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    axis = normalize_axis(axis, arr.ndim)
    obj = _places("insert", obj)
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        # A single position: any number of elements may be inserted along the axis.
        inserted = inserted.reshape((1,) * (arr.ndim - inserted.ndim) + inserted.shape)
        inserted = np.moveaxis(inserted, 0, axis)
        many = inserted.shape[axis]
    else:
        many = np.insert(np.arange(arr.shape[axis]), obj, 0).size - arr.shape[axis]
        if many and np.size(np.arange(arr.shape[axis])[obj] if isinstance(obj, slice) else obj) == 1:
            inserted = inserted.reshape((1,) * (arr.ndim - inserted.ndim) + inserted.shape)
            many = inserted.shape[axis]
    shape = tuple(many if i == axis else n for i, n in enumerate(arr.shape))
    new = np.broadcast_to(inserted, shape).astype(arr.dtype)
    # np.insert applied to the positions tells where every element goes.
    n = arr.shape[axis]
    places = np.insert(np.arange(n), obj, np.arange(n, n + many))
    return np.concatenate([arr, new], axis=axis)[(slice(None),) * axis + (places,)]


# ---- cutting --------------------------------------------------------------------------------------------------------


@composes(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr = operand(arr)
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    axis = normalize_axis(axis, arr.ndim)
    places = _places("delete", obj)
    return arr[(slice(None),) * axis + (np.delete(np.arange(arr.shape[axis]), places),)]


@composes(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if not ary.ndim:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@composes(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, 0)


@composes(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, 2)


@composes(*newer("unstack"))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    axis = normalize_axis(axis, x.ndim)
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


@composes(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    trim = trim.lower()
    if set(trim) - {"f", "b"} or not trim:
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    where = np.argwhere(values(filt))
    ndim = filt.ndim
    axes = range(ndim) if axis is None else {normalize_axis(i, ndim) for i in np.atleast_1d(axis).tolist()}
    index = []
    for i in range(ndim):
        low, high = (where[:, i].min(), where[:, i].max() + 1) if where.size else (filt.shape[i], filt.shape[i])
        first = int(low) if i in axes and "f" in trim else 0
        last = int(high) if i in axes and "b" in trim else filt.shape[i]
        if not where.size and i in axes and trim == "b":
            last = 0
        index.append(slice(first, last))
    return filt[tuple(index)]


@composes(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    shape = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = range(x.ndim) if axis is None else [axis] if np.ndim(axis) == 0 else list(axis)
    axes = [normalize_axis(i, x.ndim) for i in axes]
    if len(axes) != len(shape):
        raise ValueError("Must provide matching length window_shape and axis")
    for i, width in zip(axes, shape, strict=True):
        count = x.shape[i] - width + 1
        if count < 1 or width < 0:
            raise ValueError("window shape cannot be larger than input array shape")
        # Axis i becomes the position of the window, and a new last axis the position within it.
        places = np.arange(count)[:, None] + np.arange(width)
        x = np.moveaxis(x[(slice(None),) * i + (places,)], i + 1, -1)
    return x


# ---- a function of rows ---------------------------------------------------------------------------------------------


@composes(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    arr = operand(arr)
    axis = normalize_axis(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    if 0 in rows.shape[:-1]:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [func1d(rows[place], *args, **kwargs) for place in np.ndindex(rows.shape[:-1])]
    stacked = np.stack([operand(r) for r in results])
    result = stacked.reshape(*rows.shape[:-1], *stacked.shape[1:])
    new = range(arr.ndim - 1, result.ndim)
    return np.moveaxis(result, list(new), [axis + i for i in range(len(new))])


@composes(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    result = operand(a)
    ndim = result.ndim
    for axis in axes if np.ndim(axes) else (axes,):
        axis = axis if is_axis_of_scalar(axis, ndim) else normalize_axis(axis, ndim)
        applied = func(result, axis)
        result = applied if applied.ndim == result.ndim else np.expand_dims(applied, axis)
        if result.ndim != ndim:
            raise ValueError("function is not returning an array of the correct shape")
    return result
