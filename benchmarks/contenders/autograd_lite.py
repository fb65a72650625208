"""autograd_lite: the Keras face for the classifier, a hand-written loop elsewhere, operators and methods for chains.

Everything runs eagerly. `autograd_lite_compiled` has the same work, with each step handed `through` its compiler.
"""

from __future__ import annotations

import gc
import mmap
import time
import tracemalloc
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from benchmarks.problems import (
    Array,
    Arrays,
    Chain,
    Classes,
    Convolutional,
    Job,
    Mlp,
    Model,
    Recurrent,
    Regression,
    Transformer,
    Update,
    dense_weights,
    flat_images,
)
from nn import layers, losses, models, optimizers, set_seed
from nn.datasets import mnist
from nn.utils import to_categorical

# As a program does that computes eagerly with large arrays. PyTorch keeps freed memory by itself.
ag.keep_freed_memory()

Through = Callable[[Callable[..., Any]], Callable[..., Any]]


def as_it_is(f: Callable[..., Any]) -> Callable[..., Any]:
    """What eager work is handed through."""
    return f


def restart(optimizer: optimizers.Optimizer) -> Callable[[], None]:
    """What makes an optimizer forget all of its steps."""
    state = optimizer.state_dict()
    return lambda: optimizer.load_state_dict(state)


def leaves(problem: Chain) -> list[Tensor]:
    """The three inputs of a chain as tensors that want a gradient."""
    return [ag.tensor(a, requires_grad=True) for a in (problem.h, problem.w, problem.x)]


def gradients(inputs: list[Tensor]) -> Arrays:
    """The gradients that a chain has left on its inputs."""
    named = zip(("gh", "gw", "gx"), inputs, strict=True)
    return {name: t.grad.numpy() for name, t in named if t.grad is not None}


def chain(problem: Chain, through: Through = as_it_is) -> Job:
    """The chain spelled with operators and the method `tanh`."""
    inputs = h0, w, x = leaves(problem)
    links = problem.links

    def run() -> Tensor:
        h0.grad = w.grad = x.grad = None
        h = h0
        for _ in range(links):
            h = (h * w + x).tanh()
        loss = h.sum()
        loss.backward()
        return loss

    return Job(through(run), lambda: gradients(inputs))


@ag.primitive
def link(h: Any, w: Any, x: Any) -> Any:
    """One link of the chain, with the rule below."""
    return np.tanh(h * w + x)


@link.def_vjps
def _link_vjps(argnums: Any, g: Any, out: Any, h: Any, w: Any, x: Any) -> Any:
    slope = g * (1 - out * out)
    return [slope if i == 2 else slope * (w, h)[i] for i in argnums]


def primitive_chain(problem: Chain) -> Job:
    """The chain of calls of `link`."""
    inputs = h0, w, x = leaves(problem)

    def run() -> Tensor:
        h0.grad = w.grad = x.grad = None
        h = h0
        for _ in range(problem.links):
            h = link(h, w, x)
        loss = h.sum()
        loss.backward()
        return loss

    return Job(run, lambda: gradients(inputs))


def classifier(d: int, f: int, k: int) -> models.Sequential:
    """The network of the problem, as a Keras user writes it: `d` inputs, `f` hidden units, `k` classes."""
    return models.Sequential(
        [layers.Dense(f, activation="relu", input_shape=(d,)), layers.Dense(k, activation="softmax")]
    )


def compiled(model: models.Sequential, jit_compile: bool | str = False) -> models.Sequential:
    """The same model with a fresh optimizer."""
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
    return model


def set_weights(model: models.Sequential, weights: Mapping[str, Array]) -> None:
    """Copies the problem's weights into the model, in the order of its layers."""
    for p, a in zip(model.parameters(), weights.values(), strict=True):
        p.assign(a)


