"""Augmentations by histograms, and those that draw among others; and single images in the place of batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn import layers

from .. import peers
from .layer_table import EXAMPLES

IMAGES = np.random.default_rng(0).beta(2, 5, (2, 16, 24, 3)).astype(np.float32)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:.*Tensor.T is deprecated")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("ends", [(0, 255), (0, 1), (-1, 3)])
def test_histograms_spread_values_as_in_keras(ends: tuple[int, int], data_format: str) -> None:
    keras = peers.keras()
    x = IMAGES * np.float32(ends[1] - ends[0]) + np.float32(ends[0])
    x = x if data_format == "channels_last" else x.transpose(0, 3, 1, 2)
    given: dict[str, Any] = {"value_range": ends, "data_format": data_format}
    # With tiles of 8 x 8 pixels a whole number of counts is the limit; Keras on PyTorch rounds others down, and fills
    # up by the edge, which is a mirror image of one pixel.
    made = [
        lambda k: k.Equalization(**given),
        lambda k: k.Equalization(bins=40, **given),
        lambda k: k.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=8.0, tile_grid_size=(2, 3), **given),
        lambda k: k.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0.0, tile_grid_size=(2, 5), **given),
    ]
    for make in made:
        theirs = make(keras.layers)(x, training=True).detach().numpy()
        np.testing.assert_allclose(make(layers)(x, training=True).numpy(), theirs, atol=2e-6 * (ends[1] - ends[0]))
        assert not np.allclose(theirs, x, atol=0.01)


def test_an_equalized_channel_has_each_value_equally_often() -> None:
    values = np.random.default_rng(1).permutation(256 * 4).reshape(1, 32, 32, 1) // 4
    squeezed = np.round(values**2 / 255)  # of other frequencies
    out = layers.Equalization()(squeezed).numpy()
    counts = np.sort(out.ravel())
    np.testing.assert_allclose(counts, np.linspace(0, 255, counts.size), atol=20)
    np.testing.assert_array_equal(layers.Equalization()(np.full((1, 2, 2, 1), 7.0)).numpy(), 7.0)
    np.testing.assert_array_equal(layers.Equalization()(squeezed, training=False).numpy(), squeezed)


@pytest.mark.parametrize("seed", range(4))
def test_randaugment_does_what_it_has_drawn(seed: int) -> None:
    layer = layers.RandAugment((0, 1), num_ops=3, factor=0.8, seed=seed)
    drawn = layer.draw(IMAGES)
    by_hand: Any = IMAGES
    for name in drawn["chosen"]:
        by_hand = layer.parts[name].transform(by_hand, **drawn["drawn"][name])
    np.testing.assert_array_equal(layer.transform(IMAGES, **drawn).numpy(), by_hand.numpy())
    again = layers.RandAugment((0, 1), num_ops=3, factor=0.8, seed=seed)
    np.testing.assert_array_equal(again(IMAGES, training=True).numpy(), by_hand.numpy())
    np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)


def test_all_augmentations_are_drawn_equally_often() -> None:
    layer = layers.RandAugment(seed=0)
    chosen = [name for _ in range(300) for name in layer.draw(IMAGES[:1, :1, :1])["chosen"]]
    counts = [chosen.count(name) for name in layer.parts]
    assert len(counts) == 11
    assert sum((n - 600 / 11) ** 2 / (600 / 11) for n in counts) < 30  # of chi-square with 10 degrees of freedom


@pytest.mark.parametrize("seed", range(4))
def test_augmix_mixes_its_chains(seed: int) -> None:
    layer = layers.AugMix((0, 1), num_chains=2, all_ops=seed % 2 == 0, seed=seed)
    drawn = layer.draw(IMAGES)
    names = {name for chain in drawn["chains"] for name, _ in chain}
    if seed % 2:
        assert not names & {"random_brightness", "random_contrast", "random_sharpness", "random_color_degeneration"}
    chains = []
    for chain in drawn["chains"]:
        x: Any = IMAGES
        for name, own in chain:
            x = layer.parts[name].transform(x, **own)
        chains.append(np.asarray(x if isinstance(x, np.ndarray) else x.numpy()))
    weights, share = drawn["chain_mixing_weights"], drawn["weight_sample"]
    assert weights.sum() == pytest.approx(1)
    mixed = share * IMAGES + (1 - share) * (weights[0] * chains[0] + weights[1] * chains[1])
    np.testing.assert_allclose(layer.transform(IMAGES, **drawn).numpy(), np.clip(mixed, 0, 1), atol=1e-6)
    assert layers.AugMix((0, 1))(IMAGES, training=True).shape == IMAGES.shape


ONE = [name for name, row in EXAMPLES.items() if row[1:] == ((16, 12, 3),) and name not in ("CutMix", "MixUp")]
ONE += ["CenterCrop", "Resizing"]
NAMES = {name: getattr(layers, name) for name in layers.__all__}  # which load when they are asked for


@pytest.mark.parametrize("name", ONE)
def test_one_image_is_a_batch_of_one(name: str) -> None:
    for training in (True, False):
        results = []
        for x in (IMAGES[0], IMAGES[:1]):
            nn.set_seed(3)
            results.append(eval(EXAMPLES[name][0], dict(NAMES))(x, training=training).numpy())
        np.testing.assert_array_equal(results[0], results[1][0])


def test_a_pipeline_hands_on_the_mode() -> None:
    layer = layers.Pipeline([layers.RandomBrightness((0.5, 0.5), (0, 1)), layers.Rescaling(2.0), layers.Dropout(0.5)])
    x = np.full((4, 3, 3, 1), 0.25)
    np.testing.assert_allclose(layer(x, training=False).numpy(), 0.5)
    assert set(np.unique(layer(x, training=True).numpy())) == {0.0, 3.0}
    again = layers.Pipeline.from_config(layer.get_config())
    assert [type(part).__name__ for part in again.layers] == ["RandomBrightness", "Rescaling", "Dropout"]
    with pytest.raises(TypeError, match="expected layers to be a list of layers"):
        layers.Pipeline([np.tanh])


def test_what_stretches_contrast_acts_in_evaluation_too() -> None:
    x = np.random.default_rng(0).uniform(20, 90, (2, 8, 8, 3)).astype("f")
    for layer, acts in (
        (layers.AutoContrast(), True),
        (layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=2), True),
        (layers.Equalization(), False),
        (layers.RandomBrightness((0.5, 0.5)), False),
    ):
        assert not np.array_equal(layer(x, training=True).data, x)
        assert np.array_equal(layer(x, training=False).data, x) is not acts
