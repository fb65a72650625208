"""Power series where formulas of rules lose digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...native import threaded_functions as fast
from .records import sp


def near_zero(x: Any, series: Sequence[float], formula: Callable[[Any], Any]) -> Any:
    """Evaluate a function by its power series where |x| < 0.03, and elsewhere by a formula that loses digits there."""
    near = np.abs(x) < 0.03
    total = series[-1] * x + series[-2]
    for c in series[-3::-1]:
        total = total * x + c
    return np.where(near, total, formula(np.where(near, 0.5, x)))


_TERMS = range(13)
_LOG_RATIO = [(-1) ** n / (n + 1) for n in _TERMS]
_LOG_RATIO_SLOPE = [(-1) ** (n + 1) * (n + 1) / (n + 2) for n in _TERMS]


def log_ratio(w: Any) -> Any:
    """Return log(1 + w) / w."""
    return near_zero(w, _LOG_RATIO, lambda w: fast.log1p(w) / w)


def log_ratio_slope(w: Any) -> Any:
    """Return the derivative of log(1 + w) / w."""
    return near_zero(w, _LOG_RATIO_SLOPE, lambda w: (1 / (w + 1) - fast.log1p(w) / w) / w)


def exprel_slope(x: Any) -> Any:
    """Return the derivative of (exp(x) - 1) / x, which is the hypergeometric 1F1(1; 2; x)."""
    # Far to the left it is 1/x². To the right it is infinite from 1000 on; at infinity SciPy does not return.
    far = np.square(1 / np.minimum(x, -50.0))
    return np.where(x < -50, far, 0.5 * sp.hyp1f1(2, 3, np.clip(x, -50.0, 1000.0)))
