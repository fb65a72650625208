"""Arrays in a safetensors file, with a description as JSON in its metadata; read without trusting them."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ...core.files import path_of, write_file

_ENTRY, _SUM = "autograd_lite", "crc32"  # of the metadata
_KINDS = frozenset(np.dtype(code) for code in (*"fde", *"bhilq", *"BHILQ", "?"))
_READ = frozenset(("BOOL", *(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)), "F16", "F32", "F64"))
_LEVELS = 100  # of lists and dicts in one another


class DamagedFileError(ValueError):
    """A file is not what it should be."""


class Arrays:
    """Arrays on their way into a file, or out of one, each with what safetensors cannot say of it.

    Attributes:
        held: what the file holds, by name: real numbers in C order.
    """

    def __init__(self, held: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        self.held: dict[str, npt.NDArray[Any]] = dict(held or {})

    def put(self, name: str, value: Any) -> dict[str, Any]:
        """Add an array, and return its description.

        Raises:
            TypeError: if it does not consist of numbers that safetensors has, or complex ones of these.
        """
        a = np.asarray(value)
        about: dict[str, Any] = {"array": self._free(name)}
        if not isinstance(value, np.ndarray):
            about["scalar"] = True
        axes = sorted(range(a.ndim), key=lambda k: (-abs(a.strides[k]), k))
        if axes != list(range(a.ndim)) and a.transpose(axes).flags.c_contiguous:
            about["axes"] = axes  # in the order in which they lie in memory, which rounding depends on
            a = a.transpose(axes)
        a = np.ascontiguousarray(a).reshape(a.shape).astype(a.dtype.newbyteorder("="), copy=False)
        if a.dtype in (np.complex64, np.complex128):
            about["complex"] = True
            a = a.reshape(*a.shape, 1).view(a.real.dtype)
        if a.dtype not in _KINDS:
            raise TypeError(f"an array of {a.dtype}")
        self.held[about["array"]] = a
        return about

    def _free(self, name: str) -> str:
        free, k = name, 0
        while free in self.held:
            k += 1
            free = f"{name}.{k}"
        return free

    def get(self, about: Mapping[str, Any]) -> Any:
        """Return a copy of the array that a description names.

        Raises:
            DamagedFileError: if there is none.
        """
        name = about.get("array")
        if not isinstance(name, str) or name not in self.held:
            refuse("an array of the file", name)
        a = self.held[name]
        if about.get("complex"):
            if a.ndim == 0 or a.shape[-1] != 2 or a.dtype not in (np.float32, np.float64):
                refuse("pairs of numbers", f"{a.dtype}{a.shape}")
            a = a.view(np.result_type(a.dtype, np.complex64))[..., 0]
        axes = about.get("axes", list(range(a.ndim)))
        if not isinstance(axes, list) or sorted(axes, key=str) != sorted(range(a.ndim), key=str):
            refuse("the axes of the array", axes)
        a = a.copy().transpose(np.argsort(axes)) if a.ndim else a.copy()
        return a[()] if about.get("scalar") and not a.ndim else a


def refuse(expected: str, received: Any) -> NoReturn:
    """Raise for a file that is not what was written."""
    text = ascii(received)
    raise DamagedFileError(
        f"load_compiled: expected {expected}; received {text if len(text) < 80 else text[:80] + '...'}. The file is "
        "damaged, or was not written by save_compiled"
    )


def write(path: Any, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write arrays and a description, whole or not at all."""
    save = _safetensors("save_compiled").numpy.save
    text = json.dumps(about, allow_nan=False)
    write_file(path, save(arrays.held, {_ENTRY: text, _SUM: _checksum(text, arrays.held)}), what="save_compiled")


def _checksum(text: str, held: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the checksum of a description and of arrays, with what they are."""
    total = zlib.crc32(text.encode())
    for name, a in sorted(held.items()):
        total = zlib.crc32(np.ascontiguousarray(a).data, zlib.crc32(f"{name} {a.dtype} {a.shape}".encode(), total))
    return f"{total:08x}"


def read(path: Any) -> tuple[Arrays, dict[str, Any]]:
    """Return what a file holds.

    Raises:
        DamagedFileError: if it is another file.
        OSError: if it cannot be read.
    """
    given = path_of("load_compiled", path)
    if not os.path.isfile(given):
        raise FileNotFoundError(
            f"load_compiled: expected the path of a file; received {given!r}, where there is no file"
        )
    found = {}
    safetensors = _safetensors("load_compiled")
    try:
        with safetensors.safe_open(given, framework="numpy") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 - not a dict
                if file.get_slice(name).get_dtype() not in _READ:
                    refuse("arrays of real numbers", file.get_slice(name).get_dtype())
                found[name] = file.get_tensor(name)
    except (OSError, DamagedFileError):
        raise
    except Exception as error:
        raise DamagedFileError(
            f"load_compiled: expected a file that save_compiled wrote; received {given!r}, which is not a whole "
            f"safetensors file ({error})"
        ) from None
    text = metadata.get(_ENTRY, "")
    if (wanted := metadata.get(_SUM)) is not None and wanted != (found_sum := _checksum(text, found)):
        refuse(f"a file with the checksum {wanted}", found_sum)
    try:
        about = json.loads(text, parse_constant=lambda name: refuse("JSON", name))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DamagedFileError):
            raise
        refuse("the description of a compiled function in the file", str(error))
    _check_depth(about)
    if not isinstance(about, dict):
        refuse("an object", about)
    return Arrays(found), about


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(_LEVELS):
        level = [
            part
            for value in level
            if isinstance(value, (dict, list))
            for part in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        refuse(f"at most {_LEVELS} levels of lists and dicts", "more")


def _safetensors(what: str) -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{what}: expected the package safetensors; {error}. Install it: pip install safetensors",
            name="safetensors",
        ) from error
    return safetensors
