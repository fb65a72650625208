"""Interrupts by real signals: `fit` leaves a whole step, and ends also where Python ignores the exception."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import callbacks, layers, models, optimizers

from ... import signals
from ...interrupts import interrupted_at, places_of, points_of

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


# ---- recording ------------------------------------------------------------------------------------------------------

X = np.ones((2, 3), "float32")
Y = X[:, :1]
MODEL = models.Sequential([layers.Dense(2, input_shape=(3,)), layers.BatchNormalization(), layers.Dense(1)])
MODEL.compile(optimizers.Adam(), "mse", jit_compile=True)
VALIDATED: dict[str, Any] = {"validation_data": (X, Y), "verbose": 0}


def minimized(optimizer: Callable[[list[ag.Tensor]], Any]) -> Callable[[], Any]:
    """Return a step on (w - 1)**2 from w = 0."""
    w = ag.tensor(np.zeros(2), requires_grad=True)
    with ag.enable_grad():
        (w - 1.0).sum().backward()
    stepping = optimizer([w])
    return (
        (lambda: stepping.step(lambda: ((w - 1.0) ** 2).sum()))
        if isinstance(stepping, optimizers.LBFGS)
        else stepping.step
    )


def backward() -> Callable[[], Any]:
    with ag.enable_grad():
        loss = (ag.tensor(np.ones(2), requires_grad=True) ** 2).sum()
    return lambda: loss.backward(create_graph=True)


CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "fit": lambda: lambda: MODEL.fit(X, Y, **VALIDATED),
    "train_on_batch": lambda: lambda: MODEL.train_on_batch(X, Y),
    "evaluate": lambda: lambda: MODEL.evaluate(X, Y, verbose=0),
    "predict": lambda: lambda: MODEL.predict(X),
    "a call in training mode": lambda: lambda: MODEL(X, training=True),
    "Adam.step": lambda: minimized(lambda parameters: optimizers.Adam(parameters=parameters)),
    "LBFGS.step": lambda: minimized(lambda parameters: optimizers.LBFGS(max_iter=2, parameters=parameters)),
    "backward": backward,
    "a decorated function": lambda: ag.no_grad()(ag.enable_grad()(lambda: None)),
    "a decorated generator": lambda: lambda: list(ag.no_grad()(lambda: (yield 1))()),
}


def of_modes(file: str) -> bool:
    return file.endswith(("/core/mode.py", "/training/trainer.py", "/training/steps.py"))


def every_point_of(call: Callable[[], Any], ours: Callable[[str], bool]) -> range:
    return range(points_of(call, ours))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("around", [ag.no_grad, ag.enable_grad], ids=lambda block: block.__name__)
@pytest.mark.parametrize("tried", [places_of, pytest.param(every_point_of, marks=pytest.mark.ci)])
def test_whatever_is_interrupted_recording_is_as_before(
    name: str, around: Callable[[], Any], tried: Callable[..., Iterable[int]]
) -> None:
    """Wherever it begins or ends a block, and in the calls that hold one: the first time at each place, or always."""
    with around():
        CALLS[name]()()
        for point in tried(CALLS[name](), of_modes):
            interrupted_at(CALLS[name](), point, ours=of_modes)


@pytest.mark.parametrize("block", [ag.no_grad, ag.enable_grad], ids=lambda block: block.__name__)
def test_a_block_that_is_interrupted_as_it_begins_has_not_begun(block: Callable[[], Any]) -> None:
    around = ag.enable_grad if block is ag.no_grad else ag.no_grad
    with around():
        points = contextvars.copy_context().run(points_of, lambda: block().__enter__(), of_modes)
        assert points > 5
        for point in range(points):
            interrupted_at(lambda: block().__enter__(), point, of_modes)
