"""Linear systems, inverses, determinants and Cholesky factors, which ONNX lacks: elimination, one column at a time.

Each step is about ten nodes, so this is for small matrices; a batch of them goes through at once. As in LAPACK, the
largest element that is left of a column becomes the pivot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import functions as f
from .emit import BOOL, FLOAT, Value, wider
from .functions import select
from .moving import joined
from .table import Call, Refused, computes, exports

LARGEST = 32  # rows: beyond, the steps would be thousands of nodes


def _check_size(x: Value) -> None:
    if x.shape[-1] > LARGEST:
        raise Refused(
            f"ONNX has no linear algebra; by elimination it is exported for matrices of up to {LARGEST} rows, and this "
            f"one has {x.shape[-1]}"
        )


def _matmul(x: Value, y: Value) -> Value:
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return x.emitter.run("MatMul", x, y, shape=(*batch, x.shape[-2], y.shape[-1]))


def _turned(x: Value) -> Value:
    return x.transpose([*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


class _Elimination(NamedTuple):
    """What is left of [a, b]: the solution of a x = b, and the determinant of a as its sign and its pivots."""

    solution: Value | None
    sign: Value
    pivots: list[Value]


def _eliminate(a: Value, b: Value | None) -> _Elimination:
    _check_size(a)
    emitter, n = a.emitter, a.shape[-1]
    left = a if b is None else joined([a, b], a.ndim - 1)
    last = left.ndim - 1
    rows = emitter.constant(np.arange(n).reshape(n, 1))
    sign = emitter.filled(1, (*a.shape[:-2], 1, 1), a.dtype)
    pivots = []
    for k in range(n):
        column = left.cut((last, slice(k, k + 1)))
        best = abs(column.cut((last - 1, slice(k, None))))
        place = emitter.run("ArgMax", best, shape=(*best.shape[:-2], 1, 1), axis=last - 1, keepdims=1) + k
        # Rows k and `place` change places.
        order = select(rows.equals(k), place, select(rows.equals(place), k, rows))
        left = emitter.call("GatherElements", left, order.expand(*left.shape), axis=last - 1)
        sign = select(place.equals(k), sign, -sign)
        row = left.cut((last - 1, slice(k, k + 1)))
        pivot = row.cut((last, slice(k, k + 1)))
        pivots.append(pivot)
        row = row / select(pivot.equals(0), 1, pivot) if b is None else row / pivot
        column = left.cut((last, slice(k, k + 1)))
        left = select(rows.equals(k), row, left - column * row)
    return _Elimination(None if b is None else left.cut((last, slice(n, None))), sign, pivots)


def _identity(x: Value) -> Value:
    return x.emitter.constant(np.eye(x.shape[-1], dtype=x.dtype)).expand(*x.shape)


@computes("inv", "triangle_inverse")
def _inverse(x: Value) -> Value:
    solution = _eliminate(x, _identity(x)).solution
    assert solution is not None
    return solution


@computes("det")
def _determinant(x: Value) -> Value:
    _check_size(x)
    if x.dtype == FLOAT:
        return x.emitter.call("Det", x, shape=x.shape[:-2])
    done = _eliminate(x, None)
    product = done.sign
    for pivot in done.pivots:
        product = product * pivot
    return product.reshape(*x.shape[:-2])


@exports("solve")
def _solve(call: Call, a: Value, b: Value) -> Value:
    a, b = call.wide(a), call.wide(b)
    b = b.reshape(b.shape[0], 1) if b.ndim == 1 else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    solution = _eliminate(a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])).solution
    assert solution is not None
    return solution.reshape(*call.shape).cast(call.dtype)


@computes("inverse_or_limit")
def _inverse_or_limit(x: Value) -> Value:
    found = _inverse(x)
    singular = (found - found).equals(0).cast(np.uint8).reduced("ReduceMin", (found.ndim - 2, found.ndim - 1), True)
    return select(singular.cast(BOOL), found, np.nan)


@exports("slogdet")
def _slogdet(call: Call, x: Value) -> tuple[Value, ...]:
    done = _eliminate(x.cast(wider(x.dtype)), None)
    sign, size = done.sign, None
    for pivot in done.pivots:
        sign = sign * f.sign(pivot)
        log = f.log(abs(pivot))
        size = log if size is None else size + log
    size = sign * 0 if size is None else size
    return tuple([v.reshape(*x.shape[:-2]).cast(x.dtype) for v in (sign, size)])


@computes("cofactor")
def _cofactor(x: Value) -> Value:
    _check_size(x)
    n, last = x.shape[-1], x.ndim - 1
    if n == 1:
        return x.emitter.filled(1, x.shape, x.dtype)
    if n == 2:
        turned = x.cut((last - 1, slice(None, None, -1)), (last, slice(None, None, -1)))
        return turned * x.emitter.constant(np.array([[1, -1], [-1, 1]], x.dtype))
    if n > 3:
        raise Refused("the cofactors of matrices of more than 3 rows take singular values, which ONNX has not")
    # Every row is the cross product of the next two.
    after, before = np.array([1, 2, 0]), np.array([2, 0, 1])
    one, two = x.gather(after, last - 1), x.gather(before, last - 1)
    return one.gather(after, last) * two.gather(before, last) - one.gather(before, last) * two.gather(after, last)


# ---- Cholesky factors -----------------------------------------------------------------------------------------------


@computes("cholesky")
def _cholesky(x: Value, *, upper: bool) -> Value:
    _check_size(x)
    n, last = x.shape[-1], x.ndim - 1
    # NumPy reads one triangle only, and takes the other for its mirror image.
    x = _turned(x) if upper else x
    columns = []
    for k in range(n):
        column = x.cut((last, slice(k, k + 1)))
        pivot = column.cut((last - 1, slice(k, k + 1)))
        below = column.cut((last - 1, slice(k, None))) / f.sqrt(pivot)
        before = [k if i == last - 1 else 0 for i in range(x.ndim)]
        columns.append(below.pad(before, [0] * x.ndim))
        x = x - _matmul(columns[-1], _turned(columns[-1]))
    factor = joined(columns, last)
    return _turned(factor) if upper else factor


@computes("cholesky_pullback")
def _cholesky_pullback(g: Value, low: Value) -> Value:
    inverse = _inverse(_turned(low))
    inner = _matmul(_turned(low), g)
    half = np.tril(np.ones(inner.shape[-2:]), -1) + np.eye(inner.shape[-1]) / 2
    inner = inner * inner.emitter.constant(half.astype(inner.dtype))
    inner = (inner + _turned(inner)) * 0.5
    return _matmul(_matmul(inverse, inner), _turned(inverse))
