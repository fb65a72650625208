"""Statistics of values, which a graph keeps in place of the values: a few numbers for each array."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.duck_arrays import to_numpy


class Stats(NamedTuple):
    """Numbers about an array, in float64; except for the counts they are of finite elements only.

    Attributes:
        size: number of elements.
        low, high: the smallest and largest finite element (of a complex array, of the absolute values); NaN if none is.
        mean, std: of the finite elements; NaN if none is.
        norm: the Euclidean norm of the finite elements.
        zeros: number of elements that are exactly zero.
        nans, infs: numbers of NaNs and of infinite elements.

    Example:
        >>> Stats.of(np.array([3.0, -4.0, np.nan])).norm
        5.0
    """

    size: int
    low: float
    high: float
    mean: float
    std: float
    norm: float
    zeros: int
    nans: int
    infs: int

    @classmethod
    def of(cls, array: Any) -> Stats:
        """Take the numbers of an array of any numeric dtype and shape."""
        a = to_numpy(array)
        flat = (np.abs(a) if a.dtype.kind == "c" else a).reshape(-1).astype(np.float64, copy=False)
        nans, infs = int(np.isnan(flat).sum()), int(np.isinf(flat).sum())
        finite = flat[np.isfinite(flat)] if nans or infs else flat
        if not finite.size:
            nan = math.nan
            return cls(a.size, nan, nan, nan, nan, 0.0, 0, nans, infs)
        low, high, zeros = float(finite.min()), float(finite.max()), int((finite == 0).sum())
        with np.errstate(over="ignore"):
            mean, std, norm = float(finite.mean()), float(finite.std()), float(np.linalg.norm(finite))
        return cls(a.size, low, high, mean, std, norm, zeros, nans, infs)

    @property
    def finite(self) -> bool:
        """Whether every element is."""
        return not (self.nans or self.infs)


def single(stats: Stats | None, dtype: np.dtype[Any]) -> str:
    """Return the element that numbers are of, in four digits; nothing if there are several, or it is complex.

    Example:
        >>> single(Stats.of(np.pi), np.dtype(float)), single(Stats.of(12345), np.dtype(int))
        ('3.142', '12345')
    """
    if stats is None or stats.size != 1 or dtype.kind == "c":
        return ""
    if not stats.finite:
        return "NaN" if stats.nans else "infinite"
    if dtype.kind == "b":
        return str(stats.low != 0)
    return f"{stats.low:.4g}" if dtype.kind == "f" else f"{stats.low:.0f}"


class Measurement(NamedTuple):
    """Measurements of a node.

    Attributes:
        values: numbers about the result.
        gradient: numbers about the cotangent of the result, if there is one.
        seconds: how long the op took.

    Example:
        >>> import autograd_lite as ag
        >>> graph = ag.build_graph(np.sin(ag.tensor([1.0, 2.0], requires_grad=True)), measured=True)
        >>> next(iter(graph.measurements.values())).values.size
        2
    """

    values: Stats | None = None
    gradient: Stats | None = None
    seconds: float | None = None


NOT_MEASURED = Measurement()
