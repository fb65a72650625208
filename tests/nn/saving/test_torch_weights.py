"""PyTorch's names and layouts: the same weights compute the same in PyTorch, and come back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers
from nn.saving import from_torch_state_dict, to_torch_state_dict

from .. import peers

RNG = np.random.default_rng(0)


def last(n: int) -> Callable[[Any], Any]:
    """Return a function that moves the channels to the end, as nn has them."""
    return lambda t: t.movedim(1, -1)


def first(a: np.ndarray) -> np.ndarray:
    """Move the channels to the front, as PyTorch has them."""
    return np.moveaxis(a, -1, 1)


def conv(name: str) -> Any:
    return getattr(layers, name)


# name: (our layer, PyTorch's, input shape, how our input becomes PyTorch's, how PyTorch's output becomes ours)
CASES: dict[str, tuple[Any, Any, tuple[int, ...], Any, Any]] = {
    "Dense": (lambda: layers.Dense(3), lambda t: t.Linear(4, 3), (2, 4), None, None),
    "Dense, no bias": (
        lambda: layers.Dense(3, use_bias=False),
        lambda t: t.Linear(4, 3, bias=False),
        (2, 4),
        None,
        None,
    ),
    "LayerNormalization": (
        lambda: layers.LayerNormalization(epsilon=1e-5),
        lambda t: t.LayerNorm(4),
        (2, 4),
        None,
        None,
    ),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(epsilon=1e-5),
        lambda t: t.BatchNorm1d(4).eval(),
        (5, 4),
        None,
        None,
    ),
    "GroupNormalization": (
        lambda: layers.GroupNormalization(2, epsilon=1e-5),
        lambda t: t.GroupNorm(2, 4),
        (2, 5, 4),
        first,
        last(3),
    ),
    "Embedding": (lambda: layers.Embedding(7, 3), lambda t: t.Embedding(7, 3), (2, 4), "int", None),
    "LSTM": (
        lambda: layers.LSTM(3, return_sequences=True),
        lambda t: t.LSTM(4, 3, batch_first=True),
        (2, 5, 4),
        None,
        0,
    ),
    "GRU": (
        lambda: layers.GRU(3, return_sequences=True),
        lambda t: t.GRU(4, 3, batch_first=True),
        (2, 5, 4),
        None,
        0,
    ),
    "SimpleRNN": (
        lambda: layers.SimpleRNN(3, return_sequences=True),
        lambda t: t.RNN(4, 3, batch_first=True),
        (2, 5, 4),
        None,
        0,
    ),
    "Bidirectional": (
        lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True)),
        lambda t: t.GRU(4, 3, batch_first=True, bidirectional=True),
        (2, 5, 4),
        None,
        0,
    ),
    "Conv1D": (lambda: conv("Conv1D")(3, 2), lambda t: t.Conv1d(4, 3, 2), (2, 6, 4), first, last(3)),
    "Conv2D": (
        lambda: conv("Conv2D")(6, (2, 3), groups=2),
        lambda t: t.Conv2d(4, 6, (2, 3), groups=2),
        (2, 5, 6, 4),
        first,
        last(4),
    ),
    "Conv3D": (lambda: conv("Conv3D")(3, 2), lambda t: t.Conv3d(2, 3, 2), (1, 3, 4, 3, 2), first, last(5)),
    "Conv2DTranspose": (
        lambda: conv("Conv2DTranspose")(3, 2, strides=2),
        lambda t: t.ConvTranspose2d(4, 3, 2, stride=2),
        (2, 3, 4, 4),
        first,
        last(4),
    ),
    "DepthwiseConv2D": (
        lambda: conv("DepthwiseConv2D")(2, depth_multiplier=2),
        lambda t: t.Conv2d(3, 6, 2, groups=3),
        (2, 4, 4, 3),
        first,
        last(4),
    ),
    "MultiHeadAttention": (
        lambda: layers.MultiHeadAttention(2, 3),
        lambda t: t.MultiheadAttention(6, 2, batch_first=True),
        (2, 5, 6),
        "attention",
        0,
    ),
    "TransformerBlock": (
        lambda: layers.TransformerBlock(2, 7),
        lambda t: t.TransformerEncoderLayer(6, 2, 7, dropout=0.0, activation="gelu", batch_first=True, norm_first=True),
        (2, 5, 6),
        None,
        None,
    ),
}
AVAILABLE = [name for name in CASES if hasattr(layers, name.split(",")[0])]


def built(name: str) -> tuple[Any, np.ndarray]:
    """Return a layer with random weights, and an input."""
    make, _, shape, how, _ = CASES[name]
    x: Any = RNG.integers(0, 7, shape) if how == "int" else RNG.normal(size=shape).astype(np.float32)
    layer = make().eval()
    with ag.no_grad():
        layer(x, x) if how == "attention" else layer(x)
    layer.set_weights([RNG.uniform(0.1, 0.9, a.shape).astype(np.float32) for a in layer.get_weights()])
    return layer, x


@pytest.mark.parametrize("name", AVAILABLE)
def test_weights_come_back_unchanged(name: str) -> None:
    layer, _ = built(name)
    other, _ = built(name)
    from_torch_state_dict(other, to_torch_state_dict(layer))
    for path, a in layer.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[path], a)


@pytest.mark.ci
@pytest.mark.parametrize("name", AVAILABLE)
def test_pytorch_computes_the_same_with_our_weights_and_we_with_its(name: str) -> None:
    torch = peers.torch()
    _, make, _, how, back = CASES[name]
    layer, x = built(name)
    theirs = make(torch.nn)
    given = torch.tensor(how(x).copy() if callable(how) else x)

    def compare() -> None:
        with ag.no_grad():
            mine = (layer(x, x) if how == "attention" else layer(x)).data
        with torch.no_grad():
            out = theirs(given, given, given) if how == "attention" else theirs(given)
        out = out[0] if back == 0 else back(out) if back else out
        np.testing.assert_allclose(mine, out.numpy(), rtol=2e-5, atol=2e-6)

    state = {key: torch.tensor(a) for key, a in to_torch_state_dict(layer).items()}
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert unexpected == []
    assert all(key.endswith("num_batches_tracked") for key in missing)
    compare()
    theirs.load_state_dict(
        {
            k: torch.randn_like(v) * 0.3 if v.is_floating_point() and "var" not in k else v
            for k, v in theirs.state_dict().items()
        }
    )
    from_torch_state_dict(layer, theirs.state_dict())
    compare()


def test_prefixes_rename_layers_and_what_does_not_fit_is_listed() -> None:
    model = nn.Sequential([nn.Input((4,)), layers.Dense(3), layers.Dense(2)])
    names = {"dense": "0", "dense_1": "2"}
    state = to_torch_state_dict(model, names)
    assert {k: a.shape for k, a in state.items()} == {
        "0.weight": (3, 4),
        "0.bias": (3,),
        "2.weight": (2, 3),
        "2.bias": (2,),
    }
    assert all(a.flags.c_contiguous and a.flags.owndata for a in state.values())
    before = model.state_dict()
    bad = {**state, "0.weight": np.ones((4, 3)), "9.weight": np.ones(1)}
    del bad["2.bias"]
    with pytest.raises(ValueError, match="nothing was assigned") as caught:
        from_torch_state_dict(model, bad, names)
    for line in ("mismatch: 0.weight expected (3, 4)", "missing: 2.bias (2,)", "unexpected: 9.weight (1,)"):
        assert line in str(caught.value)
    for path, a in model.state_dict().items():
        np.testing.assert_array_equal(a, before[path])
    from_torch_state_dict(model, {k: np.zeros_like(a) for k, a in state.items()}, names)
    assert all((a == 0).all() for a in model.get_weights())


@pytest.mark.parametrize("gate", [False, True])
def test_a_tensor_of_outputs_is_a_row_of_outputs_for_pytorch(gate: bool) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 4, 6)).astype(np.float32)
    tensor, row = (layers.MultiHeadAttention(2, 3, output_shape=n, use_gate=gate) for n in ((2, 5), 10))
    for layer in (tensor, row):
        layer(x, x)
    row.set_weights([w.reshape(r.shape) for w, r in zip(tensor.get_weights(), row.get_weights(), strict=True)])
    theirs, expected = to_torch_state_dict(tensor), to_torch_state_dict(row)
    assert theirs.keys() == expected.keys()
    for name, a in expected.items():
        np.testing.assert_array_equal(theirs[name], a)
    before = tensor.get_weights()
    tensor.set_weights([w * 0 for w in before])
    from_torch_state_dict(tensor, theirs)
    for a, b in zip(tensor.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
