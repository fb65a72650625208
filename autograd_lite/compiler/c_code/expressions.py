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
from ...native.kernels import FASTEST, INSTRUCTIONS, KERNELS, NUMPYS
from ..inner_loops import CASTS, SHORT_ROWS

_TYPES = {"?": "uint8_t", "f": "float", "d": "double", "F": "float _Complex", "D": "double _Complex"}
_COPIES = {*CASTS.values(), *[SHORT_ROWS[u] for u in CASTS.values() if u in SHORT_ROWS]}
_THEIRS = {ours: theirs for theirs, ours in FASTEST.items()}  # not SciPy's, some of which have the same names
_OF_ROWS = {rows: ufunc for ufunc, rows in SHORT_ROWS.items() if rows not in _COPIES}
# The functions that are three, see the header: of these a loop that is vectorized takes `_fast`, and notes whether all
# arguments are `_easy`; both have the same arguments.
_PLAIN = {"relu", "tanh_pullback", "sigmoid_pullback"}
CAREFUL = frozenset(
    f"al_{name}_{char}" for name, u in KERNELS.items() if u.signature is None and name not in _PLAIN for char in "fd"
)
_CALLED = {"below"}  # compilers may leave out what keeps its flags right, where a choice makes it needless
_POWERS: dict[float, str] = {0: "1", 1: "{0}", 2: "{0} * {0}", -1: "1 / {0}"}
_MOST_HALVES = 256  # of another exponent that our kernel makes products of, see loops/powers.h
_FIELDS = re.compile(r"\{([a-zA-Z]+)\}")


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the type of an element."""
    return _TYPES.get(dtype.char) or f"{'u' * (dtype.kind == 'u')}int{8 * dtype.itemsize}_t"


def of_numpy(ufunc: Any) -> Any:
    """Return NumPy's own ufunc, of which one is a copy with faster loops, or the ufunc itself."""
    return _THEIRS.get(ufunc, ufunc)


@functools.lru_cache(maxsize=1024)
def expression_of(ufunc: np.ufunc, chars: str, exponent: float | None = None) -> str | None:
    """Return what a loop computes of one element of each operand, with {0}, {1}, … in their places; None to call it.

    Args:
        ufunc: whose loop it is; one that does the same for many rows counts as well.
        chars: the characters of the dtypes, the result's last.
        exponent: the second operand of a power, if it is always this number.
    """
    ufunc = _OF_ROWS.get(ufunc, ufunc)
    if ufunc in _COPIES:
        text: str | None = "({T}){0}" if chars[0] != chars[-1] else "{0}"
    elif f"{chars[:-1]}->{chars[-1]}" not in ufunc.types:
        return None
    else:
        text = _of_record(ufunc, chars) or _of_kernel(ufunc, chars, exponent)
    if text is None:
        return None
    dtype, out = np.dtype(chars[-2]), np.dtype(chars[-1])
    fields = {
        "t": dtype.char.lower(),
        "s": "f" if dtype.char in "fF" else "",
        "T": c_type(out),
        "U": "uint64_t" if out.itemsize == 8 else "uint32_t",
        "B": str(8 * out.itemsize),
        "product": _product(dtype) if dtype.kind == "c" else "",
    }
    return None if "{product}" in text and not fields["product"] else _FIELDS.sub(lambda m: fields[m[1]], text)


def _of_record(ufunc: np.ufunc, chars: str) -> str | None:
    """Return the expression on the record of an op."""
    op, kind = _op_of(ufunc), np.dtype(chars[-2]).kind
    if op is None or len(set(chars[:-1]) - {"?"}) > 1:
        return None
    return op.c if isinstance(op.c, str) else next((text for kinds, text in op.c.items() if kind in kinds), None)


def _of_kernel(ufunc: np.ufunc, chars: str, exponent: float | None) -> str | None:
    """Return the call of a kernel of ours."""
    name = ufunc.__name__
    ours = KERNELS.get(name)
    if ours is None or ours.signature is not None or name in _CALLED or f"{chars[:-1]}->{chars[-1]}" not in ours.types:
        return None
    is_copy = ufunc in _THEIRS and chars[-1] not in NUMPYS.get(INSTRUCTIONS, {}).get(name, "")
    if ufunc is not ours and not is_copy:
        return None
    if name != np.power.__name__:
        return f"al_{name}_{{t}}({', '.join(f'{{{k}}}' for k in range(ufunc.nin))})"
    if exponent is None or abs(2 * exponent) > _MOST_HALVES or 2 * exponent != math.trunc(2 * exponent):
        return None
    return _POWERS.get(exponent, f"al_power_{{t}}({{0}}, {float(exponent)!r})")


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


@functools.cache
def _product(dtype: np.dtype[Any]) -> str:
    """Return the function that multiplies complex numbers as NumPy does here; "" if there is none."""
    one = np.finfo(dtype).eps ** 0.5 / 8 + 1  # whose square is rounded
    x, y = np.array(complex(one, one * one), dtype), np.array(complex(one, 1), dtype)
    results = [(x * y).real, (y * x).real]
    return "complex_fused_product" if all(results) else "" if any(results) else "complex_product"
