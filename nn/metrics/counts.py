"""Confusion counts at thresholds, and the metrics derived from them: precision, recall and related."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.extend import is_numbers

from ..config.arguments import any_integer, argument_error, number, optional, positive
from ..config.fields import Converted, field, fields_of
from ..config.limits import spend
from .metric import Array, Metric, as_array, check_same_shape, divide_or_zero, full_weights

ThresholdsLike = Converted[npt.ArrayLike | None, Array]
THRESHOLD = 20  # the memory of a threshold, a Python float and its counts, in float32 elements


class Counts(Metric):
    """Weights of positives and negatives by how many thresholds their predictions are above.

    Sums over these bins give the confusion counts at every threshold at once, in O(N log T) for N predictions.

    A subclass gives the T thresholds, in any order, to `_count_at`; a prediction above one is positive there. It may
    have `top_k`, so that only the k largest predictions of a sample can be positive, and `class_id`, an index of the
    last axis, so that only this class counts.
    """

    sums = ("_bins",)

    thresholds = cast("ThresholdsLike", None)
    top_k = cast("int | None", None)
    class_id = cast("int | None", None)
    _labels = False  # whether each index of the last axis has its own counts
    #: the counts that Keras keeps
    _kinds: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def _count_at(self, thresholds: npt.ArrayLike) -> None:
        self.thresholds = np.asarray(thresholds, np.float64)
        self._order = np.argsort(self.thresholds)

    def reset_state(self) -> None:
        self._bins = np.zeros((2, 1, len(self.thresholds) + 1))  # of negatives and positives, by label and bin

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name).T for name in self._kinds}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch: targets 0 and 1, and predictions of the same shape.

        Raises:
            ShapeError: for shapes that do not fit.
            ValueError: for targets other than 0 and 1.
        """
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        check_same_shape(self.name, y_true, y_pred)
        weights = None if sample_weight is None else full_weights(self.name, sample_weight, y_pred.shape)
        if not ((y_true == 0) | (y_true == 1)).all():
            raise ValueError(
                f"{self.name}: expected targets 0 and 1; received values from {y_true.min()} to {y_true.max()}"
            )
        scores = self.scores(y_pred)
        if self.top_k is not None:
            ranks = np.argsort(np.argsort(-scores, axis=-1, kind="stable"), axis=-1, kind="stable")
            scores = np.where(ranks < self.top_k, scores, -np.inf)
        if self.class_id is not None:
            y_true, scores = self._of_class(y_true), self._of_class(scores)
            weights = None if weights is None else self._of_class(weights)
        self._count(y_true, scores, weights)

    def scores(self, y_pred: Array) -> Array:
        """Return the scores to compare with the thresholds."""
        return y_pred

    def _of_class(self, values: Array) -> Array:
        if values.ndim < 2 or not -values.shape[-1] <= (self.class_id or 0) < values.shape[-1]:
            raise ag.ShapeError(
                f"{self.name}: expected predictions (N, ..., K) with class_id={self.class_id} among K; received shape "
                f"{values.shape}"
            )
        of_class: Array = values[..., self.class_id]
        return of_class

    def _count(self, y_true: Array, scores: Array, weights: Array | None) -> None:
        sorted_thresholds = self.thresholds[self._order]
        if scores.dtype.kind == "f":
            sorted_thresholds = sorted_thresholds.astype(scores.dtype)  # so that a float32 0.3 is not above 0.3
        above = np.searchsorted(sorted_thresholds, scores, side="left")
        above[np.isnan(scores)] = 0
        width = len(self.thresholds) + 1
        labels = scores.shape[-1] if self._labels else 1
        if self._bins.shape[1] != labels:
            if self._bins.any():
                raise ag.ShapeError(f"{self.name}: expected {self._bins.shape[1]} labels; received {labels}")
            self._bins = np.zeros((2, labels, width))
        rows = np.arange(labels) if self._labels else 0
        index = ((y_true.astype(np.intp) * labels + rows) * width + above).ravel()
        flat = None if weights is None else weights.ravel()
        self._bins += np.bincount(index, flat, self._bins.size).reshape(self._bins.shape)

    def _above(self, kind: int) -> Array:
        """Return the weights above each threshold, in the order they were given: shape (L, T), or (T,)."""
        tails = np.cumsum(self._bins[kind, :, ::-1], axis=-1)[:, ::-1][:, 1:]
        out = np.empty_like(tails)
        out[:, self._order] = tails
        return out if self._labels else out[0]

    def _all(self, kind: int) -> Array:
        total = self._bins[kind].sum(axis=-1, keepdims=True)
        return total if self._labels else total[0]

    @property
    def true_positives(self) -> Array:
        """The weight of positives above each threshold."""
        return self._above(1)

    @property
    def false_positives(self) -> Array:
        """The weight of negatives above each threshold."""
        return self._above(0)

    @property
    def true_negatives(self) -> Array:
        """The weight of negatives not above each threshold."""
        return self._all(0) - self._above(0)

    @property
    def false_negatives(self) -> Array:
        """The weight of positives not above each threshold."""
        return self._all(1) - self._above(1)


