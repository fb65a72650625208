"""Metrics that are the means of losses over samples; `nn.losses` has each formula in full, and its reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import losses
from .averages import MeanMetricWrapper
from .metric import as_array, full_weights


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (y_true - y_pred)². See `losses.MeanSquaredError`."""

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(losses.mean_squared_error, name)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of `|y_true - y_pred|`. See `losses.MeanAbsoluteError`."""

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(losses.mean_absolute_error, name)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of `100 |y_true - y_pred| / |y_true|`. See `losses.MeanAbsolutePercentageError`."""

    def __init__(self, name: str = "mean_absolute_percentage_error") -> None:
        super().__init__(losses.mean_absolute_percentage_error, name)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of (log(1 + y_true) - log(1 + y_pred))². See `losses.MeanSquaredLogarithmicError`."""

    def __init__(self, name: str = "mean_squared_logarithmic_error") -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name)


class LogCoshError(MeanMetricWrapper):
    """The mean of log cosh(y_pred - y_true). See `losses.LogCosh`."""

    def __init__(self, name: str = "logcosh") -> None:
        super().__init__(losses.log_cosh, name)


class Poisson(MeanMetricWrapper):
    """The mean of y_pred - y_true log y_pred. See `losses.Poisson`."""

    def __init__(self, name: str = "poisson") -> None:
        super().__init__(losses.poisson, name)


class KLDivergence(MeanMetricWrapper):
    """The mean over samples of sum_k y_k log(y_k / p_k). See `losses.KLDivergence`."""

    def __init__(self, name: str = "kl_divergence") -> None:
        super().__init__(losses.kl_divergence, name)


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y p, 0), with y either -1 or 1; labels 0 and 1 become -1 and 1. See `losses.Hinge`."""

    def __init__(self, name: str = "hinge") -> None:
        super().__init__(losses.hinge, name)


class SquaredHinge(MeanMetricWrapper):
    """The mean of max(1 - y p, 0)², with y either -1 or 1, or 0 and 1 in their place. See `losses.SquaredHinge`."""

    def __init__(self, name: str = "squared_hinge") -> None:
        super().__init__(losses.squared_hinge, name)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of max(1 + max_k (1 - y_k) p_k - sum_k y_k p_k, 0). See `losses.CategoricalHinge`."""

    def __init__(self, name: str = "categorical_hinge") -> None:
        super().__init__(losses.categorical_hinge, name)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of -(y log p + (1 - y) log(1 - p)). See `losses.BinaryCrossentropy`.

    Args:
        name: its key in `History`.
        from_logits, label_smoothing: as in the loss.
    """

    def __init__(
        self, name: str = "binary_crossentropy", from_logits: bool = False, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing, reduction=None, name=name), name)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean over samples of -sum_k y_k log p_k. See `losses.CategoricalCrossentropy`.

    Args:
        name: its key in `History`.
        from_logits, label_smoothing, axis: as in the loss.
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis, reduction=None, name=name)
        super().__init__(loss, name)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean over samples of -log p_y, those of the ignored class left out. See the loss of this name.

    Args:
        name: its key in `History`.
        from_logits, ignore_class, axis: as in the loss.
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis, name)
        super().__init__(loss, name)
        self._ignored = ignore_class

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in one batch."""
        if self._ignored is None:
            return super().update_state(y_true, y_pred, sample_weight)
        values = as_array(self.fn(y_true, y_pred))
        counted = np.not_equal(as_array(y_true), self._ignored).reshape(values.shape)
        weights = 1.0 if sample_weight is None else full_weights(self.name, sample_weight, values.shape)
        return self.add(values, counted * weights)
