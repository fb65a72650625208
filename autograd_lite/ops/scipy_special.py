"""The ufuncs of `scipy.special`: their derivatives, for where SciPy is installed and used.

SciPy is never imported here. The first call of one of its ufuncs on a Tensor makes the op record from the table below;
the rules reach SciPy's functions through `sp`, which returns these records, so that they have every higher derivative,
too. The name of an op is SciPy's with `special.` in front. None in the table means that the derivative by that input,
usually an order, is not known in closed form: a call that would need it is refused.

Formulas and equation numbers are those of the NIST Digital Library of Mathematical Functions.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import UnsupportedError
from ..core.forks import fork_safe_lock
from ..core.op import OPS, Op, applied, elementwise
from ..native import functions as fast


class Known(NamedTuple):
    """The facts about a ufunc: a partial for each input, as for `elementwise`."""

    partials: tuple[Any, ...]
    saves: str | Sequence[str]
    facts: dict[str, Any]


def _known(*partials: Any, saves: str | Sequence[str] = "", **facts: Any) -> Known:
    return Known(partials, saves, facts)


class _Special:
    """Takes the place of `scipy.special` in rules: an attribute is the op record of that name, made on first use."""

    def __getattr__(self, name: str) -> Op:
        if name not in TABLE:
            raise AttributeError(name)
        op = _record(name, _ufunc_named(name))
        setattr(self, name, op)
        return op


sp = _Special()

# ---- shared parts of the rules --------------------------------------------------------------------------------------


def _near_zero(x: Any, series: Sequence[float], formula: Callable[[Any], Any]) -> Any:
    """Evaluate a function by its power series where |x| < 0.03, and elsewhere by a formula that loses digits there."""
    near = np.abs(x) < 0.03
    total = series[-1] * x + series[-2]
    for c in series[-3::-1]:
        total = total * x + c
    return np.where(near, total, formula(np.where(near, 1, x)))


_TERMS = range(13)
_LOG_RATIO = [(-1) ** n / (n + 1) for n in _TERMS]
_LOG_RATIO_SLOPE = [(-1) ** (n + 1) * (n + 1) / (n + 2) for n in _TERMS]
# The power series of the complete elliptic integrals (19.5.1, 19.5.2), differentiated.
_SQUARES = [(math.comb(2 * n, n) / 4**n) ** 2 * math.pi / 2 for n in range(14)]
_ELLIPK_SLOPE = [n * c for n, c in enumerate(_SQUARES)][1:]
_ELLIPE_SLOPE = [n * c / (1 - 2 * n) for n, c in enumerate(_SQUARES)][1:]


def _log_ratio(w: Any) -> Any:
    """Return log(1 + w) / w."""
    return _near_zero(w, _LOG_RATIO, lambda w: fast.log1p(w) / w)


def _log_ratio_slope(w: Any) -> Any:
    """Return the derivative of log(1 + w) / w."""
    return _near_zero(w, _LOG_RATIO_SLOPE, lambda w: (1 / (w + 1) - fast.log1p(w) / w) / w)


def _exprel_slope(x: Any) -> Any:
    """Return the derivative of (exp(x) - 1) / x, which is the hypergeometric 1F1(1; 2; x)."""
    # Far to the left it is 1/x². To the right it is infinite from 1000 on; at infinity SciPy does not return.
    far = np.square(1 / np.minimum(x, -50.0))
    return np.where(x < -50, far, 0.5 * sp.hyp1f1(2, 3, np.clip(x, -50.0, 1000.0)))


def _erfcx_slope(out: Any, x: Any) -> Any:
    """Return the derivative of exp(x²) erfc(x); far to the right, where its difference cancels, by a series in 1/x²."""
    w = np.square(1 / np.maximum(x, 100.0))
    far = (-0.5 * _SLOPE) * w * (1 - w * (1.5 - w * (3.75 - w * 13.125)))
    return np.where(x > 100, far, 2 * np.minimum(x, 100.0) * out - _SLOPE)


def _ellipk_slope(m: Any) -> Any:
    """Return dK/dm (19.4.1)."""
    return _near_zero(m, _ELLIPK_SLOPE, lambda m: (sp.ellipe(m) / (1 - m) - sp.ellipk(m)) / (2 * m))


def _ellipe_slope(m: Any) -> Any:
    """Return dE/dm (19.4.2)."""
    return _near_zero(m, _ELLIPE_SLOPE, lambda m: (sp.ellipe(m) - sp.ellipk(m)) / (2 * m))


def _both_zero(x: Any, y: Any) -> Any:
    return (x == 0) & (y == 0)


def _quotient(x: Any, y: Any) -> Any:
    """Return x / y, and 0 for 0 / 0."""
    both = _both_zero(x, y)
    return np.where(both, 0, x / np.where(both, 1, y))


def _log_quotient(x: Any, y: Any) -> Any:
    """Return log(x / y), and 0 for x = y = 0."""
    both = _both_zero(x, y)
    return fast.log(np.where(both, 1, x) / np.where(both, 1, y))


def _log_of_factor(x: Any, y: Any) -> Any:
    """Return log(y), and 0 for x = y = 0."""
    return fast.log(np.where(_both_zero(x, y), 1, y))


def _gamma_density(a: Any, x: Any) -> Any:
    """Return x^(a-1) exp(-x) / Γ(a), the derivative of P(a, x) (8.8.13)."""
    return fast.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b), the derivative of I_x(a, b) (8.17.1)."""
    return fast.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


