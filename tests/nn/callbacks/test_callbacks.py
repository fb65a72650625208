"""Callbacks: when they are called, with what, and when early stopping stops."""

from __future__ import annotations

from typing import Any

import pytest

import nn
from nn import callbacks

from ..classification import assert_equal_weights, compiled, data


class Recorder(callbacks.Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.events.append(("begin", self.params["epochs"], self.params["steps"]))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.events.append(("epoch", epoch))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.events.append(("batch", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append(sorted(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.events.append(("epoch end", epoch, sorted(logs)))

    def on_train_end(self, logs: Any = None) -> None:
        self.events.append("end")


def test_callbacks_are_called_in_order() -> None:
    x, y = data()
    recorder = Recorder()
    compiled().fit(x, y, batch_size=25, epochs=2, verbose=0, callbacks=recorder)
    batches = [("batch", 0), ["accuracy", "loss"], ("batch", 1), ["accuracy", "loss"]]
    logs = ["accuracy", "loss"]
    assert recorder.events == [
        ("begin", 2, 2),
        ("epoch", 0),
        *batches,
        ("epoch end", 0, logs),
        ("epoch", 1),
        *batches,
        ("epoch end", 1, logs),
        "end",
    ]


class Feed(callbacks.Callback):
    """Puts given values into the logs, before the callbacks that come after it."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_loss"] = self.values[epoch]


@pytest.mark.parametrize(
    ("values", "patience", "min_delta", "last_epoch"),
    [
        ([5, 4, 3, 2, 1], 0, 0.0, 4),
        ([5, 4, 6, 3, 1], 0, 0.0, 2),
        ([5, 4, 6, 3, 1], 1, 0.0, 2),
        ([5, 4, 6, 3, 7, 8, 9], 2, 0.0, 5),
        ([5, 4.5, 4.2, 1, 1], 2, 1.0, 2),
    ],
)
def test_early_stopping_as_in_keras(values: list[float], patience: int, min_delta: float, last_epoch: int) -> None:
    x, y = data()
    stopping = callbacks.EarlyStopping(patience=patience, min_delta=min_delta)
    history = compiled().fit(x, y, epochs=len(values), verbose=0, callbacks=[Feed(values), stopping])
    assert history.epoch[-1] == last_epoch
    assert stopping.stopped_epoch == (last_epoch if last_epoch < len(values) - 1 else 0)


def test_early_stopping_brings_back_the_best_weights() -> None:
    x, y = data()
    model, reference = compiled(), compiled()
    stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    nn.set_seed(1)
    model.fit(x, y, epochs=9, verbose=0, callbacks=[Feed([3, 1, 2, 2, 0, 0, 0, 0, 0]), stopping])
    nn.set_seed(1)
    reference.fit(x, y, epochs=2, verbose=0)
    assert stopping.best_epoch == 1
    assert_equal_weights(model, reference)


def test_early_stopping_maximises_accuracy() -> None:
    assert callbacks.EarlyStopping("val_accuracy").sign == -1
    assert callbacks.EarlyStopping("val_accuracy", mode="min").sign == 1
