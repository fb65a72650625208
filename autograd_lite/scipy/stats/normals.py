"""The normal distribution and those derived from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .rows import (
    HALF_LOG_2PI,
    LOG_2,
    LOG_PI,
    POSITIVE,
    UNIT,
    Row,
    fix_shapes,
    log1mexp,
    log1p_square,
    log_normal,
    one_over,
    power_series,
    scaled_exp1,
    stirling,
    times,
)

_ROOT_HALF = math.sqrt(0.5)
_ROOT_2_PI = math.sqrt(2 / math.pi)


def _log_mass(a: Any, b: Any) -> Any:
    """Return log(Φ(b) - Φ(a)), from the tails where both are on the right."""
    right = a > 0
    low, high = sp.log_ndtr(np.where(right, -b, a)), sp.log_ndtr(np.where(right, -a, b))
    return high + log1mexp(low - high)


def _lognormal(x: Any, s: Any) -> Any:
    return log_normal(np.log(x) / s) - np.log(s) - np.log(x)


def _norminvgauss(x: Any, a: Any, b: Any) -> Any:
    root = np.hypot(1.0, x)
    return np.log(a * sp.k1e(a * root) / root) - LOG_PI + b * x - a * root + np.sqrt(a * a - b * b)


def _birnbaum(x: Any, c: Any) -> Any:
    root = np.sqrt(x)
    return (root - 1 / root) / c


def _inverse_gauss(sign: float) -> Any:
    """Return log P(X <= x) for sign 1, log P(X > x) for -1."""

    def log_tail(x: Any, mu: Any) -> Any:
        root = 1 / np.sqrt(x)
        a = sp.log_ndtr(sign * root * (x / mu - 1))
        b = 2 / mu + sp.log_ndtr(-root * (x / mu + 1))
        return a + np.log1p(sign * np.exp(b - a))

    return log_tail


def _exponnorm(x: Any, K: Any) -> Any:
    """The density is that at x of the normal distribution times m R(m) / (1 - K x), with Mills' ratio R at m = 1/K - x.

    Far to the right m R(m) is a continued fraction in u = 1/m², which has the limit 1 for K = 0 (DLMF 7.9.3).
    """
    rest = 1 - K * x
    far = rest > 10 * K
    root = np.where(far, K, 0.0) / np.where(far, rest, 1.0)
    u = root * root
    ratio: Any = 1.0
    for n in range(12, 0, -1):
        ratio = 1 + n * u / ratio
    limit = log_normal(x) - np.log(np.where(far, rest, 1.0)) - np.log(ratio)
    some = np.where(far, 1.0, K)
    return np.where(far, limit, (0.5 / some - x) / some + sp.log_ndtr(x - 1 / some) - np.log(some))


def _exponnorm_part(x: Any, K: Any) -> Any:
    return K * np.exp(_exponnorm(x, K))


def _log_part(c: Any, s: Any, d: Any) -> Any:
    """Return log(φ(z) R(c s + z)) for z = d / s, with Mills' ratio R = (1 - Φ) / φ, without the squares of large z."""
    z = d / s
    at = c * s + z
    right = at > 0
    high, low = np.where(right, at, 0.0), np.where(right, 0.0, at)
    mills = np.log(sp.erfcx(_ROOT_HALF * high)) + 0.5 * (LOG_PI - LOG_2)
    return np.where(right, log_normal(z) + mills, c * (0.5 * c * s * s + d) + sp.log_ndtr(-low))


def _pareto_lognormal(x: Any, u: Any, s: Any, a: Any, b: Any) -> Any:
    log = np.log(x)
    parts = np.logaddexp(_log_part(a, s, u - log), _log_part(b, s, log - u))
    return np.log(a) + np.log(b) - np.log(a + b) - log + parts


def _pareto_lognormal_tail(sign: float) -> Any:
    """Return P(X <= x) for sign 1, P(X > x) for -1."""

    def tail(x: Any, u: Any, s: Any, a: Any, b: Any) -> Any:
        d = np.log(x) - u
        up, down = np.exp(_log_part(a, s, -d)), np.exp(_log_part(b, s, d))
        return sp.ndtr(sign * d / s) - sign * (b * up - a * down) / (a + b)

    return tail


def _pareto_lognormal_moment(n: int, u: Any, s: Any, a: Any, b: Any) -> Any:
    value = a * b / ((a - n) * (b + n)) * np.exp(n * u + 0.5 * n * n * s * s)
    return np.where(a > n, value, math.nan)


