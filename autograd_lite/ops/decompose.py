"""Factorizations: Cholesky, QR and singular values. Matrices on the last two axes, a batch on those before.

NumPy reads only one triangle of a matrix that must be symmetric (Hermitian), and so do these ops; but their gradients
are those of the function of the symmetric matrix, spread evenly over both triangles: projected onto symmetric matrices.

An op has one result, so factors are packed into one array, one below the other, and the functions unpack them.

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
from ..core.errors import UnsupportedError
from ..core.foreign import home, is_foreign, placed
from ..core.op import Op, composes, nondifferentiable, structural
from ..core.shapes import ShapeDtype
from ..native import functions as fast
from .adjoints import adjoint, as_read, hermitian_part, pack, real_part, user
from .diagonals import diagonal_matrix
from .eigen import divide_by_gaps
from .operands import carries_derivative
from .solve import checked, in_lapack, invert_triangle, lapack_dtype, same_shape, triangle_inverse
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
    return np.where(placed(_triangle(g.shape[-1], upper), g), g, 0)


def _lower_half(a: Any) -> Any:
    return a * placed(_half_triangle(a.shape[-1], a.dtype), a)


# Up to this size, three products of whole matrices are faster than fewer operations on blocks.
_WHOLE = 64


def _pull_back(g: Any, low: Any, inverse: Any = None) -> Any:
    """Return the gradient by a symmetric matrix, given the gradient `g` by its factor `low`, recursively by blocks.

    With the matrix [[a, bᴴ], [b, d]] and its factor [[p, 0], [q, r]]: the steps of a factorization by blocks (p of a,
    q = b pᴴ⁻¹, r of d - q qᴴ) in reverse. `inverse` is the inverse of lowᴴ, if known.
    """
    n = low.shape[-1]
    if n <= _WHOLE:
        inverse = invert_triangle(adjoint(low)) if inverse is None else inverse
        return fast.product(inverse, hermitian_part(_lower_half(fast.matmul(adjoint(low), g))), adjoint(inverse))
    k = n // 2
    p, q, r = low[..., :k, :k], low[..., k:, :k], low[..., k:, k:]
    of_d = _pull_back(g[..., k:, k:], r, None if inverse is None else inverse[..., k:, k:])
    of_p = invert_triangle(adjoint(p)) if inverse is None else inverse[..., :k, :k]
    of_b = fast.matmul(g[..., k:, :k] - fast.matmul(2 * of_d, q), adjoint(of_p))
    of_a = _pull_back(g[..., :k, :k] - fast.matmul(adjoint(of_b), q), p, of_p)
    of_b = 0.5 * of_b
    upper = np.concatenate([of_a, adjoint(of_b)], axis=-1)
    return np.concatenate([upper, np.concatenate([of_b, of_d], axis=-1)], axis=-2)


def _halves(g: Any, low: Any) -> tuple[Any, Any, Any]:
    """Return a cotangent's symmetric part, the adjoint of the inverse factor, and its lower half in that basis."""
    g = hermitian_part(user(g))
    inverse = triangle_inverse(adjoint(low))
    return g, inverse, _lower_half(fast.product(adjoint(inverse), g, inverse))


def _pullback_by_g(g: Any, out: Any, x: Any, y: Any) -> Any:
    return user(fast.matmul(y, _halves(g, y)[2]))


def _pullback_by_factor(g: Any, out: Any, x: Any, y: Any) -> Any:
    g, inverse, half = _halves(g, y)
    return user(fast.matmul(x, adjoint(half)) - fast.product(2 * out, g, inverse))


def _pullback_jvp(tangents: Sequence[Any], out: Any, x: Any, y: Any) -> Any:
    dx, dy = tangents
    inverse = triangle_inverse(adjoint(y))
    low = 0 if dx is None else fast.matmul(adjoint(y), dx)
    low = low if dy is None else low + fast.matmul(adjoint(dy), x)
    moved = fast.product(inverse, hermitian_part(_lower_half(low)), adjoint(inverse))
    return moved if dy is None else moved - 2 * hermitian_part(fast.product(out, dy, adjoint(inverse)))


# lowᴴ⁻¹ sym(half(lowᴴ g)) low⁻¹, in the user's convention: the rule of the factorization, as an op of its own so that
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
)


def _cholesky_rule(g: Any, out: Any, x: Any, *, upper: bool) -> Any:
    g = user(_of_triangle(g, upper=upper))
    if upper:
        g, out = adjoint(g), adjoint(out)
    return user(cholesky_pullback(g, out))


def _cholesky_jvp(tangents: Sequence[Any], out: Any, x: Any, *, upper: bool) -> Any:
    high = out if upper else adjoint(out)
    inverse = triangle_inverse(high)
    inner = fast.product(adjoint(inverse), hermitian_part(tangents[0]), inverse)
    low = fast.matmul(adjoint(high), _lower_half(inner))
    return adjoint(low) if upper else low


checked(
    np.linalg.cholesky,
    lambda a, *, upper=False: "cholesky_up" if upper else "cholesky_lo",
    "Matrix is not positive definite",
)


