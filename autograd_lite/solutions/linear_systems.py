"""Linear systems with the matrix of a system of equations: one op solves A s = b or Aᵀ s = b, A = dF/dz at a point.

The point is an input of the op, and A is formed and factored on arrays alone. Its rule needs no derivative of A but
that of a product, sᵀ A x, so that all orders solve with the same factors, whatever these are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.forks import fork_safe_lock
from ..core.op import Op, by_need
from ..functional.derivative_rules import KeepSame
from .batches import one_after_another
from .factors import Factors, factor_dense, factor_positive
from .krylov import Products
from .systems import System

BY_PRODUCTS = ("anderson", "gmres")
_MOST = 8  # factorizations that are kept
_KEPT_NUMBERS = 1 << 22  # in all of them together, apart from the last


def linear_systems(system: System, linear: str = "auto", tol: float = 1e-10) -> LinearSystems:
    """Return the linear systems of a system of equations, the same each time."""
    derived = system.body.derived
    key = "linear systems", linear, tol
    if key not in derived:
        derived[key] = LinearSystems(system, linear, tol)
    systems: LinearSystems = derived[key]
    return systems


class LinearSystems:
    """The linear systems with the matrix A of a system of equations.

    Args:
        system: the equations.
        linear, tol: how to solve; see `settings.Settings`.
    """

    def __init__(self, system: System, linear: str = "auto", tol: float = 1e-10) -> None:
        self.system, self.linear, self.tol = system, linear, tol
        self._kept: list[tuple[Any, Factors]] = []
        self._lock = fork_safe_lock()
        n = len(system.body.examples)
        self._op = Op(
            f"linear system of {system.called}",
            lambda b, *point, turned: np.asarray(self.at(*point).solve(b, turned)),
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
        body = self.system.product()
        reads = [x for x, i in zip(point, body.program.inputs[1:], strict=True) if i is not None]
        key = [x.tobytes() for x in reads]
        with self._lock:
            for numbers, factors in self._kept:
                if numbers == key:
                    return factors
        factors = self._factor(*point)
        most = min(_MOST, _KEPT_NUMBERS // (1 + self.system.z.size**2))
        with self._lock:
            self._kept = [*self._kept[len(self._kept) - max(0, most - 1) :], (key, factors)]
        return factors

    def _factor(self, *point: Any) -> Factors:
        if self.linear in BY_PRODUCTS:
            return Products(self.linear, self.system, point, self.tol)
        return _METHODS[self.linear](self.system, point)

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


_METHODS: dict[str, Callable[[System, Sequence[Any]], Factors]] = {
    "auto": _dense,
    "dense": _dense,
    "cholesky": _cholesky,
}
