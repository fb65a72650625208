"""Problems with their derivatives written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize as scipy_optimize

from autograd_lite.optimize.methods import MINIMIZE


def _is_known(method: str) -> bool:
    """Return whether SciPy has a method: 1.13 lacks COBYQA."""
    try:
        scipy_optimize.show_options("minimize", method, disp=False)
    except ValueError:
        return False
    return True


METHODS = {name: takes for name, takes in MINIMIZE.items() if _is_known(name)}


class Problem(NamedTuple):
    """A function of a vector, and its derivatives.

    Attributes:
        f, gradient, hessian: of the vector.
        start: where solvers begin.
        near: where Newton's method finds the minimum from.
    """

    f: Callable[[Any], Any]
    gradient: Callable[[Any], Any]
    hessian: Callable[[Any], Any]
    start: Any
    near: Any


def rosenbrock(x: Any) -> Any:
    """Return the sum of Rosenbrock's function over neighbors."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _rosenbrock_gradient(x: Any) -> Any:
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return g


def _rosenbrock_hessian(x: Any) -> Any:
    h = np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    diagonal = np.zeros_like(x)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    return h + np.diag(diagonal)


MATRIX = np.array([[4.0, 1, 0, 0], [1, 3, 1, 0], [0, 1, 2, 0], [0, 0, 0, 5]])

_T = np.linspace(-2, 2, 30)
_FEATURES = np.stack([np.ones(30), _T, np.cos(3 * _T)], axis=1)
_LABELS = (_T + 0.7 * np.sin(9 * _T + 1) > 0.2).astype(float)


def logistic(w: Any) -> Any:
    """Return the negative log-likelihood of a logistic regression, with a penalty."""
    z = _FEATURES @ w
    return (np.logaddexp(0, z) - _LABELS * z).sum() + 0.05 * (w * w).sum()


def _logistic_gradient(w: Any) -> Any:
    return _FEATURES.T @ (1 / (1 + np.exp(-_FEATURES @ w)) - _LABELS) + 0.1 * w


def _logistic_hessian(w: Any) -> Any:
    p = 1 / (1 + np.exp(-_FEATURES @ w))
    return _FEATURES.T * (p * (1 - p)) @ _FEATURES + 0.1 * np.eye(3)


PROBLEMS = {
    "rosenbrock": Problem(
        rosenbrock, _rosenbrock_gradient, _rosenbrock_hessian, np.array([0.5, 0.9, 0.8, 1.1]), np.full(4, 0.98)
    ),
    "quadratic": Problem(
        lambda x: x @ MATRIX @ x / 2 - x.sum(),
        lambda x: MATRIX @ x - 1,
        lambda x: MATRIX,
        np.array([3.0, -2, 0.5, 1]),
        np.zeros(4),
    ),
    "logistic": Problem(logistic, _logistic_gradient, _logistic_hessian, np.array([0.1, 0.0, 0.2]), np.zeros(3)),
}


def minimum(problem: Problem) -> Any:
    """Return where a problem has its minimum, by Newton's method from derivatives by hand."""
    x = problem.near
    for _ in range(30):
        x = x - np.linalg.solve(problem.hessian(x), problem.gradient(x))
    assert np.abs(problem.gradient(x)).max() < 1e-9
    return x


class Counted:
    """A function that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.calls = f, 0

    def __call__(self, *args: Any) -> Any:
        """Count and call."""
        self.calls += 1
        return self.f(*args)
