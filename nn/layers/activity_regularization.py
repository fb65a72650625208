"""ActivityRegularization: a penalty on what a layer returns, as a layer."""

from __future__ import annotations

from autograd_lite import Tensor

from ..config.arguments import number
from ..config.fields import field
from ..regularizers import L1L2
from .layer import SameShape


class ActivityRegularization(SameShape):
    """Returns its input, and adds `(l1 sum(|x|) + l2 sum(x²)) / N` to the loss, N the number of samples.

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

    l1: float = field(number(0), default=0.0)
    l2: float = field(number(0), default=0.0)

    def __post_init__(self) -> None:
        self.activity_regularizer = L1L2(self.l1, self.l2)

    def call(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def extra_repr(self) -> str:
        return f"l1={self.l1:g}, l2={self.l2:g}"
