"""`root(method="newton")`: steps as long as they help, singular Jacobians; and a preconditioner for Krylov's method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

pytest.importorskip("scipy.optimize")

from scipy.sparse.linalg import LinearOperator

from autograd_lite import optimize

from .problems import Counted
from .sparse_problems import bratu, tridiagonal

CHOICES = pytest.mark.parametrize("sparse", [True, False])


def newton(f: Any, x0: Any, **more: Any) -> Any:
    return optimize.root(f, x0, method="newton", **more)


@CHOICES
def test_steps_are_shortened_where_whole_ones_would_diverge(sparse: bool) -> None:
    found = newton(np.arctan, np.array([3.0, -5.0, 0.5]), sparse=sparse)  # the whole step fails from |x| = 1.39 on
    assert found.success
    np.testing.assert_allclose(found.x, 0, atol=1e-12)
    assert found.nfev > found.nit + 1


@CHOICES
def test_steps_that_leave_the_domain_are_shortened(sparse: bool) -> None:
    with np.errstate(invalid="ignore"):
        found = newton(lambda x: np.log(x) + x - 1, np.array([30.0, 0.5]), sparse=sparse)
    np.testing.assert_allclose(found.x, 1)


@CHOICES
def test_a_singular_jacobian_is_no_obstacle(sparse: bool) -> None:
    found = newton(lambda x: x**2 - [1.0, 4.0, 0.0], np.array([3.0, 1.0, 0.0]), sparse=sparse)  # its last row is 0
    assert found.success
    np.testing.assert_allclose(found.x, [1, 2, 0], atol=1e-7)


@CHOICES
def test_what_has_no_root_says_so(sparse: bool) -> None:
    found = newton(lambda x: x**2 + 1, np.array([2.0, 0.3]), sparse=sparse)
    assert not found.success
    assert found.status in (2, 3)
    short = newton(np.arctan, np.array([3.0]), sparse=sparse, options={"maxiter": 2})
    assert (short.success, short.status, short.nit) == (False, 2, 2)
    assert short.message == "The number of steps reached maxiter."
    with np.errstate(invalid="ignore"):
        assert newton(np.log, np.array([-1.0]), sparse=sparse).status == 4


def test_convergence_is_quadratic_and_the_tolerance_is_that_of_the_step() -> None:
    errors: list[float] = []
    found = newton(tridiagonal, np.full(400, -1.0), callback=lambda x, f: errors.append(float(np.abs(f).max())))
    assert len(errors) == found.nit <= 6
    assert errors[-1] < 1e-14
    assert errors[-2] < 10 * errors[-3] ** 2
    assert newton(tridiagonal, np.full(400, -1.0), tol=0.5).nit < found.nit
    assert newton(tridiagonal, np.full(400, -1.0), options={"fatol": 0.1}).nit < found.nit


def test_jacobians_may_be_given() -> None:
    jac = Counted(ag.sparse.jacobian(tridiagonal))
    expected = newton(tridiagonal, np.full(30, -1.0))
    found = newton(tridiagonal, np.full(30, -1.0), jac=jac)
    assert jac.calls == found.njev
    assert found.how == "no matrices of derivatives were computed"
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-12)
    both = newton(lambda x: (tridiagonal(x), ag.jacobian(tridiagonal)(x)), np.full(30, -1.0), jac=True)
    np.testing.assert_allclose(both.x, expected.x, rtol=1e-12)


def test_each_step_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    found = newton(np.arctan, np.array([3.0, -5.0]), options={"disp": True})
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["step", "max", "|fun|", "|step|", "part"]
    assert [int(line.split()[0]) for line in lines] == list(range(found.nit + 1))
    assert float(lines[1].split()[-1]) < 1
    assert float(lines[-1].split()[-1]) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"options": {"ftol": 1}},
            "expected options of newton to be among xtol, fatol, maxiter, disp; received .*ftol",
        ),
        ({"jac": False}, "expected a Jacobian for the method newton"),
        ({"fun": lambda x: x[:1]}, "expected as many equations as unknowns; received 1, for 3 unknowns"),
    ],
)
def test_bad_input_is_an_error(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        newton(**{"f": more.pop("fun", tridiagonal), "x0": np.ones(3), **more})


def test_krylov_needs_fewer_evaluations_with_a_sparse_preconditioner() -> None:
    counts = []
    for sparse in (True, False):
        f = Counted(bratu)
        found = optimize.root(f, np.full(20**2, 0.1), method="krylov", sparse=sparse, tol=1e-8)
        assert np.abs(found.fun).max() < 1e-7
        counts.append(found.nfev)
    assert counts[0] < counts[1] / 2
    own = Counted(lambda v: v)
    options = {"jac_options": {"inner_M": LinearOperator((300, 300), own, dtype=float)}}
    optimize.root(tridiagonal, np.full(300, -1.0), method="krylov", options=options)
    assert own.calls
