"""The vocabulary of the rules of linear algebra: conjugates, adjoints, parts of matrices."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.duck_arrays import is_duck_array


def user(g: Any) -> Any:
    """Convert a cotangent between the engine's convention and the user's: they are conjugates."""
    return np.conjugate(g) if g.dtype.kind == "c" else g


def adjoint(a: Any) -> Any:
    """Return the conjugate transpose."""
    return np.conjugate(a.mT) if a.dtype.kind == "c" else a.mT


def hermitian_part(a: Any) -> Any:
    """Return the symmetric part of a real matrix, the Hermitian part of a complex one."""
    return (a + adjoint(a)) * 0.5


def mirror_triangle(a: Any, lower: bool = True, transpose: Callable[[Any], Any] = adjoint) -> Any:
    """Return the Hermitian matrices of which only one triangle is read; symmetric ones with another `transpose`."""
    whole = np.tril(a) + transpose(np.tril(a, -1)) if lower else np.triu(a) + transpose(np.triu(a, 1))
    # LAPACK leaves out the imaginary parts of the diagonal, too.
    return hermitian_part(whole) if a.dtype.kind == "c" and transpose is adjoint else whole


def as_read(x: Any, hermitian: bool) -> tuple[Any, dict[str, Any]]:
    """Return matrices and what tells NumPy that they are Hermitian: it reads the lower triangles.

    Other libraries have no such argument, so that they are given the whole matrices.
    """
    if not is_duck_array(x):
        return x, {"hermitian": hermitian}
    return mirror_triangle(x) if hermitian else x, {}


def real_part(a: Any) -> Any:
    """Return the real part of complex numbers, and real ones as they are."""
    return np.real(a) if a.dtype.kind == "c" else a


def total(*terms: Any) -> Any:
    """Return the sum of terms, where None means zeros; None if all do."""
    return functools.reduce(operator.add, [x for x in terms if x is not None] or [None])