def _cholesky(x: Any, *, upper: bool) -> Any:
    if not is_foreign(x):
        return np.linalg.cholesky(x, upper=upper)
    return adjoint(np.linalg.cholesky(adjoint(x))) if upper else np.linalg.cholesky(x)


cholesky = structural(
    "cholesky",
    in_lapack(_cholesky),
    _cholesky_rule,
    saves="o",
    infer=same_shape,
    bind=lambda a, /, *, upper=False: ((a,), {"upper": bool(upper)}),
    numpy_functions=(np.linalg.cholesky,),
    jvp=_cholesky_jvp,
    batch=batching.gufunc(2),
    domain=("positive definite",),
)


# ---- QR -------------------------------------------------------------------------------------------------------------


def _qr_forward(x: Any) -> Any:
    return pack(*np.linalg.qr(x))


def _imaginary_diagonal(a: Any) -> Any:
    return diagonal_matrix(1j * np.imag(np.diagonal(a, 0, -2, -1)))


def _turning(c: Any) -> Any:
    """Return the skew-Hermitian part of a change of qᴴq whose remainder is upper triangular with a real diagonal."""
    low = np.tril(c, -1)
    return low - adjoint(low) + _imaginary_diagonal(c) if c.dtype.kind == "c" else low - low.mT


def _qr_rule(g: Any, out: Any, x: Any) -> Any:
    m, g = x.shape[-2], user(g)
    q, r, gq, gr = out[..., :m, :], out[..., m:, :], g[..., :m, :], _of_triangle(g[..., m:, :], upper=True)
    along = fast.matmul(adjoint(q), gq)
    by_r = fast.matmul(gr, adjoint(r))
    d = along - by_r
    inner = by_r + np.tril(d - adjoint(d), -1)
    if d.dtype.kind == "c":
        inner = inner + _imaginary_diagonal(d)
    return user(fast.matmul(gq + fast.matmul(q, inner - along), adjoint(triangle_inverse(r))))


def _qr_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    m = x.shape[-2]
    q, r = out[..., :m, :], out[..., m:, :]
    change = fast.matmul(tangents[0], triangle_inverse(r))
    along = fast.matmul(adjoint(q), change)
    turned = _turning(along)
    return pack(change + fast.matmul(q, turned - along), np.triu(fast.matmul(along - turned, r)))


# For matrices with at least as many rows as columns: q, and r below it.
# References: Walter, Lehmann, Lamour, On evaluating higher-order derivatives of the QR decomposition of tall matrices
# with full column rank in forward and reverse mode algorithmic differentiation, 2012.
q_and_r: Op = structural(
    "qr",
    in_lapack(_qr_forward),
    _qr_rule,
    saves="o",
    infer=lambda x: ShapeDtype((*x.shape[:-2], x.shape[-2] + x.shape[-1], x.shape[-1]), lapack_dtype(x.dtype)),
    jvp=_qr_jvp,
    batch=batching.gufunc(2),
    domain=("full rank",),
    holomorphic=False,
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
    packed = q_and_r(a[..., :m] if n > m else a)
    q, r = packed[..., :m, :], packed[..., m:, :]
    if n > m:
        r = np.concatenate([r, fast.matmul(adjoint(q), a[..., m:])], axis=-1)
    return r if mode == "r" else _QRResult(q, r)


# ---- singular values ------------------------------------------------------------------------------------------------


def _svd_forward(x: Any, *, hermitian: bool) -> Any:
    x, option = as_read(x, hermitian)
    u, s, vh = np.linalg.svd(x, full_matrices=False, **option)
    return pack(u, s[..., None, :], vh.mT)


def _svd_places(m: int) -> Sequence[Callable[[Any], Any]]:
    return [
        lambda packed: packed[..., :m, :],
        lambda packed: packed[..., m, :],
        lambda packed: packed[..., m + 1 :, :].mT,
    ]


def _svd_parts(packed: Any, m: int) -> tuple[Any, Any, Any]:
    return packed[..., :m, :], real_part(packed[..., m, :]), user(packed[..., m + 1 :, :])


def _by_gaps_of_squares(x: Any, s: Any) -> Any:
    # s² differ by (s[j] - s[i]) (s[j] + s[i]); two values that are both zero are degenerate, and detected as such.
    sums = s[..., None, :] + s[..., :, None]
    return divide_by_gaps(x, s, of="singular values") / np.where(sums == 0, 1, sums)


def _divided(x: Any, s: Any) -> Any:
    """Divide columns by singular values; zero columns, which belong to unused vectors, stay zero."""
    return zero_mask(x / s[..., None, :], x)


def _svd_rule(g: Any, out: Any, x: Any, *, hermitian: bool) -> Any:
    m, n = x.shape[-2:]
    g = user(g)
    u, s, v = _svd_parts(out, m)
    gu, gs, gv = _svd_parts(g, m)
    along_u, along_v = fast.matmul(adjoint(u), gu), fast.matmul(adjoint(v), gv)
    by_u, by_v = (2 * hermitian_part(_by_gaps_of_squares(a, s)) for a in (along_u, along_v))
    inner = by_u * s[..., None, :] + s[..., :, None] * by_v + diagonal_matrix(gs)
    if g.dtype.kind == "c":
        phases = np.imag(np.diagonal(along_u, 0, -2, -1)) - np.imag(np.diagonal(along_v, 0, -2, -1))
        inner = inner + diagonal_matrix(1j * zero_mask(phases / (2 * s), phases))
    left = fast.matmul(u, inner)
    if m > n:
        left = left + _divided(gu - fast.matmul(u, along_u), s)
    total = fast.matmul(left, adjoint(v))
    if n > m:
        total = total + fast.matmul(u, adjoint(_divided(gv - fast.matmul(v, along_v), s)))
    return user(hermitian_part(total) if hermitian else total)


def _svd_jvp(tangents: Sequence[Any], out: Any, x: Any, *, hermitian: bool) -> Any:
    m, n = x.shape[-2:]
    u, s, v = _svd_parts(out, m)
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
        du = du + _divided(right - fast.matmul(u, inner), s)
    if n > m:
        dv = dv + _divided(left - fast.matmul(v, adjoint(inner)), s)
    ds = real_part(np.diagonal(inner, 0, -2, -1))[..., None, :].astype(u.dtype)
    return pack(du, ds, user(dv))


def _infer_svd(x: ShapeDtype, **_: Any) -> ShapeDtype:
    m, n = x.shape[-2:]
    return ShapeDtype((*x.shape[:-2], m + 1 + n, min(m, n)), lapack_dtype(x.dtype))


# u, then the singular values as a row, then the transpose of vh.
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
)


