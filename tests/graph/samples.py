"""Computations whose graphs the tests of this folder look at. Each function records one anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from .calls import CALLS
from .large import transformer


def parameter(name: str, *shape: int, dtype: str = "float64") -> Tensor:
    return ag.tensor(np.ones(shape, dtype), requires_grad=True, name=name)


def perceptron() -> Tensor:
    """A two-layer perceptron, its loss written by hand, in two modules."""
    x = ag.tensor(np.ones((128, 784), "float32"), name="x")
    y = ag.tensor(np.ones((128, 10), "float32"), name="y")
    w1, b1 = parameter("dense_1.weight", 784, 512, dtype="float32"), parameter("dense_1.bias", 512, dtype="float32")
    w2, b2 = parameter("dense_2.weight", 512, 10, dtype="float32"), parameter("dense_2.bias", 10, dtype="float32")
    with ag.record_source():
        with ag.extend.module_scope("dense_1"):
            hidden = ag.relu(x @ w1 + b1)
        with ag.extend.module_scope("dense_2"):
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


def scalar() -> Tensor:
    """The smallest expression with a branch: y = x² + 3x."""
    x = ag.tensor(2.0, requires_grad=True, name="x")
    y = x**2 + 3.0 * x
    y.name = "y"
    return y


def broadcast() -> Tensor:
    """A column, a row and a number, of three dtypes, that meet in one matrix."""
    column, row = parameter("column", 3, 1, dtype="float32"), parameter("row", 4)
    return ((column + row) * np.float16(2.0) - row.mean()).sum()


def views() -> Tensor:
    """Assignment to a part of a tensor, and views of it."""
    x = parameter("x", 3, 4)
    y = x * 2.0
    y[0] = np.arange(4.0)
    y[1:, ::2] *= y[1:, 1::2]
    return (y.T.reshape(2, 6)[:, ::-1] * y.reshape(2, 6)).sum()


def no_grad() -> Tensor:
    """A branch that no gradient flows through."""
    x = parameter("x", 5)
    with ag.no_grad():
        scale = np.sqrt((x * x).sum())
    return (x / scale - x.detach()).sum()


def double_backward() -> Tensor:
    """A gradient as a part of the loss."""
    x = parameter("x", 4)
    y = (np.tanh(x) ** 3).sum()
    y.backward(create_graph=True)
    gradient, x.grad = x.grad, None
    assert gradient is not None
    return (gradient * gradient).sum() + y


def tied() -> Tensor:
    """One table of weights that two modules read."""
    table, tokens = parameter("embedding.table", 7, 4), ag.tensor(np.array([[1, 2, 6]]), name="tokens")
    with ag.record_source():
        with ag.extend.module_scope("embedding"):
            x = table[tokens]
        with ag.extend.module_scope("head"):
            logits = np.tanh(x) @ table.T
    return ag.logsumexp(logits, axis=-1).sum()


def blocks() -> Tensor:
    """Three blocks of a transformer, which fold into one."""
    return transformer(blocks=3)


def not_finite() -> Tensor:
    """log(0), and what comes of it."""
    x = ag.tensor(np.array([0.0, 1.0, 4.0]), requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        return (np.log(x) * x).sum() / np.sqrt(x).min()


def unused() -> list[Tensor]:
    """A parameter on no way to the loss, which is a result of its own."""
    x, used, idle = ag.tensor(np.ones(3), name="x"), parameter("used", 3), parameter("idle", 2, 2)
    return [(x * used).sum(), idle]


def empty() -> Tensor:
    """Axes of length 0, and a tensor without elements."""
    x = parameter("x", 0, 3)
    return (x @ parameter("w", 3, 0)).sum() + np.concatenate([x, parameter("y", 2, 3)]).sum()


def control_flow() -> Tensor:
    """Loops and branches of Python, which leave no trace but what ran; and `where`, which computes both sides."""
    x = ag.tensor(1.5, requires_grad=True, name="x")
    steps = 0
    while x.item() < 100.0 and steps < 5:
        x = x * x if steps % 2 else x + 1.0
        steps += 1
    return np.where(x > 10.0, np.log(x), -x)


SAMPLES: dict[str, Callable[[], Tensor | list[Tensor]]] = {
    "perceptron": perceptron,
    "diamond": diamond,
    "recurrent": recurrent,
    "dropout": dropout,
    "indexing": indexing,
    "several": several,
    "scalar": scalar,
    "broadcast": broadcast,
    "views": views,
    "no_grad": no_grad,
    "double_backward": double_backward,
    "tied": tied,
    "blocks": blocks,
    "not_finite": not_finite,
    "unused": unused,
    "empty": empty,
    "control_flow": control_flow,
    **CALLS,
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
