"""Pseudoinverses and least squares, for matrices without an inverse.

The derivatives assume constant rank: a singular value below the cutoff stays below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.errors import ShapeError
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from .adjoints import adjoint, as_read, hermitian_part, mirror_triangle, real_part, total, user
from .barrier import stop_gradient
from .operands import operand
from .solve import in_lapack, lapack_dtype, per_matrix, real_dtype


def _default_cutoff(a: Any) -> float:
    return float(max(a.shape[-2:]) * np.finfo(lapack_dtype(a.dtype)).eps)


def _bind_pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else _default_cutoff(a) if rtol is None else rtol
    return (a,), {"rcond": rcond, "hermitian": bool(hermitian)}


def _whole(x: Any) -> Any:
    """Return the Hermitian matrices that are read; a derivative by them is spread over both triangles of x."""
    part = hermitian_part(x)
    return part + stop_gradient(mirror_triangle(x) - part)


def _pinv_rule(g: Any, out: Any, x: Any, *, rcond: Any, hermitian: bool) -> Any:
    g, p = adjoint(user(g)), adjoint(out)
    x = _whole(x) if hermitian else x
    left, right = fast.matmul(g, out), fast.matmul(out, g)
    total = (
        (fast.matmul(left, p) - fast.matmul(x, fast.matmul(out, fast.matmul(left, p))))
        + (fast.matmul(p, right) - fast.product(p, right, out, x))
        - fast.product(p, adjoint(g), p)
    )
    return user(hermitian_part(total) if hermitian else total)


def _pinv_jvp(tangents: Sequence[Any], out: Any, x: Any, *, rcond: Any, hermitian: bool) -> Any:
    t, p = tangents[0], adjoint(out)
    if hermitian:
        t, x = hermitian_part(t), _whole(x)
    right, left = fast.product(adjoint(t), p, out), fast.product(out, p, adjoint(t))
    return (
        (left - fast.product(left, x, out))
        + (right - fast.matmul(out, fast.matmul(x, right)))
        - fast.product(out, t, out)
    )


def _pinv(x: Any, *, rcond: Any, hermitian: bool) -> Any:
    x, option = as_read(x, hermitian)
    return np.linalg.pinv(x, rcond, **option)


# References: Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose
# variables separate, 1973, eq. 4.12.
pinv: Op = structural(
    "pinv",
    in_lapack(_pinv),
    _pinv_rule,
    saves="ox",
    infer=lambda x, **_: ShapeDtype((*x.shape[:-2], x.shape[-1], x.shape[-2]), lapack_dtype(x.dtype)),
    bind=_bind_pinv,
    numpy_functions=(np.linalg.pinv,),
    jvp=_pinv_jvp,
    batch=batching.gufunc(2),
    kinks="changes of rank",
    holomorphic=False,
    cost=per_matrix(lambda m, n: 8 * m * n**2 + 20 * n**3),
)


def _columns(a: Any) -> Any:
    return a[:, None] if a.ndim == 1 else a


def _lstsq_by_a(g: Any, out: Any, a: Any, b: Any, *, rcond: float) -> Any:
    by_x, _, by_s = g
    return total(
        None if by_x is None else _solution_by_a(by_x, out[0], a, b, rcond),
        None if by_s is None else _values_by_a(by_s, a),
    )


_svd = in_lapack(np.linalg.svd)


def _values_by_a(g: Any, a: Any) -> Any:
    u, _, vh = _svd(a, full_matrices=False)
    return user(fast.matmul(u * g, vh))


def _lstsq_by_b(g: Any, out: Any, a: Any, b: Any, *, rcond: float) -> Any:
    by_x = np.zeros_like(out[0]) if g[0] is None else g[0]
    return fast.matmul(pinv(a, rcond=rcond, hermitian=False).mT, by_x)


def _solution_by_a(g: Any, out: Any, a: Any, b: Any, rcond: float) -> Any:
    g, x, y = user(_columns(g)), _columns(out), _columns(b)
    p = pinv(a, rcond=rcond, hermitian=False)
    w = fast.matmul(adjoint(p), g)
    outside = g - fast.matmul(adjoint(a), w)
    return user(
        fast.matmul(y - fast.matmul(a, x), adjoint(fast.matmul(p, w)))
        + fast.product(adjoint(p), x, adjoint(outside))
        - fast.matmul(w, adjoint(x))
    )


def _lstsq_jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any, *, rcond: float) -> Any:
    da, db = tangents
    p = pinv(a, rcond=rcond, hermitian=False)
    by_b = None if db is None else fast.matmul(p, db)
    if da is None:
        return by_b, None, None
    u, _, vh = _svd(a, full_matrices=False)
    ds = real_part(user(u) * fast.matmul(da, adjoint(vh))).sum(axis=-2)
    x, y = _columns(out[0]), _columns(b)
    inside = fast.matmul(adjoint(da), fast.matmul(adjoint(p), x))
    by_a = (
        fast.matmul(p, fast.matmul(adjoint(p), fast.matmul(adjoint(da), y - fast.matmul(a, x))) - fast.matmul(da, x))
        + inside
        - fast.matmul(p, fast.matmul(a, inside))
    )
    return total(by_a.reshape(out[0].shape), by_b), None, ds


def _batch_lstsq(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    a, b = inputs
    if batched[0]:
        is_vector = b.ndim - batched[1] == 1
        x = batching.gufunc(2, 2)(_minimum_norm, (a, b[..., None] if is_vector else b), batched, params)
        s = _svd(a, compute_uv=False)
        rank = (s > params["rcond"] * s.max(axis=-1, keepdims=True)).sum(axis=-1)
        return x[..., 0] if is_vector else x, rank.astype(np.intc), s
    # One matrix for all examples: their right-hand sides become columns of one matrix.
    columns = np.moveaxis(b, 0, -1)
    x, rank, s = op(a, columns.reshape(b.shape[1], -1), **params)
    x = np.moveaxis(x.reshape(-1, *columns.shape[1:]), -1, 0)
    return x, *(np.broadcast_to(r, (b.shape[0], *r.shape)) for r in (rank, s))


def _minimum_norm(a: Any, b: Any, *, rcond: float) -> Any:
    return fast.matmul(pinv(a, rcond=rcond, hermitian=False), b)


def _lstsq(a: Any, b: Any, *, rcond: float) -> tuple[Any, ...]:
    x, _, rank, s = np.linalg.lstsq(a, b, rcond)
    return x, rank, s


def _infer_lstsq(a: ShapeDtype, b: ShapeDtype, *, rcond: float) -> tuple[ShapeDtype, ...]:
    x = ShapeDtype((a.shape[1], *b.shape[1:]), lapack_dtype(a.dtype, b.dtype))
    return x, ShapeDtype((), np.dtype(np.intc)), ShapeDtype((min(a.shape),), real_dtype(a.dtype, b.dtype))


# The solution, the rank, the singular values. NumPy's residuals are left out: how many there are depends on the rank.
least_squares: Op = structural(
    "lstsq",
    in_lapack(_lstsq),
    _lstsq_by_a,
    _lstsq_by_b,
    saves=("oxy", "ox"),
    infer=_infer_lstsq,
    jvp=_lstsq_jvp,
    batch=_batch_lstsq,
    kinks="changes of rank",
    holomorphic=False,
    results=3,
    result_names=("x", "rank", "s"),
    cost=per_matrix(lambda m, n: 6 * m * n**2 + 20 * n**3),
)


@composes(np.linalg.lstsq)
def _linalg_lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = operand(a), operand(b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise ShapeError(f"lstsq: expected a matrix, and a vector or a matrix; received shapes {a.shape} and {b.shape}")
    cutoff = _default_cutoff(a) if rcond is None else float(rcond)
    if cutoff < 0:
        cutoff = float(np.finfo(lapack_dtype(a.dtype)).eps)
    x, rank, s = least_squares(a, b, rcond=cutoff)
    # NumPy returns no residuals for a rank-deficient matrix; only the values tell whether it is one.
    left = np.abs(b - fast.matmul(a, x)) ** 2
    residuals = left.sum(axis=0).reshape(-1) if a.shape[0] > a.shape[1] else np.zeros(0, left.dtype)
    return x, residuals, rank, s
