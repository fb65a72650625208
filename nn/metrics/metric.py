"""The base of all metrics, and what they check."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from .._config import Configurable

__all__ = ["Array", "Metric", "as_array", "check_same_shape", "divided", "full_weights"]

Array = npt.NDArray[Any]


class Metric(Configurable):
    """Base of all metrics; a subclass writes `reset_state`, `update_state` and `result`.

    Called, a metric takes in a batch and returns its result over all batches since the reset.

    Args:
        name: its key in `History` and in the progress bar; by default made of the class's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__}: write reset_state(self)")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"{type(self).__name__}: write update_state(self, y_true, y_pred)")

    def result(self) -> Any:
        """Return the value over all batches since the reset."""
        raise NotImplementedError(f"{type(self).__name__}: write result(self)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in one batch, and return the value over all batches since the reset."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def as_array(values: Any) -> Array:
    """Return a Tensor's or an array-like's values."""
    return values.data if isinstance(values, Tensor) else np.asarray(values)


def check_same_shape(name: str, y_true: Array, y_pred: Array) -> None:
    """Raise unless targets and predictions have the same shape: broadcasting would compare everything."""
    if y_true.shape != y_pred.shape:
        raise ag.ShapeError(
            f"{name}: expected y_true and y_pred of the same shape; received {y_true.shape} and {y_pred.shape}. "
            "Reshape the targets to the shape of the predictions"
        )


def full_weights(name: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
    """Return weights in a shape; those of samples, or of the first axes, hold for all that a sample has.

    Raises:
        ShapeError: if they have another shape.
    """
    given = np.asarray(as_array(sample_weight), np.float64)
    if given.shape != shape[: given.ndim]:
        raise ag.ShapeError(
            f"{name}: expected sample_weight of shape {shape[:1]}, one a sample, or {shape}; received shape "
            f"{given.shape}"
        )
    return np.broadcast_to(given.reshape(given.shape + (1,) * (len(shape) - given.ndim)), shape)


def divided(above: Any, below: Any) -> Array:
    """Return a quotient, 0 where it is divided by 0.

    Example:
        >>> divided([1.0, 2.0], [4.0, 0.0]).tolist()
        [0.25, 0.0]
    """
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below != 0)
