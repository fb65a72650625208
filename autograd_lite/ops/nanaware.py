"""Reductions that ignore NaN: each replaces NaN by a neutral value, so no gradient flows there."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import composes
from ..core.shape_arithmetic import Axis, normalize_axes
from .operands import as_keepdims, is_given, operand

_UNSET: Any = np._NoValue
_all: Any = np.all  # whose type stub knows no lists of axes


def _present(a: Any, where: Any) -> Any:
    """Return which elements count."""
    there = ~np.isnan(a)
    return there if not is_given(where) or where is True else there & where


def _accumulate(nan_function: Any, function: Any, neutral: float) -> None:
    """Make `nansum` of `sum`, and `nanprod` of `prod`."""

    @composes(nan_function)
    def accumulate(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = _UNSET,
        initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> Any:
        a = operand(a)
        present = np.where(np.isnan(a), neutral, a)
        return function(present, axis=axis, dtype=dtype, keepdims=as_keepdims(keepdims), initial=initial, where=where)


@composes(np.nanmean)
def nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *, where: Any = _UNSET
) -> Any:
    a = operand(a)
    axis = normalize_axes(axis, a.ndim, of_scalars=True)
    return np.mean(a, axis=axis, dtype=dtype, keepdims=as_keepdims(keepdims), where=_present(a, where))


def _spread(nan_function: Any, function: Any) -> None:
    """Make `nanvar` of `var`, and `nanstd` of `std`."""

    @composes(nan_function)
    def spread(
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
        a = operand(a) if dtype is None else operand(a).astype(dtype)
        axis = normalize_axes(axis, a.ndim, of_scalars=True)
        there = _present(a, where)
        # Ignored elements must still be numbers: 0 times NaN is NaN.
        a = np.where(there, a, 0)
        result = function(a, axis=axis, ddof=ddof, keepdims=as_keepdims(keepdims), where=there, mean=mean)
        if ddof <= 1:
            return result
        few = np.sum(there, axis=axis, keepdims=as_keepdims(keepdims)) <= ddof
        return np.where(few, np.nan, result)  # np.nanvar returns NaN where np.var returns inf


def _extreme(nan_function: Any, function: Any, least: float) -> None:
    """Make `nanmax` of `max`, and `nanmin` of `min`."""

    @composes(nan_function)
    def extreme(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET, where: Any = _UNSET
    ) -> Any:
        a = operand(a)
        if a.dtype.kind not in "fc":
            return function(a, axis=axis, keepdims=as_keepdims(keepdims), initial=initial, where=where)
        missing = np.isnan(a)
        present = np.where(missing, least, a)
        result = function(present, axis=axis, keepdims=as_keepdims(keepdims), initial=initial, where=where)
        if is_given(initial):
            return result
        return np.where(_all(missing, axis=axis, keepdims=as_keepdims(keepdims)), np.nan, result)


_accumulate(np.nansum, np.sum, 0)
_accumulate(np.nanprod, np.prod, 1)
_spread(np.nanvar, np.var)
_spread(np.nanstd, np.std)
_extreme(np.nanmax, np.max, -np.inf)
_extreme(np.nanmin, np.min, np.inf)


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
