"""Cross-entropies: the negative log-probability of the true class."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from ..config.arguments import any_integer, flag, number, optional
from ..config.fields import field
from . import targets
from .loss import Array, Elementwise, Loss, Targets, function_of, values_of
from .probabilities import EPSILON, log_probabilities, logits_behind


class Categorical(Loss):
    """A loss of distributions over K classes, which lie along `axis`."""

    from_logits = False
    label_smoothing = 0.0
    axis = -1

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are distributions over at least two classes."""
        if self.axis != -1:
            y_true, shape = targets.with_axis_last(self.name, self.axis, y_true, shape)
        targets.check_distributions(self.name, y_true, shape)

    def _log_p(self, y_pred: Tensor) -> Tensor:
        return log_probabilities(y_pred, self.from_logits, self.axis)

    def _smooth(self, y_true: Targets) -> Targets:
        s = self.label_smoothing
        return y_true * (1 - s) + s / y_true.shape[self.axis] if s else y_true


class CategoricalCrossentropy(Categorical):
    """Cross-entropy with one-hot targets or soft ones: -sum_k y_k log p_k over K classes.

    `y_true` and `y_pred` have the same shape (N, ..., K). Probabilities p are first divided by their sum, as Keras
    does; with logits z, log p_k = z_k - logsumexp(z).

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / K.
        axis: that of the classes.
        reduction, name: as in `Loss`.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, equation 6.30 (the loss of softmax units).
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture, 2016, section 7 (smoothing).

    Example:
        >>> loss = CategoricalCrossentropy()([[0.0, 1.0]], ag.tensor([[0.5, 0.5]]))
        >>> round(loss.item(), 6)
        0.693147
    """

    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)
    axis: int = field(any_integer, default=-1)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="categorical_crossentropy")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return -(self._log_p(y_pred) * self._smooth(y_true)).sum(axis=self.axis)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over the samples; for arrays the targets are divided, which is cheaper and not recorded."""
        if isinstance(y_true, Tensor) and not is_compiling():
            return super().mean(y_true, y_pred)  # so that the record, and its picture, has the targets themselves
        share = self._smooth(y_true) * (-y_pred.shape[self.axis] / y_pred.size)
        return (self._log_p(y_pred) * share).sum()


categorical_crossentropy = function_of(CategoricalCrossentropy, "categorical_crossentropy")


class _OfIndices(Loss):
    """A loss whose targets are class indices, shape (N, ...) or (N, ..., 1), for predictions (N, ..., K)."""

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the targets are class indices for predictions of this shape."""
        targets.check_indices(self.name, y_true, shape)

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return (y_true if is_compiling() else values_of(y_true)).astype(np.intp, copy=False)