def _rgamma_slope(out: Any, x: Any) -> Any:
    # Left of 1/2 by the reflection 1/Γ(x) = Γ(1-x) sin(πx) / π, which is finite at the poles of Γ.
    left = x < 0.5
    z = 1 - np.where(left, x, 0)
    reflected = sp.gamma(z) * (fast.cos(math.pi * x) - sp.psi(z) * fast.sin(math.pi * x) * (1 / math.pi))
    return np.where(left, reflected, -out * sp.psi(np.where(left, 1, x)))


def _real(x: Any, name: str) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedError(f"scipy.special.{name}: it has no complex derivative; take the real part first")
    return np.sign(x)


def _struve_term(v: Any, x: Any) -> Any:
    return np.power(0.5 * x, v) * sp.rgamma(v + 1.5) * (1 / math.sqrt(math.pi))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    return (out + 1) * fast.log(x)


def _pseudo_huber_by_delta(out: Any, x: Any, y: Any) -> Any:
    # (h - δ)² / h with h = √(δ² + r²), and h - δ without cancellation.
    h = np.hypot(x, y)
    return np.square(y * y / (h + x)) / h


# ---- the table ------------------------------------------------------------------------------------------------------
_SLOPE = 2 / math.sqrt(math.pi)
_NORMAL = 1 / math.sqrt(2 * math.pi)
_DEGREE = math.pi / 180
_SHARE = ("share",)

_ERROR_FUNCTIONS = {
    "erf": _known(lambda out, x: _SLOPE * fast.exp(-(x * x)), saves="x"),
    "erfc": _known(lambda out, x: -_SLOPE * fast.exp(-(x * x)), saves="x"),
    "erfcx": _known(_erfcx_slope, saves="ox"),
    "erfi": _known(lambda out, x: _SLOPE * fast.exp(x * x), saves="x"),
    "erfinv": _known(lambda out, x: fast.exp(out * out) * (1 / _SLOPE), saves="o", domain=("unit",)),
    "erfcinv": _known(lambda out, x: fast.exp(out * out) * (-1 / _SLOPE), saves="o", domain=_SHARE),
    "dawsn": _known(lambda out, x: 1 - 2 * x * out, saves="ox"),
    "ndtr": _known(lambda out, x: _NORMAL * fast.exp(-0.5 * x * x), saves="x"),
    # The hazard φ/Φ, written with erfcx so that it is exact far to the left, where both underflow.
    "log_ndtr": _known(lambda out, x: (_NORMAL * 2) / sp.erfcx(x * -math.sqrt(0.5)), saves="x"),
    "ndtri": _known(lambda out, x: fast.exp(0.5 * out * out) * (1 / _NORMAL), saves="o", domain=_SHARE),
    "ndtri_exp": _known(
        lambda out, x: sp.erfcx(out * -math.sqrt(0.5)) * (0.5 / _NORMAL), saves="o", domain=("negative",)
    ),
    "owens_t": _known(
        lambda out, x, y: (-0.5 * _NORMAL) * fast.exp(-0.5 * x * x) * sp.erf(x * y * math.sqrt(0.5)),
        lambda out, x, y: fast.exp(-0.5 * x * x * (y * y + 1)) / ((2 * math.pi) * (y * y + 1)),
        saves="xy",
    ),
}

