"""fit, evaluate and predict on every kind of data; sample and class weights; steps; several outputs; own steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, losses, models, optimizers
from nn.data import DataLoader

from ..classification import D, Interrupt, K, N, assert_equal_weights, classifier, compiled, data


def batches(size: int = 16) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = data()
    return [(x[i : i + size], y[i : i + size]) for i in range(0, N, size)]


def mapped(tmp_path: Path, a: np.ndarray, name: str) -> np.memmap:
    made = np.memmap(tmp_path / name, a.dtype, "w+", shape=a.shape)
    made[:] = a
    made.flush()
    return np.memmap(tmp_path / name, a.dtype, "r", shape=a.shape)


# ---- streams --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["list-like", "loader", "generator", "memory map"])
def test_every_kind_of_data_trains_alike(kind: str, tmp_path: Path) -> None:
    x, y = data()
    model, reference = compiled(), compiled()
    arguments = {"epochs": 3, "verbose": 0}
    expected = reference.fit(x, y, batch_size=16, shuffle=False, validation_data=(x, y), **arguments).history
    if kind == "memory map":
        found = model.fit(
            mapped(tmp_path, x, "x"), mapped(tmp_path, y, "y"), 16, shuffle=False, validation_data=(x, y), **arguments
        ).history
    else:
        validation: Any = DataLoader((x, y), batch_size=50)
        source: Any = DataLoader((x, y), batch_size=16, prefetch=2)
        if kind == "list-like":
            source = Again(batches())
        if kind == "generator":
            source = (batch for _ in range(3) for batch in batches())
            arguments["steps_per_epoch"] = 4
        found = model.fit(source, validation_data=validation, **arguments).history
    assert_equal_weights(model, reference)
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6)


class Again:
    """An iterable that is not a list, without a length."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[Any]:
        return iter(self.parts)


def test_evaluate_and_predict_on_streams() -> None:
    x, y = data()
    model = compiled()
    expected, out = model.evaluate(x, y, verbose=0), model.predict(x)
    np.testing.assert_allclose(model.evaluate(iter(batches()), verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(DataLoader((x, y), batch_size=7), verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(DataLoader((x, y), batch_size=7)), out, rtol=1e-5)
    np.testing.assert_allclose(model.predict(Again([a for a, _ in batches()])), out, rtol=1e-5)
    assert model.predict(DataLoader((x, y), batch_size=7), steps=2).shape == (14, K)
    first = model.evaluate(x[:16], y[:16], verbose=0)
    np.testing.assert_allclose(model.evaluate(Again(batches()), steps=1, verbose=0), first, rtol=1e-6)


def test_a_model_without_weights_yet_is_built_by_a_generator_and_loses_no_batch() -> None:
    seen: list[int] = []

    def generate() -> Iterator[Any]:
        for i, batch in enumerate(batches()):
            seen.append(i)
            yield batch

    nn.set_seed(5)
    lazy = models.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.0), layers.Dense(K, "softmax")])
    lazy.compile(loss="categorical_crossentropy")
    lazy.fit(generate(), verbose=0)
    assert seen == [0, 1, 2, 3]
    reference = compiled()
    reference.fit(*data(), batch_size=16, shuffle=False, verbose=0)
    assert_equal_weights(lazy, reference)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (lambda: iter(batches()), {"epochs": 2}, "read in each of 2 epochs; received an iterator.* steps_per_epoch"),
        (lambda: Again(batches()), {"y": np.ones(3)}, "expected no y with a stream of batches"),
        (lambda: Again(batches()), {"validation_split": 0.5}, "expected arrays with validation_split; received a str"),
        (lambda: Again([]), {}, "expected at least one batch; received a source that gives none"),
        (lambda: Again([data()[0]]), {}, "expected targets; received y=None"),
        (lambda: Again([(*data(), 1, 2)]), {}, "batch: expected x, .* received a tuple of length 4"),
        (lambda: Again([(data()[0], data()[1][:3])]), {}, "expected as many targets as samples"),
        (lambda: Again(batches()), {"steps_per_epoch": 0}, "expected steps_per_epoch to be a positive integer"),
        (lambda: Again(batches()), {"validation_freq": 0}, "expected validation_freq to be a positive integer"),
    ],
)
def test_streams_that_cannot_be_used(source: Any, arguments: dict[str, Any], message: str) -> None:
    model = compiled()
    with pytest.raises((ValueError, TypeError), match=f"^Sequential.fit: .*{message}"):
        model.fit(source(), verbose=0, **arguments)
    assert_equal_weights(model, classifier())
    model.fit(*data(), verbose=0)


