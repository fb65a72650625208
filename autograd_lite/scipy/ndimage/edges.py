"""What lies beyond the edges of an array, by SciPy's modes."""

from __future__ import annotations

from typing import Any

import numpy as np

# reflect: d c b a | a b c d | d c b a; mirror: d c b | a b c d | c b a.
MODES = ("reflect", "mirror", "nearest", "wrap", "constant", "grid-mirror", "grid-wrap", "grid-constant")


def checked_mode(name: str, mode: Any) -> str:
    """Return the mode, by one name.

    Raises:
        ValueError: if there is no such mode.
    """
    if mode not in MODES:
        raise ValueError(f"scipy.ndimage.{name}: expected mode among {', '.join(MODES)}; received {mode!r}")
    return "reflect" if mode == "grid-mirror" else str(mode)


def element(i: Any, n: int, mode: str) -> Any:
    """Return the number of the element that lies at integer places, of any sign; for "constant" the nearest one."""
    if mode == "reflect":
        i = i % (2 * n)
        return np.where(i < n, i, 2 * n - 1 - i)
    if mode == "mirror":
        if n == 1:
            return i * 0
        i = i % (2 * n - 2)
        return np.where(i < n, i, 2 * n - 2 - i)
    if mode in ("wrap", "grid-wrap"):
        return i % n
    return np.clip(i, 0, n - 1)


def extend(x: Any, axis: int, before: int, after: int, mode: str, cval: Any) -> Any:
    """Return an array with some elements more at both ends of an axis."""
    n = x.shape[axis]
    if not before and not after:
        return x
    i = np.arange(-before, n + after)
    out = np.take(x, element(i, n, mode), axis)
    if mode.removeprefix("grid-") != "constant":
        return out
    inside = ((i >= 0) & (i < n)).reshape(-1, *(1,) * (x.ndim - axis - 1))
    return np.where(inside, out, np.asarray(cval, x.dtype) if not hasattr(cval, "__apply_op__") else cval)
