"""What ufuncs are in C99 with nothing but libm, where a file stands alone.

Expressions have {0}, {1}, … in the places of operands. `real` is the type of these, FN(name) is a function of
`native/c/standalone.h`, and LIB(name) one of libm. Where there is no row here, that of the op's record counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .expressions import expression_of

# Of floating numbers; results are the same bits everywhere.
_ARITHMETIC = {
    "negative": "-{0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "maximum": "FN(maximum)({0}, {1})",
    "minimum": "FN(minimum)({0}, {1})",
    "fmax": "FN(fmax)({0}, {1})",
    "fmin": "FN(fmin)({0}, {1})",
    "clip": "FN(minimum)(FN(maximum)({0}, {1}), {2})",
    "select": "{0} ? {1} : {2}",
    "sign": "FN(sign)({0})",
    "isinf": "isinf({0})",
    "isfinite": "isfinite({0})",
    "signbit": "signbit({0})",
    "heaviside": "FN(heaviside)({0}, {1})",
    "zero_mask": "isnan({0}) && {1} == 0 ? 0 : {0}",
    "fmod": "LIB(fmod)({0}, {1})",
    "remainder": "FN(remainder)({0}, {1})",
    "floor_divide": "FN(floor_divide)({0}, {1})",
    "nextafter": "LIB(nextafter)({0}, {1})",
    "ldexp": "LIB(ldexp)({0}, (int){1})",
    "real": "{0}",
    "tanh_pullback": "{0} - {0} * {1} * {1}",
    "sigmoid_pullback": "{0} * ({1} * (1 - {1}))",
    "relu": "{0} > 0 || {0} != {0} ? {0} : 0",
    "below": "FN(below)({0}, {1})",
}
_SAME = "cbrt cos cosh erf erfc exp exp2 expm1 log log10 log1p log2 sin sinh tan tanh"  # in NumPy and in C
_LIBM = {name: name for name in _SAME.split()}
_LIBM |= {f"arc{name}": f"a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")}
_FUNCTIONS = {name: f"LIB({called})({{0}})" for name, called in _LIBM.items()} | {
    "arctan2": "LIB(atan2)({0}, {1})",
    "hypot": "LIB(hypot)({0}, {1})",
    "power": "LIB(pow)({0}, {1})",
    "float_power": "LIB(pow)({0}, {1})",
    "logaddexp": "FN(logaddexp)({0}, {1})",
    "logaddexp2": "FN(logaddexp2)({0}, {1})",
    "deg2rad": "{0} * (real)0.017453292519943295",
    "radians": "{0} * (real)0.017453292519943295",
    "rad2deg": "{0} * (real)57.29577951308232",
    "degrees": "{0} * (real)57.29577951308232",
    "sigmoid": "FN(sigmoid)({0})",
    "softplus": "FN(logaddexp)({0}, 0)",
    "silu": "{0} * FN(sigmoid)({0})",
    "silu_slope": "FN(silu_slope)({0})",
    "silu_pullback": "{1} * FN(silu_slope)({0})",
    "mish": "{0} * LIB(tanh)(FN(logaddexp)({0}, 0))",
    "gelu": "FN(gelu)({0})",
    "gelu_slope": "FN(gelu_slope)({0})",
    "gelu_pullback": "{1} * FN(gelu_slope)({0})",
}
_POWERS = {0.5: "LIB(sqrt)({0})", 1: "{0}", 2: "{0} * {0}", 3: "{0} * {0} * {0}", -1: "1 / {0}"}
_INTEGER = {
    "floor_divide": "FN(quotient)({0}, {1})",
    "remainder": "FN(modulo)({0}, {1})",
    "fmod": "FN(rest)({0}, {1})",
    "clip": "FN(minimum)(FN(maximum)({0}, {1}), {2})",
    "select": "{0} ? {1} : {2}",
    "real": "{0}",
}
_TEXT = (Path(__file__).parents[2] / "native" / "c" / "standalone.h").read_text(encoding="utf-8")
_HEAD = re.compile(r"^static \w+ FN\((\w+)\)", re.M)
HELPERS: Mapping[str, str] = {match[1]: part.strip() for part in _TEXT.split("\n\n") if (match := _HEAD.search(part))}
_CALLED = re.findall(r"LIB\((\w+)\)", "".join([_TEXT, *_FUNCTIONS.values()]))
LIBRARY = frozenset([*_CALLED, *[f"{name}f" for name in _CALLED]])


class Expression(NamedTuple):
    """What a ufunc computes of one element.

    Attributes:
        text: with {0}, {1}, … in the places of operands.
        is_exact: whether it has the same bits everywhere.
    """

    text: str
    is_exact: bool


def portable(ufunc: Any, dtypes: Sequence[np.dtype[Any]], exponent: float | None = None) -> Expression | None:
    """Return what a ufunc computes, or None if there is no expression for it.

    Args:
        ufunc: any ufunc of one result.
        dtypes: of its operands and its result.
        exponent: the second operand of a power, if it is always this number.
    """
    name, kind = ufunc.__name__, typical(dtypes).kind
    if kind == "f" and name in ("power", "float_power") and exponent in _POWERS:
        return Expression(_POWERS[exponent], exponent != 3)
    for kinds, rows, is_exact in (("f", _ARITHMETIC, True), ("f", _FUNCTIONS, False), ("iub", _INTEGER, True)):
        if kind in kinds and name in rows:
            return Expression(rows[name], is_exact)
    text = expression_of(ufunc, "".join(d.char for d in dtypes))
    if text is None or "al_" in text:
        return None
    return Expression(text, True)


def typical(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the dtype that a ufunc computes in, of those of its operands and its result."""
    return dtypes[-2 if dtypes[-1].kind == "b" else -1]


class RowFunction(NamedTuple):
    """A function of C that does one call of a generalized ufunc.

    Attributes:
        name: in `HELPERS`; its arguments are the operands (numbers by value), the sizes in the signature, and memory.
        work: how many times n * n elements of memory it needs.
        fails: whether it returns 1 where the ufunc's function raises.
    """

    name: str
    work: int = 0
    fails: bool = False


_ROWS = (
    "softmax softmax_pullback log_softmax log_softmax_pullback logsumexp standardize standardize_pullback sum_of_rows"
)
ROW_FUNCTIONS = {name: RowFunction(name) for name in _ROWS.split()} | {
    "cholesky_lo": RowFunction("cholesky", 0, True),
    "small_cholesky": RowFunction("cholesky", 0, True),
    "small_cholesky_upper": RowFunction("cholesky_upper", 0, True),
    "small_solve_lower": RowFunction("solve_lower", 0, True),
    "small_solve_upper": RowFunction("solve_upper", 0, True),
    **{f"{small}solve": RowFunction("solve", 1, True) for small in ("", "small_")},
    **{f"{small}solve1": RowFunction("solve1", 1, True) for small in ("", "small_")},
    **{f"{small}inv": RowFunction("inv", 2, True) for small in ("", "small_")},
    "det": RowFunction("det", 1, True),
}
PRODUCTS = frozenset(("matmul", "small_product"))
