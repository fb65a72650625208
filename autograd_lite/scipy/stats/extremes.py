"""Weibull, Gumbel, Pareto and logistic distributions, which have distribution functions of powers and exponentials."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .rows import (
    EULER,
    LOG_2,
    LOG_PI,
    POSITIVE,
    UNIT,
    Row,
    fix_shapes,
    log1mexp_power,
    log1p_by,
    log1p_power,
    log_exprel,
    one_over,
    scaled_exp1,
    times,
    two_sided,
    where_above,
)


def _weibull(log: Any, c: Any) -> Any:
    return times(c - 1, log) - np.exp(c * log) + np.log(c)


def _weibull_power(n: int, c: Any) -> Any:
    return sp.gamma(1 + n / c)


def _weibull_entropy(c: Any) -> Any:
    return EULER + 1 - EULER / c - np.log(c)


def _exponweib(x: Any, a: Any, c: Any) -> Any:
    log = np.log(x)
    return np.log(a * c) + (a - 1) * log1mexp_power(c * log) - np.exp(c * log) + times(c - 1, log)


def _exponpow(x: Any, b: Any) -> Any:
    log, power = np.log(x), x**b
    return 1 + np.log(b) + times(b - 1, log) + power - np.exp(power)


def _genexpon(x: Any, a: Any, b: Any, c: Any) -> Any:
    return -(a + b) * x + b * x * sp.exprel(-c * x)


def _truncated_weibull(x: Any, c: Any, a: Any, b: Any) -> Any:
    """Log density; log c and the log of the mass 1 - exp(a^c - b^c) cancel for small c, unless a is 0."""
    near = (a > 0) & (c * np.log(b / a) < 1)
    low = np.where(near, a, 1.0)
    log = np.log(np.where(near, b, 2.0) / low)
    small = c * log
    mass = low**c * small * sp.exprel(small)  # b^c - a^c
    gain = -c * np.log(low) - np.log(log) - np.log(sp.exprel(small)) - np.log(sp.exprel(-mass))
    gain = np.where(near, gain, np.log(c) - np.log(-np.expm1(np.where(near, -1.0, a**c - b**c))))
    return times(c - 1, np.log(x)) - x**c + a**c + gain


def _between(x: Any, c: Any, a: Any, b: Any) -> Any:
    """Return the share of a Weibull distribution's part between a and b that is below x."""
    return np.expm1(a**c - x**c) / np.expm1(a**c - b**c)


def _genextreme_power(n: int, c: Any) -> Any:
    return sp.gamma(1 + n * c)


def _genextreme_mean(c: Any) -> Any:
    none = np.abs(c) < 1e-7
    some = np.where(none, 1.0, c)
    return where_above(-1, c, np.where(none, EULER, -np.expm1(sp.gammaln(some + 1)) / some), math.nan)


def _genextreme_var(c: Any) -> Any:
    none = np.abs(c) < 1e-7
    some = np.where(none, 1.0, c)
    spread = np.expm1(sp.gammaln(2 * some + 1) - 2 * sp.gammaln(some + 1)) / (some * some)
    value = np.where(none, math.pi**2 / 6, sp.gamma(some + 1) ** 2 * spread)
    return where_above(-0.5, c, value, math.nan)


def _genextreme(x: Any, c: Any) -> Any:
    y = log1p_by(-c, x)
    return (c - 1) * y - np.exp(-y)


def _kappa4_cdf(y: Any, h: Any) -> Any:
    """Return log F = log(1 - h exp(-y)) / h at y = -log(1 - k x) / k."""
    far = (h < 0) & (y < -600)  # exp(-y) may be beyond numbers
    negative = np.where(far, h, -1.0)
    return np.where(far, (np.log(-negative) - y) / negative, -log1p_by(-h, np.exp(-np.where(far, 0.0, y))))


def _kappa4(x: Any, h: Any, k: Any) -> Any:
    y = log1p_by(-k, x)
    return (k - 1) * y + (1 - h) * _kappa4_cdf(y, h)


