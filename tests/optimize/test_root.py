"""`optimize.root`: systems of equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")

from autograd_lite import optimize  # noqa: E402
from autograd_lite.optimize.methods import ROOT  # noqa: E402

from .problems import Counted  # noqa: E402

START = [6.0, 1.0]


def equations(x: Any) -> Any:
    """Return the left-hand sides of the example in SciPy's documentation."""
    return [x[0] * np.cos(x[1]) - 4, x[1] * x[0] - x[1] - 5]


def jacobian(x: Any) -> Any:
    """Return their derivatives, by hand."""
    return np.array([[np.cos(x[1]), -x[0] * np.sin(x[1])], [x[1], x[0] - 1]])


@pytest.mark.parametrize("compiled", [None, True, False])
@pytest.mark.parametrize("method", sorted(ROOT))
def test_the_root_is_that_of_scipy_with_the_jacobian_by_hand(method: str, compiled: Any) -> None:
    ours = optimize.root(equations, START, method=method, compiled=compiled)
    theirs = scipy_optimize.root(equations, START, method=method, jac=jacobian)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-12)
    assert (ours.nfev, ours.njev, ours.success) == (theirs.nfev, theirs.njev, True)


@pytest.mark.parametrize("method", ["broyden1", "anderson", "krylov"])
def test_methods_without_a_jacobian_run_as_they_are(method: str) -> None:
    found = optimize.root(equations, START, method=method)
    np.testing.assert_array_equal(found.x, scipy_optimize.root(equations, START, method=method).x)
    assert found.evaluation == "not compiled: the derivatives were given, or none were needed"


def test_unknowns_and_equations_may_be_trees() -> None:
    def of_tree(p: Any, c: Any) -> Any:
        return {"u": p["a"] * np.cos(p["b"][0]) - c, "v": (p["a"] * p["b"][0] - p["b"][0] - 5,)}

    found = optimize.root(of_tree, {"a": np.full((1, 3), 6.0, np.float32), "b": [np.ones(3)]}, 4.0)
    x, y = scipy_optimize.root(equations, START).x
    np.testing.assert_allclose(found.x["a"], np.full((1, 3), x), rtol=1e-6)
    np.testing.assert_allclose(found.x["b"][0], np.full(3, y), rtol=1e-9)
    assert found.x["a"].dtype == np.float32


def test_a_jacobian_is_one_evaluation() -> None:
    ours, theirs, points = Counted(equations), Counted(equations), set()

    def noted(x: Any) -> Any:
        points.add(x.tobytes())
        return jacobian(x)

    optimize.root(ours, START, compiled=False)
    scipy_optimize.root(theirs, START, jac=noted)
    assert ours.calls == theirs.calls + len(points)


def test_given_jacobians_are_used_as_they_are() -> None:
    theirs = scipy_optimize.root(equations, START, jac=jacobian)
    for given in (jacobian, lambda x: ag.tensor(jacobian(x)), lambda x: jacobian(x).tolist()):
        np.testing.assert_array_equal(optimize.root(equations, START, jac=given).x, theirs.x)
    both = optimize.root(lambda x: (np.array(equations(x)), jacobian(x)), START, jac=True)
    np.testing.assert_array_equal(both.x, theirs.x)
    numeric = optimize.root(lambda x: [float(v) for v in equations(x)], START, jac=False)
    np.testing.assert_array_equal(numeric.x, scipy_optimize.root(equations, START).x)


def test_wrong_calls_say_what_to_write() -> None:
    for call, text in (
        (lambda: optimize.root(lambda x: x, 1.0, method="newtn"), "method to be one of newton, hybr, .*'newtn'"),
        (lambda: optimize.root(lambda x: x[0], np.ones(2)), "fun to return 2 numbers, .* received 1. least_squares"),
        (lambda: optimize.root(lambda x: None, np.ones(2)), "fun to return numbers; received None. Did it forget"),
        (
            lambda: optimize.root(lambda x: x**2, np.ones(2), jac=lambda x: 2 * x),
            r"jac to return .* shape \(2, 2\)",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^root: expected {text}"):
            call()


def test_what_cannot_be_differentiated_says_what_to_do() -> None:
    with pytest.raises(ag.GradError, match=r"^root: expected <lambda> to compute .* pass jac=False for SciPy's"):
        optimize.root(lambda x: [float(x[0]) - 1], [0.0])
