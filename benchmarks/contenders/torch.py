"""PyTorch, eager: the usual loop, with the optimizer's default settings.

`torch_compiled` has the same work, with each step handed `through` its compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import problems
from benchmarks.contenders.torch_models import LOSSES
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
)

Through = Callable[[Callable[..., Any]], Callable[..., Any]]


def as_it_is(f: Callable[..., Any]) -> Callable[..., Any]:
    """What eager work is handed through."""
    return f


def chain(problem: Chain, through: Through = as_it_is) -> Job:
    h0, w, x = (torch.tensor(a, requires_grad=True) for a in (problem.h, problem.w, problem.x))
    links = problem.links

    def run() -> torch.Tensor:
        h0.grad = w.grad = x.grad = None
        h = h0
        for _ in range(links):
            h = torch.tanh(h * w + x)
        loss = h.sum()
        loss.backward()
        return loss

    def result() -> Arrays:
        return {f"g{name}": t.grad.numpy() for name, t in zip("hwx", (h0, w, x), strict=True) if t.grad is not None}

    return Job(through(run), result, read=torch.Tensor.item)


class Link(torch.autograd.Function):
    """One link of the chain, with a rule of its own."""

    @staticmethod
    def forward(ctx: Any, h: torch.Tensor, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        out = torch.tanh(h * w + x)
        ctx.save_for_backward(h, w, out)
        return out

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # type: ignore[override]
        h, w, out = ctx.saved_tensors
        slope = g * (1 - out * out)
        return slope * w, slope * h, slope


def primitive_chain(problem: Chain) -> Job:
    h0, w, x = (torch.tensor(a, requires_grad=True) for a in (problem.h, problem.w, problem.x))

    def run() -> torch.Tensor:
        h0.grad = w.grad = x.grad = None
        h = h0
        for _ in range(problem.links):
            h = Link.apply(h, w, x)
        loss = h.sum()
        loss.backward()
        return loss

    def result() -> Arrays:
        return {f"g{name}": t.grad.numpy() for name, t in zip("hwx", (h0, w, x), strict=True) if t.grad is not None}

    return Job(run, result, read=torch.Tensor.item)


class Trainer:
    """A stack of `Linear` layers with weights from the problem, and its optimizer."""

    def __init__(self, problem: Mlp | Regression, activation: type[nn.Module]) -> None:
        self.problem = problem
        kernels = [w for name, w in problem.weights.items() if name[0] == "w"]
        parts: list[nn.Module] = []
        for d, k in (w.shape for w in kernels):
            parts += [nn.Linear(d, k), activation()]
        self.model = nn.Sequential(*parts[:-1])
        self.optimizer = self._optimizer()
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            for p, a in zip(self.model.parameters(), self.problem.weights.values(), strict=True):
                p.copy_(torch.tensor(a.T))
            for state in self.optimizer.state.values():
                for t in state.values():
                    t.zero_()

    def _optimizer(self) -> torch.optim.Optimizer:
        problem, parameters = self.problem, self.model.parameters()
        if isinstance(problem, Regression):
            return torch.optim.SGD(parameters, lr=problem.learning_rate)
        # PyTorch adds epsilon to the root, Keras under it: its root is the nearest equivalent.
        eps = problem.epsilon**0.5
        return torch.optim.RMSprop(parameters, lr=problem.learning_rate, alpha=problem.rho, eps=eps)

    def result(self) -> Arrays:
        named = {}
        for p, name in zip(self.model.parameters(), self.problem.weights, strict=True):
            named[name] = p.detach().numpy().T
            if p.grad is not None:
                named[f"g_{name}"] = p.grad.numpy().T
        return named


def mlp_epoch(problem: Mlp) -> Job:
    trainer = Trainer(problem, nn.ReLU)
    x, labels = torch.from_numpy(problem.x), torch.from_numpy(problem.labels)
    model, rows = trainer.model, len(problem.x)

    def run() -> float:
        optimizer = trainer.optimizer
        total = torch.zeros(())
        for index in torch.randperm(rows).split(problem.batch):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x.index_select(0, index)), labels.index_select(0, index))
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
        return total.item() / rows

    return Job(run, trainer.result, trainer.reset)


def mlp_step(problem: Mlp, through: Through = as_it_is) -> Job:
    trainer = Trainer(problem, nn.ReLU)
    x, labels, model = torch.from_numpy(problem.x), torch.from_numpy(problem.labels), trainer.model

    def run() -> torch.Tensor:
        optimizer = trainer.optimizer
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Job(through(run), trainer.result, trainer.reset, torch.Tensor.item)


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    return problems.cold(mlp_epoch, epochs, evaluate)


def tiny_mlp(problem: Regression, through: Through = as_it_is) -> Job:
    trainer = Trainer(problem, nn.Tanh)
    x, y, model = torch.from_numpy(problem.x), torch.from_numpy(problem.y), trainer.model

    def run() -> torch.Tensor:
        optimizer = trainer.optimizer
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Job(through(run), trainer.result, trainer.reset, torch.Tensor.item)


def update(problem: Update, **options: bool) -> Job:
    tensors = {name: torch.tensor(w, requires_grad=True) for name, w in problem.weights.items()}
    for name, t in tensors.items():
        t.grad = torch.tensor(problem.gradients[name])
    eps = {"RMSprop": {"alpha": 0.9, "eps": 1e-7**0.5}, "Adam": {"eps": 1e-7}}.get(problem.optimizer, {})
    make = partial(getattr(torch.optim, problem.optimizer), lr=problem.learning_rate, **eps, **options)
    optimizer = None

    def reset() -> None:
        nonlocal optimizer
        with torch.no_grad():
            for name, t in tensors.items():
                t.copy_(torch.tensor(problem.weights[name]))
        optimizer = make(list(tensors.values()))

    def run() -> float:
        optimizer.step()
        return 0.0

    reset()
    return Job(run, lambda: {name: t.detach().numpy().copy() for name, t in tensors.items()}, reset)


def cnn_step(problem: Convolutional, through: Through = as_it_is) -> Job:
    """Channels come first here, in images, kernels and what the dense layer reads."""
    filters, dense = problem.weights["b1"].size, len(problem.weights["w3"])
    side = round((dense // (2 * filters)) ** 0.5)
    model = nn.Sequential(
        *(nn.Conv2d(1, filters, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(filters, 2 * filters, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(dense, 10)),
    )
    x, labels = torch.from_numpy(problem.x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(problem.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=problem.learning_rate)

    def run() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    def reset() -> None:
        with torch.no_grad():
            for p, a in zip(model.parameters(), problem.weights.values(), strict=True):
                w = torch.tensor(a)
                if w.ndim == 2:
                    w = w.reshape(side, side, -1, 10).permute(3, 2, 0, 1).reshape(10, -1)
                p.copy_(w.permute(3, 2, 0, 1) if w.ndim == 4 else w)

    def result() -> Arrays:
        found: Arrays = {}
        for name, p in zip(problem.weights, model.parameters(), strict=True):
            w = p.detach()
            if w.ndim == 2:
                w = w.reshape(10, -1, side, side).permute(2, 3, 1, 0).reshape(-1, 10)
            found[name] = (w.permute(2, 3, 1, 0) if w.ndim == 4 else w).numpy().copy()
        return found

    reset()
    return Job(through(run), result, reset, torch.Tensor.item)


def recurrent(
    problem: Recurrent,
    module: nn.Module,
    outputs: Callable[[torch.Tensor], torch.Tensor],
    through: Through = as_it_is,
) -> Job:
    """Training steps of an LSTM or a GRU, or of their cells.

    The second bias of an LSTM, which our layer has not, stays 0. A GRU's gates are in another order here: r, z, h.
    """
    *_, second = parameters = list(module.parameters())
    is_gru = problem.weights["bias"].ndim == 2
    second.requires_grad_(is_gru)
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    optimizer = torch.optim.SGD([p for p in parameters if p.requires_grad], lr=problem.learning_rate)

    def turned(a: Array) -> Array:
        if not is_gru:
            return a
        update, reset, new = np.split(a, 3, axis=-1)
        return np.concatenate([reset, update, new], axis=-1)

    def run() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(outputs(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def reset() -> None:
        with torch.no_grad():
            second.zero_()
            *kernels, bias = problem.weights.values()
            for p, a in zip(parameters, (*kernels, *np.atleast_2d(bias)), strict=False):
                p.copy_(torch.tensor(turned(a).T))

    def result() -> Arrays:
        *kernels, bias, second = (turned(p.detach().numpy().T) for p in parameters)
        return dict(zip(problem.weights, [*kernels, np.stack([bias, second]) if is_gru else bias], strict=True))

    reset()
    return Job(through(run), result, reset, torch.Tensor.item)


def lstm_step(problem: Recurrent, through: Through = as_it_is) -> Job:
    module = nn.LSTM(problem.x.shape[2], problem.y.shape[2], batch_first=True)
    return recurrent(problem, module, lambda x: module(x)[0], through)


lstm_scan = lstm_step


def gru_step(problem: Recurrent) -> Job:
    module = nn.GRU(problem.x.shape[2], problem.y.shape[2], batch_first=True)
    return recurrent(problem, module, lambda x: module(x)[0])


# PyTorch's name of each part of its TransformerEncoderLayer, by ours.
BLOCK = {
    "attention_norm": "norm1",
    "dense_norm": "norm2",
    "attention.attention_output": "self_attn.out_proj",
    "dense": "linear1",
    "dense_output": "linear2",
}


def encoder_state(weights: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    """The state of a TransformerEncoderLayer: kernels transposed, those of queries, keys and values in one."""
    state = {}
    for path, a in weights.items():
        part, _, kind = path.rpartition(".")
        if part not in BLOCK:
            continue
        rows = a.reshape(-1, a.shape[-1]).T if kind == "kernel" else a
        state[f"{BLOCK[part]}.{'weight' if kind in ('kernel', 'gamma') else 'bias'}"] = torch.tensor(rows)
    parts = [f"attention.{part}" for part in ("query", "key", "value")]
    kernels = [weights[f"{part}.kernel"].reshape(len(weights[f"{part}.kernel"]), -1).T for part in parts]
    state["self_attn.in_proj_weight"] = torch.tensor(np.concatenate(kernels))
    state["self_attn.in_proj_bias"] = torch.tensor(np.concatenate([weights[f"{part}.bias"].ravel() for part in parts]))
    return state


def block_weights(state: Mapping[str, torch.Tensor], pattern: Mapping[str, Array]) -> Arrays:
    """The arrays of a TransformerEncoderLayer under our names, in the shapes of `pattern`."""
    found: Arrays = {}
    for path, a in pattern.items():
        part, _, kind = path.rpartition(".")
        name = "weight" if kind in ("kernel", "gamma") else "bias"
        if part in BLOCK:
            w = state[f"{BLOCK[part]}.{name}"]
        else:
            w = state[f"self_attn.in_proj_{name}"].chunk(3)[("query", "key", "value").index(part.split(".")[1])]
        found[path] = w.t().numpy().reshape(a.shape).copy()
    return found


def transformer_step(problem: Transformer, through: Through = as_it_is) -> Job:
    features = problem.x.shape[2]
    block = nn.TransformerEncoderLayer(
        features, problem.heads, 4 * features, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    optimizer = torch.optim.SGD(block.parameters(), lr=problem.learning_rate)

    def run() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(block(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def reset() -> None:
        block.load_state_dict(encoder_state(problem.weights))

    reset()
    return Job(through(run), lambda: block_weights(block.state_dict(), problem.weights), reset, torch.Tensor.item)


def model(problem: Model, through: Through = as_it_is) -> Job:
    inputs = tuple(torch.tensor(a, requires_grad=True) for a in problem.inputs.values())
    data = tuple(torch.tensor(a) for a in problem.data.values())
    direction = None if problem.direction is None else torch.tensor(problem.direction)
    found: dict[str, torch.Tensor] = {}
    loss_of = through(LOSSES[problem.name])

    def run() -> torch.Tensor:
        if problem.want == "hvp":
            (slope,) = torch.autograd.grad(loss_of(*inputs), inputs, create_graph=True)
            (found["hvp"],) = torch.autograd.grad(slope, inputs, direction)
            return found["hvp"][0]
        loss = loss_of(*inputs, *data)
        found.update(zip(problem.inputs, torch.autograd.grad(loss, inputs), strict=True))
        if curvature is not None:
            found["hessian"] = curvature(inputs[0].detach())
        return loss

    # Of eight ways to a Hessian the fastest here: torch.func.hessian, forward over reverse, takes six times as long.
    slope_of = torch.func.grad(lambda x: loss_of(x, *data))
    curvature = torch.func.jacrev(slope_of) if problem.want == "hessian" else None
    return Job(run, lambda: {name: t.numpy() for name, t in found.items()}, read=torch.Tensor.item)


def cross_entropy(problem: Classes, through: Through = as_it_is) -> Job:
    x, labels = torch.tensor(problem.x, requires_grad=True), torch.from_numpy(problem.labels)

    def run() -> torch.Tensor:
        x.grad = None
        loss = F.cross_entropy(x, labels)
        loss.backward()
        return loss

    return Job(through(run), lambda: {"gx": x.grad.numpy()} if x.grad is not None else {}, read=torch.Tensor.item)


def products(problem: Mlp) -> Job:
    """The five matrix products of a step of the classifier, into tensors made in advance."""
    x, w1, w2 = (torch.from_numpy(a) for a in (problem.x, problem.weights["w1"], problem.weights["w2"]))
    h, z, gh = (torch.ones(len(x), n) for n in (*problem.widths[1:], problem.widths[1]))
    g1, g2, mm = torch.empty_like(w1), torch.empty_like(w2), torch.mm

    def run() -> float:
        mm(x, w1, out=gh)
        mm(h, w2, out=z)
        mm(h.t(), z, out=g2)
        mm(z, w2.t(), out=gh)
        mm(x.t(), gh, out=g1)
        return 0.0

    return Job(run, lambda: dict(problem.weights))  # which do not change
