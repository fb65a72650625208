"""PyTorch, eager: the usual loop, with the optimizer's default settings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import problems
from benchmarks.contenders.torch_models import LOSSES
from benchmarks.problems import Arrays, Chain, Job, Mlp, Model, Regression


def chain(problem: Chain) -> Job:
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
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            for p, a in zip(self.model.parameters(), self.problem.weights.values(), strict=True):
                p.copy_(torch.tensor(a.T))
        self.optimizer = self._optimizer()

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


def mlp_step(problem: Mlp) -> Job:
    trainer = Trainer(problem, nn.ReLU)
    x, labels, model = torch.from_numpy(problem.x), torch.from_numpy(problem.labels), trainer.model

    def run() -> torch.Tensor:
        optimizer = trainer.optimizer
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Job(run, trainer.result, trainer.reset, torch.Tensor.item)


def cold(epochs: int, evaluate: bool) -> dict[str, float]:
    return problems.cold(mlp_epoch, epochs, evaluate)


def tiny_mlp(problem: Regression) -> Job:
    trainer = Trainer(problem, nn.Tanh)
    x, y, model = torch.from_numpy(problem.x), torch.from_numpy(problem.y), trainer.model

    def run() -> torch.Tensor:
        optimizer = trainer.optimizer
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Job(run, trainer.result, trainer.reset, torch.Tensor.item)


def model(problem: Model) -> Job:
    inputs = tuple(torch.tensor(a, requires_grad=True) for a in problem.inputs.values())
    data = tuple(torch.tensor(a) for a in problem.data.values())
    direction = None if problem.direction is None else torch.tensor(problem.direction)
    found: dict[str, torch.Tensor] = {}
    loss_of = LOSSES[problem.name]

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
