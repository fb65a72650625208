"""Fits of differential equations: how many solves they take, Jacobians by columns, pieces where one shot fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import autograd_lite as ag
from autograd_lite.core.errors import ShapeError
from autograd_lite.integrate import multiple_shooting, solve_ivp
from autograd_lite.integrate.methods import METHODS
from autograd_lite.optimize import curve_fit, delta_method, least_squares

TIMES = np.linspace(0, 3, 16)
TRUE = np.array([1.5, 1.0, 3.0, 1.0])
TIGHT: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-8}


def predators(t: Any, y: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    return np.stack([a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1]])


def counts(p: Any, start: Any = (10.0, 5.0), method: str = "RK45") -> Any:
    return solve_ivp(predators, (0, 3), start, method, t_eval=TIMES, args=tuple(p), **TIGHT).y


@pytest.fixture(scope="module")
def data() -> Any:
    rng = np.random.default_rng(0)
    return counts(TRUE) * (1 + 0.02 * rng.normal(size=(2, 16)))


class Tally:
    """Counts the solves of a method, and the chains of steps that follow one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.solves = self.follows = 0
        method = METHODS[name]

        def solve(*args: Any) -> Any:
            self.solves += 1
            return method.solve(*args)

        def follow(*args: Any) -> Any:
            self.follows += 1
            return method.follow(*args)

        monkeypatch.setitem(METHODS, name, method._replace(solve=solve, follow=follow))


