"""Layers, activations and initializers against independent formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from autograd_lite.testing import check_grads
from nn import activations, initializers, layers, models


def central_difference(f: Callable[[], float], array: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Differentiate f, which reads `array`, by every element of it."""
    out = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = f()
        array[i] = kept - step
        below = f()
        array[i] = kept
        out[i] = (above - below) / (2 * step)
    return out


# ---- Dense ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (0, 3)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_is_a_product_and_a_sum(rng: np.random.Generator, shape: tuple[int, ...], use_bias: bool) -> None:
    layer = layers.Dense(2, activation="tanh", use_bias=use_bias, bias_initializer="random_normal", dtype="float64")
    x = rng.normal(size=shape)
    out = layer(x)
    expected = x @ layer.kernel.numpy() + (layer.bias.numpy() if use_bias else 0)
    np.testing.assert_allclose(out.numpy(), np.tanh(expected), rtol=1e-12)
    assert len(layer.parameters()) == 1 + use_bias


def test_dense_gradients_against_finite_differences(rng: np.random.Generator) -> None:
    layer = layers.Dense(3, activation="sigmoid", dtype="float64", input_shape=(4,))
    x, weight = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    (layer(x) * weight).sum().backward()
    for p in layer.parameters():
        values = p.numpy()

        def f(p: Any = p, values: np.ndarray = values) -> float:
            p.assign(values)
            return (layer(x) * weight).sum().item()

        assert p.grad is not None
        gradient = p.grad.numpy()
        np.testing.assert_allclose(gradient, central_difference(f, values), rtol=1e-8, atol=1e-9)
        p.assign(values)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint32])
def test_dense_casts_integers(dtype: Any) -> None:
    layer = layers.Dense(1, kernel_initializer="ones", input_shape=(3,))
    out = layer(np.array([[1, 2, 255]], dtype))
    assert out.dtype == np.float32
    assert out.tolist() == [[258.0]]


def test_two_images_in_a_row_need_a_flatten() -> None:
    model = models.Sequential([layers.Flatten(input_shape=(2, 3)), layers.Dense(4)])
    x = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(model.predict(x), model.layers[1](x.reshape(2, 6)).numpy())


# ---- Dropout --------------------------------------------------------------------------------------------------------


def test_dropout_drops_the_rate_and_keeps_the_mean() -> None:
    nn.set_seed(0)
    out = layers.Dropout(0.25)(np.ones((200, 500))).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    # 100,000 draws: five standard deviations of the share that is dropped.
    assert abs((out == 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 100_000)


def test_dropout_passes_gradients_where_it_passed_values() -> None:
    x = ag.tensor(np.ones((10, 10), np.float32), requires_grad=True)
    out = layers.Dropout(0.5)(x)
    out.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), out.numpy())


def test_dropout_in_evaluation_and_at_rate_0_is_nothing() -> None:
    x = ag.tensor(np.ones((2, 2), np.float32))
    assert layers.Dropout(0.5).eval()(x) is x
    assert layers.Dropout(0.0)(x) is x
    assert layers.Dropout(0.5)(x, training=False) is x


def test_dropout_draws_from_a_recorded_generator() -> None:
    x = ag.tensor(np.ones(4, np.float32), requires_grad=True)
    masked = layers.Dropout(0.5, seed=7)(x).inputs[0]
    draw = masked.inputs[1]
    assert draw.op is not None
    assert draw.op.name == "random_bernoulli"
    assert "seed 7" in draw.params["generator"].name
    again = layers.Dropout(0.5, seed=7)
    first, second = (again(np.ones(64)).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(layers.Dropout(0.5, seed=7)(np.ones(64)).numpy(), first)


def test_noise_shape_shares_a_draw_along_an_axis() -> None:
    out = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(np.ones((64, 5))).numpy()
    assert (out == out[:, :1]).all()
    assert 0 < (out[:, 0] == 0).sum() < 64


# ---- shapes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(4), (2, 5, 3)),
        (lambda: layers.Activation("relu"), (2, 3)),
        (lambda: layers.Dropout(0.5), (2, 3, 1)),
        (lambda: layers.Flatten(), (2, 3, 4)),
        (lambda: layers.Flatten(), (2,)),
        (lambda: layers.Reshape((4, -1)), (2, 3, 8)),
        (lambda: layers.Reshape((6,)), (2, 3, 2)),
        (lambda: layers.InputLayer((3, 4)), (2, 3, 4)),
        (lambda: models.Sequential([layers.Flatten(), layers.Dense(3), layers.Activation("tanh")]), (2, 3, 4)),
    ],
)
def test_computed_output_shape_is_the_shape_of_the_output(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    layer = make()
    out = layer(np.zeros(shape))
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *out.shape[1:]) == layer.output_shape


def test_reshape_keeps_the_elements_in_order() -> None:
    out = layers.Reshape((2, 2))(np.arange(8.0).reshape(2, 4))
    assert out.tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


# ---- activations ----------------------------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


