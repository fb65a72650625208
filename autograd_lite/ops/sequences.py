"""Shared by the recurrent ops: splitting and joining gates, and shifting steps by one.

Letters: T steps, N rows (the batch), H units. An array of k gates at all steps is (T, N, k H).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.foreign import home
from ..native import functions as fast


def floating(*dtypes: Any) -> np.dtype[Any]:
    """Return the dtype to compute in: float64 for integers."""
    found = np.result_type(*dtypes).newbyteorder("=")
    return found if found.kind in "fc" else np.dtype(np.float64)


def by_gate(rows: Any, units: int) -> Any:
    """View an array (..., N, k H) as (..., k, N, H)."""
    return rows.reshape(*rows.shape[:-1], rows.shape[-1] // units, units).swapaxes(-2, -3)


def cut(a: Any, parts: int) -> list[Any]:
    """Split the last axis of (..., parts H) into parts."""
    n = a.shape[-1] // parts
    return [a[..., k * n : (k + 1) * n] for k in range(parts)]


def delayed(a: Any, first: Any = None) -> Any:
    """Shift everything one step forward; the last step is dropped, and zeros or `first` come in."""
    return np.concatenate([home(a).zeros((1, *a.shape[1:]), a.dtype) if first is None else first[None], a[:-1]], axis=0)


def advanced(a: Any) -> Any:
    """Shift everything one step back; the first step is dropped, and zeros come in."""
    return np.concatenate([a[1:], home(a).zeros((1, *a.shape[1:]), a.dtype)], axis=0)


def times(a: Any, w: Any) -> Any:
    """Return a w at all steps, as one product of matrices."""
    return fast.matmul(a.reshape(-1, a.shape[2]), w).reshape(*a.shape[:2], w.shape[1])


def over_steps(h: Any, a: Any) -> Any:
    """Return the sum over all steps of hᵀ a."""
    return fast.matmul(h.reshape(-1, h.shape[2]).T, a.reshape(-1, a.shape[2]))