@pytest.mark.parametrize("method", ["RK45", pytest.param("BDF", marks=pytest.mark.ci)])
def test_a_fit_takes_a_solve_for_each_point_and_a_chain_for_each_jacobian(
    method: str, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally(monkeypatch, method)
    fit = least_squares(lambda p: (counts(p, method=method) - data).ravel(), 1.1 * TRUE)
    assert fit.success
    assert tally.solves <= fit.nfev + 1
    assert tally.follows <= fit.njev + 1
    theirs = scipy.optimize.least_squares(lambda p: (counts(p, method=method) - data).ravel(), 1.1 * TRUE)
    np.testing.assert_allclose(fit.x, theirs.x, rtol=1e-4)


def test_the_order_of_the_jacobian_is_chosen_and_said(data: Any) -> None:
    few = least_squares(lambda p: (counts(p) - data).ravel(), 1.05 * TRUE)
    assert few.how.endswith("; by columns, by forward mode: 4 parameters, 32 results")

    def last(p: Any) -> Any:
        return solve_ivp(lambda t, y: -p.sum() * y, (0, 1), [1.0], t_eval=[0.5, 1.0]).y[0] - np.array([0.6, 0.4])

    many = least_squares(last, np.full(9, 0.1))
    assert many.how.endswith("; by rows, by reverse mode: 2 results, 9 parameters")


def test_parameters_and_initial_values_are_fitted_with_their_covariance(data: Any) -> None:
    def model(t: Any, a: Any, b: Any, c: Any, d: Any, start: Any) -> Any:
        return counts((a, b, c, d), start).ravel()

    p0 = {"a": 1.4, "b": 1.1, "c": 2.9, "d": 1.1, "start": np.array([9.0, 6.0])}
    fitted, covariance = curve_fit(model, TIMES, data.ravel(), p0)

    def flat(t: Any, *p: Any) -> Any:
        return scipy.integrate.solve_ivp(predators, (0, 3), p[4:], "RK45", TIMES, args=p[:4], **TIGHT).y.ravel()

    theirs, reference = scipy.optimize.curve_fit(flat, TIMES, data.ravel(), [1.4, 1.1, 2.9, 1.1, 9.0, 6.0])
    ours = np.concatenate([[fitted[name] for name in "abcd"], fitted["start"]])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    np.testing.assert_allclose(covariance, reference, rtol=2e-3, atol=1e-7)
    curve, errors = delta_method(lambda p: model(TIMES, **p), fitted, covariance)
    # the errors of the curve at time 0 are those of the initial values
    np.testing.assert_allclose(errors.reshape(2, 16)[:, 0], np.sqrt(np.diag(covariance)[4:]), rtol=1e-6)
    np.testing.assert_allclose(curve, model(TIMES, **fitted), rtol=1e-12)


@pytest.mark.ci
def test_a_fit_has_derivatives_by_the_data() -> None:
    def rate(y: Any, decay: Any) -> Any:
        return least_squares(lambda k: decay(k[0]) - y, [0.7], xtol=1e-12, ftol=1e-12, gtol=1e-12).x[0]

    def solved(k: Any) -> Any:
        t = [1.0, 2.0]
        return solve_ivp(lambda t, y: -k * y, (0, 2), [1.0], "Rodas5P", t_eval=t, rtol=1e-9, atol=1e-11).y[0]

    y, t = np.array([0.5, 0.2]), np.array([1.0, 2.0])
    exact = ag.grad(lambda y: rate(y, lambda k: np.exp(-k * t)))(y)
    np.testing.assert_allclose(ag.grad(lambda y: rate(y, solved))(y), exact, rtol=1e-6)


# ---- pieces ----------------------------------------------------------------------------------------------------------


def unstable(t: Any, y: Any, p: Any) -> Any:
    """Return the slopes of Bock's problem: y = sin(p t) for the true p = π, and errors grow by exp(60 t)."""
    return np.stack([y[1], 3600 * y[0] - (3600 + p**2) * np.sin(p * t)])


def unstable_data() -> tuple[Any, Any]:
    t = np.linspace(0, 1, 11)
    exact = np.stack([np.sin(np.pi * t), np.pi * np.cos(np.pi * t)])
    return t, exact + np.random.default_rng(0).normal(scale=0.05, size=(2, 11))


def test_pieces_fit_what_one_shot_does_not() -> None:
    t, noisy = unstable_data()

    def one_shot(p: Any) -> Any:
        return (solve_ivp(unstable, (0, 1), [0.0, np.pi], t_eval=t, args=(p[0],), **TIGHT).y - noisy).ravel() / 0.05

    def pieces(q: Any) -> Any:
        shots = multiple_shooting(unstable, t, q["starts"], t, (q["p"],), "Tsit5", **TIGHT)
        return {"data": (shots.y - noisy) / 0.05, "gaps": 1e3 * shots.gaps}

    alone = least_squares(one_shot, [2.5], max_nfev=15)
    assert alone.cost > 1e10  # errors have grown by 1e26
    fit = least_squares(pieces, {"p": 2.5, "starts": noisy.T[:-1]}, max_nfev=15)
    assert 2 * fit.cost < 2 * noisy.size
    assert abs(fit.x["p"] - np.pi) < 2 * np.sqrt(fit.covariance[0, 0])
    assert np.abs(pieces(fit.x)["gaps"]).max() < 2


def lorenz(t: Any, y: Any, s: Any, r: Any, b: Any) -> Any:
    return np.stack([s * (y[1] - y[0]), y[0] * (r - y[2]) - y[1], y[0] * y[1] - b * y[2]])


@pytest.mark.ci
def test_pieces_fit_chaos() -> None:
    """Eight units of time are a dozen turns, after which errors have grown a thousandfold."""
    t, true, start = np.linspace(0, 8, 81), np.array([10.0, 28.0, 8 / 3]), np.array([5.0, 20.0, 1.0])
    exact = scipy.integrate.solve_ivp(lorenz, (0, 8), [-8, 8, 27], "DOP853", t, args=true, rtol=1e-10, atol=1e-10).y
    noisy = exact + np.random.default_rng(1).normal(scale=0.5, size=exact.shape)

    def one_shot(p: Any) -> Any:
        return (solve_ivp(lorenz, (0, 8), p["start"], t_eval=t, args=tuple(p["rates"]), **TIGHT).y - noisy) / 0.5

    def pieces(p: Any) -> Any:
        shots = multiple_shooting(lorenz, t[::4], p["starts"], t, tuple(p["rates"]), **TIGHT)
        return {"data": (shots.y - noisy) / 0.5, "gaps": 10 * shots.gaps}

    alone = least_squares(lambda p: one_shot(p).ravel(), {"rates": start, "start": noisy[:, 0]}, max_nfev=30)
    assert 2 * alone.cost / noisy.size > 100  # times the variance of the noise
    fit = least_squares(pieces, {"rates": start, "starts": noisy.T[:-1:4]}, sparse=True, max_nfev=30)
    assert 2 * fit.cost / noisy.size < 1
    np.testing.assert_allclose(fit.x["rates"], true, rtol=0.02)


def test_without_gaps_pieces_are_the_solution() -> None:
    times, t = np.array([0.0, 0.7, 1.1, 3.0]), TIMES
    whole = solve_ivp(predators, (0, 3), [10.0, 5.0], "DOP853", args=tuple(TRUE), rtol=1e-10, atol=1e-10, t_eval=t)
    at = scipy.integrate.solve_ivp(
        predators, (0, 3), [10.0, 5.0], "DOP853", times[:-1], args=tuple(TRUE), rtol=1e-10, atol=1e-10
    )
    shots = multiple_shooting(predators, times, at.y.T, t, tuple(TRUE), "DOP853", rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(shots.y, whole.y, rtol=1e-7)
    np.testing.assert_allclose(shots.gaps, 0, atol=1e-7)
    tight = {"rtol": 1e-10, "atol": 1e-10}
    back = multiple_shooting(predators, [3.0, 1.5], whole.y[:, -1:].T, t[:7:-1], tuple(TRUE), "DOP853", **tight)
    np.testing.assert_allclose(back.y, whole.y[:, :7:-1], rtol=1e-6)
    assert back.gaps.shape == (0, 2)


def test_the_jacobian_of_pieces_is_sparse() -> None:
    t, noisy = unstable_data()

    def pieces(q: Any) -> Any:
        shots = multiple_shooting(unstable, t, q[1:].reshape(10, 2), t, (q[0],), **TIGHT)
        return np.concatenate([(shots.y - noisy).ravel(), shots.gaps.ravel()])

    start = np.concatenate([[3.0], noisy.T[:-1].ravel()])
    matrix = ag.sparse.jacobian(pieces)
    assert matrix.colors(start).count == 5  # one for p, and two for the beginnings of every other piece
    np.testing.assert_allclose(matrix(start).toarray(), ag.jacobian(pieces)(start), rtol=1e-10, atol=1e-10)


def test_wrong_arguments_of_pieces() -> None:
    def decay(t: Any, y: Any) -> Any:
        return -y

    with pytest.raises(ShapeError, match=r"expected starts of shape \(2, n\), .*; received \(3, 1\)"):
        multiple_shooting(decay, [0, 1, 2], np.ones((3, 1)), [1.0])
    with pytest.raises(ValueError, match="expected times at which pieces begin and end, rising or falling"):
        multiple_shooting(decay, [0, 1, 1], np.ones((2, 1)), [1.0])
    with pytest.raises(ValueError, match=r"expected t_eval in order, from 0 to 2; received \[3\.\]"):
        multiple_shooting(decay, [0, 1, 2], np.ones((2, 1)), [3.0])
