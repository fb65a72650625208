"""Attention along some of the axes: by the same attention on arrays with moved axes, masks, Keras, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

from .. import peers

N, A, B, S, D = 2, 3, 4, 5, 6


def made(**kwargs: Any) -> Any:
    """Return a layer with random biases, the same for the same kwargs but for the axes."""
    nn.set_seed(3)
    return layers.MultiHeadAttention(2, 3, value_dim=4, bias_initializer="random_normal", dtype="float64", **kwargs)


def images(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a query (N, A, B, D) and a value (N, A, S, D)."""
    return rng.normal(size=(N, A, B, D)), rng.normal(size=(N, A, S, D))


def twins(rng: np.random.Generator, **kwargs: Any) -> tuple[Any, Any]:
    """Return a layer along axis 2 of images, and one of sequences with the same weights."""
    query, value = images(rng)
    rows, plain = made(attention_axes=2, **kwargs), made(**kwargs)
    rows(query, value)
    plain(query[:, 0], value[:, 0])
    plain.set_weights(rows.get_weights())
    return rows, plain


@pytest.mark.parametrize("gate", [False, True])
def test_rows_of_an_image_are_a_batch_of_sequences(gate: bool, rng: np.random.Generator) -> None:
    rows, plain = twins(rng, use_gate=gate)
    query, value = images(rng)
    out, scores = rows(query, value, return_attention_scores=True)
    wanted, weights = plain(query.reshape(-1, B, D), value.reshape(-1, S, D), return_attention_scores=True)
    np.testing.assert_allclose(out.data, wanted.data.reshape(N, A, B, D), rtol=1e-12)
    np.testing.assert_allclose(scores.data, weights.data.reshape(N, A, 2, B, S), rtol=1e-12)


def test_columns_are_the_rows_of_the_transposed_image(rng: np.random.Generator) -> None:
    rows, plain = twins(rng)
    columns = made(attention_axes=1)
    query, value = (a.swapaxes(1, 2) for a in images(rng))
    columns(query, value)
    columns.set_weights(plain.get_weights())
    wanted = rows(query.swapaxes(1, 2), value.swapaxes(1, 2)).data
    np.testing.assert_allclose(columns(query, value).data, wanted.swapaxes(1, 2), rtol=1e-12)
    negative = made(attention_axes=-3)
    negative(query, value)
    negative.set_weights(plain.get_weights())
    np.testing.assert_array_equal(negative(query, value).data, columns(query, value).data)


@pytest.mark.parametrize("axes", [None, (1, 2), (2, 1)])
def test_all_axes_are_one_sequence(axes: Any, rng: np.random.Generator) -> None:
    both, plain = made(attention_axes=axes), made()
    query, value = images(rng)
    both(query, value)
    plain(query.reshape(N, -1, D), value.reshape(N, -1, D))
    plain.set_weights(both.get_weights())
    out, scores = both(query, value, return_attention_scores=True)
    wanted, weights = plain(query.reshape(N, -1, D), value.reshape(N, -1, D), return_attention_scores=True)
    np.testing.assert_allclose(out.data, wanted.data.reshape(N, A, B, D), rtol=1e-12)
    pairs = weights.data.reshape(N, 2, A, B, A, S)
    np.testing.assert_allclose(scores.data, pairs.transpose(0, 1, 3, 2, 5, 4) if axes == (2, 1) else pairs, rtol=1e-12)


def test_a_tensor_of_outputs_is_a_row_of_outputs_in_shape(rng: np.random.Generator) -> None:
    query, value = images(rng)
    tensor, row = made(output_shape=(2, 5)), made(output_shape=10)
    tensor(query, value)
    row(query, value)
    row.set_weights([w.reshape(r.shape) for w, r in zip(tensor.get_weights(), row.get_weights(), strict=True)])
    np.testing.assert_allclose(tensor(query, value).data.reshape(N, A, B, 10), row(query, value).data, rtol=1e-12)
    assert tensor.attention_output.kernel.shape == (2, 4, 2, 5)


MASKS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "query_mask": ((N, A, B), (N * A, B)),
    "value_mask": ((N, A, S), (N * A, S)),
    "key_mask": ((N, A, S), (N * A, S)),
    "attention_mask": ((N, A, 2, B, S), (N * A, 2, B, S)),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_those_of_the_sequences(name: str, rng: np.random.Generator) -> None:
    rows, plain = twins(rng)
    query, value = images(rng)
    shape, sequences = MASKS[name]
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True
    out = rows(query, value, **{name: mask}).data
    assert np.abs(out - rows(query, value).data).max() > 1e-3
    wanted = plain(query.reshape(-1, B, D), value.reshape(-1, S, D), **{name: mask.reshape(sequences)}).data
    np.testing.assert_allclose(out, wanted.reshape(N, A, B, D), rtol=1e-12)


@pytest.mark.parametrize("shape", [(B, S), (N, B, S), (1, B, S), (N, A, 1, B, S), (1, A, 2, B, S)])
def test_attention_masks_stand_for_the_axes_behind(shape: Any, rng: np.random.Generator) -> None:
    rows, _ = twins(rng)
    query, value = images(rng)
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True
    first = mask.reshape(*shape[:-2], *(1,) * (5 - len(shape)), B, S)  # the batch comes first, then A and the heads
    out = rows(query, value, attention_mask=mask).data
    whole = rows(query, value, attention_mask=np.broadcast_to(first, (N, A, 2, B, S))).data
    np.testing.assert_allclose(out, whole, rtol=1e-12)
    with pytest.raises(ag.ShapeError, match="expected attention_mask of shape"):
        rows(query, value, attention_mask=np.ones((A, 1, B, S), bool))


