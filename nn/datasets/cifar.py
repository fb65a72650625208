"""The binary files of CIFAR-10 and CIFAR-100: rows of labels and pixels, in a tar; nothing in them is unpickled."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .fetch import DatasetError
from .sources import read

__all__ = ["Split", "load_splits"]

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]
_PIXELS = 3 * 32 * 32


def load_splits(
    dataset: str, parts: Sequence[tuple[str, int]], labels: int, which: int, *, timeout: float, progress: bool
) -> tuple[Split, Split]:
    """Return the pictures and labels of one of the two data sets, for training and for testing.

    Args:
        dataset: "cifar10" or "cifar100".
        parts: paths in the archive, each with its number of rows; the last one is for testing.
        labels: how many labels a row begins with.
        which: of the labels is returned.
        timeout, progress: as in `sources.read`.

    Returns:
        For each: pictures of shape (N, 32, 32, 3), channels last, and labels of shape (N, 1), all uint8.

    Raises:
        DatasetError: if the file is damaged, or is neither here nor available from a mirror.
    """
    archive = read(dataset, timeout=timeout, progress=progress)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            read_parts = [_part(tar, path, rows, labels + _PIXELS) for path, rows in parts]
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise DatasetError(f"{dataset}: its archive does not hold what it should: {error}") from None
    train, test = np.concatenate(read_parts[:-1]), read_parts[-1]
    return _split_rows(train, labels, which), _split_rows(test, labels, which)


def _part(tar: tarfile.TarFile, path: str, rows: int, row: int) -> NDArray[np.uint8]:
    stream = tar.extractfile(path)
    data = b"" if stream is None else stream.read(rows * row + 1)
    if len(data) != rows * row:
        raise ValueError(f"expected {rows * row:,} bytes of {path}; received {len(data):,}")
    return np.frombuffer(data, np.uint8).reshape(-1, row)


def _split_rows(rows: NDArray[np.uint8], labels: int, which: int) -> Split:
    """Return pictures and labels of rows that hold the labels, then all red, all green and all blue pixels."""
    pictures = rows[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), rows[:, which : which + 1].copy()
