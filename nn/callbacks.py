"""Callbacks: what `fit` calls at the beginning and the end of training, epochs and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .training import Trainer

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History"]

Logs = Mapping[str, float]


class Callback:
    """Base of all callbacks; a subclass writes the methods that it needs.

    `self.model` is the model in training, `self.params` a dict with "epochs", "steps" and "verbose". To stop after
    the epoch, set `self.model.stop_training = True`.

    Example:
        >>> class Printer(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
    """

    model: Trainer
    params: dict[str, Any]

    def set_model(self, model: Trainer) -> None:
        """Receive the model before training begins."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the number of epochs and steps before training begins."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after each epoch; `logs` has the loss and the metrics, those of validation with `val_` before them."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each step, counted from 0 in its epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each step; `logs` has the means over the epoch so far."""


class History(Callback):
    """Keeps the loss and the metrics of every epoch; `fit` returns one.

    Attributes:
        epoch: the epochs' numbers, from 0.
        history: for each name the values, one float an epoch.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def set_model(self, model: Trainer) -> None:
        """Keep no reference: a record must not keep a model alive."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's values."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"


class EarlyStopping(Callback):
    """Stops training when a value has not improved for a number of epochs.

    Args:
        monitor: name in the logs.
        min_delta: a change by less than this is no improvement.
        patience: number of epochs without improvement after which training stops.
        mode: "min" if smaller is better, "max" if larger, "auto" for "max" with accuracies and "min" otherwise.
        restore_best_weights: whether to bring back the weights of the best epoch at the end of training.

    Attributes:
        stopped_epoch: the epoch that training stopped after, 0 if it was not stopped.
        best_epoch: the epoch of the best value.

    Raises:
        ValueError: for an unknown mode, and in training if `monitor` is not in the logs.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"EarlyStopping: expected mode 'auto', 'min' or 'max'; received {mode!r}")
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.sign = -1.0 if mode == "max" or (mode == "auto" and "acc" in monitor) else 1.0
        self.restore_best_weights = restore_best_weights

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier trainings."""
        self.best = float("inf")
        self.best_epoch = self.stopped_epoch = self.waited = 0
        self.best_weights: dict[str, np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare with the best value, and stop if patience has run out."""
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"EarlyStopping: expected monitor to be one of {sorted(logs)}; received {self.monitor!r}. "
                "Values that begin with 'val_' need validation_data or validation_split"
            )
        value = self.sign * logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            if self.restore_best_weights:
                self.best_weights = self.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Bring back the best weights if asked to."""
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)


class CallbackList:
    """Calls callbacks in order.

    Attributes:
        watches_batches: whether any of them has a method for batches; `fit` makes no logs for batches otherwise.
    """

    def __init__(self, callbacks: Sequence[Callback], model: Trainer, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        hooks = ("on_train_batch_begin", "on_train_batch_end")
        self.watches_batches = any(
            getattr(type(c), hook) is not getattr(Callback, hook) for c in self.callbacks for hook in hooks
        )

    def call(self, hook: str, *args: Any) -> None:
        """Call the method `hook` of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)
