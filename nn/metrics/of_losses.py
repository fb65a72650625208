"""Metrics that are means of losses over samples; each loss has its formula in full, and its reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import losses
from ..config.arguments import any_integer, flag, number, optional
from ..config.fields import field
from .averages import MeanOf
from .metric import as_array, full_weights


class MeanSquaredError(MeanOf, of=losses.MeanSquaredError):
    """The mean of (y_true - y_pred)².

    Example:
        >>> float(MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]))
        2.0
    """

    name: str = field(default="mean_squared_error")


class MeanAbsoluteError(MeanOf, of=losses.MeanAbsoluteError):
    """The mean of `|y_true - y_pred|`.

    Example:
        >>> float(MeanAbsoluteError()([[1.0], [2.0]], [[1.0], [4.0]]))
        1.0
    """

    name: str = field(default="mean_absolute_error")


class MeanAbsolutePercentageError(MeanOf, of=losses.MeanAbsolutePercentageError):
    """The mean of `100 |y_true - y_pred| / |y_true|`.

    Example:
        >>> float(MeanAbsolutePercentageError()([[1.0], [2.0]], [[1.0], [4.0]]))
        50.0
    """

    name: str = field(default="mean_absolute_percentage_error")


class MeanSquaredLogarithmicError(MeanOf, of=losses.MeanSquaredLogarithmicError):
    """The mean of (log(1 + y_true) - log(1 + y_pred))².

    Example:
        >>> round(float(MeanSquaredLogarithmicError()([[1.0], [2.0]], [[1.0], [4.0]])), 4)
        0.1305
    """

    name: str = field(default="mean_squared_logarithmic_error")


class LogCoshError(MeanOf, of=losses.LogCosh):
    """The mean of log cosh(y_pred - y_true).

    Example:
        >>> round(float(LogCoshError()([[1.0], [2.0]], [[1.0], [4.0]])), 4)
        0.6625
    """

    name: str = field(default="logcosh")


class Poisson(MeanOf, of=losses.Poisson):
    """The mean of y_pred - y_true log y_pred.

    Example:
        >>> round(float(Poisson()([[1.0], [2.0]], [[1.0], [4.0]])), 4)
        1.1137
    """

    name: str = field(default="poisson")


class KLDivergence(MeanOf, of=losses.KLDivergence):
    """The mean over samples of sum_k y_k log(y_k / p_k).

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    name: str = field(default="kl_divergence")


class Hinge(MeanOf, of=losses.Hinge):
    """The mean of max(1 - y p, 0), with y either -1 or 1; labels 0 and 1 become -1 and 1.

    Example:
        >>> float(Hinge()([[1.0], [-1.0]], [[0.5], [0.5]]))
        1.0
    """

    name: str = field(default="hinge")


class SquaredHinge(MeanOf, of=losses.SquaredHinge):
    """The mean of max(1 - y p, 0)², with y either -1 or 1; labels 0 and 1 become -1 and 1.

    Example:
        >>> float(SquaredHinge()([[1.0], [-1.0]], [[0.5], [0.5]]))
        1.25
    """

    name: str = field(default="squared_hinge")


class CategoricalHinge(MeanOf, of=losses.CategoricalHinge):
    """The mean of max(1 + max_k (1 - y_k) p_k - sum_k y_k p_k, 0).

    Example:
        >>> round(float(CategoricalHinge()([[0.0, 1.0]], [[0.3, 0.7]])), 4)
        0.6
    """

    name: str = field(default="categorical_hinge")


class BinaryCrossentropy(MeanOf, of=losses.BinaryCrossentropy):
    """The mean of -(y log p + (1 - y) log(1 - p)).

    Args:
        name: its key in `History`.
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / 2.

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]])), 4)
        0.1643
    """

    name: str = field(default="binary_crossentropy")
    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)


class CategoricalCrossentropy(MeanOf, of=losses.CategoricalCrossentropy):
    """The mean over samples of -sum_k y_k log p_k.

    Args:
        name: its key in `History`.
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / C.
        axis: that of the classes.

    Example:
        >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]])), 4)
        0.2231
    """

    name: str = field(default="categorical_crossentropy")
    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)
    axis: int = field(any_integer, default=-1)


class SparseCategoricalCrossentropy(MeanOf, of=losses.SparseCategoricalCrossentropy):
    """The mean over samples of -log p_y.

    As in Keras, targets of the ignored class have the value 0, and are left out of the mean only if there are weights.

    Args:
        name: its key in `History`.
        from_logits: whether y_pred are logits.
        ignore_class: a target that does not count; None for none.
        axis: that of the classes.

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.2, 0.8]])), 4)
        0.2231
    """

    name: str = field(default="sparse_categorical_crossentropy")
    from_logits: bool = field(flag, default=False)
    ignore_class: int | None = field(optional(any_integer), default=None)
    axis: int = field(any_integer, default=-1)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        if self.ignore_class is not None and sample_weight is not None:
            shape = np.delete(as_array(y_pred).shape, self.axis)
            counted = np.not_equal(as_array(y_true), self.ignore_class).reshape(shape)
            sample_weight = counted * full_weights(self.name, sample_weight, counted.shape)
        super().update_state(y_true, y_pred, sample_weight)
