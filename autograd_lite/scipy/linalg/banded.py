"""Banded matrices, stored as SciPy stores them: ab[above + i - j, j] is the entry in row i and column j."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...control.scan import scan
from ...core import batching
from ...core.errors import ShapeError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functions.custom_ops import structural
from ...ops.adjoints import adjoint, user
from ...ops.operands import operand
from ...ops.solve import in_lapack, lapack_dtype
from ..calls import takes_tensors
from .triangles import by_matrices, columns, substitute


def _take_bands(a: Any, rows: Any, places: Any, valid: Any) -> Any:
    """Return a[..., rows, places], and 0 where that lies outside of the matrix."""
    n = a.shape[-1]
    return np.where(valid, a[..., rows, np.clip(places, 0, n - 1)], 0)


def _transpose_bands(ab: Any, below: int, above: int) -> Any:
    """Return the bands of the transposed matrix, whose numbers of bands are exchanged."""
    n = ab.shape[-1]
    r, j = np.arange(below + above + 1)[:, None], np.arange(n)
    i = r - below + j
    return _take_bands(ab, np.broadcast_to(below + above - r, i.shape), i, (i >= 0) & (i < n))


def _times(ab: Any, x: Any, below: int, above: int) -> Any:
    """Multiply a banded matrix by columns."""
    n = x.shape[-2]
    rows = []
    for r in range(max(0, above - n + 1), min(below + above + 1, above + n)):
        term, d = ab[..., r, :, None] * x, above - r  # column j of the matrix adds to row j - d
        gap = np.zeros((*term.shape[:-2], abs(d), term.shape[-1]), term.dtype)
        rows.append(np.concatenate([term[..., d:, :], gap] if d >= 0 else [gap, term[..., : n + d, :]], axis=-2))
    return sum(rows[1:], rows[0])


def _solve(ab: Any, b: Any, *, below: int, above: int, definite: bool) -> Any:
    def solve(ab: Any, b: Any) -> Any:
        if definite:
            return original.solveh_banded(ab[: above + 1], b, check_finite=False)
        return original.solve_banded((below, above), ab, b, check_finite=False)

    return by_matrices(solve, ab, b)


def _by_bands(g: Any, out: Any, ab: Any, b: Any, *, below: int, above: int, definite: bool) -> Any:
    n = ab.shape[-1]
    s = solve(_transpose_bands(ab, below, above), g, below=above, above=below, definite=definite)
    j, r = np.arange(n), np.arange(below + above + 1)[:, None]
    i = r - above + j
    inside = (i >= 0) & (i < n)
    return np.where(inside, -(s[..., np.clip(i, 0, n - 1), :] * out[..., None, :, :]).sum(axis=-1), 0)


def _solve_jvp(tangents: Sequence[Any], out: Any, ab: Any, b: Any, *, below: int, above: int, definite: bool) -> Any:
    dab, db = tangents
    moved = 0 if dab is None else -_times(dab, out, below, above)
    return solve(ab, moved if db is None else moved + db, below=below, above=above, definite=definite)


# The solution of a banded system, given all bands; of a definite matrix only the upper ones are read.
solve: Op = structural(
    "solve_banded",
    in_lapack(_solve),
    _by_bands,
    lambda g, out, ab, b, *, below, above, definite: solve(
        _transpose_bands(ab, below, above), g, below=above, above=below, definite=definite
    ),
    saves=("ox", "x"),
    infer=lambda ab, b, **_: ShapeDtype(
        (*np.broadcast_shapes(ab.shape[:-2], b.shape[:-2]), ab.shape[-1], b.shape[-1]), lapack_dtype(ab.dtype, b.dtype)
    ),
    jvp=_solve_jvp,
    batch=batching.gufunc(2, 2),
)


@takes_tensors(original.solve_banded, "ab, b")
def solve_banded(l_and_u: Any, ab: Any, b: Any) -> Any:
    (below, above), ab, b = l_and_u, operand(ab), operand(b)
    if ab.ndim < 2 or ab.shape[-2] != below + above + 1:
        raise ShapeError(
            f"scipy.linalg.solve_banded: expected ab with {below + above + 1} rows, since l_and_u is {(below, above)}; "
            f"received shape {ab.shape}"
        )
    return columns(lambda b: solve(ab, b, below=int(below), above=int(above), definite=False), b)


def _all_bands(ab: Any, lower: bool) -> Any:
    """Return all bands of a Hermitian matrix from half of them; its diagonal is real."""
    k = ab.shape[-2] - 1
    half = user(_transpose_bands(ab, k, 0)) if lower else ab
    if half.dtype.kind == "c":
        half = np.concatenate([half[..., :k, :], np.real(half[..., k:, :]) + 0j], axis=-2)
    return np.concatenate([half, user(_transpose_bands(half, 0, k))[..., 1:, :]], axis=-2)


@takes_tensors(original.solveh_banded, "ab, b")
def solveh_banded(ab: Any, b: Any, lower: bool = False) -> Any:
    ab, b = operand(ab), operand(b)
    k = ab.shape[-2] - 1
    return columns(lambda b: solve(_all_bands(ab, lower), b, below=k, above=k, definite=True), b)


# ---- Cholesky -------------------------------------------------------------------------------------------------------


def _factor_blocks(before: Any, row: Any) -> Any:
    """Factorize one row of blocks: b pᴴ⁻¹ next to the diagonal, with p from the row above, and the remainder."""
    diagonal, beside = row
    beside = adjoint(substitute(before, adjoint(beside), lower=True))
    here = np.linalg.cholesky(diagonal - np.matmul(beside, adjoint(beside)))
    return here, (here, beside)


@takes_tensors(original.cholesky_banded, "ab", "by blocks as wide as the band, in a scan")
def cholesky_banded(ab: Any, lower: bool = False) -> Any:
    ab = operand(ab)
    n, k = ab.shape[-1], ab.shape[-2] - 1
    if ab.ndim != 2:
        raise ShapeError(f"scipy.linalg.cholesky_banded: expected the bands of one matrix; received shape {ab.shape}")
    ab = ab.astype(lapack_dtype(ab.dtype))
    low = ab if lower else user(_transpose_bands(ab, 0, k))
    size = max(1, min(k, n))
    blocks = -(-n // size)
    # Entry (i, j) of the block in row m on the diagonal, and of the one to the left of it.
    m, i, j = np.ogrid[:blocks, :size, :size]
    row, column = m * size + i, m * size + j
    here = _entries(low, np.maximum(row, column), np.minimum(row, column))
    here = np.where(row >= column, here, user(here)) + ((row == column) & (row >= n))
    left = _entries(low, row, column - size)
    start = np.eye(size, dtype=ab.dtype)
    _, (diagonal, beside) = scan(_factor_blocks, start, (here, left))
    both = np.concatenate([beside, diagonal], axis=-1)
    r, j = np.arange(k + 1)[:, None], np.arange(n)
    i = np.minimum(r + j, n - 1)
    factor = np.where(r + j < n, both[i // size, i % size, j - (i // size - 1) * size], 0)
    return factor if lower else user(_transpose_bands(factor, k, 0))


def _entries(low: Any, row: Any, column: Any) -> Any:
    """Return entries of the lower triangle, given its bands; 0 outside of the band and of the matrix."""
    bands, n = low.shape
    band = row - column
    inside = (band >= 0) & (band < bands) & (column >= 0) & (row < n)
    return np.where(inside, low[np.clip(band, 0, bands - 1), np.clip(column, 0, n - 1)], 0)


@takes_tensors(original.cho_solve_banded, "cb, b")
def cho_solve_banded(cb_and_lower: Any, b: Any) -> Any:
    (cb, lower), b = cb_and_lower, operand(b)
    cb = operand(cb)
    k = cb.shape[-2] - 1
    low, high = (cb, user(_transpose_bands(cb, k, 0))) if lower else (user(_transpose_bands(cb, 0, k)), cb)
    return columns(
        lambda b: solve(high, solve(low, b, below=k, above=0, definite=False), below=0, above=k, definite=False), b
    )
