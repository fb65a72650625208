"""autograd_lite, the classifier in a hand-written loop."""

from __future__ import annotations

import numpy as np

from autograd_lite import Tensor
from benchmarks.contenders.autograd_lite import Through, as_it_is, classifier, named_weights, restart, set_weights
from benchmarks.problems import Array, Arrays, Job, Mlp
from nn import losses, optimizers


class Trainer:
    """A model, its loss and its optimizer."""

    def __init__(self, problem: Mlp) -> None:
        self.problem = problem
        self.model = classifier(*problem.widths)
        self.loss_of = losses.CategoricalCrossentropy()
        self.optimizer = optimizers.RMSprop(learning_rate=problem.learning_rate, parameters=self.model.parameters())
        self._restart = restart(self.optimizer)
        self.reset()

    def reset(self) -> None:
        """The problem's weights and an optimizer without a past."""
        set_weights(self.model, self.problem.weights)
        self._restart()

    def step(self, x: Array, y: Array) -> Tensor:
        """One step on a batch."""
        loss = self.loss_of(y, self.model(x))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    def result(self) -> Arrays:
        """The weights."""
        return named_weights(self.model, self.problem)


def mlp_epoch(problem: Mlp) -> Job:
    """One shuffled pass over the rows."""
    trainer = Trainer(problem)
    rows, batch, rng = len(problem.x), problem.batch, np.random.default_rng(0)

    def run() -> float:
        order = rng.permutation(rows)
        total = 0.0
        for start in range(0, rows, batch):
            index = order[start : start + batch]
            total += float(trainer.step(problem.x[index], problem.one_hot[index])) * len(index)
        return total / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp, through: Through = as_it_is) -> Job:
    """One step on all rows of the problem."""
    trainer = Trainer(problem)
    step = through(trainer.step)
    return Job(lambda: step(problem.x, problem.one_hot), trainer.result, trainer.reset)