def named_weights(model: models.Sequential, problem: Mlp | Regression) -> Arrays:
    """The model's weights under the problem's names, with the gradients that are there."""
    named: Arrays = {}
    for name, p in zip(problem.weights, model.parameters(), strict=True):
        named[name] = p.numpy()
        if p.grad is not None:
            named[f"g_{name}"] = p.grad.numpy()
    return named


class Keras:
    """The classifier in the Keras face."""

    def __init__(self, problem: Mlp, jit_compile: bool | str) -> None:
        self.problem = problem
        self.model = compiled(classifier(*problem.widths), jit_compile)
        self._restart = restart(self.model.optimizer)
        self.reset()

    def reset(self) -> None:
        """The problem's weights, an optimizer without a past, and the orders of rows from the first one on."""
        set_seed(0)
        set_weights(self.model, self.problem.weights)
        self._restart()

    def result(self) -> Arrays:
        """The weights, with gradients if `fit` leaves them."""
        return named_weights(self.model, self.problem)


def mlp_epoch(problem: Mlp, jit_compile: bool | str = False) -> Job:
    """One epoch of `fit`, which also keeps the accuracy that Keras users ask for."""
    keras = Keras(problem, jit_compile)

    def run() -> float:
        history = keras.model.fit(problem.x, problem.one_hot, epochs=1, batch_size=problem.batch, verbose=0)
        return float(history.history["loss"][-1])

    return Job(run, keras.result, keras.reset)


def mlp_step(problem: Mlp, jit_compile: bool | str = False) -> Job:
    """One call of `train_on_batch`."""
    keras = Keras(problem, jit_compile)
    return Job(
        lambda: keras.model.train_on_batch(problem.x, problem.one_hot),
        keras.result,
        keras.reset,
        read=lambda loss_and_metrics: float(loss_and_metrics[0]),
    )


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    """A whole process of training through the Keras face, data loading included."""
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    model = compiled(classifier(784, 512, 10))
    history = model.fit(flat_images(x_train), to_categorical(y_train), epochs=epochs, batch_size=128, verbose=0)
    loss = float(history.history["loss"][-1])
    if not evaluate:
        return {"loss": loss}
    evaluated = np.ravel(model.evaluate(flat_images(x_test), to_categorical(y_test), verbose=0))
    return {"loss": loss, "accuracy": float(evaluated[1])}


