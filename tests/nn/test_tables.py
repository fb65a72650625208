"""Two pages, layers.md and pytorch_weights.md, show what layers really make, and what PyTorch really calls it.

Write them anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nn.saving import torch as _torch

from . import peers
from .layers import layer_table
from .saving import torch_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("table", [layer_table, torch_table], ids=lambda table: table.PAGE)
def test_the_page_is_up_to_date(table: Any) -> None:
    file = ROOT / table.PAGE
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        file.write_text(table.page(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == table.page(), f"{file} is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


def test_every_layer_has_an_example() -> None:
    names = [name for group in layer_table.classes().values() for name in group]
    assert len(names) > 80
    assert [name for name in names if name not in layer_table.EXAMPLES] == []


def test_an_example_is_run() -> None:
    assert layer_table.example("Dense") == ("`Dense(7)`: (N, 5) → (N, 7)", "`kernel` (5, 7), `bias` (7,)")
    _, weights = layer_table.example("BatchNormalization")
    assert "*moving_mean* (5,)" in weights
    assert "`gamma` (5,)" in weights


def test_every_kind_of_layer_that_is_converted_is_on_the_page() -> None:
    like = {"Conv1DTranspose": "Conv2DTranspose", "Conv3DTranspose": "Conv2DTranspose"}
    like |= {"DepthwiseConv1D": "DepthwiseConv2D", "PositionalEmbedding": "Embedding"}
    shown = {row[0].partition("(")[0] for row in torch_table.ROWS}
    assert {like.get(name, name) for name in _torch._KINDS} == shown


@pytest.mark.ci
@pytest.mark.parametrize("row", [row for row in torch_table.ROWS if row[1]], ids=lambda row: row[0])
def test_pytorch_has_these_names_and_shapes(row: Any) -> None:
    torch = peers.torch()
    theirs = eval(row[1], dict(vars(torch.nn)))
    wanted = {name: tuple(t.shape) for name, t in theirs.state_dict().items() if "num_batches" not in name}
    assert {name: a.shape for name, a in torch_table.made(row)[1].items()} == wanted
