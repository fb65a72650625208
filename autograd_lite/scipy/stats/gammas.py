"""The gamma distribution and those derived from it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .quadrature import poisson_mixture
from .rows import HALF_LOG_2PI, LOG_2, POSITIVE, UNIT, Row, fix_shapes, log_i0e, log_ive, log_kve, times, where_above


def _gengamma(x: Any, a: Any, c: Any) -> Any:
    log = np.log(x)
    return times(c * a - 1, log) - np.exp(c * log) + (np.log(np.abs(c)) - sp.gammaln(a))


def _gengamma_tail(lower: bool) -> Any:
    """Return P(X <= x), or P(X > x), for c of either sign."""
    return lambda x, a, c: np.where((c > 0) == lower, sp.gammainc(a, x**c), sp.gammaincc(a, x**c))


def _gennorm_cdf(x: Any, beta: Any) -> Any:
    tail = 0.5 * sp.gammaincc(1 / beta, np.abs(x) ** beta)
    return np.where(x < 0, tail, 1 - tail)


def _log_argus(z: Any) -> Any:
    """Return log(P(3/2, z) z^(-3/2) / 2), near 0 by the series of P (DLMF 8.7.1)."""
    near = z < 1
    small, large = np.where(near, z, 0.0), np.where(near, 1.0, z)
    series: Any = 1.0
    for n in range(20, 0, -1):
        series = 1 + series * small / (1.5 + n)
    some = np.log(0.5 * sp.gammainc(1.5, large)) - 1.5 * np.log(large)
    return np.where(near, np.log(series) - small - LOG_2 - math.lgamma(2.5), some)


def _argus(x: Any, chi: Any) -> Any:
    z, rest = 0.5 * chi * chi, (1 - x) * (1 + x)
    return 1.5 * LOG_2 - HALF_LOG_2PI - _log_argus(z) + np.log(x) + 0.5 * np.log(rest) - z * rest


def _argus_logsf(x: Any, chi: Any) -> Any:
    z, rest = 0.5 * chi * chi, (1 - x) * (1 + x)
    return 1.5 * np.log(rest) + _log_argus(z * rest) - _log_argus(z)


def _argus_mean(chi: Any) -> Any:
    z = 0.5 * chi * chi
    return math.sqrt(math.pi) * sp.ive(1.0, 0.5 * z) / (chi * chi * np.exp(_log_argus(z)))


def _ncx2(x: Any, df: Any, nc: Any) -> Any:
    """Near nc = 0 the central density times exp(-nc/2) and 0F1(df/2; nc x / 4), else by Bessel's function."""
    near = nc * x < 4
    w, half = 0.25 * np.where(near, nc * x, 0.0), 0.5 * df
    series: Any = 1.0
    for n in range(16, 1, -1):
        series = 1 + series * w / (n * (half + n - 1))
    central = times(half - 1, np.log(x)) - 0.5 * (x + nc) - sp.gammaln(half + 1) - LOG_2 * half
    some = np.where(near, 1.0, nc)
    bessel = log_ive(0.5 * df - 1, np.sqrt(some * x))
    root = np.sqrt(x) - np.sqrt(some)
    value = (0.25 * df - 0.5) * (np.log(x) - np.log(some)) - 0.5 * root * root + bessel - LOG_2
    return np.where(near, central + np.log(half + w * series), value)


def _chi2(x: Any, df: Any) -> Any:
    return times(0.5 * df - 1, np.log(x)) - 0.5 * x - sp.gammaln(0.5 * df) - (0.5 * LOG_2) * df


def _ncx2_tail(tail: Any) -> Any:
    return lambda x, df, nc: poisson_mixture(lambda j, x, df: tail(0.5 * df + j, 0.5 * x), 0.5 * nc, x, df)


def _rice_mean(b: Any) -> Any:
    h = 0.25 * b * b
    return math.sqrt(0.5 * math.pi) * ((1 + 2 * h) * sp.i0e(h) + 2 * h * sp.i1e(h))


def _chi_mean(df: Any) -> Any:
    return math.sqrt(2) * sp.poch(0.5 * df, 0.5)


def _geninvgauss(x: Any, p: Any, b: Any) -> Any:
    return (p - 1) * np.log(x) - 0.5 * b * (np.sqrt(x) - 1 / np.sqrt(x)) ** 2 - LOG_2 - log_kve(p, b)


