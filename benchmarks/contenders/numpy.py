"""Frozen hand-written NumPy: forward and backward by hand, buffers preallocated, `out` everywhere.

This is the yardstick. Change it only to make it faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from benchmarks import problems
from benchmarks.problems import Array, Arrays, Chain, Job, Mlp, Recurrent, Regression


def chain(problem: Chain, in_place: bool | None = None) -> Job:
    """A replay of the chain: ten ufunc calls per link, none of which allocates.

    Arrays of one element leave NumPy's fast path when `out` is also an operand (750 ns for 240), so
    `fresh` gives them a buffer of their own; larger ones work in place, which spares the caches.
    """
    in_place = problem.w.size > 1 if in_place is None else in_place
    w, x, links = problem.w, problem.x, problem.links
    fresh: Callable[[Array], Array] = np.asarray if in_place else np.empty_like
    states = [problem.h, *(np.empty_like(w) for _ in range(links))]
    g, s, gw, gx = (np.empty_like(w) for _ in range(4))
    gws, gxs = ([b, fresh(b)] * (links // 2 + 1) for b in (gw, gx))  # taken in turns
    d, s2, s3 = fresh(g), fresh(s), fresh(s)
    forward = [(h, fresh(out), fresh(out), out) for h, out in pairwise(states)]
    pairs = list(pairwise(states))[::-1]
    backward = [(*pairs[i], gws[i], gws[i + 1], gxs[i], gxs[i + 1]) for i in range(links)]
    multiply, add, subtract, tanh, square = np.multiply, np.add, np.subtract, np.tanh, np.square
    last, loss = states[-1], np.zeros(())

    def run() -> Array:
        for h, product, total, out in forward:
            multiply(h, w, product)
            add(product, x, total)
            tanh(total, out)
        add.reduce(last, axis=None, out=loss)
        g.fill(1)
        gw.fill(0)
        gx.fill(0)
        for h, out, gw_old, gw_new, gx_old, gx_new in backward:
            square(out, s)  # g * (1 - out**2), without a scalar operand
            multiply(s, g, s2)
            subtract(g, s2, d)
            add(gx_old, d, gx_new)
            multiply(d, h, s3)
            add(gw_old, s3, gw_new)
            multiply(d, w, g)
        return loss

    return Job(run, lambda: {"gh": g, "gw": gws[links], "gx": gxs[links]})


class Flat:
    """Named arrays that are views of one buffer, so that an optimizer needs one set of calls."""

    def __init__(self, like: Mapping[str, Array]) -> None:
        self.buffer = np.zeros(sum(a.size for a in like.values()), np.float32)
        self.views: Arrays = {}
        start = 0
        for name, a in like.items():
            self.views[name] = self.buffer[start : start + a.size].reshape(a.shape)
            start += a.size


class RMSprop:
    """Keras's rule in eight passes: the mean square is kept divided by `1 - rho`."""

    def __init__(self, problem: Mlp, parameters: Array, gradients: Array) -> None:
        root = (1 - problem.rho) ** 0.5
        self.rate = np.float32(problem.learning_rate / root)
        self.epsilon = np.float32(problem.epsilon / (1 - problem.rho))
        self.rho = np.float32(problem.rho)
        self.p, self.g = parameters, gradients
        self.v, self.scratch = np.zeros_like(parameters), np.empty_like(parameters)

    def step(self) -> None:
        p, g, v, t = self.p, self.g, self.v, self.scratch
        np.multiply(v, self.rho, v)
        np.square(g, t)
        np.add(v, t, v)
        np.add(v, self.epsilon, t)
        np.sqrt(t, t)
        np.divide(g, t, t)
        np.multiply(t, self.rate, t)
        np.subtract(p, t, p)


class MlpPass:
    """Forward and backward of the classifier for batches of `n` rows, into given gradients."""

    def __init__(self, problem: Mlp, parameters: Arrays, gradients: Arrays, n: int) -> None:
        d, f = parameters["w1"].shape
        k = parameters["b2"].size
        self.n, self.p, self.g = n, parameters, gradients
        self.x, self.h, self.gh = (np.empty((n, width), np.float32) for width in (d, f, f))
        self.y, self.z, self.e = (np.empty((n, k), np.float32) for _ in range(3))
        self.mask, self.row = np.empty((n, f), np.bool_), np.empty((n, 1), np.float32)

    def gather(self, problem: Mlp, index: Array) -> None:
        problem.x.take(index, 0, self.x, "clip")  # "clip": the only mode that writes to `out` directly
        problem.one_hot.take(index, 0, self.y, "clip")

    def __call__(self) -> float:
        """Fills the gradients and returns the mean loss of the batch held in `x` and `y`."""
        p, g, x, y, h, z, e, row = self.p, self.g, self.x, self.y, self.h, self.z, self.e, self.row
        np.matmul(x, p["w1"], h)
        np.add(h, p["b1"], h)
        np.maximum(h, 0, out=h)
        np.matmul(h, p["w2"], z)
        np.add(z, p["b2"], z)
        z.max(axis=1, out=row, keepdims=True)
        np.subtract(z, row, z)
        np.exp(z, e)
        e.sum(axis=1, out=row, keepdims=True)
        loss = (float(np.log(row).sum()) - float(np.vdot(z, y))) / self.n

        np.divide(e, row, e)
        np.subtract(e, y, e)
        np.divide(e, self.n, e)
        np.matmul(h.T, e, g["w2"])
        e.sum(axis=0, out=g["b2"])
        np.matmul(e, p["w2"].T, self.gh)
        np.greater(h, 0, self.mask)
        np.multiply(self.gh, self.mask, self.gh)
        np.matmul(x.T, self.gh, g["w1"])
        self.gh.sum(axis=0, out=g["b1"])
        return loss


