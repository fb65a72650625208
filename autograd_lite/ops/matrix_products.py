"""Products of matrices."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.errors import ShapeError, refuse
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import ShapeDtype, require_fit
from ..native import threaded_functions as fast
from ..native.kernels import NATIVE
from .operands import composed_as, operand

_ndarray = np.ndarray


def times(x: Any, y: Any) -> Any:
    """Return the product of matrices of any kind: other libraries know NumPy's own function alone."""
    return fast.matmul(x, y) if x.__class__ is y.__class__ is _ndarray else np.matmul(x, y)


def _matmul(x: Any, y: Any) -> Any:
    if not (x.__class__ is y.__class__ is _ndarray or (x.__class__ in NATIVE and y.__class__ in NATIVE)):
        return np.matmul(x, y)
    # NumPy would call BLAS once for each of the leading axes: for one matrix and many, or many vectors, that takes
    # between twice and thirty times as long.
    if x.ndim > 2 and y.ndim == 2 and x.flags.c_contiguous and x.shape[-1] == y.shape[0]:
        return fast.matmul(_rows(x, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[1])
    if y.ndim > 2 and x.ndim == 2 and y.shape[-1] == 1 and y.flags.c_contiguous and x.shape[1] == y.shape[-2]:
        return fast.matmul(_rows(y[..., 0], x.shape[1]), x.T).reshape(*y.shape[:-2], x.shape[0], 1)
    return fast.matmul(x, y)


_matmul.of_numpy = np.matmul  # type: ignore[attr-defined]


def _matmul_by_x(g: Any, out: Any, x: Any, y: Any) -> Any:
    # Transposes stay views: BLAS reads them in place.
    if y.ndim == 2 and x.ndim > 1:
        return times(g, y.T) if x.ndim == 2 else times(_rows(g, g.shape[-1]), y.T).reshape(x.shape)
    if y.ndim == 1:
        return g[..., None] * y
    if x.ndim == 1:
        return times(y, g) if y.ndim == 2 else times(y, g[..., None])[..., 0]
    if x.ndim == 2:
        return times(_columns(g).T, _columns(y))
    return times(g, y.swapaxes(-1, -2))


def _columns(a: Any) -> Any:
    """Return the columns of all matrices as the rows of one."""
    return _rows(a.swapaxes(-1, -2), a.shape[-2])


def _rows(a: Any, length: int) -> Any:
    # All leading axes as one; reshape(-1, length) is ambiguous if length is 0.
    return a.reshape(math.prod(a.shape[:-1]), length)


def _matmul_by_y(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 and y.ndim == 2:
        return times(x.T, g)
    if y.ndim == 1:
        return x * g if x.ndim == 1 else times(_rows(x, x.shape[-1]).T, g.reshape(-1))
    if x.ndim == 1:
        return x[:, None] * g[..., None, :]
    if y.ndim == 2:
        # One product over all batches instead of one per batch and a sum.
        return times(_rows(x, x.shape[-1]).T, _rows(g, g.shape[-1]))
    return times(x.swapaxes(-1, -2), g)


def _infer_matmul(x: ShapeDtype, y: ShapeDtype) -> ShapeDtype:
    dtype = np.matmul(np.ones((1, 1), x.dtype), np.ones((1, 1), y.dtype)).dtype
    fits = x.ndim > 0 and y.ndim > 0 and x.shape[-1] == (y.shape[-2] if y.ndim > 1 else y.shape[0])
    require_fit(fits, "matmul", x.shape, y.shape)
    rows = x.shape[-2:-1]
    columns = y.shape[-1:] if y.ndim > 1 else ()
    return ShapeDtype((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), *rows, *columns), dtype)


def _batch_matmul(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Insert the axis that matmul adds to vectors: with a batch in front it would treat them as matrices.

    Vectors with a batch are the rows of a matrix to what has none: one product, which needs no other axis.
    """
    x, y = inputs
    x_vector, y_vector = np.ndim(x) - batched[0] == 1, np.ndim(y) - batched[1] == 1
    if not batched[1] and (y_vector or (x_vector and np.ndim(y) == 2)):
        return op(x, y)
    if not batched[0] and y_vector and np.ndim(x) <= 2:
        return op(y, x.T)
    x = x.reshape(*x.shape[:-1], 1, x.shape[-1]) if x_vector else x
    y = y.reshape(*y.shape, 1) if y_vector else y
    out = batching.gufunc(2, 2)(op, (x, y), batched, params)
    shape = out.shape[: -2 if x_vector else -1] if y_vector else (*out.shape[:-2], out.shape[-1])
    return out.reshape(shape) if x_vector or y_vector else out


matmul = structural(
    "matmul",
    _matmul,
    _matmul_by_x,
    _matmul_by_y,
    saves=("y", "x"),
    infer=_infer_matmul,
    ufunc=np.matmul,
    multilinear=True,
    batch=_batch_matmul,
    glyph="@",
    onnx="MatMul",
    cost=lambda shapes, out, params: 2 * math.prod(out) * shapes[0][-1],
)


composed_as(np.linalg.matmul, np.matmul)
composed_as(np.linalg.matrix_transpose, np.matrix_transpose)


def _cross_of_three(x: Any, y: Any) -> Any:
    if x.shape[-1:] != (3,) or y.shape[-1:] != (3,):
        raise ShapeError(
            "expected vectors of 3 elements along the last axis; for vectors of 2 write "
            "a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]"
        )
    return np.cross(x, y)


def _infer_cross(x: ShapeDtype, y: ShapeDtype) -> ShapeDtype:
    one = np.cross(np.ones(3, x.dtype), np.ones(3, y.dtype))  # refuses booleans
    return ShapeDtype(np.broadcast_shapes(x.shape, y.shape), one.dtype)


# For vectors of 3 along the last axis. x·(y × g) = g·(x × y) = y·(g × x).
cross: Op = structural(
    "cross",
    _cross_of_three,
    lambda g, out, x, y: cross(y, g),
    lambda g, out, x, y: cross(g, x),
    saves=("y", "x"),
    infer=_infer_cross,
    multilinear=True,
    batch=batching.gufunc(1, 1),
    glyph="×",
    cost=lambda shapes, out, params: 3 * math.prod(out),
)


@composes(np.cross)
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(operand(a), axisa, -1), np.moveaxis(operand(b), axisb, -1)
    return np.moveaxis(cross(a, b), -1, axisc)


composed_as(np.linalg.cross, _cross)


# ---- several matrices -----------------------------------------------------------------------------------------------


@composes(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    refuse("np.linalg.multi_dot", "assign the result instead", out=out)
    parts = list(arrays)
    if len(parts) < 2:
        raise ShapeError(f"multi_dot: expected at least two arrays; received {len(parts)}")
    rows = [np.shape(a)[0] if np.ndim(a) > 1 else 1 if k == 0 else np.shape(a)[0] for k, a in enumerate(parts)]
    columns = np.shape(parts[-1])[1] if np.ndim(parts[-1]) > 1 else 1
    cuts = _cheapest_cuts((*rows, columns))

    def product(i: int, j: int) -> Any:
        if i == j:
            return parts[i]
        return fast.matmul(product(i, cuts[i, j]), product(cuts[i, j] + 1, j))

    return product(0, len(parts) - 1)


@functools.lru_cache(maxsize=256)
def _cheapest_cuts(sizes: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Return, for each run of factors, the last factor of its left half in the cheapest order of products.

    References:
        Cormen, Leiserson, Rivest, Stein: Introduction to Algorithms, section 15.2 (matrix-chain multiplication).
    """
    n = len(sizes) - 1
    cost = dict.fromkeys(((i, i) for i in range(n)), 0)
    cuts = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            tried = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            cuts[i, j] = min(tried, key=tried.__getitem__)
            cost[i, j] = tried[cuts[i, j]]
    return cuts


@composes(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    n = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices; received shape {a.shape}")
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while n:
        if n & 1:
            result = a if result is None else fast.matmul(result, a)
        n >>= 1
        a = fast.matmul(a, a) if n else a
    return result
