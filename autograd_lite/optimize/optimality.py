"""The equations that solutions fulfil, a row for each kind of solver: by these, results have derivatives.

A solver is added in three steps. Its row here is an `Optimality`: as many equations as there are unknowns, in NumPy's
functions. Its function makes a `Problem` of its arguments and calls `differentiable.solve`. Its name goes into the
table of docs/guides/optimize.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.shape_arithmetic import ShapeDtype
from ..functional import grad, hessian, jacobian
from .evaluation import stack
from .results import inverse_hessian, of_least_squares, refuse_too_many
from .vectors import SCALAR

# Functions of the vector of unknowns, by name.
Functions = Mapping[str, Callable[[Any], Any]]
Entries = dict[str, Any]


def _only_x(result: Any, functions: Any, data: Any) -> tuple[Any, tuple[Any, ...]]:
    return result.x, ()


def _as_many_as_parameters(functions: Mapping[str, Any], size: int, data: Any) -> tuple[int, Sequence[ShapeDtype]]:
    return size, ()


def _none(functions: Functions, z: Any, aux: Any, data: Any) -> tuple[Entries, Entries]:
    return {}, {}


class Optimality(NamedTuple):
    """The equations F(z, aux, theta) = 0 of a kind of solver, whose first unknowns are the parameters.

    Attributes:
        residual: `(functions, z, aux, data) -> F`, of shape (n,): in NumPy's functions, without a branch on a value, so
            that it is the same system for all aux. The functions are those of the problem, of the vector; data are its
            starts and limits.
        unknowns: `(result, functions, data) -> (z, aux)`, all unknowns of a solver's result, whose `x` is the vector,
            and what has no derivative, such as which constraints are active, all as arrays. The functions are
            `FunctionAt`, by name, whose `derive` gives derivatives.
        shapes: `(pure functions, number of parameters, data) -> (n, shapes and dtypes of aux)`.
        entries: `(functions, z, aux, data) -> (entries, later)`: entries of the result that have derivatives; and
            functions without arguments for those that are computed when they are asked for. `x` need not be there.
    """

    residual: Callable[[Functions, Any, tuple[Any, ...], Any], Any]
    unknowns: Callable[[Any, Mapping[str, Any], Any], tuple[Any, tuple[Any, ...]]] = _only_x
    shapes: Callable[[Mapping[str, Any], int, Any], tuple[int, Sequence[ShapeDtype]]] = _as_many_as_parameters
    entries: Callable[[Functions, Any, tuple[Any, ...], Any], tuple[Entries, Entries]] = _none


# ---- equations -------------------------------------------------------------------------------------------------------

ROOT = Optimality(lambda functions, z, aux, data: stack(functions["fun"](z)))


# ---- minima ----------------------------------------------------------------------------------------------------------


def scalar(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that returns one number, in an array of any shape, as one that returns a number."""
    return lambda z: np.reshape(f(z), ())


def _gradient(functions: Functions, z: Any, aux: Any, data: Any) -> Any:
    return grad(scalar(functions["fun"]))(z)


def _of_minimum(functions: Functions, z: Any, aux: Any, data: Any) -> tuple[Entries, Entries]:
    def covariance() -> Any:
        refuse_too_many("minimize", z.size)
        return inverse_hessian("minimize", hessian(scalar(functions["fun"]))(z))

    return {"fun": scalar(functions["fun"])(z)}, {"covariance": covariance}


MINIMUM = Optimality(_gradient, entries=_of_minimum)


def where_active(active: Any, z: Any, gradient: Any, low: Any, high: Any) -> Any:
    """Return the equations of a minimum between bounds: z at its bound where that is active, elsewhere the gradient.

    Args:
        active: -1 where the lower bound is, 1 where the upper one is, otherwise 0.
        z, gradient: the parameters, and that of the function.
        low, high: the bounds, which may be infinite where they are not active.
    """
    return np.where(active == 0, gradient, z - np.where(active == -1, low, np.where(active == 1, high, 0.0)))


def at_bounds(x: Any, active: Any, low: Any, high: Any) -> Any:
    """Return an array with its entries at their bounds where these are active."""
    return np.where(active == -1, low, np.where(active == 1, high, x))


def _one_flag_each(functions: Mapping[str, Any], size: int, data: Any) -> tuple[int, Sequence[ShapeDtype]]:
    return size, () if data["bounds"] is None else (ShapeDtype((size,), np.dtype(np.int8)),)


