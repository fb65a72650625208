"""Normalization layers: closed forms, running statistics, invariances, bad arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers


def normalized(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    """Return (x - mean) / sqrt(variance + epsilon)."""
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + epsilon)


@pytest.mark.parametrize(
    ("make", "shape", "axes"),
    [
        (lambda: layers.BatchNormalization(dtype="float64"), (6, 3), (0,)),
        (lambda: layers.BatchNormalization(dtype="float64"), (6, 2, 5, 3), (0, 1, 2)),
        (lambda: layers.BatchNormalization(axis=1, dtype="float64"), (6, 3, 4), (0, 2)),
        (lambda: layers.LayerNormalization(dtype="float64"), (4, 2, 5), (2,)),
        (lambda: layers.LayerNormalization(axis=[1, 2], dtype="float64"), (4, 2, 5), (1, 2)),
        (lambda: layers.LayerNormalization(axis=1, dtype="float64"), (4, 2, 5), (1,)),
        (lambda: layers.GroupNormalization(groups=1, dtype="float64"), (4, 2, 6), (1, 2)),
        (lambda: layers.GroupNormalization(groups=-1, dtype="float64"), (4, 2, 6), (1,)),
        (lambda: layers.GroupNormalization(groups=-1, axis=1, dtype="float64"), (4, 2, 6), (2,)),
    ],
)
def test_closed_forms(make: Any, shape: tuple[int, ...], axes: tuple[int, ...], rng: np.random.Generator) -> None:
    layer, x = make(), 3 * rng.normal(size=shape) + 1
    out = layer(x).numpy()
    np.testing.assert_allclose(out, normalized(x, axes, 1e-3), rtol=1e-12, atol=1e-14)
    gamma, beta = rng.normal(size=layer.gamma.shape), rng.normal(size=layer.gamma.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    at = [a % len(shape) for a in layer.axes]
    lengths = [n if a in at else 1 for a, n in enumerate(shape)]
    expected = gamma.reshape(lengths) * normalized(x, axes, 1e-3) + beta.reshape(lengths)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-11, atol=1e-13)


def test_group_normalization_is_a_layer_normalization_of_each_group(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 5, 6))
    out = layers.GroupNormalization(groups=3, dtype="float64")(x).numpy()
    for k in range(3):
        part = slice(2 * k, 2 * k + 2)
        np.testing.assert_allclose(out[..., part], normalized(x[..., part], (1, 2), 1e-3), rtol=1e-12, atol=1e-14)


def test_rms_and_unit_normalization(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 5, 6))
    rms = layers.RMSNormalization(dtype="float64")(x).numpy()
    np.testing.assert_allclose(rms, x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6), rtol=1e-12)
    unit = layers.UnitNormalization(axis=(1, 2), dtype="float64")(x).numpy()
    np.testing.assert_allclose((unit**2).sum((1, 2)), 1, rtol=1e-12)
    zero = ag.tensor(np.zeros((1, 3)), requires_grad=True)
    layers.UnitNormalization(dtype="float64")(zero).sum().backward()
    assert zero.grad is not None
    assert np.isfinite(zero.grad.numpy()).all()


def test_running_averages_follow_the_batches_and_serve_in_evaluation(rng: np.random.Generator) -> None:
    layer = layers.BatchNormalization(momentum=0.75, dtype="float64")
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(5):
        x = 2 * rng.normal(size=(8, 4, 3)) + 1
        layer(x)
        mean = 0.75 * mean + 0.25 * x.mean((0, 1))
        variance = 0.75 * variance + 0.25 * x.var((0, 1))
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-12)
    layer.eval()
    x = rng.normal(size=(2, 4, 3))
    np.testing.assert_allclose(layer(x).numpy(), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-12)
    assert [path for path, _ in layer.named_buffers()] == ["moving_mean", "moving_variance"]
    assert [path for path, _ in layer.named_parameters()] == ["gamma", "beta"]


def test_building_and_evaluation_leave_the_running_averages() -> None:
    model = nn.Sequential([layers.Dense(3), layers.BatchNormalization()])
    model.eval()(np.ones((4, 2)))
    assert model.layers[1].moving_mean.tolist() == [0, 0, 0]
    model.train()
    model(np.ones((4, 2)), training=True) if model._takes_training else model(np.ones((4, 2)))
    assert model.layers[1].moving_mean.tolist() != [0, 0, 0]


def test_fit_moves_the_running_averages_and_evaluate_uses_them(rng: np.random.Generator) -> None:
    nn.set_seed(0)
    model = nn.Sequential([layers.BatchNormalization(momentum=0.5, input_shape=(2,)), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = rng.normal(size=(64, 2)) * 3 + 5
    model.fit(x, x[:, :1], epochs=3, batch_size=16, verbose=0)
    layer = model.layers[0]
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0), atol=1.0)
    before = layer.state_dict()
    model.evaluate(x, x[:, :1], verbose=0)
    model.predict(x)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_a_frozen_layer_is_in_evaluation_mode(rng: np.random.Generator) -> None:
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    layer.trainable = False
    x = rng.normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(x).numpy(), x / np.sqrt(np.float32(1.001)), rtol=1e-5)
    assert layer.moving_mean.tolist() == [0, 0, 0]


def test_a_mask_leaves_entries_out(rng: np.random.Generator) -> None:
    x, mask = rng.normal(size=(4, 5, 3)), rng.random((4, 5)) < 0.6
    layer = layers.BatchNormalization(dtype="float64", momentum=0.0)
    layer(x, mask=mask)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x[mask].var(0), rtol=1e-12)
    x[~mask] = 1e6
    other = layers.BatchNormalization(dtype="float64")
    np.testing.assert_allclose(other(x, mask=mask).numpy()[mask], layer(x, mask=mask).numpy()[mask], rtol=1e-9)
    with pytest.raises(ag.ShapeError, match=r"expected a mask of shape \(4, 5\).*received mask shape \(4,\)"):
        layer(x, mask=mask[:, 0])


@settings(max_examples=25)
@given(st.integers(1, 4), st.integers(2, 6), st.floats(0.5, 20), st.floats(-5, 5))
def test_scale_and_shift_of_the_input_do_not_matter(n: int, d: int, factor: float, shift: float) -> None:
    x = np.random.default_rng(d).normal(size=(n, d))
    layer = layers.LayerNormalization(epsilon=1e-12, dtype="float64")
    np.testing.assert_allclose(layer(factor * x + shift).numpy(), layer(x).numpy(), rtol=1e-6, atol=1e-6)


def built_for(features: int, layer: Any) -> Any:
    """Return the layer, built for this many features."""
    layer.build((None, features))
    return layer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNormalization(axis=(1, 2)), "expected axis to be one axis, the channels'; received axis"),
        (
            lambda: layers.BatchNormalization(momentum=2),
            "expected momentum to be a number from 0 to 1; received momentum=2",
        ),
        (
            lambda: layers.LayerNormalization(epsilon=0),
            "expected epsilon to be a finite number above 0; received epsilon=0",
        ),
        (
            lambda: layers.GroupNormalization(groups=0),
            "expected groups to be a positive integer, or -1; received groups=0",
        ),
        (lambda: layers.GroupNormalization(groups=3)(np.ones((2, 4))), "the 3 groups divide; received shape"),
        (lambda: layers.LayerNormalization(axis=3)(np.ones((2, 4))), "expected inputs that have the axes"),
        (lambda: layers.LayerNormalization(axis=0)(np.ones((2, 4))), "none of them the batch axis"),
        (lambda: layers.LayerNormalization(axis=(1, -1))(np.ones((2, 4))), "none twice; received 2 axes"),
        (lambda: built_for(3, layers.LayerNormalization())(np.ones((2, 4))), "since it was built for them"),
        (lambda: built_for(3, layers.BatchNormalization())(np.ones((2, 4))), "since it was built for them"),
        (lambda: built_for(3, layers.RMSNormalization())(np.ones((2, 4))), "since it was built for them"),
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.ci
def test_equal_to_pytorch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(4, 6, 5)).astype(np.float32)
    pairs = [
        (layers.BatchNormalization(axis=1, epsilon=1e-5), torch.nn.BatchNorm1d(6)),
        (layers.LayerNormalization(epsilon=1e-5), torch.nn.LayerNorm(5)),
        (layers.GroupNormalization(groups=3, axis=1, epsilon=1e-5), torch.nn.GroupNorm(3, 6)),
        (layers.RMSNormalization(epsilon=1e-5), torch.nn.RMSNorm(5, eps=1e-5)),
    ]
    for ours, theirs in pairs:
        a, b = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        mine, other = ours(a), theirs(b)
        np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-6)
        factor = rng.normal(size=x.shape).astype(np.float32)
        (mine * factor).sum().backward()
        (other * torch.tensor(factor)).sum().backward()
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-5)
