"""SwapEMAWeights: which weights are seen when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn import callbacks, layers, optimizers

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5]], np.float32)


class Watcher(callbacks.Callback):
    """Writes down the kernel when it is asked to look."""

    def __init__(self) -> None:
        self.seen: dict[str, list[np.ndarray]] = {}

    def look(self, when: str) -> None:
        self.seen.setdefault(when, []).append(self.model.get_weights()[0])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.look("epoch begin")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.look("step")

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.look("test")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.look("epoch end")


def compiled(**arguments: Any) -> Any:
    """Return a model with an optimizer."""
    nn.set_seed(0)
    model = nn.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile(optimizers.SGD(0.1, **arguments), loss="mse")
    return model


def fitted(swap: callbacks.Callback, watcher: Watcher, **arguments: Any) -> Any:
    """Return a model after three epochs of two steps."""
    model = compiled(use_ema=True, ema_momentum=0.5)
    model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, callbacks=[swap, watcher], verbose=0, **arguments)
    return model


def averages(steps: list[np.ndarray]) -> list[np.ndarray]:
    """Return the running means of weights after each step."""
    means = [steps[0]]
    for value in steps[1:]:
        means.append(0.5 * means[-1] + 0.5 * value)
    return means


@pytest.mark.parametrize("on_epoch", [False, True])
def test_validation_sees_the_means_and_training_does_not(on_epoch: bool) -> None:
    plain = Watcher()
    model = fitted(callbacks.Callback(), plain)
    means = averages(plain.seen["step"])
    watcher = Watcher()
    swapped = fitted(callbacks.SwapEMAWeights(on_epoch), watcher, validation_data=(X, Y))
    np.testing.assert_array_equal(watcher.seen["step"], plain.seen["step"])
    np.testing.assert_allclose(watcher.seen["test"], [means[i] for i in (1, 1, 3, 3, 5, 5)], rtol=1e-6)
    wanted = [means[i] if on_epoch else plain.seen["step"][i] for i in (1, 3, 5)]
    np.testing.assert_allclose(watcher.seen["epoch end"], wanted, rtol=1e-6)
    np.testing.assert_array_equal(swapped.get_weights()[0], model.get_weights()[0])
    np.testing.assert_allclose(model.get_weights()[0], means[-1], rtol=1e-6)


def test_predictions_see_the_means_and_leave_the_weights() -> None:
    model = compiled(use_ema=True, ema_momentum=0.5)
    for _ in range(3):
        model.train_on_batch(X, Y)
    weights = model.get_weights()
    swapped = model.predict(X, callbacks=[callbacks.SwapEMAWeights()], verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    assert not np.allclose(swapped, model.predict(X, verbose=0))
    model.optimizer.finalize_variable_values()
    np.testing.assert_array_equal(swapped, model.predict(X, verbose=0))


def test_an_optimizer_without_means_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected an optimizer with use_ema=True; received SGD without"):
        compiled().evaluate(X, Y, callbacks=[callbacks.SwapEMAWeights()], verbose=0)
