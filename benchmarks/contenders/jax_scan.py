"""JAX with a whole epoch in one `jit`: `lax.scan` over the full batches, one more step for the rest."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import problems
from benchmarks.contenders.jax import Trainer, Weights
from benchmarks.problems import Job, Mlp


def mlp_epoch(problem: Mlp) -> Job:
    """One shuffled pass over the rows; nothing returns to Python between its batches."""
    trainer = Trainer(problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.one_hot)
    rows, batch, rng = len(problem.x), problem.batch, np.random.default_rng(0)
    full = rows // batch * batch

    def epoch(p: Weights, v: Weights, x: jax.Array, y: jax.Array, order: jax.Array) -> Any:
        def body(carry: Any, index: jax.Array) -> Any:
            p, v, loss = trainer.gathered_descent(*carry, x, y, index)
            return (p, v), loss

        (p, v), losses = jax.lax.scan(body, (p, v), order[:full].reshape(-1, batch))
        total = losses.sum() * batch
        if full < rows:
            p, v, loss = trainer.gathered_descent(p, v, x, y, order[full:])
            total += loss * (rows - full)
        return p, v, total / rows

    compiled = jax.jit(epoch, donate_argnums=(0, 1))

    def run() -> Any:
        order = rng.permutation(rows).astype(np.int32)
        trainer.p, trainer.v, loss = jax.block_until_ready(compiled(trainer.p, trainer.v, x, y, order))
        return loss

    return Job(run, trainer.result, trainer.reset)


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    """A whole process of training; see `problems.cold`."""
    return problems.cold(mlp_epoch, epochs, evaluate)
