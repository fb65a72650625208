"""Triangular systems, and the factorizations that lead to them: Cholesky and LU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.errors import ShapeError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functions.custom_ops import structural
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


def _half(a: Any, lower: bool) -> Any:
    return np.tril(a) if lower else np.triu(a)


def _substitute_jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any, *, lower: bool) -> Any:
    da, db = tangents
    moved = 0 if da is None else -np.matmul(_half(da, lower), out)
    return substitute(a, moved if db is None else moved + db, lower=lower)


# The solution of a triangular system; the other triangle of `a` is not read.
# References: Giles, Collected matrix derivative results for forward and reverse mode, 2008, section 2.2.
substitute: Op = structural(
    "solve_triangular",
    in_lapack(lambda a, b, *, lower: by_matrices(original.solve_triangular, a, b, lower=lower, check_finite=False)),
    lambda g, out, a, b, *, lower: -_half(np.matmul(substitute(a.mT, g, lower=not lower), out.mT), lower),
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


def apply_trans(a: Any, trans: Any) -> Any:
    """Return the matrix that SciPy's argument `trans` means."""
    return a if trans in (0, "N") else a.mT if trans in (1, "T") else adjoint(a)


@takes_tensors(original.solve_triangular, "a, b")
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    a, b = square("solve_triangular", a), operand(b)
    if unit_diagonal:
        a = np.where(np.eye(a.shape[-1], dtype=bool), 1, a)
    lower = bool(lower) == (trans in (0, "N"))
    return columns(lambda b: substitute(apply_trans(a, trans), b, lower=lower), b)


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


def _factor(x: Any) -> tuple[Any, ...]:
    both, pivots = np.empty(x.shape, lapack_dtype(x.dtype)), np.empty(x.shape[:-1], np.intc)
    for k in np.ndindex(*x.shape[:-2]):
        both[k], pivots[k] = original.lu_factor(x[k], check_finite=False)
    return both, pivots


def _order(pivots: Any) -> Any:
    order = np.empty(pivots.shape, np.intp)
    for k in np.ndindex(*pivots.shape[:-1]):
        order[k] = np.arange(pivots.shape[-1])
        for i, j in enumerate(pivots[k]):
            order[k][[i, j]] = order[k][[j, i]]
    return order


def _parts(both: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """Return the factors, and the matrix that orders the rows."""
    n = both.shape[-1]
    exchange = (row_order(pivots)[..., :, None] == np.arange(n)).astype(both.dtype)
    return np.tril(both, -1) + np.eye(n, dtype=both.dtype), np.triu(both), exchange


def _lu_rule(g: Any, out: Any, x: Any) -> Any:
    (g, _), (low, high, exchange) = g, _parts(*out)
    inner = np.tril(np.matmul(low.mT, g), -1) + np.triu(np.matmul(g, high.mT))
    half = substitute(low.mT, inner, lower=False)
    return np.matmul(exchange.mT, substitute(high, half.mT, lower=False).mT)


def _lu_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    low, high, exchange = _parts(*out)
    inner = substitute(low, np.matmul(exchange, tangents[0]), lower=True)
    inner = substitute(high.mT, inner.mT, lower=True).mT
    return np.matmul(low, np.tril(inner, -1)) + np.matmul(np.triu(inner), high), None


# With row exchanges: both factors in one matrix, as LAPACK returns them, and the exchanges, which are constant between
# the matrices at which they change.
# References: de Hoog, Anderssen, Lukas, Differentiation of matrix functionals using triangular factorization, 2011,
# section 3.
factored: Op = structural(
    "lu_factor",
    in_lapack(_factor),
    _lu_rule,
    saves="o",
    infer=lambda x: (ShapeDtype(x.shape, lapack_dtype(x.dtype)), ShapeDtype(x.shape[:-1], np.dtype(np.intc))),
    jvp=_lu_jvp,
    batch=batching.gufunc(2),
    kinks="equal pivots",
    results=2,
)
# The order of the rows that exchanges lead to.
row_order: Op = structural(
    "row_order",
    _order,
    None,
    infer=lambda pivots: ShapeDtype(pivots.shape, np.dtype(np.intp)),
    batch=batching.gufunc(1),
)


@takes_tensors(original.lu, "a", "of square matrices; the order of the rows is a constant")
def lu(a: Any, permute_l: bool = False, p_indices: bool = False) -> Any:
    low, high, exchange = _parts(*factored(square("lu", a)))
    exchange = np.real(exchange).mT
    if permute_l:
        return np.matmul(exchange.astype(low.dtype), low), high
    if p_indices:
        return np.argmax(exchange, axis=-1), low, high
    return exchange, low, high


@takes_tensors(original.lu_factor, "a", "of square matrices")
def lu_factor(a: Any) -> Any:
    return factored(square("lu_factor", a))


@takes_tensors(original.lu_solve, "lu, b")
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0) -> Any:
    both, pivots = lu_and_piv
    both, b, order = square("lu_solve", both), operand(b), row_order(pivots)
    low = np.where(np.eye(both.shape[-1], dtype=bool), 1, both)
    if trans == 0:
        b = np.take_along_axis(b, order if b.ndim == 1 else order[..., None], axis=order.ndim - 1)
        return columns(lambda b: substitute(both, substitute(low, b, lower=True), lower=False), b)
    low, high = apply_trans(low, trans), apply_trans(both, trans)
    x, order = columns(lambda b: substitute(low, substitute(high, b, lower=True), lower=False), b), np.argsort(order)
    return np.take_along_axis(x, order if x.ndim == 1 else order[..., None], axis=order.ndim - 1)
