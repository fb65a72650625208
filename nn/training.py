"""The Keras face of training: `compile`, `fit`, `evaluate`, `predict`, over the same modules, losses and optimizers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from . import losses, metrics, optimizers
from ._build import RestoreOnError
from ._samples import Samples, as_inputs, as_samples, batch_slices, positive_int, split_last
from .activations import remember_logits
from .callbacks import Callback, CallbackList, History
from .module import Module
from .progress import Progress, open_progress

__all__ = ["Trainer"]

Array = npt.NDArray[Any]


class _Compiled(NamedTuple):
    """What `compile` was given, as objects."""

    optimizer: optimizers.Optimizer
    loss: losses.Loss
    metrics: tuple[metrics.Metric, ...]


class Trainer(Module):
    """A module that can be compiled, fitted, evaluated and asked for predictions."""

    stop_training: bool = False
    _compiled: _Compiled | None = None

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss | Callable[..., Any] | None = None,
        metrics: Sequence[Any] | None = None,
    ) -> None:
        """Choose how the model is trained; it may be built later.

        Args:
            optimizer: name, or an optimizer, which is then the same object that a hand-written loop would step; it
                trains all parameters of the model that require a gradient.
            loss: a name, a `Loss`, or a function of (y_true, y_pred).
            metrics: names, `Metric` objects, or functions of (y_true, y_pred); "accuracy" fits itself to the labels.

        Raises:
            ValueError: for an unknown name, or without a loss; the model then stays as it was compiled before.
        """
        if loss is None:
            raise ValueError("compile: expected a loss, such as loss='mse'; received None")
        found = losses.get(loss)
        if found.reduction is None:
            raise ValueError(
                f"compile: expected a loss that is reduced to one number; {found.name} has reduction=None. "
                "Use reduction='sum_over_batch_size'"
            )
        compiled = _Compiled(optimizers.get(optimizer), found, _metrics(_as_list(metrics), found))
        if self.built and (parameters := self.parameters()):
            compiled.optimizer.bind(parameters)
        self._compiled = compiled

    @property
    def optimizer(self) -> optimizers.Optimizer:
        """The optimizer that the model was compiled with."""
        return self._require_compiled("optimizer").optimizer

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
    ) -> History:
        """Train the model, and return the loss and the metrics of each epoch.

        The reported values are means over all samples of the epoch, each computed with the weights at its step; those
        of validation are computed after the epoch. The order is drawn from the default generator, anew each epoch.
        All data are checked before the first step. An error, or an interrupt, leaves the weights of the last whole
        step, the mode of before and no gradients.

        Args:
            x: inputs, shape (N, ...); floating ones are cast to the model's dtype once.
            y: targets, shape (N, ...).
            batch_size: samples a step; the last batch may be short.
            epochs: passes over the data.
            verbose: 0 silent, 1 a bar, 2 a line an epoch; "auto" a bar where one can be drawn, else lines.
            callbacks: what to call on the way.
            validation_split: this fraction of the samples, the last ones, is kept for validation.
            validation_data: (x, y) for validation instead.
            shuffle: whether to draw a new order for each epoch.

        Raises:
            ValueError: before any step, for data that cannot be trained on; see the message.
        """
        compiled = self._require_compiled("fit")
        batch_size, epochs = positive_int("fit", "batch_size", batch_size), positive_int("fit", "epochs", epochs, 0)
        samples = as_samples("fit", x, y, self.dtype)
        validation = None
        if validation_data is not None:
            validation = as_samples("fit, validation_data", *_pair(validation_data), self.dtype)
        elif validation_split:
            samples, validation = split_last(samples, validation_split)
        steps = -(-samples.size // batch_size)
        history = History()
        calls = CallbackList(
            [history, *_as_list(callbacks)], self, {"epochs": epochs, "steps": steps, "verbose": verbose}
        )
        open_progress(verbose, "", steps)
        self._check("fit", samples, validation)
        self._bind_optimizer("fit")
        self.stop_training = False
        with self._training(compiled.optimizer):
            calls.call("on_train_begin")
            for epoch in range(epochs):
                progress = open_progress(verbose, f"Epoch {epoch + 1}/{epochs}", steps)
                logs: dict[str, float] = {}
                with _closing(progress, logs):
                    calls.call("on_epoch_begin", epoch)
                    order = ag.random.permutation(samples.size).data if shuffle else None
                    logs |= self._train_epoch(samples, order, batch_size, progress, calls)
                    if validation is not None:
                        values = self._evaluate(validation, batch_size, None)
                        logs |= {f"val_{name}": value for name, value in values.items()}
                calls.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            calls.call("on_train_end")
        return history

    def _train_epoch(
        self, samples: Samples, order: Array | None, batch_size: int, progress: Progress, calls: CallbackList
    ) -> dict[str, float]:
        compiled = self._require_compiled("fit")
        x, y = samples
        mean = _Mean(compiled.loss.reduction == "sum")
        _reset(compiled.metrics)
        watched = calls.watches_batches
        for step, rows in enumerate(batch_slices(len(x), batch_size)):
            if watched:
                calls.call("on_train_batch_begin", step)
            if order is None:
                value = self._step(compiled, x[rows], y[rows])
            else:
                index = order[rows]
                value = self._step(compiled, x.take(index, 0), y.take(index, 0))
            mean.add(value, rows.stop - rows.start)
            if watched:
                calls.call("on_train_batch_end", step, _values(mean, compiled.metrics))
            if time.perf_counter() >= progress.due:
                progress.show(step + 1, _values(mean, compiled.metrics))
        return _values(mean, compiled.metrics)

    def _step(self, compiled: _Compiled, x: Array, y: Array) -> float:
        """Take one step of training, and return the loss before it."""
        y_pred = self(ag.tensor(x, copy=False))  # the batch is not changed before the step ends
        loss = compiled.loss(y, y_pred)
        for metric in compiled.metrics:  # before the step: should one of them fail, the weights are as they were
            metric.update_state(y, y_pred.data)
        loss.backward()
        compiled.optimizer.step()
        compiled.optimizer.zero_grad()
        return loss.item()

    def train_on_batch(self, x: Any, y: Any) -> float | list[float]:
        """Take one step on one batch, and return the loss and the metrics on it before the step.

        Args:
            x: inputs, shape (N, ...).
            y: targets, shape (N, ...).

        Returns:
            The loss, or, with metrics, a list that begins with it.
        """
        compiled = self._require_compiled("train_on_batch")
        samples = as_samples("train_on_batch", x, y, self.dtype)
        if not self.built:
            self._check("train_on_batch", samples, None)
        self._bind_optimizer("train_on_batch")
        _reset(compiled.metrics)
        mean = _Mean(compiled.loss.reduction == "sum")
        with self._training(compiled.optimizer):
            mean.add(self._step(compiled, *samples), samples.size)
        return _as_result(_values(mean, compiled.metrics))

    def evaluate(self, x: Any, y: Any, batch_size: int = 32, verbose: int | str = "auto") -> float | list[float]:
        """Return the loss and the metrics as means over all samples, in evaluation mode and without a record.

        A cross-entropy is computed from the logits here as in training, if the model's last operation is the softmax
        or sigmoid of an `nn` layer or of `nn.activations`; else from clipped probabilities.

        Args:
            x: inputs, shape (N, ...).
            y: targets, shape (N, ...).
            batch_size: samples at a time; the result does not depend on it.
            verbose: as in `fit`.

        Returns:
            The loss, or, with metrics, a list that begins with it.

        Raises:
            ValueError: for data that cannot be evaluated; see the message.
        """
        self._require_compiled("evaluate")
        batch_size = positive_int("evaluate", "batch_size", batch_size)
        samples = as_samples("evaluate", x, y, self.dtype)
        progress = open_progress(verbose, "", -(-samples.size // batch_size))
        self._check("evaluate", samples, None)
        values: dict[str, float] = {}
        with _closing(progress, values):
            values |= self._evaluate(samples, batch_size, progress)
        return _as_result(values)

    def _evaluate(self, samples: Samples, batch_size: int, progress: Progress | None) -> dict[str, float]:
        compiled = self._require_compiled("evaluate")
        mean = _Mean(compiled.loss.reduction == "sum")
        _reset(compiled.metrics)
        with ag.no_grad(), self.mode(training=False), remember_logits():
            for step, rows in enumerate(batch_slices(samples.size, batch_size)):
                y = samples.y[rows]
                y_pred = self(ag.tensor(samples.x[rows], copy=False))
                mean.add(compiled.loss(y, y_pred).item(), len(y))
                for metric in compiled.metrics:
                    metric.update_state(y, y_pred.data)
                if progress is not None and time.perf_counter() >= progress.due:
                    progress.show(step + 1, _values(mean, compiled.metrics))
        return _values(mean, compiled.metrics)

    def predict(self, x: Any, batch_size: int = 32, verbose: int | str = 0) -> Array:
        """Return the model's outputs as an array, in evaluation mode and without a record.

        Args:
            x: inputs, shape (N, ...).
            batch_size: samples at a time.
            verbose: as in `fit`, but silent by default.

        Returns:
            Array of shape (N, ...).
        """
        batch_size = positive_int("predict", "batch_size", batch_size)
        inputs = as_inputs("predict", x, self.dtype)
        progress = open_progress(verbose, "", -(-len(inputs) // batch_size))
        outputs = []
        with _closing(progress, {}), ag.no_grad(), self.mode(training=False):
            for step, rows in enumerate(batch_slices(len(inputs), batch_size)):
                outputs.append(self(ag.tensor(inputs[rows], copy=False)).data)
                if time.perf_counter() >= progress.due:
                    progress.show(step + 1, {})
        return np.concatenate(outputs)

    # ---- before the first step --------------------------------------------------------------------------------------

    def _require_compiled(self, what: str) -> _Compiled:
        if self._compiled is None:
            raise RuntimeError(
                f"{what}: expected a compiled model; received one that is not. Call "
                "model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy']) first"
            )
        return self._compiled

    def _check(self, what: str, samples: Samples, validation: Samples | None) -> None:
        """Run the model on one sample and hold all targets against its output; on an error the model is as it was."""
        loss = self._require_compiled(what).loss
        with RestoreOnError(self), ag.no_grad(), self.mode(training=False):
            for part in [samples] if validation is None else [samples, validation]:
                out = self(part.x[:1])
                if not isinstance(out, Tensor):
                    raise TypeError(
                        f"{what}: expected the model's call to return a Tensor; received {type(out).__name__}"
                    )
                loss.check(part.y, (part.size, *out.shape[1:]))

    def _bind_optimizer(self, what: str) -> None:
        """Give the optimizer the model's parameters; the same ones again change nothing."""
        parameters = self.parameters()
        if not parameters:
            raise ValueError(
                f"{what}: expected a model with parameters to train; {self.name!r} has none that requires a gradient"
            )
        self._require_compiled(what).optimizer.bind(parameters)

    @contextmanager
    def _training(self, optimizer: optimizers.Optimizer) -> Iterator[None]:
        """Train in training mode and from no gradients, and leave none behind."""
        optimizer.zero_grad()
        try:
            with ag.enable_grad(), self.mode(training=True):
                yield
        finally:
            optimizer.zero_grad()


