"""How certain the solution of a linear system is that was solved by products alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .anderson import norm
from .krylov import Products
from .systems import System

# To what accuracy the error of z is computed; how much of the residual a step of Newton's by it may leave, and how many
# times as large the error may be if it leaves more, as it does near the limit of rounding; and how many times as large
# as their first estimate errors count before they are computed so.
_LOOSE, _LEFT, _UNSURE, _CAUTION = 0.1, 0.5, 100.0, 10.0


class Uncertainty(NamedTuple):
    """An error of a derivative, relative to it.

    Attributes:
        error: to first order.
        reason: where it comes from, and what to do, for messages.
    """

    error: float
    reason: str


def uncertainties(
    products: Products, system: System, s: Any, b: Any, turned: bool, point: Sequence[Any], digits: float
) -> list[Uncertainty]:
    """Return the errors of s, the solution of A s = b or Aᵀ s = b with A = dF/dz.

    Both are by ‖A⁻¹‖: the residual of the linear solve; and that of s at z + dz, where dz = -A⁻¹ F(z) is the error of z
    to first order. ‖A⁻¹‖ is estimated on the vectors that solves have seen, and those of a random right-hand side, by
    which a singular matrix is found. At first dz is taken as a multiple of F(z), which costs two products; only where
    that is not far from the limit it is solved for.

    Args:
        products: A at the point.
        system: the equations.
        s, b, turned: the linear system.
        point: z, aux and theta.
        digits: how many are asked for.
    """
    size, scale = norm(s), norm(b)
    if not size or not math.isfinite(size):
        return [Uncertainty(0.0 if not size and not scale else math.inf, "the linear solve has failed. Rescale")]
    products.probe(turned)
    scale *= products.inverse / size
    residual = products.residual_of(s, b, turned)
    linear = Uncertainty(
        scale * residual,
        f"the linear solve by products has left a residual of {residual:.1e}, and the norm of (dF/dx)⁻¹ is about "
        f'{products.inverse:.1e}. Tighten tol, rescale, or pass linear="dense"',
    )
    z, *rest = point
    r = products.equations
    guess = _change(system, s, b, turned, products.inverse * r, point, residual)
    if _CAUTION * scale * guess < 10.0**-digits:
        return [linear, Uncertainty(scale * guess, f"x has a residual of {norm(r):.1e}. Tighten tol")]
    dz = products.solve_to(-r, False, _LOOSE).s
    slow = not norm(system.residual(z + dz, *rest)) <= _LEFT * norm(r)
    error = scale * _change(system, s, b, turned, dz, point, residual) * (_UNSURE if slow else 1.0)
    more = ", and Newton's step from it reduces that too little" if slow else ""
    return [linear, Uncertainty(error, f"x has a residual of {norm(r):.1e}{more}. Tighten tol")]


def _change(system: System, s: Any, b: Any, turned: bool, dz: Any, point: Sequence[Any], residual: float) -> float:
    """Return how much larger the relative residual of s is at z + dz."""
    with np.errstate(all="ignore"):
        r = system.multiply(s, point[0] + dz, *point[1:], turned=turned) - b
    return max(norm(r) / norm(b) - residual, 0.0)
