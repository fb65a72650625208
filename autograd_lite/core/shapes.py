"""Shape arithmetic on ints and tuples, and the one array helper that undoes broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .errors import ShapeError

Shape = tuple[int, ...]
Axis = int | Sequence[int] | None


class ShapeDtype(NamedTuple):
    """What remains of an array when its values are gone.

    Example:
        >>> ShapeDtype((2, 3), np.dtype("float32")).size
        6
    """

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def normalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """Return `axis` counted from the front.

    Example:
        >>> normalize_axis(-1, 3)
        2
    """
    try:
        axis = operator.index(axis)
    except TypeError:
        raise TypeError(f"expected {what} to be an integer; received {what}={axis!r:.60}") from None
    if not -ndim <= axis < ndim:
        use = f"use {-ndim} to {ndim - 1}" if ndim else "it has none: leave the axis out, or reshape(1) first"
        raise ShapeError(f"{what}={axis} is out of bounds for a {ndim}-dimensional array; {use}")
    return axis % ndim


def is_axis_of_scalar(axis: Axis, ndim: int) -> bool:
    """Return whether `axis` is 0 or -1 for an array without axes, which most NumPy functions treat as having one.

    Example:
        >>> is_axis_of_scalar(-1, 0), is_axis_of_scalar(-1, 1)
        (True, False)
    """
    return ndim == 0 and not isinstance(axis, (tuple, list)) and axis in (0, -1)


def normalize_axes(axis: Axis, ndim: int, *, of_scalars: bool = False) -> tuple[int, ...] | None:
    """Return `axis` as a sorted tuple counted from the front; None, meaning every axis, stays None.

    `of_scalars`: allow the axes 0 and -1 of a 0-dimensional array, as NumPy's reductions do; they mean no axis.

    Example:
        >>> normalize_axes((-1, 0), 3)
        (0, 2)
        >>> normalize_axes(-1, 0, of_scalars=True)
        ()
    """
    if axis is None:
        return None
    if of_scalars and not ndim and is_axis_of_scalar(axis, ndim):
        return ()
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    out = tuple(sorted(normalize_axis(a, ndim) for a in axes))
    if len(set(out)) != len(out):
        raise ShapeError(f"axis={axis} names the same axis twice")
    return out


def reduced_shape(shape: Shape, axes: tuple[int, ...] | None, keepdims: bool) -> Shape:
    """Return the shape of a reduction over `axes`.

    Example:
        >>> reduced_shape((2, 3, 4), (1,), True)
        (2, 1, 4)
    """
    if axes is None:
        return (1,) * len(shape) if keepdims else ()
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def expand_reduced(a: Any, shape: Shape, axes: tuple[int, ...] | None, keepdims: bool) -> Any:
    """Give a reduction's result back its reduced axes, as axes of length 1 (works on arrays and Tensors)."""
    return a if keepdims else a.reshape(reduced_shape(shape, axes, True))


def _are_rows(a: Any, shape: Shape) -> bool:
    """Return whether `_sum_rows` applies to `a`."""
    if type(a) is not np.ndarray or a.size < 1024 or a.dtype.char not in "fd" or not a.flags.c_contiguous:
        return False
    return math.prod(shape) > 1


def _sum_rows(a: Any, shape: Shape) -> Any:
    """Sum an array over its leading axes, with the bits of `sum` in a fraction of its time for short rows."""
    return np.einsum("ij->j", a.reshape(-1, math.prod(shape)))


def sum_to_shape(a: Any, shape: Shape) -> Any:
    """Undo broadcasting: sum `a` over the axes along which `shape` was repeated (works on arrays and Tensors).

    Example:
        >>> sum_to_shape(np.ones((4, 3)), (1, 3))
        array([[4., 4., 4.]])
    """
    extra = a.ndim - len(shape)
    ones = tuple(i + extra for i, n in enumerate(shape) if n == 1 and a.shape[i + extra] != 1)
    if extra or ones:
        a = _sum_rows(a, shape) if not ones and _are_rows(a, shape) else a.sum(axis=(*range(extra), *ones))
    return a if a.shape == shape else a.reshape(shape)


def cast_back(a: Any, dtype: np.dtype[Any]) -> Any:
    """Cast a cotangent or a tangent to the dtype of its array; for a real array, only the real part counts.

    Works on arrays and Tensors.

    Example:
        >>> cast_back(np.array([1 + 2j]), np.dtype("float32"))
        array([1.], dtype=float32)
    """
    return (np.real(a) if a.dtype.kind == "c" and dtype.kind != "c" else a).astype(dtype)


def resolve_reshape(size: int, shape: Shape) -> Shape:
    """Return `shape` with its one -1 replaced by the length that fits `size`.

    Raises:
        ShapeError: if `size` elements cannot take that shape.

    Example:
        >>> resolve_reshape(6, (2, -1))
        (2, 3)
    """
    known = math.prod(n for n in shape if n != -1)
    holes = shape.count(-1)
    if holes == 1 and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in shape)
    if holes or known != size or any(n < 0 for n in shape):
        raise ShapeError(f"reshape: {size} elements do not fit shape {shape}")
    return shape
