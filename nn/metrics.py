"""Metrics: true means over samples, whatever the batches they arrive in.

A metric is reset, updated with one batch after another, and asked for its result. `y_pred` are arrays here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from . import losses
from .registry import find

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
]

Array = npt.NDArray[Any]


class Metric:
    """Base of all metrics; a subclass writes `reset_state`, `update_state` and `result`.

    Args:
        name: its key in `History` and in the progress bar.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__}: write reset_state(self)")

    def update_state(self, y_true: Array, y_pred: Array) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"{type(self).__name__}: write update_state(self, y_true, y_pred)")

    def result(self) -> float:
        """Return the value over all batches since the reset."""
        raise NotImplementedError(f"{type(self).__name__}: write result(self)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class _Average(Metric):
    """A total, and the count it is divided by."""

    def reset_state(self) -> None:
        """Forget all batches."""
        self._total = 0.0
        self._count = 0

    def add(self, total: float, count: int) -> None:
        """Take in `count` numbers that sum to `total`."""
        self._total += total
        self._count += count

    def result(self) -> float:
        """Return the mean, NaN if there was nothing."""
        return self._total / self._count if self._count else float("nan")


class Mean(_Average):
    """The mean of all numbers it is given.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 2.0]); mean.update_state([6.0])
        >>> mean.result()
        3.0
    """

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)

    def update_state(self, values: Any, _: Any = None) -> None:
        """Take in numbers, of any shape."""
        array = np.asarray(values)
        self.add(float(array.sum(dtype=np.float64)), array.size)


class MeanMetric(_Average):
    """The mean over the samples of a function.

    Args:
        function: (y_true, y_pred) to one value a sample, or to the mean over a batch.
        name: by default the function's.

    Example:
        >>> largest = MeanMetric(lambda y_true, y_pred: abs(y_true - y_pred).max(axis=-1), "largest")
        >>> largest.update_state(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]))
        >>> largest.result()
        3.0
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name or str(getattr(function, "__name__", "metric")))
        self.function = function

    def update_state(self, y_true: Array, y_pred: Array) -> None:
        """Take in one batch."""
        values = self.function(y_true, y_pred)
        array = np.asarray(values.data if isinstance(values, Tensor) else values)
        if array.ndim:
            self.add(float(array.sum(dtype=np.float64)), array.size)
        else:
            self.add(float(array) * len(y_pred), len(y_pred))


class MeanSquaredError(MeanMetric):
    """The mean of (y_true - y_pred)²."""

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(losses.MeanSquaredError(reduction=None), name)


class MeanAbsoluteError(MeanMetric):
    """The mean of `|y_true - y_pred|`."""

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(losses.MeanAbsoluteError(reduction=None), name)


# ---- accuracy -------------------------------------------------------------------------------------------------------


def categorical_hits(y_true: Array, y_pred: Array) -> Array:
    """Return where the largest of K predictions stands where the largest of K targets does; shapes (N, ..., K)."""
    return np.equal(y_true.argmax(axis=-1), y_pred.argmax(axis=-1))


def sparse_hits(y_true: Array, y_pred: Array) -> Array:
    """Return where the largest of K predictions (N, ..., K) stands at the target's index (N, ...) or (N, ..., 1)."""
    return np.equal(y_true.reshape(y_pred.shape[:-1]), y_pred.argmax(axis=-1))


def binary_hits(y_true: Array, y_pred: Array, threshold: float) -> Array:
    """Return where a prediction is on the side of the threshold that its target, 0 or 1, says."""
    if y_true.shape != y_pred.shape:
        raise ag.ShapeError(
            f"binary accuracy: expected y_true and y_pred of the same shape; received {y_true.shape} and {y_pred.shape}"
        )
    return np.equal(y_true, y_pred > threshold)


class _Accuracy(_Average):
    """The share of samples whose class is the predicted one."""

    def update_state(self, y_true: Array, y_pred: Array) -> None:
        """Take in one batch."""
        hits = self.hits(y_true, y_pred)
        self.add(int(np.count_nonzero(hits)), hits.size)

    def hits(self, y_true: Array, y_pred: Array) -> Array:
        """Return where the prediction is right."""
        raise NotImplementedError


class CategoricalAccuracy(_Accuracy):
    """How often the largest of K predictions stands where the largest of K targets does; shapes (N, ..., K).

    Example:
        >>> accuracy = CategoricalAccuracy()
        >>> accuracy.update_state(np.array([[0, 1], [1, 0]]), np.array([[0.2, 0.8], [0.3, 0.7]]))
        >>> accuracy.result()
        0.5
    """

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(name)

    def hits(self, y_true: Array, y_pred: Array) -> Array:
        """Return where the prediction is right."""
        return categorical_hits(y_true, y_pred)


class SparseCategoricalAccuracy(_Accuracy):
    """How often the largest of K predictions (N, ..., K) stands at the target's index (N, ...) or (N, ..., 1)."""

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(name)

    def hits(self, y_true: Array, y_pred: Array) -> Array:
        """Return where the prediction is right."""
        return sparse_hits(y_true, y_pred)


class BinaryAccuracy(_Accuracy):
    """How often a prediction is on its target's side of a threshold.

    Args:
        name: its key in `History`.
        threshold: predictions above it count as 1; 0 for logits.
    """

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def hits(self, y_true: Array, y_pred: Array) -> Array:
        """Return where the prediction is right."""
        return binary_hits(y_true, y_pred, self.threshold)


class Accuracy(_Accuracy):
    """The accuracy that fits the labels, chosen by shapes as Keras does for the name "accuracy".

    One output a sample: binary. Labels with an axis less than the predictions, or a last axis of length 1: sparse
    categorical. Otherwise categorical.

    Args:
        name: its key in `History`.
        threshold: of the binary kind; `compile` sets it to 0, where the probability is one half, when the loss takes
            logits.
    """

    def __init__(self, name: str = "accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def hits(self, y_true: Array, y_pred: Array) -> Array:
        """Return where the prediction is right."""
        if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
            return binary_hits(y_true, y_pred, self.threshold)
        if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
            return sparse_hits(y_true, y_pred)
        return categorical_hits(y_true, y_pred)


_BY_NAME: dict[str, Callable[..., Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
}


def get(identifier: str | Metric | type[Metric] | Callable[..., Any]) -> Metric:
    """Return a metric by its name (also its key), the given one, or the mean of a function of (y_true, y_pred).

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("mse")
        MeanSquaredError(name='mse')
    """
    if isinstance(identifier, str):
        return find("a metric", identifier, _BY_NAME)(name=identifier)
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()  # type: ignore[call-arg]
    if callable(identifier):
        return MeanMetric(identifier)
    raise TypeError(f"metric: expected a name, a Metric or a function of (y_true, y_pred); received {identifier!r}")
