"""What rules of users take from `autograd.numpy.numpy_vjps`: how a cotangent comes back to its argument's shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.shape_arithmetic import normalize_axes
from ..tracer import getval


def unbroadcast(x: Any, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """Sum a cotangent over the axes that broadcasting added or stretched.

    Args:
        x: the cotangent.
        target_meta: what `metadata(argument)` returned.
        broadcast_idx: where the added axes are; the first by default.

    Example:
        >>> unbroadcast(np.ones((3, 2)), metadata(np.zeros((3, 1)))).tolist()
        [[2.0], [2.0], [2.0]]
    """
    shape, ndim, _, iscomplex = target_meta
    while np.ndim(x) > ndim:
        x = np.sum(x, axis=broadcast_idx)
    for axis, n in enumerate(shape):
        if n == 1 and np.shape(x)[axis] != 1:
            x = np.sum(x, axis=axis, keepdims=True)
    return np.real(x) if np.iscomplexobj(x) and not iscomplex else x


def metadata(A: Any) -> tuple[tuple[int, ...], int, Any, bool]:
    """Return the shape, the number of axes, the dtype of an array, and whether it is complex."""
    A = getval(A)
    return np.shape(A), np.ndim(A), np.result_type(A), np.iscomplexobj(A)


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `f` with its result summed to the shape of `target`."""
    meta = metadata(target)
    return lambda g: unbroadcast(f(g), meta)


def repeat_to_match_shape(g: Any, shape: Any, dtype: Any, axis: Any, keepdims: bool) -> tuple[Any, int]:
    """Return the cotangent of a reduction at each element that was reduced, and how many there were to each.

    Args:
        g: the cotangent of the result.
        shape: of the array that was reduced.
        dtype: of the array that was reduced.
        axis: as given to the reduction.
        keepdims: as given to the reduction.
    """
    if shape == ():
        return g, 1
    axes = normalize_axes(axis, len(shape)) or tuple(range(len(shape)))
    if not keepdims:
        g = np.reshape(g, [1 if i in axes else n for i, n in enumerate(shape)])
    return np.broadcast_to(g, shape), math.prod(shape[i] for i in axes)
