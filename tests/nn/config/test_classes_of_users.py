"""Custom classes live as long as the user needs them: nn knows them by name, and does not hold them."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import callbacks, constraints, initializers, layers, losses, metrics, models, optimizers, regularizers
from nn.config.config import Registered

X = np.ones((2, 3, 4), "float32")


def own_layer() -> type:
    class Own(layers.Layer):
        supports_masking = True

        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight((4,), "ones")

        def call(self, x: ag.Tensor, mask: Any = None, training: bool | None = None) -> ag.Tensor:
            return x * self.factor

    return Own


def used(tmp_path: Path) -> type:
    """Return a class of layers that was called, trained, cloned, saved and loaded."""
    kind = own_layer()
    model = models.Sequential([layers.Masking(input_shape=(3, 4)), kind(), layers.LSTM(2), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, 0, :1], verbose=0)
    assert isinstance(models.clone_model(model).layers[1], kind)
    model.save(tmp_path / "own.nn", include_optimizer=False)
    loaded = models.load_model(tmp_path / "own.nn", custom_objects={"Own": kind})
    assert type(loaded.layers[1]) is kind
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    return kind


BASES = [
    layers.Layer,
    nn.Module,
    models.Model,
    models.Sequential,
    losses.Loss,
    metrics.Metric,
    metrics.Mean,
    optimizers.SGD,
    initializers.Initializer,
    regularizers.Regularizer,
    constraints.Constraint,
    callbacks.Callback,
]


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_a_class_that_nobody_uses_is_freed(base: type) -> None:
    kind = weakref.ref(type("Passing", (base,), {}))
    gc.collect()
    assert kind() is None


def test_a_class_that_was_used_is_freed(tmp_path: Path) -> None:
    kind = weakref.ref(used(tmp_path))
    gc.collect()
    assert kind() is None
    assert "Own" not in Registered._registry
