"""Cases for products, decompositions, systems of equations and norms; see `op_cases` and `composed_cases`. Data only.

Domains of matrices, on the last two axes, all well conditioned (with "complex" in front: the same of complex numbers):

    full rank           singular values at least 0.4 apart
    symmetric           eigenvalues of either sign, at least 0.4 apart (complex: Hermitian)
    positive definite   the same, all positive
    real eigenvalues    eigenvalues real and positive, at least 0.4 apart, eigenvectors not orthogonal
    upper               upper triangular

An input that is symmetric by contract counts as its symmetric part, which is what its gradient is of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import complex_cases, fft_cases
from .complex_cases import without_residuals
from .composed_cases import ComposedCase, case
from .op_cases import OpCase, rows
from .special_values import Special

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]

inf, nan = np.inf, np.nan

# ---- products -------------------------------------------------------------------------------------------------------

# Subscripts and the shapes of two operands: every way that a contraction takes.
CONTRACTIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ji,kj->ik", (3, 2), (4, 3)),
    ("ij,j->i", (2, 3), (3,)),
    ("i,i->", (3,), (3,)),
    ("ij,ji->", (2, 3), (3, 2)),
    ("i,j->ij", (2,), (3,)),
    ("i,j->ji", (2,), (3,)),
    (",ij->ij", (), (2, 3)),
    (",->", (), ()),
    ("ij,ji->ij", (2, 3), (3, 2)),
    ("bi,bi->b", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("bij,bjk->kib", (2, 2, 3), (2, 3, 2)),
    ("ibj,cbj->cbi", (2, 2, 3), (3, 2, 3)),
    ("abij,bkj->kaib", (2, 2, 1, 3), (2, 2, 3)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij,jk->ik", (2, 0), (0, 3)),
]


def _einsum(x: Any, y: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, x, y)


def _on_diagonal(x: Any, offset: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, x.dtype)
    rows_, columns = np.eye(shape[axis1], shape[axis2], offset, dtype=bool).nonzero()
    np.moveaxis(out, (axis1, axis2), (-2, -1))[..., rows_, columns] = x
    return out


DIAGONALS: list[Any] = [
    ((2, 3), {"offset": 0, "axis1": 0, "axis2": 1}),
    ((3, 2), {"offset": -1, "axis1": 0, "axis2": 1}),
    ((3, 3), {"offset": 1, "axis1": 1, "axis2": 0}),
    ((2, 3, 2), {"offset": 1, "axis1": 1, "axis2": 2}),
    ((2, 3, 2), {"offset": 0, "axis1": 2, "axis2": 0}),
    ((2, 2), {"offset": 5, "axis1": 0, "axis2": 1}),
    ((0, 3), {"offset": 0, "axis1": 0, "axis2": 1}),
]
TRIANGLES = [(((2, 3),), {"k": 0}), (((2, 3, 2),), {"k": -1}), (((3,),), {"k": 1}), (((0, 2),), {"k": 0})]

PRODUCTS = [
    *rows("contract", _einsum, [((x, y), {"subscripts": s}) for s, x, y in CONTRACTIONS]),
    OpCase("cross", np.cross, (((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (2, 3)), ((0, 3), (3,)))),
    *rows("diagonal", np.diagonal, [((shape,), params) for shape, params in DIAGONALS]),
    *rows(
        "on_diagonal",
        _on_diagonal,
        [((np.zeros(shape).diagonal(**p).shape,), {**p, "shape": shape}) for shape, p in DIAGONALS],
    ),
    *rows("tril", np.tril, TRIANGLES),
    *rows("triu", np.triu, TRIANGLES),
]

# ---- systems of equations, determinants -----------------------------------------------------------------------------

# The empty batch first: of the first row the laws make integers and booleans too, and no empty matrix is singular.
SQUARE = (((0, 2, 2),), ((1, 1),), ((3, 3),), ((2, 2, 2),))
SOLVE_SHAPES = (
    ((0, 2, 2), (2, 1)),
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((1, 1), (1,)),
    ((2, 3, 3), (3,)),
    ((2, 1, 2, 2), (3, 2, 1)),
    ((2, 2), (2, 2, 3)),
)


def _second_cofactor(x: Any, y: Any) -> Any:
    """Return the derivative along y of the cofactors of x, det(x) inverse(x)ᵀ."""
    n = np.linalg.inv(x)
    trace = np.trace(n @ y, axis1=-2, axis2=-1)[..., None, None]
    return np.linalg.det(x)[..., None, None] * (trace * n - n @ y @ n).swapaxes(-1, -2)


SYSTEMS = [
    OpCase("solve", np.linalg.solve, SOLVE_SHAPES, ("full rank", "any")),
    OpCase("inv", np.linalg.inv, SQUARE, "full rank"),
    OpCase("inverse_or_limit", np.linalg.inv, SQUARE, "full rank"),
    OpCase("triangle_inverse", np.linalg.inv, SQUARE, "upper"),
    OpCase("det", np.linalg.det, SQUARE, "full rank"),
    OpCase(
        "cofactor",
        lambda x: np.linalg.det(x)[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2),
        SQUARE,
        "full rank",
    ),
    OpCase("second_cofactor", _second_cofactor, tuple((*s, *s) for s in SQUARE), ("full rank", "any")),
    OpCase("slogdet", np.linalg.slogdet, SQUARE, "full rank"),
]

# ---- decompositions -------------------------------------------------------------------------------------------------

TALL = (((0, 2, 2),), ((1, 1),), ((3, 3),), ((4, 2),), ((2, 3, 2),))
ANY_SHAPE = (*TALL, ((2, 4),), ((2, 2, 3),))


def _svd(x: Any, hermitian: bool) -> Any:
    return np.linalg.svd(x, full_matrices=False, hermitian=hermitian)


def _as_complex(x: Any) -> Any:
    return x.astype(np.result_type(x.dtype, np.complex64))


def _eig(x: Any) -> Any:
    return tuple(map(_as_complex, np.linalg.eig(x)))


def _divide_by_gaps(x: Any, w: Any, of: str) -> Any:
    gaps = w[..., None, :] - w[..., :, None]
    gaps[..., np.arange(w.shape[-1]), np.arange(w.shape[-1])] = np.inf
    return x / gaps


def _cholesky_pullback(g: Any, low: Any) -> Any:
    inverse, half = np.linalg.inv(low), np.tri(low.shape[-1]) - 0.5 * np.eye(low.shape[-1])
    inner = half.astype(low.dtype) * (low.conj().swapaxes(-1, -2) @ g)
    return inverse.conj().swapaxes(-1, -2) @ (inner + inner.conj().swapaxes(-1, -2)) / 2 @ inverse


def _eigenvector_change(x: Any, w: Any, v: Any, c: Any) -> Any:
    return v @ _divide_by_gaps(v.conj().swapaxes(-1, -2) @ c, w, "eigenvalues")


PAIRS = {"difference": "its derivatives are those of eigenpairs, and not by their parts"}
GAPS = (((0, 2, 2), (0, 2)), ((3, 3), (3,)), ((2, 2, 2), (2,)), ((1, 1), (1,)))
TRIANGLE = ({"UPLO": "L"}, {"UPLO": "U"})
OF = ({"of": "eigenvalues"},)

DECOMPOSITIONS = [
    OpCase("cholesky", np.linalg.cholesky, SQUARE, "positive definite", ({"upper": False}, {"upper": True})),
    OpCase("cholesky_pullback", _cholesky_pullback, tuple((*s, *s) for s in SQUARE), ("any", "full rank")),
    OpCase("qr", np.linalg.qr, TALL, "full rank"),
    OpCase("qr_r", lambda x: np.linalg.qr(x).R, TALL, "full rank"),
    OpCase("full_svd", np.linalg.svd, ANY_SHAPE, "full rank", ({"hermitian": False},)),
    OpCase("svd", _svd, ANY_SHAPE, "full rank", ({"hermitian": False},)),
    OpCase("svd", _svd, SQUARE, "symmetric", ({"hermitian": True},)),
    OpCase(
        "svdvals",
        lambda x, hermitian: np.linalg.svd(x, compute_uv=False, hermitian=hermitian),
        ANY_SHAPE,
        "full rank",
        ({"hermitian": False},),
        (lambda x, hermitian: np.linalg.svdvals(x), lambda x, hermitian: np.linalg.svd(x, True, False)),
    ),
    OpCase(
        "svdvals",
        lambda x, hermitian: np.linalg.svd(x, compute_uv=False, hermitian=hermitian),
        SQUARE,
        "symmetric",
        ({"hermitian": True},),
        (lambda x, hermitian: np.linalg.svd(x, compute_uv=False, hermitian=hermitian),),
    ),
    OpCase("divide_by_gaps", _divide_by_gaps, GAPS, ("any", "distinct"), OF),
    OpCase(
        "eigenvector_change",
        _eigenvector_change,
        tuple(((*k, n, n), (*k, n), (*k, n, n), (*k, n, n)) for k, n in (((0,), 2), ((), 3), ((2,), 2))),
        ("symmetric", "distinct", "any", "any"),
        exempt=PAIRS,
    ),
    OpCase("used_vectors", lambda v, c: v, (((3, 3), (3, 3)), ((2, 3, 2), (2, 4, 2)))),
    OpCase("eigh", np.linalg.eigh, SQUARE, "symmetric", TRIANGLE),
    OpCase("eigvalsh", np.linalg.eigvalsh, SQUARE, "symmetric", TRIANGLE),
    OpCase("eig", _eig, SQUARE, "real eigenvalues"),
    OpCase(
        "eigvals",
        lambda x: _as_complex(np.linalg.eigvals(x)),
        SQUARE,
        "real eigenvalues",
    ),
]

# ---- norms, least squares -------------------------------------------------------------------------------------------

ORDERS = (2.0, 1.0, 3.0, 1.5, 0.5, -1.0, 0.0)
NORM_AXES = [((), None), ((3,), None), ((2, 3), (1,)), ((2, 3, 2), (0, 2)), ((0, 3), (1,)), ((2, 3), None)]


def _vector_norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return np.asarray(np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord))


def _by_keyword(x: Any, **params: Any) -> Any:
    return np.linalg.vector_norm(x, **params)


NORMS = [
    *rows(
        "vector_norm",
        _vector_norm,
        [
            ((shape,), {"axis": axis, "keepdims": keepdims, "ord": ord_})
            for ord_ in ORDERS
            for shape, axis in NORM_AXES
            for keepdims in (False, True)
        ],
        domain="nonzero",
        calls=(_by_keyword,),
    ),
    *rows(
        "vector_norm",
        _vector_norm,
        [
            ((shape,), {"axis": axis, "keepdims": False, "ord": ord_})
            for ord_ in (np.inf, -np.inf)
            for shape, axis in NORM_AXES
        ],
        domain="distinct",
        calls=(_by_keyword,),
    ),
    OpCase("pinv", np.linalg.pinv, ANY_SHAPE, "full rank", ({"rcond": 1e-15, "hermitian": False},)),
    OpCase("pinv", np.linalg.pinv, SQUARE, "symmetric", ({"rcond": 1e-10, "hermitian": True},)),
    OpCase(
        "lstsq",
        lambda a, b, rcond: without_residuals(np.linalg.lstsq(a, b, rcond)),
        (((3, 3), (3,)), ((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((2, 3), (2, 2))),
        ("full rank", "any"),
        ({"rcond": 1e-12},),
        (
            lambda a, b, rcond: without_residuals(np.linalg.lstsq(a, b, rcond)),
            lambda a, b, rcond: without_residuals(np.linalg.lstsq(a, b, rcond=rcond)),
        ),
    ),
    OpCase(
        "matrix_rank",
        np.linalg.matrix_rank,
        (((3, 2),), ((2, 3, 3),)),
        "coarse",
        ({"tol": None, "hermitian": False, "rtol": None}, {"tol": 0.1, "hermitian": False, "rtol": None}),
    ),
]

CASES: list[OpCase] = [
    *PRODUCTS,
    *SYSTEMS,
    *DECOMPOSITIONS,
    *NORMS,
    *complex_cases.CASES,
    *fft_cases.CASES,
]

# ---- composed -------------------------------------------------------------------------------------------------------


def _both(function: Callable[..., Any], *shapes: tuple[int, ...], **more: Any) -> ComposedCase:
    return case(function, shapes, function, **more)


EINSUMS = [
    case(np.einsum, shapes, lambda *a, s=subscripts, **k: np.einsum(s, *a), *more)
    for subscripts, shapes, *more in [
        ("ij,jk", ((2, 3), (3, 4)), lambda x, y: np.einsum(x, [0, 1], y, [1, 2])),
        ("ij,jk->ki", ((2, 3), (3, 4)), lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0])),
        (" ij , jk -> ki", ((2, 3), (3, 4))),
        ("ba,cb", ((2, 3), (4, 2))),
        ("ii", ((3, 3),), lambda x: np.einsum(x, [0, 0])),
        ("ii->i", ((3, 3),)),
        ("ijj->ji", ((2, 3, 3),)),
        ("iijk->k", ((2, 2, 3, 2),)),
        ("ijij->ij", ((2, 3, 2, 3),)),
        ("iii->i", ((2, 2, 2),)),
        ("ij->ji", ((2, 3),)),
        ("ij->j", ((2, 3),)),
        ("ij->", ((2, 3),)),
        ("i", ((3,),)),
        ("ba", ((2, 3),)),
        ("...", ((2, 3),)),
        ("...i->...", ((2, 3),)),
        ("i...->...i", ((2, 3, 2),)),
        ("...ii->...i", ((2, 3, 3),), lambda x: np.einsum(x, [..., 0, 0], [..., 0])),
        ("...ij,...jk->...ik", ((2, 2, 3), (3, 2))),
        ("...ij,...jk->...ik", ((2, 1, 2, 3), (3, 3, 2))),
        ("...ij,jk...", ((2, 2, 3), (3, 2, 2))),
        ("ij,ij->ij", ((1, 3), (2, 3))),
        ("ij,ij->", ((1, 3), (2, 1))),
        ("ij,k->k", ((2, 3), (2,))),
        ("ii,jj->", ((2, 2), (3, 3))),
        ("iij,jk->k", ((2, 2, 3), (3, 2))),
        (",ij", ((), (2, 3))),
        ("i,j,k->kji", ((2,), (3,), (2,)), lambda x, y, z: np.einsum("i,j,k->kji", x, y, z, optimize="greedy")),
        ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 2)), lambda *a: np.einsum("ij,jk,kl->il", *a, optimize=True)),
        (
            "bi,ij,bj->b",
            ((2, 3), (3, 3), (2, 3)),
            lambda *a: np.einsum("bi,ij,bj->b", *a, optimize=["einsum_path", (0, 1), (0, 1)]),
            lambda *a: np.einsum("bi,ij,bj->b", *a, optimize=("optimal", 1)),
        ),
        ("ab,bc,cd,de,ea->", ((2, 2), (2, 3), (3, 2), (2, 3), (3, 2))),
        ("i,i,i,i->", ((3,), (3,), (3,), (3,))),
    ]
]

TENSOR_PRODUCTS = [
    case(np.tensordot, ((2, 3, 4), (3, 4, 2)), lambda x, y: np.tensordot(x, y), lambda x, y: np.tensordot(x, y, 2)),
    case(np.tensordot, ((2, 3), (4, 2)), lambda x, y: np.tensordot(x, y, axes=([0], [1]))),
    case(np.tensordot, ((2, 3), (3, 2)), lambda x, y: np.tensordot(x, y, (-1, 0)), lambda x, y: np.tensordot(x, y, 1)),
    case(np.tensordot, ((2,), (3,)), lambda x, y: np.tensordot(x, y, 0)),
    case(np.tensordot, ((2, 3), (3, 2)), lambda x, y: np.tensordot(x, y, axes=((0, 1), (1, 0)))),
    case(np.tensordot, ((), (2, 3)), lambda x, y: np.tensordot(x, y, 0)),
    case(np.linalg.tensordot, ((2, 3), (3, 4)), lambda x, y: np.linalg.tensordot(x, y, axes=1)),
    _both(np.inner, (3,), (3,)),
    _both(np.inner, (2, 3), (4, 3)),
    _both(np.inner, (2, 1, 3), (2, 3)),
    _both(np.inner, (), (2, 3)),
    _both(np.outer, (2,), (3,)),
    _both(np.outer, (2, 2), (3, 1)),
    case(np.outer, ((), (2,)), lambda x, y: np.outer(x, y), lambda x, y: np.outer(a=x, b=y)),
    _both(np.linalg.outer, (2,), (3,)),
    _both(np.vdot, (3,), (3,)),
    _both(np.vdot, (2, 3), (3, 2)),
    _both(np.kron, (2, 3), (3, 2)),
    _both(np.kron, (2,), (3, 2)),
    _both(np.kron, (2, 2, 1), (2, 3)),
    case(np.einsum_path, ((2, 3), (3, 4)), lambda x, y: len(np.einsum_path("ij,jk", x, y)[0])),
]

VECTOR_PRODUCTS = [
    *(
        _both(getattr(np, name), *shapes)
        for name, shapes in [
            ("vecdot", ((2, 3), (3,))),
            ("vecdot", ((3,), (3,))),
            ("matvec", ((2, 2, 3), (3,))),
            ("vecmat", ((2,), (3, 2, 3))),
        ]
        if hasattr(np, name)
    ),
    case(np.linalg.vecdot, ((2, 3), (2, 3)), np.linalg.vecdot, lambda x, y: np.linalg.vecdot(x, y, axis=1)),
    case(np.linalg.vecdot, ((3, 2), (3, 1)), lambda x, y: np.linalg.vecdot(x, y, axis=0)),
    _both(np.linalg.matmul, (2, 3), (3, 2)),
    _both(np.linalg.matrix_transpose, (2, 3, 4)),
    case(np.cross, ((2, 3), (3,)), lambda x, y: np.cross(x, y), lambda x, y: np.cross(x, y, axisa=1)),
    case(np.cross, ((3, 2), (2, 3)), lambda x, y: np.cross(x, y, 0, 1, 0)),
    case(np.cross, ((3, 2), (3, 2)), lambda x, y: np.cross(x, y, axis=0)),
    case(np.linalg.cross, ((3, 2), (3, 2)), lambda x, y: np.linalg.cross(x, y, axis=0)),
    case(np.linalg.multi_dot, ((2, 3), (3, 4), (4, 2)), lambda *a: np.linalg.multi_dot(a)),
    case(np.linalg.multi_dot, ((3,), (3, 1), (1, 4), (4,)), lambda *a: np.linalg.multi_dot(list(a))),
    case(np.linalg.multi_dot, ((2, 3), (3,)), lambda *a: np.linalg.multi_dot(a)),
]

DIAGONALS_AND_POWERS = [
    case(np.trace, (2, 3), lambda x: np.trace(x), lambda x: np.trace(x, offset=0, axis1=0, axis2=1)),
    case(np.trace, (2, 3, 3), lambda x: np.trace(x, 1, 1, 2), lambda x: np.trace(x, 1, -2, -1, None)),
    case(np.linalg.trace, (2, 3, 3), lambda x: np.linalg.trace(x), lambda x: np.linalg.trace(x, offset=0)),
    case(np.linalg.diagonal, (2, 3, 3), lambda x: np.linalg.diagonal(x, offset=1)),
    case(np.diag, (3, 2), lambda x: np.diag(x), lambda x: np.diag(v=x, k=0)),
    case(np.diag, (3,), lambda x: np.diag(x, 1), lambda x: np.diag(x, k=1)),
    case(np.diag, (2,), lambda x: np.diag(x, -2)),
    case(np.diagflat, (2, 2), lambda x: np.diagflat(x), lambda x: np.diagflat(x, k=0)),
    case(np.vander, (3,), lambda x: np.vander(x), lambda x: np.vander(x, 3), lambda x: np.vander(x, N=None)),
    case(np.vander, (3,), lambda x: np.vander(x, 4, True), lambda x: np.vander(x, N=4, increasing=True)),
    *(
        case(np.linalg.matrix_power, (2, 3, 3), lambda x, n=n: np.linalg.matrix_power(x, n), domain="full rank")
        for n in (1, 2, 3, 5, 8, -1, -3)
    ),
]

DETERMINANTS = [
    case(np.linalg.slogdet, (2, 3, 3), lambda x: np.linalg.slogdet(x), domain="full rank"),
    case(np.linalg.tensorinv, (4, 2, 2), lambda x: np.linalg.tensorinv(x, ind=1)),
    case(np.linalg.tensorinv, (2, 3, 6), lambda x: np.linalg.tensorinv(x), lambda x: np.linalg.tensorinv(a=x)),
    case(np.linalg.tensorsolve, ((2, 3, 6), (2, 3)), lambda x, y: np.linalg.tensorsolve(x, y)),
    case(np.linalg.tensorsolve, ((2, 4, 2), (2, 2)), lambda x, y: np.linalg.tensorsolve(x, y, axes=(1,))),
    # Of a matrix made symmetric here, so that every element of the input is free.
    case(np.linalg.cholesky, (3, 3), lambda x: np.linalg.cholesky(x @ x.mT + np.eye(3))),
]

FACTORS = [
    case(np.linalg.qr, (4, 2), lambda x: np.linalg.qr(x), lambda x: np.linalg.qr(x, mode="reduced")),
    case(np.linalg.qr, (2, 4), lambda x: np.linalg.qr(x), lambda x: np.linalg.qr(a=x, mode="complete")),
    case(np.linalg.qr, (2, 3, 3), lambda x: np.linalg.qr(x, "complete"), lambda x: np.linalg.qr(x)),
    case(np.linalg.qr, (3, 2), lambda x: np.linalg.qr(x, "r")),
    case(np.linalg.qr, (2, 3), lambda x: np.linalg.qr(x, "r")),
    case(np.linalg.svd, (3, 2), lambda x: np.linalg.svd(x, False), domain="full rank"),
    case(
        np.linalg.svd, (2, 2, 3), lambda x: np.linalg.svd(x, full_matrices=False, compute_uv=True), domain="full rank"
    ),
    case(np.linalg.svd, (3, 3), lambda x: np.linalg.svd(x), lambda x: np.linalg.svd(x, True), domain="full rank"),
    case(np.linalg.svd, (3, 3), lambda x: np.linalg.svd(x + x.mT, hermitian=True), domain="symmetric"),
    case(np.linalg.svdvals, (3, 2), lambda x: np.linalg.svdvals(x), domain="full rank"),
    case(np.linalg.eigh, (3, 3), lambda x: np.linalg.eigh(x + x.mT), domain="symmetric"),
    case(np.linalg.eigh, (2, 2, 2), lambda x: np.linalg.eigh((x + x.mT) / 2, UPLO="U"), domain="symmetric"),
    case(np.linalg.eigvalsh, (3, 3), lambda x: np.linalg.eigvalsh(x + x.mT), domain="symmetric"),
    case(np.linalg.eig, (3, 3), lambda x: [np.abs(part) for part in np.linalg.eig(x)], domain="real eigenvalues"),
]

MATRIX_ORDERS = ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)

NORMS_BY_CALL = [
    case(
        np.linalg.norm,
        (3,),
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, 2),
        lambda x: np.linalg.norm(x, None),
    ),
    case(
        np.linalg.norm,
        (2, 3),
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, "fro"),
        lambda x: np.linalg.norm(x, "f"),
    ),
    case(np.linalg.norm, (2, 3, 2), lambda x: np.linalg.norm(x), lambda x: np.linalg.norm(x.reshape(-1))),
    case(np.linalg.norm, (2, 3), lambda x: np.linalg.norm(x, axis=1), lambda x: np.linalg.norm(x, 2, (-1,))),
    case(
        np.linalg.norm,
        (2, 3),
        lambda x: np.linalg.norm(x, 3, 0, True),
        lambda x: np.linalg.norm(x, ord=3, axis=0, keepdims=True),
    ),
    case(np.linalg.norm, (2, 3), lambda x: np.linalg.norm(x, keepdims=True)),
    *(
        case(
            np.linalg.norm,
            (3, 2),
            lambda x, o=o: np.linalg.norm(x, o),
            lambda x, o=o: np.linalg.norm(x, ord=o),
            domain="full rank",
        )
        for o in MATRIX_ORDERS
    ),
    *(
        case(
            np.linalg.norm,
            (2, 3, 2),
            lambda x, o=o: np.linalg.norm(x, o, axis=(2, 0), keepdims=True),
            domain="full rank",
        )
        for o in MATRIX_ORDERS
    ),
    *(
        case(np.linalg.matrix_norm, (2, 3, 2), lambda x, o=o: np.linalg.matrix_norm(x, ord=o), domain="full rank")
        for o in MATRIX_ORDERS
    ),
    case(
        np.linalg.matrix_norm,
        (2, 3),
        lambda x: np.linalg.matrix_norm(x),
        lambda x: np.linalg.matrix_norm(x, keepdims=False),
    ),
    case(np.linalg.vector_norm, (2, 3), lambda x: np.linalg.vector_norm(x), lambda x: np.linalg.vector_norm(x, ord=2)),
    *(
        case(
            np.linalg.cond,
            (2, 3, 3),
            lambda x, o=o: np.linalg.cond(x, o),
            lambda x, o=o: np.linalg.cond(x, p=o),
            domain="full rank",
        )
        for o in (None, 2, -2, 1, -1, np.inf, "fro")
    ),
]

LEAST_SQUARES = [
    case(
        np.linalg.pinv, (3, 2), lambda x: np.linalg.pinv(x), lambda x: np.linalg.pinv(x, rtol=None), domain="full rank"
    ),
    case(
        np.linalg.pinv,
        (3, 3),
        lambda x: np.linalg.pinv(x, 1e-10),
        lambda x: np.linalg.pinv(x, rtol=1e-10),
        domain="full rank",
    ),
    case(
        np.linalg.lstsq,
        ((4, 2), (4, 1)),
        lambda a, b: (r := np.linalg.lstsq(a, b[:, 0]))[:2] + r[3:],
        domain="full rank",
    ),
    case(np.linalg.lstsq, ((4, 2), (4, 3)), lambda a, b: np.linalg.lstsq(a, b, rcond=-1)[1], domain="full rank"),
    case(np.linalg.lstsq, ((2, 4), (2, 1)), lambda a, b: np.linalg.lstsq(a, b, None)[0], domain="full rank"),
]

COMPOSED_CASES: list[ComposedCase] = [
    *EINSUMS,
    *TENSOR_PRODUCTS,
    *VECTOR_PRODUCTS,
    *DIAGONALS_AND_POWERS,
    *DETERMINANTS,
    *FACTORS,
    *NORMS_BY_CALL,
    *LEAST_SQUARES,
    *fft_cases.COMPOSED_CASES,
]

# ---- special values -------------------------------------------------------------------------------------------------

SPECIAL: list[Special] = [
    Special("det of rank 1", np.linalg.det, ([[1.0, 2.0], [2.0, 4.0]],), ([[4, -2], [-2, 1]],)),
    Special("det of zeros", np.linalg.det, (np.zeros((3, 3)),), (np.zeros((3, 3)),)),
    Special("det of one zero", np.linalg.det, ([[0.0]],), ([[1]],)),
    Special("det of rank 2", np.linalg.det, (np.diag([2.0, 3.0, 0.0]),), (np.diag([0, 0, 6]),)),
    Special("eigvalsh of the identity", lambda x: np.linalg.eigvalsh(x)[0], (np.eye(2),), ([[1, 0], [0, 0]],)),
    Special("eigh of the identity, values", lambda x: np.linalg.eigh(x)[0], (np.eye(2),), (np.eye(2),)),
    Special("svdvals of the identity", np.linalg.svdvals, (np.eye(2),), (np.eye(2),)),
    Special("svd of the identity, values", lambda x: np.linalg.svd(x)[1], (np.eye(2),), (np.eye(2),)),
    Special(
        "cholesky of one triangle",
        lambda x: np.linalg.cholesky(x)[1],
        ([[1.0, 9.0], [0.0, 1.0]],),
        ([[0, 0.5], [0.5, 0.5]],),
    ),
    Special("norm of zeros", np.linalg.norm, ([0.0, 0.0],), ([0, 0],)),
    Special(
        "norm of a zero row", lambda x: np.linalg.norm(x, axis=1), ([[0.0, 0.0], [3.0, 4.0]],), ([[0, 0], [0.6, 0.8]],)
    ),
    Special("norm 1 with a zero", lambda x: np.linalg.norm(x, 1), ([0.0, 2.0],), ([0, 1],)),
    Special("norm 3 with a zero", lambda x: np.linalg.norm(x, 3), ([0.0, 2.0],), ([0, 1],)),
    Special("norm ½ with a zero", lambda x: np.linalg.norm(x, 0.5), ([0.0, 2.0],), ([0, 1],)),
    Special("norm inf tie", lambda x: np.linalg.norm(x, inf), ([2.0, -2.0, 1.0],), ([0.5, -0.5, 0],)),
    Special("norm -inf tie", lambda x: np.linalg.norm(x, -inf), ([2.0, -2.0, 3.0],), ([0.5, -0.5, 0],)),
    Special("norm 0", lambda x: np.linalg.norm(x, 0), ([2.0, 0.0, 3.0],), ([0, 0, 0],)),
    Special("norm 2 of the identity", lambda x: np.linalg.norm(x, 2), (np.eye(2),), (np.eye(2) / 2,)),
    Special("norm nuc of rank 1", lambda x: np.linalg.norm(x, "nuc"), (np.diag([2.0, 0.0]),), (np.diag([1, 0]),)),
    *(
        Special(f"norm {o} of zeros", lambda x, o=o: np.linalg.norm(x, o), (np.zeros(3),), (np.zeros(3),))
        for o in (1, 2, 3, 1.5, 0.5, inf, -inf, 0)
    ),
    *(
        Special(
            f"matrix norm {o} of zeros", lambda x, o=o: np.linalg.norm(x, o), (np.zeros((2, 3)),), (np.zeros((2, 3)),)
        )
        for o in MATRIX_ORDERS
    ),
    Special("diagonal with nan beside it", np.trace, ([[1.0, nan], [nan, 2.0]],), (np.eye(2),)),
    Special("tril with nan above", lambda x: np.tril(x).sum(), ([[1.0, nan], [3.0, 2.0]],), ([[1, 0], [1, 1]],)),
]
