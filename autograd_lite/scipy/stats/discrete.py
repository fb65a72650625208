"""Distributions of integers. Their derivatives are by the real parameters; steps are flat."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..unwrapped import special as sp
from .masks import largest, without_derivative
from .quadrature import poisson_mixture, tanh_sinh
from .rows import Row, log_ive, where_above

_BELOW, _ABOVE, _WEIGHTS = tanh_sinh(1 / 64)
_COUNTS = (0, math.inf)
_FROM_1 = (1, math.inf)


def _whole(n: Any) -> Any:
    return (n >= 0) & (n == np.floor(n))


def _log_choose(n: Any, k: Any) -> Any:
    return sp.gammaln(n + 1) - sp.gammaln(k + 1) - sp.gammaln(n - k + 1)


def _binom(k: Any, n: Any, p: Any) -> Any:
    return _log_choose(n, k) + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


def _nbinom(k: Any, n: Any, p: Any) -> Any:
    ways = np.where(k == 0, 0.0, sp.gammaln(n + k) - sp.gammaln(n) - sp.gammaln(k + 1))
    return ways + n * np.log(p) + sp.xlog1py(k, -p)


def _betabinom(k: Any, n: Any, a: Any, b: Any) -> Any:
    return _log_choose(n, k) + sp.betaln(k + a, n - k + b) - sp.betaln(a, b)


def _betanbinom(k: Any, n: Any, a: Any, b: Any) -> Any:
    return sp.betaln(a + n, b + k) - sp.betaln(a, b) - np.log(n + k) - sp.betaln(n, k + 1)


def _boltzmann_moments(lam: Any, N: Any) -> tuple[Any, Any]:
    mean = 1 / np.expm1(lam) - N / np.expm1(lam * N)
    return mean, 0.25 / np.sinh(0.5 * lam) ** 2 - 0.25 * (N / np.sinh(0.5 * lam * N)) ** 2


def _logser_mean(p: Any) -> Any:
    return -p / ((1 - p) * np.log1p(-p))


_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]


def _log_zeta(a: Any) -> Any:
    """Return log ζ(a) for a > 1 by the sum of 15 terms and 8 corrections (DLMF 25.2.9), with derivatives by a."""
    a = np.expand_dims(a, -1)
    head = (np.arange(1.0, 16.0) ** -a).sum(axis=-1)
    a = a[..., 0]
    tail, factor = 16 ** (1 - a) / (a - 1) + 0.5 * 16**-a, a * 16 ** (-a - 1) / 2
    for i, b in enumerate(_BERNOULLI):
        tail = tail + b * factor
        factor = factor * (a + 2 * i + 1) * (a + 2 * i + 2) / (256 * (2 * i + 3) * (2 * i + 4))
    return np.log(head + tail)


def _harmonic(a: Any, n: Any) -> Any:
    """Return Σ j^-a over j from 1 to n."""
    j = np.arange(1.0, largest(without_derivative(n), 1.0) + 1)
    return np.where(j <= np.expand_dims(without_derivative(n), -1), j ** -np.expand_dims(a, -1), 0.0).sum(axis=-1)


def _dlaplace_cdf(k: Any, a: Any) -> Any:
    tail = np.exp(-a * np.where(k >= 0, k + 1, -k)) / (1 + np.exp(-a))
    return np.where(k >= 0, 1 - tail, tail)


def _skellam(k: Any, mu1: Any, mu2: Any) -> Any:
    """Log probability; for small rates by the power series of Bessel's function (DLMF 10.25.2)."""
    n, product = np.abs(k), mu1 * mu2
    near = product < n + 1
    w = np.where(near, product, 0.0)
    series: Any = 1.0
    for i in range(18, 0, -1):
        series = 1 + series * w / (i * (n + i))
    powers = 0.5 * (n + k) * np.log(mu1) + 0.5 * (n - k) * np.log(mu2)
    small = powers - mu1 - mu2 - sp.gammaln(n + 1) + np.log(series)
    root = np.sqrt(mu1) - np.sqrt(mu2)
    large = log_ive(n, 2 * np.sqrt(np.where(near, n + 1, product)))
    return np.where(near, small, 0.5 * k * np.log(mu1 / mu2) - root * root + large)


def _skellam_cdf(k: Any, mu1: Any, mu2: Any) -> Any:
    def below(j: Any, k: Any, mu1: Any) -> Any:
        most = k + j
        return np.where(most < 0, 0.0, sp.gammaincc(np.maximum(most, 0) + 1, mu1))

    return poisson_mixture(below, mu2, k, mu1)


