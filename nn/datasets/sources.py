"""Where each downloaded dataset comes from: one table of mirrors, files, sizes and hashes.

The hashes are those that Keras publishes (its .npz and .json files) or TensorFlow Datasets (Fashion-MNIST and CIFAR, of
the compressed files); those of MNIST are of the content, so that every mirror's own gzip is accepted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .fetch import DataFile, DatasetError, Source, load
from .npz import parse_npz

__all__ = ["SOURCES", "Origin", "read", "read_arrays", "read_words"]


class Origin(NamedTuple):
    """The mirrors of a dataset, whose addresses end in "/", and its files."""

    mirrors: tuple[str, ...]
    files: tuple[DataFile, ...]


def _idx(*rows: tuple[str, int, str], of_packed: bool = False) -> tuple[DataFile, ...]:
    return tuple(DataFile(f"{name}-ubyte.gz", size, digest, of_packed) for name, size, digest in rows)


def _plain(*rows: tuple[str, int, str]) -> tuple[DataFile, ...]:
    return tuple(DataFile(*row, gzipped=False) for row in rows)


def _cifar(name: str, rows: int, row: int, digest: str) -> tuple[DataFile, ...]:
    # The archives also have short texts, and tar's headers.
    return (DataFile(name, rows * row + 200_000, digest, of_packed=True),)


_KERAS = ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",)
_KRIZHEVSKY = ("https://www.cs.toronto.edu/~kriz/",)

SOURCES = {
    "mnist": Origin(
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://raw.githubusercontent.com/fgnt/mnist/master/",
        ),
        _idx(
            ("train-images-idx3", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            ("train-labels-idx1", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            ("t10k-images-idx3", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            ("t10k-labels-idx1", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ),
    ),
    "fashion_mnist": Origin(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        _idx(
            ("train-images-idx3", 47_040_016, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            ("train-labels-idx1", 60_008, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            ("t10k-images-idx3", 7_840_016, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            ("t10k-labels-idx1", 10_008, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
            of_packed=True,
        ),
    ),
    "cifar10": Origin(
        _KRIZHEVSKY,
        _cifar(
            "cifar-10-binary.tar.gz",
            60_000,
            3073,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    "cifar100": Origin(
        _KRIZHEVSKY,
        _cifar(
            "cifar-100-binary.tar.gz",
            60_000,
            3074,
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ),
    ),
    "imdb": Origin(
        _KERAS,
        _plain(
            ("imdb.npz", 20_000_000, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
            ("imdb_word_index.json", 2_000_000, "bfafd718b763782e994055a2d397834f"),
        ),
    ),
    "reuters": Origin(
        _KERAS,
        _plain(
            ("reuters.npz", 3_000_000, "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
            ("reuters_word_index.json", 1_000_000, "4d44cc38712099c9e383dc6e5f11a921"),
        ),
    ),
    "boston_housing": Origin(
        _KERAS,
        _plain(("boston_housing.npz", 100_000, "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5")),
    ),
    "california_housing": Origin(
        _KERAS,
        _plain(
            ("california_housing.npz", 2_000_000, "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f")
        ),
    ),
}


def read(dataset: str, path: str = "", which: int = 0, *, timeout: float, progress: bool) -> bytes:
    """Return the checked content of a file of a dataset.

    Args:
        dataset: its key in `SOURCES`.
        path: the file's name on this machine; by default the one that it has on the mirrors.
        which: of its files is meant.
        timeout: seconds that a mirror may stay silent before the next one is tried.
        progress: whether the download shows a progress bar.

    Raises:
        DatasetError: if the file is damaged, or is neither here nor available from a mirror.
        ValueError: if the path has folders.
    """
    mirrors, files = SOURCES[dataset]
    if os.path.basename(path) != path:
        raise ValueError(
            f"{dataset}: expected path to be the name of a file, such as {files[which].name!r}; received {path!r}. To "
            "use a folder of your own, set the environment variable AUTOGRAD_LITE_DATA to it"
        )
    return load(replace(files[which], kept_as=path), Source(dataset, mirrors, timeout=timeout, progress=progress))


def read_arrays(dataset: str, path: str, names: Sequence[str], *, timeout: float, progress: bool) -> list[NDArray[Any]]:
    """Return arrays of a dataset's .npz file.

    Args:
        dataset, path, timeout, progress: as in `read`.
        names: of the arrays.

    Raises:
        DatasetError: if the file is damaged, lacks an array, or is neither here nor available from a mirror.
    """
    data = read(dataset, path, timeout=timeout, progress=progress)
    try:
        return parse_npz(data, names, path)
    except ValueError as error:
        raise DatasetError(f"{dataset}: {error}") from None


def read_words(dataset: str, path: str, *, timeout: float, progress: bool) -> dict[str, int]:
    """Return the index of words of a dataset, from word to rank.

    Args:
        dataset, path, timeout, progress: as in `read`.

    Raises:
        DatasetError: if the file is damaged, or is neither here nor available from a mirror.
    """
    words: dict[str, int] = json.loads(read(dataset, path, 1, timeout=timeout, progress=progress))
    return words
