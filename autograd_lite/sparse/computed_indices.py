"""Local patterns of reading and writing at indices that depend on values: any place along an axis may be meant."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import numpy as np

from ..core.indices import IndexArray
from ..core.op import OPS
from .steps import Call, Group, Shape, Steps, Take, spread, unite_pairs, without
from .structural_patterns import sources

WINDOWS = frozenset(("window_max", "window_take", "window_sum", "window_put", "window_spread"))
PUT = frozenset(("window_put", "window_spread"))
INDEXED = frozenset(("getitem", "scatter_add", "index_update", "gather", "gather_adjoint"))


def by_index(call: Call, i: int) -> Steps | Literal[False]:
    """Return the steps of an op that reads or writes at an index; False if the index is known."""
    shape = call.out[0].shape
    if call.out[0].dtype.kind not in "fc" or not math.prod(shape) or not call.inputs[i].size:
        return None
    if call.op.name in ("gather", "gather_adjoint"):
        return False if call.values[1] is not None else _by_numbers(call)
    if not call.computed:
        return False
    index = call.params["index"]
    axes, some = _computed_axes(index, shape if call.op.name != "getitem" else call.inputs[0].shape)
    if call.op.name == "getitem":
        own = call.inputs[0].shape
        lines = spread(without(own, axes), own)
        return Group(lines, int(lines.max()) + 1), Take(lines.reshape(own)[some].ravel())
    if call.op.name == "index_update" and i == 0:
        return ()  # the index may be elsewhere
    lines = spread(without(shape, axes), shape)
    places = lines.reshape(shape)[some]
    own = call.inputs[i].shape
    own = own[max(len(own) - places.ndim, 0) :]
    return Take(spread(own, places.shape)), Group(places.ravel(), int(lines.max()) + 1), Take(lines)


def _computed_axes(index: tuple[Any, ...], shape: Shape) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return the axes that are by_index by unknown numbers, and the index with 0 for these."""
    lengths = [0 if k is None else np.ndim(k) if getattr(k, "dtype", np.dtype(int)).kind == "b" else 1 for k in index]
    lengths = [0 if k is Ellipsis else n for k, n in zip(index, lengths, strict=True)]
    axes: list[int] = []
    some: list[Any] = []
    axis = 0
    for k, n in zip(index, lengths, strict=True):
        if isinstance(k, IndexArray):
            axes += range(axis, axis + n)
            k = np.zeros(k.shape, int) if k.dtype.kind != "b" else np.asarray(k)
        axis += len(shape) - sum(lengths) if k is Ellipsis else n
        some.append(k)
    return tuple(axes), tuple(some)


def in_windows(call: Call, i: int) -> list[Steps]:
    """Return the steps of an op that takes any element of each window, puts there, or adds all of them up."""
    spec, out = call.inputs[0], call.out[0]
    lengths = {name: call.params[name] for name in ("window", "stride", "padding")}
    large, small = (out.shape, spec.shape) if call.op.name in PUT else (spec.shape, out.shape)
    rows, members = [], []
    for k in range(math.prod(lengths["window"]) if math.prod(large) and math.prod(small) else 0):
        index = np.full(small, k)
        places = sources(partial(OPS["window_take"].forward, index=index, **lengths), large)
        inside = np.flatnonzero(places >= 0)
        rows.append(inside if call.op.name not in PUT else places[inside])
        members.append(places[inside] if call.op.name not in PUT else inside)
    return [(unite_pairs(rows, members, math.prod(out.shape)),), *[None] * (len(call.out) - 1)]


def _by_numbers(call: Call) -> Steps:
    """Return the steps of `gather` and its adjoint, whose second input has the numbers of elements along axes."""
    count = call.inputs[1].shape[-1]
    if call.op.name == "gather":
        own = call.inputs[0].shape
        lines = (*(1,) * count, *own[count:])
        return Group(spread(lines, own), math.prod(lines)), Take(spread(own[count:], call.out[0].shape))
    shape = call.out[0].shape
    return Group(spread(shape[count:], call.inputs[0].shape), math.prod(shape[count:])), Take(
        spread(shape[count:], shape)
    )
