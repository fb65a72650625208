"""Kinds of files, by their first bytes, so that an error can name them."""

from __future__ import annotations

import os
from typing import Any

KERAS, HDF5 = "a model of Keras", "an HDF5 file"
_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", HDF5),
    (0, b"\x93NUMPY", "an array that np.save wrote: read it with np.load, and pass it to set_weights"),
    (0, b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (0, b"BZh", "compressed with bzip2: unpack it first"),
    (0, b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (257, b"ustar", "a tar archive: unpack it first"),
    (4, b"TFL3", "a TensorFlow Lite model, which holds no Keras model: take the file that it was converted from"),
    (0, b"GGUF", "a GGUF file: convert it to safetensors"),
    (0, b"\x08\x00\x00\x00TFEv", "TensorFlow's event log"),
)
_PICKLE = (
    "a Python pickle, which can run any code and is never read here. Load it where it was made, and write the arrays "
    "with safetensors.numpy.save_file, or save the model as .keras"
)
_TORCH = (
    "a file of torch.save, which holds a pickle and is never read here. In PyTorch, write model.state_dict() with "
    "safetensors.torch.save_file; nn.saving.from_torch_state_dict takes it"
)
_SAVED_MODEL = "a SavedModel folder of TensorFlow: load it there with Keras, and call model.save('model.keras')"


def kind_of(path: Any) -> str | None:
    """Return the kind of a file or folder as text, with advice; None if its first bytes are unknown.

    Args:
        path: the file; one that cannot be read has no kind.
    """
    path = os.fspath(path)
    try:
        if os.path.isdir(path):
            return _SAVED_MODEL if os.path.exists(os.path.join(os.fsdecode(path), "saved_model.pb")) else "a folder"
        with open(path, "rb") as file:
            head = file.read(512)
            if head[4:9] == b"\0\0\0\0{":
                return None  # safetensors, whose first bytes are a length and may match any signature
            if head[:4] not in (b"PK\3\4", b"PK\5\6"):
                return kind_of_bytes(head)
            file.seek(max(0, os.path.getsize(path) - (1 << 18)))
            return _of_zip(file.read())
    except (OSError, ValueError):
        return None


def kind_of_bytes(head: bytes) -> str | None:
    """Return the kind of a file that begins with these bytes."""
    for at, signature, name in _BEGINNINGS:
        if head.startswith(signature, at):
            return name
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _PICKLE
    if head[:1] == b"\x08" and head[1:2] < b"\x20" and (b"\x12" in head[2:4] or b"onnx" in head.lower()):
        return "an ONNX model: run it with onnxruntime; nn exports to ONNX, and imports nothing from it"
    if head.lstrip()[:1] in (b"{", b"["):
        return "a JSON text: nn.models.model_from_json(text) makes a model of the description of one"
    return None


def _of_zip(end: bytes) -> str:
    """Return the kind of a zip archive, by its end, where the names of its files are."""
    if b"PK\5\6" not in end:
        return "a damaged zip archive"
    if b"config.json" in end and b"model.weights" in end:
        return KERAS
    if b".pkl" in end:
        return _TORCH
    if b".npy" in end:
        return "arrays that np.savez wrote: read them with np.load, and pass them to set_weights"
    return "a zip archive, but not a model of Keras: it has no config.json"
