"""`least_squares`: SciPy's methods for sums of squares, with Jacobians by themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..solutions.settings import certainty_arguments
from .constraints import callback_of, given_matrix, plain
from .differentiable import Problem, solve
from .evaluation import Derivatives, evaluation_message, on_tensors
from .jacobians import JACOBIAN, WEIGHTED_HESSIAN, Sparse, matrix_of, order_of
from .methods import LEAST_FOR_SPARSE
from .optimality import squares_of
from .refinement import newton_steps
from .results import estimate, of_least_squares
from .vectors import Layout, Vector, bounds_of_vector, laid_out, start_of


@certainty_arguments
def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    *,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    refine: bool = False,
    compiled: bool | None = None,
    sparse: bool | None = None,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    **options: Any,
) -> Any:
    """Minimize half the sum of squares of residuals by `scipy.optimize.least_squares`; Jacobians come by themselves.

    Args:
        fun: returns the residuals, an array or a container of arrays, computed with NumPy's functions from the
            parameters, `args` and `kwargs`.
        x0: the parameters to start from: numbers, or a container of arrays of any shape, as of `minimize`.
        jac: by default computed. A function that returns the matrix; or "2-point", "3-point" or "cs", which are SciPy's
            finite differences, for functions that Tensors cannot run through.
        bounds: a pair (lowest, highest), or SciPy's `Bounds`. Each of the pair is a number, or is like `x0`, where
            numbers stand for whole arrays.
        method: "trf", "dogbox" or "lm".
        args, kwargs: further arguments of `fun`, and of `jac` if it is a function.
        callback: as SciPy's; it is given parameters as `fun` is.
        refine: whether to go on from SciPy's solution by Newton's steps, as long as each is at most half of the one
            before. SciPy's methods compare sums of squares, which tell solutions apart to half of the digits.
        sparse: whether the Jacobian is a sparse matrix, for which "trf" and "dogbox" take SciPy's `lsmr`; by default it
            is if there are many parameters, and few of its entries may be nonzero.
        options: further arguments of SciPy's, by name: `ftol`, `xtol`, `gtol`, `x_scale`, `loss`, `max_nfev`, ….

    Returns:
        SciPy's `OptimizeResult`, whose `x` is like `x0`. `x`, `fun`, `cost`, `jac` and `covariance` have derivatives
        as of `minimize`, also by bounds that are active. `covariance`, computed when it is asked for, is that of the
        parameters: s² (JᵀJ)⁻¹, with s² the sum of squares over the number of residuals less that of parameters.
        `evaluation` is "compiled", or why it was not; `how` is "Jacobian: sparse" or "Jacobian: dense", and
        why; and whether a dense one is computed by columns, which is forward mode, or by rows, which is reverse mode.

    Raises:
        GradError, TypeError, ReplayError: as of `minimize`.
        ValueError: if `refine` is given with finite differences; if `sparse` is True with "lm"; or for the `covariance`
            of more parameters than a dense matrix is made for.

    References:
        SciPy, `scipy.optimize.least_squares`. Seber, Wild: Nonlinear Regression, 1989, chapter 2.

    Example:
        >>> t = np.array([0.0, 1.0, 2.0, 3.0])
        >>> found = least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - 2 * np.exp(-t), {"a": 1.0, "k": 0.5})
        >>> round(float(found.x["a"]), 6), round(float(found.x["k"]), 6)
        (2.0, 1.0)
    """
    require_function("least_squares", fun)
    if refine and isinstance(jac, str):
        raise ValueError(f"least_squares: expected refine=True with an exact Jacobian; received jac={jac!r}")
    by_sums = options.get("loss", "linear") != "linear"  # else by residuals, see `newton_steps`
    layout, start = laid_out("least_squares", x0)
    args = args if isinstance(args, tuple) else (args,)
    residuals = functools.partial(fun, **kwargs) if kwargs else fun
    limits = bounds_of_vector("least_squares", bounds, layout)
    if callable(jac) and kwargs:
        jac = functools.partial(jac, **kwargs)
    if callback is not None:
        options["callback"] = callback_of(callback, layout)

    def run(functions: Any, data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        ends = (-np.inf, np.inf) if data["bounds"] is None else data["bounds"]
        matrix = None if exact else jac
        how = method, refine and not by_sums, compiled, sparse, options
        return _solve(functions["fun"], data["start"], layout, args, matrix, ends, *how)

    def finish(result: Any) -> Any:
        result.x = layout.like_input(result.x)
        return result

    data = {"start": start_of(x0, start), "bounds": limits}
    problem = Problem("least_squares", {"fun": residuals}, layout, args, data, run, start, squares_of(options), finish)
    return solve(problem, (digits, on_uncertain, on_failure, refine and by_sums))


def _solve(
    residuals: Any,
    start: Vector,
    layout: Layout,
    args: tuple[Any, ...],
    jac: Any,
    limits: Any,
    method: str,
    refine: bool,
    compiled: bool | None,
    sparse: bool | None,
    options: dict[str, Any],
) -> Any:
    """Return SciPy's result for arrays, whose `x` is the vector."""
    derivatives, values = None, plain(residuals, layout, args)
    if jac is None:
        choice = _sparse_choice(sparse, method, refine, options)
        jac = derivatives = matrix_of(JACOBIAN, "least_squares", residuals, layout, args, compiled, choice)
        values = Derivatives("least_squares", residuals, layout, on_tensors, args, compiled)
    elif callable(jac):
        jac = given_matrix(jac, layout, args)
    result = scipy.optimize.least_squares(values, start, jac, limits, method, **options)
    if refine and not np.any(result.active_mask):
        curvature = None
        if derivatives is not None:
            curvature = matrix_of(WEIGHTED_HESSIAN, "least_squares", residuals, layout, args, None)
        newton_steps(result, values, jac, curvature, limits)
    if derivatives is not None:
        derivatives.confirm(result.x)
    how = "no matrices of derivatives were computed"
    if derivatives is not None:
        order = "" if derivatives.is_sparse else f"; {order_of(result.fun.size, start.size)}"
        how = f"Jacobian: {derivatives.how}{order}"
    covariance = {"covariance": lambda: of_least_squares(result.jac, result.cost)}
    return estimate(result, covariance, evaluation=evaluation_message(derivatives), how=how)


def _sparse_choice(sparse: bool | None, method: str, refine: bool, options: dict[str, Any]) -> Sparse | None:
    """Return when the Jacobian is sparse; None where it has to be dense."""
    needs = "method='lm'" if method == "lm" else "refine=True" if refine else ""
    needs = "tr_solver='exact'" if options.get("tr_solver") == "exact" else needs
    if needs and sparse:
        raise ValueError(f"least_squares: expected a solver of sparse equations with sparse=True; received {needs}")
    return None if needs else Sparse(sparse, LEAST_FOR_SPARSE["least_squares"])
