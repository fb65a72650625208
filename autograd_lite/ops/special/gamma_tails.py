"""The regularized incomplete gamma function derived by its first argument, any number of times.

The k-th derivative of P(a, x) is the integral of f B_k from 0 to x, where f is the gamma density and B_k the complete
Bell polynomial of the derivatives of log f by a: log t - ψ(a), -ψ'(a), …  It is also minus the integral from x on. The
side on which x is decides, so that the integrand falls off from x. With t = x exp(∓u) it becomes smooth and short.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .densities import gamma_density_by_log, polygamma, score
from .panel import DEPTH, NODES, SERIES_REACH, WEIGHTS, bell, elementwise_in_double, expm1_rest

_SHORT, _STEPS = 4.0, 4  # from this `a` on exp(-a u) is short enough, and this number of steps leads there


def _range(a: Any, x: Any, upper: Any) -> Any:
    """Return where x exp(s u) - x - s a u is about DEPTH, s = 1 for the upper and -1 for the lower tail.

    The least of several upper bounds, then Newton's steps, which stay above the root of this convex function.
    """
    s = np.where(upper, 1.0, -1.0)
    q = DEPTH / x
    curved = np.where(upper, np.minimum(np.sqrt(2 * q), 1.5 + np.log1p(2 * q)), (q + np.sqrt(q * q + 8 * q)) / 2)
    u = np.minimum(np.minimum(curved, DEPTH / np.abs(a - x)), np.where(upper, np.inf, (DEPTH + x) / a))
    for _ in range(3):
        growth = np.expm1(s * u)
        u = u - (x * growth - s * a * u - DEPTH) / (s * (x * growth + (x - a)))
    return s * u


def _beyond(a: Any, x: Any, order: int, upper: Any) -> Any:
    """Return the integral of f B_k on x's side over the density of log x."""
    width = _range(a, x, upper)
    u = width[:, None] * NODES
    exponent = expm1_rest(u, np.abs(width) < SERIES_REACH)
    exponent *= -x[:, None]
    exponent += (a - x)[:, None] * u
    u += score(a, x)[:, None]
    polynomial = bell([u, *(-polygamma(i, a)[:, None] for i in range(1, order))])
    return -width * ((np.exp(exponent) * polynomial) @ WEIGHTS)


def _by_a(a: Any, x: Any, order: int) -> Any:
    upper = x > np.maximum(a, 1.5)
    density = gamma_density_by_log(a, x)
    low = np.flatnonzero(~upper & (a < _SHORT))
    terms = np.zeros(low.size)
    if low.size:
        # P(a, x) = P(a+1, x) + x^a exp(-x) / Γ(a+1)  (8.8.5): then the integrand falls off fast enough.
        b, z, f = a[low], x[low], density[low]
        psi, log_z = [polygamma(i, b) for i in range(order)], np.log(z)
        for _ in range(_STEPS):
            psi = [p + (-1) ** i * math.factorial(i) / b ** (i + 1) for i, p in enumerate(psi)]
            f = f / b
            terms += f * bell([log_z - psi[0], *(-p for p in psi[1:])])
            f, b = f * z, b + 1
        a, density = a.copy(), density.copy()
        a[low], density[low] = b, f
    tail = density * _beyond(a, x, order, upper)
    tail[low] += terms
    return tail


gammainc_by_a = elementwise_in_double(
    lambda a, x: (a > 0) & (x > 0) & (a < np.inf) & (x < np.inf), _by_a, zero=lambda a, x: (a > 0) & ~np.isnan(x)
)
