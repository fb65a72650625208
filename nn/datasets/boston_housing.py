"""Boston housing: 13 measurements of 506 districts, and the median price of a house there (Harrison, Rubinfeld, 1978).

One of the measurements, "B", is made from the share of Black residents, on the assumption that segregation affects
prices: use the set to study such data, not to learn regression; `california_housing` has no such column.
"""

from __future__ import annotations

from .sources import read_arrays
from .splits import Pair, check_split, divide, shuffle

__all__ = ["load_data"]
__dir__ = __all__.copy


def load_data(
    path: str = "boston_housing.npz",
    test_split: float = 0.2,
    seed: int | None = 113,
    *,
    timeout: float = 30.0,
    progress: bool = True,
) -> tuple[Pair, Pair]:
    """Return the measurements and prices, downloading them on first use; where they are kept: see `nn.datasets.mnist`.

    Args:
        path: The file's name in the folder where it is kept.
        test_split: The share for testing, from 0 to below 1.
        seed: Of the order; with the same one it is Keras's.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)` with the shapes (404, 13), (404,), (102, 13) and (102,), all float64;
        prices are in thousands of dollars.

    Raises:
        ValueError: `test_split` is out of range.
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (404, 13)
    """
    check_split("boston_housing.load_data", test_split)
    x, y = read_arrays("boston_housing", path, ("x", "y"), timeout=timeout, progress=progress)
    ((x, y),) = shuffle([(x, y)], seed)
    return divide(x, y, test_split)
