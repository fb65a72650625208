"""The same networks and the same training in PyTorch, from the weights that nn has drawn."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.characters import ours
from benchmarks.characters.task import EPSILON, Numbers, Task
from nn.datasets import text
from nn.saving import to_torch_state_dict


class Recurrent(nn.Module):
    """Fused LSTM layers, one after another."""

    def __init__(self, task: Task, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, task.width)
        self.lstm = nn.ModuleList(nn.LSTM(task.width, task.width, batch_first=True) for _ in range(task.depth))
        self.dense = nn.Linear(task.width, characters)
        for layer in self.lstm:
            # The second of two biases that are added: nn has one, and two would be trained twice as fast.
            layer.bias_hh_l0.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedding(x)
        for layer in self.lstm:
            x, _ = layer(x)
        return self.dense(x)


class Attending(nn.Module):
    """Blocks with the normalization before, each character seeing those up to itself."""

    def __init__(self, task: Task, characters: int) -> None:
        super().__init__()
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.embedding = nn.Embedding(characters, task.width)
        self.positions = nn.Embedding(task.length, task.width)
        self.block = nn.ModuleList(
            nn.TransformerEncoderLayer(task.width, task.heads, 4 * task.width, **options) for _ in range(task.depth)
        )
        self.norm = nn.LayerNorm(task.width)
        self.dense = nn.Linear(task.width, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(task.length), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        x = self.embedding(x) + self.positions.weight[:length]
        for block in self.block:
            x = block(x, src_mask=self.mask[:length, :length], is_causal=True)
        return self.dense(self.norm(x))


class Trainer:
    """The usual loop with PyTorch."""

    def __init__(self, task: Task, characters: int) -> None:
        self.task = task
        self.model = {"lstm": Recurrent, "transformer": Attending}[task.network](task, characters)
        self.model.to(getattr(torch, task.dtype))
        stack = "lstm" if task.network == "lstm" else "block"
        names = {f"{stack}_{i}": f"{stack}.{i}" for i in range(task.depth)}
        state = to_torch_state_dict(ours.network(task, characters), names)
        self.model.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=task.rate)
        self.steps = 0

    def step(self, x: Numbers, y: Numbers) -> float:
        """One step; returns the loss before it."""
        loss = self._loss(x, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.steps += 1
        for group in self.optimizer.param_groups:
            # Keras's Adam, and ours, adds epsilon before the correction of the root, PyTorch's after it.
            group["eps"] = EPSILON / math.sqrt(1 - group["betas"][1] ** self.steps)
        self.optimizer.step()
        return loss.item()

    def _loss(self, x: Numbers, y: Numbers) -> torch.Tensor:
        logits = self.model(torch.from_numpy(x))
        return F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(y).flatten())

    def bits(self, numbers: Numbers) -> float:
        """Bits per character of a text, read in windows side by side."""
        x, y = text.windows(numbers, self.task.length)
        total = 0.0
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(x), self.task.batch):
                rows = slice(start, start + self.task.batch)
                total += self._loss(x[rows].copy(), y[rows].copy()).item() * len(x[rows])
        self.model.train()
        return total / len(x) / math.log(2)
