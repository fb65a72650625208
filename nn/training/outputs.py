"""Losses and metrics of models with several outputs; means over an epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from .. import losses
from ..config.ambient import CALL
from ..config.arguments import as_scalar
from ..data.structure import is_structure, leaves
from ..losses.loss import Loss  # base classes from their files: else mypy meets subclasses first, and loses InitVar
from ..metrics.averages import Mean
from ..metrics.metric import Metric


def fit_targets(y: Any, shape: Any) -> Any:
    """Return targets with a last axis of length 1 added, if that gives them the predictions' shape."""
    return y[..., None] if (*getattr(y, "shape", ()), 1) == shape and len(shape) > 1 else y


def of_all_rows(text: str, size: int) -> str:
    """Return a message about one row that was tried with the shape of all rows.

    Example:
        >>> of_all_rows("received shape (1, 3). One sample is a batch of shape (1, D)", 60)
        'received shape (60, 3). One sample is a batch of shape (1, D)'
    """
    return re.sub(r"(received .*?shape) \(1,", rf"\1 ({size},", text, count=1)


def check_returned(caller: str, out: Any, y: Any) -> None:
    """Raise unless a model has returned Tensors, and one of them where there is one array of targets."""
    for _, part in leaves(out):
        if not isinstance(part, Tensor):
            received = "None. End it with return" if part is None else f"{type(part).__name__}"
            raise TypeError(f"{caller}: expected the model's call to return a Tensor; received {received}")
    if isinstance(out, Tensor) and isinstance(y, (list, tuple, dict)):
        raise ValueError(
            f"{caller}: expected one array of targets, since the model has one output; received a {type(y).__name__} "
            f"of {len(y)}. Arrays in it are the targets of several outputs; rows of one are joined by np.stack(y)"
        )


def check_reduced(loss: Loss) -> Loss:
    """Return a loss that must be one number for a batch."""
    if loss.reduction is None:
        raise ValueError(
            f"expected a loss that is reduced to one number; {loss.name} has reduction=None. "
            "Use reduction='sum_over_batch_size'"
        )
    return loss


# The names of these classes begin with an underscore so that configurations cannot name them; see `Registered`.


