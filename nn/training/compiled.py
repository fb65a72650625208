"""What `compile` was given, as objects; the losses and metrics of models with several outputs; means over an epoch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor

from .. import losses, metrics, optimizers
from ..config.config import kept_by_class
from ..data.structure import is_structure, map_structure
from ..metrics import MeanMetricWrapper, Metric
from ..module.masks import MASKS, joined, masks_in
from .samples import number, rows_of


class Compiled(NamedTuple):
    """What `compile` was given, as objects."""

    optimizer: optimizers.Optimizer
    loss: losses.Loss | None
    metrics: tuple[Metric, ...]
    weighted: tuple[Metric, ...] = ()

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The metrics without and with sample weights."""
        return self.metrics + self.weighted

    def apart(self, modules: Iterable[Any]) -> Compiled:
        """Return the same with losses and metrics of its own, which share no state with these but the modules."""
        memo = {id(module): module for module in modules}
        return Compiled(self.optimizer, *copy.deepcopy((self.loss, self.metrics, self.weighted), memo))

    def arguments(self) -> dict[str, Any]:
        """Return what `compile` must be given, as objects, to make the same."""
        loss, own = self.loss, [m for m in self.metrics if not isinstance(m, _PartialLoss)]
        if not isinstance(loss, _OutputsLoss):
            return {"optimizer": self.optimizer, "loss": loss, "metrics": own, "weighted_metrics": list(self.weighted)}
        return {
            "optimizer": self.optimizer,
            "loss": {name: loss.parts.get(name) for name in loss.names},
            "loss_weights": loss.weights,
            "metrics": _by_output(own),
            "weighted_metrics": _by_output(self.weighted),
        }

    def weighed(self, y: Any, y_pred: Any, w: Any) -> tuple[Tensor, float]:
        """Return the loss of a batch, and its weight in the mean over batches; see `Loss.weighed`."""
        loss = self.loss
        assert loss is not None
        if y_pred.__class__ is Tensor:
            y = fitted(y, y_pred.shape)
        if type(loss).__call__ is losses.Loss.__call__:
            return loss.weighed(y, y_pred, w)
        return (loss(y, y_pred) if w is None else loss(y, y_pred, w)), float(rows_of(y_pred))

    def update_metrics(self, y: Any, y_pred: Any, w: Any) -> None:
        """Show one batch to every metric, without what the masks of the predictions leave out."""
        predicted = values_of(y_pred)
        masks = masks_in(y_pred) if MASKS else None
        for group, weights in ((self.metrics, None), (self.weighted, w)):
            for metric in group:
                _show(metric, y, predicted, weights, masks)


def _show(metric: Any, y: Any, predicted: Any, w: Any, masks: Any) -> None:
    """Show one batch to a metric, with weights only where there are any."""
    if isinstance(metric, _OutputMetric):
        part = metric.part
        weights, own = part(w) if is_structure(w) else w, None if masks is None else part(masks)
        _show(metric.metric, part(y), part(predicted), weights, own)
        return
    if isinstance(metric, _PartialLoss) or isinstance(masks, (list, tuple, Mapping)):
        masks = None  # the loss has left them out; or one metric sees all outputs
    if isinstance(predicted, np.ndarray):
        y = fitted(y, predicted.shape)
    if masks is not None and w is None and type(metric) is MeanMetricWrapper:
        metric.update_masked(y, predicted, joined(None, masks))
        return
    kind: Any = type(metric)
    if masks is not None and "sample_weight" in _parameters(kind):
        w = joined(w, masks)
    if w is None:
        metric.update_state(y, predicted)
    else:
        metric.update_state(y, predicted, w)


@kept_by_class
def _parameters(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.update_state).parameters)


def fitted(y: Any, shape: Any) -> Any:
    """Return targets with a last axis of length 1 where it is all that they lack to have the predictions' shape."""
    return y[..., None] if (*getattr(y, "shape", ()), 1) == shape and len(shape) > 1 else y


