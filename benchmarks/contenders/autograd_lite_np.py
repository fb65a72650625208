"""autograd_lite, spelled with NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import Tensor
from benchmarks.contenders.autograd_lite import gradients, leaves
from benchmarks.problems import Chain, Job


def chain(problem: Chain) -> Job:
    """The chain spelled with operators and `np.tanh`."""
    inputs = h0, w, x = leaves(problem)
    links = problem.links

    def run() -> Tensor:
        h0.grad = w.grad = x.grad = None
        h: Any = h0
        for _ in range(links):
            h = np.tanh(h * w + x)
        loss = h.sum()
        loss.backward()
        return loss

    return Job(run, lambda: gradients(inputs))
