"""Real signals at random moments of `fit`, and what they leave: `python -m tests.signals --signals 2000`.

SIGINT as Ctrl-C sends it, and SIGTERM with a handler that raises. Afterward the model and the optimizer must be what
they are after some whole step of the same training, parameters, running statistics, slots and counter together, there
must be no gradients, and training must have ended.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import threading
import time
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from nn import callbacks, layers, models, optimizers

STEPS = 12
BATCH = 16


class Stop(Exception):
    """What the handler of SIGTERM raises."""


class Found(NamedTuple):
    """How many signals came during `fit`, and how many of them left what they must not."""

    sent: int
    torn: int
    left: int
    ignored: int

    def __str__(self) -> str:
        return (
            f"{self.sent} signals during fit: {self.torn} torn, {self.left} left gradients or the mode, {self.ignored} "
            "after which training went on"
        )


def make() -> tuple[models.Model, Any]:
    """Return a compiled model with a parameter that is updated in pieces, and data."""
    ag.set_seed(3)
    model = models.Sequential(
        [
            layers.Dense(200, activation="relu", input_shape=(400,)),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            *[layers.Dense(8, activation="tanh") for _ in range(6)],
            layers.Dense(1),
        ]
    )
    model.compile(optimizers.Adam(0.01), "mse", jit_compile=True)
    model.optimizer.bind(model.parameters())
    rng = np.random.default_rng(0)
    rows = STEPS * BATCH
    return model, (rng.normal(size=(rows, 400)).astype("float32"), rng.normal(size=(rows, 1)).astype("float32"))


def digest(model: models.Model) -> str:
    """Return a hash of all that a step changes."""
    found = hashlib.blake2b()
    for state in (model.state_dict(), model.optimizer.state_dict()):
        for name in sorted(state):
            found.update(name.encode() + np.ascontiguousarray(state[name]).tobytes())
    return found.hexdigest()


def states() -> tuple[set[str], float]:
    """Return the states before the first step of training and after each, and how many seconds it takes."""
    model, data = make()
    found = {digest(model)}
    note = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: found.add(digest(model)))
    model.fit(*data, batch_size=BATCH, verbose=0, callbacks=[note])
    model, data = make()
    begun = time.perf_counter()
    model.fit(*data, batch_size=BATCH, verbose=0)
    return found, time.perf_counter() - begun


def try_signals(count: int, number: signal.Signals, seed: int = 0) -> Found:
    """Send signals to training runs until enough have come while one ran, and count what they left.

    Args:
        count: how many.
        number: SIGINT or SIGTERM.
        seed: of the moments.
    """
    known, seconds = states()
    moments = random.Random(seed)
    sent = torn = left = ignored = 0
    running = False
    came: list[bool] = []

    def handler(received: int, frame: Any) -> None:
        came.append(running)
        raise KeyboardInterrupt if received == signal.SIGINT else Stop

    before = signal.signal(number, handler)
    try:
        while sent < count:
            came.clear()
            model, data = make()
            sender = threading.Thread(target=_send, args=(number, moments.uniform(0, seconds)))
            ended = False
            try:
                sender.start()
                running = True
                model.fit(*data, batch_size=BATCH, verbose=0)
                ended = True
                running = False
                while not came:
                    time.sleep(1e-4)
            except (KeyboardInterrupt, Stop):
                ended = ended and not running
            running = False
            sender.join()
            if came[0]:
                sent += 1
                ignored += ended
                torn += digest(model) not in known
                left += (
                    model.training or not ag.is_grad_enabled() or any(p.grad is not None for p in model.parameters())
                )
    finally:
        signal.signal(number, before)
    return Found(sent, torn, left, ignored)


def _send(number: signal.Signals, delay: float) -> None:
    time.sleep(delay)
    os.kill(os.getpid(), number)


def main() -> int:
    """Send the signals, print what was found, and return 1 if anything was left torn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=2000, help="how many, a quarter of them SIGTERM")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    terms = given.signals // 4
    good = True
    for number, count in ((signal.SIGINT, given.signals - terms), (signal.SIGTERM, terms)):
        found = try_signals(count, number, given.seed)
        print(f"{number.name}: {found}", flush=True)
        good = good and found[1:] == (0, 0, 0)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
