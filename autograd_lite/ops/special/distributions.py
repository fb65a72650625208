"""Distribution functions and their inverses by any argument, most of them incomplete gamma and beta functions.

A distribution is the tuple of the partials of its lower tail, as functions of its arguments. Its rows follow: `tail`
for the lower or the upper one, `inverse` for what solves for one argument, by the theorem on implicit functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import threaded_functions as fast
from .densities import polygamma
from .panel import bell
from .records import WHOLE, UfuncRow, own_row, scipy_row, sp
from .student import stdtr_by_df, student_density

Partials = Sequence[Callable[..., Any] | str]
_LETTERS = "xyzu"


def tail(partials: Partials, sign: int = 1, domain: tuple[str, ...] = ()) -> UfuncRow:
    """Return the row of the lower tail, or with sign=-1 of the upper one."""

    def rule(partial: Callable[..., Any] | str) -> Any:
        return partial if isinstance(partial, str) else lambda out, *xs: sign * partial(*xs)

    reads = _LETTERS[: len(partials)]
    return scipy_row(*map(rule, partials), saves=["" if isinstance(p, str) else reads for p in partials], domain=domain)


def inverse(partials: Partials, order: str, sign: int = 1, domain: tuple[str, ...] = ()) -> UfuncRow:
    """Return the row of the function that finds one argument, given the probability.

    Args:
        partials: of the lower tail.
        order: the inputs, each as the number of its argument, or "p" for the probability; the missing one is found.
        sign: -1 if the probability is that of the upper tail.
        domain: see `Op`.
    """
    n = len(partials)
    (missing,) = set(map(str, range(n))) - set(order)
    unknown: Any = partials[int(missing)]
    reads = "o" + _LETTERS[:n].replace(_LETTERS[order.index("p")], "")

    def arguments(out: Any, xs: tuple[Any, ...]) -> list[Any]:
        by_name = dict(zip(order, xs, strict=True)) | {missing: out}
        return [by_name[str(i)] for i in range(n)]

    def by_probability(g: Any, out: Any, *xs: Any) -> Any:
        return sign * g / unknown(*arguments(out, xs))

    def rule(name: str) -> Any:
        if name == "p":
            return applied(by_probability)
        partial = partials[int(name)]
        if isinstance(partial, str):
            return partial

        def by_argument(g: Any, out: Any, *xs: Any) -> Any:
            all_of_them = arguments(out, xs)
            return -g * partial(*all_of_them) / unknown(*all_of_them)

        return applied(by_argument)

    rules = list(map(rule, order))
    return scipy_row(*rules, saves=["" if isinstance(r, str) else reads for r in rules], domain=domain)


# ---- the partials of lower tails ------------------------------------------------------------------------------------
_BETA: Partials = (
    lambda a, b, x: sp.betainc_by_ab(a, b, x, of_a=1, of_b=0),
    lambda a, b, x: sp.betainc_by_ab(a, b, x, of_a=0, of_b=1),
    lambda a, b, x: sp.beta_density(a, b, x),
)
_INCOMPLETE_GAMMA: Partials = (
    lambda a, x: sp.gammainc_by_a(a, x, order=1),
    lambda a, x: sp.gamma_density(a, x),
)
_CHI_SQUARE: Partials = (
    lambda v, x: 0.5 * sp.gammainc_by_a(0.5 * v, 0.5 * x, order=1),
    lambda v, x: 0.5 * sp.gamma_density(0.5 * v, 0.5 * x),
)
# With the rate a and the shape b: P(b, a x).
_GAMMA: Partials = (
    lambda a, b, x: x * sp.gamma_density(b, a * x),
    lambda a, b, x: sp.gammainc_by_a(b, a * x, order=1),
    lambda a, b, x: a * sp.gamma_density(b, a * x),
)
# Q(k + 1, m), by k where it is any number; k is counted where it is SciPy's argument.
_POISSON: Partials = (
    lambda k, m: -sp.gammainc_by_a(k + 1, m, order=1),
    lambda k, m: -sp.gamma_density(k + 1, m),
)
_POISSON_WHOLE: Partials = (WHOLE, lambda k, m: -sp.gamma_density(np.floor(k) + 1, m))
# I(n - k, k + 1) at 1 - p.
_BINOMIAL: Partials = (
    lambda k, n, p: (
        sp.betainc_by_ab(n - k, k + 1, 1 - p, of_a=0, of_b=1) - sp.betainc_by_ab(n - k, k + 1, 1 - p, of_a=1, of_b=0)
    ),
    lambda k, n, p: sp.betainc_by_ab(n - k, k + 1, 1 - p, of_a=1, of_b=0),
    lambda k, n, p: -sp.beta_density(k + 1, n - k, p),
)
_BINOMIAL_WHOLE: Partials = (
    WHOLE,
    WHOLE,
    lambda k, n, p: -sp.beta_density(np.floor(k) + 1, np.trunc(n) - np.floor(k), p),
)
# I(n, k + 1) at p.
_NEGATIVE_BINOMIAL: Partials = (
    lambda k, n, p: sp.betainc_by_ab(n, k + 1, p, of_a=0, of_b=1),
    lambda k, n, p: sp.betainc_by_ab(n, k + 1, p, of_a=1, of_b=0),
    lambda k, n, p: sp.beta_density(n, k + 1, p),
)
_NEGATIVE_BINOMIAL_WHOLE: Partials = (
    WHOLE,
    WHOLE,
    lambda k, n, p: sp.beta_density(np.trunc(n), np.trunc(k) + 1, p),
)
# I(m/2, n/2) at r / (1 + r), r = m x / n.
_F: Partials = (
    lambda m, n, x: (
        0.5 * sp.betaprime_by_ab(0.5 * m, 0.5 * n, m * x / n, of_a=1, of_b=0)
        + sp.betaprime_weight(0.5 * m, 0.5 * n, m * x / n) / m
    ),
    lambda m, n, x: (
        0.5 * sp.betaprime_by_ab(0.5 * m, 0.5 * n, m * x / n, of_a=0, of_b=1)
        - sp.betaprime_weight(0.5 * m, 0.5 * n, m * x / n) / n
    ),
    lambda m, n, x: sp.betaprime_weight(0.5 * m, 0.5 * n, m * x / n) / x,
)
_STUDENT: Partials = (
    lambda df, t: sp.stdtr_by_df(df, t, order=1),
    lambda df, t: sp.student_density(df, t),
)


def _student_score(df: Any, t: Any) -> Any:
    """Return the derivative by df of the logarithm of Student's density."""
    r = t * t / df
    return 0.5 * (sp.digamma_step(0.5 * df, 0.5) - 1 / df - fast.log1p(r) + (df + 1) / df * (r / (r + 1)))


