"""Student's distribution: its density, and its distribution function derived by the degrees of freedom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .beta_tails import by_ab
from .densities import beta_density_by_logit, polygamma, step, stirling_error
from .panel import bell_of_two, elementwise_in_double


def _density(df: Any, t: Any) -> Any:
    # Γ(z + 1/2) / (Γ(z) √z) without large terms, z = df/2; with infinite df the normal density.
    df = np.minimum(df, 1e300)
    z = 0.5 * df
    ratio = stirling_error(z + 0.5) - stirling_error(z) + z * np.log1p(0.5 / z) - 0.5
    return np.exp(ratio - (z + 0.5) * np.log1p(t * t / df)) * (1 / math.sqrt(2 * math.pi))


def _by_df(df: Any, t: Any, order: int) -> Any:
    """Derive 1/2 + sign(t) I(1/2, df/2) / 2 at t² / (df + t²) by the rule of the chain.

    With E = x^(1/2) y^b / (B(1/2, b) df) the k-th derivative of I is that by b over 2^k, and minus the sum over j < k
    of C(k, j+1) 2^(j+1-k) times E derived k-1-j times by b and j times by df.
    """
    r, b, k = t * t / df, 0.5 * df, order
    x, y = r / (1 + r), 1 / (1 + r)
    first = step(b, 0.5) - np.log1p(r)

    def slope(by_b: int, by_df: int) -> Any:
        """Return the derivatives of log E."""
        if by_df == 0:
            return first if by_b == 1 else polygamma(by_b - 1, b + 0.5) - polygamma(by_b - 1, b)
        if by_b > 1:
            return 0.0
        scale = (-1.0) ** (by_df - 1) * math.factorial(by_df - 1)
        of_log_df, of_log_y = scale / df**by_df, scale * (df**-by_df - (df + t * t) ** -by_df)
        of_log_x = of_log_y - of_log_df
        return of_log_y if by_b else 0.5 * of_log_x + b * of_log_y - of_log_df

    inner: Any = 0.0
    for j in range(k):
        inner = inner + math.comb(k, j + 1) * 2.0 ** (j + 1 - k) * bell_of_two(slope, k - 1 - j, j)
    half = np.full_like(df, 0.5)
    weight = beta_density_by_logit(half, b, x, y)
    return 0.5 * np.sign(t) * (by_ab(half, b, x, y, 0, k) * 0.5**k - weight / df * inner)


def _ends(df: Any, t: Any) -> Any:
    return (df > 0) & ~np.isnan(t)


student_density = elementwise_in_double(lambda df, t: (df > 0) & (np.abs(t) < np.inf), _density, _ends)
stdtr_by_df = elementwise_in_double(
    lambda df, t: (df > 0) & (df < np.inf) & (np.abs(t) > 1e-150) & (np.abs(t) < 1e150), _by_df, _ends
)