X = np.linspace(-4, 4, 41).reshape(1, 41)
FORMULAS: dict[str, np.ndarray] = {
    "linear": X,
    "relu": np.where(X > 0, X, 0),
    "leaky_relu": np.where(X > 0, X, 0.2 * X),
    "elu": np.where(X > 0, X, np.exp(X) - 1),
    "sigmoid": sigmoid(X),
    "silu": X * sigmoid(X),
    "swish": X * sigmoid(X),
    "tanh": (np.exp(X) - np.exp(-X)) / (np.exp(X) + np.exp(-X)),
    "softplus": np.log(1 + np.exp(X)),
    "softmax": np.exp(X) / np.exp(X).sum(),
    "gelu": np.array([[x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in X[0]]]),
    "celu": np.where(X > 0, X, np.exp(X) - 1),
    "selu": np.where(X > 0, 1.0507009873554805 * X, 1.0507009873554805 * 1.6732632423543772 * (np.exp(X) - 1)),
    "exponential": np.exp(X),
    "relu6": np.where(X < 0, 0, np.where(X > 6, 6, X)),
    "hard_sigmoid": np.where(X < -3, 0, np.where(X > 3, 1, X / 6 + 0.5)),
    "hard_silu": np.where(X < -3, 0, np.where(X > 3, X, X * (X / 6 + 0.5))),
    "hard_swish": np.where(X < -3, 0, np.where(X > 3, X, X * (X / 6 + 0.5))),
    "hard_tanh": np.where(X < -1, -1, np.where(X > 1, 1, X)),
    "log_sigmoid": np.log(sigmoid(X)),
    "log_softmax": X - np.log(np.exp(X).sum()),
    "mish": X * np.tanh(np.log(1 + np.exp(X))),
    "hard_shrink": np.where((X > 0.5) | (X < -0.5), X, 0),
    "soft_shrink": np.where(X > 0.5, X - 0.5, np.where(X < -0.5, X + 0.5, 0)),
    "tanh_shrink": X - np.tanh(X),
    "softsign": np.sign(X) * (1 - 1 / (1 + np.abs(X))),
    "sparse_plus": np.where(X <= -1, 0, np.where(X < 1, (X + 1) ** 2 / 4, X)),
    "sparse_sigmoid": np.where(X <= -1, 0, np.where(X < 1, (X + 1) / 2, 1)),
    "squareplus": (X + np.sqrt(X * X + 4)) / 2,
}


def nearest_on_the_simplex(x: np.ndarray) -> np.ndarray:
    """Return max(x - t, 0) with the t, found by bisection, for which it sums to 1."""
    low, high = x.min() - 1, x.max()
    for _ in range(100):
        t = (low + high) / 2
        low, high = (t, high) if np.maximum(x - t, 0).sum() > 1 else (low, t)
    return np.maximum(x - low, 0)


FORMULAS["sparsemax"] = np.array([nearest_on_the_simplex(X[0])])


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_formulas(name: str) -> None:
    activation = activations.get(name)
    np.testing.assert_allclose(activation(ag.tensor(X)).numpy(), FORMULAS[name], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(activation(X), FORMULAS[name], rtol=1e-12, atol=1e-15)
    layer = layers.Activation(name, dtype="float64")
    np.testing.assert_allclose(layer(X).numpy(), FORMULAS[name], rtol=1e-12, atol=1e-15)


def test_every_activation_is_tested() -> None:
    # These two take no name alone: glu halves the axis, threshold has arguments without a default.
    assert set(activations.__all__) - {"get", "serialize", "deserialize", "glu", "threshold"} <= set(FORMULAS)


def test_activations_with_arguments(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 6))
    np.testing.assert_allclose(activations.glu(x), x[:, :3] * sigmoid(x[:, 3:]), rtol=1e-12)
    np.testing.assert_allclose(activations.glu(ag.tensor(x.T), axis=0).numpy(), activations.glu(x).T, rtol=1e-12)
    with pytest.raises(ag.ShapeError, match="even length along axis -1; received shape"):
        activations.glu(x[:, :5])
    np.testing.assert_array_equal(activations.threshold(x, 0.3, -7.0), np.where(x > 0.3, x, -7))
    np.testing.assert_allclose(activations.celu(x, 0.5), np.where(x > 0, x, 0.5 * (np.exp(x / 0.5) - 1)), rtol=1e-12)
    bent = np.where(x >= 1, 1, np.where(x >= 0.5, x, 0.1 * (x - 0.5)))
    np.testing.assert_allclose(activations.relu(x, 0.1, max_value=1.0, threshold=0.5), bent, rtol=1e-12)


