"""`root`: SciPy's methods for systems of equations, with Jacobians by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.optimize

from ..core.arguments import require_function
from .constraints import callback_of, given_matrix, plain
from .evaluation import Derivatives, evaluation_message
from .jacobians import jacobian_of
from .methods import ROOT
from .vectors import Vector, bare, laid_out


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    compiled: bool | None = None,
) -> Any:
    """Solve fun(x) = 0 for as many equations as unknowns by `scipy.optimize.root`; the Jacobian comes by itself.

    Args:
        fun: returns the left-hand sides, an array or a container of arrays, computed with NumPy's functions.
        x0: the unknowns to start from: numbers, or a container of arrays of any shape, as of `minimize`.
        args: further arguments of `fun`, and of `jac` if it is a function.
        method: one of SciPy's. "hybr" and "lm" use Jacobians.
        jac: by default computed. A function that returns the matrix, or True if `fun` returns (values, matrix); False
            for SciPy's finite differences, for functions that Tensors cannot run through.
        tol, callback, options: as SciPy's. A callback is given unknowns as `fun` is.
        compiled: as of `minimize`.

    Returns:
        SciPy's `OptimizeResult`, whose `x` is like `x0`. `evaluation` is "compiled", or why the Jacobian was not.

    Raises:
        GradError, TypeError, ReplayError: as of `minimize`.

    References:
        SciPy, `scipy.optimize.root`.

    Example:
        >>> import numpy as np
        >>> found = root(lambda x: [x[0] * np.cos(x[1]) - 4, x[0] * x[1] - x[1] - 5], [1.0, 1.0])
        >>> found.x.round(6).tolist()
        [6.504097, 0.908414]
    """
    require_function("root", fun)
    layout, start = laid_out("root", x0)
    args = args if isinstance(args, tuple) else (args,)
    derivatives: Derivatives | None = None
    equations: Any = plain(fun, layout, args)
    if jac is True:

        def equations(x: Vector) -> Any:
            values, matrix = fun(layout.unflatten(x), *args)
            return bare(values), bare(matrix)

    elif callable(jac):
        jac = given_matrix(jac, layout, args)
    elif jac is None and method.lower() in ROOT:
        jac = derivatives = jacobian_of("root", fun, layout, args, compiled)
    result = scipy.optimize.root(equations, start, (), method, jac, tol, callback_of(callback, layout), options)
    if derivatives is not None:
        derivatives.confirm(result.x)
    result.x, result.evaluation = layout.like_input(result.x), evaluation_message(derivatives)
    return result