def test_an_error_in_a_generator_leaves_the_steps_before_it() -> None:
    def generate() -> Iterator[Any]:
        yield from batches()[:2]
        raise OSError("the disk is gone")

    model, reference = compiled(), compiled()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(generate(), verbose=0)
    reference.fit(*(a[:32] for a in data()), batch_size=16, shuffle=False, verbose=0)
    assert_equal_weights(model, reference)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_of_unknown_length(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    compiled().fit(Again(batches()), verbose=verbose)
    assert "4/4" in capsys.readouterr().out


# ---- steps and epochs -----------------------------------------------------------------------------------------------


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped() -> None:
    x, y = data()
    short, whole = compiled(), compiled()
    history = short.fit(x, y, batch_size=10, epochs=5, steps_per_epoch=2, shuffle=False, verbose=0)
    whole.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    assert len(history.epoch) == 5
    assert_equal_weights(short, whole)  # ten steps each


def test_data_that_end_early_are_reported() -> None:
    with pytest.warns(UserWarning, match="expected 3 batches an epoch; the data ended after 1 of them"):
        history = compiled().fit(iter(batches()), epochs=2, steps_per_epoch=3, verbose=0)
    assert history.epoch == [0, 1]


def test_initial_epoch_goes_on() -> None:
    x, y = data()
    parts, whole = compiled(), compiled()
    nn.set_seed(3)
    first = parts.fit(x, y, epochs=2, verbose=0)
    second = parts.fit(x, y, epochs=5, initial_epoch=2, verbose=0)
    nn.set_seed(3)
    expected = whole.fit(x, y, epochs=5, verbose=0)
    assert first.epoch + second.epoch == expected.epoch
    assert first.history["loss"] + second.history["loss"] == expected.history["loss"]
    assert_equal_weights(parts, whole)
    assert parts.fit(x, y, epochs=5, initial_epoch=5, verbose=0).epoch == []


def test_validation_freq_and_steps() -> None:
    x, y = data()
    history = compiled().fit(x, y, epochs=4, verbose=0, validation_data=(x, y), validation_freq=2).history
    assert (len(history["loss"]), len(history["val_loss"])) == (4, 2)
    history = compiled().fit(x, y, epochs=4, verbose=0, validation_data=(x, y), validation_freq=[1, 2, 4]).history
    assert len(history["val_loss"]) == 3
    model = compiled(optimizer=optimizers.SGD(learning_rate=0.0))
    found = model.fit(x, y, verbose=0, validation_data=(x, y), validation_batch_size=5, validation_steps=3).history[
        "val_loss"
    ]
    np.testing.assert_allclose(found, model.evaluate(x[:15], y[:15], verbose=0)[0], rtol=1e-6)


def test_a_seed_repeats_a_run_bit_for_bit() -> None:
    def run() -> tuple[Any, dict[str, Any]]:
        nn.set_seed(11)
        x, y = data()
        model = models.Sequential([layers.Dense(16, activation="relu"), layers.Dropout(0.4), layers.Dense(K)])
        model.compile("adam", losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        source = DataLoader((x, y), batch_size=8, shuffle=True, prefetch=3, workers=2)
        first = model.fit(x, y, epochs=2, batch_size=7, verbose=0, validation_split=0.2).history
        second = model.fit(source, epochs=2, verbose=0).history
        return (first, second), model.state_dict()

    (histories, state), (again, state_again) = run(), run()
    assert histories == again
    for path, value in state.items():
        np.testing.assert_array_equal(value, state_again[path])


# ---- weights --------------------------------------------------------------------------------------------------------


def test_whole_sample_weights_count_samples() -> None:
    """A weight of 2 is worth a sample that is there twice, but for the mean, which is over the samples as they are."""
    x, y = data()
    w = np.arange(N) % 3.0
    repeated = np.repeat(np.arange(N), (np.arange(N) % 3))
    weighted, doubled = (compiled(optimizer=optimizers.SGD(0.5), metrics=None) for _ in range(2))
    loss = weighted.evaluate(x, y, N, 0, sample_weight=w)
    assert loss * N == pytest.approx(doubled.evaluate(x[repeated], y[repeated], verbose=0) * len(repeated), rel=1e-5)
    weighted.fit(x, y, batch_size=N, verbose=0, sample_weight=w)
    doubled.optimizer.learning_rate = 0.5 * len(repeated) / N
    doubled.fit(x[repeated], y[repeated], batch_size=N * 3, verbose=0, shuffle=False)
    for path, value in weighted.state_dict().items():
        np.testing.assert_allclose(value, doubled.state_dict()[path], rtol=1e-4, atol=1e-6)


def test_class_weights_are_sample_weights() -> None:
    x, y = data()
    weights = {0: 0.0, 1: 2.0}
    w = np.array([weights.get(k, 1.0) for k in y.argmax(1)])
    by_class, by_sample, by_stream, together = (compiled() for _ in range(4))
    for model, arguments in (
        (by_class, {"class_weight": weights}),
        (by_sample, {"sample_weight": w}),
        (together, {"sample_weight": np.sqrt(w), "class_weight": {0: 0.0, 1: np.sqrt(2.0)}}),
    ):
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0, **arguments)
    by_stream.fit(DataLoader((x, y), batch_size=16), class_weight=weights, verbose=0)
    assert_equal_weights(by_class, by_sample)
    assert_equal_weights(by_class, by_stream)
    for path, value in together.state_dict().items():
        np.testing.assert_allclose(value, by_class.state_dict()[path], rtol=1e-4, atol=1e-6)
    indices = compiled(loss="sparse_categorical_crossentropy")
    indices.fit(x, y.argmax(1), batch_size=16, shuffle=False, verbose=0, class_weight=weights)
    for path, value in indices.state_dict().items():
        np.testing.assert_allclose(value, by_class.state_dict()[path], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="expected class_weight of at least 0; received -1 for class 1"):
        by_class.fit(x, y, verbose=0, class_weight={1: -1})
    before = by_class.get_weights()[0]
    with pytest.raises(ValueError, match=r"sample_weight of finite numbers; received nan at index \(7,\)"):
        by_class.fit(x, y, verbose=0, sample_weight=np.where(np.arange(50) == 7, np.nan, 1.0))
    assert np.array_equal(by_class.get_weights()[0], before)
    with pytest.raises(ValueError, match="expected one sample_weight for each of 50 samples"):
        by_class.fit(x, y, verbose=0, sample_weight=np.ones(3))


def test_validation_with_weights() -> None:
    x, y = data()
    w = np.linspace(0, 2, N)
    model = compiled()
    history = model.fit(x, y, verbose=0, validation_data=(x, y, w)).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x, y, sample_weight=w, verbose=0)[0], rel=1e-6)


