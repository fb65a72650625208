"""`curve_fit`: SciPy's fit of a model to data, with the Jacobian by itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from ..solutions.settings import certainty_arguments
from ..tensors.nested_arrays import array
from ..tensors.tensor import Tensor
from ..tree import leaves
from .binding import Functions
from .differentiable import Problem, solve
from .evaluation import Derivatives, FunctionAt, of_function, on_tensors, stack
from .jacobians import JACOBIAN, matrix_of
from .optimality import squares_of
from .vectors import Layout, Vector, bare, bounds_of_vector, laid_out, start_of


@certainty_arguments
def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    compiled: bool | None = None,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
    **options: Any,
) -> Any:
    """Fit a model `f(x, *parameters)` to data by `scipy.optimize.curve_fit`; the Jacobian comes by itself.

    Args:
        f: the model: returns its predictions, computed with NumPy's functions.
        xdata: the first argument of f.
        ydata: the measurements, of shape (m,).
        p0: the parameters to start from; by default ones. Numbers, a list or a tuple are passed as `f(x, *p0)`, a dict
            as `f(x, **p0)`; entries may be arrays of any shape.
        sigma, absolute_sigma, check_finite, method: as SciPy's.
        jac: by default computed. A function that is called as f is, or "2-point", "3-point" or "cs", which are SciPy's
            finite differences.
        options: `full_output`, `nan_policy`, and further arguments of SciPy's `leastsq` or `least_squares`.
        bounds: (lowest, highest): numbers or arrays, for all parameters or for each; infinite by default.

    Returns:
        As SciPy: the parameters, which are like `p0`, and their covariance, of shape (n, n); with `full_output` three
        more entries. Parameters and covariance have derivatives by `xdata`, `ydata`, `sigma`, bounds that are active,
        and by what `f` reads.

    Raises:
        GradError, TypeError, ReplayError: as of `minimize`.

    References:
        SciPy, `scipy.optimize.curve_fit`.

    Example:
        >>> t = np.array([0.0, 1.0, 2.0, 3.0])
        >>> found, covariance = curve_fit(lambda t, a, k: a * np.exp(-k * t), t, [2.0, 0.74, 0.27, 0.1])
        >>> found.round(3).tolist(), covariance.shape
        ([2.0, 0.997], (2, 2))
    """
    require_function("curve_fit", f)
    layout, start = laid_out("curve_fit", np.ones(_count(f)) if p0 is None else p0)
    xdata, ydata, sigma = map(_as_array, (xdata, ydata, sigma))

    def run(functions: Mapping[str, Any], data: Any, args: tuple[Any, ...], exact: bool) -> Any:
        ends = (-np.inf, np.inf) if data["bounds"] is None else data["bounds"]
        how = data["sigma"], absolute_sigma, check_finite, ends, method
        g, x = (functions["fun"], 0.0) if exact else (f, *args)
        return _fit(f, g, x, data["ydata"], data["start"], layout, jac, compiled, how, options)

    data = {"start": None if p0 is None else start_of(p0, start), "ydata": ydata, "sigma": sigma}
    data["bounds"] = bounds_of_vector("curve_fit", bounds, layout)
    system = "nan_policy was given" if "nan_policy" in options else squares_of(options, _residuals, absolute_sigma)
    model, finish = of_function(_call_model, f), functools.partial(_finish, layout)
    problem = Problem("curve_fit", {"fun": model}, layout, (xdata,), data, run, start, system, finish)
    return solve(problem, (digits, on_uncertain, on_failure, refine))


def _count(f: Callable[..., Any]) -> int:
    """Return how many parameters a model has, as SciPy reads it from the signature."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(p.kind in kinds for p in inspect.signature(f).parameters.values()) - 1
    if count < 1:
        raise ValueError("curve_fit: expected p0, or a model whose signature has the parameters; received neither")
    return count


def _as_array(x: Any) -> Any:
    """Return data as SciPy takes them: arrays in float64, and anything else as it is."""
    if isinstance(x, (list, tuple)):
        x = array(x) if any(isinstance(a, Tensor) for a in leaves(x)) else np.asarray(x, np.float64)
    return x.astype(np.float64) if isinstance(x, Tensor) and x.dtype.kind == "f" else x


def _residuals(functions: Functions, z: Any, data: Any) -> Any:
    """Return residuals in units of their standard deviations."""
    r, sigma = stack(functions["fun"](z)) - data["ydata"], data["sigma"]
    if sigma is None:
        return r
    return np.linalg.solve(np.linalg.cholesky(sigma), r) if np.ndim(sigma) == 2 and np.size(sigma) > 1 else r / sigma


def _fit(
    user: Any,
    f: Any,
    xdata: Any,
    ydata: Any,
    start: Vector | None,
    layout: Layout,
    jac: Any,
    compiled: bool | None,
    how: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Return SciPy's results for arrays: the vector `x`, its covariance `pcov`, and the others."""
    derivatives: list[Derivatives] = []
    values: list[Derivatives] = []
    exact = isinstance(f, FunctionAt)
    at = f if exact else of_function(_call_model, f)

    @functools.wraps(user)  # from which SciPy reads how many parameters there are
    def model(xdata: Any, *flat: Any) -> Any:
        x = np.array(flat)
        if exact or jac is not None:
            return bare(at(layout.unflatten(x), *() if exact else (xdata,)))
        if not values:
            values.append(Derivatives("curve_fit", at, layout, on_tensors, (xdata,), compiled))
        return values[0](x)

    def matrix(xdata: Any, *flat: Any) -> Any:
        x = np.array(flat)
        if callable(jac) and not exact:
            return bare(_call_model(jac, layout.unflatten(x), xdata))
        if not derivatives:
            args = () if exact else (xdata,)
            derivatives.append(matrix_of(JACOBIAN, "curve_fit", at, layout, args, compiled))
        return derivatives[0](x)

    jacobian = matrix if exact or jac is None or callable(jac) else jac
    x, pcov, *rest = scipy.optimize.curve_fit(model, xdata, ydata, start, *how, jacobian, **options)
    if derivatives:
        derivatives[0].confirm(x)
    infinite = not np.isfinite(pcov).all()
    return scipy.optimize.OptimizeResult(x=x, pcov=pcov, rest=dict(enumerate(rest)), success=True, is_infinite=infinite)


def _finish(layout: Layout, result: Any) -> tuple[Any, ...]:
    if "sensitivity" not in result:
        pcov = result.pcov
    elif result.get("is_infinite"):
        pcov = np.full((layout.size, layout.size), np.inf)
    else:
        pcov = result.covariance
    return (layout.like_input(result.x), pcov, *result.get("rest", {}).values())


def _call_model(f: Callable[..., Any], parameters: Any, xdata: Any) -> Any:
    return f(xdata, **parameters) if isinstance(parameters, dict) else f(xdata, *parameters)
