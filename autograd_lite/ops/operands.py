"""Arguments of NumPy functions: array-likes, values that only steer, and arrays for `out=`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.duck_arrays import as_array
from ..core.errors import DtypeError, ShapeError, UnsupportedError, more_on
from ..core.op import composes
from ..core.shape_arithmetic import is_axis_of_scalar, normalize_axis

# What a binder returns: the inputs of an op and its parameters.
Bound = tuple[tuple[Any, ...], dict[str, Any]]


class Finished(NamedTuple):
    """What a binder returns when the call is not a single op: the result itself."""

    result: Any


def is_given(argument: Any) -> bool:
    """Return whether an optional argument was given."""
    return argument is not None and argument is not np._NoValue


def newer(name: str) -> tuple[Any, ...]:
    """Return a function that NumPy 2.0 lacked, if this NumPy has it, as arguments for `composes`."""
    return (getattr(np, name),) if hasattr(np, name) else ()


def composed_as(function: Callable[..., Any], call: Callable[..., Any]) -> None:
    """Register a call as what a function of NumPy does on Tensors, with that function's own parameters."""

    @composes(function)
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)


def as_keepdims(keepdims: Any) -> Any:
    """Return `keepdims` as a bool; not given means False."""
    return keepdims is not np._NoValue and bool(keepdims)


def operand(x: Any) -> Any:
    """Turn numbers and lists, also of Tensors, into an array."""
    if hasattr(x, "shape"):
        return x
    if isinstance(x, (list, tuple)) and _has_tensors(x):
        return np.stack([operand(item) for item in x])
    return np.asarray(x)


def along_axis(a: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array and the axis to work along: flattened for None, and for axis 0 or -1 of a number."""
    a = operand(a)
    if axis is None or is_axis_of_scalar(axis, a.ndim):
        return a.reshape(-1), 0
    return a, normalize_axis(axis, a.ndim)


def several(name: str, arrays: Any) -> list[Any]:
    """Return the arrays to join.

    Raises:
        ShapeError: if there are none.
    """
    parts = [operand(a) for a in arrays]
    if not parts:
        raise ShapeError(
            f"{name}: expected at least one array; received none. Pass a list: a generator is used up when NumPy has "
            "looked for Tensors in it"
        )
    return parts


def carries_derivative(x: Any) -> bool:
    """Return whether a derivative would be lost if an operand were taken for a constant, in any transformation."""
    return bool(getattr(x, "requires_grad", False) or getattr(getattr(x, "_data", x), "is_differentiated", False))


def values(x: Any) -> Any:
    """Return the bare values of an argument that only steers, such as an index: no gradient flows to it.

    Raises:
        TypeError: inside `vmap`, where the values differ from example to example.
    """
    if isinstance(x, (list, tuple)):
        return np.asarray([values(item) for item in x]) if _has_tensors(x) else np.asarray(x)
    return as_array(x.data if hasattr(x, "__apply_op__") else x)


def composed_of_values(function: Callable[..., Any]) -> None:
    """Register a function of NumPy whose answer on Tensors is the one for their values."""

    def bare(x: Any) -> Any:
        return values(x) if hasattr(x, "__apply_op__") or isinstance(x, (list, tuple)) else x

    composed_as(function, lambda *args, **kw: function(*map(bare, args), **{k: bare(x) for k, x in kw.items()}))


def _has_tensors(x: Any) -> bool:
    return any(hasattr(i, "__apply_op__") or (isinstance(i, (list, tuple)) and _has_tensors(i)) for i in x)


def cast(x: Any, dtype: Any, casting: str = "same_kind") -> Any:
    """Cast an array if it has another dtype.

    Raises:
        DtypeError: if `casting` forbids it.
    """
    dtype = np.dtype(dtype)
    if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
        raise DtypeError(f"dtype={dtype}: {x.dtype} does not cast to it by the rule {casting!r}; use .astype")
    return x if x.dtype == dtype else x.astype(dtype)


def write(
    name: str, out: Any, result: Any, where: Any = True, *, broadcast: bool = False, argument: str = "out"
) -> Any:
    """Write a result into the `out=` argument, and return that.

    A Tensor is filled as by `out[...] = result`, so that the gradient flows through it; an array can only be filled
    with a result that has no gradient to lose.

    Raises:
        UnsupportedError: if the gradient would be lost.
        ShapeError: if the result does not fit.
        DtypeError: if it cannot be cast.
    """
    shape, dtype = np.shape(result), np.result_type(result)
    fits = _broadcasts(shape, out.shape) if broadcast else shape == out.shape
    if not fits:
        raise ShapeError(f"{name}: {argument}= has shape {out.shape}; expected {shape}, as the result has")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise DtypeError(f"{name}: {argument}= has dtype {out.dtype}, which a {dtype} result does not fit")
    if hasattr(out, "__apply_op__"):
        out[...] = result if where is True else np.where(where, result, out)
        return out
    if hasattr(result, "__apply_op__"):
        if getattr(result, "requires_grad", True):
            raise UnsupportedError(
                f"{name}: the argument {argument}= must be a Tensor here, since an array would lose the gradient of "
                "the result; assign the result instead (t = np.f(...)), or use t[...] = value" + more_on("array-as-out")
            )
        result = np.asarray(result)  # refused by values inside vmap and jvp
    np.copyto(out, result, where=where if where is True else values(where))
    return out


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def by_rows(call: Callable[[Any], Any], x: Any, axes: tuple[int, ...]) -> Any:
    """Call what works along the last axis and keeps shapes, with some axes as one; the last ones need no copy."""
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    moved = x if order == tuple(range(x.ndim)) else x.transpose(order)
    leading = moved.shape[: x.ndim - len(axes)]
    if len(axes) == 1:
        out = call(moved)
    else:
        out = call(moved.reshape(*leading, math.prod(moved.shape[len(leading) :]))).reshape(moved.shape)
    return out if moved is x else out.transpose(tuple(order.index(i) for i in range(x.ndim)))
