"""CIFAR-100: 60,000 color pictures, 32 by 32 pixels, in 100 classes, which form 20 groups (Krizhevsky, 2009).

`load_data` returns `(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 32, 32, 3), channels last, and
labels uint8 of shape (N, 1), as Keras gives them. The data are downloaded on first use, in their binary form: nothing
is unpickled.
"""

from __future__ import annotations

from ..config.arguments import one_of
from .cifar import Split, load_splits

__all__ = ["load_data"]
__dir__ = __all__.copy

_PARTS = [("cifar-100-binary/train.bin", 50_000), ("cifar-100-binary/test.bin", 10_000)]
_LABELS = ("coarse", "fine")  # in the order in which they precede the pixels


def load_data(label_mode: str = "fine", *, timeout: float = 30.0, progress: bool = True) -> tuple[Split, Split]:
    """Return CIFAR-100, downloading it (169 MB) on first use; where it is looked for and kept: see `nn.datasets.mnist`.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for their 20 groups.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)` with the shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and
        (10000, 1), all uint8.

    Raises:
        ValueError: `label_mode` is another word.
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data("coarse")  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    which = _LABELS.index(one_of(*_LABELS)("cifar100.load_data", "label_mode", label_mode))
    return load_splits("cifar100", _PARTS, len(_LABELS), which, timeout=timeout, progress=progress)