def _full_svd_forward(x: Any, *, hermitian: bool) -> Any:
    x, option = as_read(x, hermitian)
    u, s, vh = np.linalg.svd(x, **option)
    out = home(x).zeros((*x.shape[:-2], u.shape[-1] + 1 + vh.shape[-1], max(x.shape[-2:])), u.dtype)
    m, n = x.shape[-2:]
    out[..., :m, :m], out[..., m, : min(m, n)], out[..., m + 1 :, :n] = u, s, vh
    return out


def _infer_full_svd(x: ShapeDtype, **_: Any) -> ShapeDtype:
    m, n = x.shape[-2:]
    return ShapeDtype((*x.shape[:-2], m + 1 + n, max(m, n)), lapack_dtype(x.dtype))


# With the vectors that the matrix does not determine, and so without a derivative: u, the values as a row, vh.
full_factors_of_svd: Op = nondifferentiable(
    in_lapack(_full_svd_forward), name="full_svd", infer=_infer_full_svd, batch=batching.gufunc(2)
)
checked(
    factors_of_svd.forward,
    lambda x, *, hermitian: "" if hermitian else "svd_s",
    "SVD did not converge",
    lambda x: _svd_places(x.shape[-2]),
)
_SVDResult: Any = type(np.linalg.svd(np.eye(1)))


@composes(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return svdvals(a, hermitian=bool(hermitian))
    m, n = a.shape[-2:]
    if full_matrices and m != n:
        if not carries_derivative(a):
            packed, k = full_factors_of_svd(a, hermitian=bool(hermitian)), min(m, n)
            return _SVDResult(packed[..., :m, :m], real_part(packed[..., m, :k]), packed[..., m + 1 :, :n])
        raise UnsupportedError(
            f"np.linalg.svd: full_matrices=True is not supported on Tensors of shape {a.shape}, since the vectors "
            "beyond the first min(m, n) are not determined by a; pass full_matrices=False"
        )
    packed = factors_of_svd(a, hermitian=bool(hermitian))
    return _SVDResult(packed[..., :m, :], real_part(packed[..., m, :]), packed[..., m + 1 :, :].mT)


def _svdvals_rule(g: Any, out: Any, x: Any, *, hermitian: bool) -> Any:
    u, _, v = _svd_parts(factors_of_svd(x, hermitian=hermitian), x.shape[-2])
    total = user(fast.matmul(u * g[..., None, :], adjoint(v)))
    return hermitian_part(total) if hermitian else total


def _svdvals_jvp(tangents: Sequence[Any], out: Any, x: Any, *, hermitian: bool) -> Any:
    u, _, v = _svd_parts(factors_of_svd(x, hermitian=hermitian), x.shape[-2])
    t = hermitian_part(tangents[0]) if hermitian else tangents[0]
    return real_part(user(u) * fast.matmul(t, v)).sum(axis=-2)


def _infer_svdvals(x: ShapeDtype, *, hermitian: bool) -> ShapeDtype:
    return ShapeDtype((*x.shape[:-2], min(x.shape[-2:])), np.real(np.ones(0, lapack_dtype(x.dtype))).dtype)


def _svdvals(x: Any, *, hermitian: bool) -> Any:
    x, option = as_read(x, hermitian)
    return np.linalg.svd(x, compute_uv=False, **option)


checked(
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
)


@composes(np.linalg.svdvals)
def _linalg_svdvals(x: Any, /) -> Any:
    return svdvals(x, hermitian=False)
