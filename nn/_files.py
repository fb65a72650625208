"""Files of named arrays: safetensors, written at once or not at all, and read without trust."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

__all__ = ["SavedFileError", "read_file", "write_file"]

Arrays = dict[str, npt.NDArray[Any]]
_KINDS = frozenset(np.dtype(code) for code in (*"fde", *"bhilq", *"BHILQ", "?"))
# what safetensors calls them
_READ = frozenset(("BOOL", *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)), "F16", "F32", "F64"))
_SUM = "crc32"  # of the description and the arrays: safetensors itself would not notice a changed byte
_STALE = 3600.0  # seconds after which a file that was not finished is nobody's any more


class SavedFileError(ValueError):
    """A file is not what it should be: damaged, of another kind, or for another model."""


def write_file(what: str, path: Any, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
    """Write arrays and a description to a safetensors file.

    The bytes go to a file beside it, are flushed to the disk, and take the name in one step: whoever reads, or kills
    this process, finds the old file or the new one. What killed processes have left beside it is removed in time.

    Args:
        what: the call, for error messages.
        path: of the file; its folder must exist.
        arrays: by name; of real numbers or bools.
        about: plain values, kept as JSON in the entry `nn` of the file's metadata, with a checksum.

    Raises:
        TypeError: if an array or a value cannot be written.
        OSError: if the file cannot be; the old one is then as it was.
    """
    path = os.fspath(path)
    folder, base = os.path.split(path)
    tensors = {}
    for name, a in arrays.items():
        array = np.asarray(a, order="C")  # safetensors would write another layout as it lies in memory
        if array.dtype.newbyteorder("=") not in _KINDS:
            raise TypeError(f"{what}: expected arrays of numbers that safetensors has; {name!r} is {array.dtype}")
        tensors[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    metadata = {"format": "np"}
    if about is not None:
        try:  # one entry alone: safetensors writes several in any order
            metadata = {"nn": json.dumps({**about, _SUM: _sum(about, tensors)})}
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what}: expected a description of numbers, strings, lists and dicts; {error}") from error
    data = safetensors.numpy.save(tensors, metadata)
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(f"{what}: expected a folder that exists; received {path!r}. Make {folder!r} first")
    handle, beside = tempfile.mkstemp(prefix=f".{base}.", suffix=".tmp", dir=folder or ".")
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
    _sync_folder(folder or ".")
    _sweep(folder or ".", f".{base}.")


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
                kind = file.get_slice(name).get_dtype()
                if kind not in _READ:
                    raise SavedFileError(
                        f"{what}: expected arrays of real numbers that NumPy has; {name!r:.80} in {path} is {kind}. "
                        "Convert it to float32 where the file was made"
                    )
                arrays[name] = file.get_tensor(name)
    except (OSError, SavedFileError):
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
        found = about.pop(_SUM, None)
        if found is not None and found != _sum(about, arrays):
            raise ValueError("what it holds is not what was written")
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{what}: expected JSON in the file's metadata; {path} is damaged ({error})") from error
    return arrays, about


def _sum(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Return a checksum of a description and arrays, which a changed byte changes."""
    total = zlib.crc32(json.dumps(about).encode())
    for name, a in sorted(arrays.items()):
        total = zlib.crc32(f"{name} {a.dtype.name} {a.shape}".encode(), total)
        total = zlib.crc32(a.reshape(-1).view(np.uint8).data, total)
    return total


def _sweep(folder: str, prefix: str) -> None:
    """Remove the unfinished files of processes that were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - _STALE:
                        os.unlink(entry.path)


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
