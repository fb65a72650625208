"""MNIST: 70,000 handwritten digits, 28 by 28 pixels (LeCun, Cortes and Burges).

`load_data` gives the full set, `load_sample` a tenth of it, which needs no network. Both return
`(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 28, 28), from 0 (paper) to 255 (ink), and labels
are uint8 of shape (N,), from 0 to 9. The sample is a package of its own, autograd-lite-digits, since its license is
CC-BY-SA-3.0; a checkout has it in `packages/digits`, with a README about the origin of the data.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .fetch import DataFile, DatasetError, Source, fetch, first_to_answer, load, locate, read_embedded
from .idx import Split, splits_of
from .sources import SOURCES

__all__ = ["available", "load_data", "load_sample"]
__dir__ = __all__.copy

MIRRORS, FILES = SOURCES["mnist"]
# The sample's files have the names and the format of the full set's, so the same code checks and reads both.
SAMPLE_PACKAGE = "autograd_lite_digits"
SAMPLE_IN_CHECKOUT = Path(__file__).parents[2] / "packages" / "digits" / SAMPLE_PACKAGE
SAMPLE_FILES = (
    DataFile(
        "train-images-idx3-ubyte.gz",
        16 + 6_000 * 784,
        "faad667e0024ecd61d8fc24fd6fad19be1b367747c51c789f21ba29545049ca7",
    ),
    DataFile(
        "train-labels-idx1-ubyte.gz", 8 + 6_000, "4a28611bb6a0792fa0712c77c0f5147d52031647b80e6e3b53b60a6b4b63dcff"
    ),
    DataFile(
        "t10k-images-idx3-ubyte.gz",
        16 + 1_000 * 784,
        "16d057090ae1a27a13689fb2bc1179629d2155135fd9d81f57808506673a4812",
    ),
    DataFile(
        "t10k-labels-idx1-ubyte.gz", 8 + 1_000, "4e02bb56175718021cc2f609de8b09186ad786309a010c1277de80ee4807d660"
    ),
)


def load_data(path: str = "mnist.npz", *, timeout: float = 30.0, progress: bool = True) -> tuple[Split, Split]:
    """Return the full MNIST set, downloading it on first use.

    The four files are looked for in the folder that the environment variable AUTOGRAD_LITE_DATA names, then in the
    user's cache, then downloaded into the cache from `MIRRORS`. Each is checked by SHA-256 every time. (Data sets whose
    files are Keras's own are also taken from Keras's cache.)

    Args:
        path: Accepted as Keras's argument; the four files keep their own names.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether downloads show a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)` with the shapes (60000, 28, 28), (60000,), (10000, 28, 28) and (10000,),
        all uint8.

    Raises:
        DatasetError: A file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (60000, 28, 28)
    """
    source = Source("mnist", MIRRORS, timeout=timeout, progress=progress)
    return splits_of("mnist", [load(file, source) for file in FILES], FILES)


def load_sample() -> tuple[Split, Split]:
    """Return a sample of MNIST: real digits, without a network, from the package autograd-lite-digits.

    `pip install 'autograd-lite[digits]'` installs that package; a checkout has it. Without it the sample is taken from
    the full set, see `load_data`.

    Returns:
        `(x_train, y_train), (x_test, y_test)` with the shapes (6000, 28, 28), (6000,), (1000, 28, 28) and (1000,), all
        uint8. Each class has the share that it has in the full set, and the order is the full set's.

    Raises:
        DatasetError: The package is damaged, or neither it nor the full set is here or can be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = load_sample()
    >>> x_train.shape, y_test.shape
    ((6000, 28, 28), (1000,))
    """
    try:
        folder, package = sample_folder(), SAMPLE_PACKAGE.replace("_", "-")
    except DatasetError as absence:
        try:
            return sample_of(load_data())
        except DatasetError as error:
            raise DatasetError(f"{absence}\n{error}") from error
    contents = [read_embedded("mnist.load_sample", folder, file, package) for file in SAMPLE_FILES]
    return splits_of("mnist", contents, FILES)


def sample_of(splits: tuple[Split, Split], totals: tuple[int, int] = (6_000, 1_000)) -> tuple[Split, Split]:
    """Return the sample of the full set.

    Args:
        splits: as `load_data` returns them.
        totals: how many digits to take of each.
    """
    chosen = [evenly_spaced_by_class(labels, total) for (_, labels), total in zip(splits, totals, strict=True)]
    (x_train, y_train), (x_test, y_test) = splits
    train, test = chosen
    return (x_train[train], y_train[train]), (x_test[test], y_test[test])


def evenly_spaced_by_class(labels: NDArray[np.uint8], total: int) -> NDArray[np.intp]:
    """Return which samples to take of each class, without a draw: evenly spaced ones.

    Of the n digits of a class, k are taken, with k in proportion to n. So the writers, who come in blocks in MNIST,
    keep their shares too.

    Args:
        labels: (N,) class of each sample.
        total: How many samples to choose.

    Returns:
        (total,) indices, ascending. Each class has its share of `total`, rounded by largest remainder.

    >>> evenly_spaced_by_class(np.array([0, 0, 0, 0, 1, 1], np.uint8), 3)
    array([0, 2, 4])
    """
    counts = np.bincount(labels)
    shares = counts * total / labels.size
    chosen = np.floor(shares).astype(np.intp)
    chosen[np.argsort(chosen - shares, kind="stable")[: total - chosen.sum()]] += 1
    members = [np.flatnonzero(labels == label) for label in range(counts.size)]
    picks = [m[np.arange(k) * m.size // k] for m, k in zip(members, chosen, strict=True) if k]
    return np.sort(np.concatenate(picks))


def sample_folder() -> Path:
    """Return the folder with the files of the sample, in a checkout or in the package that is installed.

    Raises:
        DatasetError: It is in neither.
    """
    if SAMPLE_IN_CHECKOUT.is_dir():
        return SAMPLE_IN_CHECKOUT
    spec = find_spec(SAMPLE_PACKAGE)
    if spec is None or spec.origin is None:
        raise DatasetError(
            "mnist.load_sample: expected the package autograd-lite-digits, which has the 7,000 digits and is not "
            "installed. Install it: pip install 'autograd-lite[digits]', or in a clone: pip install ./packages/digits. "
            "Without it, they are taken from all 70,000, which mnist.load_data() downloads."
        )
    return Path(spec.origin).parent


def available(seconds: float = 20.0, *, progress: bool = True) -> tuple[bool, str]:
    """Return whether `load_data` can serve now, after fetching missing files if that takes only a moment.

    Args:
        seconds: The most time to spend on the network. If no mirror answers within 5 of them, there is no network.
        progress: Whether downloads show a progress bar.

    Returns:
        Whether the full set is on this machine now, and a line to print about which digits are used and why.

    Example:
        >>> available(seconds=5.0)  # doctest: +SKIP
    """
    missing = [file for file in FILES if locate(file, "mnist") is None]
    end = time.monotonic() + seconds
    if missing:
        mirror = first_to_answer(MIRRORS, FILES[-1].name, min(seconds, 5.0))
        if mirror is None:
            return False, _sample_line("no mirror answers")
        others = [other for other in MIRRORS if other != mirror]
        source = Source("mnist", [mirror, *others], timeout=5.0, deadline=end, progress=progress)
        try:
            for file in missing:
                fetch(file, source)
        except DatasetError:
            return False, _sample_line(f"it could not be fetched within {seconds:g} seconds")
    path = locate(FILES[0], "mnist")
    return True, f"MNIST: the full set of 70,000 digits, from {path.parent if path else 'the cache'}"


def _sample_line(reason: str) -> str:
    """Return the line that tells a user why the sample is used."""
    return f"MNIST: the full set is not on this machine and {reason}; using the embedded sample of 7,000 digits"
