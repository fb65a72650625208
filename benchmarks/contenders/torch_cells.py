"""PyTorch with a loop over its cells in the place of its fused recurrent layers."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.contenders.torch import recurrent
from benchmarks.problems import Job, Recurrent


def lstm_step(problem: Recurrent) -> Job:
    cell = nn.LSTMCell(problem.x.shape[2], problem.y.shape[2])

    def outputs(x: torch.Tensor) -> torch.Tensor:
        states, found = None, []
        for step in x.unbind(1):
            states = cell(step, states)
            found.append(states[0])
        return torch.stack(found, 1)

    return recurrent(problem, cell, outputs)


def gru_step(problem: Recurrent) -> Job:
    cell = nn.GRUCell(problem.x.shape[2], problem.y.shape[2])

    def outputs(x: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        for step in x.unbind(1):
            found.append(cell(step, found[-1] if found else None))
        return torch.stack(found, 1)

    return recurrent(problem, cell, outputs)