def test_relu_is_zero_at_its_threshold() -> None:
    x = np.array([0.5, 1.0, 1.5])
    assert activations.relu(x, threshold=1.0).tolist() == [0.0, 0.0, 1.5]
    assert layers.ReLU(threshold=1.0)(x).tolist() == [0.0, 0.0, 1.5]
    assert activations.relu(x, 0.5, threshold=1.0).tolist() == [-0.25, 0.0, 1.5]
    assert activations.relu(x, max_value=1.25, threshold=-1.0).tolist() == [0.5, 1.0, 1.25]


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_keep_single_precision_and_differentiate_twice(name: str, rng: np.random.Generator) -> None:
    x = 2 * rng.normal(size=(3, 6))
    activation = activations.get(name)
    assert activation(ag.tensor(x.astype(np.float32))).dtype == np.float32
    assert activation(x.astype(np.float32)).dtype == np.float32
    assert check_grads(activation, x, order=2).ok


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize("name", ["log_sigmoid", "mish", "selu", "celu", "sparsemax", "squareplus", "log_softmax"])
def test_far_values_do_not_overflow(name: str, shift: float) -> None:
    x = ag.tensor(np.array([[shift, shift + 1]]), requires_grad=True)
    out = activations.get(name)(x)
    out.sum().backward()
    assert x.grad is not None
    assert np.isfinite(out.numpy()).all()
    assert np.isfinite(x.grad.numpy()).all()


def test_sparsemax_with_ties() -> None:
    out = activations.sparsemax(np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(out, [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-12)


def test_an_activation_may_be_a_function() -> None:
    layer = layers.Dense(1, activation=lambda x: x * 0 + 7, input_shape=(2,))
    assert layer(np.zeros((1, 2))).tolist() == [[7.0]]


# ---- initializers ---------------------------------------------------------------------------------------------------

SHAPE = (300, 200)
BOUNDS = {
    "glorot_uniform": math.sqrt(6 / 500),
    "he_uniform": math.sqrt(6 / 300),
    "lecun_uniform": math.sqrt(3 / 300),
    "random_uniform": 0.05,
}
DEVIATIONS = {
    "glorot_normal": math.sqrt(2 / 500),
    "he_normal": math.sqrt(2 / 300),
    "lecun_normal": math.sqrt(1 / 300),
    "random_normal": 0.05,
    "truncated_normal": 0.05 * 0.87962566103423978,
}


@pytest.mark.parametrize("name", BOUNDS)
def test_uniform_initializers_fill_their_interval(name: str) -> None:
    nn.set_seed(0)
    values, limit = initializers.get(name)(SHAPE).numpy(), BOUNDS[name]
    assert values.dtype == np.float32
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.999 * limit
    assert abs(values.std() / (limit / math.sqrt(3)) - 1) < 0.01


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal_initializers_have_their_deviation(name: str) -> None:
    nn.set_seed(0)
    values = initializers.get(name)(SHAPE, "float64").numpy()
    assert abs(values.std() / DEVIATIONS[name] - 1) < 0.01
    assert abs(values.mean()) < 0.02 * DEVIATIONS[name]
    widest = np.abs(values).max() / DEVIATIONS[name]
    cut_at = 2 / 0.87962566103423978
    assert widest > 3 if name == "random_normal" else cut_at * 0.98 < widest <= cut_at * (1 + 1e-9)


def test_fans_of_a_convolution_count_its_window() -> None:
    values = initializers.HeUniform(seed=0)((3, 3, 8, 16)).numpy()
    limit = math.sqrt(6 / (9 * 8))
    assert 0.98 * limit < np.abs(values).max() <= limit


def test_constant_initializers() -> None:
    assert initializers.get("zeros")((2,)).tolist() == [0.0, 0.0]
    assert initializers.get("ones")((2,)).tolist() == [1.0, 1.0]
    assert initializers.Constant(3.0)((2,)).tolist() == [3.0, 3.0]
    assert initializers.get(initializers.Ones)((1,)).tolist() == [1.0]


def test_seeds() -> None:
    seeded = initializers.GlorotUniform(seed=5)
    np.testing.assert_array_equal(seeded((3, 3)).numpy(), seeded((3, 3)).numpy())
    default = initializers.GlorotUniform()
    nn.set_seed(1)
    first, second = default((3, 3)).numpy(), default((3, 3)).numpy()
    assert not np.array_equal(first, second)
    nn.set_seed(1)
    np.testing.assert_array_equal(default((3, 3)).numpy(), first)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 3))
def test_to_categorical_is_undone_by_argmax(shape: list[int], extra: int) -> None:
    labels = np.random.default_rng(sum(shape)).integers(0, 5, size=(*shape, 2))
    one_hot = nn.utils.to_categorical(labels, 5 + extra)
    assert one_hot.shape == (*labels.shape, 5 + extra)
    assert one_hot.dtype == np.float32
    np.testing.assert_array_equal(one_hot.argmax(-1), labels)
    np.testing.assert_array_equal(one_hot.sum(-1), 1)


def test_to_categorical_counts_the_classes_and_drops_a_last_axis_of_length_1() -> None:
    assert nn.utils.to_categorical([1, 3]).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert nn.utils.to_categorical(np.array([[1], [0]])).tolist() == [[0, 1], [1, 0]]
