"""Factorizations: Cholesky, QR and singular values. Matrices on the last two axes, a batch on those before.

NumPy reads only one triangle of a matrix that must be symmetric (Hermitian), and so do these ops; but their gradients
are those of the function of the symmetric matrix, spread evenly over both triangles: projected onto symmetric matrices.

Columns of q, u and v are determined only up to a sign or a phase; results that do not depend on it have a gradient.

The formulas are from the literature, for cotangents in the user's convention, conjugate to the engine's; `user`
converts between the two.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import asarray_like, is_duck_array
from ..core.errors import UnsupportedError
from ..core.multi_result import get_tuple_element
from ..core.op import Op, composes, nondifferentiable, structural
from ..core.rewrites import Rewrite
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from ..native.kernels import SOLVERS
from .adjoints import adjoint, as_read, hermitian_part, real_part, total, user
from .diagonals import diagonal_matrix
from .eigen import divide_by_gaps
from .operands import carries_derivative
from .solve import (
    SMALL,
    by_kernel,
    in_lapack,
    invert_triangle,
    lapack_dtype,
    per_matrix,
    real_dtype,
    register_loops,
    same_shape,
    solve,
    solve_arrays,
    triangle_inverse,
)
from .zero_mask import zero_mask

# ---- Cholesky -------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def _half_triangle(n: int, dtype: Any) -> Any:
    """Return ones below the diagonal and halves on it: times a symmetric matrix, they pick one half of it."""
    mask = np.tri(n, dtype=dtype) - 0.5 * np.eye(n, dtype=dtype)
    mask.flags.writeable = False
    return mask


@functools.lru_cache(maxsize=64)
def _triangle(n: int, upper: bool) -> Any:
    mask = np.tri(n, dtype=bool)
    mask.flags.writeable = False
    return mask.T if upper else mask


def _of_triangle(g: Any, *, upper: bool) -> Any:
    """Return the triangle's part of its cotangent: its zeros are constants, so their cotangents do not count."""
    return np.where(asarray_like(_triangle(g.shape[-1], upper), g), g, 0)


def _lower_half(a: Any) -> Any:
    return a * asarray_like(_half_triangle(a.shape[-1], a.dtype), a)


# Up to this size, three products of whole matrices are faster than fewer operations on blocks.
_WHOLE = 64


def _solvers_of(high: Any, *, of_arrays: bool = False) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return functions that multiply by the inverse of upper triangular matrices, and by its adjoint.

    They solve where that is substitution, which takes half as long and rounds less. `of_arrays` says that there are no
    Tensors, so that no ops need be called.
    """
    if SOLVERS and high.dtype.char in "fd" and high.shape[-1] > SMALL:
        by = solve_arrays if of_arrays else solve
        return functools.partial(by, high), functools.partial(by, high.mT)
    inverse = invert_triangle(high) if of_arrays else triangle_inverse(high)
    return functools.partial(fast.matmul, inverse), functools.partial(fast.matmul, adjoint(inverse))


def _pull_back(g: Any, low: Any, by_adjoint: Any = None) -> Any:
    """Return the gradient by a symmetric matrix, given the gradient `g` by its factor `low`, recursively by blocks.

    With the matrix [[a, bᴴ], [b, d]] and its factor [[p, 0], [q, r]]: the steps of a factorization by blocks (p of a,
    q = b pᴴ⁻¹, r of d - q qᴴ) in reverse. `by_adjoint` multiplies by the inverse of lowᴴ.
    """
    n = low.shape[-1]
    if n <= _WHOLE:
        by_adjoint = _solvers_of(adjoint(low), of_arrays=True)[0] if by_adjoint is None else by_adjoint
        half = hermitian_part(_lower_half(fast.matmul(adjoint(low), g)))
        return adjoint(by_adjoint(adjoint(by_adjoint(half))))
    k = n // 2
    p, q, r = low[..., :k, :k], low[..., k:, :k], low[..., k:, k:]
    of_d = _pull_back(g[..., k:, k:], r)
    by_adjoint = _solvers_of(adjoint(p), of_arrays=True)[0]
    of_b = adjoint(by_adjoint(adjoint(g[..., k:, :k] - fast.matmul(2 * of_d, q))))
    of_a = _pull_back(g[..., :k, :k] - fast.matmul(adjoint(of_b), q), p, by_adjoint)
    of_b = 0.5 * of_b
    upper = np.concatenate([of_a, adjoint(of_b)], axis=-1)
    return np.concatenate([upper, np.concatenate([of_b, of_d], axis=-1)], axis=-2)


def _halves(g: Any, low: Any) -> tuple[Any, Any]:
    """Return a cotangent's symmetric part times the adjoint of the inverse factor, and its lower half in that basis."""
    _, by_factor = _solvers_of(adjoint(low))
    turned = adjoint(by_factor(hermitian_part(user(g))))
    return turned, _lower_half(by_factor(turned))


