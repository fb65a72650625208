"""Mass matrices at the door of `solve_ivp`: consistent values, derivatives, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse

import autograd_lite as ag
from autograd_lite.integrate import solve_ivp
from tests.integrate.constrained import (
    AMPLIFIER_START,
    CAPACITIES,
    RATES,
    RESISTANCES,
    ROBERTSON_END,
    amplifier_mass,
    amplifier_slopes,
    robertson,
)

MASS = np.array([1.0, 1, 0])


def end_of(fun: Any, span: Any, y0: Any, mass: Any, *args: Any, tol: float = 1e-9, **options: Any) -> Any:
    options = {"rtol": tol, "atol": tol * 1e-4, **options}
    return solve_ivp(fun, span, y0, "Rodas5P", t_eval=[span[1]], args=args, mass=mass, **options).y[:, 0]


def kinetics(t: Any, y: Any, k: Any) -> Any:
    return -np.stack(robertson(t, y, np.zeros(3), k)) * np.array([1, 1, -1])


def square(t: Any, y: Any, rate: Any) -> Any:
    """y0 = exp(-rate t²) and y1 = y0² + t, from 2 y0' and an equation without slopes."""
    return [-4 * rate * t * y[0], y[1] - y[0] ** 2 - t]


@pytest.mark.parametrize("form", [np.asarray, np.diag, lambda m: sparse.coo_array(np.diag(m))])
def test_robertsons_kinetics(form: Any) -> None:
    def end(k: Any) -> Any:
        return end_of(kinetics, (0, 40), [1.0, 0, 0.3], form(MASS), k)

    assert np.allclose(end(RATES), ROBERTSON_END, rtol=1e-6, atol=0)
    gradient = ag.grad(lambda k: end(k)[0])(RATES)
    assert np.allclose(gradient, [-4.2475588, 1.3730808e-5, -2.2883551e-9], rtol=1e-6)


@pytest.mark.ci
def test_derivatives_by_start_and_times_are_those_of_the_solution() -> None:
    def second(y0: Any, rate: Any, start: Any, end: Any) -> Any:
        return end_of(square, (start, end), np.stack([y0, 7.0 + 0 * y0]), np.diag([2.0, 0]), rate)[1]

    def exact(y0: Any, rate: Any, start: Any, end: Any) -> Any:
        return (y0 * np.exp(-rate * (end**2 - start**2))) ** 2 + end

    point, each = (1.2, 0.7, 0.1, 0.9), tuple(range(4))
    assert abs(second(*point) / exact(*point) - 1) < 1e-8
    assert np.allclose(ag.grad(second, each)(*point), ag.grad(exact, each)(*point), rtol=1e-7)
    hessians = [np.array(ag.hessian(lambda x, f=f: f(*x))(np.array(point))) for f in (second, exact)]
    assert np.allclose(*hessians, rtol=1e-6)


def test_moments_of_events_move_by_the_slopes_of_the_solution() -> None:
    def moment(rate: Any) -> Any:  # when y1 = y0² + t is 1.3, for y0 = exp(-rate t²)
        def event(t: Any, y: Any, rate: Any) -> Any:
            return y[1] - 1.3

        y0 = np.array([1.0, 1.0])
        return solve_ivp(
            square, (0, 2), y0, "Rodas5P", args=(rate,), mass=np.diag([2.0, 0]), events=event, rtol=1e-10, atol=1e-12
        ).t_events[0][0]

    t = float(moment(0.1))
    decay = np.exp(-0.2 * t * t)
    assert abs(decay + t - 1.3) < 1e-8
    assert abs(ag.grad(moment)(0.1) - 2 * t * t * decay / (1 - 0.4 * t * decay)) < 1e-6


def test_a_null_space_between_unknowns() -> None:
    def solve(r: Any, y0: Any, **options: Any) -> Any:
        def fun(t: Any, y: Any, r: Any) -> Any:
            return amplifier_slopes(t, y, r)

        return end_of(fun, (0, 0.003), y0, amplifier_mass(CAPACITIES), r, tol=1e-8, **options)[7]

    value = solve(RESISTANCES, AMPLIFIER_START)
    # Its null space has y0 + y1, y3 + y4 and y6 + y7, in which these changes are.
    changed = AMPLIFIER_START + np.array([0.1, 0.1, 0, -0.2, -0.2, 0, 0.3, 0.3])
    assert abs(solve(RESISTANCES, changed) / value - 1) < 1e-6
    with pytest.raises(ValueError, match=r'solve_ivp: expected consistent initial values, as initialize="check" says'):
        solve(RESISTANCES, changed, initialize="check")
    assert abs(solve(RESISTANCES, AMPLIFIER_START, initialize="check") / value - 1) < 1e-10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mass": np.ones(4)}, r"mass of shape \(3, 3\), or its diagonal, \(3,\); received \(4,\)"),
        ({"mass": [1, np.nan, 0]}, r"a mass matrix of finite numbers; received nan"),
        ({"mass": 1j * np.eye(3)}, r"a real mass matrix of real unknowns; received complex128"),
        ({"mass": ag.tensor(np.eye(3), requires_grad=True)}, r"mass without derivatives; .* solve_dae"),
        ({"mass": np.zeros((3, 3)), "fun": lambda t, y: y[[0, 1, 1]]}, r"equations of index 1; received .* of index 2"),
        ({"method": "BDF"}, r"method='Rodas5P' with mass=; received 'BDF'"),
        ({"initialize": "maybe"}, r"initialize among solve, check, keep; received 'maybe'"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    arguments = {"fun": lambda t, y: -y, "method": "Rodas5P", "mass": MASS, **changes}
    with pytest.raises((ValueError, TypeError, ag.UnsupportedError), match=f"solve_ivp: expected {message}"):
        solve_ivp(t_span=(0, 1), y0=np.ones(3), **arguments)
