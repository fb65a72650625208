"""`PyDataset`: batches by number, in fit, evaluate and predict, with workers or without."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import numpy as np
import pytest

import nn


def recording(base: Any, log: list[Any], batches: int | None = 3) -> Any:
    """Return a class of data sets that write down what is called."""

    class Recording(base):  # type: ignore[misc]
        @property
        def num_batches(self) -> int | None:
            return batches

        def __getitem__(self, index: int) -> Any:
            log.append(index)
            return np.full((2, 1), index, np.float32), np.full((2, 1), index, np.float32)

        def on_epoch_begin(self) -> None:
            log.append("begin")

        def on_epoch_end(self) -> None:
            log.append("end")

    return Recording


def model(package: Any = nn) -> Any:
    made = package.Sequential([package.Input((1,)), package.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def used(package: Any, **options: Any) -> list[list[Any]]:
    """Return what is called of the data of training, of validation, of evaluation and of prediction."""
    logs: list[list[Any]] = [[], [], [], []]
    train, held_out, test, new = (recording(package.utils.PyDataset, log)(**options) for log in logs)
    trained = model(package)
    trained.fit(train, epochs=2, shuffle=False, verbose=0, validation_data=held_out)
    trained.evaluate(test, verbose=0)
    trained.predict(new, verbose=0)
    return logs


EPOCH = ["begin", 0, 1, 2, "end"]


@pytest.mark.parametrize("options", [{}, {"workers": 0}, {"use_multiprocessing": True, "max_queue_size": 2}])
def test_epochs_begin_and_end_and_batches_come_in_order(options: dict[str, Any]) -> None:
    assert used(nn, **options) == [EPOCH * 2, EPOCH * 2, EPOCH, EPOCH]


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_calls_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    for ours, theirs in zip(used(nn), used(importlib.import_module("keras")), strict=True):
        # Keras tries a model on a batch of an epoch of its own, and also ends epochs that it has not begun.
        begun = [entry for at, entry in enumerate(theirs) if entry != "end" or theirs[at - 1] != "end"]
        epochs = "".join(map(str, begun)).replace("begin0end", "").removeprefix("end")
        assert epochs == "".join(map(str, ours))


def test_fit_draws_an_order_unless_told_not_to() -> None:
    nn.set_seed(0)
    log: list[Any] = []
    kind = recording(nn.utils.PyDataset, log, batches=20)
    model().fit(kind(), epochs=2, verbose=0)
    orders = [[entry for entry in part if isinstance(entry, int)] for part in (log[:22], log[22:])]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(20))
    assert len({tuple(range(20)), *map(tuple, orders)}) == 3


def test_steps_of_an_endless_one_go_on_in_the_next_epoch() -> None:
    log: list[Any] = []
    model().fit(recording(nn.utils.PyDataset, log, batches=None)(), epochs=2, steps_per_epoch=2, verbose=0)
    assert log == ["begin", 0, 1, "end", "begin", 2, 3, "end"]


def test_workers_make_batches_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)  # passes only if two threads wait in it

    class Meeting(nn.utils.PyDataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            meeting.wait()
            return np.full((1, 1), index, np.float32)

    assert model().predict(Meeting(workers=2, max_queue_size=4)).shape == (4, 1)


def test_a_subclass_needs_neither_the_constructor_nor_tuples() -> None:
    class Plain(nn.utils.Sequence):
        def __init__(self) -> None:
            self.values = np.ones((2, 1), np.float32)

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return [self.values, self.values]

    assert model().fit(Plain(), verbose=0, class_weight={0: 1.0}).epoch == [0]
    assert [len(batch) for batch in Plain()] == [2, 2]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(NotImplementedError, match="PyDataset: expected a method __len__ or a property num_batches"):
        model().predict(nn.utils.PyDataset())

    class NoBatches(nn.utils.PyDataset):
        def __len__(self) -> int:
            return 1

    with pytest.raises(NotImplementedError, match=r"NoBatches: expected a method __getitem__\(index\)"):
        model().predict(NoBatches())
