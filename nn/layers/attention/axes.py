"""Attention along some of the axes of its inputs: these axes as one, and the heads as another axis.

Shape letters: N batch, H heads, T queries, S keys and values, D features, d features of a head. Three dots stand for
the axes that attention does not go along, which lie behind the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor

from ...config.arguments import argument_error, is_integer

Lengths = Sequence[int]


class Fold(NamedTuple):
    """Which axes of an input, its features aside, are entries that see each other.

    Args:
        outer: the others, the batch first.
        axes: those along which attention goes, in the order in which weights have them.
    """

    outer: tuple[int, ...]
    axes: tuple[int, ...]

    def in_heads(self, x: Tensor, heads: int) -> Tensor:
        """Return what a map gives for an input, (N, ..., D), as (N, ..., H, T, d)."""
        lengths = x.shape[:-1]
        split = x.reshape(*lengths, heads, x.shape[-1] // heads)
        moved = split.transpose(*self.outer, x.ndim - 1, *self.axes, x.ndim)
        if len(self.axes) == 1:
            return moved
        return moved.reshape(*self._of(lengths, self.outer), heads, self.count(lengths), split.shape[-1])

    def side_by_side(self, x: Tensor, lengths: Lengths) -> Tensor:
        """Return (N, ..., H, T, d) in the order of an input of these lengths, the features of all heads in one axis."""
        *outer, heads, _, width = x.shape
        if len(self.axes) > 1:
            x = x.reshape(*outer, heads, *self._of(lengths, self.axes), width)
        order = (*self.outer, len(lengths), *self.axes, len(lengths) + 1)  # the order of in_heads
        return x.transpose(*np.argsort(order).tolist()).reshape(*lengths, heads * width)

    def flags(self, mask: Any, lengths: Lengths) -> Any:
        """Return a mask of the first axes of an input as (N, ..., T)."""
        if len(lengths) == 2:
            return mask
        whole = mask.reshape(*mask.shape, *(1,) * (len(lengths) - mask.ndim))
        moved = np.broadcast_to(whole, tuple(lengths)).transpose(*self.outer, *self.axes)
        return moved.reshape(*self._of(lengths, self.outer), self.count(lengths))

    def unfold(self, weights: Tensor, queries: Lengths, values: Lengths) -> Tensor:
        """Return weights (N, ..., H, T, S) with every attention axis of the query and of the value by itself."""
        if len(self.axes) == 1:
            return weights
        return weights.reshape(*weights.shape[:-2], *self._of(queries, self.axes), *self._of(values, self.axes))

    def count(self, lengths: Lengths) -> int:
        """Return T, how many entries see each other."""
        return math.prod(self._of(lengths, self.axes))

    def pairs(self, queries: Lengths, values: Lengths) -> tuple[int, ...]:
        """Return the lengths of the last axes of weights, one of each attention axis of the query and of the value."""
        return (*self._of(queries, self.axes), *self._of(values, self.axes))

    def apart(self, lengths: Lengths) -> tuple[int, ...]:
        """Return the lengths of the batch and of the axes along which there is no attention."""
        return self._of(lengths, self.outer)

    def _of(self, lengths: Lengths, axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(lengths[i] for i in axes)


#: of inputs (N, T, D)
SEQUENCE = Fold((0,), (1,))


def as_axes(owner: Any, name: str, value: Any) -> tuple[int, ...] | None:
    """Check that `value` is an axis, several different ones, or None, and return a tuple or None."""
    if value is None:
        return None
    axes = list(value) if isinstance(value, (list, tuple)) else [value]
    expected = "None, an integer or a tuple of different integers"
    if not all(map(is_integer, axes)):
        raise argument_error(TypeError, owner, name, expected, value)
    if not axes or len(set(axes)) < len(axes):
        raise argument_error(ValueError, owner, name, expected, value)
    return tuple(int(axis) for axis in axes)