def _pullback_by_g(g: Any, out: Any, x: Any, y: Any) -> Any:
    return user(fast.matmul(y, _halves(g, y)[1]))


def _pullback_by_factor(g: Any, out: Any, x: Any, y: Any) -> Any:
    turned, half = _halves(g, y)
    return user(fast.matmul(x, adjoint(half)) - fast.matmul(2 * out, turned))


def _pullback_jvp(tangents: Sequence[Any], out: Any, x: Any, y: Any) -> Any:
    dx, dy = tangents
    by_adjoint, _ = _solvers_of(adjoint(y))
    low = 0 if dx is None else fast.matmul(adjoint(y), dx)
    low = low if dy is None else low + fast.matmul(adjoint(dy), x)
    moved = by_adjoint(adjoint(by_adjoint(hermitian_part(_lower_half(low)))))
    return moved if dy is None else moved - 2 * hermitian_part(by_adjoint(adjoint(fast.matmul(out, dy))))


# lowᴴ⁻¹ sym(half(lowᴴ g)) low⁻¹, in the user's convention: the rule of the factorization, as a separate op so that
# it can work by blocks.
# References: Murray, Differentiation of the Cholesky decomposition, 2016, eq. 10 and section 3.2 (arXiv:1602.07527).
cholesky_pullback: Op = structural(
    "cholesky_pullback",
    in_lapack(_pull_back),
    _pullback_by_g,
    _pullback_by_factor,
    saves=("y", "oxy"),
    infer=lambda x, y: ShapeDtype(np.broadcast_shapes(x.shape, y.shape), lapack_dtype(x.dtype, y.dtype)),
    jvp=_pullback_jvp,
    batch=batching.gufunc(2, 2),
    holomorphic=False,
    cost=per_matrix(lambda m, n: 4 * n**3),
)


def _cholesky_rule(g: Any, out: Any, x: Any, *, upper: bool) -> Any:
    g = user(_of_triangle(g, upper=upper))
    if upper:
        g, out = adjoint(g), adjoint(out)
    return user(cholesky_pullback(g, out))


def _cholesky_jvp(tangents: Sequence[Any], out: Any, x: Any, *, upper: bool) -> Any:
    high = out if upper else adjoint(out)
    _, by_factor = _solvers_of(high)
    inner = by_factor(adjoint(by_factor(hermitian_part(tangents[0]))))
    low = fast.matmul(adjoint(high), _lower_half(inner))
    return adjoint(low) if upper else low


register_loops(
    np.linalg.cholesky,
    lambda a, *, upper=False: "cholesky_up" if upper else "cholesky_lo",
    "Matrix is not positive definite",
)


def _cholesky(x: Any, *, upper: bool) -> Any:
    if not is_duck_array(x):
        return np.linalg.cholesky(x, upper=upper)
    return adjoint(np.linalg.cholesky(adjoint(x))) if upper else np.linalg.cholesky(x)


cholesky = structural(
    "cholesky",
    by_kernel(
        in_lapack(_cholesky),
        lambda x, *, upper: "small_cholesky_upper" if upper else "small_cholesky",
        "Matrix is not positive definite",
    ),
    _cholesky_rule,
    saves="o",
    infer=same_shape,
    bind=lambda a, /, *, upper=False: ((a,), {"upper": bool(upper)}),
    numpy_functions=(np.linalg.cholesky,),
    jvp=_cholesky_jvp,
    batch=batching.gufunc(2),
    domain=("positive definite",),
    cost=per_matrix(lambda m, n: n**3 / 3),
)