def _geninvgauss_moment(n: int, p: Any, b: Any) -> Any:
    return sp.kve(p + n, b) / sp.kve(p, b)


def _genhyperbolic(x: Any, p: Any, a: Any, b: Any) -> Any:
    g, root = np.sqrt(a * a - b * b), np.hypot(1.0, x)
    constant = p * np.log(g) - (p - 0.5) * np.log(a) - HALF_LOG_2PI - log_kve(p, g) + g
    return constant + log_kve(p - 0.5, a * root) - a * root + b * x + (p - 0.5) * np.log(root)


def _genhyperbolic_mean(p: Any, a: Any, b: Any) -> Any:
    g = np.sqrt(a * a - b * b)
    return b / g * _geninvgauss_moment(1, p, g)


def _genhyperbolic_var(p: Any, a: Any, b: Any) -> Any:
    g = np.sqrt(a * a - b * b)
    first, second = _geninvgauss_moment(1, p, g), _geninvgauss_moment(2, p, g)
    return first / g + (b / g) ** 2 * (second - first**2)


# fmt: off
_CHI = Row(
    logpdf=lambda x, df: LOG_2 - (0.5 * LOG_2) * df - sp.gammaln(0.5 * df) + times(df - 1, np.log(x)) - 0.5 * x * x,
    cdf=lambda x, df: sp.gammainc(0.5 * df, 0.5 * x * x), sf=lambda x, df: sp.gammaincc(0.5 * df, 0.5 * x * x),
    support=POSITIVE, mean=_chi_mean, var=lambda df: df - _chi_mean(df) ** 2,
    entropy=lambda df: sp.gammaln(0.5 * df) + 0.5 * (df - LOG_2 - (df - 1) * sp.psi(0.5 * df)),
)
_GAMMA = Row(
    logpdf=lambda x, a: times(a - 1, np.log(x)) - x - sp.gammaln(a), cdf=lambda x, a: sp.gammainc(a, x),
    sf=lambda x, a: sp.gammaincc(a, x), support=POSITIVE, mean=lambda a: a, var=lambda a: a,
    entropy=lambda a: sp.psi(a) * (1 - a) + a + sp.gammaln(a),
)

