"""Bad input: one clear error that names what was received, what was expected and the fix; the model stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import activations, callbacks, initializers, layers, losses, metrics, models
from nn.utils import to_categorical

N, D, K = 6, 4, 3
X = np.random.default_rng(0).normal(size=(N, D))
INDICES = np.array([0, 1, 2, 0, 1, 2])
ONE_HOT = np.eye(K)[INDICES]
WITH_NAN = np.where(np.arange(N)[:, None] == 4, np.nan, ONE_HOT)
CCE, SPARSE, BCE = "categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy"


def model(loss: Any = CCE, units: int = K, activation: Any = "softmax", shape: Any = (D,), **more: Any) -> Any:
    nn.set_seed(0)
    made = models.Sequential(
        [layers.Dense(8, activation="relu", input_shape=shape), layers.Dense(units, activation=activation)]
    )
    made.compile(loss=loss, metrics=["accuracy"], **more)
    return made


# What fit, evaluate and train_on_batch are given, and what the message says.
DATA: dict[str, tuple[dict[str, Any], Any, Any, str]] = {
    "wrong last axis": (
        {},
        np.ones((N, 5)),
        ONE_HOT,
        r"layer 'dense' \(Dense\): expected inputs whose last axis has length 4, since its kernel has shape \(4, 8\); "
        r"received shape \(6, 5\). Check the data or the layer before",
    ),
    "images not flattened": (
        {},
        np.ones((N, 2, 2)),
        ONE_HOT,
        r"last axis has length 4.*received shape \(6, 2, 2\). Put layers.Flatten\(\) before it, or reshape the data to "
        r"\(len\(x\), -1\)",
    ),
    "one sample without a batch axis": (
        {},
        np.ones(D),
        np.ones(D),
        r"last axis has length 4.*received shape \(4,\). One sample is a batch of shape \(1, D\): x.reshape\(1, -1\)",
    ),
    "one-hot labels with the sparse loss": (
        {"loss": SPARSE},
        X,
        ONE_HOT,
        r"sparse_categorical_crossentropy: expected class indices, shape \(6,\); received one-hot targets, shape "
        r"\(6, 3\). Use loss='categorical_crossentropy', or y_true.argmax\(-1\)",
    ),
    "class indices with the one-hot loss": (
        {},
        X,
        INDICES,
        r"categorical_crossentropy: expected one-hot targets, shape \(6, 3\); received class indices, shape \(6,\). "
        r"Use loss='sparse_categorical_crossentropy', or to_categorical\(y_true, 3\)",
    ),
    "a column of class indices with the one-hot loss": (
        {},
        X,
        INDICES[:, None],
        r"received class indices, shape \(6, 1\). Use loss='sparse_categorical_crossentropy'",
    ),
    "another number of classes": (
        {},
        X,
        np.eye(5)[INDICES],
        r"expected one-hot targets of the predictions' shape \(6, 3\); received shape \(6, 5\). Give the last layer as "
        r"many units as there are classes",
    ),
    "a label out of range": (
        {"loss": SPARSE},
        X,
        INDICES + 1,
        r"expected class indices from 0 to 2, since there are 3 outputs; received 3 at index \(2,\). Give the last "
        r"layer 4 units, or number the classes from 0",
    ),
    "a negative label": ({"loss": SPARSE}, X, INDICES - 1, r"expected class indices from 0 to 2.*received -1 at index"),
    "fractions as labels": (
        {"loss": SPARSE},
        X,
        INDICES + 0.5,
        "expected class indices, integers from 0 to 2; received fractions of dtype float32",
    ),
    "NaN labels": (
        {},
        X,
        WITH_NAN,
        r"categorical_crossentropy: expected targets without NaN; received 3 NaN of 18, the first at index \(4, 0\). "
        r"Drop or fill those samples",
    ),
    "NaN labels, sparse": ({"loss": SPARSE}, X, np.array([0, 1, np.nan, 0, 1, 2]), r"received 1 NaN of 6.*\(2,\)"),
    "NaN labels, mse": ({"loss": "mse"}, X, WITH_NAN, "mean_squared_error: expected targets without NaN"),
    "NaN labels, binary": (
        {"loss": BCE, "activation": "sigmoid"},
        X,
        WITH_NAN,
        "binary_crossentropy: expected targets without NaN",
    ),
    "negative one-hot": ({}, X, -ONE_HOT, "received negative values, the smallest -1. Make them with to_categorical"),
    "binary labels -1 and 1": (
        {"loss": BCE, "units": 1, "activation": "sigmoid"},
        X,
        2.0 * (INDICES[:, None] > 0) - 1,
        r"expected targets from 0 to 1; received -1 to 1. Map two classes to 0 and 1: \(y_true > -1\)",
    ),
    "one output for the one-hot loss": (
        {"units": 1},
        X,
        INDICES[:, None],
        "one output, whose softmax is always 1. Use activation='sigmoid' and loss='binary_crossentropy'",
    ),
    "one output for the sparse loss": (
        {"units": 1, "loss": SPARSE},
        X,
        INDICES * 0,
        "expected a probability for each of at least 2 classes.*Use activation='sigmoid'",
    ),
    "two columns against one": (
        {"loss": "mse", "units": 1, "activation": None},
        X,
        X[:, :2],
        r"mean_squared_error: expected y_true and y_pred of the same shape; received y_true \(6, 2\) and y_pred "
        r"\(6, 1\), which would broadcast or not fit. Give the targets the shape of the model's output",
    ),
    "mismatched sample counts": (
        {},
        X,
        ONE_HOT[:-1],
        r"expected as many targets as samples; received x \(6, 4\) and y \(5, 3\). Pair each sample",
    ),
    "no samples": ({}, X[:0], ONE_HOT[:0], r"expected at least one sample; received an empty x of shape \(0, 4\)"),
    "no labels": ({}, X, ONE_HOT[:0], r"expected at least one sample; received an empty y of shape \(0, 3\)"),
    "no y": ({}, X, None, "expected targets; received y=None"),
    "a single number": ({}, 1.0, 1.0, r"expected x of shape \(N, ...\), one row a sample; received a single number"),
    "words as labels": (
        {"loss": SPARSE},
        X,
        np.array(list("abcabc")),
        "expected y to be an array of numbers; received ndarray of dtype <U1",
    ),
    "objects": (
        {},
        np.array([{}] * N),
        ONE_HOT,
        "expected x to be an array of numbers; received ndarray of dtype object",
    ),
}
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "fit": lambda m, x, y: m.fit(x, y, verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
}


# A model that is not built yet learns the shape of its input from the data, so that shape cannot be wrong.
SHAPES = ("wrong last axis", "images not flattened", "one sample without a batch axis")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("case", "lazy"), [(case, lazy) for case in DATA for lazy in (False, True) if not (lazy and case in SHAPES)]
)
def test_data(case: str, call: str, lazy: bool) -> None:
    arguments, x, y, message = DATA[case]
    made = model(**{**arguments, "shape": None} if lazy else arguments)
    before = {} if lazy else made.state_dict()
    stream = ag.random.default_generator.state
    with pytest.raises((ValueError, TypeError), match=message):
        CALLS[call](made, x, y)
    assert ag.random.default_generator.state == stream
    if lazy:
        assert not any(module.built for _, module in made.named_modules())
        return
    for path, value in made.state_dict().items():
        np.testing.assert_array_equal(value, before[path])
    assert all(p.grad is None for p in made.parameters())
    assert made.optimizer.iterations == 0


def test_labels_are_checked_before_the_first_step() -> None:
    y = np.tile(ONE_HOT, (10, 1))
    y[-1] = np.nan
    made = model()
    before = made.state_dict()
    with pytest.raises(ValueError, match="received 3 NaN of 180"):
        made.fit(np.tile(X, (10, 1)), y, batch_size=2, shuffle=False, verbose=0)
    for path, value in made.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_validation_data_are_checked_before_the_first_step() -> None:
    made = model()
    for data, message in (
        ((X, INDICES), r"expected one-hot targets, shape \(6, 3\); received class indices"),
        ((X, ONE_HOT[:2]), "^Sequential.fit, validation_data: expected as many targets as samples"),
        ((X, ONE_HOT * np.nan), "expected targets without NaN"),
        ((), r"^Sequential.fit: expected validation_data=\(x, y\), .* or a stream; received 0 of them"),
        (X, r"^Sequential.fit: expected validation_data=\(x, y\), .* or a stream; received an array of shape"),
        ((X,), "^Sequential.fit, validation_data: expected targets; received y=None"),
    ):
        with pytest.raises(TypeError if data is X else ValueError, match=message):
            made.fit(X, ONE_HOT, verbose=0, validation_data=data)
    assert made.optimizer.iterations == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "expected batch_size to be a positive integer, or None; received batch_size=0"),
        ({"batch_size": 2.5}, "received batch_size=2.5"),
        ({"epochs": -1}, "expected epochs to be a non-negative integer; received epochs=-1"),
        (
            {"verbose": 3},
            r"expected verbose to be 0 \(silent\), 1 \(bar\), 2 \(.*\) or 'auto'; received verbose=3",
        ),
        (
            {"validation_split": 1.5},
            "validation_split to be a number above 0 and below 1; received validation_split=1.5",
        ),
        ({"validation_split": 0.95}, "received 0.95 with 6 samples. Choose another fraction"),
        ({"callbacks": callbacks.EarlyStopping()}, r"monitor to be one of \['accuracy', 'loss'\]; received 'val_loss'"),
    ],
)
def test_arguments_of_fit(arguments: dict[str, Any], message: str) -> None:
    error = TypeError if message.endswith("2.5") else ValueError
    with pytest.raises(error, match=f"^Sequential.fit: .*{message}"):
        model().fit(X, ONE_HOT, **{"verbose": 0, **arguments})


# ---- names ----------------------------------------------------------------------------------------------------------

NAMES: dict[str, tuple[Callable[[], Any], str]] = {
    "loss": (
        lambda: model("catgorical_crossentropy"),
        "expected the name of a loss; received 'catgorical_crossentropy'. Did you mean 'categorical_crossentropy'",
    ),
    "optimizer": (
        lambda: model(optimizer="rmsporp"),
        "expected the name of an optimizer; received 'rmsporp'. Did you mean 'rmsprop'",
    ),
    "activation": (
        lambda: layers.Dense(2, activation="rleu"),
        "expected the name of an activation; received 'rleu'. Did you mean 'relu'",
    ),
    "metric": (
        lambda: model().compile(loss="mse", metrics=["acuracy"]),
        "expected the name of a metric; received 'acuracy'. Did you mean 'accuracy'",
    ),
    "initializer": (
        lambda: layers.Dense(2, kernel_initializer="glorot"),
        "expected the name of an initializer; received 'glorot'. Did you mean .*Known names: constant, zeros",
    ),
    "unlike anything": (lambda: losses.get("xyz"), "received 'xyz'. Known names: binary_crossentropy"),
}
OBJECTS: dict[str, tuple[Callable[[], Any], str]] = {
    "loss": (lambda: losses.get(3), "expected an? loss: a name, a Loss or a function of .* received 3"),
    "metric": (lambda: metrics.get(3), "expected an? metric: a name, a Metric or a function of .* received 3"),
    "activation": (lambda: activations.get(3), "activation: expected a name, a function or None; received 3"),
    "initializer": (
        lambda: initializers.get(3),
        "expected an? initializer: a name, an Initializer or a function; received 3",
    ),
    "optimizer": (lambda: model(optimizer=3), "expected an? optimizer: a name or an Optimizer; received 3"),
}


@pytest.mark.parametrize("case", NAMES)
def test_unknown_names(case: str) -> None:
    make, message = NAMES[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("case", OBJECTS)
def test_objects_of_another_kind(case: str) -> None:
    make, message = OBJECTS[case]
    with pytest.raises(TypeError, match=message):
        make()


def test_a_failed_compile_leaves_the_model_as_it_was_compiled() -> None:
    made = model()
    optimizer = made.optimizer
    for arguments in ({"loss": "nope"}, {"loss": "mse", "metrics": ["nope"]}, {"optimizer": "nope"}):
        with pytest.raises(ValueError, match="expected"):
            made.compile(**{"loss": CCE, **arguments})
    assert made.optimizer is optimizer
    made.fit(X, ONE_HOT, verbose=0)


def test_a_model_without_a_loss_minimizes_its_penalties_or_says_that_there_are_none() -> None:
    made = model()
    made.compile("sgd")
    with pytest.raises(ValueError, match="expected something to minimize; received a model compiled without a loss"):
        made.fit(X, ONE_HOT, verbose=0)
    decaying = models.Sequential([layers.Dense(2, kernel_regularizer="l2", input_shape=(X.shape[1],))])
    decaying.compile(nn.optimizers.SGD(1.0))
    before = decaying.get_weights()[0]
    decaying.fit(X, epochs=1, batch_size=len(X), verbose=0)
    np.testing.assert_allclose(decaying.get_weights()[0], before * (1 - 2 * 0.01), rtol=1e-6)


def test_metrics_of_one_name() -> None:
    with pytest.raises(ValueError, match="expected metrics with different names"):
        model().compile(loss="mse", metrics=["mse", "mse"])


# ---- models and layers ----------------------------------------------------------------------------------------------

LAYERS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "fit before compile": (
        lambda: models.Sequential([layers.Dense(1)]).fit(X, X),
        RuntimeError,
        r"^Sequential.fit: expected a compiled model; received one that is not. Call model.compile\(",
    ),
    "evaluate before compile": (
        lambda: models.Sequential([layers.Dense(1)]).evaluate(X, X),
        RuntimeError,
        "^Sequential.evaluate: expected a compiled model",
    ),
    "no layers": (
        lambda: models.Sequential().predict(X),
        ValueError,
        "sequential: expected at least one layer; found none. Call add first",
    ),
    "parameters before build": (
        lambda: models.Sequential([layers.Dense(1)]).parameters(),
        ValueError,
        r"named_parameters: expected a module with parameters; received 'sequential' \(Sequential\), which has none "
        r"yet, because its input shape is not known. Give the first layer input_shape=",
    ),
    "predict of nothing": (
        lambda: model().predict(X[:0]),
        ValueError,
        r"^Sequential.predict: expected at least one sample; received an empty x of shape \(0, 4\)",
    ),
    "a class for a layer": (
        lambda: models.Sequential([layers.Dense]),
        TypeError,
        r"expected a layer; received the class Dense. Make an instance of it: layers.Dense\(10\)",
    ),
    "a function for a layer": (
        lambda: models.Sequential([ag.relu]),
        TypeError,
        r"expected a layer; received <function relu.*Wrap a function: layers.Activation\(f\)",
    ),
    "layers that do not fit": (
        lambda: model().add(layers.Reshape((2, 2))),
        ValueError,
        r"layer 'reshape' \(Reshape\): expected samples that fit target_shape \(2, 2\); received shape \(None, 3\)",
    ),
    "an input_shape that does not fit": (
        lambda: model().add(layers.Dense(2, input_shape=(7,))),
        ValueError,
        r"expected a layer for inputs of shape \(3,\), which is what comes before it; received 'dense_2' with "
        r"input_shape=\(7,\)",
    ),
    "a layer twice": (
        lambda: model().add(model_layer()),
        ValueError,
        "expected a new layer; 'dense_1' is in the model already",
    ),
    "a name twice": (
        lambda: models.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]),
        ValueError,
        "expected layers of different names; 'a' is taken",
    ),
    "an input after layers": (
        lambda: model().add(layers.Input((3,))),
        ValueError,
        "expected Input to be the first entry",
    ),
    "a model without call": (
        lambda: models.Model()(X),
        NotImplementedError,
        r"Model: expected a method call\(self, x\) that computes the output; found none",
    ),
    "units": (lambda: layers.Dense(0), ValueError, "Dense: expected units to be a positive integer; received units=0"),
    "units as a float": (lambda: layers.Dense(2.0), TypeError, "received units=2.0"),  # type: ignore[arg-type]
    "input_shape as a number": (
        lambda: layers.Dense(2, input_shape=784),
        TypeError,
        r"without the batch axis; received input_shape=784. Write input_shape=\(784,\)",
    ),
    "rate": (
        lambda: layers.Dropout(1.0),
        ValueError,
        "expected rate to be a number of at least 0 and below 1; received rate=1.0",
    ),
    "noise_shape": (
        lambda: layers.Dropout(0.5, noise_shape=(2, 2))(X),
        ValueError,
        r"expected a noise_shape that broadcasts to the input's shape \(6, 4\); received \(2, 2\)",
    ),
    "target_shape": (lambda: layers.Reshape((-1, -1)), ValueError, "one of which may be -1"),
    "Input of another shape": (
        lambda: layers.InputLayer((3,))(X),
        ValueError,
        r"expected samples of shape \(3,\); received shape \(6, 4\)",
    ),
    "one sample to a new layer": (
        lambda: layers.Dense(2)(np.ones(3)),
        ValueError,
        r"layer 'dense' \(Dense\): expected inputs of shape \(N, ..., D\) with a known D; received shape \(None,\)",
    ),
    "a number to a new layer": (
        lambda: layers.Dense(2)(np.float64(3)),
        ValueError,
        r"dense: expected a batch, shape \(N, ...\), as its first argument",
    ),
    "a reduction": (
        lambda: losses.MeanSquaredError("average"),
        ValueError,
        "MeanSquaredError: expected reduction to be one of .*; received reduction='average'",
    ),
    "label smoothing": (
        lambda: losses.BinaryCrossentropy(label_smoothing=2.0),
        ValueError,
        "BinaryCrossentropy: expected label_smoothing to be a number from 0 to 1; received label_smoothing=2.0",
    ),
    "sample weights": (
        lambda: losses.MeanSquaredError()(X, X, np.ones((N, 2))),
        ValueError,
        r"expected sample_weight of shape \(6,\), one a sample; received shape \(6, 2\)",
    ),
    "a loss that leaves the graph": (
        lambda: model(lambda y, p: np.abs(y - p.data).mean()).fit(X, ONE_HOT, verbose=0),
        TypeError,
        "expected a Tensor; received float.*Compute it from y_pred with NumPy functions or Tensor methods",
    ),
    "a loss without reduction": (
        lambda: model(losses.CategoricalCrossentropy(reduction=None)),
        ValueError,
        "compile: expected a loss that is reduced to one number; categorical_crossentropy has reduction=None",
    ),
    "early stopping": (
        lambda: callbacks.EarlyStopping(mode="up"),
        ValueError,
        "expected mode to be one of auto, min, max; received mode='up'",
    ),
    "initializer scale": (
        lambda: initializers.VarianceScaling(-1),
        ValueError,
        "expected scale to be a finite number above 0; received scale=-1",
    ),
    "initializer mode": (
        lambda: initializers.VarianceScaling(mode="x"),
        ValueError,
        "expected mode to be one of fan_in",
    ),
    "initializer distribution": (
        lambda: initializers.VarianceScaling(distribution="x"),
        ValueError,
        "expected distribution to be one of uniform",
    ),
    "classes": (
        lambda: to_categorical([0, 3], 3),
        ValueError,
        "to_categorical: expected labels from 0 to 2; received 0 to 3",
    ),
    "negative classes": (lambda: to_categorical([-1, 1]), ValueError, "expected labels from 0 to 1; received -1 to 1"),
    "fractional classes": (lambda: to_categorical([0.5]), ValueError, "float64 values that are not whole numbers"),
    "NaN classes": (lambda: to_categorical([np.nan]), ValueError, "expected integer labels"),
    "words as classes": (lambda: to_categorical(["a"]), ValueError, "map class names to 0, 1, … with np.unique"),
    "no classes": (lambda: to_categorical([]), ValueError, r"received an empty x of shape \(0,\)"),
}


def model_layer() -> Any:
    raise AssertionError("replaced in the test")


@pytest.mark.parametrize("case", LAYERS)
def test_models_and_layers(case: str) -> None:
    make, kind, message = LAYERS[case]
    if case == "a layer twice":
        made = model()
        make = lambda: made.add(made.layers[1])  # noqa: E731
    with pytest.raises(kind, match=message):
        make()


def test_a_failed_add_leaves_the_model_as_it_was() -> None:
    made = model()
    expected = made.predict(X)
    for bad in (layers.Reshape((2, 2)), layers.Dense(2, input_shape=(7,)), made.layers[0]):
        with pytest.raises(ValueError, match="expected"):
            made.add(bad)
    assert len(made.layers) == 2
    assert made.output_shape == (None, K)
    np.testing.assert_array_equal(made.predict(X), expected)
    made.add(layers.Dense(2))
    assert [path for path, _ in made.named_parameters()][-1] == "dense_2.bias"


def test_losses_refuse_to_broadcast_in_a_loop_too() -> None:
    for loss in (losses.MeanSquaredError(), losses.MeanAbsoluteError(), losses.BinaryCrossentropy()):
        for y, p, fix in (
            (np.ones(4), np.full((4, 1), 0.5), r"Write y_true.reshape\(-1, 1\)"),
            (np.ones((4, 1)), np.full(4, 0.5), r"Write y_true.reshape\(-1\)"),
            (np.ones((4, 2)), np.full((4, 2, 1), 0.5), r"Write y_true\[..., None\]"),
            (np.ones((4, 2, 1)), np.full((4, 2), 0.5), r"Write y_true\[..., 0\]"),
            (np.ones((4, 1)), np.full((4, 3), 0.5), "Give the targets the shape of the model's output"),
            (np.ones(1), np.full((4, 1), 0.5), "expected as many targets as predictions"),
        ):
            with pytest.raises(ag.ShapeError, match=fix):
                loss(y, ag.tensor(p))
