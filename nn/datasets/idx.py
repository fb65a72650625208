"""The IDX file format: a short header, then the raw bytes of one array."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .fetch import DataFile, DatasetError

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_UNSIGNED_BYTE = 0x08
_MAX_RANK = 4


def encode_idx(array: NDArray[np.uint8]) -> bytes:
    """Write an array as IDX bytes: the inverse of `parse_idx`.

    Args:
        array: Any shape of 1 to 4 axes, uint8.

    Returns:
        The header (two zero bytes, type code, number of axes, each length as a big-endian uint32), then the entries.
    """
    header = bytes([0, 0, _UNSIGNED_BYTE, array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def parse_idx(data: bytes, source: str) -> NDArray[np.uint8]:
    """Read one uint8 array from the bytes of an IDX file, trusting nothing that the header says.

    Args:
        data: The whole file, decompressed.
        source: Where the bytes come from, for error messages.

    Returns:
        A new, writable uint8 array with the shape that the header states.

    Raises:
        ValueError: The magic number is wrong, or the stated shape does not fill the file exactly.

    >>> parse_idx(encode_idx(np.array([[1, 2], [3, 4]], np.uint8)), "example")
    array([[1, 2],
           [3, 4]], dtype=uint8)
    """
    rank = data[3] if len(data) >= 4 else 0
    if data[:3] != bytes([0, 0, _UNSIGNED_BYTE]) or not 1 <= rank <= _MAX_RANK:
        raise ValueError(
            f"parse_idx: {source} is not an IDX file of unsigned bytes: expected a file that starts with 00 00 08 and "
            f"a rank from 01 to {_MAX_RANK:02x}, received {data[:4].hex(' ') or 'an empty file'}. Get the file again."
        )
    start = 4 + 4 * rank
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    if len(data) != start + math.prod(shape):
        raise ValueError(
            f"parse_idx: the header of {source} states the shape {shape}, so {start + math.prod(shape):,} bytes in "
            f"all were expected; received {len(data):,}. The file is cut short or has something appended: "
            f"get it again."
        )
    # A copy, because an array over `bytes` is read-only, and users scale images in place.
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def splits_of(dataset: str, contents: Sequence[bytes], files: Sequence[DataFile]) -> tuple[Split, Split]:
    """Return the images and labels for training and for testing.

    Args:
        dataset: its name, for error messages.
        contents: of the four files, in this order.
        files: whose names error messages tell.

    Raises:
        DatasetError: A file has other contents than expected.
    """
    try:
        arrays = [parse_idx(data, file.name) for data, file in zip(contents, files, strict=True)]
    except ValueError as error:
        raise DatasetError(f"{dataset}: {error}") from None
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])
