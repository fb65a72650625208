"""compile, fit, evaluate, predict: against a hand-written loop, against definitions, and on real digits."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import Tensor
from nn import layers, losses, metrics, models, optimizers
from nn.datasets import mnist
from nn.training import replays
from nn.utils import to_categorical

from ..classification import D, Interrupt, K, N, assert_equal_weights, classifier, compiled, data

# ---- two faces, one implementation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", ["rmsprop", "sgd", "adam"])
def test_fit_equals_a_hand_written_loop_bit_for_bit(name: str, shuffle: bool) -> None:
    x, y = data()
    fitted, looped = classifier(dropout=0.3), classifier(dropout=0.3)
    nn.set_seed(9)
    fitted.compile(optimizer=name, loss="categorical_crossentropy", metrics=["accuracy"])
    history = fitted.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=shuffle)

    nn.set_seed(9)
    optimizer = optimizers.get(name)
    optimizer.bind(looped.parameters())
    loss_of = losses.CategoricalCrossentropy()
    reported = []
    for _ in range(3):
        order = ag.random.permutation(N).data if shuffle else np.arange(N)
        total = 0.0
        for start in range(0, N, 16):
            rows = order[start : start + 16]
            loss = loss_of(y[rows], looped(x[rows]))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item() * len(rows)
        reported.append(total / N)
    assert_equal_weights(fitted, looped)
    assert history.history["loss"] == reported


@pytest.mark.parametrize("choice", [False, "auto"])
def test_from_fit_to_a_batch_it_is_a_short_walk(choice: Any) -> None:
    """At most eight functions of `nn`, the model's call included, and three returns to a file that was left before."""
    walks: list[list[tuple[str, str]]] = []

    class Probe(layers.Layer):
        def call(self, x: Any) -> Any:
            frame, walk = sys._getframe(1), [("", "")]
            while walk[-1][1] != "fit" and frame.f_back is not None:
                if "/nn/" in frame.f_code.co_filename:
                    walk.append((frame.f_code.co_filename, frame.f_code.co_name))
                frame = frame.f_back
            walks.append(walk[:0:-1])
            return x

    x, y = data()
    model = models.Sequential([layers.Input((D,)), Probe(), layers.Dense(K)])
    model.compile("sgd", "mse", jit_compile=choice)
    walks.clear()
    model.fit(x[:24], y[:24], batch_size=8, verbose=0)
    assert len(walks) > 2
    for walk in walks[1:]:  # after the check of the first batch
        call = next(i for i, (file, name) in enumerate(walk) if name == "__call__" and file.endswith("steps.py"))
        walk = walk[: call + 1]
        files = [file for file, _ in groupby(file for file, _ in walk)]
        assert len(walk) <= 8, walk
        assert len(files) - len(set(files)) <= 3, files


def test_compile_binds_the_object_that_a_loop_steps() -> None:
    x, y = data()
    model = classifier()
    optimizer = optimizers.Adam(learning_rate=0.01, parameters=model.parameters())
    model.compile(optimizer=optimizer, loss=losses.CategoricalCrossentropy())
    model.fit(x, y, verbose=0)
    assert model.optimizer is optimizer
    steps = optimizer.iterations
    losses.CategoricalCrossentropy()(y, model(x)).backward()
    optimizer.step()
    optimizer.zero_grad()
    model.fit(x, y, verbose=0)
    assert optimizer.iterations == 2 * steps + 1


def test_the_learning_rate_may_change_between_fits() -> None:
    x, y = data()
    model = compiled(optimizer="sgd")
    model.optimizer.learning_rate = 0.0
    before = model.state_dict()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.state_dict()["dense.kernel"], before["dense.kernel"])
    model.optimizer.learning_rate = 0.1
    model.fit(x, y, verbose=0)
    assert not np.array_equal(model.state_dict()["dense.kernel"], before["dense.kernel"])


def test_a_model_compiled_before_it_is_built_trains_like_one_built_before() -> None:
    x, y = data()
    eager = compiled()
    expected = eager.fit(x, y, verbose=0).history
    nn.set_seed(5)
    lazy = models.Sequential(
        [layers.Dense(8, activation="relu"), layers.Dropout(0.0), layers.Dense(K, activation="softmax")]
    )
    lazy.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    assert lazy.fit(x, y, verbose=0).history == expected
    assert_equal_weights(lazy, eager)


