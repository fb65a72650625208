"""A table of models and of ways to train them, which must not depend on whether their steps are replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from nn import callbacks, layers, losses, models, optimizers

RNG = np.random.default_rng(0)
ROWS, D, K = 28, 6, 3  # in batches of 8 and a last one of 4
X = RNG.normal(size=(ROWS, D)).astype("float32")
LABELS = RNG.integers(0, K, ROWS)
ONE_HOT = np.eye(K, dtype="float32")[LABELS]
IMAGES = RNG.normal(size=(ROWS, 8, 8, 2)).astype("float32")
STEPS = RNG.normal(size=(ROWS, 5, 4)).astype("float32")
WORDS = RNG.integers(0, 9, (ROWS, 5))
WORDS[:, 3:] *= RNG.random((ROWS, 2)) < 0.5  # 0 is padding
EACH_STEP = RNG.normal(size=(ROWS, 5, K)).astype("float32")
WEIGHTS = RNG.random(ROWS).astype("float32")


@dataclass(frozen=True)
class Row:
    """One training.

    Args:
        model: makes the model.
        compile: arguments of `compile`; a function that makes them if there are objects among them.
        x, y: the data.
        fit: further arguments of `fit`, or a function that makes them.
        eager: why it is not replayed, a part of the warning; "" if it is.
    """

    model: Callable[[], models.Model]
    compile: Callable[[], dict[str, Any]] = lambda: {"optimizer": "adam", "loss": "categorical_crossentropy"}
    x: Any = field(default_factory=lambda: X)
    y: Any = field(default_factory=lambda: ONE_HOT)
    fit: Callable[[], dict[str, Any]] = dict
    eager: str = ""


def mlp(*more: Any, units: int = K, activation: Any = "softmax", **dense: Any) -> models.Sequential:
    return models.Sequential(
        [layers.Dense(7, activation="relu", input_shape=(D,), **dense), *more, layers.Dense(units, activation)]
    )


def over_time(*more: layers.Layer, shape: tuple[int, ...] = (5, 4)) -> models.Sequential:
    return models.Sequential([layers.InputLayer(shape), *more])


def classify(**more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy"], **more}


def with_optimizer(make: Callable[[], optimizers.Optimizer]) -> Callable[[], dict[str, Any]]:
    return lambda: {"optimizer": make(), "loss": "categorical_crossentropy", "metrics": ["accuracy"]}


def two_headed() -> models.Model:
    a, b = layers.Input((D,), name="a"), layers.Input((D,), name="b")
    h = layers.concatenate([layers.Dense(5, "tanh")(a), layers.Dense(4, "tanh")(b)])
    return models.Model([a, b], [layers.Dense(K, "softmax", name="kind")(h), layers.Dense(1, name="size")(h)])


class Penalized(layers.Layer):
    """Adds a penalty in its call."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.01 * (x * x).mean())
        return x


class OwnCall(models.Model):
    """A subclass with a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = layers.Dense(5), layers.Dense(K)
        self.scale = nn.Parameter(1.5)

    def call(self, x: Any, training: bool = False) -> Any:
        h = np.tanh(self.first(x)) * self.scale
        return ag.softmax(self.last(h * 2 if training else h))

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.1 * (x * x).mean() * self.scale


class OwnStep(models.Sequential):
    """A subclass that builds on the step of fit."""

    def train_step(self, data: Any) -> Any:
        return {**super().train_step(data), "double": 2.0}


class Branching(layers.Layer):
    """Looks at values."""

    def call(self, x: Any) -> Any:
        return x * 2 if float(x.mean()) > 0 else x


class Counting(layers.Layer):
    """Counts its calls, and computes with the number."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return x * (1 + 1 / self.calls)


