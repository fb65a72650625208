"""The equations that solutions fulfill, a row for each kind of solver: by these, results have derivatives.

A solver is added in three steps. Its row here is an `Optimality`: as many equations as there are unknowns, in NumPy's
functions. Its function makes a `Problem` of its arguments and calls `differentiable.solve`. Its name goes into the
table of the guide.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..functional import grad, hessian, jacobian
from .active_set import Conditions
from .binding import Binding, Functions
from .evaluation import stack
from .ipopt import Multipliers
from .limits import constraint_values, within_limits
from .results import inverse_hessian, of_least_squares, refuse_too_many

Entries = dict[str, Any]


def _no_entries(functions: Functions, data: Any, z: Any, aux: tuple[Any, ...]) -> tuple[Entries, Entries]:
    return {}, {}


class Optimality(NamedTuple):
    """The equations F(z, theta) = 0 of a kind of solver. The first of the unknowns z are the parameters.

    Attributes:
        residual: `(functions, x, data) -> F`, of as many numbers as parameters, in NumPy's functions, which is the
            gradient of a minimum. The functions are those of the problem, of the vector.
        entries: `(functions, data, z, aux) -> (entries, later)`: entries of the result that have derivatives, besides
            `x`; and functions without arguments for those that are computed when they are asked for.
        conditions: for a minimum with inequalities, the equations of its active set, in place of `residual`.
        multipliers: of a solver's result, those of constraints and bounds, if it has them.
    """

    residual: Callable[[Functions, Any, Any], Any]
    entries: Callable[[Functions, Any, Any, tuple[Any, ...]], tuple[Entries, Entries]] = _no_entries
    conditions: Callable[[Binding], Conditions | None] = lambda binding: None
    multipliers: Callable[[Any], Any] = lambda result: None


# ---- equations -------------------------------------------------------------------------------------------------------


def _values(functions: Functions, x: Any, data: Any) -> Any:
    return stack(functions["fun"](x))


ROOT = Optimality(_values, lambda functions, data, z, aux: ({}, {"fun": lambda: _values(functions, z, data)}))


# ---- minima ----------------------------------------------------------------------------------------------------------


def scalar(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that returns one number, in an array of any shape, as one that returns a number."""
    return lambda z: np.reshape(f(z), ())


def _gradient(functions: Functions, x: Any, data: Any) -> Any:
    return grad(scalar(functions["fun"]))(x)


def _of_minimum(functions: Functions, data: Any, z: Any, aux: tuple[Any, ...]) -> tuple[Entries, Entries]:
    def covariance() -> Any:
        refuse_too_many("minimize", z.size)
        return inverse_hessian("minimize", matrix())

    def matrix() -> Any:
        return hessian(scalar(functions["fun"]))(z)

    later = {"covariance": covariance, "hess": matrix, "jac": lambda: _gradient(functions, z, data)}
    return {"fun": scalar(functions["fun"])(z)}, later


MINIMUM = Optimality(_gradient, _of_minimum)


def _of_minimum_of_number(functions: Functions, data: Any, z: Any, aux: tuple[Any, ...]) -> tuple[Entries, Entries]:
    return {"fun": scalar(functions["fun"])(z)}, {}


MINIMUM_OF_NUMBER = Optimality(_gradient, _of_minimum_of_number, within_limits(_gradient))


def _of_limited(functions: Functions, data: Any, z: Any, aux: tuple[Any, ...]) -> tuple[Entries, Entries]:
    x, mu = z[: aux[1].shape[0]], z[aux[1].shape[0] :]
    entries, later = _of_minimum(functions, data, x, aux)
    slope = _gradient(functions, x, data)
    parts = []
    if mu.shape[0]:
        values = constraint_values(functions)
        slope = slope + grad(lambda x: (np.concatenate(values(x)) * mu).sum())(x)
        ends = np.cumsum([0, *[v.shape[0] for v in values(x)]])
        parts = [mu[i:j] for i, j in itertools.pairwise(ends)]
    push = np.where(aux[1] == 0, 0.0, -slope)
    multipliers = Multipliers(parts, np.maximum(-push, 0.0), np.maximum(push, 0.0))
    return {**entries, "multipliers": multipliers}, later


def _multipliers(result: Any) -> tuple[Any, Any] | None:
    m = result.get("multipliers")
    if not isinstance(m, Multipliers):
        return None
    return np.concatenate([np.zeros(0), *m.constraints]), m.upper - m.lower


LIMITED_MINIMUM = Optimality(_gradient, _of_limited, within_limits(_gradient), _multipliers)


# ---- sums of squares -------------------------------------------------------------------------------------------------

# SciPy's losses, of squared residuals in units of f_scale².
LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda s: s,
    "soft_l1": lambda s: 2 * (np.sqrt(1 + s) - 1),
    "huber": lambda s: np.where(s <= 1, s, 2 * np.sqrt(np.maximum(s, 1)) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def squares_of(options: Mapping[str, Any], residuals: Any = _values, absolute: bool = False) -> Optimality | str:
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

    def gradient(functions: Functions, x: Any, data: Any) -> Any:
        return grad(lambda z: cost(functions, z, data))(x)

    def entries(functions: Functions, data: Any, z: Any, aux: tuple[Any, ...]) -> tuple[Entries, Entries]:
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

        later = {"jac": matrix, "covariance": covariance, "grad": lambda: gradient(functions, z, data)}
        return {"fun": residuals(functions, z, data), "cost": total}, later

    return Optimality(gradient, entries, within_limits(gradient))
