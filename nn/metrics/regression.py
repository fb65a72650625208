"""Metrics of real numbers that are not the mean of a loss. y is `y_true`, p is `y_pred`."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag

from .. import losses
from ..config.arguments import any_integer, checked, not_negative, one_of, optional
from ..config.config import publish
from ..config.fields import field
from ..losses.probabilities import EPSILON
from .averages import Mean, MeanOf
from .metric import Array, Metric, as_array, check_same_shape, full_weights


class RootMeanSquaredError(Mean):
    """The root of the mean of (y_true - y_pred)² over all samples.

    Example:
        >>> error = RootMeanSquaredError()
        >>> error.update_state([[0.0], [0.0]], [[1.0], [7.0]])
        >>> error.result()
        5.0
    """

    name: str = field(default="root_mean_squared_error")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in one batch."""
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        check_same_shape(self.name, y_true, y_pred)
        self.add(np.square(y_pred - y_true), sample_weight)

    def result(self) -> float:
        """Return the root of the mean, NaN if there was nothing."""
        return float(np.sqrt(super().result()))


def _negative(y_true: Any, y_pred: Any, loss: losses.Loss) -> Any:
    return -loss(y_true, y_pred)


class CosineSimilarity(MeanOf):
    """The mean of y·p / (`|y|` `|p|`), minus the loss of this name.

    Args:
        name: its key in `History`.
        axis: along which the vectors lie.

    Example:
        >>> cosine = CosineSimilarity()
        >>> cosine.update_state([[3.0, 4.0]], [[2.0, 0.0]])
        >>> round(cosine.result(), 6)
        0.6
    """

    name: str = field(default="cosine_similarity")
    axis: int = field(any_integer, default=-1)

    def __post_init__(self) -> None:
        self.fn, self._kwargs = _negative, {"loss": losses.CosineSimilarity(self.axis, reduction=None, name=self.name)}


@checked
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return cov(y, p) / (σ_y σ_p) along an axis; NaN where one of them does not vary.

    Args:
        y_true: the targets, numbers of any shape; an array, list or Tensor.
        y_pred: the predictions, y_true's shape.
        axis: the axis along which they are compared, the last by default; 0 is that of the samples.

    Example:
        >>> round(float(pearson_correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])[0]), 4)
        1.0
    """
    y, p = _center("pearson correlation", y_true, y_pred, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = (y * p).sum(axis) / np.sqrt(np.square(y).sum(axis) * np.square(p).sum(axis))
    return result


@checked
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Return 2 cov(y, p) / (σ_y² + σ_p² + (mean y - mean p)² + EPSILON) along an axis.

    Args:
        y_true: the targets, numbers of any shape; an array, list or Tensor.
        y_pred: the predictions, y_true's shape.
        axis: the axis along which they are compared, the last by default; 0 is that of the samples.

    Example:
        >>> float(concordance_correlation([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])[0])
        0.9999999250000056
    """
    y, p = _center("concordance correlation", y_true, y_pred, axis)
    shift = as_array(y_true).mean(axis, dtype=np.float64) - as_array(y_pred).mean(axis, dtype=np.float64)
    spread = np.square(y).mean(axis) + np.square(p).mean(axis) + np.square(shift)
    result: Array = 2 * (y * p).mean(axis) / (spread + EPSILON)
    return result


def _center(name: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Array, Array]:
    y, p = as_array(y_true).astype(np.float64), as_array(y_pred).astype(np.float64)
    check_same_shape(name, y, p)
    return y - y.mean(axis, keepdims=True), p - p.mean(axis, keepdims=True)


class PearsonCorrelation(MeanOf, of=pearson_correlation):
    """The mean over samples of the correlation of y and p along an axis: cov(y, p) / (σ_y σ_p).

    Args:
        name: its key in `History`.
        axis: along which they are correlated; 0 correlates over the samples of each batch.

    References:
        Pearson: Notes on regression and inheritance in the case of two parents, 1895.

    Example:
        >>> correlation = PearsonCorrelation()
        >>> correlation.update_state([[0.0, 1.0, 2.0]], [[5.0, 3.0, 1.0]])
        >>> round(correlation.result(), 6)
        -1.0
    """

    name: str = field(default="pearson_correlation")
    axis: int = field(any_integer, default=-1)


