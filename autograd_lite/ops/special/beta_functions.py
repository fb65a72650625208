"""The beta function and the incomplete beta functions."""

from __future__ import annotations

from typing import Any

from ...native import threaded_functions as fast
from .beta_tails import betainc_by_ab, betaprime_by_ab, slopes
from .densities import beta_density, betaprime_weight
from .panel import bell_of_two
from .records import AB, UfuncRow, own_row, scipy_row, sp


def _density_by_ab(a: Any, b: Any, x: Any, of_a: int, of_b: int) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b), derived by a and b."""
    by_a, by_b = fast.log(x) + sp.digamma_step(a, b), fast.log1p(-x) + sp.digamma_step(b, a)
    return sp.beta_density(a, b, x) * bell_of_two(slopes(a, b, by_a, by_b), of_a, of_b)


def _weight_by_ab(a: Any, b: Any, r: Any, of_a: int, of_b: int) -> Any:
    by_a, by_b = sp.digamma_step(a, b) - fast.log1p(1 / r), sp.digamma_step(b, a) - fast.log1p(r)
    return sp.betaprime_weight(a, b, r) * bell_of_two(slopes(a, b, by_a, by_b), of_a, of_b)


_SHARED = (*AB, "share")

BETA: dict[str, UfuncRow] = {
    "beta": scipy_row(
        lambda out, x, y: -out * sp.digamma_step(x, y),
        lambda out, x, y: -out * sp.digamma_step(y, x),
        saves="oxy",
        domain=AB,
    ),
    "betaln": scipy_row(
        lambda out, x, y: -sp.digamma_step(x, y), lambda out, x, y: -sp.digamma_step(y, x), saves="xy", domain=AB
    ),
    # The derivative of I_x(a, b) by x is the density (8.17.1), those by a and b are integrals: see `beta_tails`.
    "betainc": scipy_row(
        lambda out, x, y, z: sp.betainc_by_ab(x, y, z, of_a=1, of_b=0),
        lambda out, x, y, z: sp.betainc_by_ab(x, y, z, of_a=0, of_b=1),
        lambda out, x, y, z: sp.beta_density(x, y, z),
        saves="xyz",
        domain=_SHARED,
    ),
    "betainc_by_ab": own_row(
        betainc_by_ab,
        lambda out, x, y, z, of_a, of_b: sp.betainc_by_ab(x, y, z, of_a=of_a + 1, of_b=of_b),
        lambda out, x, y, z, of_a, of_b: sp.betainc_by_ab(x, y, z, of_a=of_a, of_b=of_b + 1),
        lambda out, x, y, z, of_a, of_b: _density_by_ab(x, y, z, of_a, of_b),
        saves="xyz",
        domain=_SHARED,
    ),
    "beta_density": own_row(
        beta_density,
        lambda out, x, y, z: out * (fast.log(z) + sp.digamma_step(x, y)),
        lambda out, x, y, z: out * (fast.log1p(-z) + sp.digamma_step(y, x)),
        lambda out, x, y, z: out * ((x - 1) / z - (y - 1) / (1 - z)),
        saves="oxyz",
        domain=_SHARED,
    ),
    # The same with r = x / (1 - x), for where x would be rounded to 1: I(a, b) and x^a (1-x)^b / B(a, b).
    "betaprime_by_ab": own_row(
        betaprime_by_ab,
        lambda out, x, y, z, of_a, of_b: sp.betaprime_by_ab(x, y, z, of_a=of_a + 1, of_b=of_b),
        lambda out, x, y, z, of_a, of_b: sp.betaprime_by_ab(x, y, z, of_a=of_a, of_b=of_b + 1),
        lambda out, x, y, z, of_a, of_b: _weight_by_ab(x, y, z, of_a, of_b) / z,
        saves="xyz",
        domain=(*AB, "positive"),
    ),
    "betaprime_weight": own_row(
        betaprime_weight,
        lambda out, x, y, z: out * (sp.digamma_step(x, y) - fast.log1p(1 / z)),
        lambda out, x, y, z: out * (sp.digamma_step(y, x) - fast.log1p(z)),
        lambda out, x, y, z: out * (x / z - y) / (z + 1),
        saves="oxyz",
        domain=(*AB, "positive"),
    ),
}
