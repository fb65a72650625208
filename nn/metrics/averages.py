"""Sums and means of numbers, and of functions of (y_true, y_pred)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import autograd_lite as ag

from ..config.config import reference
from ..config.fields import field, fields_of
from ..module.masks import join_masks, mask_of
from .metric import Array, Metric, as_array, full_weights


class Mean(Metric):
    """The mean of all numbers it is given; NaN if there were none.

    With weights w it is sum(w x) / sum(w).

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 2.0]); mean.update_state([6.0])
        >>> mean.result()
        3.0
    """

    sums = "_total", "_count"

    name: str = field(default="mean")

    def reset_state(self) -> None:
        self._total = 0.0
        self._count = 0.0

    def _state(self) -> dict[str, Any]:
        return {"total": self._total, "count": self._count}

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in numbers, of any shape."""
        self.add(as_array(values), sample_weight)

    def add(self, values: Array, sample_weight: Any = None) -> None:
        """Take in numbers with their weights."""
        if sample_weight is not None:
            weights = full_weights(self.name, sample_weight, values.shape)
            self._total += float((values * weights).sum())
            self._count += float(weights.sum())
        elif values.dtype == bool:
            self._total += int(np.count_nonzero(values))
            self._count += values.size
        else:
            self._total += float(values.sum(dtype=np.float64))
            self._count += values.size

    def result(self) -> float:
        """Return the mean, NaN if there was nothing."""
        return self._total / self._count if self._count else float("nan")


class Sum(Metric):
    """The sum of all numbers it is given, each times its weight.

    Example:
        >>> total = Sum()
        >>> total.update_state([1.0, 2.0], sample_weight=[1.0, 0.5])
        >>> total.result()
        2.0
    """

    sums = ("_total",)

    name: str = field(default="sum")

    def reset_state(self) -> None:
        self._total = 0.0

    def _state(self) -> dict[str, Any]:
        return {"total": self._total}

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in numbers, of any shape."""
        array = as_array(values)
        if sample_weight is not None:
            array = array * full_weights(self.name, sample_weight, array.shape)
        self._total += float(array.sum(dtype=np.float64))

    def result(self) -> float:
        """Return the sum."""
        return self._total


class MeanTensor(Metric):
    """The mean of arrays of one shape, element by element: sum(w x) / sum(w) over the updates.

    Example:
        >>> mean = MeanTensor()
        >>> mean.update_state([1.0, 2.0]); mean.update_state([3.0, 6.0])
        >>> mean.result().tolist()
        [2.0, 4.0]
    """

    sums = "_total", "_count"

    name: str = field(default="mean_tensor")

    def reset_state(self) -> None:
        """Forget all arrays, and their shape."""
        self._total: Array | None = None
        self._count: Array | None = None

    def _state(self) -> dict[str, Any]:
        return {} if self._total is None else {"total": self._total, "count": self._count}

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in one array.

        Raises:
            ShapeError: if it has another shape than the first.
        """
        array = as_array(values)
        weights = np.ones(array.shape) if sample_weight is None else full_weights(self.name, sample_weight, array.shape)
        if self._total is None or self._count is None:
            self._total, self._count = np.zeros(array.shape), np.zeros(array.shape)
        if array.shape != self._total.shape:
            raise ag.ShapeError(
                f"{self.name}: expected an array of shape {self._total.shape}, as the first was; received shape "
                f"{array.shape}. Call reset_state first"
            )
        self._total = self._total + array * weights
        self._count = self._count + weights

    def result(self) -> float | Array:
        """Return the mean, NaN if there was nothing."""
        if self._total is None or self._count is None:
            return float("nan")
        return np.divide(self._total, self._count, out=np.full(self._total.shape, np.nan), where=self._count != 0)


class MeanMetricWrapper(Mean):
    """The mean over the samples of a function.

    Args:
        fn: (y_true, y_pred) to one value a sample, or to the mean over a batch.
        name: by default the function's.
        kwargs: more arguments of the function.

    Example:
        >>> largest = MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred).max(axis=-1), "largest")
        >>> largest.update_state(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]))
        >>> largest.result()
        3.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "metric")))
        self.fn = fn
        self._kwargs = kwargs

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a function of nn by its name, another as it is."""
        config = super().get_config()
        return config | {"fn": reference(self.fn)} if "fn" in config else config

    def update_masked(self, y_true: Any, y_pred: Any, mask: Any) -> None:
        """Take in one batch but for what a mask leaves out; where the function returns one number, all of it."""
        y_pred = as_array(y_pred)
        values = self._values(as_array(y_true), y_pred)
        shown = np.asarray(mask, np.float64)
        self.add(values, shown if values.ndim else shown.sum() / shown.size * len(y_pred))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in one batch, but for what the mask of predictions leaves out that layers have given it.

        Raises:
            ShapeError: for shapes that do not fit, or for weights with a function that returns one number a batch.
        """
        mask = mask_of(y_pred)
        if mask is not None and sample_weight is None:
            self.update_masked(y_true, y_pred, join_masks(None, mask))
            return
        sample_weight = join_masks(sample_weight, mask)
        y_pred = as_array(y_pred)
        values = self._values(as_array(y_true), y_pred)
        if values.ndim:
            self.add(values, sample_weight)
        elif sample_weight is None:
            self._total += float(values) * len(y_pred)
            self._count += len(y_pred)
        else:
            raise ag.ShapeError(
                f"{self.name}: expected a function that returns one value a sample, since there are weights; received "
                "one number. Leave out the mean in the function"
            )

    def _values(self, y_true: Any, y_pred: Any) -> Array:
        """Return what the function returns, as an array of numbers."""
        values = as_array(self.fn(y_true, y_pred, **self._kwargs))
        if values.dtype.kind not in "fiub":
            raise TypeError(
                f"metric {self.name!r}: expected a function that returns a number for each sample, or one for the "
                f"batch; received {values.dtype} from it"
            )
        return values


class MeanOf(MeanMetricWrapper):
    """The mean of a function that the class states, or of a loss: `class Hinge(MeanOf, of=losses.Hinge)`.

    The arguments of the metric but for its name are those of the function, or of the loss.
    """

    _of: ClassVar[tuple[Any]]  # in a tuple: as an attribute of the class a function would be a method

    def __init_subclass__(cls, of: Any = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if of is not None:
            cls._of = (of,)

    def __init__(self, name: str | None = None) -> None:
        Metric.__init__(self, name)

    def __post_init__(self) -> None:
        arguments = {name: getattr(self, name) for name in fields_of(type(self), MeanOf) if name != "name"}
        is_loss = isinstance(self._of[0], type)
        self.fn = self._of[0](reduction=None, name=self.name, **arguments) if is_loss else self._of[0]
        self._kwargs = {} if is_loss else arguments
