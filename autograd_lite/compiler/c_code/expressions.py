"""What the inner loops of ufuncs compute, as expressions of C that are equal to them bit for bit.

Expressions of NumPy's loops are the field `c` of the records of ops. The names in braces are filled in here, the
numbers of operands by the emitter: `{t}` and `{s}` are the endings of functions in `native/c/expressions.h` and in C's
library, `{T}` is the type of the result, `{U}` the unsigned type in which integers wrap around, `{B}` the bits of an
element. Our own kernels are functions of that header by the names of their ufuncs.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np

from ...core.equivalents import UFUNCS
from ...core.op import BY_UFUNC, OPS, Op
from ...native.kernels import INSTRUCTIONS, KERNELS, NUMPYS
from ..inner_loops import CASTS, SHORT_ROWS

_TYPES = {"?": "uint8_t", "f": "float", "d": "double", "F": "float _Complex", "D": "double _Complex"}
_COPIES = {*CASTS.values(), *[SHORT_ROWS[u] for u in CASTS.values() if u in SHORT_ROWS]}
_OF_ROWS = {rows: ufunc for ufunc, rows in SHORT_ROWS.items() if rows not in _COPIES}
_CAREFUL_KERNELS = (
    "exp expm1 tanh log log1p sin cos erf erfc sigmoid softplus silu silu_slope silu_pullback mish gelu gelu_slope "
    "gelu_pullback power"
)
# The functions that are three, see the header: of these a loop that is vectorised takes `_fast`, and notes whether all
# arguments are `_easy`; both have the same arguments.
CAREFUL = frozenset(f"al_{name}_{char}" for name in _CAREFUL_KERNELS.split() for char in "fd")
_MOST_HALVES = 256  # see loops/powers.h


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the type of an element."""
    return _TYPES.get(dtype.char) or f"{'u' * (dtype.kind == 'u')}int{8 * dtype.itemsize}_t"


@functools.lru_cache(maxsize=1024)
def expression_of(ufunc: np.ufunc, chars: str, exponent: float | None = None) -> str | None:
    """Return what a loop computes of one element of each operand, with {0}, {1}, … in their places; None to call it.

    Args:
        ufunc: whose loop it is; one that does the same for many rows counts as well.
        chars: the characters of the dtypes, the result's last.
        exponent: the second operand of a power, if it is always this number.
    """
    text = _template(ufunc, chars, exponent)
    if text is None:
        return None
    dtype, out = np.dtype(chars[-2]), np.dtype(chars[-1])
    parts = {
        "t": dtype.char,
        "s": "f" if dtype.char in "fF" else "",
        "T": c_type(out),
        "U": "uint64_t" if out.itemsize == 8 else "uint32_t",
        "B": str(8 * out.itemsize),
    }
    return re.sub(r"\{([a-zA-Z])\}", lambda match: parts[match[1]], text)


def _template(ufunc: np.ufunc, chars: str, exponent: float | None) -> str | None:
    ufunc, name = _OF_ROWS.get(ufunc, ufunc), ufunc.__name__
    if ufunc in _COPIES:
        return "({T}){0}" if chars[0] != chars[-1] else "{0}"
    op = _op_of(ufunc)
    rows = op.c if op is not None else ""
    rows = {np.dtype(chars[-2]).kind: rows} if isinstance(rows, str) else rows
    of_one_dtype = set(chars[-1 - ufunc.nin : -1]) == {chars[-2]} or (chars[0] == "?" and chars[1:-1] == chars[-2] * 2)
    for kinds, text in rows.items() if of_one_dtype else ():
        if np.dtype(chars[-2]).kind in kinds and text:
            return text
    ours = KERNELS.get(name)
    if ours is None or ours.signature is not None or chars[-1] in NUMPYS.get(INSTRUCTIONS, {}).get(name, ""):
        return None
    if (ufunc is not ours and (op is None or ufunc is not op.forward)) or not _has_loop(ours, chars):
        return None
    numbers = ", ".join(f"{{{k}}}" for k in range(ufunc.nin))
    if name == "power":
        if exponent is None or abs(2 * exponent) > _MOST_HALVES or 2 * exponent != math.trunc(2 * exponent):
            return None
        numbers = f"{{0}}, {exponent!r}"
    return f"al_{name}_{{t}}({numbers})"


def _has_loop(ufunc: np.ufunc, chars: str) -> bool:
    return f"{chars[:-1]}->{chars[-1]}" in ufunc.types


@functools.cache
def _op_of(ufunc: np.ufunc) -> Op | None:
    """Return the op that a ufunc is, or stands for, of those whose files are loaded."""
    if op := BY_UFUNC.defined.get(ufunc):
        return op
    for op in list(OPS.defined.values()):
        functions = (op.forward, *op.numpy_functions)
        if KERNELS.get(op.name) is ufunc or any(UFUNCS.get(f) is ufunc for f in functions):
            return op
    return None
