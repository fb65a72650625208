"""Student's distribution: its density, and its distribution function derived by the degrees of freedom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from .beta_tails import by_ab
from .densities import beta_density_by_logit, step, stirling_error
from .panel import elementwise_in_double


def _density(df: Any, t: Any) -> Any:
    # Γ(z + 1/2) / (Γ(z) √z) without large terms, z = df/2.
    z = 0.5 * df
    ratio = stirling_error(z + 0.5) - stirling_error(z) + z * np.log1p(0.5 / z) - 0.5
    return np.exp(ratio - (z + 0.5) * np.log1p(t * t / df)) * (1 / math.sqrt(2 * math.pi))


def _by_df(df: Any, t: Any, order: int) -> Any:
    """With b = df/2 and r = t²/df the function is 1/2 + sign(t) I(1/2, b) / 2 at r / (1 + r): the rule of the chain."""
    if order > 2:
        raise UnsupportedError("scipy.special.stdtr: its derivatives by df are known to the second order")
    r = t * t / df
    a, b = np.full_like(df, 0.5), 0.5 * df
    x, y = r / (1 + r), 1 / (1 + r)
    weight = beta_density_by_logit(a, b, x, y)
    if order == 1:
        found = 0.5 * by_ab(a, b, x, y, 0, 1) - weight / df
    else:
        by_b = weight * (step(b, a) - np.log1p(r))
        found = 0.25 * by_ab(a, b, x, y, 0, 2) - by_b / df + weight * (a * y - b * x + 1) / (df * df)
    return 0.5 * np.sign(t) * found


student_density = elementwise_in_double(lambda df, t: (df > 0) & (df < np.inf) & (np.abs(t) < np.inf), _density)
stdtr_by_df = elementwise_in_double(
    lambda df, t: (df > 0) & (df < np.inf) & (np.abs(t) > 1e-150) & (np.abs(t) < 1e150), _by_df
)
