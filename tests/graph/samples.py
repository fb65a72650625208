"""Computations whose graphs the tests of this folder look at. Each function records one anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor


def parameter(name: str, *shape: int, dtype: str = "float64") -> Tensor:
    return ag.tensor(np.ones(shape, dtype), requires_grad=True, name=name)


def perceptron() -> Tensor:
    """A two-layer perceptron, its loss written by hand, in two modules."""
    x = ag.tensor(np.ones((128, 784), "float32"), name="x")
    y = ag.tensor(np.ones((128, 10), "float32"), name="y")
    w1, b1 = parameter("dense_1.weight", 784, 512, dtype="float32"), parameter("dense_1.bias", 512, dtype="float32")
    w2, b2 = parameter("dense_2.weight", 512, 10, dtype="float32"), parameter("dense_2.bias", 10, dtype="float32")
    with ag.record_source():
        with ag.module_scope("dense_1"):
            hidden = ag.relu(x @ w1 + b1)
        with ag.module_scope("dense_2"):
            logits = hidden @ w2 + b2
        loss = -(ag.log_softmax(logits) * y).sum(axis=1).mean()
    loss.name = "loss"
    return loss


def diamond() -> Tensor:
    """Nodes that several others read, one of them twice, and arguments that arrive out of order."""
    x = ag.tensor(2.0, requires_grad=True, name="x")
    a = np.sin(x)
    b = np.exp(a)
    c = a * b
    e = (c - a) / b
    return e * e + x**2 - 3.0 * c


def recurrent(steps: int = 5) -> Tensor:
    """A recurrent network, unrolled: three parameters that every step reads."""
    w_x, w_h, b = parameter("W_x", 8, 16), parameter("W_h", 16, 16), parameter("b", 16)
    h = ag.tensor(np.zeros((4, 16)), name="h0")
    for t in range(steps):
        x = ag.tensor(np.ones((4, 8)), name=f"x{t}")
        h = np.tanh(x @ w_x + h @ w_h + b)
    return (h * h).mean()


def dropout() -> Tensor:
    """Two random draws from one generator and one from another; constants of every kind."""
    x = parameter("x", 4, 100)
    other = ag.Generator(1, name="noise")
    kept = x * ag.random.bernoulli((4, 100), 0.5) / 0.5
    noisy = kept + ag.random.normal((4, 100)) + ag.random.normal((4, 100), generator=other)
    scaled = noisy * np.full((4, 100), 2.0) + np.full((4, 100), 2.0)
    return (scaled * np.float32(0.5) + np.array(3)).sum()


def indexing() -> Tensor:
    """Parameters of every kind: slices, arrays, None and Ellipsis in an index, axes, shapes, dtypes."""
    x = parameter("table", 10, 6)
    rows = x[np.array([2, 0, 2])]
    part = x[1:9:2, ..., None, -1]
    joined = np.concatenate([rows.reshape(-1), part.reshape(-1), x.T[0]])
    return joined.astype("float32").sum(keepdims=True)


def several() -> list[Tensor]:
    """Three outputs: one inside the other, and a leaf."""
    x, scale = ag.tensor([1.0, 2.0], name="x"), parameter("scale", 2)
    y = x * scale
    z = np.cos(y)
    y.name, z.name = "y", "z"
    return [z, y, scale]


SAMPLES: dict[str, Callable[[], Tensor | list[Tensor]]] = {
    "perceptron": perceptron,
    "diamond": diamond,
    "recurrent": recurrent,
    "dropout": dropout,
    "indexing": indexing,
    "several": several,
}

HOSTILE = [
    "<lambda>",
    "</script><script>alert(1)</script>",
    "]]>",
    "say \"hi\" 'there'",
    "back\\slash\\N\\G\\",
    "a:b:c",
    "two\nlines\r\n\tand a tab",
    "{a|b} <port>",
    "&lt;&amp;&#0;",
    "🙂👩‍👩‍👧",
    "漢字 עברית ﷽",
    "\x00\x01\x1b[31m\x7f\x85",
    "\u202eright to left\u2066",
    "half \ud83d pair",
    "\ufffe\uffff",
    "x" * 10_000,
    "subgraph",
    "-->",
    " ",
]