def _density_by_df(df: Any, t: Any, order: int) -> Any:
    """Return Student's density, derived by df."""
    r, n = t * t / df, 0.5 * df
    curvature = 0.25 * (sp.zeta(2, n + 0.5) - sp.zeta(2, n)) + 0.5 * (r * r * df + 1) / np.square(df * (r + 1))
    slopes = [_student_score(df, t), curvature][:order]
    for k in range(3, order + 1):
        scale = (-1.0) ** (k - 1) * math.factorial(k - 1)
        of_log, of_log_before = scale / df**k, scale / (1 - k) / df ** (k - 1)
        gap = scale * (df + t * t) ** -k - of_log
        gap_before = scale / (1 - k) * (df + t * t) ** (1 - k) - of_log_before
        gammas = 0.5**k * (polygamma(k - 1, n + 0.5) - polygamma(k - 1, n))
        slopes.append(gammas - 0.5 * (of_log + (df + 1) * gap + k * gap_before))
    return sp.student_density(df, t) * bell(slopes)


_ROOT = math.sqrt(2 * math.pi)
_TWO, _THREE = ("positive", "positive"), ("positive", "positive", "positive")
_P1, _P2 = ("positive", "share"), ("positive", "positive", "share")

DISTRIBUTIONS: dict[str, UfuncRow] = {
    "gammaincc": tail(_INCOMPLETE_GAMMA, -1, domain=_TWO),
    "gammaincinv": inverse(_INCOMPLETE_GAMMA, "0p", domain=_P1),
    "gammainccinv": inverse(_INCOMPLETE_GAMMA, "0p", -1, domain=_P1),
    "betaincc": tail(_BETA, -1, domain=_P2),
    "betaincinv": inverse(_BETA, "01p", domain=_P2),
    "betainccinv": inverse(_BETA, "01p", -1, domain=_P2),
    "chdtr": tail(_CHI_SQUARE, domain=_TWO),
    "chdtrc": tail(_CHI_SQUARE, -1, domain=_TWO),
    "chdtri": inverse(_CHI_SQUARE, "0p", -1, domain=_P1),
    "chdtriv": inverse(_CHI_SQUARE, "p1", domain=("share", "positive")),
    "gdtr": tail(_GAMMA, domain=_THREE),
    "gdtrc": tail(_GAMMA, -1, domain=_THREE),
    "gdtria": inverse(_GAMMA, "p12", domain=("share", "positive", "positive")),
    "gdtrib": inverse(_GAMMA, "0p2", domain=("positive", "share", "positive")),
    "gdtrix": inverse(_GAMMA, "01p", domain=_P2),
    "btdtria": inverse(_BETA, "p12", domain=("share", "positive", "share")),
    "btdtrib": inverse(_BETA, "0p2", domain=("positive", "share", "share")),
    "fdtr": tail(_F, domain=_THREE),
    "fdtrc": tail(_F, -1, domain=_THREE),
    "fdtri": inverse(_F, "01p", domain=_P2),
    "fdtridfd": inverse(_F, "0p2", domain=_THREE),
    "stdtr": tail(_STUDENT, domain=("positive", "any")),
    "stdtrit": inverse(_STUDENT, "0p", domain=_P1),
    "stdtridf": inverse(_STUDENT, "p1", domain=("share", "positive")),
    "pdtr": tail(_POISSON_WHOLE, domain=_TWO),
    "pdtrc": tail(_POISSON_WHOLE, -1, domain=_TWO),
    "pdtri": inverse(_POISSON_WHOLE, "0p", domain=_P1),
    "pdtrik": inverse(_POISSON, "p1", domain=("share", "positive")),
    "bdtr": tail(_BINOMIAL_WHOLE),
    "bdtrc": tail(_BINOMIAL_WHOLE, -1),
    "bdtri": inverse(_BINOMIAL_WHOLE, "01p"),
    "bdtrik": inverse(_BINOMIAL, "p12"),
    "bdtrin": inverse(_BINOMIAL, "0p2"),
    "nbdtr": tail(_NEGATIVE_BINOMIAL_WHOLE),
    "nbdtrc": tail(_NEGATIVE_BINOMIAL_WHOLE, -1),
    "nbdtri": inverse(_NEGATIVE_BINOMIAL_WHOLE, "01p"),
    "nbdtrik": inverse(_NEGATIVE_BINOMIAL, "p12"),
    "nbdtrin": inverse(_NEGATIVE_BINOMIAL, "0p2"),
    # x - std z and (x - mean) / z with the normal quantile z of p.
    "nrdtrimn": scipy_row(
        lambda out, x, y, z: -_ROOT * y * fast.exp(0.5 * np.square((z - out) / y)),
        lambda out, x, y, z: (out - z) / y,
        1,
        saves=("oyz", "oyz", ""),
        domain=("share", "positive", "any"),
    ),
    "nrdtrisd": scipy_row(
        lambda out, x, y, z: -1 / sp.ndtri(y),
        lambda out, x, y, z: (x - z) / np.square(sp.ndtri(y)) * fast.exp(0.5 * np.square(sp.ndtri(y))) * _ROOT,
        lambda out, x, y, z: 1 / sp.ndtri(y),
        saves=("y", "xyz", "y"),
    ),
    "stdtr_by_df": own_row(
        stdtr_by_df,
        lambda out, x, y, order: sp.stdtr_by_df(x, y, order=order + 1),
        lambda out, x, y, order: _density_by_df(x, y, order),
        saves="xy",
        domain=("positive", "any"),
    ),
    "student_density": own_row(
        student_density,
        lambda out, x, y: out * _student_score(x, y),
        lambda out, x, y: -out * (1 / x + 1) * y / (y * y / x + 1),
        saves="oxy",
        domain=("positive", "any"),
    ),
}
