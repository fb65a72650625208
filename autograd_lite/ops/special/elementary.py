"""Entropy, logistic, powers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import threaded_functions as fast
from .power_series import exprel_slope, log_ratio_slope
from .records import AB, SHARE, UfuncRow, scipy_row, sp


def _both_zero(x: Any, y: Any) -> Any:
    return (x == 0) & (y == 0)


def _quotient(x: Any, y: Any) -> Any:
    """Return x / y, and 0 for 0 / 0."""
    both = _both_zero(x, y)
    return np.where(both, 0, x / np.where(both, 1, y))


def _log_quotient(x: Any, y: Any) -> Any:
    """Return log(x / y), and 0 for x = y = 0."""
    both = _both_zero(x, y)
    return fast.log(np.where(both, 1, x) / np.where(both, 1, y))


def _log_of_factor(x: Any, y: Any) -> Any:
    """Return log(y), and 0 for x = y = 0."""
    return fast.log(np.where(_both_zero(x, y), 1, y))


def _pseudo_huber_by_delta(out: Any, x: Any, y: Any) -> Any:
    # (h - δ)² / h with h = √(δ² + r²), and h - δ without cancellation.
    h = np.hypot(x, y)
    return np.square(y * y / (h + x)) / h


_DEGREE = math.pi / 180


ENTROPY_AND_LOGISTIC: dict[str, UfuncRow] = {
    "expit": scipy_row(lambda out, x: out * sp.expit(-x), saves="ox", glyph="σ"),
    "logit": scipy_row(applied(lambda g, out, x: g / (x * (1 - x))), saves="x", domain=SHARE),
    "log_expit": scipy_row(lambda out, x: sp.expit(-x), saves="x"),
    # 0 log 0 is 0, and constant in both there.
    "xlogy": scipy_row(
        lambda out, x, y: _log_of_factor(x, y),
        lambda out, x, y: _quotient(x, y),
        saves="xy",
        domain=("any", "positive"),
    ),
    "xlog1py": scipy_row(
        lambda out, x, y: _log_of_factor(x, y + 1),
        lambda out, x, y: _quotient(x, y + 1),
        saves="xy",
        domain=("any", "positive"),
    ),
    "entr": scipy_row(lambda out, x: -fast.log(x) - 1, saves="x", domain=("positive",)),
    "rel_entr": scipy_row(
        lambda out, x, y: np.where(_both_zero(x, y), 0, _log_quotient(x, y) + 1),
        lambda out, x, y: -_quotient(x, y),
        saves="xy",
        domain=AB,
        selects=True,
    ),
    "kl_div": scipy_row(
        lambda out, x, y: _log_quotient(x, y), lambda out, x, y: 1 - _quotient(x, y), saves="xy", domain=AB
    ),
    "huber": scipy_row(
        lambda out, x, y: np.where(np.abs(y) <= x, 0, np.abs(y) - x),
        lambda out, x, y: np.where(np.abs(y) <= x, y, x * np.sign(y)),
        saves="xy",
        domain=("positive", "any"),
        kinks="|r| = δ, from the second derivative on",
    ),
    "pseudo_huber": scipy_row(
        _pseudo_huber_by_delta,
        lambda out, x, y: x * y / np.hypot(x, y),
        saves="xy",
        domain=("positive", "any"),
    ),
}

POWERS: dict[str, UfuncRow] = {
    "cbrt": scipy_row(applied(lambda g, out, x: g / (3 * out * out)), saves="o", domain=("nonzero",)),
    "exp2": scipy_row(lambda out, x: out * math.log(2), saves="o"),
    "exp10": scipy_row(lambda out, x: out * math.log(10), saves="o"),
    "expm1": scipy_row(lambda out, x: out + 1, saves="o"),
    "exprel": scipy_row(lambda out, x: exprel_slope(x), saves="x"),
    "log1p": scipy_row(applied(lambda g, out, x: g / (x + 1)), saves="x", domain=("positive",)),
    "cosm1": scipy_row(lambda out, x: -fast.sin(x), saves="x"),
    "sindg": scipy_row(lambda out, x: _DEGREE * sp.cosdg(x), saves="x"),
    "cosdg": scipy_row(lambda out, x: -_DEGREE * sp.sindg(x), saves="x"),
    "tandg": scipy_row(lambda out, x: _DEGREE * (out * out + 1), saves="o"),
    "cotdg": scipy_row(lambda out, x: -_DEGREE * (out * out + 1), saves="o", domain=("nonzero",)),
    "radian": scipy_row(_DEGREE, _DEGREE / 60, _DEGREE / 3600, linear=True),
    "round": scipy_row(0, kinks="halves of odd integers"),
    "powm1": scipy_row(
        lambda out, x, y: y * fast.power(x, y - 1),
        lambda out, x, y: (out + 1) * fast.log(x),
        saves=("xy", "ox"),
        domain=("positive", "any"),
        selects=True,
    ),
    "boxcox": scipy_row(
        lambda out, x, y: fast.power(x, y - 1),
        lambda out, x, y: np.square(fast.log(x)) * exprel_slope(y * fast.log(x)),
        saves="xy",
        domain=("positive", "any"),
    ),
    "boxcox1p": scipy_row(
        lambda out, x, y: fast.power(x + 1, y - 1),
        lambda out, x, y: np.square(fast.log1p(x)) * exprel_slope(y * fast.log1p(x)),
        saves="xy",
        domain=("positive", "any"),
    ),
    "inv_boxcox": scipy_row(
        lambda out, x, y: out / (x * y + 1),
        lambda out, x, y: out * x * x * log_ratio_slope(x * y),
        saves="oxy",
        domain=AB,
    ),
    "inv_boxcox1p": scipy_row(
        lambda out, x, y: (out + 1) / (x * y + 1),
        lambda out, x, y: (out + 1) * x * x * log_ratio_slope(x * y),
        saves="oxy",
        domain=AB,
    ),
    "wrightomega": scipy_row(lambda out, x: out / (out + 1), saves="o"),
}