def values_of(y_pred: Any) -> Any:
    """Return the arrays of a model's output, a Tensor or a structure of Tensors."""
    return y_pred.data if y_pred.__class__ is Tensor else map_structure(lambda t: t.data, y_pred)


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
        names: of the outputs, where they are known.

    Raises:
        ValueError: for unknown names, and for metrics of one name.
    """
    if isinstance(loss, (list, tuple, dict)):
        found: losses.Loss | None = _OutputsLoss(loss, loss_weights, names)
    elif loss_weights is not None:
        raise ValueError("expected loss_weights together with one loss for each output; received one loss")
    else:
        found = None if loss is None else _checked(losses.get(loss))
    made = [_metrics(wanted, found)]
    made.append(_metrics(weighted, found, {m.name for m in made[0]}))
    if isinstance(found, _OutputsLoss):
        made[0] = (*(_PartialLoss(found, name) for name in found.parts), *made[0])
    used = ["loss", *(m.name for group in made for m in group)]
    if len(set(used)) < len(used):
        raise ValueError(f"expected metrics with different names, none of them 'loss'; received {used[1:]}")
    return Compiled(optimizers.get(optimizer), found, *made)


def _checked(loss: losses.Loss) -> losses.Loss:
    if loss.reduction is None:
        raise ValueError(
            f"expected a loss that is reduced to one number; {loss.name} has reduction=None. "
            "Use reduction='sum_over_batch_size'"
        )
    return loss


def _metrics(wanted: Any, loss: losses.Loss | None, taken: Collection[str] = ()) -> tuple[metrics.Metric, ...]:
    """Return metrics as objects; those made here of a name that is taken begin theirs with "weighted_", as in Keras."""
    if not isinstance(loss, _OutputsLoss):
        return tuple(_renamed(_metric(given, loss), given, "", taken) for given in _as_list(wanted))
    groups = loss.by_output("metrics", wanted) if wanted else {}
    return tuple(
        _OutputMetric(_renamed(_metric(given, loss.parts[name]), given, f"{name}_", taken), loss, name)
        for name in loss.parts
        for given in _as_list(groups.get(name))
    )


def _metric(given: Any, loss: losses.Loss | None) -> metrics.Metric:
    metric = metrics.get(given)
    if isinstance(given, str) and isinstance(metric, metrics.AutoAccuracy) and getattr(loss, "from_logits", False):
        return metrics.AutoAccuracy(name=metric.name, threshold=0.0)
    return metric


def _renamed(metric: metrics.Metric, given: Any, before: str, taken: Collection[str]) -> metrics.Metric:
    if metric is given or before + metric.name not in taken:  # an object of the user's keeps its name
        return metric
    return type(metric).from_config({**metric.get_config(), "name": f"weighted_{metric.name}"})


def _by_output(used: Sequence[Metric]) -> dict[str, list[Metric]]:
    """Return the metrics of each output, without the names of the outputs in theirs."""
    found: dict[str, list[Metric]] = {}
    for metric in used:
        assert isinstance(metric, _OutputMetric)
        found.setdefault(metric.output, []).append(metric.metric)
    return found


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


# ---- several outputs ------------------------------------------------------------------------------------------------


class _OutputsLoss(losses.Loss):
    """The weighted sum of one loss for each output.

    Attributes:
        parts: the losses by the name of the output.
        last: the values of the last call, each with its weight in the mean over batches.
    """

    def __init__(self, given: Any, weights: Any, names: Sequence[str] | None) -> None:
        super().__init__("loss")
        if names is None:
            names = list(given) if isinstance(given, dict) else [f"output_{i}" for i in range(len(given))]
        self.names = list(names)
        self.parts = {name: _checked(losses.get(one)) for name, one in self.by_output("loss", given).items()}
        self.weights = dict.fromkeys(self.parts, 1.0)
        if weights is not None:
            for name, weight in self.by_output("loss_weights", weights).items():
                self.weights[name] = number("loss_weights", weight)
        self.last: dict[str, tuple[float, float]] = {}

    def by_output(self, what: str, given: Any) -> dict[str, Any]:
        """Return entries by the name of their output: those of a dict, or of a list in the outputs' order."""
        if isinstance(given, Mapping):
            if unknown := [name for name in given if name not in self.names]:
                raise ValueError(f"expected {what} for outputs of {self.names}; received {unknown[0]!r}")
            return {name: given[name] for name in self.names if given.get(name) is not None}
        if not isinstance(given, (list, tuple)) or len(given) != len(self.names):
            raise ValueError(
                f"expected {what} as a dict, or a list with one entry for each of the outputs {self.names}; "
                f"received {given!r}"
            )
        return {name: one for name, one in zip(self.names, given, strict=True) if one is not None}

    def part(self, values: Any, name: str) -> Any:
        """Return what belongs to an output: of a dict, or of a list in the outputs' order."""
        if isinstance(values, Mapping):
            if name not in values:
                raise ValueError(f"loss: expected an entry {name!r}; received {sorted(values)}")
            return values[name]
        if not isinstance(values, (list, tuple)) or len(values) != len(self.names):
            raise ValueError(
                f"loss: expected one entry for each of the outputs {self.names}, in a list or dict; received "
                f"{type(values).__name__}"
            )
        return values[self.names.index(name)]

    def check(self, y_true: Any, shape: Any) -> None:
        """Raise if these targets cannot belong to predictions of these shapes."""
        for name, loss in self.parts.items():
            own = self.part(shape, name)
            loss.check(fitted(self.part(y_true, name), own), own)

    def weighed(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> tuple[Tensor, float]:
        """Return the weighted sum, and the number of samples."""
        total: Any = 0.0
        rows = 0.0
        for name, loss in self.parts.items():
            own = [self.part(given, name) if is_structure(given) else given for given in (sample_weight, mask)]
            predicted = self.part(y_pred, name)
            value, counted = loss.weighed(fitted(self.part(y_true, name), predicted.shape), predicted, *own)
            self.last[name] = value.item(), counted
            rows = float(len(predicted))
            weight = self.weights[name]
            total = total + (value if weight == 1.0 else value * weight)
        return total, rows


class _PartialLoss(metrics.Metric):
    """The mean of the loss of one output, unweighted."""

    def __init__(self, loss: _OutputsLoss, output: str) -> None:
        self.loss, self.output = loss, output
        super().__init__(f"{output}_loss")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.mean = Means(self.loss.parts[self.output])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in the value that the loss has just had."""
        self.mean.add(*self.loss.last[self.output])

    def result(self) -> float:
        """Return the mean."""
        return self.mean.mean() if self.mean.begun else float("nan")


class _OutputMetric(metrics.Metric):
    """A metric of one output."""

    def __init__(self, metric: metrics.Metric, loss: _OutputsLoss, output: str) -> None:
        self.metric, self.loss, self.output = metric, loss, output
        super().__init__(f"{output}_{metric.name}")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.metric.reset_state()

    def part(self, values: Any) -> Any:
        """Return what belongs to the output."""
        return self.loss.part(values, self.output)

    def update_state(self, y_true: Any, y_pred: Any, *sample_weight: Any) -> None:
        """Take in one batch."""
        self.metric.update_state(self.part(y_true), self.part(y_pred), *sample_weight)

    def result(self) -> Any:
        """Return the metric's value."""
        return self.metric.result()


# ---- means over an epoch --------------------------------------------------------------------------------------------


def scalar_or_array(value: Any) -> Any:
    """Return a metric's result as a float, or as an array if it has more than one number."""
    return value if np.ndim(value) else float(value)


class Means:
    """The mean over an epoch of a loss that is itself a mean, or a sum, over each batch.

    Args:
        loss: what was compiled, or None; of a sum of losses of several outputs, each has a mean of its own.
    """

    def __init__(self, loss: losses.Loss | None) -> None:
        self.summed = getattr(loss, "reduction", None) == "sum"
        self.loss = loss if isinstance(loss, _OutputsLoss) else None
        self.parts = {} if self.loss is None else {name: Means(one) for name, one in self.loss.parts.items()}
        self.total = 0.0
        self.count = 0.0
        self.begun = False

    def add(self, value: Any, weight: float) -> None:
        """Take in a batch whose mean has this weight."""
        self.begun = True
        if self.loss is not None:
            for name, mean in self.parts.items():
                part = self.loss.last[name]
                mean.add(*part)
                value -= self.loss.weights[name] * part[0]  # which leaves the penalties
        self.total += value if self.summed else value * weight
        self.count += weight

    def mean(self) -> float:
        """Return the mean; 0 where nothing counted."""
        rest = self.total / self.count if self.count else 0.0
        return rest + sum(self.loss.weights[name] * mean.mean() for name, mean in self.parts.items() if self.loss)

    def values(self, used: tuple[metrics.Metric, ...]) -> dict[str, float]:
        """Return the loss and the metrics."""
        found = {"loss": self.mean()} if self.begun else {}
        for metric in used:
            found[metric.name] = scalar_or_array(metric.result())
        return found


class NamedMeans(Means):
    """The means over samples of the values that a `train_step` or `test_step` of the user returns for its batches."""

    def __init__(self) -> None:
        super().__init__(None)
        self.totals: dict[str, float] = {}

    def add(self, value: Any, weight: float) -> None:
        """Take in a batch of `weight` samples."""
        if not isinstance(value, Mapping):
            raise TypeError(
                f"train_step: expected a dict of numbers by name, such as {{'loss': loss}}; received {value!r:.80}"
            )
        for name, one in value.items():
            self.totals[name] = self.totals.get(name, 0.0) + number(f"train_step, {name!r}", one) * weight
        self.count += weight

    def values(self, used: tuple[metrics.Metric, ...]) -> dict[str, float]:
        """Return the means; for a compiled metric among them its own result."""
        own = {metric.name: metric for metric in used}
        return {
            name: scalar_or_array(own[name].result()) if name in own else total / self.count
            for name, total in self.totals.items()
        }
