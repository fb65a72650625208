"""The vocabulary of the rules of linear algebra: conjugates, adjoints, parts of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np


def user(g: Any) -> Any:
    """Convert a cotangent between the engine's convention and the user's: they are conjugates."""
    return np.conjugate(g) if g.dtype.kind == "c" else g


def adjoint(a: Any) -> Any:
    """Return the conjugate transpose."""
    return np.conjugate(a.mT) if a.dtype.kind == "c" else a.mT


def hermitian_part(a: Any) -> Any:
    """Return the symmetric part of a real matrix, the Hermitian part of a complex one."""
    return (a + adjoint(a)) * 0.5


def real_part(a: Any) -> Any:
    """Return the real part of complex numbers, and real ones as they are."""
    return np.real(a) if a.dtype.kind == "c" else a


def pack(*rows: Any) -> Any:
    """Stack matrices with the same number of columns."""
    return np.concatenate(rows, axis=-2)
