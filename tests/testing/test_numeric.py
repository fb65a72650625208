"""The numeric oracle: its numbers lie within its error bars, at every scale, and it says when it knows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from autograd_lite.testing import numeric_grad

SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "tiny": (lambda x: 1e-6 * x**2, lambda x: 2e-6 * x),
    "cbrt": (np.cbrt, lambda x: np.cbrt(x) ** -2 / 3),
    "hypot": (lambda x: np.hypot(x, 2 * x), lambda x: np.full_like(x, 5**0.5)),
}


@pytest.mark.parametrize("method", ["auto", "richardson", "central", "longdouble"])
@pytest.mark.parametrize("name", SMOOTH)
def test_within_its_error_bar_at_every_scale(name: str, method: str) -> None:
    f, derivative = SMOOTH[name]
    for scale in (1e-6, 1e-3, 1.0, 1e2, 1e6):
        x = np.abs(np.random.default_rng(0).normal(size=6)) * scale
        x = np.minimum(x, 50.0) if name == "exp" else x
        (g,), (bar,) = numeric_grad(f, x, method=method)
        assert np.all(np.abs(g - derivative(x)) <= bar + 4e-16 * np.abs(g))
        assert np.all(bar < 1e-7 * np.abs(g))


def test_complex_step_is_exact_and_refuses_what_is_not_analytic() -> None:
    x = np.array([0.3, 2.0])
    (g,), (bar,) = numeric_grad(lambda x: np.exp(x) / x, x, method="complex")
    assert np.all(np.abs(g - np.exp(x) * (x - 1) / x**2) <= bar)
    assert np.all(bar < 1e-14 * np.abs(g))
    for f in (np.abs, np.var, np.cbrt, np.sign, lambda x: np.linalg.cholesky(np.eye(2) + np.outer(x, x))):
        with pytest.raises(ValueError, match="richardson"):
            numeric_grad(f, x, method="complex")


def test_longdouble_is_sharper_and_refused_where_it_does_not_serve() -> None:
    x = np.random.default_rng(1).normal(size=5)
    (_,), (double,) = numeric_grad(np.var, x, method="richardson")
    (_,), (wide,) = numeric_grad(np.var, x, method="longdouble")
    assert wide.max() < 0.01 * double.max()
    with pytest.raises(ValueError, match="longdouble"):
        numeric_grad(lambda x: np.linalg.inv(np.diag(x)), x, method="longdouble")


def test_complex_numbers_follow_the_convention() -> None:
    z = np.array([1 + 2j, 0.3 - 1j])
    c = np.array([2 - 1j, 0.5j])
    (g,), (bar,) = numeric_grad(np.exp, z, cotangent=c)
    assert np.all(np.abs(g - np.conj(np.exp(z)) * c) <= 2 * bar)
    (g,), _ = numeric_grad(lambda z: np.abs(z) ** 2, z)
    np.testing.assert_allclose(g, 2 * z, rtol=1e-9)


def test_results_in_trees_are_contracted_whole() -> None:
    x = np.array([1.0, 2.0])
    (g,), _ = numeric_grad(lambda x: {"a": (x, [x[0] ** 2]), "b": x.sum()}, x)
    np.testing.assert_allclose(g, [4.0, 2.0], rtol=1e-9)
    (g,), _ = numeric_grad(lambda x: (x, x**2), x, cotangent=(np.array([1.0, 10.0]), np.array([0.0, 1.0])))
    np.testing.assert_allclose(g, [1.0, 14.0], rtol=1e-9)


def test_wrt_kwargs_and_integers() -> None:
    def f(x, k, y, *, power):
        return x**power * y[k]

    x, y = np.array(3.0), np.array([1.0, 2.0])
    (gx, gy), _ = numeric_grad(f, x, 1, y, kwargs={"power": 2})
    assert gx == pytest.approx(12.0)
    np.testing.assert_allclose(gy, [0.0, 9.0], rtol=1e-9)
    (gy,), _ = numeric_grad(f, x, 1, y, wrt=2, kwargs={"power": 2})
    assert gy.shape == (2,)
    with pytest.raises(ValueError, match="floating"):
        numeric_grad(f, x, 1, y, wrt=1, kwargs={"power": 2})


def test_inputs_stay_as_they_are_even_where_the_function_writes_to_them() -> None:
    x = np.array([1.0, 2.0])

    def f(x):
        x *= 2
        return x

    (g,), _ = numeric_grad(f, x)
    np.testing.assert_array_equal(x, [1.0, 2.0])
    np.testing.assert_allclose(g, [2.0, 2.0], rtol=1e-9)


def test_a_large_output_does_not_drown_a_small_one() -> None:
    x = np.array([1e-9, 1.0])
    (g,), (bar,) = numeric_grad(lambda x: np.maximum(x, 0.0), x)
    np.testing.assert_allclose(g, [1.0, 1.0], rtol=1e-9)
    assert bar.max() < 1e-9


def test_a_kink_beyond_a_small_step_does_not_win_over_it() -> None:
    (g,), (bar,) = numeric_grad(lambda x: np.maximum(x, 0.0).sum(), np.array([1e-9, -1e-9, 1.0]), method="richardson")
    assert np.all(np.abs(g - [1.0, 0.0, 1.0]) <= 3 * bar + 1e-12)
    assert bar.max() < 1e-2


def test_rounding_inside_is_no_zero_derivative() -> None:
    (g,), (bar,) = numeric_grad(lambda x: (x + 1e3) - 1e3, np.array(1e-6), method="richardson")
    assert abs(g - 1) <= 3 * bar
    (g,), (bar,) = numeric_grad(lambda x: np.sin(x.astype(np.float32)).astype(np.float64), np.array(0.7))
    assert abs(g - np.cos(0.7)) <= 3 * bar + 1e-7


def test_nothing_finite_gives_nan_and_an_infinite_bar() -> None:
    (g,), (bar,) = numeric_grad(np.log, np.array([-1.0, 1.0]))
    assert np.isnan(g[0])
    assert bar[0] == np.inf
    assert g[1] == pytest.approx(1.0)


def test_the_step_is_the_one_really_taken() -> None:
    x = np.random.default_rng(2).normal(size=8) * 1e6
    (g,), (bar,) = numeric_grad(np.sin, x, method="richardson")
    assert np.all(np.abs(g - np.cos(x)) <= 3 * bar)
    assert bar.max() < 1e-7


def test_empty_and_0d() -> None:
    (g,), (bar,) = numeric_grad(lambda x: x * 2, np.zeros((0, 3)))
    assert g.shape == bar.shape == (0, 3)
    (g,), _ = numeric_grad(lambda x: x * x, 3.0)
    assert g.shape == ()
    assert g == pytest.approx(6.0)


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="expected a cotangent of shape"):
        numeric_grad(np.sin, np.ones(3), cotangent=np.ones(2))
    with pytest.raises(ValueError, match="expected a method among"):
        numeric_grad(np.sin, np.ones(3), method="magic")
    with pytest.raises(ValueError, match="must not depend on the values"):
        numeric_grad(lambda x: x[x > 1.0], np.array([1.0, 2.0]))
