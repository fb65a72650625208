"""Twenty steps of training make the same losses, metrics, predictions and weights as in Keras, for models of all kinds.

A kind is a function of a library, `k`, that returns a compiled model; `DATA` has what it is fitted on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn

from .. import peers
from .rows import Draws, same, their_warnings

pytestmark = pytest.mark.ci

N = 37  # five batches of eight, the last of which is short
D = Draws("training")
FLAT, IMAGES, STEPS = D.f(N, 6), D.p(N, 8, 8, 2), D.f(N, 5, 4)
TOKENS = D.i(N, 6, high=9) * (np.arange(6) < D.i(N, 1, low=2, high=7))  # 0 at the end stands for nothing
REAL, CLASS, BIT = FLAT.sum(1, keepdims=True) ** 2, D.i(N, high=3), D.bits(N, 1)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASS]

Kind = Callable[[Any], Any]
KINDS: dict[str, tuple[Kind, Any, Any, dict[str, Any]]] = {}


def kind(x: Any, y: Any, **fit: Any) -> Callable[[Kind], Kind]:
    """Put a function that makes a model into KINDS, with inputs, targets, and more arguments of `fit`."""

    def put(function: Kind) -> Kind:
        KINDS[function.__name__.replace("_", " ")] = function, x, y, fit
        return function

    return put


@kind(FLAT, REAL)
def perceptron(k: Any) -> Any:
    model = k.Sequential([k.Input((6,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@kind(IMAGES, CLASS, validation_split=0.2)
def convolutional(k: Any) -> Any:
    layers = [k.layers.Conv2D(4, 3, activation="relu"), k.layers.MaxPooling2D(), k.layers.Conv2D(4, 2, padding="same")]
    layers += [k.layers.GlobalAveragePooling2D(), k.layers.Dense(3, activation="softmax")]
    model = k.Sequential([k.Input((8, 8, 2)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@kind(IMAGES, ONE_HOT)
def residual(k: Any) -> Any:
    x = inputs = k.Input((8, 8, 2))
    x = k.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    for _ in range(2):
        y = k.layers.BatchNormalization()(x)
        y = k.layers.Activation("relu")(y)
        x = k.layers.add([x, k.layers.SeparableConv2D(4, 3, padding="same")(y)])
    x = k.layers.Dense(3)(k.layers.GlobalMaxPooling2D()(x))
    model = k.Model(inputs, x)
    loss = k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    model.compile(k.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss, metrics=["accuracy"])
    return model


@kind(STEPS, REAL)
def long_short_term_memory(k: Any) -> Any:
    layers = [k.layers.LSTM(5, return_sequences=True), k.layers.LSTM(4), k.layers.Dense(1)]
    model = k.Sequential([k.Input((5, 4)), *layers])
    model.compile(k.optimizers.RMSprop(0.01), "huber", metrics=["mae", "mse"])
    return model


@kind(STEPS, BIT)
def gated_in_both_directions(k: Any) -> Any:
    layers = [k.layers.Bidirectional(k.layers.GRU(4)), k.layers.Dense(1, activation="sigmoid")]
    model = k.Sequential([k.Input((5, 4)), *layers])
    model.compile(k.optimizers.Adam(0.01, clipnorm=0.5), "binary_crossentropy", metrics=["accuracy", k.metrics.AUC()])
    return model


@kind(TOKENS, CLASS)
def transformer(k: Any) -> Any:
    inputs = k.Input((6,), dtype="int32")
    x = k.layers.Embedding(9, 4)(inputs)
    attended = k.layers.MultiHeadAttention(2, 3)(x, x)
    x = k.layers.LayerNormalization()(x + attended)
    fed = k.layers.Dense(4)(k.layers.Dense(8, activation="gelu")(x))
    x = k.layers.LayerNormalization()(x + fed)
    x = k.layers.GlobalMaxPooling1D()(x)
    model = k.Model(inputs, k.layers.Dense(3, activation="softmax")(x))
    schedule = k.optimizers.schedules.CosineDecay(0.01, 20)
    model.compile(
        k.optimizers.AdamW(schedule, weight_decay=0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


# The last pooling masks: on PyTorch the gradient of queries that see nothing is a multiple of the true one.
@kind(TOKENS, CLASS)
def transformer_with_masks(k: Any) -> Any:
    inputs = k.Input((6,), dtype="int32")
    x = k.layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = k.layers.LayerNormalization()(k.layers.add([k.layers.MultiHeadAttention(2, 3)(x, x), x]))
    x = k.layers.GlobalAveragePooling1D()(x)
    model = k.Model(inputs, k.layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@kind(FLAT, FLAT, validation_data=(FLAT[:11] * 2, FLAT[:11] * 2))
def autoencoder(k: Any) -> Any:
    encoder = k.Sequential([k.Input((6,)), k.layers.Dense(3, activation="elu")], name="encoder")
    decoder = k.Sequential([k.Input((3,)), k.layers.Dense(6)], name="decoder")
    inputs = k.Input((6,))
    model = k.Model(inputs, decoder(encoder(inputs)))
    model.compile("adamax", "mse", metrics=["mae", "cosine_similarity"])
    return model


@kind(TOKENS, BIT)
def embedding_with_a_mask(k: Any) -> Any:
    layers = [k.layers.Embedding(9, 5, mask_zero=True), k.layers.GRU(4, return_sequences=True)]
    layers += [k.layers.GlobalAveragePooling1D(), k.layers.Dense(1, activation="sigmoid")]
    model = k.Sequential([k.Input((6,)), *layers])
    metrics = [k.metrics.BinaryAccuracy(), k.metrics.Precision(), k.metrics.Recall(), k.metrics.F1Score(threshold=0.5)]
    model.compile("nadam", "binary_crossentropy", metrics=metrics)
    return model


@kind({"flat": FLAT, "images": IMAGES}, {"number": REAL, "label": CLASS}, validation_split=0.3)
def several_outputs(k: Any) -> Any:
    flat, images = k.Input((6,), name="flat"), k.Input((8, 8, 2), name="images")
    seen = k.layers.Flatten()(k.layers.AveragePooling2D(4)(k.layers.DepthwiseConv2D(3)(images)))
    both = k.layers.Dense(6, activation="tanh")(k.layers.concatenate([flat, seen]))
    outputs = {"number": k.layers.Dense(1)(both), "label": k.layers.Dense(3, activation="softmax")(both)}
    model = k.Model({"flat": flat, "images": images}, outputs)
    loss = {"number": "mse", "label": "sparse_categorical_crossentropy"}
    metrics = {"number": ["mae"], "label": ["accuracy"]}
    model.compile("adagrad", loss, loss_weights={"number": 0.1, "label": 2.0}, metrics=metrics)
    return model


@kind(FLAT, CLASS)
def normalized_and_dropped(k: Any) -> Any:
    layers: list[Any] = [k.layers.Dense(8, use_bias=False), k.layers.BatchNormalization(momentum=0.8), k.layers.ReLU()]
    layers += [k.layers.Dropout(0.0), k.layers.Dense(3), k.layers.Softmax()]
    model = k.Sequential([k.Input((6,)), *layers])
    model.compile(
        k.optimizers.Adam(use_ema=True, ema_momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


@kind(FLAT, REAL)
def regularized(k: Any) -> Any:
    dense = k.layers.Dense(8, "tanh", kernel_regularizer=k.regularizers.L1L2(0.01, 0.02), activity_regularizer="l2")
    bound = k.layers.Dense(1, kernel_constraint=k.constraints.MaxNorm(0.5), bias_constraint="non_neg")
    model = k.Sequential([k.Input((6,)), dense, bound])
    model.compile(k.optimizers.Adadelta(0.5), k.losses.LogCosh(), metrics=["mse"])
    return model


@kind(FLAT, CLASS, sample_weight=np.linspace(0.1, 2, N, dtype=np.float32), validation_split=0.25)
def weighed_samples(k: Any) -> Any:
    model = k.Sequential([k.Input((6,)), k.layers.Dense(3, activation="softmax")])
    model.compile(
        "lion",
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy", k.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    return model


@kind(FLAT, ONE_HOT, class_weight={0: 0.5, 1: 1.0, 2: 3.0}, validation_data=(FLAT[::3], ONE_HOT[::3]))
def weighed_classes(k: Any) -> Any:
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "selu"), k.layers.Dense(3, activation="softmax")])
    model.compile("ftrl", "categorical_crossentropy", metrics=["accuracy", k.metrics.TopKCategoricalAccuracy(2)])
    return model


@kind(STEPS, STEPS[:, :, :1], sample_weight=(np.arange(5) < 3) * np.ones((N, 1), np.float32))
def causal_convolutions_and_weighed_steps(k: Any) -> Any:
    layers: list[Any] = [k.layers.Conv1D(6, 2, padding="causal", dilation_rate=n, activation="swish") for n in (1, 2)]
    layers += [k.layers.TimeDistributed(k.layers.Dense(1))]
    model = k.Sequential([k.Input((5, 4)), *layers])
    model.compile(k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), "mse")
    return model


@kind(FLAT, REAL)
def shared_layers_and_operators(k: Any) -> Any:
    inputs = k.Input((6,))
    shared = k.layers.Dense(3, activation="tanh")
    left, right = shared(inputs[:, :3]), shared(k.ops.flip(inputs[:, 3:], axis=1))
    x = k.ops.concatenate([left * right, k.ops.maximum(left, right), k.ops.square(left - right)], axis=-1)
    model = k.Model(inputs, k.layers.Dense(1)(x))
    model.compile(k.optimizers.Lamb(0.01), "mean_squared_error")
    return model


@pytest.mark.parametrize("name", KINDS)
def test_twenty_steps_are_those_of_keras(name: str) -> None:
    make, x, y, options = KINDS[name]
    keras = peers.keras()
    keras.utils.clear_session()  # which counts the names of metrics
    nn.set_seed(0)
    ours = make(nn)
    with their_warnings():
        theirs = make(keras)
        theirs.set_weights(ours.get_weights())
        options = {"batch_size": 8, "epochs": 4, "shuffle": False, "verbose": 0, **options}
        expected = theirs.fit(x, y, **options).history
        predictions, values = theirs.predict(x, verbose=0), theirs.evaluate(x, y, batch_size=10, verbose=0)
    history = ours.fit(x, y, **options).history
    assert list(history) == list(expected)
    for key in history:
        same(history[key], expected[key], key)
    same(ours.predict(x, verbose=0), predictions, "predictions")
    same(ours.evaluate(x, y, batch_size=10, verbose=0), values, "evaluate")
    same(ours.weights, list(theirs.weights), "weights")
