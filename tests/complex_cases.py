"""Cases with complex numbers, for ops of linear algebra and for those that move values; see `linalg_cases`. Data only.

What is determined only up to a phase (singular vectors, eigenvectors) has another phase in LAPACK than in the rules, so
finite differences of it say nothing; `test_linalg_complex` looks at functions that do not depend on the phase.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .op_cases import OpCase, rows

__all__ = ["CASES", "UP_TO_A_PHASE"]


def _einsum(x: Any, y: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, x, y)


BOTH = ("complex", "complex")
PAIRS = (((2, 3), (3, 2)), ((3,), (3,)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2)))

PRODUCTS = [
    OpCase("matmul", np.matmul, PAIRS, BOTH),
    OpCase("matmul", np.matmul, (((2, 3), (3, 2)), ((2, 2, 3), (3, 2))), ("any", "complex")),
    OpCase("matmul", np.matmul, (((2, 3), (3, 2)), ((3,), (3,))), ("complex", "any")),
    *rows("contract", _einsum, [(((2, 3), (3, 4)), {"subscripts": "ij,jk->ki"})], domain=BOTH),
    *rows("contract", _einsum, [(((2, 3), (2, 3)), {"subscripts": "bi,bi->b"})], domain=("any", "complex")),
    *rows("contract", _einsum, [(((2,), (3,)), {"subscripts": "i,j->ij"})], domain=BOTH),
    OpCase("cross", np.cross, (((2, 3), (3,)),), BOTH),
]

MOVES = [
    OpCase("diagonal", np.diagonal, (((2, 3),),), "complex", ({"offset": 1, "axis1": 0, "axis2": 1},)),
    OpCase(
        "on_diagonal",
        lambda x, shape, **_: np.diag(x),
        (((2,),),),
        "complex",
        ({"offset": 0, "axis1": 0, "axis2": 1, "shape": (2, 2)},),
    ),
    OpCase("tril", np.tril, (((2, 3),),), "complex", ({"k": 0},)),
    OpCase("triu", np.triu, (((2, 3),),), "complex", ({"k": 1},)),
    OpCase("reshape", lambda x, shape: x.reshape(shape), (((2, 3),),), "complex", ({"shape": (3, 2)},)),
    OpCase("transpose", np.transpose, (((2, 3),),), "complex", ({"axes": (1, 0)},)),
    OpCase("broadcast_to", np.broadcast_to, (((3,),),), "complex", ({"shape": (2, 3)},)),
    OpCase("concatenate", lambda *a, axis: np.concatenate(a, axis), (((2,), (1,)),), BOTH, ({"axis": 0},)),
    OpCase(
        "concatenate", lambda *a, axis: np.concatenate(a, axis), (((2,), (1,)),), ("any", "complex"), ({"axis": 0},)
    ),
    OpCase("copy", lambda x: x, (((2, 3),),), "complex"),
    OpCase("where", np.where, (((3,), (3,), (3,)),), ("bool", "complex", "complex")),
    OpCase("where", np.where, (((3,), (3,), ()),), ("bool", "complex", "any")),
    OpCase("getitem", lambda x, index: x[index], (((3, 2),),), "complex", ({"index": (np.array([0, 2, 0]),)},)),
    OpCase("getitem", lambda x, index: x[index], (((3, 2),),), "complex", ({"index": (slice(0, 2), 1)},)),
    OpCase("float_power", np.float_power, (((2, 3), (3,)),), BOTH, exempt={"dtype": "its result is complex128"}),
]

SQUARE = (((0, 2, 2),), ((1, 1),), ((3, 3),), ((2, 2, 2),))
ANY_SHAPE = (((3, 2),), ((2, 3),), ((2, 2, 2),), ((1, 1),))

SYSTEMS = [
    OpCase("solve", np.linalg.solve, (((3, 3), (3,)), ((2, 2, 2), (2, 1))), ("complex full rank", "complex")),
    OpCase("solve", np.linalg.solve, (((3, 3), (3,)),), ("full rank", "complex")),
    OpCase("solve", np.linalg.solve, (((3, 3), (3, 2)),), ("complex full rank", "any")),
    OpCase("inv", np.linalg.inv, SQUARE, "complex full rank"),
    OpCase("inverse_or_limit", np.linalg.inv, SQUARE, "complex full rank"),
    OpCase("triangle_inverse", np.linalg.inv, SQUARE, "complex upper"),
    OpCase("det", np.linalg.det, SQUARE, "complex full rank"),
    OpCase("cofactor", lambda x: np.linalg.det(x)[..., None, None] * np.linalg.inv(x).mT, SQUARE, "complex full rank"),
    OpCase("slogdet", np.linalg.slogdet, SQUARE, "complex full rank"),
    OpCase("pinv", np.linalg.pinv, ANY_SHAPE, "complex full rank", ({"rcond": 1e-15, "hermitian": False},)),
    OpCase("pinv", np.linalg.pinv, SQUARE, "complex symmetric", ({"rcond": 1e-10, "hermitian": True},)),
    OpCase(
        "lstsq",
        lambda a, b, rcond: without_residuals(np.linalg.lstsq(a, b, rcond)),
        (((4, 2), (4,)), ((2, 3), (2, 2))),
        ("complex full rank", "complex"),
        ({"rcond": 1e-12},),
    ),
]


def without_residuals(found: Any) -> Any:
    """Return the solution, the rank and the singular values: how many residuals there are depends on the rank."""
    return found[0], found[2], found[3]


def _second_cofactor(x: Any, y: Any) -> Any:
    n = np.linalg.inv(x)
    trace = np.trace(n @ y, axis1=-2, axis2=-1)[..., None, None]
    return np.linalg.det(x)[..., None, None] * (trace * n - n @ y @ n).mT


def _svd(x: Any, hermitian: bool) -> Any:
    return np.linalg.svd(x, full_matrices=False, hermitian=hermitian)


def _divide_by_gaps(x: Any, w: Any, of: str) -> Any:
    gaps = w[..., None, :] - w[..., :, None]
    return x / np.where(np.eye(w.shape[-1], dtype=bool), np.inf, gaps)


def _cholesky_pullback(g: Any, low: Any) -> Any:
    inverse, half = np.linalg.inv(low), np.tri(low.shape[-1]) - 0.5 * np.eye(low.shape[-1])
    inner = half.astype(low.dtype) * (low.conj().mT @ g)
    return inverse.conj().mT @ (inner + inner.conj().mT) / 2 @ inverse


OF = ({"of": "eigenvalues"},)

DECOMPOSITIONS = [
    OpCase("second_cofactor", _second_cofactor, tuple((*s, *s) for s in SQUARE), ("complex full rank", "complex")),
    OpCase("cholesky", np.linalg.cholesky, SQUARE, "complex positive definite", ({"upper": False}, {"upper": True})),
    OpCase("cholesky_pullback", _cholesky_pullback, tuple((*s, *s) for s in SQUARE), ("complex", "complex full rank")),
    OpCase("qr", np.linalg.qr, (((3, 3),), ((4, 2),), ((2, 2, 2),)), "complex full rank"),
    OpCase("qr_r", lambda x: np.linalg.qr(x).R, (((4, 2),),), "complex full rank"),
    OpCase(
        "svdvals",
        lambda x, hermitian: np.linalg.svd(x, compute_uv=False, hermitian=hermitian),
        ANY_SHAPE,
        "complex full rank",
        ({"hermitian": False},),
    ),
    OpCase("divide_by_gaps", _divide_by_gaps, (((3, 3), (3,)),), ("complex", "distinct"), OF),
    OpCase("divide_by_gaps", _divide_by_gaps, (((3, 3), (3,)),), BOTH, OF),
    OpCase(
        "eigenvector_change",
        lambda x, w, v, c: v @ _divide_by_gaps(v.conj().mT @ c, w, ""),
        (((3, 3), (3,), (3, 3), (3, 3)),),
        ("complex symmetric", "distinct", "complex", "complex"),
        exempt={"difference": "its derivatives are those of eigenpairs, and not by their parts"},
    ),
    OpCase("eigvalsh", np.linalg.eigvalsh, SQUARE, "complex symmetric", ({"UPLO": "L"}, {"UPLO": "U"})),
    OpCase("eigvals", np.linalg.eigvals, SQUARE, "complex real eigenvalues"),
]


def _vector_norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return np.asarray(np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord))


NORMS = rows(
    "vector_norm",
    _vector_norm,
    [
        ((shape,), {"axis": axis, "keepdims": axis == (1,), "ord": ord_})
        for ord_ in (2.0, 1.0, 3.0, 0.5, np.inf, -np.inf, 0.0)
        for shape, axis in (((2, 3), (1,)), ((3,), None))
    ],
    domain="complex",
)

# Rows for laws that no phase can break, or break up.
UP_TO_A_PHASE = [
    OpCase("svd", _svd, ANY_SHAPE, "complex full rank", ({"hermitian": False},)),
    OpCase("svd", _svd, SQUARE, "complex symmetric", ({"hermitian": True},)),
    OpCase("eigh", np.linalg.eigh, SQUARE, "complex symmetric", ({"UPLO": "L"},)),
    OpCase("eig", np.linalg.eig, SQUARE, "complex real eigenvalues"),
]

CASES: list[OpCase] = [*PRODUCTS, *MOVES, *SYSTEMS, *DECOMPOSITIONS, *NORMS]
