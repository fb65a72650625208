"""The base of all layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from .. import initializers
from ..module import Module, Parameter

__all__ = ["Layer", "positive"]


class Layer(Module):
    """A module that may know the shape of its input beforehand, and makes weights with initializers.

    Args:
        input_shape: shape of one sample, without the batch axis; None to learn it from the first call.
        name: what summaries, paths and error messages call it.
        dtype: floating dtype of inputs and weights; float32 by default.

    Example:
        >>> class Bias(Layer):
        ...     def build(self, input_shape):
        ...         self.bias = self.add_weight(input_shape[1:], initializer="ones")
        ...     def call(self, x):
        ...         return x + self.bias
        >>> Bias()([[1.0, 2.0]]).tolist()
        [[2.0, 3.0]]
    """

    def __init__(
        self,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if input_shape is not None:
            self.input_shape = _checked_shape(type(self).__name__, input_shape)

    def add_weight(
        self,
        shape: Sequence[int | None],
        initializer: str | Callable[..., Any] = "glorot_uniform",
        dtype: npt.DTypeLike | None = None,
        trainable: bool = True,
    ) -> Tensor:
        """Return a new parameter, or a buffer if not trainable, to be assigned to an attribute.

        Args:
            shape: of the weight.
            initializer: name, Initializer or function of (shape, dtype).
            dtype: by default the layer's.
            trainable: whether it requires a gradient.
        """
        if None in shape:
            raise ValueError(f"{self.name}: expected a weight shape without unknown lengths; received {tuple(shape)}")
        kind = self.dtype if dtype is None else np.dtype(dtype)
        weight = Parameter(initializers.get(initializer)(tuple(shape), kind), kind)
        weight.requires_grad = trainable
        return weight


def positive(layer: str, argument: str, value: Any) -> int:
    """Return an argument that must be a positive integer.

    Raises:
        ValueError: if it is not one.
    """
    if isinstance(value, (bool, float)) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ValueError(f"{layer}: expected {argument} to be a positive integer; received {argument}={value!r}")
    return int(value)


def _checked_shape(layer: str, shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, (tuple, list)) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        hint = f"({shape},)" if isinstance(shape, int) else "(784,) or (28, 28)"
        raise ValueError(
            f"{layer}: expected input_shape to be a tuple of positive integers, without the batch axis; "
            f"received input_shape={shape!r}. Write input_shape={hint}"
        )
    return tuple(int(n) for n in shape)
