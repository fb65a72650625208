"""Attention against its formula written out, masks, symmetries, PyTorch; and the transformer block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers


def written_out(layer: Any, query: np.ndarray, value: np.ndarray, key: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return attention by loops over samples, heads and queries."""
    w = {path: t.numpy() for path, t in layer.named_parameters()}
    n, length, _ = query.shape
    out = np.zeros((n, length, w["attention_output.kernel"].shape[-1]))
    for i in range(n):
        for h in range(layer.num_heads):
            q = query[i] @ w["query.kernel"][:, h] + w["query.bias"][h]
            k = key[i] @ w["key.kernel"][:, h] + w["key.bias"][h]
            v = value[i] @ w["value.kernel"][:, h] + w["value.bias"][h]
            for t in range(length):
                scores = k @ q[t] / np.sqrt(layer.key_dim)
                e = np.where(allowed[i, t], np.exp(scores), 0)
                out[i, t] += (e / e.sum()) @ v @ w["attention_output.kernel"][h]
    return out + w["attention_output.bias"]


def attention(**kwargs: Any) -> layers.MultiHeadAttention:
    """Return a layer with random biases, in double precision."""
    nn.set_seed(3)
    return layers.MultiHeadAttention(2, 3, value_dim=4, bias_initializer="random_normal", dtype="float64", **kwargs)


def test_the_formula_with_every_mask(rng: np.random.Generator) -> None:
    layer = attention(output_shape=5)
    query, value, key = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 2))
    everywhere = np.ones((2, 4, 5), bool)
    np.testing.assert_allclose(layer(query, value, key).numpy(), written_out(layer, query, value, key, everywhere))
    between = rng.random((2, 4, 5)) < 0.5
    between[..., 0] = True
    there = rng.random((2, 5)) < 0.7
    there[:, 0] = True
    causal = np.arange(5) <= np.arange(4)[:, None]
    for kwargs, allowed in [
        ({"attention_mask": between}, between),
        ({"value_mask": there}, everywhere & there[:, None]),
        ({"key_mask": there}, everywhere & there[:, None]),
        ({"use_causal_mask": True}, everywhere & causal),
        ({"attention_mask": between[0]}, everywhere & between[0]),
        ({"attention_mask": np.repeat(between[:, None], 2, 1)}, between),
        (
            {"attention_mask": between, "value_mask": there, "use_causal_mask": True},
            between & there[:, None] & causal,
        ),
    ]:
        out = layer(query, value, key, **kwargs).numpy()
        np.testing.assert_allclose(out, written_out(layer, query, value, key, allowed), rtol=1e-10, atol=1e-12)


def test_causal_attention_does_not_see_ahead(rng: np.random.Generator) -> None:
    layer = attention()
    x = rng.normal(size=(1, 5, 6))
    before = layer(x, x, use_causal_mask=True).numpy()
    other = x.copy()
    other[:, 3:] = 100.0
    np.testing.assert_array_equal(layer(other, other, use_causal_mask=True).numpy()[:, :3], before[:, :3])
    t = ag.tensor(x, requires_grad=True)
    layer(t, t, use_causal_mask=True)[0, 2].sum().backward()
    assert t.grad is not None
    assert (t.grad.numpy()[0, 3:] == 0).all()
    assert (t.grad.numpy()[0, :3] != 0).all()


def test_padding_does_not_matter_and_gets_no_gradient(rng: np.random.Generator) -> None:
    layer = attention()
    x = rng.normal(size=(2, 5, 6))
    mask = np.array([[True] * 3 + [False] * 2, [True] * 5])
    padded = ag.tensor(x, requires_grad=True)
    out = layer(x, padded, value_mask=mask)
    np.testing.assert_allclose(out.numpy()[:1], layer(x[:1], x[:1, :3]).numpy(), rtol=1e-12)
    out.sum().backward()
    assert padded.grad is not None
    assert (padded.grad.numpy()[0, 3:] == 0).all()


def test_order_of_keys_does_not_matter_and_order_of_queries_moves_along(rng: np.random.Generator) -> None:
    layer = attention()
    query, value = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 3))
    out = layer(query, value).numpy()
    np.testing.assert_allclose(layer(query, value[:, ::-1]).numpy(), out, rtol=1e-10)
    np.testing.assert_allclose(layer(query[:, ::-1], value).numpy(), out[:, ::-1], rtol=1e-10)


def test_scores_are_weights(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 4, 6))
    _, scores = attention()(x, x, return_attention_scores=True, use_causal_mask=True)
    np.testing.assert_allclose(scores.numpy().sum(-1), 1, rtol=1e-12)
    assert (scores.numpy()[..., ~np.tri(4, dtype=bool)] == 0).all()


def test_nothing_to_see_is_no_nan(rng: np.random.Generator) -> None:
    x = ag.tensor(rng.normal(size=(1, 3, 6)), requires_grad=True)
    out = attention()(x, x, value_mask=np.zeros((1, 3), bool))
    out.sum().backward()
    assert x.grad is not None
    assert np.isfinite(out.numpy()).all()
    assert np.isfinite(x.grad.numpy()).all()


