"""Laws of solutions: every derivative, by every transformation, is that of Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control.closure_conversion import example_of

MATRIX = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 5]])


class Problem(NamedTuple):
    """F(x, theta) = 0, and a value of theta for which the solutions are simple."""

    residual: Callable[..., Any]
    theta: Any
    x: Any  # near the solution


PROBLEMS = {
    "one number": Problem(lambda x, a: x * x - a, np.array(4.0), np.array(2.1)),
    "linear": Problem(lambda x, a: MATRIX @ x - np.sin(a), np.array([1.0, 2, 3]), np.zeros(3)),
    "positive": Problem(lambda x, a: MATRIX @ x * (1 + a[0] ** 2) + x**3 - a, np.array([0.5, -1.0, 2.0]), np.zeros(3)),
    "turned": Problem(
        lambda x, a: np.stack([x[0] + a[0] * x[1] * x[1] - 1, a[1] * x[1] + np.exp(-x[0]) - 2, x[2] * x[0] - a[2]]),
        np.array([0.3, 1.5, 0.7]),
        np.array([0.8, 1.0, 1.0]),
    ),
    "theta of another shape": Problem(
        lambda x, a: a @ x + 0.1 * x * x - np.arange(3.0), MATRIX + np.diag([1.0, 2, 3]), np.zeros(3)
    ),
    "complex": Problem(lambda x, a: MATRIX @ x + 1j * x * x - a, np.array([1.0 + 1j, 2.0, -1j]), np.zeros(3, complex)),
    "complex x": Problem(lambda x, a: x * x + 1j * a * x + 1, np.array([0.5, 1.0, 1.5]), np.array([1j, 1j, 1j]) * 0.6),
}
SOLVED: dict[Any, Any] = {}
METHODS = {"dense": "turned", "cholesky": "positive", "sparse": "turned", "gmres": "turned", "cg": "positive"}


def newton(problem: Problem, theta: Any, steps: int = 7) -> Any:
    key = id(problem.residual), theta.tobytes()
    if key not in SOLVED:
        x = problem.x
        for _ in range(steps):
            x = step(problem, x, theta)
        SOLVED[key] = x
    return SOLVED[key]


def step(problem: Problem, x: Any, theta: Any) -> Any:
    f = problem.residual(x, theta)
    a = ag.jacobian(lambda x: problem.residual(x, theta))(x)
    return x - (f / a if not np.ndim(x) else np.linalg.solve(a, f))


def solver(problem: Problem, **options: Any) -> Callable[..., Any]:
    return ag.implicit(lambda theta: newton(problem, theta), problem.residual, **options)


def reference(problem: Problem) -> Callable[..., Any]:
    """Two steps of Newton's method from the solution: right up to third derivatives."""

    def solve(theta: Any) -> Any:
        x = newton(problem, example_of(theta))
        return step(problem, step(problem, x, theta), theta)

    return solve


def loss(solve: Callable[..., Any]) -> Callable[..., Any]:
    def compute(theta: Any) -> Any:
        x = solve(theta)
        return np.real(np.cos(x) * np.exp(np.real(x))).sum()

    return compute


