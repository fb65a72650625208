"""Embeddings, merging layers, noise and activations with weights: closed forms, properties, bad arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers

# ---- embeddings -----------------------------------------------------------------------------------------------------


def test_an_embedding_looks_up_and_its_gradient_adds_up(rng: np.random.Generator) -> None:
    layer = layers.Embedding(5, 2, dtype="float64")
    x = np.array([[1, 3, 1], [0, 1, 4]])
    out = layer(x)
    table = layer.embeddings.numpy()
    np.testing.assert_array_equal(out.numpy(), table[x])
    factor = rng.normal(size=out.shape)
    (out * factor).sum().backward()
    expected = np.zeros((5, 2))
    for i in np.ndindex(2, 3):
        expected[x[i]] += factor[i]
    assert layer.embeddings.grad is not None
    np.testing.assert_allclose(layer.embeddings.grad.numpy(), expected, rtol=1e-12)


def test_an_embedding_takes_whole_floats_and_an_empty_batch() -> None:
    layer = layers.Embedding(5, 2)
    np.testing.assert_array_equal(layer(np.array([[1.0, 4.0]])).numpy(), layer(np.array([[1, 4]])).numpy())
    assert layer(np.zeros((0, 3), int)).shape == (0, 3, 2)


def test_the_mask_of_an_embedding() -> None:
    x = np.array([[1, 0], [0, 2]])
    mask = layers.Embedding(5, 2, mask_zero=True).compute_mask(x)
    assert mask is not None
    assert mask.tolist() == [[True, False], [False, True]]
    assert layers.Embedding(5, 2).compute_mask(x) is None


def test_sinusoids_by_their_formula() -> None:
    out = layers.SinusoidalEmbedding(dtype="float64")(np.zeros((1, 7, 6))).numpy()[0]
    for t in range(7):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            assert out[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-14)
            assert out[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-14)
    later = layers.SinusoidalEmbedding(dtype="float64")(np.zeros((1, 4, 6)), start=3).numpy()[0]
    np.testing.assert_allclose(later, out[3:], atol=1e-14)


def test_learned_positions(rng: np.random.Generator) -> None:
    layer = layers.PositionalEmbedding(5, dtype="float64")
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_allclose(layer(x).numpy() - x, [layer.position_embeddings.numpy()[:3]] * 2, rtol=1e-12)
    np.testing.assert_allclose(layer(x, start=2).numpy() - x, [layer.position_embeddings.numpy()[2:]] * 2, rtol=1e-12)


# ---- merging --------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.permutations(range(3)))
def test_the_order_of_what_is_merged_does_not_matter(order: list[int]) -> None:
    parts = [np.random.default_rng(i).normal(size=(2, 3)) for i in range(3)]
    for layer in (layers.Add(), layers.Multiply(), layers.Average(), layers.Maximum(), layers.Minimum()):
        np.testing.assert_allclose(layer([parts[i] for i in order]).numpy(), layer(parts).numpy(), rtol=1e-5, atol=1e-6)


def test_merging_by_its_formula(rng: np.random.Generator) -> None:
    a, b, c = rng.normal(size=(3, 2, 4))
    for kind, expected in {
        "Add": a + b + c,
        "Multiply": a * b * c,
        "Average": (a + b + c) / 3,
        "Maximum": np.max([a, b, c], axis=0),
        "Minimum": np.min([a, b, c], axis=0),
        "Concatenate": np.hstack([a, b, c]),
    }.items():
        out = getattr(layers, kind)(dtype="float64")([a, b, c]).numpy()
        np.testing.assert_allclose(out, expected, rtol=1e-12)
    np.testing.assert_array_equal(layers.Subtract(dtype="float64")([a, b]).numpy(), a - b)


def test_dot_is_an_einsum(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 6, 4))
    out = layers.Dot(axes=(2, -1), dtype="float64")([a, b]).numpy()
    np.testing.assert_allclose(out, np.einsum("nikj,nmk->nijm", a, b), rtol=1e-12)
    cosine = layers.Dot(axes=1, normalize=True, dtype="float64")([a[:, 0, :, 0], 3 * a[:, 0, :, 0]])
    np.testing.assert_allclose(cosine.numpy(), np.ones((2, 1)), rtol=1e-12)


def test_a_residual_adds_and_trains_every_part(rng: np.random.Generator) -> None:
    inner, shortcut = layers.Dense(2, "tanh"), layers.Dense(2)
    layer = layers.Residual([layers.Dense(4), inner], shortcut=shortcut)
    x = rng.normal(size=(3, 5))
    out = layer(x)
    expected = shortcut(x).numpy() + inner(layer.layers[0](x)).numpy()
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-6)
    names = [path for path, _ in layer.named_parameters()]
    assert names == [f"{p}.{w}" for p in ("layers.0", "layers.1", "shortcut") for w in ("kernel", "bias")]


def test_permute_and_repeat(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(layers.Permute((3, 1, 2))(x).numpy(), x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(layers.RepeatVector(3)(x[:, 0, 0]).numpy(), np.stack([x[:, 0, 0]] * 3, 1))


# ---- noise ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "variance"),
    [
        (lambda: layers.GaussianNoise(0.5, seed=1), 0.25),
        (lambda: layers.GaussianDropout(0.2, seed=1), 0.25),
    ],
)
def test_noise_has_its_mean_and_variance(make: Any, variance: float) -> None:
    out = make()(np.ones((200, 500))).numpy()
    # 100,000 draws: five standard deviations of the mean, and of the variance.
    assert abs(out.mean() - 1) < 5 * math.sqrt(variance / 1e5)
    assert abs(out.var() - variance) < 5 * variance * math.sqrt(2 / 1e5)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).normal(size=(300, 1000))
    out = layers.AlphaDropout(0.3, seed=1, dtype="float64")(x).numpy()
    assert abs(out.mean()) < 0.02
    assert abs(out.var() - 1) < 0.02
    a = ((1 - 0.3) * (1 + 0.3 * 1.7580993408473766**2)) ** -0.5
    dropped = a * -1.7580993408473766 + a * 1.7580993408473766 * 0.3
    assert abs(np.isclose(out, dropped).mean() - 0.3) < 0.01


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda: layers.SpatialDropout1D(0.5, seed=1), (1,)),
        (lambda: layers.SpatialDropout2D(0.5, seed=1), (1, 2)),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first", seed=1), (2, 3)),
        (lambda: layers.SpatialDropout3D(0.5, seed=1), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(make: Any, axes: tuple[int, ...]) -> None:
    layer = make()
    out = layer(np.ones((8,) * layer.ndim)).numpy()
    assert set(np.unique(out)) == {0.0, 2.0}
    assert (out.min(axes) == out.max(axes)).all()
    assert 0.2 < (out.min(axes) == 0).mean() < 0.8


@pytest.mark.parametrize("kind", ["SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout"])
def test_noise_with_a_seed_repeats_and_without_one_follows_set_seed(kind: str) -> None:
    make, x = getattr(layers, kind), np.ones((4, 3, 5))
    np.testing.assert_array_equal(make(0.5, seed=3)(x).numpy(), make(0.5, seed=3)(x).numpy())
    nn.set_seed(1)
    first = make(0.5)(x).numpy()
    assert not np.array_equal(make(0.5)(x).numpy(), first)
    nn.set_seed(1)
    np.testing.assert_array_equal(make(0.5)(x).numpy(), first)


# ---- activations ----------------------------------------------------------------------------------------------------


def test_prelu_by_its_formula(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 3, 4))
    layer = layers.PReLU("random_uniform", shared_axes=1, dtype="float64")
    out = layer(x).numpy()
    assert layer.alpha.shape == (1, 4)
    np.testing.assert_allclose(out, np.where(x > 0, x, layer.alpha.numpy() * x), rtol=1e-12)


def test_a_masked_softmax_is_one_over_what_is_left(rng: np.random.Generator) -> None:
    x, mask = rng.normal(size=(3, 5)), rng.random((3, 5)) < 0.6
    mask[:, 0] = True
    e = np.exp(x) * mask
    out = layers.Softmax(dtype="float64")(x, mask=mask).numpy()
    np.testing.assert_allclose(out, e / e.sum(-1, keepdims=True), rtol=1e-12)
    two = layers.Softmax(axis=(0, 1), dtype="float64")(x).numpy()
    np.testing.assert_allclose(two, np.exp(x) / np.exp(x).sum(), rtol=1e-12)


# ---- bad arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.Embedding(0, 2), "expected input_dim to be a positive integer; received input_dim=0"),
        (lambda: layers.Embedding(3, 2, weights=[[1.0]]), r"expected weights of shape \(3, 2\)"),
        (lambda: layers.Embedding(3, 2)(np.array([[3]])), "expected integers from 0 to 2; received 3"),
        (lambda: layers.Embedding(3, 2)(np.array([[-1]])), "expected integers from 0 to 2; received -1"),
        (lambda: layers.Embedding(3, 2)(np.array([[0.5]])), "expected integers; received float32 with values that"),
        (lambda: layers.PositionalEmbedding(2)(np.ones((1, 3, 1))), "below sequence_length=2; received 3 positions"),
        (lambda: layers.PositionalEmbedding(2)(np.ones((1, 3))), r"expected inputs of shape \(N, T, D\)"),
        (lambda: layers.SinusoidalEmbedding(0), "expected max_wavelength to be a finite number above 0"),
        (lambda: layers.Add()(np.ones((2, 3))), "expected a list of 1 or more tensors; received Tensor"),
        (lambda: layers.Subtract()([np.ones((2, 3))] * 3), "expected a list of 2 tensors; received 3 of them"),
        (lambda: layers.Add()([np.ones((2, 3)), np.ones((2, 4))]), "expected shapes that broadcast to one another"),
        (lambda: layers.Concatenate()([np.ones((2, 3)), np.ones((3, 3))]), "equal lengths along every axis but -1"),
        (lambda: layers.Concatenate(axis=2)([np.ones((2, 3))]), "with an axis 2; received shapes"),
        (lambda: layers.Dot(axes=0), "expected axes other than 0"),
        (lambda: layers.Dot(axes=1)([np.ones((2, 3)), np.ones((2, 4))]), "expected equal lengths along axes"),
        (lambda: layers.Residual(layers.Dense(3))(np.ones((2, 2))), "Give a shortcut that makes the first like"),
        (lambda: layers.Residual([]), "expected at least one layer"),
        (lambda: layers.Permute((1, 3)), "expected dims to be 1 to 2 in some order"),
        (lambda: layers.Permute((2, 1))(np.ones((2, 3))), "expected inputs of 3 axes"),
        (lambda: layers.RepeatVector(2)(np.ones((2, 3, 1))), r"expected inputs of shape \(N, D\)"),
        (lambda: layers.GaussianNoise(-1), "expected stddev to be a finite number of at least 0; received stddev=-1"),
        (lambda: layers.GaussianDropout(1), "expected rate to be a number of at least 0 and below 1; received rate=1"),
        (lambda: layers.AlphaDropout(0.5, noise_shape=(2,))(np.ones((3, 2))), "expected a noise_shape that broadcasts"),
        (
            lambda: layers.SpatialDropout2D(0.5, "channels"),
            "expected data_format to be one of channels_last, channels_first",
        ),
        (lambda: layers.SpatialDropout1D(0.5)(np.ones((3, 2))), "expected a noise_shape that broadcasts"),
        (
            lambda: layers.ReLU(max_value=-1),
            "expected max_value to be a finite number of at least 0, or None; received max_value=-1",
        ),
        (lambda: layers.LeakyReLU(-1), "expected negative_slope to be a finite number of at least 0"),
        (lambda: layers.PReLU(shared_axes=[0]), "expected shared_axes of 1 and above"),
        (lambda: layers.PReLU(shared_axes=[3])(np.ones((2, 3))), "expected inputs that have the axes"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises((ValueError, ag.DtypeError), match=message):
        call()


def test_residual_takes_layers_only() -> None:
    with pytest.raises(TypeError, match="expected layers; received"):
        layers.Residual(np.tanh)
