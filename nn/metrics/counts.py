"""How many samples are rightly and wrongly above thresholds, and what is made of it: precision, recall and kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

from ..config.limits import spend
from ..losses.targets import checked_class, checked_int, checked_number
from .metric import Array, Metric, as_array, check_same_shape, divided, full_weights

THRESHOLD = 20  # the memory of one: a Python float and counts, as much as so many elements in float32


class Counts(Metric):
    """Weights of positives and negatives by how many thresholds their predictions are above.

    Sums over these bins give the confusion counts at every threshold at once, in O(N log T) for N predictions.

    Args:
        name: its key in `History`.
        thresholds: T of them, in any order; a prediction above one is positive there.
        top_k: only the k largest predictions of a sample can be positive; None for all.
        class_id: count only this class, an index of the last axis; None for all.
        labels: whether each index of the last axis has counts of its own.
    """

    def __init__(
        self,
        name: str,
        thresholds: npt.ArrayLike,
        top_k: int | None = None,
        class_id: int | None = None,
        labels: bool = False,
    ) -> None:
        self.top_k = None if top_k is None else checked_int(name, "top_k", top_k, 1)
        self.class_id = checked_class(name, "class_id", class_id)
        self.thresholds = np.asarray(thresholds, np.float64)
        self._order = np.argsort(self.thresholds)
        self._labels = labels
        super().__init__(name)

    def reset_state(self) -> None:
        """Forget all batches."""
        self._bins = np.zeros((2, 1, len(self.thresholds) + 1))  # of negatives and positives, by label and bin

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
        """Return what is compared with the thresholds."""
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

    def __init__(
        self,
        name: str,
        thresholds: float | Sequence[float] | None,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        given = np.atleast_1d(np.asarray((-np.inf if top_k else 0.5) if thresholds is None else thresholds, np.float64))
        if given.ndim != 1 or not given.size or (thresholds is not None and not ((given >= 0) & (given <= 1)).all()):
            raise ValueError(f"{name}: expected thresholds from 0 to 1, one or a list; received {thresholds!r}")
        super().__init__(name, given, top_k, class_id)

    def values(self) -> Array:
        """Return one number a threshold."""
        raise NotImplementedError

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

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str = "true_positives") -> None:
        super().__init__(name, thresholds)

    def values(self) -> Array:
        """Return the counts at the thresholds."""
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

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str = "false_positives") -> None:
        super().__init__(name, thresholds)

    def values(self) -> Array:
        """Return the counts at the thresholds."""
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

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str = "true_negatives") -> None:
        super().__init__(name, thresholds)

    def values(self) -> Array:
        """Return the counts at the thresholds."""
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

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str = "false_negatives") -> None:
        super().__init__(name, thresholds)

    def values(self) -> Array:
        """Return the counts at the thresholds."""
        return self.false_negatives


class Precision(_AtThresholds):
    """TP / (TP + FP): the share of what is predicted to be of class 1 that is; 0 if nothing is.

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

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "precision",
    ) -> None:
        super().__init__(name, thresholds, top_k, class_id)

    def values(self) -> Array:
        """Return the precisions at the thresholds."""
        return divided(self.true_positives, self.true_positives + self.false_positives)


class Recall(_AtThresholds):
    """TP / (TP + FN): the share of class 1 that is predicted to be; 0 if there is none.

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

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "recall",
    ) -> None:
        super().__init__(name, thresholds, top_k, class_id)

    def values(self) -> Array:
        """Return the recalls at the thresholds."""
        return divided(self.true_positives, self.true_positives + self.false_negatives)


class _AtValue(Counts):
    """The largest of one rate over the thresholds at which another is at least a value."""

    def __init__(self, name: str, argument: str, value: float, num_thresholds: int, class_id: int | None) -> None:
        self.value = checked_number(name, argument, value, low=0, high=1)
        self.num_thresholds = checked_int(name, "num_thresholds", num_thresholds, 1)
        spend((num_thresholds, THRESHOLD))
        super().__init__(name, np.linspace(0, 1, num_thresholds) if num_thresholds > 1 else [0.5], class_id=class_id)

    def scores(self, y_pred: Array) -> Array:
        """Return the predictions, which must be probabilities."""
        return probabilities(self.name, y_pred)

    def rates(self) -> tuple[Array, Array]:
        """Return the rate that must be large enough, and the one whose largest value is wanted."""
        raise NotImplementedError

    def result(self) -> float:
        """Return the largest value, 0 where the other rate is never large enough."""
        constrained, wanted = self.rates()
        return float(np.where(constrained >= self.value, wanted, 0).max())

    def sensitivities(self) -> Array:
        """Return TP / (TP + FN), which is also the recall."""
        return divided(self.true_positives, self.true_positives + self.false_negatives)

    def specificities(self) -> Array:
        """Return TN / (TN + FP)."""
        return divided(self.true_negatives, self.true_negatives + self.false_positives)

    def precisions(self) -> Array:
        """Return TP / (TP + FP)."""
        return divided(self.true_positives, self.true_positives + self.false_positives)


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

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str = "sensitivity_at_specificity",
    ) -> None:
        super().__init__(name, "specificity", specificity, num_thresholds, class_id)

    def rates(self) -> tuple[Array, Array]:
        """Return specificities and sensitivities."""
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

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str = "specificity_at_sensitivity",
    ) -> None:
        super().__init__(name, "sensitivity", sensitivity, num_thresholds, class_id)

    def rates(self) -> tuple[Array, Array]:
        """Return sensitivities and specificities."""
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

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str = "precision_at_recall",
    ) -> None:
        super().__init__(name, "recall", recall, num_thresholds, class_id)

    def rates(self) -> tuple[Array, Array]:
        """Return recalls and precisions."""
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

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str = "recall_at_precision",
    ) -> None:
        super().__init__(name, "precision", precision, num_thresholds, class_id)

    def rates(self) -> tuple[Array, Array]:
        """Return precisions and recalls."""
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
