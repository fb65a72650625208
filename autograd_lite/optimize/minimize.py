"""`minimize`: SciPy's methods for a function of several parameters, with derivatives by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..core.errors import ShapeError
from ..core.traceback_folding import folding
from ..functional import hessian, hvp, value_and_grad
from .constraints import as_objects, callback_of, given_matrix, jacobians_in, of_vector, pairs_of_bounds, plain
from .evaluation import Derivatives, evaluation_message
from .ipopt import Multipliers, minimize_by_ipopt
from .methods import CUSTOM, MINIMIZE, MOST_FOR_HESSIAN, Takes
from .results import Estimate, estimate, inverse_hessian
from .vectors import Layout, Vector, bare, laid_out


@folding
def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    compiled: bool | None = None,
) -> Any:
    """Minimize a function of several parameters by `scipy.optimize.minimize`; derivatives come by themselves.

    Whatever the method can use and is not given is computed: gradients, in one evaluation with the value, Hessians or
    products with them, and those of constraints. Evaluations are compiled once they have taken as long as compiling.

    Args:
        fun: returns one number, computed with NumPy's functions from the parameters and `args`.
        x0: the parameters to start from: numbers, or a container of arrays of any shape, which `fun` is called with.
            They are handled in float64, and come back in their dtypes.
        args: further arguments of `fun`, and of the derivatives if they are given.
        method: one of SciPy's, or a function; by default BFGS, L-BFGS-B with bounds, or SLSQP with constraints.
        jac: by default computed. A function, or True if `fun` returns (value, gradient); "2-point", "3-point", "cs" and
            False are SciPy's finite differences, for functions that Tensors cannot run through.
        hess, hessp: by default computed, if the gradient is too and the method uses them.
        bounds: as SciPy's. For a container, a container like it with a pair (lowest, highest) in each array's place.
        constraints: as SciPy's, as functions of the parameters; `LinearConstraint` refers to all numbers, in order.
            SciPy's default jac="2-point" of a `NonlinearConstraint` counts as not given.
        tol, callback, options: as SciPy's. A callback is given parameters as `fun` is.
        compiled: whether to compile the derivatives at once (True) or never (False).

    Returns:
        SciPy's `OptimizeResult`. `x`, and the gradient `jac`, are like `x0`. `covariance`, computed when it is asked
        for, is the inverse of the Hessian: that of the estimate if `fun` is a negative log-likelihood. `evaluation` is
        "compiled", or why it was not.

    Raises:
        GradError: if the result of `fun` does not depend on the parameters by operations whose derivatives are known.
        ShapeError: if `fun` returns several numbers.
        TypeError: if a parameter is not real.
        ReplayError: if `fun` reads what changes during the solve, unseen by `compile`.

    References:
        SciPy, `scipy.optimize.minimize`.

    Example:
        >>> found = minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, {"a": np.zeros(2), "b": 3.0})
        >>> found.x["a"].round(4).tolist(), round(abs(float(found.x["b"])), 4)
        ([1.0, 1.0], 0.0)
    """
    require_function("minimize", fun)
    layout, start = laid_out("minimize", x0)
    args = args if isinstance(args, tuple) else (args,)
    takes = _capabilities(method, bounds, constraints)
    automatic = jac is None and takes.jac
    hessian_at = given_matrix(hess, layout, args) if callable(hess) else _hessian(fun, jac is True, layout, args)
    hess = hessian_at if callable(hess) else hess
    hessp = None if hessp is None else _product(hessp, layout, args)
    derivatives: list[Derivatives] = []

    def differentiate(transform: Any) -> Derivatives:
        derivatives.append(Derivatives("minimize", fun, layout, transform, args, compiled))
        return derivatives[-1]

    if automatic:
        objective, jac = differentiate(_value_and_gradient), True
        if hess is None and hessp is None and (takes.hess or takes.hessp):
            if takes.hess and (start.size <= MOST_FOR_HESSIAN or not takes.hessp):
                hess = differentiate(hessian)
            else:
                hessp = differentiate(hvp)
    else:
        objective, jac = _of_vector(fun, jac, layout, args)
    ipopt = takes is MINIMIZE["ipopt"]
    constraints = as_objects(constraints) if ipopt else constraints
    exact = automatic or callable(hess) or callable(hessp)
    limits = of_vector(constraints, layout, takes, exact, compiled) if np.size(constraints) else []
    same = {"jac": jac, "hess": hess, "bounds": pairs_of_bounds(bounds, layout), "constraints": limits, "tol": tol}
    same |= {"callback": callback_of(callback, layout), "options": options}
    if ipopt:
        result = minimize_by_ipopt(objective, start, layout=layout, compiled=compiled, **same)
    else:
        result = scipy.optimize.minimize(objective, start, method=method, hessp=hessp, **same)
    for first_derivatives in (*derivatives[:1], *jacobians_in(limits)):
        first_derivatives.confirm(result.x)
    return _estimate(result, layout, derivatives, hessian_at)


def _capabilities(method: Any, bounds: Any, constraints: Any) -> Takes:
    """Return what a method takes; without a name, it is the one that SciPy chooses."""
    if callable(method):
        return CUSTOM
    if method is None:
        method = "slsqp" if np.size(constraints) else "bfgs" if bounds is None else "l-bfgs-b"
    if not isinstance(method, str) or method.lower() not in MINIMIZE:
        raise ValueError(f"minimize: expected method to be one of {', '.join(MINIMIZE)}; received {method!r}")
    return MINIMIZE[method.lower()]


def _value_and_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    def scalar(x: Any) -> Any:
        out = f(x)
        if np.size(out) != 1:
            raise ShapeError(
                f"minimize: expected a function that returns one number; received shape {np.shape(out)}. Reduce it, "
                "with .sum() or .mean(); least_squares takes residuals"
            )
        return out

    return value_and_grad(scalar)


def _of_vector(fun: Any, jac: Any, layout: Layout, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the objective and its gradient as functions of the vector, where the gradient does not come by itself."""
    if jac is True:

        def both(x: Vector) -> tuple[Any, Vector]:
            value, gradient = fun(layout.unflatten(x), *args)
            return bare(value), layout.vector("minimize", gradient)

        return both, True
    if callable(jac):
        return plain(fun, layout, args), lambda x: layout.vector("minimize", jac(layout.unflatten(x), *args))
    return plain(fun, layout, args), jac


