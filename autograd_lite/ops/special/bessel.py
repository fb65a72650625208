"""Bessel and Struve functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from .records import NOT_CLOSED, Known, known, sp


def _real(x: Any, name: str) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedError(f"scipy.special.{name}: it has no complex derivative; take the real part first")
    return np.sign(x)


def _struve_term(v: Any, x: Any) -> Any:
    return np.power(0.5 * x, v) * sp.rgamma(v + 1.5) * (1 / math.sqrt(math.pi))


_ORDER_X = ("positive", "positive")
# 10.6.1, 10.29.1 and the special cases 10.6.3, 10.29.3; the scaled ones differ by the derivative of their factor.
# `yn` and `kn` are not here: they truncate the order to an integer with a warning; `yv` and `kv` do the same job.
BESSEL: dict[str, Known] = {
    "j0": known(lambda out, x: -sp.j1(x), saves="x"),
    "j1": known(lambda out, x: 0.5 * (sp.j0(x) - sp.jv(2, x)), saves="x"),
    "y0": known(lambda out, x: -sp.y1(x), saves="x", domain=("positive",)),
    "y1": known(lambda out, x: sp.y0(x) - out / x, saves="ox", domain=("positive",)),
    "i0": known(lambda out, x: sp.i1(x), saves="x"),
    "i1": known(lambda out, x: 0.5 * (sp.i0(x) + sp.iv(2, x)), saves="x"),
    "i0e": known(lambda out, x: sp.i1e(x) - np.sign(x) * out, saves="ox", kinks="x = 0"),
    "i1e": known(
        lambda out, x: 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * out,
        saves="ox",
        kinks="x = 0, from the second derivative on",
    ),
    "k0": known(lambda out, x: -sp.k1(x), saves="x", domain=("positive",)),
    "k1": known(lambda out, x: -sp.k0(x) - out / x, saves="ox", domain=("positive",)),
    "k0e": known(lambda out, x: out - sp.k1e(x), saves="ox", domain=("positive",)),
    "k1e": known(lambda out, x: out - sp.k0e(x) - out / x, saves="ox", domain=("positive",)),
    "jv": known(
        NOT_CLOSED, lambda out, x, y: 0.5 * (sp.jv(x - 1, y) - sp.jv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X
    ),
    "yv": known(
        NOT_CLOSED, lambda out, x, y: 0.5 * (sp.yv(x - 1, y) - sp.yv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X
    ),
    "iv": known(
        NOT_CLOSED, lambda out, x, y: 0.5 * (sp.iv(x - 1, y) + sp.iv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X
    ),
    "ive": known(
        NOT_CLOSED,
        lambda out, x, y: 0.5 * (sp.ive(x - 1, y) + sp.ive(x + 1, y)) - _real(y, "ive") * out,
        saves=("", "oxy"),
        domain=_ORDER_X,
        holomorphic=False,
    ),
    "kv": known(
        NOT_CLOSED, lambda out, x, y: -0.5 * (sp.kv(x - 1, y) + sp.kv(x + 1, y)), saves=("", "xy"), domain=_ORDER_X
    ),
    "kve": known(
        NOT_CLOSED,
        lambda out, x, y: out - 0.5 * (sp.kve(x - 1, y) + sp.kve(x + 1, y)),
        saves=("", "oxy"),
        domain=_ORDER_X,
    ),
    # 11.4.29, 11.4.30 with the terms of the recurrences.
    "struve": known(
        NOT_CLOSED,
        lambda out, x, y: 0.5 * (sp.struve(x - 1, y) - sp.struve(x + 1, y) + _struve_term(x, y)),
        saves=("", "xy"),
        domain=_ORDER_X,
    ),
    "modstruve": known(
        NOT_CLOSED,
        lambda out, x, y: 0.5 * (sp.modstruve(x - 1, y) + sp.modstruve(x + 1, y) + _struve_term(x, y)),
        saves=("", "xy"),
        domain=_ORDER_X,
    ),
}
