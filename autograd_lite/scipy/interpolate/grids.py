"""Interpolation on rectangular grids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as original

from ...core.errors import ShapeError, UnsupportedError
from ...ops.operands import operand
from ..calls import floating, known, takes_tensors
from .bsplines import Spline, make_interp_spline
from .piecewise import at

_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}
_DEGREES |= {f"{name}_legacy": k for name, k in _DEGREES.items()}


class Grid:
    """Values on a rectangular grid, interpolated.

    Attributes:
        grid: the coordinates along each axis, increasing.
        values: shape `(n₁, …, n_d, …)`.
        method: "linear", "nearest", "slinear", "cubic" or "quintic".
    """

    def __init__(self, grid: list[Any], values: Any, method: str, bounds_error: bool, fill_value: Any) -> None:
        self.grid, self.values, self.method = grid, values, method
        self._refuses, self._fill = bounds_error, fill_value
        self._splines: list[Spline] = []
        self._coefficients: Any = None
        if method in _DEGREES:
            self._coefficients = values
            for axis, x in enumerate(grid):
                spline = make_interp_spline(x, self._coefficients, _DEGREES[method], axis=axis)
                self._coefficients = np.moveaxis(spline.c, 0, axis)
                self._splines.append(Spline(spline.t, np.eye(x.shape[0]), spline.k))

    def __call__(self, xi: Any) -> Any:
        """Return the values at points of shape `(…, d)`, or at a tuple of coordinates."""
        xi = np.stack(np.broadcast_arrays(*map(operand, xi)), axis=-1) if isinstance(xi, tuple) else operand(xi)
        xi = floating(xi)
        d = len(self.grid)
        if xi.shape[-1] != d:
            raise ShapeError(f"RegularGridInterpolator: expected points of {d} coordinates; received shape {xi.shape}")
        flat = xi.reshape(-1, d)
        beyond = [(flat[:, i] < x[0]) | (flat[:, i] > x[-1]) for i, x in enumerate(self.grid)]
        if self._refuses and any(np.any(known(b)) for b in beyond):
            raise ValueError(
                "RegularGridInterpolator: expected points inside of the grid; received some outside. Set "
                "bounds_error=False"
            )
        out = self._by_splines(flat) if self._splines else self._by_corners(flat)
        if self._fill is not None:
            for b in beyond:
                out = np.where(b[:, None], self._fill, out)
        return out.reshape(*xi.shape[:-1], *self.values.shape[d:])

    def _by_corners(self, flat: Any) -> Any:
        """Sum over the corners of each point's box, or take the nearest one."""
        d = len(self.grid)
        rest = math.prod(self.values.shape[d:])
        table = self.values.reshape(math.prod(self.values.shape[:d]), rest)
        places, shares = [], []
        for i, x in enumerate(self.grid):
            place = np.clip(np.searchsorted(x, flat[:, i], side="right") - 1, 0, x.shape[0] - 2)
            share = (flat[:, i] - at(x, place)) / (at(x, place + 1) - at(x, place))
            if self.method == "nearest":
                place, share = place + (share > 0.5), 0.0 * share
            places.append(place)
            shares.append(share)
        strides = [math.prod(self.values.shape[i + 1 : d]) for i in range(d)]
        corners = [(0,) * d] if self.method == "nearest" else itertools.product((0, 1), repeat=d)
        total: Any = 0.0
        for corner in corners:
            number: Any = 0
            weight: Any = 1.0
            for p, share, stride, side in zip(places, shares, strides, corner, strict=True):
                number = number + (p + side) * stride
                weight = weight * (share if side else 1 - share)
            total = total + at(table, number) * weight[:, None]
        return total

    def _by_splines(self, flat: Any) -> Any:
        """Contract the coefficients with the values of each axis's splines at the points."""
        d = len(self.grid)
        c = self._coefficients.reshape(*self.values.shape[:d], math.prod(self.values.shape[d:]))
        first = self._splines[0](flat[:, 0])
        total = np.tensordot(first, c, 1)
        for i, spline in enumerate(self._splines[1:], 1):
            total = np.einsum("qi,qi...->q...", spline(flat[:, i]), total)
        return total


_NOTE = "the splines fit exactly, where SciPy's iterate until an error of 1e-6: as its cubic_legacy; pchip is refused"


@takes_tensors(original.RegularGridInterpolator, "points, values, and the points of evaluation", _NOTE, always=True)
def RegularGridInterpolator(
    points: Any, values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
) -> Callable[[Any], Any]:
    if method not in ("linear", "nearest", *_DEGREES):
        raise UnsupportedError(
            f"scipy.interpolate.RegularGridInterpolator: method={method!r} is not supported on Tensors"
        )
    grid, values = [floating(operand(x)) for x in points], floating(operand(values))
    for i, x in enumerate(grid):
        steps = known(np.diff(x))
        steps = np.ones(1) if steps is None else steps
        if x.shape != values.shape[i : i + 1] or not (np.all(steps > 0) or np.all(steps < 0)):
            raise ShapeError(
                f"scipy.interpolate.RegularGridInterpolator: expected points[{i}] in order and as long as axis {i} of "
                f"values; received shape {x.shape} for values of shape {values.shape}"
            )
        if steps[0] < 0:
            grid[i], values = x[::-1], np.flip(values, i)
    return Grid(grid, values, method, bounds_error, fill_value)


@takes_tensors(original.interpn, "points, values, xi", _NOTE)
def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
) -> Any:
    if method == "splinef2d":
        raise UnsupportedError("scipy.interpolate.interpn: method='splinef2d' is not supported on Tensors; write cubic")
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
