"""`solve_bvp`: SciPy's solutions, closed forms, and derivatives of all orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
from scipy.optimize import brentq

import autograd_lite as ag
from autograd_lite.integrate.boundary_values import solve_bvp
from autograd_lite.scipy import integrate


def bratu(k: Any, guess: float = 0.0, **options: Any) -> Any:
    y = np.zeros((2, 5))
    y[0] = guess
    return solve_bvp(
        lambda x, y: np.stack([y[1], -k * np.exp(y[0])]),
        lambda ya, yb: np.stack([ya[0], yb[0]]),
        np.linspace(0, 1, 5),
        y,
        **{"tol": 1e-6, **options},
    )


def bratu_in_the_middle(k: float, guess: float) -> float:
    """The closed form: y(1/2) = 2 log cosh(c / 4), c = sqrt(2 k) cosh(c / 4), which has two solutions."""
    between = (0.0, 4.79) if guess == 0 else (4.8, 30.0)
    c = brentq(lambda c: c - np.sqrt(2 * k) * np.cosh(c / 4), *between, xtol=1e-15)
    return 2 * float(np.log(np.cosh(c / 4)))


def modes(end: Any, weight: Any) -> Any:
    """The wave number p of y'' + weight p² y = 0, y = 0 at 0 and at the end: p = 2 pi / (end sqrt(weight))."""
    y = np.zeros((2, 5))
    y[0, 1], y[0, 3] = 1, -1
    return solve_bvp(
        lambda x, y, p: np.stack([y[1], -weight * p[0] ** 2 * y[0]]),
        lambda ya, yb, p: np.stack([ya[0], yb[0], ya[1] - p[0]]),
        np.linspace(0, 1, 5) * end,
        y,
        p=[6.0],
        tol=1e-6,
    ).p[0]


def emden(c: Any) -> Any:
    """y'' + 2 y' / x + c y⁵ = 0, whose solution is (1 + x² / 3)^(-1/2) for c = 1, at 0."""
    end = np.sqrt(0.75)
    return solve_bvp(
        lambda x, y: np.stack([y[1], -c * y[0] ** 5]),
        lambda ya, yb: np.stack([ya[1], yb[0] - end]),
        np.linspace(0, 1, 5),
        np.stack([np.full(5, end), np.ones(5)]),
        S=np.array([[0, 0], [0, -2.0]]),
        tol=1e-6,
    ).sol(0.0)[0]


def measles(theta: Any, tol: float = 1e-8) -> Any:
    """Ascher, Mattheij, Russell, example 1.10: periodic shares of the susceptible, the latent and the infectious."""
    mu, latency, infection = theta[0], theta[1], theta[2]

    def fun(t: Any, y: Any) -> Any:
        new = 1575 * (1 + np.cos(2 * np.pi * t)) * y[0] * y[2]
        return np.stack([mu - new, new - y[1] / latency, y[1] / latency - y[2] / infection])

    return solve_bvp(fun, lambda ya, yb: ya - yb, np.linspace(0, 1, 31), np.full((3, 31), 0.01), tol=tol)


def difference(f: Callable[[float], Any], x: float, step: float = 1e-4) -> Any:
    """The derivative by differences of fourth order."""
    d = step * abs(x)
    return (8 * (f(x + d) - f(x - d)) - (f(x + 2 * d) - f(x - 2 * d))) / (12 * d)


@pytest.mark.parametrize("guess", [0.0, 3.0])
def test_both_solutions_of_bratus_problem_have_the_derivatives_of_the_closed_form(guess: float) -> None:
    value, slope = ag.value_and_grad(lambda k: bratu(k, guess).sol(0.5)[0])(1.0)
    assert abs(value / bratu_in_the_middle(1.0, guess) - 1) < 1e-6
    assert abs(slope / difference(lambda k: bratu_in_the_middle(k, guess), 1.0, 1e-3) - 1) < 1e-6


@pytest.mark.ci
def test_unknown_parameters_and_the_ends_of_the_interval_have_derivatives_of_three_orders() -> None:
    assert abs(modes(1.0, 1.0) - 2 * np.pi) < 1e-6
    hessian = ag.hessian(lambda v: modes(v[0], v[1]))(np.ones(2))
    assert np.allclose(hessian, np.pi * np.array([[4, 1], [1, 1.5]]), rtol=1e-7)
    third = ag.grad(ag.grad(ag.grad(lambda end: modes(end, 1.0))))(1.0)
    assert abs(third / (-12 * np.pi) - 1) < 1e-7


def test_a_singular_term_stays_in_the_equations() -> None:
    assert abs(emden(1.0) - 1) < 1e-6
    assert abs(ag.grad(emden)(1.0) / difference(emden, 1.0, 1e-3) - 1) < 1e-5


