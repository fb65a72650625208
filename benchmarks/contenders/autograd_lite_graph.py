"""autograd_lite: what it costs to record the user's lines and the modules' paths, and to draw."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from benchmarks.contenders.autograd_lite import classifier
from nn.losses import CategoricalCrossentropy


def recording(links: int, turns: int) -> dict[str, float]:
    """Time per op of a chain with lines and paths recorded, over the time without, measured in turns."""
    w, x = ag.tensor(np.full(1, 0.9), requires_grad=True), ag.tensor(np.full(1, 0.1), requires_grad=True)
    h0 = ag.tensor(np.full(1, 0.5))

    def chain() -> Tensor:
        h = h0
        for _ in range(links):
            h = (h * w + x).tanh()
        return h

    def timed(record: bool) -> tuple[float, float]:
        with ExitStack() as stack:
            if record:
                stack.enter_context(ag.record_source())
                stack.enter_context(ag.extend.module_scope("model.block"))
            begin = time.perf_counter()
            h = chain()
            forward = time.perf_counter() - begin
            h.sum().backward()
            return forward, time.perf_counter() - begin

    pairs = [(timed(True), timed(False)) for _ in range(turns)]
    forward, both = (statistics.median(on[i] / off[i] for on, off in pairs) for i in (0, 1))
    return {"forward, on over off": forward, "forward and backward, on over off": both}


def pictures(turns: int) -> dict[str, float]:
    """From the seed network's loss to its pictures: milliseconds, the shortest of several turns; and kilobytes."""
    network, images = classifier(784, 512, 10), np.zeros((128, 784), np.float32)
    with ag.record_source():
        loss = CategoricalCrossentropy()(np.eye(10)[np.zeros(128, int)], network(images))

    def shortest(draw: Callable[[], object]) -> float:
        times = []
        for _ in range(turns):
            begin = time.perf_counter()
            draw()
            times.append(time.perf_counter() - begin)
        return 1e3 * min(times)

    return {
        "SVG ms": shortest(lambda: ag.build_graph(loss).to_svg()),
        "mirror ms": shortest(lambda: ag.build_graph(loss, backward=True).to_mirror()),
        "HTML ms": shortest(lambda: ag.build_graph(loss, backward=True).to_html()),
        "HTML kB": len(ag.build_graph(loss, backward=True).to_html().encode()) / 1e3,
    }