GAMMAS: dict[str, Row] = {
    "gamma": _GAMMA,
    "erlang": dataclasses.replace(_GAMMA, integers=("a",)),
    "argus": Row(
        logpdf=_argus, logsf=_argus_logsf, support=UNIT, closed=False, mean=_argus_mean,
    ),
    "chi": _CHI,
    "chi2": Row(
        logpdf=_chi2, cdf=lambda x, df: sp.gammainc(0.5 * df, 0.5 * x),
        sf=lambda x, df: sp.gammaincc(0.5 * df, 0.5 * x), support=POSITIVE, mean=lambda df: df, var=lambda df: 2 * df,
        entropy=lambda df: 0.5 * df + LOG_2 + sp.gammaln(0.5 * df) + (1 - 0.5 * df) * sp.psi(0.5 * df),
    ),
    "dgamma": Row(
        logpdf=lambda x, a: times(a - 1, np.log(np.abs(x))) - np.abs(x) - LOG_2 - sp.gammaln(a),
        cdf=lambda x, a: np.where(x > 0, 0.5 + 0.5 * sp.gammainc(a, np.abs(x)), 0.5 * sp.gammaincc(a, np.abs(x))),
        symmetric=True, mean=lambda a: 0.0 * a, var=lambda a: a * (a + 1),
        entropy=lambda a: sp.psi(a) * (1 - a) + a + sp.gammaln(a) + LOG_2,
    ),
    "genhyperbolic": Row(
        logpdf=_genhyperbolic, check=lambda p, a, b: ((np.abs(b) < a) & (p >= 0)) | ((np.abs(b) <= a) & (p < 0)),
        center=_genhyperbolic_mean, mean=_genhyperbolic_mean, var=_genhyperbolic_var,
    ),
    "geninvgauss": Row(
        logpdf=_geninvgauss, support=POSITIVE, closed=False, check=lambda p, b: (p == p) & (b > 0),
        center=lambda p, b: _geninvgauss_moment(1, p, b), power=_geninvgauss_moment,
    ),
    "gengamma": Row(
        logpdf=_gengamma, cdf=_gengamma_tail(True), sf=_gengamma_tail(False), support=POSITIVE,
        check=lambda a, c: (a > 0) & (c != 0), power=lambda n, a, c: sp.poch(a, n / c),
        entropy=lambda a, c: a * (1 - sp.psi(a)) + sp.psi(a) / c + sp.gammaln(a) - np.log(np.abs(c)),
    ),
    "gennorm": Row(
        logpdf=lambda x, beta: np.log(0.5 * beta) - sp.gammaln(1 / beta) - np.abs(x) ** beta, cdf=_gennorm_cdf,
        symmetric=True, mean=lambda beta: 0.0 * beta,
        var=lambda beta: np.exp(sp.gammaln(3 / beta) - sp.gammaln(1 / beta)),
        entropy=lambda beta: 1 / beta - np.log(0.5 * beta) + sp.gammaln(1 / beta),
    ),
    "halfgennorm": Row(
        logpdf=lambda x, beta: np.log(beta) - sp.gammaln(1 / beta) - x**beta,
        cdf=lambda x, beta: sp.gammainc(1 / beta, x**beta), sf=lambda x, beta: sp.gammaincc(1 / beta, x**beta),
        support=POSITIVE, entropy=lambda beta: 1 / beta - np.log(beta) + sp.gammaln(1 / beta),
    ),
    "invgamma": Row(
        logpdf=lambda x, a: -(a + 1) * np.log(x) - sp.gammaln(a) - 1 / x, cdf=lambda x, a: sp.gammaincc(a, 1 / x),
        sf=lambda x, a: sp.gammainc(a, 1 / x), support=POSITIVE, closed=False,
        mean=lambda a: where_above(1, a, 1 / (a - 1)), var=lambda a: where_above(2, a, 1 / ((a - 1) ** 2 * (a - 2))),
        entropy=lambda a: a - (a + 1) * sp.psi(a) + sp.gammaln(a),
    ),
    "loggamma": Row(
        logpdf=lambda x, c: c * x - np.exp(x) - sp.gammaln(c), cdf=lambda x, c: sp.gammainc(c, np.exp(x)),
        sf=lambda x, c: sp.gammaincc(c, np.exp(x)), mean=lambda c: sp.psi(c), var=lambda c: sp.zeta(2.0, c),
        entropy=lambda c: sp.gammaln(c) - c * sp.psi(c) + c,
    ),
    "maxwell": fix_shapes(_CHI, 3.0),
    "nakagami": Row(
        logpdf=lambda x, nu: LOG_2 + times(nu, np.log(nu)) - sp.gammaln(nu) + times(2 * nu - 1, np.log(x)) - nu * x * x,
        cdf=lambda x, nu: sp.gammainc(nu, nu * x * x), sf=lambda x, nu: sp.gammaincc(nu, nu * x * x), support=POSITIVE,
        mean=lambda nu: sp.poch(nu, 0.5) / np.sqrt(nu), var=lambda nu: 1 - sp.poch(nu, 0.5) ** 2 / nu,
        entropy=lambda nu: sp.gammaln(nu) + nu - (nu - 0.5) * sp.psi(nu) - 0.5 * np.log(nu) - LOG_2,
    ),
    "ncx2": Row(
        logpdf=_ncx2, cdf=_ncx2_tail(sp.gammainc), sf=_ncx2_tail(sp.gammaincc), support=POSITIVE, closed=False,
        check=lambda df, nc: (df > 0) & np.isfinite(df) & (nc >= 0), mean=lambda df, nc: df + nc,
        var=lambda df, nc: 2 * df + 4 * nc,
    ),
    "rayleigh": Row(
        logpdf=lambda x: np.log(x) - 0.5 * x * x, logsf=lambda x: -0.5 * x * x, support=POSITIVE, closed=False,
    ),
    "rice": Row(
        logpdf=lambda x, b: np.log(x) - 0.5 * (x - b) ** 2 + log_i0e(x * b),
        cdf=lambda x, b: _ncx2_tail(sp.gammainc)(x * x, 2.0, b * b),
        sf=lambda x, b: _ncx2_tail(sp.gammaincc)(x * x, 2.0, b * b), support=POSITIVE, closed=False,
        check=lambda b: b >= 0, mean=_rice_mean, var=lambda b: 2 + b * b - _rice_mean(b) ** 2,
    ),
}
