"""Attention, AdditiveAttention, GroupQueryAttention and RotaryEmbedding against their formulas, masks and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

N, T, S, D = 2, 4, 5, 6
SCORES = {
    "dot": (lambda **kw: layers.Attention(**kw), lambda w, q, k: q @ k),
    "scaled dot": (lambda **kw: layers.Attention(use_scale=True, **kw), lambda w, q, k: w[0] * (q @ k)),
    "concat": (
        lambda **kw: layers.Attention(score_mode="concat", **kw),
        lambda w, q, k: w[0] * np.tanh(q + k).sum(),
    ),
    "scaled concat": (
        lambda **kw: layers.Attention(True, "concat", **kw),
        lambda w, q, k: w[1] * np.tanh(w[0] * (q + k)).sum(),
    ),
    "additive": (lambda **kw: layers.AdditiveAttention(**kw), lambda w, q, k: w[0] @ np.tanh(q + k)),
    "plain additive": (
        lambda **kw: layers.AdditiveAttention(use_scale=False, **kw),
        lambda w, q, k: np.tanh(q + k).sum(),
    ),
}


def inputs(seed: int = 0) -> list[np.ndarray]:
    """Return query, value and key."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((N, T, D), (N, S, 3), (N, S, D))]


def made(kind: str, **kwargs: Any) -> Any:
    """Return a built layer with random weights."""
    nn.set_seed(1)
    layer = SCORES[kind][0](dtype="float64", **kwargs)
    layer(inputs())
    rng = np.random.default_rng(1)
    for weight in layer.parameters():
        weight.assign(rng.normal(size=weight.shape))
    return layer