# ---- QR -------------------------------------------------------------------------------------------------------------


def _qr_forward(x: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.qr(x))


def _imaginary_diagonal(a: Any) -> Any:
    return diagonal_matrix(1j * np.imag(np.diagonal(a, 0, -2, -1)))


def _turning(c: Any) -> Any:
    """Return the skew-Hermitian part of a change of qᴴq whose remainder is upper triangular with a real diagonal."""
    low = np.tril(c, -1)
    return low - adjoint(low) + _imaginary_diagonal(c) if c.dtype.kind == "c" else low - low.mT


def _qr_rule(g: Any, out: Any, x: Any) -> Any:
    (gq, gr), (q, r) = [None if a is None else user(a) for a in g], out
    along = None if gq is None else fast.matmul(adjoint(q), gq)
    by_r = None if gr is None else fast.matmul(_of_triangle(gr, upper=True), adjoint(r))
    d = total(along, None if by_r is None else -by_r)
    below = np.where(asarray_like(_triangle(r.shape[-1], True), d), 0, d - adjoint(d))
    inner = total(by_r, below, _imaginary_diagonal(d) if d.dtype.kind == "c" else None)
    change = total(gq, fast.matmul(q, inner if along is None else inner - along))
    return user(adjoint(_solvers_of(r)[0](adjoint(change))))


def _qr_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    q, r = out
    change = adjoint(_solvers_of(r)[1](adjoint(tangents[0])))
    along = fast.matmul(adjoint(q), change)
    turned = _turning(along)
    return change + fast.matmul(q, turned - along), np.triu(fast.matmul(along - turned, r))


def _r_forward(x: Any) -> Any:
    return np.linalg.qr(x)[1] if is_duck_array(x) else np.linalg.qr(x, mode="r")


def _infer_r(x: ShapeDtype) -> ShapeDtype:
    return ShapeDtype((*x.shape[:-2], x.shape[-1], x.shape[-1]), lapack_dtype(x.dtype))


# For matrices with at least as many rows as columns.
# References: Walter, Lehmann, Lamour, On evaluating higher-order derivatives of the QR decomposition of tall matrices
# with full column rank in forward and reverse mode algorithmic differentiation, 2012.
q_and_r: Op = structural(
    "qr",
    in_lapack(_qr_forward),
    _qr_rule,
    saves="o",
    infer=lambda x: (ShapeDtype(x.shape, lapack_dtype(x.dtype)), _infer_r(x)),
    jvp=_qr_jvp,
    batch=batching.gufunc(2),
    domain=("full rank",),
    holomorphic=False,
    results=2,
    result_names=("Q", "R"),
    rewrites=(Rewrite(lambda x: get_tuple_element(q_and_r(x), index=1), lambda x: triangle_of_qr(x)),),
    cost=per_matrix(lambda m, n: 4 * m * n**2 - 4 * n**3 / 3),
)
# What compiled code computes where q is not read.
triangle_of_qr: Op = structural(
    "qr_r",
    in_lapack(_r_forward),
    lambda g, out, x: _qr_rule((None, g), q_and_r(x), x),
    saves="x",
    infer=_infer_r,
    jvp=lambda tangents, out, x: _qr_jvp(tangents, q_and_r(x), x)[1],
    batch=batching.gufunc(2),
    domain=("full rank",),
    holomorphic=False,
    cost=per_matrix(lambda m, n: 2 * m * n**2 - 2 * n**3 / 3),
)
_QRResult: Any = type(np.linalg.qr(np.eye(1)))


@composes(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and m <= n):
        raise UnsupportedError(
            f"np.linalg.qr: mode={mode!r} is not supported on Tensors of shape {a.shape}, since more columns of q than "
            "a has are not determined by a; use mode='reduced' or 'r'"
        )
    q, r = q_and_r(a[..., :m] if n > m else a)
    if n > m:
        r = np.concatenate([r, fast.matmul(adjoint(q), a[..., m:])], axis=-1)
    return r if mode == "r" else _QRResult(q, r)


# ---- singular values ------------------------------------------------------------------------------------------------


