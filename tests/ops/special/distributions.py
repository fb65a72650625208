"""Distribution functions, their relatives and inverses, with the values of parameters and arguments to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from .truth import Exact, mp

# Levels: below 0 the probability of the lower tail is 10 to that, above 0 the upper one's; 0 is the median.
LEVELS = (-20.0, -6.0, -2.0, -0.5, 0.0, 0.5, 2.0, 6.0, 20.0)
FEW = (-8.0, -2.0, -0.5, 0.5, 2.0, 8.0)
SHAPES = (1e-3, 0.03, 0.3, 1.0, 2.5, 10.0, 40.0, 300.0, 1e4, 1e5)
TWO_SHAPES = (1e-2, 0.3, 1.0, 3.5, 20.0, 300.0, 1e4)
PROBABILITIES = (1e-12, 1e-3, 0.05, 0.3, 0.6, 0.9)
# Not so small that the result is next to 1, where its own rounding is what a derivative sees.
COMPLEMENTS = (0.1, 0.4, 0.7, 0.95, 0.999)


def quantile(lower: Callable[..., Any], upper: Callable[..., Any]) -> Callable[..., Sequence[float]]:
    """Return what places an argument by SciPy's inverses of the two tails."""

    def place(*values: float) -> Sequence[float]:
        *shapes, level = values
        p = 10.0 ** -abs(level) if level else 0.5
        x = float((lower if level <= 0 else upper)(*shapes, p))
        return (*shapes, x if x != 0 and x != 1 else np.nan)

    return place


