"""Frozen hand-written NumPy: of a problem nothing but its calls of LAPACK and BLAS, as value and derivatives need them.

It is the time below which a program of such calls cannot come, however little it costs to make them. Inputs are right,
results are thrown away; the loss is computed beforehand, for the table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.problems import Job, Mlp, Model


def products(problem: Mlp) -> Job:
    """The five matrix products of a step of the classifier: two of the forward pass, three of the backward pass."""
    x, (_, f, k) = problem.x, problem.widths
    w1, w2 = problem.weights["w1"], problem.weights["w2"]
    h, z, gh = (np.ones((len(x), n), np.float32) for n in (f, k, f))
    g1, g2 = np.empty_like(w1), np.empty_like(w2)
    xt, ht, w2t, matmul = x.T, h.T, w2.T, np.matmul

    def run() -> float:
        matmul(x, w1, gh)
        matmul(h, w2, z)
        matmul(ht, z, g2)
        matmul(z, w2t, gh)
        matmul(xt, gh, g1)
        return 0.0

    return Job(run, lambda: dict(problem.weights))  # which do not change


mlp_step = products  # for the ratio of the whole step to them


def model(problem: Model) -> Job:
    """The calls of one of the models; those of the other models would be none."""
    loss = float(problem.function(np)(*problem.inputs.values()))
    calls = MODELS[problem.name](problem)

    def run() -> float:
        calls()
        return loss

    return Job(run, dict)


def gaussian_process(problem: Model) -> Callable[[], None]:
    """Cholesky's factor, a solve and its transpose; the cotangent of the factor by blocks of half the size."""
    x, y = problem.data.values()
    kernel = np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2) + 0.1 * np.eye(len(x))
    block = np.eye(len(x) // 2)
    into = np.empty_like(block)
    matmul, solve, cholesky, inv = np.matmul, np.linalg.solve, np.linalg.cholesky, np.linalg.inv

    def run() -> None:
        factor = cholesky(kernel)
        z = solve(factor, y)
        matmul(z, z)
        solve(factor.T, z)
        for _ in range(2):  # of each half: its inverse, and three products
            inverse = inv(block)
            for _ in range(3):
                matmul(inverse, block, into)
        for _ in range(3):  # of what joins them
            matmul(block, block, into)

    return run


def kalman_filter(problem: Model) -> Callable[[], None]:
    """A step has nine products, two solves and a determinant; two calls pull each of them back."""
    a, h, *_ = problem.inputs.values()
    (y,) = problem.data.values()
    n, m = len(a), len(h)
    state, seen, square, small, cross, gain = (np.ones(s) for s in (n, m, (n, n), (m, m), (m, n), (n, m)))
    small = small + np.eye(m)
    forward = [(a, state), (h, state), (gain, seen), (a, square), (square, a.T)]
    forward += [(h, square), (cross, h.T), (gain, cross)]
    backward = [(cross, gain), (seen[:, None], seen[None, :])]  # of the two solves
    for left, right in forward:
        g = left @ right
        backward += [(g[:, None], right[None, :]) if g.ndim == 1 else (g, right.T), (left.T, g)]
    products = [(left, right, left @ right) for left, right in forward + backward]
    matmul, solve, slogdet, inv = np.matmul, np.linalg.solve, np.linalg.slogdet, np.linalg.inv

    def run() -> None:
        for _ in y:
            for left, right, into in products:
                matmul(left, right, into)
            for _ in range(2):
                solve(small, cross)
                solve(small, seen)
            seen.dot(seen)
            slogdet(small)
            inv(small)

    return run


def logistic(problem: Model) -> Callable[[], None]:
    """The products of rows and weights, and for the Hessian one of two matrices."""
    (w,), (x, _) = problem.inputs.values(), problem.data.values()
    weighted = np.ones((len(w), len(x)))
    margins, slope, curvature, xt = np.empty(len(x)), np.empty(len(w)), np.empty((len(w), len(w))), x.T
    matmul = np.matmul

    def run() -> None:
        matmul(x, w, margins)
        w.dot(w)
        matmul(xt, margins, slope)
        matmul(weighted, x, curvature)

    return run


MODELS: dict[str, Callable[[Model], Callable[[], None]]] = {
    f.__name__: f for f in (gaussian_process, kalman_filter, logistic)
}
