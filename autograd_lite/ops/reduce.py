"""Reductions over axes. Canonical parameters: `axis` None or a sorted tuple counted from the front, `keepdims`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import LAZY, as_array, asarray_like, broadcast_like, is_duck_array
from ..core.op import Op, applied, nondifferentiable, reduction
from ..core.rewrites import Rewrite, normal, scalar
from ..core.shape_arithmetic import (
    Axis,
    ShapeDtype,
    expand_reduced,
    is_axis_of_scalar,
    normalize_axes,
    normalize_axis,
    reduced_shape,
    sum_of_rows,
)
from .arith import divide, multiply, square
from .matrix_products import matmul
from .operands import Bound, Finished, as_keepdims, is_given, operand
from .shape import broadcast_to, repeat_number, reshape

_UNSET: Any = np._NoValue


def _canonical(a: Any, axis: Axis, keepdims: Any) -> dict[str, Any]:
    return {"axis": normalize_axes(axis, a.ndim, of_scalars=True), "keepdims": as_keepdims(keepdims)}


def _canonical_of_arrays(a: Any, axis: Axis, keepdims: Any) -> dict[str, Any]:
    """As `_canonical`, for mean, var and std, which NumPy writes in Python and which refuse axis 0 of a number."""
    return {"axis": normalize_axes(axis, a.ndim), "keepdims": as_keepdims(keepdims)}


# The parameters of a sum over all elements.
OF_ALL: dict[str, Any] = {"axis": None, "keepdims": False, "dtype": None}


def _is_set(where: Any) -> bool:
    return is_given(where) and where is not True


def _reduced_with(
    reduce_: Any, a: Any, absorbs: float, where: Any, initial: Any, merge: Any, axis: Any, **rest: Any
) -> Finished:
    """Reduce the elements that `where` selects, starting with `initial`; the rest become a neutral value."""
    a = operand(a)
    if _is_set(where):
        a = np.where(where, a, absorbs)
    if 0 in a.shape and reduce_ in (np.max, np.min):  # of no elements at all, the extreme is `initial`
        shape = reduced_shape(a.shape, normalize_axes(axis, a.ndim), rest["keepdims"])
        return Finished(asarray_like(np.broadcast_to(operand(initial).astype(a.dtype), shape), a))
    result = reduce_(a, axis=axis, **rest)
    if is_given(initial):
        result = merge(result, operand(initial).astype(result.dtype))
    return Finished(result)


def _limit(dtype: np.dtype[Any], sign: float) -> Any:
    """Return the smallest (sign -1) or the largest value of a dtype."""
    if dtype.kind == "b":
        return sign > 0
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min
    return sign * np.inf


def _binder(function: Callable[..., Any], absorbs: float, merge: Any, *, accumulates: bool) -> Callable[..., Any]:
    """Make the binder of a reduction with NumPy's signature; those that accumulate also take dtype."""

    def bind_sum(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = _UNSET,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> Bound | Finished:
        if axis is None and dtype is None and keepdims is _UNSET and initial is _UNSET and where is _UNSET:
            return (operand(a),), OF_ALL  # the end of nearly every loss
        if initial is not _UNSET or where is not _UNSET:
            more = {"dtype": dtype, "keepdims": as_keepdims(keepdims)}
            return _reduced_with(function, a, absorbs, where, initial, merge, axis, **more)
        a = operand(a)
        return (a,), {**_canonical(a, axis, keepdims), "dtype": None if dtype is None else np.dtype(dtype)}

    def bind_max(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET
    ) -> Bound | Finished:
        if initial is _UNSET and where is _UNSET:
            a = operand(a)
            return (a,), _canonical(a, axis, keepdims)
        if _is_set(where) and not is_given(initial):
            raise ValueError(
                f"np.{function.__name__}: where= needs initial= too, as in NumPy, since no elements have no extreme"
            )
        limit = _limit(operand(a).dtype, absorbs)
        return _reduced_with(function, a, limit, where, initial, merge, axis, keepdims=as_keepdims(keepdims))

    return bind_sum if accumulates else bind_max


def _bind_mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> Bound | Finished:
    a = operand(a)
    canonical = _canonical_of_arrays(a, axis, keepdims)
    if _is_set(where):
        return Finished(_mean_where(a, axis, dtype, as_keepdims(keepdims), where))
    return (a,), {**canonical, "dtype": None if dtype is None else np.dtype(dtype)}


def _mean_where(a: Any, axis: Any, dtype: Any, keepdims: Any, where: Any) -> Any:
    a = a.astype(np.float64) if dtype is None and a.dtype.kind in "biu" else a
    total = np.sum(np.where(where, a, 0), axis=axis, dtype=dtype, keepdims=keepdims)
    return total / _count_selected(where, a, axis, keepdims).astype(total.dtype)


def _count_selected(where: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """Count the elements that go into one element of the result."""
    return np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)


def _count(x: Any, axis: tuple[int, ...] | None) -> int:
    n = 1
    for i, length in enumerate(x.shape):
        if axis is None or i in axis:
            n *= length
    return n


def _spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Repeat a reduced cotangent along the reduced axes, without copying it if it is large."""
    every = repeat_number(g, x.shape) if axis is None and not keepdims else None
    if every is not None:
        return every
    g = expand_reduced(g, x.shape, axis, keepdims)
    laid_out = broadcast_like(g, x) if LAZY else None
    return broadcast_to(g, shape=x.shape) if laid_out is None else laid_out


def _dot(x: Any, y: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """Return the sum of all products as one product of vectors, for which BLAS needs no array of products."""
    if axis is not None or keepdims or dtype is not None or x.shape != y.shape or x.dtype.kind != "f":
        return None
    if x.dtype.itemsize < 4 or not (x.contiguous and y.contiguous):
        return None
    return matmul(reshape(x, shape=(x.size,)), reshape(y, shape=(y.size,)))


def _scale_sum(x: Any, y: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """Return the sum of products with a number as the sum, times that number."""
    x, y = (y, x) if scalar(y) is None else (x, y)
    number = scalar(y)
    if number is None or x.dtype.kind != "f" or not normal(number, x):
        return None
    return multiply(sum_(x, axis=axis, keepdims=keepdims, dtype=dtype), number)


def _mean_square(x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    total = _dot(x, x, axis, keepdims, dtype) if x.size else None
    return None if total is None else divide(total, x.size)


_SUMS = (
    Rewrite(lambda x, y, a, k, d: sum_(multiply(x, y), axis=a, keepdims=k, dtype=d), _scale_sum, exact=False),
    Rewrite(lambda x, y, a, k, d: sum_(multiply(x, y), axis=a, keepdims=k, dtype=d), _dot, exact=False),
    Rewrite(
        lambda x, a, k, d: sum_(square(x), axis=a, keepdims=k, dtype=d),
        lambda x, a, k, d: _dot(x, x, a, k, d),
        exact=False,
    ),
)
_MEANS = (Rewrite(lambda x, a, k, d: mean(square(x), axis=a, keepdims=k, dtype=d), _mean_square, exact=False),)


def _sum(x: Any, *, axis: Any, keepdims: bool, dtype: Any) -> Any:
    if axis and dtype is None and not keepdims and axis == tuple(range(len(axis))):
        return sum_of_rows(x, len(axis))
    return x.sum(axis=axis, keepdims=keepdims, dtype=dtype)


# The linear reductions. Only the shape of `x` is read.
sum_: Op = reduction(
    "sum",
    _sum,
    applied(lambda g, out, x, *, axis, keepdims, dtype: _spread(g, x, axis, keepdims)),
    bind=_binder(np.sum, 0, np.add, accumulates=True),
    numpy_functions=(np.sum,),
    linear=True,
    glyph="Σ",
    onnx="ReduceSum",
    rewrites=_SUMS,
)
mean: Op = reduction(
    "mean",
    lambda x, *, axis, keepdims, dtype: x.mean(axis=axis, keepdims=keepdims, dtype=dtype),
    applied(lambda g, out, x, *, axis, keepdims, dtype: _spread(g / (_count(x, axis) or 1), x, axis, keepdims)),
    bind=_bind_mean,
    numpy_functions=(np.mean,),
    linear=True,
    onnx="ReduceMean",
    rewrites=_MEANS,
)


# ---- selecting: ties share evenly, a NaN that was selected gets the cotangent ----------------------------------------


def tie_share(out: Any, x: Any, *, axis: Any) -> Any:
    """Return the partial of an extremum: 1 / the number of ties where x is `out` or NaN, else 0."""
    chosen = ((x == out) | np.isnan(x)).astype(x.dtype)
    return chosen / chosen.sum(axis=axis, keepdims=True)


def _extreme(function: Callable[..., Any], absorbs: float, merge: Any, second_name: Any, onnx: str) -> Op:
    name = function.__name__
    return reduction(
        name,
        lambda x, *, axis, keepdims: getattr(x, name)(axis=axis, keepdims=keepdims),
        tie_share,
        saves="ox",
        bind=_binder(function, absorbs, merge, accumulates=False),
        numpy_functions=(function, second_name),
        kinks="ties",
        onnx=onnx,
    )


max_ = _extreme(np.max, -1, np.maximum, np.amax, "ReduceMax")
min_ = _extreme(np.min, 1, np.minimum, np.amin, "ReduceMin")


# ---- products -------------------------------------------------------------------------------------------------------
def _product_of_others(out: Any, x: Any, *, axis: Any, dtype: Any) -> Any:
    """Return, for every element, the product of the others along `axis`: exact at zeros, to every order.

    Without division, so zeros need no special care: products of halves up a tree, then times the sibling on the way
    down.
    """
    axes = tuple(range(x.ndim)) if axis is None else axis
    leading = tuple(i for i in range(x.ndim) if i not in axes)
    order = leading + axes
    moved = x.transpose(order)
    level = moved.reshape(*(x.shape[i] for i in leading), _count(x, axes))
    tree = []
    while level.shape[-1] > 1:
        if level.shape[-1] % 2:
            level = np.concatenate([level, np.ones_like(level[..., :1])], axis=-1)
        tree.append(level)
        level = level[..., 0::2] * level[..., 1::2]
    others = np.ones_like(level)
    for level in reversed(tree):
        others = others[..., : level.shape[-1] // 2]
        others = np.stack([others * level[..., 1::2], others * level[..., 0::2]], axis=-1)
        others = others.reshape(level.shape)
    others = others[..., : _count(x, axes)].reshape(moved.shape)
    return others.transpose(tuple(order.index(i) for i in range(x.ndim)))


prod = reduction(
    "prod",
    lambda x, *, axis, keepdims, dtype: x.prod(axis=axis, keepdims=keepdims, dtype=dtype),
    _product_of_others,
    saves="x",
    bind=_binder(np.prod, 1, np.multiply, accumulates=True),
    numpy_functions=(np.prod,),
    glyph="Π",
    onnx="ReduceProd",
)


# ---- spread ---------------------------------------------------------------------------------------------------------
def _binder_spread(root: bool) -> Callable[..., Any]:
    def bind(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: Any = _UNSET,
        *,
        where: Any = _UNSET,
        mean: Any = _UNSET,
        correction: Any = _UNSET,
    ) -> Bound | Finished:
        a = operand(a) if dtype is None else operand(a).astype(dtype)
        ddof = ddof if correction is _UNSET else correction
        canonical = _canonical_of_arrays(a, axis, keepdims)
        if _is_set(where) or is_given(mean):
            return Finished(_spread_where(root, a, axis, ddof, as_keepdims(keepdims), where, mean))
        return (a,), {**canonical, "ddof": ddof}

    return bind


def _spread_where(root: bool, a: Any, axis: Any, ddof: float, keepdims: Any, where: Any, mean: Any) -> Any:
    where = where if _is_set(where) else True
    a = a.astype(np.float64) if a.dtype.kind in "biu" else a
    if not is_given(mean):
        mean = _mean_where(a, axis, None, True, where)
    deviation = np.abs(a - mean) if a.dtype.kind == "c" else a - mean
    total = np.sum(np.where(where, deviation * deviation, 0), axis=axis, keepdims=keepdims)
    freedom = _count_selected(where, a, axis, keepdims).astype(total.dtype) - ddof
    variance = total / np.maximum(freedom, 0)
    flat = variance == 0
    return np.where(flat, 0, np.sqrt(np.where(flat, 1, variance))) if root else variance


def _deviation(x: Any, axis: Any) -> Any:
    return x - x.mean(axis=axis, keepdims=True)


def _uphill(x: Any, axis: Any) -> Any:
    """Return the direction in which the spread grows, in the engine's convention for complex x."""
    deviation = _deviation(x, axis)
    return np.conjugate(deviation) if x.dtype.kind == "c" else deviation


def _std_partial(out: Any, x: Any, *, axis: Any, ddof: float) -> Any:
    # Where all values are equal, the standard deviation has the tip of a cone: the subgradient of least norm is 0.
    flat = out == 0
    slope = _uphill(x, axis) / ((_count(x, axis) - ddof) * np.where(flat, 1, out))
    return np.where(flat, 0, slope)


def _var_partial(out: Any, x: Any, *, axis: Any, ddof: float) -> Any:
    return 2 * _uphill(x, axis) / (_count(x, axis) - ddof)


def _spread_jvp(partial: Callable[..., Any]) -> Callable[..., Any]:
    def jvp(tangents: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, ddof: float) -> Any:
        slope = partial(expand_reduced(out, x.shape, axis, keepdims), x, axis=axis, ddof=ddof)
        change = (slope * tangents[0]).sum(axis=axis, keepdims=keepdims)
        return np.real(change) if x.dtype.kind == "c" else change

    return jvp


def _spread_op(function: Callable[..., Any], partial: Callable[..., Any], saves: str, **facts: Any) -> Op:
    name = function.__name__
    return reduction(
        name,
        lambda x, *, axis, keepdims, ddof: getattr(x, name)(axis=axis, keepdims=keepdims, ddof=ddof),
        partial,
        saves=saves,
        bind=_binder_spread(root=function is np.std),
        numpy_functions=(function,),
        holomorphic=False,
        jvp=_spread_jvp(partial),
        **facts,
    )


var = _spread_op(np.var, _var_partial, "x")
std = _spread_op(np.std, _std_partial, "ox", kinks="all values equal")


# ---- without derivative ---------------------------------------------------------------------------------------------
def one_axis(axis: int | None, ndim: int) -> int | None:
    """Return the axis of argmax and similar, None for all; axis 0 or -1 of a number also means all."""
    return None if axis is None or is_axis_of_scalar(axis, ndim) else normalize_axis(axis, ndim)


def _bind_arg(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = _UNSET) -> Bound:
    return (a,), {"axis": one_axis(axis, np.ndim(a)), "keepdims": as_keepdims(keepdims)}


def _binder_truth(absorbs: bool) -> Callable[..., Any]:
    def bind(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET) -> Bound:
        a = np.where(where, a, absorbs) if _is_set(where) else operand(a)
        return (a,), _canonical(a, axis, keepdims)

    return bind


def _infer_by_running(forward: Callable[..., Any]) -> Callable[..., ShapeDtype]:
    def infer(x: ShapeDtype, **params: Any) -> ShapeDtype:
        out = np.asarray(forward(np.ones(x.shape, x.dtype), **params))
        return ShapeDtype(out.shape, out.dtype)

    return infer


def batched_arg(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Find the index in every example: the batching rule of argmax and similar, whose `axis` is one int or None."""
    (x,), axis = inputs, params["axis"]
    if axis is not None:
        return op(x, axis=axis + 1, keepdims=params["keepdims"])
    indices = op(x.reshape(x.shape[0], -1), axis=1, keepdims=False)
    return indices.reshape(indices.shape + (1,) * (x.ndim - 1)) if params["keepdims"] else indices


def _by_method(function: Callable[..., Any], batch: Callable[..., Any], bind: Callable[..., Any], **facts: Any) -> Op:
    name = function.__name__

    def forward(x: Any, *, axis: Any, keepdims: bool) -> Any:
        return getattr(as_array(x), name)(axis=axis, keepdims=keepdims)

    return nondifferentiable(
        forward,
        name=name,
        infer=_infer_by_running(forward),
        batch=batch,
        bind=bind,
        numpy_functions=(function,),
        cost=1,
        **facts,
    )


argmax = _by_method(np.argmax, batched_arg, _bind_arg, onnx="ArgMax")
argmin = _by_method(np.argmin, batched_arg, _bind_arg, onnx="ArgMin")
any_ = _by_method(np.any, batching.reduction, _binder_truth(False))
all_ = _by_method(np.all, batching.reduction, _binder_truth(True))


def _bind_count_nonzero(a: Any, axis: Axis = None, *, keepdims: bool = False) -> Bound:
    return (a,), {"axis": normalize_axes(axis, np.ndim(a), of_scalars=True), "keepdims": keepdims}


def _count_nonzero(x: Any, *, axis: Any, keepdims: bool) -> Any:
    if is_duck_array(x):
        return (x != 0).sum(axis=axis, keepdims=keepdims)
    return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims))  # a Python int in NumPy 2.0


count_nonzero = nondifferentiable(
    _count_nonzero,
    name="count_nonzero",
    infer=_infer_by_running(_count_nonzero),
    batch=batching.reduction,
    bind=_bind_count_nonzero,
    numpy_functions=(np.count_nonzero,),
    cost=1,
)