class _AtThresholds(Counts):
    """One number at each of the user's thresholds."""

    thresholds: ThresholdsLike = field(default=None, settable=False)

    def __post_init__(self) -> None:
        thresholds: Any = self.thresholds
        argument = (-np.inf if self.top_k else 0.5) if thresholds is None else thresholds
        if not is_numbers(argument):
            raise argument_error(TypeError, self, "thresholds", "numbers from 0 to 1, one or a list", argument)
        values = np.atleast_1d(np.asarray(argument, np.float64))
        good = values.ndim == 1 and values.size and (thresholds is None or ((values >= 0) & (values <= 1)).all())
        if not good:
            raise argument_error(ValueError, self, "thresholds", "numbers from 0 to 1, one or a list", argument)
        self._count_at(values)

    def values(self) -> Array:
        """Return one number a threshold."""
        raise NotImplementedError

    def _state(self) -> dict[str, Any]:
        return super()._state() if len(self._kinds) == 2 else {"accumulator": self.values()}

    def result(self) -> float | Array:
        """Return the value, or an array of those at the thresholds if there are several."""
        values = self.values()
        return float(values[0]) if len(values) == 1 else values


class TruePositives(_AtThresholds):
    """How many samples of class 1 are predicted to be, each times its weight.

    Args:
        thresholds: predictions above count as 1; one from 0 to 1 or a list, which gives an array; by default 0.5.
        name: its key in `History`.

    Example:
        >>> count = TruePositives()
        >>> count.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> count.result()
        2.0
    """

    name: str = field(default="true_positives")

    def values(self) -> Array:
        return self.true_positives


class FalsePositives(_AtThresholds):
    """How many samples of class 0 are predicted to be of class 1, each times its weight.

    Args:
        thresholds, name: as in `TruePositives`.

    Example:
        >>> count = FalsePositives()
        >>> count.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> count.result()
        1.0
    """

    name: str = field(default="false_positives")

    def values(self) -> Array:
        return self.false_positives


class TrueNegatives(_AtThresholds):
    """How many samples of class 0 are predicted to be, each times its weight.

    Args:
        thresholds, name: as in `TruePositives`.

    Example:
        >>> count = TrueNegatives()
        >>> count.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> count.result()
        0.0
    """

    name: str = field(default="true_negatives")

    def values(self) -> Array:
        return self.true_negatives


class FalseNegatives(_AtThresholds):
    """How many samples of class 1 are predicted to be of class 0, each times its weight.

    Args:
        thresholds, name: as in `TruePositives`.

    Example:
        >>> count = FalseNegatives()
        >>> count.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> count.result()
        1.0
    """

    name: str = field(default="false_negatives")

    def values(self) -> Array:
        return self.false_negatives


class Precision(_AtThresholds):
    """TP / (TP + FP): the share of class 1 among the predictions of class 1; 0 if there are none.

    Args:
        thresholds: as in `TruePositives`; with top_k, by default all of the k largest are positive.
        top_k: only the k largest predictions of a sample can be positive.
        class_id: count only this class, an index of the last axis.
        name: its key in `History`.

    References:
        Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, equation 8.3.

    Example:
        >>> precision = Precision()
        >>> precision.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> round(precision.result(), 4)
        0.6667
    """

    top_k: int | None = field(optional(positive), default=None)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="precision")
    _kinds = ("true_positives", "false_positives")

    def values(self) -> Array:
        return divide_or_zero(self.true_positives, self.true_positives + self.false_positives)


class Recall(_AtThresholds):
    """TP / (TP + FN): the share of class 1 that is predicted as such; 0 if there is none.

    Args:
        thresholds, top_k, class_id, name: as in `Precision`.

    References:
        Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, equation 8.4.

    Example:
        >>> recall = Recall()
        >>> recall.update_state([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.8])
        >>> round(recall.result(), 4)
        0.6667
    """

    top_k: int | None = field(optional(positive), default=None)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="recall")
    _kinds = ("true_positives", "false_negatives")

    def values(self) -> Array:
        return divide_or_zero(self.true_positives, self.true_positives + self.false_negatives)


