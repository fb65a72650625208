"""Certificates of derivatives of solutions: how many of their digits are certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import batching
from ..core.errors import ImplicitError
from ..core.op import Op, by_need
from ..functional.derivative_rules import KeepSame

if TYPE_CHECKING:
    from .systems import System


class Sensitivity:
    """The certificate of a solution, which is filled when a first derivative is asked for."""

    def __init__(self) -> None:
        self.residual: float | None = None

    def __repr__(self) -> str:
        if self.residual is None:
            return "<sensitivity: unknown until a derivative is asked for>"
        return f"<sensitivity: residual {self.residual:.1e}>"


class Certificate:
    """Checks derivatives of a solution whenever they are computed.

    Args:
        called: the caller, for messages.
        system: the equations.
        settings: see `solution.Settings`.
        sensitivity: the report that it fills.
    """

    def __init__(self, called: str, system: System, settings: Any, sensitivity: Sensitivity) -> None:
        self.called, self.system, self.settings, self.sensitivity = called, system, settings, sensitivity
        self._ops: dict[int, Op] = {}

    def check(self, s: Any, g: Any, a: Any, success: Any, *point: Any) -> Any:
        """Return s, the solution of a linear system with A or Aᵀ, if the derivative that follows from it is certain.

        It is an op, which is an identity of s, so that it checks at every replay too.

        Args:
            s: the solution.
            g: the right-hand side.
            a: the matrix A = dF/dz.
            success: whether the solver calls z a solution.
            point: z, aux and theta.

        Raises:
            ImplicitError: if it is not certain.
        """
        inputs = s, g, a, success, *point
        op = self._ops.get(len(inputs))
        if op is None:
            op = self._ops[len(inputs)] = Op(
                f"certificate of {self.called}",
                self._verify,
                by_need(lambda needs, g, saved, params: [g if k == 0 else None for k in needs]),
                lambda s, *_: s,
                jvp=lambda tangents, out, *_: tangents[0],
                batch=batching.one_by_one,
                keeps=KeepSame((False,) * (len(inputs) + 1)),
            )
        return op(*inputs)

    def _verify(self, s: Any, g: Any, a: Any, success: Any, *point: Any) -> Any:
        if not success and self.settings.on_failure == "raise":
            raise ImplicitError(
                f"derivative of {self.called}: expected a solve that has succeeded; received one that its solver calls "
                'a failure. Let it run longer, or pass on_failure="differentiate"'
            )
        self.sensitivity.residual = float(np.abs(self.system.residual(*point)).max(initial=0))
        return np.array(s)
