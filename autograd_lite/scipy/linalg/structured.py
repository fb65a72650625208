"""Matrices made from vectors and from blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from ...ops.operands import operand
from ..calls import takes_tensors


def _row(a: Any) -> Any:
    return operand(a).reshape(-1)


@takes_tensors(original.toeplitz, "c, r", "leading axes are a batch, as in SciPy 1.17")
def toeplitz(c: Any, r: Any = None) -> Any:
    c = np.atleast_1d(operand(c))
    r = np.conjugate(c) if r is None else np.atleast_1d(operand(r))
    n, m, many = c.shape[-1], r.shape[-1], np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = np.broadcast_to(c, (*many, n)), np.broadcast_to(r, (*many, m))
    line = np.concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    return line[..., np.arange(m) - np.arange(n)[:, None] + n - 1]


@takes_tensors(original.circulant, "c")
def circulant(c: Any) -> Any:
    c = operand(c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


@takes_tensors(original.hankel, "c, r")
def hankel(c: Any, r: Any = None) -> Any:
    c = _row(c)
    r = np.zeros(c.shape, c.dtype) if r is None else _row(r)
    line = np.concatenate([c, r[1:]])
    return line[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


@takes_tensors(original.block_diag, "arrs")
def block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(operand(a)) for a in arrs]
    width = sum(b.shape[1] for b in blocks)
    dtype = np.result_type(*(b.dtype for b in blocks))
    rows, start = [], 0
    for b in blocks:
        before, after = start, width - start - b.shape[1]
        parts = [np.zeros((b.shape[0], before), dtype), b, np.zeros((b.shape[0], after), dtype)]
        rows.append(np.concatenate(parts, axis=1))
        start += b.shape[1]
    return np.concatenate(rows)


@takes_tensors(original.companion, "a")
def companion(a: Any) -> Any:
    a = operand(a)
    n = a.shape[-1]
    return np.concatenate([(-a[1:] / a[0])[None], np.eye(n - 2, n - 1, dtype=a.dtype)])


@takes_tensors(original.khatri_rao, "a, b")
def khatri_rao(a: Any, b: Any) -> Any:
    a, b = operand(a), operand(b)
    return (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])


def _of(c_or_cr: Any) -> Any:
    return toeplitz(*c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(c_or_cr)


@takes_tensors(original.matmul_toeplitz, "c, r, x", "by the whole matrix")
def matmul_toeplitz(c_or_cr: Any, x: Any) -> Any:
    return np.matmul(_of(c_or_cr), operand(x))


@takes_tensors(original.solve_toeplitz, "c, r, b", "by the whole matrix")
def solve_toeplitz(c_or_cr: Any, b: Any) -> Any:
    return np.linalg.solve(_of(c_or_cr), operand(b))
