"""Tracing, planning and writing code take time in proportion to the number of operations."""

from __future__ import annotations

import gc
import time
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def chain(n: int) -> Any:
    def f(h: Any, w: Any, x: Any) -> Any:
        for _ in range(n // 10):  # three operations forward and seven backward
            h = np.tanh(h * w + x)
        return h.sum()

    a = np.full(4, 0.3)
    return ag.grad(f, (0, 1, 2)), (a, a, a)


def fan(n: int) -> Any:
    """Return a program of many values of many sizes, which end in another order than that in which they began."""

    def f(x: Any) -> Any:
        made = [np.tanh(x[: 1 + k * 7919 % 997] + k) for k in range(n // 4)]
        total = x.sum()
        for k in range(n // 4):
            total = total + (made[k * 7919 % len(made)]).sum()
        return total

    return f, (np.linspace(0, 1, 1000),)


@pytest.mark.ci
@pytest.mark.parametrize(("program", "fewest"), [(chain, 10_000), (fan, 5_000)], ids=["chain", "fan"])
def test_time_is_linear(program: Any, fewest: int) -> None:
    took = []
    for n in (fewest, 4 * fewest):
        f, arguments = program(n)
        compiled = ag.compile(f)
        compiled(*arguments)
        gc.collect()
        gc.disable()  # whose collections look at all objects of the process
        begin = time.process_time()
        try:
            compiled(*arguments)  # the second run is traced too, and planned
        finally:
            gc.enable()
        took.append(time.process_time() - begin)
        (trace,) = compiled.traces
        assert 0.8 * n <= len(trace.replay.plan.calls) <= 1.2 * n
    assert took[1] < 5 * took[0], took
