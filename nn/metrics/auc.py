"""Areas under curves over thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.extend import is_numbers

from ..config.arguments import argument_error, flag, integer, one_of, optional, positive
from ..config.fields import Converted, field
from ..config.limits import spend
from ..losses.probabilities import EPSILON
from .counts import THRESHOLD, Counts, ThresholdsLike, probabilities
from .metric import Array, as_array, divide_or_zero


def _weights(owner: Any, name: str, value: Any) -> Array:
    if not is_numbers(value):
        raise argument_error(TypeError, owner, name, "numbers", value)
    return np.asarray(value, np.float64)


class AUC(Counts):
    """The area under a curve that thresholds draw, approximated by Riemann sums.

    "ROC" is TP / (TP + FN) over FP / (FP + TN), "PR" precision over recall, and "PRGAIN" precision gain over recall
    gain: 1 - π/(1-π) FP/TP over 1 - π/(1-π) FN/TP, with π the share of class 1.

    `y_true` are 0 and 1, `y_pred` probabilities of the same shape.

    Args:
        num_thresholds: how many, spread evenly over [0, 1]; at least 2.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: heights by "interpolation" (the mean of neighbors; for "PR" that of Davis and Goadrich),
            "minoring" (the smaller one) or "majoring" (the larger one).
        name: its key in `History`.
        thresholds: in place of `num_thresholds`; values from 0 to 1, to which both ends are added.
        multi_label: whether there is a curve for each index of the last axis, with the mean of their areas as result.
        num_labels: how many there must be; None for any.
        label_weights: weights of the labels in that mean, or, without multi_label, of their elements.
        from_logits: whether `y_pred` are logits.

    References:
        Fawcett: An introduction to ROC analysis, 2006, section 5 and algorithm 2.
        Davis, Goadrich: The Relationship Between Precision-Recall and ROC Curves, 2006, section 4.
        Flach, Kull: Precision-Recall-Gain Curves, 2015, equation 2.

    Example:
        >>> auc = AUC(num_thresholds=3)
        >>> auc.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        >>> auc.result()
        0.75
    """

    num_thresholds: int = field(integer(2), default=200)
    curve: str = field(one_of("ROC", "PR", "PRGAIN"), default="ROC")
    summation_method: str = field(one_of("interpolation", "minoring", "majoring"), default="interpolation")
    name: str = field(default="auc")
    thresholds: ThresholdsLike = field(default=None, settable=False)
    multi_label: bool = field(flag, default=False)
    num_labels: int | None = field(optional(positive), default=None)
    label_weights: Converted[npt.ArrayLike | None, Array | None] = field(optional(_weights), default=None)
    from_logits: bool = field(flag, default=False)

    def __post_init__(self) -> None:
        if self.num_labels is not None and not self.multi_label:
            raise ValueError(f"AUC: expected num_labels only with multi_label=True; received {self.num_labels!r}")
        self._labels = self.multi_label
        self._count_at([-EPSILON, *_inner_thresholds(self, self.num_thresholds, self.thresholds), 1 + EPSILON])

    def scores(self, y_pred: Array) -> Array:
        """Return the probabilities."""
        if self.from_logits:
            return as_array(ag.sigmoid(y_pred))
        return probabilities(self.name, y_pred)

    def _count(self, y_true: Array, scores: Array, weights: Array | None) -> None:
        if self.multi_label and (scores.ndim != 2 or self.num_labels not in (None, scores.shape[-1])):
            raise ag.ShapeError(
                f"{self.name}: expected predictions of shape (N, {self.num_labels or 'L'}), since multi_label=True; "
                f"received shape {scores.shape}"
            )
        if self.label_weights is not None:
            if self.label_weights.shape != scores.shape[-1:]:
                raise ag.ShapeError(
                    f"{self.name}: expected label_weights of shape {scores.shape[-1:]}; received shape "
                    f"{self.label_weights.shape}"
                )
            if not self.multi_label:
                weights = np.broadcast_to(self.label_weights, scores.shape) * (1 if weights is None else weights)
        super()._count(y_true, scores, weights)

    def result(self) -> float:
        """Return the area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated_pr()
        else:
            x, y = self._curve()
            low, high = y[..., :-1], y[..., 1:]
            if self.summation_method == "interpolation":
                heights = (low + high) / 2
            else:
                heights = np.minimum(low, high) if self.summation_method == "minoring" else np.maximum(low, high)
            areas = ((x[..., :-1] - x[..., 1:]) * heights).sum(axis=-1)
        weights = self.label_weights if self.multi_label else None
        return float(np.average(areas, weights=weights))

    def _curve(self) -> tuple[Array, Array]:
        tp, fp, tn, fn = self.true_positives, self.false_positives, self.true_negatives, self.false_negatives
        if self.curve == "ROC":
            return divide_or_zero(fp, fp + tn), divide_or_zero(tp, tp + fn)
        if self.curve == "PR":
            return divide_or_zero(tp, tp + fn), divide_or_zero(tp, tp + fp)
        odds = divide_or_zero(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1 - odds * divide_or_zero(fn, tp))
        return np.maximum(recall_gain, 0), np.where(tp == 0, 1.0, 1 - odds * divide_or_zero(fp, tp))

    def _interpolated_pr(self) -> Array:
        """Return the areas under precision over recall with TP between thresholds linear in TP + FP."""
        tp, positives = self.true_positives, self.true_positives + self.false_positives
        more, fewer = positives[..., :-1], positives[..., 1:]
        gained = tp[..., :-1] - tp[..., 1:]
        slope = divide_or_zero(gained, np.maximum(more - fewer, 0))
        intercept = tp[..., 1:] - slope * fewer
        ratio = np.where((more > 0) & (fewer > 0), divide_or_zero(more, fewer), 1.0)
        all_positives = (tp + self.false_negatives)[..., 1:]
        areas: Array = divide_or_zero(slope * (gained + intercept * np.log(ratio)), all_positives).sum(axis=-1)
        return areas


def _inner_thresholds(auc: AUC, number: int, thresholds: Any) -> list[float]:
    if thresholds is None:
        spend((number, THRESHOLD))
        return [i / (number - 1) for i in range(1, number - 1)]
    if not is_numbers(thresholds) or np.ndim(thresholds) != 1:
        raise argument_error(TypeError, auc, "thresholds", "a list of numbers from 0 to 1", thresholds)
    if any(not 0 <= t <= 1 for t in thresholds):
        raise argument_error(ValueError, auc, "thresholds", "a list of numbers from 0 to 1", thresholds)
    return sorted(thresholds)
