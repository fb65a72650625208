"""What programs written for Keras say in passing: arguments without effect, other spellings and names."""

from __future__ import annotations

import copy
import gc
import pickle
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


class Scaled(layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        self.shift = self.add_weight(initializer="zeros", name="shift")
        self.seen = self.add_weight((), None, "float32", trainable=False, name="seen")

    def call(self, x: Any) -> Any:
        return self.scale * x + self.shift


def test_weights_and_variables_by_keras_s_names() -> None:
    layer = Scaled()
    assert layer([[1.0, 2.0]]).tolist() == [[1.0, 2.0]]
    assert [w.name for w in layer.variables] == ["scale", "shift", "seen"]
    assert [w.shape for w in layer.trainable_variables] == [(2,), ()]
    assert layer.non_trainable_variables == [layer.seen]
    with pytest.raises(TypeError, match=r"received 'scale'. Write add_weight\(shape=..., name='scale'\)"):
        layer.add_weight("scale", (2,))  # type: ignore[arg-type]
    vars(layer)["variables"] = "its own"
    assert layer.variables == "its own"


def test_a_metric_has_variables() -> None:
    class Count(nn.metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="count")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.count.assign_add(float(len(y_true)))

        def result(self) -> Any:
            return self.count

    metric = Count()
    assert float(metric([0, 1], [0, 1])) == 2
    assert metric.variables == [metric.count]


@pytest.mark.parametrize("make", [nn.optimizers.SGD, nn.optimizers.Adam, nn.optimizers.RMSprop])
def test_an_optimizer_is_built_and_has_variables(make: Any) -> None:
    variables = [nn.Parameter([1.0, 2.0]), nn.Parameter(3.0)]
    optimizer = make(0.5)
    optimizer.build(variables)
    optimizer.apply_gradients(zip([np.ones(2, np.float32), np.float32(1)], variables, strict=True))
    steps, rate, *slots = optimizer.variables
    assert (int(steps), float(rate)) == (1, 0.5)
    assert len(slots) == 2 * len(optimizer.slots())


def test_one_weight_holds_for_all_samples() -> None:
    y, p = X[:, 0], X[:, 1]
    for loss in (nn.losses.MeanSquaredError(), nn.losses.MeanAbsoluteError(reduction="mean_with_sample_weight")):
        same = loss(y, p, sample_weight=np.full(6, 0.25, np.float32))
        assert loss(y, p, sample_weight=0.25).tolist() == same.tolist()


def test_a_history_knows_its_model_while_that_lives(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential([nn.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(X[:, 0], X[:, 0, :1], verbose=0)
    assert history.model is model
    copied = pickle.loads(pickle.dumps(history))
    assert (copied.history, copied.model) == (history.history, None)
    model.summary(line_length=40, positions=[0.5, 0.8, 1.0])
    wide = capsys.readouterr().out
    model.summary()
    assert capsys.readouterr().out == wide
    del model
    gc.collect()
    assert history.model is None


def sequential() -> nn.Model:
    return nn.Sequential([nn.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dropout(0.5), layers.Dense(1)])


def late() -> nn.Model:
    model = nn.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model(X[:, 0])
    return model


def functional() -> nn.Model:
    x = nn.Input((3,))
    return nn.Model(x, layers.Dense(1)(layers.Dense(4, activation="tanh")(x)))


@pytest.mark.parametrize("make", [sequential, late, functional, lambda: copy.deepcopy(functional())])
def test_the_symbols_of_a_model_and_its_layers_make_feature_extractors(make: Any) -> None:
    model = make()
    hidden = model.layers[1] if isinstance(model.layers[0], layers.InputLayer) else model.layers[0]
    expected = np.tanh(X[:, 0] @ hidden.kernel.data + hidden.bias.data)
    for inputs in (model.inputs, model.input, hidden.input):
        features = nn.Model(inputs, hidden.output)
        np.testing.assert_allclose(features.predict(X[:, 0]), expected, rtol=1e-6)
    both = nn.Model(model.inputs, [model.get_layer(index=-1).input, model.output])
    assert [part.shape for part in both.predict(X[:, 0])] == [(6, 4), (6, 1)]
    assert model.output.shape == model.outputs[0].shape == (None, 1)
    assert model.layers[-1].output is model.outputs[0]


def test_a_sequential_that_grows_has_new_symbols() -> None:
    model = sequential()
    assert model.output.shape == (None, 1)
    model.add(layers.Dense(7))
    assert model.output.shape == (None, 7)
    assert model.layers[-1].output is model.output
    model.pop()
    assert model.output.shape == (None, 1)


def test_a_layer_in_no_model_has_no_symbols_and_may_have_attributes_of_these_names() -> None:
    layer = layers.Dense(2)
    with pytest.raises(AttributeError, match="has no attribute 'output'. It is a symbol once the layer is in a"):
        layer.output  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'input'"):
        nn.Sequential([layer]).input  # noqa: B018

    class Own(nn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.output = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.output(x)

    assert Own()(X[:, 0]).shape == (6, 2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_layer_may_be_frozen_between_two_fits_and_thawed_again(optimizer: str) -> None:
    model = nn.Sequential([nn.Input((3,)), layers.Dense(4), layers.Dense(1)])
    model.compile(optimizer, "mse")
    for trainable, changes in ((True, [True] * 4), (False, [False, False, True, True]), (True, [True] * 4)):
        model.layers[0].trainable = trainable
        before = model.get_weights()
        model.fit(X[:, 0], X[:, 0, :1] + 1, verbose=0)
        assert [bool((a != b).any()) for a, b in zip(before, model.get_weights(), strict=True)] == changes
