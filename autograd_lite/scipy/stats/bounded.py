"""Distributions on intervals and circles, of Cauchy's kind, and others of elementary functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .implicit import solve_implicitly, without_derivatives
from .masks import largest, without_derivative
from .rows import LOG_2, LOG_2PI, LOG_PI, POSITIVE, UNIT, Row, fix_shapes, log1p_by, log1p_square, log_i0e, one_over

_tukey = without_derivatives(sp.tklmbda, 2, "tklmbda")


def _tukeylambda_cdf(x: Any, lam: Any) -> Any:
    """Return the F that solves x = (F^λ - (1 - F)^λ) / λ."""
    return solve_implicitly(
        _tukey(x, lam),
        lambda F: sp.boxcox(F, lam) - sp.boxcox(1 - F, lam) - x,
        lambda F: F ** (lam - 1) + (1 - F) ** (lam - 1),
    )


def _tukeylambda(x: Any, lam: Any) -> Any:
    F = _tukeylambda_cdf(x, lam)
    return -np.log(F ** (lam - 1) + (1 - F) ** (lam - 1))


def _tukeylambda_end(lam: Any) -> Any:
    return one_over(1, lam, math.inf)


def _tukeylambda_var(lam: Any) -> Any:
    ratio = np.exp(2 * sp.gammaln(lam + 1) - sp.gammaln(2 * lam + 2))
    return np.where(lam > -0.5, 2 / (lam * lam) * (1 / (1 + 2 * lam) - ratio), math.nan)


_HARMONICS = np.arange(1.0, 129.0)


def _vonmises_cdf(x: Any, kappa: Any) -> Any:
    """Return the distribution function by 128 terms of its Fourier series, enough for κ up to 200.

    References:
        Mardia, Jupp: Directional Statistics, 2000, equation 3.5.31.
    """
    x, kappa = np.expand_dims(x, -1), np.expand_dims(kappa, -1)
    ratios = sp.ive(_HARMONICS, kappa) / sp.i0e(kappa)
    return 0.5 + x[..., 0] / (2 * math.pi) + (ratios * np.sin(_HARMONICS * x) / _HARMONICS).sum(axis=-1) / math.pi


# fmt: off
_FOLDCAUCHY = Row(
    logpdf=lambda x, c: np.logaddexp(-log1p_square(x - c), -log1p_square(x + c)) - LOG_PI,
    cdf=lambda x, c: (np.arctan(x - c) + np.arctan(x + c)) / math.pi,
    sf=lambda x, c: (np.arctan2(1.0, x - c) + np.arctan2(1.0, x + c)) / math.pi, support=POSITIVE,
    check=lambda c: c >= 0,
)
_VONMISES = Row(
    logpdf=lambda x, kappa: kappa * sp.cosm1(x) - LOG_2PI - log_i0e(kappa), cdf=_vonmises_cdf,
    check=lambda kappa: kappa >= 0,
    entropy=lambda kappa: -kappa * sp.i1e(kappa) / sp.i0e(kappa) + LOG_2PI + log_i0e(kappa) + kappa,
)
# fmt: on


def _wrapped_cauchy(x: Any, c: Any) -> Any:
    return np.log(1 - c) + np.log(1 + c) - LOG_2PI - np.log((1 - c) ** 2 + 4 * c * np.sin(0.5 * x) ** 2)


def _wrap_angle(x: Any, c: Any) -> Any:
    ratio = (1 + c) / (1 - c)
    left = x < math.pi
    share = np.arctan(ratio * np.tan(0.5 * np.where(left, x, 2 * math.pi - x))) / math.pi
    return np.where(left, share, 1 - share)


def _trapezoid(x: Any, c: Any, d: Any) -> Any:
    rising, falling = x < c, np.logical_not(x <= d)  # NaN counts as falling
    up = np.where(rising, x, 1.0) / np.where(rising, c, 1.0)
    down = np.where(falling, 1 - x, 1.0) / np.where(falling, 1 - d, 1.0)
    return LOG_2 - np.log(d - c + 1) + np.log(up * down)


def _trapezoid_cdf(x: Any, c: Any, d: Any) -> Any:
    rising, falling = x < c, x > d
    up = x * x / np.where(rising, c, 1.0)
    down = d - c + 1 - (1 - x) ** 2 / np.where(falling, 1 - d, 1.0)
    return np.where(rising, up, np.where(falling, down, 2 * x - c)) / (d - c + 1)


def _breit_wigner(rho: Any) -> Any:
    """Return √(2 (1 + 1/ρ²) / (1 + √(1 + 1/ρ²)))."""
    root = np.hypot(1.0, 1 / rho)
    return root * np.sqrt(2 / (1 + root))


def _log_resonance(x: Any, rho: Any) -> Any:
    """Return log(1 + (x - ρ)² (x + ρ)² / ρ²)."""
    far = (x > 1e100 * rho) & (x > 1e-30)
    near, some = np.where(far, rho, x), np.where(far, x, 2 * rho)
    large = 2 * (np.log(some - rho) + np.log(some / rho + 1))
    return np.where(far, large, log1p_square((near - rho) * (near / rho + 1)))


def _breit_wigner_cdf(x: Any, rho: Any) -> Any:
    root = np.sqrt(-1 + 1j / rho) * np.arctan(x / np.sqrt(-rho * (rho + 1j)))
    return np.sqrt(2 / (1 + np.hypot(1.0, 1 / rho))) * (2 / math.pi) * np.imag(root)


def _irwinhall_terms(x: Any, n: Any, power: int) -> Any:
    """Return Σ (-1)^k C(n, k) (x - k)^(n - 1 + power) / (n - 1 + power)! over k < x."""
    n = np.expand_dims(np.asarray(without_derivative(n), float), -1)
    x = np.expand_dims(x, -1)
    k = np.arange(largest(n, 1) + 1)
    within = np.logical_not(without_derivative(x) <= k) & (k <= n)  # NaN is within
    exponent = n - 1 + power
    terms = (-1) ** k * sp.binom(n, k) * np.where(within, x - k, 1.0) ** exponent / sp.gamma(exponent + 1)
    return np.where(within, terms, 0.0).sum(axis=-1)


def _irwinhall(x: Any, n: Any) -> Any:
    return np.log(_irwinhall_terms(np.where(without_derivative(x) > 0.5 * n, n - x, x), n, 0))


def _irwinhall_cdf(x: Any, n: Any) -> Any:
    left = without_derivative(x) < 0.5 * n
    part = _irwinhall_terms(np.where(left, x, n - x), n, 1)
    return np.where(left, part, 1 - part)


# fmt: off
BOUNDED: dict[str, Row] = {
    "uniform": Row(logpdf=lambda x: 0.0 * x, cdf=lambda x: x, support=UNIT),
    "loguniform": Row(
        logpdf=lambda x, a, b: -np.log(x) - np.log(np.log(b / a)), cdf=lambda x, a, b: np.log(x / a) / np.log(b / a),
        sf=lambda x, a, b: np.log(b / x) / np.log(b / a), support=(lambda a, b: a, lambda a, b: b),
        check=lambda a, b: (a > 0) & (b > a), mean=lambda a, b: (b - a) / np.log(b / a),
        var=lambda a, b: 0.5 * (b * b - a * a) / np.log(b / a) - ((b - a) / np.log(b / a)) ** 2,
        entropy=lambda a, b: 0.5 * np.log(a * b) + np.log(np.log(b / a)),
    ),
    "trapezoid": Row(
        logpdf=_trapezoid, cdf=_trapezoid_cdf, sf=lambda x, c, d: _trapezoid_cdf(1 - x, 1 - d, 1 - c), support=UNIT,
        check=lambda c, d: (c >= 0) & (c <= d) & (d <= 1),
        entropy=lambda c, d: 0.5 * (1 - d + c) / (1 + d - c) + np.log(0.5 * (1 + d - c)),
    ),
    "triang": Row(
        logpdf=lambda x, c: _trapezoid(x, c, c), cdf=lambda x, c: _trapezoid_cdf(x, c, c),
        sf=lambda x, c: _trapezoid_cdf(1 - x, 1 - c, 1 - c), support=UNIT, check=lambda c: (c >= 0) & (c <= 1),
        mean=lambda c: (c + 1) / 3, var=lambda c: (1 - c + c * c) / 18, entropy=lambda c: 0.5 - LOG_2 + 0.0 * c,
    ),
    "anglit": Row(
        logpdf=lambda x: np.log(np.cos(2 * x)), cdf=lambda x: np.sin(x + 0.25 * math.pi) ** 2,
        support=(-0.25 * math.pi, 0.25 * math.pi), symmetric=True,
    ),
    "cosine": Row(
        logpdf=lambda x: 2 * np.log(np.cos(0.5 * x)) - LOG_PI, cdf=lambda x: (math.pi + x + np.sin(x)) / (2 * math.pi),
        support=(-math.pi, math.pi), symmetric=True,
    ),
    "bradford": Row(
        logpdf=lambda x, c: -np.log(log1p_by(c, 1.0)) - np.log1p(c * x),
        cdf=lambda x, c: log1p_by(c, x) / log1p_by(c, 1.0),
        support=UNIT, mean=lambda c: (c - np.log1p(c)) / (c * np.log1p(c)),
        var=lambda c: ((c + 2) * np.log1p(c) - 2 * c) / (2 * c * np.log1p(c) ** 2),
        entropy=lambda c: 0.5 * np.log1p(c) - np.log(c / np.log1p(c)),
    ),
    "truncexpon": Row(
        logpdf=lambda x, b: -x - np.log(-np.expm1(-b)), cdf=lambda x, b: np.expm1(-x) / np.expm1(-b),
        sf=lambda x, b: np.exp(-x) * np.expm1(x - b) / np.expm1(-b), support=(0.0, lambda b: b),
        mean=lambda b: 1 - b / np.expm1(b), var=lambda b: 1 - b * b * np.exp(b) / np.expm1(b) ** 2,
        entropy=lambda b: np.log(np.expm1(b)) + 1 - b - b / np.expm1(b),
    ),
    "tukeylambda": Row(
        logpdf=_tukeylambda, cdf=_tukeylambda_cdf, support=(lambda lam: -_tukeylambda_end(lam), _tukeylambda_end),
        closed=False, check=np.isfinite, symmetric=True, mean=lambda lam: 0.0 * lam, var=_tukeylambda_var,
    ),
    "vonmises": _VONMISES,
    "vonmises_line": Row(
        logpdf=_VONMISES.logpdf, cdf=_vonmises_cdf, support=(-math.pi, math.pi), check=_VONMISES.check, symmetric=True,
        mean=lambda kappa: 0.0 * kappa, entropy=_VONMISES.entropy,
    ),
    "wrapcauchy": Row(
        logpdf=_wrapped_cauchy, cdf=_wrap_angle,
        support=(0.0, 2 * math.pi), check=lambda c: (c > 0) & (c < 1), entropy=lambda c: LOG_2PI + np.log(1 - c * c),
    ),
    "cauchy": Row(
        logpdf=lambda x: -LOG_PI - log1p_square(x), cdf=lambda x: np.arctan2(1.0, -x) / math.pi, symmetric=True,
    ),
    "halfcauchy": fix_shapes(_FOLDCAUCHY, 0.0),
    "foldcauchy": _FOLDCAUCHY,
    "skewcauchy": Row(
        logpdf=lambda x, a: -LOG_PI - log1p_square(x / (1 + a * np.sign(x))),
        cdf=lambda x, a: 0.5 * (1 - a) + (1 + a * np.sign(x)) / math.pi * np.arctan(x / (1 + a * np.sign(x))),
        check=lambda a: np.abs(a) < 1,
    ),
    "rel_breitwigner": Row(
        logpdf=lambda x, rho: np.log((2 / math.pi) * _breit_wigner(rho)) - _log_resonance(x, rho),
        cdf=_breit_wigner_cdf, support=POSITIVE,
        mean=lambda rho: _breit_wigner(rho) * (rho / math.pi) * (0.5 * math.pi + np.arctan(rho)),
    ),
    "irwinhall": Row(
        logpdf=_irwinhall, cdf=_irwinhall_cdf, support=(0.0, lambda n: n), check=lambda n: (n > 0) & (n == np.floor(n)),
        integers=("n",),
    ),
}
# fmt: on
BOUNDED["reciprocal"] = BOUNDED["loguniform"]
