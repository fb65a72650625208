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

import autograd_lite as ag

from ..config.limits import check_depth, parsed
from .kinds import HDF5, KERAS, kind_of
from .refusals import refused_as

Arrays = dict[str, npt.NDArray[Any]]
_KINDS = frozenset(np.dtype(code) for code in (*"fde", *"bhilq", *"BHILQ", "?"))
# what safetensors calls them
_READ = frozenset(("BOOL", *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)), "F16", "F32", "F64"))
_SPARE = 1 << 22  # bytes that reading takes besides the arrays
_SUM = "crc32"  # of the description and the arrays, since safetensors would not notice a changed byte


class SavedFileError(ValueError):
    """A file is not what it should be: damaged, of another kind, or for another model.

    Example:
        >>> issubclass(SavedFileError, Exception)
        True
    """


def write_file(what: str, path: Any, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
    """Write arrays and a description to a safetensors file.

    At every moment there is the old file or the new one, whole; see `autograd_lite.write_file`.

    Args:
        what: the call, for error messages.
        path: of the file; its folder must exist.
        arrays: by name; of real numbers or bools.
        about: plain values, kept as JSON in the entry `nn` of the file's metadata, with a checksum.

    Raises:
        TypeError: if the path, an array or a value cannot be written.
        OSError: if the file cannot be; the old one is then as it was.
        ModuleNotFoundError: if the package safetensors is not installed.
    """

    tensors = {}
    for name, a in arrays.items():
        array = np.asarray(a, order="C")  # safetensors would write another layout as it lies in memory
        if array.dtype.newbyteorder("=") not in _KINDS:
            raise TypeError(f"{what}: expected arrays of numbers that safetensors has; {name!r} is {array.dtype}")
        tensors[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    metadata = {"format": "np"}
    if about is not None:
        check_depth(about)
        try:  # one entry alone: safetensors writes several in any order
            metadata = {"nn": json.dumps({**about, _SUM: _sum(about, tensors)})}
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what}: expected a description of numbers, strings, lists and dicts; {error}") from error
    try:
        from safetensors.numpy import save
    except ModuleNotFoundError as error:
        raise _missing(what, error) from error
    ag.write_file(path, save(tensors, metadata), what=what)


def read_file(what: str, path: Any) -> tuple[Arrays, dict[str, Any] | None]:
    """Return the arrays of a safetensors file, and the description that `write_file` added, if it wrote the file.

    Names in the file are only used as keys, never as paths.

    Raises:
        SavedFileError: if it is not a whole safetensors file.
        OSError: if it cannot be read.
        ModuleNotFoundError: if the package safetensors is not installed.
    """

    path = _readable(what, path)
    arrays: Arrays = {}
    try:
        from safetensors import safe_open
    except ModuleNotFoundError as error:
        raise _missing(what, error) from error

    def refusal(error: BaseException) -> Exception:
        kind = kind_of(path)
        found = f"is {kind}" if kind else f"is damaged or of another kind ({error})"
        return SavedFileError(f"{what}: expected a safetensors file; received {path!r}, which {found}")

    _reserve(0)
    with refused_as(what, refusal, OSError, SavedFileError), safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        for name in file.keys():  # noqa: SIM118 - not a dict
            kind = file.get_slice(name).get_dtype()
            if kind not in _READ:
                raise SavedFileError(
                    f"{what}: expected arrays of real numbers that NumPy has; {name!r:.80} in {path} is {kind}. "
                    "Convert it to float32 where the file was made"
                )
        _reserve(os.path.getsize(path))  # no array is more than the file, now that the library has seen it whole
        for name in file.keys():  # noqa: SIM118 - not a dict
            arrays[name] = file.get_tensor(name)
    if "nn" not in metadata:
        return arrays, None
    try:
        about = parsed(metadata["nn"])
        if not isinstance(about, dict):
            raise ValueError("it is not an object")
        found = about.pop(_SUM, None)
        if found is not None and found != _sum(about, arrays):
            raise ValueError("what it holds is not what was written")
    except ValueError as error:
        raise SavedFileError(f"{what}: expected JSON in the file's metadata; {path} is damaged ({error})") from error
    return arrays, about


def _reserve(size: int) -> None:
    """Raise a MemoryError if there is no room for these bytes: where the library finds none, it ends the process."""
    np.empty(size + _SPARE, np.uint8)


def keras_file(what: str, path: Any) -> bytes | None:
    """Return the bytes of a file of Keras: a zip archive with a model, or HDF5; None for any other.

    Raises:
        SavedFileError, OSError: as `read_file` does.
    """
    path = _readable(what, path)
    if kind_of(path) not in (KERAS, HDF5):
        return None
    with open(path, "rb") as file:
        return file.read()


def _missing(what: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"{what}: expected the package safetensors; {error}. Install it: pip install safetensors", name="safetensors"
    )


def _readable(what: str, path: Any) -> str:
    """Return the path of an existing regular file: safetensors has its own errors, and would wait for a pipe."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"{what}: expected the path of a file, a string or an os.PathLike; received {path!r:.80}")
    given = os.fsdecode(path)
    try:
        kind = os.stat(given).st_mode
    except OSError as error:
        raise OSError(error.errno, f"{what}: expected an existing file; {error.strerror}", given) from None
    except ValueError as error:
        raise ValueError(f"{what}: expected the path of a file; received {given!r:.80} ({error})") from None
    if not stat.S_ISREG(kind):
        found = kind_of(given) if stat.S_ISDIR(kind) else "a device"
        raise SavedFileError(f"{what}: expected a safetensors file; {given!r} is {found}")
    return given


def _sum(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Return a checksum of a description and arrays."""
    total = zlib.crc32(json.dumps(about).encode())
    for name, a in sorted(arrays.items()):
        total = zlib.crc32(f"{name} {a.dtype.name} {a.shape}".encode(), total)
        total = zlib.crc32(a.reshape(-1).view(np.uint8).data, total)
    return total