def written_out(kind: str, layer: Any, arrays: list[np.ndarray], allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the result and the weights by loops over samples and queries."""
    query, value, key = arrays
    w = [p.numpy() for p in layer.parameters()]
    weights = np.zeros((N, T, S))
    for i in range(N):
        for t in range(T):
            e = np.array([np.exp(SCORES[kind][1](w, query[i, t], key[i, s])) for s in range(S)]) * allowed[i, t]
            weights[i, t] = e / e.sum()
    return weights @ value, weights


@pytest.mark.parametrize("kind", SCORES)
def test_the_formula_with_every_mask(kind: str) -> None:
    layer, arrays = made(kind), inputs()
    there = np.array([[True, False, True, True, False], [True] * 5])
    asked = np.array([[True, True, False, True], [True] * 4])
    causal = np.arange(S) <= np.arange(T)[:, None]
    everywhere = np.ones((N, T, S), bool)
    for mask, is_causal in [(None, False), ([None, there], False), ([asked, there, None], True), (None, True)]:
        allowed = everywhere & (causal if is_causal else True) & (there[:, None] if mask else True)
        expected, weights = written_out(kind, layer, arrays, allowed)
        if mask and mask[0] is not None:
            expected = np.where(asked[..., None], expected, 0)
        out, scores = layer(arrays, mask=mask, use_causal_mask=is_causal, return_attention_scores=True)
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(scores.numpy(), weights, rtol=1e-10, atol=1e-12)


def test_the_value_is_the_key_where_there_is_none() -> None:
    query, _, key = inputs()
    layer = layers.Attention(dtype="float64")
    np.testing.assert_array_equal(layer([query, key]).numpy(), layer([query, key, key]).numpy())


def test_masks_of_tensors_reach_it_and_that_of_the_query_goes_on() -> None:
    tokens, others = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[1, 0, 2, 0], [1, 1, 1, 0]])
    embedding = layers.Embedding(5, 4, mask_zero=True)
    q, v = embedding(tokens), embedding(others)
    layer = layers.Attention()
    out = layer([q, v])
    by_hand = layer([q.detach(), v.detach()], mask=[tokens != 0, others != 0])
    np.testing.assert_array_equal(out.numpy(), by_hand.numpy())
    assert (out.numpy()[tokens == 0] == 0).all()
    pooled = layers.GlobalAveragePooling1D()(out)  # which sees the query's mask
    np.testing.assert_allclose(pooled.numpy()[1], out.numpy()[1, 0], rtol=1e-6)


def test_the_weights_are_dropped_while_training() -> None:
    nn.set_seed(0)
    layer = layers.Attention(dropout=0.5, seed=3)
    query, _, key = inputs()
    _, weights = layer([query, key], return_attention_scores=True, training=True)
    assert 0 < (weights.numpy() == 0).mean() < 1
    _, weights = layer([query, key], return_attention_scores=True, training=False)
    np.testing.assert_allclose(weights.numpy().sum(-1), 1, rtol=1e-5)


def test_nothing_to_see_is_the_plain_mean() -> None:
    query, value, key = inputs()
    x = ag.tensor(value, requires_grad=True)
    out = layers.Attention(dtype="float64")([query, x, key], mask=[None, np.zeros((N, S), bool)])
    np.testing.assert_allclose(out.numpy(), np.broadcast_to(value.mean(1, keepdims=True), out.shape))
    out.sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.numpy()).all()


# ---- heads that share keys ------------------------------------------------------------------------------------------


def repeated(layer: Any) -> layers.MultiHeadAttention:
    """Return a layer whose every head has keys and values of its own, copies of those that are shared."""
    many = layers.MultiHeadAttention(layer.num_heads, layer.key_dim, dtype="float64")
    many(*(np.zeros((1, 2, D)),) * 2)
    times = layer.num_heads // layer.num_key_value_heads
    for name in ("query", "key", "value", "attention_output"):
        own, other = getattr(layer, name), getattr(many, name)
        repeats = times if name in ("key", "value") else 1
        other.kernel.assign(np.repeat(own.kernel.numpy(), repeats, axis=1) if repeats > 1 else own.kernel.numpy())
        bias = own.bias.numpy()
        other.bias.assign(np.repeat(bias, repeats, axis=0) if repeats > 1 else bias)
    return many


@pytest.mark.parametrize("shared", [1, 2, 4])
def test_shared_keys_are_repeated_keys(shared: int) -> None:
    nn.set_seed(2)
    layer = layers.GroupQueryAttention(3, 4, shared, bias_initializer="random_normal", dtype="float64")
    rng = np.random.default_rng(0)
    query, value = rng.normal(size=(N, T, D)), rng.normal(size=(N, S, D))
    layer(query, value)
    many = repeated(layer)
    there = rng.random((N, S)) < 0.6
    there[:, 0] = True
    for kwargs in ({}, {"value_mask": there}, {"use_causal_mask": True}):
        (a, b), (c, d) = (
            m(query, value, return_attention_scores=True, **kwargs)  # type: ignore[arg-type]
            for m in (layer, many)
        )
        np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(b.numpy(), d.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: layers.MultiHeadAttention(2, 3), lambda: layers.GroupQueryAttention(3, 2, 1)])
def test_masks_of_queries_and_of_keys_are_those_of_rows_and_of_columns(make: Any) -> None:
    query, value = (np.random.default_rng(i).normal(size=(1, n, D)) for i, n in enumerate((T, S)))
    asked, there, known = (np.array([row], bool) for row in ([1, 1, 0, 1], [1, 0, 1, 1, 1], [1, 1, 1, 0, 1]))
    masks = {"query_mask": asked, "value_mask": there, "key_mask": known}
    _, weights = make()(query, value, return_attention_scores=True, **masks)
    seen = asked[0][:, None] & there[0] & known[0]
    seen[~asked[0]] = True  # a query that may see nothing takes the plain mean
    np.testing.assert_array_equal(weights.numpy()[0] > 0, np.broadcast_to(seen, (2, T, S)))
    np.testing.assert_allclose(weights.numpy()[0, :, 2], 1 / S, rtol=1e-6)


def test_a_window_lets_entries_see_their_neighbours() -> None:
    layer = layers.GroupQueryAttention(3, 2, 1, sliding_window=2)
    x = np.random.default_rng(0).normal(size=(1, 5, D))
    for causal in (False, True):
        _, weights = layer(x, x, return_attention_scores=True, use_causal_mask=causal)
        distance = np.arange(5)[:, None] - np.arange(5)
        seen = (distance < 2) & (distance >= 0 if causal else distance > -2)
        np.testing.assert_array_equal(weights.numpy()[0] > 0, np.broadcast_to(seen, (2, 5, 5)))


def test_a_gate_multiplies_each_head() -> None:
    nn.set_seed(0)
    layer = layers.GroupQueryAttention(3, 2, 2, use_gate=True, dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 5, D))
    gated = layer(x, x).numpy()
    gate = 1 / (1 + np.exp(-np.einsum("ntd,duh->ntuh", x, layer.gate.kernel.numpy())))
    heads = layer.num_heads, layer.key_dim
    plain = layers.GroupQueryAttention(3, 2, 2, dtype="float64")
    plain(x, x)
    for name in ("query", "key", "value"):
        getattr(plain, name).kernel.assign(getattr(layer, name).kernel)
    plain.attention_output.kernel.assign(np.eye(D).reshape(*heads, D))
    mixed = plain(x, x).numpy().reshape(1, 5, *heads)
    expected = np.einsum("ntuh,uhd->ntd", mixed * gate, layer.attention_output.kernel.numpy())
    np.testing.assert_allclose(gated, expected, rtol=1e-10)


@pytest.mark.ci
def test_its_weights_under_the_names_of_llama_models_give_the_same() -> None:
    torch = pytest.importorskip("torch")
    nn.set_seed(0)
    heads, shared, width = 4, 2, 3
    layer = layers.GroupQueryAttention(width, heads, shared, bias_initializer="random_normal")
    x = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
    expected = layer(x, x, use_causal_mask=True).numpy()
    state = {name: torch.tensor(a) for name, a in nn.saving.to_torch_state_dict(layer).items()}
    assert list(state) == [f"{p}_proj.{w}" for p in "qkvo" for w in ("weight", "bias")]

    def linear(name: str, a: Any) -> Any:
        return torch.nn.functional.linear(a, state[f"{name}_proj.weight"], state[f"{name}_proj.bias"])

    q, k, v = (
        linear(name, torch.tensor(x)).reshape(N, T, count, width).transpose(1, 2)
        for name, count in (("q", heads), ("k", shared), ("v", shared))
    )
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    out = linear("o", out.transpose(1, 2).reshape(N, T, heads * width))
    np.testing.assert_allclose(expected, out.numpy(), rtol=1e-4, atol=1e-6)


# ---- rotations ------------------------------------------------------------------------------------------------------


def test_a_rotation_is_a_product_of_complex_numbers() -> None:
    x = np.random.default_rng(0).normal(size=(N, T, D))
    layer = layers.RotaryEmbedding(100, scaling_factor=2.0, dtype="float64")
    z = x[..., : D // 2] + 1j * x[..., D // 2 :]
    for start in (0, 7):
        angle = (start + np.arange(T))[:, None] / 2.0 * 100.0 ** (-2 * np.arange(D // 2) / D)
        turned = z * np.exp(1j * angle)
        out = layer(x, start_index=start).numpy()
        np.testing.assert_allclose(out, np.concatenate([turned.real, turned.imag], axis=-1), rtol=1e-12)
    there = np.array([3, 0, 9, 9])
    expected = np.stack([layer(x[:, [i]], start_index=p).numpy()[:, 0] for i, p in enumerate(there)], axis=1)
    np.testing.assert_allclose(layer(x, positions=there).numpy(), expected, rtol=1e-12)


def test_products_depend_on_the_distance_alone_and_lengths_stay() -> None:
    rng = np.random.default_rng(1)
    q, k = rng.normal(size=(2, 1, 1, D))
    layer = layers.RotaryEmbedding(dtype="float64")

    def product(t: int, s: int) -> float:
        return float((layer(q, start_index=t).numpy() * layer(k, start_index=s).numpy()).sum())

    np.testing.assert_allclose(product(9, 4), product(5, 0), rtol=1e-10)
    assert abs(product(9, 4) - product(4, 9)) > 1e-3
    np.testing.assert_allclose(np.linalg.norm(layer(q, start_index=9).numpy()), np.linalg.norm(q), rtol=1e-12)


@pytest.mark.parametrize(("sequence", "feature"), [(1, -1), (2, -1), (2, 1), (-2, -1)])
def test_any_axes(sequence: int, feature: int) -> None:
    x = np.random.default_rng(2).normal(size=(2, 4, 6, 8))
    moved = np.moveaxis(x, (sequence, feature), (1, 3))
    expected = np.moveaxis(layers.RotaryEmbedding(dtype="float64")(moved).numpy(), (1, 3), (sequence, feature))
    layer = layers.RotaryEmbedding(sequence_axis=sequence, feature_axis=feature, dtype="float64")
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12)


# ---- bad input ------------------------------------------------------------------------------------------------------

Q = np.ones((2, 3, 4))
BAD = {
    "score mode": (
        lambda: layers.Attention(score_mode="dots"),
        r"expected score_mode to be one of dot, concat",
    ),
    "no list": (lambda: layers.Attention()(Q), r"\(Attention\): expected a list of 2 or more tensors"),
    "one tensor": (lambda: layers.Attention()([Q]), r"\(Attention\): expected a list of 2 or more tensors"),
    "two axes": (lambda: layers.Attention()([Q[0], Q[0]]), r"expected query \(N, T, D\).*received shapes \(3, 4\)"),
    "lengths": (
        lambda: layers.AdditiveAttention()([Q, Q, Q[:, :2]]),
        r"\(AdditiveAttention\): expected as many values as keys.*\(2, 2, 4\)",
    ),
    "mask": (lambda: layers.Attention()([Q, Q], mask=np.ones((2, 3))), "expected mask to be a list of the masks"),
    "masks": (lambda: layers.Attention()([Q, Q], mask=[None]), "expected mask to be a list.*received list of length 1"),
    "mask shape": (
        lambda: layers.Attention()([Q, Q], mask=[None, np.ones((2, 4))]),
        r"\(Attention\): expected value_mask of shape \(2, 3\); received shape \(2, 4\)",
    ),
    "query mask": (
        lambda: layers.Attention()([Q, Q], mask=[np.ones((2, 4)), None]),
        r"expected the query's mask of shape \(2, 3\); received shape \(2, 4\)",
    ),
    "dropout": (lambda: layers.Attention(dropout=1.5), "expected dropout to be a number of at least 0 and below 1"),
    "heads": (
        lambda: layers.GroupQueryAttention(3, 4, 3),
        "expected num_query_heads to be a multiple of num_key_value_heads; received num_query_heads=4",
    ),
    "head_dim": (lambda: layers.GroupQueryAttention(0, 4, 2), "expected head_dim to be a positive integer"),
    "window": (
        lambda: layers.GroupQueryAttention(3, 4, 2, sliding_window=0),
        "expected sliding_window to be a positive integer",
    ),
    "grouped": (
        lambda: layers.GroupQueryAttention(3, 4, 2)(Q, np.ones((1, 3, 4))),
        r"\(GroupQueryAttention\): expected query \(N, T, D\), key",
    ),
    "odd": (lambda: layers.RotaryEmbedding()(Q[..., :3]), r"an even number of features; received shape \(2, 3, 3\)"),
    "axes": (lambda: layers.RotaryEmbedding(feature_axis=1)(Q), "expected inputs with axes 1 for positions and 1"),
    "positions": (lambda: layers.RotaryEmbedding()(Q, positions=[0, 1]), r"expected positions of shape \(3,\)"),
    "wavelength": (
        lambda: layers.RotaryEmbedding(0),
        "expected max_wavelength to be a finite number above 0; received max_wavelength=0",
    ),
    "masking": (
        lambda: layers.Masking()(np.ones(3)),
        r"\(Masking\): expected sequences of shape.*received shape \(3,\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