class _OutputsLoss(Loss):
    """The weighted sum of one loss for each output.

    Attributes:
        parts: the losses by the name of the output.
        last_parts: of the last call, the value of each, a number unless it is traced, and its weight in the mean.
    """

    def __init__(self, losses_by_output: Any, weights: Any, names: Sequence[str] | None) -> None:
        super().__init__("loss")
        if names is None:
            names = (
                list(losses_by_output)
                if isinstance(losses_by_output, dict)
                else [f"output_{i}" for i in range(len(losses_by_output))]
            )
        self.names = list(names)
        self.parts = {
            name: check_reduced(losses.get(one)) for name, one in self.by_output("loss", losses_by_output).items()
        }
        self.weights = dict.fromkeys(self.parts, 1.0)
        if weights is not None:
            for name, weight in self.by_output("loss_weights", weights).items():
                self.weights[name] = as_scalar("loss_weights", weight)
        self.last_parts: dict[str, tuple[Any, float]] = {}

    def by_output(self, argument: str, entries: Any) -> dict[str, Any]:
        """Return the entries of a dict, or of a list in the outputs' order, by output name."""
        if isinstance(entries, Mapping):
            if unknown := [name for name in entries if name not in self.names]:
                raise ValueError(f"expected {argument} for outputs of {self.names}; received {unknown[0]!r}")
            return {name: one for name, one in entries.items() if one is not None}
        if not isinstance(entries, (list, tuple)) or len(entries) != len(self.names):
            raise ValueError(
                f"expected {argument} as a dict, or a list with one entry for each of the outputs {self.names}; "
                f"received {entries!r}"
            )
        return {name: one for name, one in zip(self.names, entries, strict=True) if one is not None}

    def part(self, values: Any, name: str) -> Any:
        """Return the entry of an output in a dict, or in a list in the outputs' order."""
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
            loss.check(fit_targets(self.part(y_true, name), own), own)

    def loss_and_weight(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[Tensor, float]:
        """Return the weighted sum, and the number of samples."""
        total: Any = 0.0
        rows = 0.0
        shard = CALL.get().shard
        for name, loss in self.parts.items():
            own = [self.part(value, name) if is_structure(value) else value for value in (sample_weight, mask)]
            predicted = self.part(y_pred, name)
            value, counted = loss.loss_and_weight(
                fit_targets(self.part(y_true, name), predicted.shape), predicted, *own
            )
            self.last_parts[name] = (value if is_compiling() else value.item()), counted
            rows = float(len(predicted))
            weight = self.weights[name]
            term = value if weight == 1.0 else value * weight
            if shard is not None:
                shard.add_loss(term, counted, loss.reduction == "sum")
            total = total + term
        return total, rows


class _PartialLoss(Metric):
    """The mean of the loss of one output, unweighted."""

    def __init__(self, loss: _OutputsLoss, output: str) -> None:
        self.loss, self.output = loss, output
        super().__init__(f"{output}_loss")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.mean = Means(self.loss.parts[self.output])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in the last value of the loss."""
        self.mean.add(*self.loss.last_parts[self.output])

    def result(self) -> float:
        """Return the mean."""
        return self.mean.mean() if self.mean.begun else float("nan")


class _OutputMetric(Metric):
    """A metric of one output."""

    def __init__(self, metric: Metric, loss: _OutputsLoss, output: str) -> None:
        self.metric, self.loss, self.output = metric, loss, output
        super().__init__(f"{output}_{metric.name}")

    def reset_state(self) -> None:
        """Forget all batches."""
        self.metric.reset_state()

    def part(self, values: Any) -> Any:
        """Return the entry of the output."""
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
        loss: the compiled loss, or None; each loss of several outputs has its own mean.
    """

    def __init__(self, loss: Loss | None) -> None:
        self.summed = getattr(loss, "reduction", None) == "sum"
        self.loss = loss if isinstance(loss, _OutputsLoss) else None
        self.parts = {} if self.loss is None else {name: Means(one) for name, one in self.loss.parts.items()}
        self.total = 0.0
        self.count = 0.0
        self.begun = False

    def add(self, value: Any, weight: float) -> None:
        """Take in a batch whose loss has this weight."""
        self.begun = True
        if self.loss is not None:
            for name, mean in self.parts.items():
                part = self.loss.last_parts[name]
                mean.add(*part)
                value -= self.loss.weights[name] * part[0]  # the penalties remain
        self.total += value if self.summed else value * weight
        self.count += weight

    def mean(self) -> float:
        """Return the mean, or 0 if nothing counted."""
        rest = self.total / self.count if self.count else 0.0
        return rest + sum(self.loss.weights[name] * mean.mean() for name, mean in self.parts.items() if self.loss)

    def values(self, reported: Sequence[Metric]) -> dict[str, float]:
        """Return the loss and the metrics."""
        values = {"loss": self.mean()} if self.begun else {}
        for metric in reported:
            values[metric.name] = scalar_or_array(metric.result())
        return values


class _LossTracker(Mean):
    """The mean loss since the last reset; a custom `train_step` may show it its losses.

    Args:
        loss: the compiled loss, or None.
    """

    def __init__(self, loss: Loss | None) -> None:
        self.loss = loss
        super().__init__("loss")

    def reset_state(self) -> None:
        """Forget all batches."""
        super().reset_state()
        self.means = Means(self.loss)

    @property
    def begun(self) -> bool:
        """Whether it has seen a batch since the reset."""
        return self.means.begun or self._count > 0

    def result(self) -> float:
        """Return the mean."""
        return self.means.mean() if self.means.begun else super().result()


class Returned:
    """The values that custom steps return, as `Means` has those of the steps here.

    Args:
        step: the method that returns them, for error messages.
    """

    def __init__(self, step: str) -> None:
        self.step = step
        self.last: dict[str, Any] = {}

    def add(self, value: Any, weight: float) -> None:
        """Take in the values of a step, in place of those of the step before it."""
        self.last = {}
        self._take_in(value)

    def _take_in(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(
                f"{self.step}: expected a dict of numbers by name, such as {{'loss': loss}}; received {value!r:.80}"
            )
        for name, one in sorted(value.items()):
            if isinstance(one, Mapping):
                self._take_in(one)
            else:
                self.last[name] = one if np.ndim(one) else as_scalar(f"{self.step}, {name!r}", one)

    def values(self, reported: Sequence[Metric]) -> dict[str, float]:
        """Return the values of the last step."""
        return dict(self.last)
