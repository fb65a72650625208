"""Masking through the bits of elements, which is faster than `np.where`."""

from __future__ import annotations

from typing import Any

import numpy as np

_BITS = {n: np.dtype(f"i{n}") for n in (1, 2, 4, 8)}


def apply_mask(mask: Any, x: Any, out: Any = None) -> Any:
    """Return x where the mask is True, else 0: its bits times 0 or 1, several times as fast as `np.where`.

    Args:
        mask: booleans of x's shape.
        x: an array of any dtype.
        out: an array for the result, by default a new one; may be x.

    Example:
        >>> apply_mask(np.array([True, False]), np.array([np.nan, np.inf])).tolist()
        [nan, 0.0]
    """
    bits = _BITS.get(x.dtype.itemsize)
    if bits is None:
        return np.multiply(np.where(mask, x, 0), x.dtype.type(1), out=out)
    return np.multiply(mask.view(np.int8), x.view(bits), out=None if out is None else out.view(bits)).view(x.dtype)
