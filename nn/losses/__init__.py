"""Losses: `loss(y_true, y_pred)` is a scalar Tensor, the mean over the samples of a batch.

Arguments that all losses have: `reduction` and `name`. With l the losses of the samples, w their weights and m the mask
of those that count, the reduction is "sum" for sum(w l m); "sum_over_batch_size", the default, or "mean" for that over
sum(m); "mean_with_sample_weight" for that over sum(w m); None for w l m. Calls take `sample_weight` and `mask`, shape
(N,) or that of the losses of the samples. As functions, losses return l: `mean_squared_error(y_true, y_pred)`.

No loss broadcasts its targets: (N,) against (N, 1) is an error, and so are NaN and impossible targets.

The cross-entropies take probabilities, or logits with `from_logits=True`. Probabilities that a softmax (or sigmoid)
has just made are not used: the loss is computed from the logits behind them, which the record of `y_pred` has, and so
is exact where the probabilities round to 0 or 1. Probabilities of unknown origin are clipped to [EPSILON, 1 - EPSILON].

Losses of predictions in half precision compute in single precision, which they have; gradients have that of the
predictions. Losses give no floating-point warnings, and where predictions are infinite they have their limit, if there
is one.
"""

from __future__ import annotations

from typing import Any

from ..config.registry import Registry
from .crossentropy import (
    BinaryCrossentropy as BinaryCrossentropy,
    CategoricalCrossentropy as CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
    binary_crossentropy as binary_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from .ctc import CTC as CTC, ctc as ctc
from .focal import (
    BinaryFocalCrossentropy as BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
    binary_focal_crossentropy as binary_focal_crossentropy,
    categorical_focal_crossentropy as categorical_focal_crossentropy,
)
from .loss import FunctionLoss, Loss as Loss
from .margins import (
    CategoricalHinge as CategoricalHinge,
    Circle as Circle,
    Dice as Dice,
    Hinge as Hinge,
    SquaredHinge as SquaredHinge,
    Tversky as Tversky,
    categorical_hinge as categorical_hinge,
    circle as circle,
    dice as dice,
    hinge as hinge,
    squared_hinge as squared_hinge,
    tversky as tversky,
)
from .probabilities import EPSILON as EPSILON
from .regression import (
    CosineSimilarity as CosineSimilarity,
    Huber as Huber,
    KLDivergence as KLDivergence,
    LogCosh as LogCosh,
    MeanAbsoluteError as MeanAbsoluteError,
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
    MeanSquaredError as MeanSquaredError,
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
    Poisson as Poisson,
    cosine_similarity as cosine_similarity,
    huber as huber,
    kl_divergence as kl_divergence,
    log_cosh as log_cosh,
    mean_absolute_error as mean_absolute_error,
    mean_absolute_percentage_error as mean_absolute_percentage_error,
    mean_squared_error as mean_squared_error,
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
    poisson as poisson,
)


def _of_function(function: Any) -> Loss:
    if hasattr(function, "update_state"):
        raise TypeError(
            f"loss: expected a loss, whose value has gradients; received the metric {function!r}. Use one of nn.losses"
        )
    return FunctionLoss(function)


REGISTRY = Registry(
    "a loss",
    Loss,
    room=__name__,
    classes=(
        "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy "
        "CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence "
        "LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
        "SparseCategoricalCrossentropy SquaredHinge Tversky"
    ),
    others={
        "bce": "BinaryCrossentropy",
        "kld": "KLDivergence",
        "mae": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "mse": "MeanSquaredError",
        "msle": "MeanSquaredLogarithmicError",
    },
    wrap=_of_function,
    takes="of (y_true, y_pred)",
)
get, serialize, deserialize = REGISTRY.functions(__name__)