class ConcordanceCorrelation(MeanOf, of=concordance_correlation):
    """The mean over samples of 2 cov(y, p) / (σ_y² + σ_p² + (mean y - mean p)²) along an axis.

    Args:
        name: its key in `History`.
        axis: along which they are compared; 0 compares over the samples of each batch.

    References:
        Lin: A Concordance Correlation Coefficient to Evaluate Reproducibility, 1989, equation 2.

    Example:
        >>> concordance = ConcordanceCorrelation()
        >>> concordance.update_state([[0.0, 1.0]], [[1.0, 2.0]])
        >>> round(concordance.result(), 5)  # 2/4 / (1/4 + 1/4 + 1)
        0.33333
    """

    name: str = field(default="concordance_correlation")
    axis: int = field(any_integer, default=-1)


class R2Score(Metric):
    """1 - sum w (y - p)² / sum w (y - mean y)² of each output: the share of the variance that is explained.

    Where y does not vary it is 1 if the predictions are exact and else 0, as in scikit-learn. y and p have the same
    shape (N, F).

    Args:
        class_aggregation: "uniform_average" (the mean over outputs), "variance_weighted_average", or None for one
            value an output.
        num_regressors: p of the adjusted score 1 - (1 - R²) (N - 1) / (N - p - 1); 0 for the plain one. N counts
            samples, where Keras counts elements; with F = 1 they agree.
        name: its key in `History`.

    References:
        Draper, Smith: Applied Regression Analysis, 3rd edition, 1998, equations 1.3.8 and 5.0.6.

    Example:
        >>> score = R2Score()
        >>> score.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        >>> round(score.result(), 5)
        0.57143
    """

    class_aggregation: str | None = field(
        optional(one_of("uniform_average", "variance_weighted_average")), default="uniform_average"
    )
    num_regressors: int = field(not_negative, default=0)
    name: str = field(default="r2_score")

    def reset_state(self) -> None:
        self._samples = 0
        self._origin: Array | None = None  # the first target; sums of distances to it lose no digits
        self._sums: Array = np.zeros((4, 0))  # of w, w (y - origin), w (y - origin)², w (y - p)²

    def _state(self) -> dict[str, Any]:
        if self._origin is None:
            return {"num_samples": 0}
        w, first, second, residual = self._sums
        total, origin = first + w * self._origin, self._origin
        squared = second + 2 * origin * first + origin**2 * w
        number = self._samples * len(origin)
        return {"num_samples": number, "squared_sum": squared, "sum": total, "residual": residual, "count": w}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = as_array(y_true).astype(np.float64), as_array(y_pred).astype(np.float64)
        check_same_shape(self.name, y, p)
        if y.ndim != 2 or (self._origin is not None and y.shape[1:] != self._origin.shape):
            raise ag.ShapeError(f"{self.name}: expected y_true and y_pred of shape (N, F); received {y.shape}")
        if len(y) == 0:
            return
        w = np.ones(y.shape) if sample_weight is None else full_weights(self.name, sample_weight, y.shape)
        if self._origin is None:
            self._origin, self._sums = y[0], np.zeros((4, y.shape[1]))
        far = y - self._origin
        self._sums = self._sums + np.stack([w, w * far, w * far**2, w * (y - p) ** 2]).sum(axis=1)
        self._samples += len(y)

    def result(self) -> float | Array:
        """Return the score, or those of the outputs; NaN if there was nothing."""
        if self._samples == 0:
            return float("nan")
        weight, first, second, residual = self._sums
        total = np.maximum(second - first * np.divide(first, weight, out=np.zeros_like(first), where=weight != 0), 0)
        varies = total > 1e-14 * second
        scores = np.where(varies, 1 - residual / np.where(varies, total, 1), np.where(residual == 0, 1.0, 0.0))
        if self.class_aggregation is None:
            return self._adjust(scores)
        weights = total if self.class_aggregation == "variance_weighted_average" and total.any() else None
        return float(self._adjust(np.average(scores, weights=weights)))

    def _adjust(self, score: Any) -> Any:
        left = self._samples - self.num_regressors - 1
        if not self.num_regressors or left <= 0:  # too few samples to adjust by: the plain score, as in Keras
            return score
        return 1 - (1 - score) * (self._samples - 1) / left


publish([concordance_correlation, pearson_correlation])
