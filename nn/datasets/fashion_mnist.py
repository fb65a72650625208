"""Fashion-MNIST: 70,000 pictures of clothes, 28 by 28 pixels, in ten classes (Xiao, Rasul and Vollgraf, 2017).

`load_data` returns `(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 28, 28) and labels uint8 of
shape (N,), numbers of `CLASSES`. The data are downloaded on first use; their authors give them under the MIT license.
"""

from __future__ import annotations

from .fetch import Source, load
from .idx import Split, splits_of
from .sources import SOURCES

__all__ = ["CLASSES", "load_data"]
__dir__ = __all__.copy

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
MIRRORS, FILES = SOURCES["fashion_mnist"]


def load_data(*, timeout: float = 30.0, progress: bool = True) -> tuple[Split, Split]:
    """Return Fashion-MNIST, downloading it on first use; where it is looked for and kept: see `nn.datasets.mnist`.

    Args:
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
    source = Source("fashion_mnist", MIRRORS, timeout=timeout, progress=progress)
    return splits_of("fashion_mnist", [load(file, source) for file in FILES], FILES)
