"""Graphs that are hard to draw: wide, long or repetitive ones, as people meet them. Each function records one anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from nn import layers, losses, models

from .large import chain, deep_perceptron, irregular, parameter, transformer


def residual_block(filters: int, stride: int) -> list[layers.Layer]:
    """A block of ResNet-18: two convolutions with batch normalisation, and a projection where the size changes."""
    inner = [
        layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Conv2D(filters, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
    ]
    shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False) if stride > 1 else None
    return [layers.Residual(inner, shortcut) if shortcut else layers.Residual(inner), layers.Activation("relu")]


def resnet() -> Tensor:
    """The training loss of a ResNet with the eighteen layers of the paper, on tiny pictures."""
    network = models.Sequential([layers.Conv2D(4, 3, padding="same", use_bias=False), layers.BatchNormalization()])
    network.add(layers.Activation("relu"))
    for k, filters in enumerate((4, 8, 16, 32)):
        for layer in (*residual_block(filters, 1 + (k > 0)), *residual_block(filters, 1)):
            network.add(layer)
    network.add(layers.GlobalAveragePooling2D())
    network.add(layers.Dense(10, activation="softmax"))
    images = ag.tensor(np.ones((2, 16, 16, 3), "float32"), name="images")
    with ag.record_source():
        return losses.CategoricalCrossentropy()(np.eye(10, dtype="float32")[[1, 2]], network(images, training=True))


def leaves(n: int = 30) -> Tensor:
    """One operation that reads many leaves."""
    return np.concatenate([parameter(f"features_{i}", 4) for i in range(n)]).sum()


def sum_of_leaves(n: int = 30) -> Tensor:
    """Many leaves added one after the other."""
    return sum((parameter(f"w{i}") for i in range(1, n)), start=parameter("w0"))  # type: ignore[return-value]


def unrolled(steps: int = 50) -> Tensor:
    """A recurrent network, unrolled, with a loss at every step."""
    w_x, w_h, b, w_y = parameter("W_x", 3, 4), parameter("W_h", 4, 4), parameter("b", 4), parameter("W_y", 4, 2)
    h, total = ag.tensor(np.zeros((2, 4)), name="h0"), ag.tensor(0.0)
    for t in range(steps):
        h = np.tanh(ag.tensor(np.ones((2, 3)), name=f"x{t}") @ w_x + h @ w_h + b)
        total = total + ((h @ w_y - ag.tensor(np.ones((2, 2)), name=f"y{t}")) ** 2).mean()
    return total


def regularized(terms: int = 30) -> Tensor:
    """A loss with a penalty on each of many weights."""
    weights = [parameter(f"w{i}", 3, 3) for i in range(terms)]
    h = ag.tensor(np.ones((2, 3)), name="x")
    for w in weights[:3]:
        h = np.tanh(h @ w)
    loss = (h * h).mean()
    for w in weights:
        loss = loss + 1e-4 * (w**2).sum()
    return loss


def branches(n: int = 200) -> Tensor:
    """A sum over many branches that differ."""
    x, functions = parameter("x", 3), (np.sin, np.cos, np.tanh, np.exp, np.arctan)
    made = [functions[i * i % 5](x * float(i)) for i in range(n)]
    return np.stack(made).sum()


def fan(n: int = 200) -> Tensor:
    """Many readers of one value, each a result of its own kind, added up pairwise."""
    x = parameter("x", 3)
    rows = [np.sin(x * float(i)) for i in range(n)]
    while len(rows) > 1:
        rows = [a + b for a, b in zip(rows[::2], rows[1::2], strict=False)] + rows[len(rows) & ~1 :]
    return rows[0].sum()


def adam_step(depth: int = 12) -> Tensor:
    """A deep perceptron whose weights an Adam step changes, with the loss after it."""
    weights = [parameter(f"w{i}", 4, 4) for i in range(depth)]
    means = [ag.tensor(np.zeros((4, 4)), name=f"m{i}") for i in range(depth)]
    squares = [ag.tensor(np.ones((4, 4)), name=f"v{i}") for i in range(depth)]

    def loss(current: list[Tensor]) -> Tensor:
        h = ag.tensor(np.ones((2, 4)), name="x")
        for w in current:
            h = np.tanh(h @ w)
        return (h * h).mean()

    loss(weights).backward(create_graph=True)
    gradients = [w.grad for w in weights]
    moved = []
    for w, g, m, v in zip(weights, gradients, means, squares, strict=True):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        moved.append(w - 1e-3 * (m / 0.1) / (np.sqrt(v / 0.001) + 1e-8))
    return loss(moved)


HARD: dict[str, Callable[[], Tensor]] = {
    "resnet": resnet,
    "leaves": leaves,
    "sum_of_leaves": sum_of_leaves,
    "unrolled": unrolled,
    "regularized": regularized,
    "branches": branches,
    "fan": fan,
    "adam_step": adam_step,
    "chain_140": lambda: chain(140),
    "chain_2000": lambda: chain(2000),
    "irregular_120": lambda: irregular(100),
    "irregular_2000": lambda: irregular(2000),
    "perceptron": deep_perceptron,
    "perceptron_20": lambda: deep_perceptron(20),
    "transformer": transformer,
}
