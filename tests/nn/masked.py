"""Tokens with padding, their mask, and a tensor that has it."""

from __future__ import annotations

import numpy as np

import autograd_lite as ag
from nn import layers

TOKENS = np.array([[3, 1, 4, 0, 0], [2, 7, 1, 8, 2], [0, 0, 5, 0, 6], [1, 0, 0, 0, 0]])
MASK = TOKENS != 0
N, T = TOKENS.shape


def masked(width: int = 4) -> ag.Tensor:
    """Return a tensor (N, T, width) that has MASK."""
    return layers.Embedding(9, width, "random_normal", mask_zero=True)(TOKENS)
