"""The losses as functions: one value a sample, shape (N, ...); each is its class without a reduction."""

from __future__ import annotations

from typing import Any

from autograd_lite import Tensor

from ..config.arguments import checked
from ..config.config import publish
from . import crossentropy, ctc as _ctc, focal, margins, regression

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "dice",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


@checked
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `MeanSquaredError`."""
    return regression.MeanSquaredError(reduction=None)(y_true, y_pred)


@checked
def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `MeanAbsoluteError`."""
    return regression.MeanAbsoluteError(reduction=None)(y_true, y_pred)


@checked
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `MeanAbsolutePercentageError`."""
    return regression.MeanAbsolutePercentageError(reduction=None)(y_true, y_pred)


@checked
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `MeanSquaredLogarithmicError`."""
    return regression.MeanSquaredLogarithmicError(reduction=None)(y_true, y_pred)


@checked
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return the samples' losses by the formula of `CosineSimilarity`."""
    return regression.CosineSimilarity(axis=axis, reduction=None)(y_true, y_pred)


@checked
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Return the samples' losses by the formula of `Huber`."""
    return regression.Huber(delta=delta, reduction=None)(y_true, y_pred)


@checked
def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `LogCosh`."""
    return regression.LogCosh(reduction=None)(y_true, y_pred)


@checked
def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `Poisson`."""
    return regression.Poisson(reduction=None)(y_true, y_pred)


@checked
def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `KLDivergence`."""
    return regression.KLDivergence(reduction=None)(y_true, y_pred)


@checked
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the samples' losses by the formula of `BinaryCrossentropy`."""
    loss = crossentropy.BinaryCrossentropy(
        from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None
    )
    return loss(y_true, y_pred)


@checked
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the samples' losses by the formula of `BinaryFocalCrossentropy`."""
    loss = focal.BinaryFocalCrossentropy(
        apply_class_balancing=apply_class_balancing,
        alpha=alpha,
        gamma=gamma,
        from_logits=from_logits,
        label_smoothing=label_smoothing,
        axis=axis,
        reduction=None,
    )
    return loss(y_true, y_pred)


@checked
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the samples' losses by the formula of `CategoricalCrossentropy`."""
    loss = crossentropy.CategoricalCrossentropy(
        from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None
    )
    return loss(y_true, y_pred)


@checked
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | list[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the samples' losses by the formula of `CategoricalFocalCrossentropy`."""
    loss = focal.CategoricalFocalCrossentropy(
        alpha=alpha, gamma=gamma, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None
    )
    return loss(y_true, y_pred)


@checked
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Return the samples' losses by the formula of `SparseCategoricalCrossentropy`."""
    loss = crossentropy.SparseCategoricalCrossentropy(
        from_logits=from_logits, ignore_class=ignore_class, axis=axis, reduction=None
    )
    return loss(y_true, y_pred)


@checked
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """Return the samples' losses by the formula of `CategoricalGeneralizedCrossEntropy`."""
    return crossentropy.CategoricalGeneralizedCrossEntropy(q=q, reduction=None)(y_true, y_pred)


@checked
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `Hinge`."""
    return margins.Hinge(reduction=None)(y_true, y_pred)


@checked
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `SquaredHinge`."""
    return margins.SquaredHinge(reduction=None)(y_true, y_pred)


@checked
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `CategoricalHinge`."""
    return margins.CategoricalHinge(reduction=None)(y_true, y_pred)


@checked
def dice(y_true: Any, y_pred: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the samples' losses by the formula of `Dice`."""
    return margins.Dice(axis=axis, reduction=None)(y_true, y_pred)


@checked
def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | tuple[int, ...] | None = None,
) -> Tensor:
    """Return the samples' losses by the formula of `Tversky`."""
    return margins.Tversky(alpha=alpha, beta=beta, axis=axis, reduction=None)(y_true, y_pred)


@checked
def circle(y_true: Any, y_pred: Any, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True) -> Tensor:
    """Return the samples' losses by the formula of `Circle`."""
    return margins.Circle(gamma=gamma, margin=margin, remove_diagonal=remove_diagonal, reduction=None)(y_true, y_pred)


@checked
def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Return the samples' losses by the formula of `CTC`."""
    return _ctc.CTC(reduction=None)(y_true, y_pred)


publish(globals()[name] for name in __all__)
