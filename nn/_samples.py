"""The arrays that `fit`, `evaluate` and `predict` are given: checked and cast once, then cut into batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

__all__ = ["Samples", "as_inputs", "as_samples", "batch_slices", "positive_int", "split_last"]

Array = npt.NDArray[Any]


class Samples(NamedTuple):
    """Inputs and their targets, with equally many rows."""

    x: Array
    y: Array

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.x)


def as_inputs(what: str, x: Any, dtype: np.dtype[Any], name: str = "x") -> Array:
    """Return inputs as an array; floating ones have `dtype`, integers stay what they are.

    Args:
        what: the call, for error messages.
        x: array-like of shape (N, ...), or a Tensor.
        dtype: the model's.
        name: the argument's.

    Raises:
        TypeError: if it is not made of numbers.
        ShapeError: if it has no samples.
    """
    array = np.asarray(x.data if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "fiub":
        raise ag.DtypeError(
            f"{what}: expected {name} to be an array of numbers; received {type(x).__name__} of dtype {array.dtype}. "
            "Samples must have the same shape, and texts must be turned into numbers"
        )
    if array.ndim == 0:
        raise ag.ShapeError(f"{what}: expected {name} of shape (N, ...), one row a sample; received a single number")
    if array.size == 0:
        raise ag.ShapeError(f"{what}: expected at least one sample; received an empty {name} of shape {array.shape}")
    return array.astype(dtype, copy=False) if array.dtype.kind == "f" else array


def as_samples(what: str, x: Any, y: Any, dtype: np.dtype[Any]) -> Samples:
    """Return inputs and targets as arrays with equally many rows.

    Raises:
        ShapeError: also if their numbers differ.
        ValueError: if there are no targets.
    """
    if y is None:
        raise ValueError(f"{what}: expected targets; received y=None. Pass x and y as arrays")
    samples = Samples(as_inputs(what, x, dtype), as_inputs(what, y, dtype, "y"))
    if len(samples.x) != len(samples.y):
        raise ag.ShapeError(
            f"{what}: expected as many targets as samples; received x {samples.x.shape} and y {samples.y.shape}. "
            "Pair each sample with its own target"
        )
    return samples


def split_last(samples: Samples, fraction: float) -> tuple[Samples, Samples]:
    """Return all but the last part of the samples, and that part.

    Args:
        samples: N of them.
        fraction: how much of them is the last part: N - floor(N (1 - fraction)), as Keras counts.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or one of the parts is empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fit: expected validation_split from 0 to 1; received {fraction!r}")
    at = math.floor(samples.size * (1 - fraction))
    if at == 0 or at == samples.size:
        raise ValueError(
            f"fit: expected validation_split to leave samples on both sides; received {fraction} with {samples.size} "
            "samples. Choose another fraction, or pass validation_data"
        )
    return Samples(samples.x[:at], samples.y[:at]), Samples(samples.x[at:], samples.y[at:])


def batch_slices(n: int, batch_size: int) -> Iterator[slice]:
    """Yield the slices that cut n rows into batches, the last of which may be short.

    Example:
        >>> list(batch_slices(5, 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))


def positive_int(what: str, name: str, value: Any, least: int = 1) -> int:
    """Return an argument that must be an integer, not less than `least`.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{what}: expected {name} to be an integer, at least {least}; received {name}={value!r}")
    return int(value)
