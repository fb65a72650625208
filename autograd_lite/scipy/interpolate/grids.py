"""Interpolation on rectangular grids."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as original

from ...core.errors import ShapeError, UnsupportedError
from ...ops.operands import operand
from ..calls import floating, takes_tensors, values_or_none
from .bsplines import basis_at, make_interp_spline
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
        self._coefficients = values
        self._knots: list[Any] = []
        if method in _DEGREES:
            for axis, x in enumerate(grid):
                spline = make_interp_spline(x, self._coefficients, _DEGREES[method], axis=axis)
                self._coefficients = np.moveaxis(spline.c, 0, axis)
                self._knots.append(spline.t)

    def __call__(self, xi: Any) -> Any:
        """Return the values at points of shape `(…, d)`, or at a tuple of coordinates."""
        xi = np.stack(np.broadcast_arrays(*map(operand, xi)), axis=-1) if isinstance(xi, tuple) else operand(xi)
        xi = floating(xi)
        d = len(self.grid)
        if xi.shape[-1] != d:
            raise ShapeError(f"RegularGridInterpolator: expected points of {d} coordinates; received shape {xi.shape}")
        flat = xi.reshape(-1, d)
        beyond = [(flat[:, i] < x[0]) | (flat[:, i] > x[-1]) for i, x in enumerate(self.grid)]
        if self._refuses and any(np.any(values_or_none(b)) for b in beyond):
            raise ValueError(
                "RegularGridInterpolator: expected points inside of the grid; received some outside. Set "
                "bounds_error=False"
            )
        out = self._sum_coefficients(flat)
        if self._fill is not None:
            for b in beyond:
                out = np.where(b[:, None], self._fill, out)
        return out.reshape(*xi.shape[:-1], *self.values.shape[d:])

    def _sum_coefficients(self, flat: Any) -> Any:
        """Sum over the coefficients around each point."""
        q, d = flat.shape
        shape = self.values.shape
        number: Any = np.zeros(q, np.int64)
        shares = []
        for i in range(d):
            place, share = self._around(i, flat[:, i])
            number = number[..., None] * shape[i] + place.reshape(q, *(1,) * i, share.shape[1])
            shares.append(share)
        table = self._coefficients.reshape(math.prod(shape[:d]), math.prod(shape[d:]))
        total = at(table, number.reshape(-1)).reshape(*number.shape, table.shape[1])
        for share in shares:
            total = np.einsum("qi,qi...->q...", share, total)
        return total

    def _around(self, i: int, q: Any) -> tuple[Any, Any]:
        """Return the numbers along an axis of the coefficients that count at points, and by how much they count."""
        x = self.grid[i]
        if self._knots:
            k = _DEGREES[self.method]
            first, share = basis_at(self._knots[i], k, q)
            return first[:, None] + np.arange(k + 1), share
        place = np.clip(np.searchsorted(x, q, side="right") - 1, 0, x.shape[0] - 2)
        share = (q - at(x, place)) / (at(x, place + 1) - at(x, place))
        if self.method == "nearest":
            return (place + (share > 0.5))[:, None], (1 + 0.0 * share)[:, None]
        return place[:, None] + np.arange(2), np.stack([1 - share, share], axis=-1)


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
        steps = values_or_none(np.diff(x))
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
