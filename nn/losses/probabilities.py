"""From probabilities to the logits behind them."""

from __future__ import annotations

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import remembered_logits
from .loss import EPSILON

__all__ = ["log_probabilities", "logits_behind"]


def log_probabilities(y_pred: Tensor, from_logits: bool, axis: int = -1) -> Tensor:
    """Return log p over an axis: exactly, from logits, or else from clipped probabilities."""
    logits = y_pred if from_logits else logits_behind(y_pred, "softmax", axis)
    if logits is not None:
        return ag.log_softmax(logits, axis=axis)
    p = y_pred / y_pred.sum(axis=axis, keepdims=True)
    return np.log(np.clip(p, EPSILON, 1 - EPSILON))


def logits_behind(y_pred: Tensor, activation: str, axis: int = -1) -> Tensor | None:
    """Return what the activation that made `y_pred` was applied to, unless another op made it or it was not kept."""
    op = y_pred.op
    if op is None:
        return remembered_logits(y_pred, activation) if axis in (-1, y_pred.ndim - 1) else None
    if op.name != activation or y_pred.params.get("axis", axis % y_pred.ndim) % y_pred.ndim != axis % y_pred.ndim:
        return None
    logits = y_pred.inputs[0]
    try:
        logits.data  # noqa: B018  (raises if the values are gone, freed by an earlier backward)
    except ag.GradError:
        return None
    return logits
