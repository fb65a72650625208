"""FixedPoint: equilibria and their gradients, training, and cells that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models
from nn.datasets import mnist

RNG = np.random.default_rng(0)


def cell(units: int, dtype: str = "float64", **more: Any) -> layers.Pipeline:
    ag.set_seed(0)
    small = nn.initializers.RandomNormal(0.0, 0.5 / units**0.5)
    dense = layers.Dense(units, "tanh", dtype=dtype, kernel_initializer=small, **more)
    return layers.Pipeline([layers.Concatenate(), dense], dtype=dtype)


def test_it_returns_the_equilibrium_with_the_gradients_of_many_steps() -> None:
    x = RNG.standard_normal((5, 3))
    layer = layers.FixedPoint(cell(4), state_shape=(4,))
    z = layer(x)
    np.testing.assert_allclose(layer.layer([z, ag.tensor(x)]).numpy(), z.numpy(), atol=1e-9)
    for k in range(5):  # a sample comes to rest where it does alone
        np.testing.assert_allclose(layer(x[k : k + 1]).numpy(), z.numpy()[k : k + 1], atol=1e-8)

    def unrolled(x: Any) -> Any:
        z = ag.tensor(np.zeros((5, 4)))
        for _ in range(200):
            z = layer.layer([z, x])
        return z

    results = []
    for f in (layer, unrolled):
        t = ag.tensor(x, requires_grad=True)
        layer.zero_grad()
        (f(t) ** 2).sum().backward()
        results.append([t.grad.numpy(), *[p.grad.numpy() for p in layer.parameters()]])
    for received, expected in zip(*results, strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-9)


def model() -> models.Sequential:
    ag.set_seed(1)
    z, x = layers.Input((16,)), layers.Input((6,))
    contraction = layers.Dense(16, kernel_constraint=nn.constraints.MaxNorm(0.9 / 4))
    h = layers.Add()([contraction(z), layers.Dense(16, use_bias=False)(x)])
    layer = layers.FixedPoint(models.Model([z, x], layers.Activation("tanh")(h)), state_shape=(16,))
    return models.Sequential([layer, layers.Dense(3, "softmax")])


def test_it_learns_alike_compiled_or_not(tmp_path: Path) -> None:
    x = RNG.standard_normal((96, 6)).astype(np.float32)
    y = np.argmax(x[:, :3] + 0.5 * np.abs(x[:, 3:]), axis=1)
    losses = []
    for eagerly in (False, True):
        network = model()
        network.compile(nn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"], run_eagerly=eagerly)
        losses.append(network.fit(x, y, epochs=4, batch_size=32, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    history = network.fit(x, y, epochs=25, batch_size=32, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    network.save(tmp_path / "equilibrium.agl")
    restored = models.load_model(tmp_path / "equilibrium.agl")
    np.testing.assert_array_equal(restored.predict(x, verbose=0), network.predict(x, verbose=0))


def test_it_is_a_part_of_functional_models() -> None:
    outer, inner = layers.Input((3,)), cell(4, "float32")
    network = models.Model(outer, layers.FixedPoint(inner, state_shape=(4,))(outer))
    assert network.output_shape == (None, 4)
    values = RNG.standard_normal((2, 3)).astype(np.float32)
    z = network(values)
    np.testing.assert_allclose(inner([z, ag.tensor(values)]).numpy(), z.numpy(), atol=1e-4)


def test_cells_that_have_no_fixed_point_are_refused() -> None:
    x = RNG.standard_normal((2, 3)).astype(np.float32)
    drawing = layers.FixedPoint(layers.Pipeline([layers.Add(), layers.Dense(3), layers.Dropout(0.5)])).train()
    with pytest.raises(ag.UnsupportedError, match="draw no random numbers"):
        ag.grad(lambda x: drawing(x).sum())(x)
    with pytest.raises(ag.ShapeError, match="shapes in x0"):
        layers.FixedPoint(cell(4, "float32"))(x)(x)
    steep = layers.Pipeline([layers.Add(), layers.Lambda(lambda h: 1.5 * h + np.sin(h))])
    for on_failure, words in (("raise", "succeeded"), ("differentiate", "certain digits")):
        far = layers.FixedPoint(steep, memory=0, on_failure=on_failure)
        with pytest.raises(ag.ImplicitError, match=words):
            ag.grad(lambda x: far(x).sum())(x)  # noqa: B023
    with pytest.raises(TypeError, match="a layer"):
        layers.FixedPoint(np.tanh)
    with pytest.raises(TypeError, match="without the batch axis"):
        layers.FixedPoint(cell(4), state_shape=4)


@pytest.mark.ci
def test_it_learns_digits() -> None:
    (x, y), (x_test, y_test) = mnist.load_sample()
    x, x_test = [images.reshape(-1, 784).astype(np.float32) / 255 for images in (x[:3000], x_test)]
    ag.set_seed(0)
    z, pixels = layers.Input((64,)), layers.Input((784,))
    contraction = layers.Dense(64, kernel_constraint=nn.constraints.MaxNorm(0.2))
    h = layers.Add()([contraction(z), layers.Dense(64, use_bias=False)(pixels)])
    layer = layers.FixedPoint(models.Model([z, pixels], layers.Activation("tanh")(h)), state_shape=(64,))
    network = models.Sequential([layer, layers.Dense(10, "softmax")])
    network.compile(nn.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", ["accuracy"])
    network.fit(x, y[:3000], epochs=4, batch_size=64, verbose=0)
    assert network.evaluate(x_test, y_test, verbose=0)[1] > 0.9
