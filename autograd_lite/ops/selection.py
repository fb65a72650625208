"""Selecting: the larger of two values, one of two by a condition, elements by index or by a mask."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import add_at, array_namespace, is_per_example
from ..core.equivalents import UFUNCS, filled_by
from ..core.errors import ShapeError
from ..core.gathers import Gather, Scatter, along, prepare_indices, scatter_along
from ..core.op import Op, applied, composes, elementwise, structural
from ..core.rewrites import Rewrite, is_always
from ..core.shape_arithmetic import ShapeDtype, normalize_axis
from ..native.kernels import library
from .elementwise_activations import relu
from .gather import gather_at
from .index import index_update
from .operands import Bound, Finished, along_axis, operand, values

# ---- between values: ties share the cotangent evenly; a NaN operand is the one that was selected --------------------


def _larger(g: Any, x: Any, y: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where((x > y) | np.isnan(x), g, 0))


def _smaller(g: Any, x: Any, y: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where((x < y) | np.isnan(x), g, 0))


def _first(g: Any, x: Any, y: Any, better: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where(better | np.isnan(y), g, 0))


def _second(g: Any, x: Any, y: Any, better: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where(better | (np.isnan(x) & ~np.isnan(y)), g, 0))


def _bind_clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    integer = np.dtype(getattr(a, "dtype", np.float64)).kind in "iu"
    info = np.iinfo(a.dtype) if integer else None
    low = (info.min if info else -np.inf) if low is None else low
    high = (info.max if info else np.inf) if high is None else high
    return (a, low, high), {}


def _bind_where(condition: Any, *choices: Any) -> Any:
    if not choices:
        return Finished(np.nonzero(condition))
    if len(choices) != 2:
        raise ValueError("either both or neither of x and y should be given")
    return (condition, *choices), {}


# A row of zeros is faster than a scalar, where it is long enough.
_LONG = 64


def _as_relu(x: Any, y: Any) -> Any:
    return relu(x) if x.dtype.kind == "f" and x.shape[-1:] >= (_LONG,) and is_always(y, 0.0) else None


_LARGER = (
    Rewrite(lambda x, y: maximum(x, y), _as_relu, constants=("y",)),
    Rewrite(lambda x, y: maximum(y, x), _as_relu, exact=False, constants=("y",)),  # of -0.0 it makes 0.0
)

_LARGEST = {"f": "al_maximum_{t}({0}, {1})", "iu": "{0} > {1} ? {0} : {1}", "b": "{0} | {1}"}
_SMALLEST = {"f": "al_minimum_{t}({0}, {1})", "iu": "{0} < {1} ? {0} : {1}", "b": "{0} & {1}"}
_BETWEEN = {
    "f": "al_clip_{t}({0}, {1}, {2})",
    "iu": "({0} < {1} ? {1} : {0}) < {2} ? ({0} < {1} ? {1} : {0}) : {2}",
}
_CHOICE = {
    "f": "al_where_{t}({0}, {1}, {2})",
    "c": "al_complex_where_{t}({0}, {1}, {2})",
    "biu": "{0} ? {1} : {2}",
}

# fmt: off
maximum: Op = elementwise(np.maximum, applied(lambda g, out, x, y: _larger(g, x, y)),
                                  applied(lambda g, out, x, y: np.where(np.isnan(x), 0, _larger(g, y, x))),
                                  saves="xy", kinks="x = y", onnx="Max", rewrites=_LARGER, commutes=True, c=_LARGEST)
minimum = elementwise(np.minimum, applied(lambda g, out, x, y: _smaller(g, x, y)),
                                  applied(lambda g, out, x, y: np.where(np.isnan(x), 0, _smaller(g, y, x))),
                                  saves="xy", kinks="x = y", onnx="Min", commutes=True, c=_SMALLEST)
# fmax and fmin select the other operand when one is NaN.
fmax    = elementwise(np.fmax,    applied(lambda g, out, x, y: _first(g, x, y, x > y)),
                                  applied(lambda g, out, x, y: _second(g, x, y, x < y)),
                                  saves="xy", kinks="x = y", selects=True, commutes=True)
fmin    = elementwise(np.fmin,    applied(lambda g, out, x, y: _first(g, x, y, x < y)),
                                  applied(lambda g, out, x, y: _second(g, x, y, x > y)),
                                  saves="xy", kinks="x = y", selects=True, commutes=True)
# The one exception to the even split: clip passes the whole cotangent at its bounds, so that a parameter projected
# onto a bound can leave it again.
clip    = elementwise(lambda x, y, z: np.clip(x, y, z),
                      applied(lambda g, out, x, y, z: np.where((x >= y) & (x <= z), g, 0)),
                      applied(lambda g, out, x, y, z: np.where((x < y) & (y <= z), g, 0)),
                      applied(lambda g, out, x, y, z: np.where((x > z) | (y > z), g, 0)),
                      name="clip", saves="xyz", bind=_bind_clip, numpy_functions=(np.clip,), kinks="at the bounds",
                      selects=True, onnx="Clip", c=_BETWEEN)
where   = elementwise(lambda x, y, z: np.where(x, y, z),
                      None,
                      applied(lambda g, out, x, y, z: np.where(x, g, 0)),
                      applied(lambda g, out, x, y, z: np.where(x, 0, g)),
                      name="where", saves="x", bind=_bind_where, numpy_functions=(np.where,),
                      selects=True, onnx="Where", c=_CHOICE)
# fmt: on

UFUNCS[np.clip] = getattr(np, "_core").umath.clip  # noqa: B009  np.clip calls it with two bounds
if library:
    UFUNCS[np.where] = library.choices()["select"]

# ---- one index for each result, along one axis ----------------------------------------------------------------------


def _bind_take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Bound:
    arr, indices = operand(arr), operand(indices)
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    if arr.ndim != indices.ndim:
        raise ShapeError(
            f"take_along_axis: expected indices with as many axes as the array; received shapes {arr.shape} and "
            f"{indices.shape}"
        )
    return (arr, indices), {"axis": normalize_axis(axis, arr.ndim)}


def _infer_along(x: ShapeDtype, y: ShapeDtype, *, axis: int) -> ShapeDtype:
    one = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    return ShapeDtype(np.broadcast_shapes(one, y.shape), x.dtype)


take_along_axis: Op = structural(
    "take_along_axis",
    lambda x, y, *, axis: np.take_along_axis(x, y, axis),
    lambda g, out, x, y, *, axis: add_along_axis(g, y, axis=axis, length=x.shape[axis]),
    None,
    saves=("y", ""),
    infer=_infer_along,
    bind=_bind_take_along_axis,
    numpy_functions=(np.take_along_axis,),
    jvp=lambda tangents, out, x, y, *, axis: take_along_axis(tangents[0], y, axis=axis),
    batch=batching.along_axis,
    selects=True,
    onnx="GatherElements",
    cost=0,
)


def _add_along_axis(x: Any, y: Any, *, axis: int, length: int) -> Any:
    """Add each element of x to zeros, at the place along `axis` that y names."""
    shape = tuple(length if i == axis else n for i, n in enumerate(x.shape))
    if x.__class__ is np.ndarray and y.__class__ is np.ndarray:
        return scatter_along(x, y, axis, shape)
    out = array_namespace(x).zeros(shape, x.dtype)
    index = [array_namespace(x).arange(n).reshape((-1,) + (1,) * (x.ndim - i - 1)) for i, n in enumerate(x.shape)]
    index[axis] = np.where(y < 0, y + length, y)
    flat = (
        np.ravel_multi_index(tuple(np.broadcast_arrays(*index)), shape)
        if x.size
        else array_namespace(x).zeros(0, np.intp)
    )
    return add_at(out.reshape(-1), (flat.reshape(-1),), x.reshape(-1)).reshape(shape)


@filled_by(_add_along_axis)
def _add_along_fill(x: Any, y: Any, *, axis: int, length: int) -> Any:
    shape = tuple(length if i == axis else n for i, n in enumerate(x.shape))
    indices = prepare_indices([y]) if library else None
    return None if indices is None else (Scatter(shape, along(axis)), (x, *indices))


@filled_by(np.take_along_axis)
def _take_along_fill(arr: Any, indices: Any, axis: Any = -1) -> Any:
    arrays = prepare_indices([indices]) if library and axis is not None else None
    return None if arrays is None else (Gather(along(axis % arr.ndim)), (arr, *arrays))


def _infer_add_along(x: ShapeDtype, y: ShapeDtype, *, axis: int, length: int) -> ShapeDtype:
    return ShapeDtype(tuple(length if i == axis else n for i, n in enumerate(x.shape)), x.dtype)


add_along_axis: Op = structural(
    "add_along_axis",
    _add_along_axis,
    lambda g, out, x, y, *, axis, length: take_along_axis(g, y, axis=axis),
    None,
    saves=("y", ""),
    infer=_infer_add_along,
    jvp=lambda tangents, out, x, y, *, axis, length: add_along_axis(tangents[0], y, axis=axis, length=length),
    batch=batching.along_axis,
    onnx="ScatterElements",
    cost=1,
)

# ---- by index -------------------------------------------------------------------------------------------------------


def _within(indices: Any, n: int, mode: str) -> Any:
    if mode == "wrap":
        return indices % n
    return np.clip(indices, 0, n - 1) if mode == "clip" else indices


@composes(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    a, axis = along_axis(a, axis)
    n = a.shape[axis]
    if not hasattr(indices, "__apply_op__"):
        return a[(slice(None),) * axis + (_within(values(indices), n, mode),)]
    within = _within(indices, n, mode)
    if is_per_example(indices):
        return gather_at(a, (slice(None),) * axis + (within,))
    one = (1,) * axis + (indices.size,) + (1,) * (a.ndim - axis - 1)
    taken = np.take_along_axis(a, within.reshape(one), axis)
    return taken.reshape((*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :]))


@composes(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    which = values(a)
    count = choices.shape[0] if hasattr(choices, "shape") else len(choices)
    options = [choices[k] for k in range(count)]  # Python numbers among them stay weak in promotion
    if mode == "raise" and which.size and not 0 <= which.min() <= which.max() < count:
        raise ValueError("invalid entry in choice array")
    which = _within(which, count, mode)
    shape, dtype = np.broadcast_shapes(which.shape, *map(np.shape, options)), np.result_type(*options)
    chosen = np.broadcast_to(options[0], shape).astype(dtype)
    for k, option in enumerate(options[1:], start=1):
        chosen = np.where(which == k, option, chosen)
    return chosen


# ---- by condition ---------------------------------------------------------------------------------------------------


@composes(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    return np.take(a, np.flatnonzero(values(condition)), axis)


@composes(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return np.take(operand(arr).reshape(-1), np.flatnonzero(values(condition)))


@composes(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices):
        raise ValueError("list of cases must be same length as list of conditions")
    if not conditions:
        raise ValueError("select with an empty condition list is not possible")
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        if operand(condition).dtype != np.bool_:
            raise TypeError("select: expected conditions of dtype bool")
        result = np.where(condition, choice, result)
    return result


@composes(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    x = operand(x)
    several = isinstance(condlist, (list, tuple)) or np.ndim(condlist)
    if not several or (not isinstance(condlist[0], (list, tuple)) and np.ndim(condlist[0]) == 0 and x.ndim):
        condlist = [condlist]
    conditions = [np.broadcast_to(values(c), x.shape).astype(bool) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~functools.reduce(np.logical_or, conditions))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} functions are "
            "expected"
        )
    result = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        value = function
        if callable(function):
            picked = x[condition]
            if not picked.size:
                continue
            value = function(picked, *args, **kw)
        result = index_update(result, value, index=(condition,))
    return result
