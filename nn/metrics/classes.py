"""Metrics of several classes: F-scores, the confusion matrix, and intersections over unions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

import autograd_lite as ag

from ..config.arguments import any_integer, argument_error, flag, integer, is_integer, number, one_of, optional
from ..config.fields import Converted, attribute, field
from ..config.limits import spend
from .metric import Array, Metric, as_array, check_same_shape, divide_or_zero, full_weights


class FBetaScore(Metric):
    """(1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP) of each class; 0 where that is 0/0.

    `y_true` are 0 and 1, `y_pred` scores of the same shape (N, K).

    Args:
        average: None for the scores of the classes, "macro" for their mean, "weighted" for that by how often a class
            is true, "micro" for the score of all counts together.
        beta: how much recall matters more than precision; greater than 0.
        threshold: predictions above it are positive; by default the largest of a sample are, unless they are 0.
        name: its key in `History`.

    References:
        Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, equation 8.5.

    Example:
        >>> score = FBetaScore(beta=2.0, threshold=0.5)
        >>> score.update_state([[1, 1], [1, 0], [0, 1]], [[0.2, 0.6], [0.9, 0.8], [0.1, 0.9]])
        >>> score.result().round(4).tolist()
        [0.5556, 0.9091]
    """

    sums = ("_counts",)

    average: str | None = field(optional(one_of("micro", "macro", "weighted")), default=None)
    beta: float = field(number(above=0), default=1.0)
    threshold: float | None = field(optional(number(above=0, high=1)), default=None)
    name: str = field(default="fbeta_score")

    def reset_state(self) -> None:
        self._counts: Array | None = None  # TP, FP and FN of each class

    def _state(self) -> dict[str, Any]:
        if self._counts is None:
            return {}
        tp, fp, fn = self._counts.sum(axis=1) if self.average == "micro" else self._counts
        return {"true_positives": tp, "false_positives": fp, "false_negatives": fn, "intermediate_weights": tp + fn}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        check_same_shape(self.name, y_true, y_pred)
        if y_true.ndim != 2 or (self._counts is not None and y_true.shape[1] != self._counts.shape[1]):
            raise ag.ShapeError(f"{self.name}: expected y_true and y_pred of shape (N, K); received {y_true.shape}")
        if not ((y_true == 0) | (y_true == 1)).all():
            raise ValueError(
                f"{self.name}: expected targets 0 and 1; received values from {y_true.min()} to {y_true.max()}"
            )
        if self.threshold is None:
            positive = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        truth = y_true.astype(bool)
        w = np.ones(y_pred.shape) if sample_weight is None else full_weights(self.name, sample_weight, y_pred.shape)
        counts = np.stack([w * (truth & positive), w * (~truth & positive), w * (truth & ~positive)]).sum(axis=1)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> float | Array:
        """Return the score, or those of the classes; NaN if there was nothing."""
        if self._counts is None:
            return float("nan")
        tp, fp, fn = self._counts.sum(axis=1) if self.average == "micro" else self._counts
        square = self.beta**2
        scores = divide_or_zero((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average == "weighted":
            return float(divide_or_zero((scores * (tp + fn)).sum(), (tp + fn).sum()))
        return scores if self.average is None else float(scores.mean())


class F1Score(FBetaScore):
    """2 TP / (2 TP + FN + FP) of each class, the harmonic mean of precision and recall; 0 where that is 0/0.

    Args:
        average, threshold, name: as in `FBetaScore`.

    References:
        Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, equation 8.6.

    Example:
        >>> score = F1Score(average="macro", threshold=0.5)
        >>> score.update_state([[1, 1], [1, 0], [0, 1]], [[0.2, 0.6], [0.9, 0.8], [0.1, 0.9]])
        >>> round(score.result(), 4)
        0.7333
    """

    beta: float = attribute(1.0)
    name: str = field(default="f1_score")


def _class_ids(owner: Any, name: str, value: Any) -> list[int]:
    """Check that `value` are indices of classes."""
    if not isinstance(value, Iterable) or isinstance(value, str) or not all(is_integer(i) for i in value):
        raise argument_error(TypeError, owner, name, "indices of classes", value)
    if not value or any(not 0 <= i < owner.num_classes for i in value):
        raise argument_error(ValueError, owner, name, f"indices from 0 to {owner.num_classes - 1}", value)
    return [int(i) for i in value]


class _Matrix(Metric):
    sums = ("_matrix",)

    num_classes = 2
    ignore_class = cast("int | None", None)
    sparse_y_true = True
    sparse_y_pred = True
    axis = -1

    def reset_state(self) -> None:
        spend((self.num_classes, self.num_classes))
        self._matrix = np.zeros((self.num_classes, self.num_classes))

    def _state(self) -> dict[str, Any]:
        return {"total_confusion_matrix": self._matrix}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Raises:
            ShapeError: for shapes that do not fit.
            ValueError: for a value that is neither a class index nor ignored.
        """
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        y_true = y_true if self.sparse_y_true else y_true.argmax(axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else y_pred.argmax(axis=self.axis)
        check_same_shape(self.name, y_true, y_pred)
        w = np.ones(y_true.shape) if sample_weight is None else full_weights(self.name, sample_weight, y_true.shape)
        if self.ignore_class is not None:
            counted = y_true != self.ignore_class
            y_true, y_pred, w = y_true[counted], y_pred[counted], w[counted]
        for kind, labels in (("targets", y_true), ("predictions", y_pred)):
            if labels.size and not ((labels >= 0) & (labels < self.num_classes) & (labels == np.floor(labels))).all():
                raise ValueError(
                    f"{self.name}: expected {kind} that are integers from 0 to {self.num_classes - 1}; received values "
                    f"from {labels.min()} to {labels.max()}"
                )
        index = y_true.astype(np.intp) * self.num_classes + y_pred.astype(np.intp)
        self._matrix += np.bincount(index.ravel(), w.ravel(), self.num_classes**2).reshape(self._matrix.shape)


class ConfusionMatrix(_Matrix):
    """How often class i is predicted as class j: a (K, K) array, true classes in rows, predicted ones in columns.

    Args:
        num_classes: K.
        name: its key in `History`.
        ignore_class: a target whose samples do not count; None for none.
        sparse_y_true: whether targets are class indices; otherwise the index of the largest along `axis` is taken.
        sparse_y_pred: the same for predictions.
        axis: that of the classes, where they are not indices.

    Example:
        >>> matrix = ConfusionMatrix(2)
        >>> matrix.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> matrix.result().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """

    num_classes: int = field(integer(2))
    name: str = field(default="confusion_matrix")
    ignore_class: int | None = field(optional(any_integer), default=None)
    sparse_y_true: bool = field(flag, default=True)
    sparse_y_pred: bool = field(flag, default=True)
    axis: int = field(any_integer, default=-1)

    def result(self) -> float | Array:
        """Return the matrix."""
        return self._matrix.copy()


class _Overlap(_Matrix):
    target_class_ids = cast("Converted[Sequence[int], Sequence[int]]", ())

    def result(self) -> float:
        """Return the mean, 0 if none of the classes was seen."""
        hits = np.diag(self._matrix)
        union = self._matrix.sum(axis=0) + self._matrix.sum(axis=1) - hits
        classes = self.target_class_ids
        hits, union = hits[classes], union[classes]
        return float(divide_or_zero(divide_or_zero(hits, union).sum(), np.count_nonzero(union > 0)))


class IoU(_Overlap):
    """The mean over some classes of TP / (TP + FP + FN): intersection over union. Classes never seen do not count.

    Args:
        num_classes: K.
        target_class_ids: the classes of the mean.
        name, ignore_class, sparse_y_true, sparse_y_pred, axis: as in `ConfusionMatrix`.

    References:
        Everingham, Van Gool, Williams, Winn, Zisserman: The PASCAL Visual Object Classes Challenge, 2010, equation 4.

    Example:
        >>> iou = IoU(num_classes=2, target_class_ids=[0])
        >>> iou.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(iou.result(), 4)
        0.3333
    """

    num_classes: int = field(integer(2))
    target_class_ids: Converted[Sequence[int], Sequence[int]] = field(_class_ids)
    name: str = field(default="io_u")
    ignore_class: int | None = field(optional(any_integer), default=None)
    sparse_y_true: bool = field(flag, default=True)
    sparse_y_pred: bool = field(flag, default=True)
    axis: int = field(any_integer, default=-1)


class BinaryIoU(_Overlap):
    """Intersection over union of two classes, of which a prediction at or above a threshold is class 1.

    Args:
        target_class_ids: the classes of the mean.
        threshold: from 0 to 1.
        name: its key in `History`.

    Example:
        >>> iou = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
        >>> iou.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        >>> round(iou.result(), 4)
        0.3333
    """

    target_class_ids: Converted[Sequence[int], Sequence[int]] = field(_class_ids, default=(0, 1))
    threshold: float = field(number(0, 1), default=0.5)
    name: str = field(default="binary_io_u")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_array(y_pred) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """The mean over all classes of TP / (TP + FP + FN); classes never seen do not count.

    Args:
        num_classes: K.
        name, ignore_class, sparse_y_true, sparse_y_pred, axis: as in `ConfusionMatrix`.

    Example:
        >>> iou = MeanIoU(num_classes=2)
        >>> iou.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(iou.result(), 4)
        0.3333
    """

    target_class_ids: Converted[Sequence[int], Sequence[int]] = attribute()
    name: str = field(default="mean_io_u")

    def __post_init__(self) -> None:
        self.target_class_ids = range(self.num_classes)  # no list of them: the number may be refused yet


class OneHotIoU(IoU):
    """`IoU` with one-hot targets, and scores as predictions.

    Args:
        num_classes, target_class_ids, name, ignore_class, sparse_y_pred, axis: as in `IoU`.

    Example:
        >>> iou = OneHotIoU(num_classes=2, target_class_ids=[0, 1])
        >>> iou.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
        >>> iou.result()
        0.25
    """

    name: str = field(default="one_hot_io_u")
    sparse_y_true: bool = attribute(False)
    sparse_y_pred: bool = field(flag, default=False)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` with one-hot targets, and scores as predictions.

    Args:
        num_classes, name, ignore_class, sparse_y_pred, axis: as in `MeanIoU`.

    Example:
        >>> iou = OneHotMeanIoU(num_classes=2)
        >>> iou.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
        >>> iou.result()
        0.25
    """

    name: str = field(default="one_hot_mean_io_u")
    sparse_y_true: bool = attribute(False)
    sparse_y_pred: bool = field(flag, default=False)
