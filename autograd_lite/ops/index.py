"""Indexing of every kind that NumPy has, and its two partners: adding to and replacing the same positions.

`index` is a canonical tuple of ints, slices, None, Ellipsis and arrays; it is a parameter, since no gradient flows to
it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import (
    add_at,
    array_namespace,
    asarray_like,
    copy_array,
    index_like,
    is_duck_array,
    is_lazy,
    to_numpy,
)
from ..core.equivalents import Fill, Part, filled_by
from ..core.errors import UnsupportedError
from ..core.gathers import BASIC, Put, Scatter, as_slice, places_of, prepare_indices, scatter, take_rows
from ..core.indices import numbers_of
from ..core.mode import TAPES
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype, require_fit
from ..native.kernels import library

_ndarray = np.ndarray


def is_basic(index: tuple[Any, ...]) -> bool:
    """Return whether `index` selects no position twice, so that writing there inverts reading."""
    for i in index:  # noqa: SIM110 (all() with a generator takes twice as long, on the path of every index)
        if not isinstance(i, BASIC) and i.dtype != np.bool_:
            return False
    return True


# ---- batches: the same positions of every example -------------------------------------------------------------------


def _behind_batch(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[tuple[Any, ...], int]:
    """Return the index for a whole batch of arrays of this shape, and the position of the batch axis in the result.

    NumPy moves the axes of separated index arrays, as in x[i, :, j], to the front, before the batch.
    """
    whole = (slice(None), *index)
    advanced = [k for k, i in enumerate(index) if isinstance(i, (int, np.ndarray))]
    together = not advanced or advanced[-1] - advanced[0] == len(advanced) - 1
    if together or not any(isinstance(i, np.ndarray) for i in index):
        return whole, 0
    none, one = (np.broadcast_to(np.zeros((), np.bool_), (n, *shape))[whole].shape for n in (0, 1))
    return whole, next(k for k, n in enumerate(none) if n != one[k])


def _batched_getitem(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    (x,) = inputs
    index, axis = _behind_batch(params["index"], x.shape[1:])
    result = op(x, index=index)
    return np.moveaxis(result, axis, 0) if axis else result


def _batched_scatter_add(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    (x,), shape = inputs, params["shape"]
    index, axis = _behind_batch(params["index"], shape)
    return op(np.moveaxis(x, 0, axis) if axis else x, index=index, shape=(x.shape[0], *shape))


def _batched_update(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x, y = inputs
    if not batched[0]:
        x = np.broadcast_to(x, (y.shape[0], *np.shape(x)))
    index, axis = _behind_batch(params["index"], x.shape[1:])
    ndim = getitem.infer(ShapeDtype(x.shape, x.dtype), index=index).ndim
    shape = y.shape[1:] if batched[1] else np.shape(y)
    shape = shape[max(len(shape) - ndim + 1, 0) :]  # NumPy allows surplus leading axes of length 1
    y = np.reshape(y, (y.shape[0] if batched[1] else 1, *(1,) * (ndim - 1 - len(shape)), *shape))
    return op(x, np.moveaxis(y, 0, axis) if axis else y, index=index)


# ---- the ops --------------------------------------------------------------------------------------------------------


def _assigned_lazily(out: Any, index: tuple[Any, ...], y: Any) -> Any:
    """Assign at slices and integers; Dask knows no new axes there, and no empty values."""
    index = tuple([i for i in index if i is not None])
    shape = _infer_getitem(out, index=index).shape
    if math.prod(shape):
        out[index or (...,)] = y if np.ndim(y) <= len(shape) else y.reshape(shape)
    return out


def _scatter_add(x: Any, *, index: Any, shape: Any) -> Any:
    if x.__class__ is _ndarray and not is_basic(index):
        return scatter(x, index, shape)
    out = array_namespace(x).zeros(shape, x.dtype)
    if is_basic(index):
        if is_lazy(x):
            return _assigned_lazily(out, index, x)
        out[index_like(index, x)] = x
        return out
    return add_at(out, index_like(index, x), x)


@filled_by(_scatter_add)
def scatter_fill(x: Any, *, index: Any, shape: Any) -> Any:
    """Return what a scatter copies or adds; see `FILLS`."""
    if _is_plain(index):
        return Fill(shape, x.dtype, [Part(..., None), Part(index, 0)]), (x,)
    located = _by_arrays(index, shape)
    if located is None:
        return None
    places, indices, sliced = located
    assigned = is_basic(index)
    if _is_plain(sliced):
        x = x if assigned or x.dtype.kind not in "fc" else x + 0.0  # a sum has 0.0 in the place of -0.0
        return Fill(shape, x.dtype, [Part(..., None), Part(sliced, 0)]), (x,)
    if assigned:
        return Put(places), (np.broadcast_to(np.zeros((), x.dtype), shape), x, *indices)
    return Scatter(shape, places), (x, *indices)


def _is_plain(index: Any) -> bool:
    return all(isinstance(i, BASIC) for i in index)


def _by_arrays(index: Any, shape: tuple[int, ...]) -> Any:
    """Return places, arrays of indices, and the index, by slices where that can be; None if NumPy must read it."""
    located = places_of(index, len(shape)) if library else None
    indices = None if located is None else prepare_indices(located[1])
    if located is None or indices is None:
        return None
    places = located[0]
    sliced = as_slice(indices[0], shape[places.axis]) if places.arrays == 1 else None
    return places, indices, index if sliced is None else tuple([i if _is_plain((i,)) else sliced for i in index])


def _infer_getitem(x: ShapeDtype, *, index: Any) -> ShapeDtype:
    # A zero-stride stand-in has the shape of x and the memory of one element.
    return ShapeDtype(np.broadcast_to(np.zeros((), x.dtype), x.shape)[index].shape, x.dtype)


def _is_view(x: Any, *, index: Any) -> bool:
    parts = index if index.__class__ is tuple else (index,)
    # An array, or text in its place; but a tape has the number that is read again in an array of its own.
    return not any(
        part.shape != () or part.dtype.kind not in "iu" if hasattr(part, "shape") else isinstance(part, str)
        for part in parts
    )


def _in_order(index: Any) -> bool:
    """Return whether elements are taken in their order, each at most once."""
    return all(
        i is None or i is Ellipsis or i.__class__ is int or (i.__class__ is slice and (i.step or 1) > 0) for i in index
    )


def _getitem_rule(g: Any, out: Any, x: Any, *, index: Any) -> Any:
    if g.size == x.size and _in_order(index):
        return g.reshape(x.shape)  # it only has other axes
    return scatter_add(g, index=index, shape=x.shape)


def _getitem(x: Any, *, index: Any) -> Any:
    if x.__class__ is not _ndarray:
        return x[index_like(index, x)]
    index = numbers_of(index) if TAPES else index  # a tape has arrays for indices that are read again
    return take_rows(x, index) if len(index) == 1 and index[0].__class__ is _ndarray else x[index]


getitem: Op = structural(
    "getitem",
    _getitem,
    _getitem_rule,
    infer=_infer_getitem,
    linear=True,
    batch=_batched_getitem,
    selects=True,
    view=_is_view,
    put=lambda x, y, *, index: index_update(x, y, index=index),
    cost=0,
    glyph="[ ]",
    onnx="Gather",
)
scatter_add: Op = structural(
    "scatter_add",
    _scatter_add,
    lambda g, out, x, *, index, shape: _getitem(g, index=index),
    infer=lambda x, *, index, shape: ShapeDtype(shape, x.dtype),
    linear=True,
    batch=_batched_scatter_add,
    onnx="ScatterElements",
    cost=1,
)


def _index_update(x: Any, y: Any, *, index: Any) -> Any:
    out = copy_array(x)
    if is_lazy(x):
        if not is_basic(index):
            raise UnsupportedError(
                f"expected slices and integers where a {type(x).__module__} array is assigned to; received an array "
                "of indices. Choose with np.where(mask, new, x)"
            )
        return _assigned_lazily(out, index, y)
    if is_duck_array(x) and not is_basic(index):  # of values for one place, any may win there
        places = np.arange(out.size).reshape(out.shape)[_on_host(index)]
        last = _last_writer(x.shape, index)
        y = y if np.ndim(y) == 0 else np.broadcast_to(y, places.shape)[index_like((last,), x)]
        out.reshape(-1)[index_like((places[last],), x)] = y
        return out
    out[index_like(index, x)] = y
    return out


@filled_by(_index_update)
def _update_fill(x: Any, y: Any, *, index: Any) -> Any:
    y = y if hasattr(y, "dtype") else np.asarray(y, x.dtype)
    part = np.broadcast_to(np.zeros((), np.bool_), x.shape)
    if not np.can_cast(y.dtype, x.dtype, "same_kind") or (_is_plain(index) and y.ndim > part[index].ndim):
        return None
    if not _is_plain(index):
        located = _by_arrays(index, x.shape)
        if located is None:
            return None
        places, indices, index = located
        if not _is_plain(index):
            return (Put(places), (x, y, *indices)) if y.dtype == x.dtype else None
    return Fill(x.shape, x.dtype, [Part(..., 0), Part(index, 1)]), (x, y)


def _on_host(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([to_numpy(i) if is_duck_array(i) else i for i in index])


def _last_writer(shape: tuple[int, ...], index: Any) -> Any:
    """Return which written values survive: where a position is named twice, NumPy keeps the last."""
    positions = np.arange(int(np.prod(shape))).reshape(shape)[_on_host(index)]
    writer = np.full(int(np.prod(shape)), -1)
    order = np.arange(positions.size)
    writer[positions.ravel()] = order
    return (writer[positions.ravel()] == order).reshape(positions.shape)


def _update_vjp(g: Any, out: Any, x: Any, y: Any, *, index: Any) -> Any:
    part = g[index_like(index, g)]
    return part if is_basic(index) else np.where(asarray_like(_last_writer(x.shape, index), g), part, 0)


def _infer_update(x: ShapeDtype, y: ShapeDtype, *, index: Any) -> ShapeDtype:
    region = _infer_getitem(x, index=index).shape
    written = y.shape[max(0, y.ndim - len(region)) :] if set(y.shape[: y.ndim - len(region)]) <= {1} else None
    fits = written is not None and all(n in (1, m) for n, m in zip(written[::-1], region[::-1], strict=False))
    require_fit(fits, "t[index] = v", region, y.shape)
    return x


index_update: Op = structural(
    "index_update",
    _index_update,
    lambda g, out, x, y, *, index: index_update(g, 0, index=index),
    _update_vjp,
    infer=_infer_update,
    linear=True,
    batch=_batched_update,
    selects=True,
    cost=0,
    glyph="[ ]=",
    onnx="ScatterElements",
)
