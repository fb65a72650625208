"""Losses by their names."""

from __future__ import annotations

from typing import Any

from ..config.registry import Registry
from .loss import FunctionLoss, Loss

_ROOM = __name__.rpartition(".")[0]


def _of_function(function: Any) -> Loss:
    if hasattr(function, "update_state"):
        raise TypeError(
            f"loss: expected a loss, whose value has gradients; received the metric {function!r}. Use one of nn.losses"
        )
    return FunctionLoss(function)


REGISTRY = Registry(
    "a loss",
    Loss,
    room=_ROOM,
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
get, serialize, deserialize = REGISTRY.functions(_ROOM)
