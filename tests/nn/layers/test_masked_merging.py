"""Merging tensors with masks: which steps count, beside a definition step by step and beside Keras."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers
from nn.module.masks import mask_of, set_mask

from .. import peers
from ..masked import MASK, TOKENS

rng = np.random.default_rng(0)
N, T, D = 2, 4, 3
FLAGS = np.array([[[1, 1, 0, 0], [1, 0, 1, 0]], [[1, 0, 1, 0], [0, 0, 1, 1]], [[0, 1, 1, 0], [0, 1, 1, 0]]], bool)
#: of two or three tensors, which have a mask
MASKED = [which for n in (1, 2, 3) for which in itertools.product((False, True), repeat=n)]
# What is made of the values that count at one place, of all values, and of none.
KINDS: dict[str, Any] = {
    "Add": lambda counted, values: sum(values),
    "Average": lambda counted, values: sum(values) / len(values),
    "Multiply": lambda counted, values: np.prod(counted) if counted else 0,
    "Maximum": lambda counted, values: max(counted or values[:1]),
    "Minimum": lambda counted, values: min(counted or values[:1]),
}


def masked(x: Any, mask: Any) -> ag.Tensor:
    out = ag.tensor(x, requires_grad=True)
    if mask is not None:
        set_mask(out, mask)
    return out


@pytest.mark.parametrize("which", MASKED, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_counts_where_its_mask_says(kind: str, which: tuple[bool, ...]) -> None:
    x = rng.normal(size=(len(which), N, T, D))
    masks = [FLAGS[k] if has else None for k, has in enumerate(which)]
    parts = [masked(*pair) for pair in zip(x, masks, strict=True)]
    layer = getattr(layers, kind)(dtype="float64")
    out = layer(parts)
    expected = np.empty((N, T, D))
    for n, t, d in np.ndindex(N, T, D):
        values = list(x[:, n, t, d])
        counted = [v for v, mask in zip(values, masks, strict=True) if mask is None or mask[n, t]]
        expected[n, t, d] = KINDS[kind](counted, values)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-14)
    mask = mask_of(out)
    assert (mask is None) == (not all(which))
    if mask is not None:
        np.testing.assert_array_equal(mask, np.any(FLAGS[: len(which)], axis=0))
    if not all(which) or kind in ("Add", "Average"):
        return
    written = layer([ag.tensor(v) for v in x], mask=[m.tolist() for m in FLAGS[: len(which)]])
    np.testing.assert_array_equal(out.numpy(), written.numpy())


@pytest.mark.parametrize("kind", ["Multiply", "Maximum", "Minimum"])
def test_nothing_comes_from_steps_that_do_not_count(kind: str) -> None:
    x = np.where(FLAGS[:2, ..., None], rng.normal(size=(2, N, T, D)), np.nan)
    parts = [masked(*pair) for pair in zip(x, FLAGS[:2], strict=True)]
    out = getattr(layers, kind)(dtype="float64")(parts)
    counted = np.any(FLAGS[:2], axis=0)
    assert np.isfinite(out.numpy()[counted]).all()
    (out[counted].sum()).backward()
    for part, flags in zip(parts, FLAGS[:2], strict=True):
        assert part.grad is not None
        assert np.isfinite(part.grad.numpy()[flags]).all()
        assert not part.grad.numpy()[~flags].any()


def test_masks_of_tensors_with_fewer_axes() -> None:
    a, b = rng.normal(size=(N, T, D)), rng.normal(size=(N, D))
    out = layers.Multiply(dtype="float64")([masked(a, FLAGS[0]), ag.tensor(b)])
    np.testing.assert_allclose(out.numpy(), np.where(FLAGS[0][..., None], a, 1) * b[:, None], rtol=1e-14)


def test_softmax_of_a_row_that_is_all_masked() -> None:
    x = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]], np.float32)
    mask = np.array([[True, True, False], [False, False, False]])
    for given in (mask, mask.tolist(), mask.astype(np.float32), ag.tensor(mask)):
        out = layers.Softmax()(x, mask=given).numpy()
        np.testing.assert_allclose(out, [[0.26894143, 0.7310586, 0], [0, 0, 0]], rtol=1e-6)
    for axes in ((0, 1), -1, 1):
        assert not layers.Softmax(axes)(x, mask=np.zeros((1, 3), bool)).numpy().any()


@pytest.mark.parametrize("mode", ["eager", "compiled"])
@pytest.mark.parametrize("kind", ["Multiply", "Maximum", "Minimum", "Add", "Average"])
def test_models_compute_masks_anew(kind: str, mode: str) -> None:
    first, second = nn.Input((5,), dtype="int32"), nn.Input((5,), dtype="int32")
    parts = [layers.Embedding(9, 4, mask_zero=True)(x) for x in (first, second)]
    model = nn.Model([first, second], layers.GRU(3)(getattr(layers, kind)()(parts)))
    run = ag.compile(lambda a, b: model([a, b])) if mode == "compiled" else lambda a, b: model([a, b])
    embeddings = [layer for layer in model.layers if isinstance(layer, layers.Embedding)]
    gru = model.layers[-1]
    for shift in range(4):
        a, b = np.roll(TOKENS, shift, axis=1), TOKENS[::-1]
        merged = getattr(layers, kind)()(
            [masked(e(x).numpy(), x != 0) for e, x in zip(embeddings, (a, b), strict=True)]
        )
        expected = gru(ag.tensor(merged.numpy()), mask=(a != 0) | (b != 0)).numpy()
        np.testing.assert_allclose(run(a, b).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("which", MASKED, ids=str)
@pytest.mark.parametrize("kind", [*KINDS, "Subtract", "Concatenate", "Dot"])
def test_keras(kind: str, which: tuple[bool, ...]) -> None:
    keras, torch = peers.keras(), peers.torch()
    if kind in ("Subtract", "Dot") and len(which) != 2:
        return
    x = rng.normal(size=(len(which), N, T, D)).astype(np.float32)
    arguments = {"Dot": (2,), "Concatenate": (1,)}.get(kind, ())
    theirs = [torch.tensor(v) for v in x]
    for k, has in enumerate(which):
        if has:
            keras.src.backend.set_keras_mask(theirs[k], torch.tensor(FLAGS[k]))
    wanted = getattr(keras.layers, kind)(*arguments)(theirs)
    out = getattr(layers, kind)(*arguments)(
        [masked(v, FLAGS[k] if has else None) for k, (v, has) in enumerate(zip(x, which, strict=True))]
    )
    np.testing.assert_allclose(out.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
    mask = keras.src.backend.get_keras_mask(wanted)
    assert (mask is None) == (mask_of(out) is None)
    if mask is not None:
        np.testing.assert_array_equal(mask_of(out), mask.numpy())


@pytest.mark.ci
def test_keras_softmax() -> None:
    keras, torch = peers.keras(), peers.torch()
    x, mask = rng.normal(size=(3, 5)).astype(np.float32), MASK[[0, 1, 3]] & [[1], [1], [0]] > 0
    for axis in (-1, 0, (0, 1)):
        wanted = keras.layers.Softmax(axis)(torch.tensor(x), mask=torch.tensor(mask)).numpy()
        np.testing.assert_allclose(layers.Softmax(axis)(x, mask=mask).numpy(), wanted, rtol=1e-5, atol=1e-7)
