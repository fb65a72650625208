"""Losses of real numbers, counts and directions. y is `y_true`, p is `y_pred`, F the length of the last axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import are_normal, unit_vectors
from ..config.arguments import any_integer, number
from ..config.fields import field
from . import targets
from .loss import Array, Elementwise, Loss, Targets, function_of
from .probabilities import EPSILON


class MeanSquaredError(Elementwise):
    """The mean over the last axis of (y_true - y_pred)².

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    References:
        Bishop: Pattern Recognition and Machine Learning, 2006, equation 3.12 (the sum-of-squares error).

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], ag.tensor([[1.0, 1.0]])).item()
        0.5
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="mean_squared_error")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return np.square(y_pred - y_true)


mean_squared_error = function_of(MeanSquaredError, "mean_squared_error")


class MeanAbsoluteError(Elementwise):
    """The mean over the last axis of `|y_true - y_pred|`; the derivative is 0 where they are equal.

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    References:
        Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, 2nd edition, 2009, equation 10.22.

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], ag.tensor([[3.0, 1.0]])).item()
        1.5
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="mean_absolute_error")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return np.abs(y_pred - y_true)


mean_absolute_error = function_of(MeanAbsoluteError, "mean_absolute_error")


class MeanAbsolutePercentageError(Elementwise):
    """The mean over the last axis of `100 |y_true - y_pred| / max(|y_true|, EPSILON)`.

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    References:
        Hyndman, Koehler: Another look at measures of forecast accuracy, 2006, section 2.2.

    Example:
        >>> MeanAbsolutePercentageError()([[2.0, 4.0]], ag.tensor([[1.0, 5.0]])).item()
        37.5
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="mean_absolute_percentage_error")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return np.abs((y_true - y_pred) / np.maximum(np.abs(y_true), EPSILON)) * 100.0


mean_absolute_percentage_error = function_of(MeanAbsolutePercentageError, "mean_absolute_percentage_error")


class MeanSquaredLogarithmicError(Elementwise):
    """The mean over the last axis of (log(1 + y_true) - log(1 + y_pred))², both first made at least EPSILON.

    `y_true` and `y_pred` have the same shape (N, ..., F). Negative targets count as 0.

    References:
        Tofallis: A better measure of relative prediction accuracy, 2015, section 5 (the logarithm of the ratio).

    Example:
        >>> loss = MeanSquaredLogarithmicError()([[0.0, 1.0]], ag.tensor([[0.0, 3.0]]))
        >>> round(loss.item(), 6)  # (log 2)² / 2
        0.240227
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="mean_squared_logarithmic_error")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        largest = np.finfo(y_pred.dtype).max
        return np.square(np.log1p(np.clip(y_pred, EPSILON, largest)) - np.log1p(np.maximum(y_true, EPSILON)))


mean_squared_logarithmic_error = function_of(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error")


class Huber(Elementwise):
    """The mean over the last axis of e²/2 where `|e| <= delta`, `delta |e| - delta²/2` elsewhere; e = y_pred - y_true.

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    Args:
        delta: where the square becomes a line; greater than 0.
        reduction, name: as in `Loss`.

    References:
        Huber: Robust Estimation of a Location Parameter, 1964, section 2.

    Example:
        >>> Huber()([[0.0, 0.0]], ag.tensor([[0.5, 3.0]])).item()
        1.3125
    """

    delta: float = field(number(above=0), default=1.0)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="huber_loss")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        error = y_pred - y_true
        near = np.clip(error, -self.delta, self.delta)  # e where the loss is a square, else delta sign(e)
        return near * (error - 0.5 * near)


huber = function_of(Huber, "huber")


class LogCosh(Elementwise):
    """The mean over the last axis of log cosh(y_pred - y_true): e²/2 for small errors, `|e|` - log 2 for large ones.

    Computed as log(exp(e) + exp(-e)) - log 2, which never overflows.

    References:
        Saleh, Saleh: Statistical Properties of the log-cosh Loss Function Used in Machine Learning, 2022, equation 1.

    Example:
        >>> loss = LogCosh()([[0.0]], ag.tensor([[1000.0]]))
        >>> round(loss.item(), 4)
        999.3069
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="log_cosh")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        error = y_pred - y_true
        return np.logaddexp(error, -error) - math.log(2.0)


log_cosh = function_of(LogCosh, "log_cosh")


class Poisson(Elementwise):
    """The mean over the last axis of y_pred - y_true log(y_pred + EPSILON): -log of the Poisson law, but for log y!.

    `y_true` are counts; `y_pred` are rates of the same shape (N, ..., F). Negative counts, which no law has, go into
    the formula as they are.

    References:
        Bishop: Pattern Recognition and Machine Learning, 2006, section 2.4 (likelihoods of the exponential family).

    Example:
        >>> loss = Poisson()([[2.0]], ag.tensor([[1.0]]))
        >>> round(loss.item(), 5)
        1.0
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="poisson")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return y_pred - np.log(y_pred + EPSILON) * y_true


poisson = function_of(Poisson, "poisson")


class KLDivergence(Loss):
    """The sum over the last axis of y_true log(y_true / y_pred), both first clipped to [EPSILON, 1].

    `y_true` and `y_pred` are distributions of the same shape (N, ..., K). Negative targets count as 0.

    References:
        Kullback, Leibler: On Information and Sufficiency, 1951, equation 2.4.

    Example:
        >>> loss = KLDivergence()([[0.5, 0.5]], ag.tensor([[0.25, 0.75]]))
        >>> round(loss.item(), 6)
        0.143841
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="kl_divergence")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        target = y_true if isinstance(y_true, Tensor) else ag.tensor(y_true)
        y = np.clip(target, EPSILON, 1)  # a Tensor, of which the logarithm has the same bits when it is compiled
        return (y * (np.log(y) - np.log(np.clip(y_pred, EPSILON, 1)))).sum(axis=-1)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and no target is NaN."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_no_nan(self.name, y_true)


kl_divergence = function_of(KLDivergence, "kl_divergence")


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between y_true and y_pred: -y·p / (`|y|` `|p|`); from -1, the same way, to 1.

    `y_true` and `y_pred` have the same shape (N, ..., F). A vector shorter than EPSILON counts as that long.

    Args:
        axis: along which the vectors lie.
        reduction, name: as in `Loss`.

    References:
        Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, equation 6.10.

    Example:
        >>> loss = CosineSimilarity()([[3.0, 4.0]], ag.tensor([[1.0, 0.0]]))
        >>> round(loss.item(), 6)
        -0.6
    """

    axis: int = field(any_integer, default=-1)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="cosine_similarity")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        axis, target = self.axis, y_true if isinstance(y_true, Tensor) else ag.tensor(y_true)
        squares, others = (np.square(x).sum(axis=axis) for x in (y_pred, target))
        if are_normal(squares) and are_normal(others):
            lengths: Any = np.sqrt(np.maximum(squares, EPSILON**2)) * np.sqrt(np.maximum(others, EPSILON**2))
            return -(y_pred * y_true).sum(axis=axis) / lengths
        # Which takes longer, since it divides all numbers and not one for each sample.
        return -(unit_vectors(y_pred, axis, EPSILON) * unit_vectors(target, axis, EPSILON)).sum(axis=axis)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and no target is NaN."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_no_nan(self.name, y_true)
        targets.check_has_axis(self.name, self.axis, shape)


cosine_similarity = function_of(CosineSimilarity, "cosine_similarity")
