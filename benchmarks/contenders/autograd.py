"""HIPS autograd: `value_and_grad` of functions written in its NumPy."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import hessian, hessian_vector_product, value_and_grad
from autograd.extend import defvjp_argnums, primitive

from benchmarks.problems import Array, Arrays, Chain, Job, Mlp, Model, Regression


def chain(problem: Chain) -> Job:
    inputs = (problem.h, problem.w, problem.x)
    gradients: list[Array] = []

    def forward(h: Any, w: Any, x: Any) -> Any:
        for _ in range(problem.links):
            h = anp.tanh(h * w + x)
        return anp.sum(h)

    both = value_and_grad(forward, argnum=(0, 1, 2))

    def run() -> Any:
        loss, gradients[:] = both(*inputs)
        return loss

    return Job(run, lambda: {f"g{name}": g for name, g in zip("hwx", gradients, strict=True)})


@primitive
def link(h: Any, w: Any, x: Any) -> Any:
    """One link of the chain, with the rule below."""
    return np.tanh(h * w + x)


def _link_vjp(argnums: Any, out: Any, args: Any, kwargs: Any) -> Any:
    def pull(g: Any) -> Any:
        slope = g * (1 - out * out)
        return [slope if i == 2 else slope * (args[1], args[0])[i] for i in argnums]

    return pull


defvjp_argnums(link, _link_vjp)


def primitive_chain(problem: Chain) -> Job:
    """The chain of calls of `link`."""
    inputs = (problem.h, problem.w, problem.x)
    found: list[Array] = []

    def forward(h: Any, w: Any, x: Any) -> Any:
        for _ in range(problem.links):
            h = link(h, w, x)
        return anp.sum(h)

    both = value_and_grad(forward, argnum=(0, 1, 2))

    def run() -> Any:
        loss, found[:] = both(*inputs)
        return loss

    return Job(run, lambda: {f"g{name}": g for name, g in zip("hwx", found, strict=True)})


def _cross_entropy(p: Any, x: Array, y: Array) -> Any:
    hidden = anp.maximum(anp.dot(x, p["w1"]) + p["b1"], 0)
    logits = anp.dot(hidden, p["w2"]) + p["b2"]
    shifted = logits - anp.max(logits, axis=1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - anp.sum(shifted * y, axis=1))


def _squared_error(p: Any, x: Array, y: Array) -> Any:
    hidden = anp.tanh(anp.dot(x, p["w1"]) + p["b1"])
    hidden = anp.tanh(anp.dot(hidden, p["w2"]) + p["b2"])
    return anp.mean((anp.dot(hidden, p["w3"]) + p["b3"] - y) ** 2)


class Trainer:
    """Weights, mean squares and the last gradients, all plain arrays."""

    def __init__(self, problem: Mlp | Regression) -> None:
        self.problem = problem
        self.reset()

    def reset(self) -> None:
        self.p = {name: a.copy() for name, a in self.problem.weights.items()}
        self.v = {name: np.zeros_like(a) for name, a in self.problem.weights.items()}
        self.g: Arrays = {}

    def rmsprop(self, rule: Mlp) -> None:
        for name, g in self.g.items():
            v = self.v[name]
            v *= rule.rho
            v += (1 - rule.rho) * g * g
            self.p[name] -= rule.learning_rate * g / np.sqrt(v + rule.epsilon)

    def result(self) -> Arrays:
        return {**self.p, **{f"g_{name}": g for name, g in self.g.items()}}


def mlp_epoch(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    both = value_and_grad(_cross_entropy)
    rows, batch, rng = len(problem.x), problem.batch, np.random.default_rng(0)

    def run() -> float:
        order = rng.permutation(rows)
        total = 0.0
        for start in range(0, rows, batch):
            index = order[start : start + batch]
            loss, trainer.g = both(trainer.p, problem.x[index], problem.one_hot[index])
            trainer.rmsprop(problem)
            total += float(loss) * len(index)
        return total / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    both = value_and_grad(_cross_entropy)

    def run() -> Any:
        loss, trainer.g = both(trainer.p, problem.x, problem.one_hot)
        trainer.rmsprop(problem)
        return loss

    return Job(run, trainer.result, trainer.reset)


def tiny_mlp(problem: Regression) -> Job:
    trainer = Trainer(problem)
    both = value_and_grad(_squared_error)

    def run() -> Any:
        loss, trainer.g = both(trainer.p, problem.x, problem.y)
        for name, g in trainer.g.items():
            trainer.p[name] -= problem.learning_rate * g
        return loss

    return Job(run, trainer.result, trainer.reset)


def model(problem: Model) -> Job:
    f, inputs = problem.function(anp), tuple(problem.inputs.values())
    found: Arrays = {}
    both = value_and_grad(f, argnum=tuple(range(len(inputs))))
    product, curvature = hessian_vector_product(f), hessian(f)

    def run() -> Any:
        if problem.want == "hvp":
            found["hvp"] = product(*inputs, problem.direction)
            return found["hvp"][0]
        loss, gradients = both(*inputs)
        found.update(zip(problem.inputs, gradients, strict=True))
        if problem.want == "hessian":
            found["hessian"] = curvature(*inputs)
        return loss

    return Job(run, lambda: found)
