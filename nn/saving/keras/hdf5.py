"""Arrays in HDF5 files, read without trusting them; h5py does both, and is needed only here."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite.extend import needs
from autograd_lite.files import SavedFileError, refused_as

from ...config.limits import elements_allowed
from ...config.nesting import MOST_LEVELS

Arrays = dict[str, Any]  # of `Stored`, which pass for arrays
Groups = Mapping[str, tuple[str, Mapping[str, npt.NDArray[Any]]]]
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ENTRIES, _LEVELS = 100_000, 2 * MOST_LEVELS + 64  # groups and arrays in a file, and groups in one another
# the attributes in which files of Keras 2 keep what Keras 3 keeps elsewhere; no others are read
_OLD = ("model_config", "training_config", "layer_names", "weight_names")
_SAFE_FILTERS = frozenset({1, 2, 3})  # deflate, shuffle, a checksum; any other would load a plugin


def library(caller: str) -> Any:
    """Return h5py.

    Raises:
        ModuleNotFoundError: if it is not installed.
    """
    with needs(caller, "h5py", otherwise=". Files named .nn or .safetensors need nothing else"):
        import h5py
    return h5py


def hdf5_bytes(caller: str, groups: Groups) -> bytes:
    """Return an HDF5 file in which each path has a group `vars` with arrays, usually called "0", "1", ….

    Args:
        caller: the call, for error messages.
        groups: by path, "" for the file itself; what Keras would call the object, and its arrays by name.
    """
    buffer = io.BytesIO()
    with library(caller).File(buffer, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.require_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = name
            for key, array in arrays.items():
                group.create_dataset(key, data=array)
    return buffer.getvalue()


def read_hdf5(caller: str, where: str, data: bytes) -> tuple[Arrays, Mapping[str, Any]]:
    """Return the arrays of an HDF5 file by their paths, and the attributes that Keras 2 wrote, by "group@name".

    An array is read when its values are asked for.

    The library sees only these bytes: it opens no other file. Arrays must be stored in the file, as numbers.

    Args:
        caller: the call, for error messages.
        where: the file, for error messages.
        data: the whole file.

    Raises:
        SavedFileError: if the file is damaged, or has links to elsewhere, virtual or external arrays, filters that are
            plugins, arrays of anything but numbers, or more than `max_elements` elements in compressed arrays.
    """
    h5py = library(caller)

    def refusal(error: BaseException) -> Exception:
        return SavedFileError(
            f"{caller}: expected an HDF5 file with arrays of numbers; {where} is damaged, or something else ({error})"
        )

    reading = partial(refused_as, caller, refusal)  # h5py has its own errors for every way in which a file is damaged
    with reading():
        if not data.startswith(SIGNATURE):
            raise ValueError("it does not begin as an HDF5 file")
        return _Walk(h5py, len(data), reading).walk(h5py.File(io.BytesIO(data), "r"))


class Stored:
    """An array in a file, which is read when its values are asked for: a shape alone costs nothing.

    Args:
        entry: what h5py has for it, which keeps the file open.
        reading: makes a block in which errors become those of the file.
    """

    def __init__(self, entry: Any, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self._entry, self._reading = entry, reading
        self.shape: tuple[int, ...] = entry.shape
        self.dtype: np.dtype[Any] = entry.dtype
        self.ndim, self.size = len(self.shape), int(entry.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        with self._reading():
            return np.asarray(self._entry[()], dtype)

    def astype(self, dtype: Any, copy: bool = True) -> npt.NDArray[Any]:
        """Return the values in a dtype."""
        return self.__array__(dtype)

    def __bool__(self) -> bool:
        return bool(self.__array__())


class _Walk:
    """One walk through a file, and the rest of its budgets."""

    def __init__(self, h5py: Any, size: int, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self.reading = reading
        self.h5py, self.stored, self.unpack = h5py, size, elements_allowed()
        self.arrays: Arrays = {}
        self.attributes: dict[str, Any] = {}
        self.seen: set[Any] = set()

    def walk(self, file: Any) -> tuple[Arrays, dict[str, Any]]:
        pending = [("", file, 0)]
        while pending:
            path, group, level = pending.pop()
            self._first_time(path, group)
            self.attributes |= {f"{path}@{key}": group.attrs[key] for key in group.attrs if key.startswith(_OLD)}
            if level > _LEVELS:
                raise ValueError(f"more than {_LEVELS} groups in one another")
            for key in group:
                inner = f"{path}/{key}" if path else key
                if group.get(key, getlink=True).__class__ is not self.h5py.HardLink:
                    raise ValueError(f"{inner!r:.80} is a link to somewhere else")
                entry = group[key]
                if isinstance(entry, self.h5py.Group):
                    pending.append((inner, entry, level + 1))
                elif isinstance(entry, self.h5py.Dataset):
                    self._first_time(inner, entry)
                    self.arrays[inner] = self._array(inner, entry)
                else:
                    raise ValueError(f"{inner!r:.80} is neither a group nor an array")
        return self.arrays, self.attributes

    def _first_time(self, path: str, entry: Any) -> None:
        address = self.h5py.h5o.get_info(entry.id).addr
        if address in self.seen:
            raise ValueError(f"{path!r:.80} is in the file under two paths")
        self.seen.add(address)
        if len(self.seen) > _ENTRIES:
            raise ValueError(f"more than {_ENTRIES:_} groups and arrays")

    def _array(self, path: str, entry: Any) -> Stored:
        properties = entry.id.get_create_plist()
        kind = entry.dtype
        filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        if kind.kind not in "biuf" or kind.itemsize > 8 or kind.subdtype is not None or entry.shape is None:
            raise ValueError(f"{path!r:.80} is not an array of numbers")
        if entry.is_virtual or properties.get_external_count():
            raise ValueError(f"{path!r:.80} takes its numbers from another file")
        if not filters <= _SAFE_FILTERS:
            raise ValueError(f"{path!r:.80} is compressed by a plugin")
        stored, size = entry.id.get_storage_size(), entry.size * kind.itemsize
        if filters or stored < size:  # elements that are not stored are read as zeros
            self.unpack -= entry.size
        else:
            self.stored -= size
        if self.unpack < 0 or self.stored < 0:
            raise ValueError(
                f"{path!r:.80}, of shape {entry.shape}, has more numbers than the file, or than max_elements allows"
            )
        return Stored(entry, self.reading)
