"""`optimize.delta_method`: standard errors of functions of estimates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy.optimize")

from autograd_lite import optimize

COVARIANCE = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, -0.02], [0.0, -0.02, 0.01]])
X = np.array([1.5, -0.5, 2.0])


def test_a_linear_function_has_the_exact_error() -> None:
    a = np.array([[1.0, 2.0, 0.0], [0.5, 0.0, -1.0]])
    value, error = optimize.delta_method(lambda x: a @ x, X, COVARIANCE)
    np.testing.assert_allclose(value, a @ X)
    np.testing.assert_allclose(error, np.sqrt(np.diag(a @ COVARIANCE @ a.T)))


def test_the_error_is_that_of_samples() -> None:
    def g(x: Any) -> Any:
        return np.exp(x[0]) / x[2] + x[1] ** 2

    small = COVARIANCE * 1e-6
    samples = np.random.default_rng(0).multivariate_normal(X, small, 200_000)
    _, error = optimize.delta_method(g, X, small)
    assert error == pytest.approx(g(samples.T).std(), rel=1e-2)


def test_parameters_and_results_may_be_trees() -> None:
    def g(p: Any) -> Any:
        return {"ratio": p["a"] / p["b"][0], "both": np.stack([p["a"] * 2, p["b"]]), "c": (p["b"].sum(),)}

    value, error = optimize.delta_method(g, {"a": np.ones(1), "b": np.full(1, 2.0)}, [[0.04, 0], [0, 0.16]])
    assert value["ratio"].shape == error["ratio"].shape == (1,)
    np.testing.assert_allclose(error["ratio"], np.hypot(0.2 / 2, 0.4 / 4))
    np.testing.assert_allclose(error["both"], [[0.4], [0.4]])
    assert error["c"] == (pytest.approx(0.4),)


def test_a_result_brings_its_covariance() -> None:
    found = optimize.minimize(lambda p: (p["a"] - 1) ** 2 * 8 + p["b"] ** 2, {"a": 0.0, "b": 1.0})
    value, error = optimize.delta_method(lambda p: 3 * p["a"], found)
    assert (value, error) == (pytest.approx(3), pytest.approx(3 / 4))
    assert optimize.delta_method(lambda p: p["a"], found, np.eye(2)).standard_error == 1


def test_a_covariance_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a covariance of shape \(3, 3\), .*; received shape \(2, 2\)"):
        optimize.delta_method(lambda x: x, X, np.eye(2))
    with pytest.raises(ValueError, match="received none"):
        optimize.delta_method(lambda x: x, X)
    with pytest.raises(TypeError, match="delta_method: expected a function"):
        optimize.delta_method(3.0, X, COVARIANCE)  # type: ignore[arg-type]
