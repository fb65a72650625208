"""What programs written for Keras say in passing: arguments without effect, other spellings and names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn import layers

X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("make", "without_effect"),
    [
        (lambda **more: layers.LSTM(2, **more), {"unroll": True, "use_cudnn": "auto", "implementation": 1}),
        (lambda **more: layers.GRU(2, **more), {"unroll": True, "use_cudnn": False, "implementation": 2}),
        (lambda **more: layers.SimpleRNN(2, **more), {"unroll": True}),
        (lambda **more: layers.RNN(layers.LSTMCell(2), **more), {"unroll": True}),
        (lambda **more: layers.Embedding(4, 2, **more), {"input_length": 5}),
    ],
)
def test_arguments_about_implementations_change_nothing(make: Any, without_effect: dict[str, Any]) -> None:
    x = np.zeros((2, 5), int) if "input_length" in without_effect else X
    results = []
    for layer in (make(), make(**without_effect)):
        nn.set_seed(0)
        results.append(layer(x).numpy())
    np.testing.assert_array_equal(*results)
    with pytest.raises(TypeError, match="unexpected keyword argument 'unrolled'"):
        make(unrolled=True)
    again = type(layer).from_config(layer.get_config())
    assert again(x).shape == results[0].shape


@pytest.mark.parametrize(
    "make",
    [
        lambda **more: layers.Dense(2, **more),
        lambda **more: layers.BatchNormalization(**more),
        lambda **more: layers.LSTM(2, **more),
        lambda **more: layers.Bidirectional(layers.GRU(2), **more),
        lambda **more: layers.TimeDistributed(layers.Dense(2), **more),
    ],
)
def test_a_layer_may_be_made_frozen(make: Any) -> None:
    for known_before in (False, True):
        free, frozen = make(), make(trainable=False)
        assert (free.trainable, frozen.trainable) == (True, False)
        for layer in (free, frozen):
            layer.build((None, 5, 3)) if known_before else layer(X)
        assert free.trainable_weights
        assert len(frozen.weights) == len(free.weights)
        assert frozen.trainable_weights == []
        frozen.trainable = True
        assert [w.shape for w in frozen.trainable_weights] == [w.shape for w in free.trainable_weights]
    thawed = make(trainable=False)
    thawed.trainable = True  # before it has weights
    thawed(X)
    assert len(thawed.trainable_weights) == len(free.trainable_weights)


def test_a_first_layer_may_leave_lengths_open() -> None:
    model = nn.Sequential([layers.LSTM(2, input_shape=(None, 3)), layers.Dense(1)])
    assert model.built
    assert [w.shape for w in model.weights][:1] == [(3, 8)]
    assert model.predict(X).shape == model.predict(X[:, :2]).shape == (6, 1)
    again = nn.Sequential.from_config(model.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    with pytest.raises(ValueError, match=r"expected input_shape .* received input_shape=\(None, 0\)"):
        layers.LSTM(2, input_shape=(None, 0))


def test_a_batch_shape_is_the_batch_size_and_the_shape() -> None:
    assert nn.Input(batch_shape=(None, 7)).shape == (None, 7)
    layer = layers.InputLayer(batch_shape=(4, None, 3))
    assert (layer.batch_size, layer.sample_shape) == (4, (None, 3))
    for make in (nn.Input, layers.InputLayer):
        with pytest.raises(ValueError, match="expected batch_shape, or shape and batch_size; received"):
            make((7,), batch_shape=(None, 7))
        with pytest.raises(ValueError, match="expected the shape of one sample"):
            make()


def test_leaky_relu_takes_its_old_name_for_the_slope() -> None:
    layer = layers.LeakyReLU(alpha=0.5)
    assert layer([[-1.0, 1.0]]).tolist() == [[-0.5, 1.0]]
    assert layers.LeakyReLU.from_config(layer.get_config()).negative_slope == 0.5
    with pytest.raises(ValueError, match="alpha=-1"):
        layers.LeakyReLU(alpha=-1)
