"""Focal cross-entropies, which down-weight examples the model already classifies well."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import asarray_like

from ..config.arguments import any_integer, argument_error, flag, number
from ..config.fields import field
from .crossentropy import Binary, Categorical
from .loss import Targets, function_of
from .probabilities import EPSILON, logits_behind


class BinaryFocalCrossentropy(Binary):
    """Binary cross-entropy times (1 - p_t)^gamma, where p_t = y p + (1 - y) (1 - p) is the target's probability.

    `y_true` is in [0, 1], of the same shape (N, ..., F) as `y_pred`; the mean is over the last axis.

    Args:
        apply_class_balancing: whether each element is also weighted by y alpha + (1 - y) (1 - alpha).
        alpha: the weight of class 1, in [0, 1].
        gamma: at least 0; with 0 it is `BinaryCrossentropy`.
        from_logits, label_smoothing, axis: as in `BinaryCrossentropy`.
        reduction, name: as in `Loss`.

    References:
        Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, 2017, equations 4 and 5.

    Example:
        >>> loss = BinaryFocalCrossentropy()([[1.0]], ag.tensor([[0.5]]))
        >>> round(loss.item(), 6)  # log 2 / 4
        0.173287
    """

    apply_class_balancing: bool = field(flag, default=False)
    alpha: float = field(number(0, 1), default=0.25)
    gamma: float = field(number(0), default=2.0)
    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)
    axis: int = field(any_integer, default=-1)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="binary_focal_crossentropy")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        y = self._smooth(y_true)
        logits = y_pred if self.from_logits else logits_behind(y_pred, "sigmoid")
        if logits is not None:
            loss = ag.softplus(-logits) * y + ag.softplus(logits) * (1 - y)
            missing = ag.sigmoid(-logits) * y + ag.sigmoid(logits) * (1 - y)  # 1 - p_t, with all its digits
        else:
            p = np.clip(y_pred, EPSILON, 1 - EPSILON)
            loss = -(np.log(p) * y + np.log(1 - p) * (1 - y))
            missing = (1 - p) * y + p * (1 - y)
        focal = missing**self.gamma * loss
        return focal * (y * self.alpha + (1 - y) * (1 - self.alpha)) if self.apply_class_balancing else focal


binary_focal_crossentropy = function_of(BinaryFocalCrossentropy, "binary_focal_crossentropy")


def _weights(owner: Any, name: str, value: Any) -> Any:
    """Check that `value` is a number of at least 0, or one for each class."""
    weights = np.asarray(value)
    if weights.dtype.kind not in "fiu" or weights.ndim > 1:
        raise argument_error(TypeError, owner, name, "a number, or one a class, at least 0", value)
    if not (weights >= 0).all():
        raise argument_error(ValueError, owner, name, "a number, or one a class, at least 0", value)
    return value


class CategoricalFocalCrossentropy(Categorical):
    """-alpha sum_k (1 - p_k)^gamma y_k log p_k over K classes.

    `y_true` and `y_pred` have the same shape (N, ..., K).

    Args:
        alpha: a weight, or one for each class, at least 0.
        gamma: at least 0.
        from_logits, label_smoothing, axis: as in `CategoricalCrossentropy`.
        reduction, name: as in `Loss`.

    References:
        Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, 2017, equation 5.

    Example:
        >>> loss = CategoricalFocalCrossentropy()([[0.0, 1.0]], ag.tensor([[0.5, 0.5]]))
        >>> round(loss.item(), 6)  # log 2 / 16
        0.043322
    """

    alpha: float | list[float] = field(_weights, default=0.25)
    gamma: float = field(number(0), default=2.0)
    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)
    axis: int = field(any_integer, default=-1)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="categorical_focal_crossentropy")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        log_p = self._log_p(y_pred)
        alpha = asarray_like(np.asarray(self.alpha, log_p.dtype), y_pred)
        if alpha.ndim:
            if alpha.size != y_pred.shape[self.axis]:
                raise ag.ShapeError(
                    f"{self.name}: expected alpha as a number or one for each of {y_pred.shape[self.axis]} classes; "
                    f"received {alpha.size}"
                )
            after = y_pred.ndim - 1 - self.axis % y_pred.ndim  # axes behind that of the classes
            alpha = alpha.reshape(-1, *(1,) * after)
        return -((-np.expm1(log_p)) ** self.gamma * log_p * (self._smooth(y_true) * alpha)).sum(axis=self.axis)


categorical_focal_crossentropy = function_of(CategoricalFocalCrossentropy, "categorical_focal_crossentropy")