def derivatives(solve: Callable[..., Any], theta: Any) -> list[Any]:
    """Return first to third derivatives, forward, in reverse, and both."""
    v = np.cos(np.arange(theta.size)).reshape(theta.shape)

    def along(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda theta: ag.jvp(f)((theta,), (v.astype(theta.dtype),))[1]

    def pull(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda theta: np.real(ag.grad(f)(theta) * v).sum()

    f = loss(solve)
    first = [ag.grad(f), along(f)]
    second = [along(ag.grad(f)), ag.grad(pull(f)), ag.grad(along(f)), along(along(f))]
    third = [ag.grad(pull(pull(f))), along(along(ag.grad(f))), ag.grad(along(along(f))), along(along(along(f)))]
    return [derivative(theta) for derivative in (*first, *second, *third)]


@pytest.mark.parametrize("name", PROBLEMS)
def test_orders(name: str) -> None:
    problem = PROBLEMS[name]
    compare(derivatives(solver(problem), problem.theta), derivatives(reference(problem), problem.theta))


def compare(received: Any, expected: Any, rtol: float = 1e-9) -> None:
    for a, b in zip(ag.tree.leaves(received), ag.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("linear", METHODS)
def test_methods(linear: str) -> None:
    problem = PROBLEMS[METHODS[linear]]
    compare(derivatives(solver(problem, linear=linear), problem.theta), derivatives(solver(problem), problem.theta))


def by_scan(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return f, computed as f(theta) + f(theta) - f(theta) by a loop."""

    def loop(theta: Any) -> Any:
        def body(total: Any, sign: Any) -> Any:
            return total + sign * f(theta), None

        return ag.scan(body, 0.0, np.array([1.0, 1, -1]))[0]

    return loop


def leaf(theta: Any) -> Any:
    return ag.tensor(theta, requires_grad=True)


def backward(f: Callable[..., Any], theta: Any) -> Any:
    t = leaf(theta)
    f(t).backward()
    return t.grad


# Ways to the gradient of a loss at theta.
WAYS: dict[str, Callable[..., Any]] = {
    "compiled": lambda f, theta: ag.compile(ag.grad(f))(theta),
    "replayed": lambda f, theta: [g := ag.compile(ag.grad(f)), g(theta * 1.1), g(theta * 1.2), g(theta)][-1],
    "gradient of compiled": lambda f, theta: [g := ag.grad(ag.compile(f)), g(theta * 1.1), g(theta)][-1],
    "backward": backward,
    "checkpoint": lambda f, theta: ag.grad(ag.checkpoint(f))(theta),
    "vmap": lambda f, theta: ag.vmap(ag.grad(f))(np.stack([theta * 1.1, theta, theta]))[1],
    "vmap of vmap": lambda f, theta: ag.vmap(ag.vmap(ag.grad(f)))(np.stack([theta * 1.1, theta])[:, None])[1, 0],
    "gradient of vmap": lambda f, theta: ag.grad(lambda t: ag.vmap(f)(t).sum())(np.stack([theta * 1.1, theta]))[1],
    "shared by vmap": lambda f, theta: ag.grad(lambda t: ag.vmap(lambda c: c * f(t))(np.array([1.0, 2.0, -2.0])).sum())(
        theta
    ),
    "forward": lambda f, theta: np.stack(
        [ag.jvp(f)((theta,), (e.reshape(theta.shape),))[1] for e in np.eye(theta.size)]
    ).reshape(theta.shape),
    "forward, vmap": lambda f, theta: ag.vmap(lambda e: ag.jvp(f)((theta,), (e.reshape(theta.shape),))[1])(
        np.eye(theta.size)
    ).reshape(theta.shape),
    "forward of vmap": lambda f, theta: (
        ag.jvp(ag.vmap(f))((np.stack([theta * 1.1] * 2),), (np.stack([theta, theta]),))[1][0]
        * ag.grad(f)(theta)
        / (ag.grad(f)(theta * 1.1) * theta).sum()
    ),
    "compiled vmap": lambda f, theta: ag.compile(ag.vmap(ag.grad(f)))(np.stack([theta * 1.1, theta]))[1],
    "scan": lambda f, theta: ag.grad(by_scan(f))(theta),
    "compiled scan": lambda f, theta: ag.compile(ag.grad(by_scan(f)))(theta),
    "linearize": lambda f, theta: ag.linearize(f)(theta)[1].transpose(np.float64(1)),
    "cond": lambda f, theta: ag.grad(lambda t: ag.cond(t.ravel()[0] > 100, lambda t: t.sum(), f, t))(theta),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name in PROBLEMS if "complex" not in name])
def test_ways(way: str, name: str) -> None:
    f, theta = loss(solver(PROBLEMS[name])), PROBLEMS[name].theta
    compare(WAYS[way](f, theta), ag.grad(f)(theta), 1e-10)


def test_examples_share_arguments() -> None:
    """The gradient by what all examples of a batch share is the sum of theirs."""
    a, many = np.array([1.0, 2.0]), np.array([[1.0, 3.0], [4.0, 2.0], [9.0, 5.0]])
    root = ag.implicit(lambda a, b: np.sqrt(np.sin(a) * b), lambda x, a, b: x * x - np.sin(a) * b)
    both = []
    for f in (root, lambda a, b: np.sqrt(np.sin(a) * b)):
        total = lambda a, f=f: (ag.vmap(lambda b: f(a, b))(many) ** 3).sum()  # noqa: E731
        again = lambda a, total=total: np.cos(ag.grad(total)(a)).sum()  # noqa: E731
        both.append([ag.grad(total)(a), ag.jvp(total)((a,), (a,))[1], ag.grad(again)(a), ag.compile(ag.grad(total))(a)])
    compare(*both)


RATE = 1.0


def test_numbers_around_a_compiled_function_may_change() -> None:
    global RATE
    root = ag.compile(lambda y: ag.optimize.root(lambda z: z - RATE * y, np.zeros(1)).x[0])
    fixed_point = ag.compile(lambda y: ag.fixed_point(lambda z: 0.1 * z + 0.9 * RATE * y, np.zeros(1)).x[0])
    try:
        for RATE in (1.0, 2.0, 1.0, 2.0, 3.0, 1.0):
            assert abs(float(root(np.ones(1))) - RATE) < 1e-8
            assert abs(float(fixed_point(np.ones(1))) - RATE) < 1e-4
    finally:
        RATE = 1.0
