"""`interp1d`: one function for many kinds of interpolation along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as original

from ...core.shape_arithmetic import normalize_axis
from ...ops.operands import operand, values
from ..calls import floating, takes_tensors, values_or_none
from .bsplines import make_interp_spline
from .piecewise import Piecewise, at, move_points, points

_DEGREES = {"slinear": 1, "quadratic": 2, "cubic": 3}
_SHIFTS: dict[Any, Any] = {
    "nearest": ("left", True),
    "nearest-up": ("right", True),
    "previous": ("right", False),
    "zero": ("right", False),
}


class _Stepwise:
    """A constant for each point: that of the nearest, the previous or the next one."""

    def __init__(self, x: Any, y: Any, kind: str, axis: int) -> None:
        self.x, self.y, self.kind, self.axis = x, y, kind, axis

    def __call__(self, x: Any) -> Any:
        flat, last = x.reshape(-1), self.x.shape[0] - 1
        if self.kind == "next":
            place = np.searchsorted(self.x, flat, side="left")
        else:
            side, middle = _SHIFTS[self.kind]
            bounds = self.x[:-1] + np.diff(self.x) / 2.0 if middle else self.x
            place = np.searchsorted(bounds, flat, side=side) - (0 if middle else 1)
        out = at(self.y.reshape(last + 1, math.prod(self.y.shape[1:])), np.clip(place, 0, last))
        return move_points(out, x.shape, self.y.shape[1:], self.axis)


def _inside(x: Any, y: Any, kind: Any, axis: int) -> Callable[[Any], Any]:
    """Return the interpolant between the points, for values with their axis in front."""
    if kind == "linear":
        h = np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
        return Piecewise(np.stack([np.diff(y, axis=0) / h, y[:-1]]), x, True, axis)
    if kind in (*_SHIFTS, "next"):
        return _Stepwise(x, y, kind, axis)
    degree = _DEGREES.get(kind, kind)
    if not isinstance(degree, int):
        kinds = ", ".join(["linear", *_SHIFTS, "next", *_DEGREES])
        raise ValueError(f"scipy.interpolate.interp1d: expected kind among {kinds}, or a degree; received {kind!r}")
    spline = make_interp_spline(x, y, degree)
    spline.axis = axis
    return spline


@takes_tensors(original.interp1d, "x, y, fill_value, and the points of evaluation", always=True)
def interp1d(
    x: Any,
    y: Any,
    kind: Any = "linear",
    axis: int = -1,
    copy: bool = True,
    bounds_error: bool | None = None,
    fill_value: Any = np.nan,
    assume_sorted: bool = False,
) -> Callable[[Any], Any]:
    x, y = floating(operand(x)), floating(operand(y))
    if not assume_sorted:
        order, axis = np.argsort(x, kind="stable"), normalize_axis(axis, y.ndim)
        x, y = at(x, order), np.moveaxis(at(np.moveaxis(y, axis, 0), order), 0, axis)
    x, y, axis = points("interp1d", x, y, axis)
    goes_on = isinstance(fill_value, str) and fill_value == "extrapolate"
    is_given = isinstance(fill_value, tuple) or goes_on or not np.all(np.isnan(values(fill_value)))
    refuses = not is_given if bounds_error is None else bounds_error
    below, above = fill_value if isinstance(fill_value, tuple) else (fill_value, fill_value)
    inside = _inside(x, y, kind, axis)

    def evaluate(new: Any) -> Any:
        """Return the interpolant at points of any shape."""
        new = floating(operand(new))
        out = inside(new)
        if goes_on:
            return out
        low, high = new < x[0], new > x[-1]
        if refuses and np.any(values_or_none(low | high)):
            raise ValueError(
                "scipy.interpolate.interp1d: expected points between the first and the last x, since bounds_error is "
                "set; received some outside. Set fill_value to allow them"
            )
        shape = (*new.shape, *(1,) * (y.ndim - 1 - axis))
        low, high = low.reshape(shape), high.reshape(shape)
        return np.where(low, below, np.where(high, above, out))

    return evaluate
