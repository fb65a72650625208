"""autograd_lite, compiled: the eager contender's steps, each of them one function under `ag.compile`, exact to the bit.

The Keras face compiles by itself, as it does by default.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks import problems
from benchmarks.contenders import autograd_lite as eager, autograd_lite_loop as loop, numpy_products

chain = partial(eager.chain, through=ag.compile)
tiny_mlp = partial(eager.tiny_mlp, through=ag.compile)
update = partial(eager.update, through=ag.compile)
cnn_step = partial(eager.cnn_step, through=ag.compile)
lstm_step = partial(eager.lstm_step, through=ag.compile)
lstm_scan = partial(eager.lstm_scan, through=ag.compile)
gru_step = partial(eager.gru_step, through=ag.compile)
transformer_step = partial(eager.transformer_step, through=ag.compile)
cross_entropy = partial(eager.cross_entropy, through=ag.compile)
model = partial(eager.model, through=ag.compile)
mlp_step = partial(loop.mlp_step, through=ag.compile)
mlp_epoch = partial(eager.mlp_epoch, jit_compile="auto")
products = numpy_products.products  # which are ours too


def first_result() -> dict[str, float]:
    """Milliseconds from the first call of a new step to the first result of a replay, and how many come before."""
    problem, steps = problems.blank_mlp(), []

    def kept(f: Any) -> Any:
        steps.append(ag.compile(f))
        return steps[0]

    loop.mlp_step(problem).run()  # loads what libraries load at a first step
    job = loop.mlp_step(problem, kept)
    calls, start = 0, time.perf_counter()
    while not _replays(steps[0]):
        job.run()
        calls += 1
    job.run()
    return {"ms": 1e3 * (time.perf_counter() - start), "calls before": float(calls)}


def _replays(f: Any) -> bool:
    """Whether the next call with arguments of the same kind replays."""
    try:
        return bool(f.source())
    except ValueError:  # nothing was planned so far
        return False


def plan_time(sizes: tuple[int, ...]) -> dict[str, float]:
    """Microseconds per op of tracing and planning, for chains of several lengths with their gradients, and ratios."""
    each = {ops: _planned(ops) for ops in (sizes[0], *sizes)}  # the first one also warms up
    numbers = {f"{ops:,} ops, µs/op": micros for ops, micros in each.items()}
    return numbers | {f"{b:,} over {a:,}": each[b] / each[a] for a, b in pairwise(sizes)}


def _planned(ops: int) -> float:
    w, x = np.full(1, 0.5), np.full(1, 0.25)

    def last(w: Any, x: Any) -> Any:
        h = x
        for _ in range(ops // 2):
            h = h * w + x
        return h[0]

    f = ag.compile(ag.grad(last))
    start = time.perf_counter()
    while not _replays(f):
        f(w, x)
    return 1e6 * (time.perf_counter() - start) / ops
