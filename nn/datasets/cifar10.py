"""CIFAR-10: 60,000 color pictures, 32 by 32 pixels, in ten classes (Krizhevsky, 2009).

`load_data` returns `(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 32, 32, 3), channels last, and
labels uint8 of shape (N, 1), as Keras gives them: numbers of `CLASSES`. The data are downloaded on first use, in their
binary form: nothing is unpickled.
"""

from __future__ import annotations

from .cifar import Split, load_splits

__all__ = ["CLASSES", "load_data"]
__dir__ = __all__.copy

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PARTS = [
    (f"cifar-10-batches-bin/{name}.bin", 10_000) for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
]


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

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    return load_splits("cifar10", _PARTS, 1, 0, timeout=timeout, progress=progress)
