"""Bessel, Airy and elliptic functions, integrals, polynomials and elementary ones, with the arguments to try.

A table gives a truth for each name; the tables of one call share their grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .distributions import DISTANCES, ORDERS, POSITIVE, PROBABILITIES, REAL, I, P, rows_of_one, rows_of_orders
from .truth import Exact, mp

Truth = Callable[..., Any]
MIDDLE = (0.05, 0.4, 1.1, 2.3, 4.2, 7.5, 13.0)
SIGNED = (-7.5, -3.1, -1.2, -0.3, 0.2, 0.9, 2.4, 6.0, 11.0)
UNIT = (-0.95, -0.6, -0.2, 0.15, 0.5, 0.9)
INSIDE = (0.03, 0.2, 0.45, 0.7, 0.96)
COUNTS = (0.0, 1.0, 2.0, 3.0, 7.0)
SHAPES = (0.3, 1.4, 3.0, 8.0)


def named(table: dict[str, Truth], *axes: Sequence[float], **options: Any) -> list[Exact]:
    """Return rows that share a grid."""
    return [Exact(name, truth, axes, **options) for name, truth in table.items()]


def results(name: str, truths: Sequence[Truth], *axes: Sequence[float], **options: Any) -> list[Exact]:
    """Return a row for each result of a function with several."""
    return named({f"{name}_{i}": truth for i, truth in enumerate(truths)}, *axes, **options)


def slope(f: Truth, at: int) -> Truth:
    """Return the derivative of a function by one of its arguments, by a difference at three times the digits."""

    def derivative(*xs: Any) -> Any:
        with mp.workdps(3 * mp.mp.dps):
            step = mp.mpf(10) ** (-mp.mp.dps // 3)
            up, down = list(xs), list(xs)
            up[at] += step
            down[at] -= step
            return (f(*up) - f(*down)) / (2 * step)

    return derivative


# ---- elementary ones ------------------------------------------------------------------------------------------------


def entropy(x: Any) -> Any:
    """The entropy of one probability."""
    return -x * mp.log(x)


def huber(delta: Any, r: Any) -> Any:
    """Huber's loss."""
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """Its smooth relative."""
    return delta * delta * (mp.sqrt(1 + (r / delta) ** 2) - 1)


ELEMENTARY = [
    *rows_of_one(
        {
            "cbrt": (lambda x: mp.cbrt(x), POSITIVE),
            "exp2": (lambda x: mp.mpf(2) ** x, REAL),
            "exp10": (lambda x: mp.mpf(10) ** x, REAL),
            "expm1": (lambda x: mp.expm1(x), REAL),
            "log1p": (lambda x: mp.log1p(x), POSITIVE),
            "exprel": (lambda x: mp.expm1(x) / x, REAL),
            "cosm1": (lambda x: mp.cos(x) - 1, REAL),
            "sindg": (lambda x: mp.sin(x * mp.pi / 180), REAL),
            "cosdg": (lambda x: mp.cos(x * mp.pi / 180), REAL),
            "tandg": (lambda x: mp.tan(x * mp.pi / 180), REAL),
            "cotdg": (lambda x: mp.cot(x * mp.pi / 180), REAL),
            "entr": (entropy, POSITIVE),
            "loggamma": (lambda x: mp.loggamma(x), POSITIVE),
            "wrightomega": (lambda x: mp.lambertw(mp.exp(x)), REAL),
        }
    ),
    *named(
        {
            "xlogy": lambda x, y: x * mp.log(y),
            "xlog1py": lambda x, y: x * mp.log1p(y),
            "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
            "rel_entr": lambda x, y: x * mp.log(x / y),
            "boxcox": lambda x, p: (x**p - 1) / p,
            "boxcox1p": lambda x, p: ((1 + x) ** p - 1) / p,
            "inv_boxcox": lambda y, p: (p * y + 1) ** (1 / p),
            "inv_boxcox1p": lambda y, p: (p * y + 1) ** (1 / p) - 1,
            "powm1": lambda x, y: x**y - 1,
            "agm": lambda a, b: mp.agm(a, b),
        },
        MIDDLE,
        (0.11, 0.5, 1.3, 2.9, 5.6),
    ),
    *named({"huber": huber, "pseudo_huber": pseudo_huber}, (0.1, 1.0, 4.0), SIGNED),
    Exact("poch", lambda z, m: mp.gamma(z + m) / mp.gamma(z), (MIDDLE, (-0.04, 0.5, 1.0, 2.7, 6.0))),
    Exact("binom", lambda n, k: mp.binomial(n, k), ((0.7, 3.2, 10.5, 40.0), (0.2, 1.4, 3.0, 6.6))),
    Exact("radian", lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180, ((-20.0, 3.0), (1.0, 50.0), (0.5, 30.0))),
]

