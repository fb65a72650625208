"""Custom steps and loops as Keras's guides write them, run with `keras` and with `nn`: the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn

from .. import peers

pytestmark = [
    pytest.mark.ci,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) + 0.1).astype("float32")
LABELS = RNG.integers(0, 3, 40)
HOW = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
NoGrad = Callable[[], AbstractContextManager[Any]]
PROGRAMS: list[Callable[[Any, NoGrad], Any]] = []


def program(run: Callable[[Any, NoGrad], Any]) -> Callable[[Any, NoGrad], Any]:
    """List a program: a function of the library and of its `no_grad`."""
    PROGRAMS.append(run)
    return run


def alike(model: Any) -> Any:
    """Give a model weights that depend on its shapes alone."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(scale=0.4, size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def network(k: Any, inputs: int = 4, outputs: int = 1, activation: str | None = None) -> Any:
    return alike(
        k.Sequential(
            [k.Input((inputs,)), k.layers.Dense(5, activation="tanh"), k.layers.Dense(outputs, activation=activation)]
        )
    )


def history(record: Any) -> dict[str, list[float]]:
    return {name: [float(np.asarray(v)) for v in values] for name, values in record.history.items()}


def step(model: Any, loss: Any, optimizer: Any, variables: Any, no_grad: NoGrad) -> None:
    loss.backward()
    with no_grad():
        optimizer.apply([v.value.grad for v in variables], variables)


@program
def a_train_step_with_the_compiled_loss_and_metrics(k: Any, no_grad: NoGrad) -> Any:
    class Custom(k.Model):
        def train_step(self, data: Any) -> Any:
            x, y, *w = data
            w = w[0] if w else None
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=w)
            step(self, loss, self.optimizer, self.trainable_weights, no_grad)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred, sample_weight=w)
            return {m.name: m.result() for m in self.metrics}

        def test_step(self, data: Any) -> Any:
            x, y = data
            y_pred = self(x, training=False)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    x = k.Input((4,))
    model = alike(Custom(x, k.layers.Dense(1)(x)))
    model.compile("adam", "mse", metrics=["mae"], weighted_metrics=["mse"])
    plain = history(model.fit(X, Y, validation_data=(X, Y), **HOW))
    weighed = history(model.fit(X, Y, sample_weight=np.linspace(0, 1, 40), **HOW))
    return plain, weighed, [float(v) for v in model.evaluate(X, Y, verbose=0)], [m.name for m in model.metrics]


@program
def a_train_step_with_metrics_of_its_own(k: Any, no_grad: NoGrad) -> Any:
    class Custom(k.Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.tracker, self.mae = k.metrics.Mean(name="loss"), k.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = k.losses.MeanSquaredError()

        def train_step(self, data: Any) -> Any:
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred)
            step(self, loss, self.optimizer, self.trainable_variables, no_grad)
            self.tracker.update_state(loss)
            self.mae.update_state(y, y_pred)
            return {"loss": self.tracker.result(), "mae": self.mae.result()}

        @property
        def metrics(self) -> Any:
            return [self.tracker, self.mae]

    x = k.Input((4,))
    model = alike(Custom(x, k.layers.Dense(1)(x)))
    model.compile(optimizer="adam")
    return history(model.fit(X, Y, **HOW))


@program
def a_gan(k: Any, no_grad: NoGrad) -> Any:
    class Gan(k.Model):
        def __init__(self, discriminator: Any, generator: Any) -> None:
            super().__init__()
            self.discriminator, self.generator = discriminator, generator
            self.d_loss, self.g_loss = k.metrics.Mean(name="d_loss"), k.metrics.Mean(name="g_loss")
            self.built = True

        def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        @property
        def metrics(self) -> Any:
            return [self.d_loss, self.g_loss]

        def train_step(self, real: Any) -> Any:
            real = real[0] if isinstance(real, tuple) else real
            size = k.ops.shape(real)[0]
            noise = k.ops.reshape(k.ops.linspace(-1.0, 1.0, 2 * size), (size, 2))
            both = k.ops.concatenate([self.generator(noise), k.ops.convert_to_tensor(real)], axis=0)
            labels = k.ops.concatenate([k.ops.ones((size, 1)), k.ops.zeros((size, 1))], axis=0)
            self.zero_grad()
            d_loss = self.loss_fn(labels, self.discriminator(both))
            step(self, d_loss, self.d_optimizer, self.discriminator.trainable_weights, no_grad)
            self.zero_grad()
            g_loss = self.loss_fn(k.ops.zeros((size, 1)), self.discriminator(self.generator(noise)))
            step(self, g_loss, self.g_optimizer, self.generator.trainable_weights, no_grad)
            self.d_loss.update_state(d_loss)
            self.g_loss.update_state(g_loss)
            return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}

    gan = Gan(network(k), network(k, 2, 4))
    gan.compile(k.optimizers.Adam(1e-3), k.optimizers.Adam(2e-3), k.losses.BinaryCrossentropy(from_logits=True))
    return history(gan.fit(X, **HOW))


