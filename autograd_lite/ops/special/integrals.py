"""Exponential integrals, the dilogarithm, and distributions that are neither gamma nor beta functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import threaded_functions as fast
from .distributions import Partials, inverse, tail
from .power_series import log_ratio
from .records import NOT_CLOSED, WHOLE, UfuncRow, scipy_row, sp

_ROOT = math.sqrt(2 * math.pi)


def _expn_by_x(out: Any, n: Any, x: Any) -> Any:
    # 8.19.13; E_0 is exp(-x) / x.
    zero = n < 1
    return -np.where(zero, fast.exp(-x) * (1 / x + 1) / x, sp.expn(np.where(zero, 0.0, n - 1), x))


def _spence_slope(out: Any, x: Any) -> Any:
    # log(x) / (1 - x); near 1, where that is 0/0, by a series, and near 0, where x - 1 has lost x, by itself.
    small = x < 0.5
    near = np.where(small, x, 0.5)
    return np.where(small, fast.log(near) / (1 - near), -log_ratio(np.where(small, 1.0, x) - 1))


def _kolmogorov_density(x: Any) -> Any:
    """Return minus the derivative of Kolmogorov's tail, by the one of its two series that is short."""
    far, near = np.maximum(x, 0.8), np.clip(x, 0.01, 0.8)
    tail: Any = 0
    for k in range(1, 8):
        tail = tail + (8 * (-1) ** (k - 1) * k * k) * far * fast.exp(-2 * k * k * far * far)
    body: Any = 0
    w = 1 / (near * near)
    for k in range(1, 8, 2):
        c = k * k * math.pi * math.pi / 8
        body = body + _ROOT * w * (2 * c * w - 1) * fast.exp(-c * w)
    return np.where(x > 0.8, tail, np.where(x > 0, body, 0))


def _within(p: Any) -> tuple[Any, Any]:
    """Return where a probability is neither 0 nor 1, as it is beyond the ends of a support, and what to read there."""
    inside = (p > 0) & (p < 1)
    return inside, np.where(inside, p, 0.5)


def _tukey_density(p: Any, lam: Any) -> Any:
    inside, p = _within(p)
    return np.where(inside, 1 / (fast.power(p, lam - 1) + fast.power(1 - p, lam - 1)), 0)


def _tukey_by_lambda(p: Any, x: Any, lam: Any) -> Any:
    _, q = _within(p)
    by_lambda = fast.power(q, lam) * fast.log(q) - fast.power(1 - q, lam) * fast.log1p(-q) - x
    return -by_lambda / lam * _tukey_density(p, lam)


def _ncx2_density(x: Any, df: Any, nc: Any) -> Any:
    gap = np.sqrt(x) - np.sqrt(nc)
    bessel = sp.ive(0.5 * df - 1, np.sqrt(x * nc))
    return 0.5 * fast.exp(-0.5 * gap * gap) * fast.power(x / nc, 0.25 * df - 0.5) * bessel


def _noncentral_f(m: Any, n: Any, nc: Any, x: Any, raised: int) -> Any:
    """Return the sum over Poisson's weights of mean nc/2 of w^(a+j) (1-w)^b / B(a+j, b), w = mx / (mx + n).

    With a = m/2, b = n/2, and with `raised` each term over 1 + j/a: a series 1F1 of positive terms.
    """
    a, b, r = 0.5 * m, 0.5 * n, m * x / n
    return sp.betaprime_weight(a, b, r) * fast.exp(-0.5 * nc) * sp.hyp1f1(a + b, a + raised, 0.5 * nc * r / (r + 1))


# The noncentral χ² density is closed (with a Bessel function); to derive by the noncentrality raises df by 2.
_NONCENTRAL: Partials = (_ncx2_density, NOT_CLOSED, lambda x, df, nc: -_ncx2_density(x, df + 2, nc))

INTEGRALS: dict[str, UfuncRow] = {
    "exp1": scipy_row(applied(lambda g, out, x: -g * fast.exp(-x) / x), saves="x", domain=("positive",)),
    "expi": scipy_row(applied(lambda g, out, x: g * fast.exp(x) / x), saves="x", domain=("positive",)),
    "expn": scipy_row(WHOLE, _expn_by_x, saves=("", "xy"), domain=("any", "positive")),
    "spence": scipy_row(_spence_slope, saves="x", domain=("positive",)),
    "kolmogorov": scipy_row(lambda out, x: -_kolmogorov_density(x), saves="x", domain=("positive",)),
    "kolmogi": scipy_row(applied(lambda g, out, x: -g / _kolmogorov_density(out)), saves="o", domain=("share",)),
    "chndtr": tail(_NONCENTRAL, domain=("positive", "positive", "positive")),
    "chndtrix": inverse(_NONCENTRAL, "p12", domain=("share", "positive", "positive")),
    "chndtrinc": inverse(_NONCENTRAL, "01p"),
    "ncfdtr": scipy_row(
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z, u: -0.5 * _noncentral_f(x, y, z, u, 1) / (0.5 * x),
        lambda out, x, y, z, u: _noncentral_f(x, y, z, u, 0) / u,
        saves=("", "", "xyzu", "xyzu"),
        domain=("positive", "positive", "positive", "positive"),
    ),
    "ncfdtri": scipy_row(
        NOT_CLOSED,
        NOT_CLOSED,
        applied(
            lambda g, out, x, y, z, u: g * out * _noncentral_f(x, y, z, out, 1) / (x * _noncentral_f(x, y, z, out, 0))
        ),
        applied(lambda g, out, x, y, z, u: g * out / _noncentral_f(x, y, z, out, 0)),
        saves=("", "", "oxyz", "oxyz"),
        domain=("positive", "positive", "positive", "share"),
    ),
    # Tukey's lambda distribution: x = (p^λ - (1-p)^λ) / λ.
    "tklmbda": scipy_row(
        lambda out, x, y: _tukey_density(out, y),
        lambda out, x, y: _tukey_by_lambda(out, x, y),
        saves=("oy", "oxy"),
    ),
}
