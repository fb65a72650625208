"""Who may attend to whom: the masks of attention layers, put together.

Shape letters: N batch, H heads, T queries, S keys and values.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .._masks import as_flags
from .layer import Layer

__all__ = ["allowed_pairs", "flags", "without"]


def allowed_pairs(
    layer: Layer,
    shape: tuple[int, ...],
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    causal: bool = False,
    window: int | None = None,
) -> Any:
    """Return where attention is allowed, broadcastable to scores of shape (N, H, T, S); None for everywhere.

    Args:
        layer: for error messages.
        shape: (N, H, T, S).
        query_mask: of shape (N, T), False for entries that are not there.
        value_mask, key_mask: of shape (N, S), the same.
        attention_mask: of shape (N, T, S), (T, S) or (N, H, T, S), where N and H may be 1.
        causal: whether entry t sees entries up to t alone.
        window: entry t sees entries less than this far from t; None for all.

    Raises:
        ShapeError: for a mask of another shape.
    """
    n, _, t, s = shape
    parts: list[Any] = []
    for name, mask, length in (("query_mask", query_mask, t), ("value_mask", value_mask, s), ("key_mask", key_mask, s)):
        if mask is not None:
            there = flags(layer, name, mask, [(n, length)])
            parts.append(there[:, None, :, None] if name == "query_mask" else there[:, None, None, :])
    if attention_mask is not None:
        shapes = [(n, t, s), (1, t, s), (t, s), shape, (n, 1, t, s)]
        between = flags(layer, "attention_mask", attention_mask, shapes)
        parts.append(between[:, None] if between.ndim == 3 else between)
    if causal:
        parts.append(np.tri(t, s, dtype=bool))
    if window is not None:
        parts.append(np.abs(np.arange(t)[:, None] - np.arange(s)) < window)
    return reduce(np.logical_and, parts) if parts else None


def flags(layer: Layer, name: str, mask: Any, shapes: list[tuple[int, ...]]) -> Any:
    """Return a mask as booleans.

    Raises:
        ShapeError: if it has none of these shapes.
    """
    found = as_flags(mask)
    if found.shape not in shapes:
        raise ag.ShapeError(
            f"layer '{layer._path or layer.name}' ({type(layer).__name__}): expected {name} of shape {shapes[0]}; "
            f"received shape {found.shape}"
        )
    return found


def without(scores: Tensor, allowed: Any) -> Tensor:
    """Return scores whose softmax is 0 where attention is not allowed; all the same where it is allowed to nothing."""
    if allowed is None:
        return scores
    # Half of the smallest number, so that adding a score to it cannot overflow; exp makes it exactly 0.
    return scores + np.where(allowed, 0, np.finfo(scores.dtype).min / 2).astype(scores.dtype)
