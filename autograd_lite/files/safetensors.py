"""Files of named arrays: safetensors, written whole or not at all, and read without trusting them."""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.late import needs
from .atomic_writes import path_of, write_file
from .kinds import kind_of
from .refusals import SavedFileError, parse_json, refused_as

Arrays = dict[str, npt.NDArray[Any]]
STORED = frozenset(np.dtype(code) for code in (*"fde", *"bhilq", *"BHILQ", "?"))
# safetensors' names of the dtypes that are read
_READ = frozenset(("BOOL", *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)), "F16", "F32", "F64"))
_SPARE = 1 << 22  # bytes that reading needs in addition to the arrays
_SUM = "crc32"  # of the description and the arrays, since safetensors would not notice a changed byte


def write_arrays(
    caller: str, path: Any, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None, entry: str = "about"
) -> None:
    """Write arrays and a description to a safetensors file.

    At every moment there is the old file or the new one, whole; see `write_file`.

    Args:
        caller: the call, for error messages.
        path: the file; its folder must exist.
        arrays: arrays of real numbers or bools, by name.
        about: plain values, stored as JSON in the file's metadata, with a checksum.
        entry: the key of the metadata, which tells the kind of the file.

    Raises:
        TypeError: if the path, an array or a value cannot be written.
        OSError: if the file cannot be written; the old one is then unchanged.
        ModuleNotFoundError: if the package safetensors is not installed.
    """
    tensors = {}
    for name, a in arrays.items():
        array = np.asarray(a, order="C")  # safetensors ignores strides, and would write the memory of another layout
        if array.dtype.newbyteorder("=") not in STORED:
            raise TypeError(f"{caller}: expected arrays of numbers that safetensors has; {name!r} is {array.dtype}")
        tensors[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    metadata = {"format": "np"}
    if about is not None:
        try:  # only one entry: safetensors writes several in arbitrary order
            metadata = {entry: json.dumps({**about, _SUM: _sum(about, tensors)})}
        except (TypeError, ValueError) as error:
            raise TypeError(f"{caller}: expected a description of plain values; {error}") from error
    write_file(path, _library(caller).numpy.save(tensors, metadata), caller=caller)


def read_arrays(
    caller: str, path: Any, entry: str = "about", levels: int = 100
) -> tuple[Arrays, dict[str, Any] | None]:
    """Return the arrays of a safetensors file, and the description that `write_arrays` added, if it wrote the file.

    Names in the file are only used as keys, never as paths.

    Args:
        caller: the call, for error messages.
        path: the file.
        entry: the key of the metadata.
        levels: the largest allowed depth of the description.

    Raises:
        SavedFileError: if it is not an intact safetensors file.
        OSError: if it cannot be read.
        ModuleNotFoundError: if the package safetensors is not installed.
    """
    path = readable(caller, path)
    arrays: Arrays = {}
    safe_open = _library(caller).safe_open

    def refusal(error: BaseException) -> Exception:
        kind = kind_of(path)
        fault = f"is {kind}" if kind else f"is damaged or of another kind ({error})"
        return SavedFileError(f"{caller}: expected a safetensors file; received {path!r}, which {fault}")

    _reserve(0)
    with refused_as(caller, refusal, OSError, SavedFileError), safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        for name in file.keys():  # noqa: SIM118 - not a dict
            kind = file.get_slice(name).get_dtype()
            if kind not in _READ:
                raise SavedFileError(
                    f"{caller}: expected arrays of real numbers that NumPy has; {name!r:.80} in {path} is {kind}. "
                    "Convert it to float32 where the file was made"
                )
        _reserve(os.path.getsize(path))  # no array is more than the file, now that the library has seen it whole
        for name in file.keys():  # noqa: SIM118 - not a dict
            arrays[name] = file.get_tensor(name)
    if entry not in metadata:
        return arrays, None
    try:
        about = parse_json(metadata[entry], levels)
        if not isinstance(about, dict):
            raise ValueError("it is not an object")
        total = about.pop(_SUM, None)
        if total is not None and total != _sum(about, arrays):
            raise ValueError("its checksum does not match")
    except ValueError as error:
        raise SavedFileError(f"{caller}: expected JSON in the file's metadata; {path} is damaged ({error})") from error
    return arrays, about


def readable(caller: str, path: Any) -> str:
    """Return the path of an existing regular file: safetensors has its own errors, and would wait for a pipe.

    Raises:
        TypeError, ValueError, OSError: if there cannot be a file, or if it does not exist.
        SavedFileError: if it is not a regular file.
    """
    name = path_of(caller, path)
    try:
        mode = os.stat(name).st_mode
    except OSError as error:
        raise OSError(error.errno, f"{caller}: expected an existing file; {error.strerror}", name) from None
    if not stat.S_ISREG(mode):
        kind = kind_of(name) if stat.S_ISDIR(mode) else "a device"
        raise SavedFileError(f"{caller}: expected a safetensors file; {name!r} is {kind}")
    return name


def _reserve(size: int) -> None:
    """Raise a MemoryError if these bytes cannot be allocated: the library would end the process."""
    np.empty(size + _SPARE, np.uint8)


def _library(caller: str) -> Any:
    with needs(caller, "safetensors"):
        import safetensors.numpy
    return safetensors


def _sum(about: Mapping[str, Any], arrays: Arrays) -> int:
    """Return a checksum of a description and arrays."""
    total = zlib.crc32(json.dumps(about).encode())
    for name, a in sorted(arrays.items()):
        total = zlib.crc32(f"{name} {a.dtype.name} {a.shape}".encode(), total)
        total = zlib.crc32(a.reshape(-1).view(np.uint8).data, total)
    return total