def _urn(M: Any, n: Any, N: Any) -> tuple[Any, Any]:
    return np.maximum(N - (M - n), 0), np.minimum(n, N)


def _fisher(k: Any, M: Any, n: Any, N: Any, odds: Any) -> Any:
    low, high = (np.expand_dims(end, -1) for end in _urn(*map(without_derivative, (M, n, N))))
    j = low + np.arange(largest(high - low, 0) + 1)
    within = j <= high
    j = np.where(within, j, low)
    m, good, draws, log_odds = (np.expand_dims(a, -1) for a in (M, n, N, np.log(odds)))
    weights = _log_choose(good, j) + _log_choose(m - good, draws - j)
    most = weights.max(axis=-1, keepdims=True)
    # Relative to the odds of the draw in hand, so that nothing overflows for odds far from 1.
    log = np.where(within, weights - most + (j - np.expand_dims(k, -1)) * log_odds, -math.inf)
    high_log = without_derivative(log).max(axis=-1, keepdims=True)
    total = np.log(np.exp(log - high_log).sum(axis=-1)) + high_log[..., 0] + most[..., 0]
    return _log_choose(n, k) + _log_choose(M - n, N - k) - total


def _wallenius(k: Any, M: Any, n: Any, N: Any, odds: Any) -> Any:
    """The integral over (0, 1) by the tanh-sinh rule of 449 nodes, in the variable t^(1/D).

    References:
        Fog: Calculation methods for Wallenius' noncentral hypergeometric distribution, 2008, equation 4.
    """
    rest = odds * (n - k) + (M - n - (N - k))
    x, good, left, power = (np.expand_dims(a, -1) for a in (k, odds, N - k, rest))
    log_t = np.where(_BELOW < 0.5, np.log(_BELOW), np.log1p(-_ABOVE))
    some = np.where(power == 0, 1.0, power)
    log = sp.xlogy(x, -np.expm1(good * log_t)) + sp.xlogy(left, -np.expm1(log_t)) + (power - 1) * log_t + np.log(some)
    value = np.log((np.exp(log) * _WEIGHTS).sum(axis=-1))
    return np.where(rest == 0, 0.0, _log_choose(n, k) + _log_choose(M - n, N - k) + value)


# fmt: off
_FISHER = Row(
    logpdf=_fisher, support=(lambda M, n, N, odds: _urn(M, n, N)[0], lambda M, n, N, odds: _urn(M, n, N)[1]),
    check=lambda M, n, N, odds: _whole(M) & _whole(n) & _whole(N) & (n <= M) & (N <= M) & (odds > 0),
    integers=("M", "n", "N"),
)

