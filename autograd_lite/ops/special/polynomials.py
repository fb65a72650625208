"""Hypergeometric functions and orthogonal polynomials, by their argument."""

from __future__ import annotations

import numpy as np

from .records import NOT_CLOSED, WHOLE, Known, known, sp

# Hypergeometric functions (13.3.15, 13.3.22) and orthogonal polynomials (18.9.19, 18.9.23), by their argument.
SERIES: dict[str, Known] = {
    "hyp0f1": known(
        NOT_CLOSED, lambda out, x, y: sp.hyp0f1(x + 1, y) / x, saves=("", "xy"), domain=("positive", "any")
    ),
    "hyp1f1": known(
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z: x / y * sp.hyp1f1(x + 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "any"),
    ),
    "hyperu": known(
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z: -x * sp.hyperu(x + 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "positive"),
    ),
    "eval_chebyt": known(
        NOT_CLOSED, lambda out, x, y: x * sp.eval_chebyu(x - 1, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_chebyu": known(
        NOT_CLOSED, lambda out, x, y: 2 * sp.eval_gegenbauer(x - 1, 2, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_legendre": known(
        NOT_CLOSED, lambda out, x, y: sp.eval_gegenbauer(x - 1, 1.5, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_gegenbauer": known(
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z: 2 * y * sp.eval_gegenbauer(x - 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "unit"),
    ),
    "eval_laguerre": known(
        NOT_CLOSED,
        lambda out, x, y: -sp.eval_genlaguerre(x - 1, 1, y),
        saves=("", "xy"),
        domain=("positive", "positive"),
    ),
    "eval_genlaguerre": known(
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z: -sp.eval_genlaguerre(x - 1, y + 1, z),
        saves=("", "", "xyz"),
        domain=("positive", "positive", "positive"),
    ),
    "hyp2f1": known(
        NOT_CLOSED,
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z, u: x * y / z * sp.hyp2f1(x + 1, y + 1, z + 1, u),
        saves=("", "", "", "xyzu"),
        domain=("positive", "positive", "positive", "unit"),
    ),
    "eval_jacobi": known(
        NOT_CLOSED,
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z, u: 0.5 * (x + y + z + 1) * sp.eval_jacobi(x - 1, y + 1, z + 1, u),
        saves=("", "", "", "xyzu"),
        domain=("positive", "positive", "positive", "unit"),
    ),
    "eval_sh_jacobi": known(
        NOT_CLOSED,
        NOT_CLOSED,
        NOT_CLOSED,
        lambda out, x, y, z, u: (x + y) * sp.eval_jacobi(x - 1, y - z + 1, z, 2 * u - 1) / sp.binom(2 * x + y - 1, x),
        saves=("", "", "", "xyzu"),
        domain=("positive", "above one", "share", "share"),
    ),
    "eval_chebyc": known(
        NOT_CLOSED, lambda out, x, y: x * sp.eval_chebys(x - 1, y), saves=("", "xy"), domain=("positive", "unit")
    ),
    "eval_chebys": known(
        NOT_CLOSED,
        lambda out, x, y: sp.eval_gegenbauer(x - 1, 2, 0.5 * y),
        saves=("", "xy"),
        domain=("positive", "unit"),
    ),
    "eval_sh_chebyt": known(
        NOT_CLOSED,
        lambda out, x, y: 2 * x * sp.eval_sh_chebyu(x - 1, y),
        saves=("", "xy"),
        domain=("positive", "share"),
    ),
    "eval_sh_chebyu": known(
        NOT_CLOSED,
        lambda out, x, y: 4 * sp.eval_gegenbauer(x - 1, 2, 2 * y - 1),
        saves=("", "xy"),
        domain=("positive", "share"),
    ),
    "eval_sh_legendre": known(
        NOT_CLOSED,
        lambda out, x, y: 2 * sp.eval_gegenbauer(x - 1, 1.5, 2 * y - 1),
        saves=("", "xy"),
        domain=("positive", "share"),
    ),
    "eval_hermite": known(WHOLE, lambda out, x, y: 2 * x * sp.eval_hermite(np.maximum(x - 1, 0), y), saves=("", "xy")),
    "eval_hermitenorm": known(
        WHOLE, lambda out, x, y: x * sp.eval_hermitenorm(np.maximum(x - 1, 0), y), saves=("", "xy")
    ),
    # (1 - x²) P' = (v + m) P_(v-1) - v x P (14.10.5).
    "lpmv": known(
        WHOLE,
        NOT_CLOSED,
        lambda out, x, y, z: ((y + x) * sp.lpmv(x, y - 1, z) - y * z * out) / (1 - z * z),
        saves=("", "", "oxyz"),
    ),
}
