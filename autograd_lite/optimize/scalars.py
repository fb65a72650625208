"""`root_scalar` and `minimize_scalar`: SciPy's methods for a function of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..functional import value_and_grad
from ..solutions.settings import certainty_arguments
from ..tensors.tensor import Tensor
from ..tree import map as map_leaves
from .constraints import first_of
from .differentiable import Problem, solve
from .evaluation import Derivatives, evaluation_message
from .methods import ROOT_SCALAR
from .optimality import MINIMUM_OF_NUMBER, ROOT
from .vectors import NUMBERS, SCALAR, bare


@certainty_arguments
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
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
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

    Returns:
        SciPy's `RootResults`, whose `root` has derivatives as `x` of `minimize`. `evaluation` is "compiled", or why the
        derivatives were not.

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

    def run(functions: Any, data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        bracket, x0, x1 = data
        if not exact:
            return _find_root(f, args, method, bracket, (fprime, fprime2), x0, x1, compiled, more)
        result = _find_root(functions["fun"], (), method, bracket, (None, None), x0, x1, compiled, more)
        result.x, result.success = np.reshape(result.root, (1,)), result.converged
        return result

    def finish(result: Any) -> Any:
        if "sensitivity" in result:
            result.root = result.pop("x")[0]
            result.converged = result.pop("success")
        return result

    more = {"xtol": xtol, "rtol": rtol, "maxiter": maxiter, "options": options}
    starts = map_leaves(lambda x: x.detach() if isinstance(x, Tensor) else x, (bracket, x0, x1))
    value = first_of(f) if fprime is True or fprime2 is True else f
    problem = Problem("root_scalar", {"fun": value}, SCALAR, args, starts, run, np.ones(1), ROOT, finish)
    return solve(problem, (digits, on_uncertain, on_failure, refine))


def _find_root(
    f: Any,
    args: tuple[Any, ...],
    method: str | None,
    bracket: Any,
    given_derivatives: tuple[Any, Any],
    x0: Any,
    x1: Any,
    compiled: bool | None,
    more: dict[str, Any],
) -> Any:
    """Return SciPy's result for arrays."""
    fprime, fprime2 = given_derivatives
    if method is None and x0 is not None and bracket is None:
        method = "secant" if x1 is not None and fprime is None else "halley" if fprime2 else "newton"
    order = ROOT_SCALAR.get(method.lower(), 0) if isinstance(method, str) else 0
    derivatives: Derivatives | None = None
    function: Any = _values(f)
    if order and fprime is None and fprime2 is None:
        transform = (value_and_grad, _with_curvature)[order - 1]
        derivatives = Derivatives("root_scalar", f, NUMBERS, transform, args, compiled)
        fprime, fprime2, args = True, order == 2 or None, ()

        def function(x: Any) -> Any:
            return derivatives(np.float64(x))

    result = scipy.optimize.root_scalar(function, args, method, bracket, fprime, fprime2, x0, x1, **more)
    result.evaluation = evaluation_message(derivatives)
    return result


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


@certainty_arguments
def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    *,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
) -> Any:
    """Minimize a function of one number by `scipy.optimize.minimize_scalar`, whose methods use no derivatives.

    Args:
        fun: returns a number, or a Tensor of one.
        bracket, bounds, args, method, tol, options: as SciPy's.

    Returns:
        SciPy's `OptimizeResult`, whose `x` and `fun` have derivatives as of `minimize`: at a bound, those of the bound.

    References:
        SciPy, `scipy.optimize.minimize_scalar`.

    Example:
        >>> round(float(minimize_scalar(lambda x: (x - 2) * x * (x + 2) ** 2).x), 6)
        1.280776
    """
    require_function("minimize_scalar", fun)
    args = args if isinstance(args, tuple) else (args,)

    def run(functions: Any, data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        f = _values(functions["fun"])
        result = scipy.optimize.minimize_scalar(f, data["bracket"], data["bounds"], args, method, tol, options)
        if exact:
            result.x = np.reshape(result.x, (1,))
        return result

    def finish(result: Any) -> Any:
        if "sensitivity" in result:
            result.x = result.x[0]
        return result

    start = map_leaves(lambda x: x.detach() if isinstance(x, Tensor) else x, bracket)
    data = {"bracket": start, "bounds": bounds}
    problem = Problem("minimize_scalar", {"fun": fun}, SCALAR, args, data, run, np.ones(1), MINIMUM_OF_NUMBER, finish)
    return solve(problem, (digits, on_uncertain, on_failure, refine))
