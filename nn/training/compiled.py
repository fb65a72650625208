"""The arguments of `compile` as objects: the optimizer, the loss and the metrics."""

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
from ..config.config import cached_by_class
from ..data.structure import batch_size_of, is_structure, map_structure
from ..metrics.averages import MeanMetricWrapper
from ..metrics.metric import Metric, as_array
from ..module.masks import MASKS, join_masks, masks_in
from .outputs import (
    _LossTracker,
    _OutputMetric,
    _OutputsLoss,
    _PartialLoss,
    check_reduced,
    fit_targets,
    scalar_or_array,
)


class _CompiledMetrics(Metric):
    """All metrics of `compile` as one; only the weighted ones receive the sample weights.

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
        metrics = plain + weighted
        return tuple(sorted(metrics, key=lambda metric: metric.name if isinstance(metric, _OutputMetric) else ""))

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
    """The arguments of `compile` as objects.

    Attributes:
        metrics: those without sample weights, the losses of single outputs included.
        weighted: those with sample weights.
        tracker: the mean loss.
        together: all metrics as one.
    """

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
        loss, metrics = self.loss, [m for m in self.metrics if not isinstance(m, _PartialLoss)]
        if not isinstance(loss, _OutputsLoss):
            return {
                "optimizer": self.optimizer,
                "loss": loss,
                "metrics": metrics,
                "weighted_metrics": list(self.weighted),
            }
        return {
            "optimizer": self.optimizer,
            "loss": {**loss.parts, **{name: None for name in loss.names if name not in loss.parts}},
            "loss_weights": loss.weights,
            "metrics": _by_output(metrics),
            "weighted_metrics": _by_output(self.weighted),
        }

    def loss_and_weight(self, y: Any, y_pred: Any, w: Any) -> tuple[Tensor, float]:
        """Return the loss of a batch, and its weight in the mean over batches; see `Loss.loss_and_weight`."""
        loss = self.loss
        assert loss is not None
        if y_pred.__class__ is Tensor:
            y = fit_targets(y, y_pred.shape)
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
        weights, mask = part(w) if is_structure(w) else w, None if masks is None else part(masks)
        _show(metric.metric, part(y), part(predicted), weights, mask)
        return
    if isinstance(metric, _PartialLoss) or isinstance(masks, (list, tuple, Mapping)):
        masks = None  # the loss has applied them already, or one metric sees all outputs
    if isinstance(predicted, np.ndarray):
        y = fit_targets(y, predicted.shape)
    if masks is not None and w is None and isinstance(metric, MeanMetricWrapper):
        metric.update_masked(y, predicted, join_masks(None, masks))
        return
    if masks is not None and "sample_weight" in parameters_of(type(metric).update_state):
        w = join_masks(w, masks)
    if w is None:
        metric.update_state(y, predicted)
    else:
        metric.update_state(y, predicted, w)


@cached_by_class
def parameters_of(method: Any) -> frozenset[str]:
    """Return the names of a method's parameters."""
    return frozenset(inspect.signature(method).parameters)


def values_of(y_pred: Any) -> Any:
    """Return the arrays of a model's output, a Tensor or a structure of Tensors."""
    return as_array(y_pred) if y_pred.__class__ is Tensor else map_structure(as_array, y_pred)


def make_compiled(
    optimizer: Any, loss: Any, metrics: Any, weighted: Any, loss_weights: Any, names: Sequence[str] | None
) -> Compiled:
    """Return the arguments of `compile` as objects.

    Args:
        optimizer: name or Optimizer.
        loss: name, Loss, function, None, or a list or dict of them, one an output.
        metrics: metrics; with several outputs a list of lists or a dict.
        weighted: metrics that receive the sample weights.
        loss_weights: a list or dict of numbers, with several outputs.
        names: of the outputs, if they are known.

    Raises:
        ValueError: for unknown names, and for metrics of one name.
    """
    if names and len(names) > 1 and _of_one_output(loss):
        loss = dict.fromkeys(names, loss)
    if isinstance(loss, (list, tuple, dict)):
        loss_object: losses.Loss | None = _OutputsLoss(loss, loss_weights, names)
    elif loss_weights is not None:
        raise ValueError("expected loss_weights together with one loss for each output; received one loss")
    else:
        loss_object = None if loss is None else check_reduced(losses.get(loss))
    plain = _make_metrics(metrics, loss_object)
    with_weights = _make_metrics(weighted, loss_object, {m.name for m in plain})
    if isinstance(loss_object, _OutputsLoss) and len(loss_object.parts) > 1:
        plain = (*(_PartialLoss(loss_object, name) for name in loss_object.parts), *plain)
    reported = ["loss", *(m.name for m in (*plain, *with_weights))]
    if len(set(reported)) < len(reported):
        raise ValueError(f"expected metrics with different names, none of them 'loss'; received {reported[1:]}")
    together = _CompiledMetrics(plain, with_weights)
    return Compiled(optimizers.get(optimizer), loss_object, plain, with_weights, _LossTracker(loss_object), together)


def _of_one_output(loss: Any) -> bool:
    """Return whether a loss takes arrays; one of several outputs, or a custom function, may take them all at once."""
    plain, kind = losses.Loss, type(loss)
    return isinstance(loss, str) or (
        isinstance(loss, plain) and kind.__call__ is plain.__call__ and kind.loss_and_weight is plain.loss_and_weight
    )


def _make_metrics(choices: Any, loss: losses.Loss | None, reserved: Collection[str] = ()) -> tuple[Metric, ...]:
    """Return metrics as objects; new ones get the prefix "weighted_" if their name is taken, as in Keras."""
    if not isinstance(loss, _OutputsLoss):
        return tuple(_rename(_make_metric(choice, loss), choice, "", reserved) for choice in as_list(choices))
    groups = loss.by_output("metrics", choices) if choices else {}
    return tuple(
        _OutputMetric(_rename(_make_metric(choice, loss.parts.get(name)), choice, f"{name}_", reserved), loss, name)
        for name in loss.names
        for choice in as_list(groups.get(name))
    )


def _make_metric(choice: Any, loss: losses.Loss | None) -> Metric:
    metric = metrics.get(choice)
    if isinstance(choice, str) and isinstance(metric, metrics.AutoAccuracy) and getattr(loss, "from_logits", False):
        return metrics.AutoAccuracy(name=metric.name, threshold=0.0)
    return metric


def _rename(metric: Metric, choice: Any, prefix: str, taken: Collection[str]) -> Metric:
    if metric is choice or prefix + metric.name not in taken:  # a metric object keeps the name that its owner gave it
        return metric
    return type(metric).from_config({**metric.get_config(), "name": f"weighted_{metric.name}"})


def _by_output(metrics: Sequence[Metric]) -> dict[str, list[Metric]]:
    """Return the metrics by output, without the output's name in theirs."""
    by_output: dict[str, list[Metric]] = {}
    for metric in metrics:
        assert isinstance(metric, _OutputMetric)
        by_output.setdefault(metric.output, []).append(metric.metric)
    return by_output


def as_list(value: Any) -> list[Any]:
    """Return None as an empty list, a list or tuple as a list, and anything else as the only entry of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
