"""Shape arithmetic on ints and tuples, and the one array helper that undoes broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..native.kernels import KERNELS, NATIVE
from .errors import AxisError, ShapeError

Shape = tuple[int, ...]
Axis = int | Sequence[int] | None


class ShapeDtype(NamedTuple):
    """The shape and the dtype of an array, without its values.

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


def size_of(shape: Any) -> int:
    """Return the number of elements of an array of this shape; of several arrays, if these are several shapes.

    Example:
        >>> size_of((2, 3)), size_of(((2, 3), (2,)))
        (6, 8)
    """
    return sum(map(math.prod, shape)) if shape and shape[0].__class__ is tuple else math.prod(shape)


def require_fit(fits: bool, caller: str, *shapes: Shape) -> None:
    """Raise a ShapeError that names an op and the shapes of its operands unless they fit together: for shape rules."""
    if not fits:
        raise ShapeError(f"{caller}: expected shapes that fit together; received {' and '.join(map(str, shapes))}")


def normalize_axis(axis: int, ndim: int, label: str = "axis") -> int:
    """Return `axis` counted from the front.

    Example:
        >>> normalize_axis(-1, 3)
        2
    """
    try:
        axis = operator.index(axis)
    except TypeError:
        raise TypeError(f"expected {label} to be an integer; received {label}={axis!r:.60}") from None
    if not -ndim <= axis < ndim:
        use = f"use {-ndim} to {ndim - 1}" if ndim else "it has none: leave the axis out, or reshape(1) first"
        call, colon, name = label.rpartition(": ")
        where = f"{name}={axis} is out of bounds for a {ndim}-dimensional array"
        raise AxisError(f"{call}{colon}expected an axis of the array; {where}; {use}")
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


_sum_of_rows = KERNELS.get("sum_of_rows")


def _are_rows(a: Any, n: int) -> bool:
    """Return whether an array, as rows of n elements each, is summed faster by a kernel than by `sum`."""
    is_large = a.size >= 1024 and n > 1 and a.__class__ in NATIVE
    return is_large and a.dtype.char in "fd" and bool(a.flags.c_contiguous)


def sum_of_rows(a: Any, axes: int) -> Any:
    """Sum an array over its first axes, with the bits of `sum` in a fraction of its time where a kernel does it.

    Args:
        a: an array, a Tensor, or a tracer.
        axes: their number.
    """
    shape = a.shape[axes:]
    n = math.prod(shape)
    if _sum_of_rows is None or not axes or not _are_rows(a, n):
        return a.sum(axis=tuple(range(axes)))
    return _sum_of_rows(a.reshape(a.size // n, n)).reshape(shape)


def sum_to_shape(a: Any, shape: Shape) -> Any:
    """Undo broadcasting: sum `a` over the axes along which `shape` was repeated (works on arrays and Tensors).

    Example:
        >>> sum_to_shape(np.ones((4, 3)), (1, 3))
        array([[4., 4., 4.]])
    """
    if not shape and a.__class__ is np.ndarray:  # the gradient of a single number
        return np.add.reduce(a, None)
    extra = a.ndim - len(shape)
    ones = tuple(i + extra for i, n in enumerate(shape) if n == 1 and a.shape[i + extra] != 1)
    if extra or ones:
        if not ones and type(a) is np.ndarray and _are_rows(a, n := math.prod(shape)):
            # In one pass through memory, where `sum` would read and write its result for every row.
            rows = a.reshape(-1, n)
            a = np.einsum("ij->j", rows) if _sum_of_rows is None else _sum_of_rows(rows)
        else:
            a = a.sum(axis=(*range(extra), *ones))
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
    holes = shape.count(-1)
    others = math.prod(shape) * (-1) ** holes  # the product of the other lengths
    if holes == 1 and others and size % others == 0:
        return tuple(size // others if n == -1 else n for n in shape)
    if holes or others != size or any(n < 0 for n in shape):
        raise ShapeError(f"reshape: {size} elements do not fit shape {shape}")
    return shape
