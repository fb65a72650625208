"""Losses with a margin (hinges), of overlaps (Dice, Tversky), and of distances between embeddings (Circle)."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import asarray_like
from autograd_lite.extend import is_compiling

from ..config.arguments import axes, flag, number
from ..config.fields import field
from . import targets
from .loss import Array, Loss, Targets, function_of, values_of
from .probabilities import EPSILON


class Hinge(Loss):
    """The mean over the last axis of max(1 - y p, 0), with y either -1 or 1; labels 0 and 1 become -1 and 1.

    `y_true` and `y_pred` have the same shape (N, ..., F).

    References:
        Cortes, Vapnik: Support-Vector Networks, 1995, section 3 (the slack of the soft margin).

    Example:
        >>> Hinge()([[1.0, 0.0]], ag.tensor([[0.5, 0.5]])).item()
        1.0
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="hinge")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return self._slack(y_true, y_pred).mean(axis=-1)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the labels are -1 and 1, or 0 and 1, or these with noise."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_two_classes(self.name, y_true)

    @staticmethod
    def _slack(y_true: Targets, y_pred: Tensor) -> Tensor:
        signs: Any = y_true
        if is_compiling():
            signs = np.where(np.all(y_true * (y_true - 1) == 0), y_true * 2 - 1, y_true)
        elif values_of(y_true * (y_true - 1) == 0).all():
            signs = y_true * 2 - 1
        return np.maximum(1 - y_pred * signs, y_pred.dtype.type(0))


hinge = function_of(Hinge, "hinge")


class SquaredHinge(Hinge):
    """The mean over the last axis of max(1 - y p, 0)², with y either -1 or 1; labels 0 and 1 become -1 and 1.

    `y_true` and `y_pred` have the same shape (N, ..., F).

    References:
        Cortes, Vapnik: Support-Vector Networks, 1995, section 3 (the slack of the soft margin, squared).

    Example:
        >>> SquaredHinge()([[1.0, 0.0]], ag.tensor([[0.5, 0.5]])).item()
        1.25
    """

    name: str = field(default="squared_hinge")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        squares: Any = np.square(self._slack(y_true, y_pred))
        return cast("Tensor", squares.mean(axis=-1))


squared_hinge = function_of(SquaredHinge, "squared_hinge")


class CategoricalHinge(Loss):
    """max(1 + neg - pos, 0), with pos = sum_k y_k p_k and neg = max_k (1 - y_k) p_k over K classes.

    `y_true` are one-hot targets of the same shape (N, ..., K) as `y_pred`.

    References:
        Crammer, Singer: On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, 2001, equation 3.

    Example:
        >>> CategoricalHinge()([[0.0, 1.0]], ag.tensor([[0.5, 0.25]])).item()
        1.25
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="categorical_hinge")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        right = (y_pred * y_true).sum(axis=-1)
        wrong = (y_pred * (1 - y_true)).max(axis=-1)
        return np.maximum(wrong - right + 1, y_pred.dtype.type(0))

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are distributions over at least two classes."""
        targets.check_distributions(self.name, y_true, shape)


categorical_hinge = function_of(CategoricalHinge, "categorical_hinge")


class _Overlap(Loss):
    """A loss of two sets, as masks of the same shape."""

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are in [0, 1]."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_unit_interval(self.name, y_true)


class Dice(_Overlap):
    """1 - 2 sum(y p) / (sum(y) + sum(p) + EPSILON): how far two sets, as masks, are from covering each other.

    `y_true` in [0, 1] and `y_pred` have the same shape (N, ...).

    Args:
        reduction, name: as in `Loss`.
        axis: of the sums; by default everything, which makes one number of a batch, not of its samples.

    References:
        Milletari, Navab, Ahmadi: V-Net, 2016, section 3; without the squares of its denominator, as in Keras.

    Example:
        >>> loss = Dice(axis=1)([[1.0, 1.0, 0.0, 0.0]], ag.tensor([[1.0, 0.0, 0.0, 1.0]]))
        >>> round(loss.item(), 6)
        0.5
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="dice")
    axis: int | tuple[int, ...] | None = field(axes, default=None)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses, in the shape that is left without `axis`."""
        both = (y_pred * y_true).sum(axis=self.axis)
        return 1 - 2 * both / (y_true.sum(axis=self.axis) + y_pred.sum(axis=self.axis) + EPSILON)


dice = function_of(Dice, "dice")


