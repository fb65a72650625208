"""What `compile` was given, as objects."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arrays import is_duck_array

from .. import losses, metrics, optimizers
from ..config.ambient import CALL
from ..config.config import kept_by_class
from ..data.structure import batch_size_of, is_structure, map_structure
from ..metrics import MeanMetricWrapper, Metric
from ..metrics.metric import as_array
from ..module.masks import MASKS, joined, masks_in
from .outputs import _LossTracker, _OutputMetric, _OutputsLoss, _PartialLoss, fitted, reduced, scalar_or_array


class _CompiledMetrics(Metric):
    """All metrics that `compile` was given, as one; of these, only the weighted ones are given the sample weights.

    Args:
        plain: metrics without weights.
        weighted: metrics with weights.
    """

    def __init__(self, plain: tuple[Metric, ...], weighted: tuple[Metric, ...]) -> None:
        self._groups = plain, weighted
        super().__init__("compile_metrics")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics in the order of `evaluate`: those of several outputs by name."""
        plain, weighted = self._groups
        found = plain + weighted
        return tuple(sorted(found, key=lambda metric: metric.name if isinstance(metric, _OutputMetric) else ""))

    @property
    def variables(self) -> list[Tensor]:
        """Those of all metrics, in the order of `metrics`."""
        return [v for metric in self.metrics if not isinstance(metric, _PartialLoss) for v in metric.variables]

    def reset_state(self) -> None:
        """Forget all batches."""
        for group in self._groups:
            for metric in group:
                metric.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch, except what the masks of the predictions leave out."""
        if not any(self._groups):
            return
        predicted = values_of(y_pred)
        if y_true.__class__ is not np.ndarray:
            y_true = map_structure(lambda y: as_array(y) if is_duck_array(y) else y, y_true)
        masks = masks_in(y_pred) if MASKS else None
        plain, weighted = self._groups
        for metric in plain:
            _show(metric, y_true, predicted, None, masks)
        for metric in weighted:
            _show(metric, y_true, predicted, sample_weight, masks)

    def result(self) -> dict[str, Any]:
        """Return the results by name."""
        return {m.name: scalar_or_array(m.result()) for m in self.metrics if not isinstance(m, _PartialLoss)}


class Compiled(NamedTuple):
    """What `compile` was given, as objects."""

    optimizer: optimizers.Optimizer
    loss: losses.Loss | None
    metrics: tuple[Metric, ...]
    weighted: tuple[Metric, ...]
    tracker: _LossTracker
    together: _CompiledMetrics

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The metrics without and with sample weights, in the order of `evaluate`."""
        return self.together.metrics

    def apart(self, modules: Iterable[Any]) -> Compiled:
        """Return a copy whose losses and metrics share nothing with these but the modules."""
        memo = {id(module): module for module in modules}
        return Compiled(self.optimizer, *copy.deepcopy(self[1:], memo))

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `compile` that make the same, as objects."""
        loss, own = self.loss, [m for m in self.metrics if not isinstance(m, _PartialLoss)]
        if not isinstance(loss, _OutputsLoss):
            return {"optimizer": self.optimizer, "loss": loss, "metrics": own, "weighted_metrics": list(self.weighted)}
        return {
            "optimizer": self.optimizer,
            "loss": {**loss.parts, **{name: None for name in loss.names if name not in loss.parts}},
            "loss_weights": loss.weights,
            "metrics": _by_output(own),
            "weighted_metrics": _by_output(self.weighted),
        }

    def loss_and_weight(self, y: Any, y_pred: Any, w: Any) -> tuple[Tensor, float]:
        """Return the loss of a batch, and its weight in the mean over batches; see `Loss.loss_and_weight`."""
        loss = self.loss
        assert loss is not None
        if y_pred.__class__ is Tensor:
            y = fitted(y, y_pred.shape)
        if type(loss).__call__ is losses.Loss.__call__:
            value, weight = loss.loss_and_weight(y, y_pred, w)
        else:
            value, weight = (loss(y, y_pred) if w is None else loss(y, y_pred, w)), float(batch_size_of(y_pred))
        if (shard := CALL.get().shard) is not None and not isinstance(loss, _OutputsLoss):
            shard.add_loss(value, weight, loss.reduction == "sum")
        return value, weight

    def update_metrics(self, y: Any, y_pred: Any, w: Any) -> None:
        """Show one batch to every metric, except what the masks of the predictions leave out."""
        self.together.update_state(y, y_pred, w)


def _show(metric: Any, y: Any, predicted: Any, w: Any, masks: Any) -> None:
    """Show one batch to a metric, with weights only if there are any."""
    if isinstance(metric, _OutputMetric):
        part = metric.part
        weights, own = part(w) if is_structure(w) else w, None if masks is None else part(masks)
        _show(metric.metric, part(y), part(predicted), weights, own)
        return
    if isinstance(metric, _PartialLoss) or isinstance(masks, (list, tuple, Mapping)):
        masks = None  # the loss has applied them already, or one metric sees all outputs
    if isinstance(predicted, np.ndarray):
        y = fitted(y, predicted.shape)
    if masks is not None and w is None and isinstance(metric, MeanMetricWrapper):
        metric.update_masked(y, predicted, joined(None, masks))
        return
    if masks is not None and "sample_weight" in parameters_of(type(metric).update_state):
        w = joined(w, masks)
    if w is None:
        metric.update_state(y, predicted)
    else:
        metric.update_state(y, predicted, w)


@kept_by_class
def parameters_of(method: Any) -> frozenset[str]:
    """Return the names of a method's parameters."""
    return frozenset(inspect.signature(method).parameters)