def _crystal_parts(beta: Any, m: Any) -> tuple[Any, Any]:
    """Return the masses of the power law and of the normal part, both with the density 1 at 0."""
    return m / beta / (m - 1) * np.exp(-0.5 * beta * beta), math.sqrt(2 * math.pi) * sp.ndtr(beta)


def _crystal(x: Any, beta: Any, m: Any) -> Any:
    power, normal = _crystal_parts(beta, m)
    right = x > -beta
    base = np.where(right, 1.0, m / beta - beta - np.where(right, -1.0, x))
    left = m * np.log(m / beta) - 0.5 * beta * beta - m * np.log(base)
    return np.where(right, -0.5 * x * x, left) - np.log(power + normal)


def _crystal_cdf(x: Any, beta: Any, m: Any) -> Any:
    power, normal = _crystal_parts(beta, m)
    right = x > -beta
    base = np.where(right, 1.0, m / beta - beta - np.where(right, -1.0, x))
    left = np.exp(m * np.log(m / beta) - 0.5 * beta * beta - (m - 1) * np.log(base)) / (m - 1)
    inside = power + math.sqrt(2 * math.pi) * (sp.ndtr(x) - sp.ndtr(-beta))
    return np.where(right, inside, left) / (power + normal)


def _crystal_sf(x: Any, beta: Any, m: Any) -> Any:
    power, normal = _crystal_parts(beta, m)
    right = math.sqrt(2 * math.pi) * sp.ndtr(-x) / (power + normal)
    return np.where(x > -beta, right, 1 - _crystal_cdf(x, beta, m))


def _folded_mean(c: Any) -> Any:
    return 2 * np.exp(log_normal(c)) + c * sp.erf(c * _ROOT_HALF)


def _truncated_mean(a: Any, b: Any) -> Any:
    mass = _log_mass(a, b)
    return np.exp(log_normal(a) - mass) - np.exp(log_normal(b) - mass)


def _edges(a: Any, b: Any) -> Any:
    """Return (a φ(a) - b φ(b)) / mass, in which an infinite end counts 0."""
    mass = _log_mass(a, b)
    low, high = np.where(np.isinf(a), 0.0, a), np.where(np.isinf(b), 0.0, b)
    return low * np.exp(log_normal(a) - mass) - high * np.exp(log_normal(b) - mass)


def _skew(a: Any) -> Any:
    return _ROOT_2_PI * a / np.sqrt(1 + a * a)


def _pearson_square(w: Any) -> tuple[Any, Any]:
    """Return q² = 2 (w - log(1 + w)) / w² and k = (q² - 1) / w, whose limits for w = 0 are 1 and -2/3."""
    near = np.abs(w) < 0.1
    small, large = np.where(near, w, 0.0), np.where(near, 1.0, w)
    series = power_series([(-1) ** n * 2 / n for n in range(3, 21)], small)
    square = 2 * (large - np.log1p(large)) / (large * large)
    return np.where(near, 1 + small * series, square), np.where(near, series, (square - 1) / large)


def _pearson_logpdf(x: Any, skew: Any) -> Any:
    """Log density by w = skew x / 2 and α = 4 / skew²: (α - 1) log(1 + w) - α w, which is smooth at skew 0."""
    w = 0.5 * skew * x
    near = np.abs(w) < 0.1
    small = np.where(near, w, 0.0)
    square, _ = _pearson_square(small)
    alpha = 4 / np.square(np.where(near, 1.0, skew))
    far = times(alpha - 1, np.log1p(np.where(near, 1.0, w))) - alpha * w
    value = np.where(near, -0.5 * square * (x * x) - np.log1p(small), far)
    return value - HALF_LOG_2PI - stirling(0.25 * skew * skew)


# Of the expansion of the incomplete gamma function for large α, the second term as a series.
_TEMME = (-1 / 540, -1 / 288, 1 / 378, -77 / 77760)


def _pearson_tail(sign: int) -> Any:
    """Return P(X <= x) for sign 1, P(X > x) for -1.

    References:
        Temme: The asymptotic expansion of the incomplete gamma functions, 1979, equation 3.8; for skew below 0.01.
    """

    def tail(x: Any, skew: Any) -> Any:
        flat = np.abs(skew) < 0.01
        s = np.where(flat, skew, 0.0)
        w = 0.5 * s * x
        square, k = _pearson_square(w)
        q = np.sqrt(square)
        z, series = x * q, power_series(_TEMME, w * q)
        rest = 0.5 * s * np.exp(log_normal(z)) * (k / (q * (q + 1)) + 0.25 * s * s * series)
        beta = 2 / np.where(flat, 1.0, skew)
        alpha = beta * beta
        y = np.where(flat, 1.0, beta * x + alpha)
        steep = np.where(sign * skew > 0, sp.gammainc(alpha, y), sp.gammaincc(alpha, y))
        return np.where(flat, sp.ndtr(sign * z) - sign * rest, steep)

    return tail


