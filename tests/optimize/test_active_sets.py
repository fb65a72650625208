"""Derivatives of minima with bounds and constraints, against closed forms and differences of tight solves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint

import autograd_lite as ag
from autograd_lite.optimize import least_squares, minimize, minimize_scalar

from .problems import METHODS

TIGHT: dict[str, dict[str, Any]] = {
    "l-bfgs-b": {"options": {"ftol": 1e-16, "gtol": 1e-11}},
    "tnc": {"options": {"ftol": 1e-13, "gtol": 1e-9, "maxfun": 2000}},
    "nelder-mead": {"options": {"xatol": 1e-10, "fatol": 1e-14, "maxfev": 20000, "maxiter": 20000}},
    "powell": {"options": {"xtol": 1e-11, "ftol": 1e-15}},
    "slsqp": {"options": {"ftol": 1e-11, "maxiter": 500}},
    "trust-constr": {"options": {"gtol": 1e-10, "xtol": 1e-13, "barrier_tol": 1e-10, "maxiter": 3000}},
    "cobyla": {"options": {"tol": 1e-10, "maxiter": 20000}},
    "cobyqa": {"options": {"final_tr_radius": 1e-7}},
}
BOUNDED = [m for m in TIGHT if m in METHODS]
CONSTRAINED = [m for m in BOUNDED if METHODS[m].constraints]


class Closed(NamedTuple):
    """A solution in a closed form.

    Attributes:
        solve: the solution as a function of t and keywords of `minimize`.
        t: where.
        exact: the same function, in a closed form.
        methods: that solve it.
    """

    solve: Callable[..., Any]
    t: list[float]
    exact: Callable[[Any], Any]
    methods: list[str]


def distance(t: Any) -> Callable[[Any], Any]:
    return lambda x: ((x - t) ** 2).sum()


def on_sphere(t: Any) -> Any:
    return t[1:] / np.sqrt((t[1:] ** 2).sum()) * t[0]


def on_simplex(t: Any) -> Any:
    return np.concatenate([t[:2] - (t[:2].sum() - 1) / 2, [0.0]])


SUM = LinearConstraint(np.ones((1, 3)), 1, 1)
PROBLEMS = {
    "onto a box": Closed(
        lambda t, **k: minimize(distance(t), [0.3, 0.3, 0.3], bounds=[(0, 1)] * 3, **k).x,
        [-0.4, 0.6, 1.7],
        lambda t: np.clip(t, 0, 1),
        BOUNDED,
    ),
    "limits of a box": Closed(
        lambda t, **k: minimize(distance([-9.0, 0.1, 9.0]), [0.0, 0.0, 0.0], bounds=Bounds(-t, 2 * t), **k).x,
        [1.0, 2.0, 3.0],
        lambda t: np.stack([-t[0], 0.1 + 0 * t[1], 2 * t[2]]),
        BOUNDED,
    ),
    "onto a ball": Closed(
        lambda t, **k: (
            minimize(
                distance(t[1:]),
                [0.1, 0.1],
                constraints=NonlinearConstraint(lambda x: (x**2).sum(), -np.inf, t[0] ** 2),
                **k,
            ).x
        ),
        [1.5, 2.0, 1.0],
        on_sphere,
        CONSTRAINED,
    ),
    "onto a sphere": Closed(
        lambda t, **k: (
            minimize(
                distance(t[1:]), [1.0, 1.0], constraints={"type": "eq", "fun": lambda x: (x**2).sum() - t[0] ** 2}, **k
            ).x
        ),
        [1.5, 2.0, 1.0],
        on_sphere,
        ["slsqp", "trust-constr", "cobyqa"],
    ),
    "onto a simplex": Closed(
        lambda t, **k: minimize(distance(t), [0.4, 0.4, 0.2], bounds=[(0, None)] * 3, constraints=SUM, **k).x,
        [0.8, 0.5, -0.7],
        on_simplex,
        CONSTRAINED,
    ),
    "arguments of a constraint, inactive ones beside": Closed(
        lambda t, **k: (
            minimize(
                lambda x: x @ x,
                [2.0, 3.0],
                constraints=[
                    {"type": "ineq", "fun": lambda x, a: x.sum() - a, "args": (t[0],)},
                    {"type": "ineq", "fun": lambda x: 50 - t[0] * x},
                ],
                **k,
            ).x
        ),
        [2.0],
        lambda t: np.stack([t[0] / 2, t[0] / 2]),
        CONSTRAINED,
    ),
}
CASES = [(name, method) for name, p in PROBLEMS.items() for method in p.methods if method in METHODS]


@pytest.mark.filterwarnings("ignore:delta_grad")  # of SciPy, about constraints that are linear
@pytest.mark.parametrize(("name", "method"), CASES)
def test_closed_forms(name: str, method: str) -> None:
    problem, t = PROBLEMS[name], np.array(PROBLEMS[name].t)
    jacobian = ag.jacobian(lambda t: problem.solve(t, method=method, **TIGHT[method]))(t)
    np.testing.assert_allclose(jacobian, ag.jacobian(problem.exact)(t), atol=2e-4)


@pytest.mark.parametrize("name", PROBLEMS)
def test_orders_and_transformations(name: str) -> None:
    problem, t = PROBLEMS[name], np.array(PROBLEMS[name].t)
    method = "slsqp" if "slsqp" in problem.methods else "l-bfgs-b"

    def loss(t: Any) -> Any:
        return (
            np.sin(problem.solve(t, method=method, **TIGHT[method])) * np.arange(1.0, 1 + len(problem.exact(t)))
        ).sum()

    def exact(t: Any) -> Any:
        return (np.sin(problem.exact(t)) * np.arange(1.0, 1 + len(problem.exact(t)))).sum()

    np.testing.assert_allclose(ag.grad(loss)(t), ag.grad(exact)(t), atol=1e-6)
    np.testing.assert_allclose(ag.hessian(loss)(t), ag.hessian(exact)(t), atol=1e-5)
    near = t + 0.01 * np.arange(3.0)[:, None]
    eager = [ag.grad(loss)(x) for x in near]
    compiled = ag.compile(ag.grad(loss))
    np.testing.assert_allclose([compiled(x) for x in near], eager, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ag.vmap(ag.grad(loss))(near), eager, rtol=1e-12, atol=1e-13)


# Hock and Schittkowski's problems, whose numbers with a name are parameters: solve(t) and t.
HOCK_SCHITTKOWSKI: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "21": (
        lambda t, **k: minimize(
            lambda x: 0.01 * x[0] ** 2 + t[0] * x[1] ** 2 + x[1] - 100,
            [3.0, 1.0],
            bounds=[(2, 50), (-50, 50)],
            constraints=NonlinearConstraint(lambda x: 10 * x[0] - x[1], t[1], np.inf),
            **k,
        ),
        [1.0, 21.0],
    ),
    "35": (
        lambda t, **k: minimize(
            lambda x: (
                9
                - 8 * x[0]
                - 6 * x[1]
                - 4 * x[2]
                + 2 * x[0] ** 2
                + 2 * x[1] ** 2
                + x[2] ** 2
                + 2 * x[0] * x[1]
                + 2 * x[0] * x[2]
            ),
            [0.5, 0.5, 0.5],
            bounds=[(0, None)] * 3,
            constraints=NonlinearConstraint(lambda x: x[0] + x[1] + t[1] * x[2], -np.inf, t[0]),
            **k,
        ),
        [3.0, 2.0],
    ),
    "71": (
        lambda t, **k: minimize(
            lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
            [1.0, 5.0, 5.0, 1.0],
            bounds=[(1, 5)] * 4,
            constraints=[
                {"type": "ineq", "fun": lambda x: np.prod(x) - t[0]},
                {"type": "eq", "fun": lambda x: (x**2).sum() - t[1]},
            ],
            **k,
        ),
        [25.0, 40.0],
    ),
    "76": (
        lambda t, **k: minimize(
            lambda x: x @ (np.array([1, 0.5, 1, 0.5]) * x) - x[0] * x[2] + x[2] * x[3] - x[0] - 3 * x[1] + x[2] - x[3],
            [0.5] * 4,
            bounds=[(0, None)] * 4,
            constraints=LinearConstraint(
                np.stack([np.stack([1.0, 2.0, t[2], 1.0]), [3.0, 1.0, 2.0, -1.0], [0.0, -1.0, -4.0, 0.0]]),
                -np.inf,
                np.stack([t[0], 4.0, -t[1]]),
            ),
            **k,
        ),
        [5.0, 1.5, 1.0],
    ),
}


@pytest.mark.parametrize("name", HOCK_SCHITTKOWSKI)
def test_hock_schittkowski(name: str) -> None:
    solve, numbers = HOCK_SCHITTKOWSKI[name]
    t = np.array(numbers)

    def everything(t: Any) -> Any:
        r = solve(t, method="slsqp", **TIGHT["slsqp"])
        m = r.multipliers
        return np.concatenate([r.x, np.reshape(r.fun, 1), r.jac, *m.constraints, m.lower, m.upper])

    def values(t: Any) -> Any:
        return everything(ag.tensor(t, requires_grad=True)).detach().numpy()

    jacobian, h = ag.jacobian(everything)(t), 4e-3
    steps = ((1, 2 / 3), (2, -1 / 12))  # of the fourth order, so that steps may be larger than the solver's errors
    differences = [
        sum(c * (values(t + k * h * e) - values(t - k * h * e)) / h for k, c in steps) for e in np.eye(len(t))
    ]
    np.testing.assert_allclose(jacobian, np.stack(differences, 1), rtol=1e-4, atol=2e-6 * np.abs(jacobian).max())


def test_trees() -> None:
    def solve(t: Any) -> Any:
        start = {"a": np.zeros((2, 2)), "b": 0.5}
        bounds = {"a": (None, t), "b": (0, None)}
        constraint = {"type": "eq", "fun": lambda p: p["b"] * t - 2}
        return minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, start, bounds=bounds, constraints=constraint)

    r = solve(ag.tensor(0.5, requires_grad=True))
    assert r.multipliers.lower["a"].shape == (2, 2)
    assert ag.jacobian(lambda t: solve(t).x["a"])(0.5).round(5).tolist() == [[1, 1], [1, 1]]
    np.testing.assert_allclose(ag.grad(lambda t: solve(t).x["b"])(0.5), -2 / 0.5**2, rtol=1e-6)


def test_least_squares_and_one_number() -> None:
    t = np.arange(5.0)
    fit = ag.jacobian(lambda y: least_squares(lambda p: p[0] + p[1] * t - y, [0.0, 0.0], bounds=(-9.0, [9.0, 0.5])).x)
    np.testing.assert_allclose(fit(t), np.stack([np.full(5, 0.2), np.zeros(5)]), atol=1e-6)
    limit = ag.grad(lambda b: minimize_scalar(lambda x: (x - 3) ** 2, bounds=(0.0, b), method="bounded").x)
    np.testing.assert_allclose(limit(2.0), 1, atol=1e-4)


def degenerate(*constraints: Any) -> Callable[[Any], Any]:
    return lambda t: minimize(distance(t), [0.3, 0.3], method="slsqp", constraints=list(constraints)).x[0]


@pytest.mark.parametrize(
    ("solve", "t", "text"),
    [
        (
            lambda t: minimize(distance(t), [0.3, 0.3], bounds=[(0, 1)] * 2).x.sum(),
            [0.0, 0.5],
            r"lower bound of x\[0\]",
        ),
        (
            lambda t: (
                minimize(lambda p: distance(t)(p["a"]), {"a": np.full(2, 0.3)}, bounds={"a": (0, 1)}).x["a"].sum()
            ),
            [0.5, 1.0],
            r"upper bound of x\['a'\]\[1\].*without it, \[1. 1.\]",
        ),
        (
            degenerate({"type": "ineq", "fun": lambda x: 1 - x.sum()}),
            [0.5, 0.5],
            r"lower limit of constraint 0 is degenerate.*active is \[ 0.5 -0.5\]; without it, \[1. 0.\]",
        ),
        (
            degenerate(*[{"type": "ineq", "fun": lambda x, k=k: k * (1 - x.sum())} for k in (1, 2)]),
            [1.5, 1.5],
            "constraint [01]",
        ),
        (
            degenerate({"type": "eq", "fun": lambda x: np.stack([x[0] + x[1] - 1, 2 * x[0] + 2 * x[1] - 2])}),
            [1.5, 1.5],
            "succeeded|constraint 0, row 0, limit of constraint 0, row 1",
        ),
    ],
)
def test_degenerate_ones_are_refused(solve: Callable[..., Any], t: list[float], text: str) -> None:
    for gradient in (ag.grad(solve), ag.compile(ag.grad(solve))):
        with pytest.raises(ag.ImplicitError, match=text):
            gradient(np.array(t))


def test_a_constraint_of_another_kind_is_refused() -> None:
    class Own:
        pass

    with pytest.raises((ag.GradError, TypeError, ValueError), match="onstraint"):
        ag.grad(lambda t: minimize(distance(t), [1.0], method="slsqp", constraints=[Own()]).fun)(np.ones(1))
