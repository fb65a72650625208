"""A small classification problem and models for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import nn
from nn import callbacks, layers, models

N, D, K = 50, 4, 3


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)), np.eye(K)[rng.integers(0, K, size=N)]


def classifier(dropout: float = 0.0) -> models.Sequential:
    nn.set_seed(5)
    return models.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(D,)),
            layers.Dropout(dropout),
            layers.Dense(K, activation="softmax"),
        ]
    )


def compiled(**arguments: Any) -> models.Sequential:
    model = classifier()
    model.compile(**{"loss": "categorical_crossentropy", "metrics": ["accuracy"], **arguments})
    return model


def assert_equal_weights(a: models.Model, b: models.Model) -> None:
    for (path, x), (other, y) in zip(a.state_dict().items(), b.state_dict().items(), strict=True):
        assert path == other
        np.testing.assert_array_equal(x, y)


class Interrupt(callbacks.Callback):
    """Raises after a batch."""

    def __init__(self, batch: int, error: type[BaseException]) -> None:
        self.batch, self.error = batch, error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self.batch:
            raise self.error
