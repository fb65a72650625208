"""Sorting and searching. Indices have no gradient; sorted values are gathered by them, ties in their old order."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import as_array, is_duck_array, move_constants
from ..core.errors import refuse
from ..core.op import composes, nondifferentiable
from ..core.shape_arithmetic import Shape, ShapeDtype, normalize_axis
from .operands import Bound, along_axis, as_keepdims, operand, values
from .reduce import batched_arg, one_axis

_INTP = np.dtype(np.intp)


# ---- indices --------------------------------------------------------------------------------------------------------


def _bind_argsort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: Any = np._NoValue,
) -> Bound:
    refuse("np.argsort", "it names fields, which Tensors have none of", order=order)
    a, axis = along_axis(a, axis)
    if descending is not np._NoValue:  # new in NumPy 2.5, and not allowed together with `kind`
        return (a,), {"axis": axis, "kind": kind, "stable": stable, "descending": bool(descending)}
    return (a,), {"axis": axis, "kind": "stable" if stable else kind}


def _cost_of_sorting(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    shape = shapes[0]
    axis = params.get("axis", -1)
    n = math.prod(shape) if axis is None or not shape else shape[axis]
    return math.prod(shape) * math.log2(n) if n > 1 else 0


argsort = nondifferentiable(
    lambda x, *, axis, kind, **falling: np.argsort(x, axis=axis, kind=kind, **falling),
    name="argsort",
    infer=lambda x, *, axis, kind, **_: ShapeDtype(x.shape, _INTP),
    bind=_bind_argsort,
    numpy_functions=(np.argsort,),
    batch=batching.along_axis,
    cost=_cost_of_sorting,
)


def _bind_argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Bound:
    refuse("np.argpartition", "it names fields, which Tensors have none of", order=order)
    a, axis = along_axis(a, axis)
    places = tuple(int(k) for k in values(kth).reshape(-1))
    return (a,), {"axis": axis, "kth": places}


argpartition = nondifferentiable(
    lambda x, *, axis, kth: np.argpartition(x, kth, axis=axis),
    name="argpartition",
    infer=lambda x, *, axis, kth: ShapeDtype(x.shape, _INTP),
    bind=_bind_argpartition,
    numpy_functions=(np.argpartition,),
    batch=batching.along_axis,
    cost=1,
)


def _bind_searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Bound:
    a = operand(a) if sorter is None else operand(a)[values(sorter)]
    return (a, operand(v)), {"side": side}


def _batched_search(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    return op(*inputs, **params) if not batched[0] else batching.one_by_one(op, inputs, batched, params)


def _cost_of_searching(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    n = shapes[0][0] if shapes[0] else 1
    return math.prod(out) * math.ceil(math.log2(n + 1))


searchsorted = nondifferentiable(
    lambda x, y, *, side: as_array(np.searchsorted(x, y, side)),
    name="searchsorted",
    infer=lambda x, y, *, side: ShapeDtype(y.shape, _INTP),
    bind=_bind_searchsorted,
    numpy_functions=(np.searchsorted,),
    batch=_batched_search,
    cost=_cost_of_searching,
)


@composes(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    edges, x = move_constants((values(bins), operand(x))) or (values(bins), operand(x))
    rising = edges.size < 2 or edges[0] <= edges[-1]
    if not np.all(np.diff(edges) >= 0 if rising else np.diff(edges) <= 0):
        raise ValueError("bins must be monotonically increasing or decreasing")
    if rising:
        return np.searchsorted(edges, x, side="left" if right else "right")
    return edges.size - np.searchsorted(edges[::-1], x, side="right" if right else "left")


@composes(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    rows = tuple(values(key) for key in keys)
    return np.lexsort(
        np.stack(rows) if any(map(is_duck_array, rows)) else rows, **({} if axis == -1 else {"axis": axis})
    )


# ---- values ---------------------------------------------------------------------------------------------------------


def _line(a: Any, axis: int | None) -> tuple[Any, int]:
    # As `along_axis`, except for numbers, which NumPy refuses to sort although it accepts them in argsort.
    a = operand(a)
    return along_axis(a, axis if axis is None else normalize_axis(axis, a.ndim))


@composes(np.sort)
def sort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: Any = np._NoValue,
) -> Any:
    refuse("np.sort", "it names fields, which Tensors have none of", order=order)
    a, axis = _line(a, axis)
    order = np.argsort(a, axis=axis, stable=True, **({} if descending is np._NoValue else {"descending": descending}))
    return np.take_along_axis(a, order, axis)


@composes(np.sort_complex)
def sort_complex(a: Any) -> Any:
    ordered = np.sort(a)
    if ordered.dtype.kind == "c":
        return ordered
    return ordered.astype({"b": "F", "h": "F", "B": "F", "H": "F", "g": "G"}.get(ordered.dtype.char, "D"))


@composes(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    refuse("np.partition", "it names fields, which Tensors have none of", order=order)
    a, axis = _line(a, axis)
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis), axis)


# ---- indices of extremes that are not NaN ---------------------------------------------------------------------------


def _bind_nanarg(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = np._NoValue) -> Bound:
    a = operand(a)
    return (a,), {"axis": one_axis(axis, a.ndim), "keepdims": as_keepdims(keepdims)}


def _infer_arg(x: ShapeDtype, *, axis: int | None, keepdims: bool) -> ShapeDtype:
    if axis is None:
        return ShapeDtype((1,) * x.ndim if keepdims else (), _INTP)
    return ShapeDtype(tuple(1 if i == axis else n for i, n in enumerate(x.shape) if keepdims or i != axis), _INTP)


def _nanarg(function: Callable[..., Any]) -> Any:
    name = function.__name__
    return nondifferentiable(
        lambda x, *, axis, keepdims: as_array(function(x, axis=axis, keepdims=keepdims)),
        name=name,
        infer=_infer_arg,
        bind=_bind_nanarg,
        numpy_functions=(function,),
        batch=batched_arg,
        cost=1,
    )


nanargmax = _nanarg(np.nanargmax)
nanargmin = _nanarg(np.nanargmin)
