"""CIFAR-10: 60,000 colour pictures, 32 by 32 pixels, in ten classes (Krizhevsky, 2009).

`load_data` returns `(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 32, 32, 3), channels last, and
labels uint8 of shape (N, 1), as Keras gives them: numbers of `CLASSES`. The data are downloaded on first use, in their
binary form: nothing is unpickled.
"""

from __future__ import annotations

import io
import tarfile

import numpy as np
from numpy.typing import NDArray

from .fetch import DataFile, DatasetError, Source, load

__all__ = ["CLASSES", "load_data"]

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
_ROW = 1 + 3 * 32 * 32
_ROWS = 10_000
_PARTS = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
# The hash is of the compressed file, as TensorFlow Datasets publishes it; the archive also has two short texts.
FILE = DataFile(
    "cifar-10-binary.tar.gz",
    len(_PARTS) * _ROWS * _ROW + 200_000,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    of_packed=True,
)


def load_data(*, timeout: float = 30.0, progress: bool = True) -> tuple[Split, Split]:
    """Return CIFAR-10, downloading it (170 MB) on first use; where it is looked for and kept: see `nn.datasets.mnist`.

    Args:
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)` with the shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and
        (10000, 1), all uint8.

    Raises:
        DatasetError: The file is damaged, or is neither here nor available from a mirror.
    """
    archive = load(FILE, Source("cifar10", MIRRORS, timeout=timeout, progress=progress))
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            parts = [_part(tar, name) for name in _PARTS]
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise DatasetError(f"cifar10: {FILE.name} does not hold what it should: {error}") from None
    return _split(np.concatenate(parts[:-1])), _split(parts[-1])


def _part(tar: tarfile.TarFile, name: str) -> NDArray[np.uint8]:
    stream = tar.extractfile(f"cifar-10-batches-bin/{name}")
    data = b"" if stream is None else stream.read(_ROWS * _ROW + 1)
    if len(data) != _ROWS * _ROW:
        raise ValueError(f"expected {_ROWS * _ROW:,} bytes of {name}; received {len(data):,}")
    return np.frombuffer(data, np.uint8).reshape(-1, _ROW)


def _split(rows: NDArray[np.uint8]) -> Split:
    """Return pictures and labels of rows that hold the label, then all red, all green and all blue pixels."""
    pictures = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), rows[:, :1].copy()
