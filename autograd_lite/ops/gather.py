"""Reading at indices that are data: in a batch they differ from example to example, while the array may be shared.

The last axis of y numbers the axes of x that an index has a number for, as in ONNX's GatherND:
`x[y[..., 0], y[..., 1]]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import add_at, array_namespace
from ..core.equivalents import filled_by
from ..core.gathers import scatter
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype
from .index import scatter_fill


def _along(y: Any) -> tuple[Any, ...]:
    return tuple([y[..., k] for k in range(y.shape[-1])])


def _with_batch_index(y: Any, size: int) -> Any:
    """Return indices into a batch: those of each example, with the number of the example in front."""
    own = np.arange(size).reshape((size,) + (1,) * (y.ndim - 1))
    return np.concatenate([np.broadcast_to(own, (*y.shape[:-1], 1)), y], -1)


def _batched_gather(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x, y = inputs
    if not batched[0]:
        return op(x, y)
    if batched[1]:
        return op(x, _with_batch_index(y, x.shape[0]))
    return np.moveaxis(op(np.moveaxis(x, 0, y.shape[-1]), y), y.ndim - 1, 0)


def _batched_scatter(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    (x, y), shape = inputs, params["shape"]
    if batched[1]:
        size = y.shape[0]
        x = x if batched[0] else np.broadcast_to(x, (size, *np.shape(x)))
        return op(x, _with_batch_index(y, size), shape=(size, *shape))
    axis = y.shape[-1]
    batched_shape = (*shape[:axis], x.shape[0], *shape[axis:])
    return np.moveaxis(op(np.moveaxis(x, 0, y.ndim - 1), y, shape=batched_shape), axis, 0)


def _gather_adjoint(x: Any, y: Any, *, shape: tuple[int, ...]) -> Any:
    if x.__class__ is np.ndarray and y.__class__ is np.ndarray:
        return scatter(x, _along(y), shape)
    return add_at(array_namespace(x).zeros(shape, x.dtype), _along(y), x)


@filled_by(_gather_adjoint)
def _adjoint_fill(x: Any, y: Any, *, shape: tuple[int, ...]) -> Any:
    return scatter_fill(x, index=_along(y), shape=shape) if y.shape[-1] else None


gather: Op = structural(
    "gather",
    lambda x, y: x[_along(y)],
    lambda g, out, x, y: gather_adjoint(g, y, shape=x.shape),
    None,
    saves=("y", ""),
    infer=lambda x, y: ShapeDtype((*y.shape[:-1], *x.shape[y.shape[-1] :]), x.dtype),
    jvp=lambda tangents, out, x, y: gather(tangents[0], y),
    batch=_batched_gather,
    selects=True,
    onnx="GatherND",
    cost=0,
)
gather_adjoint: Op = structural(
    "gather_adjoint",
    _gather_adjoint,
    lambda g, out, x, y, *, shape: gather(g, y),
    None,
    saves=("y", ""),
    infer=lambda x, y, *, shape: ShapeDtype(shape, x.dtype),
    jvp=lambda tangents, out, x, y, *, shape: gather_adjoint(tangents[0], y, shape=shape),
    batch=_batched_scatter,
    onnx="ScatterND",
    cost=1,
)


# ---- what NumPy's index means ---------------------------------------------------------------------------------------


def _parts(key: Any, ndim: int) -> list[Any]:
    """Return an index as slices, None and integers of any shape, with a part for every axis."""
    parts: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if part is None or part is Ellipsis or isinstance(part, slice):
            parts.append(part)
        elif hasattr(part, "__apply_op__"):
            parts += np.nonzero(part.data) if part.dtype.kind == "b" else [part]
        else:
            array = np.asarray(part)
            parts += np.nonzero(array) if array.dtype.kind == "b" else [array]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if taken > ndim:
        raise IndexError(f"t[index]: expected at most {ndim} indices, one an axis; received {taken}")
    where = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    return [*parts[:where], *[slice(None)] * (ndim - taken), *parts[where + 1 :]]


def gather_at(x: Any, key: Any) -> Any:
    """Return `x[key]` for a key with integers that are data, such as those of a batch.

    Example:
        >>> gather_at(np.arange(6).reshape(2, 3), (slice(None), np.array([2, 0]))).tolist()
        [[2, 0], [5, 3]]
    """
    parts = _parts(key, x.ndim)
    is_basic = [part is None or isinstance(part, slice) for part in parts]
    x = x[tuple([part if is_known else slice(None) for part, is_known in zip(parts, is_basic, strict=True)])]
    axes = [k for k, is_known in enumerate(is_basic) if not is_known]
    places = [parts[k] if parts[k].dtype == np.intp else parts[k].astype(np.intp) for k in axes]
    shape = np.broadcast_shapes(*[place.shape for place in places])
    y = np.stack([np.broadcast_to(place, shape) for place in places], -1)
    first = axes[0]
    if axes != list(range(len(axes))):
        x = np.moveaxis(x, axes, list(range(len(axes))))
    out = gather(x, y)
    # NumPy puts the axes of the integers where these stand, or to the front if they stand apart.
    if first and shape and axes[-1] - first == len(axes) - 1:
        out = np.moveaxis(out, list(range(len(shape))), list(range(first, first + len(shape))))
    return out


def replace_at(x: Any, key: Any, y: Any) -> Any:
    """Return `x` with y in the places `x[key]`, for a key with single integers that are data, which names none twice.

    Example:
        >>> replace_at(np.zeros((2, 3)), (slice(None), np.array(1)), np.array([5.0, 7.0])).tolist()
        [[0.0, 5.0, 0.0], [0.0, 7.0, 0.0]]
    """
    places = gather_at(np.arange(x.size).reshape(x.shape), key)[..., None]
    shape = places.shape[:-1]
    new = gather_adjoint(np.broadcast_to(y, shape).astype(x.dtype), places, shape=(x.size,))
    is_new = gather_adjoint(np.ones(shape), places, shape=(x.size,)) != 0
    return np.where(is_new, new, x.reshape(-1)).reshape(x.shape)
