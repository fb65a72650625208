"""Certificates of derivatives of solutions: how many of their digits are certain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ImplicitError
from ..core.op import Op, by_need
from ..functional.derivative_rules import KeepSame
from .batches import one_after_another
from .krylov import Products
from .products_certificate import uncertainties

if TYPE_CHECKING:
    from .linear_systems import LinearSystems


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
        linear: the linear systems with A = dF/dz, and the equations; `linear.at(*point)` has its factors.
        settings: see `solution.Settings`.
        sensitivity: the report that it fills.
    """

    def __init__(self, called: str, linear: LinearSystems, settings: Any, sensitivity: Sensitivity) -> None:
        self.called, self.linear, self.settings, self.sensitivity = called, linear, settings, sensitivity
        self._ops: dict[int, Op] = {}

    def check(self, s: Any, g: Any, success: Any, *point: Any, turned: bool = False) -> Any:
        """Return s, the solution of a linear system with A or Aᵀ, if the derivative that follows from it is certain.

        It is an op, which is an identity of s, so that it checks at every replay too.

        Args:
            s: the solution.
            g: the right-hand side.
            success: whether the solver calls z a solution.
            point: z, aux and theta.
            turned: whether s solves a system with Aᵀ.

        Raises:
            ImplicitError: if it is not certain.
        """
        inputs = s, g, success, *point
        op = self._ops.get(len(inputs))
        if op is None:
            op = self._ops[len(inputs)] = Op(
                f"certificate of {self.called}",
                self._verify,
                by_need(lambda needs, g, saved, params: [g if k == 0 else None for k in needs]),
                lambda s, *_, **__: s,
                jvp=lambda tangents, out, *_, **__: tangents[0],
                batch=one_after_another,
                keeps=KeepSame((False,) * (len(inputs) + 1)),
            )
        return op(*inputs, turned=turned)

    def _verify(self, s: Any, g: Any, success: Any, *point: Any, turned: bool) -> Any:
        if not success and self.settings.on_failure == "raise":
            raise ImplicitError(
                f"derivative of {self.called}: expected a solve that has succeeded; received one that its solver calls "
                'a failure. Let it run longer, or pass on_failure="differentiate"'
            )
        factors = self.linear.at(*point)
        if isinstance(factors, Products):
            errors = uncertainties(factors, self.linear.system, s, g, turned, point, self.settings.digits)
            worst = max(errors, key=lambda e: math.inf if math.isnan(e.error) else e.error)
            if not worst.error <= 10.0**-self.settings.digits:
                raise ImplicitError(
                    f"derivative of {self.called}: expected {self.settings.digits:g} digits to be certain; received "
                    f"{max(0.0, -math.log10(worst.error)):.1f}: {worst.reason}"
                )
        if factors.is_singular:
            raise ImplicitError(
                f"derivative of {self.called}: expected a matrix dF/dx that can be inverted; received a singular one. "
                "Solutions there do not follow from the arguments: they end, or several meet"
            )
        self.sensitivity.residual = float(np.abs(self.linear.system.residual(*point)).max(initial=0))
        return np.array(s)
