"""The beta distribution and those derived from it, Student's t and F among them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .masks import without_derivative
from .quadrature import log_poisson_mixture, poisson_mixture, tanh_sinh
from .rows import LOG_2, POSITIVE, UNIT, Row, fix_shapes, log1p_square, log_normal, times, where_above


def _t(x: Any, df: Any) -> Any:
    return -sp.betaln(0.5 * df, 0.5) - 0.5 * np.log(df) - (0.5 * df + 0.5) * log1p_square(x / np.sqrt(df))


def _t_entropy(df: Any) -> Any:
    half, more = 0.5 * df, 0.5 * (df + 1)
    return more * (sp.psi(more) - sp.psi(half)) + 0.5 * np.log(df) + sp.betaln(half, 0.5)


def _beta_entropy(a: Any, b: Any) -> Any:
    return sp.betaln(a, b) - (a - 1) * sp.psi(a) - (b - 1) * sp.psi(b) + (a + b - 2) * sp.psi(a + b)


def _f_entropy(dfn: Any, dfd: Any) -> Any:
    n, d = 0.5 * dfn, 0.5 * dfd
    digammas = (1 - n) * sp.psi(n) - (1 + d) * sp.psi(d) + (n + d) * sp.psi(n + d)
    return np.log(dfd / dfn) + sp.betaln(n, d) + digammas


def _f(x: Any, dfn: Any, dfd: Any) -> Any:
    n, d, y = 0.5 * dfn, 0.5 * dfd, x * dfn / dfd
    far = y > 1
    # (n - 1) log y - (n + d) log(1 + y), of whose terms those in n cancel for large y.
    powers = times(np.where(far, -d - 1, n - 1), np.log(y)) - (n + d) * np.log1p(np.where(far, 1 / y, y))
    return powers - sp.betaln(n, d) + np.log(dfn / dfd)


def _f_tail(lower: bool) -> Any:
    def tail(x: Any, n: Any, d: Any) -> Any:
        return sp.betainc(n, d, n * x / (n * x + d)) if lower else sp.betainc(d, n, d / (n * x + d))

    return tail


def _ncf(x: Any, dfn: Any, dfd: Any, nc: Any) -> Any:
    def density(j: Any, x: Any, dfn: Any, dfd: Any) -> Any:
        return _f(x * dfn / (dfn + 2 * j), dfn + 2 * j, dfd) + np.log(dfn / (dfn + 2 * j))

    # The terms are largest where the ratio of two neighbors, rate y (h + j) / ((j + 1) (n / 2 + j)), is 1.
    at, n, d = map(without_derivative, (x, dfn, dfd))
    rate = 0.5 * without_derivative(nc) / (1 + d / (n * at))
    p = 0.5 * (rate - 0.5 * n - 1)
    peak = p + np.sqrt(p * p + np.maximum(0.5 * rate * (n + d) - 0.5 * n, 0.0))
    return log_poisson_mixture(density, 0.5 * nc, x, dfn, dfd, peak=np.maximum(peak, 0.0))


def _ncf_tail(lower: bool) -> Any:
    def tail(x: Any, dfn: Any, dfd: Any, nc: Any) -> Any:
        def part(j: Any, x: Any, n: Any, d: Any) -> Any:
            y = n * x / (n * x + d)
            return sp.betainc(n + j, d, y) if lower else sp.betaincc(n + j, d, y)

        return poisson_mixture(part, 0.5 * nc, x, 0.5 * dfn, 0.5 * dfd)

    return tail


def _ncf_mean(dfn: Any, dfd: Any, nc: Any) -> Any:
    return where_above(2, dfd, dfd * (dfn + nc) / (dfn * (dfd - 2)), math.nan)


def _ncf_var(dfn: Any, dfd: Any, nc: Any) -> Any:
    spread = (dfn + nc) ** 2 + (dfn + 2 * nc) * (dfd - 2)
    return where_above(4, dfd, 2 * spread * (dfd / dfn) ** 2 / ((dfd - 2) ** 2 * (dfd - 4)), math.nan)


_BELOW, _ABOVE, _WEIGHTS = tanh_sinh(1 / 32)
_SHARES = np.linspace(0.0, 1.0, 401)


def _over_chi(f: Any, x: Any, df: Any, nc: Any) -> Any:
    """Return the mean of f(x s, s, nc) over s = √(V / df), V of a chi square distribution: 401 equal steps of log s."""
    x, df, nc = (np.expand_dims(a, -1) for a in (x, df, nc))
    narrow = 6.5 / np.sqrt(df)  # beyond these bounds the density of log s is below its largest value by 1e-17
    log_s = (2 * narrow + 39 / df) * _SHARES - (narrow + 39 / df)
    s = np.exp(log_s)
    log_density = 0.5 * df * (np.log(0.5 * df) + 2 * log_s - s * s) - sp.gammaln(0.5 * df) + LOG_2
    return (f(x * s, s, nc) * np.exp(log_density) * ((2 * narrow + 39 / df) / 400)).sum(axis=-1)


def _nct(x: Any, df: Any, nc: Any) -> Any:
    """Integrate over log s about the one maximum of the integrand, in 401 steps that grow with the distance."""
    x, df, nc = (np.expand_dims(a, -1) for a in (x, df, nc))
    at, n, shift = without_derivative(x), without_derivative(df), without_derivative(nc)
    size = np.hypot(np.sqrt(n), at)
    slope = at / size * shift
    peak = 0.5 * (slope + np.sqrt(slope * slope + 4 * (n + 1))) / size  # (df + x²) s² - x nc s = df + 1
    width = 1 / np.sqrt(np.square(size * peak) + n + 1)
    low, high = np.arcsinh(8 + 40 / (n + 1) / width), np.arcsinh(8 + 4 / width)
    steps = (low + high) * _SHARES - low
    u = np.log(peak) + width * np.sinh(steps)
    s = np.exp(u)
    log = (df + 1) * u - 0.5 * df * s * s + log_normal(x * s - nc)
    most = without_derivative(log).max(axis=-1, keepdims=True)
    total = (np.exp(log - most) * width * np.cosh(steps) * ((low + high) / 400)).sum(axis=-1)
    df, most = df[..., 0], most[..., 0]
    return np.log(total) + most + 0.5 * df * np.log(0.5 * df) - sp.gammaln(0.5 * df) + LOG_2


def _nct_mean(df: Any, nc: Any) -> Any:
    return where_above(1, df, nc * np.sqrt(0.5 * df) / sp.poch(0.5 * df - 0.5, 0.5), math.nan)


def _nct_var(df: Any, nc: Any) -> Any:
    return where_above(2, df, df * (1 + nc * nc) / (df - 2) - _nct_mean(df, nc) ** 2, math.nan)


def _log_skew_t(x: Any, a: Any, b: Any) -> Any:
    """With y = x / √(a + b + x²), of 1 - |y| it is the logarithm that keeps its digits."""
    root = np.hypot(np.sqrt(a + b), x)
    more = np.log1p(np.abs(x) / root)
    less = np.log(a + b) - np.log(root) - np.log(root + np.abs(x))
    up, down = np.where(x > 0, more, less), np.where(x > 0, less, more)
    constant = (a + b - 1) * LOG_2 + sp.betaln(a, b) + 0.5 * np.log(a + b)
    return (a + 0.5) * up + (b + 0.5) * down - constant


def _skew_t_tail(sign: int) -> Any:
    """Return P(X <= x) for sign 1, P(X > x) for -1, by the smaller of (1 + y) / 2 and (1 - y) / 2."""

    def tail(x: Any, a: Any, b: Any) -> Any:
        right = x > 0
        root = np.hypot(np.sqrt(a + b), x)
        share = 0.5 * (np.sqrt(a + b) / root) * (np.sqrt(a + b) / (root + np.abs(x)))
        first, second = np.where(right, b, a), np.where(right, a, b)
        upper = sp.betaincc(first, second, share)
        return np.where(right == (sign > 0), upper, sp.betainc(first, second, share))

    return tail


def _skew_t_power(n: int, a: Any, b: Any) -> Any:
    """Return the moments about 0, by those of a beta variable B: X = √(a + b) (2B - 1) / (2 √(B (1 - B)))."""
    if n == 1:
        moment = 0.5 * np.sqrt(a + b) * (a - b) * np.exp(sp.betaln(a - 0.5, b - 0.5) - sp.betaln(a, b)) / (a + b - 1)
    else:
        moment = 0.25 * (a + b) * ((a - b) ** 2 + a + b - 2) / ((a - 1) * (b - 1))
    return np.where((a > 0.5 * n) & (b > 0.5 * n), moment, math.nan)


def _log_euler(a: Any, b: Any, c: Any, z: Any) -> Any:
    """Return the log of ∫ x^(a-1) (1-x)^(b-1) (1+zx)^-c dx over (0, 1) by the tanh-sinh rule of 225 nodes.

    The nodes end too early for a or b below 1, which are made larger by 1 each, by parts with x + (1 - x) = 1 inside.
    """
    a, b, c, z = (np.expand_dims(s, -1) for s in (a, b, c, z))
    few = (a < 1) | (b < 1)
    more = np.where(few, 0.0, -1.0)
    log = (a + more) * np.log(_BELOW) + (b + more) * np.log(_ABOVE) - c * np.log1p(z * _BELOW)
    share = c * z / (1 + z * _BELOW)
    parts = (a + b + 1 - share * _BELOW) * (a + b + share * _ABOVE) - share * _BELOW * (1 + z) / (1 + z * _BELOW)
    return np.log((np.exp(log) * np.where(few, parts / (a * b), 1.0) * _WEIGHTS).sum(axis=-1))


def _gausshyper_cdf(x: Any, a: Any, b: Any, c: Any, z: Any) -> Any:
    """Integrate, by the same rule, over (0, x) or (x, 1), whichever is the shorter."""
    left = without_derivative(x) < 0.5
    total = _log_euler(a, b, c, z)
    w = np.where(left, x, 1 - x)
    at_end, from_end, slope = np.where(left, a, b), np.where(left, b, a), np.where(left, z, -z)
    w, near, far, slope, c, base = (
        np.expand_dims(s, -1) for s in (w, at_end, from_end, slope, c, np.where(left, 1.0, 1 + z))
    )
    few = near < 1  # then by parts, as above
    rest = base + slope * w * _BELOW
    log = near * np.log(w) + np.where(few, near, near - 1) * np.log(_BELOW) + (far - 1) * np.log1p(-w * _BELOW)
    parts = ((far - 1) * w / (1 - w * _BELOW) + c * slope * w / rest) / near
    part = (np.exp(log - c * np.log(rest)) * np.where(few, parts, 1.0) * _WEIGHTS).sum(axis=-1)
    near, far, w, c, base, slope = (s[..., 0] for s in (near, far, w, c, base, slope))
    end = np.exp(near * np.log(w) + (far - 1) * np.log1p(-w) - c * np.log(base + slope * w)) / near
    part = (part + np.where(near < 1, end, 0.0)) / np.exp(total)
    return np.where(left, part, 1 - part)


def _gausshyper(x: Any, a: Any, b: Any, c: Any, z: Any) -> Any:
    return times(a - 1, np.log(x)) + times(b - 1, np.log1p(-x)) - c * np.log1p(z * x) - _log_euler(a, b, c, z)


def _gausshyper_power(n: int, a: Any, b: Any, c: Any, z: Any) -> Any:
    return np.exp(_log_euler(a + n, b, c, z) - _log_euler(a, b, c, z))


# fmt: off
_RDIST = Row(
    logpdf=lambda x, c: times(0.5 * c - 1, np.log1p(-x * x)) - sp.betaln(0.5 * c, 0.5),
    cdf=lambda x, c: sp.betainc(0.5 * c, 0.5 * c, 0.5 * (x + 1)), support=(-1.0, 1.0), symmetric=True,
    mean=lambda c: 0.0 * c, var=lambda c: 1 / (c + 1),
)
_BETA = Row(
    logpdf=lambda x, a, b: times(b - 1, np.log1p(-x)) + times(a - 1, np.log(x)) - sp.betaln(a, b),
    cdf=lambda x, a, b: sp.betainc(a, b, x), sf=lambda x, a, b: sp.betaincc(a, b, x), support=UNIT,
    mean=lambda a, b: a / (a + b), var=lambda a, b: a * b / ((a + b) ** 2 * (a + b + 1)), entropy=_beta_entropy,
)
BETAS: dict[str, Row] = {
    "beta": _BETA,
    "t": Row(
        logpdf=_t, cdf=lambda x, df: sp.stdtr(df, x), symmetric=True, mean=lambda df: where_above(1, df, 0.0 * df),
        var=lambda df: where_above(2, df, df / (df - 2), math.nan) + np.where((df > 1) & (df <= 2), math.inf, 0.0),
        entropy=_t_entropy,
    ),
    "f": Row(
        logpdf=_f, cdf=lambda x, dfn, dfd: _f_tail(True)(x, 0.5 * dfn, 0.5 * dfd),
        sf=lambda x, dfn, dfd: _f_tail(False)(x, 0.5 * dfn, 0.5 * dfd), support=POSITIVE,
        mean=lambda dfn, dfd: where_above(2, dfd, dfd / (dfd - 2)),
        var=lambda dfn, dfd: where_above(4, dfd, 2 * dfd * dfd * (dfn + dfd - 2) / (dfn * (dfd - 2) ** 2 * (dfd - 4))),
        entropy=_f_entropy,
    ),
    "betaprime": Row(
        logpdf=lambda x, a, b: times(a - 1, np.log(x)) - times(a + b, np.log1p(x)) - sp.betaln(a, b),
        cdf=lambda x, a, b: sp.betainc(a, b, x / (1 + x)), sf=lambda x, a, b: sp.betainc(b, a, 1 / (1 + x)),
        support=POSITIVE, closed=False, mean=lambda a, b: where_above(1, b, a / (b - 1)),
        var=lambda a, b: where_above(2, b, a * (a + b - 1) / ((b - 2) * (b - 1) ** 2)),
    ),
    "arcsine": fix_shapes(_BETA, 0.5, 0.5),
    "rdist": _RDIST,
    "semicircular": fix_shapes(_RDIST, 3.0),
    "jf_skew_t": Row(
        logpdf=_log_skew_t, cdf=_skew_t_tail(1), sf=_skew_t_tail(-1), power=_skew_t_power,
    ),
    "gausshyper": Row(
        logpdf=_gausshyper, cdf=_gausshyper_cdf, support=UNIT,
        check=lambda a, b, c, z: (a > 0) & (b > 0) & (c == c) & (z > -1), power=_gausshyper_power,
    ),
    "ncf": Row(
        logpdf=_ncf, cdf=_ncf_tail(True), sf=_ncf_tail(False), support=POSITIVE, closed=False,
        check=lambda dfn, dfd, nc: (dfn > 0) & (dfd > 0) & (nc >= 0), mean=_ncf_mean, var=_ncf_var,
    ),
    "nct": Row(
        logpdf=_nct, cdf=lambda x, df, nc: _over_chi(lambda xs, s, nc: sp.ndtr(xs - nc), x, df, nc),
        sf=lambda x, df, nc: _over_chi(lambda xs, s, nc: sp.ndtr(nc - xs), x, df, nc),
        check=lambda df, nc: (df > 0) & (nc == nc), mean=_nct_mean, var=_nct_var,
    ),
}
