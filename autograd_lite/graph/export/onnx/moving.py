"""Operations that move values: other axes, joining, padding, casts, diagonals and triangles, random draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....core.shape_arithmetic import Shape
from .emit import FLOAT, INT64, Call
from .table import exports


@exports("reshape")
def _reshape(call: Call, x: Any, *, shape: Shape) -> Any:
    return x if shape == x.shape else call.emitter.call("Reshape", x, shape, shape=shape)


@exports("transpose")
def _transpose(call: Call, x: Any, *, axes: tuple[int, ...]) -> Any:
    if axes == tuple(range(x.ndim)):
        return x
    return call.emitter.call("Transpose", x, shape=tuple([x.shape[i] for i in axes]), perm=axes)


@exports("broadcast_to")
def _broadcast_to(call: Call, x: Any, *, shape: Shape) -> Any:
    x = call.value(x)
    return x if shape == x.shape else call.emitter.call("Expand", x, shape, shape=shape)


@exports("concatenate")
def _concatenate(call: Call, *parts: Any, axis: int) -> Any:
    # A part of length 0 has nothing to add, and not every runtime takes one.
    first, *rest = [v for v in (call.value(p, call.dtype) for p in parts) if v.shape[axis]]
    return call.emitter.call("Concat", first, *rest, shape=call.shape, axis=axis) if rest else first


@exports("array")
def _array(call: Call, *parts: Any, shape: Shape) -> Any:
    values = [call.value(p, call.dtype) for p in parts]
    return np.concatenate([v.reshape(1, *v.shape) for v in values]).reshape(call.shape)


@exports("pad")
def _pad(call: Call, x: Any, *, width: tuple[tuple[int, int], ...], value: Any) -> Any:
    if np.ndim(value) == 0:
        return _pad_once(x, [pair[0] for pair in width], [pair[1] for pair in width], np.asarray(value))
    # One axis after the other, as NumPy does: the corners have the value of the last.
    for axis, (pair, values) in enumerate(zip(width, np.broadcast_to(value, (len(width), 2)), strict=True)):
        for side in (0, 1):
            before, after = ([pair[s] if i == axis and s == side else 0 for i in range(x.ndim)] for s in (0, 1))
            x = _pad_once(x, before, after, values[side])
    return x


def _pad_once(x: Any, before: Sequence[int], after: Sequence[int], value: Any) -> Any:
    widths = np.array([*before, *after], np.int64)
    shape = tuple([a + n + b for a, n, b in zip(before, x.shape, after, strict=True)])
    return x.emitter.run("Pad", x, widths, x.of(value), shape=shape) if widths.any() else x


@exports("astype")
def _astype(call: Call, x: Any, *, dtype: Any) -> Any:
    return call.value(x).cast(dtype)


# ---- diagonals and triangles ----------------------------------------------------------------------------------------


@exports("diagonal")
def _diagonal(call: Call, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    x = x.transpose([*[i for i in range(x.ndim) if i not in (axis1, axis2)], axis1, axis2])
    *batch, rows, columns = x.shape
    places = np.arange(rows * columns).reshape(rows, columns).diagonal(offset)
    return x.reshape(*batch, rows * columns).gather(places, len(batch))


@exports("on_diagonal")
def _on_diagonal(call: Call, x: Any, *, offset: int, axis1: int, axis2: int, shape: Shape) -> Any:
    n, last = x.shape[-1], x.ndim - 1
    # Every place of the matrix takes an element of x, or the zero put behind them.
    source = np.full((shape[axis1], shape[axis2]), n)
    k = np.arange(n)
    source[k + max(-offset, 0), k + max(offset, 0)] = k
    whole: Any = np.pad(x, [(0, 0)] * last + [(0, 1)])
    order = [*[i for i in range(len(shape)) if i not in (axis1, axis2)], axis1, axis2]  # what each axis of `whole` is
    return whole.gather(source, last).transpose([order.index(i) for i in range(len(shape))])


@exports("tril", "triu")
def _triangle(call: Call, x: Any, *, k: int) -> Any:
    x = np.broadcast_to(x, call.shape)
    return x.emitter.run("Trilu", x, np.asarray(k, np.int64), shape=x.shape, upper=int(call.op.name == "triu"))


# ---- at places that are data ----------------------------------------------------------------------------------------


@exports("take_along_axis")
def _take_along_axis(call: Call, x: Any, y: Any, *, axis: int) -> Any:
    x, y = (np.broadcast_to(v, _but(call.shape, axis, v.shape[axis])) for v in (x, y.astype(INT64)))
    return call.emitter.call("GatherElements", x, y, shape=call.shape, axis=axis)


@exports("add_along_axis")
def _add_along_axis(call: Call, x: Any, y: Any, *, axis: int, length: int) -> Any:
    shape = np.broadcast_shapes(x.shape, y.shape)
    return scatter_add(np.broadcast_to(x, shape), np.broadcast_to(y.astype(INT64), shape), axis, call.shape)


def _but(shape: Shape, axis: int, length: int) -> Shape:
    """Return a shape with another length of one axis."""
    return *shape[:axis], length, *shape[axis + 1 :]


@exports("gather")
def _gather(call: Call, x: Any, y: Any) -> Any:
    return call.emitter.call("GatherND", x, y.astype(INT64), shape=call.shape)


@exports("gather_adjoint")
def _gather_adjoint(call: Call, x: Any, y: Any, *, shape: Shape) -> Any:
    return scatter_add(x, y.astype(INT64), None, shape)


def scatter_add(x: Any, places: Any, axis: int | None, shape: Shape) -> Any:
    """Add elements to zeros of some shape, at places along an axis; without one, parts at places in several axes."""
    name = "ScatterND" if axis is None else "ScatterElements"
    along: dict[str, Any] = {} if axis is None else {"axis": axis}
    kernel = x.emitter.kernel(name, x.dtype)
    zeros = x.emitter.full(shape, 0, kernel)
    return x.emitter.call(name, zeros, places, x.astype(kernel), **along, reduction="add").astype(x.dtype)


# ---- random draws ---------------------------------------------------------------------------------------------------


def _draw(call: Call, op_type: str) -> Any:
    """Draw in single precision, or in double if the result is."""
    return call.emitter.call(op_type, call.emitter.full(call.shape, 0, call.dtype if call.dtype == float else FLOAT))


@exports("random_normal")
def _random_normal(call: Call, *_: Any, shape: Any, dtype: Any, loc: float, scale: float) -> Any:
    # Not by the attributes, which are in single precision.
    return (_draw(call, "RandomNormalLike") * float(scale) + float(loc)).astype(call.dtype)


@exports("random_uniform")
def _random_uniform(call: Call, *_: Any, shape: Any, dtype: Any, low: float, high: float) -> Any:
    return (_draw(call, "RandomUniformLike") * float(high - low) + float(low)).astype(call.dtype)


@exports("random_bernoulli")
def _random_bernoulli(call: Call, *_: Any, shape: Any, dtype: Any, p: float) -> Any:
    return (_draw(call, "RandomUniformLike") < float(p)).astype(call.dtype)


@exports("random_permutation")
def _random_permutation(call: Call, *_: Any, shape: Any, dtype: Any) -> Any:
    return np.argsort(_draw(call, "RandomUniformLike")).astype(call.dtype)  # the order of random numbers is random
