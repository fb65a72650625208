"""MyGrad, with its memory guards off, which its documentation recommends for speed."""

from __future__ import annotations

from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.problems import Array, Arrays, Chain, Job, Mlp, Regression

mg.turn_memory_guarding_off()


def chain(problem: Chain) -> Job:
    h0, w, x = (mg.tensor(a) for a in (problem.h, problem.w, problem.x))

    def run() -> Any:
        for leaf in (h0, w, x):
            leaf.null_grad()
        h = h0
        for _ in range(problem.links):
            h = mg.tanh(h * w + x)
        loss = h.sum()
        loss.backward()
        return loss

    def result() -> Arrays:
        return {f"g{name}": t.grad for name, t in zip("hwx", (h0, w, x), strict=True)}

    return Job(run, result)


class Trainer:
    """Leaf tensors of the problem's weights; `null` and `descend` change them between steps."""

    def __init__(self, problem: Mlp | Regression) -> None:
        self.problem = problem
        self.reset()

    def reset(self) -> None:
        self.p = {name: mg.tensor(a) for name, a in self.problem.weights.items()}
        self.v = {name: np.zeros_like(a) for name, a in self.problem.weights.items()}

    def null(self) -> None:
        for t in self.p.values():
            t.null_grad()

    def rmsprop(self, rule: Mlp) -> None:
        for name, t in self.p.items():
            v, g = self.v[name], t.grad
            v *= rule.rho
            v += (1 - rule.rho) * g * g
            t.data -= rule.learning_rate * g / np.sqrt(v + rule.epsilon)

    def result(self) -> Arrays:
        gradients = {f"g_{name}": t.grad for name, t in self.p.items() if t.grad is not None}
        return {**{name: t.data for name, t in self.p.items()}, **gradients}

    def classify(self, rule: Mlp, x: Array, labels: Array) -> float:
        """One RMSprop step on a batch of rows."""
        p = self.p
        self.null()
        hidden = relu(mg.matmul(x, p["w1"]) + p["b1"])
        loss = softmax_crossentropy(mg.matmul(hidden, p["w2"]) + p["b2"], labels)
        loss.backward()
        self.rmsprop(rule)
        return float(loss)


def mlp_epoch(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    rows, batch, rng = len(problem.x), problem.batch, np.random.default_rng(0)

    def run() -> float:
        order = rng.permutation(rows)
        total = 0.0
        for start in range(0, rows, batch):
            index = order[start : start + batch]
            total += trainer.classify(problem, problem.x[index], problem.labels[index]) * len(index)
        return total / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    return Job(lambda: trainer.classify(problem, problem.x, problem.labels), trainer.result, trainer.reset)


def tiny_mlp(problem: Regression) -> Job:
    trainer = Trainer(problem)
    x, y = problem.x, problem.y

    def run() -> Any:
        p = trainer.p
        trainer.null()
        h = mg.tanh(mg.matmul(x, p["w1"]) + p["b1"])
        h = mg.tanh(mg.matmul(h, p["w2"]) + p["b2"])
        loss = mg.mean((mg.matmul(h, p["w3"]) + p["b3"] - y) ** 2)
        loss.backward()
        for t in p.values():
            t.data -= problem.learning_rate * t.grad
        return loss

    return Job(run, trainer.result, trainer.reset)
