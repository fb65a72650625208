"""What HIPS's namespace has besides NumPy's, or otherwise: Python's numbers stay Python's in `where`, for example."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...numpy.covers import array, cover
from ...tensors.tensor import Tensor
from ..tracer import getval
from .numpy_vjps import metadata

_where = cover(np.where)


def where(condition: Any, *args: Any, **kwargs: Any) -> Any:
    """Choose as `numpy.where`; what holds neither arrays nor boxes stays Python's: numbers, and lists."""
    if not args and not kwargs:
        return np.where(getval(condition))
    if len(args) + len(kwargs) != 2:
        raise ValueError("where: expected both x and y, or neither")
    x = args[0] if args else kwargs["x"]
    y = args[1] if len(args) > 1 else kwargs["y"]
    chosen = _where(condition, x, y)
    return chosen.tolist() if isinstance(chosen, np.ndarray) and _python([condition, x, y]) else chosen


def _python(x: Any) -> bool:
    """Return whether `x` is made of Python's own numbers and lists."""
    if isinstance(x, (list, tuple)):
        return all(map(_python, x))
    return isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic)


def make_diagonal(D: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return matrices with the last axis of `D` on their diagonals; HIPS has it for axis1=-1, axis2=-2 alone."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal: expected offset=0, axis1=-1, axis2=-2")
    return D[..., None] * np.eye(np.shape(D)[-1])


def array_from_args(array_args: Any, array_kwargs: Any, *args: Any) -> Any:
    """Make an array of several values."""
    return array(list(args), *array_args, **array_kwargs)


def concatenate_args(axis: int, *args: Any) -> Any:
    """Concatenate several arrays."""
    return np.concatenate(args, axis)


def _astype(
    A: Any, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    """Cast an array or a box; a box lies in memory as it lies, and is cast whatever `casting` says."""
    return A.astype(dtype, copy=copy) if isinstance(A, Tensor) else A.astype(dtype, order, casting, subok, copy)


def _hermitian(a: Any, UPLO: str) -> Any:
    """Return the Hermitian matrix of the triangle that is read; the gradient is zero in the other one, as in HIPS."""
    half, offset = (np.tril, -1) if UPLO == "L" else (np.triu, 1)
    return half(a) + np.conj(np.swapaxes(half(a, offset), -1, -2))


def eigh(a: Any, UPLO: Literal["L", "U"] = "L") -> Any:
    """Return eigenvalues and eigenvectors as `numpy.linalg.eigh`."""
    return np.linalg.eigh(_hermitian(a, UPLO), UPLO)


def eigvalsh(a: Any, UPLO: Literal["L", "U"] = "L") -> Any:
    """Return eigenvalues as `numpy.linalg.eigvalsh`."""
    return np.linalg.eigvalsh(_hermitian(a, UPLO), UPLO)


ADDITIONS = {f.__name__: f for f in (where, make_diagonal, array_from_args, concatenate_args, metadata, _astype)}
