"""What a loss, a layer or a penalty reads in Python may change between two batches, and the next one sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn import callbacks, layers, losses, models

from ...compiler.reads import READINGS
from ...rows import for_every

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype(np.float32)
Y = X[:, :1].copy()
Read = Callable[[], Any]


def with_loss(read: Read) -> tuple[models.Model, Any]:
    return models.Sequential([layers.Dense(1, input_shape=(3,))]), lambda y, p: read() * ((y - p) ** 2).mean()


def with_loss_class(read: Read) -> tuple[models.Model, Any]:
    class Own(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return read() * (y_true - y_pred) ** 2

    return models.Sequential([layers.Dense(1, input_shape=(3,))]), Own()


def with_lambda(read: Read) -> tuple[models.Model, Any]:
    return models.Sequential([layers.Dense(1, input_shape=(3,)), layers.Lambda(lambda x: x * read())]), "mse"


def with_layer(read: Read) -> tuple[models.Model, Any]:
    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * read()

    return models.Sequential([layers.Dense(1, input_shape=(3,)), Own()]), "mse"


def with_added_loss(read: Read) -> tuple[models.Model, Any]:
    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss((read() * (x * x)).mean())
            return x

    return models.Sequential([layers.Dense(1, input_shape=(3,)), Own()]), "mse"


def with_regularizer(read: Read) -> tuple[models.Model, Any]:
    dense = layers.Dense(1, input_shape=(3,), kernel_regularizer=lambda w: (read() * (w * w)).sum())
    return models.Sequential([dense]), "mse"


def with_model(read: Read) -> tuple[models.Model, Any]:
    class Own(models.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x) * read()

    return Own(), "mse"


PLACES = {f.__name__: f for f in (with_loss, with_lambda, with_layer)}
RARER = {f.__name__: f for f in (with_loss_class, with_added_loss, with_regularizer, with_model)}


def trained(make: Callable[[Read], tuple[models.Model, Any]], name: str, jit_compile: bool) -> list[Any]:
    read, change = READINGS[name]()
    nn.utils.set_random_seed(0)
    model, loss = make(read)
    model.compile("sgd", loss, jit_compile=jit_compile)
    found = []
    for k in range(7):
        if k == 4:
            change()
        found.append(model.train_on_batch(X, Y))
    found.append(model.evaluate(X, Y, verbose=0))
    if jit_compile:
        traces = [trace for step in model._replays.computations.values() for trace in step.compiled.traces]
        assert any(trace.replay is not None for trace in traces)
    return found


def sees_it(place: str, name: str) -> None:
    make = {**PLACES, **RARER}[place]
    assert trained(make, name, True) == trained(make, name, False)


@for_every([*READINGS][::8], name=str)
def test_the_next_batch_sees_some_changes(name: str) -> None:
    sees_it("with_loss", name)


@pytest.mark.ci
@for_every(
    [(place, name) for place in PLACES for name in [*READINGS][1::2]], by=lambda row: row[0], name=lambda row: row[1]
)
def test_the_next_batch_sees_half_of_what_has_changed(row: tuple[str, str]) -> None:
    sees_it(*row)


@pytest.mark.long
@for_every(
    [(place, name) for place in PLACES for name in [*READINGS][::2]], by=lambda row: row[0], name=lambda row: row[1]
)
def test_the_next_batch_sees_what_has_changed(row: tuple[str, str]) -> None:
    sees_it(*row)


@pytest.mark.ci
@for_every(
    [(place, name) for place in RARER for name in [*READINGS][::4]], by=lambda row: row[0], name=lambda row: row[1]
)
def test_the_next_batch_sees_what_has_changed_elsewhere(row: tuple[str, str]) -> None:
    sees_it(*row)


class Recorded(callbacks.Callback):
    """Keeps the losses, and changes something after a batch."""

    def __init__(self, at: int, change: Callable[[], Any]) -> None:
        super().__init__()
        self.at, self.change, self.losses = at, change, list[float]()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(logs["loss"])
        if batch == self.at:
            self.change()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("between", ["batches", "fits"])
def test_fit_by_default(place: str, between: str) -> None:
    found = []
    for jit_compile in ("auto", False):
        rates = [1.0]
        nn.utils.set_random_seed(0)
        model, loss = PLACES[place](lambda rates=rates: rates[0])
        model.compile("sgd", loss, jit_compile=jit_compile)
        change: Callable[[], Any] = lambda rates=rates: rates.__setitem__(0, 5.0)  # noqa: E731
        recorded = Recorded(50 if between == "batches" else 99, change)
        for _ in range(2):
            model.fit(np.tile(X, (80, 1)), np.tile(Y, (80, 1)), batch_size=8, shuffle=False, verbose=0,
                      callbacks=[recorded])  # fmt: skip
            if between == "fits":
                change()
        found.append(recorded.losses)
    assert found[0] == found[1]