def _kappa4_lower(h: Any, k: Any) -> Any:
    log_h, some = np.log(np.where(h > 0, h, 1.0)), np.where(k == 0, 1.0, k)
    above_0 = np.where(k == 0, log_h, -np.expm1(-some * log_h) / some)
    return np.where(h > 0, above_0, one_over(-1, k, -math.inf))


def _burr(x: Any, c: Any, d: Any) -> Any:
    log = np.log(x)
    return np.log(c * d) - (c + 1) * log - (d + 1) * np.logaddexp(0.0, -c * log)


def _burr12_power(n: int, c: Any, d: Any) -> Any:
    return where_above(n, c * d, d * sp.beta(1 + n / c, d - n / c), math.nan)


def _mielke_power(n: int, k: Any, s: Any) -> Any:
    value = np.exp(sp.gammaln((k + n) / s) + sp.gammaln(1 - n / s) - sp.gammaln(k / s))
    return where_above(n, s, value)


def _pareto_mean(b: Any) -> Any:
    return where_above(1, b, b / (b - 1))


def _pareto_var(b: Any) -> Any:
    return where_above(2, b, b / ((b - 2) * (b - 1) ** 2))


def _log_truncated(b: Any, log: Any) -> Any:
    """Return log((1 - x^-b) / b) of log x."""
    return np.log(log) + log_exprel(-b * log)


def _truncpareto_power(n: int, b: Any, c: Any) -> Any:
    return b / (b - n) * (c**b - c**n) / (c**b - 1)


def _genhalflogistic(x: Any, c: Any) -> Any:
    y = log1p_by(-c, x)
    return LOG_2 + (c - 1) * y - 2 * np.log1p(np.exp(-y))


def _asymmetric(x: Any, kappa: Any) -> Any:
    right = x >= 0
    tail = np.exp(np.where(right, -x * kappa, x / kappa)) / (1 + kappa * kappa)
    return np.where(right, 1 - tail, tail * kappa * kappa)


# fmt: off
_BURR = Row(
    logpdf=_burr, logcdf=lambda x, c, d: -d * np.logaddexp(0.0, -c * np.log(x)), support=POSITIVE, closed=False,
    power=lambda n, c, d: where_above(n, c, d * sp.beta(1 - n / c, d + n / c), math.nan),
)
_GUMBEL_L = Row(logpdf=lambda x: x - np.exp(x), logsf=lambda x: -np.exp(x))

