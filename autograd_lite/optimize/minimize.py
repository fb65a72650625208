"""`minimize`: SciPy's methods for a function of several parameters, with derivatives by themselves."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
from scipy.sparse import issparse

from ..core.arguments import require_function
from ..core.errors import ShapeError
from ..core.traceback_folding import folding
from ..functional import hessian, hvp, value_and_grad
from ..solutions.settings import certainty_arguments
from .constraints import as_objects, callback_of, first_of, given_matrix, matrices_in, of_vector, pairs_of_bounds, plain
from .differentiable import Problem, solve
from .evaluation import Derivatives, evaluation_message
from .ipopt import Multipliers, minimize_by_ipopt
from .jacobians import HESSIAN, Sparse, matrix_of
from .limits import at_values, bounds_at, data_of, functions_of
from .methods import CUSTOM, LEAST_FOR_SPARSE, MINIMIZE, MOST_FOR_HESSIAN, Takes
from .models import parameters_of
from .optimality import LIMITED_MINIMUM, MINIMUM
from .results import Estimate, estimate, inverse_hessian, refuse_too_many
from .vectors import Layout, Vector, bare, ends_of, laid_out, start_of


@certainty_arguments
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
    sparse: bool | None = None,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
) -> Any:
    """Minimize a function of several parameters by `scipy.optimize.minimize`; derivatives come by themselves.

    Whatever the method can use and is not given is computed: gradients, in one evaluation with the value, Hessians or
    products with them, and those of constraints. Evaluations are compiled once they have taken as long as compiling.

    Args:
        fun: returns one number, computed with NumPy's functions from the parameters and `args`.
        x0: the parameters to start from: numbers, or a container of arrays of any shape, which `fun` is called with.
            They are handled in float64, and come back in their dtypes. Or a model of `nn`: `fun` is called with a copy
            of it, and `x` is a dict of its parameters by path, which `model.load_state_dict(x, strict=False)` assigns.
        args: a tuple of further arguments of `fun`, and of the derivatives if they are given; none by default.
        method: one of SciPy's; "ipopt" where it is installed; or a function. By default BFGS, L-BFGS-B with bounds, or
            SLSQP with constraints.
        jac: by default computed. A function, or True if `fun` returns (value, gradient); "2-point", "3-point", "cs" and
            False are SciPy's finite differences, for functions that Tensors cannot run through.
        hess, hessp: by default computed, if the gradient is too and the method uses them.
        bounds: `scipy.optimize.Bounds`, or a pair (lowest, highest) for each number, with None for no limit; None, the
            default, for no bounds. For a container, a container like it with a pair (lowest, highest) in each array's
            place.
        constraints: none by default; dicts such as {"type": "ineq", "fun": …} for fun(parameters) >= 0, "eq" for == 0,
            or SciPy's objects, whose functions take the parameters; `LinearConstraint` refers to all numbers, in order.
            SciPy's default jac="2-point" of a `NonlinearConstraint` counts as not given.
        tol: tolerance at which the method ends; None, the default, for its own.
        callback: called with the parameters, as `fun` is, after each iteration; None for none.
        options: a dict of the method's own, such as {"maxiter": 100, "disp": True}; None for none.
        sparse: whether Hessians and Jacobians are sparse matrices, for the methods that take them; by default those are
            in which few entries may be nonzero.

    Returns:
        SciPy's `OptimizeResult`. `x`, and the gradient `jac`, are like `x0`. `covariance`, computed when it is asked
        for, is the inverse of the Hessian: that of the estimate if `fun` is a negative log-likelihood. `evaluation` is
        "compiled", or why it was not, and `how` says which matrices of derivatives are sparse or dense, and why.
        With "ipopt", `multipliers` are those of the constraints and the bounds.
        Where `fun`, `args`, bounds or constraints read a Tensor that requires a gradient, or of grad, jvp, vmap or
        compile, the solution is differentiated by the equations that it fulfills, those of its active constraints among
        them: `x`, `fun`, `jac`, `multipliers` (of every method) and `covariance` are Tensors, and `sensitivity` says
        how certain their derivatives are. Derivatives that are given are not used then.

    Raises:
        GradError: if the result of `fun` does not depend on the parameters by operations whose derivatives are known.
        ImplicitError: when a derivative of the solution is asked for that is not certain.
        ShapeError: if `fun` returns several numbers.
        ModuleNotFoundError: for "ipopt" without Ipopt.
        TypeError: if a parameter is not real.
        ValueError: if the method is unknown, or takes no sparse matrices and `sparse` is True.
        ReplayError: if `fun` reads what changes during the solve, unseen by `compile`.

    References:
        SciPy, `scipy.optimize.minimize`.

    Example:
        >>> import numpy as np
        >>> minimize(lambda x: (x[0] - 1) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2, [0.0, 0.0]).x.round(3)
        array([1., 1.])
        >>> found = minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, {"a": np.zeros(2), "b": 3.0})
        >>> found.x["a"].round(4).tolist(), round(abs(float(found.x["b"])), 4)
        ([1.0, 1.0], 0.0)
    """
    require_function("minimize", fun)
    model, (x0, of_parameters) = x0, parameters_of(x0)
    fun, jac, hess, hessp = map(of_parameters, (fun, jac, hess, hessp))
    layout, start = laid_out("minimize", x0)
    args = args if isinstance(args, tuple) else (args,)
    value = first_of(fun) if jac is True else fun
    compiled = compiled if x0 is model else False
    several = list(constraints) if isinstance(constraints, (list, tuple)) else [constraints]
    limited = bounds is not None or bool(several)
    limits, matrices = data_of(several)
    data = {"start": start_of(x0, start), "limits": limits, "matrices": matrices, "bounds": None}
    if bounds is not None:
        data["bounds"] = ends_of("minimize", pairs_of_bounds(bounds, layout), layout.size)

    def run(functions: Any, data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        more = {"tol": tol, "callback": callback_of(callback, layout), "options": options}
        solve = functools.partial(_solve, layout=layout, method=method, compiled=compiled, sparse=sparse, more=more)
        if not exact:
            return solve(fun, data["start"], args, (jac, hess, hessp), bounds, constraints)
        new = at_values(several, functions, data)
        result = solve(functions["fun"], data["start"], args, (None, None, None), bounds_at(data), new)
        return _with_multipliers(result, limits, data)

    functions = functions_of(several)
    system = functions if isinstance(functions, str) else LIMITED_MINIMUM if limited else MINIMUM
    finish = functools.partial(_finish, layout)
    every = {"fun": value, **({} if isinstance(functions, str) else functions)}
    slow = x0 is not model
    problem = Problem("minimize", every, layout, args, data, run, start, system, finish, slow)
    return solve(problem, (digits, on_uncertain, on_failure, refine))


def _with_multipliers(result: Any, limits: list[Any], data: Any) -> Any:
    """Return the result of trust-constr with its multipliers as Ipopt's, and any other as it is."""
    v, bounded = result.get("v"), data["bounds"] is not None
    if v is not None and len(v) == len(limits) + bounded:
        push = v[-1] if bounded else np.zeros(result.x.size)
        result.multipliers = Multipliers(v[: len(limits)], np.maximum(-push, 0), np.maximum(push, 0))
    return result