@pytest.mark.ci
def test_the_measles_problem() -> None:
    theta, weights = np.array([0.02, 0.0279, 0.01]), np.array([1.0, 1e2, 1e2])

    def mean(theta: Any) -> Any:
        return np.sum(measles(theta).sol(0.5) * weights)

    gradient = ag.grad(mean)(theta)
    for i in range(3):
        along = lambda x, i=i: float(mean(np.where(np.arange(3) == i, x, theta)))  # noqa: E731
        assert abs(gradient[i] / difference(along, theta[i]) - 1) < 1e-6


def test_derivatives_of_the_cubics() -> None:
    k = ag.tensor(1.0, requires_grad=True)
    solved, t = bratu(k), np.array([[-0.1, 0.3], [0.5, 1.2]])
    reference = bratu(1.0).sol
    assert solved.sol(t).shape == (2, 2, 2)
    for nu in range(4):
        assert np.allclose(solved.sol(t, nu), reference(t, nu), rtol=1e-6, atol=1e-6)
    assert np.allclose(solved.yp, reference(solved.x, 1), atol=1e-7)
    with pytest.raises(ValueError, match=r"solve_bvp: expected nu from 0 to 3; received 4"):
        solved.sol(0.5, 4)


def test_plain_arrays_stay_scipys() -> None:
    arguments = (
        lambda x, y: np.vstack([y[1], -np.exp(y[0])]),
        lambda ya, yb: np.array([ya[0], yb[0]]),
        np.linspace(0, 1, 5),
        np.zeros((2, 5)),
    )
    theirs = scipy.integrate.solve_bvp(*arguments)
    for ours in (solve_bvp(*arguments), integrate.solve_bvp(*arguments), bratu(ag.tensor(1.0), tol=1e-3)):
        assert np.array_equal(ours.y, theirs.y)
        assert np.array_equal(ours.x, theirs.x)
        assert np.array_equal(ours.sol(0.3), theirs.sol(0.3))


def test_compiled_functions_and_batches_solve_anew() -> None:
    def middle(k: Any) -> Any:
        return bratu(k, max_nodes=64).sol(0.5)[0]

    gradient = ag.grad(middle)
    compiled = ag.compile(ag.grad(middle))
    for k in (1.0, 1.2, 2.0):
        assert abs(compiled(k) / gradient(k) - 1) < 1e-12
    assert np.allclose(ag.vmap(ag.grad(middle))(np.array([1.0, 2.0])), [gradient(1.0), gradient(2.0)], rtol=1e-12)
    assert np.allclose(ag.jvp(middle)((1.0,), (1.0,))[1], gradient(1.0), rtol=1e-12)


def test_complex_functions() -> None:
    def middle(k: Any) -> Any:
        return np.imag(
            solve_bvp(
                lambda x, y: np.stack([y[1], -(k**2) * y[0]]),
                lambda ya, yb: np.stack([ya[0] - 1, yb[0] - np.exp(1j)]),
                np.linspace(0, 1, 5),
                np.ones((2, 5), complex),
                tol=1e-6,
            ).sol(0.5)[0]
        )

    def closed_form(k: float) -> float:
        return np.sin(1.0) / np.sin(k) * np.sin(k / 2)

    assert abs(ag.grad(middle)(1.0) / difference(closed_form, 1.0, 1e-3) - 1) < 1e-6


def solve(**changes: Any) -> Any:
    arguments = {
        "fun": lambda x, y: -y,
        "bc": lambda ya, yb: np.stack([ya[0] - 1, yb[1] - 1]),
        "x": [0.0, 1.0, 2.0],
        "y": np.ones((2, 3)),
    }
    return solve_bvp(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fun": lambda x, y: y[0]}, r"fun to return slopes of y's shape \(2, 3\), .*; received \(3,\)"),
        ({"bc": lambda ya, yb: ya[:1]}, r"bc to return 2 residuals, shape \(2,\), .*; received \(1,\)"),
        ({"x": [0.0, 2.0, 1.0]}, r"x to be strictly increasing; received 1 after 2, at position 2"),
        ({"y": np.ones((2, 4))}, r"y of shape \(n, 3\).* received ndarray of shape \(2, 4\)"),
        ({"x": 3.0}, r"x of shape \(m,\)"),
        ({"p": 3.0}, r"p of shape \(k,\).*one number"),
        ({"bc": 3}, r"expected a function"),
        ({"S": ag.tensor(np.eye(2), requires_grad=True)}, r"S to be constant; received a Tensor"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"solve_bvp: expected .*{message}|solve_bvp: {message}"):
        solve(**changes)


def test_a_mesh_that_is_too_coarse_has_no_derivative() -> None:
    rate = ag.tensor(1e3, requires_grad=True)
    solved = solve(fun=lambda x, y: rate * y, max_nodes=10)
    assert not solved.success
    with pytest.raises(ag.ImplicitError, match=r"The maximum number of mesh nodes is exceeded: raise max_nodes, or"):
        solved.y.sum().backward()
