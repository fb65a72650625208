"""The solution between its ends, as a function of t."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.operands import operand
from .solution_op import SolutionOps


class DenseOutput:
    """The solution of an initial value problem as a function of t, as `sol` of SciPy's result.

    It has derivatives by t and by all that the solution depends on, inside of transformations and after them.

    Args:
        ops: the solution.
        inputs: y0, the span, and theta.
        ts: where steps begin and end.

    Attributes:
        t_min, t_max: where it is defined. Outside, the first or the last step goes on.
        ts: where steps begin and end, shape (K + 1,).

    Example:
        >>> from autograd_lite.integrate import solve_ivp
        >>> sol = solve_ivp(lambda t, y: -y, (0, 1), [1.0], "Tsit5", dense_output=True, rtol=1e-8).sol
        >>> sol(0.5).round(5), sol([0.0, 1.0]).shape
        (array([0.60653]), (1, 2))
    """

    def __init__(self, ops: SolutionOps, inputs: Sequence[Any], ts: Any) -> None:
        self._ops, self._inputs, self.ts = ops, inputs, ts
        self.t_min, self.t_max = float(ts.min()), float(ts.max())

    def __repr__(self) -> str:
        return f"<the solution from {self.ts[0]:g} to {self.ts[-1]:g}, in {len(self.ts) - 1} steps>"

    def at(self, times: Any, ends: bool = False) -> Any:
        """Return the solution at times of shape (m,), shape (m, n); see `SolutionOps.value`."""
        y0, span, *theta = self._inputs
        return self._ops.value(y0, span, times, *theta, ends=ends)[0]

    def __call__(self, t: Any) -> Any:
        """Return the solution.

        Args:
            t: a time, or times of shape (m,).

        Returns:
            Its states, shape (n,) or (n, m).
        """
        t = operand(t)
        if t.dtype.kind != "f":
            t = t.astype(np.float64)
        y = self.at(t.reshape(-1))
        return y[0] if t.ndim == 0 else y.T
