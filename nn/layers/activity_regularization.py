"""ActivityRegularization: a penalty on what a layer returns, as a layer."""

from __future__ import annotations

from typing import Any

from autograd_lite import Tensor

from ..module.module import Shape
from ..regularizers import L1L2
from .layer import Layer


class ActivityRegularization(Layer):
    """Returns its input, and adds `l1 sum(|x|) + l2 sum(x²)` to the loss.

    Args:
        l1: factor of the absolute values, at least 0.
        l2: factor of the squares, at least 0.

    Raises:
        ValueError: if a factor is negative, infinite or NaN.

    Example:
        >>> layer = ActivityRegularization(l1=0.5)
        >>> layer([[1.0, -3.0]]).tolist(), [loss.item() for loss in layer.losses]
        ([[1.0, -3.0]], [2.0])
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1 = float(l1)
        self.l2 = float(l2)

    def call(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def extra_repr(self) -> str:
        return f"l1={self.l1:g}, l2={self.l2:g}"
