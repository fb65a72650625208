"""One rank of a measurement: `mpiexec -n 2 python -m benchmarks.distributed.worker JSON`; rank 0 prints the result."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, NamedTuple

import numpy as np

import nn
from nn import callbacks, distributed, layers, models, optimizers


class Case(NamedTuple):
    """What is trained, and how.

    Attributes:
        model: one of MODELS.
        batch: rows of the global batch.
        steps: of an epoch.
        epochs: the first is not counted, since models are traced in it.
        compiled: whether steps are replayed.
        overlaps: whether reductions begin while the backward pass runs.
        bucket_mb: of a bucket.
        compression: None or "float16".
    """

    model: str
    batch: int
    steps: int = 20
    epochs: int = 5
    compiled: bool = True
    overlaps: bool = True
    bucket_mb: float = 4.0
    compression: str | None = None


def mlp() -> list[layers.Layer]:
    """The network of the notebook."""
    return [layers.Dense(512, "relu", input_shape=(784,)), layers.Dense(10, "softmax")]


def cnn() -> list[layers.Layer]:
    """Two convolutions, as in `benchmarks.mnist_cnn`."""
    return [
        layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, "relu"),
        layers.Dense(10, "softmax"),
    ]


def large() -> list[layers.Layer]:
    """Twenty million parameters in twenty dense layers."""
    deep = [layers.Dense(1024, "relu") for _ in range(18)]
    return [layers.Dense(1024, "relu", input_shape=(784,)), *deep, layers.Dense(10, "softmax")]


MODELS = {"mlp": mlp, "cnn": cnn, "large": large}


class Clock(callbacks.Callback):
    """Notes for each epoch its seconds and those spent waiting for other ranks."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []
        self.reducer: distributed.Reducer | None = None

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), 0.0 if self.reducer is None else self.reducer.waited

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun = self._now()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.found.append(tuple(b - a for a, b in zip(self.begun, self._now(), strict=True)))


def measured(case: Case) -> dict[str, Any]:
    """Train, and return the medians over epochs of the milliseconds of a step and of its wait, and what it sends."""
    comm = distributed.init()
    nn.set_seed(0)
    model = models.Sequential(MODELS[case.model]())
    parameters = model.parameters()
    options = {"bucket_mb": case.bucket_mb, "compression": case.compression}
    optimizer = distributed.DistributedOptimizer(optimizers.SGD(1e-3), comm, parameters=parameters, **options)
    clock = Clock()
    if comm.size > 1:
        clock.reducer = optimizer.reducer
        if not case.overlaps:
            optimizer.reducer.detach()
            optimizer.reducer.attach = lambda: None
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=case.compiled)
    rng = np.random.default_rng(0)
    shape = (784,) if case.model != "cnn" else (28, 28, 1)
    x = rng.normal(size=(case.batch * case.steps, *shape)).astype(np.float32)
    y = rng.integers(0, 10, len(x))
    options = {"batch_size": case.batch, "epochs": case.epochs, "verbose": 0, "shuffle": False}
    model.fit(x, y, callbacks=[clock], distributed=True, **options)
    steps, waits = np.array(clock.found[1:]).T * 1e3 / case.steps
    return {
        **case._asdict(),
        "ranks": comm.size,
        "parameters": sum(p.size for p in parameters),
        "megabytes": 0.0 if comm.size == 1 else optimizer.reducer.nbytes / 1e6,
        "buckets": optimizer.reducer.buckets,
        "step_ms": float(np.median(steps)),
        "least_ms": float(steps.min()),
        "wait_ms": float(np.median(waits)),
    }


if __name__ == "__main__":
    result = measured(Case(**json.loads(sys.argv[1])))
    if distributed.rank() == 0:
        print(json.dumps(result), flush=True)