# ---- one batch ------------------------------------------------------------------------------------------------------


def test_single_batches() -> None:
    x, y = data()
    model = compiled()
    np.testing.assert_array_equal(model.predict_on_batch(x), model.predict(x, N))
    assert model.test_on_batch(x, y) == model.evaluate(x, y, N, verbose=0)
    values = model.train_on_batch(x, y, return_dict=True)
    assert list(values) == ["accuracy", "loss"]
    w = np.arange(N) % 2.0
    first, second = compiled(), compiled()
    first.train_on_batch(x, y, sample_weight=w)
    second.fit(x, y, batch_size=N, shuffle=False, sample_weight=w, verbose=0)
    assert_equal_weights(first, second)


# ---- custom steps ---------------------------------------------------------------------------------------------------


class Own(models.Sequential):
    def train_step(self, data: Any) -> Any:
        x, y = data
        y_pred = self(x)
        loss = self.compute_loss(x, y, y_pred)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.metrics[0].update_state(loss, sample_weight=len(x))
        return {"largest": y_pred.data.max(), **self.compute_metrics(x, y, y_pred)}

    def test_step(self, data: Any) -> Any:
        return {"loss": 7.0}

    def predict_step(self, data: Any) -> Any:
        return super().predict_step(data) * 2


def test_a_train_step_of_ones_own() -> None:
    x, y = data()
    own = Own(classifier().layers)
    own.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    reference = compiled()
    histories = []
    for model in (own, reference):
        nn.set_seed(2)
        histories.append(model.fit(x, y, batch_size=16, epochs=2, verbose=0).history)
    assert_equal_weights(own, reference)
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-6)
    assert histories[0]["accuracy"] == histories[1]["accuracy"]
    assert len(histories[0]["largest"]) == 2
    assert own.evaluate(x, y, verbose=0) == 7.0
    np.testing.assert_allclose(own.predict(x), reference.predict(x) * 2, rtol=1e-5)


def test_a_train_step_must_return_numbers_by_name() -> None:
    class Wrong(models.Sequential):
        def train_step(self, data: Any) -> Any:
            return 3

    model = Wrong(classifier().layers)
    model.compile("sgd")
    with pytest.raises(TypeError, match="train_step: expected a dict of numbers by name, .*; received 3"):
        model.fit(*data(), verbose=0)


# ---- several inputs and outputs -------------------------------------------------------------------------------------


def two_headed() -> models.Model:
    nn.set_seed(3)
    a, b = nn.Input((D,), name="a"), nn.Input((2,), name="b")
    hidden = layers.Dense(6, activation="tanh", name="hidden")(a)
    label = layers.Dense(K, activation="softmax", name="label")(hidden)
    size = layers.Dense(1, name="size")(hidden) + layers.Dense(1, name="other")(b)
    return models.Model({"a": a, "b": b}, {"label": label, "size": size})


