"""Layers that change images at random: what they draw, what they make of it, and that Keras makes the same of it."""

from __future__ import annotations

import colorsys
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers
from nn.layers.augmentation.color import from_hue_saturation_value, hue_saturation_value
from nn.layers.augmentation.geometry import _blurring
from nn.layers.augmentation.sampling import FILL_MODES, homographies, sample_pixels

from .. import peers

IMAGES = np.random.default_rng(3).uniform(0.1, 0.9, (4, 5, 6, 3)).astype(np.float32)
UNIT = {"value_range": (0, 1)}

# Layers with the same arguments here and in Keras, and the transformation of Keras's that has other names or shapes.
SAME: dict[str, tuple[Callable[[Any], Any], Callable[[Any], dict[str, Any]]]] = {
    "flip": (lambda k: k.RandomFlip(), lambda t: t),
    "flip, vertical": (lambda k: k.RandomFlip("vertical"), lambda t: t),
    "flip, channels first": (lambda k: k.RandomFlip("horizontal", data_format="channels_first"), lambda t: t),
    "rotation": (lambda k: k.RandomRotation(0.3), lambda t: t),
    "rotation, wrapped": (lambda k: k.RandomRotation((-0.4, -0.1), "wrap", "nearest"), lambda t: t),
    "translation": (lambda k: k.RandomTranslation(0.4, (-0.6, 0.2)), lambda t: t),
    "translation, edge": (lambda k: k.RandomTranslation(0.4, 0.9, "nearest"), lambda t: t),
    "zoom": (lambda k: k.RandomZoom(0.4, (0.1, 0.6), "constant", fill_value=0.5), lambda t: t),
    "zoom, same ratio": (lambda k: k.RandomZoom((-0.5, -0.2), data_format="channels_first"), lambda t: t),
    "shear": (lambda k: k.RandomShear((0.1, 0.6), (0.2, 0.4)), lambda t: t),
    "perspective": (lambda k: k.RandomPerspective((0.7, 0.7), 0.4, fill_value=0.25), lambda t: t),
    "brightness": (lambda k: k.RandomBrightness(0.4, (0, 2)), lambda t: {"factor": t["rgb_delta"] / 2}),
    "contrast": (lambda k: k.RandomContrast((0.3, 0.8), (0, 1)), lambda t: t),
    "gray": (lambda k: k.RandomGrayscale(0.5), lambda t: {"should_apply": t}),
    "degeneration": (lambda k: k.RandomColorDegeneration((0.2, 0.9), (0, 1)), lambda t: t),
    "saturation": (lambda k: k.RandomSaturation((0.1, 0.9), (0, 1)), lambda t: t),
    "hue": (lambda k: k.RandomHue((0.1, 0.9), (0, 1)), lambda t: t),
    "hue, bytes": (lambda k: k.RandomHue((0.1, 0.9)), lambda t: t),
    "invert": (lambda k: k.RandomInvert((0.5, 0.5), (0, 1)), lambda t: t),
    "sharpness": (lambda k: k.RandomSharpness((0.0, 1.0), (0, 1)), lambda t: t),
    "blur": (lambda k: k.RandomGaussianBlur((0.7, 0.7), 3, (0.4, 1.0), (0, 1)), lambda t: t),
    "posterization": (lambda k: k.RandomPosterization((2, 5), (0, 1)), lambda t: t),
    "solarization": (lambda k: k.Solarization(0.2, 0.7, (0, 1)), lambda t: t),
    "contrast by itself": (lambda k: k.AutoContrast((0, 1)), lambda t: {}),
    "erasing": (lambda k: k.RandomErasing((0.8, 0.8), (0.1, 0.6), value_range=(0, 1)), lambda t: t),
    "mixup": (lambda k: k.MixUp(0.8), lambda t: t),
    "cutmix": (lambda k: k.CutMix((0.5, 1.0)), lambda t: t),
}


