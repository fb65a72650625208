"""Cases for functions that sort, count, integrate, interpolate and ask; see `composed_cases`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .composed_cases import ComposedCase, case

__all__ = ["COMPOSED_CASES"]

nan, inf = np.nan, np.inf
_HOLE = np.array([[False, True, False], [True, False, False]])


def holed(x: Any) -> Any:
    """Put a NaN in two places of an array of shape (2, 3)."""
    return np.where(_HOLE, nan, x)


def flat(result: Any) -> Any:
    """Return a histogram and its edges in one list."""
    return (result[0], *result[1])


ORDERS = [
    case(np.sort, (2, 3), lambda x: np.sort(x), lambda x: np.sort(x, axis=-1), lambda x: np.sort(x, 1, "heapsort")),
    case(np.sort, (2, 3), lambda x: np.sort(x, axis=None), lambda x: np.sort(x, None, stable=True)),
    case(np.sort, (3, 2), lambda x: np.sort(x, axis=0)),
    case(np.sort, (0, 2), lambda x: np.sort(x, axis=0)),
    case(np.partition, (5,), lambda x: np.partition(x, 2), lambda x: np.partition(x, kth=2, axis=0)),
    case(np.partition, (2, 3), lambda x: np.partition(x, [0, 1], axis=1), lambda x: np.partition(x, (0, 1), -1)),
    case(np.partition, (2, 3), lambda x: np.partition(x, 3, axis=None)),
    case(np.sort_complex, (3,), lambda x: np.sort_complex(x)),
    case(
        np.digitize, (2, 3), lambda x: np.digitize(x, [-1.0, 0.0, 1.0]), lambda x: np.digitize(x, bins=(-1.0, 0.0, 1.0))
    ),
    case(np.digitize, (3,), lambda x: np.digitize(x, [1.0, 0.0, -1.0], right=True)),
    case(np.digitize, (3,), lambda x: np.digitize([0.0, 0.5], np.sort(x)), looks=True),
    case(
        np.lexsort,
        ((4,), (4,)),
        lambda x, y: np.lexsort((x, y > 0)),
        lambda x, y: np.lexsort(keys=(x, y > 0)),
        looks=True,
    ),
]

METHODS = [
    "linear",
    "lower",
    "higher",
    "midpoint",
    "nearest",
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "median_unbiased",
    "normal_unbiased",
]
_Q = [0.0, 0.3, 0.5, 1.0, 0.25]

QUANTILES = [
    case(np.median, (3,), lambda x: np.median(x), lambda x: np.median(x, axis=0, overwrite_input=True)),
    case(np.median, (2, 4), lambda x: np.median(x, axis=1), lambda x: np.median(x, -1)),
    case(np.median, (2, 3, 2), lambda x: np.median(x, axis=(0, 2), keepdims=True)),
    case(np.median, (2, 3), lambda x: np.isnan(np.median(holed(x), axis=0))),
    case(np.nanmedian, (2, 3), lambda x: np.nanmedian(holed(x)), lambda x: np.nanmedian(holed(x), axis=(0, 1))),
    case(np.nanmedian, (2, 3), lambda x: np.nanmedian(holed(x), axis=1, keepdims=True)),
    case(np.nanmedian, (2, 3), lambda x: np.nanmedian(holed(x), axis=0)),
    *(
        case(np.quantile, (2, 5), lambda x, m=m: np.quantile(x, _Q, axis=1, method=m), name=f"quantile-{m}")
        for m in METHODS
    ),
    *(case(np.quantile, (6,), lambda x, m=m: np.quantile(x, _Q, method=m), name=f"quantile-six-{m}") for m in METHODS),
    case(np.quantile, (2, 3), lambda x: np.quantile(x, 0.4), lambda x: np.quantile(x, q=0.4, axis=(0, 1))),
    case(np.quantile, (2, 3), lambda x: np.quantile(x, [[0.4], [0.6]], axis=0, keepdims=True)),
    case(np.quantile, (2, 3), lambda x: np.isnan(np.quantile(holed(x), [0.4, 0.5], axis=1))),
    case(np.percentile, (2, 4), lambda x: np.percentile(x, 30.0, axis=1), lambda x: np.percentile(x, 30, 1)),
    case(np.percentile, (5,), lambda x: np.percentile(x, [10, 50], method="hazen")),
    case(np.nanquantile, (2, 3), lambda x: np.nanquantile(holed(x), [0.4, 0.7], axis=1)),
    case(np.nanquantile, (2, 3), lambda x: np.nanquantile(holed(x), 0.3, keepdims=True)),
    case(np.nanpercentile, (2, 3), lambda x: np.nanpercentile(holed(x), [40, 70], axis=0, method="weibull")),
]

NAN_AWARE = [
    *(
        case(f, (2, 3), lambda x, f=f: f(holed(x)), lambda x, f=f: f(holed(x), axis=(0, 1)))
        for f in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin)
    ),
    *(
        case(
            f, (2, 3), lambda x, f=f: f(holed(x), axis=1, keepdims=True), lambda x, f=f: f(holed(x), -1, keepdims=True)
        )
        for f in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin)
    ),
    *(
        case(f, (2, 3), lambda x, f=f: f(holed(x), axis=1, where=[True, True, False], initial=0.5))
        for f in (np.nansum, np.nanprod, np.nanmax, np.nanmin)
    ),
    *(
        case(f, (2, 3), lambda x, f=f: f(holed(x), where=[True, True, False]))
        for f in (np.nanmean, np.nanvar, np.nanstd)
    ),
    case(
        np.nanvar, (2, 3), lambda x: np.nanvar(holed(x), axis=1, ddof=1), lambda x: np.nanvar(holed(x), 1, correction=1)
    ),
    case(np.nancumsum, (2, 3), lambda x: np.nancumsum(holed(x)), lambda x: np.nancumsum(holed(x), axis=None)),
    case(np.nancumsum, (2, 3), lambda x: np.nancumsum(holed(x), axis=0)),
    case(np.nancumprod, (2, 3), lambda x: np.nancumprod(holed(x), axis=1), lambda x: np.nancumprod(holed(x), -1)),
    case(np.nan_to_num, (2, 3), lambda x: np.nan_to_num(holed(x)), lambda x: np.nan_to_num(holed(x), nan=0.0)),
    case(np.nan_to_num, (3,), lambda x: np.nan_to_num(x / [1.0, 0.0, inf], nan=7.0, posinf=8.0, neginf=-9.0)),
    case(np.nan_to_num, (3,), lambda x: np.nan_to_num(x + np.array([0.0, inf, -inf])) * [1.0, 1e-309, 1e-309]),
]

# The reductions and the ufuncs with where=, initial= and out= are composed too.
_HALF = np.array([[True, False, True], [False, True, True]])
ARGUMENTS = [
    *(
        case(
            f,
            (2, 3),
            lambda x, f=f: f(x, axis=1, where=_HALF),
            lambda x, f=f: f(x, 1, where=_HALF),
            name=f"{f.__name__}-where",
        )
        for f in (np.sum, np.prod, np.mean, np.var, np.std)
    ),
    *(
        case(f, (2, 3), lambda x, f=f: f(x, keepdims=True, initial=0.75), name=f"{f.__name__}-initial")
        for f in (np.sum, np.prod, np.max, np.min)
    ),
    *(
        case(f, (2, 3), lambda x, f=f: f(x, 0, initial=0.75, where=_HALF), name=f"{f.__name__}-initial-where")
        for f in (np.sum, np.prod, np.max, np.min)
    ),
    case(np.max, (0, 3), lambda x: np.max(x, axis=0, initial=0.75), name="max-of-nothing"),
    case(np.prod, ((2, 3), ()), lambda x, y: np.prod(x, axis=1, initial=y), name="prod-initial-tensor"),
    case(np.min, ((2, 3), ()), lambda x, y: np.min(x, axis=1, initial=y), name="min-initial-tensor"),
    case(np.var, (2, 3), lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), name="var-mean"),
    case(np.std, (2, 3), lambda x: np.std(x, correction=1, where=_HALF), name="std-correction"),
]

STATISTICS = [
    case(np.ptp, (2, 3), lambda x: np.ptp(x), lambda x: np.ptp(x, axis=(0, 1))),
    case(np.ptp, (2, 3), lambda x: np.ptp(x, axis=1, keepdims=True), lambda x: np.ptp(x, -1, keepdims=True)),
    case(np.average, (2, 3), lambda x: np.average(x), lambda x: np.average(x, None)),
    case(np.average, (2, 3), lambda x: np.average(x, axis=1, returned=True)),
    case(np.average, ((2, 3), (2, 3)), lambda x, y: np.average(x, weights=y), domain="positive"),
    case(np.average, ((2, 3), (3,)), lambda x, y: np.average(x, 1, y), domain="positive"),
    case(
        np.average,
        ((2, 3), (3,)),
        lambda x, y: np.average(x, axis=-1, weights=y, returned=True, keepdims=True),
        domain="positive",
    ),
    case(np.average, ((2, 3, 2), (2, 2)), lambda x, y: np.average(x, axis=(2, 0), weights=y), domain="positive"),
    case(np.cov, (2, 4), lambda x: np.cov(x), lambda x: np.cov(m=x, ddof=1)),
    case(np.cov, ((2, 4), (4,)), lambda x, y: np.cov(x, y, bias=True)),
    case(np.cov, (4, 2), lambda x: np.cov(x, rowvar=False, ddof=0)),
    case(np.cov, (4,), lambda x: np.cov(x)),
    case(np.cov, ((2, 4), (4,)), lambda x, y: np.cov(x, fweights=[1, 2, 1, 3], aweights=y), domain="positive"),
    case(np.corrcoef, (3, 5), lambda x: np.corrcoef(x)),
    case(np.corrcoef, ((4,), (4,)), lambda x, y: np.corrcoef(x, y)),
    case(np.bincount, ((4,),), lambda x: np.bincount([0, 2, 2, 1], x), lambda x: np.bincount([0, 2, 2, 1], weights=x)),
    case(np.bincount, ((4,),), lambda x: np.bincount(np.array([0, 2, 2, 1]), weights=x, minlength=6)),
    case(np.bincount, ((4,),), lambda x: np.bincount((x > 0).astype(int)), looks=True),
    case(np.histogram, (5,), lambda x: np.histogram(x, bins=3), looks=True),
    case(np.histogram, (5,), lambda x: np.histogram(x, 4, (-1.0, 1.0))[0], looks=True),
    case(np.histogram, ((5,),), lambda x: np.histogram([0.0, 1.0, 2.5, 3.0, 4.0], 3, weights=x)),
    case(
        np.histogram,
        ((4,),),
        lambda x: np.histogram([0.0, 1.0, 2.5, 9.0], [0.0, 2.0, 3.0], density=True, weights=x),
        domain="positive",
    ),
    case(np.histogram2d, ((4,), (4,)), lambda x, y: np.histogram2d(x, y, bins=3), looks=True),
    case(np.histogram2d, ((4,), (4,)), lambda x, y: np.histogram2d(x, y, bins=[-1.0, 0.1, 2.0])[0], looks=True),
    case(
        np.histogram2d,
        ((3,),),
        lambda x: np.histogram2d([0.0, 1.0, 2.5], [1.0, 3.0, 2.0], bins=[2, 3], density=True, weights=x)[0],
        domain="positive",
        looks=True,
    ),
    case(
        np.histogramdd,
        (4, 2),
        lambda x: flat(np.histogramdd(x, bins=(2, 3), range=[[-2.0, 2.0], [-1.0, 1.0]])),
        looks=True,
    ),
    case(
        np.histogramdd,
        ((5,),),
        lambda x: np.histogramdd(np.arange(15.0).reshape(5, 3) % 4, bins=2, weights=x)[0],
        looks=True,
    ),
    case(np.histogram_bin_edges, (5,), lambda x: np.histogram_bin_edges(x, 3), looks=True),
    case(np.histogram_bin_edges, (5,), lambda x: np.histogram_bin_edges(x, "sqrt"), looks=True),
]

CALCULUS = [
    case(np.diff, (2, 4), lambda x: np.diff(x), lambda x: np.diff(x, n=1, axis=1)),
    case(np.diff, (4, 2), lambda x: np.diff(x, 2, axis=0), lambda x: np.diff(x, n=2, axis=-2)),
    case(np.diff, ((3,), (2,)), lambda x, y: np.diff(x, prepend=y, append=0.0)),
    case(np.diff, (3,), lambda x: np.diff(x, n=0)),
    case(np.diff, (3,), lambda x: np.diff(x > 0)),
    case(np.ediff1d, (2, 2), lambda x: np.ediff1d(x), lambda x: np.ediff1d(ary=x)),
    case(
        np.ediff1d,
        ((3,), (2,)),
        lambda x, y: np.ediff1d(x, to_end=y, to_begin=y[0]),
        lambda x, y: np.ediff1d(x, y, y[0]),
    ),
    case(np.gradient, (5,), lambda x: np.gradient(x), lambda x: np.gradient(f=x, axis=0)),
    case(np.gradient, (3, 4), lambda x: np.gradient(x), lambda x: np.gradient(x, axis=(0, 1))),
    case(np.gradient, ((4,), ()), lambda x, y: np.gradient(x, y, edge_order=2), domain="positive"),
    case(np.gradient, ((4, 2), ()), lambda x, y: np.gradient(x, y, axis=0), domain="positive"),
    case(np.gradient, ((5,), (5,)), lambda x, y: np.gradient(x, np.cumsum(y)), domain="positive"),
    case(np.gradient, ((5,), (5,)), lambda x, y: np.gradient(x, np.cumsum(y), edge_order=2), domain="positive"),
    case(np.gradient, ((2, 3), (3,)), lambda x, y: np.gradient(x, 0.5, np.cumsum(y)), domain="positive"),
    case(np.unwrap, (5,), lambda x: np.unwrap(x * 5), lambda x: np.unwrap(x * 5, axis=0)),
    case(np.unwrap, (2, 3), lambda x: np.unwrap(x, discont=0.6, axis=0, period=1.0)),
    case(np.trapezoid, (2, 4), lambda x: np.trapezoid(x), lambda x: np.trapezoid(y=x, axis=1)),
    case(np.trapezoid, ((4, 2), ()), lambda x, y: np.trapezoid(x, dx=y, axis=0)),
    case(np.trapezoid, ((2, 4), (4,)), lambda x, y: np.trapezoid(x, y), lambda x, y: np.trapezoid(x, x=y)),
    case(np.trapezoid, ((3, 2), (3,)), lambda x, y: np.trapezoid(x, y, axis=0)),
    case(np.trapezoid, ((3, 2), (3, 2)), lambda x, y: np.trapezoid(x, y, axis=0)),
    case(
        np.interp,
        ((4,), (3,)),
        lambda x, y: np.interp(x, [-1.0, 0.1, 1.2], y),
        lambda x, y: np.interp(x, [-1.0, 0.1, 1.2], fp=y),
    ),
    case(np.interp, ((3,), (4,), (4,)), lambda x, y, z: np.interp(x * 3, np.cumsum(y), z), domain="positive"),
    case(np.interp, ((), (3,)), lambda x, y: np.interp(x, [-1.0, 0.1, 1.2], y, left=0.5, right=-0.5)),
    case(np.interp, ((2, 3), (3,)), lambda x, y: np.interp(x, [0.9, 0.15, 0.4], y, period=1.0)),
    case(np.interp, ((3,), (1,)), lambda x, y: np.interp(x, [0.0], y, left=2.0)),
]

SEQUENCES = [
    *(
        case(
            f,
            ((4,), (3,)),
            lambda x, y, f=f, m=m: f(x, y, mode=m),
            lambda x, y, f=f, m=m: f(x, y, m),
            name=f"{f.__name__}-{m}",
        )
        for f in (np.convolve, np.correlate)
        for m in ("full", "same", "valid")
    ),
    *(
        case(f, ((2,), (5,)), lambda x, y, f=f, m=m: f(x, y, mode=m), name=f"{f.__name__}-short-{m}")
        for f in (np.convolve, np.correlate)
        for m in ("full", "same", "valid")
    ),
    case(np.convolve, ((4,), (4,)), lambda x, y: np.convolve(x, y, "same")),
    case(np.correlate, ((4,), (2,)), lambda x, y: np.correlate(x, y)),
    case(np.polyval, ((3,), (2, 2)), lambda x, y: np.polyval(x, y), lambda x, y: np.polyval(p=x, x=y)),
    case(np.polyval, ((2,),), lambda x: np.polyval([1.0, 2.0, 3.0], x)),
    case(np.polyadd, ((3,), (2,)), lambda x, y: np.polyadd(x, y)),
    case(np.polysub, ((2,), (3,)), lambda x, y: np.polysub(x, y)),
    case(np.polymul, ((3,), (2,)), lambda x, y: np.polymul(x, y)),
    case(np.polyfit, ((5,), (5,)), lambda x, y: np.polyfit(x, y, 2), lambda x, y: np.polyfit(x, y, deg=2)),
    case(np.polyfit, ((5,), (5, 2)), lambda x, y: np.polyfit(x, y, 1, w=[1.0, 2.0, 1.0, 3.0, 1.0])),
    case(np.polyfit, ((5,), (5,)), lambda x, y: np.polyfit(x, y, 1, cov=True)),
    case(np.polyfit, ((5,), (5, 2)), lambda x, y: np.polyfit(x, y, 1, cov="unscaled")),
    case(np.polyder, ((4,),), lambda x: np.polyder(x), lambda x: np.polyder(x, m=1)),
    case(np.polyder, ((4,),), lambda x: np.polyder(x, 2)),
    case(np.polyint, ((3,),), lambda x: np.polyint(x), lambda x: np.polyint(x, m=1)),
    case(np.polyint, ((3,), (2,)), lambda x, y: np.polyint(x, 2, k=y)),
    case(np.polydiv, ((5,), (3,)), lambda x, y: np.polydiv(x, y), domain="positive", looks=True),
    case(np.polydiv, ((2,), (3,)), lambda x, y: np.polydiv(x, y), looks=True),
    case(np.roots, ((3,),), lambda x: np.real(np.roots(np.poly(np.cumsum(x)))), domain="positive", looks=True),
    case(np.roots, ((4,),), lambda x: np.abs(np.roots(np.pad(x, 1))), looks=True),
    case(np.poly, ((3,),), lambda x: np.poly(x), looks=True),
]

NEWER = [
    *(
        [
            case(np.cumulative_sum, (4,), lambda x: np.cumulative_sum(x), lambda x: np.cumulative_sum(x, axis=0)),
            case(np.cumulative_sum, (2, 3), lambda x: np.cumulative_sum(x, axis=1, include_initial=True)),
            case(np.cumulative_prod, (2, 3), lambda x: np.cumulative_prod(x, axis=0, include_initial=True)),
        ]
        if hasattr(np, "cumulative_sum")  # new in NumPy 2.1
        else []
    ),
]

SETS = [
    case(np.unique, (4,), lambda x: np.unique(x), lambda x: np.unique(ar=x), looks=True),
    case(np.unique, (2, 2), lambda x: np.unique(np.concatenate([x, x]), True, True, True), looks=True),
    case(np.unique, (2, 2), lambda x: np.unique(np.concatenate([x, x]), axis=0, return_counts=True), looks=True),
    case(np.unique_values, (4,), lambda x: np.unique_values(np.concatenate([x, x])), looks=True),
    case(np.unique_counts, (4,), lambda x: np.unique_counts(np.concatenate([x, x])), looks=True),
    case(np.unique_inverse, (4,), lambda x: np.unique_inverse(np.concatenate([x, x])), looks=True),
    case(np.unique_all, (4,), lambda x: np.unique_all(np.concatenate([x, x])), looks=True),
    case(np.union1d, ((3,), (2,)), lambda x, y: np.union1d(x, y), looks=True),
    case(np.intersect1d, ((3,), (2,)), lambda x, y: np.intersect1d(x, np.concatenate([y, x[:2]])), looks=True),
    case(np.intersect1d, (3,), lambda x: np.intersect1d(x, x, return_indices=True), looks=True),
    case(np.setdiff1d, ((3,), (2,)), lambda x, y: np.setdiff1d(x, np.concatenate([y, x[:2]])), looks=True),
    case(np.setxor1d, ((3,), (2,)), lambda x, y: np.setxor1d(x, np.concatenate([y, x[:2]])), looks=True),
    case(np.isin, ((3,), (2,)), lambda x, y: np.isin(x, np.concatenate([y, x[:2]])), looks=True),
]

_BITS = np.array([1, 0, 1, 1], np.uint8)
QUESTIONS = [
    case(np.result_type, (2,), lambda x: np.result_type(x, np.float32), lambda x: np.result_type(x, 1.0), looks=True),
    case(np.can_cast, (2,), lambda x: np.can_cast(x.dtype, np.float32), looks=True),
    case(np.common_type, (2,), lambda x: np.common_type(x, np.ones(1, np.float32)), looks=True),
    case(np.min_scalar_type, (2,), lambda x: np.min_scalar_type(x), looks=True),
    case(np.iscomplexobj, (2,), lambda x: np.iscomplexobj(x), looks=True),
    case(np.isrealobj, (2,), lambda x: np.isrealobj(x), looks=True),
    case(np.isreal, (2,), lambda x: np.isreal(x), lambda x: np.isreal(x=x)),
    case(np.iscomplex, (2,), lambda x: np.iscomplex(x)),
    case(
        np.isposinf,
        (3,),
        lambda x: np.isposinf(x + np.array([0.0, inf, -inf])),
        lambda x: np.isposinf(x=x + np.array([0.0, inf, -inf])),
    ),
    case(np.isneginf, (3,), lambda x: np.isneginf(x + np.array([0.0, inf, -inf]))),
    case(np.shares_memory, (2,), lambda x: np.shares_memory(x, x), looks=True),
    case(np.may_share_memory, (2,), lambda x: np.may_share_memory(x, x), looks=True),
    case(np.array_equiv, ((1, 3),), lambda x: np.array_equiv(x, x[0]), looks=True),
    case(np.array_equiv, ((2,), (3,)), lambda x, y: np.array_equiv(x, y), looks=True),
    case(np.array2string, (2,), lambda x: np.array2string(x, precision=3, separator=", "), looks=True),
    case(np.array_repr, (2,), lambda x: np.array_repr(x), looks=True),
    case(np.array_str, (2,), lambda x: np.array_str(x, precision=2), looks=True),
    case(np.nonzero, (2, 3), lambda x: np.nonzero(x > 0), looks=True),
    case(np.where, (2, 3), lambda x: np.where(x > 0), looks=True),
    case(np.flatnonzero, (2, 3), lambda x: np.flatnonzero(x > 0), looks=True),
    case(np.argwhere, (2, 3), lambda x: np.argwhere(x > 0), looks=True),
    case(
        np.tril_indices_from,
        (3, 2),
        lambda x: np.tril_indices_from(x),
        lambda x: np.tril_indices_from(x, k=0),
        looks=True,
    ),
    case(np.triu_indices_from, (3, 2), lambda x: np.triu_indices_from(x, 1), looks=True),
    case(np.diag_indices_from, (3, 3), lambda x: np.diag_indices_from(x), looks=True),
    case(np.unravel_index, (2,), lambda x: np.unravel_index((x > 0).astype(int), (2, 3)), looks=True),
    case(np.ravel_multi_index, (2,), lambda x: np.ravel_multi_index([(x > 0).astype(int), [1, 2]], (2, 3)), looks=True),
    case(np.packbits, (4,), lambda x: np.packbits(x > 0), looks=True),
    case(np.unpackbits, (2,), lambda x: np.unpackbits((x > 0).astype(np.uint8), count=4), looks=True),
]

PARTS = [
    case(np.sinc, (2, 3), lambda x: np.sinc(x), lambda x: np.sinc(x=x)),
    case(np.sinc, (), lambda x: np.sinc(x * 1e-3)),
    case(np.i0, (2, 3), lambda x: np.i0(x), lambda x: np.i0(x=x)),
    case(np.i0, (3,), lambda x: np.i0(x * 20) * 1e-15),
    case(np.angle, (3,), lambda x: np.angle(x), lambda x: np.angle(z=x)),
    case(np.angle, ((3,), (3,)), lambda x, y: np.angle(x + y * 1j, deg=True), domain="nonzero"),
    case(np.real_if_close, (3,), lambda x: np.real_if_close(x), looks=True),
    case(np.real_if_close, (3,), lambda x: np.real_if_close(x + 0j), looks=True),
    case(np.fix, (3,), lambda x: np.fix(x), lambda x: np.fix(x=x), domain="between"),
    case(np.astype, (3,), lambda x: np.astype(x, np.float64), lambda x: np.astype(x, "d", copy=False)),
    case(np.frexp, (3,), lambda x: np.frexp(x * 10), domain="nonzero"),
]


def _norm(row: Any, scale: float = 1.0) -> Any:
    return (row * row).sum() * scale


ALONG = [
    case(
        np.apply_along_axis,
        (2, 3),
        lambda x: np.apply_along_axis(_norm, 1, x),
        lambda x: np.apply_along_axis(_norm, -1, arr=x),
    ),
    case(np.apply_along_axis, (2, 3), lambda x: np.apply_along_axis(np.cumsum, 0, x)),
    case(np.apply_along_axis, (2, 3, 2), lambda x: np.apply_along_axis(lambda r: r[:, None] * r, 1, x)),
    case(np.apply_along_axis, (2, 3), lambda x: np.apply_along_axis(_norm, 0, x, scale=2.0)),
    case(
        np.apply_over_axes,
        (2, 3, 2),
        lambda x: np.apply_over_axes(np.sum, x, (0, 2)),
        lambda x: np.apply_over_axes(np.sum, x, [0, -1]),
    ),
]

_COMPLEX: list[tuple[Any, Any, Any]] = [
    (np.cov, (2, 4), lambda x: np.cov(x)),
    (np.corrcoef, (2, 4), lambda x: np.corrcoef(x)),
    (np.average, ((2, 3), (3,)), lambda x, y: np.average(x, axis=1, weights=y)),
    (np.nansum, (2, 3), lambda x: np.nansum(holed(x), axis=0)),
    (np.nanvar, (2, 3), lambda x: np.nanvar(holed(x))),
    (np.std, (2, 3), lambda x: np.std(x, axis=1, where=_HALF)),
    (np.nan_to_num, (2, 3), lambda x: np.nan_to_num(holed(x))),
    (np.nancumprod, (2, 3), lambda x: np.nancumprod(holed(x), axis=1)),
    (np.convolve, ((3,), (4,)), lambda x, y: np.convolve(x, y)),
    (np.correlate, ((4,), (3,)), lambda x, y: np.correlate(x, y, "same")),
    (np.correlate, ((2,), (3,)), lambda x, y: np.correlate(x, y, "valid")),
    (np.polyval, ((3,), (2,)), lambda x, y: np.polyval(x, y)),
    (np.poly, (3,), lambda x: np.poly(x)),
    (np.roots, (3,), lambda x: np.sort(np.roots(x))),
    (np.gradient, ((5,), ()), lambda x, y: np.gradient(x, y)),
    (np.trapezoid, ((2, 3), (3,)), lambda x, y: np.trapezoid(x, y)),
    (np.interp, ((3,),), lambda x: np.interp([0.5, 1.0, 7.0], [0.0, 1.0, 3.0], x)),
    (np.angle, (3,), lambda x: np.angle(x)),
    (np.linspace, ((), ()), lambda x, y: np.linspace(x, y, 4)),
    (np.geomspace, ((), ()), lambda x, y: np.geomspace(x, y, 4)),
    (np.sort_complex, (4,), lambda x: np.sort_complex(x)),
    (np.isreal, (3,), lambda x: np.isreal(np.where([True, False, True], x, 1.0))),
    (np.concatenate, ((2,), (2,)), lambda x, y: np.concatenate([x, np.real(y), np.imag(y)])),
    (np.select, (3,), lambda x: np.select([np.real(x) > 0], [x * 1j], np.conjugate(x))),
]
COMPLEX = [
    case(f, shapes, call, domain="complex", looks=f in (np.poly, np.roots), name=f"{f.__name__}-complex")
    for f, shapes, call in _COMPLEX
]

COMPOSED_CASES: list[ComposedCase] = [
    *COMPLEX,
    *ORDERS,
    *QUANTILES,
    *NAN_AWARE,
    *ARGUMENTS,
    *STATISTICS,
    *CALCULUS,
    *SEQUENCES,
    *NEWER,
    *SETS,
    *QUESTIONS,
    *PARTS,
    *ALONG,
]
