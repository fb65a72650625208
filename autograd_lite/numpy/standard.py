"""Functions to which the array API standard gives arguments that NumPy's functions of the same names lack."""

from __future__ import annotations

from typing import Any

import numpy as np


def sort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: bool = False
) -> Any:
    """Sort as `numpy.sort`; `descending` puts the largest first, as the array API standard has it.

    Example:
        >>> sort(np.array([1.0, 3.0, 2.0]), descending=True)
        array([3., 2., 1.])
    """
    result = np.sort(a, axis, kind, order, stable=stable)
    return np.flip(result, -1 if axis is None else axis) if descending else result


def argsort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: bool = False
) -> Any:
    """Return the indices that sort, as `numpy.argsort`; with `descending` those that put the largest first.

    As the standard has it, equal ones keep their order unless `stable` or `kind` says otherwise.

    Example:
        >>> argsort(np.array([1.0, 2.0, 2.0]), descending=True, stable=True)
        array([1, 2, 0])
    """
    stable = True if stable is None and kind is None else stable
    if not descending:
        return np.argsort(a, axis, kind, order, stable=stable)
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    backwards = np.argsort(np.flip(a, axis), axis, kind, order, stable=stable)  # so that equal ones keep their order
    return a.shape[axis] - 1 - np.flip(backwards, axis)


def clip(a: Any, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """Limit the values as `numpy.clip`; its limits may be named as in NumPy and as in the array API standard.

    Example:
        >>> clip(np.arange(4), min=1, max=2), clip(np.arange(4), a_min=1, a_max=2)
        (array([1, 1, 2, 2]), array([1, 1, 2, 2]))
    """
    low, high = kwargs.pop("a_min", min), kwargs.pop("a_max", max)
    return np.clip(a, low, high, out, **kwargs)


def unique_values(x: Any, /) -> Any:
    """Return the distinct values as `numpy.unique_values`, in ascending order, which libraries count on.

    Example:
        >>> unique_values(np.array([3, 1, 3, 2]))
        array([1, 2, 3])
    """
    return np.unique(x, equal_nan=False)


def fftfreq(n: int, d: float = 1.0, device: Any = None, *, dtype: Any = None) -> Any:
    """Return the frequencies of `fft` as `numpy.fft.fftfreq`, in the dtype that was asked for."""
    return _as_asked(np.fft.fftfreq(n, d, device), dtype)


def rfftfreq(n: int, d: float = 1.0, device: Any = None, *, dtype: Any = None) -> Any:
    """Return the frequencies of `rfft` as `numpy.fft.rfftfreq`, in the dtype that was asked for."""
    return _as_asked(np.fft.rfftfreq(n, d, device), dtype)


def _as_asked(result: Any, dtype: Any) -> Any:
    return result if dtype is None else result.astype(dtype)


FUNCTIONS: dict[str, Any] = {"argsort": argsort, "clip": clip, "sort": sort, "unique_values": unique_values}
FREQUENCIES: dict[str, Any] = {"fftfreq": fftfreq, "rfftfreq": rfftfreq}
