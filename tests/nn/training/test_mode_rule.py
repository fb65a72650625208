"""In which mode a model computes that is called without `training=`: Keras's users and PyTorch's each find theirs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, models
from nn.saving import load_model
from tests.nn import peers

X = np.ones((4, 50), np.float32)


def dropping() -> models.Sequential:
    return models.Sequential([layers.Dropout(0.5, input_shape=(50,)), layers.Activation("linear")])


def functional() -> models.Model:
    x = nn.Input((50,))
    return models.Model(x, layers.Dropout(0.5)(layers.Dropout(0.5)(x)))


class Own(models.Model):
    """Makes its parts when it is built."""

    def build(self, input_shape: Any) -> None:
        self.inner = models.Sequential([layers.Dropout(0.5)])

    def call(self, x: Any) -> Any:
        return self.inner(x)


def compiled(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model


def grown(model: models.Sequential) -> models.Sequential:
    model.add(layers.Dropout(0.5))
    return model


def saved(model: Any, path: Path, **options: Any) -> Any:
    model(X)
    model.save(path / "m.nn")
    return load_model(path / "m.nn", **options)


def trainable() -> models.Sequential:
    return models.Sequential([layers.Dense(50, input_shape=(50,)), layers.Dropout(0.5)])


def fitted(model: models.Sequential) -> models.Sequential:
    model.fit(X, X, verbose=0)
    return model


FRESH: dict[str, Callable[[Path], Any]] = {
    "a new model": lambda path: dropping(),
    "a functional one": lambda path: functional(),
    "a subclass": lambda path: Own(),
    "a layer": lambda path: layers.Dropout(0.5),
    "a compiled one after train()": lambda path: compiled(dropping()).train(),
    "a loaded one after train()": lambda path: saved(dropping(), path).train(),
}
RESTING: dict[str, Callable[[Path], Any]] = {
    "a clone of a compiled one": lambda path: models.clone_model(compiled(dropping())),
    "compiled": lambda path: compiled(dropping()),
    "compiled, functional": lambda path: compiled(functional()),
    "compiled before it makes its parts": lambda path: compiled(Own()),
    "a layer is added after compile": lambda path: grown(compiled(dropping())),
    "a layer is added to an empty one after compile": lambda path: grown(compiled(models.Sequential())),
    "compiled again after train()": lambda path: compiled(compiled(dropping()).train()),
    "fitted": lambda path: fitted(compiled(trainable())),
    "a copy of a compiled one": lambda path: copy.deepcopy(compiled(dropping())),
    "loaded": lambda path: saved(compiled(dropping()), path),
    "loaded, never compiled": lambda path: saved(dropping(), path),
    "loaded without compile": lambda path: saved(compiled(functional()), path, compile=False),
}


def drops(model: Any, **mode: bool) -> bool:
    return bool((model(X, **mode).data == 0).any())


@pytest.mark.parametrize("case", FRESH)
def test_as_in_pytorch_a_model_is_in_training_mode(case: str, tmp_path: Path) -> None:
    model = FRESH[case](tmp_path)
    assert drops(model)
    assert not drops(model, training=False)
    assert not drops(model.eval())
    assert drops(model.train())


@pytest.mark.parametrize("case", RESTING)
def test_as_in_keras_a_compiled_or_loaded_model_is_in_inference_mode(case: str, tmp_path: Path) -> None:
    model = RESTING[case](tmp_path)
    assert not drops(model)
    assert not any(module.training for _, module in model.named_modules())
    assert drops(model, training=True)
    assert drops(model.train())


def test_a_loop_by_hand_drops_and_moves_statistics() -> None:
    model = models.Sequential([layers.Dense(50, input_shape=(50,)), layers.BatchNormalization(), layers.Dropout(0.5)])
    optimizer = nn.optimizers.SGD(0.1, parameters=model.parameters())
    before = model.layers[1].moving_mean.numpy()  # type: ignore[attr-defined]
    out = model(X)
    assert (out.data == 0).any()
    (out**2).mean().backward()
    optimizer.step()
    assert (model.layers[1].moving_mean.data != before).any()  # type: ignore[attr-defined]


def test_compiling_during_fit_does_not_end_training_mode() -> None:
    seen: list[bool] = []

    class Watch(layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(self.training)
            return x

    model = compiled(models.Sequential([layers.Dense(50, input_shape=(50,)), Watch()]))

    class Again(nn.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            model.optimizer.learning_rate = 0.0
            nn.Model.compile(model, model.optimizer, "mse")

    seen.clear()
    model.fit(X, X, batch_size=1, epochs=1, verbose=0, callbacks=[Again()])
    assert seen == [False, True, True, True, True]  # the first before any step, to check the shapes
    assert not model.training


def test_a_block_that_was_open_ends_in_inference_mode() -> None:
    model = dropping()
    with model.mode(training=True):
        compiled(model)
        assert drops(model)
    assert not drops(model)


def test_a_refused_compile_changes_nothing() -> None:
    model = dropping()
    with pytest.raises(ValueError, match="nothing"):
        model.compile("nothing", "mse")
    assert drops(model)


@pytest.mark.ci
def test_keras_is_in_inference_mode() -> None:
    keras = peers.keras()
    model = keras.Sequential([keras.layers.Dropout(0.5)])
    assert float(model(X).min()) == 1.0
    model.compile("sgd", "mse")
    assert float(model(X).min()) == float(model.layers[0](X).min()) == 1.0
