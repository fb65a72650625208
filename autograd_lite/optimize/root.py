"""`root`: SciPy's methods for systems of equations, with Jacobians by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..core.errors import ShapeError
from ..solutions.settings import certainty_arguments
from .constraints import callback_of, first_of, given_matrix, plain
from .differentiable import Problem, solve
from .evaluation import Derivatives, evaluation_message
from .jacobians import JACOBIAN, Sparse, matrix_of
from .methods import LEAST_FOR_SPARSE, ROOT, SPARSE_ROOT
from .newton import Preconditioner, newton
from .optimality import ROOT as ROOT_SYSTEM
from .vectors import Layout, Vector, bare, laid_out, start_of

_METHODS = [
    "newton",
    "hybr",
    "lm",
    "broyden1",
    "broyden2",
    "anderson",
    "linearmixing",
    "diagbroyden",
    "excitingmixing",
    "krylov",
    "df-sane",
]


@certainty_arguments
def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
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
    """Solve fun(x) = 0 for as many equations as unknowns by `scipy.optimize.root`; the Jacobian comes by itself.

    Args:
        fun: returns the left-hand sides, an array or a container of arrays, computed with NumPy's functions.
        x0: the unknowns to start from: numbers, or a container of arrays of any shape.
        args: further arguments of `fun`, and of `jac` if it is a function.
        method: one of SciPy's, of which "hybr" and "lm" use Jacobians; "krylov" is preconditioned by incomplete factors
            of a sparse one. Or "newton", whose steps are as long as they make the sum of squares smaller, with options
            `xtol`, `fatol`, `maxiter` and `disp`. By default "newton" if the Jacobian is sparse, otherwise "hybr".
        jac: by default computed. A function that returns the matrix, or True if `fun` returns (values, matrix); False
            for SciPy's finite differences, for functions that Tensors cannot run through.
        tol: tolerance at which the method ends; None, the default, for its own.
        callback: called with the unknowns, as `fun` is, after each iteration; None for none.
        options: a dict of the method's own, such as {"maxiter": 100}; None for none.
        sparse: whether the Jacobian is a sparse matrix, for the methods that take one; by default it is if there are
            many unknowns, and few of its entries may be nonzero.

    Returns:
        SciPy's `OptimizeResult`, whose `x` is like `x0` and has derivatives as that of `minimize`. `evaluation` is
        "compiled", or why the Jacobian was not; `how` is "Jacobian: sparse" or "Jacobian: dense", and why.

    Raises:
        GradError, TypeError, ReplayError: as of `minimize`.
        ValueError: if the method takes no sparse Jacobian and `sparse` is True.

    References:
        SciPy, `scipy.optimize.root`. Nocedal, Wright: Numerical Optimization, 2006, algorithm 11.4, for "newton".

    Example:
        >>> import numpy as np
        >>> found = root(lambda x: [x[0] * np.cos(x[1]) - 4, x[0] * x[1] - x[1] - 5], [1.0, 1.0])
        >>> found.x.round(6).tolist()
        [6.504097, 0.908414]
    """
    require_function("root", fun)
    if method is not None and str(method).lower() not in _METHODS:
        raise ValueError(f"root: expected method to be one of {', '.join(_METHODS)}; received {method!r}")
    layout, start = laid_out("root", x0)
    args = args if isinstance(args, tuple) else (args,)
    value = first_of(fun) if jac is True else fun

    def run(functions: Any, data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        f, matrix = (functions["fun"], None) if exact else (fun, jac)
        return _solve(f, data, layout, args, method, matrix, tol, callback, options, compiled, sparse)

    def finish(result: Any) -> Any:
        result.x = layout.like_input(result.x)
        return result

    problem = Problem("root", {"fun": value}, layout, args, start_of(x0, start), run, start, ROOT_SYSTEM, finish)
    return solve(problem, (digits, on_uncertain, on_failure, refine))


def _solve(
    fun: Any,
    start: Vector,
    layout: Layout,
    args: tuple[Any, ...],
    method: str | None,
    jac: Any,
    tol: float | None,
    callback: Any,
    options: dict[str, Any] | None,
    compiled: bool | None,
    sparse: bool | None,
) -> Any:
    """Return SciPy's result for arrays, whose `x` is the vector."""
    name = method.lower() if method else "hybr"
    derivatives: Derivatives | None = None
    equations: Any = plain(fun, layout, args)
    if jac is True:

        def equations(x: Vector) -> Any:
            values, matrix = fun(layout.unflatten(x), *args)
            return bare(values), bare(matrix)

    elif callable(jac):
        jac = given_matrix(jac, layout, args)
    elif jac is None and (name in ROOT or name in SPARSE_ROOT):
        choice = _sparse_choice(method, sparse)
        derivatives = matrix_of(JACOBIAN, "root", fun, layout, args, compiled, choice)
        derivatives.prepare(start)
        if derivatives.is_sparse and method is None:
            name = "newton"
        if name != "krylov":
            jac = derivatives
        elif derivatives.is_sparse:
            options = _with_preconditioner(derivatives, start, options)
        else:
            derivatives = None
    callback = callback_of(callback, layout)
    if name == "newton":
        result = newton(*_both_functions(equations, jac), start, tol, callback, options)
    else:
        try:
            result = scipy.optimize.root(equations, start, (), name, jac, tol, callback, options)
        except TypeError as error:
            if (problem := _problem_of(error, equations, start)) is None:
                raise
            raise problem from error
    if derivatives is not None:
        derivatives.confirm(result.x)
    result.evaluation = evaluation_message(derivatives)
    result.how = "no matrices of derivatives were computed" if derivatives is None else f"Jacobian: {derivatives.how}"
    return result


def _problem_of(error: TypeError, equations: Any, start: Vector) -> Exception | None:
    """Return the error of results that do not fit, in the user's terms; None if SciPy's is of something else."""
    if "mismatch between the input and output shape" not in str(error):
        return None
    if "'fprime'" in str(error):
        return ShapeError(f"root: expected jac to return a matrix of shape {start.shape * 2}, row i for equation i")
    values = equations(start)
    values = values[0] if isinstance(values, tuple) else values
    if values is None:
        return TypeError("root: expected fun to return numbers; received None. Did it forget to return?")
    return ShapeError(
        f"root: expected fun to return {start.size} numbers, one for each unknown; received {np.size(values)}. "
        "least_squares takes more or fewer"
    )


def _sparse_choice(method: str | None, sparse: bool | None) -> Sparse | None:
    if method is None or method.lower() in SPARSE_ROOT:
        return Sparse(sparse, LEAST_FOR_SPARSE["root"])
    if sparse:
        raise ValueError(f"root: expected the method newton or krylov with sparse=True; received {method!r}")
    return None


def _both_functions(equations: Callable[[Vector], Any], jac: Any) -> tuple[Any, Any]:
    """Return the left-hand sides and the Jacobian, each as a function."""
    if jac is True:
        return (lambda x: equations(x)[0]), (lambda x: equations(x)[1])
    if not callable(jac):
        raise ValueError(f"root: expected a Jacobian for the method newton, which is exact; received jac={jac!r}")
    return equations, jac


def _with_preconditioner(jac: Derivatives, start: Vector, options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return options with which Krylov's method is preconditioned by a sparse Jacobian, unless they say by what."""
    own = (options or {}).get("jac_options", {})
    if "inner_M" in own:
        return options
    return {**(options or {}), "jac_options": {**own, "inner_M": Preconditioner(jac, start)}}