def _solve(
    fun: Any,
    start: Vector,
    args: tuple[Any, ...],
    matrices: tuple[Any, Any, Any],
    bounds: Any,
    constraints: Any,
    *,
    layout: Layout,
    method: Any,
    compiled: bool | None,
    sparse: bool | None,
    more: dict[str, Any],
) -> Estimate:
    """Return SciPy's result for arrays, whose `x` is the vector."""
    jac, hess, hessp = matrices
    takes = _capabilities(method, bounds, constraints)
    automatic = jac is None and takes.jac
    hessian_at = given_matrix(hess, layout, args) if callable(hess) else _hessian(fun, jac is True, layout, args)
    hess = hessian_at if callable(hess) else hess
    hessp = None if hessp is None else _product(hessp, layout, args)
    choice = _sparse_choice(method, takes, sparse)
    derivatives: list[Derivatives] = []
    if automatic:
        derivatives.append(Derivatives("minimize", fun, layout, _value_and_gradient, args, compiled))
        objective, jac = derivatives[0], True
        if hess is None and hessp is None and (takes.hess or takes.hessp):
            hess, hessp = _second_derivatives(fun, start, layout, args, compiled, takes, choice)
    else:
        objective, jac = _of_vector(fun, jac, layout, args)
    exact = automatic or callable(hess) or callable(hessp)
    ipopt = takes is MINIMIZE["ipopt"]
    if ipopt and hessp is not None:
        raise ValueError("minimize: expected a Hessian or none for the method ipopt; received products, hessp")
    constraints = as_objects(constraints) if ipopt else constraints
    limits = of_vector(constraints, layout, takes, exact, compiled, choice) if np.size(constraints) else []
    same = {"jac": jac, "hess": hess, "bounds": pairs_of_bounds(bounds, layout), "constraints": limits, **more}
    if ipopt:
        result = minimize_by_ipopt(objective, start, layout=layout, compiled=compiled, sparse=choice, **same)
    else:
        if choice is not None:
            same["options"] = _all_sparse(limits, start, more["options"])
        result = scipy.optimize.minimize(objective, start, method=method, hessp=hessp, **same)
    for first_derivatives in (*derivatives, *matrices_in(limits)):
        first_derivatives.confirm(result.x)
    x = result.x

    def covariance() -> Any:
        refuse_too_many("minimize", x.size)
        return inverse_hessian("minimize", hessian_at(x))

    evaluation = evaluation_message(derivatives[0] if derivatives else None)
    how = _how(result, hess, hessp, limits)
    return estimate(result, {"covariance": covariance}, evaluation=evaluation, how=how)


