"""df/dy of a right-hand side as a matrix, dense or sparse, and c M - df/dy ready to solve with.

The tangent lift of n equations has a Jacobian of blocks, with J on the diagonal and others below it in the first
column. It is never formed: its equations are solved with the factors of c M - J, which serve every block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..control.body import Body, needed_for
from ..control.closure_conversion import record_body
from ..core.late import needs
from ..functional import jacobian, jvp, vmap
from ..solutions.factors import Factors, factor_dense
from ..sparse.program_jacobians import ProgramJacobian
from .block_factors import blocks_of

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import csc_array, eye_array, issparse
    from scipy.sparse.linalg import splu

# Up to how many unknowns a Jacobian is computed by as many tangents at once, from how many on its pattern is looked at,
# and with which share of nonzeros it counts as sparse. SuperLU takes as long as LAPACK for 100 tridiagonal equations.
_BY_TANGENTS, _SPARSE_FROM, _SPARSE_SHARE = 32, 100, 0.05


class StateJacobian:
    """df/dy of a program of t, y and theta, in the form that is smaller.

    Args:
        called: the caller, for messages.
        body: the program.

    Attributes:
        body: the program that computes the matrix, or its nonzeros by columns.
        is_constant: whether it depends on theta alone.
    """

    def __init__(self, called: str, body: Body) -> None:
        self.n = np.size(body.examples[1])
        self._sparse: ProgramJacobian | None = None
        self._pencil: _Pencil | None = None
        if self.n >= _SPARSE_FROM:
            sparse = ProgramJacobian(called, body, 1, with_diagonal=True)
            if sparse.pattern.nnz <= _SPARSE_SHARE * self.n**2:
                self._sparse = sparse
        self.body = dense_jacobian(called, body) if self._sparse is None else self._sparse.record()
        needed = needed_for(self.body.program, self.body.outputs)
        self.is_constant = not needed.intersection(self.body.program.inputs[:2])

    def __repr__(self) -> str:
        form = "dense" if self._sparse is None else f"sparse, {self._sparse.pattern.nnz} nonzeros"
        return f"<{self.n} x {self.n} Jacobian, {form}>"

    @property
    def is_sparse(self) -> bool:
        """Whether it is a sparse matrix."""
        return self._sparse is not None

    def form(self, numbers: Any) -> Any:
        """Return the matrix from what the program has computed."""
        if self._sparse is None:
            return numbers
        return csc_array((numbers, self._sparse.indices, self._sparse.indptr), (self.n, self.n))

    def factor(self, c: Any, matrix: Any, mass: Any = None) -> Factors:
        """Return c M - J ready to solve with; M is the identity if there is no mass matrix."""
        if not issparse(matrix):
            mass = mass.toarray() if issparse(mass) else mass
            return _for_any_dtype(factor_dense(_shift(c, matrix) if mass is None else c * mass - matrix))
        pencil = self._pencil
        if pencil is None or pencil.mass is not mass:
            pencil = self._pencil = _Pencil(matrix, mass)
        return _for_any_dtype(pencil.factor(c, matrix))


class _Pencil:
    """Sparse matrices c M - J of one pattern, which are factored in one order of columns.

    Args:
        matrix: J, a sparse matrix by columns.
        mass: M, or None for the identity.
    """

    def __init__(self, matrix: Any, mass: Any) -> None:
        self.mass, n = mass, matrix.shape[0]
        m = csc_array(eye_array(n, format="csc") if mass is None else mass)
        m.sum_duplicates()
        both = [_places(a) for a in (matrix, m)]
        union = np.unique(np.concatenate(both))
        self._of_matrix, self._of_mass = (np.searchsorted(union, places) for places in both)
        self._pattern, self._mass_data = (matrix.indices, matrix.indptr), m.data
        columns, rows = np.divmod(union, n)
        self._indptr = np.searchsorted(columns, np.arange(n + 1)).astype(np.int32)
        self._indices, self._shape = rows.astype(np.int32), matrix.shape
        self._blocks = blocks_of(self._indices, self._indptr)
        self._order: tuple[Any, Any, tuple[Any, Any], Any] | None = None

    def factor(self, c: Any, matrix: Any) -> Factors:
        """Factor c M - J, by blocks or in the order of columns with the least fill, which is looked for once."""
        if matrix.indices is not self._pattern[0] and not (
            np.array_equal(matrix.indices, self._pattern[0]) and np.array_equal(matrix.indptr, self._pattern[1])
        ):
            return _Pencil(matrix, self.mass).factor(c, matrix)
        data = np.zeros(len(self._indices), np.result_type(matrix.dtype, self._mass_data, type(c)))
        data[self._of_matrix] = -matrix.data
        data[self._of_mass] += c * self._mass_data
        a = csc_array((data, self._indices, self._indptr), self._shape)
        if self._blocks is not None:
            return self._blocks.factor(a)
        if self._order is None:
            self._order = _order_of(a)
        if self._order is None:
            return _singular(a)
        order, place, (indices, indptr), source = self._order
        moved = csc_array((a.data[source], indices, indptr), a.shape)
        return _sparse_factors(a, moved, order, place)


def _places(a: Any) -> Any:
    """Return the nonzeros of a sparse matrix by columns as numbers, rising."""
    columns = np.repeat(np.arange(a.shape[1], dtype=np.int64), np.diff(a.indptr))
    return columns * a.shape[0] + a.indices


def dense_jacobian(called: str, body: Body) -> Body:
    """Return the program of t, y and theta that computes df/dy, shape (n, n)."""
    n = np.size(body.examples[1])

    def compute(t: Any, y: Any, *theta: Any) -> list[Any]:
        def f(y: Any) -> Any:
            return body(t, y, *theta)[0]

        if n > _BY_TANGENTS:
            return [jacobian(f)(y)]
        return [np.transpose(vmap(lambda v: jvp(f)((y,), (v,))[1])(np.eye(n, dtype=y.dtype)))]

    return record_body(called, compute, body.examples)


class LiftedJacobian:
    """The Jacobian of the tangent lift of equations, by blocks: [[J, 0, …], [S_1, J, …], …, [S_p, 0, …, J]].

    Args:
        primal: J, a matrix.
        count: p, how many tangents there are.
        push: x -> the products S_i x, shape (p n,).
        pull: w, shape (p n,), -> the sum of the products of w_i with S_i.

    Attributes:
        shape: ((1 + p) n, (1 + p) n).
    """

    def __init__(self, primal: Any, count: int, push: Callable[[Any], Any], pull: Callable[[Any], Any]) -> None:
        self.primal, self.count, self.push, self.pull = primal, count, _for_complex(push), _for_complex(pull)
        n = (1 + count) * primal.shape[0]
        self.shape, self.dtype = (n, n), primal.dtype

    def __repr__(self) -> str:
        return f"<{self.shape[0]} x {self.shape[1]} Jacobian of {self.count} tangents>"

    def __matmul__(self, x: Any) -> Any:
        """Return the product with a vector."""
        parts = [self.primal @ part for part in x.reshape(1 + self.count, -1)]
        return np.concatenate([parts[0], np.concatenate(parts[1:]) + self.push(x[: self.primal.shape[0]])])

    def multiply_turned(self, x: Any) -> Any:
        """Return the product of the transpose with a vector."""
        parts = [self.primal.T @ part for part in x.reshape(1 + self.count, -1)]
        return np.concatenate([parts[0] + self.pull(x[self.primal.shape[0] :]), *parts[1:]])

    def toarray(self) -> Any:
        """Return the matrix as an array."""
        return np.stack([self @ e for e in np.eye(self.shape[0], dtype=self.dtype)], axis=1)

    def factor(self, factors: Factors) -> Factors:
        """Return c M - this, of one mass matrix in every block, from the factors of c M - J."""
        n, count = self.primal.shape[0], self.count

        def solve(b: Any, turned: bool) -> Any:
            if b.ndim > 1:
                return np.stack([solve(column, turned) for column in b.T], axis=1)
            first, rest = b[:n], b[n:]
            if turned:
                below = _solve_blocks(factors, rest, count, True)
                return np.concatenate([factors.solve(first + self.pull(below), True), below])
            above = factors.solve(first)
            return np.concatenate([above, _solve_blocks(factors, rest + self.push(above), count, False)])

        return Factors("lifted", self, solve, lambda: factors.condition, factors.is_singular)


# ---- parts -----------------------------------------------------------------------------------------------------------


def _solve_blocks(factors: Factors, b: Any, count: int, turned: bool) -> Any:
    if count == 1:
        return factors.solve(b, turned)
    return factors.solve(np.ascontiguousarray(b.reshape(count, -1).T), turned).T.reshape(-1)


def _for_complex(multiply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a product with real matrices that takes complex vectors too."""
    return lambda x: multiply(x.real) + 1j * multiply(x.imag) if x.dtype.kind == "c" else multiply(x)


