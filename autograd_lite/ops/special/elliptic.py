"""Elliptic integrals, Carlson's and Legendre's, by every argument, and the arithmetic-geometric mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...native import threaded_functions as fast
from .power_series import near_zero
from .records import AB, SHARE, UfuncRow, scipy_row, sp

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


def first_kind_by_m(phi: Any, m: Any) -> Any:
    """Return dF(phi, m)/dm, the integral of sin² (1 - m sin²)^(-3/2) / 2; by 19.25.5 and 19.18.1, without cancellation.

    Beyond ±π/2 the integral is a multiple of the complete one and a rest.
    """
    turns = np.rint(phi * (1 / math.pi))
    rest = phi - turns * math.pi
    s, c = fast.sin(rest), fast.cos(rest)
    return 2 * turns * _ellipk_slope(m) + s * s * s * sp.elliprd(c * c, 1, 1 - m * s * s) * (1 / 6)


def _second_kind_by_m(phi: Any, m: Any) -> Any:
    """Return dE(phi, m)/dm, minus the integral of sin² (1 - m sin²)^(-1/2) / 2 (19.25.9)."""
    turns = np.rint(phi * (1 / math.pi))
    rest = phi - turns * math.pi
    s, c = fast.sin(rest), fast.cos(rest)
    return 2 * turns * _ellipe_slope(m) - s * s * s * sp.elliprd(c * c, 1 - m * s * s, 1) * (1 / 6)


def _rc_by_x(out: Any, x: Any, y: Any) -> Any:
    return (out - 1 / np.sqrt(x)) / (2 * (y - x))


def _rd_by_x(out: Any, x: Any, y: Any, z: Any) -> Any:
    return (out - sp.elliprd(y, z, x)) / (2 * (z - x))


def _rd_by_z(out: Any, x: Any, y: Any, z: Any) -> Any:
    # R_D is homogeneous of degree -3/2 (19.20.18).
    return -(1.5 * out + x * _rd_by_x(out, x, y, z) + y * _rd_by_x(out, y, x, z)) / z


def _rj_by_x(out: Any, x: Any, y: Any, z: Any, p: Any) -> Any:
    return (out - sp.elliprd(y, z, x)) / (2 * (p - x))


def _rj_by_p(out: Any, x: Any, y: Any, z: Any, p: Any) -> Any:
    parts = x * _rj_by_x(out, x, y, z, p) + y * _rj_by_x(out, y, z, x, p) + z * _rj_by_x(out, z, x, y, p)
    return -(1.5 * out + parts) / p


def _rg_by_x(x: Any, y: Any, z: Any) -> Any:
    return 0.25 * (sp.elliprf(x, y, z) - x * sp.elliprd(y, z, x) * (1 / 3))


def _agm_by_x(out: Any, x: Any, y: Any) -> Any:
    # 19.8.5 with k = (x - y) / (x + y).
    total = x + y
    m = np.square((x - y) / total)
    return out / total - out / sp.ellipk(m) * _ellipk_slope(m) * 4 * y * (x - y) / (total * total * total)


_THREE, _PHI = ("positive", "positive", "positive"), ("any", "unit")
ELLIPTIC: dict[str, UfuncRow] = {
    "ellipk": scipy_row(lambda out, x: _ellipk_slope(x), saves="x", domain=("unit",)),
    "ellipkm1": scipy_row(lambda out, x: -_ellipk_slope(1 - x), saves="x", domain=SHARE),
    "ellipe": scipy_row(lambda out, x: _ellipe_slope(x), saves="x", domain=("unit",)),
    "ellipkinc": scipy_row(
        lambda out, x, y: 1 / np.sqrt(1 - y * np.square(fast.sin(x))),
        lambda out, x, y: first_kind_by_m(x, y),
        saves="xy",
        domain=_PHI,
    ),
    "ellipeinc": scipy_row(
        lambda out, x, y: np.sqrt(1 - y * np.square(fast.sin(x))),
        lambda out, x, y: _second_kind_by_m(x, y),
        saves="xy",
        domain=_PHI,
    ),
    # 19.18.1 and the differential equations 19.18.4 of Carlson's integrals, which are 0/0 where arguments are equal.
    "elliprf": scipy_row(
        lambda out, x, y, z: sp.elliprd(y, z, x) * (-1 / 6),
        lambda out, x, y, z: sp.elliprd(z, x, y) * (-1 / 6),
        lambda out, x, y, z: sp.elliprd(x, y, z) * (-1 / 6),
        saves="xyz",
        domain=_THREE,
    ),
    "elliprc": scipy_row(
        _rc_by_x,
        lambda out, x, y: -(0.5 * out + x * _rc_by_x(out, x, y)) / y,
        saves="oxy",
        domain=AB,
    ),
    "elliprd": scipy_row(
        _rd_by_x,
        lambda out, x, y, z: _rd_by_x(out, y, x, z),
        _rd_by_z,
        saves="oxyz",
        domain=_THREE,
    ),
    "elliprg": scipy_row(
        lambda out, x, y, z: _rg_by_x(x, y, z),
        lambda out, x, y, z: _rg_by_x(y, z, x),
        lambda out, x, y, z: _rg_by_x(z, x, y),
        saves="xyz",
        domain=_THREE,
    ),
    "elliprj": scipy_row(
        _rj_by_x,
        lambda out, x, y, z, u: _rj_by_x(out, y, z, x, u),
        lambda out, x, y, z, u: _rj_by_x(out, z, x, y, u),
        _rj_by_p,
        saves="oxyzu",
        domain=("positive", "positive", "positive", "positive"),
    ),
    "agm": scipy_row(_agm_by_x, lambda out, x, y: _agm_by_x(out, y, x), saves="oxy", domain=AB),
}
