"""autograd_lite: what it costs to record the user's lines and the modules' paths."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor


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
                stack.enter_context(ag.module_scope("model.block"))
            begin = time.perf_counter()
            h = chain()
            forward = time.perf_counter() - begin
            h.sum().backward()
            return forward, time.perf_counter() - begin

    pairs = [(timed(True), timed(False)) for _ in range(turns)]
    forward, both = (statistics.median(on[i] / off[i] for on, off in pairs) for i in (0, 1))
    return {"forward, on over off": forward, "forward and backward, on over off": both}
