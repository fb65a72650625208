"""What `compile` was given, as objects; the losses and metrics of models with several outputs; means over an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import Tensor

from . import losses, metrics, optimizers
from ._samples import number
from .data.structure import map_structure
from .metrics import Metric

__all__ = ["Compiled", "Means", "NamedMeans", "compiled_with", "scalar_or_array", "values_of"]


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

    def update_metrics(self, y: Any, y_pred: Any, w: Any) -> None:
        """Show one batch to every metric."""
        predicted = values_of(y_pred)
        for metric in self.metrics:
            metric.update_state(y, predicted)
        for metric in self.weighted:
            if w is None:
                metric.update_state(y, predicted)
            else:
                metric.update_state(y, predicted, w)


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
        raise ValueError("compile: expected loss_weights together with one loss for each output; received one loss")
    else:
        found = None if loss is None else _checked(losses.get(loss))
    made = [_metrics(given, found) for given in (wanted, weighted)]
    if isinstance(found, _OutputsLoss):
        made[0] = (*(_PartialLoss(found, name) for name in found.parts), *made[0])
    used = ["loss", *(m.name for group in made for m in group)]
    if len(set(used)) < len(used):
        raise ValueError(f"compile: expected metrics with different names, none of them 'loss'; received {used[1:]}")
    return Compiled(optimizers.get(optimizer), found, *made)


def _checked(loss: losses.Loss) -> losses.Loss:
    if loss.reduction is None:
        raise ValueError(
            f"compile: expected a loss that is reduced to one number; {loss.name} has reduction=None. "
            "Use reduction='sum_over_batch_size'"
        )
    return loss


def _metrics(wanted: Any, loss: losses.Loss | None) -> tuple[metrics.Metric, ...]:
    if not isinstance(loss, _OutputsLoss):
        return tuple(_metric(given, loss) for given in _as_list(wanted))
    groups = loss.by_output("metrics", wanted) if wanted else {}
    return tuple(
        _OutputMetric(_metric(given, loss.parts[name]), loss, name)
        for name in loss.parts
        for given in _as_list(groups.get(name))
    )


def _metric(given: Any, loss: losses.Loss | None) -> metrics.Metric:
    metric = metrics.get(given)
    if isinstance(given, str) and isinstance(metric, metrics.AutoAccuracy) and getattr(loss, "from_logits", False):
        metric.threshold = 0.0
    return metric


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


# ---- several outputs ------------------------------------------------------------------------------------------------


class _OutputsLoss(losses.Loss):
    """The weighted sum of one loss for each output.

    Attributes:
        parts: the losses by the name of the output.
        last: the values of the last call.
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
                self.weights[name] = number("compile, loss_weights", weight)
        self.last: dict[str, float] = {}

    def by_output(self, what: str, given: Any) -> dict[str, Any]:
        """Return entries by the name of their output: those of a dict, or of a list in the outputs' order."""
        if isinstance(given, Mapping):
            if unknown := [name for name in given if name not in self.names]:
                raise ValueError(f"compile: expected {what} for outputs of {self.names}; received {unknown[0]!r}")
            return {name: given[name] for name in self.names if given.get(name) is not None}
        if not isinstance(given, (list, tuple)) or len(given) != len(self.names):
            raise ValueError(
                f"compile: expected {what} as a dict, or a list with one entry for each of the outputs {self.names}; "
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
            loss.check(self.part(y_true, name), self.part(shape, name))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        """Return the weighted sum."""
        total: Any = 0.0
        for name, loss in self.parts.items():
            value = loss(self.part(y_true, name), self.part(y_pred, name), sample_weight, mask)
            self.last[name] = value.item()
            weight = self.weights[name]
            total = total + (value if weight == 1.0 else value * weight)
        return total


class _PartialLoss(metrics.Metric):
    """The mean of the loss of one output, unweighted."""

    def __init__(self, loss: _OutputsLoss, output: str) -> None:
        self.loss, self.output = loss, output
        super().__init__(f"{output}_loss")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.mean = Means(self.loss.parts[self.output].reduction == "sum")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in the value that the loss has just had."""
        self.mean.add(self.loss.last[self.output], len(self.loss.part(y_pred, self.output)))

    def result(self) -> float:
        """Return the mean."""
        return self.mean.total / self.mean.count if self.mean.count else float("nan")


class _OutputMetric(metrics.Metric):
    """A metric of one output."""

    def __init__(self, metric: metrics.Metric, loss: _OutputsLoss, output: str) -> None:
        self.metric, self.loss, self.output = metric, loss, output
        super().__init__(f"{output}_{metric.name}")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.metric.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, *sample_weight: Any) -> None:
        """Take in one batch."""
        self.metric.update_state(
            self.loss.part(y_true, self.output), self.loss.part(y_pred, self.output), *sample_weight
        )

    def result(self) -> Any:
        """Return the metric's value."""
        return self.metric.result()


# ---- means over an epoch --------------------------------------------------------------------------------------------


def scalar_or_array(value: Any) -> Any:
    """Return a metric's result as a float, or as an array if it has more than one number."""
    return value if np.ndim(value) else float(value)


class Means:
    """The mean over samples of a loss that is itself a mean, or a sum, over each batch."""

    def __init__(self, summed: bool) -> None:
        self.summed = summed
        self.total = 0.0
        self.count = 0

    def add(self, value: float, count: int) -> None:
        """Take in a batch of `count` samples."""
        self.total += value if self.summed else value * count
        self.count += count

    def values(self, used: tuple[metrics.Metric, ...]) -> dict[str, float]:
        """Return the loss and the metrics."""
        found = {"loss": self.total / self.count} if self.count else {}
        for metric in used:
            found[metric.name] = scalar_or_array(metric.result())
        return found


class NamedMeans(Means):
    """The means over samples of the values that a `train_step` or `test_step` of the user returns for its batches."""

    def __init__(self) -> None:
        super().__init__(False)
        self.totals: dict[str, float] = {}

    def add(self, value: Any, count: int) -> None:
        """Take in a batch of `count` samples."""
        if not isinstance(value, Mapping):
            raise TypeError(
                f"train_step: expected a dict of numbers by name, such as {{'loss': loss}}; received {value!r:.80}"
            )
        for name, one in value.items():
            self.totals[name] = self.totals.get(name, 0.0) + number(f"train_step, {name!r}", one) * count
        self.count += count

    def values(self, used: tuple[metrics.Metric, ...]) -> dict[str, float]:
        """Return the means; for a compiled metric among them its own result."""
        own = {metric.name: metric for metric in used}
        return {
            name: scalar_or_array(own[name].result()) if name in own else total / self.count
            for name, total in self.totals.items()
        }
