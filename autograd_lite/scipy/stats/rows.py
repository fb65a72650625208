"""One distribution: a row of formulas, from which `distribution` derives every method."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...tensors.tensor import Tensor
from ..unwrapped import special as sp
from .masks import without_derivative

Formula = Callable[..., Any]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The formulas of a distribution in standard form (loc 0, scale 1), of NumPy functions that take Tensors.

    A formula is called within the support alone, as `f(x, *shapes)`; those of moments as `f(*shapes)`. Of the four
    forms of the distribution function a row states those that keep their digits where others follow from them:
    `logsf` alone is enough for a Weibull distribution. A row without any has its density integrated, see `quadrature`.

    Attributes:
        logpdf: the log density, of a discrete distribution the log of the probability.
        cdf, sf, logcdf, logsf: P(X <= x), P(X > x), and their logs.
        support: the least and the greatest value; numbers, or functions of the shapes.
        closed: whether the density is given at the ends of the support, too.
        check: `f(*shapes)`, whether they are allowed; without it they must be above 0.
        symmetric: whether P(X > x) = P(X <= -x).
        center: `f(*shapes)`, about where the density is; integrals are of the tail on the other side of x.
        power: `f(n, *shapes)`, the moments about 0, of which mean and variance follow if they are not stated.
        mean, var, entropy: the moments; None where no formula is documented.
        integers: names of the shapes that count something, so that a derivative by them means nothing.
    """

    logpdf: Formula
    cdf: Formula | None = None
    sf: Formula | None = None
    logcdf: Formula | None = None
    logsf: Formula | None = None
    support: tuple[Any, Any] = (-math.inf, math.inf)
    closed: bool = True
    check: Formula | None = None
    symmetric: bool = False
    center: Formula | None = None
    power: Formula | None = None
    mean: Formula | None = None
    var: Formula | None = None
    entropy: Formula | None = None
    integers: tuple[str, ...] = ()

    def moment(self, name: str) -> Formula | None:
        """Return the formula of the mean, the variance or the entropy."""
        stated: Formula | None = getattr(self, name)
        power = self.power
        if stated is not None or power is None or name == "entropy":
            return stated
        if name == "mean":
            return lambda *shapes: power(1, *shapes)
        return lambda *shapes: power(2, *shapes) - power(1, *shapes) ** 2


def fix_shapes(row: Row, *shapes: float) -> Row:
    """Return the row of a distribution with its shapes fixed."""

    def with_shapes(formula: Formula) -> Formula:
        return lambda *x: formula(*x, *shapes)

    facts = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    changes: dict[str, Any] = {name: with_shapes(fact) for name, fact in facts.items() if callable(fact)}
    return dataclasses.replace(row, **changes)


# ---- what formulas share --------------------------------------------------------------------------------------------
POSITIVE = (0.0, math.inf)
UNIT = (0.0, 1.0)
LOG_2 = math.log(2)
LOG_PI = math.log(math.pi)
LOG_2PI = math.log(2 * math.pi)
HALF_LOG_2PI = 0.5 * LOG_2PI
EULER = float(np.euler_gamma)


def log1mexp(x: Any) -> Any:
    """Return log(1 - exp(x)) for x < 0.

    References:
        Mächler: Accurately computing log(1 - exp(-|a|)), 2012, equation 7.
    """
    near = x > -LOG_2
    return np.where(near, np.log(-np.expm1(np.where(near, x, -1.0))), np.log1p(-np.exp(np.where(near, -1.0, x))))


def power_series(coefficients: Sequence[float], x: Any) -> Any:
    """Return the sum of the coefficients times the powers of x, from 0 on."""
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


_TERMS = [(-1) ** n / (n + 1) for n in range(13)]


def log1p_by(k: Any, x: Any) -> Any:
    """Return log(1 + k x) / k, and its limit x for k = 0, with all derivatives."""
    w = k * x
    near = np.abs(w) < 0.03
    small, large = np.where(near, w, 0.0), np.where(near, 1.0, w)
    return x * np.where(near, power_series(_TERMS, small), np.log1p(large) / large)


def log1p_square(x: Any) -> Any:
    """Return log(1 + x²), where the square is beyond numbers, too."""
    far = np.abs(x) > 1
    near = np.where(far, 1 / np.where(far, x, 1.0), x)
    return np.log1p(near * near) + np.where(far, 2 * np.log(np.abs(np.where(far, x, 1.0))), 0.0)


def log1p_power(x: Any, c: Any) -> Any:
    """Return log(1 + x^c) for x >= 0 and c > 0, where the power is beyond numbers, too."""
    far = x > 1
    some = np.where(far, x, 1.0)
    return np.log1p(np.where(far, 1 / some, x) ** c) + np.where(far, c * np.log(some), 0.0)


