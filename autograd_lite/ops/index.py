"""Indexing of every NumPy kind, and its two partners: adding into, and replacing at, the same positions.

`index` is a canonical tuple of ints, slices, None, Ellipsis and arrays; it is a parameter, since no gradient flows to
it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import Op, structural
from ..core.shapes import ShapeDtype


def is_basic(index: tuple[Any, ...]) -> bool:
    """Return whether `index` picks no position twice, so that writing at it is the inverse of reading."""
    return not any(isinstance(i, np.ndarray) and i.dtype != np.bool_ for i in index)


def _scatter_add(x: Any, *, index: Any, shape: Any) -> Any:
    out = np.zeros(shape, x.dtype)
    if is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


def _infer_getitem(x: ShapeDtype, *, index: Any) -> ShapeDtype:
    # A zero-stride stand-in has the shape of x and the memory of one element.
    return ShapeDtype(np.broadcast_to(np.zeros((), x.dtype), x.shape)[index].shape, x.dtype)


getitem: Op = structural(
    "getitem",
    lambda x, *, index: x[index],
    lambda g, out, x, *, index: scatter_add(g, index=index, shape=x.shape),
    infer=_infer_getitem,
    linear=True,
    selects=True,
    cost=0,
    glyph="[ ]",
    onnx="GatherND",
)
scatter_add: Op = structural(
    "scatter_add",
    _scatter_add,
    lambda g, out, x, *, index, shape: g[index],
    infer=lambda x, *, index, shape: ShapeDtype(shape, x.dtype),
    linear=True,
    onnx="ScatterND",
)


def _index_update(x: Any, y: Any, *, index: Any) -> Any:
    out = np.array(x)
    out[index] = y
    return out


def _last_writer(shape: tuple[int, ...], index: Any) -> Any:
    """Return which written values survive: where a position is named twice, NumPy keeps the last."""
    positions = np.arange(int(np.prod(shape))).reshape(shape)[index]
    writer = np.full(int(np.prod(shape)), -1)
    order = np.arange(positions.size)
    writer[positions.ravel()] = order
    return (writer[positions.ravel()] == order).reshape(positions.shape)


def _update_vjp(g: Any, out: Any, x: Any, y: Any, *, index: Any) -> Any:
    taken = g[index]
    return taken if is_basic(index) else np.where(_last_writer(x.shape, index), taken, 0)


index_update: Op = structural(
    "index_update",
    _index_update,
    lambda g, out, x, y, *, index: index_update(g, 0, index=index),
    _update_vjp,
    infer=lambda x, y, *, index: x,
    selects=True,
    cost=0,
    glyph="[ ]=",
    onnx="ScatterND",
)
