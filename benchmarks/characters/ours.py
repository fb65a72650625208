"""The networks and their training with nn."""

from __future__ import annotations

import math

import autograd_lite as ag
import nn
from benchmarks.characters.task import EPSILON, Numbers, Task
from nn import layers, losses, optimizers
from nn.datasets import text


def network(task: Task, characters: int) -> nn.Sequential:
    """The task's network, with weights from its seed; it takes (N, T) numbers and returns (N, T, K) logits."""
    nn.set_seed(task.seed)
    kind = {"dtype": task.dtype}
    parts: list[nn.Module] = [layers.Embedding(characters, task.width, "random_normal", name="embedding", **kind)]
    if task.network == "lstm":
        for i in range(task.depth):
            parts.append(layers.LSTM(task.width, return_sequences=True, name=f"lstm_{i}", **kind))
    else:
        parts.append(layers.PositionalEmbedding(task.length, "random_normal", name="positions", **kind))
        for i in range(task.depth):
            parts.append(layers.TransformerBlock(task.heads, causal=True, name=f"block_{i}", **kind))
        parts.append(layers.LayerNormalization(epsilon=1e-5, name="norm", **kind))
    parts.append(layers.Dense(characters, name="dense", **kind))
    return nn.Sequential([nn.Input((task.length,), dtype="int64"), *parts], dtype=task.dtype)


class Trainer:
    """The usual loop with nn."""

    def __init__(self, task: Task, characters: int) -> None:
        self.task = task
        self.model = network(task, characters)
        self.loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        self.optimizer = optimizers.Adam(task.rate, epsilon=EPSILON, parameters=self.model.parameters())

    def step(self, x: Numbers, y: Numbers) -> float:
        """One step; returns the loss before it."""
        loss = self.loss(y, self.model(x))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def bits(self, numbers: Numbers) -> float:
        """Bits per character of a text, read in windows side by side."""
        x, y = text.windows(numbers, self.task.length)
        total = 0.0
        with ag.no_grad(), self.model.mode(training=False):
            for start in range(0, len(x), self.task.batch):
                rows = slice(start, start + self.task.batch)
                total += self.loss(y[rows], self.model(x[rows])).item() * len(x[rows])
        return total / len(x) / math.log(2)
