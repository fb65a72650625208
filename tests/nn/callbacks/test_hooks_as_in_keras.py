"""Every call of a hook with its arguments, and what the callbacks write and change, in Keras and here."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

from .. import peers

pytestmark = [
    pytest.mark.ci,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras
]
X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
SPANS = ("train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch")
HOOKS = [f"on_{span}_{end}" for span in SPANS for end in ("begin", "end")]


def model(k: Any, rate: float = 0.01) -> Any:
    made = k.Sequential([k.Input((4,)), k.layers.Dense(1)])
    made.set_weights([np.full((4, 1), 0.3, "float32"), np.zeros(1, "float32")])
    made.compile(k.optimizers.SGD(rate), "mse", metrics=["mae"])
    return made


def recorder(k: Any, log: list[Any], stop: str = "") -> Any:
    """Make a callback that notes all of its calls, and stops training in one of them."""

    class Recorder(k.callbacks.Callback):
        def set_params(self, params: Any) -> None:
            super().set_params(params)
            log.append(("set_params", dict(sorted(params.items()))))

        def set_model(self, model: Any) -> None:
            super().set_model(model)
            log.append(("set_model", type(model).__name__))

    def noting(name: str) -> Any:
        def hook(self: Any, *args: Any, logs: Any = None) -> None:
            numbers, given = [a for a in args if isinstance(a, int)], [a for a in args if not isinstance(a, int)]
            log.append((name, *numbers, dict(sorted((given[0] if given else logs or {}).items()))))
            self.model.stop_training |= name == stop

        return hook

    for name in HOOKS:
        setattr(Recorder, name, noting(name))
    return Recorder()


def calls(k: Any) -> Iterator[list[Any]]:
    """Yield the calls of each run."""
    trained = model(k)
    how = {"batch_size": 8, "shuffle": False, "verbose": 0}

    def batches() -> Iterator[Any]:
        while True:
            yield X[:8], Y[:8]

    def looped(callback: Any) -> None:
        every = k.callbacks.CallbackList([callback], add_history=True, model=trained, epochs=1)
        every.on_train_begin()
        every.on_epoch_begin(0)
        every.on_train_batch_begin(0)
        every.on_train_batch_end(0, {"loss": 1.0})
        every.on_epoch_end(0, {"loss": 1.0})
        every.on_train_end()
        assert every.callbacks[-1].history == {"loss": [1.0]}

    runs: list[Any] = [
        lambda c: trained.fit(X, Y, epochs=2, validation_data=(X, Y), validation_batch_size=16, callbacks=[c], **how),
        lambda c: trained.fit(X, Y, epochs=3, initial_epoch=2, steps_per_epoch=2, callbacks=[c], **how),
        lambda c: trained.fit(X, Y, epochs=3, callbacks=[c, recorder(k, [], "on_epoch_begin")], **how),
        lambda c: trained.fit(X, Y, epochs=3, callbacks=[c, recorder(k, [], "on_train_batch_end")], **how),
        lambda c: trained.fit(batches(), steps_per_epoch=2, shuffle=False, verbose=0, callbacks=[c]),
        lambda c: trained.evaluate(X, Y, batch_size=16, verbose=0, callbacks=[c]),
        lambda c: trained.predict(X, batch_size=16, verbose=0, callbacks=[c]),
        looped,
    ]
    for run in runs:
        log: list[Any] = []
        run(recorder(k, log))
        yield log


def test_all_calls_of_hooks() -> None:
    for theirs, ours in zip(calls(peers.keras()), calls(nn), strict=True):
        peers.compare([call[0] for call in theirs], [call[0] for call in ours])
        peers.compare(theirs, ours)


def written(k: Any, folder: Path) -> Any:
    """Run all that writes or changes something, and return the files' names, their words, and the values."""
    folder.mkdir()
    c = k.callbacks
    seen: list[Any] = []
    called = [
        c.CSVLogger(str(folder / "log.csv")),
        c.ModelCheckpoint(str(folder / "e{epoch:02d}-{val_loss:.2f}.weights.h5"), save_weights_only=True),
        c.ModelCheckpoint(str(folder / "b{epoch}-{batch:03d}.weights.h5"), save_weights_only=True, save_freq=4),
        c.ModelCheckpoint(str(folder / "best.weights.h5"), save_weights_only=True, save_best_only=True, monitor="mae"),
        c.LearningRateScheduler(lambda epoch, rate: float(rate * 0.5)),
        c.ReduceLROnPlateau(monitor="val_mae", factor=0.5, patience=1, min_delta=5.0, cooldown=1),
        c.EarlyStopping(monitor="val_loss", patience=1, min_delta=0.5, restore_best_weights=True),
        c.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs)))),
    ]
    trained = model(k, 0.1)
    found = trained.fit(
        X, Y, batch_size=8, epochs=6, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=called
    )
    rows = list(csv.reader((folder / "log.csv").read_text(encoding="utf-8").splitlines()))
    values = [[float(v) for v in row] for row in rows[1:]]
    names = sorted(path.name for path in folder.iterdir())
    return names, rows[0], values, seen, found.history, float(called[3].best), trained.get_weights()


def test_what_callbacks_write_and_change(tmp_path: Path) -> None:
    peers.compare(written(peers.keras(), tmp_path / "keras"), written(nn, tmp_path / "nn"))
