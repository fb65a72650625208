"""NumPy's .npz files, of which nothing is believed and nothing is run."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pickled import parse_lists

__all__ = ["parse_npz"]

_MOST = 1 << 27  # bytes that one array may unpack to; IMDB's largest takes 30 MB
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|]?[a-zA-Z]\d{0,2})', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, ]{0,99})\), \} *\n",
    re.DOTALL,
)


def parse_npz(data: bytes, names: Sequence[str], source: str) -> list[NDArray[Any]]:
    """Return arrays of a .npz file: numbers, or lists of integers as an array of objects.

    Args:
        data: the whole file.
        names: of the arrays wanted.
        source: where the file comes from, for error messages.

    Raises:
        ValueError: if an array is missing, damaged, too large, or of another kind.

    Example:
        >>> file = io.BytesIO()
        >>> np.savez(file, x=np.arange(3))
        >>> parse_npz(file.getvalue(), ["x"], "example")
        [array([0, 1, 2])]
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [_array(_member(archive, f"{name}.npy"), f"{name} of {source}") for name in names]
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(
            f"parse_npz: expected {source} to be a .npz file with {', '.join(names)}; it cannot be read: {error}. Get "
            "the file again from its source"
        ) from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a file in the archive, if it is not too large."""
    with archive.open(name) as stream:
        content = stream.read(_MOST + 1)
    if len(content) > _MOST:
        raise ValueError(f"parse_npz: expected {name} to have at most {_MOST:,} bytes; it unpacks to more")
    return content


def _array(content: bytes, source: str) -> NDArray[Any]:
    """Return the array of a .npy file."""
    header = _HEADER.match(content)
    try:
        descr, order, lengths = header.groups() if header else (b"", b"", b"")
        dtype, shape = np.dtype(descr.decode()), tuple(int(n) for n in lengths.split(b",") if n.strip())
    except (TypeError, ValueError):
        header = None
    if header is None:
        raise ValueError(f"parse_npz: expected a .npy file in {source}; its header is {content[:60]!r}")
    body = memoryview(content)[header.end() :]
    if dtype == np.dtype(object):
        return np.fromiter(parse_lists(bytes(body), source), object)
    if dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(
            f"parse_npz: expected {source} to hold numbers that fill its shape; received {dtype}, the shape {shape} "
            f"and {len(body):,} bytes. Get the file again from its source"
        )
    return np.frombuffer(body, dtype).reshape(shape, order="F" if order == b"True" else "C").copy()
