"""Ten programs of the kinds that users write: what is counted of them here is timed in `tests/pairs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from nn import layers, losses, optimizers

Program = tuple[Callable[..., Any], tuple[Any, ...]]  # a function, and what it is called with
PROGRAMS: dict[str, Callable[[], Program]] = {}


def _program(make: Callable[[], Program]) -> Callable[[], Program]:
    PROGRAMS[make.__name__] = make
    return make


def _random(*shape: int, dtype: Any = "d") -> Any:
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)


def _training(model: Any, x: Any, y: Any, loss_of: Any) -> Program:
    nn.set_seed(0)
    inputs, targets = ag.tensor(x), ag.tensor(y)
    model(inputs)
    optimizer = optimizers.Adam(1e-3, parameters=model.parameters())

    def step() -> Any:
        loss = loss_of(targets, model(inputs))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step, ()


@_program
def dense() -> Program:
    model = nn.Sequential([layers.Dense(128, activation="relu"), layers.Dense(10)])
    labels = np.arange(64) % 10
    return _training(model, _random(64, 256, dtype="f"), labels, losses.SparseCategoricalCrossentropy(from_logits=True))


@_program
def convolutional() -> Program:
    first = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(16, 3, activation="relu")]
    model = nn.Sequential([*first, layers.Flatten(), layers.Dense(10)])
    return _training(model, _random(16, 14, 14, 3, dtype="f"), _random(16, 10, dtype="f"), losses.MeanSquaredError())


@_program
def recurrent() -> Program:
    x = _random(16, 12, 32, dtype="f")
    return _training(nn.Sequential([layers.LSTM(32, return_sequences=True)]), x, x, losses.MeanSquaredError())


@_program
def attention() -> Program:
    inputs, x = nn.Input((16, 32)), _random(8, 16, 32, dtype="f")
    h = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(4, 8)(inputs, inputs))
    model = nn.Model(inputs, layers.Dense(32)(layers.Dense(128, activation="gelu")(h)))
    return _training(model, x, x, losses.MeanSquaredError())


@_program
def tiny() -> Program:
    model = nn.Sequential([layers.Dense(16, activation="tanh"), layers.Dense(16, activation="tanh"), layers.Dense(1)])
    return _training(model, _random(32, 2, dtype="f"), _random(32, 1, dtype="f"), losses.MeanSquaredError())


@_program
def chain() -> Program:
    def f(h: Any, w: Any, x: Any) -> Any:
        for _ in range(8):
            h = np.tanh(h * w + x)
        return h.sum()

    return ag.value_and_grad(f, (0, 1, 2)), tuple(_random(128, 128) + k for k in range(3))


@_program
def logistic() -> Program:
    features, labels = _random(300, 12), (_random(300) > 0).astype(float)

    def f(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return (np.logaddexp(0, z) - y * z).sum() + 0.5 * (w * w).sum()

    gradient, hessian = ag.value_and_grad(f), ag.hessian(f)
    return lambda *arguments: (gradient(*arguments), hessian(*arguments)), (_random(12), features, labels)


@_program
def predators() -> Program:
    def slope(u: Any, rates: Any) -> Any:
        return u * (rates[:2] + rates[2:] * u[::-1])

    def f(rates: Any, observed: Any) -> Any:
        u, total, h = np.array([10.0, 5.0]) / 10, 0.0, 0.05
        for t in range(12):
            a = slope(u, rates)
            b = slope(u + 0.5 * h * a, rates)
            u = u + h * slope(u + 0.5 * h * b, rates)
            total = total + ((u - observed[t]) ** 2).sum()
        return total

    return ag.value_and_grad(f), (np.array([1.1, -0.4, -0.4, 0.1]), _random(12, 2))


@_program
def particles() -> Program:
    i, j = np.triu_indices(60, 1)

    def energy(x: Any) -> Any:
        r2 = ((x[i] - x[j]) ** 2).sum(axis=1) + 0.1
        return (r2**-6 - r2**-3).sum()

    return ag.value_and_grad(energy), (3 * _random(60, 3),)


@_program
def scanned() -> Program:
    def f(w: Any, xs: Any) -> Any:
        def cell(h: Any, x: Any) -> Any:
            h = np.tanh(h @ w + x)
            return h, (h * h).sum()

        _, squares = ag.scan(cell, np.zeros((8, 24)), xs)
        return squares.sum()

    return ag.value_and_grad(f), (0.3 * _random(24, 24), _random(40, 8, 24))
