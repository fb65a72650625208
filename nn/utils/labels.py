"""Labels as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from ..config.arguments import checked


@checked
def to_categorical(x: npt.ArrayLike | Tensor, num_classes: int | None = None) -> npt.NDArray[np.float32]:
    """Return integer labels as one-hot rows: out[i, x[i]] = 1, all else 0.

    Args:
        x: integer labels from 0 to K - 1, shape (N,), or any shape; a last axis of length 1 is dropped.
        num_classes: K; by default the largest label plus 1.

    Returns:
        float32 array of shape (N, K), or x's shape with K appended.

    Raises:
        ValueError: if x is not made of integers from 0 to num_classes - 1, or is empty with no `num_classes` given.

    Example:
        >>> to_categorical([2, 0], num_classes=3)
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(x.data if isinstance(x, Tensor) else x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size == 0 and num_classes is None:
        raise ValueError(
            f"to_categorical: expected at least one label, or num_classes; received an empty x of shape {labels.shape}"
        )
    if labels.dtype.kind not in "iub" and not _whole(labels):
        raise ValueError(
            f"to_categorical: expected integer labels; received {labels.dtype} values that are not whole numbers, or "
            "not numbers. Round them, or map class names to 0, 1, … with np.unique(names, return_inverse=True)[1]"
        )
    labels = labels.astype(np.int64)
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"to_categorical: expected labels from 0 to {classes - 1}; received {labels.min()} to {labels.max()}. "
            "Subtract the smallest label, or pass a larger num_classes"
        )
    out = np.zeros((labels.size, classes), np.float32)
    out[np.arange(labels.size), labels.ravel()] = 1
    return out.reshape(*labels.shape, classes)


def _whole(labels: npt.NDArray[Any]) -> bool:
    """Return whether floating labels are whole numbers, which excludes NaN."""
    return labels.dtype.kind == "f" and bool(np.isfinite(labels).all() and (labels == np.floor(labels)).all())
