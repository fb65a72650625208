"""Which elements are within a support: masks, known now or not, and functions computed where one holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional.argument_selection import on_tape
from ...ops.barrier import stop_gradient
from ...tensors.tensor import Tensor


def without_derivative(x: Any) -> Any:
    """Return the values without a derivative: bare where they are known now, so that masks can be left out."""
    if not isinstance(x, Tensor):
        return x
    if type(x) is Tensor and not on_tape():
        return x.data
    return stop_gradient(x)


def may_hold(mask: Any) -> bool:
    """Return whether a mask may hold somewhere; where its values are known now it is known not to, most of the time."""
    return isinstance(mask, Tensor) or bool(mask.any() if isinstance(mask, np.ndarray) else mask)


def choose(mask: Any, value: Any, otherwise: Any) -> Any:
    """Return np.where(mask, value, otherwise), without a pass where the mask is known to hold nowhere."""
    return np.where(mask, value, otherwise) if may_hold(mask) else otherwise


def largest(x: Any, least: float) -> Any:
    """Return the largest of some values and a least one; NaN does not count, since its results are NaN anyway."""
    return np.fmax.reduce(x, axis=None, initial=least)


def is_number(x: Any, value: float) -> bool:
    """Return whether x is a bare number of this value, which need not be added or multiplied by."""
    return isinstance(x, float | int) and x == value


def inner(lower: Any, upper: Any) -> Any:
    """Return a point within the support, at which a formula may be computed for elements that are outside."""
    low, high = np.isfinite(lower), np.isfinite(upper)
    one_sided = np.where(low, lower + 1.0, np.where(high, upper - 1.0, 0.0))
    return np.where(low & high, 0.5 * lower + 0.5 * upper, one_sided)
