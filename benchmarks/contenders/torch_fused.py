"""PyTorch with the optimizers that it has as one kernel."""

from __future__ import annotations

from functools import partial

from benchmarks.contenders import torch

update = partial(torch.update, fused=True)
