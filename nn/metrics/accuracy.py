"""Accuracies: the share of samples whose predicted class is right. The functions return which ones are."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag

from ..config.arguments import checked, flag, number, positive
from ..config.config import publish
from ..config.fields import field
from ..module.masks import join_masks, mask_of
from .averages import Mean, MeanOf
from .metric import Array, as_array, check_same_shape


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return where a prediction equals its target; equal shapes."""
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    check_same_shape("accuracy", y_true, y_pred)
    return np.equal(y_true, y_pred)


@checked
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Return where a prediction is on the side of the threshold that its target, 0 or 1, says; equal shapes.

    Args:
        y_true: the targets, 0 or 1, shape (N, ...); an array, list or Tensor.
        y_pred: the predictions, floating, y_true's shape.
        threshold: predictions above it count as 1; 0.5 by default, which is right for probabilities; 0 for logits.

    Example:
        >>> binary_accuracy([[1.0], [0.0]], [[0.9], [0.8]]).tolist()
        [[True], [False]]
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    check_same_shape("binary accuracy", y_true, y_pred)
    return np.equal(y_true, y_pred > threshold)


@checked
def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return where the largest of K predictions is at the index of the largest of K targets; shapes (N, ..., K).

    Args:
        y_true: the targets, one-hot or a probability for each of K classes, shape (N, ..., K).
        y_pred: a probability or score for each of K classes, y_true's shape.

    Example:
        >>> categorical_accuracy([[0.0, 1.0], [1.0, 0.0]], [[0.2, 0.8], [0.4, 0.6]]).tolist()
        [True, False]
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    check_same_shape("categorical accuracy", y_true, y_pred)
    return np.equal(y_true.argmax(axis=-1), y_pred.argmax(axis=-1))


@checked
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return where the largest of K predictions (N, ..., K) is at the target's index (N, ...) or (N, ..., 1).

    Args:
        y_true: indices of classes, integers from 0 to K - 1, shape (N, ...) or (N, ..., 1).
        y_pred: a probability or score for each of K classes, shape (N, ..., K).

    Example:
        >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]]).tolist()
        [True, False]
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    return np.equal(_indices("sparse categorical accuracy", y_true, y_pred), y_pred.argmax(axis=-1))


@checked
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return where fewer than k of K predictions are above the one at the largest target; shapes (N, ..., K).

    Args:
        y_true: the targets, one-hot or a probability for each of K classes, shape (N, ..., K).
        y_pred: a probability or score for each of K classes, y_true's shape.
        k: among how many of the highest scores the target has to be, at least 1; 5 by default.

    Example:
        >>> top_k_categorical_accuracy([[0.0, 1.0, 0.0]], [[0.5, 0.3, 0.2]], k=2).tolist()
        [True]
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    check_same_shape("top k categorical accuracy", y_true, y_pred)
    return _in_top(y_true.argmax(axis=-1), y_pred, k)


@checked
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """Return where fewer than k of K predictions (N, ..., K) are above the one at the target's index (N, ...).

    With `from_sorted_ids`, `y_pred` are classes, the likeliest first, and the answer is whether the target is among
    the first k.

    Args:
        y_true: indices of classes, integers from 0 to K - 1, shape (N, ...) or (N, ..., 1).
        y_pred: a probability or score for each of K classes, shape (N, ..., K); or classes, with `from_sorted_ids`.
        k: among how many of the highest scores the target has to be, at least 1; 5 by default.
        from_sorted_ids: whether `y_pred` are classes, the likeliest first, in place of scores.

    Example:
        >>> sparse_top_k_categorical_accuracy([2], [[0.5, 0.3, 0.2]], k=2).tolist()
        [False]
    """
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    indices = _indices("sparse top k categorical accuracy", y_true, y_pred)
    if from_sorted_ids:
        return (indices[..., None] == y_pred[..., :k]).any(axis=-1)
    return _in_top(indices.astype(np.intp, copy=False), y_pred, k)


def _indices(name: str, y_true: Array, y_pred: Array) -> Array:
    if y_true.shape != y_pred.shape[:-1] and y_true.shape != (*y_pred.shape[:-1], 1):
        raise ag.ShapeError(
            f"{name}: expected class indices of shape {y_pred.shape[:-1]} for predictions of shape {y_pred.shape}; "
            f"received shape {y_true.shape}"
        )
    return y_true.reshape(y_pred.shape[:-1])


