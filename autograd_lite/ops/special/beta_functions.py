"""The beta function, the incomplete beta functions, and Student's distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import functions as fast
from .beta_tails import betainc_by_ab, slopes
from .densities import beta_density
from .panel import bell_of_two
from .records import AB, NOT_CLOSED, Known, known, own, sp


def _density_by_ab(a: Any, b: Any, x: Any, of_a: int, of_b: int) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b), derived by a and b."""
    by_a, by_b = fast.log(x) + sp.digamma_step(a, b), fast.log1p(-x) + sp.digamma_step(b, a)
    return sp.beta_density(a, b, x) * bell_of_two(slopes(a, b, by_a, by_b), of_a, of_b)


def _inverse(sign: int) -> Known:
    """Return the row of x with I_x(a, b) = ±p + constant."""
    return known(
        applied(lambda g, out, x, y, z: -g * sp.betainc_by_ab(x, y, out, of_a=1, of_b=0) / sp.beta_density(x, y, out)),
        applied(lambda g, out, x, y, z: -g * sp.betainc_by_ab(x, y, out, of_a=0, of_b=1) / sp.beta_density(x, y, out)),
        applied(lambda g, out, x, y, z: sign * g / sp.beta_density(x, y, out)),
        saves="oxy",
        domain=_SHARED,
    )


_SHARED = (*AB, "share")

BETA: dict[str, Known] = {
    "beta": known(
        lambda out, x, y: -out * sp.digamma_step(x, y),
        lambda out, x, y: -out * sp.digamma_step(y, x),
        saves="oxy",
        domain=AB,
    ),
    "betaln": known(
        lambda out, x, y: -sp.digamma_step(x, y), lambda out, x, y: -sp.digamma_step(y, x), saves="xy", domain=AB
    ),
    # The derivative of I_x(a, b) by x is the density (8.17.1), those by a and b are integrals: see `beta_tails`.
    "betainc": known(
        lambda out, x, y, z: sp.betainc_by_ab(x, y, z, of_a=1, of_b=0),
        lambda out, x, y, z: sp.betainc_by_ab(x, y, z, of_a=0, of_b=1),
        lambda out, x, y, z: sp.beta_density(x, y, z),
        saves="xyz",
        domain=_SHARED,
    ),
    "betaincc": known(
        lambda out, x, y, z: -sp.betainc_by_ab(x, y, z, of_a=1, of_b=0),
        lambda out, x, y, z: -sp.betainc_by_ab(x, y, z, of_a=0, of_b=1),
        lambda out, x, y, z: -sp.beta_density(x, y, z),
        saves="xyz",
        domain=_SHARED,
    ),
    "betaincinv": _inverse(1),
    "betainccinv": _inverse(-1),
    "betainc_by_ab": own(
        betainc_by_ab,
        lambda out, x, y, z, of_a, of_b: sp.betainc_by_ab(x, y, z, of_a=of_a + 1, of_b=of_b),
        lambda out, x, y, z, of_a, of_b: sp.betainc_by_ab(x, y, z, of_a=of_a, of_b=of_b + 1),
        lambda out, x, y, z, of_a, of_b: _density_by_ab(x, y, z, of_a, of_b),
        saves="xyz",
        domain=_SHARED,
    ),
    "beta_density": own(
        beta_density,
        lambda out, x, y, z: out * (fast.log(z) + sp.digamma_step(x, y)),
        lambda out, x, y, z: out * (fast.log1p(-z) + sp.digamma_step(y, x)),
        lambda out, x, y, z: out * ((x - 1) / z - (y - 1) / (1 - z)),
        saves="oxyz",
        domain=_SHARED,
    ),
    # Student's distribution function by t.
    "stdtr": known(
        NOT_CLOSED,
        lambda out, x, y: (
            fast.exp(sp.gammaln(0.5 * x + 0.5) - sp.gammaln(0.5 * x) - 0.5 * (x + 1) * fast.log1p(y * y / x))
            / np.sqrt(math.pi * x)
        ),
        saves=("", "xy"),
        domain=("positive", "any"),
    ),
}
