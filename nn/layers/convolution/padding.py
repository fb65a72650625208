"""Changes at both ends of the spatial axes: ZeroPadding adds zeros, Cropping removes elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import argument_error, is_integer
from ...config.fields import Converted, field
from ...module.module import Shape
from ..arguments import DataFormatLike, as_data_format
from .spatial import Spatial

WidthsLike = Converted[int | Sequence[int] | Sequence[Sequence[int]], tuple[tuple[int, int], ...]]


def pairs(owner: Any, name: str, value: Any) -> tuple[tuple[int, int], ...]:
    """Return two widths for each spatial axis, before and behind."""
    rank: int = owner.rank
    expected = f"a non-negative integer, or for each of {rank} spatial axes one or a pair (before, behind)"
    values = (value,) * rank if is_integer(value) else value
    if rank == 1 and isinstance(value, (tuple, list)):
        values = value if value and isinstance(value[0], (tuple, list)) else (value,)
    listed = isinstance(values, (tuple, list))
    widths = [tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in (values if listed else ())]
    if not listed or not all(is_integer(n) for pair in widths for n in pair):
        raise argument_error(TypeError, owner, name, expected, value)
    if len(widths) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise argument_error(ValueError, owner, name, expected, value)
    return tuple((int(a), int(b)) for a, b in widths)


class _Ends(Spatial):
    """A layer that has two widths for each spatial axis, before and behind."""

    def _with_channels(self, spatial: Sequence[Any], other: Any) -> tuple[Any, ...]:
        """Return something for each axis: `other` for those of the batch and of the channels."""
        return (other, *spatial, other) if self.data_format == "channels_last" else (other, other, *spatial)


class _ZeroPadding(_Ends):
    """Adds zeros before and after each spatial axis; see the subclasses."""

    padding: WidthsLike = field(pairs, default=1)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def call(self, x: Tensor) -> Tensor:
        """Return x with zeros around its spatial axes."""
        self._check_rank(x.shape)
        return np.pad(x, self._with_channels(self.padding, (0, 0)))  # type: ignore[return-value]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with longer spatial axes."""
        size, channels = self._split_shape(input_shape)
        longer = [None if n is None else n + sum(p) for n, p in zip(size, self.padding, strict=True)]
        return self._join_shape(input_shape[0], longer, channels)

    def extra_repr(self) -> str:
        return f"padding={self.padding[0] if self.rank == 1 else self.padding}"


class _Cropping(_Ends):
    """Removes elements at both ends of each spatial axis; see the subclasses."""

    def call(self, x: Tensor) -> Tensor:
        """Return x without the ends of its spatial axes."""
        size, _ = self._split_shape(x.shape)
        lengths = self._remaining(size)
        inside = [slice(p[0], p[0] + (n or 0)) for p, n in zip(self.cropping, lengths, strict=True)]
        return x[self._with_channels(inside, slice(None))]

    def _remaining(self, size: Sequence[int | None]) -> list[int | None]:
        lengths = [None if n is None else n - sum(p) for n, p in zip(size, self.cropping, strict=True)]
        if any(n is not None and n < 1 for n in lengths):
            raise ag.ShapeError(
                f"{self._speaker}: expected spatial axes that are longer "
                f"than the cropping, {self.cropping}; received lengths {tuple(size)}"
            )
        return lengths

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with shorter spatial axes."""
        size, channels = self._split_shape(input_shape)
        return self._join_shape(input_shape[0], self._remaining(size), channels)

    def extra_repr(self) -> str:
        return f"cropping={self.cropping[0] if self.rank == 1 else self.cropping}"


class ZeroPadding1D(_ZeroPadding, rank=1):
    """Puts zeros before and behind the axis of sequences.

    Args:
        padding: one integer for both ends, or a pair (before, behind).
        data_format: "channels_last", shape (N, T, C), or "channels_first".

    Example:
        >>> ZeroPadding1D((1, 0))([[[2.0], [3.0]]]).tolist()
        [[[0.0], [2.0], [3.0]]]
    """


class ZeroPadding2D(_ZeroPadding, rank=2):
    """Puts zeros before and behind the rows and columns of images.

    Args:
        padding: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, H, W, C), or "channels_first".

    Example:
        >>> ZeroPadding2D(((0, 1), 2)).compute_output_shape((None, 5, 5, 3))
        (None, 6, 9, 3)
    """


class ZeroPadding3D(_ZeroPadding, rank=3):
    """Puts zeros before and behind the spatial axes of volumes.

    Args:
        padding: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, D, H, W, C), or "channels_first".

    Example:
        >>> ZeroPadding3D(1).compute_output_shape((None, 2, 3, 4, 1))
        (None, 4, 5, 6, 1)
    """


class Cropping1D(_Cropping, rank=1):
    """Takes steps away from both ends of sequences.

    Args:
        cropping: one integer for both ends, or a pair (before, behind).
        data_format: "channels_last", shape (N, T, C), or "channels_first".

    Example:
        >>> Cropping1D((1, 0))([[[2.0], [3.0], [4.0]]]).tolist()
        [[[3.0], [4.0]]]
    """

    cropping: WidthsLike = field(pairs, default=(1, 1))
    data_format: DataFormatLike = field(as_data_format, default=None)


class Cropping2D(_Cropping, rank=2):
    """Takes rows and columns away from the edges of images.

    Args:
        cropping: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, H, W, C), or "channels_first".

    Example:
        >>> Cropping2D(((0, 1), 2)).compute_output_shape((None, 6, 9, 3))
        (None, 5, 5, 3)
    """

    cropping: WidthsLike = field(pairs, default=((0, 0), (0, 0)))
    data_format: DataFormatLike = field(as_data_format, default=None)


class Cropping3D(_Cropping, rank=3):
    """Takes elements away from both ends of the spatial axes of volumes.

    Args:
        cropping: one integer, or for each axis one or a pair (before, behind).
        data_format: "channels_last", shape (N, D, H, W, C), or "channels_first".

    Example:
        >>> Cropping3D(1).compute_output_shape((None, 4, 5, 6, 1))
        (None, 2, 3, 4, 1)
    """

    cropping: WidthsLike = field(pairs, default=((1, 1), (1, 1), (1, 1)))
    data_format: DataFormatLike = field(as_data_format, default=None)
