"""Derivatives of SciPy's values by differences, each with an estimate of its own error."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np


class Derivative(NamedTuple):
    """A derivative and about how far it may be off."""

    value: Any
    error: Any


def derivative(f: Callable[[Any], Any], at: Any, room: Any = np.inf) -> Derivative:
    """Differentiate elementwise by Richardson's extrapolation of central differences, choosing the order that settles.

    Args:
        f: a function of arrays.
        at: where.
        room: how far f may be asked for to either side.
    """
    step = np.minimum(0.02 * np.clip(np.abs(at), 0.1, 3), 0.4 * room)
    with np.errstate(all="ignore"):
        table = [(f(at + step / 2**i) - f(at - step / 2**i)) / (2 * step / 2**i) for i in range(5)]
        best, error = table[-1], np.full(np.shape(table[-1]), np.inf)
        for k in range(1, 5):
            finer = [(4**k * b - a) / (4**k - 1) for a, b in pairwise(table)]
            off = np.maximum(np.abs(finer[-1] - table[-1]), np.abs(finer[-1] - table[-2]))
            best, error = np.where(off < error, finer[-1], best), np.minimum(off, error)
            table = finer
    return Derivative(best, error)
