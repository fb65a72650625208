"""Bessel and Struve functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...native import threaded_functions as fast
from . import bessel_orders as orders
from .records import NOT_CLOSED, WHOLE, UfuncRow, by_last, own_row, scipy_row, sp


def _real(x: Any, name: str) -> Any:
    """Return x, which must be real."""
    if x.dtype.kind == "c":
        raise UnsupportedError(f"scipy.special.{name}: it has no complex derivative; take the real part first")
    return x


def _struve_term(v: Any, x: Any) -> Any:
    return fast.power(0.5 * x, v) * sp.rgamma(v + 1.5) * (1 / math.sqrt(math.pi))


def _by_order(name: str) -> Callable[..., Any]:
    return lambda out, x, y: getattr(sp, f"{name}_by_order")(x, y, order=1)


def _row(name: str, function: Callable[..., Any], below: float, above: float, scale: float = 0) -> UfuncRow:
    """Return the row of a function derived by its order.

    Args:
        name: of the function.
        function: the same derived by its order.
        below, above: the shares of the neighboring orders in the derivative by x (10.6.1, 10.29.1).
        scale: that of the logarithm of the factor by which it is scaled.
    """

    def by_order(out: Any, x: Any, y: Any, order: int) -> Any:
        return getattr(sp, f"{name}_by_order")(x, y, order=order + 1)

    def by_x(out: Any, x: Any, y: Any, order: int) -> Any:
        f = getattr(sp, f"{name}_by_order")
        slope = below * f(x - 1, y, order=order) + above * f(x + 1, y, order=order)
        return slope + scale * out if scale else slope

    return own_row(function, by_order, by_x, saves=("xy", "oxy" if scale else "xy"), domain=_ORDER_X)


_ORDER_X = ("positive", "positive")
_FACTS: dict[str, Any] = {"saves": "xy", "domain": _ORDER_X}
# 10.6.1, 10.29.1 and the special cases 10.6.3, 10.29.3; the scaled ones differ by the derivative of their factor.
BESSEL: dict[str, UfuncRow] = {
    "j0": scipy_row(lambda out, x: -sp.j1(x), saves="x"),
    "j1": scipy_row(lambda out, x: 0.5 * (sp.j0(x) - sp.jv(2, x)), saves="x"),
    "y0": scipy_row(lambda out, x: -sp.y1(x), saves="x", domain=("positive",)),
    "y1": scipy_row(lambda out, x: sp.y0(x) - out / x, saves="ox", domain=("positive",)),
    "i0": scipy_row(lambda out, x: sp.i1(x), saves="x"),
    "i1": scipy_row(lambda out, x: 0.5 * (sp.i0(x) + sp.iv(2, x)), saves="x"),
    "i0e": scipy_row(lambda out, x: sp.i1e(x) - np.sign(x) * out, saves="ox", kinks="x = 0"),
    "i1e": scipy_row(
        lambda out, x: 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * out,
        saves="ox",
        kinks="x = 0, from the second derivative on",
    ),
    "k0": scipy_row(lambda out, x: -sp.k1(x), saves="x", domain=("positive",)),
    "k1": scipy_row(lambda out, x: -sp.k0(x) - out / x, saves="ox", domain=("positive",)),
    "k0e": scipy_row(lambda out, x: out - sp.k1e(x), saves="ox", domain=("positive",)),
    "k1e": scipy_row(lambda out, x: out - sp.k0e(x) - out / x, saves="ox", domain=("positive",)),
    "jv": scipy_row(_by_order("jv"), lambda out, x, y: 0.5 * (sp.jv(x - 1, y) - sp.jv(x + 1, y)), **_FACTS),
    "yv": scipy_row(_by_order("yv"), lambda out, x, y: 0.5 * (sp.yv(x - 1, y) - sp.yv(x + 1, y)), **_FACTS),
    "iv": scipy_row(_by_order("iv"), lambda out, x, y: 0.5 * (sp.iv(x - 1, y) + sp.iv(x + 1, y)), **_FACTS),
    "kv": scipy_row(_by_order("kv"), lambda out, x, y: -0.5 * (sp.kv(x - 1, y) + sp.kv(x + 1, y)), **_FACTS),
    "ive": scipy_row(
        _by_order("ive"),
        lambda out, x, y: 0.5 * (sp.ive(x - 1, y) + sp.ive(x + 1, y)) - np.sign(_real(y, "ive")) * out,
        saves=("xy", "oxy"),
        domain=_ORDER_X,
        holomorphic=False,
    ),
    "kve": scipy_row(
        _by_order("kve"),
        lambda out, x, y: out - 0.5 * (sp.kve(x - 1, y) + sp.kve(x + 1, y)),
        saves=("xy", "oxy"),
        domain=_ORDER_X,
    ),
    # Of a real argument the scaled functions are the others.
    "jve": scipy_row(
        _by_order("jv"),
        lambda out, x, y: 0.5 * (sp.jv(x - 1, _real(y, "jve")) - sp.jv(x + 1, y)),
        holomorphic=False,
        **_FACTS,
    ),
    "yve": scipy_row(
        _by_order("yv"),
        lambda out, x, y: 0.5 * (sp.yv(x - 1, _real(y, "yve")) - sp.yv(x + 1, y)),
        holomorphic=False,
        **_FACTS,
    ),
    "yn": scipy_row(
        WHOLE, lambda out, x, y: 0.5 * (sp.yv(x - 1, y) - sp.yv(x + 1, y)), saves=("", "xy"), domain=("any", "positive")
    ),
    "kn": scipy_row(
        WHOLE,
        lambda out, x, y: -0.5 * (sp.kv(x - 1, y) + sp.kv(x + 1, y)),
        saves=("", "xy"),
        domain=("any", "positive"),
    ),
    "jv_by_order": _row("jv", orders.jv_by_order, 0.5, -0.5),
    "yv_by_order": _row("yv", orders.yv_by_order, 0.5, -0.5),
    "iv_by_order": _row("iv", orders.iv_by_order, 0.5, 0.5),
    "kv_by_order": _row("kv", orders.kv_by_order, -0.5, -0.5),
    "ive_by_order": _row("ive", orders.ive_by_order, 0.5, 0.5, -1),
    "kve_by_order": _row("kve", orders.kve_by_order, -0.5, -0.5, 1),
    "ber": scipy_row(lambda out, x: sp.berp(x), saves="x", domain=("positive",)),
    "bei": scipy_row(lambda out, x: sp.beip(x), saves="x", domain=("positive",)),
    "ker": scipy_row(lambda out, x: sp.kerp(x), saves="x", domain=("positive",)),
    "kei": scipy_row(lambda out, x: sp.keip(x), saves="x", domain=("positive",)),
    # The two parts of 10.61.3, in which w'' + w'/x = i w.
    "berp": scipy_row(lambda out, x: -sp.bei(x) - out / x, saves="ox", domain=("positive",)),
    "beip": scipy_row(lambda out, x: sp.ber(x) - out / x, saves="ox", domain=("positive",)),
    "kerp": scipy_row(lambda out, x: -sp.kei(x) - out / x, saves="ox", domain=("positive",)),
    "keip": scipy_row(lambda out, x: sp.ker(x) - out / x, saves="ox", domain=("positive",)),
    # SciPy's Struve functions give float64 for float32.
    "itstruve0": scipy_row(lambda out, x: sp.struve(0, x).astype(x.dtype), saves="x", domain=("positive",)),
    "itmodstruve0": scipy_row(lambda out, x: sp.modstruve(0, x).astype(x.dtype), saves="x", domain=("positive",)),
    "it2struve0": scipy_row(lambda out, x: -sp.struve(0, x).astype(x.dtype) / x, saves="x", domain=("positive",)),
    # The integral of t^y J_z(2 x t) over t from 0 to 1; by parts.
    "besselpoly": scipy_row(
        lambda out, x, y, z: (sp.jv(z, 2 * x) - (y + 1) * out) / x,
        NOT_CLOSED,
        NOT_CLOSED,
        saves=("oxyz", "", ""),
        domain=("positive", "positive", "positive"),
    ),
    "wright_bessel": by_last(lambda out, x, y, z: sp.wright_bessel(x, x + y, z), "positive", "positive", "positive"),
    "log_wright_bessel": by_last(
        lambda out, x, y, z: fast.exp(sp.log_wright_bessel(x, x + y, z) - out),
        *("positive", "positive", "positive"),
        reads="oxyz",
    ),
    # 11.4.29, 11.4.30 with the terms of the recurrences.
    "struve": by_last(
        lambda out, x, y: 0.5 * (sp.struve(x - 1, y) - sp.struve(x + 1, y) + _struve_term(x, y)), *_ORDER_X
    ),
    "modstruve": by_last(
        lambda out, x, y: 0.5 * (sp.modstruve(x - 1, y) + sp.modstruve(x + 1, y) + _struve_term(x, y)), *_ORDER_X
    ),
}
