"""The regularized incomplete beta function derived by its first two arguments, any number of times.

As in `gamma_tails`: the integral of the beta density times a polynomial in the derivatives of its logarithm, on the
side of the mode of log(t / (1 - t)) on which x is. The upper side is the lower one with a and b, x and 1 - x swapped.
With t / (1 - t) = exp(-u) x / (1 - x) the integrand becomes smooth and short.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .densities import beta_density_by_logit, polygamma, step
from .panel import DEPTH, NODES, WEIGHTS, bell_of_two, elementwise_in_double

_SHORT, _STEPS = 4.0, 4  # from this `a` on exp(-a u) is short enough, and this number of steps leads there


def slopes(a: Any, b: Any, by_a: Any, by_b: Any, shift: int = 0) -> Callable[[int, int], Any]:
    """Return the derivatives of log(t^a (1-t)^b Γ(a+b) / (Γ(a + shift) Γ(b))); the first ones are given."""

    def slope(i: int, m: int) -> Any:
        if i + m == 1:
            return by_a if i else by_b
        value = polygamma(i + m - 1, a + b)
        if m == 0:
            value = value - polygamma(i - 1, a + shift)
        if i == 0:
            value = value - polygamma(m - 1, b)
        return value

    return slope


def _range(a: Any, n: Any, x: Any, y: Any, rate: Any, p: Any, s: Any) -> Any:
    """Return where n log1p(p expm1(s u)) - rate u is about DEPTH.

    The least of three upper bounds, then Newton's steps, which stay above the root of this convex function.
    """
    q = DEPTH / (n * x * y)
    u = np.minimum((q + np.sqrt(q * q + 8 * q)) / 2, (DEPTH - n * np.log(y)) / a)
    slope = a - n * x
    u = np.minimum(u, np.where(slope > 0, DEPTH / np.where(slope > 0, slope, 1), np.inf))
    for _ in range(3):
        growth = p * np.expm1(s * u)
        u = u - (n * np.log1p(growth) - rate * u - DEPTH) / (n * s * (growth + p) / (1 + growth) - rate)
    return u


def _below(a: Any, b: Any, x: Any, y: Any, of_a: int, of_b: int) -> Any:
    """Return the integral up to x over the density of log(x / y)."""
    n = a + b
    # Of the two ways to write the integrand, that in which the logarithm's argument is away from 0.
    left = x <= 0.5
    s, p, rate = np.where(left, -1.0, 1.0), np.where(left, x, y), np.where(left, -a, b)
    width = _range(a, n, x, y, rate, p, s)
    u = width[:, None] * NODES
    logs = np.log1p(p[:, None] * np.expm1(s[:, None] * u))
    weight = np.exp(rate[:, None] * u - n[:, None] * logs)
    by_a = (np.log(x) + step(a, b))[:, None] - np.where(left, 1.0, 0.0)[:, None] * u - logs
    by_b = (np.log(y) + step(b, a))[:, None] + np.where(left, 0.0, 1.0)[:, None] * u - logs
    polynomial = bell_of_two(slopes(a[:, None], b[:, None], by_a, by_b), of_a, of_b)
    return width * ((weight * polynomial) @ WEIGHTS)


def _lower(a: Any, b: Any, x: Any, y: Any, of_a: int, of_b: int) -> Any:
    density = beta_density_by_logit(a, b, x, y)
    low = np.flatnonzero(a < _SHORT)
    terms = np.zeros(low.size)
    if low.size:
        # I_x(a, b) = I_x(a+1, b) + x^a y^b / (a B(a, b))  (8.17.20): then the integrand falls off fast enough.
        c, d, z, f = a[low], b[low], x[low], density[low]
        by_c, by_d = np.log(z) + polygamma(0, c + d) - polygamma(0, c), np.log(y[low]) + step(d, c)
        for _ in range(_STEPS):
            f, by_c = f / c, by_c - 1 / c
            terms += f * bell_of_two(slopes(c, d, by_c, by_d, shift=1), of_a, of_b)
            f, by_c, by_d, c = f * z * (c + d), by_c + 1 / (c + d), by_d + 1 / (c + d), c + 1
        a, density = a.copy(), density.copy()
        a[low], density[low] = c, f
    value = density * _below(a, b, x, y, of_a, of_b)
    value[low] += terms
    return value


def by_ab(a: Any, b: Any, x: Any, y: Any, of_a: int, of_b: int) -> Any:
    """Return I_x(a, b) derived by a and b, from vectors; y = 1 - x."""
    upper = x > a / (a + b)
    lower = ~upper
    if lower.all():
        return _lower(a, b, x, y, of_a, of_b)
    value = np.empty(a.shape)
    value[upper] = -_lower(b[upper], a[upper], y[upper], x[upper], of_b, of_a)
    if lower.any():
        value[lower] = _lower(a[lower], b[lower], x[lower], y[lower], of_a, of_b)
    return value


def _inside(a: Any, b: Any, x: Any) -> Any:
    return (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf) & (x > 0) & (x < 1)


def _ends(a: Any, b: Any, x: Any) -> Any:
    return (a > 0) & (b > 0) & ~np.isnan(x)


betainc_by_ab = elementwise_in_double(_inside, lambda a, b, x, **orders: by_ab(a, b, x, 1 - x, **orders), _ends)
betaprime_by_ab = elementwise_in_double(
    lambda a, b, r: (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf) & (r > 1e-300) & (r < 1e300),
    lambda a, b, r, **orders: by_ab(a, b, r / (1 + r), 1 / (1 + r), **orders),
    _ends,
)
