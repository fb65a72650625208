"""Orthogonal factorizations, eigenvalues and singular values: NumPy's, with SciPy's further arguments.

Vectors are determined up to a sign or a phase; results that do not depend on it have a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from ...core.errors import UnsupportedError
from ...ops.adjoints import adjoint, mirror_triangle
from ...ops.operands import operand, values
from ...solutions.linear_solve import mirror_evenly
from ..calls import floating, takes_tensors
from .eigenpair import eigenpair
from .triangles import square, substitute

numpy: Any = np.linalg  # its annotations know of no Tensors
_MODES = {"full": "complete", "economic": "reduced", "r": "r"}


@takes_tensors(original.qr, "a", "mode='raw' is refused; the order of the columns is a constant")
def qr(a: Any, mode: str = "full", pivoting: bool = False) -> Any:
    a = floating(operand(a))
    if mode not in _MODES:
        raise UnsupportedError(f"scipy.linalg.qr: the argument mode={mode!r} is not supported on Tensors")
    order: tuple[Any, ...] = ()
    if pivoting:
        order = (original.qr(values(a), mode="r", pivoting=True)[-1],)
        a = a[..., order[0]]
    if mode == "r":
        rows, r = a.shape[-2] - min(a.shape[-2:]), numpy.qr(a, mode="r")
        return (np.concatenate([r, np.zeros((*r.shape[:-2], rows, r.shape[-1]), r.dtype)], axis=-2), *order)
    q, r = numpy.qr(a, mode=_MODES[mode])
    return (q, r, *order)


@takes_tensors(original.eigh, "a, b", "the gradient is that of the symmetric matrix, spread over both triangles")
def eigh(
    a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False, type: int = 1, subset_by_index: Any = None
) -> Any:
    a, triangle = square("eigh", a), "L" if lower else "U"
    subset = slice(None) if subset_by_index is None else slice(subset_by_index[0], subset_by_index[1] + 1)
    if a.ndim == 2 and type == 1 and subset_by_index is not None and subset_by_index[0] == subset_by_index[1]:
        matrices = [mirror_evenly(m, lower) for m in (a, *([] if b is None else [square("eigh", b)]))]
        w, v = eigenpair(len(matrices))(*matrices, index=int(subset_by_index[0]))
        return w if eigvals_only else (w, v)
    low = None
    if b is not None:
        low = np.linalg.cholesky(square("eigh", b), upper=not lower)
        low = low if lower else adjoint(low)
        a = mirror_triangle(a, lower)
        if type == 1:
            half = substitute(low, a, lower=True)
            a = adjoint(substitute(low, adjoint(half), lower=True))
        else:
            a = np.matmul(adjoint(low), np.matmul(a, low))
    if eigvals_only:
        return numpy.eigvalsh(a, triangle)[..., subset]
    w, v = numpy.eigh(a, triangle)
    if low is not None:
        v = np.matmul(low, v) if type == 3 else substitute(adjoint(low), v, lower=False)
    return w[..., subset], v[..., subset]


@takes_tensors(original.eigvalsh, "a, b", "as eigh")
def eigvalsh(a: Any, b: Any = None, lower: bool = True, type: int = 1, subset_by_index: Any = None) -> Any:
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index)


def _standard(name: str, a: Any, b: Any) -> Any:
    a = square(name, a)
    return a if b is None else np.linalg.solve(square(name, b), a)


@takes_tensors(original.eig, "a, b", "left=True is refused")
def eig(a: Any, b: Any = None, right: bool = True) -> Any:
    a = _standard("eig", a, b)
    return tuple(np.linalg.eig(a)) if right else np.linalg.eigvals(a)


@takes_tensors(original.eigvals, "a, b")
def eigvals(a: Any, b: Any = None) -> Any:
    return np.linalg.eigvals(_standard("eigvals", a, b))


@takes_tensors(original.svd, "a")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    a = operand(a)
    return tuple(np.linalg.svd(a, full_matrices=full_matrices)) if compute_uv else svdvals(a)


@takes_tensors(original.svdvals, "a")
def svdvals(a: Any) -> Any:
    return np.linalg.svd(operand(a), compute_uv=False)


@takes_tensors(original.pinv, "a", "return_rank=True is refused")
def pinv(a: Any, atol: float | None = None, rtol: float | None = None) -> Any:
    a = floating(operand(a))
    return np.linalg.pinv(a, rcond=_cutoff(a, atol, rtol))


@takes_tensors(original.pinvh, "a", "return_rank=True is refused")
def pinvh(a: Any, atol: float | None = None, rtol: float | None = None, lower: bool = True) -> Any:
    a = floating(square("pinvh", a))
    return np.linalg.pinv(mirror_triangle(a, lower), rcond=_cutoff(a, atol, rtol), hermitian=True)


def _cutoff(a: Any, atol: float | None, rtol: float | None) -> float:
    """Return what NumPy calls rcond: the share of the largest singular value under which one counts as 0."""
    if rtol is None:
        rtol = float(max(a.shape[-2:]) * np.finfo(a.dtype).eps) if atol is None else 0.0
    return rtol + (atol / float(np.linalg.norm(values(a), 2)) if atol else 0.0)


@takes_tensors(original.norm, "a")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(operand(a), ord, axis, keepdims)


@takes_tensors(original.lstsq, "a, b", "the solution and the residuals; rank and singular values are constants")
def lstsq(a: Any, b: Any, cond: float | None = None) -> Any:
    a, b = floating(operand(a)), floating(operand(b))
    cond = float(np.finfo(a.dtype).eps) if cond is None else cond
    x, residues, rank, s = np.linalg.lstsq(a, b, rcond=cond)
    return x, residues[0] if b.ndim == 1 and residues.shape[0] else residues, rank, s
