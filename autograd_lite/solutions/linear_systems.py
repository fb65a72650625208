"""Linear systems with the matrix of a system of equations: one op solves A s = b or Aᵀ s = b, A = dF/dz at a point.

The point is an input of the op, and A is formed and factored on arrays alone. Its rule needs no derivative of A but
that of a product, sᵀ A x, so that all orders solve with the same factors, whatever these are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..core.late import needs
from ..core.mode import is_derivation
from ..core.op import Op, by_need
from ..functional.derivative_rules import KeepSame
from ..sparse.program_jacobians import ProgramJacobian
from .batches import one_after_another
from .factors import Factors, factor_dense, factor_positive, factor_sparse
from .krylov import Products
from .recent_results import RecentResults
from .systems import System

with needs("autograd_lite.solutions", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import csc_array

BY_PRODUCTS = ("anderson", "gmres", "cg")
_RECENT: RecentResults[Factors] = RecentResults(256, 1 << 26)  # factorizations


def linear_systems(system: System, linear: str = "auto", tol: float = 1e-10) -> LinearSystems:
    """Return the linear systems of a system of equations, the same each time."""
    key = "linear systems", linear, tol
    systems: LinearSystems = system.once(key, lambda: LinearSystems(system, linear, tol))
    return systems


class LinearSystems:
    """The linear systems with the matrix A of a system of equations.

    Args:
        system: the equations.
        linear, tol: how to solve; see `settings.Settings`.
    """

    def __init__(self, system: System, linear: str = "auto", tol: float = 1e-10) -> None:
        self.system, self.linear, self.tol = system, linear, tol
        n = len(system.body.examples)
        self._op = Op(
            f"linear system of {system.called}",
            self._forward,
            by_need(self._pull),
            lambda b, *_, **__: b,
            jvp=self._push,
            batch=one_after_another,
            keeps=KeepSame.first(n + 1),
        )

    def __repr__(self) -> str:
        return f"<{self.linear} linear systems of {self.system!r}>"

    def solve(self, b: Any, *point: Any, turned: bool = False) -> Any:
        """Return the solution of A s = b, or of Aᵀ s = b, for arrays or Tensors; NaN if A is singular."""
        return self._op(b, *point, turned=turned)

    def at(self, *point: Any) -> Factors:
        """Return the matrix at a point of arrays, ready to solve with; the last ones are kept."""
        key = self, *[point[k].tobytes() for k in self._reads]
        factors = _RECENT.get(key)
        if factors is None:
            factors = self._factor(*point)
            numbers = 0 if isinstance(factors, Products) else getattr(factors.matrix, "nnz", factors.matrix.size)
            _RECENT.keep(key, factors, sum(map(len, key[1:])) + 16 * numbers)
        return factors

    @cached_property
    def _reads(self) -> list[int]:
        """The positions of those parts of a point on which the matrix depends, or anything beside it."""
        inputs = self.system.product().program.inputs[1:]
        return [k for k, i in enumerate(inputs) if i is not None or self._method in BY_PRODUCTS]

    def _factor(self, *point: Any) -> Factors:
        if self._method in BY_PRODUCTS:
            return Products(self._method, self.system, point, self.tol)
        return _METHODS[self._method](self.system, point)

    @cached_property
    def _method(self) -> str:
        n = self.system.z.size
        if self.linear != "auto":
            return self.linear
        if self.system.has_matrix or n < _SPARSE_FROM:
            return "dense"
        if _SparseMatrix.of(self.system).pattern.nnz <= _SPARSE_SHARE * n * n:
            return "sparse"
        return "dense" if n <= _DENSE_UP_TO else "gmres"

    def _forward(self, b: Any, *point: Any, turned: bool) -> Any:
        return np.zeros(b.shape, b.dtype) if is_derivation() else np.asarray(self.at(*point).solve(b, turned))

    # ---- the rules of the op ----------------------------------------------------------------------------------------

    def _pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        out, _, *point = saved
        turned = params["turned"]
        s = self.solve(g, *point, turned=not turned)
        places = [k - 1 for k in needs if k and point[k - 1].dtype.kind in "fc"]
        pair = (out, -s) if turned else (-s, out)
        parts = dict(zip(places, self.system.pull_matrix(places, *pair, *point), strict=True)) if places else {}
        return [parts.get(k - 1) if k else s for k in needs]

    def _push(self, tangents: Sequence[Any], out: Any, b: Any, *point: Any, turned: bool) -> Any:
        moved = tangents[0]
        places = [k for k, t in enumerate(tangents[1:]) if t is not None]
        if places:
            along = [tangents[1 + k] for k in places]
            change = self.system.push_matrix(places, along, out, *point, turned=turned)
            moved = -change if moved is None else moved - change
        return None if moved is None else self.solve(moved, *point, turned=turned)


# ---- methods ---------------------------------------------------------------------------------------------------------


def _dense(system: System, point: Sequence[Any]) -> Factors:
    return factor_dense(system.matrix(*point))


def _cholesky(system: System, point: Sequence[Any]) -> Factors:
    return factor_positive(system.matrix(*point))


def _sparse(system: System, point: Sequence[Any]) -> Factors:
    return factor_sparse(_SparseMatrix.of(system).at(*point))


# From how many unknowns on the pattern is looked at, with which share of nonzeros the matrix counts as sparse, and up
# to how many unknowns it is dense otherwise.
_SPARSE_FROM, _SPARSE_SHARE, _DENSE_UP_TO = 256, 0.05, 6000
_METHODS: dict[str, Callable[[System, Sequence[Any]], Factors]] = {
    "dense": _dense,
    "cholesky": _cholesky,
    "sparse": _sparse,
}


class _SparseMatrix:
    """A = dF/dz as a sparse matrix by columns."""

    def __init__(self, system: System) -> None:
        self._jacobian = ProgramJacobian(system.called, system.body, 0)
        self.pattern = self._jacobian.pattern

    @classmethod
    def of(cls, system: System) -> _SparseMatrix:
        """Return that of a system, the same each time."""
        matrix: _SparseMatrix = system.once("sparse matrix", lambda: cls(system))
        return matrix

    @cached_property
    def _body(self) -> Body:
        return self._jacobian.record()

    def at(self, *point: Any) -> Any:
        """Return the matrix at a point of arrays."""
        nonzeros = run_body(self._body, *point)[0]
        return csc_array((nonzeros, self._jacobian.indices, self._jacobian.indptr), self.pattern.shape)
