"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import structural
from ..core.shapes import ShapeDtype


def _matmul_by_x(g: Any, out: Any, x: Any, y: Any) -> Any:
    # Transposes stay views: BLAS reads them in place.
    if y.ndim == 2 and x.ndim > 1:
        return g @ y.T
    if y.ndim == 1:
        return g[..., None] * y
    if x.ndim == 1:
        return (y @ g[..., None])[..., 0]
    return g @ y.mT


def _rows(a: Any, length: int) -> Any:
    # All leading axes as one; reshape(-1, length) has no answer when length is 0.
    return a.reshape(math.prod(a.shape[:-1]), length)


def _matmul_by_y(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 and y.ndim == 2:
        return x.T @ g
    if y.ndim == 1:
        return x * g if x.ndim == 1 else _rows(x, x.shape[-1]).T @ g.reshape(-1)
    if x.ndim == 1:
        return x[:, None] * g[..., None, :]
    if y.ndim == 2:
        # One product over all batches instead of one a batch and a sum.
        return _rows(x, x.shape[-1]).T @ _rows(g, g.shape[-1])
    return x.mT @ g


def _infer_matmul(x: ShapeDtype, y: ShapeDtype) -> ShapeDtype:
    dtype = np.matmul(np.ones((1, 1), x.dtype), np.ones((1, 1), y.dtype)).dtype
    rows = x.shape[-2:-1]
    columns = y.shape[-1:] if y.ndim > 1 else ()
    return ShapeDtype((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), *rows, *columns), dtype)


matmul = structural(
    "matmul",
    np.matmul,
    _matmul_by_x,
    _matmul_by_y,
    saves=("y", "x"),
    infer=_infer_matmul,
    ufunc=np.matmul,
    glyph="@",
    onnx="MatMul",
)