# ---- Bessel and Airy functions --------------------------------------------------------------------------------------


def ber_1(x: Any) -> Any:
    """The derivative of ber (DLMF 10.61)."""
    return (mp.ber(1, x) + mp.bei(1, x)) / mp.sqrt(2)


def bei_1(x: Any) -> Any:
    """The derivative of bei."""
    return (mp.bei(1, x) - mp.ber(1, x)) / mp.sqrt(2)


def ker_1(x: Any) -> Any:
    """The derivative of ker."""
    return (mp.ker(1, x) + mp.kei(1, x)) / mp.sqrt(2)


def kei_1(x: Any) -> Any:
    """The derivative of kei."""
    return (mp.kei(1, x) - mp.ker(1, x)) / mp.sqrt(2)


def growth(x: Any) -> Any:
    """What scaled Airy functions are multiplied by, or its inverse."""
    return mp.exp(2 * x**1.5 / 3)


def integral_of_j(x: Any) -> Any:
    """The integral of J₀ from 0 to x."""
    return x * mp.hyper([0.5], [1, 1.5], -x * x / 4)


def integral_of_y(x: Any) -> Any:
    """The integral of Y₀ (DLMF 10.22.2)."""
    y0, y1 = mp.bessely(0, x), mp.bessely(1, x)
    return x * y0 + mp.pi * x / 2 * (mp.struveh(0, x) * y1 - mp.struveh(1, x) * y0)


def integral_of_k(x: Any) -> Any:
    """The integral of K₀ (DLMF 10.43.2)."""
    k0, k1 = mp.besselk(0, x), mp.besselk(1, x)
    return x * k0 + mp.pi * x / 2 * (mp.struvel(1, x) * k0 + mp.struvel(0, x) * k1)


