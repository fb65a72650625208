"""The densities of the gamma and beta distributions by their logarithm, to all digits for large parameters, too.

With x^a exp(-x) / Γ(a) written as its peak times exp(-D), no large terms cancel.

References:
    Loader: Fast and accurate computation of binomial probabilities, 2000, section 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .panel import elementwise_in_double
from .records import sp

# Stirling's series for log Γ(z + 1) (5.11.1) and that of ψ(z) (5.11.2), in 1/z², for z of 10 and more.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_DIGAMMA = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)
_FAR = 10.0
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def _sum(coefficients: tuple[float, ...], w: Any) -> Any:
    total = coefficients[-1] * w
    for c in coefficients[-2:0:-1]:
        total = (total + c) * w
    return total + coefficients[0]


def stirling_error(z: Any) -> Any:
    """Return log Γ(z + 1) - (z + 1/2) log z + z - log(2π) / 2."""
    far = np.maximum(z, _FAR)
    near = np.minimum(z, _FAR)
    exact = sp.gammaln(near + 1) - (near + 0.5) * np.log(near) + near - _HALF_LOG_TAU
    return np.where(z < _FAR, exact, _sum(_STIRLING, 1 / (far * far)) / far)


def digamma_rest(z: Any) -> Any:
    """Return ψ(z) - log z."""
    far = np.maximum(z, _FAR)
    near = np.minimum(z, _FAR)
    w = 1 / (far * far)
    return np.where(z < _FAR, sp.psi(near) - np.log(near), -0.5 / far + w * _sum(_DIGAMMA, w))


def polygamma(n: int, z: Any) -> Any:
    """Return the n-th derivative of ψ (25.11.12)."""
    return sp.psi(z) if n == 0 else (-1.0) ** (n + 1) * math.factorial(n) * sp.zeta(n + 1, z)


def deviance(a: Any, m: Any) -> Any:
    """Return a log(a / m) + m - a, which is 0 where they are equal."""
    v = (a - m) / (a + m)
    w = v * v
    series = w * (1 / 19)
    for n in range(17, 1, -2):
        series = (series + 1 / n) * w
    return np.where(np.abs(v) < 0.1, (a - m) * v + 2 * a * v * series, a * np.log(a / m) + m - a)


def gamma_density_by_log(a: Any, x: Any) -> Any:
    """Return x^a exp(-x) / Γ(a), the gamma density of log x."""
    return np.sqrt(a * (0.5 / math.pi)) * np.exp(-stirling_error(a) - deviance(a, x))


def beta_density_by_logit(a: Any, b: Any, x: Any, y: Any) -> Any:
    """Return x^a y^b / B(a, b), the beta density of log(x / y), y = 1 - x."""
    n = a + b
    exponent = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y)
    return np.sqrt(a * b / n * (0.5 / math.pi)) * np.exp(exponent)


def _gamma_density(a: Any, x: Any) -> Any:
    ends = np.where(a > 1, 0.0, np.where(a < 1, np.inf, 1.0))
    t = np.where(x > 0, np.minimum(x, 1e300), 1.0)
    # In two halves, for densities where x times them would be 0.
    half = np.exp(0.5 * (-stirling_error(a) - deviance(a, t)))
    return np.where(x > 0, np.sqrt(a * (0.5 / math.pi)) * half / np.where(x > 0, x, 1.0) * half, ends)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    inside = (x > 0) & (x < 1)
    t = np.where(inside, x, 0.5)
    shape = np.where(x <= 0, a, b)
    ends = np.where(shape > 1, 0.0, np.where(shape < 1, np.inf, np.where(x <= 0, b, a)))
    return np.where(inside, beta_density_by_logit(a, b, t, 1 - t) / (t * (1 - t)), ends)


def score(a: Any, x: Any) -> Any:
    """Return log x - ψ(a), which is small where a is large and x near it."""
    near = np.abs(x - a) < 0.5 * a
    return np.where(near, np.log1p(np.where(near, x - a, 0) / a), np.log(x / a)) - digamma_rest(a)


def step(z: Any, h: Any) -> Any:
    """Return ψ(z + h) - ψ(z) for positive z and h."""
    return np.log1p(h / z) + digamma_rest(z + h) - digamma_rest(z)


def _step(z: Any, h: Any) -> Any:
    positive = (z > 0) & (h > 0)
    if positive.all():
        return step(z, h)
    return np.where(positive, step(np.where(positive, z, 1), np.where(positive, h, 1)), sp.psi(z + h) - sp.psi(z))


def _everywhere(*xs: Any) -> Any:
    return np.full(xs[0].shape, True)


# x^(a-1) exp(-x) / Γ(a), and x^(a-1) (1-x)^(b-1) / B(a, b).
gamma_density = elementwise_in_double(
    lambda a, x: (a > 0) & (x >= 0) & (a < np.inf), _gamma_density, zero=lambda a, x: (a >= 0) & ~np.isnan(x)
)
beta_density = elementwise_in_double(
    lambda a, b, x: (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf) & (x >= 0) & (x <= 1),
    _beta_density,
    zero=lambda a, b, x: (a >= 0) & (b >= 0) & ~np.isnan(x),
)
betaprime_weight = elementwise_in_double(
    lambda a, b, r: (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf) & (r > 1e-300) & (r < 1e300),
    lambda a, b, r: beta_density_by_logit(a, b, r / (1 + r), 1 / (1 + r)),
    zero=lambda a, b, r: (a >= 0) & (b >= 0) & ~np.isnan(r),
)
# log x - ψ(a), the derivative of the gamma density's logarithm by a; ψ(z + h) - ψ(z), a part of the beta density's.
# At x = 0 the first of them meets a density of 0.
gamma_score = elementwise_in_double(lambda a, x: (a > 0) & (x > 0), score, zero=lambda a, x: (a > 0) & ~np.isnan(x))
digamma_step = elementwise_in_double(_everywhere, _step, zero=_everywhere)