def tiny_mlp(problem: Regression, through: Through = as_it_is) -> Job:
    """A hand-written loop over a small regression network."""
    widths = [w.shape for name, w in problem.weights.items() if name[0] == "w"]
    model = models.Sequential(
        [layers.Dense(k, activation="tanh" if k > 1 else None, input_shape=(d,)) for d, k in widths]
    )
    loss_of = losses.MeanSquaredError()
    optimizer = optimizers.SGD(learning_rate=problem.learning_rate, parameters=model.parameters())
    x, y = ag.tensor(problem.x), ag.tensor(problem.y)

    def run() -> Tensor:
        loss = loss_of(y, model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    job = Job(through(run), lambda: named_weights(model, problem), lambda: set_weights(model, problem.weights))
    job.reset()
    return job


def update(problem: Update, through: Through = as_it_is) -> Job:
    """Steps of an optimizer by gradients that are given."""
    tensors = {name: ag.tensor(w, requires_grad=True) for name, w in problem.weights.items()}
    for name, t in tensors.items():
        t.grad = ag.tensor(problem.gradients[name])
    kind = getattr(optimizers, problem.optimizer)
    optimizer = kind(problem.learning_rate, parameters=list(tensors.values()))
    forget = restart(optimizer)

    def run() -> float:
        optimizer.step()
        return 0.0

    def reset() -> None:
        for name, t in tensors.items():
            t.assign(problem.weights[name])
        forget()

    return Job(through(run), lambda: {name: t.numpy() for name, t in tensors.items()}, reset)


def cnn_step(problem: Convolutional, through: Through = as_it_is) -> Job:
    """A hand-written loop over a Sequential."""
    side, filters = problem.x.shape[1], problem.weights["b1"].size
    model = models.Sequential(
        [
            layers.Conv2D(filters, 3, activation="relu", input_shape=(side, side, 1)),
            layers.MaxPooling2D(2),
            layers.Conv2D(2 * filters, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    loss_of = losses.SparseCategoricalCrossentropy(from_logits=True)
    x, labels = ag.tensor(problem.x), ag.tensor(problem.labels)
    model(x)
    optimizer = optimizers.SGD(learning_rate=problem.learning_rate, parameters=model.parameters())

    def run() -> Tensor:
        loss = loss_of(labels, model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def result() -> Arrays:
        return dict(zip(problem.weights, model.state_dict().values(), strict=True))

    def reset() -> None:
        model.load_state_dict(dict(zip(model.state_dict(), problem.weights.values(), strict=True)))

    reset()
    return Job(through(run), result, reset)


def lstm_step(problem: Recurrent, through: Through = as_it_is) -> Job:
    """A hand-written loop over one LSTM layer."""
    layer = layers.LSTM(problem.y.shape[2], return_sequences=True, input_shape=problem.x.shape[1:])
    return _recurrent(problem, layer, through)


def lstm_scan(problem: Recurrent, through: Through = as_it_is) -> Job:
    """The same LSTM written with `scan`, as one writes it where there is no such layer."""
    tensors = {name: ag.tensor(a, requires_grad=True) for name, a in problem.weights.items()}
    w, u, b = tensors.values()
    optimizer = optimizers.SGD(problem.learning_rate, parameters=list(tensors.values()))
    loss_of, k = losses.MeanSquaredError(), problem.y.shape[2]
    x, y = ag.tensor(problem.x.swapaxes(0, 1)), ag.tensor(problem.y.swapaxes(0, 1))
    start = ag.tensor(np.zeros((len(problem.x), k), np.float32))

    def cell(state: tuple[Tensor, Tensor], inputs: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = state
        i, f, m, o = np.split(inputs + h @ u, 4, axis=-1)
        c = ag.sigmoid(f) * c + ag.sigmoid(i) * np.tanh(m)
        h = ag.sigmoid(o) * np.tanh(c)
        return (h, c), h

    def run() -> Tensor:
        _, h = ag.scan(cell, (start, start), x @ w + b)
        loss = loss_of(y, h)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def reset() -> None:
        for name, t in tensors.items():
            t.assign(problem.weights[name])

    return Job(through(run), lambda: {name: t.numpy() for name, t in tensors.items()}, reset)


def gru_step(problem: Recurrent, through: Through = as_it_is) -> Job:
    """A hand-written loop over one GRU layer."""
    layer = layers.GRU(problem.y.shape[2], return_sequences=True, input_shape=problem.x.shape[1:])
    return _recurrent(problem, layer, through)


def _recurrent(problem: Recurrent, layer: layers.RNN, through: Through) -> Job:
    loss_of = losses.MeanSquaredError()
    optimizer = optimizers.SGD(learning_rate=problem.learning_rate, parameters=layer.parameters())
    x, y = ag.tensor(problem.x), ag.tensor(problem.y)

    def run() -> Tensor:
        loss = loss_of(y, layer(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def reset() -> None:
        layer.load_state_dict({f"cell.{name}": a for name, a in problem.weights.items()})

    reset()
    return Job(through(run), lambda: {path.removeprefix("cell."): a for path, a in layer.state_dict().items()}, reset)


def transformer_step(problem: Transformer, through: Through = as_it_is) -> Job:
    """A hand-written loop over one TransformerBlock."""
    block = layers.TransformerBlock(problem.heads, input_shape=problem.x.shape[1:])
    loss_of = losses.MeanSquaredError()
    optimizer = optimizers.SGD(learning_rate=problem.learning_rate, parameters=block.parameters())
    x, y = ag.tensor(problem.x), ag.tensor(problem.y)

    def run() -> Tensor:
        loss = loss_of(y, block(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def reset() -> None:
        block.load_state_dict(problem.weights)

    reset()
    return Job(through(run), block.state_dict, reset)


def model(problem: Model, through: Through = as_it_is) -> Job:
    """The function as it stands, with NumPy itself, under the functional transforms."""
    f, inputs = problem.function(np), tuple(problem.inputs.values())
    names = [*problem.inputs, "hessian"] if problem.want == "hessian" else list(problem.inputs)
    found: Arrays = {}
    if problem.want == "hvp":
        product = through(ag.hvp(f))
        arguments = (*inputs, problem.direction)

        def run() -> Array:
            found["hvp"] = product(*arguments)
            return found["hvp"]

        return Job(run, lambda: found, read=lambda product: float(product[0]))
    both, curvature = ag.value_and_grad(f, tuple(range(len(inputs)))), ag.hessian(f)

    def derivatives(*inputs: Any) -> Any:
        loss, gradients = both(*inputs)
        return loss, (*gradients, curvature(*inputs)) if problem.want == "hessian" else gradients

    derived = through(derivatives)

    def run_gradients() -> Array:
        loss, values = derived(*inputs)
        found.update(zip(names, values, strict=True))
        return loss

    return Job(run_gradients, lambda: found)


def cross_entropy(problem: Classes, through: Through = as_it_is) -> Job:
    """The loss of a classifier by its logits."""
    loss_of = losses.SparseCategoricalCrossentropy(from_logits=True)
    x, labels = ag.tensor(problem.x, requires_grad=True), ag.tensor(problem.labels)

    def run() -> Tensor:
        x.grad = None
        loss = loss_of(labels, x)
        loss.backward()
        return loss

    return Job(through(run), lambda: {"gx": x.grad.numpy()} if x.grad is not None else {})


def million(sizes: tuple[int, int]) -> dict[str, float]:
    """Microseconds per op to build, differentiate and delete chains of two lengths, and their ratios."""
    phases = ("forward", "backward", "deletion", "total")
    _long_chain(10_000)
    small, large = (_long_chain(size) for size in sizes)
    numbers = {f"{phase} µs/op": large[phase] for phase in phases}
    return numbers | {f"{phase} ratio": large[phase] / small[phase] for phase in phases}


def _long_chain(ops: int) -> dict[str, float]:
    w, x = (ag.tensor(np.full(1, 0.5), requires_grad=True) for _ in range(2))
    h = x
    clock = [time.perf_counter()]
    for _ in range(ops // 2):
        h = h * w + x
    clock.append(time.perf_counter())
    h.backward(np.ones(1))
    clock.append(time.perf_counter())
    del h
    clock.append(time.perf_counter())
    forward, backward, deletion = (1e6 * (b - a) / ops for a, b in pairwise(clock))
    return {"forward": forward, "backward": backward, "deletion": deletion, "total": forward + backward + deletion}


def memory(steps: int) -> dict[str, float]:
    """Growth of the process, of traced memory and of unreachable objects while the collector is off."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 64)).astype(np.float32)
    problem = Mlp(x, rng.integers(10, size=32), dense_weights(64, 64, 10), batch=32)
    model = classifier(*problem.widths)
    optimizer = optimizers.RMSprop(parameters=model.parameters())
    loss_of = losses.CategoricalCrossentropy()

    def train(steps: int) -> None:
        for _ in range(steps):
            loss = loss_of(problem.one_hot, model(problem.x))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    train(steps // 10)
    gc.collect()
    gc.disable()
    before = _resident()
    train(steps)
    numbers = {"rss MiB": (_resident() - before) / 2**20}
    tracemalloc.start()
    train(steps)  # fills the interpreter's own free lists with objects that are traced
    before, _ = tracemalloc.get_traced_memory()
    train(steps)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return numbers | {"traced KiB": (after - before) / 2**10, "unreachable objects": float(gc.collect())}


def _resident() -> int:
    """Bytes of the process in memory, from Linux itself, elsewhere from psutil."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * mmap.PAGESIZE
    import psutil

    return int(psutil.Process().memory_info().rss)