BESSEL = [
    *rows_of_one(
        {
            "j0": (lambda x: mp.besselj(0, x), DISTANCES),
            "j1": (lambda x: mp.besselj(1, x), DISTANCES),
            "y0": (lambda x: mp.bessely(0, x), DISTANCES),
            "y1": (lambda x: mp.bessely(1, x), DISTANCES),
            "i0": (lambda x: mp.besseli(0, x), DISTANCES),
            "i1": (lambda x: mp.besseli(1, x), DISTANCES),
            "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-x), POSITIVE),
            "k1": (lambda x: mp.besselk(1, x), POSITIVE),
            "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), POSITIVE),
            "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), POSITIVE),
            "ber": (lambda x: mp.ber(0, x), MIDDLE),
            "bei": (lambda x: mp.bei(0, x), MIDDLE),
            "ker": (lambda x: mp.ker(0, x), MIDDLE),
            "kei": (lambda x: mp.kei(0, x), MIDDLE),
            "berp": (ber_1, MIDDLE),
            "beip": (bei_1, MIDDLE),
            "kerp": (ker_1, MIDDLE),
            "keip": (kei_1, MIDDLE),
            "itstruve0": (lambda x: x * x / mp.pi * mp.hyper([1, 1], [1.5, 1.5, 2], -x * x / 4), MIDDLE),
            "itmodstruve0": (lambda x: x * x / mp.pi * mp.hyper([1, 1], [1.5, 1.5, 2], x * x / 4), MIDDLE),
            "it2struve0": (
                lambda x: mp.pi / 2 - 2 * x / mp.pi * mp.hyper([0.5, 1], [1.5, 1.5, 1.5], -x * x / 4),
                MIDDLE,
            ),
        }
    ),
    *rows_of_orders({"jve": lambda v, x: mp.besselj(v, x), "yve": lambda v, x: mp.bessely(v, x)}),
    *named(
        {"kn": lambda n, x: mp.besselk(n, x), "yn": lambda n, x: mp.bessely(n, x)}, COUNTS, DISTANCES[1:], wanted=(1,)
    ),
    *named(
        {"struve": lambda v, x: mp.struveh(v, x), "modstruve": lambda v, x: mp.struvel(v, x)},
        ORDERS[:4],
        MIDDLE,
        wanted=(1,),
    ),
    *results(
        "airy",
        [
            lambda x: mp.airyai(x),
            lambda x: mp.airyai(x, derivative=1),
            lambda x: mp.airybi(x),
            lambda x: mp.airybi(x, derivative=1),
        ],
        SIGNED,
    ),
    *results(
        "airye",
        [
            lambda x: mp.airyai(x) * growth(x),
            lambda x: mp.airyai(x, derivative=1) * growth(x),
            lambda x: mp.airybi(x) / growth(x),
            lambda x: mp.airybi(x, derivative=1) / growth(x),
        ],
        POSITIVE[1:],
    ),
    *results(
        "itairy",
        [
            lambda x: mp.airyai(x, derivative=-1),
            lambda x: mp.airybi(x, derivative=-1),
            lambda x: -mp.airyai(-x, derivative=-1),
            lambda x: -mp.airybi(-x, derivative=-1),
        ],
        MIDDLE[:-1],
    ),
    *results("itj0y0", [integral_of_j, integral_of_y], MIDDLE),
    *results("iti0k0", [lambda x: x * mp.hyper([0.5], [1, 1.5], x * x / 4), integral_of_k], MIDDLE),
    Exact("it2j0y0_0", lambda x: x * x / 8 * mp.hyper([1, 1], [2, 2, 2], -x * x / 4), (MIDDLE,)),
    Exact("it2i0k0_0", lambda x: x * x / 8 * mp.hyper([1, 1], [2, 2, 2], x * x / 4), (MIDDLE,)),
]

# ---- integrals, elliptic and hypergeometric functions ---------------------------------------------------------------


def amplitude(u: Any, m: Any) -> Any:
    """Jacobi's amplitude, where it is within a quarter period."""
    return mp.asin(mp.ellipfun("sn", u=u, m=m))


def voigt(x: Any, sigma: Any, gamma: Any) -> Any:
    """Voigt's profile, by the complementary error function."""
    z = (x + mp.j * gamma) / (sigma * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-mp.j * z)) / (sigma * mp.sqrt(2 * mp.pi))


def owens(h: Any, a: Any) -> Any:
    """Owen's T function."""
    return mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi)


def wright(a: Any, b: Any, x: Any) -> Any:
    """Wright's generalized Bessel function, by its series."""
    return mp.nsum(lambda k: x**k * mp.rgamma(k + 1) * mp.rgamma(a * k + b), [0, mp.inf], method="d")


