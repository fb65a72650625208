"""Medians and quantiles: sorted, then interpolated between two neighbors, so that only those two get a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import UnsupportedError, refuse
from ..core.op import composes
from ..core.shape_arithmetic import Axis, normalize_axes
from .operands import operand

_UNSET: Any = np._NoValue
_Place = Callable[[Any, Any], Any]


def _by_plotting_positions(alpha: float, beta: float) -> _Place:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


# The position of the quantile q among n sorted values, counted from 0.
_CONTINUOUS: dict[str, _Place] = {
    "linear": lambda n, q: (n - 1) * q,
    "interpolated_inverted_cdf": _by_plotting_positions(0, 1),
    "hazen": _by_plotting_positions(0.5, 0.5),
    "weibull": _by_plotting_positions(0, 0),
    "median_unbiased": _by_plotting_positions(1 / 3, 1 / 3),
    "normal_unbiased": _by_plotting_positions(3 / 8, 3 / 8),
}


# The methods that take one of the values: its position.
_ONE: dict[str, _Place] = {
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.rint((n - 1) * q),
    "inverted_cdf": lambda n, q: np.ceil(n * q - 1),
    "closest_observation": lambda n, q: _closest(n * q - 1.5),
}
# The methods that take one of two neighbors or their mean: how far between them, from 0 to 1.
_MEANS: dict[str, tuple[_Place, Callable[[Any], Any]]] = {
    "midpoint": (lambda n, q: (n - 1) * q, lambda share: np.where(share > 0, 0.5, 0.0)),
    "averaged_inverted_cdf": (lambda n, q: n * q - 1, lambda share: np.where(share > 0, 1.0, 0.5)),
}


def _closest(place: Any) -> Any:
    low = np.floor(place)
    odd = np.floor(low / 2) * 2 != low
    return np.where((place > low) | ~odd, low + 1, low)


def _places(method: str, n: Any, q: Any) -> tuple[Any, Any, Any]:
    """Return the indices of two neighbors and the weight of the second, or None to take only the first."""
    share: Any = None
    if method in _ONE:
        low = _ONE[method](n, q)
    elif method in _CONTINUOUS or method in _MEANS:
        place_of, share_of = _MEANS.get(method, (_CONTINUOUS.get(method), None))
        assert place_of is not None
        place = place_of(n, q)
        low = np.floor(place)
        share = place - low if share_of is None else share_of(place - low)
    else:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {sorted({*_CONTINUOUS, *_ONE, *_MEANS})}")
    index = [np.clip(k, 0, np.maximum(n - 1, 0)).astype(np.intp) for k in (low, low + 1)]
    return index[0], index[1], share


def _between(a: Any, b: Any, share: Any) -> Any:
    """Return a + share (b - a), exactly b where the share is 1, as NumPy's quantiles are."""
    change = b - a
    return np.where(share >= 0.5, b - change * (1 - share), a + change * share)


def _lanes(a: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """Return the array with all reduced axes merged into the last, and the shape of the result with keepdims."""
    axes = tuple(range(a.ndim)) if axis is None else normalize_axes(axis, a.ndim) or ()
    others = [i for i in range(a.ndim) if i not in axes]
    lanes = a.transpose((*others, *axes)).reshape(*(a.shape[i] for i in others), math.prod(a.shape[i] for i in axes))
    return lanes, tuple(1 if i in axes else n for i, n in enumerate(a.shape))


def _quantile(a: Any, q: Any, weak: bool, axis: Axis, method: str, keepdims: Any, ignore_nan: bool) -> Any:
    if q.dtype.kind in "biu":  # the smallest and the largest
        method = "lower" if method == "linear" else method
        q = q.astype(np.float64)
    if a.dtype.kind in "biu" and method not in _ONE:
        a = a.astype(np.result_type(a.dtype, q.dtype))
    lanes, one_shape = _lanes(a, axis)
    if not lanes.shape[-1]:
        raise ValueError("quantile: expected values; received an axis of length 0")
    ordered = np.sort(lanes, axis=-1)
    ordered = ordered.reshape(*lanes.shape[:-1], 1, lanes.shape[-1])
    shares = q.reshape(-1)
    n = float(lanes.shape[-1]) if not ignore_nan else (~np.isnan(ordered)).sum(axis=-1).astype(q.dtype)
    low, high, share = _places(method, n, shares)
    before = ordered[..., 0, :]
    shape = (*lanes.shape[:-1], shares.shape[0])
    result = np.take_along_axis(before, np.broadcast_to(low, shape), -1)
    if share is not None:
        share = share.astype(a.dtype if weak else q.dtype)
        result = _between(result, np.take_along_axis(before, np.broadcast_to(high, shape), -1), share)
    if not ignore_nan:  # a NaN is sorted to the end and makes every quantile NaN
        last = before[..., -1:]
        result = np.where(np.isnan(last), last, result)
    result = np.moveaxis(result, -1, 0)
    tail = one_shape if keepdims is not np._NoValue and keepdims else lanes.shape[:-1]
    return result.reshape((*q.shape, *tail))


# ---- the functions --------------------------------------------------------------------------------------------------


def _of_levels(function: Any, whole: float, ignore_nan: bool) -> None:
    """Make a function of levels, of which `whole` is all of the values."""

    @composes(function)
    def of_levels(
        a: Any,
        q: Any,
        axis: Axis = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = _UNSET if ignore_nan else False,
        *,
        weights: Any = None,
    ) -> Any:
        instead = "sort the values, sum the weights with np.cumsum and use np.interp"
        refuse(f"np.{function.__name__}", instead, weights=weights)
        weak, levels = type(q) in (int, float), operand(q)
        shares = levels if whole == 1 else levels / whole
        return _quantile(operand(a), shares, weak, axis, method, keepdims, ignore_nan)


_of_levels(np.quantile, 1, False)
_of_levels(np.percentile, 100, False)
_of_levels(np.nanquantile, 1, True)
_of_levels(np.nanpercentile, 100, True)


def _middle(a: Any, axis: Axis, keepdims: Any, ignore_nan: bool) -> Any:
    a = operand(a)
    if a.dtype.kind == "c":
        raise UnsupportedError("np.median: complex numbers have no middle on Tensors; take .real or np.abs first")
    a = a.astype(np.float64) if a.dtype.kind in "biu" else a
    lanes, one_shape = _lanes(a, axis)
    n = lanes.shape[-1]
    ordered = np.sort(lanes, axis=-1)
    if ignore_nan:
        count = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
        places = [np.clip(k // 2, 0, n - 1) for k in (count - 1, count)]
        pair = [np.take_along_axis(ordered, k, -1)[..., 0] for k in places]
        middle = (pair[0] + pair[1]) / 2
    else:
        middle = (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2 if n else lanes.mean(axis=-1)
        if n:
            last = ordered[..., -1]
            middle = np.where(np.isnan(last), last, middle)
    return middle.reshape(one_shape) if keepdims is not np._NoValue and keepdims else middle


def _median(function: Any, ignore_nan: bool) -> None:
    @composes(function)
    def median(
        a: Any,
        axis: Axis = None,
        out: Any = None,
        overwrite_input: bool = False,
        keepdims: bool = _UNSET if ignore_nan else False,
    ) -> Any:
        return _middle(a, axis, keepdims, ignore_nan)


_median(np.median, False)
_median(np.nanmedian, True)
