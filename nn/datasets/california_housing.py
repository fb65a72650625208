"""California housing: 8 measurements of 20,640 districts, and the median price of a house there (Pace, Barry, 1997)."""

from __future__ import annotations

from ..config.arguments import one_of
from .sources import read_arrays
from .splits import Pair, check_split, divide, shuffle

__all__ = ["load_data"]
__dir__ = __all__.copy

_SMALL = 600  # samples


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int | None = 113,
    *,
    timeout: float = 30.0,
    progress: bool = True,
) -> tuple[Pair, Pair]:
    """Return the measurements and prices, downloading them on first use; where they are kept: see `nn.datasets.mnist`.

    Args:
        version: "large" for all 20,640 samples, "small" for the first 600.
        path: The file's name in the folder where it is kept.
        test_split: The share for testing, from 0 to below 1.
        seed: Of the order; with the same one it is Keras's.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; x has the shape (N, 8) and y (N,), prices in dollars.

    Raises:
        ValueError: `version` is another word, or `test_split` is out of range.
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data("small")  # doctest: +SKIP
        >>> x_train.shape[1]  # doctest: +SKIP
        8
    """
    caller = "california_housing.load_data"
    check_split(caller, test_split)
    version = one_of("large", "small")(caller, "version", version)
    x, y = read_arrays("california_housing", path, ("x", "y"), timeout=timeout, progress=progress)
    if version == "small":
        x, y = x[:_SMALL], y[:_SMALL]
    ((x, y),) = shuffle([(x, y)], seed)
    return divide(x, y, test_split)