def _in_top(indices: Array, y_pred: Array, k: int) -> Array:
    chosen = np.take_along_axis(y_pred, indices[..., None], -1)
    hits: Array = np.isfinite(chosen[..., 0]) & (np.count_nonzero(y_pred > chosen, axis=-1) < k)
    return hits


class Accuracy(MeanOf, of=accuracy):
    """How often a prediction equals its target; both are labels, of the same shape.

    In `compile`, the name "accuracy" means `AutoAccuracy`, as in Keras.

    Example:
        >>> accuracy = Accuracy()
        >>> accuracy.update_state([1, 2, 3, 4], [0, 2, 3, 4])
        >>> accuracy.result()
        0.75
    """

    name: str = field(default="accuracy")


class CategoricalAccuracy(MeanOf, of=categorical_accuracy):
    """How often the largest of K predictions is at the index of the largest of K targets; shapes (N, ..., K).

    Example:
        >>> accuracy = CategoricalAccuracy()
        >>> accuracy.update_state(np.array([[0, 1], [1, 0]]), np.array([[0.2, 0.8], [0.3, 0.7]]))
        >>> accuracy.result()
        0.5
    """

    name: str = field(default="categorical_accuracy")


class SparseCategoricalAccuracy(MeanOf, of=sparse_categorical_accuracy):
    """How often the largest of K predictions (N, ..., K) is at the target's index (N, ...) or (N, ..., 1).

    Example:
        >>> accuracy = SparseCategoricalAccuracy()
        >>> accuracy.update_state([1, 0], [[0.2, 0.8], [0.3, 0.7]])
        >>> accuracy.result()
        0.5
    """

    name: str = field(default="sparse_categorical_accuracy")


class BinaryAccuracy(MeanOf, of=binary_accuracy):
    """How often a prediction is on its target's side of a threshold.

    Args:
        name: its key in `History`.
        threshold: predictions above it count as 1; 0 for logits.

    Example:
        >>> accuracy = BinaryAccuracy()
        >>> accuracy.update_state([[1], [0]], [[0.8], [0.7]])
        >>> accuracy.result()
        0.5
    """

    name: str = field(default="binary_accuracy")
    threshold: float = field(number(), default=0.5)


class TopKCategoricalAccuracy(MeanOf, of=top_k_categorical_accuracy):
    """How often fewer than k of K predictions are above the one at the largest target; shapes (N, ..., K).

    Args:
        k: at least 1.
        name: its key in `History`.

    Example:
        >>> accuracy = TopKCategoricalAccuracy(k=2)
        >>> accuracy.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.02, 0.9]])
        >>> accuracy.result()
        0.5
    """

    k: int = field(positive, default=5)
    name: str = field(default="top_k_categorical_accuracy")


class SparseTopKCategoricalAccuracy(MeanOf, of=sparse_top_k_categorical_accuracy):
    """How often fewer than k of K predictions (N, ..., K) are above the one at the target's index (N, ...).

    Args:
        k: at least 1.
        name: its key in `History`.
        from_sorted_ids: whether `y_pred` are classes, the likeliest first, in place of scores.

    Example:
        >>> accuracy = SparseTopKCategoricalAccuracy(k=2)
        >>> accuracy.update_state([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.02, 0.9]])
        >>> accuracy.result()
        0.5
    """

    k: int = field(positive, default=5)
    name: str = field(default="sparse_top_k_categorical_accuracy")
    from_sorted_ids: bool = field(flag, default=False)


class AutoAccuracy(Mean):
    """The accuracy that fits the labels, chosen by shapes as Keras does for the name "accuracy".

    One output a sample: binary. Labels with an axis less than the predictions, or a last axis of length 1: sparse
    categorical. Otherwise categorical.

    Args:
        name: its key in `History`.
        threshold: of the binary kind; `compile` sets it to 0, where the probability is one half, when the loss takes
            logits.

    Example:
        >>> metric = AutoAccuracy()
        >>> float(metric([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
        0.5
    """

    name: str = field(default="accuracy")
    threshold: float = field(number(), default=0.5)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in one batch."""
        self.add(self._hits(as_array(y_true), as_array(y_pred)), join_masks(sample_weight, mask_of(y_pred)))

    def _hits(self, y_true: Array, y_pred: Array) -> Array:
        if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
            return binary_accuracy(y_true, y_pred, self.threshold)
        if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
            return sparse_categorical_accuracy(y_true, y_pred)
        return categorical_accuracy(y_true, y_pred)


publish(
    [
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
        sparse_top_k_categorical_accuracy,
        top_k_categorical_accuracy,
    ]
)
