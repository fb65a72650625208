"""How certain a derivative is whose linear system was solved by products alone."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .anderson import norm
from .estimates import Derivative, difference
from .krylov import Products

# To what accuracy the error of z is computed; how much of it a step of Newton's by it may leave, and how many times as
# large the errors may be if it leaves more, as it does near the limit of rounding; how many times as large as it is in
# this way an error counts, and how many times as large as its first estimate before it is computed so.
_LOOSE, _LEFT, _UNSURE, _MARGIN, _CAUTION = 0.1, 0.5, 100.0, 3.0, 10.0


class Uncertainty(NamedTuple):
    """An error of a derivative, relative to it.

    Attributes:
        error: to first order.
        reason: where it comes from, and what to do, for messages.
    """

    error: float
    reason: str


def uncertainties(d: Derivative, products: Products, digits: float) -> list[Uncertainty]:
    """Return the errors of a derivative that follows from s, the solution of A s = b or Aᵀ s = b with A = dF/dz.

    One is by the residual of the linear solve, the other by the error of z, which is dz = -A⁻¹ F(z) to first order:
    what the derivative becomes at z + dz, with the same s, and by the residual that s has there. ‖A⁻¹‖ is estimated on
    the vectors that solves have seen, and those of a random right-hand side, by which a singular matrix is found. At
    first dz is taken as a multiple of F(z), which costs a few products; only where the derivative that follows is not
    far from the limit it is solved for.

    Args:
        d: the derivative.
        products: A at its point.
        digits: how many are asked for.
    """
    size = norm(d.s)
    if not size or not math.isfinite(size):
        return [Uncertainty(math.inf, "The linear solve has failed. Rescale unknowns and equations")]
    products.probe(d.turned)
    z, inverse = d.point[0], products.inverse
    f, r, values = d.at(z, d.s)
    linear = Uncertainty(
        inverse * norm(r) / size,
        f"The linear solve by products has left a residual of {norm(r):.1e}, and the norm of (dF/dx)⁻¹ is about "
        f'{inverse:.1e}. Tighten tol, rescale, or pass linear="dense"',
    )

    def error(dz: Any) -> tuple[float, Any]:
        f1, r1, values1 = d.at(z + dz, d.s)
        return difference(d, values, values1) + inverse * norm(r1 - r) / size, f1

    with np.errstate(all="ignore"):
        guess, _ = error(-min(inverse, 1e300) * f)
        if _CAUTION * guess < 10.0**-digits:
            return [linear, Uncertainty(guess, f"x has a residual of {norm(f):.1e}. Tighten tol")]
        dz = products.solve_to(-f, False, _LOOSE / max(1.0, inverse)).s
        exact, f1 = error(dz)
    slow = not inverse * norm(f1) <= _LEFT * norm(dz)
    more = ", and Newton's step from it reduces that too little" if slow else ""
    reason = f"x has a residual of {norm(f):.1e}{more}. Tighten tol"
    return [linear, Uncertainty(exact * (_UNSURE if slow else _MARGIN), reason)]
