"""docs/guides/nn/pytorch_weights.md: what the weights of nn's layers are called in PyTorch, and how they lie there.

The shapes come from building the layers below and from converting their weights; `test_tables.py` holds the page
to that, and the modules of PyTorch to the page.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from nn import layers
from nn.saving import to_torch_state_dict

__all__ = ["HEADER", "PAGE", "ROWS", "made", "page", "torch_name"]

PAGE = "docs/guides/nn/pytorch_weights.md"
HEADER = """# Weights in PyTorch

`nn.saving.to_torch_state_dict(model)` returns a model's weights under PyTorch's names and in PyTorch's layouts;
`from_torch_state_dict(model, state)` assigns them from there. Both work on NumPy arrays and need no PyTorch;
`save_file` of the package safetensors writes them to a file. Paths of layers are kept, or renamed with `prefixes=`:

```python
>>> import nn
>>> from nn.saving import from_torch_state_dict, to_torch_state_dict
>>> from nn import layers
>>> model = nn.Sequential([nn.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
>>> names = {"dense": "0", "dense_1": "2"}  # those of a Sequential(Linear, ReLU, Linear)
>>> state = to_torch_state_dict(model, names)
>>> {name: a.shape for name, a in state.items()}
{'0.weight': (3, 4), '0.bias': (3,), '2.weight': (2, 3), '2.bias': (2,)}
>>> from_torch_state_dict(model, state, names)
```

```python torch
>>> import numpy as np
>>> import torch
>>> from torch.nn import Linear, ReLU
>>> theirs = torch.nn.Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
>>> from_torch_state_dict(model, theirs.state_dict(), names)
>>> x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
>>> np.allclose(model(x).numpy(), theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)
True
```

A test makes this table by converting the weights of its layers and loading them into PyTorch's modules; that both then
compute the same is tested on random weights and inputs. Shapes are those of the examples.

"""
FOOTER = """
## What the table cannot show

- **LSTM**: the gates lie in the order i, f, g, o in both.
- **GRU**: the gates lie as z, r, n here, as in Keras, and as r, z, n in PyTorch. `reset_after=True`, the default, is
  the GRU of PyTorch; a layer with `reset_after=False` computes something else.
- **Biases of recurrent layers**: PyTorch has two. Where a layer here has one, the second is written as zeros; when
  reading, the two are added.
- **MultiHeadAttention**: PyTorch stacks the kernels of queries, keys and values in `in_proj_weight`. Its
  embedding dimension is `num_heads * key_dim` here.
- **Epsilon**: BatchNormalization, LayerNormalization and GroupNormalization have 1e-3 here, as in Keras, and 1e-5 in
  PyTorch; pass `epsilon=1e-5`. In BatchNormalization `momentum` is the weight of the old statistics, 0.99 by default;
  in PyTorch it is the weight of the new ones, 0.1.
- **Images** have their channels last here. PyTorch's layers get `x.transpose(0, 3, 1, 2)`; and after Flatten, the rows
  of the next Dense layer's kernel are in a different order.
"""
# Our layer, PyTorch's module, or None for Linear layers in a custom module, and the shapes of the inputs without
# the batch axis; "int" before one of integers.
ROWS: tuple[tuple[Any, ...], ...] = (
    ("Dense(7)", "Linear(5, 7)", (5,)),
    ("Conv1D(7, 3)", "Conv1d(5, 7, 3)", (16, 5)),
    ("Conv2D(6, (3, 2), groups=2)", "Conv2d(4, 6, (3, 2), groups=2)", (16, 12, 4)),
    ("Conv3D(7, 3)", "Conv3d(5, 7, 3)", (8, 8, 8, 5)),
    ("Conv2DTranspose(7, 3)", "ConvTranspose2d(5, 7, 3)", (16, 12, 5)),
    ("DepthwiseConv2D(3, depth_multiplier=2)", "Conv2d(5, 10, 3, groups=5)", (16, 12, 5)),
    ("BatchNormalization()", "BatchNorm1d(5)", (5,)),
    ("LayerNormalization()", "LayerNorm(5)", (5,)),
    ("GroupNormalization(2)", "GroupNorm(2, 6)", (16, 6)),
    ("RMSNormalization()", "RMSNorm(5)", (5,)),
    ("Embedding(100, 7)", "Embedding(100, 7)", "int", (16,)),
    ("SimpleRNN(7)", "RNN(5, 7)", (16, 5)),
    ("LSTM(7)", "LSTM(5, 7)", (16, 5)),
    ("GRU(7)", "GRU(5, 7)", (16, 5)),
    ("Bidirectional(LSTM(7))", "LSTM(5, 7, bidirectional=True)", (16, 5)),
    ("MultiHeadAttention(2, 3)", "MultiheadAttention(6, 2)", (16, 6), (16, 6)),
    ("MultiHeadAttention(2, 3, use_gate=True)", None, (16, 6), (16, 6)),
    ("GroupQueryAttention(3, 4, 2)", None, (16, 6), (16, 6)),
    (
        "TransformerBlock(2, 20)",
        'TransformerEncoderLayer(6, 2, 20, activation="gelu", norm_first=True)',
        (16, 6),
    ),
)


def made(row: tuple[Any, ...]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the weights of a row's layer, and what they are in PyTorch."""
    source, _, *shapes = row
    kind = np.int64 if shapes[0] == "int" else np.float32
    layer = eval(source, {name: getattr(layers, name) for name in layers.__all__})
    with ag.no_grad():
        layer.eval()(*(np.zeros((2, *shape), kind) for shape in shapes if shape != "int"))
    return layer.state_dict(), to_torch_state_dict(layer)


def torch_name(row: tuple[Any, ...]) -> str:
    """Return how PyTorch's module is made, in bold, or what has its place."""
    return "Linear layers, named as in Llama models" if row[1] is None else f"**`{row[1]}`**"


def page() -> str:
    """Return the text of the page."""
    lines = [HEADER + "| here | PyTorch |", "|---|---|"]
    for row in ROWS:
        ours, theirs = ("".join(f"<br>`{name}` {a.shape}" for name, a in part.items()) for part in made(row))
        lines.append(f"| **`{row[0]}`**{ours} | {torch_name(row)}{theirs} |")
    return "\n".join(lines) + "\n" + FOOTER
