"""From probabilities to the logits behind them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from ..config.ambient import CALL
from ..module.logits import remembered_logits

EPSILON = 1e-7


def bound_infinities(x: Tensor) -> Tensor:
    """Return x with the largest finite numbers for infinities; its derivative is 1 there too."""
    values = ag.stop_gradient(x)
    # Towards themselves numbers stay what they are.
    result: Any = np.nextafter(x, np.where(np.isinf(values), 0, values))
    return result


def log_probabilities(y_pred: Tensor, from_logits: bool, axis: int = -1) -> Tensor:
    """Return log p over an axis: exactly, from logits, or else from clipped probabilities."""
    logits = y_pred if from_logits else logits_behind(y_pred, "softmax", axis)
    if logits is not None:
        return ag.log_softmax(logits, axis=axis)
    total: Any = y_pred.sum(axis=axis, keepdims=True)
    p = y_pred / (np.where(np.equal(total, 0), 1, total) if CALL.get().limits_losses else total)
    return cast("Tensor", np.log(np.clip(p, EPSILON, 1 - EPSILON)))


def logits_behind(y_pred: Tensor, activation: str, axis: int = -1) -> Tensor | None:
    """Return what the activation that made `y_pred` was applied to, unless another op made it or it was not kept."""
    logits = _behind(y_pred, activation, axis)
    if logits is None:
        return None
    logits = logits.astype(y_pred.dtype, copy=False)
    return bound_infinities(logits) if CALL.get().limits_losses else logits


def _behind(y_pred: Tensor, activation: str, axis: int) -> Tensor | None:
    if axis in (-1, y_pred.ndim - 1) and (remembered := remembered_logits(y_pred, activation)) is not None:
        return remembered  # nothing was recorded
    if is_compiling() and not ag.is_grad_enabled():
        return None  # as nothing would be recorded
    op = y_pred.op
    while op is not None and op.name in ("astype", "nextafter"):  # what `Loss` does to predictions before `call`
        y_pred = y_pred.inputs[0]
        op = y_pred.op
    if op is None or op.name != activation:
        return None
    if y_pred.params.get("axis", axis % y_pred.ndim) % y_pred.ndim != axis % y_pred.ndim:
        return None
    logits = y_pred.inputs[0]
    try:
        if not is_compiling():
            logits.data  # noqa: B018  (raises if the values are gone, freed by an earlier backward)
    except ag.GradError:
        return None
    return logits
