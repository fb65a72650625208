"""Layers that only change the shape: Flatten, Reshape, and the Input that states it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..module import Shape
from .layer import Layer

__all__ = ["Flatten", "Input", "InputLayer", "Reshape"]


class Flatten(Layer):
    """Makes each sample one-dimensional: (N, ...) becomes (N, D).

    Args:
        kwargs: `input_shape`, `name`, `dtype`.

    Example:
        >>> Flatten()(ag.tensor([[[1, 2], [3, 4]]])).tolist()
        [[1, 2, 3, 4]]
    """

    def call(self, x: Tensor) -> Tensor:
        """Return x with shape (N, D)."""
        if not x.ndim:
            raise ag.ShapeError(f"layer '{self._path or self.name}' (Flatten): expected shape (N, ...); received ()")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, D)."""
        known = [n for n in input_shape[1:] if n is not None]
        return (input_shape[0], math.prod(known) if len(known) == len(input_shape) - 1 else None)


class Reshape(Layer):
    """Gives each sample a new shape: `(N, ...)` becomes `(N, *target_shape)`.

    Args:
        target_shape: shape of one sample, without the batch axis; one length may be -1.
        kwargs: `input_shape`, `name`, `dtype`.

    Raises:
        ShapeError: when called on an x whose samples have another number of elements.

    Example:
        >>> Reshape((2, -1))([[1.0, 2.0, 3.0, 4.0]]).shape
        (1, 2, 2)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if self.target_shape.count(-1) > 1 or any(n < -1 or n == 0 for n in self.target_shape):
            raise ValueError(
                f"Reshape: expected positive lengths, one of which may be -1; received target_shape={target_shape!r}"
            )

    def call(self, x: Tensor) -> Tensor:
        """Return x with shape `(N, *target_shape)`."""
        return x.reshape(x.shape[0], *self._lengths(x.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return `(batch, *target_shape)`."""
        return (input_shape[0], *self._lengths(input_shape))

    def _lengths(self, shape: Shape) -> tuple[int, ...]:
        size = math.prod(n or 0 for n in shape[1:])
        known = math.prod(n for n in self.target_shape if n != -1)
        fits = size % known == 0 if -1 in self.target_shape else size == known
        if not fits:
            raise ag.ShapeError(
                f"layer '{self._path or self.name}' (Reshape): expected samples that fit target_shape "
                f"{self.target_shape}; received shape {shape}, {size} elements a sample"
            )
        return tuple(size // known if n == -1 else n for n in self.target_shape)

    def extra_repr(self) -> str:
        """Return the target shape."""
        return repr(self.target_shape)


class InputLayer(Layer):
    """States the shape of a sample as the first entry of a Sequential; passes its input through.

    Args:
        shape: shape of one sample, without the batch axis.
        kwargs: `name`, `dtype`.
    """

    def __init__(self, shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(input_shape=shape, **kwargs)

    def call(self, x: Tensor) -> Tensor:
        """Return x."""
        if x.shape[1:] != self.input_shape:
            raise ag.ShapeError(
                f"layer '{self._path or self.name}' (Input): expected samples of shape {self.input_shape}; received "
                f"shape {x.shape}"
            )
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape


def Input(shape: Sequence[int], *, name: str | None = None, dtype: npt.DTypeLike | None = None) -> InputLayer:
    """Return the entry that states a Sequential's input shape.

    Example:
        >>> Input((784,)).input_shape
        (784,)
    """
    return InputLayer(shape, name=name, dtype=dtype)
