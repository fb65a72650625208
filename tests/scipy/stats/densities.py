"""The log densities of continuous distributions, in mpmath, as SciPy documents them: standard form, digits to spare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from mpmath import mp
except ImportError:
    mp = None


def log_phi(z: Any) -> Any:
    return -z * z / 2 - mp.log(2 * mp.pi) / 2


def log_ncdf(z: Any) -> Any:
    """Return log Φ(z); far to the left, where mpmath has no answer, by the asymptotic series (7.12.1)."""
    if z > -1e4:
        return mp.log(mp.ncdf(z))
    total, term, w = mp.mpf(1), mp.mpf(1), 1 / (z * z)
    for k in range(1, 40):
        term *= -(2 * k - 1) * w
        total += term
    return log_phi(z) - mp.log(-z) + mp.log(total)


def log_mass(a: Any, b: Any) -> Any:
    """Return log(Φ(b) - Φ(a))."""
    a, b = (-b, -a) if a > 0 else (a, b)
    low = log_ncdf(a)
    high = log_ncdf(b) if b < 10 else mp.log1p(-mp.exp(log_ncdf(-b)))
    return high + mp.log(-mp.expm1(low - high))


def softplus(x: Any) -> Any:
    """Return log(exp(x) + 1)."""
    return (x if x > 0 else 0) + mp.log1p(mp.exp(-abs(x)))


def log_beta(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def by(k: Any, x: Any) -> Any:
    """Return log(1 + k x) / k."""
    return x if k == 0 else mp.log1p(k * x) / k


def beta(x: Any, a: Any, b: Any) -> Any:
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - log_beta(a, b)


def gamma(x: Any, a: Any) -> Any:
    return (a - 1) * mp.log(x) - x - mp.loggamma(a)


def gengamma(x: Any, a: Any, c: Any) -> Any:
    return mp.log(abs(c)) + (c * a - 1) * mp.log(x) - x**c - mp.loggamma(a)


def lognorm(x: Any, s: Any) -> Any:
    return log_phi(mp.log(x) / s) - mp.log(s * x)


def weibull(x: Any, c: Any) -> Any:
    return mp.log(c) + (c - 1) * mp.log(x) - x**c


def t(x: Any, df: Any) -> Any:
    return -log_beta(df / 2, mp.mpf(1) / 2) - mp.log(df) / 2 - (df + 1) / 2 * mp.log1p(x * x / df)


def f(x: Any, n: Any, d: Any) -> Any:
    y = n * x / d
    return n / 2 * mp.log(n / d) + (n / 2 - 1) * mp.log(x) - (n + d) / 2 * mp.log1p(y) - log_beta(n / 2, d / 2)


def invgauss(x: Any, mu: Any) -> Any:
    return -mp.log(2 * mp.pi * x**3) / 2 - (x - mu) ** 2 / (2 * x * mu * mu)


def foldcauchy(x: Any, c: Any) -> Any:
    return mp.log((1 / (1 + (x - c) ** 2) + 1 / (1 + (x + c) ** 2)) / mp.pi)


def foldnorm(x: Any, c: Any) -> Any:
    return log_phi(x - c) + mp.log1p(mp.exp(-2 * c * x))


def log_mills(z: Any) -> Any:
    return log_ncdf(-z) - log_phi(z)


def pareto_lognormal(x: Any, u: Any, s: Any, a: Any, b: Any) -> Any:
    z = (mp.log(x) - u) / s
    up, down = log_mills(a * s - z), log_mills(b * s + z)
    return mp.log(a * b / (a + b)) - mp.log(x) + log_phi(z) + up + softplus(down - up)


def crystalball(x: Any, beta: Any, m: Any) -> Any:
    mass = m / beta / (m - 1) * mp.exp(-beta * beta / 2) + mp.sqrt(2 * mp.pi) * mp.ncdf(beta)
    left = m * mp.log(m / beta) - beta * beta / 2 - m * mp.log(m / beta - beta - x)
    return (-x * x / 2 if x > -beta else left) - mp.log(mass)


def exponnorm(x: Any, k: Any) -> Any:
    return -mp.log(k) + 1 / (2 * k * k) - x / k + log_ncdf(x - 1 / k)


def pearson3(x: Any, skew: Any) -> Any:
    if skew == 0:
        return log_phi(x)
    b = 2 / skew
    a = b * b
    return mp.log(abs(b)) + (a - 1) * mp.log(b * x + a) - b * x - a - mp.loggamma(a)


def genhyperbolic(x: Any, p: Any, a: Any, b: Any) -> Any:
    g, root = mp.sqrt(a * a - b * b), mp.sqrt(1 + x * x)
    half = mp.mpf(1) / 2
    constant = p * mp.log(g) - (p - half) * mp.log(a) - mp.log(2 * mp.pi) / 2 - mp.log(mp.besselk(p, g))
    return constant + mp.log(mp.besselk(p - half, a * root)) + b * x + (p - half) * mp.log(root)


def kappa4(x: Any, h: Any, k: Any) -> Any:
    y = by(-k, x)
    return (k - 1) * y - (1 - h) * by(-h, mp.exp(-y))


def trapezoid(x: Any, c: Any, d: Any) -> Any:
    side = x / c if x < c else (1 - x) / (1 - d) if x > d else 1
    return mp.log(2 * side / (1 + d - c))


def ncx2(x: Any, df: Any, nc: Any) -> Any:
    if nc == 0:
        return gamma(x / 2, df / 2) - mp.log(2)
    series = mp.log(mp.hyp0f1(df / 2, nc * x / 4)) if nc * x < 1e6 else mp.nan
    return gamma(x / 2, df / 2) - mp.log(2) - nc / 2 + series


def ncf(x: Any, n: Any, d: Any, nc: Any) -> Any:
    return f(x, n, d) - nc / 2 + mp.log(mp.hyp1f1((n + d) / 2, n / 2, nc * n * x / (2 * (d + n * x))))


def nct(x: Any, df: Any, nc: Any) -> Any:
    y = x * nc / mp.sqrt(2 * (x * x + df))
    w, half = y * y, mp.mpf(1) / 2
    even = mp.hyp1f1((df + 1) / 2, half, w)
    odd = 2 * y * mp.gamma(df / 2 + 1) / mp.gamma((df + 1) / 2) * mp.hyp1f1(df / 2 + 1, 3 * half, w)
    return t(x, df) - nc * nc / 2 + mp.log(even + odd)


def skew_t(x: Any, a: Any, b: Any) -> Any:
    root = mp.sqrt(a + b + x * x)
    constant = (a + b - 1) * mp.log(2) + log_beta(a, b) + mp.log(a + b) / 2
    # 1 - y loses what x has more digits than there are.
    up, down = (
        ((root + x) / root, (a + b) / (root * (root + x)))
        if x > 0
        else ((a + b) / (root * (root - x)), (root - x) / root)
    )
    half = mp.mpf(1) / 2
    return (a + half) * mp.log(up) + (b + half) * mp.log(down) - constant


def gausshyper(x: Any, a: Any, b: Any, c: Any, z: Any) -> Any:
    whole = log_beta(a, b) + mp.log(mp.hyp2f1(c, a, a + b, -z))
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - c * mp.log1p(z * x) - whole


def argus(x: Any, chi: Any) -> Any:
    mass = mp.gammainc(mp.mpf(3) / 2, 0, chi * chi / 2, regularized=True) / 2
    rest = (1 - x) * (1 + x)
    return 3 * mp.log(chi) - mp.log(2 * mp.pi) / 2 - mp.log(mass) + mp.log(x) + mp.log(rest) / 2 - chi * chi * rest / 2


def rel_breitwigner(x: Any, rho: Any) -> Any:
    root = mp.sqrt(1 + 1 / (rho * rho))
    k = 2 / mp.pi * root * mp.sqrt(2 / (1 + root))
    return mp.log(k) - mp.log1p(((x - rho) * (x + rho) / rho) ** 2)


def laplace_asymmetric(x: Any, kappa: Any) -> Any:
    return (-x * kappa if x >= 0 else x / kappa) - mp.log(kappa + 1 / kappa)


def logistic(x: Any) -> Any:
    return -abs(x) - 2 * mp.log1p(mp.exp(-abs(x)))


def genhalflogistic(x: Any, c: Any) -> Any:
    log = mp.log1p(-c * x)
    return mp.log(2) + (1 / c - 1) * log - 2 * mp.log1p(mp.exp(log / c))


def genextreme(x: Any, c: Any) -> Any:
    y = x if c == 0 else -mp.log1p(-c * x) / c
    return -(1 - c) * y - mp.exp(-y)


def exponweib(x: Any, a: Any, c: Any) -> Any:
    return mp.log(a) + (a - 1) * mp.log(-mp.expm1(-(x**c))) + weibull(x, c)


DENSITIES: dict[str, Callable[..., Any]] = {
    "alpha": lambda x, a: -2 * mp.log(x) + log_phi(a - 1 / x) - log_ncdf(a),
    "anglit": lambda x: mp.log(mp.cos(2 * x)),
    "arcsine": lambda x: -mp.log(mp.pi) - mp.log(x * (1 - x)) / 2,
    "argus": argus,
    "beta": beta,
    "betaprime": lambda x, a, b: (a - 1) * mp.log(x) - (a + b) * mp.log1p(x) - log_beta(a, b),
    "bradford": lambda x, c: mp.log(c / mp.log1p(c)) - mp.log1p(c * x),
    "burr": lambda x, c, d: mp.log(c * d) - (c + 1) * mp.log(x) - (d + 1) * softplus(-c * mp.log(x)),
    "burr12": lambda x, c, d: mp.log(c * d) + (c - 1) * mp.log(x) - (d + 1) * softplus(c * mp.log(x)),
    "cauchy": lambda x: -mp.log(mp.pi) - mp.log1p(x * x),
    "chi": lambda x, df: (1 - df / 2) * mp.log(2) - mp.loggamma(df / 2) + (df - 1) * mp.log(x) - x * x / 2,
    "chi2": lambda x, df: gamma(x / 2, df / 2) - mp.log(2),
    "cosine": lambda x: mp.log1p(mp.cos(x)) - mp.log(2 * mp.pi),
    "crystalball": crystalball,
    "dgamma": lambda x, a: gamma(abs(x), a) - mp.log(2),
    "dpareto_lognorm": pareto_lognormal,
    "dweibull": lambda x, c: weibull(abs(x), c) - mp.log(2),
    "expon": lambda x: -x,
    "exponnorm": exponnorm,
    "exponpow": lambda x, b: 1 + mp.log(b) + (b - 1) * mp.log(x) + x**b - mp.exp(x**b),
    "exponweib": exponweib,
    "f": f,
    "fatiguelife": lambda x, c: (
        mp.log((x + 1) / (2 * c)) - mp.log(2 * mp.pi * x**3) / 2 - (x - 1) ** 2 / (2 * x * c * c)
    ),
    "fisk": lambda x, c: mp.log(c) - (c + 1) * mp.log(x) - 2 * softplus(-c * mp.log(x)),
    "foldcauchy": foldcauchy,
    "foldnorm": foldnorm,
    "gamma": gamma,
    "gausshyper": gausshyper,
    "genexpon": lambda x, a, b, c: mp.log(a - b * mp.expm1(-c * x)) - (a + b) * x - b * mp.expm1(-c * x) / c,
    "genextreme": genextreme,
    "gengamma": gengamma,
    "genhalflogistic": genhalflogistic,
    "genhyperbolic": genhyperbolic,
    "geninvgauss": lambda x, p, b: (p - 1) * mp.log(x) - b * (x + 1 / x) / 2 - mp.log(2 * mp.besselk(p, b)),
    "genlogistic": lambda x, c: mp.log(c) - x - (c + 1) * softplus(-x),
    "gennorm": lambda x, b: mp.log(b / 2) - mp.loggamma(1 / b) - abs(x) ** b,
    "genpareto": lambda x, c: -(c + 1) * by(c, x),
    "gibrat": lambda x: lognorm(x, mp.mpf(1)),
    "gompertz": lambda x, c: mp.log(c) + x - c * mp.expm1(x),
    "gumbel_l": lambda x: x - mp.exp(x),
    "gumbel_r": lambda x: -x - mp.exp(-x),
    "halfcauchy": lambda x: mp.log(2 / mp.pi) - mp.log1p(x * x),
    "halfgennorm": lambda x, b: mp.log(b) - mp.loggamma(1 / b) - x**b,
    "halflogistic": lambda x: logistic(x) + mp.log(2),
    "halfnorm": lambda x: log_phi(x) + mp.log(2),
    "hypsecant": lambda x: -mp.log(mp.pi) + mp.log(2) - abs(x) - mp.log1p(mp.exp(-2 * abs(x))),
    "invgamma": lambda x, a: -(a + 1) * mp.log(x) - mp.loggamma(a) - 1 / x,
    "invgauss": invgauss,
    "invweibull": lambda x, c: mp.log(c) - (c + 1) * mp.log(x) - x**-c,
    "jf_skew_t": skew_t,
    "johnsonsb": lambda x, a, b: mp.log(b / (x * (1 - x))) + log_phi(a + b * mp.log(x / (1 - x))),
    "johnsonsu": lambda x, a, b: mp.log(b) - mp.log1p(x * x) / 2 + log_phi(a + b * mp.asinh(x)),
    "kappa3": lambda x, a: mp.log(a) - (1 + 1 / a) * mp.log(a + x**a),
    "kappa4": kappa4,
    "laplace": lambda x: -abs(x) - mp.log(2),
    "laplace_asymmetric": laplace_asymmetric,
    "levy": lambda x: -mp.log(2 * mp.pi * x**3) / 2 - 1 / (2 * x),
    "levy_l": lambda x: -mp.log(2 * mp.pi * abs(x) ** 3) / 2 - 1 / (2 * abs(x)),
    "loggamma": lambda x, c: c * x - mp.exp(x) - mp.loggamma(c),
    "logistic": logistic,
    "loglaplace": lambda x, c: mp.log(c / 2) - mp.log(x) - c * abs(mp.log(x)),
    "lognorm": lognorm,
    "loguniform": lambda x, a, b: -mp.log(x) - mp.log(mp.log(b / a)),
    "lomax": lambda x, c: mp.log(c) - (c + 1) * mp.log1p(x),
    "maxwell": lambda x: mp.log(2 / mp.pi) / 2 + 2 * mp.log(x) - x * x / 2,
    "mielke": lambda x, k, s: mp.log(k) + (k - 1) * mp.log(x) - (1 + k / s) * softplus(s * mp.log(x)),
    "moyal": lambda x: -(x + mp.exp(-x)) / 2 - mp.log(2 * mp.pi) / 2,
    "nakagami": lambda x, nu: mp.log(2) + nu * mp.log(nu) - mp.loggamma(nu) + (2 * nu - 1) * mp.log(x) - nu * x * x,
    "ncf": ncf,
    "nct": nct,
    "ncx2": ncx2,
    "norm": log_phi,
    "norminvgauss": lambda x, a, b: (
        mp.log(a * mp.besselk(1, a * mp.sqrt(1 + x * x)) / (mp.pi * mp.sqrt(1 + x * x)))
        + mp.sqrt(a * a - b * b)
        + b * x
    ),
    "pareto": lambda x, b: mp.log(b) - (b + 1) * mp.log(x),
    "pearson3": pearson3,
    "powerlaw": lambda x, a: mp.log(a) + (a - 1) * mp.log(x),
    "powerlognorm": lambda x, c, s: mp.log(c) + lognorm(x, s) + (c - 1) * log_ncdf(-mp.log(x) / s),
    "powernorm": lambda x, c: mp.log(c) + log_phi(x) + (c - 1) * log_ncdf(-x),
    "rayleigh": lambda x: mp.log(x) - x * x / 2,
    "rdist": lambda x, c: (c / 2 - 1) * mp.log((1 - x) * (1 + x)) - log_beta(c / 2, mp.mpf(1) / 2),
    "recipinvgauss": lambda x, mu: -mp.log(2 * mp.pi * x) / 2 - (1 - mu * x) ** 2 / (2 * x * mu * mu),
    "rel_breitwigner": rel_breitwigner,
    "rice": lambda x, b: mp.log(x) - (x * x + b * b) / 2 + mp.log(mp.besseli(0, x * b)),
    "semicircular": lambda x: mp.log(2 / mp.pi) + mp.log((1 - x) * (1 + x)) / 2,
    "skewcauchy": lambda x, a: -mp.log(mp.pi) - mp.log1p((x / (1 + a * mp.sign(x))) ** 2),
    "skewnorm": lambda x, a: mp.log(2) + log_phi(x) + log_ncdf(a * x),
    "t": t,
    "trapezoid": trapezoid,
    "triang": lambda x, c: trapezoid(x, c, c),
    "truncexpon": lambda x, b: -x - mp.log(-mp.expm1(-b)),
    "truncnorm": lambda x, a, b: log_phi(x) - log_mass(a, b),
    "truncpareto": lambda x, b, c: mp.log(b / -mp.expm1(-b * mp.log(c))) - (b + 1) * mp.log(x),
    "truncweibull_min": lambda x, c, a, b: weibull(x, c) + a**c - mp.log(-mp.expm1(a**c - b**c)),
    "vonmises": lambda x, kappa: kappa * mp.cos(x) - mp.log(2 * mp.pi * mp.besseli(0, kappa)),
    "wald": lambda x: invgauss(x, mp.mpf(1)),
    "weibull_max": lambda x, c: weibull(-x, c),
    "weibull_min": weibull,
    "wrapcauchy": lambda x, c: mp.log((1 - c * c) / (2 * mp.pi * (1 + c * c - 2 * c * mp.cos(x)))),
}


def log_choose(n: Any, k: Any) -> Any:
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def harmonic(a: Any, n: Any) -> Any:
    return mp.fsum(mp.mpf(j) ** -a for j in range(1, int(n) + 1))


def xlogy(x: Any, y: Any) -> Any:
    return 0 if x == 0 else x * mp.log(y)


# Log probabilities of discrete distributions.
PROBABILITIES: dict[str, Callable[..., Any]] = {
    "bernoulli": lambda k, p: xlogy(k, p) + xlogy(1 - k, 1 - p),
    "betabinom": lambda k, n, a, b: log_choose(n, k) + log_beta(k + a, n - k + b) - log_beta(a, b),
    "betanbinom": lambda k, n, a, b: log_choose(n + k - 1, k) + log_beta(a + n, b + k) - log_beta(a, b),
    "binom": lambda k, n, p: log_choose(n, k) + xlogy(k, p) + xlogy(n - k, 1 - p),
    "boltzmann": lambda k, lam, n: mp.log(mp.expm1(-lam) / mp.expm1(-lam * n)) - lam * k,
    "dlaplace": lambda k, a: mp.log(mp.tanh(a / 2)) - a * abs(k),
    "geom": lambda k, p: xlogy(k - 1, 1 - p) + mp.log(p),
    "logser": lambda k, p: k * mp.log(p) - mp.log(k) - mp.log(-mp.log1p(-p)),
    "nbinom": lambda k, n, p: log_choose(n + k - 1, k) + n * mp.log(p) + xlogy(k, 1 - p),
    "planck": lambda k, lam: mp.log(-mp.expm1(-lam)) - lam * k,
    "poisson": lambda k, mu: xlogy(k, mu) - mp.loggamma(k + 1) - mu,
    "skellam": lambda k, a, b: -(a + b) + k / 2 * mp.log(a / b) + mp.log(mp.besseli(abs(k), 2 * mp.sqrt(a * b))),
    "yulesimon": lambda k, a: mp.log(a) + log_beta(k, a + 1),
    "zipf": lambda k, a: -a * mp.log(k) - mp.log(mp.zeta(a)),
    "zipfian": lambda k, a, n: -a * mp.log(k) - mp.log(harmonic(a, n)),
}
