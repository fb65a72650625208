"""A bridge to `scipy.optimize.minimize`, for models, lists of parameters and containers of arrays."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite import Tensor, tensor

from ..config.arguments import checked
from ..data.structure import leaves, map_structure
from ..module.module import Module
from .flat import FlatFunction
from .parameters import named

WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
WITH_HESSIAN = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}


@checked
def minimize(f: Callable[..., Any], parameters: Any, method: str = "L-BFGS-B", **options: Any) -> Any:
    """Minimize a function with one of SciPy's methods; gradients, and Hessians times vectors, are computed here.

    Args:
        f: returns a scalar Tensor. For a model or a list of parameters it takes no arguments and computes the loss from
            them; for a container of arrays it takes a container of the same structure.
        parameters: a model, or a list of Tensors that require gradients; either is changed in place. Or the starting
            point, an array, or a list, tuple or dict of arrays, which is left alone.
        method: one of SciPy's, such as "L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg", "SLSQP", "Nelder-Mead".
        options: further arguments of `scipy.optimize.minimize`: `tol`, `bounds`, `options`, `callback`, …. They refer
            to the vector of all values, one parameter after another.

    Returns:
        SciPy's `OptimizeResult`. For a container of arrays its `x` has the same structure, otherwise `x` is the vector.
        An error or an interrupt leaves a model as it was.

    Raises:
        ImportError: if SciPy is not installed: pip install "autograd-lite[scipy]".

    Example:
        >>> found = minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, {"a": np.zeros(2), "b": np.array(3.0)})
        >>> found.x["a"].round(4).tolist(), round(abs(float(found.x["b"])), 4)
        ([1.0, 1.0], 0.0)

    References:
        SciPy, `scipy.optimize.minimize`.
    """
    try:
        scipy_minimize = importlib.import_module("scipy.optimize").minimize
    except ImportError as error:
        raise ImportError('minimize: expected SciPy; install it with pip install "autograd-lite[scipy]"') from error
    if not callable(f):
        raise TypeError(f"minimize: expected a function; received {type(f).__name__}")
    in_place = isinstance(parameters, Module) or (
        isinstance(parameters, (list, tuple)) and any(isinstance(p, Tensor) and p.requires_grad for p in parameters)
    )
    if in_place:
        tensors = named("minimize", parameters.parameters() if isinstance(parameters, Module) else parameters)[0]
        function = FlatFunction("minimize", f, tensors)
    else:
        tree = map_structure(_leaf, parameters)
        tensors = [leaf for _, leaf in leaves(tree)]
        if not tensors:
            raise ValueError("minimize: expected at least one array to start from; received none")
        function = FlatFunction("minimize", lambda: f(tree), tensors)
    start = function.get()
    given = {"method": method, **options}
    gradient = method.lower() not in WITHOUT_GRADIENT
    if gradient and method.lower() in WITH_HESSIAN:
        given = {"hessp": function.hessian_product, **given}
    try:
        result = scipy_minimize(
            function.value_and_gradient if gradient else function.value, start, jac=gradient or None, **given
        )
        function.set(result.x)
    except BaseException:
        function.set(start)
        raise
    if not in_place:
        result.x = map_structure(lambda leaf: leaf.numpy(), tree)
    return result


def _leaf(a: Any) -> Tensor:
    value = a.data if isinstance(a, Tensor) else np.asarray(a)
    if value.dtype.kind not in "fiu":
        raise TypeError(f"minimize: expected arrays of real numbers to start from; received dtype {value.dtype}")
    return tensor(value, dtype=value.dtype if value.dtype.kind == "f" else "float64", requires_grad=True)
