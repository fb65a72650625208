"""Metrics by their names."""

from __future__ import annotations

import inspect
from typing import Any

from ..config.registry import Registry
from .averages import MeanMetricWrapper
from .metric import Metric

_ROOM = __name__.rpartition(".")[0]


def _make(kind: Any, name: str | None) -> Metric:
    """Return a metric that is called as it was asked for, since that is its key in `History`."""
    parameters = inspect.signature(kind).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if needed:
        raise ValueError(
            f"metric: expected a metric that can be made without arguments; received {kind.__name__}, which needs "
            f"{' and '.join(needed)}. Pass an object: nn.metrics.{kind.__name__}({', '.join(f'{n}=…' for n in needed)})"
        )
    metric: Metric = kind() if name is None else kind(name=name)
    return metric


REGISTRY = Registry(
    "a metric",
    Metric,
    room=_ROOM,
    classes=(
        "BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy TopKCategoricalAccuracy "
        "SparseTopKCategoricalAccuracy MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError "
        "MeanSquaredLogarithmicError RootMeanSquaredError R2Score CosineSimilarity LogCoshError PearsonCorrelation "
        "ConcordanceCorrelation BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy "
        "KLDivergence Poisson Hinge SquaredHinge CategoricalHinge AUC Precision Recall TruePositives FalsePositives "
        "TrueNegatives FalseNegatives F1Score FBetaScore BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU "
        "SensitivityAtSpecificity SpecificityAtSensitivity PrecisionAtRecall RecallAtPrecision Mean Sum"
    ),
    others={
        "accuracy": "AutoAccuracy",
        "acc": "AutoAccuracy",
        "mse": "MeanSquaredError",
        "mae": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError",
        "logcosh": "LogCoshError",
        "bce": "BinaryCrossentropy",
        "kld": "KLDivergence",
    },
    make=_make,
    wrap=MeanMetricWrapper,
    takes="of (y_true, y_pred)",
    words={
        "f1": "Write 'f1_score'",
        "r2": "Write 'r2_score'",
        "rmse": "Write 'root_mean_squared_error'",
        "loss": "The loss is always reported, without a metric",
        "iou": "Write nn.metrics.MeanIoU(num_classes)",
    },
)
get, serialize, deserialize = REGISTRY.functions(_ROOM)
