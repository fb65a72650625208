"""A program: training steps, eager and compiled, and the processor time that NumPy's own threads take meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def processor_times() -> dict[int, int]:
    """Return the processor time of each thread of this process, in ticks of the clock."""
    times = {}
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        times[int(thread)] = int(fields[11]) + int(fields[12])
    return times


THEIRS = set(processor_times()) - {os.getpid()}  # OpenBLAS starts its threads when NumPy is imported

import autograd_lite as ag  # noqa: E402
import nn  # noqa: E402
from nn import layers, losses, optimizers  # noqa: E402

rng = np.random.default_rng(0)


def dense() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    stack = [layers.Dense(256, activation="relu", input_shape=(400,)), layers.Dense(10)]
    return nn.Sequential(stack), (128, 400), (128, 10)


def convolutional() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    stack = [layers.Conv2D(16, 3, activation="relu", input_shape=(20, 20, 3)), layers.Flatten(), layers.Dense(10)]
    return nn.Sequential(stack), (32, 20, 20, 3), (32, 10)


def recurrent() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    return nn.Sequential([layers.LSTM(64, return_sequences=True, input_shape=(8, 64))]), (32, 8, 64), (32, 8, 64)


def attention() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    x = nn.Input((32, 64))
    h = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 16)(x, x))
    return nn.Model(x, layers.Dense(64)(layers.Dense(256, activation="gelu")(h))), (16, 32, 64), (16, 32, 64)


def step_of(make: Callable[[], tuple[Any, tuple[int, ...], tuple[int, ...]]]) -> Callable[[], Any]:
    model, x_shape, y_shape = make()
    x, y = (ag.tensor(rng.normal(size=shape).astype("f")) for shape in (x_shape, y_shape))
    loss_of, optimizer = losses.MeanSquaredError(), optimizers.Adam(1e-3, parameters=model.parameters())

    def step() -> Any:
        loss = loss_of(y, model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step


def gradient() -> Callable[[], Any]:
    a = rng.normal(size=(200, 120))
    f = ag.value_and_grad(lambda w: np.tanh(a @ w @ a.T).sum())
    w = rng.normal(size=(120, 120)) / 120
    return lambda: f(w)


def main() -> None:
    """Print a line for each of several programs: its name, and the ticks of NumPy's threads, eager and compiled."""
    ag.set_threads(2)
    steps = {make.__name__: lambda make=make: step_of(make) for make in (dense, convolutional, recurrent, attention)}
    steps["gradient"] = gradient
    for name, make in steps.items():
        ticks = []
        for step in (make(), ag.compile(make())):
            for _ in range(3):
                step()
            time.sleep(0.2)  # threads that have made an orthogonal matrix turn for some hundredths of a second
            before = processor_times()
            for _ in range(24):
                step()
            after = processor_times()
            ticks.append(sum(after[thread] - before[thread] for thread in THEIRS))
        print(name, *ticks)
    print("threads", len(THEIRS))


main()
