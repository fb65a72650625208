"""Averages, covariances and histograms."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.duck_arrays import array_namespace, asarray_like, to_numpy
from ..core.errors import ShapeError
from ..core.op import composes
from ..core.shape_arithmetic import Axis
from ..native import threaded_functions as fast
from .index import scatter_add
from .operands import as_keepdims, operand, values

_UNSET: Any = np._NoValue


@composes(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _UNSET) -> Any:
    return np.max(a, axis=axis, keepdims=as_keepdims(keepdims)) - np.min(a, axis=axis, keepdims=as_keepdims(keepdims))


def _along_axes(a: Any, weights: Any, axis: Axis) -> Any:
    """Reshape weights that have only the averaged axes so that they align with the array."""
    if a.shape == weights.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    named = [axis] if not isinstance(axis, (tuple, list)) else list(axis)
    axes = [i % a.ndim for i in named]
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ShapeError(
            f"average: expected weights of the shape of the averaged axes, {tuple(a.shape[i] for i in axes)}; "
            f"received {weights.shape}"
        )
    weights = weights.transpose(tuple(int(i) for i in np.argsort(axes)))
    return weights.reshape(tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@composes(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = _UNSET) -> Any:
    a = operand(a)
    keep = as_keepdims(keepdims)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keep)
        share: Any = array_namespace(mean).full(mean.shape, a.size / max(mean.size, 1), mean.dtype)
        return (mean, share) if returned else mean
    weights = operand(weights)
    dtype = np.result_type(a.dtype, weights.dtype)
    dtype = np.result_type(dtype, np.float64) if dtype.kind in "biu" else dtype
    weights = _along_axes(a, weights, axis)
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, dtype=dtype, keepdims=keep)
    mean = np.sum(np.multiply(a, weights), axis=axis, dtype=dtype, keepdims=keep) / total
    return (mean, np.broadcast_to(total, mean.shape)) if returned else mean


# ---- covariance -----------------------------------------------------------------------------------------------------


@composes(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    rows = [np.atleast_2d(operand(m))]
    if not rowvar and np.ndim(m) != 1:
        rows[0] = np.swapaxes(rows[0], 0, 1)
    if y is not None:
        other = np.atleast_2d(operand(y))
        rows.append(np.swapaxes(other, 0, 1) if not rowvar and other.shape[0] != 1 else other)
    x = np.concatenate(rows) if len(rows) > 1 else rows[0]
    dtype = np.result_type(x.dtype, np.float64) if dtype is None else np.dtype(dtype)
    x = x if x.dtype == dtype else x.astype(dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = None
    for factors in (fweights, aweights):
        if factors is not None:
            weights = operand(factors) if weights is None else weights * operand(factors)
    if weights is None:
        x = x - np.mean(x, axis=1, keepdims=True)
        factor: Any = x.shape[1] - ddof
        weighted = x
    else:
        total = np.sum(weights)
        x = x - np.sum(x * weights, axis=1, keepdims=True) / total
        factor = total - ddof
        if ddof and aweights is not None:
            factor = total - ddof * np.sum(weights * operand(aweights)) / total
        weighted = x * weights
    right = np.swapaxes(weighted, 0, 1)
    return np.squeeze(fast.matmul(x, np.conjugate(right) if x.dtype.kind == "c" else right) / factor)


@composes(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    n = np.arange(c.shape[0])
    spread = np.sqrt(np.real(c[n, n]) if c.dtype.kind == "c" else c[n, n])
    c = c / spread[:, None] / spread[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + np.clip(np.imag(c), -1, 1) * 1j
    return np.clip(c, -1, 1)


# ---- counting: linear in the weights --------------------------------------------------------------------------------


@composes(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    bins = values(x)
    if weights is None:
        return np.bincount(bins, minlength=minlength)
    weights = operand(weights)
    if weights.shape != bins.shape:
        raise ValueError("The weights and list don't have the same length.")
    length = max(int(bins.max(initial=-1)) + 1, minlength)
    if bins.size and bins.min() < 0:
        raise ValueError("'list' argument must have no negative elements")
    weights = weights if weights.dtype == np.float64 else weights.astype(np.float64)
    return scatter_add(weights, index=(bins.astype(np.intp),), shape=(length,))


@composes(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    a = operand(a)
    if np.ndim(bins) == 1:
        return asarray_like(operand(bins), a)
    if not isinstance(bins, (str, int)) and np.ndim(bins):
        raise ShapeError(
            f"histogram_bin_edges: expected bins to be a number, a name or edges of one axis; received {describe(bins)}"
        )
    bins = bins if isinstance(bins, str) else values(bins)[()]
    plain = to_numpy(values(a))
    by_weight = isinstance(bins, str) and weights is not None
    constant = np.histogram_bin_edges(plain, bins, range, to_numpy(values(weights)) if by_weight else None)
    if range is not None or not a.size or constant[0] != plain.min() or constant[-1] != plain.max():
        return asarray_like(constant, a)  # the range is given, so the edges do not depend on the values
    edges = np.linspace(np.min(a), np.max(a), constant.size)
    return edges if edges.dtype == constant.dtype else edges.astype(constant.dtype)


@composes(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    edges = np.histogram_bin_edges(a, bins, range, weights)
    elements, walls = values(a).reshape(-1), values(edges)
    n = walls.size - 1
    if weights is None:
        counts: Any = np.histogram(elements, walls)[0]
    else:
        weights = operand(weights)
        if weights.shape != np.shape(a):
            raise ValueError("weights should have the same shape as a.")
        place = np.searchsorted(walls, elements, "right") - 1
        place = np.where(elements == walls[-1], n - 1, place)
        inside = np.flatnonzero((place >= 0) & (place < n))
        counts = scatter_add(weights.reshape(-1)[inside], index=(place[inside],), shape=(n,))
    if density:
        widths = edges[1:] - edges[:-1]
        counts = counts / widths / np.sum(counts)
    return counts, edges


def _bins_of_each(bins: Any, range: Any, columns: list[Any]) -> list[tuple[Any, Any]]:
    each = list(bins) if np.ndim(bins) or isinstance(bins, (list, tuple)) else [bins] * len(columns)
    if len(each) != len(columns):
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if range is not None and len(range) != len(columns):
        raise ValueError("range argument must have one entry per dimension")
    return list(zip(each, [None] * len(columns) if range is None else range, strict=True))


def _even_edges(column: Any, count: Any, ends: Any) -> Any:
    low, high = (np.min(column), np.max(column)) if ends is None else ends
    if values(low) == values(high):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, count + 1)


@composes(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if hasattr(sample, "shape"):
        columns = [sample] if sample.ndim == 1 else [sample[:, i] for i in np.arange(sample.shape[1]).tolist()]
    else:
        columns = [operand(column) for column in sample]
    edges = [
        asarray_like(operand(count), column) if np.ndim(count) else _even_edges(column, count, ends)
        for column, (count, ends) in zip(columns, _bins_of_each(bins, range, columns), strict=True)
    ]
    shape = tuple(e.shape[0] - 1 for e in edges)
    cells, inside = (
        array_namespace(columns[0]).zeros(columns[0].shape, np.intp),
        array_namespace(columns[0]).ones(columns[0].shape, bool),
    )
    for column, wall, n in zip(map(values, columns), map(values, edges), shape, strict=True):
        wall = asarray_like(wall, column)
        place = np.where(column == wall[-1], n - 1, np.searchsorted(wall, column, "right") - 1)
        inside &= (place >= 0) & (place < n)
        cells = cells * n + place
    size, used = math.prod(shape), np.flatnonzero(inside)
    if weights is None:
        counts: Any = np.bincount(cells[used], minlength=size).astype(np.float64)
    else:
        counts = np.bincount(cells[used], operand(weights)[used], minlength=size)
    counts = counts.reshape(shape)
    if density:
        total = np.sum(counts)
        for i, e in enumerate(edges):
            counts = counts / (e[1:] - e[:-1]).reshape((-1,) + (1,) * (len(shape) - i - 1))
        counts = counts / total
    return counts, tuple(edges)


@composes(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    if np.shape(x) != np.shape(y):
        raise ValueError("x and y must have the same length.")
    if np.ndim(bins) == 1 and np.shape(bins)[0] != 2:
        bins = [bins, bins]
    counts, edges = np.histogramdd([operand(x), operand(y)], bins, range, density, weights)
    return counts, edges[0], edges[1]
