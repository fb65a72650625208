"""Vectors divided by their lengths, also where the squares of their numbers are too large or too small."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor


def unit_vectors(x: Tensor, axis: Any, least: float) -> Tensor:
    """Return x / max(norm(x), least), the norms taken along one axis or several.

    Example:
        >>> unit_vectors(ag.tensor([3e200, 4e200]), -1, 1e-12)
        Tensor([0.6, 0.8])
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares: Any = np.square(x).sum(axis=axis, keepdims=True)
        if are_normal(squares):
            return x / np.sqrt(np.maximum(squares, least * least))
        # Lengths do not matter, so all is divided by the largest first, which then counts as a constant.
        limits = np.finfo(x.dtype)
        least = max(least, float(limits.tiny))
        bounded: Any = np.clip(x, -limits.max, limits.max)
        scale = ag.stop_gradient(np.maximum(np.abs(bounded).max(axis=axis, keepdims=True), least))
        scaled = bounded / scale
        squares = np.square(scaled).sum(axis=axis, keepdims=True)
        return scaled / np.sqrt(np.maximum(squares, np.square(least / scale)))


def are_normal(squares: Any) -> bool:
    """Return whether sums of squares have all their digits: none has over- or underflowed, or is 0."""
    if squares.__class__ is not Tensor:
        return False  # in `vmap` and `jvp`, where values are not known
    limits = np.finfo(squares.dtype)
    if ag.is_compiling():
        ag.assume(np.all, np.logical_and(squares > limits.tiny / limits.eps, squares < np.inf))
        return True
    values = squares.data
    return bool(values.size and limits.tiny / limits.eps < values.min() and values.max() < np.inf)
