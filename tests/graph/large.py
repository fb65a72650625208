"""Graphs that are too large to be drawn whole: a transformer's training step, a deep perceptron, long loops."""

from __future__ import annotations

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor


def parameter(name: str, *shape: int) -> Tensor:
    return ag.tensor(np.ones(shape), requires_grad=True, name=name)


class Weights:
    """Parameters named after the module that asks for them."""

    def __init__(self) -> None:
        self.made: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        if name not in self.made:
            self.made[name] = ag.tensor(np.full(shape, 0.01, "float32"), requires_grad=True, name=name)
        return self.made[name]


def dense(w: Weights, path: str, x: Tensor, features: int) -> Tensor:
    with ag.extend.module_scope(path):
        return x @ w(f"{path}.kernel", x.shape[-1], features) + w(f"{path}.bias", features)


def layer_norm(w: Weights, path: str, x: Tensor) -> Tensor:
    with ag.extend.module_scope(path):
        centered = x - x.mean(axis=-1, keepdims=True)
        variance = (centered * centered).mean(axis=-1, keepdims=True)
        normal = centered / np.sqrt(variance + np.float32(1e-5))
        return normal * w(f"{path}.scale", x.shape[-1]) + w(f"{path}.shift", x.shape[-1])


def attention(w: Weights, path: str, x: Tensor, heads: int) -> Tensor:
    n, t, d = x.shape
    parts = [dense(w, f"{path}.{name}", x, d) for name in ("query", "key", "value")]
    with ag.extend.module_scope(path):
        q, k, v = (part.reshape(n, t, heads, d // heads).transpose(0, 2, 1, 3) for part in parts)
        scores = q @ k.transpose(0, 1, 3, 2) * np.float32((d // heads) ** -0.5)
        causal = np.triu(np.full((t, t), -1e9, "float32"), 1)
        mixed = ag.softmax(scores + causal, axis=-1) @ v
        joined = mixed.transpose(0, 2, 1, 3).reshape(n, t, d)
    return dense(w, f"{path}.out", joined, d)


def block(w: Weights, path: str, x: Tensor, heads: int) -> Tensor:
    attended = attention(w, f"{path}.attention", layer_norm(w, f"{path}.norm_1", x), heads)
    with ag.extend.module_scope(path):
        x = x + attended
    hidden = dense(w, f"{path}.mlp.up", layer_norm(w, f"{path}.norm_2", x), 4 * x.shape[-1])
    with ag.extend.module_scope(f"{path}.mlp"):
        hidden = ag.gelu(hidden)
    out = dense(w, f"{path}.mlp.down", hidden, x.shape[-1])
    with ag.extend.module_scope(path):
        return x + out


def transformer(blocks: int = 12, batch: int = 2, time: int = 8, width: int = 16, heads: int = 2) -> Tensor:
    """The loss of a decoder-only transformer with tied embeddings."""
    w, vocabulary = Weights(), 50
    tokens = ag.tensor(np.zeros((batch, time), "int64"), name="tokens")
    targets = np.zeros((batch, time, 1), "int64")
    with ag.record_source():
        with ag.extend.module_scope("embedding"):
            table = w("embedding.table", vocabulary, width)
            x = table[tokens] + w("embedding.positions", time, width)
        for i in range(blocks):
            x = block(w, f"block_{i}", x, heads)
        x = layer_norm(w, "norm", x)
        with ag.extend.module_scope("head"):
            logits = x @ table.T
        with ag.extend.module_scope("loss"):
            log_p = ag.log_softmax(logits, axis=-1)
            loss = -np.take_along_axis(log_p, targets, -1).mean()
    loss.name = "loss"
    return loss


def deep_perceptron(layers: int = 100) -> Tensor:
    """Layers that are alike but for their names, without modules."""
    x = ag.tensor(np.ones((4, 8)), name="x")
    for i in range(layers):
        x = np.tanh(x @ parameter(f"w{i}", 8, 8) + parameter(f"b{i}", 8))
    return (x * x).sum()


def chain(length: int = 50_000) -> Tensor:
    """One operation after the other."""
    y = parameter("x")
    for _ in range(length):
        y = y + 1.0
    return y


def irregular(length: int = 5000) -> Tensor:
    """A computation without modules in which nothing repeats."""
    rng = np.random.default_rng(0)
    values = [parameter(f"x{i}", 3) for i in range(4)]
    functions = [np.sin, np.cos, np.tanh, np.arctan, np.square, np.negative]
    for _ in range(length):
        a, b = rng.integers(max(0, len(values) - 6), len(values), 2)
        f = functions[rng.integers(len(functions))]
        values.append(f(values[a]) if rng.random() < 0.6 else values[a] * values[b])
    return sum(values[-6:], start=values[0] * 0.0).sum()  # type: ignore[return-value]
