"""Frozen hand-written NumPy, the plain way: one call for each operation, into buffers made in advance.

Most people would write it so. The better baseline, `numpy`, knows that a chain of one element takes three times as long
when `out` names an operand, and rewrites the small network's formulas so that half of the calls do.
"""

from __future__ import annotations

import numpy as np

from benchmarks.contenders import numpy
from benchmarks.problems import Chain, Job, Regression


def chain(problem: Chain) -> Job:
    """The baseline's chain, in place whatever the size."""
    return numpy.chain(problem, in_place=True)


def tiny_mlp(problem: Regression) -> Job:
    """One step of gradient descent, layer by layer; a product of two matrices is `np.dot`, which is called faster."""
    x, y, n = problem.x, problem.y, len(problem.x)
    weights = {name: a.copy() for name, a in problem.weights.items()}
    slopes = {name: np.empty_like(a) for name, a in weights.items()}
    (w1, b1, w2, b2, w3, b3), (g1, e1, g2, e2, g3, e3) = weights.values(), slopes.values()
    h1, s1, d1, h2, s2, d2, out, t = (np.empty((n, k), np.float32) for k in 3 * [b1.size] + 3 * [b2.size] + [1, 1])
    xt, h1t, h2t, w2t, w3t = x.T, h1.T, h2.T, w2.T, w3.T
    loss = np.empty((), np.float32)
    rate, scale = (np.asarray(number, np.float32) for number in (problem.learning_rate, 2 / n))
    dot, add, subtract, multiply, tanh, square = np.dot, np.add, np.subtract, np.multiply, np.tanh, np.square
    total = np.add.reduce
    updates = [(weights[name], slopes[name]) for name in weights]

    def run() -> float:
        dot(x, w1, h1)
        add(h1, b1, h1)
        tanh(h1, h1)
        dot(h1, w2, h2)
        add(h2, b2, h2)
        tanh(h2, h2)
        dot(h2, w3, out)
        add(out, b3, out)
        subtract(out, y, out)
        square(out, t)
        total(t, None, None, loss)
        multiply(out, scale, out)
        dot(h2t, out, g3)
        total(out, 0, None, e3)
        dot(out, w3t, d2)
        square(h2, s2)
        multiply(s2, d2, s2)
        subtract(d2, s2, d2)
        dot(h1t, d2, g2)
        total(d2, 0, None, e2)
        dot(d2, w2t, d1)
        square(h1, s1)
        multiply(s1, d1, s1)
        subtract(d1, s1, d1)
        dot(xt, d1, g1)
        total(d1, 0, None, e1)
        for w, g in updates:
            multiply(g, rate, g)
            subtract(w, g, w)
        return float(loss) / n

    def reset() -> None:
        for name, a in problem.weights.items():
            weights[name][...] = a

    return Job(run, lambda: weights, reset)