def test_train_on_batch_is_one_step_of_fit() -> None:
    x, y = data()
    fitted, stepped = compiled(), compiled()
    history = fitted.fit(x, y, batch_size=N, verbose=0, shuffle=False).history
    assert stepped.train_on_batch(x, y) == [history["loss"][0], history["accuracy"][0]]
    assert_equal_weights(fitted, stepped)


def test_layers_added_after_compile_are_trained_too() -> None:
    x, y = data()
    model = compiled()
    model.add(layers.Dense(K, activation="softmax"))
    before = model.layers[-1].kernel.numpy()
    model.fit(x, y, verbose=0)
    assert not np.array_equal(model.layers[-1].kernel.numpy(), before)


# ---- reported numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "targets", "units", "activation"),
    [
        ("categorical_crossentropy", lambda r: np.eye(K)[r.integers(0, K, N)], K, "softmax"),
        ("sparse_categorical_crossentropy", lambda r: r.integers(0, K, N), K, "softmax"),
        ("binary_crossentropy", lambda r: r.integers(0, 2, (N, 1)), 1, "sigmoid"),
        ("mse", lambda r: r.normal(size=(N, K)), K, None),
    ],
)
def test_evaluate_does_not_depend_on_the_batch_size(
    loss: str, targets: Callable[[Any], np.ndarray], units: int, activation: str | None, rng: np.random.Generator
) -> None:
    x, y = rng.normal(size=(N, D)), targets(rng)
    model = models.Sequential([layers.Dense(units, activation=activation, input_shape=(D,))])
    model.compile(loss=loss, metrics=["accuracy", "mae"] if loss == "mse" else ["accuracy"])
    whole = model.evaluate(x, y, batch_size=N, verbose=0)
    exact = losses.get(loss)(y, model(x)).item()
    np.testing.assert_allclose(whole[0], exact, rtol=1e-6)
    for batch_size in (1, 7, 1000):
        np.testing.assert_allclose(model.evaluate(x, y, batch_size=batch_size, verbose=0), whole, rtol=1e-5)


def test_fit_reports_true_means_with_a_short_last_batch() -> None:
    x, y = data()
    model = compiled(optimizer=optimizers.SGD(learning_rate=0.0))
    history = model.fit(x, y, batch_size=48, epochs=2, verbose=0).history
    loss, accuracy = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(history["loss"], [loss] * 2, rtol=1e-6)
    np.testing.assert_allclose(history["accuracy"], [accuracy] * 2, rtol=1e-12)


def test_a_summed_loss_is_reported_as_a_mean_too() -> None:
    x, y = data()
    mean, summed = compiled(), compiled(loss=losses.CategoricalCrossentropy(reduction="sum"))
    for batch_size in (7, N):
        np.testing.assert_allclose(
            summed.evaluate(x, y, batch_size, verbose=0), mean.evaluate(x, y, batch_size, verbose=0), rtol=1e-6
        )


def test_evaluate_returns_a_number_or_a_list() -> None:
    x, y = data()
    assert isinstance(compiled(metrics=None).evaluate(x, y, verbose=0), float)
    result = compiled(metrics=["accuracy", "mse"]).evaluate(x, y, verbose=0)
    assert isinstance(result, list)
    assert [type(v) for v in result] == [float] * 3


def test_history_holds_floats_by_name_and_epoch() -> None:
    x, y = data()
    history = compiled().fit(x, y, epochs=3, verbose=0, validation_data=(x[:9], y[:9]))
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert {len(values) for values in history.history.values()} == {3}


def test_validation_is_computed_after_the_epoch_in_evaluation_mode() -> None:
    x, y = data()
    model = classifier(dropout=0.5)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, verbose=0, validation_data=(x, y)).history
    assert [history["val_loss"][0], history["val_accuracy"][0]] == model.evaluate(x, y, verbose=0)


def test_validation_split_takes_the_last_samples_before_shuffling() -> None:
    x, y = data()
    split, given = compiled(), compiled()
    at = 37  # floor(50 * (1 - 0.25))
    nn.set_seed(1)
    first = split.fit(x, y, epochs=2, verbose=0, validation_split=0.25).history
    nn.set_seed(1)
    second = given.fit(x[:at], y[:at], epochs=2, verbose=0, validation_data=(x[at:], y[at:])).history
    assert first == second
    assert_equal_weights(split, given)


