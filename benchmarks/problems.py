"""The work that contenders are timed on, as plain NumPy data, and how their results are compared.

A contender turns a problem into a `Job`; the worker times `Job.run` and nothing else.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]

DATA_VARIABLE = "AUTOGRAD_LITE_DATA"
MNIST_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
PROBE_ROWS = 10_000  # rows on which the trained weights are judged


def _nothing() -> None:
    """The reset of a job that has no state."""


@dataclass(frozen=True)
class Job:
    """What a contender hands to the worker.

    Attributes:
        run: One unit of timed work; gives its loss.
        result: The arrays that the last run computed, outside the clock.
        reset: Brings back the initial state, outside the clock.
        read: Turns what `run` gave into a float, inside the clock: asynchronous work ends here.
    """

    run: Callable[[], Any]
    result: Callable[[], Arrays]
    reset: Callable[[], Any] = _nothing
    read: Callable[[Any], float] = float


@dataclass(frozen=True, eq=False)
class Chain:
    """`h = tanh(h * w + x)`, `links` times, then `sum(h)`: gradients of h, w and x are wanted."""

    h: Array
    w: Array
    x: Array
    links: int

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the loss and all gradients."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Regression:
    """A small tanh network with one output, mean squared error, plain gradient descent."""

    x: Array
    y: Array
    weights: Mapping[str, Array]
    learning_rate: float

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the weights after the last step."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Mlp:
    """The classifier `softmax(relu(x @ w1 + b1) @ w2 + b2)` under cross-entropy and RMSprop.

    Keras's RMSprop, whose epsilon stands inside the root:
    `v = rho * v + (1 - rho) * g**2` and `p -= learning_rate * g / sqrt(v + epsilon)`.
    """

    x: Array
    labels: Array
    weights: Mapping[str, Array]
    batch: int = 128
    learning_rate: float = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-7
    one_hot: Array = field(init=False)

    def __post_init__(self) -> None:
        classes = self.weights["b2"].size
        object.__setattr__(self, "one_hot", np.eye(classes, dtype=self.x.dtype)[self.labels])

    @property
    def widths(self) -> tuple[int, int, int]:
        """Inputs, hidden units and classes."""
        return *self.weights["w1"].shape, self.weights["b2"].size

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The loss of the trained weights on the first rows: orders of rows differ, losses do not."""
        logits = _logits(self.x[:PROBE_ROWS], result)
        logits -= logits.max(axis=1, keepdims=True)
        picked = (logits * self.one_hot[:PROBE_ROWS]).sum(axis=1)
        return {"trained": np.asarray((np.log(np.exp(logits).sum(axis=1)) - picked).mean())}


