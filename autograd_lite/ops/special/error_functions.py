"""The error function, the normal distribution and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...native import threaded_functions as fast
from .records import SHARE, UfuncRow, scipy_row, sp


def _erfcx_slope(out: Any, x: Any) -> Any:
    """Return the derivative of exp(x²) erfc(x); far to the right, where its difference cancels, by a series in 1/x²."""
    w = np.square(1 / np.maximum(x, 100.0))
    far = (-0.5 * _SLOPE) * w * (1 - w * (1.5 - w * (3.75 - w * 13.125)))
    return np.where(x > 100, far, 2 * np.minimum(x, 100.0) * out - _SLOPE)


def _dawson_slope(out: Any, x: Any) -> Any:
    """Return 1 - 2 x D(x); far out, where its terms cancel, by the series of D (7.12.1) in 1/(2x²)."""
    far = np.abs(x) > 12
    w = 0.5 / np.square(np.where(far, x, 12.0))
    total: Any = 0
    for factor in range(19, 0, -2):
        total = (total + 1) * (factor * w)
    return np.where(far, -total, 1 - 2 * np.where(far, 0, x) * out)


_SLOPE = 2 / math.sqrt(math.pi)
_NORMAL = 1 / math.sqrt(2 * math.pi)


ERROR_FUNCTIONS: dict[str, UfuncRow] = {
    "erf": scipy_row(lambda out, x: _SLOPE * fast.exp(-(x * x)), saves="x"),
    "erfc": scipy_row(lambda out, x: -_SLOPE * fast.exp(-(x * x)), saves="x"),
    "erfcx": scipy_row(_erfcx_slope, saves="ox"),
    "erfi": scipy_row(lambda out, x: _SLOPE * fast.exp(x * x), saves="x"),
    "erfinv": scipy_row(lambda out, x: fast.exp(out * out) * (1 / _SLOPE), saves="o", domain=("unit",)),
    "erfcinv": scipy_row(lambda out, x: fast.exp(out * out) * (-1 / _SLOPE), saves="o", domain=SHARE),
    "dawsn": scipy_row(_dawson_slope, saves="ox"),
    "ndtr": scipy_row(lambda out, x: _NORMAL * fast.exp(-0.5 * x * x), saves="x"),
    # The hazard φ/Φ, written with erfcx so that it is exact far to the left, where both underflow.
    "log_ndtr": scipy_row(lambda out, x: (_NORMAL * 2) / sp.erfcx(x * -math.sqrt(0.5)), saves="x"),
    "ndtri": scipy_row(lambda out, x: fast.exp(0.5 * out * out) * (1 / _NORMAL), saves="o", domain=SHARE),
    "ndtri_exp": scipy_row(
        lambda out, x: sp.erfcx(out * -math.sqrt(0.5)) * (0.5 / _NORMAL), saves="o", domain=("negative",)
    ),
    "owens_t": scipy_row(
        lambda out, x, y: (-0.5 * _NORMAL) * fast.exp(-0.5 * x * x) * sp.erf(x * y * math.sqrt(0.5)),
        lambda out, x, y: fast.exp(-0.5 * x * x * (y * y + 1)) / ((2 * math.pi) * (y * y + 1)),
        saves="xy",
    ),
}
