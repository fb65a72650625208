"""A bridge to `scipy.optimize.minimize`, for models, lists of parameters and containers of arrays."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import autograd_lite
from autograd_lite import Tensor

from ..config.arguments import checked
from ..module.module import Module
from .flat import FlatFunction
from .parameters import check_parameters

METHODS_WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
METHODS_OF_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}


@checked
def minimize(f: Callable[..., Any], parameters: Any, method: str = "L-BFGS-B", **options: Any) -> Any:
    """Minimize a function with one of SciPy's methods; gradients, and Hessians times vectors, are computed here.

    Args:
        f: returns a scalar Tensor. For a model or a list of parameters it takes no arguments and computes the loss from
            them; for a container of arrays it takes a container of the same structure.
        parameters: a model, or a list of Tensors that require gradients; either is changed in place. Or the starting
            point, an array, or a list, tuple or dict of arrays, which is left alone.
        method: one of SciPy's, such as "L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg", "SLSQP", "Nelder-Mead".
        options: further arguments of `scipy.optimize.minimize`: `tol`, `bounds`, `options`, `callback`, …. For models
            and lists of parameters they refer to the vector of all values, one parameter after another, and for
            containers to these, as in `autograd_lite.optimize.minimize`.

    Returns:
        SciPy's `OptimizeResult`. For a container of arrays its `x` has the same structure, otherwise `x` is the vector.
        An error or an interrupt leaves a model as it was.

    Raises:
        ImportError: if SciPy is not installed: pip install "autograd-lite[scipy]".

    Example:
        >>> import numpy as np
        >>> found = minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, {"a": np.zeros(2), "b": np.array(3.0)})
        >>> found.x["a"].round(4).tolist(), round(abs(float(found.x["b"])), 4)
        ([1.0, 1.0], 0.0)

    References:
        SciPy, `scipy.optimize.minimize`.
    """
    if not callable(f):
        raise TypeError(f"minimize: expected a function; received {type(f).__name__}")
    solve = autograd_lite.optimize.minimize
    if isinstance(parameters, Module):
        tensors = parameters.parameters()
    elif isinstance(parameters, (list, tuple)) and any(isinstance(p, Tensor) and p.requires_grad for p in parameters):
        tensors = list(parameters)
    else:
        return solve(f, parameters, method=method, **options)
    function = FlatFunction("minimize", f, check_parameters("minimize", tensors)[0])
    start = function.get()
    gradient = method.lower() not in METHODS_WITHOUT_GRADIENT and "jac" not in options
    derivatives: dict[str, Any] = {"jac": gradient}
    if gradient and method.lower() in METHODS_OF_PRODUCTS:
        derivatives["hessp"] = function.hessian_product
    objective = function.value_and_gradient if gradient else function.value
    try:
        result = solve(objective, start, method=method, **{**derivatives, **options})
        function.set(result.x)
    except BaseException:
        function.set(start)
        raise
    return copy(result)  # which leaves out the covariance: for that, f would have to be a function of the vector
