"""PyTorch with `torch.compile`, as it comes, around the whole step.

It cannot compile what differentiates a gradient (Rosenbrock's function here). The two time loops would be unrolled.
"""

from __future__ import annotations

import warnings
from functools import partial

import torch

from benchmarks.contenders import torch as eager

warnings.filterwarnings("ignore", module="torch")  # what PyTorch tells itself

chain = partial(eager.chain, through=torch.compile)
tiny_mlp = partial(eager.tiny_mlp, through=torch.compile)
mlp_step = partial(eager.mlp_step, through=torch.compile)
cnn_step = partial(eager.cnn_step, through=torch.compile)
lstm_step = partial(eager.lstm_step, through=torch.compile)
transformer_step = partial(eager.transformer_step, through=torch.compile)
model = partial(eager.model, through=torch.compile)