def _of_number(functions: Functions, z: Any, aux: tuple[Any, ...], data: Any) -> Any:
    slope = _gradient(functions, z, aux, data)
    return slope if data["bounds"] is None else where_active(aux[0], z, slope, *data["bounds"])


def _number_and_side(result: Any, functions: Mapping[str, Any], data: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the minimum, at a bound where the solver has come near one at which the function falls outwards."""
    z = np.reshape(result.x, (1,))
    if data["bounds"] is None:
        return z, ()
    (low, high), near = data["bounds"], 4 * (np.sqrt(np.finfo(float).eps) * abs(z) + data["tolerance"])
    slope = functions["fun"].derive(_slope, SCALAR)
    active = 0
    if z - low <= near and slope(np.reshape(low, (1,))) > 0:
        active = -1
    elif high - z <= near and slope(np.reshape(high, (1,))) < 0:
        active = 1
    flags = np.full(1, active, np.int8)
    return at_bounds(z, flags, low, high), (flags,)


def _slope(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return grad(scalar(f))


def _value(functions: Functions, z: Any, aux: tuple[Any, ...], data: Any) -> tuple[Entries, Entries]:
    return {"fun": scalar(functions["fun"])(z)}, {}


MINIMUM_OF_NUMBER = Optimality(_of_number, _number_and_side, _one_flag_each, _value)


# ---- sums of squares -------------------------------------------------------------------------------------------------

# SciPy's losses, of squared residuals in units of f_scale².
LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda s: s,
    "soft_l1": lambda s: 2 * (np.sqrt(1 + s) - 1),
    "huber": lambda s: np.where(s <= 1, s, 2 * np.sqrt(np.maximum(s, 1)) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def _residuals(functions: Functions, z: Any, data: Any) -> Any:
    return stack(functions["fun"](z))


def squares_of(options: Mapping[str, Any], residuals: Any = _residuals, absolute: bool = False) -> Optimality | str:
    """Return the equations of a minimum of half the sum of squares, or why there are none.

    Args:
        options: of `scipy.optimize.least_squares`, of which `loss` and `f_scale` matter.
        residuals: `(functions, z, data) -> residuals`.
        absolute: whether the covariance is that of residuals of variance 1.
    """
    loss = options.get("loss", "linear")
    if loss not in LOSSES:
        return "the loss is a function"
    return _squares(loss, float(options.get("f_scale", 1.0)), residuals, absolute)


@functools.cache
def _squares(loss: str, f_scale: float, residuals: Callable[[Functions, Any, Any], Any], absolute: bool) -> Optimality:
    """Return the equations of a minimum of half the sum of squares, at any residuals: its whole gradient."""
    rho, linear = LOSSES[loss], loss == "linear"

    def cost(functions: Functions, z: Any, data: Any) -> Any:
        r = residuals(functions, z, data)
        return (r * r).sum() / 2 if linear else rho((r / f_scale) ** 2).sum() * (f_scale**2 / 2)

    def gradient(functions: Functions, z: Any, aux: tuple[Any, ...], data: Any) -> Any:
        g = grad(lambda z: cost(functions, z, data))(z)
        return g if data["bounds"] is None else where_active(aux[0], z, g, *data["bounds"])

    def unknowns(result: Any, functions: Any, data: Any) -> tuple[Any, tuple[Any, ...]]:
        if data["bounds"] is None:
            return result.x, ()
        flags = np.asarray(result.active_mask, np.int8)
        return at_bounds(result.x, flags, *data["bounds"]), (flags,)

    def entries(functions: Functions, z: Any, aux: tuple[Any, ...], data: Any) -> tuple[Entries, Entries]:
        total = cost(functions, z, data)

        def matrix() -> Any:
            """Return the Jacobian, with SciPy's weights of a loss that is not linear."""
            j = jacobian(lambda z: residuals(functions, z, data))(z)
            if linear:
                return j
            s = (residuals(functions, z, data) / f_scale) ** 2
            first = grad(lambda s: rho(s).sum())
            weight = first(s) + 2 * s * grad(lambda s: first(s).sum())(s)
            return j * np.sqrt(np.maximum(weight, np.finfo(float).eps))[:, None]

        def covariance() -> Any:
            j = matrix()
            return of_least_squares(j, (j.shape[0] - j.shape[1]) / 2 if absolute else total)

        later = {"jac": matrix, "covariance": covariance}
        return {"fun": residuals(functions, z, data), "cost": total}, later

    return Optimality(gradient, unknowns, _one_flag_each, entries)
