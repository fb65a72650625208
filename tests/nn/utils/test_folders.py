"""Data sets of folders: the same files, labels, parts and pixels as Keras's, read when they are asked for."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.utils import audio_dataset_from_directory, image_dataset_from_directory, text_dataset_from_directory

from .grain_stub import keras_with_grain


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three classes with 12 pictures of several sizes, channels and kinds of file, some of them in subfolders."""
    rng = np.random.default_rng(0)
    for name, count in (("cats", 5), ("dogs", 4), ("birds", 3)):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(count):
            channels, ending = [(3, "png"), (1, "bmp"), (4, "PNG")][i % 3]
            pixels = rng.integers(0, 256, (*rng.integers(4, 12, 2), channels))
            nn.utils.save_img(tmp_path / name / ("more" if i == 2 else ".") / f"{i}.{ending}", pixels, scale=False)
    (tmp_path / "cats" / "notes.txt").write_text("not an image", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    for name in ("pos", "neg"):
        (tmp_path / name).mkdir()
        for i in range(4):
            (tmp_path / name / f"{i}.txt").write_text(f"{name}, text {i}\nä", encoding="utf-8")
    return tmp_path


def parts_of(batch: Any) -> list[Any]:
    """Return samples and labels; texts as lists, all else as arrays."""
    if isinstance(batch, np.ndarray) or not isinstance(batch, tuple) or isinstance(batch[0], str):
        batch = (batch,)
    lists = (
        isinstance(part, (str, tuple)) or (isinstance(part, np.ndarray) and part.dtype == object) for part in batch
    )
    return [list(part) if texts else np.asarray(part) for texts, part in zip(lists, batch, strict=True)]


def assert_same(ours: Any, theirs: Any) -> None:
    """Compare two data sets: what they know of the files, and all batches."""
    assert ours.class_names == theirs.class_names
    assert ours.file_paths == getattr(theirs, "file_paths", ours.file_paths)
    for got, wanted in zip(map(parts_of, ours), map(parts_of, theirs), strict=True):
        for a, b in zip(got, wanted, strict=True):
            if isinstance(b, list):
                assert a == b
            else:
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                np.testing.assert_allclose(a, b, atol=1e-3)


SHARED: dict[str, dict[str, Any]] = {
    "labels as integers": {},
    "one-hot labels": {"label_mode": "categorical"},
    "no labels": {"labels": None},
    "no label mode": {"label_mode": None},
    "training": {"validation_split": 0.3, "subset": "training"},
    "validation": {"validation_split": 0.3, "subset": "validation"},
}
IMAGES = SHARED | {
    "two classes": {"class_names": ["dogs", "cats"], "label_mode": "binary"},
    "own labels": {"labels": list(range(12))},
    "grayscale": {"color_mode": "grayscale"},
    "rgba": {"color_mode": "rgba", "image_size": 9},
    "single images": {"batch_size": None},
    "cut": {"crop_to_aspect_ratio": True},
    "filled": {"pad_to_aspect_ratio": True},
    "nearest": {"interpolation": "Nearest"},
    "channels first": {"data_format": "channels_first"},
}
TEXTS = SHARED | {"cut": {"max_length": 5}, "binary": {"label_mode": "binary"}}


@pytest.mark.ci
def test_images_are_those_of_keras(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = keras_with_grain(monkeypatch)
    for options in IMAGES.values():
        options = {"image_size": (8, 6), "batch_size": 5, "verbose": False, "format": "grain", **options}
        ours, theirs = (k.utils.image_dataset_from_directory(images, shuffle=False, **options) for k in (nn, keras))
        assert_same(ours, theirs)
        if isinstance(options.get("labels"), list):
            continue  # Keras shuffles the caller's list
        ours, theirs = (k.utils.image_dataset_from_directory(images, seed=4, **options) for k in (nn, keras))
        assert ours.file_paths == theirs.file_paths
    both = {"validation_split": 0.3, "subset": "both", "seed": 1, "image_size": 7, "format": "grain"}
    (left, right), (their_left, their_right) = (
        k.preprocessing.image_dataset_from_directory(images, **both) for k in (nn, keras)
    )
    assert left.file_paths == their_left.file_paths
    assert_same(right, their_right)


@pytest.mark.ci
def test_texts_are_those_of_keras(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = keras_with_grain(monkeypatch)
    for options in TEXTS.values():
        options = {"batch_size": 3, "verbose": False, "format": "grain", "shuffle": False, **options}
        ours, theirs = (k.utils.text_dataset_from_directory(texts, **options) for k in (nn, keras))
        assert_same(ours, theirs)


@pytest.mark.ci
def test_windows_of_time_are_those_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = keras_with_grain(monkeypatch)
    series, targets = np.arange(40.0).reshape(20, 2), np.arange(20)
    for length, stride, rate in ((3, 1, 1), (5, 2, 3), (2, 4, 1)):
        for more in ({}, {"start_index": 2, "end_index": 17}, {"batch_size": None}):
            for wanted in (None, targets):
                options = {"batch_size": 4, "format": "grain", **more}
                ours, theirs = (
                    k.utils.timeseries_dataset_from_array(series, wanted, length, stride, rate, **options)
                    for k in (nn, keras)
                )
                for got, their in zip(map(parts_of, ours), map(parts_of, theirs), strict=True):
                    for a, b in zip(got, their, strict=True):
                        np.testing.assert_array_equal(a, b)


def test_batches_are_tensors_and_come_in_another_order_each_pass(images: Path) -> None:
    ds = image_dataset_from_directory(images, image_size=(4, 5), batch_size=5, seed=2, verbose=False)
    assert (len(ds), ds.class_names) == (3, ["birds", "cats", "dogs"])
    passes = [np.concatenate([x.numpy() for x, _ in ds]) for _ in range(2)]
    assert passes[0].shape == (12, 4, 5, 3)
    assert not np.array_equal(passes[0], passes[1])
    np.testing.assert_array_equal(*(np.sort(x.reshape(12, -1), axis=0) for x in passes))
    again = image_dataset_from_directory(images, image_size=(4, 5), batch_size=5, seed=2, verbose=False)
    np.testing.assert_array_equal(passes[0], np.concatenate([x.numpy() for x, _ in again]))


def test_the_two_parts_share_no_file(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"validation_split": 0.25, "seed": 3, "image_size": 4}
    train, held_out = image_dataset_from_directory(images, subset="both", **options)
    alone = [image_dataset_from_directory(images, subset=s, **options).file_paths for s in ("training", "validation")]
    assert [train.file_paths, held_out.file_paths] == alone
    assert len(set(train.file_paths) | set(held_out.file_paths)) == 12
    assert len(held_out.file_paths) == 3
    found = "Found 12 files in 3 classes.\n9 of them are for training, 3 for validation.\n"
    assert capsys.readouterr().out == found * 3


def test_a_model_trains_on_images(images: Path) -> None:
    ds = image_dataset_from_directory(images, image_size=(8, 8), batch_size=4, verbose=False)
    model = nn.Sequential([nn.layers.Rescaling(1 / 255), nn.layers.Flatten(), nn.layers.Dense(3)])
    model.compile("sgd", nn.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(ds.map(lambda x, y: (x[:, ::-1], y)).prefetch(1), validation_data=ds, verbose=0)
    assert model.predict(ds.map(lambda x, y: x)).shape == (12, 3)


def test_texts_are_arrays_of_strings(texts: Path) -> None:
    ds = text_dataset_from_directory(texts, batch_size=3, shuffle=False, verbose=False)
    batch, labels = next(iter(ds))
    assert batch.tolist() == [f"neg, text {i}\nä" for i in range(3)]
    assert labels.tolist() == [0, 0, 0]
    (texts / "pos" / "1.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"expected text in UTF-8; received .*1.txt"):
        list(ds)


def write_sound(path: Path, samples: np.ndarray, rate: int = 8000, width: int = 2) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def test_sounds_are_filled_up_to_the_longest_or_to_a_length(tmp_path: Path) -> None:
    sounds = [np.random.default_rng(i).integers(-(2**15), 2**15, (n, 2)) for i, n in enumerate((5, 9))]
    for i, sound in enumerate(sounds):
        (tmp_path / f"class{i}").mkdir()
        write_sound(tmp_path / f"class{i}" / "a.wav", sound)
    ((batch, labels),) = audio_dataset_from_directory(tmp_path, shuffle=False, verbose=False)
    assert (batch.shape, batch.dtype, labels.tolist()) == ((2, 9, 2), np.float32, [0, 1])
    np.testing.assert_array_equal(batch.numpy()[0], np.pad(sounds[0], ((0, 4), (0, 0))) / 2**15)
    (cut,) = audio_dataset_from_directory(
        tmp_path, labels=None, shuffle=False, output_sequence_length=7, sampling_rate=8000, verbose=False
    )
    np.testing.assert_array_equal(cut.numpy()[1], sounds[1][:7] / 2**15)
    with pytest.raises(ValueError, match="expected 16 bits a sample and 16000 samples a second; received"):
        list(audio_dataset_from_directory(tmp_path, sampling_rate=16000, verbose=False))
    (tmp_path / "class0" / "a.wav").write_bytes(b"RIFF, but not really")
    with pytest.raises(ValueError, match="expected a WAV file; received"):
        list(audio_dataset_from_directory(tmp_path, verbose=False))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "labels": ({"labels": "guessed"}, "expected labels to be 'inferred', None or one integer a file"),
    "too few labels": ({"labels": [1, 2]}, "expected one label a file; received 2 labels for 12 files"),
    "label mode": ({"label_mode": "float"}, "expected label_mode to be 'int'"),
    "two classes": ({"label_mode": "binary"}, "expected label_mode to be 'int' or 'categorical' for 3 classes"),
    "unknown class": ({"class_names": ["cows"]}, r"expected class_names among the folders .* received \['cows'\]"),
    "names of no labels": ({"labels": None, "class_names": ["a"]}, "expected class_names to be None unless"),
    "color": ({"color_mode": "hsv"}, "expected color_mode to be one of grayscale, rgb, rgba"),
    "size": ({"image_size": (1, 2, 3)}, r"expected image_size to be \(height, width\)"),
    "share": ({"validation_split": 2.0, "subset": "training"}, "a share between 0 and 1"),
    "half a split": ({"validation_split": 0.5}, "expected validation_split and subset together"),
    "no seed": ({"validation_split": 0.5, "subset": "both"}, "expected a seed with validation_split and shuffle=True"),
    "subset": ({"subset": "test"}, "expected subset to be 'training'"),
    "format": ({"format": "torch"}, "expected format to be 'tf' or 'grain'"),
    "interpolation": ({"interpolation": "area"}, "interpolation"),
    "both ratios": ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "received both"),
    "batch size": ({"batch_size": 0}, "expected batch_size to be a positive integer"),
    "tiny share": ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "received none for validation"),
}


def test_bad_arguments_say_what_was_expected(images: Path) -> None:
    for options, message in BAD.values():
        with pytest.raises(ValueError, match=message):
            image_dataset_from_directory(images, verbose=False, **options)
    with pytest.raises(ValueError, match="expected directory to be a folder that exists"):
        image_dataset_from_directory(images / "nowhere")
    with pytest.raises(ValueError, match=r"expected files that end with .txt; received none in"):
        text_dataset_from_directory(images / "dogs", labels=None, verbose=False)
    (images / "cats" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"expected a file with a picture; received .*0.png"):
        list(image_dataset_from_directory(images, image_size=4, verbose=False))


@pytest.mark.parametrize("read", [image_dataset_from_directory, text_dataset_from_directory])
def test_links_are_followed_on_request(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    for folder in ("data/a", "other"):
        (tmp_path / folder / "x.txt").write_text(folder, encoding="utf-8")
        nn.utils.save_img(tmp_path / folder / "x.png", np.zeros((2, 2, 1)))
    (tmp_path / "data" / "a" / "link").symlink_to(tmp_path / "other")
    assert [len(read(tmp_path / "data", verbose=False, follow_links=f).file_paths) for f in (False, True)] == [1, 2]
