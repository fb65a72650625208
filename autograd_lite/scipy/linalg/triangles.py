"""Triangular systems, and the factorizations that lead to them: Cholesky and LU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.errors import ShapeError
from ...core.op import Op
from ...core.shapes import ShapeDtype
from ...custom_ops import structural
from ...ops.adjoints import adjoint
from ...ops.operands import operand
from ...ops.solve import in_lapack, lapack_dtype
from ..calls import takes_tensors


def by_matrices(function: Any, *matrices: Any, **options: Any) -> Any:
    """Call a function of matrices, whose result has the shape of the last one, for each of many."""
    batch = np.broadcast_shapes(*(a.shape[:-2] for a in matrices))
    if not batch:
        return function(*matrices, **options)
    matrices = tuple(np.broadcast_to(a, (*batch, *a.shape[-2:])) for a in matrices)
    out = np.empty(matrices[-1].shape, lapack_dtype(*(a.dtype for a in matrices)))
    for k in np.ndindex(*batch):
        out[k] = function(*(a[k] for a in matrices), **options)
    return out


def _substitute(a: Any, b: Any, *, lower: bool) -> Any:
    return by_matrices(original.solve_triangular, a, b, lower=lower, check_finite=False)


def _half(a: Any, lower: bool) -> Any:
    return np.tril(a) if lower else np.triu(a)


def _by_triangle(g: Any, out: Any, a: Any, b: Any, *, lower: bool) -> Any:
    return -_half(np.matmul(substitute(a.mT, g, lower=not lower), out.mT), lower)


def _substitute_jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any, *, lower: bool) -> Any:
    da, db = tangents
    moved = 0 if da is None else -np.matmul(_half(da, lower), out)
    return substitute(a, moved if db is None else moved + db, lower=lower)


# The solution of a triangular system; the other triangle of `a` is not read.
# References: Giles, Collected matrix derivative results for forward and reverse mode, 2008, section 2.2.
substitute: Op = structural(
    "solve_triangular",
    in_lapack(_substitute),
    _by_triangle,
    lambda g, out, a, b, *, lower: substitute(a.mT, g, lower=not lower),
    saves=("ox", "x"),
    infer=lambda a, b, *, lower: ShapeDtype(
        (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1]), lapack_dtype(a.dtype, b.dtype)
    ),
    jvp=_substitute_jvp,
    batch=batching.gufunc(2, 2),
)


def square(name: str, a: Any) -> Any:
    """Return an argument as an array of square matrices.

    Raises:
        ShapeError: if it has another shape.
    """
    a = operand(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"scipy.linalg.{name}: expected square matrices; received shape {a.shape}")
    return a


def columns(solve: Any, b: Any) -> Any:
    """Call a solver of matrices with a vector, or matrices, on the right."""
    return solve(b[:, None])[..., 0] if b.ndim == 1 else solve(b)


def transposed(a: Any, trans: Any) -> Any:
    """Return the matrix that SciPy's argument `trans` means."""
    return a if trans in (0, "N") else a.mT if trans in (1, "T") else adjoint(a)


@takes_tensors(original.solve_triangular, "a, b")
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    a, b = square("solve_triangular", a), operand(b)
    if unit_diagonal:
        a = np.where(np.eye(a.shape[-1], dtype=bool), 1, a)
    lower = bool(lower) == (trans in (0, "N"))
    return columns(lambda b: substitute(transposed(a, trans), b, lower=lower), b)


# ---- Cholesky -------------------------------------------------------------------------------------------------------


@takes_tensors(original.cholesky, "a", "the gradient is that of the symmetric matrix, spread over both triangles")
def cholesky(a: Any, lower: bool = False) -> Any:
    return np.linalg.cholesky(square("cholesky", a), upper=not lower)


@takes_tensors(original.cho_factor, "a")
def cho_factor(a: Any, lower: bool = False) -> Any:
    a = square("cho_factor", a)
    mask = np.tri(a.shape[-1], dtype=bool)
    return np.where(mask if lower else mask.T, np.linalg.cholesky(a, upper=not lower), a), bool(lower)


@takes_tensors(original.cho_solve, "c, b")
def cho_solve(c_and_lower: Any, b: Any) -> Any:
    c, lower = c_and_lower
    c, b = square("cho_solve", c), operand(b)
    low, high = (c, adjoint(c)) if lower else (adjoint(c), c)
    return columns(lambda b: substitute(high, substitute(low, b, lower=True), lower=False), b)