SIDES = ((0.3, 1.0, 2.7), (0.5, 1.7, 4.1))
INTEGRALS = [
    *rows_of_one(
        {
            "ellipkm1": (lambda p: mp.ellipk(1 - p), (1e-3, 0.1, 0.5, 0.9, 3.0)),
            "spence": (lambda x: mp.polylog(2, 1 - x), POSITIVE),
            "zetac": (lambda s: mp.zeta(s) - 1, (1.1, 1.8, 3.0, 7.0, 20.0)),
        }
    ),
    *results("sici", [lambda x: mp.si(x), lambda x: mp.ci(x)], POSITIVE),
    *results("shichi", [lambda x: mp.shi(x), lambda x: mp.chi(x)], POSITIVE),
    *results("fresnel", [lambda x: mp.fresnels(x), lambda x: mp.fresnelc(x)], SIGNED),
    Exact("expn", lambda n, x: mp.expint(n, x), (COUNTS[1:], POSITIVE[1:]), wanted=(1,)),
    Exact("zeta", lambda s, a: mp.zeta(s, a), ((1.2, 2.0, 3.5, 9.0), (0.4, 1.0, 3.3, 12.0))),
    *named(
        {"ellipkinc": lambda t, m: mp.ellipf(t, m), "ellipeinc": lambda t, m: mp.ellipe(t, m)},
        (0.1, 0.7, 1.3, 1.5),
        (-3.0, -0.4, 0.2, 0.6, 0.95),
    ),
    *results(
        "ellipj",
        [*(lambda u, m, kind=kind: mp.ellipfun(kind, u=u, m=m) for kind in ("sn", "cn", "dn")), amplitude],
        (-1.1, -0.3, 0.4, 0.9, 1.4),
        (0.1, 0.4, 0.7, 0.9),
    ),
    Exact("elliprc", lambda x, y: mp.elliprc(x, y), SIDES),
    *named(
        {
            "elliprf": lambda x, y, z: mp.elliprf(x, y, z),
            "elliprd": lambda x, y, z: mp.elliprd(x, y, z),
            "elliprg": lambda x, y, z: mp.elliprg(x, y, z),
        },
        *SIDES,
        (0.8, 2.1),
    ),
    Exact("elliprj", lambda x, y, z, p: mp.elliprj(x, y, z, p), (*SIDES, (0.8, 2.1), (0.6, 3.3))),
    Exact("owens_t", owens, ((-2.0, -0.4, 0.3, 1.5, 4.0), (-1.5, -0.3, 0.5, 1.2, 3.0))),
    Exact("voigt_profile", voigt, ((-2.0, -0.3, 0.4, 1.5, 6.0), (0.2, 1.0, 2.5), (0.1, 0.7, 2.0))),
    Exact("hyp0f1", lambda b, z: mp.hyp0f1(b, z), (SHAPES, SIGNED), wanted=(1,)),
    Exact("hyp1f1", lambda a, b, z: mp.hyp1f1(a, b, z), (SHAPES, (0.7, 2.6, 5.2), SIGNED), wanted=(2,)),
    Exact("hyperu", lambda a, b, z: mp.hyperu(a, b, z), (SHAPES, (0.7, 2.6), MIDDLE[:-2]), wanted=(2,)),
    Exact("hyp2f1", lambda a, b, c, z: mp.hyp2f1(a, b, c, z), ((0.4, 1.7), (0.8, 2.2), (1.3, 4.1), UNIT), wanted=(3,)),
    Exact("wright_bessel", wright, ((0.5, 1.0, 2.0), (0.7, 2.0), MIDDLE[:-1]), wanted=(2,)),
    Exact("log_wright_bessel", lambda a, b, x: mp.log(wright(a, b, x)), ((0.5, 2.0), (0.7, 2.0), MIDDLE), wanted=(2,)),
]

# ---- polynomials and their relatives --------------------------------------------------------------------------------


def shifted_jacobi(n: Any, p: Any, q: Any, x: Any) -> Any:
    """The shifted Jacobi polynomial G_n(p, q, x)."""
    return mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n)


POLYNOMIALS = [
    *named(
        {
            "eval_chebyt": lambda n, x: mp.chebyt(n, x),
            "eval_chebyu": lambda n, x: mp.chebyu(n, x),
            "eval_legendre": lambda n, x: mp.legendre(n, x),
        },
        COUNTS,
        UNIT,
        wanted=(1,),
    ),
    *named(
        {
            "eval_chebyc": lambda n, x: 2 * mp.chebyt(n, x / 2),
            "eval_chebys": lambda n, x: mp.chebyu(n, x / 2),
            "eval_hermite": lambda n, x: mp.hermite(n, x),
            "eval_hermitenorm": lambda n, x: mp.mpf(2) ** (-n / 2) * mp.hermite(n, x / mp.sqrt(2)),
            "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x),
        },
        COUNTS,
        (-1.8, -0.7, 0.3, 0.9, 1.7),
        wanted=(1,),
    ),
    *named(
        {
            "eval_sh_chebyt": lambda n, x: mp.chebyt(n, 2 * x - 1),
            "eval_sh_chebyu": lambda n, x: mp.chebyu(n, 2 * x - 1),
            "eval_sh_legendre": lambda n, x: mp.legendre(n, 2 * x - 1),
        },
        COUNTS,
        INSIDE,
        wanted=(1,),
    ),
    Exact("eval_gegenbauer", lambda n, a, x: mp.gegenbauer(n, a, x), (COUNTS, (0.4, 1.5), UNIT), wanted=(2,)),
    Exact("eval_genlaguerre", lambda n, a, x: mp.laguerre(n, a, x), (COUNTS, (0.4, 1.5), MIDDLE), wanted=(2,)),
    Exact("eval_jacobi", lambda n, a, b, x: mp.jacobi(n, a, b, x), (COUNTS, (0.4, 1.5), (0.8, 2.1), UNIT), wanted=(3,)),
    Exact("eval_sh_jacobi", shifted_jacobi, (COUNTS, (2.4, 3.5), (0.8, 2.1), INSIDE), wanted=(3,)),
    Exact("lpmv", lambda m, v, x: mp.legenp(v, m, x), ((0.0, 1.0, 2.0), (2.0, 3.0, 6.0), UNIT), wanted=(2,)),
    *results(
        "pbdv", [lambda v, x: mp.pcfd(v, x), slope(lambda v, x: mp.pcfd(v, x), 1)], SHAPES, SIGNED[1:], wanted=(1,)
    ),
    *results("pbvv", [lambda v, x: mp.pcfv(-v - 0.5, x)], SHAPES, MIDDLE, wanted=(1,)),
]

