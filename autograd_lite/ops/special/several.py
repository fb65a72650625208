"""The ufuncs of `scipy.special` with several results: each result is an op of its own, `airy_0`, `airy_1`, …"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.foreign import LAZY, by_numpy, is_lazy
from ...native import functions as fast
from .elliptic import first_kind_by_m
from .records import NOT_CLOSED, Known, own, sp, ufunc_named


def _result(name: str, i: int) -> Callable[..., Any]:
    def result(*xs: Any) -> Any:
        return ufunc_named(name)(*xs)[i]

    return lambda *xs: by_numpy(result, *xs) if LAZY and is_lazy(*xs) else result(*xs)


def _rows(name: str, *partials: Any, domain: tuple[str, ...] = ("positive",), reads: str = "") -> dict[str, Known]:
    """Return the rows of the results: for each a partial or a tuple of them; `reads` is what they save besides."""
    found = {}
    for i, of_one in enumerate(partials):
        by = of_one if isinstance(of_one, tuple) else (of_one,)
        saves = ["" if isinstance(p, str) else "xy"[: len(by)] + reads for p in by]
        found[f"{name}_{i}"] = own(_result(name, i), *by, saves=saves, domain=domain)
    return found


def _root(x: Any) -> Any:
    return np.sqrt(np.maximum(x, 0))


def _hyperbolic_ratio(x: Any) -> Any:
    return 0.5 * (sp.exprel(x) + sp.exprel(-x))


def _am_by_m(u: Any, m: Any) -> Any:
    """Return the derivative by m of the amplitude φ, at which F(φ, m) is u."""
    return -sp.ellipj_2(u, m) * first_kind_by_m(sp.ellipj_3(u, m), m)


def _dn_by_m(out: Any, u: Any, m: Any) -> Any:
    sn = sp.ellipj_0(u, m)
    return -(0.5 * sn * sn + m * sn * sp.ellipj_1(u, m) * _am_by_m(u, m)) / out


def _weber(v: Any, x: Any) -> Any:
    return 0.25 * x * x - v - 0.5


SEVERAL: dict[str, Known] = {
    # Ai, Ai', Bi, Bi' (9.2.1), and these over their growth for x > 0.
    **_rows(
        "airy",
        lambda out, x: sp.airy_1(x),
        lambda out, x: x * sp.airy_0(x),
        lambda out, x: sp.airy_3(x),
        lambda out, x: x * sp.airy_2(x),
        domain=("any",),
    ),
    **_rows(
        "airye",
        lambda out, x: sp.airye_1(x) + _root(x) * out,
        lambda out, x: x * sp.airye_0(x) + _root(x) * out,
        lambda out, x: sp.airye_3(x) - _root(x) * out,
        lambda out, x: x * sp.airye_2(x) - _root(x) * out,
        reads="o",
    ),
    **_rows("sici", lambda out, x: np.sinc(x * (1 / math.pi)), lambda out, x: fast.cos(x) / x),
    **_rows("shichi", lambda out, x: _hyperbolic_ratio(x), lambda out, x: np.cosh(x) / x),
    **_rows(
        "fresnel",
        lambda out, x: fast.sin((0.5 * math.pi) * x * x),
        lambda out, x: fast.cos((0.5 * math.pi) * x * x),
        domain=("any",),
    ),
    **_rows("iti0k0", lambda out, x: sp.i0(x), lambda out, x: sp.k0(x)),
    **_rows("itj0y0", lambda out, x: sp.j0(x), lambda out, x: sp.y0(x)),
    **_rows("it2i0k0", lambda out, x: (sp.i0(x) - 1) / x, lambda out, x: -sp.k0(x) / x),
    **_rows("it2j0y0", lambda out, x: (1 - sp.j0(x)) / x, lambda out, x: -sp.y0(x) / x),
    **_rows(
        "itairy",
        lambda out, x: sp.airy_0(x),
        lambda out, x: sp.airy_2(x),
        lambda out, x: sp.airy_0(-x),
        lambda out, x: sp.airy_2(-x),
    ),
    # Jacobi's functions sn, cn, dn and the amplitude (22.13); by m through the amplitude.
    **_rows(
        "ellipj",
        (
            lambda out, x, y: sp.ellipj_1(x, y) * sp.ellipj_2(x, y),
            lambda out, x, y: sp.ellipj_1(x, y) * _am_by_m(x, y),
        ),
        (
            lambda out, x, y: -sp.ellipj_0(x, y) * sp.ellipj_2(x, y),
            lambda out, x, y: -sp.ellipj_0(x, y) * _am_by_m(x, y),
        ),
        (
            lambda out, x, y: -y * sp.ellipj_0(x, y) * sp.ellipj_1(x, y),
            lambda out, x, y: _dn_by_m(sp.ellipj_2(x, y), x, y),
        ),
        (lambda out, x, y: sp.ellipj_2(x, y), lambda out, x, y: _am_by_m(x, y)),
        domain=("positive", "share"),
    ),
    # Parabolic cylinder functions and their derivatives (12.2.1 to 12.2.3).
    **_rows(
        "pbdv",
        (NOT_CLOSED, lambda out, x, y: sp.pbdv_1(x, y)),
        (NOT_CLOSED, lambda out, x, y: _weber(x, y) * sp.pbdv_0(x, y)),
        domain=("positive", "positive"),
    ),
    **_rows(
        "pbvv",
        (NOT_CLOSED, lambda out, x, y: sp.pbvv_1(x, y)),
        (NOT_CLOSED, lambda out, x, y: _weber(x, y) * sp.pbvv_0(x, y)),
        domain=("positive", "positive"),
    ),
    **_rows(
        "pbwa",
        (NOT_CLOSED, lambda out, x, y: sp.pbwa_1(x, y)),
        (NOT_CLOSED, lambda out, x, y: (x - 0.25 * y * y) * sp.pbwa_0(x, y)),
        domain=("positive", "positive"),
    ),
}
