"""nn's files: arrays and a description in one safetensors file, and states of optimizers and loaders among these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy
from autograd_lite.files import (
    HDF5,
    KERAS,
    Codec,
    SavedFileError,
    arrays_by_name,
    kind_of,
    read_arrays,
    readable,
    write_arrays,
)

from ..config.limits import LEVELS, check_depth
from ..config.nesting import MOST_LEVELS, room_for

_ENTRY = "nn"  # of the metadata


def write_file(caller: str, path: Any, arrays: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
    """Write arrays and a description; see `autograd_lite.files.write_arrays`."""
    check_depth(about)
    write_arrays(caller, path, arrays, about, _ENTRY)


def read_file(caller: str, path: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the arrays of a file, and the description that `write_file` added, if it wrote the file.

    Raises:
        SavedFileError, OSError, ModuleNotFoundError: as `autograd_lite.files.read_arrays` does.
    """
    with room_for(MOST_LEVELS):
        return read_arrays(caller, path, _ENTRY, LEVELS)


def keras_file(caller: str, path: Any) -> bytes | None:
    """Return the bytes of a file of Keras: a zip archive with a model, or HDF5; None for any other.

    Raises:
        SavedFileError, OSError: as `read_file` does.
    """
    path = readable(caller, path)
    if kind_of(path) not in (KERAS, HDF5):
        return None
    with open(path, "rb") as file:
        return file.read()


def pack(prefix: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return a state as plain values, with names in place of its arrays, which go into `arrays`."""
    return Codec({"array": arrays_by_name(arrays, np.ndarray)}, _other).write(value, prefix)


def _other(codec: Codec, part: Any, where: str) -> Any:
    if isinstance(part, Tensor):
        return codec.write(to_numpy(part.data), where)
    return part.item() if isinstance(part, np.generic) else part  # writing the file refuses other values


def unpack(caller: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return the state of a result of `pack`.

    Raises:
        SavedFileError: if the values are not its result, or an array is missing.
    """
    try:
        return Codec({"array": arrays_by_name(arrays)}).read(value)
    except ValueError as error:
        raise SavedFileError(f"{caller}: the file is not a whole checkpoint: {error}") from error