# ---- metrics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "p", "threshold", "expected"),
    [
        ([[0, 1], [1, 0], [1, 0]], [[0.1, 0.9], [0.9, 0.1], [0.4, 0.6]], 0.5, 2 / 3),  # one-hot
        ([1, 0, 0], [[0.1, 0.9], [0.9, 0.1], [0.4, 0.6]], 0.5, 2 / 3),  # class indices
        ([[1], [0], [0]], [[0.1, 0.9], [0.9, 0.1], [0.4, 0.6]], 0.5, 2 / 3),
        ([[1], [0], [1]], [[0.9], [0.6], [0.3]], 0.5, 1 / 3),  # one output
        ([1, 0, 1], [0.9, 0.6, 0.3], 0.5, 1 / 3),
        ([[1], [0]], [[0.3], [-0.3]], 0.0, 1.0),  # logits
    ],
)
def test_accuracy_fits_itself_to_the_labels(y: Any, p: Any, threshold: float, expected: float) -> None:
    accuracy = metrics.AutoAccuracy(threshold=threshold)
    accuracy.update_state(np.array(y), np.array(p))
    assert accuracy.result() == pytest.approx(expected)
    for _ in range(2):
        accuracy.reset_state()
        for one_y, one_p in zip(y, p, strict=True):
            accuracy.update_state(np.array([one_y]), np.array([one_p]))
        assert accuracy.result() == pytest.approx(expected)


