"""Hypergeometric functions and orthogonal polynomials, by their argument."""

from __future__ import annotations

from .records import NOT_CLOSED, Known, known, sp

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
}
