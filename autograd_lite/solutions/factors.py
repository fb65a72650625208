"""A matrix of arrays, ready to solve with: its factors by LAPACK or SuperLU.

None of them raises for a singular matrix: its condition is infinite, and solutions are not finite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.late import needs

with needs("autograd_lite.solutions", "scipy", "'autograd-lite[scipy]'"):
    import scipy.linalg.lapack as lapack
    import scipy.sparse.linalg as sparse_linalg


class Factors:
    """A matrix that is ready to solve with.

    Attributes:
        method: "dense", "cholesky", "sparse", "gmres" or "cg".
        matrix: an array, a sparse matrix of SciPy, or a `LinearOperator`.
        is_singular: whether it is singular to the last bit.
    """

    def __init__(
        self,
        method: str,
        matrix: Any,
        solve: Callable[[Any, bool], Any],
        condition: Callable[[], float],
        is_singular: bool = False,
    ) -> None:
        self.method, self.matrix, self.is_singular = method, matrix, is_singular
        self._solve, self._condition = solve, condition
        self._estimate: float | None = None

    def __repr__(self) -> str:
        return f"<{self.method} factors of a matrix of shape {self.matrix.shape}>"

    def solve(self, b: Any, turned: bool = False) -> Any:
        """Return the solution of A x = b, or of Aᵀ x = b, for one right-hand side or columns; NaN if A is singular."""
        if self.is_singular:
            return np.full(b.shape, np.nan, self.matrix.dtype)
        return self._solve(b, turned)

    def multiply(self, x: Any, turned: bool = False) -> Any:
        """Return A x, or Aᵀ x."""
        return (self.matrix.T if turned else self.matrix) @ x

    @property
    def condition(self) -> float:
        """An estimate of ‖A‖₁ ‖A⁻¹‖₁; infinite for a singular matrix, NaN where there are no factors."""
        if self._estimate is None:
            self._estimate = np.inf if self.is_singular else float(self._condition())
        return self._estimate


def factor_dense(a: Any) -> Factors:
    """Factor a dense matrix, by Cholesky's method if it is symmetric and positive."""
    a = _for_lapack(a)
    if len(a) >= _LARGE and a.dtype.kind == "f" and (a.diagonal() > 0).all() and np.array_equal(a, a.T):
        factors = factor_positive(a)
        if not factors.is_singular:
            return factors
    factor, back, estimate = (_ROUTINES[a.dtype.char, name] for name in ("getrf", "getrs", "gecon"))
    lu, pivots, info = factor(a)

    def solve(b: Any, turned: bool) -> Any:
        return back(lu, pivots, b, trans=int(turned))[0]

    return Factors("dense", a, solve, lambda: _inverse(estimate(lu, _norm(a))[0]), info > 0)


def factor_positive(a: Any) -> Factors:
    """Factor a symmetric positive matrix, of which one triangle is read; one that is not counts as singular."""
    a = _for_lapack(a)
    factor, back, estimate = (_ROUTINES[a.dtype.char, name] for name in ("potrf", "potrs", "pocon"))
    lower, info = factor(a, lower=1)

    def solve(b: Any, turned: bool) -> Any:
        return back(lower, b, lower=1)[0]

    return Factors("cholesky", a, solve, lambda: _inverse(estimate(lower, _norm(a), uplo="L")[0]), info > 0)


def factor_sparse(a: Any) -> Factors:
    """Factor a sparse matrix of SciPy by columns."""
    try:
        lu = sparse_linalg.splu(a)
    except RuntimeError:  # exactly singular
        return Factors("sparse", a, lambda b, turned: b, lambda: np.inf, True)

    def solve(b: Any, turned: bool) -> Any:
        return lu.solve(b, "T" if turned else "N")

    def condition() -> float:
        n = a.shape[0]
        inverse = sparse_linalg.LinearOperator(
            (n, n), lu.solve, rmatvec=lambda x: lu.solve(x, "H"), matmat=lu.solve, dtype=a.dtype
        )
        return float(sparse_linalg.norm(a, 1) * sparse_linalg.onenormest(inverse))

    return Factors("sparse", a, solve, condition)


_LARGE = 100  # rows from which on half the cost is worth a look at the matrix
_ROUTINES = {
    (char, name): getattr(lapack, prefix + name)
    for char, prefix in (("f", "s"), ("d", "d"), ("F", "c"), ("D", "z"))
    for name in ("getrf", "getrs", "gecon", "potrf", "potrs", "pocon")
}


def _for_lapack(a: Any) -> Any:
    """Return a matrix in a precision that LAPACK has."""
    return a.astype(np.float32) if a.dtype.char == "e" else a


def _norm(a: Any) -> float:
    return float(np.abs(a).sum(axis=0).max(initial=0))


def _inverse(x: float) -> float:
    return 1 / x if x > 0 else np.inf
