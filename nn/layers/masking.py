"""Masking: which steps of sequences of numbers are padding."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import number
from ..config.fields import field
from .layer import SameShape


class Masking(SameShape):
    """Makes a mask, False at the steps all of whose features equal a value, and sets those steps to 0.

    Layers behind it, losses and metrics then leave those steps out; see `Module.compute_mask`.

    Args:
        mask_value: the value that stands for padding.

    Call it on x of shape (N, T, ..., D); the result has x's shape, and its mask is x's without the last axis.

    Raises:
        ShapeError: when called on an x with fewer than two axes.

    Example:
        >>> from nn.layers import LSTM
        >>> x = np.array([[[1.0, 2.0], [3.0, 0.0], [-1.0, -1.0]]])
        >>> layer = Masking(-1.0)
        >>> layer(x).tolist(), layer.compute_mask(x).tolist()
        ([[[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]], [[True, True, False]])
        >>> lstm = LSTM(4)
        >>> bool((lstm(layer(x)) == lstm(x[:, :2])).numpy().all())
        True
    """

    mask_value: float = field(number(), default=0.0)

    def call(self, x: Tensor) -> Any:
        """Return x, 0 at the steps that are padding."""
        if x.ndim < 2:
            raise ag.ShapeError(
                f"{self._speaker}: expected sequences of shape (N, T, ..., D); received shape {x.shape}"
            )
        return np.where(self.compute_mask(x)[..., None], x, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where a feature differs from `mask_value`, of x's shape without the last axis."""
        x = inputs if isinstance(inputs, Tensor) else np.asarray(inputs)
        return np.any(x != np.asarray(self.mask_value).astype(x.dtype), axis=-1)

    def extra_repr(self) -> str:
        return f"mask_value={self.mask_value:g}"