class _Mean:
    """The mean over samples of a loss that is itself a mean, or a sum, over each batch."""

    def __init__(self, summed: bool) -> None:
        self.summed = summed
        self.total = 0.0
        self.count = 0

    def add(self, value: float, count: int) -> None:
        self.total += value if self.summed else value * count
        self.count += count


def _values(mean: _Mean, used: tuple[metrics.Metric, ...]) -> dict[str, float]:
    values = {"loss": mean.total / mean.count}
    for metric in used:
        values[metric.name] = float(metric.result())
    return values


def _reset(used: tuple[metrics.Metric, ...]) -> None:
    for metric in used:
        metric.reset_state()


def _as_result(values: dict[str, float]) -> float | list[float]:
    return values["loss"] if len(values) == 1 else list(values.values())


def _metrics(wanted: list[Any], loss: losses.Loss) -> tuple[metrics.Metric, ...]:
    found = tuple(metrics.get(m) for m in wanted)
    names = ["loss", *(m.name for m in found)]
    if len(set(names)) < len(names):
        raise ValueError(f"compile: expected metrics with different names, none of them 'loss'; received {names[1:]}")
    for given, metric in zip(wanted, found, strict=True):
        if isinstance(given, str) and isinstance(metric, metrics.Accuracy) and getattr(loss, "from_logits", False):
            metric.threshold = 0.0
    return found


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _pair(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"fit: expected validation_data=(x, y); received {type(data).__name__}")
    return data[0], data[1]


@contextmanager
def _closing(progress: Progress, values: dict[str, float]) -> Iterator[None]:
    """Close the progress with the values found, or leave the screen in order after an error."""
    try:
        yield
    except BaseException:
        progress.abandon()
        raise
    progress.close(values)
