"""What takes the place of arrays in the arguments of a compiled function, and in its results."""

from __future__ import annotations

from typing import Any, Self

import numpy as np


class ArrayKind:
    """Stands for an array among arguments, or for one of NumPy's scalars.

    Args:
        shape, dtype: of the array.
        strides: of the array; None for a scalar.
    """

    __slots__ = ("dtype", "shape", "strides")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], strides: tuple[int, ...] | None) -> None:
        self.shape, self.dtype, self.strides = shape, dtype, strides

    @classmethod
    def of(cls, a: Any) -> Self:
        """Return the kind of an array or scalar."""
        return cls(a.shape, a.dtype, a.strides if isinstance(a, np.ndarray) else None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayKind):
            return NotImplemented
        return (self.shape, self.dtype, self.strides) == (other.shape, other.dtype, other.strides)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.strides))

    def __repr__(self) -> str:
        return f"{self.shape} {self.dtype}"


class Result:
    """Stands for a Tensor in what a function returned."""


RESULT = Result()
