"""Linear systems, inverses, determinants and Cholesky factors, which ONNX lacks: elimination, one column at a time.

Each step is about ten nodes, so this is for small matrices; a batch of them goes through at once. As in LAPACK, the
largest element that is left of a column becomes the pivot.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .emit import FLOAT, Call
from .table import exports

LARGEST = 32  # rows: beyond, the steps would be thousands of nodes


def _check_size(x: Any) -> None:
    if x.shape[-1] > LARGEST:
        raise x.emitter.refuse(
            f"ONNX has no linear algebra; by elimination it is exported for matrices of up to {LARGEST} rows, and this "
            f"one has {x.shape[-1]}"
        )


def _eliminate(a: Any, b: Any = None) -> tuple[Any, Any, list[Any]]:
    """Return the solution of a x = b, and the determinant of a as its sign and its pivots."""
    _check_size(a)
    n = a.shape[-1]
    rows = np.arange(n)[:, None]
    left, sign, pivots = a if b is None else np.concatenate([a, b], axis=-1), a.of(1), []
    for k in range(n):
        place = abs(left[..., k:, k : k + 1]).argmax(axis=-2, keepdims=True) + k
        # Rows k and `place` change places.
        order = np.where(rows == k, place, np.where(place == rows, k, rows))
        left = np.take_along_axis(left, np.broadcast_to(order, (*a.shape[:-1], 1)), axis=-2)
        sign = np.where(place == k, sign, -sign)
        row = left[..., k : k + 1, :]
        pivots.append(row[..., k : k + 1])
        row = row / (np.where(pivots[-1] == 0, 1, pivots[-1]) if b is None else pivots[-1])
        left = np.where(rows == k, row, left - left[..., k : k + 1] * row)
    return left[..., n:], sign, pivots


@exports("inv", "triangle_inverse", "inverse_or_limit")
def _inverse(call: Call, x: Any) -> Any:
    x = call.wide(x)
    inverse = _eliminate(x, np.broadcast_to(x.of(np.eye(x.shape[-1])), x.shape))[0]
    if call.op.name == "inverse_or_limit":
        inverse = np.where(np.isfinite(inverse).all(axis=(-2, -1), keepdims=True), inverse, math.nan)
    return inverse.astype(call.dtype)


@exports("solve")
def _solve(call: Call, a: Any, b: Any) -> Any:
    a, b = call.wide(a), call.wide(b)
    b = b.reshape(-1, 1) if b.ndim == 1 else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return _eliminate(a, b)[0].reshape(call.shape).astype(call.dtype)


@exports("det")
def _determinant(call: Call, x: Any) -> Any:
    x = call.wide(x)
    _check_size(x)
    if x.dtype == FLOAT:
        return call.emitter.call("Det", x, shape=call.shape).astype(call.dtype)
    _, sign, pivots = _eliminate(x)
    return math.prod(pivots, start=sign).reshape(call.shape).astype(call.dtype)


@exports("slogdet")
def _slogdet(call: Call, x: Any) -> tuple[Any, ...]:
    _, sign, pivots = _eliminate(call.wide(x))
    size = sum([np.log(abs(pivot)) for pivot in pivots[1:]], np.log(abs(pivots[0])))
    sign = math.prod([np.sign(pivot) for pivot in pivots], start=sign)
    return tuple([v.reshape(call.shape).astype(call.dtype) for v in (sign, size)])


@exports("cholesky")
def _cholesky(call: Call, x: Any, *, upper: bool) -> Any:
    x = call.wide(x)
    _check_size(x)
    # NumPy reads one triangle only, and takes the other for its mirror image.
    x = x.mT if upper else x
    columns = []
    for k in range(x.shape[-1]):
        below = x[..., k:, k : k + 1] / np.sqrt(x[..., k : k + 1, k : k + 1])
        columns.append(np.pad(below, [*[(0, 0)] * (x.ndim - 2), (k, 0), (0, 0)]))
        x = x - columns[-1] @ columns[-1].mT
    factor = np.concatenate(columns, axis=-1)
    return (factor.mT if upper else factor).astype(call.dtype)