# ---- distribution functions by their real parameters ----------------------------------------------------------------


def binomial(k: Any, n: Any, p: Any) -> Any:
    """The distribution function of the binomial distribution."""
    return I(n - k, k + 1, 1 - p)


def negative_binomial(k: Any, n: Any, p: Any) -> Any:
    """The distribution function of the negative binomial distribution."""
    return I(n, k + 1, p)


def noncentral(central: Callable[[Any], Any], nc: Any) -> Any:
    """A mixture of central distribution functions with Poisson's weights."""
    total, weight, j = mp.mpf(0), mp.exp(-nc / 2), 0
    while j < nc or weight > mp.mpf(10) ** -(mp.mp.dps + 5):
        total += weight * central(j)
        j += 1
        weight *= nc / 2 / j
    return total


def noncentral_square(x: Any, df: Any, nc: Any) -> Any:
    """The distribution function of the noncentral χ² distribution."""
    return noncentral(lambda j: P(df / 2 + j, x / 2), nc)


def noncentral_fisher(m: Any, n: Any, nc: Any, x: Any) -> Any:
    """The distribution function of the noncentral F distribution."""
    return noncentral(lambda j: I(m / 2 + j, n / 2, m * x / (m * x + n)), nc)


def normal_at(mean: Any, std: Any, x: Any) -> Any:
    """The normal distribution function."""
    return mp.erfc(-(x - mean) / std / mp.sqrt(2)) / 2


def kolmogorov(x: Any) -> Any:
    """The upper tail of Kolmogorov's distribution."""
    return 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k * k * x * x), [1, mp.inf], method="d")