class Trainer:
    """Weights, gradients and optimizer of the classifier, with one pass per batch size."""

    def __init__(self, problem: Mlp) -> None:
        self.problem = problem
        self.parameters, self.gradients = Flat(problem.weights), Flat(problem.weights)
        self.optimizer = RMSprop(problem, self.parameters.buffer, self.gradients.buffer)
        self.passes: dict[int, MlpPass] = {}
        self.reset()

    def reset(self) -> None:
        for name, value in self.problem.weights.items():
            self.parameters.views[name][...] = value
        self.optimizer.v.fill(0)

    def pass_of(self, n: int) -> MlpPass:
        if n not in self.passes:
            self.passes[n] = MlpPass(self.problem, self.parameters.views, self.gradients.views, n)
        return self.passes[n]

    def result(self) -> Arrays:
        gradients = {f"g_{name}": value for name, value in self.gradients.views.items()}
        return {**self.parameters.views, **gradients}


def mlp_epoch(problem: Mlp) -> Job:
    """One shuffled pass over the rows; the loss is the mean over all of them."""
    trainer = Trainer(problem)
    rng = np.random.default_rng(0)
    rows, batch, step = len(problem.x), problem.batch, trainer.optimizer.step

    def run() -> float:
        order = rng.permutation(rows)
        total = 0.0
        for start in range(0, rows, batch):
            index = order[start : start + batch]
            work = trainer.pass_of(len(index))
            work.gather(problem, index)
            total += work() * work.n
            step()
        return total / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp) -> Job:
    """One step on all rows of the problem."""
    trainer = Trainer(problem)
    work = trainer.pass_of(len(problem.x))
    work.x[...], work.y[...] = problem.x, problem.one_hot

    def run() -> float:
        loss = work()
        trainer.optimizer.step()
        return loss

    return Job(run, trainer.result, trainer.reset)


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    """A whole process of training; see `problems.cold`."""
    return problems.cold(mlp_epoch, epochs, evaluate)


def tiny_mlp(problem: Regression) -> Job:
    """One step of gradient descent with each bias as the last row of its kernel.

    A column of ones in every activation makes one product add the bias, and one give its gradient.
    The learning rate is folded into the cotangent, so that the update is a single subtraction.
    """
    n = len(problem.x)
    layers = [(problem.weights[f"w{i}"], problem.weights[f"b{i}"]) for i in (1, 2, 3)]
    stacked = {str(i): np.vstack([w, b]) for i, (w, b) in enumerate(layers)}
    p, g = Flat(stacked), Flat(stacked)
    (w1, w2, w3), (g1, g2, g3) = p.views.values(), g.views.values()
    k2, k3 = w2[:-1].T, w3[:-1].T
    x = np.hstack([problem.x, np.ones((n, 1), np.float32)])
    a1, a2 = (np.ones((n, len(w)), np.float32) for w in (w2, w3))
    h1, h2 = a1[:, :-1], a2[:, :-1]
    xt, a1t, a2t = x.T, a1.T, a2.T
    out, d1, d2, s1, s2 = (np.empty(s, np.float32) for s in ((n, 1), h1.shape, h2.shape, h1.shape, h2.shape))
    y, rate = problem.y, np.asarray(2 * problem.learning_rate / n, np.float32)
    dot, vdot, tanh, square, multiply, subtract = np.dot, np.vdot, np.tanh, np.square, np.multiply, np.subtract

    def run() -> float:
        dot(x, w1, s1)
        tanh(s1, h1)
        dot(a1, w2, s2)
        tanh(s2, h2)
        dot(a2, w3, out)
        subtract(out, y, out)
        loss = vdot(out, out) / n
        multiply(out, rate, out)
        dot(a2t, out, g3)
        dot(out, k3, d2)
        square(h2, s2)
        multiply(s2, d2, s2)
        subtract(d2, s2, d2)
        dot(a1t, d2, g2)
        dot(d2, k2, d1)
        square(h1, s1)
        multiply(s1, d1, s1)
        subtract(d1, s1, d1)
        dot(xt, d1, g1)
        subtract(p.buffer, g.buffer, p.buffer)
        return float(loss)

    def reset() -> None:
        for name, value in stacked.items():
            p.views[name][...] = value

    def result() -> Arrays:
        named = {}
        for i, w in enumerate((w1, w2, w3), start=1):
            named[f"w{i}"], named[f"b{i}"] = w[:-1], w[-1]
        return named

    reset()
    return Job(run, result, reset)


