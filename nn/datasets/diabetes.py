"""Diabetes: ten measurements of 442 patients, and how far the disease had gone a year later (Efron et al., 2004).

It comes with the package and needs no network. Origin and license of the data: `embedded/README.md`.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .fetch import DataFile, read_embedded

__all__ = ["FEATURES", "load_data"]
__dir__ = __all__.copy

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
FOLDER = Path(__file__).with_name("embedded")
FILE = DataFile("diabetes.csv.gz", 21_262, "36e3fd6f8158bdc41f916d8989653227e5a5dd506c508de3f33febb48213e641")
Split = tuple[NDArray[np.float64], NDArray[np.float64]]


def load_data(*, test_split: float = 0.2, seed: int = 113, scaled: bool = True) -> tuple[Split, Split]:
    """Return the measurements and the progression of the disease, as (x_train, y_train), (x_test, y_test).

    Args:
        test_split: the fraction kept for testing.
        seed: of the order in which the patients are divided.
        scaled: whether each measurement is scaled to mean 0 and standard deviation 1 over all patients; otherwise it
            has raw units.

    Returns:
        x of shape (N, 10), columns as in `FEATURES`, and y of shape (N,), from 25 to 346, all float64.

    Raises:
        ValueError: if test_split is not in [0, 1).
        DatasetError: if the installed package is damaged.

    Example:
        >>> (x, y), (x_test, y_test) = load_data()
        >>> x.shape, y.shape, x_test.shape
        ((354, 10), (354,), (88, 10))
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"diabetes.load_data: expected test_split from 0 to 1, but not 1; received {test_split!r}")
    text = read_embedded("diabetes.load_data", FOLDER, FILE).decode("ascii")
    table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
    x, y = table[:, :-1].copy(), table[:, -1].copy()
    if scaled:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    order = np.random.default_rng(seed).permutation(len(x))
    at = len(x) - int(len(x) * test_split)
    train, test = order[:at], order[at:]
    return (x[train], y[train]), (x[test], y[test])
