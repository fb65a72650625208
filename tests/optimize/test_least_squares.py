"""`optimize.least_squares` and `optimize.curve_fit`: laws over models and methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")

from autograd_lite import optimize  # noqa: E402

from .problems import Counted  # noqa: E402

T = np.linspace(0, 4, 40)
Y = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.05 * np.sin(37 * T)


def model(t: Any, a: Any, k: Any, c: Any) -> Any:
    """Return an exponential above a constant."""
    return a * np.exp(-k * t) + c


def residuals(p: Any) -> Any:
    """Return how far the model is from the data."""
    return model(T, p[0], p[1], p[2]) - Y


def jacobian(p: Any) -> Any:
    """Return the derivatives of the residuals, by hand."""
    return np.stack([np.exp(-p[1] * T), -p[0] * T * np.exp(-p[1] * T), np.ones_like(T)], axis=1)


START = [1.0, 1.0, 0.0]
METHODS = ["trf", "dogbox", "lm"]


@pytest.mark.parametrize(
    ("method", "loss"), [*((method, "linear") for method in METHODS), ("trf", "soft_l1"), ("dogbox", "cauchy")]
)
def test_least_squares_is_scipys_with_the_jacobian_by_hand(method: str, loss: str) -> None:
    ours = optimize.least_squares(residuals, START, method=method, loss=loss)
    theirs = scipy_optimize.least_squares(residuals, START, jacobian, method=method, loss=loss)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-10)
    np.testing.assert_allclose(ours.jac, theirs.jac, rtol=1e-9, atol=1e-12)
    assert (ours.nfev, ours.njev, ours.status) == (theirs.nfev, theirs.njev, theirs.status)


@pytest.mark.parametrize("method", METHODS)
def test_compiled_gives_the_bits_of_eager(method: str) -> None:
    ways = [optimize.least_squares(residuals, START, method=method, compiled=way) for way in (True, False, None)]
    assert [way.evaluation for way in ways[:2]] == ["compiled", "not compiled: compiled=False was given"]
    for other in ways[1:]:
        np.testing.assert_array_equal(other.x, ways[0].x)
        np.testing.assert_array_equal(other.jac, ways[0].jac)


@pytest.mark.parametrize("method", METHODS)
def test_a_tree_gives_the_bits_of_the_vector(method: str) -> None:
    def of_tree(p: Any) -> Any:
        return {"early": model(T[:10], *p["ak"], p["c"]) - Y[:10], "late": [model(T[10:], *p["ak"], p["c"]) - Y[10:]]}

    flat = optimize.least_squares(residuals, START, method=method)
    tree = optimize.least_squares(of_tree, {"ak": np.ones(2), "c": 0.0}, method=method)
    np.testing.assert_array_equal(np.append(tree.x["ak"], tree.x["c"]), flat.x)
    np.testing.assert_array_equal(tree.jac, flat.jac)
    np.testing.assert_array_equal(tree.covariance, flat.covariance)


def test_bounds_of_a_tree() -> None:
    def of_tree(p: Any) -> Any:
        return model(T, *p["ak"], p["c"]) - Y

    start = {"ak": np.ones(2, np.float32), "c": 0.0}
    found = optimize.least_squares(of_tree, start, bounds=({"ak": 0, "c": -1}, {"ak": [2.0, np.inf], "c": 0.25}))
    flat = optimize.least_squares(residuals, START, bounds=([0, 0, -1], [2, np.inf, 0.25]))
    np.testing.assert_allclose(np.append(found.x["ak"], found.x["c"]), flat.x, rtol=1e-6)
    assert found.x["ak"].dtype == np.float32
    assert np.all(optimize.least_squares(of_tree, start, bounds=(-5, 5)).x["ak"] < 5)


def test_jacobians_are_computed_where_scipy_asks_for_them_alone() -> None:
    f = Counted(residuals)
    found = optimize.least_squares(f, START, compiled=False)
    # One evaluation for each, and one more for the first Jacobian, which finds out that it has more rows than columns.
    assert f.calls == found.nfev + found.njev + 1


def test_given_jacobians_arguments_and_callbacks() -> None:
    def f(p: Any, t: Any, y: Any) -> Any:
        assert type(p) is np.ndarray
        return model(t, *p) - y

    found = optimize.least_squares(f, START, lambda p, t, y: jacobian(p), args=(T,), kwargs={"y": Y})
    np.testing.assert_array_equal(found.x, scipy_optimize.least_squares(residuals, START, jacobian).x)
    assert found.evaluation == "not compiled: the derivatives were given, or none were needed"
    rows = optimize.least_squares(residuals, START, lambda p: jacobian(p).tolist())
    np.testing.assert_array_equal(rows.x, found.x)
    numeric = optimize.least_squares(f, START, "2-point", kwargs={"y": Y, "t": T})
    np.testing.assert_array_equal(numeric.x, scipy_optimize.least_squares(residuals, START).x)


def test_the_covariance_is_that_of_curve_fit() -> None:
    found = optimize.least_squares(residuals, START, xtol=1e-14, ftol=1e-14, gtol=1e-14)
    for method in ("lm", "trf"):
        x, covariance = scipy_optimize.curve_fit(
            model, T, Y, START, method=method, jac=lambda t, *p: jacobian(p), xtol=1e-14, ftol=1e-14, gtol=1e-14
        )
        np.testing.assert_allclose(found.x, x, rtol=1e-9)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-8)


@pytest.mark.parametrize("method", ["lm", "trf", "dogbox", None])
@pytest.mark.parametrize("sigma", [None, np.linspace(1, 2, 40), np.diag(np.linspace(1, 2, 40)) + 0.1])
def test_curve_fit_is_scipys_with_the_jacobian_by_hand(method: Any, sigma: Any) -> None:
    given = {"sigma": sigma, "method": method, "absolute_sigma": sigma is not None}
    x, covariance = optimize.curve_fit(model, T, Y, **given)
    theirs, expected = scipy_optimize.curve_fit(model, T, Y, jac=lambda t, *p: jacobian(p), **given)
    np.testing.assert_allclose(x, theirs, rtol=1e-9)
    np.testing.assert_allclose(covariance, expected, rtol=1e-7)


def test_the_parameters_of_a_fit_are_passed_by_position_or_by_name() -> None:
    expected, covariance = optimize.curve_fit(model, T, Y, START)
    by_name, same = optimize.curve_fit(model, T, Y, {"a": 1.0, "c": 0.0, "k": 1.0})
    np.testing.assert_allclose([by_name["a"], by_name["k"], by_name["c"]], expected, rtol=1e-7)
    np.testing.assert_allclose(same, covariance[np.ix_([0, 2, 1], [0, 2, 1])], rtol=1e-6)

    def of_arrays(t: Any, ak: Any, c: Any) -> Any:
        return model(t, ak[0], ak[1], c)

    low = (np.array([0.0, 0.0]), -1.0)
    arrays, _ = optimize.curve_fit(of_arrays, T, Y, (np.ones(2), 0.0), bounds=(low, np.inf))
    np.testing.assert_allclose(np.append(arrays[0], arrays[1]), expected, rtol=1e-6)
    free, _ = optimize.curve_fit(model, T, Y, bounds=(0, 10))
    np.testing.assert_allclose(free, expected, rtol=1e-6)


def test_curve_fit_passes_on_what_scipy_takes() -> None:
    y = np.where(np.arange(40) == 7, np.nan, Y)
    x, *_, status = optimize.curve_fit(model, T, y, START, nan_policy="omit", full_output=True)
    assert status in (1, 2, 3, 4)
    np.testing.assert_allclose(x, scipy_optimize.curve_fit(model, T, y, START, nan_policy="omit")[0], rtol=1e-6)
    given = optimize.curve_fit(model, T, Y, START, jac=lambda t, a, k, c: jacobian((a, k, c)))
    np.testing.assert_allclose(given[0], optimize.curve_fit(model, T, Y, START)[0], rtol=1e-9)
    numeric = optimize.curve_fit(model, T, Y, START, method="trf", jac="2-point")
    np.testing.assert_array_equal(numeric[0], scipy_optimize.curve_fit(model, T, Y, START, method="trf")[0])


def test_compiled_code_is_not_that_of_other_data() -> None:
    for shift in (0.0, 1.0):
        x, _ = optimize.curve_fit(model, T, Y + shift, START, compiled=True)
        np.testing.assert_allclose(x, scipy_optimize.curve_fit(model, T, Y + shift, START)[0], rtol=1e-5)


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "array of tensors": (
        lambda: optimize.least_squares(lambda p: np.array([float(p[0]), 1.0]), [1.0]),
        ag.GradError,
        r"^least_squares: expected <lambda> to compute with NumPy's functions .* pass jac='2-point'",
    ),
    "complex": (lambda: optimize.least_squares(residuals, [1j]), TypeError, "received dtype complex128 at x0"),
    "few residuals": (
        lambda: optimize.least_squares(lambda p: p - 1, [2.0, 3.0]).covariance,
        ValueError,
        "more residuals than parameters, to compute the covariance; received 2 residuals of 2 parameters",
    ),
    "idle parameter": (
        lambda: optimize.least_squares(lambda p: (p[0] + p[1]) * T - Y, [1.0, 1.0]).covariance,
        ValueError,
        "Some combination of the parameters changes nothing: fix one of them",
    ),
    "model": (
        lambda: optimize.curve_fit(lambda t, a: np.asarray(a) * t, T, Y),
        ag.GradError,
        r"^curve_fit: expected .* pass jac='2-point'",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
