"""The order in which `reshape`, `ravel` and `flatten` read elements: "C", "F", "A" or "K", as in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import resolve_reshape


def _strides(x: Any, caller: str, order: str) -> tuple[int, ...]:
    """Return how far apart the neighbors along each axis lie in memory; () if that is not known.

    For a function that is being traced it is not: a replay gets arrays that lie otherwise.
    """
    if TAPES and (tape := MODE.get().tape) is not None:
        tape.refuse_exit(f"{caller} with order={order!r}, which depends on the memory layout", "order='C' or order='F'")
    ndim = x.ndim
    while not isinstance(x, np.ndarray) and (hasattr(x, "_data") or hasattr(x, "inner")):
        x = x._data if hasattr(x, "_data") else x.inner  # a batch has its own axis in front
    return tuple(getattr(x, "strides", ())[-ndim:]) if ndim else ()


def is_backward(a: Any, order: str, caller: str) -> bool:
    """Return whether an order is that of Fortran: the first axis changes fastest."""
    if order in ("C", "F"):
        return order == "F"
    if order != "A":
        kinds = "'C', 'F' or 'A'" if "reshape" in caller else "'C', 'F', 'A' or 'K'"
        raise ValueError(f"{caller}: expected order to be {kinds}; received order={order!r:.60}")
    steps = [(s, n) for s, n in zip(_strides(a, caller, order), a.shape, strict=False) if n != 1]
    lengths = [n for _, n in steps]
    dense = [a.dtype.itemsize * int(np.prod(lengths[:k])) for k in range(len(lengths))]
    return a.size > 1 and len(steps) > 1 and [s for s, _ in steps] == dense


def reshape_in_order(a: Any, shape: Any, order: str, caller: str) -> Any:
    """Return an array with another shape, its elements read and laid out in some order.

    Example:
        >>> reshape_in_order(np.arange(6).reshape(2, 3), (3, 2), "F", "reshape").tolist()
        [[0, 4], [3, 2], [1, 5]]
    """
    shape = resolve_reshape(a.size, tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),))
    return a.transpose().reshape(shape[::-1]).transpose() if is_backward(a, order, caller) else a.reshape(shape)


def flatten_in_order(a: Any, order: str, caller: str) -> Any:
    """Return an array along one axis, its elements read in some order."""
    if order == "K":
        strides = _strides(a, caller, order)
        a = a.transpose(sorted(range(len(strides)), key=lambda k: -abs(strides[k]))) if len(strides) > 1 else a
    elif is_backward(a, order, caller):
        a = a.transpose()
    return a.reshape(-1)