class NumPyNoise(layers.Layer):
    """Draws with NumPy, of which nothing is recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def call(self, x: Any) -> Any:
        return x + self.rng.normal(size=x.shape).astype("float32")


class Warmup(optimizers.schedules.LearningRateSchedule):
    """A schedule that computes with Tensors, as that of the tutorials on transformers."""

    def __call__(self, step: Any) -> Any:
        step = nn.ops.cast(step, "float32") + 1.0
        return nn.ops.minimum(nn.ops.rsqrt(step), step * 4**-1.5)


class Set(callbacks.Callback):
    """Changes something at the beginning of every epoch."""

    def __init__(self, change: Callable[[Any, int], None]) -> None:
        self.change = change

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.change(self.model, epoch)


def each_epoch(change: Callable[[Any, int], None]) -> Callable[[], dict[str, Any]]:
    return lambda: {"callbacks": [Set(change)]}


def own_loss(y: Any, p: Any) -> Any:
    return np.abs(p - y).sum(axis=-1) + np.square(p - y).mean(axis=-1)


def batches() -> Iterator[Any]:
    for start in range(0, 24, 6):
        yield X[start : start + 6], ONE_HOT[start : start + 6], WEIGHTS[start : start + 6]


def rebind(model: Any, epoch: int) -> None:
    if epoch == 3:
        model.layers[0].bias = nn.Parameter(model.layers[0].bias.numpy() + 1)


ROWS_OF: Mapping[str, Row] = {
    "a classifier": Row(mlp, classify()),
    "its weights": Row(mlp, classify(weighted_metrics=["accuracy"]), fit=lambda: {"sample_weight": WEIGHTS}),
    "class weights": Row(mlp, classify(), fit=lambda: {"class_weight": {0: 2.0, 1: 0.5}}),
    "mean with weights": Row(
        mlp,
        lambda: {"loss": losses.CategoricalCrossentropy(reduction="mean_with_sample_weight")},
        fit=lambda: {"sample_weight": WEIGHTS},
    ),
    "sparse": Row(mlp, lambda: {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}, y=LABELS),
    "ignored classes": Row(mlp, lambda: {"loss": losses.SparseCategoricalCrossentropy(ignore_class=1)}, y=LABELS),
    "binary": Row(
        lambda: mlp(units=1, activation="sigmoid"), lambda: {"loss": "bce", "metrics": ["accuracy"]}, y=LABELS == 1
    ),
    "a sum, from logits": Row(
        lambda: mlp(activation=None), lambda: {"loss": losses.CategoricalCrossentropy(True, reduction="sum")}
    ),
    "a custom loss": Row(mlp, lambda: {"loss": own_loss, "metrics": [own_loss]}),
    "batch statistics and dropout": Row(lambda: mlp(layers.BatchNormalization(), layers.Dropout(0.3)), classify()),
    "draws of its own": Row(lambda: mlp(layers.GaussianNoise(0.1, seed=3), layers.Dropout(0.2, seed=4))),
    "penalties": Row(
        lambda: mlp(
            Penalized(), layers.ActivityRegularization(l2=0.1), kernel_regularizer="l2", bias_constraint="unit_norm"
        ),
        classify(),
    ),
    "penalties alone": Row(lambda: mlp(Penalized()), lambda: {"optimizer": "sgd"}),
    "images": Row(
        lambda: models.Sequential(
            [
                layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 2)),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(K, "softmax"),
            ]
        ),
        classify(),
        x=IMAGES,
    ),
    "lstm": Row(lambda: over_time(layers.LSTM(4, dropout=0.2), layers.Dense(K, "softmax")), x=STEPS),
    "stateful": Row(
        lambda: over_time(layers.GRU(4, stateful=True), layers.Dense(K, "softmax")),
        x=STEPS[:24],
        y=ONE_HOT[:24],
        fit=lambda: {"shuffle": False},
    ),
    "stateful, reset": Row(
        lambda: over_time(layers.SimpleRNN(4, stateful=True), layers.Dense(K, "softmax")),
        x=STEPS[:24],
        y=ONE_HOT[:24],
        fit=lambda: {"callbacks": [Set(lambda model, epoch: model.layers[-2].reset_states())], "batch_size": 4},
    ),
    "masks": Row(
        lambda: over_time(
            layers.Embedding(9, 4, mask_zero=True), layers.LSTM(4, return_sequences=True), layers.Dense(K), shape=(5,)
        ),
        lambda: {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]},
        x=WORDS,
        y=EACH_STEP,
        fit=lambda: {"sample_weight": WEIGHTS},
    ),
    "attention": Row(
        lambda: over_time(
            layers.TransformerBlock(2, 8, dropout=0.1), layers.GlobalAveragePooling1D(), layers.Dense(K, "softmax")
        ),
        x=STEPS,
    ),
    "several inputs and outputs": Row(
        two_headed,
        lambda: {
            "loss": {"kind": "categorical_crossentropy", "size": "mae"},
            "loss_weights": {"kind": 0.7, "size": 1.3},
            "metrics": {"kind": ["accuracy"], "size": ["mse"]},
        },
        x={"a": X, "b": X[::-1]},
        y={"kind": ONE_HOT, "size": X[:, :1]},
    ),
    "a subclass": Row(OwnCall, classify()),
    "a custom step": Row(lambda: OwnStep([layers.Dense(K, "softmax", input_shape=(D,))]), classify()),
    "a stream": Row(mlp, classify(), x=None, y=None, fit=lambda: {"x": nn.data.Dataset.from_generator(batches)}),
    "float16": Row(lambda: mlp(dtype="float16"), with_optimizer(lambda: optimizers.SGD(0.1, loss_scale_factor=8.0))),
    "float64": Row(lambda: models.Sequential([layers.Dense(K, "softmax", input_shape=(D,), dtype="float64")])),
    "accumulation": Row(mlp, with_optimizer(lambda: optimizers.Adam(gradient_accumulation_steps=3))),
    "clipping, decay, means": Row(
        mlp, with_optimizer(lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5, weight_decay=0.1, use_ema=True))
    ),
    "a schedule": Row(mlp, with_optimizer(lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)))),
    "a schedule of Tensors": Row(mlp, with_optimizer(lambda: optimizers.SGD(Warmup()))),
    "a rate that changes": Row(
        mlp, fit=lambda: {"callbacks": [callbacks.LearningRateScheduler(lambda e: 0.1 / (e + 1))]}
    ),
    "validation": Row(lambda: mlp(layers.Dropout(0.5)), classify(), fit=lambda: {"validation_split": 0.3}),
    "a rate of dropout that changes": Row(
        lambda: mlp(layers.Dropout(0.5)),
        fit=each_epoch(lambda model, epoch: setattr(model.layers[1], "rate", 0.1 * (epoch // 3))),
    ),
    "an activation that changes": Row(
        mlp,
        fit=each_epoch(lambda model, epoch: setattr(model.layers[0], "activation", np.tanh) if epoch == 3 else None),
    ),
    "a regularizer that changes": Row(
        lambda: mlp(kernel_regularizer=nn.regularizers.L2(0.1)),
        fit=each_epoch(lambda model, epoch: setattr(model.layers[0]._rules.regularizers["kernel"], "l2", epoch // 3)),
    ),
    "a loss that changes": Row(
        mlp,
        lambda: {"loss": losses.Huber(1.0)},
        fit=each_epoch(lambda model, epoch: setattr(model._compiled.loss, "delta", 0.1 * (1 + epoch // 3))),
    ),
    "a layer that is frozen": Row(
        mlp, fit=each_epoch(lambda model, epoch: setattr(model.layers[0], "trainable", epoch < 3))
    ),
    "a layer in evaluation mode": Row(
        lambda: mlp(layers.Dropout(0.5)),
        fit=each_epoch(lambda model, epoch: setattr(model.layers[1], "training", epoch < 3)),
    ),
    "branches": Row(lambda: mlp(Branching()), eager="float(t)"),
    "counts": Row(lambda: mlp(Counting()), eager="'calls'"),
    "draws with NumPy": Row(lambda: mlp(NumPyNoise()), eager="draws from a generator"),
}
