"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

from ..config.arguments import not_negative, number, one_of, text
from ..config.fields import attribute, field
from .arguments import function, size
from .base import Declared, Logs, say
from .monitor import Monitor


class LearningRateScheduler(Declared):
    """Sets the learning rate before each epoch, and puts it into the logs as "learning_rate".

    Args:
        schedule: a function of (epoch, learning rate), or of the epoch alone, that returns the new rate.
        verbose: 1 prints the rate.

    Raises:
        TypeError: if `schedule` cannot be called, or in training if it does not return a number.

    Example:
        >>> halved = LearningRateScheduler(lambda epoch, rate: rate / 2)
    """

    schedule: Callable[..., float] = field(function)
    verbose: int = field(default=0)

    def __post_init__(self) -> None:
        try:
            self._takes_rate = len(inspect.signature(self.schedule).parameters) > 1
        except ValueError:
            self._takes_rate = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        try:
            rate = float(rate)
        except (TypeError, ValueError):
            raise TypeError(f"LearningRateScheduler: expected schedule to return a number; received {rate!r}") from None
        optimizer.learning_rate = rate
        if self.verbose:
            say(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if isinstance(logs, dict):
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(Declared):
    """Multiplies the learning rate by a factor when a value has not improved for a number of epochs.

    Args:
        monitor: the name in the logs.
        factor: of the rate, in [0, 1).
        patience: the number of epochs without improvement before a reduction.
        verbose: 1 prints the new rate.
        mode: "min" if smaller is better, "max" if larger is better, "auto" to infer it from the name.
        min_delta: the smallest change that counts as an improvement.
        cooldown: the number of epochs after a reduction that do not count.
        min_lr: the lowest rate.

    Raises:
        ValueError: if an argument is out of its range; in training, if `monitor` is not in the logs.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile(nn.optimizers.SGD(0.1), "mse")
        >>> plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0)
        >>> history = model.fit([[1.0]], [[1.0]], epochs=3, verbose=0, callbacks=[plateau])
        >>> model.optimizer.learning_rate
        0.025
    """

    monitor: str = field(text, default="val_loss")
    factor: float = field(number(0, below=1), default=0.1)
    patience: int = field(not_negative, default=10)
    verbose: int = field(default=0)
    mode: str = field(one_of("auto", "min", "max"), default="auto")
    min_delta: float = field(size, default=1e-4)
    cooldown: int = field(not_negative, default=0)
    min_lr: float = field(number(0), default=0.0)
    waited: int = attribute(0)
    cooling: int = attribute(0)

    def __post_init__(self) -> None:
        self._monitor = Monitor("ReduceLROnPlateau", self.monitor, self.mode, self.min_delta)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._monitor.best = math.inf
        self.waited = self.cooling = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if isinstance(logs, dict):
            logs["learning_rate"] = rate
        value = self._monitor.read(logs)
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        if self._monitor.improves(value):
            self.waited = 0
        elif self.cooling <= 0:
            self.waited += 1
            if self.waited >= self.patience and rate > self.min_lr:
                optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooling, self.waited = self.cooldown, 0
                if self.verbose:
                    say(f"Epoch {epoch + 1}: ReduceLROnPlateau sets the learning rate to {optimizer.learning_rate:g}")
