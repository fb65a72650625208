"""A model that has changed between two steps is noticed: the optimizer never goes on with other parameters silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, models

X, Y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)


class Net(models.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(3)
        self.rest: list[Any] = [layers.Dense(3), layers.Dense(1)]

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x


def stepped() -> Net:
    model = Net()
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    return model


def replaced(model: Net) -> None:
    model.first.kernel = nn.Parameter(np.ones((3, 3)))


def grown(model: Net) -> None:
    model.rest.append(layers.Dense(1, input_shape=(1,)))
    model.rest[-1].build((None, 1))


def exchanged(model: Net) -> None:
    model.first.kernel, model.rest[0].kernel = model.rest[0].kernel, model.first.kernel


@pytest.mark.parametrize("change", [replaced, grown, exchanged])
@pytest.mark.parametrize("step", ["train_on_batch", "fit"])
def test_other_parameters_are_refused(change: Any, step: str) -> None:
    model = stepped()
    change(model)
    with pytest.raises(ValueError, match="its state belongs to them; received"):
        getattr(model, step)(X, Y)


def test_a_part_that_is_not_built_is_refused() -> None:
    model = stepped()
    model.rest.append(layers.Dense(1))
    with pytest.raises(ValueError, match="expected a module with parameters; received 'rest.2'"):
        model.train_on_batch(X, Y)


def test_the_same_parameters_go_on() -> None:
    model = stepped()
    before = model.state_dict()
    model.note = ["what is not part of it"]
    model.train_on_batch(X, Y)
    assert model.optimizer.iterations == 2
    assert all((model.state_dict()[path] != array).any() for path, array in before.items())