def _product(hessp: Callable[..., Any], layout: Layout, args: tuple[Any, ...]) -> Callable[[Vector, Vector], Vector]:
    return lambda x, p: layout.vector("minimize", hessp(layout.unflatten(x), layout.unflatten(p), *args))


def _hessian(fun: Any, gives_both: bool, layout: Layout, args: tuple[Any, ...]) -> Callable[[Vector], Any]:
    """Return the Hessian of a function, which may return a pair of its value and its gradient."""
    value = (lambda *arguments: fun(*arguments)[0]) if gives_both else fun
    return lambda x: Derivatives("minimize", value, layout, hessian, args, False)(x)


def _estimate(
    result: Any, layout: Layout, derivatives: list[Derivatives], hessian_at: Callable[[Vector], Any]
) -> Estimate:
    x = result.x
    more = {"x": layout.like_input(x), "evaluation": evaluation_message(derivatives[0] if derivatives else None)}
    jac = result.get("jac")
    if isinstance(jac, np.ndarray) and jac.shape == x.shape and layout.tree is not None:
        more["jac"] = layout.unflatten(jac)
    if isinstance(result.get("multipliers"), Multipliers):
        of_constraints, lower, upper = result.multipliers
        more["multipliers"] = Multipliers(of_constraints, layout.unflatten(lower), layout.unflatten(upper))

    return estimate(result, lambda: inverse_hessian("minimize", np.asarray(hessian_at(x))), **more)
