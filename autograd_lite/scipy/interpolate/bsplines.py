"""B-splines, by their coefficients, knots and points of evaluation; and interpolating ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.interpolate as original

from ...core.errors import UnsupportedError
from ...core.shape_arithmetic import normalize_axis
from ...ops.operands import operand
from ..calls import floating, has_tensors, takes_tensors
from ..linalg.banded import solve as solve_banded
from .piecewise import at, move_points, outside, points


class Spline:
    """A sum of B-splines.

    Attributes:
        t: the knots, shape `(n + k + 1,)`.
        c: the coefficients, shape `(n, …)`, with the axis in front.
        k: the degree.
        extrapolate: as in `Piecewise`.
        axis: where the points of evaluation are in the result.
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        self.t, self.c, self.k, self.extrapolate, self.axis = t, c, k, extrapolate, axis

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """Return the value, or a derivative, at points of any shape.

        References:
            de Boor: A Practical Guide to Splines, 1978, chapter X.
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if not has_tensors(self.t, self.c, x):
            return original.BSpline(self.t, np.moveaxis(self.c, 0, self.axis), self.k, axis=self.axis)(
                x, nu, extrapolate
            )
        if nu:
            return self.derivative(nu)(x, 0, extrapolate)
        x, k, t = floating(operand(x)), self.k, self.t
        n = t.shape[0] - k - 1
        flat, (low, high) = x.reshape(-1), (t[k], t[n])
        if extrapolate == "periodic":
            flat = low + (flat - low) % (high - low)
        place, knots = _around(t, k, flat)
        c = self.c[:n].reshape(n, math.prod(self.c.shape[1:]))
        values = [at(c, place - k + j) for j in range(k + 1)]
        for r in range(1, k + 1):
            for j in range(k, r - 1, -1):
                start, end = knots[j - k], knots[j + 1 - r]
                share = ((flat - start) / (end - start))[:, None]
                values[j] = (1 - share) * values[j - 1] + share * values[j]
        out = values[k] + 0.0 * flat[:, None]
        out = out if extrapolate else outside(flat, low, high, out)
        return move_points(out, x.shape, self.c.shape[1:], self.axis)

    def derivative(self, nu: int = 1) -> Spline:
        """Return a derivative of some order."""
        t, c, k = self.t, self.c, self.k
        n = t.shape[0] - k - 1
        c = c[:n]
        for _ in range(nu):
            if k == 0:
                return Spline(t, 0.0 * c, 0, self.extrapolate, self.axis)
            width = (t[k + 1 : -1] - t[1 : -k - 1]).reshape(-1, *(1,) * (c.ndim - 1))
            empty = width == 0
            c = np.where(empty, 0.0, k * np.diff(c, axis=0) / np.where(empty, 1, width))
            t, k = t[1:-1], k - 1
        return Spline(t, c, k, self.extrapolate, self.axis)

    def antiderivative(self) -> Spline:
        """Return the antiderivative that begins with 0."""
        t, k = self.t, self.k
        n = t.shape[0] - k - 1
        width = (t[k + 1 :] - t[: -k - 1]).reshape(-1, *(1,) * (self.c.ndim - 1))
        total = np.cumsum(self.c[:n] * width, axis=0) / (k + 1)
        c = np.concatenate([0.0 * total[:1], total])
        t = np.concatenate([t[:1], t, t[-1:]])
        extrapolate = self.extrapolate if self.extrapolate != "periodic" else False
        return Spline(t, c, k + 1, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any) -> Any:
        """Return the integral between two numbers of the interval."""
        whole = self.antiderivative()
        return whole(b, 0, True) - whole(a, 0, True)


def _around(t: Any, k: int, x: Any) -> tuple[Any, dict[int, Any]]:
    """Return the number of the knot before each point, and the knots around by how far on they are."""
    place = np.clip(np.searchsorted(t, x, side="right") - 1, k, t.shape[0] - k - 2)
    return place, {j: at(t, place + j) for j in range(1 - k, k + 1)}


def basis_at(t: Any, k: int, x: Any) -> tuple[Any, Any]:
    """Return, at points of shape `(m,)`, the number of the first B-spline that is not 0, and k + 1 values from there.

    References:
        de Boor: A Practical Guide to Splines, 1978, chapter X, equation 16.
    """
    place, knots = _around(t, k, x)
    values: list[Any] = [1.0 + 0.0 * x]
    for r in range(1, k + 1):
        ends = [(knots[j + 1 - r], knots[j + 1]) for j in range(r)]
        rising = [(x - a) / (b - a) * v for (a, b), v in zip(ends, values, strict=True)]
        falling = [(b - x) / (b - a) * v for (a, b), v in zip(ends, values, strict=True)]
        values = [falling[0], *(a + b for a, b in zip(rising[:-1], falling[1:], strict=True)), rising[-1]]
    return place - k, np.stack(values, axis=-1)


@takes_tensors(original.BSpline, "t, c, and the points of evaluation", always=True)
def BSpline(t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> Spline:
    c = floating(operand(c))
    axis = normalize_axis(axis, c.ndim)
    return Spline(floating(operand(t)), np.moveaxis(c, axis, 0), int(k), extrapolate, axis)


# ---- interpolation --------------------------------------------------------------------------------------------------


def _knots(x: Any, k: int, *, free: bool) -> Any:
    """Return the knots for some points: all of them, or with `free` as many fewer as there are no conditions for."""
    ends = [x[:1]] * (k + 1), [x[-1:]] * (k + 1)
    if k == 0:
        return np.concatenate([x, x[-1:]])
    if not free or k == 1:
        return np.concatenate([*ends[0], x[1:-1], *ends[1]])
    inner = x if k % 2 else (x[1:] + x[:-1]) * 0.5
    cut = (k + 1) // 2 if k % 2 else k // 2
    return np.concatenate([*ends[0], inner[cut : inner.shape[0] - cut], *ends[1]])


def _conditions(bc_type: Any) -> tuple[list[Any], list[Any]]:
    conditions = {"clamped": [(1, 0.0)], "natural": [(2, 0.0)], "not-a-knot": []}
    both = (bc_type, bc_type) if bc_type is None or isinstance(bc_type, str) else tuple(bc_type)
    if any(isinstance(end, str) and end not in conditions for end in both):
        raise UnsupportedError(f"scipy.interpolate.make_interp_spline: bc_type={bc_type!r} is not supported on Tensors")
    left, right = ([] if end is None else conditions[end] if isinstance(end, str) else list(end) for end in both)
    return left, right


def _row(spline: Spline, x: Any, order: int) -> Any:
    return spline(x, order)[None]


@takes_tensors(
    original.make_interp_spline,
    "x, y, t, values in bc_type, and the points of evaluation",
    "bc_type='periodic' is refused",
    always=True,
)
def make_interp_spline(x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0) -> Spline:
    if not has_tensors(x, y, t, bc_type):
        spline = original.make_interp_spline(x, y, k, t, bc_type, axis)
        return Spline(spline.t, spline.c, spline.k, True, spline.axis)
    x, y, axis = points("make_interp_spline", x, y, axis)
    left, right = _conditions(bc_type)
    t = _knots(x, k, free=not (left or right)) if t is None else floating(operand(t))
    if k == 0:
        return Spline(t, y, k, True, axis)
    n = t.shape[0] - k - 1
    basis = Spline(t, np.eye(n), k)
    rows = [
        *(_row(basis, x[0], order) for order, _ in left),
        basis(x) if has_tensors(x, t) else np.asarray(basis(x)),
        *(_row(basis, x[-1], order) for order, _ in right),
    ]
    matrix = np.concatenate(rows)
    if matrix.shape[0] != n:
        raise ValueError(
            f"scipy.interpolate.make_interp_spline: expected {n} conditions for {t.shape[0]} knots of degree {k}; "
            f"received {matrix.shape[0]}"
        )
    ends = [[np.broadcast_to(operand(value), y.shape[1:])[None] for _, value in end] for end in (left, right)]
    b = np.concatenate([*ends[0], y, *ends[1]])
    r, j = np.arange(2 * k + 1)[:, None], np.arange(n)
    i = r - k + j
    bands = np.where((i >= 0) & (i < n), matrix[np.clip(i, 0, n - 1), np.broadcast_to(j, i.shape)], 0)
    c = solve_banded(bands, b.reshape(n, -1), below=k, above=k, definite=False).reshape(b.shape)
    return Spline(t, c, k, True, axis)
