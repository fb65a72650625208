"""Exponential and elliptic integrals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.op import applied
from ...native import functions as fast
from .records import NOT_CLOSED, SHARE, Known, known, sp
from .series import log_ratio, near_zero

# The power series of the complete elliptic integrals (19.5.1, 19.5.2), differentiated.
_SQUARES = [(math.comb(2 * n, n) / 4**n) ** 2 * math.pi / 2 for n in range(14)]
_ELLIPK_SLOPE = [n * c for n, c in enumerate(_SQUARES)][1:]
_ELLIPE_SLOPE = [n * c / (1 - 2 * n) for n, c in enumerate(_SQUARES)][1:]


def _ellipk_slope(m: Any) -> Any:
    """Return dK/dm (19.4.1)."""
    return near_zero(m, _ELLIPK_SLOPE, lambda m: (sp.ellipe(m) / (1 - m) - sp.ellipk(m)) / (2 * m))


def _ellipe_slope(m: Any) -> Any:
    """Return dE/dm (19.4.2)."""
    return near_zero(m, _ELLIPE_SLOPE, lambda m: (sp.ellipe(m) - sp.ellipk(m)) / (2 * m))


INTEGRALS: dict[str, Known] = {
    "exp1": known(applied(lambda g, out, x: -g * fast.exp(-x) / x), saves="x", domain=("positive",)),
    "expi": known(applied(lambda g, out, x: g * fast.exp(x) / x), saves="x", domain=("positive",)),
    "spence": known(lambda out, x: -log_ratio(x - 1), saves="x", domain=("positive",)),
    "ellipk": known(lambda out, x: _ellipk_slope(x), saves="x", domain=("unit",)),
    "ellipkm1": known(lambda out, x: -_ellipk_slope(1 - x), saves="x", domain=SHARE),
    "ellipe": known(lambda out, x: _ellipe_slope(x), saves="x", domain=("unit",)),
    "ellipkinc": known(
        lambda out, x, y: 1 / np.sqrt(1 - y * np.square(fast.sin(x))),
        NOT_CLOSED,
        saves=("xy", ""),
        domain=("any", "unit"),
    ),
    "ellipeinc": known(
        lambda out, x, y: np.sqrt(1 - y * np.square(fast.sin(x))), NOT_CLOSED, saves=("xy", ""), domain=("any", "unit")
    ),
}
