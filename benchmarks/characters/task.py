"""The work: which network, on which text, for how many steps; and what counting alone would reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nn.datasets import text

Numbers = NDArray[np.int64]
Batch = tuple[Numbers, Numbers]

HELD_OUT = 0.1  # the last part of the book
EPSILON = 1e-7  # of Adam, as in Keras


@dataclass(frozen=True)
class Task:
    """A network of characters and its training.

    Attributes:
        network: An LSTM, or a causal transformer.
        width: Of the embedding, the states and the blocks.
        rate: The learning rate of Adam.
        depth: Recurrent layers, or blocks.
        heads: Of the attention.
        length: Characters of a window.
        batch: Windows of a step.
        steps: How many.
        dtype: Of the weights.
        seed: Of the weights and of the order of the windows.
    """

    network: Literal["lstm", "transformer"]
    width: int
    rate: float
    depth: int = 1
    heads: int = 4
    length: int = 64
    batch: int = 32
    steps: int = 600
    dtype: str = "float32"
    seed: int = 0

    def __str__(self) -> str:
        parts = {"lstm": "LSTM layer", "transformer": "causal block"}[self.network]
        return (
            f"{self.depth} {parts}{'s' if self.depth > 1 else ''} of {self.width}, {self.batch} windows of "
            f"{self.length} characters a step, Adam at {self.rate:g}, {self.dtype}, seed {self.seed}"
        )


TASKS = {
    "lstm": Task("lstm", width=128, rate=1e-2),
    "transformer": Task("transformer", width=64, depth=2, rate=4e-3),
}


@dataclass(frozen=True, eq=False)
class Book:
    """A text as numbers from 0 to K - 1, the last part held out."""

    characters: str
    training: Numbers
    held_out: Numbers


def read() -> Book:
    """The embedded book."""
    whole = text.load_alice()
    characters = text.vocabulary(whole)
    numbers = text.encode(whole, characters)
    cut = round(len(numbers) * (1 - HELD_OUT))
    return Book(characters, numbers[:cut], numbers[cut:])


def batches(numbers: Numbers, task: Task) -> Iterator[Batch]:
    """Windows that begin anywhere, drawn from the task's seed, without end."""
    x, y = text.windows(numbers, task.length, 1)
    rng = np.random.default_rng(task.seed)
    while True:
        rows = rng.integers(len(x), size=task.batch)
        yield x[rows], y[rows]


def counting_bits(book: Book, order: int) -> float:
    """Bits per held-out character of a model that counts runs of `order` characters, one added to each count."""
    k = len(book.characters)

    def runs(numbers: Numbers) -> Numbers:
        grams = np.lib.stride_tricks.sliding_window_view(numbers, order)
        return np.asarray(grams @ k ** np.arange(order)[::-1])

    counts = 1.0 + np.bincount(runs(book.training), minlength=k**order).reshape(-1, k)
    p = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(p.ravel()[runs(book.held_out)]).mean())