def _sparse_choice(method: Any, takes: Takes, sparse: bool | None) -> Sparse | None:
    if takes.sparse:
        return Sparse(sparse, LEAST_FOR_SPARSE[method.lower()])
    if sparse:
        methods = " or ".join(name for name, other in MINIMIZE.items() if other.sparse)
        raise ValueError(f"minimize: expected the method {methods} with sparse=True; received {method!r}")
    return None


def _second_derivatives(
    fun: Any,
    start: Vector,
    layout: Layout,
    args: tuple[Any, ...],
    compiled: bool | None,
    takes: Takes,
    sparse: Sparse | None,
) -> tuple[Any, Any]:
    """Return the Hessian, or None and products with it where a method takes them and the Hessian is large and dense."""
    few = start.size <= MOST_FOR_HESSIAN or not takes.hessp
    if takes.hess and (few or sparse is not None):
        matrix = matrix_of(HESSIAN, "minimize", fun, layout, args, compiled, sparse)
        if not few:
            matrix.prepare(start)
        if few or matrix.is_sparse:
            return matrix, None
    return None, Derivatives("minimize", fun, layout, hvp, args, compiled)


def _all_sparse(limits: list[Any], start: Vector, options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return options that make all Jacobians of constraints sparse if one is: the method does not take both kinds."""
    for jac in matrices_in(limits):
        jac.prepare(start)
    if any(jac.is_sparse for jac in matrices_in(limits)) or any(issparse(getattr(c, "A", None)) for c in limits):
        return {"sparse_jacobian": True} | (options or {})
    return options


def _how(result: Any, hess: Any, hessp: Any, limits: list[Any]) -> str:
    """Return which matrices of derivatives are sparse or dense, and why."""
    parts = Counter(f"Jacobian of a constraint: {jac.how}" for jac in matrices_in(limits))
    texts = [text if n == 1 else f"{n} × {text}" for text, n in parts.items()]
    if "how" in result:
        texts.append(result.how)
    elif isinstance(hess, Derivatives):
        texts.append(f"Hessian: {hess.how}")
        texts += [f"Hessian of a constraint: {h.how}" for h in matrices_in(limits, "hess")]
    elif isinstance(hessp, Derivatives):
        texts.append("Hessian: products with vectors")
    return "; ".join(texts) or "no matrices of derivatives were computed"


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


def _finish(layout: Layout, result: Any) -> Any:
    """Return the result in terms of the parameters."""
    result.x = layout.like_input(result.x)
    jac, later = result.get("jac"), result.__dict__["later"]
    if layout.tree is not None and "jac" in later:
        gradient = later["jac"]
        later["jac"] = lambda: layout.unflatten(gradient())
    elif layout.tree is not None and isinstance(jac, np.ndarray) and jac.shape == (layout.size,):
        result.jac = layout.unflatten(jac)
    if isinstance(result.get("multipliers"), Multipliers):
        of_constraints, lower, upper = result.multipliers
        result.multipliers = Multipliers(of_constraints, layout.unflatten(lower), layout.unflatten(upper))
    return result