@dataclass(frozen=True, eq=False)
class Classes:
    """The mean cross-entropy of logits and labels; the gradient by the logits."""

    x: Array
    labels: Array

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the gradient."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Model:
    """A function of `benchmarks.models` with its data.

    Attributes:
        name: The function's name; PyTorch's twin has the same.
        loss: `loss(xp, *inputs, *data)`, a scalar.
        inputs: What is differentiated by, in order.
        data: Constants, in order.
        want: The value with all gradients; these and the Hessian; or the product of the Hessian with `direction`.
        direction: An array like the only input, for a product.
    """

    name: str
    loss: Callable[..., Any]
    inputs: Mapping[str, Array]
    data: Mapping[str, Array]
    want: Literal["gradient", "hessian", "hvp"] = "gradient"
    direction: Array | None = None

    def function(self, xp: Any, convert: Callable[[Array], Any] = np.asarray) -> Callable[..., Any]:
        """The loss as a function of the inputs alone, in the arrays that `xp` works on."""
        data = [convert(a) for a in self.data.values()]
        return lambda *inputs: self.loss(xp, *inputs, *data)

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: all derivatives."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Recurrent:
    """A recurrent layer of which every step's output has a target: mean squared error, plain gradient descent.

    Weights of an LSTM have the gates i, f, c, o side by side: `kernel` (D, 4H), `recurrent_kernel` (H, 4H), `bias`
    (4H,). Those of a GRU have the gates z, r, h, and `bias` (2, 3H).
    """

    x: Array
    y: Array
    weights: Mapping[str, Array]
    learning_rate: float

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the weights after the last step."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Convolutional:
    """Two convolutions with ReLU and pooling by 2, and a dense layer: cross-entropy, plain gradient descent.

    `w1` (3, 3, 1, F) and `w2` (3, 3, F, 2F) are kernels of 3x3 windows; `w3` (D, K) reads rows, columns, then channels.
    """

    x: Array
    labels: Array
    weights: Mapping[str, Array]
    learning_rate: float

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the weights after the last step."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Transformer:
    """A block of self-attention and two dense layers, each after a layer norm: mean squared error, plain descent.

    The weights have the paths, shapes and order of `nn.layers.TransformerBlock`'s.
    """

    x: Array
    y: Array
    heads: int
    weights: Mapping[str, Array]
    learning_rate: float

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the weights after the last step."""
        return dict(result)


@dataclass(frozen=True, eq=False)
class Update:
    """Steps of an optimizer, `Adam`, `RMSprop` or `SGD` with its default settings, by gradients that stay the same."""

    optimizer: str
    weights: Mapping[str, Array]
    gradients: Mapping[str, Array]
    learning_rate: float = 1e-3

    def summary(self, result: Mapping[str, Array]) -> Arrays:
        """The arrays that must agree between contenders: the weights after the last step."""
        return dict(result)


Problem = Chain | Classes | Regression | Mlp | Model | Recurrent | Convolutional | Transformer | Update


def _logits(x: Array, weights: Mapping[str, Array]) -> Array:
    hidden = np.maximum(x @ weights["w1"] + weights["b1"], 0)
    return np.asarray(hidden @ weights["w2"] + weights["b2"])


def dense_weights(*widths: int, seed: int = 0) -> Arrays:
    """Glorot-uniform kernels `w1, w2, …` of shape (D, K) and zero biases `b1, b2, …`, float32."""
    rng = np.random.default_rng(seed)
    weights: Arrays = {}
    for i, (d, k) in enumerate(pairwise(widths), start=1):
        bound = (6 / (d + k)) ** 0.5
        weights[f"w{i}"] = rng.uniform(-bound, bound, (d, k)).astype(np.float32)
        weights[f"b{i}"] = np.zeros(k, np.float32)
    return weights


def update(optimizer: str, *widths: int) -> Update:
    """An optimizer's steps on the weights of dense layers, by default those of the seed network."""
    weights = dense_weights(*(widths or (784, 512, 10)))
    rng = np.random.default_rng(5)
    gradients = {name: rng.normal(0, 1, w.shape).astype(np.float32) for name, w in weights.items()}
    return Update(optimizer, weights, gradients)


def chain(*shape: int, links: int) -> Chain:
    """A chain on float64 arrays of `shape`, contractive so that no value leaves the usual range."""
    rng = np.random.default_rng(0)
    h, x = rng.normal(size=(2, *shape))
    return Chain(h, rng.uniform(0.5, 0.9, shape), 0.1 * x, links)


def tiny() -> Regression:
    """A 2-16-16-1 network on a batch of 32."""
    x = np.random.default_rng(1).normal(size=(32, 2)).astype(np.float32)
    y = np.sin(2 * x[:, :1]) * x[:, 1:]
    return Regression(x, y, dense_weights(2, 16, 16, 1), learning_rate=0.05)


def classes(rows: int = 32, number: int = 50_000) -> Classes:
    """Random logits of many classes, as of a vocabulary, in float32."""
    rng = np.random.default_rng(9)
    return Classes(rng.normal(0, 3, (rows, number)).astype(np.float32), rng.integers(0, number, rows))