DISCRETE: dict[str, Row] = {
    "bernoulli": Row(
        logpdf=lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p), cdf=lambda k, p: 1 - p + 0.0 * k,
        sf=lambda k, p: p + 0.0 * k, support=(0, 1), check=lambda p: (p >= 0) & (p <= 1), mean=lambda p: p,
        var=lambda p: p * (1 - p), entropy=lambda p: sp.entr(p) + sp.entr(1 - p),
    ),
    "binom": Row(
        logpdf=_binom, cdf=lambda k, n, p: sp.betaincc(k + 1, n - k, p), sf=lambda k, n, p: sp.betainc(k + 1, n - k, p),
        support=(0, lambda n, p: n), check=lambda n, p: _whole(n) & (p >= 0) & (p <= 1), integers=("n",),
        mean=lambda n, p: n * p, var=lambda n, p: n * p * (1 - p),
    ),
    "betabinom": Row(
        logpdf=_betabinom, support=(0, lambda n, a, b: n), check=lambda n, a, b: _whole(n) & (a > 0) & (b > 0),
        integers=("n",), mean=lambda n, a, b: n * a / (a + b),
        var=lambda n, a, b: n * a * b * (a + b + n) / ((a + b) ** 2 * (a + b + 1)),
    ),
    "nbinom": Row(
        logpdf=_nbinom,
        cdf=lambda k, n, p: sp.betainc(n, k + 1, p), sf=lambda k, n, p: sp.betaincc(n, k + 1, p), support=_COUNTS,
        check=lambda n, p: (n > 0) & (p > 0) & (p <= 1), mean=lambda n, p: n * (1 - p) / p,
        var=lambda n, p: n * (1 - p) / (p * p),
    ),
    "betanbinom": Row(
        logpdf=_betanbinom, support=_COUNTS, check=lambda n, a, b: _whole(n) & (a > 0) & (b > 0), integers=("n",),
        mean=lambda n, a, b: where_above(1, a, n * b / (a - 1)),
        var=lambda n, a, b: where_above(2, a, n * b * (n + a - 1) * (a + b - 1) / ((a - 2) * (a - 1) ** 2)),
    ),
    "geom": Row(
        logpdf=lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p), logsf=lambda k, p: k * np.log1p(-p), support=_FROM_1,
        check=lambda p: (p > 0) & (p <= 1), mean=lambda p: 1 / p, var=lambda p: (1 - p) / (p * p),
        entropy=lambda p: -np.log(p) - np.log1p(-p) * (1 - p) / p,
    ),
    "logser": Row(
        logpdf=lambda k, p: k * np.log(p) - np.log(k) - np.log(-np.log1p(-p)), support=_FROM_1,
        check=lambda p: (p > 0) & (p < 1), mean=_logser_mean,
        var=lambda p: _logser_mean(p) / (1 - p) - _logser_mean(p) ** 2,
    ),
    "poisson": Row(
        logpdf=lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu, cdf=lambda k, mu: sp.gammaincc(k + 1, mu),
        sf=lambda k, mu: sp.gammainc(k + 1, mu), support=_COUNTS, check=lambda mu: mu >= 0, mean=lambda mu: mu,
        var=lambda mu: mu,
    ),
    "planck": Row(
        logpdf=lambda k, lam: np.log(-np.expm1(-lam)) - lam * k, logsf=lambda k, lam: -lam * (k + 1), support=_COUNTS,
        mean=lambda lam: 1 / np.expm1(lam), var=lambda lam: 0.25 / np.sinh(0.5 * lam) ** 2,
        entropy=lambda lam: lam / np.expm1(lam) - np.log(-np.expm1(-lam)),
    ),
    "boltzmann": Row(
        logpdf=lambda k, lam, N: np.log(np.expm1(-lam) / np.expm1(-lam * N)) - lam * k,
        cdf=lambda k, lam, N: np.expm1(-lam * (k + 1)) / np.expm1(-lam * N), support=(0, lambda lam, N: N - 1),
        check=lambda lam, N: (lam > 0) & (N > 0) & _whole(N), integers=("N",),
        mean=lambda lam, N: _boltzmann_moments(lam, N)[0], var=lambda lam, N: _boltzmann_moments(lam, N)[1],
    ),
    "dlaplace": Row(
        logpdf=lambda k, a: np.log(np.tanh(0.5 * a)) - a * np.abs(k), cdf=_dlaplace_cdf, mean=lambda a: 0.0 * a,
        var=lambda a: 0.5 / np.sinh(0.5 * a) ** 2, entropy=lambda a: a / np.sinh(a) - np.log(np.tanh(0.5 * a)),
    ),
    "skellam": Row(logpdf=_skellam, cdf=_skellam_cdf, mean=lambda mu1, mu2: mu1 - mu2, var=lambda mu1, mu2: mu1 + mu2),
    "yulesimon": Row(
        logpdf=lambda k, alpha: np.log(alpha) + sp.betaln(k, alpha + 1),
        logsf=lambda k, alpha: np.log(k) + sp.betaln(k, alpha + 1), support=_FROM_1,
        mean=lambda alpha: where_above(1, alpha, alpha / (alpha - 1)),
        var=lambda alpha: where_above(2, alpha, alpha**2 / ((alpha - 2) * (alpha - 1) ** 2)),
    ),
    "zipf": Row(
        logpdf=lambda k, a: -a * np.log(k) - _log_zeta(a), support=_FROM_1, check=lambda a: a > 1,
        mean=lambda a: where_above(2, a, np.exp(_log_zeta(np.maximum(a - 1, 1.0)) - _log_zeta(a))),
    ),
    "zipfian": Row(
        logpdf=lambda k, a, n: -a * np.log(k) - np.log(_harmonic(a, n)), support=(1, lambda a, n: n),
        check=lambda a, n: (a >= 0) & (n >= 1) & _whole(n), integers=("n",),
        power=lambda m, a, n: _harmonic(a - m, n) / _harmonic(a, n),
    ),
    "nchypergeom_fisher": _FISHER,
    "nchypergeom_wallenius": dataclasses.replace(_FISHER, logpdf=_wallenius),
}
