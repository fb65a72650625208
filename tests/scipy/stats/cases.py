"""Parameters for which the laws about distributions are checked: the shapes of each row, two sets of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import scipy.stats

from autograd_lite.scipy.stats import ROWS

CONTINUOUS: dict[str, tuple[tuple[float, ...], ...]] = {
    "alpha": ((3.57,), (1.2,)),
    "anglit": ((),),
    "arcsine": ((),),
    "argus": ((1.0,), (2.4,)),
    "beta": ((2.31, 0.627), (3.2, 4.1)),
    "betaprime": ((5.2, 6.1), (1.3, 3.4)),
    "bradford": ((0.299,), (4.2,)),
    "burr": ((10.5, 4.3), (2.3, 1.4)),
    "burr12": ((10.0, 4.0), (2.2, 1.7)),
    "cauchy": ((),),
    "chi": ((78.0,), (2.4,)),
    "chi2": ((55.0,), (3.3,)),
    "cosine": ((),),
    "crystalball": ((2.0, 3.0), (0.7, 2.4)),
    "dgamma": ((1.1,), (2.4,)),
    "dpareto_lognorm": ((3.0, 1.2, 1.5, 2.0), (0.3, 0.6, 3.1, 1.4)),
    "dweibull": ((2.07,), (1.3,)),
    "erlang": ((4.0,), (2.0,)),
    "expon": ((),),
    "exponnorm": ((1.5,), (0.6,)),
    "exponpow": ((2.7,), (0.8,)),
    "exponweib": ((2.89, 1.95), (0.7, 1.3)),
    "f": ((29.0, 18.0), (3.3, 5.2)),
    "fatiguelife": ((2.9,), (0.6,)),
    "fisk": ((3.09,), (2.2,)),
    "foldcauchy": ((4.7,), (0.8,)),
    "foldnorm": ((1.95,), (0.6,)),
    "gamma": ((1.99,), (5.4,)),
    "gausshyper": ((13.8, 3.12, 2.51, 5.18), (1.4, 0.8, 1.1, -0.4)),
    "genexpon": ((9.13, 16.2, 3.28), (1.1, 0.6, 1.7)),
    "genextreme": ((0.3,), (0.0,), (-0.1,)),
    "gengamma": ((4.42, 3.12), (4.42, -3.12)),
    "genhalflogistic": ((0.773,), (0.2,)),
    "genhyperbolic": ((0.5, 1.5, -0.5), (1.7, 2.0, 0.4)),
    "geninvgauss": ((2.3, 1.5), (-0.8, 2.2)),
    "genlogistic": ((0.412,), (2.3,)),
    "gennorm": ((1.3,), (2.6,)),
    "genpareto": ((0.1,), (0.0,), (-0.3,)),
    "gibrat": ((),),
    "gompertz": ((0.947,), (0.2,)),
    "gumbel_l": ((),),
    "gumbel_r": ((),),
    "halfcauchy": ((),),
    "halfgennorm": ((0.675,), (1.8,)),
    "halflogistic": ((),),
    "halfnorm": ((),),
    "hypsecant": ((),),
    "invgamma": ((4.07,), (2.6,)),
    "invgauss": ((0.145,), (1.3,)),
    "invweibull": ((10.6,), (3.1,)),
    "irwinhall": ((3.0,), (10.0,)),
    "jf_skew_t": ((8.0, 4.0), (2.3, 3.1)),
    "johnsonsb": ((4.32, 3.18), (-0.4, 1.2)),
    "johnsonsu": ((2.55, 2.25), (-0.4, 1.3)),
    "kappa3": ((1.0,), (2.6,)),
    "kappa4": ((0.2, 0.1), (0.3, -0.2), (-0.3, 0.2)),
    "laplace": ((),),
    "laplace_asymmetric": ((2.0,), (0.7,)),
    "levy": ((),),
    "levy_l": ((),),
    "loggamma": ((0.414,), (2.2,)),
    "logistic": ((),),
    "loglaplace": ((3.25,), (2.3,)),
    "lognorm": ((0.954,), (0.4,)),
    "loguniform": ((0.01, 1.25), (0.6, 3.0)),
    "lomax": ((1.88,), (3.1,)),
    "maxwell": ((),),
    "mielke": ((10.4, 4.6), (1.3, 3.2)),
    "moyal": ((),),
    "nakagami": ((4.97,), (0.7,)),
    "ncf": ((27.0, 27.0, 0.416), (4.2, 6.1, 2.3)),
    "nct": ((14.0, 0.24), (4.3, -1.2)),
    "ncx2": ((21.0, 1.06), (3.2, 4.1)),
    "norm": ((),),
    "norminvgauss": ((1.25, 0.5), (2.2, -0.9)),
    "pareto": ((2.62,), (4.1,)),
    "pearson3": ((0.1,), (-0.8,), (1.3,)),
    "powerlaw": ((1.66,), (0.6,)),
    "powerlognorm": ((2.14, 0.446), (0.7, 0.9)),
    "powernorm": ((4.45,), (0.7,)),
    "rayleigh": ((),),
    "rdist": ((1.6,), (3.4,)),
    "recipinvgauss": ((0.63,), (1.7,)),
    "reciprocal": ((0.01, 1.25), (0.6, 3.0)),
    "rel_breitwigner": ((4.5,), (1.4,)),
    "rice": ((0.775,), (2.3,)),
    "semicircular": ((),),
    "skewcauchy": ((0.5,), (-0.3,)),
    "skewnorm": ((4.0,), (-0.8,)),
    "t": ((2.74,), (7.3,)),
    "trapezoid": ((0.2, 0.8), (0.4, 0.5)),
    "triang": ((0.158,), (0.6,)),
    "truncexpon": ((4.69,), (0.8,)),
    "truncnorm": ((-1.1, 2.2), (1.3, 4.0)),
    "truncpareto": ((1.8, 5.3), (0.7, 3.1)),
    "truncweibull_min": ((2.5, 0.25, 1.75), (0.8, 0.4, 3.0)),
    "tukeylambda": ((3.13,), (-0.4,)),
    "uniform": ((),),
    "vonmises": ((3.99,), (0.7,)),
    "vonmises_line": ((3.99,), (0.7,)),
    "wald": ((),),
    "weibull_max": ((2.87,), (1.4,)),
    "weibull_min": ((1.79,), (0.8,)),
    "wrapcauchy": ((0.031,), (0.6,)),
}

DISCRETE: dict[str, tuple[tuple[float, ...], ...]] = {
    "bernoulli": ((0.3,),),
    "betabinom": ((5, 2.3, 0.63), (12, 1.2, 3.4)),
    "betanbinom": ((5, 9.3, 1.0), (3, 4.2, 2.1)),
    "binom": ((5, 0.4), (20, 0.73)),
    "boltzmann": ((1.4, 19), (0.2, 6)),
    "dlaplace": ((0.8,), (1.7,)),
    "geom": ((0.5,), (0.13,)),
    "logser": ((0.6,), (0.83,)),
    "nbinom": ((5, 0.5), (2.7, 0.3)),
    "nchypergeom_fisher": ((140, 80, 60, 0.5), (25, 10, 8, 2.3)),
    "nchypergeom_wallenius": ((140, 80, 60, 0.5), (25, 10, 8, 2.3)),
    "planck": ((0.51,), (1.3,)),
    "poisson": ((0.6,), (7.3,)),
    "skellam": ((15.0, 8.0), (1.2, 2.6)),
    "yulesimon": ((11.0,), (2.6,)),
    "zipf": ((6.6,), (2.4,)),
    "zipfian": ((0.75, 15), (2.2, 6)),
}

# A few of each family, for the tests that are not for ci alone.
SOME = frozenset(
    [
        "norm",
        "gamma",
        "beta",
        "weibull_min",
        "fisk",
        "genextreme",
        "truncnorm",
        "kappa4",
        "tukeylambda",
        "poisson",
        "binom",
        "skellam",
    ]
)


def selected(names: Iterable[str]) -> list[Any]:
    """Return names as the values of a parameter; but for some they are for ci."""
    return [pytest.param(name, marks=[] if name in SOME else [pytest.mark.ci]) for name in names]


# What this version of SciPy has.
KNOWN = {name: sets for name, sets in {**CONTINUOUS, **DISCRETE}.items() if hasattr(scipy.stats, name)}
assert set(CONTINUOUS) | set(DISCRETE) == set(ROWS)
