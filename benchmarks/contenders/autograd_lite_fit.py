"""autograd_lite: what `fit` costs over the loop that a user would write by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks.contenders.autograd_lite import classifier
from benchmarks.problems import Array
from nn import models
from nn.data import DataLoader
from nn.losses import CategoricalCrossentropy

Batches = Iterable[tuple[Array, Array]]


def overhead(steps: int, batch: int, turns: int) -> dict[str, float]:
    """Microseconds a step of `fit` over those of the loop, each the shortest of several turns, taken by turns.

    The network is small, so that the difference can be seen; both sides gather the same rows, and compute the same loss
    and the same metric.
    """
    x, y = points(steps * batch)
    loader = DataLoader((x, y), batch_size=batch, shuffle=True)
    numbers: dict[str, float] = {}
    for name, data, metrics in (
        ("arrays", (x, y, batch), []),
        ("arrays and accuracy", (x, y, batch), ["accuracy"]),
        ("DataLoader", (loader,), []),
    ):
        model = compiled(metrics)
        batches = (lambda: loader) if data[0] is loader else partial(shuffled, x, y, batch)
        sides = partial(model.fit, *data, verbose=0), lambda model=model, batches=batches: loop(model, batches())
        times = [[timed(side) for side in sides] for _ in range(turns)]
        fit, bare = (1e6 * min(column) / steps for column in zip(*times, strict=True))
        numbers |= {f"{name}, µs/step": fit - bare, f"loop, {name}, µs/step": bare}
    return numbers


def points(rows: int) -> tuple[Array, Array]:
    """Random points and one-hot classes."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 8)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(3, size=rows)]


def compiled(metrics: list[str]) -> models.Sequential:
    """A small classifier."""
    model = classifier(8, 8, 3)
    model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=metrics)
    return model


def shuffled(x: Array, y: Array, batch: int) -> Iterator[tuple[Array, Array]]:
    """The rows in batches, in an order drawn from the default generator."""
    order = ag.random.permutation(len(x)).data
    for start in range(0, len(x), batch):
        rows = order[start : start + batch]
        yield x[rows], y[rows]


def loop(model: models.Sequential, batches: Batches) -> dict[str, float]:
    """One epoch by hand, with the model's own optimizer and metrics; returns the mean loss and the metrics."""
    optimizer, loss_of = model.optimizer, CategoricalCrossentropy()
    metrics = [metric for group in model.metrics[1:] for metric in group.metrics]  # without the mean of the losses
    for metric in metrics:
        metric.reset_state()
    total, rows = 0.0, 0
    for x, y in batches:
        predicted = model(x)
        loss = loss_of(y, predicted)
        for metric in metrics:
            metric.update_state(y, predicted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item() * len(x)
        rows += len(x)
    return {"loss": total / rows, **{metric.name: metric.result() for metric in metrics}}


def timed(run: Callable[[], Any]) -> float:
    """Seconds that this thread has worked in one run: what others do on the machine does not count."""
    begin = time.thread_time()
    run()
    return time.thread_time() - begin