def test_regularizers_reach_the_kernels() -> None:
    layer = layers.MultiHeadAttention(1, 2, kernel_regularizer="l2", kernel_initializer="ones")
    layer(np.zeros((1, 2, 3)), np.zeros((1, 2, 3)))
    np.testing.assert_allclose(sum(float(loss) for loss in layer.losses), 0.01 * 4 * 6, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.MultiHeadAttention(0, 2), "expected num_heads to be a positive integer; received num_heads=0"),
        (
            lambda: layers.MultiHeadAttention(2, 2, dropout=1),
            "expected dropout to be a number of at least 0 and below 1",
        ),
        (lambda: attention()(np.ones((2, 3)), np.ones((2, 3))), r"expected a query of shape \(N, T, D\)"),
        (lambda: attention()(np.ones((2, 3, 4)), np.ones((1, 3, 4))), "of one N and one S; received shapes"),
        (
            lambda: attention()(np.ones((2, 3, 4)), np.ones((2, 3, 4)), value_mask=np.ones((2, 4))),
            r"expected value_mask of shape \(2, 3\); received shape \(2, 4\)",
        ),
        (lambda: layers.TransformerBlock(3)(np.ones((1, 2, 4))), "D a multiple of num_heads=3; received shape"),
        (lambda: layers.TransformerBlock(1, epsilon=-1), "expected epsilon to be a finite number above 0"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_transformer_block_is_its_formula(rng: np.random.Generator) -> None:
    nn.set_seed(0)
    block = layers.TransformerBlock(2, 7, activation="tanh", causal=True, dtype="float64")
    x = rng.normal(size=(2, 3, 4))
    out = block(x).numpy()
    h = block.attention_norm(x)
    y = x + block.attention(h, h, use_causal_mask=True).numpy()
    inner = np.tanh(block.dense_norm(y).numpy() @ block.dense.kernel.numpy())
    np.testing.assert_allclose(out, y + inner @ block.dense_output.kernel.numpy(), rtol=1e-10, atol=1e-12)


def test_a_transformer_block_does_not_attend_to_padding(rng: np.random.Generator) -> None:
    block, x = layers.TransformerBlock(2, dtype="float64"), rng.normal(size=(2, 3, 4))
    mask = np.array([[True, True, False]] * 2)
    np.testing.assert_allclose(block(x, mask=mask).numpy()[:, :2], block(x[:, :2]).numpy(), rtol=1e-10)


def test_a_small_language_model_learns_to_copy() -> None:
    nn.set_seed(1)
    model = nn.Sequential(
        [
            layers.TokenAndPositionEmbedding(5, 6, 16),
            layers.TransformerBlock(2, causal=True),
            layers.LayerNormalization(),
            layers.Dense(5),
        ]
    )
    tokens = np.random.default_rng(0).integers(0, 5, (64, 6))
    before = np.concatenate([np.zeros((64, 1), int), tokens[:, :-1]], axis=1)  # what came one step earlier
    optimizer = nn.optimizers.Adam(learning_rate=1e-2, parameters=_built(model, tokens).parameters())
    loss = nn.losses.SparseCategoricalCrossentropy(from_logits=True)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(before.reshape(-1), model(tokens).reshape(-1, 5))
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.1 * values[0]


def _built(model: Any, x: np.ndarray) -> Any:
    model(x)
    return model


@pytest.mark.ci
@pytest.mark.parametrize("causal", [False, True])
def test_equal_to_pytorch(causal: bool, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    width, heads, length = 6, 2, 4
    theirs = torch.nn.MultiheadAttention(width, heads, batch_first=True)
    ours = layers.MultiHeadAttention(heads, width // heads)
    x = rng.normal(size=(3, length, width)).astype(np.float32)
    ours(x, x)
    state = {k: v.detach().numpy() for k, v in theirs.state_dict().items()}
    for i, name in enumerate(("query", "key", "value")):
        part = slice(i * width, (i + 1) * width)
        getattr(ours, name).kernel.assign(state["in_proj_weight"][part].T.reshape(width, heads, width // heads))
        getattr(ours, name).bias.assign(state["in_proj_bias"][part].reshape(heads, width // heads))
    ours.attention_output.kernel.assign(state["out_proj.weight"].T.reshape(heads, width // heads, width))
    ours.attention_output.bias.assign(state["out_proj.bias"])
    a, b = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1) if causal else None
    there = np.array([[True] * 4, [True] * 3 + [False], [True] * 4])
    other, _ = theirs(b, b, b, attn_mask=mask, key_padding_mask=torch.tensor(~there))
    mine = ours(a, a, value_mask=there, use_causal_mask=causal)
    np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-6)
    factor = rng.normal(size=x.shape).astype(np.float32)
    (mine * factor).sum().backward()
    (other * torch.tensor(factor)).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-5)