def _svd_forward(x: Any, *, hermitian: bool) -> tuple[Any, ...]:
    x, option = as_read(x, hermitian)
    return tuple(np.linalg.svd(x, full_matrices=False, **option))


def _full_svd_forward(x: Any, *, hermitian: bool) -> tuple[Any, ...]:
    x, option = as_read(x, hermitian)
    return tuple(np.linalg.svd(x, **option))


def _by_gaps_of_squares(x: Any, s: Any) -> Any:
    # s² differ by (s[j] - s[i]) (s[j] + s[i]); two values that are both zero are degenerate, and detected as such.
    sums = s[..., None, :] + s[..., :, None]
    return divide_by_gaps(x, s, of="singular values") / np.where(sums == 0, 1, sums)


def _divide_columns(x: Any, s: Any) -> Any:
    """Divide columns by singular values; zero columns, which belong to unused vectors, stay zero."""
    return zero_mask(x / s[..., None, :], x)


def _svd_rule(g: Any, out: Any, x: Any, *, hermitian: bool) -> Any:
    gu, gs, gv = g
    if gu is None and gv is None:
        by_x = fast.matmul(out[0] * gs[..., None, :], out[2])
    else:
        by_x = _by_vectors(None if gu is None else user(gu), gs, None if gv is None else adjoint(user(gv)), out)
    return user(hermitian_part(by_x) if hermitian else by_x)


def _by_vectors(gu: Any, gs: Any, gv: Any, out: Any) -> Any:
    u, s, vh = out
    v, row, column = adjoint(vh), s[..., None, :], s[..., :, None]
    along_u = None if gu is None else fast.matmul(adjoint(u), gu)
    along_v = None if gv is None else fast.matmul(vh, gv)
    by_u, by_v = (None if a is None else 2 * hermitian_part(_by_gaps_of_squares(a, s)) for a in (along_u, along_v))
    inner = total(
        None if by_u is None else by_u * row,
        None if by_v is None else column * by_v,
        None if gs is None else diagonal_matrix(gs),
    )
    if u.dtype.kind == "c":
        one, other = (None if a is None else np.imag(np.diagonal(a, 0, -2, -1)) for a in (along_u, along_v))
        phases = total(one, None if other is None else -other)
        inner = inner + diagonal_matrix(1j * zero_mask(phases / (2 * s), phases))
    left = fast.matmul(u, inner)
    if gu is not None and u.shape[-2] > u.shape[-1]:
        left = left + _divide_columns(gu - fast.matmul(u, along_u), s)
    by_x = fast.matmul(left, vh)
    if gv is not None and v.shape[-2] > v.shape[-1]:
        by_x = by_x + fast.matmul(u, adjoint(_divide_columns(gv - fast.matmul(v, along_v), s)))
    return by_x


def _svd_jvp(tangents: Sequence[Any], out: Any, x: Any, *, hermitian: bool) -> Any:
    m, n = x.shape[-2:]
    u, s, vh = out
    v = adjoint(vh)
    t = hermitian_part(tangents[0]) if hermitian else tangents[0]
    right, left = fast.matmul(t, v), fast.matmul(adjoint(t), u)
    inner = fast.matmul(adjoint(u), right)
    row, column = s[..., None, :], s[..., :, None]
    turned_u = _by_gaps_of_squares(inner * row + column * adjoint(inner), s)
    turned_v = _by_gaps_of_squares(column * inner + row * adjoint(inner), s)
    if inner.dtype.kind == "c":
        phases = diagonal_matrix(1j * np.imag(np.diagonal(inner, 0, -2, -1)) / (2 * s))
        turned_u, turned_v = turned_u + phases, turned_v - phases
    du, dv = fast.matmul(u, turned_u), fast.matmul(v, turned_v)
    if m > n:
        du = du + _divide_columns(right - fast.matmul(u, inner), s)
    if n > m:
        dv = dv + _divide_columns(left - fast.matmul(v, adjoint(inner)), s)
    return du, real_part(np.diagonal(inner, 0, -2, -1)), adjoint(dv)