def test_a_mask_of_the_first_axes_holds_for_the_others(rng: np.random.Generator) -> None:
    columns = made(attention_axes=1)
    query = rng.normal(size=(N, A, B, D))
    there = np.array([[True, True, False], [True, False, True]])
    short, whole = (columns(query, query, value_mask=m).data for m in (there, np.repeat(there[..., None], B, 2)))
    np.testing.assert_array_equal(short, whole)
    alone = columns(query[:1, :2], query[:1, :2]).data
    np.testing.assert_allclose(short[:1, :2], alone, rtol=1e-12)


def test_causal_rows_and_windows_see_what_they_may(rng: np.random.Generator) -> None:
    x = rng.normal(size=(1, 2, 5, D))
    rows = made(attention_axes=2, sliding_window=2)
    weights = rows(x, x, use_causal_mask=True, return_attention_scores=True)[1].data
    seen = np.tri(5, dtype=bool) & ~np.tri(5, k=-2, dtype=bool)
    assert ((weights > 0) == seen).all()
    plain = made(sliding_window=2)
    assert ((plain(x[:, 0], x[:, 0], return_attention_scores=True)[1].data > 0) == (seen | seen.T)).all()


def test_a_gate_multiplies_the_heads(rng: np.random.Generator) -> None:
    gated, plain = made(use_gate=True), made()
    x = rng.normal(size=(N, B, D))
    gated(x, x)
    plain(x, x)
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if not k.startswith("gate")})
    np.testing.assert_array_less(1e-3, np.abs(gated(x, x).data - plain(x, x).data).max())
    gated.gate.kernel.assign(np.zeros(gated.gate.kernel.shape))
    gated.gate.bias.assign(np.full(gated.gate.bias.shape, 50.0))
    np.testing.assert_allclose(gated(x, x).data, plain(x, x).data, rtol=1e-12)
    gated.gate.bias.assign(np.full(gated.gate.bias.shape, -800.0))
    np.testing.assert_allclose(gated(x, x).data, np.broadcast_to(gated.attention_output.bias.data, x.shape))


@pytest.mark.ci
@pytest.mark.parametrize("axes", [2, (1, 2), (2, 1)])
def test_scores_and_masks_equal_keras(axes: Any, rng: np.random.Generator) -> None:
    keras, torch = peers.keras(), peers.torch()
    query, value = (a.astype(np.float32) for a in images(rng))
    theirs = keras.layers.MultiHeadAttention(2, 3, value_dim=4, attention_axes=axes)
    ours = layers.MultiHeadAttention(2, 3, value_dim=4, attention_axes=axes)
    ours(query, value)
    both = [torch.tensor(query), torch.tensor(value)]
    theirs(*both)
    theirs.set_weights([w + 0.1 for w in ours.get_weights()])
    ours.set_weights([w + 0.1 for w in ours.get_weights()])
    lengths = {2: (B, S), (1, 2): (A, B, A, S), (2, 1): (B, A, S, A)}[axes]
    outer = (N, A, 2) if axes == 2 else (N, 2)
    mask = rng.random((*outer, *lengths)) < 0.7
    mask[..., 0] = True
    out, scores = ours(query, value, attention_mask=mask, return_attention_scores=True)
    wanted, weights = theirs(*both, attention_mask=torch.tensor(mask), return_attention_scores=True)
    np.testing.assert_allclose(out.data, wanted.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores.data, weights.detach().numpy(), rtol=1e-4, atol=1e-6)


X = np.ones((2, 3, 4, 5), np.float32)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "batch": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=0)(X, X), "from 1 to 2 for inputs of 4 axes"),
    "features": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=3)(X, X), "received attention_axes=.3,."),
    "twice": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=(2, -2))(X, X), "different ones from 1 to 2"),
    "equal": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=(1, 1)), "a tuple of different integers"),
    "none": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=()), "a tuple of different integers"),
    "outputs": (lambda: layers.MultiHeadAttention(1, 2, output_shape=(3, 0)), "output_shape"),
    "window": (lambda: layers.MultiHeadAttention(1, 2, sliding_window=0), "expected sliding_window to be a positive"),
    "causal": (
        lambda: layers.MultiHeadAttention(1, 2)(X, X, use_causal_mask=True),
        r"along a single attention axis, for use_causal_mask; received attention along axes \(1, 2\)",
    ),
    "window of two": (
        lambda: layers.MultiHeadAttention(1, 2, sliding_window=2, attention_axes=(1, 2))(X, X),
        "for sliding_window; received",
    ),
    "other axes": (lambda: layers.MultiHeadAttention(1, 2, attention_axes=2)(X, X[:, :2]), "received shapes"),
    "mask": (
        lambda: layers.MultiHeadAttention(1, 2, attention_axes=2)(X, X, value_mask=np.ones((2, 4), bool)),
        r"expected value_mask of shape \(2, 3, 4\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()
