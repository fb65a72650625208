"""Expressions in C of the inner loops of ufuncs, equal to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..inner_loops import CASTS

_TYPES = {"?": "uint8_t", "f": "float", "d": "double", "F": "float _Complex", "D": "double _Complex"}
_PLAIN = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "positive": "{0}",
}
CAREFUL: frozenset[str] = frozenset()


def expression_of(ufunc: np.ufunc, chars: str, exponent: float | None = None) -> str | None:
    """Return the expression of a loop, with {0}, {1}, … in place of its operands; None if it must be called."""
    if ufunc in CASTS.values():
        return "{0}" if set(chars) <= set("fd") else None
    return _PLAIN.get(ufunc.__name__) if set(chars) <= set("fd") else None


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the type of an element."""
    return _TYPES.get(dtype.char) or f"{'u' * (dtype.kind == 'u')}int{8 * dtype.itemsize}_t"