@program
def an_autoencoder_by_add_loss(k: Any, no_grad: NoGrad) -> Any:
    class Coder(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = network(k, 4, 2), network(k, 2, 4)

        def call(self, x: Any) -> Any:
            code = self.encoder(x)
            self.add_loss(0.3 * k.ops.mean(k.ops.square(code)))
            return self.decoder(code)

    model = Coder()
    model.compile("sgd", "mse", metrics=["mae"])
    found = history(model.fit(X, X, **HOW))
    model(X)
    return found, [float(v) for v in model.losses], [float(v) for v in model.evaluate(X, X, verbose=0)]


@program
def an_autoencoder_with_three_losses(k: Any, no_grad: NoGrad) -> Any:
    class Coder(k.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.encoder, self.decoder = network(k, 4, 2), network(k, 2, 4)
            self.total, self.near = k.metrics.Mean(name="total_loss"), k.metrics.Mean(name="near_loss")

        @property
        def metrics(self) -> Any:
            return [self.total, self.near]

        def call(self, x: Any) -> Any:
            return self.decoder(self.encoder(x))

        def train_step(self, data: Any) -> Any:
            self.zero_grad()
            code = self.encoder(data)
            near = k.ops.mean(k.ops.sum(k.ops.square(data - self.decoder(code)), axis=-1))
            total = near + k.ops.mean(k.ops.square(code))
            total.backward()
            with no_grad():
                pairs = zip([v.value.grad for v in self.trainable_weights], self.trainable_weights, strict=True)
                self.optimizer.apply_gradients(pairs)
            self.total.update_state(total)
            self.near.update_state(near)
            return {"loss": self.total.result(), "near": self.near.result(), "last": near}

    model = Coder()
    model.compile(optimizer=k.optimizers.Adam())
    return history(model.fit(X, **HOW))


@program
def distillation_by_compute_loss(k: Any, no_grad: NoGrad) -> Any:
    class Distiller(k.Model):
        def __init__(self, student: Any, teacher: Any) -> None:
            super().__init__()
            self.student, self.teacher = student, teacher

        def compile(self, optimizer: Any, metrics: Any, alpha: float) -> None:
            super().compile(optimizer=optimizer, metrics=metrics)
            self.alpha = alpha

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: Any = None
        ) -> Any:
            seen.append(training)
            own = k.losses.SparseCategoricalCrossentropy(from_logits=True)(y, y_pred)
            soft = k.ops.softmax(self.teacher(x, training=False) / 3, axis=1)
            far = k.losses.KLDivergence()(soft, k.ops.softmax(y_pred / 3, axis=1)) * 9
            return self.alpha * own + (1 - self.alpha) * far

        def call(self, x: Any) -> Any:
            return self.student(x)

    seen: list[Any] = []
    teacher = network(k, 4, 3)
    teacher.trainable = False
    model = Distiller(network(k, 4, 3, "tanh"), teacher)
    model.compile(k.optimizers.Adam(0.01), [k.metrics.SparseCategoricalAccuracy()], 0.1)
    found = history(model.fit(X, LABELS, **HOW))
    found["evaluated"] = [float(v) for v in model.evaluate(X, LABELS, verbose=0)]
    return found, set(seen)


@program
def steps_and_metrics_that_call_those_above(k: Any, no_grad: NoGrad) -> Any:
    class Custom(k.Sequential):
        def train_step(self, data: Any) -> Any:
            found = super().train_step(data)
            return {**found, "twice": 2 * found["loss"]}

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            self.mean.update_state(y_pred)
            return {**found, "mean": self.mean.result()}

    model = alike(Custom([k.Input((4,)), k.layers.Dense(1)]))
    model.mean = k.metrics.Mean(name="mean")
    model.compile("sgd", "mse", metrics=["mae"])
    found = history(model.fit(X, Y, validation_data=(X, Y), **HOW))
    return found, {name: float(value) for name, value in model.get_metrics_result().items()}


@program
def a_loop(k: Any, no_grad: NoGrad) -> Any:
    model, optimizer = network(k, 4, 3), k.optimizers.SGD(0.1, momentum=0.9)
    loss_of, accuracy = k.losses.SparseCategoricalCrossentropy(from_logits=True), k.metrics.SparseCategoricalAccuracy()
    found: list[float] = []
    for _ in range(2):
        for start in range(0, 40, 16):
            x, y = X[start : start + 16], LABELS[start : start + 16]
            logits = model(x, training=True)
            loss = loss_of(y, logits)
            model.zero_grad()
            step(model, loss, optimizer, model.trainable_weights, no_grad)
            accuracy.update_state(y, logits)
            found.append(float(loss))
        found.append(float(accuracy.result()))
        accuracy.reset_state()
        optimizer.learning_rate.assign(optimizer.learning_rate * 0.5)
    return found, int(optimizer.iterations), float(optimizer.learning_rate), len(optimizer.variables)


@program
def a_loop_with_penalties(k: Any, no_grad: NoGrad) -> Any:
    x = k.Input((4,))
    last = k.layers.Dense(2, kernel_regularizer="l2", activity_regularizer=k.regularizers.L1(0.1))
    model = alike(k.Model(x, last(k.layers.ActivityRegularization(l2=0.1)(k.layers.Dense(3)(x)))))
    optimizer, loss_of = k.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9), k.losses.MeanSquaredError()
    found: list[Any] = []
    for _ in range(3):
        loss = loss_of(np.repeat(Y, 2, axis=1), model(X, training=True))
        loss = loss + sum(model.losses)
        model.zero_grad()
        found.append([float(loss), *(float(penalty) for penalty in model.losses)])
        step(model, loss, optimizer, model.trainable_weights, no_grad)
    optimizer.finalize_variable_values(model.trainable_weights)
    return found, model.get_weights()


