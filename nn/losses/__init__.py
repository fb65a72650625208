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

from collections.abc import Callable, Mapping
from typing import Any

from ..config.arguments import checked
from ..config.config import made, named_object, plain
from ..config.registry import find
from .crossentropy import (
    BinaryCrossentropy as BinaryCrossentropy,
    CategoricalCrossentropy as CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from .ctc import CTC as CTC
from .focal import (
    BinaryFocalCrossentropy as BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
)
from .functions import (
    binary_crossentropy as binary_crossentropy,
    binary_focal_crossentropy as binary_focal_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    categorical_focal_crossentropy as categorical_focal_crossentropy,
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
    categorical_hinge as categorical_hinge,
    circle as circle,
    cosine_similarity as cosine_similarity,
    ctc as ctc,
    dice as dice,
    hinge as hinge,
    huber as huber,
    kl_divergence as kl_divergence,
    log_cosh as log_cosh,
    mean_absolute_error as mean_absolute_error,
    mean_absolute_percentage_error as mean_absolute_percentage_error,
    mean_squared_error as mean_squared_error,
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
    poisson as poisson,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
    squared_hinge as squared_hinge,
    tversky as tversky,
)
from .loss import EPSILON as EPSILON, FunctionLoss, Loss as Loss
from .margins import (
    CategoricalHinge as CategoricalHinge,
    Circle as Circle,
    Dice as Dice,
    Hinge as Hinge,
    SquaredHinge as SquaredHinge,
    Tversky as Tversky,
)
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
)

__all__ = [
    "CTC",
    "EPSILON",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

_BY_NAME: dict[str, Callable[[], Loss]] = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "cosine_similarity": CosineSimilarity,
    "huber": Huber,
    "log_cosh": LogCosh,
    "poisson": Poisson,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "categorical_generalized_cross_entropy": CategoricalGeneralizedCrossEntropy,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "dice": Dice,
    "tversky": Tversky,
    "circle": Circle,
    "ctc": CTC,
}


@checked
def get(identifier: str | Mapping[str, Any] | Loss | type[Loss] | Callable[..., Any]) -> Loss:
    """Return a loss by its name or configuration, the given one, or one made of a function of (y_true, y_pred).

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    identifier = named_object(identifier)
    if isinstance(identifier, str):
        return find("a loss", identifier, _BY_NAME)()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if hasattr(identifier, "update_state"):
        raise TypeError(
            f"loss: expected a loss, whose value has gradients; received the metric {identifier!r}. Use one of "
            "nn.losses"
        )
    if callable(identifier):
        return FunctionLoss(identifier)
    raise TypeError(f"loss: expected a name, a Loss or a function of (y_true, y_pred); received {identifier!r}")


@checked
def serialize(loss: Loss | Callable[..., Any]) -> dict[str, Any]:
    """Return what a loss can be made from again, as {"class_name": …, "config": …}; see `deserialize`.

    Args:
        loss: a loss, or a function of (y_true, y_pred); one of your own stays what it is.

    Example:
        >>> serialize(Huber(delta=2.0))["class_name"]
        'losses.Huber'
    """
    config: dict[str, Any] = plain(get(loss))
    return config


@checked
def deserialize(config: Any) -> Loss:
    """Return a loss like the one that was serialized.

    Args:
        config: what `serialize` returned, or a name.

    Raises:
        ValueError: if the configuration stands for something else.

    Example:
        >>> deserialize(serialize(Huber(delta=2.0))).delta
        2.0
    """
    return get(config) if isinstance(config, str) else made("a loss", config, Loss)