def test_compile_tells_accuracy_whether_predictions_are_logits() -> None:
    x = np.array([[0.3], [-0.3]])
    model = models.Sequential([layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    model.compile(loss=losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    assert model.evaluate(x, np.array([[1], [0]]), verbose=0)[1] == 1.0


def test_metrics_by_object_and_by_function() -> None:
    x, y = data()

    def largest_error(y_true: np.ndarray, y_pred: np.ndarray) -> Any:
        return abs(y_true - y_pred).max(axis=-1)

    model = compiled(metrics=["acc", metrics.CategoricalAccuracy(), "mse", largest_error])
    history = model.fit(x, y, verbose=0).history
    assert list(history) == ["acc", "categorical_accuracy", "largest_error", "loss", "mse"]
    values = model.evaluate(x, y, batch_size=7, verbose=0, return_dict=True)
    p = model.predict(x)
    assert values["acc"] == values["categorical_accuracy"] == (p.argmax(1) == y.argmax(1)).mean()
    np.testing.assert_allclose(values["mse"], ((p - y) ** 2).mean(), rtol=1e-5)
    np.testing.assert_allclose(values["largest_error"], largest_error(y, p).mean(), rtol=1e-5)


# ---- modes, memory, interrupts --------------------------------------------------------------------------------------


class Watcher(layers.Layer):
    """Notes how it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[bool, bool]] = set()

    def call(self, x: Tensor) -> Tensor:
        self.seen.add((self.training, ag.is_grad_enabled()))
        return x


def watched() -> tuple[models.Sequential, Watcher]:
    watcher = Watcher()
    model = models.Sequential([layers.Dense(K, activation="softmax", input_shape=(D,)), watcher])
    model.compile(loss="categorical_crossentropy")
    watcher.seen.clear()
    return model, watcher


@pytest.mark.parametrize("training", [True, False])
def test_every_face_runs_in_its_mode_and_brings_the_old_one_back(training: bool) -> None:
    x, y = data()
    model, watcher = watched()
    model.layers[0].training = training
    for run in (lambda: model.evaluate(x, y, verbose=0), lambda: model.predict(x)):
        watcher.seen.clear()
        run()
        assert watcher.seen == {(False, False)}
        assert model.layers[0].training is training
    watcher.seen.clear()
    model.fit(x, y, verbose=0)  # tries the model on one sample first
    assert watcher.seen == {(False, False), (True, True)}
    model.eval()
    watcher.seen.clear()
    model.train_on_batch(x, y)
    assert watcher.seen == {(True, True)}
    assert not watcher.training


def test_fit_works_inside_no_grad() -> None:
    x, y = data()
    model = compiled()
    before = model.state_dict()["dense.kernel"]
    with ag.no_grad():
        model.fit(x, y, verbose=0)
    assert not np.array_equal(model.state_dict()["dense.kernel"], before)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_leaves_the_weights_of_the_last_whole_step(error: type[BaseException]) -> None:
    x, y = data()
    model, reference = compiled(), compiled()
    model.eval()
    with pytest.raises(error):
        model.fit(x, y, batch_size=10, verbose=0, shuffle=False, callbacks=[Interrupt(1, error)])
    reference.fit(x[:20], y[:20], batch_size=10, verbose=0, shuffle=False)
    assert_equal_weights(model, reference)
    assert all(p.grad is None for p in model.parameters())
    assert not any(module.training for _, module in model.named_modules())
    model.fit(x, y, verbose=0)


def test_a_metric_that_fails_leaves_the_weights_as_they_were() -> None:
    def failing(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        raise ZeroDivisionError

    x, y = data()
    model = compiled(metrics=[failing])
    for run in (model.fit, model.train_on_batch, model.evaluate):
        with pytest.raises(ZeroDivisionError):
            run(x, y)
    assert_equal_weights(model, classifier())
    assert all(p.grad is None for p in model.parameters())


def test_gradients_left_by_the_user_do_not_reach_the_first_step() -> None:
    x, y = data()
    clean, dirty = compiled(), compiled()
    losses.MeanSquaredError()(np.zeros((N, K)), dirty(x)).backward()
    for model in (clean, dirty):
        nn.set_seed(2)
        model.fit(x, y, verbose=0)
    assert_equal_weights(clean, dirty)


@pytest.mark.parametrize("choice", [False, "auto"])
def test_training_keeps_no_tensors_and_makes_no_cycles(choice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(replays.WARM, "auto", 1)
    x, y = data()
    model = compiled()
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"], jit_compile=choice)

    def trained() -> None:
        model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_split=0.2)
        model.evaluate(x, y, verbose=0)

    for _ in range(4 if choice == "auto" else 1):  # until all is traced that will be replayed
        trained()
    gc.collect()
    gc.disable()
    try:
        before = sum(type(o) is Tensor for o in gc.get_objects())
        for _ in range(3):
            trained()
        assert sum(type(o) is Tensor for o in gc.get_objects()) == before
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_data_of_any_dtype_and_kind() -> None:
    x, y = data()
    results = []
    for convert in (lambda a: a, lambda a: a.astype(np.float32), lambda a: a.tolist(), ag.tensor):
        model = compiled()
        nn.set_seed(1)
        results.append(model.fit(convert(x), convert(y), verbose=0).history)
    assert results == [results[0]] * 4
    x_before, y_before = data()
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(y, y_before)


def test_predict_is_the_call_in_evaluation_mode() -> None:
    x, _ = data()
    model = classifier(dropout=0.5)
    out = model.predict(x, batch_size=7)
    assert isinstance(out, np.ndarray)
    assert out.shape == (N, K)
    np.testing.assert_allclose(out, model.eval()(x).numpy(), rtol=1e-5)
    out[:] = 0  # the reader's own


# ---- real digits ----------------------------------------------------------------------------------------------------


def digits_model() -> models.Sequential:
    nn.set_seed(0)
    network = models.Sequential()
    network.add(layers.Dense(512, activation="relu", input_shape=(28 * 28,)))
    network.add(layers.Dense(10, activation="softmax"))
    network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return network


def test_the_embedded_digits_are_learned() -> None:
    (x, y), (x_test, y_test) = mnist.load_sample()
    network = digits_model()
    history = network.fit(x.reshape(-1, 784) / 255, to_categorical(y), epochs=3, batch_size=128, verbose=0).history
    loss, accuracy = network.evaluate(x_test.reshape(-1, 784) / 255, to_categorical(y_test), verbose=0)
    assert accuracy > 0.9
    assert history["loss"][0] > history["loss"][1] > history["loss"][2]
    assert loss < history["loss"][0]


@pytest.mark.ci
def test_the_network_of_the_seed_on_all_digits() -> None:
    available, why = mnist.available(seconds=5, progress=False)
    if not available:
        pytest.skip(why)
    (x, y), (x_test, y_test) = mnist.load_data()
    network = digits_model()
    network.fit(x.reshape(-1, 784) / 255, to_categorical(y), epochs=5, batch_size=128, verbose=0)
    _, accuracy = network.evaluate(x_test.reshape(-1, 784) / 255, to_categorical(y_test), verbose=0)
    assert accuracy >= 0.977


def test_a_loss_of_the_models_own_is_trained_on_and_evaluated() -> None:
    class Weighed(nn.Sequential):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return 3.0 * super().compute_loss(x, y, y_pred, sample_weight)

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    models = [kind([layers.Dense(1, kernel_initializer="ones", input_shape=(2,))]) for kind in (nn.Sequential, Weighed)]
    for model, rate in zip(models, (0.3, 0.1), strict=True):
        model.compile(nn.optimizers.SGD(rate), "mse")
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    plain, own = (model.evaluate(x, y, verbose=0) for model in models)
    np.testing.assert_allclose(own, 3 * plain, rtol=1e-5)