def _shift(c: Any, matrix: Any) -> Any:
    n = len(matrix)
    a = np.negative(matrix) if isinstance(c, (float, int)) else c * np.eye(n) - matrix
    if isinstance(c, (float, int)):
        a.reshape(-1)[:: n + 1] += c
    return a


def _for_any_dtype(factors: Factors) -> Factors:
    """Let real factors solve for complex right-hand sides."""
    solve, dtype = factors._solve, factors.matrix.dtype  # not the factors: large ones must go without a collection

    def solve_any(b: Any, turned: bool) -> Any:
        if b.dtype.kind == "c" and dtype.kind != "c":
            return solve(b.real.copy(), turned) + 1j * solve(b.imag.copy(), turned)
        return solve(b if b.dtype == dtype else b.astype(dtype), turned)

    factors._solve = solve_any
    return factors


def _order_of(a: Any) -> tuple[Any, Any, Any, Any] | None:
    """Return the order of columns in which a matrix fills the least, where each goes, and its nonzeros so."""
    best: Any = None
    for name in ("MMD_AT_PLUS_A", "COLAMD"):
        try:
            lu = splu(a, permc_spec=name)
        except RuntimeError:  # exactly singular
            continue
        best = lu if best is None or lu.nnz < best.nnz else best
    if best is None:
        return None
    place = best.perm_c
    order = np.argsort(place)
    numbers = csc_array((np.arange(len(a.data)), a.indices, a.indptr), a.shape)[:, order]
    return order, place, (numbers.indices, numbers.indptr), numbers.data


def _sparse_factors(a: Any, moved: Any, order: Any, place: Any) -> Factors:
    """Factor a sparse matrix, of which `moved` has the columns in a better order."""
    try:
        lu = splu(moved, permc_spec="NATURAL")
    except RuntimeError:  # exactly singular
        return _singular(a)

    def solve(b: Any, turned: bool) -> Any:
        return lu.solve(b[order], "T") if turned else lu.solve(b)[place]

    return Factors("sparse", a, solve, lambda: np.nan)


def _singular(a: Any) -> Factors:
    return Factors("sparse", a, lambda b, turned: b, lambda: np.inf, True)
