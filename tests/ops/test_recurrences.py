"""Recurrent ops against their steps written in plain operations: every derivative, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

T, N, H = 3, 2, 2
RNG = np.random.default_rng(0)
Function = Callable[..., Any]


def lstm(z: Any, r: Any, b: Any, h: Any, c: Any) -> Any:
    states = []
    for t in range(T):
        i, f, g, o = np.split(z[t] + b + h @ r, 4, axis=-1)
        c = ag.sigmoid(f) * c + ag.sigmoid(i) * np.tanh(g)
        h = ag.sigmoid(o) * np.tanh(c)
        states.append(np.concatenate([h, c]))
    return np.stack(states)


def gru(z: Any, r: Any, b: Any, h: Any, after: bool) -> Any:
    states = []
    for t in range(T):
        a, y = z[t] + b[0], h @ r + b[1] if after else h @ r[:, : 2 * H] + b[1, : 2 * H]
        gates = ag.sigmoid(a[:, : 2 * H] + y[:, : 2 * H])
        inner = gates[:, H:] * y[:, 2 * H :] if after else (gates[:, H:] * h) @ r[:, 2 * H :] + b[1, 2 * H :]
        h = gates[:, :H] * h + (1 - gates[:, :H]) * np.tanh(a[:, 2 * H :] + inner)
        states.append(h)
    return np.stack(states)


def simple_rnn(z: Any, r: Any, b: Any, h: Any, activation: Function) -> Any:
    states = []
    for t in range(T):
        h = activation(z[t] + b + h @ r)
        states.append(h)
    return np.stack(states)


def arrays(gates: int, states: int = 1) -> list[np.ndarray]:
    bias = (2, gates * H) if gates == 3 else (gates * H,)
    shapes = [(T, N, gates * H), (H, gates * H), bias, *[(N, H)] * states]
    return [RNG.normal(size=shape) for shape in shapes]


FORMS: dict[str, tuple[Function, Function, list[np.ndarray]]] = {
    "lstm": (lambda *xs: np.concatenate(ag.lstm(*xs), axis=1), lstm, arrays(4, 2)),
    "gru": (ag.gru, lambda *xs: gru(*xs, True), arrays(3)),
    "gru, reset before": (lambda *xs: ag.gru(*xs, reset_after=False), lambda *xs: gru(*xs, False), arrays(3)),
    "simple rnn": (ag.simple_rnn, lambda *xs: simple_rnn(*xs, np.tanh), arrays(1)),
    "simple rnn, relu": (
        lambda *xs: ag.simple_rnn(*xs, activation="relu"),
        lambda *xs: simple_rnn(*xs, ag.relu),
        arrays(1),
    ),
}


def gradient(f: Function, n: int) -> Function:
    return ag.grad(lambda *xs: (np.sin(f(*xs)) * 1.3).sum(), tuple(range(n)))


def next_gradient(f: Function, n: int) -> Function:
    """Return the gradient of a number that all results of a function are in."""
    return ag.grad(lambda *xs: sum((np.cos(a) * a).sum() for a in f(*xs)), tuple(range(n)))


def along(f: Function, xs: list[np.ndarray]) -> Any:
    return ag.jvp(f)(tuple(xs), tuple(np.cos(x) for x in xs))[1]


WAYS: dict[str, Callable[[Function, list[np.ndarray]], Any]] = {
    "value": lambda f, xs: [f(*xs)],
    "gradient": lambda f, xs: gradient(f, len(xs))(*xs),
    "second": lambda f, xs: next_gradient(gradient(f, len(xs)), len(xs))(*xs),
    "third": lambda f, xs: next_gradient(next_gradient(gradient(f, len(xs)), len(xs)), len(xs))(*xs),
    "forward": lambda f, xs: [along(f, xs)],
    "forward over reverse": lambda f, xs: along(gradient(f, len(xs)), xs),
    "a batch": lambda f, xs: ag.vmap(gradient(f, len(xs)), (0, *[None] * (len(xs) - 1)))(
        np.stack([xs[0], -xs[0]]), *xs[1:]
    ),
}


@pytest.mark.parametrize("way", [pytest.param(w, marks=[pytest.mark.ci] * (w in {"third", "a batch"})) for w in WAYS])
@pytest.mark.parametrize("form", FORMS)
def test_derivatives_are_those_of_the_steps(form: str, way: str) -> None:
    ours, steps, xs = FORMS[form]
    for mine, theirs in zip(WAYS[way](ours, xs), WAYS[way](steps, xs), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("form", [pytest.param(f, marks=[pytest.mark.ci] * (f != "simple rnn")) for f in FORMS])
def test_compiled_second_derivatives_have_the_same_bits(form: str) -> None:
    ours, _, xs = FORMS[form]
    second = next_gradient(gradient(ours, len(xs)), len(xs))
    compiled = ag.compile(second)
    for _ in range(3):
        for mine, theirs in zip(compiled(*xs), second(*xs), strict=True):
            assert mine.tobytes() == theirs.tobytes()
