"""Programs that train on arrays beyond NumPy's: weights end as NumPy's do, and where they were put."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import callbacks, layers, optimizers

from ..array_kinds import Kind
from .test_arrays import X, Y, close, every_kind, mlp

To = Callable[[np.ndarray], Any]


def with_callbacks(to: To, folder: Path) -> Any:
    model = mlp().to(to)
    used = [
        callbacks.EarlyStopping(patience=0, restore_best_weights=True),
        callbacks.ModelCheckpoint(folder / "best.safetensors", save_best_only=True),
        callbacks.ReduceLROnPlateau(patience=1),
        callbacks.TerminateOnNaN(),
        callbacks.CSVLogger(folder / "log.csv"),
    ]
    model.fit(to(X), to(Y), epochs=3, verbose=0, validation_data=(X, Y), callbacks=used)
    return model


def from_a_checkpoint(to: To, folder: Path) -> Any:
    model, other = mlp().to(to), mlp().to(to)
    model.fit(X, Y, verbose=0)
    nn.saving.save_checkpoint(folder / "checkpoint", model)
    nn.saving.load_checkpoint(folder / "checkpoint", other)
    other.fit(X, Y, verbose=0)
    return other


def with_states(to: To, folder: Path) -> Any:
    x = np.random.default_rng(0).normal(size=(8, 3, 4)).astype(np.float32)
    model = nn.Sequential([nn.Input((3, 4)), layers.LSTM(5, stateful=True, dropout=0.2), layers.Dense(2)])
    model.compile("adam", "mse")
    for _ in range(2):
        model.to(to).fit(x, x[:, 0, :2], batch_size=4, shuffle=False, verbose=0)
        model.load_state_dict(model.state_dict())
    return model


def with_penalties(to: To, folder: Path) -> Any:
    dense = layers.Dense(
        8, "relu", kernel_regularizer="l2", kernel_constraint="max_norm", activity_regularizer="l1", input_shape=(4,)
    )
    model = nn.Sequential([dense, layers.GaussianNoise(0.1), layers.BatchNormalization(), layers.Dense(3)])
    inner = optimizers.SGD(0.01, momentum=0.9, global_clipnorm=0.1)
    model.compile(optimizers.LossScaleOptimizer(inner), "huber")
    model.to(to).fit(X, Y, verbose=0, epochs=2, sample_weight=np.linspace(0.5, 1.5, len(X)))
    return model


def with_two_outputs(to: To, folder: Path) -> Any:
    bits = (Y[:, :1] > 0).astype(np.float32)
    x = nn.Input((4,))
    h = layers.Dense(5, "tanh")(x)
    model = nn.Model(x, [nn.ops.relu(layers.Dense(3)(h)) * np.ones(3, np.float32), layers.Dense(1, "sigmoid")(h)])
    model.compile("adam", ["mse", "binary_crossentropy"], metrics=[["mae"], ["accuracy"]])
    model.to(to).fit(to(X), [to(Y), bits], verbose=0, epochs=2, validation_split=0.25)
    assert {type(a) for a in model.predict(to(X))} == {np.ndarray}
    return model


class OwnStep(nn.Sequential):
    """Written as in Keras."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        loss = np.abs(self(x) - y).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.metrics[0].update_state(loss)
        return self.get_metrics_result()


def with_a_step_of_its_own(to: To, folder: Path) -> Any:
    model = OwnStep([layers.Dense(3, input_shape=(4,))])
    model.compile("sgd")
    model.to(to).fit(X, Y, verbose=0)
    model.fit(to(X), to(Y), verbose=0)
    return model


def by_lbfgs(to: To, folder: Path) -> Any:
    model = nn.Sequential([layers.Dense(3, input_shape=(4,))]).to(to)
    optimizer = optimizers.LBFGS(max_iter=3, parameters=model.parameters())
    x, y = ag.tensor(to(X)), ag.tensor(to(Y))
    optimizer.step(lambda: ((model(x) - y) ** 2).mean())
    return model


def from_streams(to: To, folder: Path) -> Any:
    model = mlp().to(to)
    model.compile(optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
    for x, y in nn.data.DataLoader((to(X), Y), batch_size=8):
        model.train_on_batch(x, y)
    model.fit(nn.data.Dataset.from_tensor_slices((X, Y)).batch(8), verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    model.evaluate(nn.data.DataLoader((to(X), to(Y)), batch_size=5), verbose=0)
    return model


PROGRAMS = (
    *(with_callbacks, from_a_checkpoint, with_states, with_penalties, with_two_outputs, with_a_step_of_its_own),
    *(by_lbfgs, from_streams),
)


@pytest.mark.ci
@every_kind
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program(program: Callable[[To, Path], Any], kind: Kind, tmp_path: Path) -> None:
    kind.skip_unless_there()
    states = []
    for to in (np.asarray, kind.to_kind):
        nn.set_seed(0)
        model = program(to, tmp_path)
        states.append(model.state_dict())
    assert all(kind.is_kind(t.data) for t in model.weights)
    for name, a in states[1].items():
        close(a, states[0][name])


@pytest.mark.ci
def test_data_of_dask_are_computed_batch_by_batch() -> None:
    da = pytest.importorskip("dask.array", reason="needs Dask")
    lazy = [da.from_array(a, chunks=(8, a.shape[1])) for a in (X, Y)]
    found = []
    for x, y in ((X, Y), lazy):
        model = mlp(metrics=["mae"])
        nn.set_seed(1)
        history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
        found.append((*history.values(), model.evaluate(x, y, verbose=0), model.predict(x)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