class SparseCategoricalCrossentropy(_OfIndices):
    """Cross-entropy with class indices as targets: -log p_y.

    `y_true` are integers from 0 to K - 1, shape (N, ...) or (N, ..., 1); `y_pred` has shape (N, ..., K).

    Args:
        from_logits: whether y_pred are logits.
        ignore_class: a target whose samples have no loss and do not count in means, such as -1 or 255; None for none.
        reduction: as in `Loss`.
        axis: that of the classes.
        name: as in `Loss`.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, equation 6.30 (the loss of softmax units).

    Example:
        >>> loss = SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], ag.tensor([[0.5, 0.5], [0.9, 0.1]]))
        >>> round(loss.item(), 6)
        0.693147
    """

    from_logits: bool = field(flag, default=False)
    ignore_class: int | None = field(optional(any_integer), default=None)
    reduction: str | None = field(default="sum_over_batch_size")
    axis: int = field(any_integer, default=-1)
    name: str = field(default="sparse_categorical_crossentropy")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        at = self.axis % y_pred.ndim
        shape = (*y_pred.shape[:at], *y_pred.shape[at + 1 :])
        counted = self._not_ignored(y_true)
        indices = (y_true if counted is None else np.where(counted, y_true, 0)).reshape(shape)
        logits = y_pred if self.from_logits else logits_behind(y_pred, "softmax", self.axis)
        losses: Any
        if logits is not None:
            losses = ag.cross_entropy(logits, indices, self.axis)
        else:
            log_p: Any = log_probabilities(y_pred, False, self.axis)
            losses = -np.take_along_axis(log_p, np.expand_dims(indices, at), at).reshape(shape)
        if counted is not None:
            losses = np.where(counted.reshape(shape), losses, losses.dtype.type(0))
        result: Tensor = losses
        return result

    def count_mask(self, y_true: Targets, losses: Tensor) -> Array | None:
        """Return which targets are not of the ignored class."""
        counted = self._not_ignored(y_true)
        return None if counted is None else counted.reshape(losses.shape)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the targets are class indices, or ignored, for predictions of this shape."""
        if self.axis != -1:
            targets.check_has_axis(self.name, self.axis, shape)
            at = self.axis % len(shape)
            shape = (*shape[:at], *shape[at + 1 :], shape[at])
        counted = self._not_ignored(y_true)
        targets.check_indices(self.name, y_true if counted is None else np.where(counted, y_true, 0), shape)

    def _not_ignored(self, y_true: Array) -> Array | None:
        return None if self.ignore_class is None else np.not_equal(y_true, self.ignore_class)


sparse_categorical_crossentropy = function_of(SparseCategoricalCrossentropy, "sparse_categorical_crossentropy")


class Binary(Elementwise):
    """A mean over `axis` of losses of targets in [0, 1], or near it, if they are labels with noise."""

    from_logits = False
    label_smoothing = 0.0

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are in [0, 1], or labels with noise."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_unit_interval(self.name, y_true)
        if self.axis != -1:
            targets.check_has_axis(self.name, self.axis, shape)

    def _smooth(self, y_true: Targets) -> Targets:
        s = self.label_smoothing
        return y_true * (1 - s) + s / 2 if s else y_true


class BinaryCrossentropy(Binary):
    """The mean over the last axis of -(y log p + (1 - y) log(1 - p)).

    `y_true` is in [0, 1], of the same shape (N, ..., F) as `y_pred`; labels with noise may be outside. With logits z it
    is y softplus(-z) + (1 - y) softplus(z), which loses no digits at either end.

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / 2.
        axis: that of the mean.
        reduction, name: as in `Loss`.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, equation 6.26 (the loss of a sigmoid unit as a softplus).

    Example:
        >>> BinaryCrossentropy(from_logits=True)([[1.0]], ag.tensor([[-1000.0]])).item()
        1000.0
    """

    from_logits: bool = field(flag, default=False)
    label_smoothing: float = field(number(0, 1), default=0.0)
    axis: int = field(any_integer, default=-1)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="binary_crossentropy")

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        y_true = self._smooth(y_true)
        logits = y_pred if self.from_logits else logits_behind(y_pred, "sigmoid")
        if logits is not None:
            return ag.softplus(-logits) * y_true + ag.softplus(logits) * (1 - y_true)
        if y_pred.shape[-1:] == (1,) and logits_behind(y_pred, "softmax") is not None:
            raise ag.ShapeError(
                f"{self.name}: expected the probability of class 1; received y_pred of shape {y_pred.shape} from a "
                "softmax of one number, which is always 1. Use activation='sigmoid'"
            )
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return -(np.log(p) * y_true + np.log(1 - p) * (1 - y_true))


binary_crossentropy = function_of(BinaryCrossentropy, "binary_crossentropy")


class CategoricalGeneralizedCrossEntropy(_OfIndices):
    """(1 - p_y^q) / q: cross-entropy as q nears 0, absolute error at 1; wrong labels do it less harm.

    `y_true` are integers from 0 to K - 1, shape (N, ...) or (N, ..., 1); `y_pred` are probabilities (N, ..., K).

    Args:
        q: between 0 and 1.
        reduction, name: as in `Loss`.

    References:
        Zhang, Sabuncu: Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018,
        equation 6.

    Example:
        >>> CategoricalGeneralizedCrossEntropy()([0], ag.tensor([[0.25, 0.75]])).item()
        1.0
    """

    q: float = field(number(above=0, below=1), default=0.5)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="categorical_generalized_cross_entropy")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        rows = y_pred.reshape(-1, y_pred.shape[-1])
        p: Any = np.clip(rows[np.arange(y_true.size), y_true.ravel()], EPSILON, 1).reshape(y_pred.shape[:-1])
        losses: Tensor = (1 - p**self.q) / self.q
        return losses


categorical_generalized_cross_entropy = function_of(
    CategoricalGeneralizedCrossEntropy, "categorical_generalized_cross_entropy"
)