def log1mexp_power(log: Any) -> Any:
    """Return log(1 - exp(-exp(log))), where the power is beyond numbers, too."""
    near = log < 0
    low, high = np.where(near, log, 0.0), np.where(near, 0.0, log)
    return np.where(near, low + np.log(sp.exprel(-np.exp(low))), log1mexp(-np.exp(high)))


# Stirling's series for log Γ(a), in 1/a (DLMF 5.11.1).
_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400]


def stirling(r: Any) -> Any:
    """Return log Γ(a) - (a - 1/2) log a + a - log(2π) / 2 for a = 1/r, and its limit 0 for r = 0."""
    far = r < 0.1
    small, a = np.where(far, r, 0.0), 1 / np.where(far, 1.0, r)
    series = power_series(_STIRLING, small * small)
    return np.where(far, small * series, sp.gammaln(a) - (a - 0.5) * np.log(a) + a - HALF_LOG_2PI)


def log_i0e(z: Any) -> Any:
    """Return log(I_0(z)) - z for z >= 0, smooth at 0."""
    near = z < 1
    small = np.log(sp.i0(np.where(near, z, 0.0))) - z
    return np.where(near, small, np.log(sp.i0e(np.where(near, 1.0, z))))


def log_exprel(t: Any) -> Any:
    """Return log((exp(t) - 1) / t), also where exp(t) is beyond numbers."""
    far = t > 1
    large = np.where(far, t, 1.0)
    return np.where(far, large + np.log(-np.expm1(-large) / large), np.log(sp.exprel(np.where(far, 1.0, t))))


def log_ive(v: Any, z: Any) -> Any:
    """Return log(I_v(z) exp(-z)), for large orders, where it underflows, by Debye's expansion (DLMF 10.41.3)."""
    far = v > 100
    n, t = np.where(far, v, 100.0), np.where(far, z, 100.0) / np.where(far, v, 100.0)
    root = np.hypot(1.0, t)
    p = 1 / root
    w = p * p
    total: Any = 0.0
    for terms in reversed(_DEBYE):
        total = (total + power_series(terms, w)) * p / n
    large = n * (1 / (root + t) - np.arcsinh(1 / t)) - 0.5 * (LOG_2PI + np.log(n) + np.log(root)) + np.log1p(total)
    return np.where(far, large, np.log(sp.ive(np.where(far, 1.0, v), np.where(far, 1.0, z))))


# The polynomials of Debye's expansion over p, p², …, by powers of p².
_DEBYE = (
    (3 / 24, -5 / 24),
    (81 / 1152, -462 / 1152, 385 / 1152),
    (30375 / 414720, -369603 / 414720, 765765 / 414720, -425425 / 414720),
    (4465125 / 39813120, -94121676 / 39813120, 349922430 / 39813120, -446185740 / 39813120, 185910725 / 39813120),
)


def log_kve(p: Any, z: Any) -> Any:
    """Return log(K_p(z) exp(z)), for large arguments, which SciPy refuses, by two terms of its expansion (10.40.2)."""
    far = z > 1e8 * (1 + p * p)
    some, large = np.where(far, 1.0, z), np.where(far, z, 1.0)
    limit = 0.5 * (LOG_PI - LOG_2 - np.log(large)) + (4 * p * p - 1) / (8 * large)
    return np.where(far, limit, np.log(sp.kve(p, some)))


def times(a: Any, log: Any) -> Any:
    """Return a log, which for a = 0 is 0 where log is infinite, as in `xlogy`."""
    none = without_derivative(a) == 0
    if isinstance(none, Tensor) or np.any(none):
        return np.where(none & np.isinf(without_derivative(log)), 0.0, a * log)
    return a * log


def log_normal(x: Any) -> Any:
    """Return the log density of the standard normal distribution."""
    return -0.5 * (x * x) - HALF_LOG_2PI


def two_sided(t: Any) -> Any:
    """Return the distribution function of the Laplace distribution."""
    left = t < 0
    half = 0.5 * np.exp(np.where(left, t, -t))
    return np.where(left, half, 1 - half)


def scaled_exp1(x: Any) -> Any:
    """Return exp(x) E1(x) (DLMF 13.6.6)."""
    return sp.hyperu(1.0, 1.0, x)


def one_over(sign: int, shape: Any, otherwise: float) -> Any:
    """Return 1 / shape where the shape has a sign, as an end of a support."""
    holds = sign * shape > 0
    return np.where(holds, 1 / np.where(holds, shape, 1.0), otherwise)


def where_above(bound: float, shape: Any, value: Any, otherwise: float = math.inf) -> Any:
    """Return a moment that exists where a shape is above a bound; other ones have no gradient."""
    return np.where(shape > bound, value, otherwise)
