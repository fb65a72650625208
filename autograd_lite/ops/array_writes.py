"""NumPy functions that change an array: on a Tensor they are `t[index] = value`, so that gradients flow through."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import UnsupportedError
from ..core.op import composes
from ..core.shape_arithmetic import normalize_axis
from .operands import operand, values as bare, write


def _check_target(name: str, target: Any) -> None:
    if not hasattr(target, "__apply_op__"):
        raise UnsupportedError(
            f"{name}: the array to change must be a Tensor here, since an array would lose the gradient; received "
            f"{describe(target)}. Make it one with tensor(a), or write bare values: x.detach().numpy()"
        )


@composes(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    src = operand(src)
    if casting not in ("same_kind", "unsafe") and not np.can_cast(src.dtype, dst.dtype, casting):
        raise TypeError(f"Cannot cast array data from {src.dtype} to {dst.dtype} according to the rule '{casting}'")
    src = src.astype(dst.dtype) if casting == "unsafe" else src
    write("np.copyto", dst, src, where, broadcast=True, argument="dst")


def _cycle(v: Any, count: int) -> Any:
    """Return `count` elements of v, starting over when it is exhausted."""
    flat = operand(v).reshape(-1)
    return flat if flat.shape[0] == count else flat[np.arange(count) % flat.shape[0]]


def _assign_flat(target: Any, places: Any, new: Any) -> None:
    if not places.size:
        return
    if target.ndim:
        target[np.unravel_index(places, target.shape)] = new
    else:
        target[...] = new[-1]


@composes(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    _check_target("np.put", a)
    places = bare(ind).reshape(-1)
    n = a.size
    if mode == "raise" and places.size and not -n <= places.min() <= places.max() < n:
        raise IndexError(f"np.put: an index is out of bounds for size {n}")
    places = np.clip(places, 0, n - 1) if mode == "clip" else places % n if n else places
    _assign_flat(a, places, _cycle(v, places.size))


@composes(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    _check_target("np.place", arr)
    places = np.flatnonzero(bare(mask))
    _assign_flat(arr, places, _cycle(vals, places.size))


@composes(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    _check_target("np.putmask", a)
    places = np.flatnonzero(bare(mask))
    _assign_flat(a, places, _cycle(values, a.size)[places])


@composes(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    _check_target("np.put_along_axis", arr)
    at = bare(indices)
    if axis is None:
        _assign_flat(arr, at.reshape(-1) % max(arr.size, 1), _cycle(values, at.size))
        return
    axis = normalize_axis(axis, arr.ndim)
    grid = [np.arange(n).reshape((-1,) + (1,) * (arr.ndim - i - 1)) for i, n in enumerate(arr.shape)]
    grid[axis] = at
    arr[tuple(grid)] = values


@composes(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    _check_target("np.fill_diagonal", a)
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    places = np.flatnonzero(marks)
    _assign_flat(a, places, _cycle(val, places.size))