@program
def rates_that_callbacks_change(k: Any, no_grad: NoGrad) -> Any:
    class Halving(k.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rate = self.model.optimizer.learning_rate
            rate.assign(rate * 0.9)
            seen.append(float(k.ops.convert_to_numpy(rate)))
            seen.append(float(rate.numpy()))

    seen: list[float] = []
    model = network(k)
    model.compile(k.optimizers.SGD(0.1), "mse")
    called = [
        Halving(),
        k.callbacks.LearningRateScheduler(lambda epoch, rate: float(rate * 0.8)),
        k.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10),
    ]
    return history(model.fit(X, Y, callbacks=called, **HOW)), seen


@program
def metrics_inside_a_layer(k: Any, no_grad: NoGrad) -> Any:
    class Watched(k.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.size = k.metrics.Mean(name="size")

        def call(self, x: Any) -> Any:
            self.size.update_state(k.ops.abs(x))
            return x

    model = alike(k.Sequential([k.Input((4,)), k.layers.Dense(1), Watched()]))
    model.compile("sgd", "mse", metrics=["mae"])
    found = history(model.fit(X, Y, **HOW))
    return found, model.evaluate(X, Y, verbose=0, return_dict=True), [m.name for m in model.metrics]


@program
def weights_of_samples(k: Any, no_grad: NoGrad) -> Any:
    model = network(k)
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    half = np.array(0.5)
    on_batch = [model.train_on_batch(X, Y, sample_weight=half), model.test_on_batch(X, Y, sample_weight=half)]
    other = network(k, 4, 3, "softmax")
    other.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    classes = history(other.fit(X, LABELS, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, **HOW))
    return [[float(v) for v in values] for values in on_batch], classes


@program
def models_that_begin_frozen(k: Any, no_grad: NoGrad) -> Any:
    x = k.Input((4,))
    made = [
        k.Model(x, k.layers.Dense(1)(x), trainable=False),
        k.Sequential([k.Input((4,)), k.layers.Dense(1)], trainable=False),
    ]
    return [(m.trainable, len(m.trainable_weights), len(m.non_trainable_weights), m.compiled) for m in made]


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: run.__name__)
def test_the_numbers_are_keras_s(run: Callable[[Any, NoGrad], Any]) -> None:
    theirs, ours = run(peers.keras(), peers.torch().no_grad), run(nn, ag.no_grad)
    assert theirs
    peers.compare(theirs, ours, run.__name__)
