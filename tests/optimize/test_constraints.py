"""Constraints: their derivatives come by themselves, and the solutions are those with derivatives by hand."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")

from autograd_lite import optimize  # noqa: E402
from autograd_lite.optimize.constraints import of_vector  # noqa: E402
from autograd_lite.optimize.methods import MINIMIZE  # noqa: E402
from autograd_lite.optimize.vectors import laid_out  # noqa: E402

from .problems import METHODS, Counted, rosenbrock  # noqa: E402

START = np.array([0.5, 0.3])


def disc(x: Any) -> Any:
    """Return what is at most 1 inside a disc, and what is at least 0 above a cubic."""
    return np.stack([x[0] ** 2 + x[1] ** 2, x[1] - x[0] ** 3 / 2 + np.sin(x[0])])


def disc_jacobian(x: Any) -> Any:
    """Return its derivatives, by hand."""
    return np.array([[2 * x[0], 2 * x[1]], [np.cos(x[0]) - 1.5 * x[0] ** 2, 1.0]])


def disc_hessian(x: Any, v: Any) -> Any:
    """Return its second derivatives, weighted by v, by hand."""
    return np.diag([2 * v[0] - v[1] * (3 * x[0] + np.sin(x[0])), 2 * v[0]])


LOW, HIGH = [-np.inf, 0.0], [1.0, np.inf]
AS_DICTS = [
    {"type": "ineq", "fun": lambda x, radius: radius - disc(x)[0], "args": (1.0,)},
    {"type": "ineq", "fun": lambda x: [disc(x)[1]]},
]
AS_OBJECT = optimize.NonlinearConstraint(disc, LOW, HIGH)


@pytest.fixture(scope="module")
def expected() -> Any:
    """Return the solution with all derivatives by hand."""
    by_hand = scipy_optimize.NonlinearConstraint(disc, LOW, HIGH, disc_jacobian, disc_hessian)
    gradient = ag.grad(rosenbrock)
    return scipy_optimize.minimize(
        rosenbrock,
        START,
        method="trust-constr",
        jac=gradient,
        hess=ag.hessian(rosenbrock),
        constraints=by_hand,
        tol=1e-9,
    )


@pytest.mark.parametrize(
    "constraints",
    [AS_DICTS, AS_OBJECT, pytest.param([AS_OBJECT], marks=pytest.mark.ci)],
    ids=["dicts", "object", "list"],
)
@pytest.mark.parametrize(
    "method",
    [
        name if takes.jac else pytest.param(name, marks=pytest.mark.ci)
        for name, takes in METHODS.items()
        if takes.constraints
    ],
)
def test_every_method_finds_the_solution_with_derivatives_by_hand(method: str, constraints: Any, expected: Any) -> None:
    found = optimize.minimize(rosenbrock, START, method=method, constraints=constraints, tol=1e-7)
    np.testing.assert_allclose(found.x, expected.x, atol=1e-3 if method.startswith("cob") else 1e-5)


def test_by_default_constraints_are_for_slsqp() -> None:
    found = optimize.minimize(rosenbrock, START, constraints=AS_DICTS)
    theirs = scipy_optimize.minimize(rosenbrock, START, jac=ag.grad(rosenbrock), constraints=AS_DICTS)
    assert found.njev == theirs.njev
    np.testing.assert_allclose(found.x, theirs.x, atol=1e-6)


@pytest.mark.parametrize("method", ["slsqp", "trust-constr"])
def test_the_derivatives_of_constraints_are_those_by_hand(method: str) -> None:
    layout, _ = laid_out("minimize", START)
    dicts = [{"type": "ineq", "fun": disc}]
    (c, d) = (of_vector(given, layout, MINIMIZE[method], True, None)[0] for given in (AS_OBJECT, dicts))
    for x in np.random.default_rng(0).normal(size=(5, 2)):
        np.testing.assert_allclose(c.jac(x), disc_jacobian(x), rtol=1e-12)
        np.testing.assert_allclose(d["jac"](x), disc_jacobian(x), rtol=1e-12)
        step = scipy_optimize.approx_fprime(x, disc, 1e-7)
        np.testing.assert_allclose(c.jac(x), step, atol=1e-5)
        if method == "trust-constr":
            v = np.array([0.3, -2.0])
            np.testing.assert_allclose(c.hess(x, v), disc_hessian(x, v), rtol=1e-12, atol=1e-12)


def test_no_finite_differences_are_taken() -> None:
    f = Counted(disc)
    constraint = optimize.NonlinearConstraint(f, LOW, HIGH)
    found = optimize.minimize(rosenbrock, START, method="trust-constr", constraints=constraint, compiled=False)
    values, jacobians, hessians = found.constr_nfev[0], found.constr_njev[0], found.constr_nhev[0]
    assert f.calls <= values + 2 * jacobians + hessians + 2


def test_given_derivatives_of_constraints_are_used_as_they_are() -> None:
    jac, hess = Counted(disc_jacobian), Counted(disc_hessian)
    constraint = optimize.NonlinearConstraint(disc, LOW, HIGH, jac, hess)
    found = optimize.minimize(rosenbrock, START, method="trust-constr", constraints=constraint)
    assert jac.calls
    assert hess.calls
    numeric = optimize.NonlinearConstraint(disc, LOW, HIGH, "3-point", scipy_optimize.BFGS())
    same = optimize.minimize(rosenbrock, START, method="trust-constr", constraints=numeric)
    np.testing.assert_allclose(found.x, same.x, atol=1e-4)
    jac = Counted(lambda x, radius: -2 * x)
    ball = {"type": "ineq", "fun": lambda x, radius: radius - x @ x, "jac": jac, "args": 1.0}
    assert optimize.minimize(rosenbrock, START, constraints=ball).success
    assert jac.calls


def test_given_derivatives_may_be_lists_of_rows() -> None:
    listed = optimize.NonlinearConstraint(disc, LOW, HIGH, lambda x: disc_jacobian(x).tolist(), disc_hessian)
    arrays = optimize.NonlinearConstraint(disc, LOW, HIGH, disc_jacobian, disc_hessian)
    found, same = (optimize.minimize(rosenbrock, START, method="trust-constr", constraints=c) for c in (listed, arrays))
    np.testing.assert_array_equal(found.x, same.x)
    both = {"type": "ineq", "fun": disc, "jac": lambda x: disc_jacobian(x).tolist()}
    np.testing.assert_array_equal(
        optimize.minimize(rosenbrock, START, constraints=both).x,
        optimize.minimize(rosenbrock, START, constraints={**both, "jac": disc_jacobian}).x,
    )


def test_constraints_of_a_tree() -> None:
    def f(p: Any) -> Any:
        return rosenbrock(np.stack([p["a"], p["b"][0, 0]]))

    def c(p: Any) -> Any:
        return {"disc": p["a"] ** 2 + p["b"][0] ** 2}

    start = {"a": 0.5, "b": np.array([[0.3]])}
    line = optimize.LinearConstraint([[1.0, 2.0]], -np.inf, 1.5)
    nonlinear = optimize.NonlinearConstraint(c, -np.inf, 1)
    found = optimize.minimize(f, start, method="trust-constr", constraints=[nonlinear, line], tol=1e-8)
    flat = optimize.NonlinearConstraint(lambda x: x @ x, -np.inf, 1)
    same = optimize.minimize(rosenbrock, START, method="trust-constr", constraints=[flat, line], tol=1e-8)
    np.testing.assert_allclose([found.x["a"], found.x["b"][0, 0]], same.x, atol=1e-6)
    dicts = {"type": "ineq", "fun": lambda p: 1 - p["a"] ** 2 - (p["b"] ** 2).sum()}
    within = optimize.minimize(f, start, constraints=[dicts])
    assert within.x["a"] ** 2 + within.x["b"][0, 0] ** 2 == pytest.approx(1, abs=1e-6)


def test_a_constraint_that_cannot_be_differentiated_says_what_to_do() -> None:
    def opaque(x: Any) -> Any:
        return 1 - float(x[0]) ** 2

    with pytest.raises(ag.GradError, match=r"^constraint: expected opaque to compute .* pass jac='3-point'"):
        optimize.minimize(rosenbrock, START, constraints={"type": "ineq", "fun": opaque})
    constraint = optimize.NonlinearConstraint(opaque, 0, np.inf, jac="3-point")
    assert optimize.minimize(rosenbrock, START, method="trust-constr", constraints=constraint).success


@pytest.mark.parametrize("method", ["slsqp", "trust-constr"])
def test_a_constraint_that_reads_what_changes_unseen_is_an_error(method: str) -> None:
    class Ball:
        def __call__(self, x: Any) -> Any:
            return self.read() * (1 - x @ x)

        def read(self) -> float:
            return struct.unpack("d", ctypes.string_at(memory, 8))[0]  # which no guard can see

    radius = ctypes.c_double(1.0)
    memory = ctypes.addressof(radius)
    ball, seen = Ball(), []

    def grow(*state: Any) -> None:
        seen.append(state)
        if len(seen) == 4:  # when it is compiled
            radius.value = 1.25

    constraint = {"type": "ineq", "fun": ball}
    with pytest.raises(ag.ReplayError, match="^constraint: expected Ball to give the same at the same point"):
        optimize.minimize(rosenbrock, START, method=method, constraints=constraint, callback=grow, compiled=True)


def test_what_scipy_refuses_it_refuses_itself() -> None:
    with pytest.raises((TypeError, KeyError, ValueError)):
        optimize.minimize(rosenbrock, START, constraints={"type": "ineq"})