@pytest.mark.ci
@pytest.mark.parametrize("name", SAME)
def test_the_same_draws_make_the_same_images_in_keras(name: str) -> None:
    keras, torch = peers.keras(), peers.torch()
    make, rename = SAME[name]
    keras.utils.set_random_seed(7)  # before the layer: it draws its own seed when it is made
    theirs, ours = make(keras.layers), make(layers)
    images = IMAGES * 255 if name == "hue, bytes" else IMAGES
    images = images.transpose(0, 3, 1, 2) if theirs.data_format == "channels_first" else images
    drawn = theirs.get_random_transformation(torch.tensor(images), training=True)
    expected = theirs.transform_images(torch.tensor(images), drawn, training=True).numpy()
    assert name == "contrast by itself" or not np.allclose(expected, images), "these draws change nothing"
    arguments = inspect.signature(ours._change).parameters
    plain = {key: np.asarray(value) for key, value in rename(drawn).items() if key in arguments}
    one_each = [key for key, a in plain.items() if a.shape == (len(images),) and key != "permutation_order"]
    shaped = plain | {key: plain[key].reshape(-1, 1, 1, 1) for key in one_each}
    np.testing.assert_allclose(ours.transform(images, **shaped).data, expected, rtol=2e-4, atol=2e-5)
    if name in ("mixup", "cutmix"):
        labels = np.eye(4, dtype=np.float32)
        mixed = theirs.transform_labels(torch.tensor(labels), drawn, training=True).numpy()
        np.testing.assert_allclose(ours.mix_labels(labels, **shaped).data, mixed, rtol=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_samples_equal_scipys(fill_mode: str, interpolation: str, rng: np.random.Generator) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    rows, columns = rng.uniform(-9, 12, (2, 4, 7, 8))
    got = sample_pixels(ag.tensor(IMAGES), rows, columns, interpolation, fill_mode, 0.75).data
    mode = {"wrap": "grid-wrap", "constant": "grid-constant"}.get(fill_mode, fill_mode)
    for i, image in enumerate(IMAGES):
        for channel in range(3):
            wanted = ndimage.map_coordinates(
                image[..., channel].astype(float),
                [rows[i], columns[i]],
                order=0 if interpolation == "nearest" else 1,
                mode=mode,
                cval=0.75,
            )
            np.testing.assert_allclose(got[i, ..., channel], wanted, rtol=1e-4, atol=1e-5)


def test_rotations_by_quarters_and_shifts_by_pixels_move_pixels() -> None:
    square = IMAGES[:, :, :5]
    turned = layers.RandomRotation(1.0).transform(square, angle=np.array([90.0, 180.0, 270.0, 0.0])).data
    for i, quarters in enumerate((1, 2, 3, 0)):
        np.testing.assert_allclose(turned[i], np.rot90(square[i], quarters), atol=1e-5)
    shifted = layers.RandomTranslation(1.0, 1.0, "wrap").transform(IMAGES, translations=np.tile([2, -1], (4, 1)))
    np.testing.assert_allclose(shifted.data, np.roll(IMAGES, (-1, 2), axis=(1, 2)), atol=1e-6)


def test_an_elastic_transform_moves_pixels_by_its_displacements() -> None:
    layer = layers.RandomElasticTransform(1.0, 1.0, "nearest", "wrap", value_range=(0, 1))
    moved = np.stack([np.full((4, 5, 6), -1.0), np.full((4, 5, 6), 2.0)])
    out = layer.transform(IMAGES, apply_transform=True, displacements=moved).data
    np.testing.assert_array_equal(out, np.roll(IMAGES, (1, -2), axis=(1, 2)))
    still = layers.RandomElasticTransform(1.0, (0.0, 0.0), value_range=(0, 1))
    np.testing.assert_allclose(still(IMAGES).data, IMAGES, rtol=1e-6)


@pytest.mark.ci
def test_elastic_displacements_are_blurred_noise() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    impulse = np.zeros((40, 60))
    impulse[20, 30] = 1
    sigma = 2.0
    blurred = _blurring(40, sigma) @ impulse @ _blurring(60, sigma).T
    wanted = ndimage.gaussian_filter(impulse, sigma, truncate=3.0, mode="constant")
    np.testing.assert_allclose(blurred, wanted, atol=1e-12)
    nn.set_seed(0)
    drawn = layers.RandomElasticTransform(1.0, (1.0, 1.0)).draw(np.zeros((50, 40, 60, 1)))["displacements"]
    # Blurred white noise has the variance 1 / (4 pi sigma^2).
    np.testing.assert_allclose(
        drawn[..., 10:-10, 10:-10].std(), 0.1 * 60 * sigma / np.sqrt(4 * np.pi * sigma**2), rtol=0.05
    )


def test_a_homography_takes_the_ends_to_the_starts(rng: np.random.Generator) -> None:
    start, end = rng.uniform(0, 5, (2, 3, 4, 2))
    mapped = np.einsum("nij,npj->npi", homographies(start, end), np.concatenate([end, np.ones((3, 4, 1))], axis=2))
    np.testing.assert_allclose(mapped[..., :2] / mapped[..., 2:], start, rtol=1e-8)


def test_hue_saturation_and_value_are_pythons_and_lead_back() -> None:
    hsv = np.stack([np.asarray(part) for part in hue_saturation_value(ag.tensor(IMAGES))], axis=-1)
    wanted = np.array([colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in IMAGES.reshape(-1, 3)])
    np.testing.assert_allclose(hsv.reshape(-1, 3), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(from_hue_saturation_value(*np.moveaxis(hsv, -1, 0)), IMAGES, rtol=1e-5)
    gray = ag.tensor(np.full((1, 1, 1, 3), 0.5), requires_grad=True)
    from_hue_saturation_value(*hue_saturation_value(gray)).sum().backward()
    assert np.isfinite(gray.grad.data).all(), "a gray pixel has a gradient"


MAKERS: dict[str, Callable[[int | None], Any]] = {
    "RandomFlip": lambda seed: layers.RandomFlip(seed=seed),
    "RandomCrop": lambda seed: layers.RandomCrop(3, 3, seed=seed),
    "RandomRotation": lambda seed: layers.RandomRotation(0.3, seed=seed),
    "RandomElasticTransform": lambda seed: layers.RandomElasticTransform(seed=seed),
    "RandomColorJitter": lambda seed: layers.RandomColorJitter((0, 1), 0.2, 0.2, 0.2, 0.2, seed=seed),
    "RandomErasing": lambda seed: layers.RandomErasing(1.0, 0.5, value_range=(0, 1), seed=seed),
    "RandomGaussianBlur": lambda seed: layers.RandomGaussianBlur((1.0, 1.0), seed=seed),
    "MixUp": lambda seed: layers.MixUp(seed=seed),
    "CutMix": lambda seed: layers.CutMix(seed=seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_draws_come_from_the_seed(name: str) -> None:
    make = MAKERS[name]
    images = np.random.default_rng(0).uniform(0, 1, (16, 5, 6, 3))
    first, second = make(5), make(5)
    np.testing.assert_array_equal(first(images).data, second(images).data)
    one, others = make(5)(images).data, [make(seed)(images).data for seed in range(6, 10)]
    assert any(not np.array_equal(one, other) for other in others), "other seeds draw the same"
    layer = make(None)
    nn.set_seed(3)
    before = layer(images).data, layer(images).data
    nn.set_seed(3)
    np.testing.assert_array_equal(layer(images).data, before[0])
    assert not np.array_equal(*before), "two batches get the same draws"


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "RandomCrop"])
def test_a_call_transforms_as_its_draws_say(name: str) -> None:
    layer = MAKERS[name](None)
    nn.set_seed(1)
    drawn = layer.draw(ag.tensor(IMAGES))
    nn.set_seed(1)
    np.testing.assert_array_equal(layer(IMAGES).data, layer.transform(IMAGES, **drawn).data)


@pytest.mark.parametrize("name", MAKERS)
def test_replays_draw_anew_and_as_eager_code(name: str) -> None:
    seen = []
    for wrap in (lambda f: f, ag.compile):
        nn.set_seed(1)
        layer = MAKERS[name](3)
        f = wrap(layer.call)
        seen.append([np.asarray(f(IMAGES * np.float32(1 + k / 9))) for k in range(5)])
    assert any(trace.replay for trace in f.traces)
    for ours, theirs in zip(*seen, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_draws_fill_their_range() -> None:
    nn.set_seed(0)
    many = np.zeros((2000, 1, 1, 1))
    assert 0.45 < layers.RandomFlip().draw(many)["flips"].data.mean() < 0.55
    for factor, low, high in ((0.3, -0.3, 0.3), ((0.1, 0.2), 0.1, 0.2)):
        drawn = layers.RandomBrightness(factor).draw(many)["factor"].data
        assert low <= drawn.min() < low + 0.01 < high - 0.01 < drawn.max() <= high
    contrast = layers.RandomContrast(0.3).draw(many)["contrast_factor"].data
    assert 0.7 <= contrast.min() < 0.71 < 1.29 < contrast.max() <= 1.3
    bits = 8 - layers.RandomPosterization((2, 4)).draw(many)["shift_factor"].data
    assert np.unique(bits).tolist() == [2, 3, 4]
    chosen = layers.RandomInvert((0.25, 0.25)).draw(many)["apply_inversion"].data.mean()
    assert 0.2 < chosen < 0.3
    hue = layers.RandomHue((0.4, 0.4)).draw(many)["factor"].data
    assert np.unique(hue.round(5)).tolist() == pytest.approx([-0.2, 0.2])


def test_a_crop_is_a_part_and_reaches_every_place() -> None:
    nn.set_seed(0)
    image = np.arange(20.0).reshape(1, 4, 5, 1)
    layer = layers.RandomCrop(3, 3)
    corners = {int(layer(image).data[0, 0, 0, 0]) for _ in range(200)}
    assert corners == {0, 1, 2, 5, 6, 7}
    part = layer(image).data[0, :, :, 0]
    np.testing.assert_array_equal(part - part[0, 0], [[0, 1, 2], [5, 6, 7], [10, 11, 12]])
    whole = layers.RandomCrop(4, 4).eval()(image).data[0, :, :, 0]
    np.testing.assert_array_equal(whole, image[0, :, :4, 0])


def test_mixed_labels_have_the_weights_of_the_images() -> None:
    labels = np.eye(4)
    images = np.broadcast_to(labels[:, None, None, :], (4, 50, 60, 4)).copy()
    for layer in (layers.MixUp(1.0, seed=0), layers.CutMix((1.0, 1.0), seed=2)):
        out = layer({"images": images, "labels": labels})
        np.testing.assert_allclose(out["labels"].data, out["images"].data.mean(axis=(1, 2)), atol=0.04)
        assert 0.05 < out["labels"].data.min(axis=1, where=out["labels"].data > 0.001, initial=1).mean() < 0.5
        same = layer.eval()({"images": images, "labels": labels})
        np.testing.assert_array_equal(same["images"].data, images)
        assert not np.array_equal(layer(images, training=True).data, images)


def test_an_erased_box_has_the_share_that_is_drawn() -> None:
    nn.set_seed(0)
    layer = layers.RandomErasing((1.0, 1.0), (0.25, 0.25), 0.0, value_range=(0, 1))
    erased = (layer(np.ones((50, 40, 60, 1))).data == 0).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(erased, 0.25, atol=0.01)


def test_posterization_keeps_the_upper_bits() -> None:
    x = np.arange(256.0).reshape(1, 16, 16, 1)
    out = layers.RandomPosterization(3)(x).data.astype(int)
    np.testing.assert_array_equal(out, x.astype(int) >> 5 << 5)


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "factor": (lambda: layers.RandomRotation(1.5), r"expected factor to be a number, or two, from -1 to 1; received"),
    "three": (lambda: layers.RandomTranslation((0, 0.1, 0.2), 0.1), "expected height_factor to be a number, or two"),
    "range": (lambda: layers.RandomHue(0.1, (0, 0)), r"expected value_range to be two numbers, \(low, high\)"),
    "mode": (lambda: layers.RandomFlip("sideways"), "expected mode to be one of horizontal, vertical"),
    "fill": (lambda: layers.RandomZoom(0.1, fill_mode="mirror"), "expected fill_mode to be one of reflect, wrap"),
    "scale": (lambda: layers.RandomPerspective(scale=2), "expected scale to be a number from 0 to 1"),
    "kernel": (lambda: layers.RandomGaussianBlur(kernel_size=4), "expected odd kernel_size"),
    "bits": (lambda: layers.RandomPosterization(2.5), "expected factor to be whole numbers of bits"),
    "alpha": (lambda: layers.MixUp(0), "expected alpha to be a finite number above 0"),
    "colors": (lambda: layers.RandomGrayscale()(np.ones((1, 2, 2, 1))), "expected images with 3 channels"),
    "rank": (lambda: layers.RandomFlip()(np.ones((2, 3))), r"expected inputs of shape \(N, S1, S2, C\)"),
    "keys": (lambda: layers.MixUp()({"image": IMAGES}), r"expected images, or a dict of images and labels; received"),
    "labels": (
        lambda: layers.CutMix()({"images": IMAGES, "labels": np.arange(4)}),
        r"expected labels of shape \(4, 'K'\), one-hot",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, ag.ShapeError), match=message):
        call()
