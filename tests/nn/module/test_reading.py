"""Parameters of layers can be read as arrays where no gradient can be lost by it, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

X = np.ones((4, 2), np.float32)


class Around(layers.Layer):
    """Computes with an array of another layer's parameter, or of its own."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any) -> Any:
        return x * np.asarray(self.inner.kernel).sum()


class Looking(nn.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen = np.asarray(self.model.layers[0].kernel)


def dense() -> Any:
    layer = layers.Dense(3)
    layer.build((None, 2))
    return layer


def with_live_graph(layer: Any) -> Any:
    y = layer(X).sum()
    return np.asarray(layer.kernel), y


def fitted_with(layer: Any, call: Any = None, loss: Any = "mse") -> Any:
    model = nn.Sequential([layer] if call is None else [layer, call])
    model.compile("sgd", loss)
    model.fit(X, np.ones((4, 3)), verbose=0)


REFUSED: dict[str, Any] = {
    "while a graph waits for backward": with_live_graph,
    "in grad": lambda layer: ag.grad(lambda x: (x * np.asarray(layer.kernel)).sum())(np.ones((2, 3))),
    "in jacobian": lambda layer: ag.jacobian(lambda x: x * np.asarray(layer.kernel))(np.ones((2, 3))),
    "in vmap": lambda layer: ag.vmap(lambda x: x * np.asarray(layer.kernel).sum())(X),
    "in compile": lambda layer: ag.compile(lambda x: x * np.asarray(layer.kernel).sum())(X),
    "in a call": lambda layer: Around(layer)(X),
    "in fit's call": lambda layer: fitted_with(layer, Around(layer)),
    "in fit's loss": lambda layer: fitted_with(
        layer, loss=lambda y, p: ((y - p) ** 2).mean() + np.square(np.asarray(layer.kernel)).sum()
    ),
    "by ag.tensor": lambda layer: ag.tensor([layer.kernel, layer.kernel]),
    "in a list beside a tensor": lambda layer: ag.tensor(np.ones(3)) * [layer.kernel, layer.kernel],
    "by SciPy": lambda layer: __import__("scipy.linalg").linalg.norm(layer.kernel),
    "a result": lambda layer: np.asarray(layer.kernel * 2),
    "a plain leaf": lambda layer: np.asarray(ag.tensor([1.0], requires_grad=True)),
}


def of_backward(layer: Any) -> Any:
    loss = layer(X).sum()
    loss.backward()
    return np.asarray(layer.kernel), loss


READ: dict[str, Any] = {
    "asarray": lambda layer: np.asarray(layer.kernel),
    "array": lambda layer: np.array(layer.kernel, dtype=float),
    "in a list": lambda layer: np.array([layer.kernel, layer.kernel]),
    "written into an array": lambda layer: np.zeros((2, 3)).__setitem__(slice(None), layer.kernel),
    "after backward": of_backward,
    "after fit": lambda layer: (fitted_with(layer), np.asarray(layer.kernel)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_a_gradient_would_be_lost_it_is_refused(name: str) -> None:
    with pytest.raises((ag.GradError, ag.TraceError, TypeError), match="bare array|np.asarray|SciPy|scipy"):
        REFUSED[name](dense())


@pytest.mark.parametrize("name", READ)
def test_elsewhere_a_parameter_is_read(name: str) -> None:
    READ[name](dense())


def test_it_is_read_by_pictures_and_in_callbacks() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    layer = dense()
    np.testing.assert_array_equal(np.asarray(layer.kernel), layer.kernel.numpy())
    plt.close(plt.figure())
    figure, axes = plt.subplots()
    axes.imshow(layer.kernel)
    plt.close(figure)
    model = nn.Sequential([layers.Dense(3)])
    model.compile("sgd", "mse")
    look = Looking()
    model.fit(X, np.ones((4, 3)), verbose=0, callbacks=[look])
    np.testing.assert_array_equal(look.seen, model.layers[0].kernel.numpy())
