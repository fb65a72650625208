"""The methods of ufuncs: reduce, accumulate, reduceat, outer and at, by means of the functions that do the same.

Ufuncs without such a function go step by step along the axis: one op for each element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.duck_arrays import is_per_example, refuse_masked
from ..core.errors import UnsupportedError
from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import Axis, normalize_axes, normalize_axis
from .cumulative import running_max, running_min
from .gather import gather, gather_adjoint, gather_at
from .index import scatter_add
from .operands import is_given, operand, values

# Functions that are a ufunc's method under another name.
_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: running_max,
    np.minimum: running_min,
}


def _reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Axis = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    array = operand(array)
    function = _REDUCE.get(ufunc)
    extra = {} if initial is np._NoValue else {"initial": initial}
    if where is not True:
        extra["where"] = where
    if function is not None:
        if dtype is not None:
            if function in (np.sum, np.prod):
                extra["dtype"] = dtype
            else:
                array = array.astype(dtype)
        return function(array, axis=axis, keepdims=keepdims, **extra)
    if where is not True:
        raise UnsupportedError(f"np.{ufunc.__name__}.reduce: the argument where= is not supported on Tensors")
    return _fold(ufunc, _of_one_kind(ufunc, array, dtype), axis, keepdims, initial)


def _of_one_kind(ufunc: np.ufunc, array: Any, dtype: Any) -> Any:
    """Cast the elements to the dtype of the ufunc's results, so that it can be applied to them again."""
    if dtype is not None:
        return array.astype(dtype)
    if ufunc in (np.logical_and, np.logical_or, np.logical_xor):
        return array.astype(bool)
    one = np.ones(1, array.dtype)
    result = ufunc(one, one).dtype
    if result.kind == "b" and array.dtype.kind != "b":
        raise TypeError(
            f"np.{ufunc.__name__}: expected a ufunc that can be applied to its results again; from {array.dtype} it "
            f"makes {result}"
        )
    return array if result == array.dtype else array.astype(result)


def _fold(ufunc: np.ufunc, array: Any, axis: Axis, keepdims: bool, initial: Any) -> Any:
    axes = tuple(range(array.ndim)) if axis is None else normalize_axes(axis, array.ndim, of_scalars=True) or ()
    if len(axes) > 1 and ufunc.identity is None and ufunc not in _REORDERABLE:
        raise ValueError(f"reduction operation '{ufunc.__name__}' is not reorderable, so at most one axis may be given")
    others = [i for i in range(array.ndim) if i not in axes]
    rows = array.transpose(*axes, *others).reshape(-1, *(array.shape[i] for i in others))
    start = initial if is_given(initial) else ufunc.identity
    if not rows.shape[0] and start is None:
        raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
    first = 0 if is_given(initial) or not rows.shape[0] or ufunc in (np.hypot, np.gcd) else 1
    total = np.broadcast_to(operand(start), rows.shape[1:]).astype(array.dtype) if not first else rows[0]
    for k in range(first, rows.shape[0]):
        total = ufunc(total, rows[k])
    return total.reshape(tuple(1 if i in axes else n for i, n in enumerate(array.shape))) if keepdims else total


_REORDERABLE = (np.fmax, np.fmin, np.hypot, np.logaddexp, np.logaddexp2, np.gcd, np.lcm)


