"""Cases for the ufuncs of `scipy.special`; see `op_cases`. Data only, and none where SciPy is not installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.core.op import Op
from autograd_lite.ops.special import TABLE, sp

from .composed_cases import ComposedCase
from .op_cases import OpCase, Shapes
from .special_values import Special

try:
    from scipy import special
except ImportError:
    special = None  # type: ignore[assignment]

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]

# What broadcasting does is the engine's affair, and has its cases elsewhere: so here are few shapes and many functions.
SHAPES: dict[int, Sequence[Shapes]] = {
    1: (((2, 1, 3),),),
    2: (((2, 1, 3), (4, 1)),),
    3: (((2, 1, 3), (4, 1), (3,)),),
    4: (((2, 3), (), (3,), (2, 1)),),
}
# Finite differences need room on both sides of a kink.
WIDER: dict[str, Any] = {"i0e": "nonzero", "i1e": "nonzero"}
# Whole numbers, arguments that bound each other, and derivatives that are 0/0 where arguments are equal.
_APART = ("0.3 … 0.9", "1.2 … 1.6", "2 … 2.5", "3 … 4")
NARROW: dict[str, Any] = {
    **dict.fromkeys(("bdtr", "bdtrc", "bdtri"), ("shift", "more", "share")),
    "bdtrik": ("0.45 … 0.55", "9 … 11", "0.4 … 0.6"),
    "bdtrin": ("2 … 3", "0.45 … 0.55", "0.4 … 0.6"),
    **dict.fromkeys(("nbdtr", "nbdtrc", "nbdtri"), ("shift", "more", "share")),
    "nbdtrik": ("0.45 … 0.55", "4 … 6", "0.2 … 0.4"),
    "nbdtrin": ("3 … 5", "0.45 … 0.55", "0.3 … 0.5"),
    "pdtri": ("shift", "share"),
    "pdtrik": ("0.45 … 0.55", "3 … 5"),
    "fdtridfd": ("3 … 4", "0.6 … 0.65", "1.2 … 1.3"),
    "stdtridf": ("0.8 … 0.82", "1 … 1.05"),
    "chndtrinc": ("2 … 2.2", "3 … 3.2", "0.3 … 0.35"),
    "nrdtrisd": ("any", "0.6 … 0.9", "any"),
    "lpmv": ("1 … 1", "2 … 4", "unit"),
    "tklmbda": ("-0.8 … 0.8", "0.3 … 0.9"),
    "round": "between",
    **dict.fromkeys(("expn", "yn", "kn", "eval_hermite", "eval_hermitenorm"), ("shift", "positive")),
    **dict.fromkeys(("elliprf", "elliprd", "elliprg"), _APART[:3]),
    "elliprc": _APART[:2],
    "elliprj": _APART,
}
EXEMPT: dict[str, dict[str, str]] = {
    "itairy": {"first": "SciPy's own values have seven digits"},
    "voigt_profile": {"float32": "terms of its derivative cancel by four digits"},
}
# With all kinds of shapes: of SciPy's and of ours, of one, two and three inputs.
THOROUGHLY: dict[str, Sequence[Shapes]] = {
    "erf": (((),), ((2, 1, 3),), ((0, 3),)),
    "xlogy": (((), ()), ((2, 1, 3), (4, 1)), ((0, 2), (2,))),
    "gammainc_by_a": (((), ()), ((2, 1, 3), (4, 1)), ((0, 2), (2,))),
    "betainc": (((), (), ()), ((2, 1, 3), (4, 1), (3,)), ((0,), (1,), ())),
    "betainc_by_ab": (((), (), ()), ((2, 1, 3), (4, 1), (3,)), ((0,), (1,), ())),
    # Rules of several results are whole vector-Jacobian products: an input that is not broadcast shows their axes.
    **dict.fromkeys(("ellipj", "pbdv", "pbvv", "pbwa"), (((2, 1, 3), (4, 1)), ((3,), (2, 3)))),
}
PARAMETERS: dict[str, Any] = {
    "gammainc_by_a": ({"order": 1}, {"order": 2}),
    "stdtr_by_df": ({"order": 1},),
    "betaprime_by_ab": ({"of_a": 1, "of_b": 0},),
    "zeta_by_s": ({"order": 1},),
    **{f"{name}_by_order": ({"order": 1},) for name in ("jv", "yv", "iv", "kv", "ive", "kve")},
    "betainc_by_ab": ({"of_a": 1, "of_b": 1},),
}


def rows() -> list[OpCase]:
    """Return a row for each function of the table, which is its own reference: what is tested is its derivative."""
    found = []
    for name, known in TABLE.items():
        if known.function is None and not hasattr(special, name):
            continue  # a ufunc of another SciPy, or one that its users do not see
        op, reference = getattr(sp, name), known.function or getattr(special, name)
        found.append(
            OpCase(
                op.name,
                reference,
                THOROUGHLY.get(name, SHAPES[len(op.rules)]),
                WIDER.get(name) or NARROW.get(name) or op.domain or "any",
                PARAMETERS.get(name, ({},)),
                calls=() if known.function else (spelt_by_users(op, reference),),
                exempt=EXEMPT.get(name, {}),
            )
        )
    return found


def spelt_by_users(op: Op, ufunc: Any) -> Callable[..., Any]:
    """Return the call of the ufunc; an input by which there is no derivative is refused while it wants one."""
    known = [op.rule(i) is not None for i in range(len(op.rules))]
    return lambda *xs: ufunc(*(x if has_rule else x.detach() for x, has_rule in zip(xs, known, strict=True)))


CASES: list[OpCase] = rows() if special else []
COMPOSED_CASES: list[ComposedCase] = []

inf, nan = np.inf, np.nan


def conventions() -> list[Special]:
    """Return the edges of domains."""
    return [
        Special("special.xlogy(0, 0)", special.xlogy, (0.0, 0.0), (0, 0)),
        Special("special.xlogy(0, 1)", special.xlogy, (0.0, 1.0), (0, 0)),
        Special("special.xlogy(0, 2)", special.xlogy, (0.0, 2.0), (np.log(2.0), 0)),
        Special("special.xlogy(1, 0)", special.xlogy, (1.0, 0.0), (-inf, inf)),
        Special("special.xlog1py(0, -1)", special.xlog1py, (0.0, -1.0), (0, 0)),
        Special("special.entr(0)", special.entr, (0.0,), (inf,)),
        Special("special.rel_entr(0, 0)", special.rel_entr, (0.0, 0.0), (0, 0)),
        Special("special.rel_entr(0, 1)", special.rel_entr, (0.0, 1.0), (-inf, 0)),
        Special("special.kl_div(0, 0)", special.kl_div, (0.0, 0.0), (0, 1)),
        Special("special.gammaln(0)", special.gammaln, (0.0,), (-inf,)),
        Special("special.rgamma at the poles of Γ", special.rgamma, ([0.0, -1.0, -2.0],), ([1, -1, 2],)),
        Special("special.erfinv(±1)", special.erfinv, ([1.0, -1.0],), ([inf, inf],)),
        Special("special.erfcinv(0)", special.erfcinv, (0.0,), (-inf,)),
        Special("special.ndtri(0)", special.ndtri, (0.0,), (inf,)),
        Special("special.logit(0)", special.logit, ([0.0, 1.0],), ([inf, inf],)),
        Special("special.expit(±1000)", special.expit, ([1000.0, -1000.0],), ([0, 0],)),
        Special("special.log_expit(±1000)", special.log_expit, ([1000.0, -1000.0],), ([0, 1],)),
        Special("special.log_ndtr(±1e4)", special.log_ndtr, ([1e4, -1e4],), ([0, 1e4 + 1e-4 - 2e-12],)),
        Special("special.erf(±inf)", special.erf, ([inf, -inf],), ([0, 0],)),
        Special("special.j1(0)", special.j1, (0.0,), (0.5,)),
        Special("special.i1(0)", special.i1, (0.0,), (0.5,)),
        Special("special.i0e(0)", special.i0e, (0.0,), (0,)),
        Special("special.exprel(0)", special.exprel, (0.0,), (0.5,)),
        Special("special.exprel(-inf)", special.exprel, ([-inf, -1e200],), ([0, 0],)),
        Special("special.exprel(-1e3)", special.exprel, (-1e3,), (1e-6,)),
        Special("special.erfcx(±inf)", special.erfcx, ([inf, -inf],), ([0, -inf],)),
        Special("special.erfcx(1e5)", special.erfcx, (1e5,), (-1e-10 / np.sqrt(np.pi) * (1 - 1.5e-10),)),
        Special("special.boxcox(2, 0)", special.boxcox, (2.0, 0.0), (0.5, np.log(2.0) ** 2 / 2)),
        Special("special.inv_boxcox(2, 0)", special.inv_boxcox, (2.0, 0.0), (np.exp(2.0), -2 * np.exp(2.0))),
        Special("special.spence(1)", special.spence, (1.0,), (-1,)),
        Special("special.ellipk(0)", special.ellipk, (0.0,), (np.pi / 8,)),
        Special("special.ellipe(0)", special.ellipe, (0.0,), (-np.pi / 8,)),
        Special("special.gammainc(1, 0)", lambda x: special.gammainc(1.0, x), (0.0,), (1,)),
        Special("special.huber(1, ±1)", special.huber, (1.0, [-1.0, 1.0]), (0, [-1, 1])),
        Special("special.huber(1, 0)", special.huber, (1.0, 0.0), (0, 0)),
        Special("special.pseudo_huber(1, 0)", special.pseudo_huber, (1.0, 0.0), (0, 0)),
        Special("special.cbrt(0)", special.cbrt, (0.0,), (inf,)),
    ]


SPECIAL: list[Special] = conventions() if special else []
