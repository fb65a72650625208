"""What programs written for Keras say in passing: arguments without effect, other spellings and names."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
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
        # A product is off by n ε of its terms, which is more of a result in which these cancel.
        np.testing.assert_allclose(features.predict(X[:, 0]), expected, rtol=1e-6, atol=1e-7)
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


def test_an_unbuilt_model_shows_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential([layers.Embedding(10, 4), layers.LSTM(3)])
    assert model.weights == model.trainable_weights == model.get_weights() == []
    model.layers[0].build((None, 5))
    assert [w.shape for w in model.weights] == [(10, 4)]
    model.summary()
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == [
        ["embedding (Embedding)", "?", "40"],
        ["lstm (LSTM)", "?", "0 (unbuilt)"],
    ]
    with pytest.raises(ValueError, match="expected a module with parameters"):
        model.parameters()


def test_a_model_makes_weights_as_a_layer_does() -> None:
    class Scaled(nn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.scale = self.add_weight(shape=(3,), initializer="ones", regularizer="l2", name="scale")

        def call(self, x: Any) -> Any:
            return x * self.scale

    model = Scaled()
    model.compile("sgd", "mse")
    model.fit(X, X * 2, verbose=0)
    assert (model.scale.data > 1).all()
    np.testing.assert_allclose(float(model.losses[0]), 0.01 * np.sum(model.scale.data**2), rtol=1e-6)
    with pytest.raises(ValueError, match=r"scaled.add_weight: expected a shape without unknown lengths"):
        model.add_weight(shape=(None, 3))


@pytest.mark.parametrize(("sample", "given"), [((4, 4, 1), (2, 4, 4)), ((4,), (2, 4, 1)), ((1,), (2,))])
def test_a_last_axis_of_length_1_is_added_or_taken_away(sample: tuple[int, ...], given: tuple[int, ...]) -> None:
    inputs = nn.Input(sample)
    x = np.random.default_rng(0).normal(size=given).astype(np.float32)
    for model in (nn.Model(inputs, layers.ReLU()(inputs)), nn.Sequential([nn.Input(sample), layers.ReLU()])):
        out = model(x).data
        assert out.shape == (2, *sample)
        np.testing.assert_array_equal(out.ravel(), np.maximum(x, 0).ravel())
    with pytest.raises(ag.ShapeError, match="expected samples of shape"):
        nn.Model(inputs, layers.ReLU()(inputs))(np.ones((2, 3, 5)))


@pytest.mark.parametrize("metric", ["mse", "binary_accuracy", "sparse_categorical_accuracy"])
def test_sample_weights_may_have_an_axis_of_length_1(metric: str) -> None:
    y_pred = np.random.default_rng(0).uniform(size=(12, 3))
    y_true = np.arange(12) % 3 if metric.startswith("sparse") else y_pred.round()
    weights = np.arange(1.0, 13.0)
    values = []
    for given in (weights, weights[:, np.newaxis]):
        found = nn.metrics.get(metric)
        found.update_state(y_true, y_pred, sample_weight=given)
        values.append(float(found.result()))
    assert values[0] == values[1]


def test_losses_take_sample_weights_with_an_axis_of_length_1() -> None:
    y, w = X[:, 0], np.arange(1.0, 7.0)
    plain = nn.losses.MeanSquaredError()(y, -y, sample_weight=w)
    assert plain == nn.losses.MeanSquaredError()(y, -y, sample_weight=w[:, np.newaxis])
    with pytest.raises(ag.ShapeError, match=r"expected sample_weight of shape \(6,\)"):
        nn.losses.MeanSquaredError()(y, -y, sample_weight=np.ones((6, 2)))


def test_from_config_takes_custom_objects() -> None:
    class Doubled(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    inputs = nn.Input((5, 3))
    for model in (nn.Model(inputs, Doubled()(inputs)), nn.Sequential([nn.Input((5, 3)), Doubled()])):
        config = model.get_config()
        again = type(model).from_config(config, custom_objects={"Doubled": Doubled})
        np.testing.assert_array_equal(again(X).data, 2 * X)


def test_a_batch_size_beside_a_stream_changes_nothing() -> None:
    batches = [(X[:4], X[:4]), (X[4:], X[4:])]
    losses = []
    for options in ({}, {"batch_size": 7}):
        nn.set_seed(0)
        model = nn.Sequential([layers.Dense(3)])
        model.compile("sgd", "mse")
        losses.append(model.fit(iter(batches), verbose=0, **options).history["loss"])
    assert losses[0] == losses[1]


def test_build_may_have_arguments_of_its_own() -> None:
    class Filled(layers.Layer):
        def build(self, input_shape: Any, fill: str = "zeros") -> None:
            super().build(input_shape)
            self.w = self.add_weight(shape=(input_shape[-1],), initializer=fill)

        def call(self, x: Any) -> Any:
            return x * self.w

    layer = Filled()
    layer.build((None, 3), fill="ones")
    np.testing.assert_array_equal(layer(X).data, X)


@pytest.mark.ci  # needs tensorboard
def test_tensorboard_takes_the_frequencies_of_what_it_does_not_write_if_they_are_0() -> None:
    nn.callbacks.TensorBoard("logs", histogram_freq=0, embeddings_freq=0, write_graph=True, update_freq="epoch")
    with pytest.raises(ValueError, match="TensorBoard: expected histogram_freq to be 0, .*; received histogram_freq=1"):
        nn.callbacks.TensorBoard("logs", histogram_freq=1)


def test_the_first_argument_may_be_given_by_name() -> None:
    class Twice(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.shape = input_shape

        def call(self, inputs: Any, scale: Any = None) -> Any:
            return 2 * inputs

    for layer, options in (
        (layers.Dense(2), {"inputs": X}),
        (Twice(), {"scale": None, "inputs": X}),
        (layers.MultiHeadAttention(2, 3), {"value": X[:, :2], "query": X}),
    ):
        assert layer(**options).shape[:2] == X.shape[:2]
        symbols = {name: None if x is None else nn.Input(x.shape[1:]) for name, x in options.items()}
        assert type(layer).from_config(layer.get_config())(**symbols).shape[1:2] == X.shape[1:2]
    with pytest.raises(TypeError, match="missing a required argument"):
        layers.Dense(2)(input=X)


def test_a_model_with_nothing_to_train_runs_and_says_so() -> None:
    frozen = nn.Sequential([nn.Input((3,)), layers.Dense(3)])
    frozen.trainable = False
    for model in (nn.Sequential([layers.ActivityRegularization(l2=0.1)]), frozen):
        model.compile("adam", "mse", metrics=["mae"])
        before = model.get_weights()
        with pytest.warns(UserWarning, match="Sequential.fit: expected a model with parameters to train"):
            history = model.fit(X[:, 0], X[:, 1], epochs=2, verbose=0).history
        assert sorted(history) == ["loss", "mae"]
        assert 0 < history["loss"][0] == pytest.approx(history["loss"][1])
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("uniform", "RandomUniform"), ("normal", "RandomNormal"), ("zero", "Zeros"), ("one", "Ones"),
     ("IdentityInitializer", "Identity"), ("OrthogonalInitializer", "Orthogonal")],
)  # fmt: skip
def test_initializers_have_the_short_names_that_keras_keeps(name: str, kind: str) -> None:
    assert type(nn.initializers.get(name)) is getattr(nn.initializers, kind)