class Tversky(_Overlap):
    """1 - I / (I + alpha sum(y (1 - p)) + beta sum((1 - y) p) + EPSILON), with I = sum(y p).

    `y_true` in [0, 1] and `y_pred` have the same shape (N, ...). With alpha = beta = 1/2 it is `Dice`.

    Args:
        alpha: the price of what y has and p lacks, at least 0.
        beta: the price of what p has and y lacks, at least 0.
        reduction, name, axis: as in `Dice`.

    References:
        Salehi, Erdogmus, Gholipour: Tversky Loss Function for Image Segmentation, 2017, equation 4. Keras, and so this
        class, has alpha on misses; the paper has it on false alarms.

    Example:
        >>> loss = Tversky(alpha=1.0, beta=0.0, axis=1)([[1.0, 1.0, 0.0, 0.0]], ag.tensor([[1.0, 0.0, 0.0, 1.0]]))
        >>> round(loss.item(), 6)
        0.5
    """

    alpha: float = field(number(0), default=0.5)
    beta: float = field(number(0), default=0.5)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="tversky")
    axis: int | tuple[int, ...] | None = field(axes, default=None)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses, in the shape that is left without `axis`."""
        both = (y_pred * y_true).sum(axis=self.axis)
        missed = ((1 - y_pred) * y_true).sum(axis=self.axis)
        extra = (y_pred * (1 - y_true)).sum(axis=self.axis)
        return 1 - both / (both + missed * self.alpha + extra * self.beta + EPSILON)


tversky = function_of(Tversky, "tversky")


_FAR = -1e9  # the log of nothing, so that rows without any pair have finite sums


class Circle(Loss):
    """softplus(L_p + L_n) of each sample, which pulls embeddings of its class near and pushes those of others away.

    With cosine distances d_ij = max(1 - e_i·e_j, 0), L_p = logsumexp_j -gamma (margin + d_ij) (margin - d_ij) over the
    samples j of i's class, L_n = logsumexp_j gamma max(1 + margin - d_ij, 0) (1 - margin - d_ij) over those of others.
    Samples without either kind of partner do not count.

    `y_true` are integer labels, shape (N,) or (N, 1); `y_pred` are embeddings (N, D) of length 1.

    Args:
        gamma: a scale, greater than 0.
        margin: from 0 to 1; a lesser one asks for more.
        remove_diagonal: whether to leave out the pairs of a sample with itself.
        reduction, name: as in `Loss`.

    References:
        Sun, Cheng, Zhang, Zhang, Zheng, Wang, Wei: Circle Loss, 2020, equation 6 with the margins of equation 8.

    Example:
        >>> e = ag.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> loss = Circle()([0, 0, 1, 1], e)
        >>> loss.item() < 1e-3, Circle()([0, 1, 0, 1], e).item() > 100
        (True, True)
    """

    gamma: float = field(number(above=0), default=80.0)
    margin: float = field(number(0, 1), default=0.4)
    remove_diagonal: bool = field(flag, default=True)
    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="circle")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N,)."""
        same, other = self._partners(y_true)
        distances = np.maximum(1 - y_pred @ y_pred.T, y_pred.dtype.type(0))
        pull = -self.gamma * (self.margin + distances) * (self.margin - distances)
        weights = np.maximum(1 + self.margin - distances, y_pred.dtype.type(0))
        push = self.gamma * weights * (1 - self.margin - distances)
        far = y_pred.dtype.type(_FAR)
        near = ag.logsumexp(np.where(same, pull, far), axis=1)
        return ag.softplus(near + ag.logsumexp(np.where(other, push, far), axis=1))

    def count_mask(self, y_true: Targets, losses: Tensor) -> Array | None:
        """Return which samples have partners of both kinds."""
        same, other = self._partners(y_true)
        return np.logical_and(same.any(axis=1), other.any(axis=1))

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless there is an integer label for each embedding."""
        targets.check_counts(self.name, y_true, shape)
        if len(shape) != 2 or y_true.shape not in ((shape[0],), (shape[0], 1)) or y_true.dtype.kind not in "iub":
            raise ag.ShapeError(
                f"{self.name}: expected integer labels (N,) and embeddings (N, D); received y_true {y_true.shape} of "
                f"dtype {y_true.dtype} and y_pred {shape}"
            )

    def _partners(self, y_true: Targets) -> tuple[Any, Any]:
        labels = y_true.ravel()
        equal = np.equal(labels[:, None], labels)
        others = ~asarray_like(np.eye(len(labels), dtype=bool), labels)
        return (equal & others if self.remove_diagonal else equal), ~equal

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return y_true if is_compiling() else values_of(y_true)


circle = function_of(Circle, "circle")
