"""`root_scalar` and `minimize_scalar`: SciPy's methods for a function of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..functional import value_and_grad
from .evaluation import Derivatives, evaluation_message
from .methods import ROOT_SCALAR
from .vectors import NUMBERS, bare


def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: dict[str, Any] | None = None,
    *,
    compiled: bool | None = None,
) -> Any:
    """Find a root of a function of one number by `scipy.optimize.root_scalar`; derivatives come by themselves.

    Args:
        f: returns a number, computed with NumPy's functions.
        args: further arguments of `f`, and of derivatives that are given.
        method: one of SciPy's. "newton" uses the derivative and "halley" the second one too, both computed in one
            evaluation with the value. By default "brentq" with a bracket, "secant" with `x1`, otherwise "newton".
        bracket: two numbers between which the sign changes.
        fprime, fprime2: by default computed where the method uses them. Functions, or True if `f` returns them too;
            False for SciPy's finite differences.
        x0, x1: to start from.
        xtol, rtol, maxiter, options: as SciPy's.
        compiled: as of `minimize`.

    Returns:
        SciPy's `RootResults`. `evaluation` is "compiled", or why the derivatives were not.

    Raises:
        GradError, TypeError: as of `minimize`.

    References:
        SciPy, `scipy.optimize.root_scalar`.

    Example:
        >>> found = root_scalar(lambda x: np.cos(x) - x, x0=1.0)
        >>> round(float(found.root), 9), found.method
        (0.739085133, 'newton')
    """
    require_function("root_scalar", f)
    args = args if isinstance(args, tuple) else (args,)
    if method is None and x0 is not None and bracket is None:
        method = "secant" if x1 is not None and fprime is None else "halley" if fprime2 else "newton"
    order = ROOT_SCALAR.get(method.lower(), 0) if isinstance(method, str) else 0
    derivatives: Derivatives | None = None
    function: Any = _values(f)
    if order and fprime is None and fprime2 is None:
        derivatives = Derivatives(
            "root_scalar", f, NUMBERS, (value_and_grad, _with_curvature)[order - 1], args, compiled
        )
        fprime, fprime2, args = True, order == 2 or None, ()

        def function(x: Any) -> Any:
            return derivatives(np.float64(x))

    solution = scipy.optimize.root_scalar(
        function, args, method, bracket, fprime, fprime2, x0, x1, xtol, rtol, maxiter, options
    )
    solution.evaluation = evaluation_message(derivatives)
    return solution


def _with_curvature(f: Callable[..., Any]) -> Callable[..., Any]:
    def slope(x: Any) -> Any:
        value, first = value_and_grad(f)(x)
        return first, value

    both = value_and_grad(slope, has_aux=True)

    def three(x: Any) -> Any:
        (first, value), second = both(x)
        return value, first, second

    return three


def _values(f: Callable[..., Any]) -> Callable[..., Any]:
    def values(*args: Any) -> Any:
        out = f(*args)
        return tuple(map(bare, out)) if isinstance(out, tuple) else bare(out)

    return values


def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Minimize a function of one number by `scipy.optimize.minimize_scalar`, whose methods use no derivatives.

    Args:
        fun: returns a number, or a Tensor of one.
        bracket, bounds, args, method, tol, options: as SciPy's.

    Returns:
        SciPy's `OptimizeResult`.

    References:
        SciPy, `scipy.optimize.minimize_scalar`.

    Example:
        >>> round(float(minimize_scalar(lambda x: (x - 2) * x * (x + 2) ** 2).x), 6)
        1.280776
    """
    require_function("minimize_scalar", fun)
    return scipy.optimize.minimize_scalar(_values(fun), bracket, bounds, args, method, tol, options)
