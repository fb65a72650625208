"""Who may attend to whom: the masks of attention layers, put together.

Shape letters: N batch, H heads, T queries, S keys and values; three dots for axes without attention between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...module.masks import as_flags
from ..layer import Layer
from .axes import Fold


def allowed_pairs(
    layer: Layer,
    fold: Fold,
    queries: Sequence[int],
    values: Sequence[int],
    heads: int = 1,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    causal: bool = False,
    window: int | None = None,
) -> Any:
    """Return where attention is allowed, broadcastable to scores of shape (N, ..., H, T, S); None for everywhere.

    Args:
        layer: for error messages.
        fold: which axes attention goes along.
        queries: lengths of the query's axes but the last, (N, T) where there are no others.
        values: those of keys and values, (N, S).
        heads: H.
        query_mask: of shape (N, T), False for entries that are not there; of more axes the first ones will do.
        value_mask, key_mask: of shape (N, S), the same.
        attention_mask: of shape (N, T, S), (T, S) or (N, H, T, S), where N and H may be 1; with more axes, all of
            the attention axes of query and value, behind any of the first of the others and H.
        causal: whether entry t sees entries up to t alone.
        window: entry t sees entries less than this far from t; None for all.

    Raises:
        ShapeError: for a mask of another shape, and for entries in an order where they have none.
    """
    t, s = fold.count(queries), fold.count(values)
    parts: list[Any] = []
    for name, mask, lengths in (
        ("query_mask", query_mask, queries),
        ("value_mask", value_mask, values),
        ("key_mask", key_mask, values),
    ):
        if mask is not None:
            firsts = [tuple(lengths[:n]) for n in range(len(lengths), 1, -1)]
            there = fold.flags(flags(layer, name, mask, firsts), lengths)
            parts.append(there[..., None, :, None] if name == "query_mask" else there[..., None, None, :])
    if attention_mask is not None:
        pairs, outer = fold.pairs(queries, values), (*fold.apart(queries), heads)
        shapes = [(*outer[:-1], *pairs)]
        shapes += [(*some, *pairs) for n in range(len(outer) + 1) for some in product(*((1, n) for n in outer[:n]))]
        between = flags(layer, "attention_mask", attention_mask, shapes)
        some = between.shape[: between.ndim - len(pairs)]
        parts.append(between.reshape(*some, *(1,) * (len(outer) - len(some)), t, s))
    if (causal or window is not None) and len(fold.axes) > 1:
        option = "use_causal_mask" if causal else "sliding_window"
        raise ag.ShapeError(
            f"{layer._speaker}: expected entries in one order, along a "
            f"single attention axis, for {option}; received attention along axes {fold.axes}. Give attention_axes, or "
            "an attention_mask"
        )
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
    booleans = as_flags(mask)
    if booleans.shape not in shapes:
        raise ag.ShapeError(f"{layer._speaker}: expected {name} of shape {shapes[0]}; received shape {booleans.shape}")
    return booleans


def without(scores: Tensor, allowed: Any) -> Tensor:
    """Make scores such that their softmax is 0 where attention is not allowed, and all the same if it is nowhere."""
    if allowed is not None:
        # Half of the smallest number, so that adding a score to it cannot overflow; exp makes it exactly 0.
        scores += np.where(allowed, 0, np.finfo(scores.dtype).min / 2).astype(scores.dtype)
    return scores
