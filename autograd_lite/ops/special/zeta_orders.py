"""Hurwitz's zeta function derived by s, any number of times: Euler and Maclaurin's sum (25.11.5) in Taylor series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .panel import elementwise_in_double

_TERMS = 14
# Bernoulli's numbers B_2, B_4, … over (2j)!.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
_COEFFICIENTS = [b / math.factorial(2 * j) for j, b in enumerate(_BERNOULLI, 1)]


def _times(a: list[Any], b: list[Any]) -> list[Any]:
    """Return the product of two Taylor series, to the length of the first."""
    return [sum((a[i] * b[n - i] for i in range(n + 1) if n - i < len(b)), 0.0) for n in range(len(a))]


def _by_s(s: Any, a: Any, order: int) -> Any:
    total: Any = 0.0
    for n in range(_TERMS):
        log = np.log(a + n)
        total = total + (-log) ** order * np.exp(-s * log)
    m = a + _TERMS
    log = np.log(m)
    power = [np.exp(-s * log) * (-log) ** i / math.factorial(i) for i in range(order + 1)]
    rest = [m * (-1) ** i / (s - 1) ** (i + 1) for i in range(order + 1)]
    rest[0] = rest[0] + 0.5
    rising = [s, np.ones_like(s)]  # (s)_(2j-1) over m^(2j-1)
    scale = 1 / m
    series = [rising[0] + 0 * m, rising[1], *([0.0] * (order - 1))][: order + 1]
    for j, c in enumerate(_COEFFICIENTS, 1):
        rest = [r + c * scale * t for r, t in zip(rest, series, strict=True)]
        for k in (2 * j - 1, 2 * j):
            series = _times(series, [s + k, 1.0])
        scale = scale / (m * m)
    return total + math.factorial(order) * _times(power, rest)[order]


zeta_by_s = elementwise_in_double(
    lambda s, a: (s > 0) & (s != 1) & (a > 0) & (s < np.inf) & (a < np.inf),
    _by_s,
    zero=lambda s, a: (s > 1) & (a > 0),
)
