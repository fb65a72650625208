"""What repeated work leaves behind: `python -m tests.reliability.memory [--steps N]`.

With Python's cyclic collector off, each kind of work is repeated; printed are the objects that the collector then finds
for each step, and the bytes that Python has more. Both are 0 where all memory is given back by reference counting.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from nn import callbacks, layers

Work = Callable[[], Any]
ALLOWED = 100  # bytes a step: what a table that grows once in a while comes to


def works(folder: str) -> dict[str, Work]:
    """Return what is repeated, by name."""
    model = nn.Sequential([nn.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    path, checkpoint = os.path.join(folder, "model"), os.path.join(folder, "checkpoint")
    saves = callbacks.ModelCheckpoint(path)
    model.fit(x, y, verbose=0, callbacks=[saves])
    nn.saving.save_checkpoint(checkpoint, model)
    loss = nn.losses.MeanSquaredError()(y, model(x))
    graph, text = ag.build_graph(loss), model.to_json()
    damaged = os.path.join(folder, "damaged")
    with open(damaged, "wb") as file:
        file.write(b"no model")

    def refused() -> None:
        for read in (nn.models.load_model, model.load_weights):
            with contextlib.suppress(nn.saving.SavedFileError):
                read(damaged)
        with contextlib.suppress(ValueError):
            nn.models.model_from_json("[" * 1000)
        with contextlib.suppress(ValueError):
            ag.Graph.from_json('{"graph": 1}')

    compiled = ag.compile(lambda x: np.tanh(x) * 2)
    for _ in range(2):
        compiled(np.ones(2))
    return {
        "fit with a saving ModelCheckpoint": lambda: model.fit(x, y, verbose=0, callbacks=[saves]),
        "predict": lambda: model.predict(x, verbose=0),
        "model.save": lambda: model.save(path),
        "load_model": lambda: nn.models.load_model(path),
        "save_checkpoint, load_checkpoint": lambda: (
            nn.saving.save_checkpoint(checkpoint, model),
            nn.saving.load_checkpoint(checkpoint, model),
        ),
        "save_compiled, load_compiled": lambda: (compiled.save_compiled(f"{path}.c"), ag.load_compiled(f"{path}.c")),
        "model_from_json": lambda: nn.models.model_from_json(text),
        "files and texts that are refused": refused,
        "explain": lambda: str(ag.explain(loss)),
        "to_html": graph.to_html,
        "to_svg, to_dot, to_text": lambda: (graph.to_svg(), graph.to_dot(), graph.to_text(style="tree")),
        "build_graph, to_mirror": lambda: ag.build_graph(loss, backward=True).to_mirror(),
        "to_json, from_json": lambda: ag.Graph.from_json(graph.to_json()),
    }


def slope(work: Work, steps: int) -> tuple[float, float]:
    """Return the bytes and the cyclic objects that a step leaves, with the collector off."""
    gc.disable()
    tracemalloc.start()
    try:
        cyclic, sizes = 0, []
        for _ in range(2):  # the first time tables fill that stay
            for _ in range(steps):
                work()
            # Nothing waits for the collector where it finds nothing; it empties Python's lists of free tuples, too.
            cyclic = gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        return (sizes[1] - sizes[0]) / steps, cyclic / steps
    finally:
        tracemalloc.stop()
        gc.enable()


def main(arguments: list[str] | None = None) -> int:
    """Print the table, and return 1 if something is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.memory", description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    steps = parser.parse_args(arguments).steps
    failed = 0
    print(f"{'work':<36}{'bytes a step':>14}{'cyclic objects a step':>24}")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        for name, work in works(folder).items():
            grown, cyclic = slope(work, steps)
            failed += grown > ALLOWED or cyclic > 0
            print(f"{name:<36}{grown:>14.1f}{cyclic:>24.2f}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
