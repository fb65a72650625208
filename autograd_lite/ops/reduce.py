"""Reductions over axes. Canonical parameters: `axis` None or a sorted tuple counted from the front, `keepdims`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import refuse
from ..core.op import applied, nondifferentiable, reduction, structural
from ..core.shapes import Axis, ShapeDtype, expand_reduced, normalize_axes, normalize_axis, reduced_shape
from .shape import broadcast_to
from .special import floating

_UNSET: Any = np._NoValue
_INSTEAD = "select with np.where, or multiply by a mask, before the reduction"
_Bound = tuple[tuple[Any, ...], dict[str, Any]]


def _canonical(a: Any, axis: Axis, keepdims: Any) -> dict[str, Any]:
    return {"axis": normalize_axes(axis, np.ndim(a)), "keepdims": keepdims is not _UNSET and bool(keepdims)}


def _binder(function: str, *, accumulates: bool) -> Callable[..., _Bound]:
    """Make the binder of a reduction with NumPy's signature; those that accumulate also take dtype."""

    def bind_sum(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = _UNSET,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> _Bound:
        refuse(f"np.{function}", _INSTEAD, out=out, initial=initial, where=where)
        return (a,), {**_canonical(a, axis, keepdims), "dtype": None if dtype is None else np.dtype(dtype)}

    def bind_max(
        a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET
    ) -> _Bound:
        refuse(f"np.{function}", _INSTEAD, out=out, initial=initial, where=where)
        return (a,), _canonical(a, axis, keepdims)

    return bind_sum if accumulates else bind_max


def _bind_mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> _Bound:
    refuse("np.mean", "multiply by a mask and divide the sum by its count", out=out, where=where)
    return (a,), {**_canonical(a, axis, keepdims), "dtype": None if dtype is None else np.dtype(dtype)}


def _count(x: Any, axis: tuple[int, ...] | None) -> int:
    n = 1
    for i, length in enumerate(x.shape):
        if axis is None or i in axis:
            n *= length
    return n


def _spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Repeat a reduced cotangent along the reduced axes, without copying it."""
    return broadcast_to(expand_reduced(g, x.shape, axis, keepdims), shape=x.shape)


# The linear ones. `x` is read for its shape alone.
sum_ = reduction(
    "sum",
    lambda x, *, axis, keepdims, dtype: x.sum(axis=axis, keepdims=keepdims, dtype=dtype),
    applied(lambda g, out, x, *, axis, keepdims, dtype: _spread(g, x, axis, keepdims)),
    bind=_binder("sum", accumulates=True),
    numpy_functions=(np.sum,),
    linear=True,
    glyph="Σ",
    onnx="ReduceSum",
)
mean = reduction(
    "mean",
    lambda x, *, axis, keepdims, dtype: x.mean(axis=axis, keepdims=keepdims, dtype=dtype),
    applied(lambda g, out, x, *, axis, keepdims, dtype: _spread(g / (_count(x, axis) or 1), x, axis, keepdims)),
    bind=_bind_mean,
    numpy_functions=(np.mean,),
    linear=True,
    onnx="ReduceMean",
)


# ---- choosing: ties share evenly, a NaN that was chosen gets the cotangent ------------------------------------------
def _tie_share(out: Any, x: Any, *, axis: Any) -> Any:
    chosen = ((x == out) | np.isnan(x)).astype(x.dtype)
    return chosen / chosen.sum(axis=axis, keepdims=True)


max_ = reduction(
    "max",
    lambda x, *, axis, keepdims: x.max(axis=axis, keepdims=keepdims),
    _tie_share,
    saves="ox",
    bind=_binder("max", accumulates=False),
    numpy_functions=(np.max, np.amax),
    kinks="ties",
    onnx="ReduceMax",
)
min_ = reduction(
    "min",
    lambda x, *, axis, keepdims: x.min(axis=axis, keepdims=keepdims),
    _tie_share,
    saves="ox",
    bind=_binder("min", accumulates=False),
    numpy_functions=(np.min, np.amin),
    kinks="ties",
    onnx="ReduceMin",
)


# ---- products -------------------------------------------------------------------------------------------------------
def _product_of_others(out: Any, x: Any, *, axis: Any, dtype: Any) -> Any:
    """Return, for every element, the product of the others along `axis`: exact at zeros, to every order.

    No division, so a zero is nothing special: products of halves going up a tree, times the sibling going down.
    """
    axes = tuple(range(x.ndim)) if axis is None else axis
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    order = kept + axes
    moved = x.transpose(order)
    level = moved.reshape(*(x.shape[i] for i in kept), _count(x, axes))
    tree = []
    while level.shape[-1] > 1:
        if level.shape[-1] % 2:
            level = np.concatenate([level, np.ones((*level.shape[:-1], 1), x.dtype)], axis=-1)
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
    bind=_binder("prod", accumulates=True),
    numpy_functions=(np.prod,),
    glyph="Π",
    onnx="ReduceProd",
)


# ---- spread ---------------------------------------------------------------------------------------------------------
def _binder_spread(function: str) -> Callable[..., _Bound]:
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
    ) -> _Bound:
        refuse(f"np.{function}", "compute it from np.mean", out=out, where=where, mean=mean, dtype=dtype)
        return (a,), {**_canonical(a, axis, keepdims), "ddof": ddof if correction is _UNSET else correction}

    return bind


def _deviation(x: Any, axis: Any) -> Any:
    return x - x.mean(axis=axis, keepdims=True)


def _std_partial(out: Any, x: Any, *, axis: Any, ddof: float) -> Any:
    # Where all values are equal the standard deviation has the tip of a cone: the minimum-norm choice is 0.
    flat = out == 0
    slope = _deviation(x, axis) / ((_count(x, axis) - ddof) * np.where(flat, 1, out))
    return np.where(flat, 0, slope)


var = reduction(
    "var",
    lambda x, *, axis, keepdims, ddof: x.var(axis=axis, keepdims=keepdims, ddof=ddof),
    lambda out, x, *, axis, ddof: 2 * _deviation(x, axis) / (_count(x, axis) - ddof),
    saves="x",
    bind=_binder_spread("var"),
    numpy_functions=(np.var,),
)
std = reduction(
    "std",
    lambda x, *, axis, keepdims, ddof: x.std(axis=axis, keepdims=keepdims, ddof=ddof),
    _std_partial,
    saves="ox",
    bind=_binder_spread("std"),
    numpy_functions=(np.std,),
    kinks="all values equal",
)


# ---- the log-sum-exp family -----------------------------------------------------------------------------------------
def _logsumexp(x: Any, *, axis: Any, keepdims: bool) -> Any:
    x = floating(x)
    top = x.max(axis=axis, keepdims=True) if x.size else np.full(reduced_shape(x.shape, axis, True), -np.inf, x.dtype)
    shift = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore", over="ignore"):
        out = np.log(np.exp(x - shift).sum(axis=axis, keepdims=True)) + shift
    return out if keepdims else out.reshape(reduced_shape(x.shape, axis, False))


def _softmax_share(out: Any, x: Any, *, axis: Any) -> Any:
    # exp(x - out); equal infinities share evenly, so that the weights sum to 1 there as well.
    infinite = np.isinf(out)
    return np.where(infinite, _tie_share(out, x, axis=axis), np.exp(x - np.where(infinite, 0, out)))


logsumexp = reduction("logsumexp", _logsumexp, _softmax_share, saves="ox", onnx="ReduceLogSumExp")


def _softmax(x: Any, *, axis: int) -> Any:
    x = floating(x)
    e = np.exp(x - x.max(axis=axis, keepdims=True)) if x.size else x * 1
    e /= e.sum(axis=axis, keepdims=True)
    return e


def _same_float(x: ShapeDtype, **_: Any) -> ShapeDtype:
    return ShapeDtype(x.shape, np.exp(np.ones(1, x.dtype)).dtype)


# The rule reads `out` alone. The input is kept as well so that a cross-entropy behind a softmax can find its logits.
softmax = structural(
    "softmax",
    _softmax,
    lambda g, out, x, *, axis: out * (g - (g * out).sum(axis=axis, keepdims=True)),
    saves="ox",
    infer=_same_float,
    onnx="Softmax",
)


def _log_softmax(x: Any, *, axis: int) -> Any:
    x = floating(x)
    if not x.size:
        return x * 1
    shifted = x - x.max(axis=axis, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return shifted


log_softmax = structural(
    "log_softmax",
    _log_softmax,
    lambda g, out, x, *, axis: g - np.exp(out) * g.sum(axis=axis, keepdims=True),
    saves="o",
    infer=_same_float,
    onnx="LogSoftmax",
)


# ---- without derivative ---------------------------------------------------------------------------------------------
def _bind_arg(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = _UNSET) -> _Bound:
    refuse("np.argmax, np.argmin", "assign the result instead", out=out)
    axis = None if axis is None else normalize_axis(axis, np.ndim(a))
    return (a,), {"axis": axis, "keepdims": keepdims is not _UNSET and bool(keepdims)}


def _bind_any(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET) -> _Bound:
    refuse("np.any, np.all", "combine with a mask before the reduction", out=out, where=where)
    return (a,), _canonical(a, axis, keepdims)


def _infer_by_running(forward: Callable[..., Any]) -> Callable[..., ShapeDtype]:
    def infer(x: ShapeDtype, **params: Any) -> ShapeDtype:
        out = np.asarray(forward(np.ones(x.shape, x.dtype), **params))
        return ShapeDtype(out.shape, out.dtype)

    return infer


def _arg_forward(method: str) -> Callable[..., Any]:
    return lambda x, *, axis, keepdims: getattr(np.asarray(x), method)(axis=axis, keepdims=keepdims)


argmax = nondifferentiable(
    _arg_forward("argmax"),
    name="argmax",
    infer=_infer_by_running(_arg_forward("argmax")),
    bind=_bind_arg,
    numpy_functions=(np.argmax,),
    onnx="ArgMax",
)
argmin = nondifferentiable(
    _arg_forward("argmin"),
    name="argmin",
    infer=_infer_by_running(_arg_forward("argmin")),
    bind=_bind_arg,
    numpy_functions=(np.argmin,),
    onnx="ArgMin",
)
any_ = nondifferentiable(
    _arg_forward("any"),
    name="any",
    infer=_infer_by_running(_arg_forward("any")),
    bind=_bind_any,
    numpy_functions=(np.any,),
)
all_ = nondifferentiable(
    _arg_forward("all"),
    name="all",
    infer=_infer_by_running(_arg_forward("all")),
    bind=_bind_any,
    numpy_functions=(np.all,),
)


def _bind_count_nonzero(a: Any, axis: Axis = None, *, keepdims: bool = False) -> _Bound:
    return (a,), {"axis": normalize_axes(axis, np.ndim(a)), "keepdims": keepdims}


def _count_nonzero(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims))  # a Python int in NumPy 2.0


count_nonzero = nondifferentiable(
    _count_nonzero,
    name="count_nonzero",
    infer=_infer_by_running(_count_nonzero),
    bind=_bind_count_nonzero,
    numpy_functions=(np.count_nonzero,),
)
