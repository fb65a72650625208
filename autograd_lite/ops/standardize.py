"""Standardizing along the last axis, as layer normalization does, and its derivative, which is an op too.

With n elements in a row, m their mean and r = 1 / sqrt(mean((x - m)²) + epsilon), y = (x - m) r. Applied to g, the
derivative is

    J g = r (G - y mean(G y)),    G = g - mean(g)

which is symmetric, so that it serves both modes. Its own derivative, paired with h, is symmetric in g and h:

    K(g, h) = -r² (y (mean(G H) - 3 mean(G y) mean(H y)) + H mean(G y) + G mean(H y))

and so the change of J g by a change h of x is K(g, h) as well. Without centering m is 0, and G is g.

References:
    Ba, Kiros, Hinton: Layer Normalization, 2016, equation 3; Zhang, Sennrich: Root Mean Square Layer Normalization,
    2019, equation 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.blocks import blocks
from ..core.duck_arrays import array_namespace
from ..core.op import Op, structural
from ..core.shape_arithmetic import Shape, ShapeDtype
from ..native.kernels import row_kernel
from .contract import contract
from .elementwise_activations import floating
from .multi_result_ops import jvp_by_inputs

_standardize_kernel = row_kernel("standardize")
_pullback_kernel = row_kernel("standardize_pullback")


_AXES = "abcdefghijklmnopqrstuvwxyz"


def _mean(a: Any) -> Any:
    """Return the mean along the last axis, which is kept with length 1."""
    axes, ones = _AXES[: a.ndim], array_namespace(a).ones(a.shape[-1:], a.dtype)
    return (contract(a, ones, subscripts=f"{axes},{axes[-1]}->{axes[:-1]}") / a.shape[-1])[..., None]


def _mean_of(a: Any, b: Any) -> Any:
    """Return the mean of a b along the last axis, of bare arrays."""
    axes = _AXES[: a.ndim]
    return (np.einsum(f"{axes},{axes}->{axes[:-1]}", a, b) / a.shape[-1])[..., None]


def _center(a: Any, center: bool) -> Any:
    return a - _mean(a) if center else a


# ---- forward and derivative, on arrays: a block of rows stays in the cache ------------------------------------------


def _shift(a: Any, out: Any, center: bool) -> Any:
    """Write a minus its mean into `out`, and return it."""
    if center:
        return np.subtract(a, _mean(a), out=out)
    out[...] = a
    return out


def _scale_into(y: Any, epsilon: float) -> Any:
    """Turn x - m into y, and return r."""
    r = 1 / np.sqrt(_mean_of(y, y) + epsilon)
    y *= r
    return r


def _by_rows(work: Any, *arrays: Any) -> Any:
    """Run `work` on blocks of rows of arrays of one shape; it writes into its last argument."""
    arrays = tuple(floating(a) for a in arrays)
    dtype = np.result_type(*arrays)
    # In half precision, squares overflow too soon.
    work_dtype = np.result_type(dtype, np.float32)
    shape = arrays[0].shape
    if not arrays[0].size:
        return array_namespace(arrays[0]).empty(shape, dtype)
    rows = [array_namespace(a).ascontiguousarray(a, work_dtype).reshape(-1, shape[-1]) for a in arrays]
    out = np.empty_like(rows[0])
    for s in blocks(len(out), shape[-1]):
        work(*(a[s] for a in rows), out[s])
    return out.reshape(shape).astype(dtype, copy=False)


def _standardize(x: Any, *, epsilon: float, center: bool) -> Any:
    if (fast_result := _standardize_kernel(x, numbers=(epsilon, float(center)))) is not None:
        return fast_result
    return _by_rows(lambda a, out: _scale_into(_shift(a, out, center), epsilon), x)


def _pullback(x: Any, y: Any, *, epsilon: float, center: bool) -> Any:
    if (fast_result := _pullback_kernel(x, y, numbers=(epsilon, float(center)))) is not None:
        return fast_result

    def work(g: Any, a: Any, out: Any) -> None:
        standard = _shift(a, np.empty_like(a), center)
        r = _scale_into(standard, epsilon)
        _shift(g, out, center)
        standard *= _mean_of(standard, g)
        out -= standard
        out *= r

    return _by_rows(work, x, y)


# ---- the derivatives, in plain NumPy --------------------------------------------------------------------------------


def _mean_product(a: Any, b: Any) -> Any:
    """As `_mean_of`, with the same bits for all kinds of arrays, and however these lie in memory."""
    return np.sum(a * b, axis=-1, keepdims=True) / a.shape[-1]


def _second(g: Any, h: Any, x: Any, epsilon: float, center: bool) -> Any:
    """Return K(g, h)."""
    if not x.size:
        return g * h
    shifted, g, h = (_center(a, center) for a in (x, g, h))
    r = 1 / np.sqrt(_mean_product(shifted, shifted) + epsilon)
    y = shifted * r
    of_g, of_h = _mean_product(g, y), _mean_product(h, y)
    return (y * (3 * of_g * of_h - _mean_product(g, h)) - h * of_g - g * of_h) * (r * r)


def _pullback_by_y(g: Any, out: Any, x: Any, y: Any, *, epsilon: float, center: bool) -> Any:
    return _second(x, g, y, epsilon, center)


def _float_of(*specs: ShapeDtype) -> np.dtype[Any]:
    return np.result_type(*(np.exp(np.ones(1, s.dtype)).dtype for s in specs))


def _cost(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    # Mean, difference, square, mean, product; and of each row epsilon, the root and the division.
    return math.prod(out) * (5 if params["center"] else 3) + 3 * math.prod(out[:-1])


def _cost_of_pullback(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    # x is standardized again; then mean, difference, two products with means, a difference and a product.
    return _cost(shapes, out, params) + math.prod(out) * (7 if params["center"] else 5)


standardize_pullback: Op = structural(
    "standardize_pullback",
    _pullback,
    lambda g, out, x, y, **params: standardize_pullback(g, y, **params),
    _pullback_by_y,
    saves=("y", "xy"),
    infer=lambda x, y, **_: ShapeDtype(x.shape, _float_of(x, y)),
    jvp=jvp_by_inputs(lambda t, out, x, y, **params: standardize_pullback(t, y, **params), _pullback_by_y),
    batch=batching.one_by_one,
    cost=_cost_of_pullback,
)
standardize: Op = structural(
    "standardize",
    _standardize,
    lambda g, out, x, **params: standardize_pullback(g, x, **params),
    saves="x",
    infer=lambda x, **_: ShapeDtype(x.shape, _float_of(x)),
    jvp=lambda tangents, out, x, **params: standardize_pullback(tangents[0], x, **params),
    batch=batching.gufunc(1),
    cost=_cost,
)
