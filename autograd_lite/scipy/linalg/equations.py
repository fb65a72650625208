"""Linear systems of general matrices, and the matrix equations of Sylvester and Lyapunov."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.errors import UnsupportedError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functions.custom_ops import structural
from ...ops.adjoints import adjoint, mirror_triangle
from ...ops.operands import operand
from ...ops.solve import in_lapack, lapack_dtype
from ..calls import takes_tensors
from .triangles import by_matrices, square

_HERMITIAN = ("her", "hermitian", "pos", "positive definite")


def _as_assumed(a: Any, assume_a: str | None, lower: bool) -> Any:
    """Return the matrix that is meant, where only a part of it is read."""
    if assume_a in (None, "gen", "general", "banded", "tridiagonal"):
        return a
    if assume_a == "diagonal":
        return a * np.eye(a.shape[-1])
    if assume_a in ("upper triangular", "lower triangular"):
        return np.tril(a) if assume_a.startswith("lower") else np.triu(a)
    if assume_a not in ("sym", "symmetric", *_HERMITIAN):
        raise UnsupportedError(f"scipy.linalg: the argument assume_a={assume_a!r} is not supported on Tensors")
    return mirror_triangle(a, lower, adjoint if assume_a in _HERMITIAN else np.matrix_transpose)


@takes_tensors(original.solve, "a, b")
def solve(a: Any, b: Any, lower: bool = False, assume_a: str | None = None, transposed: bool = False) -> Any:
    a, b = _as_assumed(square("solve", a), assume_a, lower), operand(b)
    return np.linalg.solve(a.mT if transposed else a, b)


@takes_tensors(original.inv, "a")
def inv(a: Any, assume_a: str | None = None, lower: bool = False) -> Any:
    return np.linalg.inv(_as_assumed(square("inv", a), assume_a, lower))


@takes_tensors(original.det, "a", "of singular matrices too")
def det(a: Any) -> Any:
    return np.linalg.det(square("det", a))


# ---- Sylvester ------------------------------------------------------------------------------------------------------


def _adjoint(g: Any, a: Any, b: Any) -> Any:
    return sylvester(a.mT, b.mT, g)


def _sylvester_jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any, q: Any) -> Any:
    da, db, dq = tangents
    moved = 0 if dq is None else dq
    moved = moved if da is None else moved - np.matmul(da, out)
    return sylvester(a, b, moved if db is None else moved - np.matmul(out, db))


# The solution x of a x + x b = q. The op solves it again with the transposed matrices for its own derivatives.
# References: Bartels and Stewart, Solution of the matrix equation AX + XB = C, 1972.
sylvester: Op = structural(
    "solve_sylvester",
    in_lapack(lambda a, b, q: by_matrices(original.solve_sylvester, a, b, q)),
    lambda g, out, a, b, q: -np.matmul(_adjoint(g, a, b), out.mT),
    lambda g, out, a, b, q: -np.matmul(out.mT, _adjoint(g, a, b)),
    lambda g, out, a, b, q: _adjoint(g, a, b),
    saves=("oxy", "oxy", "xy"),
    infer=lambda a, b, q: ShapeDtype(
        (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2]), *q.shape[-2:]),
        lapack_dtype(a.dtype, b.dtype, q.dtype),
    ),
    jvp=_sylvester_jvp,
    batch=batching.gufunc(2, 2, 2),
)


@takes_tensors(original.solve_sylvester, "a, b, q")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return sylvester(square("solve_sylvester", a), square("solve_sylvester", b), operand(q))


@takes_tensors(original.solve_continuous_lyapunov, "a, q")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    a = square("solve_continuous_lyapunov", a)
    return sylvester(a, adjoint(a), operand(q))


@takes_tensors(original.solve_discrete_lyapunov, "a, q")
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    a, q = square("solve_discrete_lyapunov", a), operand(q)
    n = a.shape[-1]
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"scipy.linalg.solve_discrete_lyapunov: expected method direct or bilinear; received {method}")
    if method == "direct" or (method is None and n < 10):
        left = np.eye(n * n) - np.kron(a, np.conjugate(a))
        return np.linalg.solve(left, q.reshape(-1)).reshape(q.shape)
    one, high = np.eye(n), adjoint(a)
    inverse = np.linalg.inv(high + one)
    b = np.matmul(high - one, inverse)
    c = 2 * np.matmul(np.matmul(np.linalg.inv(a + one), q), inverse)
    return sylvester(adjoint(b), b, -c)
