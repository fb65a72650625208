"""The order and the division of Keras's data sets, number for number: NumPy's older generator, seeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.arguments import number

__all__ = ["Pair", "check_split", "divide", "shuffle"]

Pair = tuple[NDArray[Any], NDArray[Any]]


def shuffle(pairs: Sequence[Pair], seed: int | None) -> list[Pair]:
    """Return arrays of samples and labels in a random order, one order for each pair, from one generator."""
    random = np.random.RandomState(seed)
    result = []
    for x, y in pairs:
        order = np.arange(len(x))
        random.shuffle(order)
        result.append((x[order], y[order]))
    return result


def divide(x: NDArray[Any], y: NDArray[Any], test_split: float) -> tuple[Pair, Pair]:
    """Return samples and labels as `(x_train, y_train), (x_test, y_test)`, the share `test_split` at the end."""
    at = int(len(x) * (1 - test_split))
    return (x[:at].copy(), y[:at].copy()), (x[at:].copy(), y[at:].copy())


def check_split(caller: str, test_split: float) -> None:
    """Raise if a share is not a number from 0 to below 1.

    Raises:
        TypeError, ValueError: if it is not.
    """
    number(0, below=1)(caller, "test_split", test_split)
