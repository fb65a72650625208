"""Norms, and quantities from singular values: condition numbers, ranks.

At 0, where the graph of a norm is the tip of a cone, the gradient is 0, the subgradient of least norm; ties for the
largest or the smallest share the gradient evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import is_duck_array
from ..core.errors import ShapeError, UnsupportedError
from ..core.op import composes, nondifferentiable, reduction
from ..core.shape_arithmetic import ShapeDtype, normalize_axes, normalize_axis, reduced_shape
from ..native import threaded_functions as fast
from .adjoints import mirror_triangle, real_part, user
from .matrix_products import times
from .operands import operand
from .solve import bind_matrix, in_lapack, per_matrix

inf = np.inf


# ---- vectors --------------------------------------------------------------------------------------------------------

_SMALL = 16  # elements, up to which `fast.matmul` adds up in an order of its own


def _vector_norm(x: Any, *, axis: Any, keepdims: bool, ord: float) -> Any:
    if x.dtype.kind not in "fc":
        x = x.astype(np.float64)
    if ord == 2:
        if axis is None and x.dtype.kind == "f":
            flat = x.reshape(-1)
            product = np.dot if flat.size <= _SMALL else times  # whose sums have NumPy's order beyond
            size = np.sqrt(product(flat, flat))
            return size.reshape((1,) * x.ndim) if keepdims else size
        squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
        return np.sqrt(squares.sum(axis=axis, keepdims=keepdims))
    size = np.abs(x)
    if ord == inf:
        return size.max(axis=axis, keepdims=keepdims)
    if ord == -inf:
        return size.min(axis=axis, keepdims=keepdims)
    if ord == 0:
        return (x != 0).astype(size.dtype).sum(axis=axis, keepdims=keepdims)
    if ord == 1:
        return size.sum(axis=axis, keepdims=keepdims)
    return (size**ord).sum(axis=axis, keepdims=keepdims) ** (1 / ord)


def _direction(x: Any) -> Any:
    """Return x/|x|, or 0 at 0, conjugated: the derivative of |x| in the convention of the engine."""
    return user(np.sign(x))


def _vector_norm_partial(out: Any, x: Any, *, axis: Any, ord: float) -> Any:
    if ord == 0:
        return np.where(x == x, 0, user(x))
    if ord == 1:
        return _direction(x)
    zero = out == 0
    if ord == 2:
        return np.where(zero, 0, user(x) / np.where(zero, 1, out))
    size = np.abs(x)
    if ord in (inf, -inf):
        chosen = ((size == out) | np.isnan(size)).astype(size.dtype)
        return _direction(x) * (chosen / chosen.sum(axis=axis, keepdims=True))
    # Where x is 0 and the power is below 1, the slope is infinite on both sides; the subgradient of least norm is 0.
    still = zero | (size == 0)
    # Not **, whose shortcuts for arrays round differently.
    slope = fast.power(np.where(still, 1, size) / np.where(zero, 1, out), ord - 1)
    return np.where(still, 0, _direction(x) * slope)


def _vector_norm_jvp(tangents: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, ord: float) -> Any:
    full = out if keepdims else out.reshape(reduced_shape(x.shape, axis, True))
    slope = _vector_norm_partial(full, x, axis=axis, ord=ord)
    return real_part(slope * tangents[0]).sum(axis=axis, keepdims=keepdims)


vector_norm = reduction(
    "vector_norm",
    _vector_norm,
    _vector_norm_partial,
    saves="ox",
    holomorphic=False,
    jvp=_vector_norm_jvp,
    kinks="0; ties for the largest or the smallest",
    glyph="‖x‖",
)


def _vector_order(ord: Any) -> float:
    if ord is None:
        return 2.0
    if isinstance(ord, str):
        raise UnsupportedError(f"norm: expected the order of a vector norm as a number; received {ord!r}")
    return float(ord)


@composes(np.linalg.vector_norm)
def _linalg_vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    axes = normalize_axes(axis, x.ndim)
    return vector_norm(x, axis=axes, keepdims=bool(keepdims), ord=_vector_order(ord))


# ---- matrices -------------------------------------------------------------------------------------------------------


def _of_singular_values(x: Any, rows: int, columns: int, ord: Any) -> Any:
    s = np.linalg.svdvals(np.moveaxis(x, (rows, columns), (-2, -1)))
    # The vectors of a singular value 0 are arbitrary, so how it changes is undetermined.
    s = np.where(s > 0, s, 0)
    if ord == "nuc":
        return s.sum(axis=-1)
    return s.max(axis=-1) if ord == 2 else np.min(s, axis=-1)


def _of_sums(x: Any, summed: int, other: int, largest: bool) -> Any:
    sums = vector_norm(x, axis=(summed,), keepdims=False, ord=1.0)
    axis = other - (other > summed)
    return sums.max(axis=axis) if largest else np.min(sums, axis=axis)


_MATRIX_NORMS: dict[Any, Callable[[Any, int, int], Any]] = {
    "fro": lambda x, rows, columns: vector_norm(x, axis=tuple(sorted((rows, columns))), keepdims=False, ord=2.0),
    "nuc": lambda x, rows, columns: _of_singular_values(x, rows, columns, "nuc"),
    2: lambda x, rows, columns: _of_singular_values(x, rows, columns, 2),
    -2: lambda x, rows, columns: _of_singular_values(x, rows, columns, -2),
    1: lambda x, rows, columns: _of_sums(x, rows, columns, True),
    -1: lambda x, rows, columns: _of_sums(x, rows, columns, False),
    inf: lambda x, rows, columns: _of_sums(x, columns, rows, True),
    -inf: lambda x, rows, columns: _of_sums(x, columns, rows, False),
}


def _matrix_norm(x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    rows, columns = (normalize_axis(i, x.ndim) for i in axis)
    if rows == columns:
        raise ShapeError(f"norm: expected two different axes; received {axis}")
    norm = _MATRIX_NORMS.get("fro" if ord in (None, "f") else ord)
    if norm is None:
        raise UnsupportedError(
            f"norm: expected the order of a matrix norm, one of {[*_MATRIX_NORMS]}; received {ord!r}"
        )
    out = norm(x, rows, columns)
    return out.reshape(reduced_shape(x.shape, (rows, columns), True)) if keepdims else out


@composes(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = operand(x)
    if axis is None:
        if ord is None or x.ndim == 1:
            return vector_norm(x, axis=None, keepdims=bool(keepdims), ord=_vector_order(ord))
        if x.ndim != 2:
            raise ShapeError(f"norm: expected one or two axes, or axis=; received shape {x.shape}")
        return _matrix_norm(x, (0, 1), keepdims, ord)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if len(axes) == 1:
        axes = (normalize_axis(axes[0], x.ndim),)
        return vector_norm(x, axis=axes, keepdims=bool(keepdims), ord=_vector_order(ord))
    if len(axes) != 2:
        raise ShapeError(f"norm: expected one axis or two; received axis={axis}")
    return _matrix_norm(x, axes, keepdims, ord)


@composes(np.linalg.matrix_norm)
def _linalg_matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return _matrix_norm(x, (-2, -1), keepdims, ord)


@composes(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    return _matrix_norm(x, (-2, -1), False, p) * _matrix_norm(np.linalg.inv(x), (-2, -1), False, p)


# ---- without derivative ---------------------------------------------------------------------------------------------


def _bind_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    return bind_matrix(A)[0], {"tol": tol, "hermitian": bool(hermitian), "rtol": rtol}


def _rank(x: Any, *, tol: Any, hermitian: bool, rtol: Any) -> Any:
    if not is_duck_array(x):
        return np.asarray(np.linalg.matrix_rank(x, tol, hermitian, rtol=rtol))
    s = np.linalg.svd(mirror_triangle(x) if hermitian else x, compute_uv=False)
    if tol is None:
        tol = s.max(axis=-1, keepdims=True) * (max(x.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else rtol)
    return (s > tol).sum(axis=-1)


matrix_rank = nondifferentiable(
    in_lapack(_rank),
    name="matrix_rank",
    infer=lambda x, *, tol, hermitian, rtol: ShapeDtype(x.shape[:-2], np.dtype(np.intp)),
    batch=batching.gufunc(2),
    bind=_bind_rank,
    numpy_functions=(np.linalg.matrix_rank,),
    cost=per_matrix(lambda m, n: 2 * m * n**2 + 2 * n**3),
)
