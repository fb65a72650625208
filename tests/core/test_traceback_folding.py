"""Tracebacks have the user's frames, and of ours the call and the last one; a setting shows all."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.core import traceback_folding
from nn import layers

A, B = np.ones((2, 3)), np.ones((4, 5))
OURS = tuple(str(Path(module.__file__ or "").parent) for module in (ag, nn))


def users(x: Any) -> Any:
    return x @ B


def total(x: Any) -> Any:
    return users(x).sum()


class Wrong(layers.Layer):
    def call(self, x: Any) -> Any:
        return users(x)


class Model(nn.Model):
    def __init__(self) -> None:
        super().__init__()
        self.wrong = Wrong()

    def call(self, x: Any) -> Any:
        return self.wrong(x)


def compiled(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model


def in_a_loss(y: Any, p: Any) -> Any:
    return users(p)


# By a name, what fails, and the functions of this file that its traceback shows, from the outside to the inside.
CALLS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "operator": (lambda: users(ag.tensor(A)), ["users"]),
    "method": (lambda: ag.tensor(A).reshape(7), []),
    "item": (lambda: ag.tensor(A)[5], []),
    "function": (lambda: np.concatenate([ag.tensor(A), B[0]]), []),
    "activation": (lambda: ag.softmax(A, axis=5), []),
    "custom op": (lambda: ag.elementwise(users, lambda out, x: x, name="own")(ag.tensor(A)), ["users"]),
    "backward": (lambda: ag.tensor(A, requires_grad=True).backward(), []),
    "grad": (lambda: ag.grad(total)(A), ["total", "users"]),
    "value_and_grad": (lambda: ag.value_and_grad(total)(A), ["total", "users"]),
    "grad of grad": (lambda: ag.grad(lambda x: ag.grad(total)(x).sum())(A), ["<lambda>", "total", "users"]),
    "jacobian": (lambda: ag.jacobian(users)(A), ["users"]),
    "hessian": (lambda: ag.hessian(total)(A), ["total", "users"]),
    "vmap": (lambda: ag.vmap(users)(A[None]), ["users"]),
    "compile": (lambda: ag.compile(users)(A), ["users"]),
    "compile of grad": (lambda: ag.compile(ag.grad(total))(A), ["total", "users"]),
    "branch": (lambda: ag.compile(lambda x: 1 if x.sum() > 0 else 2)(A), ["<lambda>"]),
    "checkpoint": (lambda: ag.checkpoint(users)(ag.tensor(A)), ["users"]),
    "scan": (lambda: ag.scan(lambda c, x: (users(c), x), A, B), ["<lambda>", "users"]),
    "cond": (lambda: ag.cond(True, users, users, A), ["users"]),
    "minimize": (lambda: ag.optimize.minimize(total, A), ["total", "users"]),
    "layer": (lambda: Wrong()(A), ["call", "users"]),
    "model": (lambda: Model()(A), ["call", "call", "users"]),
    "sequential": (lambda: nn.Sequential([layers.Dense(3), Wrong()])(A), ["call", "users"]),
    "fit": (lambda: compiled(Model()).fit(A, A, verbose=0), ["call", "call", "users"]),
    "fit's loss": (lambda: fit_with(in_a_loss), ["fit_with", "in_a_loss", "users"]),
    "predict": (lambda: compiled(Model()).predict(A), ["call", "call", "users"]),
    "constructor": (lambda: layers.Dense(-1), []),
    "loss": (lambda: nn.losses.MeanSquaredError()(A, B), []),
}
# An operation by itself has a short way to its error, which is not folded.
SHORT = 4


def fit_with(loss: Any) -> Any:
    model = nn.Sequential([layers.Dense(3)])
    model.compile("sgd", loss)
    return model.fit(A, A, verbose=0)


def frames(call: Callable[[], Any]) -> tuple[list[str], int]:
    """Return the functions of this file in a traceback, without the outermost two, and how many frames are ours."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    found = traceback.extract_tb(caught.value.__traceback__)
    own = [frame.name for frame in found if frame.filename == __file__]
    return own[2:], sum(frame.filename.startswith(OURS) for frame in found)


@pytest.mark.parametrize("name", CALLS)
def test_users_frames_are_all_there_and_ours_are_few(name: str) -> None:
    call, expected = CALLS[name]
    own, ours = frames(call)
    assert own == expected
    assert 1 <= ours <= (2 if expected and name != "custom op" else SHORT)


@pytest.fixture
def _whole() -> Iterator[None]:
    nn.config.disable_traceback_filtering()
    yield
    nn.config.enable_traceback_filtering()


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize("name", ["grad", "fit", "scan", "compile"])
def test_a_setting_shows_all_frames(name: str) -> None:
    call, expected = CALLS[name]
    own, ours = frames(call)
    assert own == expected
    assert ours >= 5
    assert not traceback_folding.folds_tracebacks()


def test_in_threads_and_with_causes() -> None:
    seen: list[Any] = []

    def work() -> None:
        try:
            ag.grad(fails)(A)
        except ValueError as error:
            seen.append(error)

    def fails(x: Any) -> Any:
        try:
            return ag.grad(total)(x)
        except ag.ShapeError as error:
            raise ValueError("mine") from error

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    (error,) = seen
    for one in (error, error.__cause__):
        found = traceback.extract_tb(one.__traceback__)
        assert sum(frame.filename.startswith(OURS) for frame in found) <= 2
        assert any(frame.name in ("fails", "users") for frame in found)


def test_the_text_that_python_prints() -> None:
    with pytest.raises(ag.ShapeError) as caught:
        ag.grad(total)(A)
    text = "".join(traceback.format_exception(caught.value))
    assert text.count('File "') <= 5
    assert "return x @ B" in text
