"""Evaluation with the running means of the weights."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

import autograd_lite as ag

from ..config.arguments import flag
from ..config.fields import attribute, field
from .base import Declared, Logs


class SwapEMAWeights(Declared):
    """Swaps the weights for their running means during evaluations and predictions.

    The optimizer keeps the means: it must have `use_ema=True`.

    Args:
        swap_on_epoch: whether to swap at the end of each epoch too, until the next begins, so that callbacks after this
            one see the means: `ModelCheckpoint` then saves them.

    Raises:
        ValueError: in training with an optimizer that keeps no means.

    References:
        Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging, 1992.

    Example:
        >>> import numpy as np
        >>> from nn import layers, models, optimizers
        >>> model = models.Sequential([layers.Dense(1, input_shape=(2,))])
        >>> model.compile(optimizers.SGD(0.1, use_ema=True), loss="mse")
        >>> x = np.ones((4, 2))
        >>> history = model.fit(x, x[:, :1], validation_data=(x, x[:, :1]), callbacks=[SwapEMAWeights()], verbose=0)
        >>> sorted(history.history)
        ['loss', 'val_loss']
    """

    swap_on_epoch: bool = field(flag, default=False)
    _weights: list[npt.NDArray[Any]] | None = attribute(None)
    _of_epoch: bool = attribute(False)

    def _swap(self) -> None:
        optimizer: Any = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                f"SwapEMAWeights: expected an optimizer with use_ema=True; received {type(optimizer).__name__} "
                "without. Compile the model with one, such as optimizers.Adam(use_ema=True)"
            )
        self._weights = [p.numpy() for p in optimizer.parameters]
        if self._weights:  # none before the optimizer knows its parameters
            optimizer.finalize_variable_values()

    def _swap_back(self) -> None:
        optimizer: Any = self.model.optimizer
        changes = ag.Changes()
        for p, value in zip(optimizer.parameters, self._weights or [], strict=True):
            changes.assign(p, value)
        changes.call(vars(self).update, {"_weights": None})
        changes.make()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._weights, self._of_epoch = None, False  # left by a failed run

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._of_epoch and self._weights is not None:
            self._swap_back()
        self._of_epoch = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Swap, with `swap_on_epoch`; after the last epoch the means stay."""
        if self.swap_on_epoch:
            self._swap()
            self._of_epoch = True

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._of_epoch:
            self._swap()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._of_epoch:
            self._swap_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self.on_test_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self.on_test_end(logs)
