"""Eigenvalues and eigenvectors. Matrices on the last two axes, a batch on those before.

NumPy reads only one triangle of a matrix that must be symmetric (Hermitian); the gradient is that of the function of
the symmetric matrix, spread evenly over both triangles.

Eigenvectors are determined up to a sign, complex ones up to a phase; results that do not depend on it have a gradient.
Eigenvectors of equal eigenvalues are not even determined that far: their gradient is NaN, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace
from ..core.multi_result import get_tuple_element
from ..core.op import Op, composes, structural
from ..core.rewrites import Rewrite
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from .adjoints import adjoint, hermitian_part, real_part, total, user
from .diagonals import diagonal_matrix
from .solve import in_lapack, lapack_dtype, per_matrix, real_dtype, register_loops

# ---- eigenvalues of symmetric matrices ------------------------------------------------------------------------------


def _largest(w: Any) -> Any:
    return np.abs(w).max(axis=-1) if w.shape[-1] else np.zeros_like(w.sum(axis=-1))


def _divide_by_gaps(x: Any, w: Any, *, of: str) -> Any:
    n = w.shape[-1]
    w = w.astype(lapack_dtype(w.dtype), copy=False)
    gaps = w[..., None, :] - w[..., :, None]
    # The factorization cannot distinguish values that are closer than this.
    close = np.abs(gaps) <= n * np.finfo(w.dtype).eps * _largest(w)[..., None, None]
    if gaps.__class__ is x.__class__ is np.ndarray and np.count_nonzero(close) * n == close.size:  # all are distinct
        np.einsum("...ii->...i", gaps)[...] = 1
        out = x / gaps
        np.einsum("...ii->...i", out)[...] = 0
        return out
    out = np.where(close, 0, x / np.where(close, 1, gaps))
    used = (x != 0).any(axis=-2, keepdims=True)
    undefined = close & ~array_namespace(x).eye(n, dtype=bool) & used
    if not undefined.any():
        return out
    warnings.warn(
        f"degenerate {of}: their vectors can be any basis of a subspace, so the derivative of these vectors is NaN; "
        "use only the values, or vectors of values that are apart",
        RuntimeWarning,
        stacklevel=2,
    )
    return np.where(undefined, np.nan, out)


def _gaps_by_values(g: Any, out: Any, x: Any, w: Any, *, of: str) -> Any:
    q = divide_by_gaps(g * out, w, of=of)
    return q.sum(axis=-1) - q.sum(axis=-2)


def _gaps_jvp(tangents: Sequence[Any], out: Any, x: Any, w: Any, *, of: str) -> Any:
    dx, dw = tangents
    if dw is None:
        return divide_by_gaps(dx, w, of=of)
    moved = out * (dw[..., :, None] - dw[..., None, :])
    return divide_by_gaps(moved if dx is None else dx + moved, w, of=of)


# x[i, j] / (w[j] - w[i]), and 0 on the diagonal: the change of the eigenvectors by perturbation theory, for a change x
# of the matrix in their basis. Where w[i] = w[j] it is NaN, unless column j of x is 0: then vector j was not used.
divide_by_gaps: Op = structural(
    "divide_by_gaps",
    in_lapack(_divide_by_gaps),
    lambda g, out, x, w, *, of: divide_by_gaps(g, w, of=of),
    _gaps_by_values,
    saves=("y", "oy"),
    infer=lambda x, w, *, of: ShapeDtype(
        (*np.broadcast_shapes(x.shape[:-2], w.shape[:-1]), *x.shape[-2:]), lapack_dtype(x.dtype, w.dtype)
    ),
    jvp=_gaps_jvp,
    batch=batching.gufunc(2, 1),
    kinks="equal values",
    cost=1,
)


# ---- the change of eigenvectors, column by column --------------------------------------------------------------------


def _uses(c: Any) -> Any:
    """Return which columns have a cotangent that is not zero."""
    return np.any(c != 0, axis=-2, keepdims=True)


def _without_nan(x: Any, c: Any) -> Any:
    """Return x with zeros in place of NaN in columns that are not used."""
    return np.where(np.isnan(x) & ~_uses(c), 0, x)


def _used_batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    v, c = inputs
    return op(v if batched[0] else np.broadcast_to(v, (*c.shape[:1], *v.shape)), c)


# The identity of vectors v with cotangents c. The tangent of a vector that is not used may be undefined.
used_vectors: Op = structural(
    "used_vectors",
    lambda v, c: v,
    lambda g, out, v, c: g,
    None,
    infer=lambda v, c: v,
    jvp=lambda tangents, out, v, c: None if tangents[0] is None else _without_nan(tangents[0], c),
    batch=_used_batch,
    cost=0,
)


def _for_rule(v: Any, *cotangents: Any) -> Any:
    """Return vectors for a rule that takes cotangents of theirs, and of values in rows, or None."""
    if v.__class__ is np.ndarray:
        return v
    parts = [c for c in cotangents if c is not None]
    return used_vectors(v, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2))


def _change_forward(x: Any, w: Any, v: Any, c: Any) -> Any:
    out = fast.matmul(v, _divide_by_gaps(fast.matmul(adjoint(v), c), w, of="eigenvalues"))
    shape = (*np.broadcast_shapes(x.shape[:-2], out.shape[:-2]), *out.shape[-2:])
    return out if shape == out.shape else np.broadcast_to(out, shape)


def _change_by_c(g: Any, y: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    return user(eigenvector_change(x, w, v, user(g)))


def _outside(g: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    return _without_nan(eigenvector_change(x, w, _for_rule(v, c), user(g)), c)


def _change_by_x(g: Any, y: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    return user(hermitian_part(fast.matmul(_outside(g, x, w, v, c), adjoint(y))))


def _change_by_w(g: Any, y: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    return -real_part(np.sum(user(_outside(g, x, w, v, c)) * y, axis=-2))


def _change_by_v(g: Any, y: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    along, across = (np.sum(_for_rule(v, c) * side, axis=-2, keepdims=True) for side in (user(c), g))
    return -user(_outside(g, x, w, v, c) * along + y * across)


def _change_jvp(tangents: Sequence[Any], y: Any, x: Any, w: Any, v: Any, c: Any) -> Any:
    dx, dw, dv, dc = tangents
    moved = total(dc, None if dx is None else fast.matmul(hermitian_part(dx), y))
    moved = total(moved, None if dw is None else -dw[..., None, :] * y)
    if dv is None:
        return eigenvector_change(x, w, v, moved)
    dv = _without_nan(dv, c)
    moved = total(moved, -dv * np.sum(user(v) * c, axis=-2, keepdims=True))
    return eigenvector_change(x, w, v, moved) - v * np.sum(user(dv) * y, axis=-2, keepdims=True)


# (w[j] I - x)⁺ c[:, j] for all eigenpairs (w, v) of x: the change of vector j, for a change c of x v. Column j depends
# on the pair j and x alone, and so do its derivatives, of every order: eigenvalues other than w[j] may be equal.
eigenvector_change: Op = structural(
    "eigenvector_change",
    in_lapack(_change_forward),
    _change_by_x,
    _change_by_w,
    _change_by_v,
    _change_by_c,
    saves=("oxyzu", "oxyzu", "oxyzu", "xyz"),
    infer=lambda x, w, v, c: ShapeDtype(
        (*np.broadcast_shapes(x.shape[:-2], w.shape[:-1], v.shape[:-2], c.shape[:-2]), *c.shape[-2:]),
        lapack_dtype(w.dtype, v.dtype, c.dtype),
    ),
    jvp=_change_jvp,
    batch=batching.gufunc(2, 1, 2, 2),
    kinks="equal values",
    holomorphic=False,
    cost=per_matrix(lambda m, n: 4 * n**3),
)


def _eigh_forward(x: Any, *, UPLO: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.eigh(x, UPLO))


def _eigh_rule(g: Any, out: Any, x: Any, *, UPLO: str) -> Any:
    (by_w, by_v), (w, v) = g, out
    by_w = None if by_w is None else by_w[..., None, :]
    v = _for_rule(v, by_w, by_v)
    moved = None if by_v is None else eigenvector_change(x, w, v, user(by_v))
    return user(hermitian_part(fast.matmul(total(moved, None if by_w is None else v * by_w), adjoint(v))))


def _eigh_jvp(tangents: Sequence[Any], out: Any, x: Any, *, UPLO: str) -> Any:
    w, v = out
    moved = fast.matmul(hermitian_part(tangents[0]), v)
    return real_part(np.sum(user(v) * moved, axis=-2)), eigenvector_change(x, w, v, moved)


# References: Giles, Collected matrix derivative results for forward and reverse mode, 2008, section 3.1.
eigenvalues_and_vectors: Op = structural(
    "eigh",
    in_lapack(_eigh_forward),
    _eigh_rule,
    saves="ox",
    infer=lambda x, *, UPLO: (
        ShapeDtype(x.shape[:-1], real_dtype(x.dtype)),
        ShapeDtype(x.shape, lapack_dtype(x.dtype)),
    ),
    jvp=_eigh_jvp,
    batch=batching.gufunc(2),
    kinks="equal eigenvalues",
    holomorphic=False,
    results=2,
    result_names=("eigenvalues", "eigenvectors"),
    rewrites=(
        Rewrite(
            lambda x, UPLO: get_tuple_element(eigenvalues_and_vectors(x, UPLO=UPLO), index=0),
            lambda x, UPLO: eigvalsh(x, UPLO=UPLO),
            exact=False,
        ),
    ),
    cost=per_matrix(lambda m, n: 9 * n**3),
)
register_loops(
    eigenvalues_and_vectors.forward,
    lambda x, *, UPLO: "eigh_lo" if UPLO == "L" else "eigh_up",
    "Eigenvalues did not converge",
)
# NumPy's own named tuples, which have no public names.
_EighResult: Any = type(np.linalg.eigh(np.eye(1)))


@composes(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    return _EighResult(*eigenvalues_and_vectors(a, UPLO=UPLO.upper()))


def _eigvalsh_rule(g: Any, out: Any, x: Any, *, UPLO: str) -> Any:
    return _eigh_rule((g, None), eigenvalues_and_vectors(x, UPLO=UPLO), x, UPLO=UPLO)


def _eigvalsh_jvp(tangents: Sequence[Any], out: Any, x: Any, *, UPLO: str) -> Any:
    v = eigenvalues_and_vectors(x, UPLO=UPLO)[1]
    return real_part(user(v) * fast.matmul(hermitian_part(tangents[0]), v)).sum(axis=-2)


# Only the values: cheaper than with vectors, and differentiable where they are equal.
register_loops(
    np.linalg.eigvalsh,
    lambda a, *, UPLO: "eigvalsh_lo" if UPLO == "L" else "eigvalsh_up",
    "Eigenvalues did not converge",
)
eigvalsh: Op = structural(
    "eigvalsh",
    in_lapack(lambda x, *, UPLO: np.linalg.eigvalsh(x, UPLO=UPLO)),
    _eigvalsh_rule,
    saves="x",
    infer=lambda x, *, UPLO: ShapeDtype(x.shape[:-1], real_dtype(x.dtype)),
    bind=lambda a, UPLO="L": ((a,), {"UPLO": UPLO.upper()}),
    numpy_functions=(np.linalg.eigvalsh,),
    jvp=_eigvalsh_jvp,
    batch=batching.gufunc(2),
    holomorphic=False,
    cost=per_matrix(lambda m, n: 4 * n**3 / 3),
)


# ---- eigenvalues of any square matrix -------------------------------------------------------------------------------


def _complex(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(lapack_dtype(dtype), np.complex64)


def _eig_forward(x: Any) -> Any:
    return tuple([a.astype(_complex(x.dtype)) for a in np.linalg.eig(x)])


def _length_change(v: Any, inner: Any) -> Any:
    """Remove from a change of v, in its own basis, the part that would change the lengths of its columns."""
    return real_part(np.diagonal(fast.product(adjoint(v), v, inner), 0, -2, -1))[..., None, :]


def _eig_rule(g: Any, out: Any, x: Any) -> Any:
    (by_w, by_v), (w, v) = g, out
    if by_v is None:
        return np.linalg.solve(v.mT, by_w[..., :, None] * v.mT)
    along = fast.matmul(adjoint(v), user(by_v))
    lengths = real_part(np.diagonal(along, 0, -2, -1))[..., None, :]
    inner = user(divide_by_gaps(user(along - fast.matmul(adjoint(v), v * lengths)), w, of="eigenvalues"))
    inner = total(inner, None if by_w is None else diagonal_matrix(user(by_w)))
    return user(np.linalg.solve(adjoint(v), fast.matmul(inner, adjoint(v))))


def _eig_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    w, v = out
    inner = np.linalg.solve(v, fast.matmul(tangents[0], v))
    turned = divide_by_gaps(inner, w, of="eigenvalues")
    return np.diagonal(inner, 0, -2, -1), fast.matmul(v, turned) - v * _length_change(v, turned)


# Always complex, although NumPy returns real eigenvalues if all of them are real: no dtype depends on values.
# References: Boeddeker et al., On the computation of complex-valued gradients with application to statistically
# optimum beamforming, 2019, section 4.9 (arXiv:1701.00392).
eigenvalues_and_vectors_of_any: Op = structural(
    "eig",
    in_lapack(_eig_forward),
    _eig_rule,
    saves="o",
    infer=lambda x: (ShapeDtype(x.shape[:-1], _complex(x.dtype)), ShapeDtype(x.shape, _complex(x.dtype))),
    jvp=_eig_jvp,
    batch=batching.gufunc(2),
    kinks="equal eigenvalues",
    results=2,
    result_names=("eigenvalues", "eigenvectors"),
    cost=per_matrix(lambda m, n: 25 * n**3),
)
_EigResult: Any = type(np.linalg.eig(np.eye(1)))


@composes(np.linalg.eig)
def _eig(a: Any) -> Any:
    return _EigResult(*eigenvalues_and_vectors_of_any(a))


def _eigvals_rule(g: Any, out: Any, x: Any) -> Any:
    return _eig_rule((g, None), eigenvalues_and_vectors_of_any(x), x)


def _eigvals_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    v = eigenvalues_and_vectors_of_any(x)[1]
    return np.diagonal(np.linalg.solve(v, fast.matmul(tangents[0], v)), 0, -2, -1)


eigvals = structural(
    "eigvals",
    in_lapack(lambda x: np.linalg.eigvals(x).astype(_complex(x.dtype))),
    _eigvals_rule,
    saves="x",
    infer=lambda x: ShapeDtype(x.shape[:-1], _complex(x.dtype)),
    bind=lambda a: ((a,), {}),
    numpy_functions=(np.linalg.eigvals,),
    jvp=_eigvals_jvp,
    batch=batching.gufunc(2),
    kinks="equal eigenvalues",
    cost=per_matrix(lambda m, n: 10 * n**3),
)
