"""Programs that are trained by one process and by several ranks: a model, its data and what `fit` is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from nn import callbacks, layers, losses, metrics, models, optimizers
from nn.data import DataLoader
from nn.distributed import DistributedOptimizer

ROWS = 25  # in batches of 6, the last one has a single row, so that some ranks have none
X = np.random.default_rng(0).normal(size=(ROWS, 4))
Y = np.random.default_rng(1).normal(size=(ROWS, 2))
LABELS = np.random.default_rng(2).integers(0, 3, ROWS)
STEPS = np.random.default_rng(3).integers(0, 5, (ROWS, 6))
STEPS[:, 0] = np.maximum(STEPS[:, 0], 1)

Program = Callable[[Any], tuple[Any, dict[str, Any]]]
PROGRAMS: dict[str, Program] = {}


def program(make: Program) -> Program:
    """Add a function of (rank, size), or None in one process, to the table."""
    PROGRAMS[make.__name__] = make
    return make


def dense(*more: Any, units: int = 2, activation: str | None = None, **options: Any) -> Any:
    """Return a network of two layers, with others between them."""
    first = layers.Dense(5, "tanh", input_shape=(4,), dtype="float64", **options)
    return models.Sequential([first, *more, layers.Dense(units, activation, dtype="float64")])


def compiled(model: Any, optimizer: Any = None, loss: Any = "mse", **options: Any) -> Any:
    """Compile a model; Adam by default, whose steps tell scales of gradients less than their directions."""
    model.compile(optimizers.SGD(0.1, momentum=0.9) if optimizer is None else optimizer, loss, **options)
    return model


def data(y: Any = Y, **more: Any) -> dict[str, Any]:
    """Return arguments of `fit`."""
    return {"x": X, "y": y, "batch_size": 6, "epochs": 3, "shuffle": False, "verbose": 0, **more}


@program
def plain(_: Any) -> Any:
    return compiled(dense()), data()


@program
def adam_eager(_: Any) -> Any:
    return compiled(dense(), optimizers.Adam(0.01), run_eagerly=True), data()


@program
def adam_compiled(_: Any) -> Any:
    return compiled(dense(), optimizers.AdamW(0.01, weight_decay=0.1), jit_compile=True), data(epochs=6)


@program
def classes(_: Any) -> Any:
    model = compiled(dense(units=3, activation="softmax"), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, data(LABELS, validation_split=0.3, class_weight={0: 0.5, 2: 3.0})


@program
def weighed_mean(_: Any) -> Any:
    weights = np.random.default_rng(5).uniform(0, 2, ROWS)
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model = compiled(dense(kernel_regularizer="l2"), loss=loss, weighted_metrics=["mae"])
    return model, data(sample_weight=weights)


@program
def sum_with_penalties(_: Any) -> Any:
    model = dense(kernel_regularizer="l1", activity_regularizer=nn.regularizers.L2(0.1))
    return compiled(model, optimizers.SGD(0.01), losses.MeanSquaredError(reduction="sum")), data()


@program
def penalties_alone(_: Any) -> Any:
    return compiled(dense(kernel_regularizer="l2", activity_regularizer="l2"), loss=None), data(None)


@program
def masked_sequences(_: Any) -> Any:
    model = models.Sequential(
        [
            layers.Embedding(5, 3, mask_zero=True, input_shape=(6,), dtype="float64"),
            layers.GRU(4, return_sequences=True, dtype="float64"),
            layers.Dense(2, dtype="float64", kernel_regularizer="l2"),
        ]
    )
    y = np.random.default_rng(6).normal(size=(ROWS, 6, 2))
    return compiled(model, metrics=["mae"]), data(y, x=STEPS)


@program
def ignored_classes(_: Any) -> Any:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    return compiled(dense(units=3), loss=loss), data(LABELS)


@program
def two_outputs(_: Any) -> Any:
    tokens = layers.Input((6,), name="tokens")
    h = layers.Embedding(5, 3, mask_zero=True, dtype="float64")(tokens)
    steps = layers.Dense(2, name="steps", dtype="float64")(h)
    last = layers.Dense(1, name="last", dtype="float64", kernel_regularizer="l2")(layers.GRU(3, dtype="float64")(h))
    model = models.Model(tokens, [steps, last])
    targets = [np.random.default_rng(7).normal(size=(ROWS, 6, 2)), Y[:, :1]]
    compiled(
        model, loss=["mse", losses.MeanAbsoluteError(reduction="sum")], loss_weights=[0.5, 0.01], metrics=[["mae"], []]
    )
    return model, data(targets, x=STEPS)


@program
def batch_statistics(_: Any) -> Any:
    return compiled(dense(layers.BatchNormalization(synchronized=True, dtype="float64"))), data()


@program
def noise_of_its_own(_: Any) -> Any:
    own = layers.Dropout(0.4, seed=1, dtype="float64"), layers.GaussianNoise(0.1, seed=2, dtype="float64")
    return compiled(dense(*own, layers.Dropout(0.3, (1, None), seed=3, dtype="float64"))), data()


@program
def dropout_in_time(_: Any) -> Any:
    model = models.Sequential(
        [
            layers.Input((4, 1), dtype="float64"),
            layers.TimeDistributed(layers.Dropout(0.3, seed=5)),
            layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2, seed=4, dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    return compiled(model, run_eagerly=True), data(x=X[..., None])


@program
def clipped_by_the_global_norm(_: Any) -> Any:
    return compiled(dense(), optimizers.SGD(0.5, global_clipnorm=0.05)), data()


@program
def accumulated(_: Any) -> Any:
    return compiled(dense(), optimizers.Adam(0.01, gradient_accumulation_steps=3)), data()


@program
def averaged(_: Any) -> Any:
    optimizer = optimizers.RMSprop(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4)
    return compiled(dense(), optimizer), data()


@program
def scaled_losses(_: Any) -> Any:
    return compiled(dense(), optimizers.LossScaleOptimizer(optimizers.SGD(0.1), dynamic_growth_steps=4)), data()


@program
def several_optimizers(_: Any) -> Any:
    def chosen(p: ag.Tensor) -> Any:
        return fast if p.ndim == 2 else slow

    fast, slow = optimizers.SGD(0.1), optimizers.Adam(0.001)
    return compiled(dense(), optimizers.MultiOptimizer(chosen)), data()


@program
def halved_on_the_way(_: Any) -> Any:
    return compiled(dense(), DistributedOptimizer(optimizers.SGD(0.1), bucket_mb=1e-4)), data()


@program
def an_assumption_that_fails(_: Any) -> Any:
    """Rows of one rank let a replay give up, after the ranks have summed; the other ranks do not notice."""

    class Small(layers.Layer):
        def call(self, x: Any) -> Any:
            ag.extend.assume(lambda a: bool((a < 2.2).all()), x)
            return x * 0.5

    x = np.tile(X[:6], (4, 1))
    x[13, 2] = 40.0
    norm = layers.BatchNormalization(synchronized=True, dtype="float64")
    model = dense(norm, Small(dtype="float64"))
    model.layers[0].activation = nn.activations.linear
    return compiled(model, optimizers.SGD(0.01)), data(x=x, y=np.tile(Y[:6], (4, 1)))


@program
def rates(_: Any) -> Any:
    schedule = optimizers.schedules.ExponentialDecay(0.1, 3, 0.7)
    return compiled(dense(), optimizers.SGD(schedule)), data()


@program
def stopped_early(_: Any) -> Any:
    used = [
        callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", patience=0, factor=0.5),
    ]
    return compiled(dense(), optimizers.SGD(0.8)), data(validation_data=(X[:7], Y[:7]), epochs=8, callbacks=used)


@program
def stopped_by_a_batch(_: Any) -> Any:
    class Enough(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = logs["loss"] < 1.0

    return compiled(dense()), data(callbacks=[Enough()], epochs=8)


@program
def many_metrics(_: Any) -> Any:
    class Largest(metrics.Metric):
        def __init__(self, name: str = "largest") -> None:
            super().__init__(name)
            self.value = self.add_variable((), "zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(np.maximum(self.value, np.max(y_pred)))

        def result(self) -> Any:
            return self.value

    return compiled(dense(), metrics=[Largest(), metrics.R2Score()]), data(validation_split=0.2)


@program
def counted_metrics(_: Any) -> Any:
    used = [metrics.AUC(num_thresholds=20), metrics.F1Score(threshold=0.5), metrics.Precision(), metrics.BinaryIoU()]
    y = (Y[:, :1] > 0).astype(float)
    return compiled(dense(units=1, activation="sigmoid"), loss="binary_crossentropy", metrics=used), data(y)


@program
def a_function_as_loss(_: Any) -> Any:
    return compiled(dense(), loss=lambda y, p: np.abs(y - p).mean(axis=-1)), data()


@program
def a_loader(_: Any) -> Any:
    loader = DataLoader((X, Y), batch_size=6, shuffle=True, seed=3)
    return compiled(dense()), {"x": loader, "epochs": 3, "verbose": 0}


@program
def a_loader_of_parts(where: Any) -> Any:
    loader = DataLoader((X, Y), batch_size=8, shuffle=True, seed=3, drop_last=True, shard=where)
    return compiled(dense()), {"x": loader, "epochs": 3, "verbose": 0}


@program
def a_generator(_: Any) -> Any:
    def batches() -> Any:
        while True:
            for start in range(0, ROWS, 6):
                yield X[start : start + 6], Y[start : start + 6]

    return compiled(dense()), {"x": batches(), "steps_per_epoch": 3, "epochs": 3, "verbose": 0}


@program
def frozen_and_unused(_: Any) -> Any:
    class Odd(models.Model):
        def __init__(self) -> None:
            super().__init__()
            self.used = layers.Dense(2, dtype="float64", input_shape=(4,))
            self.frozen = layers.Dense(4, dtype="float64", trainable=False)
            self.unused = layers.Dense(3, dtype="float64", input_shape=(4,))

        def call(self, x: Any) -> Any:
            return self.used(self.frozen(x))

    model = Odd()
    model(X[:1])
    model.unused(X[:1])
    return compiled(model), data()


@program
def a_step_of_its_own(_: Any) -> Any:
    class Own(models.Sequential):
        def train_step(self, given: Any) -> Any:
            x, y = given
            loss = np.abs(self(x) - y).mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.metrics[0].update_state(loss, sample_weight=len(x))
            return self.get_metrics_result()

    model = Own([layers.Dense(2, dtype="float64", input_shape=(4,))])
    return compiled(model), data()


@program
def a_step_around_ours(_: Any) -> Any:
    class Own(models.Sequential):
        def train_step(self, given: Any) -> Any:
            return super().train_step(given)

    model = Own([layers.Dense(2, dtype="float64", input_shape=(4,))])
    return compiled(model, metrics=["mae"]), data()