def _infer_svd(x: ShapeDtype, *, hermitian: bool, full: bool = False) -> Any:
    *batch, m, n = x.shape
    k, dtype = min(m, n), lapack_dtype(x.dtype)
    return (
        ShapeDtype((*batch, m, m if full else k), dtype),
        ShapeDtype((*batch, k), real_dtype(x.dtype)),
        ShapeDtype((*batch, n if full else k, n), dtype),
    )


# References: Giles, Collected matrix derivative results, 2008, section 3.2; for complex matrices Wan and Zhang,
# Automatic differentiation for complex valued SVD, 2019 (arXiv:1909.02659).
factors_of_svd: Op = structural(
    "svd",
    in_lapack(_svd_forward),
    _svd_rule,
    saves="o",
    infer=_infer_svd,
    jvp=_svd_jvp,
    batch=batching.gufunc(2),
    kinks="equal singular values",
    holomorphic=False,
    results=3,
    result_names=("U", "S", "Vh"),
    rewrites=(
        Rewrite(
            lambda x, hermitian: get_tuple_element(factors_of_svd(x, hermitian=hermitian), index=1),
            lambda x, hermitian: svdvals(x, hermitian=hermitian),
            exact=False,
        ),
    ),
    cost=per_matrix(lambda m, n: 6 * m * n**2 + 20 * n**3),
)


# With the vectors that the matrix does not determine, and so without a derivative.
full_factors_of_svd: Op = nondifferentiable(
    in_lapack(_full_svd_forward),
    name="full_svd",
    infer=functools.partial(_infer_svd, full=True),
    batch=batching.gufunc(2),
    results=3,
    result_names=("U", "S", "Vh"),
    cost=per_matrix(lambda m, n: 4 * m**2 * n + 22 * n**3),
)
register_loops(factors_of_svd.forward, lambda x, *, hermitian: "" if hermitian else "svd_s", "SVD did not converge")
_SVDResult: Any = type(np.linalg.svd(np.eye(1)))


@composes(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return svdvals(a, hermitian=bool(hermitian))
    m, n = a.shape[-2:]
    if full_matrices and m != n:
        if not carries_derivative(a):
            return _SVDResult(*full_factors_of_svd(a, hermitian=bool(hermitian)))
        raise UnsupportedError(
            f"np.linalg.svd: full_matrices=True is not supported on Tensors of shape {a.shape}, since the vectors "
            "beyond the first min(m, n) are not determined by a; pass full_matrices=False"
        )
    return _SVDResult(*factors_of_svd(a, hermitian=bool(hermitian)))


def _svdvals_rule(g: Any, out: Any, x: Any, *, hermitian: bool) -> Any:
    return _svd_rule((None, g, None), factors_of_svd(x, hermitian=hermitian), x, hermitian=hermitian)


def _svdvals_jvp(tangents: Sequence[Any], out: Any, x: Any, *, hermitian: bool) -> Any:
    u, _, vh = factors_of_svd(x, hermitian=hermitian)
    t = hermitian_part(tangents[0]) if hermitian else tangents[0]
    return real_part(user(u) * fast.matmul(t, adjoint(vh))).sum(axis=-2)


def _infer_svdvals(x: ShapeDtype, *, hermitian: bool) -> ShapeDtype:
    return ShapeDtype((*x.shape[:-2], min(x.shape[-2:])), real_dtype(x.dtype))


def _svdvals(x: Any, *, hermitian: bool) -> Any:
    x, option = as_read(x, hermitian)
    return np.linalg.svd(x, compute_uv=False, **option)


register_loops(
    np.linalg.svd,
    lambda a, *, compute_uv, hermitian: "" if compute_uv or hermitian else "svd",
    "SVD did not converge",
)
# Only the values: cheaper than with vectors, and differentiable where they are equal.
svdvals: Op = structural(
    "svdvals",
    in_lapack(_svdvals),
    _svdvals_rule,
    saves="x",
    infer=_infer_svdvals,
    jvp=_svdvals_jvp,
    batch=batching.gufunc(2),
    kinks="zero singular values",
    holomorphic=False,
    cost=per_matrix(lambda m, n: 2 * m * n**2 + 2 * n**3),
)


@composes(np.linalg.svdvals)
def _linalg_svdvals(x: Any, /) -> Any:
    return svdvals(x, hermitian=False)
