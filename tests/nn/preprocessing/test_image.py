"""Image files and arrays: bit for bit what Keras makes of them, and there and back."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn.preprocessing import image

MODES = {3: "rgb", 1: "grayscale", 4: "rgba"}


@pytest.mark.parametrize("channels", MODES)
@pytest.mark.parametrize("order", [None, "channels_last", "channels_first"])
def test_an_array_comes_back_from_a_file(tmp_path: Path, channels: int, order: str | None) -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 5, channels)).astype(np.float32)
    x = x.transpose(2, 0, 1) if order == "channels_first" else x
    for path in (tmp_path / "x.png", str(tmp_path / "x.tiff")):
        image.save_img(path, ag.tensor(x), data_format=order, scale=False)
        picture = image.load_img(path, color_mode=MODES[channels])
        np.testing.assert_array_equal(image.img_to_array(picture, data_format=order), x)
    assert image.load_img(io.BytesIO((tmp_path / "x.png").read_bytes()), target_size=(7, 3)).size == (3, 7)


@pytest.mark.ci
def test_images_are_those_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs = importlib.import_module("keras.preprocessing.image")
    rng = np.random.default_rng(0)
    for channels, mode in MODES.items():
        path = tmp_path / f"{mode}.png"
        image.save_img(path, rng.integers(0, 256, (11, 6, channels)), scale=False)
        for size in (None, (5, 9), (6, 3)):
            for interpolation in ("nearest", "bilinear", "lanczos", "box"):
                for keep in (False, True):
                    arguments = (path, "rgb", size, interpolation, keep)
                    ours, their = image.load_img(*arguments), theirs.load_img(*arguments)
                    np.testing.assert_array_equal(image.img_to_array(ours), theirs.img_to_array(their))
        for top in (1, 100):
            for scale in (True, False):
                x = rng.uniform(0, top, (5, 4, channels))
                ours, their = image.array_to_img(x, scale=scale), theirs.array_to_img(x, scale=scale)
                assert ours.mode == their.mode
                np.testing.assert_array_equal(np.asarray(ours), np.asarray(their))


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's, with NumPy 2
@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
def test_smart_resize_is_that_of_keras(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs = importlib.import_module("keras.preprocessing.image")
    for shape in ((20, 31, 3), (2, 31, 17, 1)):
        x = np.random.default_rng(0).uniform(0, 255, shape).astype(kind)
        for size in ((10, 10), (8, 20), (40, 33)):
            for interpolation in ("nearest", "bilinear"):
                ours, their = (k.smart_resize(x, size, interpolation) for k in (image, theirs))
                assert (ours.dtype, ours.shape) == (their.dtype, their.shape)
                # halves may round either way
                np.testing.assert_allclose(ours, their, rtol=1e-5, atol=kind == "uint8")


def test_smart_resize_keeps_the_middle_and_the_kind_of_array() -> None:
    x = np.zeros((4, 8, 1), np.float32)
    x[:, 2:6] = 1
    np.testing.assert_array_equal(image.smart_resize(x, (2, 2)), 1)
    out = image.smart_resize(ag.tensor(x.transpose(2, 0, 1)), (4, 4), data_format="channels_first")
    assert isinstance(out, ag.Tensor)
    assert out.shape == (1, 4, 4)


def test_bright_gray_pictures_have_32_bits() -> None:
    assert image.array_to_img(np.full((2, 2, 1), 300.0), scale=False).getpixel((0, 0)) == 300
    assert image.array_to_img(np.full((2, 2, 1), 7.0)).getpixel((0, 0)) == 0  # a constant has no scale


def test_a_jpeg_loses_its_transparency_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="a JPEG has no transparency"):
        image.save_img(tmp_path / "x.jpg", np.zeros((2, 2, 4)))
    assert image.load_img(tmp_path / "x.jpg").mode == "RGB"


def test_bad_calls_say_what_was_expected(tmp_path: Path) -> None:
    file = io.BytesIO()
    image.save_img(file, np.zeros((2, 2, 3)), file_format="jpg")
    bad: list[tuple[Any, str]] = [
        (lambda: image.load_img(file, color_mode="hsv"), "load_img: expected color_mode to be one of"),
        (
            lambda: image.load_img(file, target_size=(2, 2), interpolation="cubic"),
            "expected interpolation to be one of",
        ),
        (lambda: image.load_img(file, target_size=(2,)), r"expected target_size to be \(height, width\)"),
        (lambda: image.load_img(io.BytesIO(b"text")), "expected a file with a picture; received"),
        (lambda: image.img_to_array(np.zeros(3)), r"expected a picture of shape \(H, W\) or \(H, W, C\); received"),
        (lambda: image.img_to_array(np.zeros((2, 2)), "last"), "expected data_format to be one of"),
        (lambda: image.array_to_img(np.zeros((2, 2, 2))), r"one picture of shape \(H, W, C\), C 1, 3 or 4; received"),
        (lambda: image.smart_resize(np.zeros((2, 2)), (1, 1)), "expected an image or a batch of them, of rank 3 or 4"),
        (lambda: image.smart_resize(np.zeros((2, 2, 1)), (1,)), r"expected size to be \(height, width\)"),
    ]
    for call, message in bad:
        with pytest.raises((ValueError, ag.ShapeError), match=message):
            call()
    with pytest.raises(TypeError, match="load_img: expected path to be a path or a BytesIO; received path=3"):
        image.load_img(3)


def test_without_pillow_one_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "a").mkdir()
    for call in (
        lambda: image.load_img("x.png"),
        lambda: image.array_to_img(np.zeros((2, 2, 3))),
        lambda: nn.utils.image_dataset_from_directory(tmp_path),
    ):
        with pytest.raises(ModuleNotFoundError, match=r"expected the package pillow.*autograd-lite\[keras\]"):
            call()