def P(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function."""
    return mp.gammainc(a, 0, x, regularized=True)


def Q(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function."""
    return mp.gammainc(a, x, mp.inf, regularized=True)


def I(a: Any, b: Any, x: Any) -> Any:  # noqa: E743 - as the field calls it
    """The regularized incomplete beta function; the smaller tail is summed."""
    if not 0 < mp.re(x) < 1:
        raise ArithmeticError("outside of 0 to 1")
    if x > a / (a + b):
        return 1 - I(b, a, 1 - x)
    if min(a, b) < 1000:
        return mp.betainc(a, b, 0, x, regularized=True)
    # For large parameters, where mpmath gives up: the series of positive terms, DLMF 8.17.8.
    term = total = mp.exp(a * mp.log(x) + b * mp.log(1 - x) - mp.log(a)) / mp.beta(a, b)
    n = 0
    while term > total * mp.eps:
        term *= x * (a + b + n) / (a + 1 + n)
        total += term
        n += 1
    return total


def F(m: Any, n: Any, x: Any) -> Any:
    """Fisher's distribution function."""
    return I(m / 2, n / 2, m * x / (m * x + n))


def T(df: Any, t: Any) -> Any:
    """Student's distribution function."""
    tail = I(df / 2, mp.mpf(1) / 2, df / (df + t * t)) / 2
    return tail if t < 0 else 1 - tail


def normal(x: Any) -> Any:
    """The normal distribution function."""
    return mp.erfc(-x / mp.sqrt(2)) / 2


def rows_of_one(table: dict[str, tuple[Callable[..., Any], Sequence[float]]]) -> list[Exact]:
    """Return the rows of functions of one argument."""
    return [Exact(name, truth, (points,)) for name, (truth, points) in table.items()]


def rows_of_orders(table: dict[str, Callable[..., Any]]) -> list[Exact]:
    """Return the rows of Bessel functions."""
    return [Exact(name, truth, (ORDERS, DISTANCES)) for name, truth in table.items()]


ORDERS = (0.3, 1.0, 2.5, 7.0, 20.0, 60.0)
DISTANCES = (0.01, 0.5, 2.0, 6.0, 15.0, 25.0, 60.0, 200.0)
DEGREES = (0.4, 1.0, 3.0, 10.0, 50.0, 1000.0)
REAL = (-40.0, -12.0, -4.0, -1.5, -0.3, 0.2, 1.0, 3.5, 9.0, 30.0)
POSITIVE = (1e-8, 1e-3, 0.2, 0.9, 1.6, 4.0, 20.0, 150.0)
SHARES = (1e-12, 1e-4, 0.03, 0.3, 0.5, 0.7, 0.95, 0.9999)
MODULI = (-20.0, -1.0, -0.2, 1e-3, 0.3, 0.8, 0.99)

GAMMA_X = quantile(special.gammaincinv, special.gammainccinv)
BETA_X = quantile(special.betaincinv, special.betainccinv)


def chi_square() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the inverses of the two tails."""
    return lambda v, p: 2 * special.gammaincinv(v / 2, p), special.chdtri


def placed_by_rate(a: float, b: float, level: float) -> Sequence[float]:
    """Return the arguments of gdtr: a rate, a shape, and a quantile."""
    return (a, b, GAMMA_X(b, level)[1] / a)


def fisher_upper(m: float, n: float, p: float) -> float:
    """Return the quantile of the upper tail; x with the degrees m, n is 1/x with n, m."""
    return 1 / float(special.fdtri(n, m, p))


DISTRIBUTIONS: list[Exact] = [
    Exact("gammainc", P, (SHAPES, LEVELS), GAMMA_X),
    Exact("gammaincc", Q, (SHAPES, LEVELS), GAMMA_X),
    Exact("gammaincinv", lambda a, p, x: P(a, x) - p, (SHAPES[1:], PROBABILITIES), inverse=True),
    Exact("gammainccinv", lambda a, q, x: Q(a, x) - q, (SHAPES[1:], PROBABILITIES), inverse=True),
    Exact("betainc", I, (TWO_SHAPES, TWO_SHAPES, FEW), BETA_X),
    Exact("betaincc", lambda a, b, x: 1 - I(a, b, x), (TWO_SHAPES, TWO_SHAPES, FEW), BETA_X),
    Exact(
        "betaincinv", lambda a, b, p, x: I(a, b, x) - p, (TWO_SHAPES[1:], TWO_SHAPES[1:], PROBABILITIES), inverse=True
    ),
    Exact(
        "betainccinv",
        lambda a, b, q, x: 1 - I(a, b, x) - q,
        (TWO_SHAPES[1:], TWO_SHAPES[1:], COMPLEMENTS),
        inverse=True,
    ),
    Exact("chdtr", lambda v, x: P(v / 2, x / 2), (SHAPES[2:], LEVELS), quantile(*chi_square())),
    Exact("chdtrc", lambda v, x: Q(v / 2, x / 2), (SHAPES[2:], LEVELS), quantile(*chi_square())),
    Exact("chdtri", lambda v, p, x: Q(v / 2, x / 2) - p, (SHAPES[2:-1], PROBABILITIES[1:]), inverse=True),
    Exact("chdtriv", lambda p, x, v: P(v / 2, x / 2) - p, (PROBABILITIES[1:], (0.1, 1.0, 8.0, 60.0)), inverse=True),
    Exact("gdtr", lambda a, b, x: P(b, a * x), ((0.1, 2.0), SHAPES[2:-1], FEW), placed_by_rate),
    Exact("gdtrc", lambda a, b, x: Q(b, a * x), ((0.1, 2.0), SHAPES[2:-1], FEW), placed_by_rate),
    Exact("gdtria", lambda p, b, x, a: P(b, a * x) - p, (PROBABILITIES[1:], DEGREES[:4], (0.5, 4.0)), inverse=True),
    Exact("gdtrib", lambda a, p, x, b: P(b, a * x) - p, ((0.5, 3.0), PROBABILITIES[1:], DEGREES[:4]), inverse=True),
    Exact("gdtrix", lambda a, b, p, x: P(b, a * x) - p, ((0.5, 3.0), DEGREES, PROBABILITIES[1:]), inverse=True),
    Exact("pdtrik", lambda p, m, k: Q(k + 1, m) - p, (PROBABILITIES[2:], (2.0, 8.0, 30.0, 200.0)), inverse=True),
    Exact("fdtr", F, (DEGREES, DEGREES, FEW), quantile(special.fdtri, fisher_upper)),
    Exact("fdtrc", lambda m, n, x: 1 - F(m, n, x), (DEGREES, DEGREES, FEW), quantile(special.fdtri, fisher_upper)),
    Exact("fdtri", lambda m, n, p, x: F(m, n, x) - p, (DEGREES, DEGREES, PROBABILITIES[1:]), inverse=True),
    Exact("stdtr", T, (DEGREES, (-300.0, -20.0, -4.0, -1.0, -0.1, 0.3, 2.0, 8.0, 50.0))),
    Exact("stdtrit", lambda df, p, t: T(df, t) - p, (DEGREES, PROBABILITIES[1:]), inverse=True),
    *rows_of_orders(
        {
            "jv": lambda v, x: mp.besselj(v, x),
            "yv": lambda v, x: mp.bessely(v, x),
            "iv": lambda v, x: mp.besseli(v, x),
            "kv": lambda v, x: mp.besselk(v, x),
            "ive": lambda v, x: mp.besseli(v, x) * mp.exp(-x),
            "kve": lambda v, x: mp.besselk(v, x) * mp.exp(x),
        }
    ),
    *rows_of_one(
        {
            "erf": (lambda x: mp.erf(x), REAL[2:-1]),
            "erfc": (lambda x: mp.erfc(x), REAL[2:-1]),
            "erfcx": (lambda x: mp.erfc(x) * mp.exp(x * x), REAL[1:]),
            "erfi": (lambda x: mp.erfi(x), REAL[1:-1]),
            "dawsn": (lambda x: mp.erfi(x) * mp.exp(-x * x) * mp.sqrt(mp.pi) / 2, REAL),
            "ndtr": (normal, REAL[1:]),
            "log_ndtr": (lambda x: mp.log(normal(x)), REAL[:-1]),
            "expit": (lambda x: 1 / (1 + mp.exp(-x)), REAL),
            "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), REAL),
            "logit": (lambda p: mp.log(p / (1 - p)), SHARES),
            "gamma": (lambda x: mp.gamma(x), POSITIVE),
            "gammaln": (lambda x: mp.loggamma(x), POSITIVE),
            "rgamma": (lambda x: mp.rgamma(x), POSITIVE),
            "psi": (lambda x: mp.digamma(x), POSITIVE),
            "exp1": (lambda x: mp.e1(x), POSITIVE),
            "expi": (lambda x: mp.ei(x), POSITIVE),
            "ellipk": (lambda m: mp.ellipk(m), MODULI),
            "ellipe": (lambda m: mp.ellipe(m), MODULI),
            "k0": (lambda x: mp.besselk(0, x), POSITIVE),
            "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-x), POSITIVE),
        }
    ),
    Exact("ndtri", lambda p, x: normal(x) - p, (SHARES,), inverse=True),
    Exact("ndtri_exp", lambda y, x: mp.log(normal(x)) - y, ((-600.0, -50.0, -7.0, -1.0, -0.2, -1e-3),), inverse=True),
    Exact("erfinv", lambda p, x: mp.erf(x) - p, ((-0.999, -0.5, -1e-3, 0.2, 0.9),), inverse=True),
    Exact("erfcinv", lambda p, x: mp.erfc(x) - p, ((1e-12, 1e-3, 0.3, 0.8, 1.5),), inverse=True),
    Exact("beta", lambda a, b: mp.beta(a, b), (TWO_SHAPES[:-1], TWO_SHAPES[:-1])),
    Exact("betaln", lambda a, b: mp.log(mp.beta(a, b)), (TWO_SHAPES, TWO_SHAPES)),
]
