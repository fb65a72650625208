"""ZeroPadding1D, ZeroPadding2D and ZeroPadding3D: zeros around the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite import Tensor

from ..module import Shape
from .spatial import Spatial

__all__ = ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"]

Widths = int | Sequence[int] | Sequence[Sequence[int]]


class _ZeroPadding(Spatial):
    """Puts zeros before and behind each spatial axis; see the subclasses."""

    def __init__(self, padding: Widths = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = self._pairs(padding)
        self._set_data_format(data_format)

    def _pairs(self, padding: Any) -> tuple[tuple[int, int], ...]:
        values: Any = padding
        if self.rank == 1 and isinstance(padding, (tuple, list)):
            values = padding if isinstance(padding[0], (tuple, list)) else (padding,)
        values = (values,) * self.rank if isinstance(values, (int, np.integer)) else values
        pairs = [tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in values]
        flat = [n for pair in pairs for n in pair]
        good = not any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0 for n in flat)
        if not good or len(pairs) != self.rank or any(len(p) != 2 for p in pairs):
            raise ValueError(
                f"{type(self).__name__}: expected padding to be a non-negative integer, or for each of {self.rank} "
                f"spatial axes one or a pair (before, behind); received padding={padding!r}"
            )
        return tuple((int(a), int(b)) for a, b in pairs)

    def call(self, x: Tensor) -> Tensor:
        """Return x with zeros around its spatial axes."""
        self._check_rank(x.shape)
        last = self.data_format == "channels_last"
        width = ((0, 0), *self.padding, (0, 0)) if last else ((0, 0), (0, 0), *self.padding)
        return np.pad(x, width)  # type: ignore[return-value]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with longer spatial axes."""
        size, channels = self._split(input_shape)
        longer = [None if n is None else n + sum(p) for n, p in zip(size, self.padding, strict=True)]
        return self._join(input_shape[0], longer, channels)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"padding={self.padding[0] if self.rank == 1 else self.padding}"


class ZeroPadding1D(_ZeroPadding):
    """Puts zeros before and behind the axis of sequences.

    Args:
        padding: one integer for both ends, or a pair (before, behind).
        data_format: "channels_last", shape (N, T, C), or "channels_first".
        kwargs: `input_shape`, `name`, `dtype`.

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> ZeroPadding1D((1, 0))([[[2.0], [3.0]]]).tolist()
        [[[0.0], [2.0], [3.0]]]
    """

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Puts zeros before and behind the rows and columns of images.

    Args:
        padding: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, H, W, C), or "channels_first".
        kwargs: `input_shape`, `name`, `dtype`.

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> ZeroPadding2D(((0, 1), 2)).compute_output_shape((None, 5, 5, 3))
        (None, 6, 9, 3)
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Puts zeros before and behind the spatial axes of volumes.

    Args:
        padding: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, D, H, W, C), or "channels_first".
        kwargs: `input_shape`, `name`, `dtype`.

    Raises:
        ShapeError: when called on an x of another rank.

    Example:
        >>> ZeroPadding3D(1).compute_output_shape((None, 2, 3, 4, 1))
        (None, 4, 5, 6, 1)
    """

    rank = 3