_GAMMA = {
    "gamma": _known(lambda out, x: out * sp.psi(x), saves="ox", domain=("positive",)),
    "gammaln": _known(lambda out, x: sp.psi(x), saves="x", domain=("positive",)),
    "loggamma": _known(lambda out, x: sp.psi(x), saves="x", domain=("positive",)),
    "gammasgn": _known(0, domain=("nonzero",), kinks="non-positive integers"),
    "psi": _known(lambda out, x: sp.zeta(2, x), saves="x", domain=("positive",)),
    "zeta": _known(None, lambda out, x, y: -x * sp.zeta(x + 1, y), saves="xy", domain=("above one", "positive")),
    "rgamma": _known(_rgamma_slope, saves="ox"),
    "poch": _known(
        lambda out, x, y: out * (sp.psi(x + y) - sp.psi(x)),
        lambda out, x, y: out * sp.psi(x + y),
        saves="oxy",
        domain=("positive", "positive"),
    ),
    "binom": _known(
        lambda out, x, y: out * (sp.psi(x + 1) - sp.psi(x - y + 1)),
        lambda out, x, y: out * (sp.psi(x - y + 1) - sp.psi(y + 1)),
        saves="oxy",
        domain=("above one", "share"),
    ),
    "gammainc": _known(None, lambda out, x, y: _gamma_density(x, y), saves=("", "xy"), domain=("positive", "positive")),
    "gammaincc": _known(
        None, lambda out, x, y: -_gamma_density(x, y), saves=("", "xy"), domain=("positive", "positive")
    ),
    "gammaincinv": _known(
        None, applied(lambda g, out, x, y: g / _gamma_density(x, out)), saves=("", "ox"), domain=("positive", "share")
    ),
    "gammainccinv": _known(
        None, applied(lambda g, out, x, y: -g / _gamma_density(x, out)), saves=("", "ox"), domain=("positive", "share")
    ),
}

_AB = ("positive", "positive")
_BETA = {
    "beta": _known(
        lambda out, x, y: out * (sp.psi(x) - sp.psi(x + y)),
        lambda out, x, y: out * (sp.psi(y) - sp.psi(x + y)),
        saves="oxy",
        domain=_AB,
    ),
    "betaln": _known(
        lambda out, x, y: sp.psi(x) - sp.psi(x + y),
        lambda out, x, y: sp.psi(y) - sp.psi(x + y),
        saves="xy",
        domain=_AB,
    ),
    "betainc": _known(
        None, None, lambda out, x, y, z: _beta_density(x, y, z), saves=("", "", "xyz"), domain=(*_AB, "share")
    ),
    "betaincc": _known(
        None, None, lambda out, x, y, z: -_beta_density(x, y, z), saves=("", "", "xyz"), domain=(*_AB, "share")
    ),
    "betaincinv": _known(
        None,
        None,
        applied(lambda g, out, x, y, z: g / _beta_density(x, y, out)),
        saves=("", "", "oxy"),
        domain=(*_AB, "share"),
    ),
    "betainccinv": _known(
        None,
        None,
        applied(lambda g, out, x, y, z: -g / _beta_density(x, y, out)),
        saves=("", "", "oxy"),
        domain=(*_AB, "share"),
    ),
    # Student's distribution function by t.
    "stdtr": _known(
        None,
        lambda out, x, y: (
            fast.exp(sp.gammaln(0.5 * x + 0.5) - sp.gammaln(0.5 * x) - 0.5 * (x + 1) * fast.log1p(y * y / x))
            / np.sqrt(math.pi * x)
        ),
        saves=("", "xy"),
        domain=("positive", "any"),
    ),
}