# fmt: off
_FOLDNORM = Row(
    logpdf=lambda x, c: log_normal(x - c) + np.log1p(np.exp(-2 * c * x)),
    cdf=lambda x, c: 0.5 * (sp.erf((x - c) * _ROOT_HALF) + sp.erf((x + c) * _ROOT_HALF)),
    sf=lambda x, c: sp.ndtr(c - x) + sp.ndtr(-x - c), support=POSITIVE, check=lambda c: c >= 0, mean=_folded_mean,
    var=lambda c: c * c + 1 - _folded_mean(c) ** 2,
)
_LOGNORM = Row(
    logpdf=_lognormal, cdf=lambda x, s: sp.ndtr(np.log(x) / s), sf=lambda x, s: sp.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: sp.log_ndtr(np.log(x) / s), logsf=lambda x, s: sp.log_ndtr(-np.log(x) / s), support=POSITIVE,
    closed=False, mean=lambda s: np.exp(0.5 * s * s), var=lambda s: np.exp(s * s) * np.expm1(s * s),
    entropy=lambda s: HALF_LOG_2PI + 0.5 + np.log(s),
)
_INVGAUSS = Row(
    logpdf=lambda x, mu: -HALF_LOG_2PI - 1.5 * np.log(x) - 0.5 * (x / mu - 1) * (1 / mu - 1 / x),
    logcdf=_inverse_gauss(1.0), logsf=_inverse_gauss(-1.0), support=POSITIVE, closed=False, check=lambda mu: mu > 0,
    mean=lambda mu: mu, var=lambda mu: mu**3,
    entropy=lambda mu: 0.5 + HALF_LOG_2PI + 1.5 * (np.log(mu) - scaled_exp1(2 / mu)),
)

