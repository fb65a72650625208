"""Polynomials by their coefficients, the highest power first."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace
from ..core.errors import ShapeError, UnsupportedError, refuse
from ..core.op import composes
from ..native import threaded_functions as fast
from .operands import operand, values


def _row(p: Any) -> Any:
    return np.atleast_1d(operand(p))


def _same_length(a1: Any, a2: Any) -> tuple[Any, Any]:
    a, b = _row(a1), _row(a2)
    n = max(a.shape[0], b.shape[0])
    return (
        np.concatenate([np.zeros(n - a.shape[0], a.dtype), a]) if a.shape[0] < n else a,
        np.concatenate([np.zeros(n - b.shape[0], b.dtype), b]) if b.shape[0] < n else b,
    )


@composes(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    a, b = _same_length(a1, a2)
    return a + b


@composes(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    a, b = _same_length(a1, a2)
    return a - b


@composes(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(_row(a1), _row(a2))


@composes(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    p, x = operand(p), operand(x)
    y = np.zeros(x.shape, np.result_type(p.dtype, x.dtype))
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


@composes(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    m, p = operator.index(m), operand(p)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(m):
        n = p.shape[0] - 1
        p = p[:-1] * np.arange(n, 0, -1)
    return p


@composes(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    m, p = operator.index(m), operand(p)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(max(m, 1)) if k is None else _row(k)
    if constants.shape[0] == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if constants.shape[0] < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        n = p.shape[0]
        p = np.concatenate([p / np.arange(n, 0, -1), constants[i : i + 1]])
    return p


@composes(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    zeros = _row(seq_of_zeros)
    if zeros.ndim != 1:
        raise UnsupportedError(
            "np.poly: of a matrix, it is made of eigenvalues; on Tensors write np.poly(np.linalg.eigvals(a))"
        )
    zeros = zeros.astype(np.float64) if zeros.dtype.kind in "biu" else zeros
    p = np.ones(1, zeros.dtype)
    for k in range(zeros.shape[0]):
        p = np.convolve(p, np.concatenate([np.ones(1, zeros.dtype), -zeros[k : k + 1]]))
    return p


@composes(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    u, v = _row(u) + 0.0, _row(v) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    rest = u if u.dtype == dtype else u.astype(dtype)
    n, scale = v.shape[0], 1.0 / v[0]
    factors = []
    for k in range(u.shape[0] - n + 1):
        factor = scale * rest[k]
        factors.append(factor)
        rest = np.concatenate([rest[:k], rest[k : k + n] - factor * v, rest[k + n :]])
    quotient = np.stack(factors) if factors else array_namespace(u).zeros(1, dtype)
    zero = np.isclose(values(rest), 0, rtol=1e-14)
    first = min(int(np.argmin(zero)) if not zero.all() else zero.size, zero.size - 1)
    return quotient, rest[first:]


@composes(np.roots)
def roots(p: Any) -> Any:
    p = _row(p)
    if p.ndim != 1:
        raise ValueError("Input must be a rank-1 array.")
    places = np.flatnonzero(values(p))
    if not places.size:
        return np.zeros(0)
    trailing = p.shape[0] - int(places[-1]) - 1
    p = p[int(places[0]) : int(places[-1]) + 1]
    n = p.shape[0] - 1
    if not n:
        return np.zeros(trailing, p.dtype)
    companion = np.concatenate([(-p[1:] / p[0]).reshape(1, n), np.eye(n - 1, n, dtype=p.dtype)])
    eigenvalues = np.linalg.eigvals(companion)
    return np.concatenate([eigenvalues, np.zeros(trailing, eigenvalues.dtype)]) if trailing else eigenvalues


@composes(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    refuse("np.polyfit", "np.linalg.lstsq(np.vander(x, deg + 1), y) tells rank and residuals", full=full or None)
    x, y, count = operand(x) + 0.0, operand(y) + 0.0, int(deg) + 1
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(f"polyfit: expected x (n,) and y (n,) or (n, k), n > 0; received {x.shape} and {y.shape}")
    left, right = np.vander(x, count), y
    if w is not None:
        weights = operand(w) + 0.0
        left = left * weights[:, None]
        right = right * (weights[:, None] if y.ndim == 2 else weights)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    rcond = x.shape[0] * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    solution = np.linalg.lstsq(left, right, rcond)[0]
    c = solution / (scale[:, None] if y.ndim == 2 else scale)
    if not cov:
        return c
    spread = np.linalg.inv(fast.matmul(np.swapaxes(left, 0, 1), left)) / (scale[:, None] * scale)
    if cov == "unscaled":
        return c, spread[:, :, None] if y.ndim == 2 else spread
    if x.shape[0] <= count:
        raise ValueError("the number of data points must exceed order to scale the covariance matrix")
    rest = right - fast.matmul(left, solution)
    factor = np.sum(rest * rest, axis=0) / (x.shape[0] - count)
    return c, spread[:, :, None] * factor if y.ndim == 2 else spread * factor