_ORDER_X = ("positive", "positive")
# 10.6.1, 10.29.1 and the special cases 10.6.3, 10.29.3; the scaled ones differ by the derivative of their factor.
# `yn` and `kn` are not here: they truncate the order to an integer with a warning; `yv` and `kv` do the same job.
_BESSEL = {
    "j0": _known(lambda out, x: -sp.j1(x), saves="x"),
    "j1": _known(lambda out, x: 0.5 * (sp.j0(x) - sp.jv(2, x)), saves="x"),
    "y0": _known(lambda out, x: -sp.y1(x), saves="x", domain=("positive",)),
    "y1": _known(lambda out, x: sp.y0(x) - out / x, saves="ox", domain=("positive",)),
    "i0": _known(lambda out, x: sp.i1(x), saves="x"),
    "i1": _known(lambda out, x: 0.5 * (sp.i0(x) + sp.iv(2, x)), saves="x"),
    "i0e": _known(lambda out, x: sp.i1e(x) - np.sign(x) * out, saves="ox", kinks="x = 0"),
    "i1e": _known(
        lambda out, x: 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * out,
        saves="ox",
        kinks="x = 0, from the second derivative on",
    ),
    "k0": _known(lambda out, x: -sp.k1(x), saves="x", domain=("positive",)),
    "k1": _known(lambda out, x: -sp.k0(x) - out / x, saves="ox", domain=("positive",)),
    "k0e": _known(lambda out, x: out - sp.k1e(x), saves="ox", domain=("positive",)),
    "k1e": _known(lambda out, x: out - sp.k0e(x) - out / x, saves="ox", domain=("positive",)),
    "jv": _known(None, lambda out, x, y: 0.5 * (sp.jv(x - 1, y) - sp.jv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X),
    "yv": _known(None, lambda out, x, y: 0.5 * (sp.yv(x - 1, y) - sp.yv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X),
    "iv": _known(None, lambda out, x, y: 0.5 * (sp.iv(x - 1, y) + sp.iv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X),
    "ive": _known(
        None,
        lambda out, x, y: 0.5 * (sp.ive(x - 1, y) + sp.ive(x + 1, y)) - _real(y, "ive") * out,
        saves=("", "oxy"),
        domain=_ORDER_X,
        holomorphic=False,
    ),
    "kv": _known(None, lambda out, x, y: -0.5 * (sp.kv(x - 1, y) + sp.kv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X),
    "kve": _known(
        None,
        lambda out, x, y: out - 0.5 * (sp.kve(x - 1, y) + sp.kve(x + 1, y)),
        saves=("", "oxy"),
        domain=_ORDER_X,
    ),
    # 11.4.29, 11.4.30 with the terms of the recurrences.
    "struve": _known(
        None,
        lambda out, x, y: 0.5 * (sp.struve(x - 1, y) - sp.struve(x + 1, y) + _struve_term(x, y)),
        saves=("", "xy"),
        domain=_ORDER_X,
    ),
    "modstruve": _known(
        None,
        lambda out, x, y: 0.5 * (sp.modstruve(x - 1, y) + sp.modstruve(x + 1, y) + _struve_term(x, y)),
        saves=("", "xy"),
        domain=_ORDER_X,
    ),
}

_ENTROPY_AND_LOGISTIC = {
    "expit": _known(lambda out, x: out * sp.expit(-x), saves="ox", glyph="σ"),
    "logit": _known(applied(lambda g, out, x: g / (x * (1 - x))), saves="x", domain=_SHARE),
    "log_expit": _known(lambda out, x: sp.expit(-x), saves="x"),
    # 0 log 0 is 0, and constant in both there.
    "xlogy": _known(
        lambda out, x, y: _log_of_factor(x, y),
        lambda out, x, y: _quotient(x, y),
        saves="xy",
        domain=("any", "positive"),
    ),
    "xlog1py": _known(
        lambda out, x, y: _log_of_factor(x, y + 1),
        lambda out, x, y: _quotient(x, y + 1),
        saves="xy",
        domain=("any", "positive"),
    ),
    "entr": _known(lambda out, x: -fast.log(x) - 1, saves="x", domain=("positive",)),
    "rel_entr": _known(
        lambda out, x, y: np.where(_both_zero(x, y), 0, _log_quotient(x, y) + 1),
        lambda out, x, y: -_quotient(x, y),
        saves="xy",
        domain=_AB,
        selects=True,
    ),
    "kl_div": _known(
        lambda out, x, y: _log_quotient(x, y), lambda out, x, y: 1 - _quotient(x, y), saves="xy", domain=_AB
    ),
    "huber": _known(
        lambda out, x, y: np.where(np.abs(y) <= x, 0, np.abs(y) - x),
        lambda out, x, y: np.where(np.abs(y) <= x, y, x * np.sign(y)),
        saves="xy",
        domain=("positive", "any"),
        kinks="|r| = δ, from the second derivative on",
    ),
    "pseudo_huber": _known(
        _pseudo_huber_by_delta,
        lambda out, x, y: x * y / np.hypot(x, y),
        saves="xy",
        domain=("positive", "any"),
    ),
}

_POWERS = {
    "cbrt": _known(applied(lambda g, out, x: g / (3 * out * out)), saves="o", domain=("nonzero",)),
    "exp2": _known(lambda out, x: out * math.log(2), saves="o"),
    "exp10": _known(lambda out, x: out * math.log(10), saves="o"),
    "expm1": _known(lambda out, x: out + 1, saves="o"),
    "exprel": _known(lambda out, x: _exprel_slope(x), saves="x"),
    "log1p": _known(applied(lambda g, out, x: g / (x + 1)), saves="x", domain=("positive",)),
    "cosm1": _known(lambda out, x: -fast.sin(x), saves="x"),
    "sindg": _known(lambda out, x: _DEGREE * sp.cosdg(x), saves="x"),
    "cosdg": _known(lambda out, x: -_DEGREE * sp.sindg(x), saves="x"),
    "tandg": _known(lambda out, x: _DEGREE * (out * out + 1), saves="o"),
    "powm1": _known(
        lambda out, x, y: y * np.power(x, y - 1),
        _power_by_exponent,
        saves=("xy", "ox"),
        domain=("positive", "any"),
        selects=True,
    ),
    "boxcox": _known(
        lambda out, x, y: np.power(x, y - 1),
        lambda out, x, y: np.square(fast.log(x)) * _exprel_slope(y * fast.log(x)),
        saves="xy",
        domain=("positive", "any"),
    ),
    "boxcox1p": _known(
        lambda out, x, y: np.power(x + 1, y - 1),
        lambda out, x, y: np.square(fast.log1p(x)) * _exprel_slope(y * fast.log1p(x)),
        saves="xy",
        domain=("positive", "any"),
    ),
    "inv_boxcox": _known(
        lambda out, x, y: out / (x * y + 1),
        lambda out, x, y: out * x * x * _log_ratio_slope(x * y),
        saves="oxy",
        domain=_AB,
    ),
    "inv_boxcox1p": _known(
        lambda out, x, y: (out + 1) / (x * y + 1),
        lambda out, x, y: (out + 1) * x * x * _log_ratio_slope(x * y),
        saves="oxy",
        domain=_AB,
    ),
    "wrightomega": _known(lambda out, x: out / (out + 1), saves="o"),
}

_INTEGRALS = {
    "exp1": _known(applied(lambda g, out, x: -g * fast.exp(-x) / x), saves="x", domain=("positive",)),
    "expi": _known(applied(lambda g, out, x: g * fast.exp(x) / x), saves="x", domain=("positive",)),
    "spence": _known(lambda out, x: -_log_ratio(x - 1), saves="x", domain=("positive",)),
    "ellipk": _known(lambda out, x: _ellipk_slope(x), saves="x", domain=("unit",)),
    "ellipkm1": _known(lambda out, x: -_ellipk_slope(1 - x), saves="x", domain=_SHARE),
    "ellipe": _known(lambda out, x: _ellipe_slope(x), saves="x", domain=("unit",)),
    "ellipkinc": _known(
        lambda out, x, y: 1 / np.sqrt(1 - y * np.square(fast.sin(x))), None, saves=("xy", ""), domain=("any", "unit")
    ),
    "ellipeinc": _known(
        lambda out, x, y: np.sqrt(1 - y * np.square(fast.sin(x))), None, saves=("xy", ""), domain=("any", "unit")
    ),
}

# Hypergeometric functions (13.3.15, 13.3.22) and orthogonal polynomials (18.9.19, 18.9.23), by their argument.
_SERIES = {
    "hyp0f1": _known(None, lambda out, x, y: sp.hyp0f1(x + 1, y) / x, saves=("", "xy"), domain=("positive", "any")),
    "hyp1f1": _known(
        None,
        None,
        lambda out, x, y, z: x / y * sp.hyp1f1(x + 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "any"),
    ),
    "hyperu": _known(
        None,
        None,
        lambda out, x, y, z: -x * sp.hyperu(x + 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "positive"),
    ),
    "eval_chebyt": _known(
        None, lambda out, x, y: x * sp.eval_chebyu(x - 1, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_chebyu": _known(
        None, lambda out, x, y: 2 * sp.eval_gegenbauer(x - 1, 2, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_legendre": _known(
        None, lambda out, x, y: sp.eval_gegenbauer(x - 1, 1.5, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_gegenbauer": _known(
        None,
        None,
        lambda out, x, y, z: 2 * y * sp.eval_gegenbauer(x - 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "unit"),
    ),
    "eval_laguerre": _known(
        None, lambda out, x, y: -sp.eval_genlaguerre(x - 1, 1, y), saves=("", "xy"), domain=("positive", "positive")
    ),
    "eval_genlaguerre": _known(
        None,
        None,
        lambda out, x, y, z: -sp.eval_genlaguerre(x - 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "positive"),
    ),
}

TABLE: dict[str, Known] = {
    **_ERROR_FUNCTIONS,
    **_GAMMA,
    **_BETA,
    **_BESSEL,
    **_ENTROPY_AND_LOGISTIC,
    **_POWERS,
    **_INTEGRALS,
    **_SERIES,
}

# ---- from a ufunc to its record -------------------------------------------------------------------------------------
_LOCK = fork_safe_lock()


def _ufunc_named(name: str) -> np.ufunc:
    """Return the ufunc that SciPy calls `name`; where that is a Python function (zeta), the ufunc behind it."""
    module = sys.modules["scipy.special"]
    for holder in (module, getattr(module, "_ufuncs", None)):
        for spelling in (name, f"_{name}"):
            found = getattr(holder, spelling, None)
            if isinstance(found, np.ufunc):
                return found
    raise UnsupportedError(f"scipy.special.{name}: this version of SciPy has no such ufunc")


def _record(name: str, ufunc: np.ufunc) -> Op:
    """Return the op record of a function of the table, and make it the first time."""
    with _LOCK:
        label = f"special.{name}"
        if label in OPS:
            return OPS[label]
        known = TABLE[name]
        function: Callable[..., Any] = ufunc
        facts = known.facts
        if ufunc.nin > 2 or None in known.partials:
            # Tensors apply ops of one or two inputs by their ufunc without further checks, so an op that may have to
            # refuse a call is not in that table: its forward calls the ufunc, and only `scipy_op` finds it.
            function, facts = ufunc.__call__, {**facts, "jvp": _pushing(name, known.partials)}
        return elementwise(function, *known.partials, name=label, saves=known.saves, **facts)


def _pushing(name: str, partials: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the jvp that sums the terms of the partials, and refuses a tangent where a partial is missing."""

    def jvp(tangents: Sequence[Any], out: Any, *inputs: Any) -> Any:
        total = None
        for i, (t, partial) in enumerate(zip(tangents, partials, strict=True)):
            if t is None:
                continue
            if partial is None:
                raise _unknown(name, i)
            term = partial.function(t, out, *inputs) if isinstance(partial, applied) else t * partial(out, *inputs)
            total = term if total is None else total + term
        return total

    return jvp


def _unknown(name: str, i: int) -> UnsupportedError:
    return UnsupportedError(
        f"scipy.special.{name}: expected input {i} without a gradient, since the derivative by it is not known in "
        "closed form; received one that is differentiated by. Pass stop_gradient(x) there, or x.detach()"
    )


def scipy_op(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Op | None:
    """Return the op of a SciPy ufunc, or None if it is not in the table.

    Raises:
        UnsupportedError: if the call needs a derivative that is not known.
    """
    name = ufunc.__name__.removeprefix("_")
    if name not in TABLE or "scipy.special" not in sys.modules or _ufunc_named(name) is not ufunc:
        return None
    op = _record(name, ufunc)
    for i, x in enumerate(inputs):
        if TABLE[name].partials[i] is None and getattr(x, "requires_grad", False):
            raise _unknown(name, i)
    return op
