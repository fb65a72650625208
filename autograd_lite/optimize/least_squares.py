"""`least_squares` and `curve_fit`: SciPy's methods for sums of squares, with Jacobians by themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..core.arguments import require_function
from .constraints import callback_of, given_matrix, plain
from .evaluation import Derivatives, evaluation_message
from .jacobians import JACOBIAN, WEIGHTED_HESSIAN, Sparse, matrix_of
from .methods import LEAST_FOR_SPARSE
from .refinement import newton_steps
from .results import estimate, of_least_squares
from .vectors import NUMBERS, Layout, bare, laid_out


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
        compiled: as of `minimize`.
        sparse: whether the Jacobian is a sparse matrix, for which "trf" and "dogbox" take SciPy's `lsmr`; by default it
            is if there are many parameters, and few of its entries may be nonzero.
        options: further arguments of SciPy's, by name: `ftol`, `xtol`, `gtol`, `x_scale`, `loss`, `max_nfev`, ….

    Returns:
        SciPy's `OptimizeResult`, whose `x` is like `x0`. `covariance`, computed when it is asked for, is that of the
        parameters: s² (JᵀJ)⁻¹, with s² the sum of squares over the number of residuals less that of parameters.
        `evaluation` is "compiled", or why it was not; `how` is "Jacobian: sparse" or "Jacobian: dense", and why.

    Raises:
        GradError, TypeError, ReplayError: as of `minimize`.
        ValueError: if `refine` is given with another loss than "linear", or with finite differences; if `sparse` is
            True with "lm"; or for the `covariance` of more parameters than a dense matrix is made for.

    References:
        SciPy, `scipy.optimize.least_squares`. Seber, Wild: Nonlinear Regression, 1989, chapter 2.

    Example:
        >>> t = np.array([0.0, 1.0, 2.0, 3.0])
        >>> found = least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - 2 * np.exp(-t), {"a": 1.0, "k": 0.5})
        >>> round(float(found.x["a"]), 6), round(float(found.x["k"]), 6)
        (2.0, 1.0)
    """
    require_function("least_squares", fun)
    if refine and (options.get("loss", "linear") != "linear" or isinstance(jac, str)):
        raise ValueError(
            "least_squares: expected refine=True with loss='linear' and an exact Jacobian; received "
            f"loss={options.get('loss', 'linear')!r} and jac={jac!r}"
        )
    layout, start = laid_out("least_squares", x0)
    residuals = functools.partial(fun, **kwargs) if kwargs else fun
    args = args if isinstance(args, tuple) else (args,)
    derivatives = None
    if jac is None:
        choice = _sparse_choice(sparse, method, refine, options)
        jac = derivatives = matrix_of(JACOBIAN, "least_squares", residuals, layout, args, compiled, choice)
    elif callable(jac):
        jac = given_matrix(functools.partial(jac, **kwargs) if kwargs else jac, layout, args)
    if callback is not None:
        options["callback"] = callback_of(callback, layout)
    values = plain(residuals, layout, args)
    limits = _bounds_of_vector(bounds, layout)
    result = scipy.optimize.least_squares(values, start, jac, limits, method, **options)
    if refine and not np.any(result.active_mask):
        curvature = None
        if derivatives is not None:
            curvature = matrix_of(WEIGHTED_HESSIAN, "least_squares", residuals, layout, args, None)
        newton_steps(
            result,
            values,
            jac,
            curvature,
            (limits.lb, limits.ub) if isinstance(limits, scipy.optimize.Bounds) else limits,
        )
    if derivatives is not None:
        derivatives.confirm(result.x)
    return estimate(
        result,
        lambda: of_least_squares(result.jac, result.cost),
        x=layout.like_input(result.x),
        evaluation=evaluation_message(derivatives),
        how="no matrices of derivatives were computed" if derivatives is None else f"Jacobian: {derivatives.how}",
    )


def _sparse_choice(sparse: bool | None, method: str, refine: bool, options: dict[str, Any]) -> Sparse | None:
    """Return when the Jacobian is sparse; None where it has to be dense."""
    needs = "method='lm'" if method == "lm" else "refine=True" if refine else ""
    needs = "tr_solver='exact'" if options.get("tr_solver") == "exact" else needs
    if needs and sparse:
        raise ValueError(f"least_squares: expected a solver of sparse equations with sparse=True; received {needs}")
    return None if needs else Sparse(sparse, LEAST_FOR_SPARSE["least_squares"])


def _bounds_of_vector(bounds: Any, layout: Layout) -> Any:
    if layout.tree is None or isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    low, high = bounds
    return layout.vector("least_squares", low), layout.vector("least_squares", high)


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
        bounds: as of `least_squares`.
        jac: by default computed. A function that is called as f is, or "2-point", "3-point" or "cs", which are SciPy's
            finite differences.
        compiled: as of `minimize`.
        options: `full_output`, `nan_policy`, and further arguments of SciPy's `leastsq` or `least_squares`.

    Returns:
        As SciPy: the parameters, which are like `p0`, and their covariance, of shape (n, n); with `full_output` three
        more entries.

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
    layout, start = (NUMBERS, None) if p0 is None else laid_out("curve_fit", p0)
    derivatives: list[Derivatives] = []

    def at(parameters: Any, xdata: Any) -> Any:
        return _call_model(f, xdata, parameters)

    @functools.wraps(f)  # from which SciPy reads how many parameters there are
    def model(xdata: Any, *flat: Any) -> Any:
        return bare(at(layout.unflatten(np.array(flat)), xdata))

    def matrix(xdata: Any, *flat: Any) -> Any:
        x = np.array(flat)
        if callable(jac):
            return bare(_call_model(jac, xdata, layout.unflatten(x)))
        if not derivatives:
            derivatives.append(matrix_of(JACOBIAN, "curve_fit", at, layout, (xdata,), compiled))
        return derivatives[0](x)

    limits = _bounds_of_vector(bounds, layout)
    jacobian = matrix if jac is None or callable(jac) else jac
    results = scipy.optimize.curve_fit(
        model, xdata, ydata, start, sigma, absolute_sigma, check_finite, limits, method, jacobian, **options
    )
    if derivatives:
        derivatives[0].confirm(results[0])
    return (layout.like_input(results[0]), *results[1:])


def _call_model(f: Callable[..., Any], xdata: Any, parameters: Any) -> Any:
    return f(xdata, **parameters) if isinstance(parameters, dict) else f(xdata, *parameters)