class _AtValue(Counts):
    """The largest of one rate over the thresholds at which another is at least a value."""

    num_thresholds = 200

    def __post_init__(self) -> None:
        spend((self.num_thresholds, THRESHOLD))
        self._count_at(np.linspace(0, 1, self.num_thresholds) if self.num_thresholds > 1 else [0.5])

    @property
    def value(self) -> float:
        """What the rate that must be large enough is compared with: the first argument."""
        return float(getattr(self, next(iter(fields_of(type(self))))))

    def scores(self, y_pred: Array) -> Array:
        """Return the predictions, which must be probabilities."""
        return probabilities(self.name, y_pred)

    def rates(self) -> tuple[Array, Array]:
        """Return the rate that must be large enough, and the one to maximize."""
        raise NotImplementedError

    def result(self) -> float:
        """Return the largest value, 0 where the other rate is never large enough."""
        constrained, rate = self.rates()
        return float(np.where(constrained >= self.value, rate, 0).max())

    def sensitivities(self) -> Array:
        """Return TP / (TP + FN), which is also the recall."""
        return divide_or_zero(self.true_positives, self.true_positives + self.false_negatives)

    def specificities(self) -> Array:
        """Return TN / (TN + FP)."""
        return divide_or_zero(self.true_negatives, self.true_negatives + self.false_positives)

    def precisions(self) -> Array:
        """Return TP / (TP + FP)."""
        return divide_or_zero(self.true_positives, self.true_positives + self.false_positives)


class SensitivityAtSpecificity(_AtValue):
    """The largest TP / (TP + FN) over the thresholds at which TN / (TN + FP) is at least a value.

    Args:
        specificity: that value, from 0 to 1.
        num_thresholds: how many, spread evenly over [0, 1].
        class_id: count only this class, an index of the last axis.
        name: its key in `History`.

    Example:
        >>> sensitivity = SensitivityAtSpecificity(0.5)
        >>> sensitivity.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        >>> sensitivity.result()
        0.5
    """

    specificity: float = field(number(0, 1))
    num_thresholds: int = field(positive, default=200)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="sensitivity_at_specificity")

    def rates(self) -> tuple[Array, Array]:
        return self.specificities(), self.sensitivities()


class SpecificityAtSensitivity(_AtValue):
    """The largest TN / (TN + FP) over the thresholds at which TP / (TP + FN) is at least a value.

    Args:
        sensitivity: that value, from 0 to 1.
        num_thresholds, class_id, name: as in `SensitivityAtSpecificity`.

    Example:
        >>> specificity = SpecificityAtSensitivity(0.5)
        >>> specificity.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        >>> round(specificity.result(), 4)
        0.6667
    """

    sensitivity: float = field(number(0, 1))
    num_thresholds: int = field(positive, default=200)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="specificity_at_sensitivity")

    def rates(self) -> tuple[Array, Array]:
        return self.sensitivities(), self.specificities()


class PrecisionAtRecall(_AtValue):
    """The largest TP / (TP + FP) over the thresholds at which TP / (TP + FN) is at least a value.

    Args:
        recall: that value, from 0 to 1.
        num_thresholds, class_id, name: as in `SensitivityAtSpecificity`.

    Example:
        >>> precision = PrecisionAtRecall(0.5)
        >>> precision.update_state([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        >>> precision.result()
        0.5
    """

    recall: float = field(number(0, 1))
    num_thresholds: int = field(positive, default=200)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="precision_at_recall")

    def rates(self) -> tuple[Array, Array]:
        return self.sensitivities(), self.precisions()


class RecallAtPrecision(_AtValue):
    """The largest TP / (TP + FN) over the thresholds at which TP / (TP + FP) is at least a value.

    Args:
        precision: that value, from 0 to 1.
        num_thresholds, class_id, name: as in `SensitivityAtSpecificity`.

    Example:
        >>> recall = RecallAtPrecision(0.8)
        >>> recall.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        >>> recall.result()
        0.5
    """

    precision: float = field(number(0, 1))
    num_thresholds: int = field(positive, default=200)
    class_id: int | None = field(optional(any_integer), default=None)
    name: str = field(default="recall_at_precision")

    def rates(self) -> tuple[Array, Array]:
        return self.precisions(), self.sensitivities()


def probabilities(name: str, y_pred: Array) -> Array:
    """Return predictions clipped to [0, 1].

    Raises:
        ValueError: if one lies outside by more than rounding errors.
    """
    if y_pred.size and (y_pred.min() < -1e-6 or y_pred.max() > 1 + 1e-6):
        raise ValueError(
            f"{name}: expected probabilities from 0 to 1; received {y_pred.min():g} to {y_pred.max():g}. Give it the "
            "output of a sigmoid or softmax"
        )
    return y_pred.clip(0, 1) if y_pred.dtype.kind == "f" else y_pred.astype(np.float64)