def values_of(y_pred: Any) -> Any:
    """Return the arrays of a model's output, a Tensor or a structure of Tensors."""
    return as_array(y_pred) if y_pred.__class__ is Tensor else map_structure(as_array, y_pred)


def compiled_with(
    optimizer: Any, loss: Any, wanted: Any, weighted: Any, loss_weights: Any, names: Sequence[str] | None
) -> Compiled:
    """Return what `compile` was given as objects.

    Args:
        optimizer: name or Optimizer.
        loss: name, Loss, function, None, or a list or dict of them, one an output.
        wanted: metrics; with several outputs a list of lists or a dict.
        weighted: metrics that are given the sample weights.
        loss_weights: a list or dict of numbers, with several outputs.
        names: of the outputs, if they are known.

    Raises:
        ValueError: for unknown names, and for metrics of one name.
    """
    if names and len(names) > 1 and _of_one_output(loss):
        loss = dict.fromkeys(names, loss)
    if isinstance(loss, (list, tuple, dict)):
        found: losses.Loss | None = _OutputsLoss(loss, loss_weights, names)
    elif loss_weights is not None:
        raise ValueError("expected loss_weights together with one loss for each output; received one loss")
    else:
        found = None if loss is None else reduced(losses.get(loss))
    made = [_metrics(wanted, found)]
    made.append(_metrics(weighted, found, {m.name for m in made[0]}))
    if isinstance(found, _OutputsLoss) and len(found.parts) > 1:
        made[0] = (*(_PartialLoss(found, name) for name in found.parts), *made[0])
    used = ["loss", *(m.name for group in made for m in group)]
    if len(set(used)) < len(used):
        raise ValueError(f"expected metrics with different names, none of them 'loss'; received {used[1:]}")
    plain, weighed = made
    return Compiled(
        optimizers.get(optimizer), found, plain, weighed, _LossTracker(found), _CompiledMetrics(plain, weighed)
    )


def _of_one_output(loss: Any) -> bool:
    """Return whether a loss takes arrays; one of several outputs, or a custom function, may take them all at once."""
    plain, kind = losses.Loss, type(loss)
    return isinstance(loss, str) or (
        isinstance(loss, plain) and kind.__call__ is plain.__call__ and kind.loss_and_weight is plain.loss_and_weight
    )


def _metrics(wanted: Any, loss: losses.Loss | None, taken: Collection[str] = ()) -> tuple[metrics.Metric, ...]:
    """Return metrics as objects; those made here get the prefix "weighted_" if their name is taken, as in Keras."""
    if not isinstance(loss, _OutputsLoss):
        return tuple(_renamed(_metric(given, loss), given, "", taken) for given in as_list(wanted))
    groups = loss.by_output("metrics", wanted) if wanted else {}
    return tuple(
        _OutputMetric(_renamed(_metric(given, loss.parts.get(name)), given, f"{name}_", taken), loss, name)
        for name in loss.names
        for given in as_list(groups.get(name))
    )


def _metric(given: Any, loss: losses.Loss | None) -> metrics.Metric:
    metric = metrics.get(given)
    if isinstance(given, str) and isinstance(metric, metrics.AutoAccuracy) and getattr(loss, "from_logits", False):
        return metrics.AutoAccuracy(name=metric.name, threshold=0.0)
    return metric


def _renamed(metric: metrics.Metric, given: Any, before: str, taken: Collection[str]) -> metrics.Metric:
    if metric is given or before + metric.name not in taken:  # a metric object keeps the name that its owner gave it
        return metric
    return type(metric).from_config({**metric.get_config(), "name": f"weighted_{metric.name}"})


def _by_output(used: Sequence[Metric]) -> dict[str, list[Metric]]:
    """Return the metrics by output, without the output's name in theirs."""
    found: dict[str, list[Metric]] = {}
    for metric in used:
        assert isinstance(metric, _OutputMetric)
        found.setdefault(metric.output, []).append(metric.metric)
    return found


def as_list(given: Any) -> list[Any]:
    """Return a list of what may be None, one thing, or several."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]
