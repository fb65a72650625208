"""Indexing of every NumPy kind whose positions are known: as slices and one Gather, and back by padding or scattering.

An index is first brought into a canonical form: for each axis of the array a slice or an array of positions, all of
those of one shape; and the new axes of length 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ....core.shape_arithmetic import Shape
from .emit import BOOL, Scalar, Value
from .moving import dilated, scattered
from .table import Call, exports


class Plan(NamedTuple):
    """What an index does to an array of some shape.

    Attributes:
        cuts: for each axis a slice; the full one where positions are taken.
        places: of some axes the positions, broadcast to one shape.
        ints: the axes of which a single position is taken, with no array in the index.
        front: the axes of the positions come first, since arrays stand apart.
        shape: of the result.
    """

    cuts: tuple[slice, ...]
    places: dict[int, np.ndarray]
    ints: tuple[int, ...]
    front: bool
    shape: Shape


def plan_of(index: tuple[Any, ...], shape: Shape) -> Plan | None:
    """Return the plan of an index, or None for one that only a table of positions can say."""
    parts: list[Any] = []
    for i in index:
        if isinstance(i, np.ndarray) and i.dtype == BOOL:
            if not i.ndim:
                return None
            parts += np.nonzero(i)
        elif isinstance(i, (bool, np.bool_)):
            return None
        else:
            parts.append(i)
    used = sum(i is not None and i is not Ellipsis for i in parts)
    if Ellipsis not in [i if i is Ellipsis else None for i in parts]:
        parts.append(Ellipsis)
    where = next(k for k, i in enumerate(parts) if i is Ellipsis)
    parts[where : where + 1] = [slice(None)] * (len(shape) - used)
    arrays = [k for k, i in enumerate(parts) if isinstance(i, np.ndarray)]
    advanced = [k for k, i in enumerate(parts) if isinstance(i, (int, np.integer, np.ndarray))] if arrays else []
    # Apart is what has a slice or a new axis in between, also an ellipsis that stands for no axis at all.
    apart = bool(advanced) and (
        any(k not in advanced for k in range(advanced[0], advanced[-1])) or _split_by_ellipsis(index)
    )
    cuts, ints, places, axis = [], [], {}, 0
    for k, i in enumerate(parts):
        if i is None:
            continue
        if k in advanced:
            places[axis] = np.asarray(i)
        elif isinstance(i, (int, np.integer)):
            ints.append(axis)
        at = int(i) % shape[axis] if axis in ints else 0
        cuts.append(i if isinstance(i, slice) else slice(at, at + 1) if axis in ints else slice(None))
        axis += 1
    if places:
        together = np.broadcast_arrays(*places.values())
        places = {a: np.where(p < 0, p + shape[a], p) for a, p in zip(places, together, strict=True)}
    taken = np.broadcast_to(np.zeros((), np.bool_), shape)[index].shape
    return Plan(tuple(cuts), places, tuple(ints), apart, taken)


def _split_by_ellipsis(index: tuple[Any, ...]) -> bool:
    """Return whether there is an ellipsis between two arrays."""
    kinds = ["a" if isinstance(i, (int, np.integer, np.ndarray)) else "." if i is Ellipsis else "" for i in index]
    return "." in "".join(kinds).strip(".")


def _positions(index: tuple[Any, ...], shape: Shape) -> np.ndarray:
    """Return for every element that an index takes its place in the flat array."""
    return np.arange(math.prod(shape)).reshape(shape)[index]


@exports("getitem")
def _getitem(call: Call, x: Value, *, index: tuple[Any, ...]) -> Value:
    plan = plan_of(index, x.shape)
    if plan is None:
        return x.reshape(math.prod(x.shape)).gather(_positions(index, x.shape), 0)
    x = x.cut(*enumerate(plan.cuts))
    if plan.places:
        x = _taken(x, plan)
    return x.reshape(*plan.shape)


def _taken(x: Value, plan: Plan) -> Value:
    """Take the positions: the axes are brought together, flattened to one, and that one is gathered."""
    axes = list(plan.places)
    first = 0 if plan.front else axes[0]
    rest = [i for i in range(x.ndim) if i not in axes]
    lengths = [x.shape[i] for i in axes]
    x = x.transpose([*rest[:first], *axes, *rest[first:]])
    flat = np.ravel_multi_index(tuple(plan.places.values()), lengths)
    if len(axes) > 1:
        x = x.reshape(*x.shape[:first], math.prod(lengths), *x.shape[first + len(axes) :])
    return x.gather(np.asarray(flat), first)


# ---- the other way --------------------------------------------------------------------------------------------------


@exports("scatter_add")
def _scatter_add(call: Call, x: Value, *, index: tuple[Any, ...], shape: Shape) -> Value:
    plan = plan_of(index, shape)
    if plan is not None and not plan.places:
        return _padded(x, plan, shape)
    if plan is not None and len(plan.places) == 1 and all(s == slice(None) for s in plan.cuts):
        return _added_along(call, x, plan, shape)
    places = _positions(index, shape).reshape(-1)
    rows = call.emitter.constant(places.astype(np.int64))
    return scattered(call, x.reshape(places.size), rows, 0, (math.prod(shape),)).reshape(*shape)


def _padded(x: Value, plan: Plan, shape: Shape) -> Value:
    """Put a block back into zeros, backwards where it was taken backwards."""
    taken = [range(*s.indices(n)) for s, n in zip(plan.cuts, shape, strict=True)]
    x = x.reshape(*map(len, taken))
    x = x.cut(*((axis, slice(None, None, -1)) for axis, r in enumerate(taken) if r.step < 0))
    for axis, r in enumerate(taken):
        x = dilated(x, axis, abs(r.step))
    before = [min(r) if r else 0 for r in taken]
    after = [n - a - m for n, a, m in zip(shape, before, x.shape, strict=True)]
    return x.pad(before, after, False if x.kind == "b" else 0)


def _added_along(call: Call, x: Value, plan: Plan, shape: Shape) -> Value:
    """Add rows into zeros, at positions along one axis: the gradient of an embedding."""
    ((axis, places),) = plan.places.items()
    x = x.reshape(*shape[:axis], places.size, *shape[axis + 1 :])
    column = places.reshape((-1,) + (1,) * (len(shape) - axis - 1)).astype(np.int64)
    return scattered(call, x, call.emitter.constant(column).expand(*x.shape), axis, shape)


@exports("index_update")
def _index_update(call: Call, x: Value, y: Value | Scalar, *, index: tuple[Any, ...]) -> Value:
    places = _positions(index, x.shape)
    if not places.size:
        return call.value(x, call.dtype)
    # Where a position is named twice, NumPy keeps the last; ONNX promises no order, so the others are left out.
    flat = places.reshape(-1)
    kept = np.sort(flat.size - 1 - np.unique(flat[::-1], return_index=True)[1])
    new = call.value(y, call.dtype)
    extra = new.ndim - places.ndim
    new = (new.reshape(*new.shape[extra:]) if extra > 0 else new).expand(*places.shape).reshape(flat.size)
    if kept.size < flat.size:
        new = new.gather(kept, 0)
    rows = call.emitter.constant(flat[kept].astype(np.int64))
    target = x.cast(call.dtype).reshape(math.prod(x.shape))
    return call.emitter.call("ScatterElements", target, rows, new, axis=0).reshape(*x.shape)
