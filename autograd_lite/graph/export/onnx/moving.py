"""Operations that move values: other axes, joining, padding, casts, diagonals and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....core.shape_arithmetic import Shape
from .emit import INT64, Scalar, Value
from .table import Call, exports


@exports("reshape")
def _reshape(call: Call, x: Value, *, shape: Shape) -> Value:
    return x.reshape(*shape)


@exports("transpose")
def _transpose(call: Call, x: Value, *, axes: tuple[int, ...]) -> Value:
    return x.transpose(axes)


@exports("broadcast_to")
def _broadcast_to(call: Call, x: Value | Scalar, *, shape: Shape) -> Value:
    return call.value(x).expand(*shape)


@exports("concatenate")
def _concatenate(call: Call, *parts: Value | Scalar, axis: int) -> Value:
    # A part of length 0 has nothing to add, and not every runtime takes one.
    values = [v for v in (call.value(p, call.dtype) for p in parts) if v.shape[axis]]
    return joined(values, axis)


@exports("array")
def _array(call: Call, *parts: Value | Scalar, shape: Shape) -> Value:
    values = [call.value(p, call.dtype) for p in parts]
    return joined([v.reshape(1, *v.shape) for v in values], 0).reshape(*call.shape)


@exports("pad")
def _pad(call: Call, x: Value, *, width: tuple[tuple[int, int], ...], value: Any) -> Value:
    if np.ndim(value) == 0:
        return x.pad([w[0] for w in width], [w[1] for w in width], _scalar(value))
    # One axis after the other, as NumPy does: the corners have the value of the last.
    pairs = np.broadcast_to(value, (len(width), 2))
    for axis, (w, pair) in enumerate(zip(width, pairs, strict=True)):
        for side in (0, 1):
            before, after = ([w[s] if i == axis and s == side else 0 for i in range(x.ndim)] for s in (0, 1))
            x = x.pad(before, after, _scalar(pair[side]))
    return x


def _scalar(value: Any) -> Scalar:
    return np.asarray(value).item()


@exports("astype")
def _astype(call: Call, x: Value | Scalar, *, dtype: Any) -> Value:
    return call.value(x).cast(dtype)


# ---- diagonals and triangles ----------------------------------------------------------------------------------------


@exports("diagonal")
def _diagonal(call: Call, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    others = [i for i in range(x.ndim) if i not in (axis1, axis2)]
    moved = x.transpose([*others, axis1, axis2])
    *batch, rows, columns = moved.shape
    k = np.arange(call.shape[-1])
    places = (k + max(-offset, 0)) * columns + k + max(offset, 0)
    return moved.reshape(*batch, rows * columns).gather(places, len(batch))


@exports("on_diagonal")
def _on_diagonal(call: Call, x: Value, *, offset: int, axis1: int, axis2: int, shape: Shape) -> Value:
    rows, columns = shape[axis1], shape[axis2]
    n, last = x.shape[-1], x.ndim - 1
    # Every place of the matrix takes an element of x, or the zero put behind them.
    source = np.full((rows, columns), n)
    k = np.arange(n)
    source[k + max(-offset, 0), k + max(offset, 0)] = k
    padded = x.pad([0] * x.ndim, [0] * last + [1], False if x.kind == "b" else 0)
    made = padded.gather(source, last)
    order = [i for i in range(len(shape)) if i not in (axis1, axis2)]
    order = [*order, axis1, axis2]  # what each axis of `made` is in the result
    return made.transpose([order.index(i) for i in range(len(shape))])


@exports("tril", "triu")
def _triangle(call: Call, x: Value, *, k: int) -> Value:
    if x.ndim == 1:
        x = x.expand(x.shape[0], x.shape[0])
    upper = call.op.name == "triu"
    return x.emitter.run("Trilu", x, np.asarray(k, np.int64), shape=x.shape, upper=int(upper))


# ---- along an axis --------------------------------------------------------------------------------------------------


@exports("take_along_axis")
def _take_along_axis(call: Call, x: Value, y: Value, *, axis: int) -> Value:
    y = y.cast(INT64)
    wide = [n if i != axis else x.shape[i] for i, n in enumerate(call.shape)]
    places = [n if i != axis else y.shape[i] for i, n in enumerate(call.shape)]
    y = y.expand(*places)
    return call.emitter.call("GatherElements", x.expand(*wide), y, shape=call.shape, axis=axis)


@exports("add_along_axis")
def _add_along_axis(call: Call, x: Value, y: Value, *, axis: int, length: int) -> Value:
    shape = np.broadcast_shapes(*([n if i != axis else 1 for i, n in enumerate(v.shape)] for v in (x, y)))
    shape = tuple(x.shape[axis] if i == axis else n for i, n in enumerate(shape))
    return scattered(call, x.expand(*shape), y.cast(INT64).expand(*shape), axis, call.shape)


@exports("gather")
def _gather(call: Call, x: Value, y: Value) -> Value:
    return call.emitter.call("GatherND", x, y.cast(INT64), shape=call.shape)


@exports("gather_adjoint")
def _gather_adjoint(call: Call, x: Value, y: Value, *, shape: Shape) -> Value:
    return scattered(call, x, y.cast(INT64), None, shape)


def joined(parts: list[Value], axis: int) -> Value:
    """Concatenate values of one dtype."""
    first = parts[0]
    shape = (*first.shape[:axis], sum(p.shape[axis] for p in parts), *first.shape[axis + 1 :])
    return first if len(parts) == 1 else first.emitter.call("Concat", *parts, shape=shape, axis=axis)


def dilated(x: Value, axis: int, step: int) -> Value:
    """Put zeros between the elements along an axis, so that they stand `step` apart."""
    count = x.shape[axis]
    if step == 1 or count < 2:
        return x
    # Each element gets an axis of its own, which is padded.
    front, behind = x.shape[:axis], x.shape[axis + 1 :]
    apart = x.reshape(*front, count, 1, *behind)
    none = [0] * apart.ndim
    wide = apart.pad(none, [step - 1 if i == axis + 1 else 0 for i in range(apart.ndim)], False if x.kind == "b" else 0)
    return wide.reshape(*front, count * step, *behind).cut((axis, slice(0, (count - 1) * step + 1)))


def scattered(call: Call, x: Value, places: Value, axis: int | None, shape: Shape) -> Value:
    """Add elements to zeros of some shape, at places along an axis; without one, parts at places in several axes."""
    emitter = call.emitter
    name = "ScatterND" if axis is None else "ScatterElements"
    along: dict[str, Any] = {} if axis is None else {"axis": axis}
    kernel = emitter.kernel(name, call.dtype)
    zeros = emitter.filled(0, shape, kernel)
    added = emitter.call(name, zeros, places, x.cast(kernel), **along, reduction="add")
    return added.cast(call.dtype)
