"""Integrals of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as original

from ...core.errors import ShapeError
from ...core.shape_arithmetic import normalize_axis
from ...ops.operands import operand
from ..calls import floating, takes_tensors


def _last(name: str, y: Any, x: Any, axis: int) -> tuple[Any, Any]:
    """Return y with the axis at the end, and x so that it broadcasts against it."""
    y = floating(operand(y))
    axis = normalize_axis(axis, y.ndim)
    if x is not None:
        x = floating(operand(x))
        if x.ndim != 1 and x.ndim != y.ndim:
            raise ShapeError(
                f"scipy.integrate.{name}: expected x of one axis, or of y's shape {y.shape}; received {x.shape}"
            )
        x = x if x.ndim == 1 else np.moveaxis(x, axis, -1)
        if x.shape[-1] != y.shape[axis]:
            raise ShapeError(
                f"scipy.integrate.{name}: expected x and y of one length; received {x.shape} and {y.shape}"
            )
    return np.moveaxis(y, axis, -1), x


@takes_tensors(original.trapezoid, "y, x, dx")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    return np.trapezoid(y, x, dx, axis)


@takes_tensors(original.cumulative_trapezoid, "y, x, dx")
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    moved, x = _last("cumulative_trapezoid", y, x, axis)
    total = np.cumsum((dx if x is None else np.diff(x)) * (moved[..., 1:] + moved[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        total = np.concatenate([np.full((*total.shape[:-1], 1), initial, total.dtype), total], axis=-1)
    return np.moveaxis(total, -1, axis)


def _quotient(a: Any, b: Any) -> Any:
    """Return a / b, and 0 for an interval of no length."""
    empty = b == 0
    return np.where(empty, 0, a / np.where(empty, 1, b))


def _pairs(y: Any, x: Any, dx: Any) -> Any:
    """Integrate an odd number of samples, by parabolas over pairs of intervals.

    References:
        Cartwright: Simpson's rule cumulative integration with MS Excel and irregularly-spaced data, 2017, equation 2.
    """
    a, b, c = y[..., :-2:2], y[..., 1:-1:2], y[..., 2::2]
    if x is None:
        return (a + 4.0 * b + c).sum(axis=-1) * (dx / 3.0)
    h = np.diff(x)
    h0, h1 = h[..., ::2], h[..., 1::2]
    both, ratio = h0 + h1, _quotient(h0, h1)
    terms = a * (2.0 - _quotient(1.0, ratio)) + b * both * _quotient(both, h0 * h1) + c * (2.0 - ratio)
    return (both / 6.0 * terms).sum(axis=-1)


@takes_tensors(original.simpson, "y, x, dx")
def simpson(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y, x = _last("simpson", y, x, axis)
    n = y.shape[-1]
    if n % 2:
        return _pairs(y, x, dx)
    if n == 2:
        width = dx if x is None else x[..., 1] - x[..., 0]
        return 0.5 * width * (y[..., 0] + y[..., 1])
    # The last interval by the parabola through the last three samples.
    h0, h1 = (dx, dx) if x is None else (x[..., -2] - x[..., -3], x[..., -1] - x[..., -2])
    last = _quotient(2 * h1 * h1 + 3 * h0 * h1, 6 * (h1 + h0)) * y[..., -1]
    last = last + _quotient(h1 * h1 + 3.0 * h0 * h1, 6 * h0) * y[..., -2]
    last = last - _quotient(h1 * h1 * h1, 6 * h0 * (h0 + h1)) * y[..., -3]
    return _pairs(y[..., : n - 1], None if x is None else x[..., : n - 1], dx) + last


def _first_of_two(y: Any, d: Any) -> Any:
    """Return the integral over the first of each two intervals, by the parabola through three samples."""
    a, b, c = y[..., :-2], y[..., 1:-1], y[..., 2:]
    d0, d1 = d[..., :-1], d[..., 1:]
    of_both, of_next = d0 / (d0 + d1), d0 / d1
    product = of_both * of_next
    return d0 / 6 * ((3 - of_both) * a + (3 + product + of_both) * b - product * c)


@takes_tensors(original.cumulative_simpson, "y, x, dx")
def cumulative_simpson(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    if operand(y).shape[axis] < 3:
        total = np.moveaxis(cumulative_trapezoid(y, x=x, dx=dx, axis=axis), axis, -1)
    else:
        moved, x = _last("cumulative_simpson", y, x, axis)
        n = moved.shape[-1]
        if x is None:
            dx = operand(dx)
            d = np.broadcast_to(np.moveaxis(dx, axis, -1) if dx.ndim else dx, (*moved.shape[:-1], n - 1))
        else:
            d = np.broadcast_to(np.diff(x), (*moved.shape[:-1], n - 1))
        first = _first_of_two(moved, d)
        second = np.flip(_first_of_two(np.flip(moved, -1), np.flip(d, -1)), -1)
        # Interval k is the first of two where k is even, and the second otherwise; the last is always the second.
        odd = (np.arange(n - 1) % 2 == 1) | (np.arange(n - 1) == n - 2)
        k = np.arange(n - 1)
        parts = np.where(odd, second[..., np.maximum(k - 1, 0)], first[..., np.minimum(k, n - 3)])
        total = np.cumsum(parts, axis=-1)
    if initial is not None:
        initial = operand(initial)
        start = np.moveaxis(initial, axis, -1) if initial.ndim else initial
        start = np.broadcast_to(start, (*total.shape[:-1], 1))
        total = np.concatenate([start, total + start], axis=-1)
    return np.moveaxis(total, -1, axis)


@takes_tensors(original.romb, "y, dx")
def romb(y: Any, dx: Any = 1.0, axis: int = -1) -> Any:
    y, _ = _last("romb", y, None, axis)
    n = y.shape[-1] - 1
    if n < 1 or n & (n - 1):
        raise ValueError(f"scipy.integrate.romb: expected 2^k + 1 samples; received {n + 1}")
    width = n * dx
    row = [(y[..., 0] + y[..., -1]) / 2.0 * width]
    step = n
    while step > 1:
        new = [0.5 * (row[0] + width * y[..., step // 2 : n : step].sum(axis=-1))]
        for j, before in enumerate(row):
            new.append(new[j] + (new[j] - before) / (4 ** (j + 1) - 1))
        row, step, width = new, step // 2, width / 2
    return row[-1]
