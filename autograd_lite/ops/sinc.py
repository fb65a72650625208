"""sinc and i0. The derivatives of each stay in one family: one op, whose parameter is the order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.duck_arrays import as_array
from ..core.op import Op, applied, composes, elementwise
from ..native import threaded_functions as fast


def _wide(x: Any) -> tuple[Any, np.dtype[Any]]:
    x = as_array(x)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)
    return x.astype(np.result_type(x.dtype, np.float64)), dtype


# ---- sinc -----------------------------------------------------------------------------------------------------------
def _sinc(x: Any, *, order: int) -> Any:
    """Return the derivative of sin(πx)/(πx) of this order.

    With u = πx, near 0 by its power series π^n Σ (-1)^k u^(2k-n) / ((2k+1) (2k-n)!); elsewhere by the recurrence that
    differentiating x sinc(x) = sin(πx)/π n times gives: x f⁽ⁿ⁾ + n f⁽ⁿ⁻¹⁾ = π^(n-1) sin(πx + nπ/2).
    """
    if order == 0:
        return np.sinc(x)
    x64, dtype = _wide(x)
    near = np.abs(x64) * math.pi < max(3.0, order + 1.0)
    u, large = np.where(near, x64 * math.pi, 0), np.where(near, 1, x64)
    first, square = (order + 1) // 2, u * u
    series: Any = 0.0
    for k in range(first + 16 + order, first - 1, -1):
        series = series * square + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - order))
    series = series * math.pi**order * (u if order % 2 else 1)
    far = np.sinc(large)
    for n in range(1, order + 1):
        far = (math.pi ** (n - 1) * fast.sin(math.pi * large + n * math.pi / 2) - n * far) / large
    return np.where(near, series, far).astype(dtype)


sinc: Op = elementwise(
    _sinc,
    applied(lambda g, out, x, *, order: g * sinc(x, order=order + 1)),
    name="sinc",
    saves="x",
)


@composes(np.sinc)
def _numpy_sinc(x: Any) -> Any:
    return sinc(x, order=0)


# ---- modified Bessel functions of the first kind --------------------------------------------------------------------
def _bessel(x: Any, *, order: int) -> Any:
    """Return I_n(x): by its series, all of one sign, up to |x| = 30, by the expansion at infinity beyond.

    NIST Digital Library of Mathematical Functions, equations 10.25.2 and 10.40.1.
    """
    if order == 0:
        return np.i0(x).astype(_wide(x)[1])
    x64, dtype = _wide(x)
    size = np.abs(x64)
    small, large = np.minimum(size, 30), np.maximum(size, 30)
    half = small / 2
    term = half**order / math.factorial(order)
    series = term
    for k in range(1, 75):
        term = term * half * half / (k * (k + order))
        series = series + term
    tail = np.ones_like(large)
    total = tail
    for k in range(1, 25):
        tail = -tail * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * large)
        total = total + tail
    with np.errstate(over="ignore", invalid="ignore"):
        far = fast.exp(large / 2) * (fast.exp(large / 2) / np.sqrt(2 * math.pi * large) * total)
    magnitude = np.where(size < 30, series, far)
    return (np.where(x64 < 0, -magnitude, magnitude) if order % 2 else magnitude).astype(dtype)


def _bessel_slope(g: Any, out: Any, x: Any, *, order: int) -> Any:
    # DLMF 10.29.1: I_n' = (I_(n-1) + I_(n+1)) / 2, and I_0' = I_1.
    if order == 0:
        return g * bessel_i(x, order=1)
    return g * ((bessel_i(x, order=order - 1) + bessel_i(x, order=order + 1)) / 2)


bessel_i: Op = elementwise(
    _bessel,
    applied(_bessel_slope),
    name="bessel_i",
    saves="x",
)


@composes(np.i0)
def _numpy_i0(x: Any) -> Any:
    return bessel_i(x, order=0)
