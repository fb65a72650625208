"""What a newcomer gets wrong in the first hour, and what the error says: the call, the reason and the cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, losses, models

X, LABELS = np.ones((6, 4), "float32"), np.arange(6) % 3
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
IMAGES = np.ones((6, 8, 8, 3), "float32")


def network(units: int = 3, activation: str | None = "softmax", **compiled: Any) -> models.Sequential:
    model = models.Sequential([layers.Dense(8, "relu", input_shape=(4,)), layers.Dense(units, activation)])
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **compiled})
    return model


def chain(*parts: layers.Layer, shape: tuple[int, ...]) -> models.Sequential:
    model = models.Sequential([nn.Input(shape), *parts])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def generator() -> Iterator[Any]:
    yield X, LABELS


def compiled(call: Callable[[Any], Any], warns: bool = False) -> models.Model:
    class Written(models.Model):
        def call(self, x: Any) -> Any:
            return call(x)

    model = Written()
    model.compile("sgd", "sparse_categorical_crossentropy")
    if warns:
        with pytest.warns(UserWarning, match="expected a model with parameters"):
            model.fit(X, LABELS, verbose=0)
    return model


def added(*shapes: tuple[int, ...]) -> models.Model:
    inputs = [nn.Input(shape) for shape in shapes]
    return models.Model(inputs, layers.Add()(inputs))


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a keyword of fit": (
        lambda: network().fit(X, LABELS, epoch=3),
        TypeError,
        "Sequential.fit: got an unexpected keyword argument 'epoch'. Did you mean 'epochs'?",
    ),
    "a keyword of no method": (
        lambda: network().predict(X, colour=3),
        TypeError,
        "Sequential.predict: got an unexpected keyword argument 'colour'",
    ),
    "a text as a shape": (
        lambda: network().build("abc"),
        TypeError,
        "Sequential.build: expected input_shape to be a tuple of lengths with the batch axis first, such as (None, 4); "
        "received input_shape='abc'",
    ),
    "a length as a shape": (lambda: layers.Dense(2).build(5), TypeError, "Dense.build: expected input_shape to be"),
    "no shape": (lambda: layers.LSTM(2).build(None), TypeError, "received input_shape=None"),
    "a fraction in a shape": (
        lambda: layers.Dense(2).build((None, 2.5)),
        TypeError,
        "received input_shape=(None, 2.5)",
    ),
    "a loss with its arguments swapped": (
        lambda: losses.SparseCategoricalCrossentropy()(network()(X), LABELS),
        ValueError,
        "A loss takes (y_true, y_pred), in this order",
    ),
    "arrays for symbols": (lambda: nn.Model(X, LABELS), TypeError, "received ndarray of shape (6, 4) float32"),
    "parameters before there are any": (
        lambda: models.Sequential([layers.Dense(2)]).parameters(),
        ValueError,
        "Sequential.named_parameters: expected a module with parameters; received 'sequential' (Sequential), which has "
        "none yet",
    ),
    # What else beginners do, and Keras has a message for, or none.
    "another width than the model's": (
        lambda: network().fit(np.ones((6, 5)), LABELS),
        ValueError,
        "layer 'dense' (Dense): expected inputs whose last axis has length 4, since its kernel has shape (4, 8); "
        "received "
        "shape (6, 5)",
    ),
    "no compile": (
        lambda: models.Sequential([layers.Dense(3)]).fit(X, LABELS),
        RuntimeError,
        "Sequential.fit: expected a compiled model; received one that is not. Call model.compile(",
    ),
    "one-hot labels for a sparse loss": (
        lambda: network().fit(X, ONE_HOT),
        ValueError,
        "expected class indices, shape (6,); received one-hot targets, shape (6, 3). Use "
        "loss='categorical_crossentropy'",
    ),
    "class indices for the other loss": (
        lambda: network(loss="categorical_crossentropy").fit(X, LABELS),
        ValueError,
        "expected one-hot targets, shape (6, 3); received class indices, shape (6,). Use "
        "loss='sparse_categorical_crossentropy'",
    ),
    "too few units for the classes": (
        lambda: network(units=2).fit(X, LABELS),
        ValueError,
        "received 2 at index (2,). Give the last layer 3 units, or number the classes from 0",
    ),
    "too many units for two classes": (
        lambda: network(loss="binary_crossentropy").fit(X, LABELS % 2),
        ValueError,
        "received y_true (6,) and y_pred (6, 3), which would broadcast or not fit. Give the targets the shape of the "
        "model's output, or the last layer 1 unit",
    ),
    "one unit for three classes": (
        lambda: network(units=1).fit(X, LABELS),
        ValueError,
        "Use activation='sigmoid' and loss='binary_crossentropy'",
    ),
    "a loss misspelled": (lambda: network(loss="mean_square_error"), ValueError, "Did you mean 'mean_squared_error'"),
    "an optimizer misspelled": (
        lambda: network(optimizer="addam"),
        ValueError,
        "received 'addam'. Did you mean 'adam'",
    ),
    "a metric misspelled": (lambda: network(metrics=["acuracy"]), ValueError, "Did you mean 'accuracy'"),
    "an activation misspelled": (lambda: layers.Dense(3, "rellu"), ValueError, "Did you mean 'relu'"),
    "an initializer misspelled": (
        lambda: layers.Dense(3, kernel_initializer="he_nromal"),
        ValueError,
        "Did you mean 'he_normal'",
    ),
    "an argument of a layer misspelled": (
        lambda: layers.Conv2D(3, 3, stride=2),
        TypeError,
        "Conv2D: got an unexpected keyword argument 'stride'. Did you mean 'strides'?",
    ),
    "rows of several lengths": (
        lambda: network().fit([[1.0, 2.0], [1.0, 2.0, 3.0]], [0, 1]),
        ValueError,
        "Sequential.fit: expected the lists in x to have equal lengths, sample by sample; received lists of length 2 "
        "and "
        "3. Pad them, for instance with nn.utils.pad_sequences(x)",
    ),
    "rows of rows of several lengths": (
        lambda: network().predict([[[1.0], [2.0, 3.0]], [[4.0], [5.0]]]),
        ValueError,
        "received lists of length 2, with lists of several lengths inside. Pad them",
    ),
    "fewer labels than samples": (
        lambda: network().fit(X, LABELS[:5]),
        ValueError,
        "expected as many targets as samples; received x (6, 4) and y (5,)",
    ),
    "None among the numbers": (
        lambda: network().fit(np.array([[1, 2, 3, None]] * 6), LABELS),
        TypeError,
        "received ndarray of dtype object, with None at 6 places. Fill them, or drop those samples",
    ),
    "no inputs": (
        lambda: network().fit(None, LABELS),
        TypeError,
        "expected x to be an array of shape (N, ...); received",
    ),
    "no labels": (lambda: network().fit(X), ValueError, "Sequential.fit: expected targets; received y=None"),
    "labels that are texts": (
        lambda: network().fit(X, np.array(["a", "b", "c"] * 2)),
        TypeError,
        "labels that are texts must be turned into numbers",
    ),
    "NaN among the labels": (
        lambda: network(1, None, loss="mse").fit(X, np.full((6, 1), np.nan)),
        ValueError,
        "expected targets without NaN; received 6 NaN of 6, the first at index (0, 0). Drop or fill those samples",
    ),
    "one sample without the batch axis": (
        lambda: network().predict(X[0]),
        ValueError,
        "received shape (4,). One sample is a batch of shape (1, D): x.reshape(1, -1)",
    ),
    "one image without the batch axis": (
        lambda: chain(layers.Conv2D(2, 3), shape=(8, 8, 3)).predict(IMAGES[0]),
        ValueError,
        "received shape (8, 8, 3). One channel is an axis of length 1: x[..., None]; one sample is a batch of one: "
        "x[None]",
    ),
    "a convolution of flat images": (
        lambda: chain(layers.Conv2D(2, 3), shape=(784,)),
        ValueError,
        "received shape (None, 784). Give flat samples axes first, as layers.Reshape((28, 28, 1)) does",
    ),
    "Flatten forgotten": (
        lambda: chain(layers.Conv2D(2, 3), layers.Dense(3, "softmax"), shape=(8, 8, 3)).fit(IMAGES, LABELS),
        ValueError,
        "For one prediction a sample, put layers.Flatten() or a global pooling before the last layers",
    ),
    "return_sequences forgotten": (
        lambda: chain(layers.LSTM(3), layers.LSTM(3), shape=(5, 2)),
        ValueError,
        "layer 'lstm_1' (LSTM): expected sequences of shape (N, T, D) with T > 0; received shape (None, 3). One "
        "number a "
        "step is D = 1: x[..., None]; one sequence is a batch of one: x[None]; a recurrent layer before this one needs "
        "return_sequences=True",
    ),
    "set_weights of something else": (
        lambda: network().set_weights([np.ones((4, 8))]),
        ValueError,
        "expected 4 arrays, in the order of get_weights(); received 1",
    ),
    "set_weights in another layout": (
        lambda: network().set_weights([w.T for w in network().get_weights()]),
        ValueError,
        "dense.kernel expected (4, 8) float32; received (8, 4) float32",
    ),
    "validation_split of a generator": (
        lambda: network().fit(iter([(X, LABELS)]), validation_split=0.2),
        ValueError,
        "expected arrays with validation_split; received a stream. Pass validation_data",
    ),
    "a generator for several epochs": (
        lambda: network().fit(iter([(X, LABELS)]), epochs=2),
        ValueError,
        "which can be read once. Pass steps_per_epoch, or a DataLoader",
    ),
    "the count of weights before there are any": (
        lambda: layers.Dense(3).count_params(),
        ValueError,
        "Give the first layer input_shape=(...), or call the module on a batch first",
    ),
    "negative units": (
        lambda: layers.Dense(-3),
        ValueError,
        "Dense: expected units to be a positive integer; received",
    ),
    "one input of two": (
        lambda: added((3,), (3,)).predict(np.ones((2, 3))),
        ValueError,
        "expected 2 inputs, 'input_layer', 'input_layer_1'; received 1. Give them as a list in this order, or as a "
        "dict",
    ),
    "a sum of other shapes": (lambda: added((3,), (4,)), ValueError, "received shapes (None, 3), (None, 4)"),
    "a class in the place of a layer": (
        lambda: models.Sequential([layers.Dense]),
        TypeError,
        "received the class Dense. Make an instance of it: layers.Dense(10)",
    ),
    "words beyond the embedding": (
        lambda: chain(layers.Embedding(3, 2), shape=(2,)).predict(np.array([[5, 1]])),
        ValueError,
        "expected integers from 0 to 2; received 5. Give it an input_dim of the largest integer plus 1",
    ),
    "a monitor that is not there": (
        lambda: network().fit(X, LABELS, callbacks=[nn.callbacks.EarlyStopping()], verbose=0),
        ValueError,
        "expected monitor to be one of ['loss']; received 'val_loss'. Values that begin with 'val_' need "
        "validation_data",
    ),
    "a layer that is not there": (
        lambda: network().get_layer("dens"),
        ValueError,
        "expected one of ['dense', 'dense_1']; received 'dens'",
    ),
    "two losses for one output": (
        lambda: network(loss=["mse", "mse"]).fit(X, LABELS),
        ValueError,
        "expected one entry for each of the outputs ['output_0', 'output_1']",
    ),
    # Names and arguments of other libraries.
    "a layer of nn itself": (lambda: nn.Dense(3), AttributeError, "Write nn.layers.Dense"),
    "an optimizer of nn itself": (lambda: nn.Adam(1e-3), AttributeError, "Write nn.optimizers.Adam"),
    "the number of inputs, as in PyTorch": (
        lambda: layers.Dense(4, 3),
        TypeError,
        "learn that of inputs",
    ),
    "an argument of PyTorch": (lambda: layers.LSTM(4, hidden_size=3), TypeError, "'hidden_size'. Write units"),
    "the learning rate in compile": (
        lambda: network(learning_rate=0.1),
        TypeError,
        "Write nn.optimizers.Adam(learning_rate=0.1) as the optimizer",
    ),
    "a keyword of compile": (lambda: network(metric=["accuracy"]), TypeError, "Did you mean 'metrics'?"),
    "the optimizer second": (
        lambda: models.Sequential().compile("mse", "adam"),
        ValueError,
        "received 'adam'. It is an optimizer, which comes first, before the loss",
    ),
    "PyTorch's name of a loss": (
        lambda: network(loss="cross_entropy"),
        ValueError,
        "Write 'sparse_categorical_crossentropy' for targets that are indices of classes",
    ),
    "an accuracy as a loss": (lambda: network(loss="accuracy"), ValueError, "write metrics=['accuracy']"),
    "half of a metric's name": (lambda: network(metrics=["f1"]), ValueError, "received 'f1'. Write 'f1_score'"),
    "old methods": (lambda: network().predict_classes(X), AttributeError, "Write model.predict(x).argmax(axis=-1)"),
    "the state of PyTorch": (
        lambda: network().load_state_dict({"0.weight": np.ones((8, 4))}),
        ValueError,
        "nn.saving.from_torch_state_dict(model, state)",
    ),
    "the values of a History": (
        lambda: network().fit(X, LABELS, verbose=0).loss,
        AttributeError,
        "Write history.history['loss']",
    ),
    # Data.
    "the name of a file": (
        lambda: network().fit("data.csv", LABELS),
        ValueError,
        "received the text 'data.csv'. Read a file first",
    ),
    "numbers as texts": (
        lambda: network().fit(X.astype(str), LABELS),
        TypeError,
        "received strings, an array of shape (6, 4) <U32. Numbers that are written as texts become floats by "
        "x.astype('float32')",
    ),
    "complex numbers": (lambda: network().predict(X.astype(complex)), TypeError, "np.stack([x.real, x.imag], axis=-1)"),
    "dates": (lambda: network().predict(X.astype("M8[D]")), TypeError, "Make numbers of dates, such as days"),
    "a list of samples": (lambda: network().fit(list(X), LABELS), ValueError, "one array: np.stack(x)"),
    "a list of samples to predict": (lambda: network().predict(list(X)), TypeError, "np.stack([a, b])"),
    "a generator that is not called": (
        lambda: network().fit(generator, verbose=0),
        ValueError,
        "received the function generator. Call it, generator()",
    ),
    "a generator of inputs alone": (lambda: network().fit(iter([X])), ValueError, "or batches of (x, y)"),
    "a generator and targets": (
        lambda: network().fit(generator(), LABELS),
        ValueError,
        "Put (x, y, sample_weight) into",
    ),
    "a generator without batches": (lambda: network().fit(iter([])), ValueError, "received a source that gives none"),
    "a batch of four": (lambda: network().fit(iter([(X, LABELS, X, X)])), ValueError, "received a tuple of length 4"),
    "validation data without targets": (
        lambda: network().fit(X, LABELS, validation_data=X),
        TypeError,
        "received an array of shape (6, 4). Write validation_data=(x_val, y_val)",
    ),
    "validation data in the other order": (
        lambda: network().fit(X, LABELS, validation_data=(LABELS, X)),
        ValueError,
        "Sequential.fit, validation_data: Sequential: layer 'dense' (Dense): expected inputs whose last axis",
    ),
    "percent": (lambda: network().fit(X, LABELS, validation_split=20), ValueError, "above 0 and below 1; received"),
    "targets of two outputs": (
        lambda: network(loss="categorical_crossentropy").fit(X, [ONE_HOT, ONE_HOT]),
        ValueError,
        "expected one array of targets, since the model has one output; received a list of 2",
    ),
    "weights of classes in a list": (
        lambda: network().fit(X, LABELS, class_weight=[1, 2, 3]),
        TypeError,
        "Write dict(enumerate([1, 2, 3]))",
    ),
    "classes 1 and 2": (
        lambda: network(1, "sigmoid", loss="bce").fit(X, LABELS[:, None] % 2 + 1),
        ValueError,
        "received 1 to 2. Map two classes to 0 and 1: (y_true > 1).astype('float32')",
    ),
    "softmax of one unit": (
        lambda: network(1, loss="bce").fit(X, LABELS[:, None] % 2),
        ValueError,
        "a softmax of one number, which is always 1. Use activation='sigmoid'",
    ),
    "channels first": (
        lambda: chain(layers.Conv2D(2, 3), shape=(8, 8, 3)).predict(np.moveaxis(IMAGES, -1, 1)),
        ValueError,
        "Put channels last, np.moveaxis(x, 1, -1)",
    ),
    "a window larger than the image": (
        lambda: chain(layers.Conv2D(2, 5), shape=(3, 32, 32)),
        ValueError,
        "would have lengths (-1, 28). Use larger inputs, or padding='same'. Or put channels last, (N, H, W, C)",
    ),
    # Models and callbacks.
    "an int for a shape": (lambda: nn.Input(4), TypeError, "received shape=4. Write Input((4,))"),
    "return forgotten": (
        lambda: compiled(lambda x: None).fit(X, LABELS),
        TypeError,
        "expected the model's call to return a Tensor; received None. End it with return",
    ),
    "a layer made in call": (
        lambda: compiled(lambda x: layers.Dense(3)(x), warns=True),
        ag.GradError,
        "make them in __init__, self.dense = layers.Dense(3)",
    ),
    "two tensors without a list": (
        lambda: layers.Concatenate()(X, X),
        TypeError,
        "too many positional arguments. Give several tensors as one list, [a, b]",
    ),
    "the values of attention": (
        lambda: layers.MultiHeadAttention(2, 4)(X[None]),
        TypeError,
        "received 1 by position: missing a required argument: 'value'",
    ),
    "a class of callbacks": (
        lambda: network().fit(X, LABELS, callbacks=[nn.callbacks.EarlyStopping]),
        TypeError,
        "received the class EarlyStopping. Write EarlyStopping()",
    ),
    "a function as a callback": (
        lambda: network().fit(X, LABELS, callbacks=[lambda epoch, logs: None]),
        TypeError,
        "received the function <lambda>. Write LambdaCallback(on_epoch_end=f), of (epoch, logs)",
    ),
    "the name of a callback": (
        lambda: network().fit(X, LABELS, callbacks="early_stopping"),
        TypeError,
        "Write an object of nn.callbacks, such as EarlyStopping()",
    ),
    "a metric to monitor that is not computed": (
        lambda: network().fit(X, LABELS, verbose=0, callbacks=[nn.callbacks.EarlyStopping("accuracy")]),
        ValueError,
        "Name it among the metrics: compile(..., metrics=['accuracy'])",
    ),
    "a metric that returns a text": (
        lambda: network(metrics=[lambda y_true, y_pred: "good"]).fit(X, LABELS, verbose=0),
        TypeError,
        "expected a function that returns a number for each sample, or one for the batch",
    ),
}

# What each message has: the call, the expectation and the value; or the name that is not known.
_CALL = re.compile(r"(?:layer '\w+' \(\w+\)|[\w.]+(?:, validation_data)?): ")
_FORM = re.compile(
    r"expected .*; received |expected .*\breceived |got an unexpected keyword argument|has no attribute ", re.S
)
# What belongs to the implementation.
_INSIDE = re.compile(r" at 0x|__init__\(|NoneType|of another kind than|array\(\[|\.<locals>|<class ")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_error_says_what_to_do(mistake: str) -> None:
    call, kind, said = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert said in text
    assert _FORM.search(text)
    assert not _INSIDE.search(text)
    assert _CALL.match(text) or isinstance(caught.value, AttributeError)
    assert len(text.partition("Known names: ")[0]) < 450
