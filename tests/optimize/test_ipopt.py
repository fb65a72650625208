"""`minimize(method="ipopt")`: solutions, multipliers, what Ipopt is told, and what goes wrong."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

pytest.importorskip("scipy.optimize")

from scipy import sparse

from autograd_lite import optimize
from autograd_lite.optimize import ipopt

from .problems import PROBLEMS, Counted, minimum, rosenbrock

try:
    ipopt.problem_class()
except ModuleNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

START = np.array([1.0, 5.0, 5.0, 1.0])
BOUNDS = [(1, 5)] * 4


def objective(x: Any) -> Any:
    """Return problem 71 of Hock and Schittkowski."""
    return x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]


def product(x: Any) -> Any:
    return x[0] * x[1] * x[2] * x[3]


CONSTRAINTS = [
    {"type": "ineq", "fun": lambda x, least: product(x) - least, "args": (25.0,)},
    optimize.NonlinearConstraint(lambda x: x @ x, 40, 40),
    optimize.LinearConstraint(np.ones((1, 4)), -np.inf, 20),
]
SOLUTION = [1.0, 4.74299963, 3.82114998, 1.37940829]


def solve(f: Any = objective, x0: Any = START, **more: Any) -> Any:
    return optimize.minimize(f, x0, method="ipopt", **more)


def rest(found: Any, f: Any, constraints: list[Any]) -> float:
    """Return the largest entry of the gradient of the Lagrangian at a solution."""
    total = ag.grad(f)(found.x) - found.multipliers.lower + found.multipliers.upper
    for c, weights in zip(constraints, found.multipliers.constraints, strict=True):
        total = total + weights @ np.atleast_2d(ag.jacobian(c)(found.x))
    return float(np.abs(total).max())


@pytest.mark.parametrize("name", PROBLEMS)
def test_minima_without_constraints(name: str) -> None:
    problem = PROBLEMS[name]
    found = solve(problem.f, problem.start)
    assert found.success
    np.testing.assert_allclose(found.x, minimum(problem), atol=1e-7)


@pytest.mark.parametrize("compiled", [None, True, False])
def test_the_published_optimum_and_its_multipliers(compiled: Any) -> None:
    found = solve(bounds=BOUNDS, constraints=CONSTRAINTS, compiled=compiled)
    np.testing.assert_allclose(found.x, SOLUTION, atol=1e-6)
    assert found.fun == pytest.approx(17.0140173, abs=1e-6)
    assert found.fun == objective(found.x)
    assert found.constr_violation < 1e-7
    assert rest(found, objective, [product, lambda x: x @ x, lambda x: x.sum()]) < 1e-6
    signs = [float(np.sign(weights[0])) for weights in found.multipliers.constraints]
    assert signs == [-1, 1, 1]  # a lower limit, an equality and an upper limit that does not hold
    assert found.multipliers.lower[0] == pytest.approx(1.0879, abs=1e-4)
    assert (found.x >= 1).all()
    assert found.nit <= found.nfev <= 2 * found.nit
    assert found.nhev > 0


def test_parameters_may_be_a_tree() -> None:
    def flat(p: Any) -> Any:
        return np.concatenate([p["a"].ravel(), p["b"]])

    start = {"a": START[:2].reshape(1, 2), "b": START[2:]}
    constraints = [{"type": "ineq", "fun": lambda p: {"p": product(flat(p)) - 25}}]
    constraints += [{"type": "eq", "fun": lambda p: (flat(p) ** 2).sum() - 40}]
    found = solve(lambda p: objective(flat(p)), start, bounds={"a": (1, 5), "b": (1, 5)}, constraints=constraints)
    np.testing.assert_allclose(flat(found.x), SOLUTION, atol=1e-6)
    assert found.jac["a"].shape == found.multipliers.lower["a"].shape == (1, 2)


def test_derivatives_that_are_given_are_used() -> None:
    jac, hess = Counted(ag.grad(objective)), Counted(ag.hessian(objective))
    second = ag.hessian(lambda x, v: v[0] * (x @ x))
    constraint = optimize.NonlinearConstraint(lambda x: x @ x, 40, 40, ag.grad(lambda x: x @ x), second)
    found = solve(jac=jac, hess=hess, bounds=BOUNDS, constraints=[CONSTRAINTS[0], constraint])
    assert jac.calls
    assert hess.calls
    same = solve(bounds=BOUNDS, constraints=CONSTRAINTS[:2])
    np.testing.assert_allclose(found.x, same.x, atol=1e-7)


def test_without_second_derivatives_ipopt_approximates_them() -> None:
    opaque = Counted(lambda x: float(objective(x)))
    for more in ({"jac": "2-point"}, {"jac": ag.grad(objective), "hess": None}):
        found = solve(opaque, bounds=BOUNDS, constraints=CONSTRAINTS, **more)
        np.testing.assert_allclose(found.x, SOLUTION, atol=1e-4)
        assert found.nhev == 0
    chosen = solve(bounds=BOUNDS, constraints=CONSTRAINTS, options={"hessian_approximation": "limited-memory"})
    assert chosen.nhev == 0
    np.testing.assert_allclose(chosen.x, SOLUTION, atol=1e-5)


def test_where_a_function_is_not_defined_steps_are_shorter() -> None:
    found = solve(lambda x: x[0] - np.log(x[0] - 1) + (x[1] - 1) ** 2, np.array([1.5, 40.0]))
    np.testing.assert_allclose(found.x, [2, 1], atol=1e-6)
    failed = solve(lambda x: np.log(x).sum(), np.array([-1.0, 2.0]))
    assert not failed.success
    assert failed.message


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["objective", "constraint", "callback"])
def test_what_the_user_raises_ends_the_solve_and_is_raised(where: str, error: type[BaseException], capfd: Any) -> None:
    calls = []

    def raises(name: str) -> None:
        calls.append(name)
        if name == where and calls.count(name) > 4:
            raise error("mine")

    def f(x: Any) -> Any:
        raises("objective")
        return objective(x)

    def c(x: Any) -> Any:
        raises("constraint")
        return product(x) - 25

    with pytest.raises(error, match="mine"):
        solve(
            f,
            bounds=BOUNDS,
            constraints={"type": "ineq", "fun": c},
            callback=lambda x: raises("callback"),
            compiled=False,
        )
    assert calls.count(where) == 5
    assert capfd.readouterr() == ("", "")


def test_callbacks_see_the_iterates_and_can_stop() -> None:
    seen: list[Any] = []

    def look(intermediate_result: Any) -> None:
        seen.append(intermediate_result)
        assert intermediate_result.fun == pytest.approx(float(rosenbrock(intermediate_result.x)))
        if intermediate_result.nit == 3:
            raise StopIteration

    found = solve(rosenbrock, np.full(3, 0.5), callback=look)
    assert [entry.nit for entry in seen] == [0, 1, 2, 3]
    assert (found.status, found.success, found.nit) == (5, False, 3)
    np.testing.assert_array_equal(found.x, seen[-1].x)
    points: list[Any] = []
    assert not solve(rosenbrock, np.full(3, 0.5), callback=lambda x: points.append(x) or len(points) == 2).success
    assert len(points) == 2


def test_options_are_those_of_ipopt_or_of_scipy(capfd: Any) -> None:
    assert solve(rosenbrock, np.full(3, 0.5), options={"maxiter": 2}).nit == 2
    assert solve(rosenbrock, np.full(3, 0.5), options={"max_iter": 2}).nit == 2
    loose, tight = (solve(rosenbrock, np.full(3, 0.5), tol=tol) for tol in (1e-1, 1e-9))
    assert loose.nit < tight.nit
    assert capfd.readouterr().out == ""
    for name in ("disp", "verbose"):
        found = solve(rosenbrock, np.full(3, 0.5), options={name: True})
        log = capfd.readouterr().out
        assert "inf_pr   inf_du lg(mu)" in log
        assert f"\n  {found.nit:2d} " in log


@pytest.mark.parametrize("options", [{"foo": 1}, {"tol": "small"}, {"max_iter": 2.5}, {"mu_strategy": "best"}])
def test_options_that_ipopt_does_not_have_are_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^minimize: expected options that Ipopt has.*{next(iter(options))}"):
        solve(options=options)


def test_bad_constraints_and_bounds_are_errors() -> None:
    with pytest.raises(ValueError, match="expected a constraint with a type, 'eq' or 'ineq', and a function fun"):
        solve(constraints={"type": "le", "fun": product})
    with pytest.raises(ValueError, match="expected a pair of bounds for each of 4 numbers"):
        solve(bounds=[(0, 1)])
    with pytest.raises(ValueError, match="expected a Hessian or none for the method ipopt; received products"):
        solve(hessp=lambda x, p: p)
    with pytest.raises(ag.GradError, match="^constraint: expected <lambda> to compute"):
        solve(constraints={"type": "ineq", "fun": lambda x: float(x[0])})


def test_without_ipopt_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ipopt.MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "autograd-lite\[ipopt\]"'):
        solve()


def test_sparse_derivatives_that_are_given_stay_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    make = ipopt.problem_class()

    def noted(**named: Any) -> Any:
        told = named["problem_obj"]
        sizes.extend([len(told.jacobianstructure()[0]), len(told.hessianstructure()[0])])
        return make(**named)

    monkeypatch.setattr(ipopt, "problem_class", lambda: noted)
    n = 60

    def c(x: Any) -> Any:
        return x[1:] * x[:-1]

    jac = ag.sparse.jacobian(c)
    hess = ag.sparse.hessian(lambda x, v: v @ c(x))
    given = optimize.NonlinearConstraint(c, 1, 2, jac, hess)
    line = optimize.LinearConstraint(sparse.eye_array(n, format="csr"), -10, 10)
    more = {"jac": ag.grad(rosenbrock), "hess": ag.sparse.hessian(rosenbrock)}
    found = solve(rosenbrock, np.full(n, 1.1), constraints=[given, line], **more)
    assert sizes == [2 * (n - 1) + n, (2 * n - 1) + (n - 1)]
    same = solve(rosenbrock, np.full(n, 1.1), constraints=[optimize.NonlinearConstraint(c, 1, 2)])
    np.testing.assert_allclose(found.x, same.x, atol=1e-7)
    calls = Counted(lambda x: 0)

    def changing(x: Any) -> Any:
        calls(x)
        return sparse.csr_array(np.ones((n - 1, n)) if calls.calls > 3 else jac(x))

    with pytest.raises(ValueError, match="expected sparse derivatives with entries at the same places at every point"):
        solve(rosenbrock, np.full(n, 1.1), constraints=optimize.NonlinearConstraint(c, 1, 2, changing, hess))
