"""Axes, joining and splitting: plain NumPy over other functions, which is why it works on Tensors too."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.op import composes
from ..core.shape_arithmetic import Axis, normalize_axes, normalize_axis
from .memory_order import flatten_in_order
from .nested_array import array
from .operands import cast, several

# ---- axes -----------------------------------------------------------------------------------------------------------


@composes(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    i, j = normalize_axis(axis1, a.ndim, "axis1"), normalize_axis(axis2, a.ndim, "axis2")
    order[i], order[j] = order[j], order[i]
    return np.transpose(a, order)


@composes(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    return swapaxes(x, -1, -2)


def _as_list(axis: Any) -> list[int]:
    return list(axis) if isinstance(axis, (tuple, list)) else [axis]


@composes(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    sources = [normalize_axis(i, a.ndim, "source") for i in _as_list(source)]
    destinations = [normalize_axis(i, a.ndim, "destination") for i in _as_list(destination)]
    if len(sources) != len(destinations):
        raise ShapeError(f"moveaxis: expected as many destinations as sources; received {source} and {destination}")
    order = [i for i in range(a.ndim) if i not in sources]
    for to, origin in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, origin)
    return np.transpose(a, order)


@composes(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    axes = _as_list(axis)
    ndim = a.ndim + len(axes)
    new = normalize_axes(axes, ndim) or ()
    old = iter(a.shape)
    return a.reshape(tuple(1 if i in new else next(old) for i in range(ndim)))


@composes(np.squeeze)
def squeeze(a: Any, axis: Axis = None) -> Any:
    if axis is None:
        axes = tuple(i for i, n in enumerate(a.shape) if n == 1)
    else:
        axes = normalize_axes(axis, a.ndim, of_scalars=True) or ()
    for i in axes:
        if a.shape[i] != 1:
            raise ShapeError(f"squeeze: expected axis {i} to have length 1; received shape {a.shape}")
    return a.reshape(tuple(n for i, n in enumerate(a.shape) if i not in axes))


@composes(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    return a.reshape(-1) if order == "C" else flatten_in_order(a, order, "ravel")


@composes(np.flip)
def flip(m: Any, axis: Axis = None) -> Any:
    axes = normalize_axes(axis, m.ndim)
    return m[tuple(slice(None, None, -1) if axes is None or i in axes else slice(None) for i in range(m.ndim))]


@composes(np.fliplr)
def fliplr(m: Any) -> Any:
    return flip(m, 1)


@composes(np.flipud)
def flipud(m: Any) -> Any:
    return flip(m, 0)


# ---- joining and splitting ------------------------------------------------------------------------------------------


@composes(np.stack)
def stack(
    arrays: Sequence[Any], axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    parts = several("stack", arrays)
    shapes = {np.shape(p) for p in parts}
    if len(shapes) > 1:
        raise ShapeError(f"stack: expected arrays of one shape; received {sorted(shapes)}")
    if axis == 0:  # one op, where n parts would be given an axis each
        parts = parts if dtype is None else [cast(p, dtype, casting) for p in parts]
        return array(*parts, shape=(len(parts),))
    return np.concatenate([np.expand_dims(p, axis) for p in parts], axis=axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]


def _at_least(a: Any, ndim: int) -> Any:
    return a if np.ndim(a) >= ndim else np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a))


@composes(np.vstack)
def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate([_at_least(a, 2) for a in several("vstack", tup)], axis=0, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@composes(np.hstack)
def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    parts = [_at_least(a, 1) for a in several("hstack", tup)]
    axis = 0 if parts[0].ndim == 1 else 1
    return np.concatenate(parts, axis=axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]


@composes(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = normalize_axis(axis, ary.ndim)
    length = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        n = int(indices_or_sections)
        if n <= 0:
            raise ShapeError(f"split: expected a positive number of sections; received {n}")
        cuts = [i * (length // n) + min(i, length % n) for i in range(n + 1)]
    else:
        cuts = [0, *(int(i) for i in indices_or_sections), length]
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, stop))] for start, stop in itertools.pairwise(cuts)]


@composes(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    whole = np.ndim(indices_or_sections) == 0
    if whole and int(indices_or_sections) > 0 and ary.shape[axis] % int(indices_or_sections):
        raise ShapeError(
            f"split: axis {axis} of length {ary.shape[axis]} does not divide into {indices_or_sections} equal parts; "
            "use np.array_split for parts of unequal length"
        )
    return array_split(ary, indices_or_sections, axis)


# ---- products -------------------------------------------------------------------------------------------------------


@composes(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    # The last axis of a against the second to last of b; all other axes stay apart, where matmul would pair them.
    rows = np.moveaxis(b, -2, 0)
    product = np.matmul(a, rows.reshape(rows.shape[0], -1))
    return product.reshape(*np.shape(a)[:-1], *rows.shape[1:])
