"""Callbacks that stop training: when it no longer improves, and when it has gone wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

import autograd_lite as ag
from autograd_lite import GradError, Tensor

from ..config.arguments import flag, not_negative, number, one_of, optional, text
from ..config.fields import attribute, field
from .arguments import size
from .base import Declared, Logs, say
from .monitor import Monitor

if TYPE_CHECKING:
    from autograd_lite.graph import NanReport


class EarlyStopping(Declared):
    """Stops training when a value has not improved for a number of epochs.

    Args:
        monitor: the name in the logs.
        min_delta: the smallest change that counts as an improvement.
        patience: the number of epochs without improvement after which training stops.
        verbose: 1 prints when it stops.
        mode: "min" if smaller is better, "max" if larger is better, "auto" to infer it from the name.
        baseline: a value to beat; until it is beaten, no improvement resets the patience.
        restore_best_weights: whether to restore the weights of the best epoch at the end of training.
        start_from_epoch: epochs before this one do not count.

    Attributes:
        stopped_epoch: the epoch after which training stopped, 0 if it did not.
        best_epoch: the epoch of the best value.
        best: the best value.

    Raises:
        ValueError: for an unknown mode; in training, if `monitor` is not in the logs.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> stopping = EarlyStopping("loss", min_delta=10.0, patience=2)
        >>> history = model.fit([[1.0]], [[1.0]], epochs=50, verbose=0, callbacks=[stopping])
        >>> len(history.history["loss"])
        3
    """

    monitor: str = field(text, default="val_loss")
    min_delta: float = field(size, default=0.0)
    patience: int = field(not_negative, default=0)
    verbose: int = field(default=0)
    mode: str = field(one_of("auto", "min", "max"), default="auto")
    baseline: float | None = field(optional(number()), default=None)
    restore_best_weights: bool = field(flag, default=False)
    start_from_epoch: int = field(not_negative, default=0)

    def __post_init__(self) -> None:
        self._monitor = Monitor("EarlyStopping", self.monitor, self.mode, self.min_delta)
        self.sign = self._monitor.sign

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._monitor.best = math.inf
        self.best_epoch = self.stopped_epoch = self.waited = 0
        self.best_weights: dict[str, np.ndarray] | None = None

    @property
    def best(self) -> float:
        """The best value so far."""
        return self.sign * self._monitor.best

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch or self._skips(logs):
            return
        value = self._monitor.read(logs)
        self.waited += 1
        if self._monitor.improves(value):
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.state_dict()
            if self.baseline is None or value < self.sign * self.baseline - self.min_delta:
                self.waited = 0
            return
        if self.waited >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.verbose:
                say(f"Epoch {epoch + 1}: EarlyStopping, {self.monitor} was best in epoch {self.best_epoch + 1}")

    def _skips(self, logs: Logs | None) -> bool:
        """True if this epoch had no validation, but earlier ones did."""
        return (
            self.monitor.startswith("val_") and self.best < math.inf != -self.best and self.monitor not in (logs or {})
        )

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)


class TerminateOnNaN(Declared):
    """Stops training before a step that would bring NaN or an infinity into the weights, and names the operation.

    The weights stay those of the last good step. Checking the gradients costs one pass over them per step, and keeps
    saved values a little longer. With a `LossScaleOptimizer`, which itself skips steps whose gradients are not finite,
    only the loss is checked.

    Args:
        gradients: whether to check the gradients too, and not only the loss.

    Attributes:
        report: of `autograd_lite.graph.find_nan`, or None: the operation, its line and a way to mend it.
        stopped_batch: the batch at which training stopped, or None.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[float("nan")]], [[1.0]], epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
        Batch 0: TerminateOnNaN: the loss is not finite
        n0, the input without a name, was not finite to begin with
          reason   the input n0 came with 1 NaN
          where    element [0, 0] of shape (1, 1)
          then     n2 matmul, n4 add, n5 stop_gradient, … 7 more …, n22 sum, n23 transpose, n24 matmul
          reached  the result n13, the gradient of 'dense.kernel', the gradient of 'dense.bias'
          try      Look for it in the data: (~np.isfinite(x)).any()
        >>> len(history.history["loss"])
        1
    """

    explains_nan: ClassVar[bool] = True  # so that `fit` need not

    gradients: bool = field(flag, default=True)
    report: NanReport | None = attribute(None)
    stopped_batch: int | None = attribute(None)
    _batch: int = attribute(0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.report = self.stopped_batch = None

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._batch = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stop after a step of a custom `train_step` that reports a loss of NaN or infinity."""
        if self.stopped_batch is None and not math.isfinite((logs or {}).get("loss", 0.0)):
            self._stop("the loss is not finite")

    def admits(self, loss: Tensor) -> bool:
        """Differentiate the loss; return whether it and the gradients are finite, and if not, find out why and stop.

        Args:
            loss: of the batch, a scalar Tensor.
        """
        skips = self.model.optimizer.skips_overflow
        if not math.isfinite(value := loss.item()) and not (skips and math.isinf(value)):
            self._explain(loss, "the loss is not finite")
            return False
        if not self.gradients or skips:
            loss.backward()
            return True
        loss.backward(retain_graph=True)
        bad = [p for p in self.model.parameters() if p.grad is not None and not np.isfinite(p.grad.data).all()]
        if bad:
            self._explain(loss, f"the gradient of {bad[0].name!r} is not finite")
        return not bad

    def _explain(self, loss: Tensor, why: str) -> None:
        try:
            self.report = ag.graph.find_nan(loss)
        except GradError as error:
            why = f"{why} ({error})"
        self._stop(why if self.report is None else f"{why}\n{self.report}")

    def _stop(self, why: str) -> None:
        self.stopped_batch = self._batch
        self.model.stop_training = True
        say(f"Batch {self._batch}: TerminateOnNaN: {why}")