EXTREMES: dict[str, Row] = {
    "expon": Row(logpdf=lambda x: -x, logsf=lambda x: -x, support=POSITIVE),
    "weibull_min": Row(
        logpdf=lambda x, c: _weibull(np.log(x), c), logsf=lambda x, c: -np.exp(c * np.log(x)), support=POSITIVE,
        power=_weibull_power, entropy=_weibull_entropy,
    ),
    "weibull_max": Row(
        logpdf=lambda x, c: _weibull(np.log(-x), c), logcdf=lambda x, c: -np.exp(c * np.log(-x)),
        support=(-math.inf, 0.0), power=lambda n, c: (-1) ** n * _weibull_power(n, c), entropy=_weibull_entropy,
    ),
    "dweibull": Row(
        logpdf=lambda x, c: _weibull(np.log(np.abs(x)), c) - LOG_2,
        cdf=lambda x, c: two_sided(np.sign(x) * np.abs(x) ** c), symmetric=True, mean=lambda c: 0.0 * c,
        var=lambda c: _weibull_power(2, c), entropy=lambda c: _weibull_entropy(c) + LOG_2,
    ),
    "exponweib": Row(
        logpdf=_exponweib, logcdf=lambda x, a, c: a * log1mexp_power(c * np.log(x)), support=POSITIVE, closed=False,
    ),
    "exponpow": Row(logpdf=_exponpow, logsf=lambda x, b: -np.expm1(x**b), support=POSITIVE),
    "invweibull": Row(
        logpdf=lambda x, c: np.log(c) - (c + 1) * np.log(x) - x**-c, logcdf=lambda x, c: -(x**-c), support=POSITIVE,
        closed=False, mean=lambda c: where_above(1, c, sp.gamma(1 - 1 / c)),
        var=lambda c: where_above(2, c, sp.gamma(1 - 2 / c) - sp.gamma(1 - 1 / c) ** 2),
        entropy=lambda c: 1 + EULER + EULER / c - np.log(c),
    ),
    "truncweibull_min": Row(
        logpdf=_truncated_weibull,
        cdf=_between, sf=lambda x, c, a, b: np.exp(a**c - x**c) * np.expm1(x**c - b**c) / np.expm1(a**c - b**c),
        support=(lambda c, a, b: a, lambda c, a, b: b), check=lambda c, a, b: (a >= 0) & (b > a) & (c > 0),
    ),
    "gumbel_l": _GUMBEL_L,
    "gumbel_r": Row(logpdf=lambda x: -x - np.exp(-x), logcdf=lambda x: -np.exp(-x)),
    "genextreme": Row(
        logpdf=_genextreme, logcdf=lambda x, c: -np.exp(-log1p_by(-c, x)),
        support=(lambda c: one_over(-1, c, -math.inf), lambda c: one_over(1, c, math.inf)), closed=False,
        check=np.isfinite, mean=_genextreme_mean, var=_genextreme_var, entropy=lambda c: EULER * (1 - c) + 1,
    ),
    "gompertz": Row(
        logpdf=lambda x, c: np.log(c) + x - c * np.expm1(x), logsf=lambda x, c: -c * np.expm1(x), support=POSITIVE,
        entropy=lambda c: 1 - np.log(c) - scaled_exp1(c),
    ),
    "genexpon": Row(
        logpdf=lambda x, a, b, c: np.log(a + b * c * x * sp.exprel(-c * x)) + _genexpon(x, a, b, c), logsf=_genexpon,
        support=POSITIVE,
    ),
    "genpareto": Row(
        logpdf=lambda x, c: -(c + 1) * log1p_by(c, x), logsf=lambda x, c: -log1p_by(c, x),
        support=(0.0, lambda c: -one_over(-1, c, -math.inf)), check=np.isfinite,
        mean=lambda c: np.where(c < 1, 1 / (1 - c), math.inf),
        var=lambda c: np.where(c < 0.5, 1 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan), entropy=lambda c: 1 + c,
    ),
    "pareto": Row(
        logpdf=lambda x, b: np.log(b) - (b + 1) * np.log(x), logsf=lambda x, b: -b * np.log(x), support=(1.0, math.inf),
        mean=_pareto_mean, var=_pareto_var, entropy=lambda b: 1 + 1 / b - np.log(b),
    ),
    "lomax": Row(
        logpdf=lambda x, c: np.log(c) - (c + 1) * np.log1p(x), logsf=lambda x, c: -c * np.log1p(x), support=POSITIVE,
        mean=lambda c: _pareto_mean(c) - 1, var=_pareto_var, entropy=lambda c: 1 + 1 / c - np.log(c),
    ),
    "truncpareto": Row(
        logpdf=lambda x, b, c: -_log_truncated(b, np.log(c)) - (b + 1) * np.log(x),
        cdf=lambda x, b, c: np.exp(_log_truncated(b, np.log(x)) - _log_truncated(b, np.log(c))),
        sf=lambda x, b, c: np.exp(_log_truncated(b, np.log(c / x)) - _log_truncated(b, np.log(c))) * x**-b,
        support=(1.0, lambda b, c: c), check=lambda b, c: (b != 0) & (c > 1), power=_truncpareto_power,
        entropy=lambda b, c: (b + 1) * (1 / b - np.log(c) / (c**b - 1)) - np.log(b / (1 - c**-b)),
    ),
    "burr": _BURR,
    "fisk": dataclasses.replace(fix_shapes(_BURR, 1.0), entropy=lambda c: 2 - np.log(c)),
    "burr12": Row(
        logpdf=lambda x, c, d: np.log(c * d) + times(c - 1, np.log(x)) - (d + 1) * log1p_power(x, c),
        logsf=lambda x, c, d: -d * log1p_power(x, c), support=POSITIVE, power=_burr12_power,
    ),
    "mielke": Row(
        logpdf=lambda x, k, s: np.log(k) + (k - 1) * np.log(x) - (1 + k / s) * log1p_power(x, s),
        logcdf=lambda x, k, s: -(k / s) * log1p_power(1 / x, s), support=POSITIVE, closed=False, power=_mielke_power,
    ),
    "kappa3": Row(
        logpdf=lambda x, a: np.log(a) - (1 / a + 1) * np.logaddexp(np.log(a), a * np.log(x)), support=POSITIVE,
        logcdf=lambda x, a: -np.logaddexp(0.0, np.log(a) - a * np.log(x)) / a,
    ),
    "kappa4": Row(
        logpdf=_kappa4, logcdf=lambda x, h, k: _kappa4_cdf(log1p_by(-k, x), h), closed=False,
        support=(_kappa4_lower, lambda h, k: one_over(1, k, math.inf)), check=lambda h, k: (h == h) & (k == k),
    ),
    "powerlaw": Row(
        logpdf=lambda x, a: np.log(a) + times(a - 1, np.log(x)), logcdf=lambda x, a: a * np.log(x), support=UNIT,
        mean=lambda a: a / (a + 1), var=lambda a: a / ((a + 2) * (a + 1) ** 2), entropy=lambda a: 1 - 1 / a - np.log(a),
    ),
    "logistic": Row(
        logpdf=lambda x: sp.log_expit(x) + sp.log_expit(-x), cdf=sp.expit, logcdf=sp.log_expit, symmetric=True,
    ),
    "genlogistic": Row(
        logpdf=lambda x, c: np.log(c) + sp.log_expit(-x) + c * sp.log_expit(x), logcdf=lambda x, c: c * sp.log_expit(x),
        mean=lambda c: EULER + sp.psi(c), var=lambda c: math.pi**2 / 6 + sp.zeta(2.0, c),
        entropy=lambda c: EULER + 1 - np.log(c) + sp.psi(c + 1),
    ),
    "halflogistic": Row(
        logpdf=lambda x: LOG_2 + sp.log_expit(x) + sp.log_expit(-x), cdf=lambda x: np.tanh(0.5 * x),
        sf=lambda x: 2 * sp.expit(-x), support=POSITIVE,
    ),
    "genhalflogistic": Row(
        logpdf=_genhalflogistic, cdf=lambda x, c: np.tanh(0.5 * log1p_by(-c, x)),
        sf=lambda x, c: 2 * sp.expit(-log1p_by(-c, x)), support=(0.0, lambda c: 1 / c),
        entropy=lambda c: 2 - (2 * c + 1) * LOG_2,
    ),
    "laplace": Row(logpdf=lambda x: -np.abs(x) - LOG_2, cdf=two_sided, symmetric=True),
    "loglaplace": Row(
        logpdf=lambda x, c: np.log(0.5 * c) - np.log(x) - c * np.abs(np.log(x)),
        cdf=lambda x, c: two_sided(c * np.log(x)), sf=lambda x, c: two_sided(-c * np.log(x)), support=POSITIVE,
        closed=False, mean=lambda c: where_above(1, c, c * c / (c * c - 1)),
        var=lambda c: where_above(2, c, c * c / (c * c - 4) - (c * c / (c * c - 1)) ** 2),
        entropy=lambda c: np.log(2 / c) + 1,
    ),
    "laplace_asymmetric": Row(
        logpdf=lambda x, kappa: np.where(x >= 0, -x * kappa, x / kappa) - np.log(kappa + 1 / kappa), cdf=_asymmetric,
        sf=lambda x, kappa: _asymmetric(-x, 1 / kappa), mean=lambda kappa: 1 / kappa - kappa,
        var=lambda kappa: 1 / kappa**2 + kappa**2, entropy=lambda kappa: 1 + np.log(kappa + 1 / kappa),
    ),
    "hypsecant": Row(
        logpdf=lambda x: LOG_2 - LOG_PI - np.logaddexp(x, -x), cdf=lambda x: (2 / math.pi) * np.arctan(np.exp(x)),
        symmetric=True,
    ),
}
