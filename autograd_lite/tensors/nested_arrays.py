"""`array`: NumPy's function for nested lists that hold Tensors at any depth, which NumPy does not dispatch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, MappingView
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import DtypeError, ShapeError
from ..core.messages import checked
from ..ops import nested_array
from .record import apply
from .tensor import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

_NESTED = (list, tuple, Iterator, MappingView, deque, range)


@checked
def array(nested: Any, dtype: npt.DTypeLike | None = None) -> Any:
    """Make one array of nested lists, as `np.array` does; a Tensor, with a gradient, if Tensors are among the parts.

    Args:
        nested: lists, tuples, generators, views of dicts, or arrays of dtype object, nested to any depth, of numbers,
            arrays and Tensors whose shapes fit together; or one of these.
        dtype: NumPy dtype; by default the one that NumPy finds.

    Returns:
        A new Tensor if a Tensor is among the parts; otherwise a new NumPy array.

    Raises:
        ShapeError: if lists at the same depth are not of one shape.

    Example:
        >>> from autograd_lite import grad
        >>> def turned(angle, x):
        ...     c, s = np.cos(angle), np.sin(angle)
        ...     return array([[c, -s], [s, c]]) @ x
        >>> grad(lambda angle: turned(angle, np.array([1.0, 2.0]))[0])(0.0)
        np.float64(-2.0)
        >>> array(x * x for x in (1.0, 2.0))
        array([1., 4.])
    """
    if isinstance(nested, Tensor):
        result = nested.copy()
    else:
        if isinstance(nested, _NESTED) or _holds_objects(nested):
            shape, parts = _gather_parts(nested)
        else:
            shape, parts = (), [nested]
        if not any(hasattr(part, "__apply_op__") for part in parts):
            plain = np.array(parts if shape else parts[0], dtype=dtype)
            return plain.reshape(*shape, *plain.shape[1:]) if shape else plain
        result = _assemble(shape, parts)
    return result if dtype is None or result.dtype == dtype else result.astype(dtype)


def _gather_parts(nested: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of nested lists, and their entries, all of one shape."""
    if _holds_objects(nested):
        nested = nested.tolist()
        if not isinstance(nested, list):
            return (), [nested]
    children = list(nested)
    if all(x.__class__ is Tensor or x.__class__ is float for x in children):  # the most common
        return (len(children),), _of_one_shape(children)
    gathered = [_gather_parts(x) if isinstance(x, _NESTED) or _holds_objects(x) else ((), [x]) for x in children]
    shapes = {shape for shape, _ in gathered}
    if len(shapes) > 1:  # lists next to arrays
        return (len(children),), _of_one_shape([_assemble(shape, parts) for shape, parts in gathered])
    if not shapes:
        return (0,), []
    return (len(children), *shapes.pop()), _of_one_shape([x for _, parts in gathered for x in parts])


def _of_one_shape(parts: list[Any]) -> list[Any]:
    first = np.shape(parts[0]) if parts else ()
    for part in parts:
        if (part._data.shape if part.__class__ is Tensor else np.shape(part)) != first:
            shapes = sorted({np.shape(x) for x in parts})
            raise ShapeError(f"array: expected parts of one shape at each depth; received {shapes}")
    return parts


def _assemble(shape: tuple[int, ...], parts: list[Any]) -> Any:
    if not shape:
        return parts[0]
    if not parts:
        return np.zeros(shape)
    for part in parts:
        if not hasattr(part, "__apply_op__") and np.asarray(part).dtype.kind not in "biufc":
            raise DtypeError(f"array: expected numbers; received {part!r} beside Tensors")
    return apply(nested_array.array, tuple(parts), {"shape": shape})


def _holds_objects(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.hasobject
