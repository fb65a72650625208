"""Files of named arrays: safetensors, written at once or not at all, and read without trust."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

__all__ = ["SavedFileError", "read_file", "write_file"]

Arrays = dict[str, npt.NDArray[Any]]
_KINDS = frozenset(np.dtype(code) for code in (*"fde", *"bhilq", *"BHILQ", "?"))


class SavedFileError(ValueError):
    """A file is not what it should be: damaged, of another kind, or for another model."""


def write_file(what: str, path: Any, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
    """Write arrays and a description to a safetensors file.

    The bytes go to a file beside it, are flushed to the disk, and take the name in one step: whoever reads, or kills
    this process, finds the old file or the new one.

    Args:
        what: the call, for error messages.
        path: of the file; its folder must exist.
        arrays: by name; of real numbers or bools.
        about: plain values, kept as JSON in the entry `nn` of the file's metadata.

    Raises:
        TypeError: if an array or a value cannot be written.
    """
    path = os.fspath(path)
    tensors = {}
    for name, a in arrays.items():
        array = np.asarray(a, order="C")  # safetensors would write another layout as it lies in memory
        if array.dtype.newbyteorder("=") not in _KINDS:
            raise TypeError(f"{what}: expected arrays of numbers that safetensors has; {name!r} is {array.dtype}")
        tensors[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    metadata = {"format": "np"}
    if about is not None:
        try:  # one entry alone: safetensors writes several in any order
            metadata = {"nn": json.dumps(about)}
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{what}: expected a configuration of numbers, strings, lists and dicts; {error}. A function of your "
                "own cannot be saved: write it as a layer, an initializer, … with a class of its own"
            ) from error
    data = safetensors.numpy.save(tensors, metadata)
    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(os.path.dirname(path) or ".")


def read_file(what: str, path: Any) -> tuple[Arrays, dict[str, Any] | None]:
    """Return the arrays of a safetensors file, and what `write_file` was told about them, if it wrote the file.

    Names in the file are keys and nothing else: no path is made of them.

    Raises:
        SavedFileError: if it is not a whole safetensors file.
        OSError: if it cannot be read.
    """
    path = os.fspath(path)
    os.stat(path)  # safetensors has errors of its own for a missing file
    arrays: Arrays = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 - not a dict
                arrays[name] = file.get_tensor(name)
    except OSError:
        raise
    except Exception as error:
        raise SavedFileError(
            f"{what}: expected a safetensors file; {path} is damaged or of another kind ({error})"
        ) from error
    if "nn" not in metadata:
        return arrays, None
    try:
        about = json.loads(metadata["nn"])
        if not isinstance(about, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{what}: expected JSON in the file's metadata; {path} is damaged ({error})") from error
    return arrays, about


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: str) -> None:
    """Flush the folder's entry, where the system allows a folder to be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
