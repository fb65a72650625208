"""Files of other programs are called what they are, by their first bytes, wherever something is loaded."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.files import kind_of
from nn.saving import SavedFileError


def saved(write: Callable[[Any], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    def write(buffer: Any) -> None:
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, b"")

    return saved(write)


def tar(buffer: Any) -> None:
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))


FILES = {
    "pickle 2": (pickle.dumps([1.0, "a"], 2), "a Python pickle"),
    "pickle 5": (pickle.dumps(np.zeros(3), 5), "a Python pickle"),
    "torch": (zipped("archive/data.pkl", "archive/data/0"), r"a file of torch\.save"),
    "npy": (saved(lambda b: np.save(b, np.zeros(3))), r"an array that np\.save wrote"),
    "npz": (saved(lambda b: np.savez(b, np.zeros(3))), r"arrays that np\.savez wrote"),
    "zip": (zipped("a.txt"), "a zip archive, but not a model of Keras"),
    "damaged zip": (zipped("a.txt")[:20], "a damaged zip archive"),
    "gzip": (gzip.compress(b"abc"), "compressed with gzip"),
    "tar": (saved(tar), "a tar archive"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(60), "a TensorFlow Lite model"),
    "gguf": (b"GGUF\3\0\0\0", "a GGUF file"),
    "json": (json.dumps({"class_name": "Sequential"}).encode(), "a JSON text"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_kind_is_in_the_error(name: str, tmp_path: Path) -> None:
    data, message = FILES[name]
    path = tmp_path / "m.keras"
    path.write_bytes(data)
    model = nn.Sequential([nn.Input((2,)), nn.layers.Dense(1)])
    before = model.get_weights()
    loads = [nn.models.load_model, model.load_weights, lambda p: nn.saving.load_checkpoint(p, model)]
    for load in loads:
        with pytest.raises(SavedFileError, match=f"which is {message}"):
            load(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_onnx(tmp_path: Path) -> None:
    w = ag.tensor(np.ones((2, 2)), requires_grad=True)
    ag.Program.trace(lambda x: x @ w, np.ones((1, 2))).save(tmp_path / "m.onnx")
    with pytest.raises(SavedFileError, match="which is an ONNX model"):
        nn.models.load_model(tmp_path / "m.onnx")


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(SavedFileError, match="is a folder"):
        nn.models.load_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(SavedFileError, match="is a SavedModel folder of TensorFlow"):
        nn.models.load_model(tmp_path)


@pytest.mark.parametrize("size", [8, 0x0480, 0x8B1F, 0x4B50, 0x1208])
def test_no_length_of_a_safetensors_header_looks_like_another_kind(size: int, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(size.to_bytes(8, "little") + b"{" + bytes(30))
    assert kind_of(tmp_path / "m") is None
