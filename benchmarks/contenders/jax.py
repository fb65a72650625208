"""JAX with `jit` around the whole of the work; buffers of weights and state are donated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import problems
from benchmarks.contenders.jax_models import SCANNED
from benchmarks.problems import (
    Arrays,
    Chain,
    Convolutional,
    Job,
    Mlp,
    Model,
    Recurrent,
    Regression,
    Transformer,
)

Weights = dict[str, jax.Array]
Trained = Regression | Convolutional | Recurrent | Transformer


def chain(problem: Chain) -> Job:
    jax.config.update("jax_enable_x64", True)
    inputs = [jnp.asarray(a) for a in (problem.h, problem.w, problem.x)]
    gradients: list[jax.Array] = []

    def forward(h: jax.Array, w: jax.Array, x: jax.Array) -> jax.Array:
        for _ in range(problem.links):
            h = jnp.tanh(h * w + x)
        return h.sum()

    compiled = jax.jit(jax.value_and_grad(forward, argnums=(0, 1, 2)))

    def run() -> jax.Array:
        loss, gradients[:] = jax.block_until_ready(compiled(*inputs))
        return loss

    def result() -> Arrays:
        return {f"g{name}": np.asarray(g) for name, g in zip("hwx", gradients, strict=True)}

    return Job(run, result)


def _cross_entropy(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
    hidden = jax.nn.relu(x @ p["w1"] + p["b1"])
    return -(y * jax.nn.log_softmax(hidden @ p["w2"] + p["b2"])).sum(axis=1).mean()


def _squared_error(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
    hidden = jnp.tanh(jnp.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])
    return ((hidden @ p["w3"] + p["b3"] - y) ** 2).mean()


class Trainer:
    """Weights and mean squares of the classifier, and its compiled steps."""

    def __init__(self, problem: Mlp) -> None:
        self.problem = problem
        self.step = jax.jit(self.descend, donate_argnums=(0, 1))
        self.gathered_step = jax.jit(self.gathered_descent, donate_argnums=(0, 1))
        self.reset()

    def reset(self) -> None:
        self.p: Weights = {name: jnp.array(a) for name, a in self.problem.weights.items()}
        self.v: Weights = {name: jnp.zeros_like(a) for name, a in self.p.items()}

    def descend(self, p: Weights, v: Weights, x: jax.Array, y: jax.Array) -> tuple[Weights, Weights, jax.Array]:
        rule = self.problem
        loss, g = jax.value_and_grad(_cross_entropy)(p, x, y)
        v = jax.tree.map(lambda v, g: rule.rho * v + (1 - rule.rho) * g * g, v, g)
        move = lambda p, g, v: p - rule.learning_rate * g / jnp.sqrt(v + rule.epsilon)  # noqa: E731
        return jax.tree.map(move, p, g, v), v, loss

    def gathered_descent(
        self, p: Weights, v: Weights, x: jax.Array, y: jax.Array, index: jax.Array
    ) -> tuple[Weights, Weights, jax.Array]:
        return self.descend(p, v, x[index], y[index])

    def result(self) -> Arrays:
        return {name: np.asarray(a) for name, a in self.p.items()}


def mlp_epoch(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.one_hot)
    rows, batch, rng = len(problem.x), problem.batch, np.random.default_rng(0)

    def run() -> float:
        order = rng.permutation(rows).astype(np.int32)
        losses, p, v = [], trainer.p, trainer.v
        for start in range(0, rows, batch):
            index = order[start : start + batch]
            p, v, loss = trainer.gathered_step(p, v, x, y, index)
            losses.append((loss, len(index)))
        trainer.p, trainer.v = jax.block_until_ready((p, v))
        return sum(float(loss) * n for loss, n in losses) / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp) -> Job:
    trainer = Trainer(problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.one_hot)

    def run() -> jax.Array:
        trainer.p, trainer.v, loss = trainer.step(trainer.p, trainer.v, x, y)
        return loss

    return Job(run, trainer.result, trainer.reset)


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    return problems.cold(mlp_epoch, epochs, evaluate)


def _descent(problem: Trained, loss_of: Callable[[Weights], jax.Array]) -> Job:
    """Steps of plain gradient descent, each of them compiled as a whole."""
    state: dict[str, Any] = {}

    @partial(jax.jit, donate_argnums=0)
    def step(p: Weights) -> tuple[Weights, jax.Array]:
        loss, g = jax.value_and_grad(loss_of)(p)
        return jax.tree.map(lambda p, g: p - problem.learning_rate * g, p, g), loss

    def run() -> jax.Array:
        state["p"], loss = step(state["p"])
        return loss

    def reset() -> None:
        state["p"] = {name: jnp.array(a) for name, a in problem.weights.items()}

    reset()
    return Job(run, lambda: {name: np.asarray(a) for name, a in state["p"].items()}, reset)


def tiny_mlp(problem: Regression) -> Job:
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)
    return _descent(problem, lambda p: _squared_error(p, x, y))


def cnn_step(problem: Convolutional) -> Job:
    x, labels = jnp.asarray(problem.x), jnp.asarray(problem.labels)
    convolve = partial(jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def loss_of(p: Weights) -> jax.Array:
        h = x
        for i in (1, 2):
            h = jax.nn.relu(convolve(h, p[f"w{i}"], (1, 1), "VALID") + p[f"b{i}"])
            h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        logits = h.reshape(len(x), -1) @ p["w3"] + p["b3"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    return _descent(problem, loss_of)


def lstm_scan(problem: Recurrent) -> Job:
    x, y = jnp.asarray(problem.x.swapaxes(0, 1)), jnp.asarray(problem.y.swapaxes(0, 1))
    start = jnp.zeros(y.shape[1:])

    def loss_of(p: Weights) -> jax.Array:
        def cell(carry: Any, inputs: jax.Array) -> Any:
            h, c = carry
            i, f, m, o = jnp.split(inputs + h @ p["recurrent_kernel"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(m)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        _, h = jax.lax.scan(cell, (start, start), x @ p["kernel"] + p["bias"])
        return ((h - y) ** 2).mean()

    return _descent(problem, loss_of)


def transformer_step(problem: Transformer) -> Job:
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)

    def loss_of(p: Weights) -> jax.Array:
        def norm(h: jax.Array, name: str) -> jax.Array:
            h = h - h.mean(axis=-1, keepdims=True)
            return h / jnp.sqrt((h**2).mean(axis=-1, keepdims=True) + 1e-5) * p[f"{name}.gamma"] + p[f"{name}.beta"]

        h = norm(x, "attention_norm")
        q, k, v = (
            jnp.einsum("btd,dhk->bhtk", h, p[f"attention.{part}.kernel"]) + p[f"attention.{part}.bias"][:, None]
            for part in ("query", "key", "value")
        )
        weights = jax.nn.softmax(jnp.einsum("bhtk,bhsk->bhts", q, k) / q.shape[-1] ** 0.5)
        joined = jnp.einsum("bhts,bhsk,hkd->btd", weights, v, p["attention.attention_output.kernel"])
        h = x + joined + p["attention.attention_output.bias"]
        inner = jax.nn.gelu(norm(h, "dense_norm") @ p["dense.kernel"] + p["dense.bias"], approximate=False)
        h = h + inner @ p["dense_output.kernel"] + p["dense_output.bias"]
        return ((h - y) ** 2).mean()

    return _descent(problem, loss_of)


def model(problem: Model) -> Job:
    """The function under one `jit`, data and all passed in; compilation happens before the clock starts."""
    loss_of = SCANNED.get(problem.name) or partial(problem.loss, jnp)
    jax.config.update("jax_enable_x64", True)
    inputs, data = (tuple(jnp.asarray(a) for a in part.values()) for part in (problem.inputs, problem.data))
    direction = None if problem.direction is None else jnp.asarray(problem.direction)

    def derivatives(inputs: Any, data: Any, direction: Any) -> Any:
        f = lambda *xs: loss_of(*xs, *data)  # noqa: E731
        if problem.want == "hvp":
            product = jax.jvp(jax.grad(f), inputs, (direction,))[1]
            return product[0], {"hvp": product}
        loss, gradients = jax.value_and_grad(f, argnums=tuple(range(len(inputs))))(*inputs)
        found = dict(zip(problem.inputs, gradients, strict=True))
        return loss, (found | {"hessian": jax.hessian(f)(*inputs)} if problem.want == "hessian" else found)

    compiled, found = jax.jit(derivatives), {}

    def run() -> jax.Array:
        loss, last = jax.block_until_ready(compiled(inputs, data, direction))
        found.update(last)
        return loss

    return Job(run, lambda: {name: np.asarray(a) for name, a in found.items()})