class Lstm:
    """Forward and backward of an LSTM, with time first in memory.

    One product makes the inputs' part of all gates, and one each weight's gradient. A sigmoid is a hyperbolic tangent
    of half of its argument, so that one call makes all four gates; the half is in the weights already.
    """

    def __init__(self, problem: Recurrent) -> None:
        (n, steps, d), k = problem.x.shape, problem.y.shape[2]
        new: Callable[..., Array] = lambda *shape: np.zeros(shape, np.float32)  # noqa: E731
        self.half = np.repeat(np.array([0.5, 0.5, 1, 0.5], np.float32), k)  # of the gates i, f, c and o
        self.p, self.g = Flat(problem.weights), Flat(problem.weights)
        self.halved = {name: np.empty_like(a) for name, a in problem.weights.items()}
        self.x, self.e, tc = new(steps, n, d), new(steps, n, k), new(steps, n, k)
        self.h, c = new(steps + 1, n, k), new(steps + 1, n, k)
        self.gates, self.dz = new(steps, n, 4 * k), new(steps, n, 4 * k)
        self.recurrent, self.dh, self.dc, self.s, self.t = new(n, 4 * k), *(new(n, k) for _ in range(4))
        parts = [[a[..., j * k : (j + 1) * k] for j in range(4)] for a in (self.gates, self.dz)]
        h, y = self.h, problem.y.swapaxes(0, 1).copy()
        self.forward_steps = list(zip(self.gates, *parts[0], h[:-1], h[1:], c[:-1], c[1:], tc, y, self.e, strict=True))
        self.backward_steps = list(zip(self.dz, *parts[1], *parts[0], h[1:], c[:-1], tc, self.e, strict=True))[::-1]
        self.by_time, self.scale = problem.x.swapaxes(0, 1), np.float32(2 / self.e.size)

    def forward(self) -> float:
        add, subtract, multiply, tanh, matmul = np.add, np.subtract, np.multiply, np.tanh, np.matmul
        half, shift, recurrent, s = self.half, 1 - self.half, self.recurrent, self.s
        self.x[...] = self.by_time
        for a, halved in zip(self.p.views.values(), self.halved.values(), strict=True):
            multiply(a, half, halved)
        w, u, b = self.halved.values()
        matmul(self.x.reshape(-1, len(w)), w, self.gates.reshape(-1, half.size))
        add(self.gates, b, self.gates)
        for z, i, f, m, o, before, after, cell, moved, t, y, e in self.forward_steps:
            matmul(before, u, recurrent)
            add(z, recurrent, z)
            tanh(z, z)
            multiply(z, half, z)
            add(z, shift, z)
            multiply(f, cell, moved)
            multiply(i, m, s)
            add(moved, s, moved)
            tanh(moved, t)
            multiply(o, t, after)
            subtract(after, y, e)
        return float(np.vdot(self.e, self.e)) / self.e.size

    def backward(self) -> None:
        add, subtract, multiply, matmul = np.add, np.subtract, np.multiply, np.matmul
        dh, dc, s, t = self.dh, self.dc, self.s, self.t
        w, u, _ = self.p.views.values()
        multiply(self.e, self.scale, self.e)
        dh.fill(0)
        dc.fill(0)
        for z, zi, zf, zm, zo, i, f, m, o, after, cell, tc, e in self.backward_steps:
            add(dh, e, dh)
            multiply(dh, after, s)  # dh o tanh(c), of which the cotangents of o and of c are both made
            multiply(s, o, t)
            subtract(s, t, zo)
            multiply(s, tc, s)
            multiply(dh, o, t)
            add(dc, t, dc)
            subtract(dc, s, dc)
            multiply(dc, i, t)
            multiply(t, m, s)
            multiply(s, i, zi)
            subtract(s, zi, zi)
            multiply(s, m, s)
            subtract(t, s, zm)
            multiply(dc, cell, s)
            multiply(s, f, s)
            multiply(s, f, zf)
            subtract(s, zf, zf)
            multiply(dc, f, dc)
            matmul(z, u.T, dh)
        gw, gu, gb = self.g.views.values()
        flat = self.dz.reshape(-1, self.half.size)
        matmul(self.x.reshape(-1, len(w)).T, flat, gw)
        matmul(self.h[:-1].reshape(-1, len(u)).T, flat, gu)
        flat.sum(axis=0, out=gb)


def lstm_step(problem: Recurrent) -> Job:
    """One step of gradient descent, from zeros as the first state."""
    work, rate = Lstm(problem), np.float32(problem.learning_rate)
    p, g = work.p, work.g

    def run() -> float:
        loss = work.forward()
        work.backward()
        np.multiply(g.buffer, rate, g.buffer)
        np.subtract(p.buffer, g.buffer, p.buffer)
        return loss

    def reset() -> None:
        for name, value in problem.weights.items():
            p.views[name][...] = value

    reset()
    return Job(run, lambda: p.views, reset)


lstm_scan = lstm_step
