"""The ufuncs of `scipy.special` with several results, as `airy`: each is one op with as many results."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...native import threaded_functions as fast
from .elliptic import first_kind_by_m
from .records import NOT_CLOSED, UfuncRow, sp


def _row(*partials: Any, saves: str = "x", domain: tuple[str, ...] = ("positive",)) -> UfuncRow:
    """Return the row of a ufunc with several results: for each a partial, or a tuple of them."""
    by_result = tuple([of_one if isinstance(of_one, tuple) else (of_one,) for of_one in partials])
    return UfuncRow(by_result[0], saves, {"domain": domain, "by_result": by_result})


def _root(x: Any) -> Any:
    return np.sqrt(np.maximum(x, 0))


def _hyperbolic_ratio(x: Any) -> Any:
    return 0.5 * (sp.exprel(x) + sp.exprel(-x))


def _am_by_m(out: Any, m: Any) -> Any:
    """Return the derivative by m of the amplitude φ = out[3], at which F(φ, m) is u; out[2] is dn."""
    return -out[2] * first_kind_by_m(out[3], m)


def _dn_by_m(out: Any, m: Any) -> Any:
    sn, cn, dn, _ = out
    return -(0.5 * sn * sn + m * sn * cn * _am_by_m(out, m)) / dn


def _cylinder(factor: Callable[..., Any]) -> UfuncRow:
    """Return the row of a function w and its derivative, where w'' is a factor times w."""
    return _row(
        (NOT_CLOSED, lambda out, x, y: out[1]),
        (NOT_CLOSED, lambda out, x, y: factor(x, y) * out[0]),
        domain=("positive", "positive"),
        saves="oxy",
    )


SEVERAL: dict[str, UfuncRow] = {
    # Ai, Ai', Bi, Bi' (9.2.1), and these over their growth for x > 0.
    "airy": _row(
        lambda out, x: out[1],
        lambda out, x: x * out[0],
        lambda out, x: out[3],
        lambda out, x: x * out[2],
        domain=("any",),
        saves="ox",
    ),
    "airye": _row(
        lambda out, x: out[1] + _root(x) * out[0],
        lambda out, x: x * out[0] + _root(x) * out[1],
        lambda out, x: out[3] - _root(x) * out[2],
        lambda out, x: x * out[2] - _root(x) * out[3],
        saves="ox",
    ),
    "sici": _row(lambda out, x: np.sinc(x * (1 / math.pi)), lambda out, x: fast.cos(x) / x),
    "shichi": _row(lambda out, x: _hyperbolic_ratio(x), lambda out, x: np.cosh(x) / x),
    "fresnel": _row(
        lambda out, x: fast.sin((0.5 * math.pi) * x * x),
        lambda out, x: fast.cos((0.5 * math.pi) * x * x),
        domain=("any",),
    ),
    "iti0k0": _row(lambda out, x: sp.i0(x), lambda out, x: sp.k0(x)),
    "itj0y0": _row(lambda out, x: sp.j0(x), lambda out, x: sp.y0(x)),
    "it2i0k0": _row(lambda out, x: (sp.i0(x) - 1) / x, lambda out, x: -sp.k0(x) / x),
    "it2j0y0": _row(lambda out, x: (1 - sp.j0(x)) / x, lambda out, x: -sp.y0(x) / x),
    "itairy": _row(
        lambda out, x: sp.airy(x)[0],
        lambda out, x: sp.airy(x)[2],
        lambda out, x: sp.airy(-x)[0],
        lambda out, x: sp.airy(-x)[2],
    ),
    # Jacobi's functions sn, cn, dn and the amplitude (22.13); by m through the amplitude.
    "ellipj": _row(
        (
            lambda out, x, y: out[1] * out[2],
            lambda out, x, y: out[1] * _am_by_m(out, y),
        ),
        (
            lambda out, x, y: -out[0] * out[2],
            lambda out, x, y: -out[0] * _am_by_m(out, y),
        ),
        (
            lambda out, x, y: -y * out[0] * out[1],
            lambda out, x, y: _dn_by_m(out, y),
        ),
        (lambda out, x, y: out[2], lambda out, x, y: _am_by_m(out, y)),
        domain=("positive", "share"),
        saves="oy",
    ),
    # Parabolic cylinder functions and their derivatives (12.2.1 to 12.2.3).
    "pbdv": _cylinder(lambda v, x: 0.25 * x * x - v - 0.5),
    "pbvv": _cylinder(lambda v, x: 0.25 * x * x - v - 0.5),
    "pbwa": _cylinder(lambda a, x: a - 0.25 * x * x),
}