# ---- LU -------------------------------------------------------------------------------------------------------------


def _factored(x: Any) -> Any:
    """Factorize with row exchanges: the packed factors, and in a last column the rows of x in their new order."""
    out = np.empty((*x.shape[:-1], x.shape[-1] + 1), lapack_dtype(x.dtype))
    for k in np.ndindex(*x.shape[:-2]):
        out[k][:, :-1], pivots = original.lu_factor(x[k], check_finite=False)
        out[k][:, -1] = _order(pivots)
    return out


def _order(pivots: Any) -> Any:
    order = np.arange(len(pivots))
    for i, j in enumerate(pivots):
        order[[i, j]] = order[[j, i]]
    return order


def _parts(packed: Any) -> tuple[Any, Any, Any]:
    """Return the factors, and the matrix that orders the rows."""
    n = packed.shape[-2]
    both, order = packed[..., :-1], packed[..., -1]
    exchange = (np.real(order)[..., :, None] == np.arange(n)).astype(packed.dtype)
    return np.tril(both, -1) + np.eye(n, dtype=packed.dtype), np.triu(both), exchange


def _lu_rule(g: Any, out: Any, x: Any) -> Any:
    low, high, exchange = _parts(out)
    g = g[..., :-1]
    inner = np.tril(np.matmul(low.mT, g), -1) + np.triu(np.matmul(g, high.mT))
    half = substitute(low.mT, inner, lower=False)
    return np.matmul(exchange.mT, substitute(high, half.mT, lower=False).mT)


def _lu_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    low, high, exchange = _parts(out)
    inner = substitute(low, np.matmul(exchange, tangents[0]), lower=True)
    inner = substitute(high.mT, inner.mT, lower=True).mT
    moved = np.matmul(low, np.tril(inner, -1)) + np.matmul(np.triu(inner), high)
    return np.concatenate([moved, np.zeros((*moved.shape[:-1], 1), moved.dtype)], axis=-1)


# The order of the rows is constant between the matrices at which it changes.
# References: de Hoog, Anderssen, Lukas, Differentiation of matrix functionals using triangular factorization, 2011,
# section 3.
factored: Op = structural(
    "lu_factor",
    in_lapack(_factored),
    _lu_rule,
    saves="o",
    infer=lambda x: ShapeDtype((*x.shape[:-1], x.shape[-1] + 1), lapack_dtype(x.dtype)),
    jvp=_lu_jvp,
    batch=batching.gufunc(2),
    kinks="equal pivots",
)


@takes_tensors(original.lu, "a", "of square matrices; the order of the rows is a constant")
def lu(a: Any, permute_l: bool = False, p_indices: bool = False) -> Any:
    packed = factored(square("lu", a))
    low, high, exchange = _parts(packed)
    exchange = np.real(exchange).mT
    if permute_l:
        return np.matmul(exchange.astype(low.dtype), low), high
    if p_indices:
        return np.argmax(exchange, axis=-1), low, high
    return exchange, low, high


@takes_tensors(original.lu_factor, "a", "of square matrices")
def lu_factor(a: Any) -> Any:
    a = square("lu_factor", a)
    packed = factored(a)
    order = [int(i) for i in np.real(packed[..., -1].detach().numpy())] if a.ndim == 2 else None
    if order is None:
        raise ShapeError(f"scipy.linalg.lu_factor: expected one matrix; received shape {a.shape}")
    pivots, rows = [], list(range(len(order)))
    for i, row in enumerate(order):
        j = rows.index(row)
        rows[i], rows[j] = rows[j], rows[i]
        pivots.append(j)
    return packed[:, :-1], np.array(pivots, np.int32)


@takes_tensors(original.lu_solve, "lu, b")
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0) -> Any:
    both, pivots = lu_and_piv
    both, b, order = square("lu_solve", both), operand(b), _order(pivots)
    low = np.where(np.eye(both.shape[-1], dtype=bool), 1, both)
    if trans == 0:
        return columns(lambda b: substitute(both, substitute(low, b, lower=True), lower=False), b[order])
    low, high = transposed(low, trans), transposed(both, trans)
    return columns(lambda b: substitute(low, substitute(high, b, lower=True), lower=False), b)[np.argsort(order)]
