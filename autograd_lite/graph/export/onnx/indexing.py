"""Indexing of every NumPy kind whose positions are known: as slices and one Gather, and back by padding or scattering.

An index is first brought into a canonical form: for each axis of the array a slice or an array of positions, all of
those of one shape; and the new axes of length 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ....core.shape_arithmetic import Shape
from .emit import BOOL, Call
from .moving import scatter_add
from .table import exports

_FAR = 2**62  # beyond the end of any axis


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
        if isinstance(i, (bool, np.bool_)) or (isinstance(i, np.ndarray) and i.dtype == BOOL and not i.ndim):
            return None
        parts += np.nonzero(i) if isinstance(i, np.ndarray) and i.dtype == BOOL else [i]
    used = sum(i is not None and i is not Ellipsis for i in parts)
    if not any(i is Ellipsis for i in parts):
        parts.append(Ellipsis)
    where = next(k for k, i in enumerate(parts) if i is Ellipsis)
    parts[where : where + 1] = [slice(None)] * (len(shape) - used)
    arrays = any(isinstance(i, np.ndarray) for i in parts)
    advanced = [k for k, i in enumerate(parts) if arrays and isinstance(i, (int, np.integer, np.ndarray))]
    # Apart is what has a slice or a new axis in between, also an ellipsis that stands for no axis at all.
    apart = bool(advanced) and (advanced[-1] - advanced[0] >= len(advanced) or _split_by_ellipsis(index))
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
    region = np.broadcast_to(np.zeros((), np.bool_), shape)[index].shape
    return Plan(tuple(cuts), places, tuple(ints), apart, region)


def _split_by_ellipsis(index: tuple[Any, ...]) -> bool:
    """Return whether there is an ellipsis between two arrays."""
    kinds = ["a" if isinstance(i, (int, np.integer, np.ndarray)) else "." if i is Ellipsis else "" for i in index]
    return "." in "".join(kinds).strip(".")


def _positions(index: tuple[Any, ...], shape: Shape) -> np.ndarray:
    """Return for every element that an index takes its place in the flat array."""
    return np.arange(math.prod(shape)).reshape(shape)[index]


@exports("getitem")
def _getitem(call: Call, x: Any, *, index: tuple[Any, ...]) -> Any:
    plan = plan_of(index, x.shape)
    if plan is None:
        return x.reshape(-1).gather(_positions(index, x.shape), 0)
    x = _slice(x, plan.cuts)
    return (_take(x, plan) if plan.places else x).reshape(plan.shape)


def _slice(x: Any, cuts: tuple[slice, ...]) -> Any:
    """Take a slice along each axis."""
    axes = [axis for axis, (s, n) in enumerate(zip(cuts, x.shape, strict=True)) if s.indices(n) != (0, n, 1)]
    if not axes:
        return x
    bounds = []
    for s in (cuts[axis] for axis in axes):
        step = 1 if s.step is None else int(s.step)
        first, last = (0, _FAR) if step > 0 else (-1, -_FAR)
        bounds.append((first if s.start is None else int(s.start), last if s.stop is None else int(s.stop), step))
    starts, ends, steps = np.array(bounds, np.int64).T
    shape = tuple([len(range(*s.indices(n))) for s, n in zip(cuts, x.shape, strict=True)])
    return x.emitter.call("Slice", x, starts, ends, np.array(axes, np.int64), steps, shape=shape)


def _take(x: Any, plan: Plan) -> Any:
    """Take the positions: the axes are brought together, flattened to one, and that one is gathered."""
    axes = list(plan.places)
    first = 0 if plan.front else axes[0]
    rest = [i for i in range(x.ndim) if i not in axes]
    lengths = [x.shape[i] for i in axes]
    x = x.transpose([*rest[:first], *axes, *rest[first:]])
    x = x.reshape(*x.shape[:first], math.prod(lengths), *x.shape[first + len(axes) :])
    return x.gather(np.asarray(np.ravel_multi_index(tuple(plan.places.values()), lengths)), first)


# ---- the other way --------------------------------------------------------------------------------------------------


@exports("scatter_add")
def _scatter_add(call: Call, x: Any, *, index: tuple[Any, ...], shape: Shape) -> Any:
    plan = plan_of(index, shape)
    if plan is not None and not plan.places:
        return _put_back(x, plan, shape)
    if plan is not None and len(plan.places) == 1 and all(s == slice(None) for s in plan.cuts):
        # Rows, at positions along one axis: the gradient of an embedding.
        ((axis, places),) = plan.places.items()
        x = x.reshape(*shape[:axis], places.size, *shape[axis + 1 :])
        column = call.emitter.constant(places.reshape((-1,) + (1,) * (len(shape) - axis - 1)).astype(np.int64))
        return scatter_add(x, np.broadcast_to(column, x.shape), axis, shape)
    places = _positions(index, shape).reshape(-1).astype(np.int64)
    flat = scatter_add(x.reshape(places.size), call.emitter.constant(places), 0, (math.prod(shape),))
    return flat.reshape(shape)


def _put_back(x: Any, plan: Plan, shape: Shape) -> Any:
    """Put a block back into zeros, backwards where it was taken backwards."""
    ranges = [range(*s.indices(n)) for s, n in zip(plan.cuts, shape, strict=True)]
    x = x.reshape(tuple(map(len, ranges)))[tuple([slice(None, None, -1 if r.step < 0 else None) for r in ranges])]
    for axis, r in enumerate(ranges):
        x = dilate(x, axis, abs(r.step))
    before = [min(r) if r else 0 for r in ranges]
    widths = [(a, n - a - m) for n, a, m in zip(shape, before, x.shape, strict=True)]
    return np.pad(x, widths) if widths else x


def dilate(x: Any, axis: int, step: int) -> Any:
    """Put zeros between the elements along an axis, so that they stand `step` apart."""
    count = x.shape[axis]
    if step == 1 or count < 2:
        return x
    # Each element gets an axis of its own, which is padded.
    front, behind = x.shape[:axis], x.shape[axis + 1 :]
    apart = x.reshape(*front, count, 1, *behind)
    apart = np.pad(apart, [(0, step - 1 if i == axis + 1 else 0) for i in range(apart.ndim)])
    return apart.reshape(*front, count * step, *behind)[(*[slice(None)] * axis, slice(0, (count - 1) * step + 1))]


@exports("index_update")
def _index_update(call: Call, x: Any, y: Any, *, index: tuple[Any, ...]) -> Any:
    places = _positions(index, x.shape)
    if not places.size:
        return call.value(x, call.dtype)
    # Where a position is named twice, NumPy keeps the last; ONNX promises no order, so the others are left out.
    flat = places.reshape(-1)
    last = np.sort(flat.size - 1 - np.unique(flat[::-1], return_index=True)[1])
    new = call.value(y, call.dtype)
    new = new.reshape(new.shape[max(new.ndim - places.ndim, 0) :])
    new = np.broadcast_to(new, places.shape).reshape(flat.size)[last if last.size < flat.size else ...]
    target, rows = x.astype(call.dtype).reshape(-1), call.emitter.constant(flat[last].astype(np.int64))
    return call.emitter.call("ScatterElements", target, rows, new, axis=0).reshape(x.shape)
