"""Fixed points with derivatives by parameters: `autograd.misc.fixed_points`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import defvjp, make_vjp, primitive
from ..vector_spaces import vspace


@primitive
def fixed_point(
    f: Callable[[Any], Callable[[Any], Any]],
    a: Any,
    x0: Any,
    distance: Callable[[Any, Any], float],
    tol: float,
) -> Any:
    """Return the fixed point of `f(a)`, iterated from x0 until `distance(x, previous x)` is at most tol.

    The derivative by a is implicit: with x = F(a, x), w = g + (∂F/∂x)ᵀ w is a fixed point too, and the gradient is
    (∂F/∂a)ᵀ w.

    References:
        Christianson: Reverse accumulation and attractive fixed points, 1994.
    """
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


def _by_parameters(x: Any, f: Any, a: Any, x0: Any, distance: Any, tol: float) -> Callable[[Any], Any]:
    def adjoint(parameters: Any) -> Callable[[Any], Any]:
        a, x, g = parameters
        back, _ = make_vjp(f(a), x)
        return lambda w: back(w) + g

    by_a, _ = make_vjp(lambda a: f(a)(x), a)
    return lambda g: by_a(fixed_point(adjoint, (a, x, g), vspace(x).zeros(), distance, tol))


defvjp(fixed_point, None, _by_parameters, None)