def convolutional(rows: int = 64, side: int = 28, filters: int = 32) -> Convolutional:
    """A small classifier of `rows` random images."""
    rng = np.random.default_rng(4)
    dense = (((side - 2) // 2 - 2) // 2) ** 2 * 2 * filters
    weights: Arrays = {}
    for i, shape in enumerate(((3, 3, 1, filters), (3, 3, filters, 2 * filters), (dense, 10)), start=1):
        weights[f"w{i}"] = rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype(np.float32)
        weights[f"b{i}"] = np.zeros(shape[-1], np.float32)
    x = rng.random((rows, side, side, 1), np.float32)
    return Convolutional(x, rng.integers(0, 10, rows), weights, learning_rate=0.01)


def recurrent(rows: int = 32, steps: int = 64, features: int = 128, units: int = 128, gates: int = 4) -> Recurrent:
    """An LSTM, or with 3 gates a GRU, on random sequences: `rows` of them, of `steps` steps."""
    rng = np.random.default_rng(3)
    bound = units**-0.5
    width = gates * units
    shapes = {
        "kernel": (features, width),
        "recurrent_kernel": (units, width),
        "bias": (2, width) if gates == 3 else (width,),
    }
    weights = {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}
    x = rng.normal(size=(rows, steps, features)).astype(np.float32)
    y = rng.uniform(-0.5, 0.5, (rows, steps, units)).astype(np.float32)
    return Recurrent(x, y, weights, learning_rate=0.1)


def transformer(rows: int = 16, steps: int = 64, features: int = 128, heads: int = 4) -> Transformer:
    """A block on random sequences, whose dense layers have 4 times as many features between them."""
    rng = np.random.default_rng(5)
    split, inner = (heads, features // heads), 4 * features
    maps: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        **{f"attention.{part}": ((features,), split) for part in ("query", "key", "value")},
        "attention.attention_output": (split, (features,)),
        "dense": ((features,), (inner,)),
        "dense_output": ((inner,), (features,)),
    }
    weights: Arrays = {}
    for norm in ("attention_norm", "dense_norm"):
        weights[f"{norm}.gamma"] = rng.uniform(0.8, 1.2, features).astype(np.float32)
        weights[f"{norm}.beta"] = rng.uniform(-0.2, 0.2, features).astype(np.float32)
    for path, (inputs, outputs) in maps.items():
        bound = (6 / (np.prod(inputs) + np.prod(outputs))) ** 0.5
        weights[f"{path}.kernel"] = rng.uniform(-bound, bound, (*inputs, *outputs)).astype(np.float32)
        weights[f"{path}.bias"] = rng.uniform(-0.1, 0.1, outputs).astype(np.float32)
    x, y = rng.normal(size=(2, rows, steps, features)).astype(np.float32)
    return Transformer(x, y, heads, weights, learning_rate=0.1)


def random_mlp(rows: int, *widths: int, batch: int) -> Mlp:
    """A classifier on random data, for tests."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(rows, widths[0])).astype(np.float32)
    labels = rng.integers(widths[-1], size=rows)
    return Mlp(x, labels, dense_weights(*widths), batch)


def blank_mlp(rows: int = 128) -> Mlp:
    """The seed network with a batch of noise."""
    return random_mlp(rows, 784, 512, 10, batch=rows)


def mnist_mlp(rows: int | None = None) -> Mlp:
    """The 784-512-10 classifier on (the first `rows` of) the MNIST training set."""
    data = load_mnist()
    x, labels = flat_images(data["x_train"][:rows]), data["y_train"][:rows].astype(np.int64)
    return Mlp(x, labels, dense_weights(784, 512, 10))


def flat_images(images: Array) -> Array:
    """Images (N, 28, 28) of bytes as float32 rows (N, 784) in [0, 1]."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= 255
    return x


def load_mnist() -> Arrays:
    """MNIST from the folder that AUTOGRAD_LITE_DATA names, else what `nn.datasets.mnist` has: all or its sample."""
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        return {name: _read_idx(Path(folder) / file) for name, file in MNIST_FILES.items()}
    from nn.datasets import mnist

    full, _ = mnist.available()
    (x_train, y_train), (x_test, y_test) = mnist.load_data() if full else mnist.load_sample()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _read_idx(path: Path) -> Array:
    """An IDX file of bytes: two zero bytes, a type byte, the rank, then big-endian sizes."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def cold(setup: Callable[[Mlp], Job], epochs: int, evaluate: bool) -> dict[str, float]:
    """A whole training process of a peer: load, prepare, train and, if asked, evaluate."""
    data = load_mnist()
    x, labels = flat_images(data["x_train"]), data["y_train"].astype(np.int64)
    job = setup(Mlp(x, labels, dense_weights(784, 512, 10)))
    job.reset()
    for _ in range(epochs):
        loss = job.read(job.run())
    if not evaluate:
        return {"loss": loss}
    guesses = _logits(flat_images(data["x_test"]), job.result()).argmax(axis=1)
    return {"loss": loss, "accuracy": float((guesses == data["y_test"]).mean())}


def digest(arrays: Mapping[str, Array | float]) -> dict[str, tuple[float, float]]:
    """Each array as its norm and its projection on a fixed vector: short enough for a pipe."""
    short = {}
    for name, array in arrays.items():
        flat = np.asarray(array, np.float64).ravel()
        probe = np.cos(np.arange(flat.size))
        short[name] = (float(np.linalg.norm(flat)), float(flat @ probe))
    return short


def disagreements(
    values: Mapping[str, tuple[float, float]], reference: Mapping[str, tuple[float, float]], rtol: float
) -> list[str]:
    """Names whose digests differ by more than `rtol` times the reference's norm."""
    return [
        name
        for name in values
        if name in reference
        and not all(abs(a - b) <= rtol * reference[name][0] for a, b in zip(values[name], reference[name], strict=True))
    ]
