"""Cropping, upsampling, resizing and adaptive pooling: closed forms, Pillow's and PyTorch's results, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from nn import layers
from nn.ops.interpolation import INTERPOLATIONS, interpolate, mean_matrix, window_bounds

from .. import peers

IMAGES = np.random.default_rng(4).uniform(0, 1, (2, 5, 7, 3))
PILLOWS = {"bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos3": "LANCZOS"}
first = {"data_format": "channels_first"}


@given(n=st.integers(1, 12), m=st.integers(1, 12), how=st.sampled_from(INTERPOLATIONS), antialias=st.booleans())
def test_interpolation_keeps_constants_and_symmetry(n: int, m: int, how: str, antialias: bool) -> None:
    def along(values: np.ndarray) -> np.ndarray:
        return interpolate(ag.tensor(values.reshape(1, n)), (m,), (1,), how, antialias).data[0]

    np.testing.assert_allclose(along(np.full(n, 2.5)), 2.5)
    values = np.random.default_rng(n).normal(size=n)
    if how != "nearest":  # which of two is nearest is a choice where both are
        np.testing.assert_allclose(along(values[::-1]), along(values)[::-1], atol=1e-12)
    if n == m:
        np.testing.assert_allclose(along(values), values, atol=1e-12)


@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
def test_a_line_stays_a_line_away_from_the_edges(how: str) -> None:
    line = np.arange(12.0)
    out = interpolate(ag.tensor(line[None]), (30,), (1,), how).data[0]
    wanted = (np.arange(30) + 0.5) * 12 / 30 - 0.5
    np.testing.assert_allclose(out[6:-6], wanted[6:-6], atol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize("how", PILLOWS)
@pytest.mark.parametrize("size", [(3, 4), (9, 11), (5, 2), (13, 7)])
def test_antialiased_resizing_equals_pillows(how: str, size: tuple[int, int]) -> None:
    image_module = pytest.importorskip("PIL.Image")
    layer = layers.Resizing(*size, how, antialias=True, dtype="float64")
    got = layer(IMAGES).data
    for image, out in zip(IMAGES, got, strict=True):
        for channel in range(3):
            picture = image_module.fromarray(image[..., channel].astype(np.float32))
            wanted = np.asarray(picture.resize(size[::-1], getattr(image_module.Resampling, PILLOWS[how])))
            np.testing.assert_allclose(out[..., channel], wanted, atol=2e-6)


@given(n=st.integers(1, 20), m=st.integers(1, 20))
def test_adaptive_windows_cover_an_axis_evenly(n: int, m: int) -> None:
    start, end = window_bounds(n, m)
    covered = {j for a, b in zip(start, end, strict=True) for j in range(a, b)}
    assert covered == set(range(n))
    lengths = end - start
    assert lengths.min() >= 1
    assert lengths.max() - lengths.min() <= 1
    np.testing.assert_allclose(mean_matrix(n, m).sum(axis=1), 1)


def test_windows_of_equal_length_are_those_of_plain_pooling() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3))
    for kind in ("Average", "Max"):
        adaptive = getattr(layers, f"Adaptive{kind}Pooling2D")((3, 2), dtype="float64")
        plain = getattr(layers, f"{kind}Pooling2D")((2, 4), dtype="float64")
        np.testing.assert_allclose(adaptive(x).data, plain(x).data)
        whole = getattr(layers, f"Global{kind}Pooling2D")(dtype="float64")
        one = getattr(layers, f"Adaptive{kind}Pooling2D")(1, dtype="float64")
        np.testing.assert_allclose(one(x).data[:, 0, 0], whole(x).data)


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["Average", "Max"])
def test_adaptive_pooling_of_any_size_equals_pytorchs(kind: str) -> None:
    torch = peers.torch()
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 5))
    for size in ((1, 1), (2, 3), (4, 4), (7, 6), (9, 2)):
        layer = getattr(layers, f"Adaptive{kind}Pooling2D")(size, "channels_first", dtype="float64")
        theirs = getattr(torch.nn, f"Adaptive{kind[:3] if kind == 'Max' else 'Avg'}Pool2d")(size)
        np.testing.assert_allclose(layer(x).data, theirs(torch.tensor(x)).numpy(), rtol=1e-12)


def test_cropping_undoes_padding() -> None:
    for rank, widths in ((1, (1, 2)), (2, ((1, 0), (0, 2))), (3, ((1, 1), (0, 3), (2, 0)))):
        x = np.random.default_rng(rank).normal(size=(2, *range(2, 2 + rank), 3))
        for form in ("channels_last", "channels_first"):
            padded = getattr(layers, f"ZeroPadding{rank}D")(widths, form, dtype="float64")(x)
            back = getattr(layers, f"Cropping{rank}D")(widths, form, dtype="float64")(padded)
            np.testing.assert_array_equal(back.data, x)


def test_means_of_what_was_repeated_are_what_it_was() -> None:
    x = IMAGES.astype(np.float32)
    np.testing.assert_allclose(layers.AveragePooling2D((2, 3))(layers.UpSampling2D((2, 3))(x)).data, x, rtol=1e-6)


def test_integers_stay_integers_where_nothing_is_computed() -> None:
    x = np.arange(12).reshape(1, 2, 6, 1)
    for layer in (layers.UpSampling2D(2), layers.Cropping2D(((0, 1), 0)), layers.ZeroPadding2D(1)):
        assert layer(x).dtype.kind == "i"
    for layer in (layers.UpSampling2D(2, None, "bilinear"), layers.Resizing(1, 3), layers.CenterCrop(2, 2)):
        assert layer(x).dtype == np.float32


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "cropping": (lambda: layers.Cropping2D(-1), "expected cropping to be a non-negative integer, or for each of 2"),
    "three widths": (lambda: layers.Cropping2D((1, 2, 3)), r"received cropping=\(1, 2, 3\)"),
    "triples": (lambda: layers.Cropping1D((1, 2, 3)), r"received cropping=\(1, 2, 3\)"),
    "empty": (lambda: layers.ZeroPadding1D(()), "expected padding to be a non-negative integer"),
    "all cropped": (lambda: layers.Cropping1D(2)(np.ones((1, 4, 1))), r"longer than the cropping, \(\(2, 2\),\)"),
    "rank": (lambda: layers.Cropping3D(1)(IMAGES), r"expected inputs of shape \(N, S1, S2, S3, C\), 5 axes"),
    "factor": (lambda: layers.UpSampling2D(0), "expected size to be a positive integer, or 2 of them"),
    "interpolation": (lambda: layers.UpSampling2D(2, interpolation="area"), "one of nearest, bilinear, bicubic"),
    "height": (lambda: layers.Resizing(0, 3), "expected height to be a positive integer; received height=0"),
    "both": (lambda: layers.Resizing(2, 2, "nearest", True, True), "one of crop_to_aspect_ratio and pad_to_aspect"),
    "fill mode": (lambda: layers.Resizing(2, 2, fill_mode="edge"), "expected fill_mode to be one of constant"),
    "one sample": (lambda: layers.CenterCrop(2, 2)(IMAGES[0, 0]), r"expected inputs of shape \(N, S1, S2, C\), 4 axes"),
    "windows": (lambda: layers.AdaptiveMaxPooling2D((2, 0)), "expected output_size to be a positive integer"),
    "pooling rank": (lambda: layers.AdaptiveAveragePooling1D(2)(IMAGES), r"expected inputs of shape \(N, S, C\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, ag.ShapeError), match=message):
        call()
