"""Interrupts by real signals: `fit` leaves a whole step, and ends also where Python ignores the exception."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from nn import callbacks, layers, models

from ... import signals

needs_signals = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_a_whole_step(number: signal.Signals) -> None:
    found = signals.try_signals(4, number)
    assert found == signals.Found(4, torn=0, left=0, ignored=0)


class Dying:
    """Runs a function when it is destroyed."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __del__(self) -> None:
        self.function()


@contextlib.contextmanager
def handled(number: signal.Signals, error: type[BaseException]) -> Iterator[None]:
    def handler(received: int, frame: Any) -> None:
        raise error

    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def fitted(function: Callable[[], Any], steps: list[int]) -> None:
    """Run a function in a destructor in the second of five steps of `fit`, and note which steps were made."""
    model = models.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.ones((5, 2), "float32")
    hooks = callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: batch == 1 and Dying(function))
    try:
        model.fit(x, x[:, :1], batch_size=1, verbose=0, callbacks=[hooks])
    finally:
        steps.append(model.optimizer.iterations)
        assert not model.training
        assert all(p.grad is None for p in model.parameters())


@needs_signals
@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGTERM, RuntimeError)],
)
def test_an_interrupt_that_a_destructor_swallows_ends_training(
    number: signal.Signals, error: type[BaseException]
) -> None:
    before, steps = sys.unraisablehook, []
    with handled(number, error), pytest.raises(error):
        fitted(lambda: signal.raise_signal(number), steps)
    assert steps == [2]
    assert sys.unraisablehook is before


def test_an_error_in_a_destructor_is_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    fitted(lambda: 1 / 0, steps := [])
    assert steps == [5]
    assert seen == [ZeroDivisionError]


def test_fit_in_a_thread_leaves_the_hook_alone() -> None:
    before, steps = sys.unraisablehook, []
    thread = threading.Thread(target=fitted, args=(lambda: None, steps))
    thread.start()
    thread.join()
    assert steps == [5]
    assert sys.unraisablehook is before
