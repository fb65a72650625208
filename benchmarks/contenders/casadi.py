"""CasADi: a graph of scalars for one element, of arrays for more; its virtual machine runs it on buffers of ours."""

from __future__ import annotations

import casadi
import numpy as np

from benchmarks.problems import Chain, Job


def chain(problem: Chain) -> Job:
    inputs = [np.ascontiguousarray(a).ravel() for a in (problem.h, problem.w, problem.x)]
    kind = casadi.SX if problem.h.size == 1 else casadi.MX
    h0, w, x = (kind.sym(name, problem.h.size) for name in "hwx")
    h = h0
    for _ in range(problem.links):
        h = casadi.tanh(h * w + x)
    loss = casadi.sum1(h)
    function = casadi.Function("chain", [h0, w, x], [loss, *(casadi.gradient(loss, v) for v in (h0, w, x))])
    results = [np.empty(1), *map(np.empty_like, inputs)]
    buffer, run = function.buffer()
    for number, array in enumerate(inputs):
        buffer.set_arg(number, memoryview(array))
    for number, array in enumerate(results):
        buffer.set_res(number, memoryview(array))
    shape = np.shape(problem.h)
    named = dict(zip(("gh", "gw", "gx"), results[1:], strict=True))

    def read(_: object, kept: object = buffer) -> float:  # `run` holds what it points to, and not the buffer itself
        return float(results[0][0])

    return Job(run, lambda: {name: g.reshape(shape) for name, g in named.items()}, read=read)
