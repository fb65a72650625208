"""A program: training steps, eager and compiled, and the processor time that NumPy's own threads take meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def read(thread: int, name: str) -> list[str]:
    """Return what Linux tells of a thread in a file; of `stat`, what follows the name."""
    with open(f"/proc/self/task/{thread}/{name}") as file:
        return file.read().rpartition(")")[2].split()


def processor_times() -> dict[int, int]:
    """Return the processor time of each thread of this process, in nanoseconds; in ticks where Linux has no better."""
    threads = sorted(map(int, os.listdir("/proc/self/task")))
    if os.path.exists("/proc/self/schedstat"):
        return {thread: int(read(thread, "schedstat")[0]) for thread in threads}
    return {thread: sum(map(int, read(thread, "stat")[11:13])) for thread in threads}


THEIRS = set(processor_times()) - {os.getpid()}  # OpenBLAS starts its threads when NumPy is imported

import autograd_lite as ag  # noqa: E402
import nn  # noqa: E402
from nn import layers, losses, optimizers  # noqa: E402

_STEPS = 4  # each of which wakes a thread for many microseconds, if it does

rng = np.random.default_rng(0)


def dense() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    stack = [layers.Dense(256, activation="relu", input_shape=(400,)), layers.Dense(10)]
    return nn.Sequential(stack), (128, 400), (128, 10)


def convolutional() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    stack = [layers.Conv2D(16, 3, activation="relu", input_shape=(20, 20, 3)), layers.Flatten(), layers.Dense(10)]
    return nn.Sequential(stack), (32, 20, 20, 3), (32, 10)


def recurrent() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    return nn.Sequential([layers.LSTM(64, return_sequences=True, input_shape=(8, 64))]), (32, 8, 64), (32, 8, 64)


def gated() -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    return nn.Sequential([layers.GRU(64, return_sequences=True, input_shape=(8, 64))]), (32, 8, 64), (32, 8, 64)


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


def contractions() -> Callable[[], Any]:
    """Every kind of product, each large enough for threads."""
    a, b, c, flat = (rng.normal(size=shape) for shape in ((160, 150), (150, 140), (4, 150, 140), 24_000))
    b, c, flat, z = map(ag.tensor, (b, c, flat, b + 1j * b[::-1]))

    def of(x: Any) -> Any:
        matrices = np.dot(x, b), np.inner(x, b.T), np.tensordot(x, b, 1), np.einsum("ij,jk", x, b), np.matmul(x, c)
        complexes = x @ z, x.astype(complex) @ z, x.astype("f") @ b.astype("f")
        sums = [np.real(y).sum() for y in (*matrices, *complexes, np.linalg.multi_dot([x, b, b.T]), np.cov(x), x @ x.T)]
        vectors = np.vdot(x, x) + x.reshape(-1) @ flat + (x @ b[:, 0]).sum() + np.outer(x[0], x[1]).sum()
        return sum(sums) + vectors + np.linalg.norm(x) + np.convolve(x.reshape(-1)[:2000], flat[:1000]).sum()

    f = ag.value_and_grad(of)
    return lambda: f(a)


def small() -> Callable[[], Any]:
    """Products below the size from which OpenBLAS wakes its threads, and above it in number."""
    a, x = rng.normal(size=(12, 12)), rng.normal(size=12)

    def of(x: Any) -> Any:
        for _ in range(5):
            x = np.tanh(a @ x)
        return x @ x

    f = ag.hessian(of)
    return lambda: f(x)


def asleep() -> dict[int, int]:
    """Wait until NumPy's threads sleep, and return the times: one that made an orthogonal matrix turns for a while."""
    end = time.monotonic() + 5
    while any(read(thread, "stat")[0] == "R" for thread in THEIRS) and time.monotonic() < end:
        time.sleep(0.01)
    return processor_times()


def main() -> None:
    """Print a line for each of several programs: its name, and the time of NumPy's threads, eager and compiled."""
    ag.set_threads(2)
    models = (dense, convolutional, recurrent, gated, attention)
    steps = {make.__name__: lambda make=make: step_of(make) for make in models}
    steps |= {make.__name__: make for make in (gradient, contractions, small)}
    for name, make in steps.items():
        times = []
        for step in (make(), ag.compile(make())):
            for _ in range(3):
                step()
            before = asleep()
            for _ in range(_STEPS):
                step()
            after = asleep()
            times.append(sum(after[thread] - before[thread] for thread in THEIRS))
        assert step.traces[-1].replay is not None, name
        print(name, *times)
    print("threads", len(THEIRS))


if __name__ == "__main__":
    main()
