"""The functions of `scipy.special` that are formulas in those that ONNX has; the others are named as refused.

Where a plain formula loses digits, as 1 - cos(x) does near 0, another one is used there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from . import functions as f
from .elementwise import FORMULAS, by_ufunc, logistic
from .emit import DOUBLE, Value
from .functions import select
from .table import RULES


def _product(x: Value, y: Value, log: Callable[[Value], Value]) -> Value:
    """Return x log(y), and 0 for x = 0, whatever y; NaN stays NaN."""
    zero = x.equals(0) & ~f.is_nan(y)
    return select(zero, 0, x * log(select(zero, 1, y)))


def _logit(x: Value) -> Value:
    # Near 1/2 by log1p, for log of nearly 1 would lose digits.
    near = (x > 0.3) & (x < 0.65)
    s = 2 * (select(near, x, 0.5) - 0.5)
    return select(near, f.log1p(s) - f.log1p(-s), f.log(x / (1 - x)))


def _log_expit(x: Value) -> Value:
    return f.minimum(x, 0) - f.log1p(f.exp(-abs(x)))


def _entr(x: Value) -> Value:
    return select(x < 0, -math.inf, -_product(x, x, f.log))


def _relative(x: Value, y: Value) -> Value:
    """Return x log(x / y)."""
    inside = (x > 0) & (y > 0)
    one = select(inside, x, 1)
    value = one * f.log(one / select(inside, y, 1))
    flat = x.equals(0) & (y >= 0)
    return select(f.is_nan(x) | f.is_nan(y), math.nan, select(inside, value, select(flat, x.of(0), math.inf)))


def _kl_div(x: Value, y: Value) -> Value:
    flat = x.equals(0) & (y >= 0)
    return select(flat, y, _relative(x, y) - x + y)


def _huber(delta: Value, r: Value) -> Value:
    size = abs(r)
    value = select(size <= delta, 0.5 * (r * r), delta * (size - 0.5 * delta))
    return select(delta < 0, math.inf, value)


def _pseudo_huber(delta: Value, r: Value) -> Value:
    none = delta.equals(0) | r.equals(0)
    v = r / select(none, 1, delta)
    # sqrt(1 + v²) - 1 without the cancellation.
    value = delta * delta * (v * v / (f.sqrt(1 + v * v) + 1))
    return select(delta < 0, math.inf, select(none, 0, value))


def _cosm1(x: Value) -> Value:
    s = f.sin(x / 2)
    return -2 * (s * s)


def _exprel(x: Value) -> Value:
    zero = x.equals(0)
    return select(zero, 1, f.expm1(x) / select(zero, 1, x))


def _powm1(x: Value, y: Value) -> Value:
    # x^y - 1, by expm1 where it is near 0.
    inside = x > 0
    t = y * f.log(select(inside, x, 1))
    return select(inside & (abs(t) < 0.5), f.expm1(t), f.power(x, y) - 1)


def _boxcox(x: Value, lam: Value, log: Callable[[Value], Value] = f.log) -> Value:
    none = abs(lam) < 1e-19
    t = log(x)
    return select(none, t, f.expm1(lam * t) / select(none, 1, lam))


def _boxcox1p(x: Value, lam: Value) -> Value:
    return _boxcox(x, lam, f.log1p)


def _inv_boxcox(y: Value, lam: Value, exp: Callable[[Value], Value] = f.exp) -> Value:
    none = lam.equals(0)
    return exp(select(none, y, f.log1p(lam * y) / select(none, 1, lam)))


def _inv_boxcox1p(y: Value, lam: Value) -> Value:
    return _inv_boxcox(y, lam, f.expm1)


def _ndtr(x: Value) -> Value:
    return 0.5 * f.erfc(x * -math.sqrt(0.5))


def _erfcx(x: Value) -> Value:
    """Return exp(x²) erfc(x)."""
    size = abs(x)
    large = size > 1e15
    far = select(large, (1 / math.sqrt(math.pi)) / size, f.scaled_tail(select(large, 1, size)))
    return select(f.is_nan(x), x, select(x < 0, 2 * f.exp(x * x) - far, far))


def _log_ndtr(x: Value) -> Value:
    # Far out on the left the probability is 0 in floats, and its logarithm is not.
    left = x < -1
    t = x * -math.sqrt(0.5)
    tail = f.log(f.scaled_tail(select(left, f.minimum(t, 1e30), 1)) / 2) - t * t
    return select(left, tail, f.log1p(-0.5 * f.erfc(-select(left, 0, t))))


def _in_degrees(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    return lambda x: function(x * (math.pi / 180))


def _in_double(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda *xs: function(*(x.cast(DOUBLE) for x in xs)).cast(xs[0].dtype)


_TABLE: dict[str, Callable[..., Value]] = {
    "erf": f.erf,
    "erfc": f.erfc,
    "erfcx": _in_double(_erfcx),
    "ndtr": _ndtr,
    "log_ndtr": _in_double(_log_ndtr),
    "expit": logistic,
    "logit": _logit,
    "log_expit": _log_expit,
    "xlogy": lambda x, y: _product(x, y, f.log),
    "xlog1py": lambda x, y: _product(x, y, f.log1p),
    "entr": _entr,
    "rel_entr": _in_double(_relative),
    "kl_div": _in_double(_kl_div),
    "huber": _huber,
    "pseudo_huber": _pseudo_huber,
    "cbrt": f.cbrt,
    "exp2": lambda x: f.power(x.of(2), x),
    "exp10": lambda x: f.power(x.of(10), x),
    "expm1": f.expm1,
    "exprel": _exprel,
    "log1p": f.log1p,
    "cosm1": _cosm1,
    "sindg": _in_double(_in_degrees(f.sin)),
    "cosdg": _in_double(_in_degrees(f.cos)),
    "tandg": _in_double(_in_degrees(f.tan)),
    "powm1": _powm1,
    "boxcox": _boxcox,
    "boxcox1p": _boxcox1p,
    "inv_boxcox": _inv_boxcox,
    "inv_boxcox1p": _inv_boxcox1p,
}

FORMULAS.update((f"special.{name}", formula) for name, formula in _TABLE.items())
# The records of these ops are made when SciPy's functions are first used.
RULES.update((f"special.{name}", by_ufunc) for name in _TABLE)
