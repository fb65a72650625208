"""Finite differences with error bars: the oracle of the derivative laws.

For each element of an input: central differences with the steps h and h/2 that were really taken, Richardson's
extrapolation of the two, and an error bar from their disagreement and from rounding. A derivative is right if it lies
within a small relative tolerance and the error bar; there is no absolute tolerance.

The gradient of a real loss by a complex number a + ib is dL/da + i dL/db, so both parts are moved in turn. A complex
result counts as the loss Re(sum(conj(v) * result)): its parts, weighted with those of v.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["RTOL", "check_derivative", "directional"]

RTOL = 1e-6
_EPS = np.finfo(np.float64).eps


def directional(
    f: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    i: int,
    k: tuple[int, ...],
    v: Any,
    unit: complex = 1,
) -> tuple[float, float]:
    """Differentiate sum(v * f(*arrays)) by element `k` of array `i`, or with unit=1j by its imaginary part.

    Returns:
        The derivative and its error bar.
    """
    best = (np.nan, np.inf)
    x = _part(arrays[i][k], unit)
    for scale in dict.fromkeys((max(abs(x), 1.0), max(abs(x), 1e-2), 1e-2 * max(abs(x), 1e-2))):
        h = 2.0 ** np.round(np.log2(4e-3 * scale))
        (coarse, _), (fine, rounding) = (_difference(f, arrays, i, k, v, step, unit) for step in (h, h / 2))
        value = (4 * fine - coarse) / 3
        error = abs(value - fine) + rounding
        if np.isfinite(value) and error < best[1]:
            best = (float(value), float(error))
        if error <= 0.03 * RTOL * abs(value):
            break
    return best


def _part(x: Any, unit: complex) -> float:
    return float(x.imag if unit == 1j else x.real)


def _real_parts(a: Any) -> np.ndarray:
    a = np.asarray(a)
    return np.stack([a.real, a.imag]).astype(np.float64)


def _difference(
    f: Callable[..., Any], arrays: Sequence[np.ndarray], i: int, k: tuple[int, ...], v: Any, h: float, unit: complex
) -> tuple[float, float]:
    values, steps = [], []
    for sign in (1, -1):
        moved = [np.array(a) for a in arrays]
        moved[i][k] += sign * h * unit
        steps.append(_part(moved[i][k], unit))
        values.append(_real_parts(f(*moved)))
    # Outputs are subtracted one by one before they are summed, so that a large one does not drown a small one.
    changed = values[0] != values[1]
    step = float(steps[0] - steps[1])
    v = _real_parts(v)
    slope = np.sum(v * np.where(changed, values[0] - values[1], 0)) / step
    rounding = 8 * _EPS * np.sum(np.abs(v) * np.where(changed, np.maximum(*np.abs(values)), 0)) / step
    return float(slope), float(rounding)


def check_derivative(f: Callable[..., Any], arrays: Sequence[np.ndarray], i: int, v: Any, analytic: np.ndarray) -> None:
    """Assert that `analytic` is the derivative of sum(v * f(*arrays)) by array `i`, element by element."""
    assert analytic.shape == arrays[i].shape
    units = (1, 1j) if arrays[i].dtype.kind == "c" else (1,)
    places = [(k, unit) for k in np.ndindex(arrays[i].shape) for unit in units]
    pairs = [directional(f, arrays, i, k, v, unit) for k, unit in places]
    largest = max((abs(value) for value, _ in pairs), default=0.0)
    for (k, unit), (value, error) in zip(places, pairs, strict=True):
        a = _part(analytic[k], unit)
        allowed = RTOL * max(abs(a), abs(value)) + 1e-3 * RTOL * largest + 3 * error
        assert np.isfinite(value), f"no finite difference at input {i}, element {k}"
        assert abs(a - value) <= allowed, (
            f"derivative by input {i}, element {k}: analytic {a!r}, numeric {value!r} +/- {error:.1e}"
        )
        assert 3 * error <= max(1e-2 * largest, 1e-9), f"input {i}, element {k}: {value!r} +/- {error:.1e} says nothing"
