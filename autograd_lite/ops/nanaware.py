"""Reductions that ignore NaN: each replaces NaN by a neutral value, so no gradient flows there."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import composes
from ..core.shapes import Axis, normalize_axes
from .operands import given, kept, operand

_UNSET: Any = np._NoValue


def _present(a: Any, where: Any) -> Any:
    """Return which elements count."""
    there = ~np.isnan(a)
    return there if not given(where) or where is True else there & where


@composes(np.nansum)
def nansum(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = _UNSET,
    initial: Any = _UNSET,
    where: Any = _UNSET,
) -> Any:
    a = operand(a)
    present = np.where(np.isnan(a), 0, a)
    return np.sum(present, axis=axis, dtype=dtype, keepdims=kept(keepdims), initial=initial, where=where)


@composes(np.nanprod)
def nanprod(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = _UNSET,
    initial: Any = _UNSET,
    where: Any = _UNSET,
) -> Any:
    a = operand(a)
    present = np.where(np.isnan(a), 1, a)
    return np.prod(present, axis=axis, dtype=dtype, keepdims=kept(keepdims), initial=initial, where=where)


@composes(np.nanmean)
def nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> Any:
    a = operand(a)
    axis = normalize_axes(axis, a.ndim, of_scalars=True)
    return np.mean(a, axis=axis, dtype=dtype, keepdims=kept(keepdims), where=_present(a, where))


def _spread(function: Any, a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any) -> Any:
    a = operand(a) if dtype is None else operand(a).astype(dtype)
    axis = normalize_axes(axis, a.ndim, of_scalars=True)
    there = _present(a, where)
    # Ignored elements must still be numbers: 0 times NaN is NaN.
    a = np.where(there, a, 0)
    found = function(a, axis=axis, ddof=ddof, keepdims=kept(keepdims), where=there, mean=mean)
    if ddof <= 1:
        return found
    few = np.sum(there, axis=axis, keepdims=kept(keepdims)) <= ddof  # np.nanvar returns NaN where np.var returns inf
    return np.where(few, np.nan, found)


@composes(np.nanvar)
def nanvar(
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
) -> Any:
    ddof = ddof if correction is _UNSET else correction
    return _spread(np.var, a, axis, dtype, ddof, keepdims, where, mean)


@composes(np.nanstd)
def nanstd(
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
) -> Any:
    ddof = ddof if correction is _UNSET else correction
    return _spread(np.std, a, axis, dtype, ddof, keepdims, where, mean)


def _extreme(function: Any, least: float, a: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    a = operand(a)
    if a.dtype.kind not in "fc":
        return function(a, axis=axis, keepdims=kept(keepdims), initial=initial, where=where)
    missing = np.isnan(a)
    present = np.where(missing, least, a)
    found = function(present, axis=axis, keepdims=kept(keepdims), initial=initial, where=where)
    if given(initial):
        return found
    return np.where(np.all(missing, axis=axis, keepdims=kept(keepdims)), np.nan, found)


@composes(np.nanmax)
def nanmax(
    a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET
) -> Any:
    return _extreme(np.max, -np.inf, a, axis, keepdims, initial, where)


@composes(np.nanmin)
def nanmin(
    a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET
) -> Any:
    return _extreme(np.min, np.inf, a, axis, keepdims, initial, where)


@composes(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    x = operand(x)
    if x.dtype.kind == "c":
        parts = [np.nan_to_num(part(x), copy, nan, posinf, neginf) for part in (np.real, np.imag)]
        return parts[0] + parts[1] * 1j
    if x.dtype.kind != "f":
        return np.copy(x)
    limits = np.finfo(x.dtype)
    posinf = limits.max if posinf is None else posinf
    neginf = limits.min if neginf is None else neginf
    finite = np.where(x == np.inf, posinf, np.where(x == -np.inf, neginf, x))
    return np.where(np.isnan(x), nan, finite).astype(x.dtype)
