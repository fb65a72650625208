"""The gamma function and its logarithmic derivatives, factorials, and the incomplete gamma functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import threaded_functions as fast
from .densities import digamma_step, gamma_density, gamma_score, polygamma
from .gamma_tails import gammainc_by_a
from .panel import bell
from .records import AB, UfuncRow, own_row, scipy_row, sp
from .zeta_orders import zeta_by_s


def _rgamma_slope(out: Any, x: Any) -> Any:
    # Left of 1/2 by the reflection 1/Γ(x) = Γ(1-x) sin(πx) / π, which is finite at the poles of Γ.
    left = x < 0.5
    z = 1 - np.where(left, x, 0)
    reflected = sp.gamma(z) * (fast.cos(math.pi * x) - sp.psi(z) * fast.sin(math.pi * x) * (1 / math.pi))
    return np.where(left, reflected, -out * sp.psi(np.where(left, 1, x)))


def _density_by_a(a: Any, x: Any, order: int) -> Any:
    """Return x^(a-1) exp(-x) / Γ(a), derived by a."""
    slopes = [sp.gamma_score(a, x), *(-polygamma(i, a) for i in range(1, order))]
    return sp.gamma_density(a, x) * bell(slopes)


def _zeta_by_s(s: Any, a: Any, order: int) -> Any:
    return sp.zeta_by_s(s, a, order=order) if order else sp.zeta(s, a)


GAMMA: dict[str, UfuncRow] = {
    "gamma": scipy_row(lambda out, x: out * sp.psi(x), saves="ox", domain=("positive",)),
    "gammaln": scipy_row(lambda out, x: sp.psi(x), saves="x", domain=("positive",)),
    "loggamma": scipy_row(lambda out, x: sp.psi(x), saves="x", domain=("positive",)),
    "gammasgn": scipy_row(0, domain=("nonzero",), kinks="non-positive integers"),
    "psi": scipy_row(lambda out, x: sp.zeta(2, x), saves="x", domain=("positive",)),
    "zeta": scipy_row(
        lambda out, x, y: sp.zeta_by_s(x, y, order=1),
        lambda out, x, y: -x * sp.zeta(x + 1, y),
        saves="xy",
        domain=("above one", "positive"),
    ),
    # By y it is that of -x ζ(x+1, y), n times by x.
    "zeta_by_s": own_row(
        zeta_by_s,
        lambda out, x, y, order: sp.zeta_by_s(x, y, order=order + 1),
        lambda out, x, y, order: -x * sp.zeta_by_s(x + 1, y, order=order) - order * _zeta_by_s(x + 1, y, order - 1),
        saves="xy",
        domain=("above one", "positive"),
    ),
    **dict.fromkeys(
        ("zetac", "riemann_zeta"),
        scipy_row(lambda out, x: sp.zeta_by_s(x, 1.0, order=1), saves="x", domain=("above one",)),
    ),
    "rgamma": scipy_row(_rgamma_slope, saves="ox"),
    "poch": scipy_row(
        lambda out, x, y: out * (sp.psi(x + y) - sp.psi(x)),
        lambda out, x, y: out * sp.psi(x + y),
        saves="oxy",
        domain=("positive", "positive"),
    ),
    "binom": scipy_row(
        lambda out, x, y: out * (sp.psi(x + 1) - sp.psi(x - y + 1)),
        lambda out, x, y: out * (sp.psi(x - y + 1) - sp.psi(y + 1)),
        saves="oxy",
        domain=("above one", "share"),
    ),
    # The derivative of P(a, x) by x is the density (8.8.13), that by a an integral: see `gamma_tails`.
    "gammainc": scipy_row(
        lambda out, x, y: sp.gammainc_by_a(x, y, order=1),
        lambda out, x, y: sp.gamma_density(x, y),
        saves="xy",
        domain=AB,
    ),
    "gammainc_by_a": own_row(
        gammainc_by_a,
        lambda out, x, y, order: sp.gammainc_by_a(x, y, order=order + 1),
        lambda out, x, y, order: _density_by_a(x, y, order),
        saves="xy",
        domain=AB,
    ),
    "gamma_density": own_row(
        gamma_density,
        lambda out, x, y: out * sp.gamma_score(x, y),
        lambda out, x, y: out * np.where(x > 9, x - y - 1, x - 1 - y) / y,
        saves="oxy",
        domain=AB,
    ),
    "gamma_score": own_row(
        gamma_score, lambda out, x, y: -sp.zeta(2, x), applied(lambda g, out, x, y: g / y), saves=("x", "y"), domain=AB
    ),
    "digamma_step": own_row(
        digamma_step,
        lambda out, x, y: sp.zeta(2, x + y) - sp.zeta(2, x),
        lambda out, x, y: sp.zeta(2, x + y),
        saves="xy",
        domain=AB,
    ),
}