def _accumulate(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    array = operand(array)
    if ufunc in _ACCUMULATE:
        return _ACCUMULATE[ufunc](array, axis=axis, dtype=dtype)
    array = _of_one_kind(ufunc, array, dtype)
    axis = normalize_axis(axis, array.ndim)
    before = (slice(None),) * axis
    steps = [array[(*before, k)] for k in range(array.shape[axis])]
    for k in range(1, len(steps)):
        steps[k] = ufunc(steps[k - 1], steps[k])
    return np.stack(steps, axis=axis) if steps else array


def _reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    array, starts = operand(array), values(indices).tolist()
    axis = normalize_axis(axis, array.ndim)
    before, length = (slice(None),) * axis, array.shape[axis]
    for start in starts:
        if not 0 <= start < length:
            raise IndexError(f"index {start} out-of-bounds in {ufunc.__name__}.reduceat [0, {length})")
    parts = []
    for start, stop in zip(starts, [*starts[1:], length], strict=True):
        part = array[(*before, slice(start, max(stop, start + 1)))]
        parts.append(ufunc.reduce(part, axis=axis, dtype=dtype, keepdims=True))
    return np.concatenate(parts, axis=axis)


def _outer(ufunc: np.ufunc, x: Any, y: Any, **kwargs: Any) -> Any:
    return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **kwargs)


def _at(ufunc: np.ufunc, array: Any, indices: Any, *operands: Any) -> None:
    """Change the elements at `indices` in place, once for each time that they are named, in order."""
    if not hasattr(array, "__apply_op__"):
        raise UnsupportedError(
            f"np.{ufunc.__name__}.at: the array to change must be a Tensor, since an array would lose the gradient; "
            "make it one: tensor(a)"
        )
    refuse_masked(*operands, caller=f"np.{ufunc.__name__}.at")
    parts = indices if isinstance(indices, tuple) else (indices,)
    if any(map(_is_data, parts)):
        array[...] = _changed_at(ufunc, array, parts, operands)
        return
    index = tuple(map(_position, parts))
    places = np.arange(array.size).reshape(array.shape)[index]
    if ufunc in (np.add, np.subtract):
        change = np.broadcast_to(operands[0], places.shape).astype(array.dtype)
        array[...] = ufunc(array, scatter_add(change, index=index, shape=array.shape))
        return
    flat = places.reshape(-1)
    rest = [np.broadcast_to(b, places.shape).reshape(-1) for b in operands]
    # For each position, how many times it has been named before.
    order = np.argsort(flat, kind="stable")
    new = np.concatenate([[True], np.diff(flat[order]) != 0]) if flat.size else np.zeros(0, bool)
    begins = np.maximum.accumulate(np.where(new, np.arange(flat.size), 0))
    turn = np.empty(flat.size, int)
    turn[order] = np.arange(flat.size) - begins
    for k in range(int(turn.max(initial=-1)) + 1):
        now = np.nonzero(turn == k)[0]
        where = np.unravel_index(flat[now], array.shape) if array.ndim else ()
        array[where] = ufunc(array[where], *(b[now] if array.ndim else b[now][0] for b in rest)).astype(array.dtype)


def _is_data(i: Any) -> bool:
    """Return whether an index is known only as data: in a batch, and in a function that is being traced."""
    if not hasattr(i, "__apply_op__") or i.dtype.kind not in "iu":
        return False
    return bool(TAPES and MODE.get().tape is not None) or is_per_example(i)


def _changed_at(ufunc: np.ufunc, array: Any, key: tuple[Any, ...], operands: tuple[Any, ...]) -> Any:
    """Return what `ufunc.at` makes of an array, by positions that are data: nothing is known of which are equal."""
    places = gather_at(np.arange(array.size).reshape(array.shape), key)
    rest = [np.broadcast_to(b, places.shape).reshape(-1) for b in operands]
    places = places.reshape(-1)
    if ufunc in (np.add, np.subtract):
        change = gather_adjoint(rest[0].astype(array.dtype), places[:, None], shape=(array.size,))
        return ufunc(array, change.reshape(array.shape))
    flat, every = array.reshape(-1), np.arange(array.size)
    for k in range(places.size):
        new = ufunc(gather(flat, places[k : k + 1]), *(b[k] for b in rest)).astype(array.dtype)
        flat = np.where(every == places[k], new, flat)
    return flat.reshape(array.shape)


def _position(i: Any) -> Any:
    return i if i is None or i is Ellipsis or isinstance(i, (int, slice)) else values(i)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "reduceat": _reduceat,
    "outer": _outer,
    "at": _at,
}
