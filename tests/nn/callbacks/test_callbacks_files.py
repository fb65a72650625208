"""Callbacks that write files, change rates and stop: what they write, when, and that a killed training goes on."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.graph import GradientHealth
from nn import callbacks, layers, models
from nn.data import DataLoader

from ..classification import D, Interrupt, K, assert_equal_weights, compiled, data
from .test_callbacks import Feed

# ---- order ----------------------------------------------------------------------------------------------------------


def recorder(base: Any) -> Any:
    """Return a callback that writes down what is called, with the names of the logs where they are the public ones."""
    events: list[Any] = []

    class Recorder(base):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_") and "batch" not in name:
                return lambda *args, **kw: events.append((name, *(a for a in args if isinstance(a, int))))
            return super().__getattribute__(name)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            events.append(("on_train_batch_begin", batch))

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            events.append(("on_train_batch_end", batch))

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            events.append(("on_test_batch_begin", batch))

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            events.append(("on_test_batch_end", batch))

        def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
            events.append(("on_predict_batch_begin", batch))

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            events.append(("on_predict_batch_end", batch))

    made = Recorder()
    made.events = events
    return made


def run_all(model: Any, x: np.ndarray, y: np.ndarray, watch: Any) -> list[Any]:
    model.fit(
        x, y, batch_size=20, epochs=3, validation_split=0.4, validation_freq=2, verbose=0, callbacks=[watch],
        initial_epoch=1,
    )  # fmt: skip
    model.evaluate(x, y, batch_size=30, verbose=0, callbacks=[watch])
    model.predict(x, batch_size=30, verbose=0, callbacks=[watch])
    return list(watch.events)


def test_the_order_of_calls() -> None:
    x, y = data()
    train = [(f"on_train_batch_{at}", i) for i in range(2) for at in ("begin", "end")]
    test = [(f"on_test_batch_{at}", 0) for at in ("begin", "end")]
    twice = [(f"on_test_batch_{at}", i) for i in range(2) for at in ("begin", "end")]
    predicted = [(f"on_predict_batch_{at}", i) for i in range(2) for at in ("begin", "end")]
    assert run_all(compiled(), x, y, recorder(callbacks.Callback)) == [
        ("on_train_begin",),
        ("on_epoch_begin", 1), *train, ("on_test_begin",), *test, ("on_test_end",), ("on_epoch_end", 1),
        ("on_epoch_begin", 2), *train, ("on_epoch_end", 2),
        ("on_train_end",),
        ("on_test_begin",), *twice, ("on_test_end",),
        ("on_predict_begin",), *predicted, ("on_predict_end",),
    ]  # fmt: skip


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's, with NumPy 2
def test_the_order_of_calls_is_that_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    x, y = data()
    peer = keras.Sequential([keras.layers.Dense(K, activation="softmax")])
    peer.compile(loss="categorical_crossentropy")
    assert run_all(compiled(), x, y, recorder(callbacks.Callback)) == run_all(
        peer, x, y, recorder(keras.callbacks.Callback)
    )


def test_stopping_in_the_middle_of_an_epoch_closes_it() -> None:
    x, y = data()
    model = compiled()

    def stop(batch: int, logs: Any) -> None:
        model.stop_training = batch == 2

    seen: list[int] = []
    count = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    history = model.fit(
        x, y, batch_size=10, epochs=4, verbose=0, callbacks=[count, callbacks.LambdaCallback(on_train_batch_end=stop)]
    )
    assert seen == [0, 1, 2]
    assert history.epoch == [0]


def test_lambda_callback_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="received 'on_epoch'"):
        callbacks.LambdaCallback(on_epoch=print)
    with pytest.raises(TypeError, match="expected a function for on_epoch_end; received 3"):
        callbacks.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="^Sequential.fit: expected callbacks to be objects of type Callback; rec"):
        compiled().fit(*data(), verbose=0, callbacks=[3])  # type: ignore[list-item]


# ---- rates ----------------------------------------------------------------------------------------------------------


def test_learning_rate_scheduler() -> None:
    x, y = data()
    model = compiled(optimizer="sgd")
    history = model.fit(
        x, y, epochs=3, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    )
    assert history.history["learning_rate"] == [0.01 / 2, 0.01 / 4, 0.01 / 8]
    assert model.optimizer.learning_rate == 0.01 / 8
    model.fit(x, y, epochs=1, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: 0.5))
    assert model.optimizer.learning_rate == 0.5
    with pytest.raises(TypeError, match="expected schedule to return a number; received 'fast'"):
        model.fit(x, y, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: "fast"))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("values", "arguments", "rates"),
    [
        ([5, 4, 3, 2], {"patience": 1}, [1, 1, 1, 1]),
        ([5, 5, 5, 5, 5], {"patience": 2}, [1, 1, 0.5, 0.5, 0.25]),
        ([5, 5, 5, 5, 5, 5], {"patience": 1, "cooldown": 2}, [1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ([5, 5, 5, 5], {"patience": 1, "min_lr": 0.4}, [1, 0.5, 0.4, 0.4]),
        ([1, 2, 2, 1], {"patience": 1, "mode": "max"}, [1, 1, 0.5, 0.25]),
        ([5, 4.95, 4.9], {"patience": 1, "min_delta": 0.2}, [1, 0.5, 0.25]),
    ],
)
def test_reduce_on_plateau(values: list[float], arguments: dict[str, Any], rates: list[float]) -> None:
    x, y = data()
    model = compiled(optimizer=nn.optimizers.SGD(learning_rate=1.0))
    found: list[float] = []
    note = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: found.append(float(model.optimizer.learning_rate)))
    plateau = callbacks.ReduceLROnPlateau(factor=0.5, **arguments)
    model.fit(x, y, epochs=len(values), verbose=0, callbacks=[Feed(values), plateau, note])
    assert found == pytest.approx(rates)
    with pytest.raises(ValueError, match="expected factor to be a number of at least 0 and below 1"):
        callbacks.ReduceLROnPlateau(factor=1.0)


# ---- files ----------------------------------------------------------------------------------------------------------


def test_csv_logger(tmp_path: Path) -> None:
    x, y = data()
    path = tmp_path / "logs" / "a.csv"
    model = compiled()
    first = model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks.CSVLogger(path))
    second = model.fit(x, y, epochs=3, initial_epoch=2, verbose=0, callbacks=callbacks.CSVLogger(path, append=True))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [float(row["loss"]) for row in rows] == first.history["loss"] + second.history["loss"]
    model.fit(x, y, verbose=0, callbacks=callbacks.CSVLogger(path, separator=";"))
    assert path.read_text(encoding="utf-8").splitlines()[0] == "epoch;accuracy;loss"


def test_model_checkpoint_keeps_the_best(tmp_path: Path) -> None:
    x, y = data()
    model = compiled()
    saved: dict[int, Any] = {}
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: saved.update({epoch: model.state_dict()}))
    best = callbacks.ModelCheckpoint(tmp_path / "best.safetensors", save_best_only=True, save_weights_only=True)
    every = callbacks.ModelCheckpoint(
        tmp_path / "all" / "{epoch:02d}-{val_loss:.1f}.safetensors", save_weights_only=True
    )
    model.fit(x, y, epochs=4, verbose=0, callbacks=[keep, Feed([3, 1, 2, 4]), best, every])
    assert best.best == 1
    model.load_weights(tmp_path / "best.safetensors")
    for path, value in model.state_dict().items():
        np.testing.assert_array_equal(value, saved[1][path])
    names = sorted(p.name for p in (tmp_path / "all").iterdir())
    assert names == [f"{i + 1:02d}-{v:.1f}.safetensors" for i, v in enumerate([3, 1, 2, 4])]


def test_model_checkpoint_saves_whole_models_by_batches(tmp_path: Path) -> None:
    x, y = data()
    model = compiled()
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.nn", save_freq=3)
    model.fit(x, y, batch_size=10, epochs=2, verbose=0, callbacks=save)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-3.nn", "2-1.nn", "2-4.nn"]
    again = nn.saving.load_model(tmp_path / "2-4.nn")
    assert again.predict(x).shape == (len(x), K)
    with pytest.raises(ValueError, match="expected names in filepath among .*; received 'oops'"):
        model.fit(x, y, verbose=0, callbacks=callbacks.ModelCheckpoint(str(tmp_path / "{oops}")))
    with pytest.raises(
        ValueError, match="expected save_freq to be 'epoch' or a positive integer; received save_freq=0"
    ):
        callbacks.ModelCheckpoint("a", save_freq=0)


def loader() -> DataLoader:
    def noisy(batch: Any, rng: np.random.Generator) -> Any:
        x, y = batch
        return x + 0.1 * rng.normal(size=x.shape), y

    return DataLoader(data(), batch_size=8, shuffle=True, transform=noisy, prefetch=2, workers=2)


@pytest.mark.parametrize("built", [True, False])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path, built: bool) -> None:
    def model() -> models.Sequential:
        nn.set_seed(5)
        shape = {"input_shape": (D,)} if built else {}
        made = models.Sequential([layers.Dense(8, activation="relu", **shape), layers.Dropout(0.3), layers.Dense(K)])
        made.compile("adam", nn.losses.CategoricalCrossentropy(from_logits=True))
        return made

    whole, broken, resumed = model(), model(), model()
    nn.set_seed(1)
    expected = whole.fit(loader(), epochs=4, verbose=0).history["loss"]
    nn.set_seed(1)
    source = loader()
    kill = Interrupt(2, KeyboardInterrupt)
    kill.on_epoch_begin = lambda epoch, logs=None: setattr(kill, "batch", 3 if epoch == 2 else -1)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broken.fit(source, epochs=4, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path, loader=source), kill])
    nn.set_seed(77)
    again = loader()
    backup = callbacks.BackupAndRestore(tmp_path, loader=again)
    history = resumed.fit(again, epochs=4, verbose=0, callbacks=backup)
    assert history.epoch == [2, 3]
    assert history.history["loss"] == expected[2:]
    assert_equal_weights(resumed, whole)
    assert not backup.path.exists()


# ---- NaN, health, TensorBoard, plots --------------------------------------------------------------------------------


def square_root_model() -> models.Sequential:
    nn.set_seed(0)
    model = models.Sequential(
        [
            layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(2,)),
            layers.Activation(lambda x: np.sqrt(x)),
        ]
    )
    model.compile(nn.optimizers.SGD(learning_rate=1e-3), "mse")
    return model


@pytest.mark.parametrize(("bad", "word"), [(-1.0, "sqrt"), (0.0, "derivative of sqrt at 0")])
def test_terminate_on_nan_names_the_operation(bad: float, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = np.ones((6, 2)), np.ones((6, 1))
    x[4] = bad
    model, reference = square_root_model(), square_root_model()
    terminate = callbacks.TerminateOnNaN()
    with np.errstate(all="ignore"):
        model.fit(x, y, batch_size=1, epochs=3, shuffle=False, verbose=0, callbacks=terminate)
        reference.fit(x[:4], y[:4], batch_size=1, shuffle=False, verbose=0)
    assert terminate.stopped_batch == 4
    assert terminate.report is not None
    assert terminate.report.op == "sqrt"
    assert_equal_weights(model, reference)  # those of the last good step
    assert re.search(rf"Batch 4: TerminateOnNaN: .*{word}", capsys.readouterr().out, re.DOTALL)
    assert all(np.isfinite(value).all() for value in model.state_dict().values())
    model.fit(x[:4], y[:4], verbose=0)  # still usable


def test_terminate_on_nan_changes_nothing_else() -> None:
    x, y = data()
    plain, watched = compiled(), compiled()
    for model, calls in ((plain, None), (watched, callbacks.TerminateOnNaN())):
        nn.set_seed(1)
        model.fit(x, y, epochs=2, verbose=0, callbacks=calls)
    assert_equal_weights(plain, watched)


def test_gradient_health_is_a_callback() -> None:
    assert callbacks.GradientHealth is GradientHealth
    watch = callbacks.GradientHealth()
    compiled().fit(*data(), batch_size=25, epochs=2, verbose=0, callbacks=watch, validation_split=0.2)
    assert watch.history.steps == (0, 1, 2, 3)


@pytest.mark.ci
def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed; `dev.py ci` does")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = compiled().fit(
        *data(), epochs=3, verbose=0, validation_split=0.2, callbacks=callbacks.TensorBoard(tmp_path, update_freq=1)
    )
    for run, name in (("train", "loss"), ("validation", "val_loss")):
        events = EventAccumulator(str(tmp_path / run))
        events.Reload()
        found = [event.value for event in events.Scalars("epoch_loss")]
        np.testing.assert_allclose(found, history.history[name], rtol=1e-6)
        assert [event.step for event in events.Scalars("epoch_loss")] == [0, 1, 2]
        assert ("batch_loss" in events.Tags()["scalars"]) == (run == "train")
    events = EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    assert [event.step for event in events.Scalars("batch_loss")] == [1, 2, 3, 4, 5, 6]
    assert {event.value for event in events.Scalars("epoch_learning_rate")} == {np.float32(0.001)}


def test_tensorboard_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto", None)
    with pytest.raises(ImportError, match=r"pip install 'autograd-lite\[tensorboard\]'"):
        callbacks.TensorBoard()
    with pytest.raises(ValueError, match="received update_freq='hour'"):
        callbacks.TensorBoard(update_freq="hour")


def test_history_as_a_table_and_as_a_picture() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    history = compiled().fit(*data(), epochs=4, verbose=0, validation_split=0.2, validation_freq=[2, 4])
    table = history.to_pandas()
    assert list(table.columns) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert table["loss"].tolist() == history.history["loss"]
    assert table["val_loss"].isna().tolist() == [True, False, True, False]
    assert isinstance(table, pandas.DataFrame)
    assert str(history).splitlines()[0].split() == ["epoch", *table.columns]
    rows = [line.split() for line in str(history).splitlines()[1:]]
    assert [len(row) for row in rows] == [3, 5, 3, 5]
    assert float(rows[1][4]) == pytest.approx(table["val_loss"][1], rel=1e-3)
    html = history._repr_html_()
    assert (html.count("<tr>"), html.count("<td></td>")) == (5, 4)
    figure = history.plot()
    panels = figure.axes
    assert isinstance(figure, matplotlib.figure.Figure)
    assert [panel.get_ylabel() for panel in panels] == ["loss", "accuracy"]
    assert [line.get_label() for line in panels[0].lines] == ["loss", "val_loss"]
    assert panels[0].lines[1].get_xdata().tolist() == [2, 4]
    assert all(panel.get_xticks().tolist() == panel.get_xticks().round().tolist() for panel in panels)
    figure, ax = pyplot.subplots()
    assert history.plot(["loss"], ax=ax) is figure
    with pytest.raises(ValueError, match="received 'oops'"):
        history.plot(["oops"])
    pyplot.close("all")


def test_a_long_history_is_a_short_table() -> None:
    history = callbacks.History()
    for epoch in range(1000):
        history.on_epoch_end(epoch, {"<loss>": 1.0 / (1 + epoch)})
    lines = str(history).splitlines()
    assert [line.split()[0] for line in lines[:3] + lines[10:13]] == ["epoch", "1", "2", "10", "…", "991"]
    assert len(lines) == 22
    assert "<th>&lt;loss&gt;</th>" in history._repr_html_()
    assert repr(history) == "<History of 1000 epochs: <loss>=0.001>"
    assert repr(callbacks.History()) == "<History of 0 epochs>"


def test_a_repr_has_the_arguments_that_differ_from_their_defaults() -> None:
    def warm(epoch: int) -> float:
        return 0.1

    class Mine(callbacks.Callback):
        pass

    expected = {
        "EarlyStopping()": callbacks.EarlyStopping(min_delta=0),
        "EarlyStopping(monitor='loss', patience=3)": callbacks.EarlyStopping("loss", patience=3),
        "CSVLogger(filename='log.csv')": callbacks.CSVLogger("log.csv"),
        "LearningRateScheduler(schedule=warm)": callbacks.LearningRateScheduler(warm),
        "LambdaCallback(on_epoch_end=warm)": callbacks.LambdaCallback(on_epoch_end=warm),
        "CallbackList([TerminateOnNaN()])": callbacks.CallbackList([callbacks.TerminateOnNaN()]),
        "Mine()": Mine(),
    }
    assert {repr(callback) for callback in expected.values()} == expected.keys()


def test_early_stopping_baseline_and_start() -> None:
    x, y = data()
    stopping = callbacks.EarlyStopping(patience=2, baseline=1.0)
    assert compiled().fit(x, y, epochs=5, verbose=0, callbacks=[Feed([5, 4, 3, 2, 1]), stopping]).epoch[-1] == 4
    late = callbacks.EarlyStopping(start_from_epoch=3)
    history = compiled().fit(x, y, epochs=6, verbose=0, callbacks=[Feed([1, 2, 3, 4, 5, 6]), late])
    assert history.epoch[-1] == 4
    assert ag.is_grad_enabled()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: callbacks.EarlyStopping(patience="3"), TypeError, "EarlyStopping: expected patience to be"),
        (lambda: callbacks.EarlyStopping(mode="up"), ValueError, "mode to be one of auto, min, max; .*'up'"),
        (lambda: callbacks.EarlyStopping(patiense=3), TypeError, "'patiense'. Did you mean 'patience'"),
        (lambda: callbacks.ModelCheckpoint(3), TypeError, "ModelCheckpoint: expected filepath to be a path"),
        (lambda: callbacks.ModelCheckpoint("a", save_freq=0.5), TypeError, "save_freq to be 'epoch' or a positive"),
        (lambda: callbacks.LearningRateScheduler(0.1), TypeError, "schedule to be a function; .*=0.1"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), ValueError, "min_lr to be a finite number of at least 0"),
    ],
)
def test_wrong_types_are_type_errors_and_wrong_values_value_errors(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
