"""The functions of `scipy.special` that are formulas in those that ONNX has; the others are named as refused.

Where a plain formula loses digits, as 1 - cos(x) does near 0, another one is used there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....core.op import OPS
from ....ops.erf import _ERFC, _chebyshev, erf, erfc
from .emit import DOUBLE
from .table import FORMULAS

Formula = Callable[..., Any]


def _times_log(x: Any, y: Any, log: Formula = np.log) -> Any:
    """Return x log(y), and 0 for x = 0, whatever y; NaN stays NaN."""
    zero = (x == 0) & ~np.isnan(y)
    return np.where(zero, 0, x * log(np.where(zero, 1, y)))


def _logit(x: Any) -> Any:
    # Near 1/2 by log1p, for log of nearly 1 would lose digits.
    near = (x > 0.3) & (x < 0.65)
    s = 2 * (np.where(near, x, 0.5) - 0.5)
    return np.where(near, np.log1p(s) - np.log1p(-s), np.log(x / (1 - x)))


def _rel_entr(x: Any, y: Any) -> Any:
    inside = (x > 0) & (y > 0)
    one = np.where(inside, x, 1)
    value = one * np.log(one / np.where(inside, y, 1))
    outside = np.where((x == 0) & (y >= 0), x.of(0), math.inf)
    return np.where(np.isnan(x) | np.isnan(y), math.nan, np.where(inside, value, outside))


def _huber(delta: Any, r: Any) -> Any:
    size = abs(r)
    value = np.where(size <= delta, 0.5 * (r * r), delta * (size - 0.5 * delta))
    return np.where(delta < 0, math.inf, value)


def _pseudo_huber(delta: Any, r: Any) -> Any:
    none = (delta == 0) | (r == 0)
    v = r / np.where(none, 1, delta)
    # sqrt(1 + v²) - 1 without the cancellation.
    value = delta * delta * (v * v / (np.sqrt(1 + v * v) + 1))
    return np.where(delta < 0, math.inf, np.where(none, 0, value))


def _powm1(x: Any, y: Any) -> Any:
    # By expm1 where it is near 0.
    inside = x > 0
    t = y * np.log(np.where(inside, x, 1))
    return np.where(inside & (abs(t) < 0.5), np.expm1(t), np.power(x, y) - 1)


def _exprel(x: Any) -> Any:
    zero = x == 0
    return np.where(zero, 1, np.expm1(x) / np.where(zero, 1, x))


def _boxcox(log: Formula) -> Formula:
    def formula(x: Any, power: Any) -> Any:
        none, t = abs(power) < 1e-19, log(x)
        return np.where(none, t, np.expm1(power * t) / np.where(none, 1, power))

    return formula


def _inv_boxcox(exp: Formula) -> Formula:
    def formula(y: Any, power: Any) -> Any:
        none = power == 0
        return exp(np.where(none, y, np.log1p(power * y) / np.where(none, 1, power)))

    return formula


def _scaled_tail(z: Any) -> Any:
    """Return exp(z²) erfc(z) for z >= 0."""
    return _chebyshev(_ERFC, (z - 3) / (z + 3)) / (z + 1)


def _erfcx(x: Any) -> Any:
    size = abs(x)
    large = size > 1e15
    far = np.where(large, (1 / math.sqrt(math.pi)) / size, _scaled_tail(np.where(large, 1, size)))
    return np.where(np.isnan(x), x, np.where(x < 0, 2 * np.exp(x * x) - far, far))


def _log_ndtr(x: Any) -> Any:
    # Far out on the left the probability is 0 in floats, and its logarithm is not.
    left = x < -1
    t = x * -math.sqrt(0.5)
    tail = np.log(_scaled_tail(np.where(left, np.minimum(t, 1e30), 1)) / 2) - t * t
    return np.where(left, tail, np.log1p(-0.5 * erfc(-np.where(left, 0, t))))


def _in_double(function: Formula) -> Formula:
    return lambda *xs: function(*[x.astype(DOUBLE) for x in xs]).astype(xs[0].dtype)


def _of_degrees(function: Formula) -> Formula:
    return _in_double(lambda x: function(np.radians(x)))


_TABLE: dict[str, Formula] = {
    "erf": erf,
    "erfc": erfc,
    "erfcx": _in_double(_erfcx),
    "ndtr": lambda x: 0.5 * erfc(x * -math.sqrt(0.5)),
    "log_ndtr": _in_double(_log_ndtr),
    "expit": OPS["sigmoid"],
    "logit": _logit,
    "log_expit": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-abs(x))),
    "xlogy": _times_log,
    "xlog1py": lambda x, y: _times_log(x, y, np.log1p),
    "entr": lambda x: np.where(x < 0, -math.inf, -_times_log(x, x)),
    "rel_entr": _in_double(_rel_entr),
    "kl_div": _in_double(lambda x, y: np.where((x == 0) & (y >= 0), y, _rel_entr(x, y) - x + y)),
    "huber": _huber,
    "pseudo_huber": _pseudo_huber,
    "cbrt": np.cbrt,
    "exp2": np.exp2,
    "exp10": lambda x: np.power(x.of(10), x),
    "expm1": np.expm1,
    "exprel": _exprel,
    "log1p": np.log1p,
    "cosm1": lambda x: -2 * np.square(np.sin(x / 2)),
    "sindg": _of_degrees(np.sin),
    "cosdg": _of_degrees(np.cos),
    "tandg": _of_degrees(np.tan),
    "powm1": _powm1,
    "boxcox": _boxcox(np.log),
    "boxcox1p": _boxcox(np.log1p),
    "inv_boxcox": _inv_boxcox(np.exp),
    "inv_boxcox1p": _inv_boxcox(np.expm1),
}

FORMULAS.update((f"special.{name}", formula) for name, formula in _TABLE.items())