MEANS = (-1.5, 0.4, 3.0)
NONCENTRALITIES = (0.3, 2.0, 9.0)
BY_PARAMETERS = [
    Exact("bdtr", binomial, ((0.0, 2.0, 4.0), (5.0, 9.0, 30.0), INSIDE), wanted=(2,)),
    Exact("bdtrc", lambda k, n, p: 1 - binomial(k, n, p), ((0.0, 2.0, 4.0), (5.0, 9.0, 30.0), INSIDE), wanted=(2,)),
    Exact(
        "bdtri",
        lambda k, n, y, p: binomial(k, n, p) - y,
        ((0.0, 2.0, 4.0), (5.0, 9.0, 30.0), PROBABILITIES[1:]),
        inverse=True,
        wanted=(2,),
    ),
    Exact("nbdtr", negative_binomial, ((0.0, 2.0, 6.0), (1.0, 5.0, 20.0), INSIDE), wanted=(2,)),
    Exact("nbdtrc", lambda k, n, p: 1 - negative_binomial(k, n, p), ((0.0, 6.0), (1.0, 5.0), INSIDE), wanted=(2,)),
    Exact(
        "nbdtri",
        lambda k, n, y, p: negative_binomial(k, n, p) - y,
        ((0.0, 2.0, 6.0), (1.0, 5.0, 20.0), PROBABILITIES[1:]),
        inverse=True,
        wanted=(2,),
    ),
    Exact("pdtr", lambda k, m: 1 - P(k + 1, m), (COUNTS, MIDDLE), wanted=(1,)),
    Exact("pdtrc", lambda k, m: P(k + 1, m), (COUNTS, MIDDLE), wanted=(1,)),
    Exact("pdtri", lambda k, y, m: 1 - P(k + 1, m) - y, (COUNTS, PROBABILITIES[1:]), inverse=True, wanted=(1,)),
    Exact("nrdtrimn", lambda p, s, x, m: normal_at(m, s, x) - p, (PROBABILITIES[1:], (0.5, 2.0), MEANS), inverse=True),
    Exact("nrdtrisd", lambda m, p, x, s: normal_at(m, s, x) - p, (MEANS, PROBABILITIES[1:4], (4.5, 7.0)), inverse=True),
    Exact("btdtria", lambda p, b, x, a: I(a, b, x) - p, (PROBABILITIES[2:], (0.8, 3.0), INSIDE[1:4]), inverse=True),
    Exact("btdtrib", lambda a, p, x, b: I(a, b, x) - p, ((0.8, 3.0), PROBABILITIES[2:], INSIDE[1:4]), inverse=True),
    Exact("bdtrik", lambda y, n, p, k: binomial(k, n, p) - y, ((0.3, 0.6, 0.8), (6.0, 9.0), INSIDE[1:4]), inverse=True),
    Exact("bdtrin", lambda k, y, p, n: binomial(k, n, p) - y, ((2.0, 6.0), (0.3, 0.6, 0.9), INSIDE[1:4]), inverse=True),
    Exact(
        "nbdtrik",
        lambda y, n, p, k: negative_binomial(k, n, p) - y,
        ((0.3, 0.6, 0.9), (3.0, 8.0), INSIDE[1:4]),
        inverse=True,
    ),
    Exact(
        "nbdtrin",
        lambda k, y, p, n: negative_binomial(k, n, p) - y,
        ((2.0, 6.0), (0.3, 0.6, 0.9), INSIDE[1:4]),
        inverse=True,
    ),
    Exact(
        "tklmbda",
        lambda x, shape: mp.findroot(
            lambda p: (p**shape - (1 - p) ** shape) / shape - x, (0.01, 0.99), solver="anderson"
        ),
        ((-0.6, -0.1, 0.2, 0.5), (0.14, 0.6, 1.3)),
    ),
    Exact("chndtr", noncentral_square, (MIDDLE[2:], (0.8, 3.0), NONCENTRALITIES), wanted=(0, 2)),
    Exact(
        "chndtrix",
        lambda p, df, nc, x: noncentral_square(x, df, nc) - p,
        ((0.1, 0.5, 0.9), (0.8, 3.0), NONCENTRALITIES),
        inverse=True,
        wanted=(0, 2),
    ),
    Exact(
        "chndtrinc",
        lambda x, df, p, nc: noncentral_square(x, df, nc) - p,
        ((6.0, 15.0), (0.8, 3.0), (0.1, 0.4, 0.7)),
        inverse=True,
        wanted=(0, 2),
    ),
    Exact("ncfdtr", noncentral_fisher, ((2.0, 5.0), (4.0, 9.0), NONCENTRALITIES, (0.4, 1.2, 3.0)), wanted=(2, 3)),
    Exact(
        "ncfdtri",
        lambda m, n, nc, p, x: noncentral_fisher(m, n, nc, x) - p,
        ((2.0, 5.0), (4.0, 9.0), NONCENTRALITIES[:2], (0.1, 0.5, 0.9)),
        inverse=True,
        wanted=(2, 3),
    ),
    Exact("kolmogorov", kolmogorov, ((0.4, 0.7, 1.0, 1.5, 2.5),)),
    Exact("kolmogi", lambda p, x: kolmogorov(x) - p, ((1e-6, 0.01, 0.2, 0.5, 0.9),), inverse=True),
]

CLASSICAL = [*ELEMENTARY, *BESSEL, *INTEGRALS, *POLYNOMIALS, *BY_PARAMETERS]
