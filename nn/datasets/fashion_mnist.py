"""Fashion-MNIST: 70,000 pictures of clothes, 28 by 28 pixels, in ten classes (Xiao, Rasul and Vollgraf, 2017).

`load_data` returns `(x_train, y_train), (x_test, y_test)`; images are uint8 of shape (N, 28, 28) and labels uint8 of
shape (N,), numbers of `CLASSES`. The data are downloaded on first use; their authors give them under the MIT licence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fetch import DataFile, DatasetError, Source, load
from .idx import parse_idx

__all__ = ["CLASSES", "load_data"]

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
# The hashes are of the compressed files, as TensorFlow Datasets publishes them; those of the labels were compared with
# the files in the authors' repository.
FILES = (
    DataFile(
        "train-images-idx3-ubyte.gz",
        16 + 60_000 * 784,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        of_packed=True,
    ),
    DataFile(
        "train-labels-idx1-ubyte.gz",
        8 + 60_000,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        of_packed=True,
    ),
    DataFile(
        "t10k-images-idx3-ubyte.gz",
        16 + 10_000 * 784,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        of_packed=True,
    ),
    DataFile(
        "t10k-labels-idx1-ubyte.gz",
        8 + 10_000,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        of_packed=True,
    ),
)


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
    """
    source = Source("fashion_mnist", MIRRORS, timeout=timeout, progress=progress)
    contents = [load(file, source) for file in FILES]
    try:
        arrays = [parse_idx(data, file.name) for data, file in zip(contents, FILES, strict=True)]
    except ValueError as error:
        raise DatasetError(f"fashion_mnist: {error}") from None
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])
