"""Hypergeometric functions and orthogonal polynomials, by their argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .records import NOT_CLOSED, WHOLE, UfuncRow, by_last, scipy_row, sp


def _lower(polynomial: Callable[..., Any], degree: Any, *rest: Any) -> Any:
    """Return the polynomial of one degree less; below degree 0 it is 0, which SciPy does not know of its slopes."""
    gone = degree == 0
    return np.where(gone, 0, polynomial(np.where(gone, 0, degree - 1), *rest))


def _of_degree(partial: Callable[..., Any], domain: str = "unit", selects: bool = True) -> UfuncRow:
    """Return the row of a polynomial with a degree and an argument, which one of degree 0 does not look at."""
    return by_last(partial, "positive", domain, selects=selects)


_PARAMETERS = ("positive", "positive", "positive")
# Hypergeometric functions (13.3.15, 13.3.22) and orthogonal polynomials (18.9.19, 18.9.23), by their argument.
SERIES: dict[str, UfuncRow] = {
    "hyp0f1": by_last(lambda out, x, y: sp.hyp0f1(x + 1, y) / x, "positive", "any"),
    "hyp1f1": by_last(lambda out, x, y, z: x / y * sp.hyp1f1(x + 1, y + 1, z), "positive", "positive", "any"),
    "hyperu": by_last(lambda out, x, y, z: -x * sp.hyperu(x + 1, y + 1, z), "positive", "positive", "positive"),
    "eval_chebyt": _of_degree(lambda out, x, y: x * _lower(sp.eval_chebyu, x, y)),
    "eval_chebyu": _of_degree(lambda out, x, y: 2 * _lower(sp.eval_gegenbauer, x, 2, y)),
    "eval_legendre": _of_degree(lambda out, x, y: _lower(sp.eval_gegenbauer, x, 1.5, y)),
    "eval_gegenbauer": by_last(
        lambda out, x, y, z: 2 * y * _lower(sp.eval_gegenbauer, x, y + 1, z), "positive", "positive", "unit"
    ),
    "eval_laguerre": _of_degree(lambda out, x, y: -_lower(sp.eval_genlaguerre, x, 1, y), "positive", selects=False),
    "eval_genlaguerre": by_last(
        lambda out, x, y, z: -_lower(sp.eval_genlaguerre, x, y + 1, z), "positive", "positive", "positive"
    ),
    "hyp2f1": by_last(lambda out, x, y, z, u: x * y / z * sp.hyp2f1(x + 1, y + 1, z + 1, u), *_PARAMETERS, "unit"),
    "eval_jacobi": by_last(
        lambda out, x, y, z, u: 0.5 * (x + y + z + 1) * _lower(sp.eval_jacobi, x, y + 1, z + 1, u),
        *_PARAMETERS,
        "unit",
        selects=True,
    ),
    "eval_sh_jacobi": by_last(
        lambda out, x, y, z, u: (
            (x + y) * _lower(sp.eval_jacobi, x, y - z + 1, z, 2 * u - 1) / sp.binom(2 * x + y - 1, x)
        ),
        *("positive", "above one", "share", "share"),
    ),
    "eval_chebyc": _of_degree(lambda out, x, y: x * _lower(sp.eval_chebys, x, y)),
    "eval_chebys": _of_degree(lambda out, x, y: _lower(sp.eval_gegenbauer, x, 2, 0.5 * y)),
    "eval_sh_chebyt": _of_degree(lambda out, x, y: 2 * x * _lower(sp.eval_sh_chebyu, x, y), "share"),
    "eval_sh_chebyu": _of_degree(lambda out, x, y: 4 * _lower(sp.eval_gegenbauer, x, 2, 2 * y - 1), "share"),
    "eval_sh_legendre": _of_degree(lambda out, x, y: 2 * _lower(sp.eval_gegenbauer, x, 1.5, 2 * y - 1), "share"),
    "eval_hermite": scipy_row(
        WHOLE, lambda out, x, y: 2 * x * sp.eval_hermite(np.maximum(x - 1, 0), y), saves=("", "xy")
    ),
    "eval_hermitenorm": scipy_row(
        WHOLE, lambda out, x, y: x * sp.eval_hermitenorm(np.maximum(x - 1, 0), y), saves=("", "xy")
    ),
    # (1 - x²) P' = (v + m) P_(v-1) - v x P (14.10.5).
    "lpmv": scipy_row(
        WHOLE,
        NOT_CLOSED,
        lambda out, x, y, z: ((y + x) * sp.lpmv(x, y - 1, z) - y * z * out) / (1 - z * z),
        saves=("", "", "oxyz"),
    ),
}