def test_several_inputs_and_outputs_with_weights_of_losses() -> None:
    x, y = data()
    b, size = x[:, :2] * 2, x[:, :1] + 1
    inputs, targets = {"a": x, "b": b}, {"label": y, "size": size}
    model = two_headed()
    model.compile(
        optimizers.SGD(0.1),
        loss={"label": "categorical_crossentropy", "size": "mse"},
        loss_weights={"size": 0.25},
        metrics={"label": ["accuracy"]},
    )
    looped = two_headed()
    optimizer = optimizers.SGD(0.1, parameters=looped.parameters())
    for start in range(0, N, 16):
        rows = slice(start, start + 16)
        out = looped({"a": x[rows], "b": b[rows]})
        loss = losses.CategoricalCrossentropy()(y[rows], out["label"])
        loss = loss + losses.MeanSquaredError()(size[rows], out["size"]) * 0.25
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    history = model.fit(inputs, targets, batch_size=16, shuffle=False, verbose=0, validation_split=0.0).history
    assert list(history) == ["label_accuracy", "label_loss", "loss", "size_loss"]
    np.testing.assert_allclose(history["loss"][0], history["label_loss"][0] + 0.25 * history["size_loss"][0], rtol=1e-5)
    assert_equal_weights(model, looped)
    values = model.evaluate(inputs, targets, batch_size=7, verbose=0, return_dict=True)
    whole = model.evaluate(inputs, targets, batch_size=N, verbose=0, return_dict=True)
    for name, value in values.items():
        assert value == pytest.approx(whole[name], rel=1e-5)
    out = model.predict(inputs, batch_size=7)
    assert {name: a.shape for name, a in out.items()} == {"label": (N, K), "size": (N, 1)}
    assert values["label_accuracy"] == (out["label"].argmax(1) == y.argmax(1)).mean()
    streamed = two_headed()
    streamed.compile(optimizers.SGD(0.1), model._compiled.loss, loss_weights=None)  # type: ignore[union-attr]
    streamed.fit(DataLoader((inputs, targets), batch_size=16), verbose=0)
    assert_equal_weights(streamed, looped)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": {"label": "mse", "oops": "mse"}}, r"expected loss for outputs of \['label', 'size'\]; .* 'oops'"),
        ({"loss": ["mse"]}, "expected loss as a dict, or a list with one entry for each of the outputs"),
        ({"loss": "mse", "loss_weights": [1.0]}, "expected loss_weights as a dict, or a list with one entry"),
        ({"loss": ["mse", "mse"], "loss_weights": {"size": "a"}}, "loss_weights: expected a single number"),
        ({"loss": ["mse", "mse"], "metrics": ["mae"]}, "expected metrics as a dict, or a list"),
    ],
)
def test_losses_that_do_not_fit_the_outputs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        two_headed().compile("sgd", **arguments)


def test_interrupted_with_threads_running() -> None:
    x, y = data()
    model = compiled()
    source = DataLoader((x, y), batch_size=8, prefetch=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            model.fit(source, verbose=0, callbacks=Interrupt(1, KeyboardInterrupt))
    assert len(model.fit(source, verbose=0).epoch) == 1


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("steps", [(), (3,)])
def test_targets_without_the_axis_of_the_one_unit_are_given_it(outputs: int, steps: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, *steps, 4)), rng.integers(0, 2, (10, *steps)).astype("float32")

    def trained(y: Any) -> Any:
        nn.set_seed(0)
        given = nn.Input((*steps, 4))
        units = [nn.layers.Dense(1, activation="sigmoid", name=f"unit_{i}")(given) for i in range(outputs)]
        model = nn.Model(given, units if outputs > 1 else units[0])
        many = outputs > 1
        loss, metrics = "binary_crossentropy", ["accuracy", "mae", "auc"]
        model.compile("sgd", [loss, "mse"] if many else loss, [metrics, ["mae"]] if many else metrics)
        target = [y] * outputs if many else y
        weights = np.arange(10.0)
        history = model.fit(x, target, batch_size=4, epochs=2, sample_weight=weights, verbose=0).history
        return history, model.evaluate(x, target, verbose=0), model.get_weights(), model.train_on_batch(x, target)

    flat, full = trained(y), trained(y[..., None])
    assert flat[0] == full[0]
    np.testing.assert_equal(flat[1:], full[1:])


def test_a_dtype_of_the_model_reaches_layers_without_one() -> None:
    made = [nn.layers.Bidirectional(nn.layers.LSTM(2)), nn.layers.Dropout(0.1), nn.layers.Dense(2, dtype="float32")]
    model = nn.Sequential([nn.Input((3, 4)), *made], dtype="float64")
    assert {p.dtype.name for p in made[0].parameters()} == {"float64"}
    assert {p.dtype.name for p in made[2].parameters()} == {"float32"}
    assert nn.Sequential.from_config(model.get_config()).get_weights()[0].dtype == np.float64
    lost = nn.layers.Reshape((7, 7))
    with pytest.raises(ag.ShapeError):
        model.add(lost)
    assert lost.dtype == np.float32
