"""Gradients of solutions that other libraries have been reported to get wrong without a word: programs of the reports.

Each has what was asked for there, and the answer by a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import optimize


def bisect(f: Callable[[Any], Any], lower: float, upper: float) -> Any:
    """Return a root of an increasing function, by comparisons alone: what it computes does not depend on f smoothly."""
    for _ in range(60):
        middle = (lower + upper) / 2
        lower, upper = (middle, upper) if f(middle) < 0 else (lower, middle)
    return (lower + upper) / 2


# ---- google/jaxopt 141: derivatives by parameters of the derivative of an inverse function were zero -----------------


def curve(x: Any, a: Any, b: Any) -> Any:
    return (a * x**2 + b * x) / (a + b)


def inverse_by_formula(y: Any, a: Any, b: Any) -> Any:
    return (-b + np.sqrt(b**2 + 4 * a * (a + b) * y)) / (2 * a)


INVERSES = {
    "implicit": ag.implicit(
        lambda y, a, b: bisect(lambda x: curve(x, a, b) - y, 0.0, 1.0), lambda x, y, a, b: curve(x, a, b) - y
    ),
    "root_scalar": lambda y, a, b: optimize.root_scalar(lambda x: curve(x, a, b) - y, bracket=(0.0, 1.0)).root,
    "fixed_point": lambda y, a, b: ag.fixed_point(lambda x: x - curve(x, a, b) + y, 0.5, tol=1e-14).x,
}


@pytest.mark.parametrize("name", INVERSES)
def test_jaxopt_141(name: str) -> None:
    inverse, point = INVERSES[name], (0.5, 2.0, 3.0)
    for received, expected in (
        (ag.grad(inverse, (0, 1, 2)), ag.grad(inverse_by_formula, (0, 1, 2))),  # [1] of the report
        (ag.grad(ag.grad(inverse), (0, 1, 2)), ag.grad(ag.grad(inverse_by_formula), (0, 1, 2))),  # [0]: it gave zeros
    ):
        np.testing.assert_allclose(received(*point), expected(*point), rtol=1e-8)


# ---- google/jaxopt 466: a linear solve that did not converge returned its first guess, zeros -------------------------

BASIS = np.random.default_rng(1).standard_normal((40, 40)) / 40**0.5


def expansion(x: Any, p: Any) -> Any:
    return p[0] * np.sin(BASIS @ x) + p[1] * np.exp(-((BASIS.T @ x) ** 2)) + p[2]


@pytest.mark.parametrize("linear", ["dense", "anderson", "gmres"])
def test_jaxopt_466(linear: str) -> None:
    p, target = np.array([0.6, 0.4, 0.1]), np.linspace(-1, 1, 40)

    def loss(p: Any) -> Any:
        found = ag.fixed_point(expansion, np.zeros(40), (p,), linear=linear, tol=1e-13, digits=6)
        return ((found.x - target) ** 2).sum()

    steps = np.eye(3) * 1e-5
    expected = [float(loss(p + h) - loss(p - h)) / 2e-5 for h in steps]
    gradient = ag.grad(loss)(p)
    assert np.abs(gradient).min() > 1e-3
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


# ---- metaopt/torchopt 222: the gradient of a root was zero where the unknown was a single number ---------------------


def cubic(x: Any, factor: Any) -> Any:
    return factor * x**3 - x - 2


@pytest.mark.parametrize("linear", ["auto", "anderson", "gmres"])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_torchopt_222(shape: tuple[int, ...], linear: str) -> None:
    solve = ag.implicit(
        lambda factor: np.full(shape, bisect(lambda x: cubic(x, float(np.ravel(factor)[0])), 1.0, 2.0)),
        cubic,
        linear=linear,
    )
    x = bisect(lambda x: cubic(x, 2.0), 1.0, 2.0)
    slope = -(x**3) / (6 * x**2 - 1)
    factor = np.full(shape, 2.0)
    np.testing.assert_allclose(ag.grad(lambda f: solve(f).sum())(factor), np.full(shape, slope), rtol=1e-10)
    roots = ag.grad(lambda f: optimize.root(lambda x: cubic(x, f), np.full(shape, 1.5)).x.sum())(factor)
    np.testing.assert_allclose(roots, np.full(shape, slope), rtol=1e-8)


# ---- danielward27/flowjax 176: gradients through the inverse of a flow, found by bisection in a loop, were zero ------

N = 5
RNG = np.random.default_rng(2)
LOWER = np.tril(RNG.standard_normal((N, N)), -1) / 2
SCALES = np.exp(RNG.standard_normal(N) / 2)


def flow(x: Any) -> Any:
    """Return an autoregressive function that increases in each of its numbers."""
    return SCALES * x + np.tanh(x) + np.tanh(LOWER @ x)


def invert(y: Any) -> Any:
    x = np.zeros(N)
    for k in range(N):  # y[k] depends on x[:k + 1] alone

        def gap(value: float, k: int = k) -> Any:
            return flow(np.where(np.arange(N) == k, value, x))[k] - y[k]

        x[k] = bisect(gap, -50.0, 50.0)
    return x


def test_flowjax_176() -> None:
    inverse = ag.implicit(invert, lambda x, y: flow(x) - y)

    def transform_and_log_det(y: Any) -> tuple[Any, Any]:
        x = inverse(y)
        return x, -np.linalg.slogdet(ag.jacobian(flow)(x))[1]

    point, cotangent = RNG.standard_normal(N), RNG.standard_normal(N)
    _, pull = ag.vjp(transform_and_log_det)(point)
    received = pull((cotangent, np.float64(1.0)))

    def by_newton(y: Any) -> tuple[Any, Any]:  # the derivatives of two of Newton's steps from the solution are its own
        x = invert(point)
        for _ in range(2):
            x = x - np.linalg.solve(ag.jacobian(flow)(x), flow(x) - y)
        return x, -np.linalg.slogdet(ag.jacobian(flow)(x))[1]

    _, expected = ag.vjp(by_newton)(point)
    np.testing.assert_allclose(received, expected((cotangent, np.float64(1.0))), rtol=1e-8)


def test_flowjax_176_in_a_loop() -> None:
    def root(y: Any) -> Any:
        def halve(ends: Any) -> Any:
            middle = (ends[0] + ends[1]) / 2
            below = middle**3 + middle < y
            return np.where(below, middle, ends[0]), np.where(below, ends[1], middle)

        return ag.while_loop(lambda ends: ends[1] - ends[0] > 1e-12, halve, (0.0 * y, 0.0 * y + 3.0))[0]

    with pytest.raises(ag.GradError, match="max_steps"):  # an error in place of zeros
        ag.grad(root)(2.0)
    solve = ag.implicit(lambda y: root(y).numpy(), lambda x, y: x**3 + x - y)
    np.testing.assert_allclose(ag.grad(solve)(2.0), 1 / 4, rtol=1e-9)