NORMALS: dict[str, Row] = {
    "norm": Row(logpdf=log_normal, cdf=sp.ndtr, logcdf=sp.log_ndtr, symmetric=True),
    "lognorm": _LOGNORM,
    "gibrat": fix_shapes(_LOGNORM, 1.0),
    "invgauss": _INVGAUSS,
    "wald": fix_shapes(_INVGAUSS, 1.0),
    "alpha": Row(
        logpdf=lambda x, a: -2 * np.log(x) + log_normal(a - 1 / x) - sp.log_ndtr(a),
        logcdf=lambda x, a: sp.log_ndtr(a - 1 / x) - sp.log_ndtr(a), support=POSITIVE, closed=False,
    ),
    "crystalball": Row(logpdf=_crystal, cdf=_crystal_cdf, sf=_crystal_sf, check=lambda beta, m: (m > 1) & (beta > 0)),
    "dpareto_lognorm": Row(
        logpdf=_pareto_lognormal, cdf=_pareto_lognormal_tail(1.0), sf=_pareto_lognormal_tail(-1.0), support=POSITIVE,
        closed=False, check=lambda u, s, a, b: (s > 0) & (a > 0) & (b > 0), power=_pareto_lognormal_moment,
    ),
    "exponnorm": Row(
        logpdf=_exponnorm, cdf=lambda x, K: sp.ndtr(x) - _exponnorm_part(x, K),
        sf=lambda x, K: sp.ndtr(-x) + _exponnorm_part(x, K), mean=lambda K: K, var=lambda K: 1 + K * K,
    ),
    "fatiguelife": Row(
        logpdf=lambda x, c: np.log((x + 1) / (2 * c)) + log_normal(_birnbaum(x, c)) - 1.5 * np.log(x),
        cdf=lambda x, c: sp.ndtr(_birnbaum(x, c)), sf=lambda x, c: sp.ndtr(-_birnbaum(x, c)), support=POSITIVE,
        closed=False, mean=lambda c: 0.5 * c * c + 1, var=lambda c: 0.25 * c * c * (5 * c * c + 4),
    ),
    "foldnorm": _FOLDNORM,
    "halfnorm": fix_shapes(_FOLDNORM, 0.0),
    "johnsonsb": Row(
        logpdf=lambda x, a, b: np.log(b) - np.log(x) - np.log1p(-x) + log_normal(a + b * sp.logit(x)),
        cdf=lambda x, a, b: sp.ndtr(a + b * sp.logit(x)), sf=lambda x, a, b: sp.ndtr(-a - b * sp.logit(x)),
        support=UNIT, closed=False, check=lambda a, b: (b > 0) & (a == a),
    ),
    "johnsonsu": Row(
        logpdf=lambda x, a, b: np.log(b) - 0.5 * log1p_square(x) + log_normal(a + b * np.arcsinh(x)),
        cdf=lambda x, a, b: sp.ndtr(a + b * np.arcsinh(x)), sf=lambda x, a, b: sp.ndtr(-a - b * np.arcsinh(x)),
        check=lambda a, b: (b > 0) & (a == a), mean=lambda a, b: -np.exp(0.5 / b**2) * np.sinh(a / b),
        var=lambda a, b: 0.5 * np.expm1(1 / b**2) * (np.exp(1 / b**2) * np.cosh(2 * a / b) + 1),
    ),
    "levy": Row(
        logpdf=lambda x: -HALF_LOG_2PI - 1.5 * np.log(x) - 0.5 / x, cdf=lambda x: sp.erfc(np.sqrt(0.5 / x)),
        sf=lambda x: sp.erf(np.sqrt(0.5 / x)), support=POSITIVE, closed=False,
    ),
    "levy_l": Row(
        logpdf=lambda x: -HALF_LOG_2PI - 1.5 * np.log(-x) + 0.5 / x, cdf=lambda x: sp.erf(np.sqrt(-0.5 / x)),
        sf=lambda x: sp.erfc(np.sqrt(-0.5 / x)), support=(-math.inf, 0.0), closed=False,
    ),
    "moyal": Row(
        logpdf=lambda x: -0.5 * (x + np.exp(-x)) - HALF_LOG_2PI, cdf=lambda x: sp.erfc(np.exp(-0.5 * x) * _ROOT_HALF),
        sf=lambda x: sp.erf(np.exp(-0.5 * x) * _ROOT_HALF),
    ),
    "norminvgauss": Row(
        logpdf=_norminvgauss, check=lambda a, b: (a > 0) & (np.abs(b) < a),
        center=lambda a, b: b / np.sqrt(a * a - b * b), mean=lambda a, b: b / np.sqrt(a * a - b * b),
        var=lambda a, b: a * a / (a * a - b * b) ** 1.5,
    ),
    "pearson3": Row(
        logpdf=_pearson_logpdf, cdf=_pearson_tail(1), sf=_pearson_tail(-1),
        support=(lambda skew: -2 * one_over(1, skew, math.inf), lambda skew: -2 * one_over(-1, skew, -math.inf)),
        check=np.isfinite, mean=lambda skew: 0.0 * skew, var=lambda skew: 1.0 + 0.0 * skew,
    ),
    "powerlognorm": Row(
        logpdf=lambda x, c, s: np.log(c) + _lognormal(x, s) + (c - 1) * sp.log_ndtr(-np.log(x) / s),
        logsf=lambda x, c, s: c * sp.log_ndtr(-np.log(x) / s), support=POSITIVE, closed=False,
    ),
    "powernorm": Row(
        logpdf=lambda x, c: np.log(c) + log_normal(x) + (c - 1) * sp.log_ndtr(-x),
        logsf=lambda x, c: c * sp.log_ndtr(-x),
    ),
    "recipinvgauss": Row(
        logpdf=lambda x, mu: -0.5 * (1 / mu - x) * (1 / mu / x - 1) - HALF_LOG_2PI - 0.5 * np.log(x),
        cdf=lambda x, mu: np.exp(_inverse_gauss(-1.0)(1 / x, mu)),
        sf=lambda x, mu: np.exp(_inverse_gauss(1.0)(1 / x, mu)), support=POSITIVE, closed=False,
    ),
    "skewnorm": Row(
        logpdf=lambda x, a: LOG_2 + log_normal(x) + sp.log_ndtr(a * x),
        cdf=lambda x, a: sp.ndtr(x) - 2 * sp.owens_t(x, a), sf=lambda x, a: sp.ndtr(-x) + 2 * sp.owens_t(x, a),
        check=np.isfinite, mean=_skew, var=lambda a: 1 - _skew(a) ** 2,
    ),
    "truncnorm": Row(
        logpdf=lambda x, a, b: log_normal(x) - _log_mass(a, b),
        logcdf=lambda x, a, b: _log_mass(a, x) - _log_mass(a, b),
        logsf=lambda x, a, b: _log_mass(x, b) - _log_mass(a, b), support=(lambda a, b: a, lambda a, b: b),
        check=lambda a, b: a < b, mean=_truncated_mean, var=lambda a, b: 1 + _edges(a, b) - _truncated_mean(a, b) ** 2,
        entropy=lambda a, b: HALF_LOG_2PI + 0.5 + _log_mass(a, b) + 0.5 * _edges(a, b),
    ),
}
