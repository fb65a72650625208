"""`solve_dae`: problems of the literature, derivatives against closed forms and linear theory, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
from scipy.linalg import expm

import autograd_lite as ag
from autograd_lite.integrate import consistent_initial_values, solve_dae
from tests.integrate.constrained import (
    AMPLIFIER_END,
    AMPLIFIER_START,
    CAPACITIES,
    RATES,
    RESISTANCES,
    ROBERTSON_END,
    amplifier_mass,
    amplifier_slopes,
    heat,
    pendulum,
    robertson,
)


def end_of(F: Callable[..., Any], end: float, y0: Any, *args: Any, tol: float = 1e-8, **options: Any) -> Any:
    return solve_dae(F, (0.0, end), y0, args=args, t_eval=[end], rtol=tol, atol=tol * 1e-4, **options).y[:, 0]


# ---- problems of the literature -------------------------------------------------------------------------------------


def test_robertsons_kinetics_with_conservation_as_an_equation() -> None:
    def sensitivities(t: float, state: Any) -> Any:  # of the differential equations, by the three rates
        (a, b, c), (x, y, z), s = RATES, state[:3], state[3:].reshape(3, 3)
        f = np.array([-a * x + b * y * z, a * x - b * y * z - c * y * y, c * y * y])
        J = np.array([[-a, b * z, b * y], [a, -b * z - 2 * c * y, -b * y], [0, 2 * c * y, 0]])
        by_rates = np.array([[-x, y * z, 0], [x, -y * z, -y * y], [0, 0, y * y]])
        return np.concatenate([f, (J @ s + by_rates).reshape(-1)])

    start = np.zeros(12)
    start[0] = 1
    scale = np.concatenate([np.array([1, 1e-5, 1]), np.outer([1, 1e-5, 1], 1 / RATES).reshape(-1)])
    exact = scipy.integrate.solve_ivp(sensitivities, (0, 40), start, "Radau", rtol=1e-10, atol=1e-12 * scale).y[3:, -1]
    y = end_of(robertson, 40.0, [1.0, 0, 0.4], RATES)
    assert np.allclose(y, ROBERTSON_END, rtol=1e-6, atol=0)
    jacobian = ag.jacobian(lambda k: end_of(robertson, 40.0, [1.0, 0, 0], k))(RATES)
    assert np.allclose(jacobian, exact.reshape(3, 3), rtol=1e-6, atol=0)


def test_a_pendulum_whose_index_is_reduced() -> None:
    def angle(t: float, state: Any) -> Any:
        g, (a, v, da, dv) = 9.81, state
        return [v, -g * np.sin(a), dv, -g * np.cos(a) * da - np.sin(a)]

    a, _, da, _ = scipy.integrate.solve_ivp(angle, (0, 2), [np.pi / 2, 0, 0, 0], "DOP853", rtol=1e-12, atol=1e-12).y[
        :, -1
    ]
    y, dy = ag.jvp(lambda g: end_of(pendulum, 2.0, [1.0, 0, 0, 0, 0], g, tol=1e-9))((9.81,), (1.0,))
    assert abs(y[0] - np.sin(a)) < 1e-8
    assert abs(dy[0] / (np.cos(a) * da) - 1) < 1e-6
    assert abs(y[0] ** 2 + y[1] ** 2 - 1) < 1e-9  # how far it drifts from the constraint
    assert abs(y[0] * y[2] + y[1] * y[3]) < 1e-9


def amplifier(capacities: Any, resistances: Any, end: float, tol: float) -> Any:
    mass = amplifier_mass(capacities)
    return end_of(lambda t, y, yp: mass @ yp - amplifier_slopes(t, y, resistances), end, AMPLIFIER_START, tol=tol)


@pytest.mark.ci
def test_a_transistor_amplifier_at_its_end() -> None:
    assert np.allclose(amplifier(CAPACITIES, RESISTANCES, 0.2, 1e-6), AMPLIFIER_END, rtol=1e-6, atol=0)


@pytest.mark.ci
def test_a_transistor_amplifier_has_derivatives_by_the_matrix_of_its_slopes() -> None:
    def output(capacities: Any, resistances: Any) -> Any:
        return amplifier(capacities, resistances, 0.003, 1e-9)[7]

    for k, (x, place) in enumerate([(CAPACITIES, 4), (RESISTANCES, 8)]):
        step = np.zeros_like(x)
        step[place] = x[place] * 1e-3

        def along(s: float, k: int = k, step: Any = step) -> Any:
            return output(CAPACITIES + s * step, RESISTANCES) if k == 0 else output(CAPACITIES, RESISTANCES + s * step)

        gradient = ag.grad(output, k)(CAPACITIES, RESISTANCES) @ step
        assert abs(gradient / ((8 * (along(1) - along(-1)) - (along(2) - along(-2))) / 12) - 1) < 1e-6


def test_heat_between_boundaries_that_are_equations() -> None:
    n, weights = 101, np.linspace(0, 1, 101)
    h = 1 / (n - 1)

    def exact(k: complex, loss: complex) -> Any:  # linear, with sin 3t and cos 3t as two more unknowns
        a = np.zeros((n, n), complex)  # n - 2 temperatures inside, and these
        inside = np.arange(n - 2)
        a[inside, inside] = -2 * k / h**2
        a[inside[1:], inside[:-1]] = a[inside[:-1], inside[1:]] = k / h**2
        a[0, n - 2] = k / h**2
        ratio = (k / h) / (k / h + loss)
        a[n - 3, n - 3] += k / h**2 * ratio
        a[n - 2, n - 1], a[n - 1, n - 2] = 3, -3
        state = np.zeros(n, complex)
        state[n - 1] = 1
        u = expm(a) @ state
        u = np.concatenate([u[n - 2 : n - 1], u[: n - 2], [ratio * u[n - 3]]])
        return weights @ u

    def mean(k: Any, loss: Any) -> Any:
        return weights @ end_of(heat, 1.0, np.zeros(n), k, loss, tol=1e-7)

    value, gradient = ag.value_and_grad(mean, (0, 1))(0.3, 2.0)
    assert abs(value / exact(0.3, 2.0).real - 1) < 1e-7
    assert abs(gradient[0] / (exact(0.3 + 1e-30j, 2.0).imag / 1e-30) - 1) < 1e-6
    assert abs(gradient[1] / (exact(0.3, 2.0 + 1e-30j).imag / 1e-30) - 1) < 1e-6


# ---- laws -----------------------------------------------------------------------------------------------------------


def square(t: Any, y: Any, yp: Any, rate: Any) -> Any:
    """y0 = exp(-rate t), y1 = y0²."""
    return [yp[0] + rate * y[0], y[1] - y[0] ** 2]


def both(t: Any, y: Any, yp: Any) -> Any:
    """Slopes of y0 + y1 alone, which decays like exp(-2 t / 3) with y0 = 2 y1."""
    return [yp[0] + yp[1] + y[0], y[0] - 2 * y[1]]


def test_derivatives_of_three_orders() -> None:
    def end(rate: Any) -> Any:
        return end_of(square, 1.0, [1.0, 0.3], rate, tol=1e-10)[1]

    f: Any = end
    for order in range(4):
        assert abs(f(0.7) / ((-2) ** order * np.exp(-1.4)) - 1) < 1e-8
        f = ag.grad(f)


def test_compiled_functions_batches_and_forward_mode() -> None:
    def end(rate: Any) -> Any:
        return end_of(square, 1.0, [1.0, 0.3], rate)[1]

    compiled = ag.compile(ag.value_and_grad(end))
    for rate in (0.7, 0.8, 1.3):
        assert np.allclose(compiled(rate), [end(rate), ag.grad(end)(rate)], rtol=1e-12)
    rates = np.array([0.7, 1.3])
    assert np.allclose(ag.vmap(ag.grad(end))(rates), [ag.grad(end)(r) for r in rates], rtol=1e-12)
    assert np.allclose(ag.jvp(end)((0.7,), (1.0,))[1], ag.grad(end)(0.7), rtol=1e-12)


def test_the_order_of_the_method_is_five() -> None:
    def error(h: float) -> float:
        y = end_of(square, 1.0, [1.0, 1.0], 2.0, tol=1e3, first_step=h, max_step=h)
        return abs(float(y[1]) - np.exp(-4.0))

    assert 4.7 < np.log2(error(0.25) / error(0.125)) < 5.3


def test_the_solution_between_steps_and_backwards() -> None:
    rate = ag.tensor(0.5, requires_grad=True)
    forth = solve_dae(square, (0, 2), [1.0, 1.0], args=(rate,), dense_output=True, rtol=1e-9, atol=1e-12)
    times = np.array([0.1, 0.77, 2.0])
    assert np.allclose(forth.sol(times)[1], np.exp(-times), rtol=1e-7)
    forth.sol(0.77)[1].backward()
    assert abs(rate.grad + 1.54 * np.exp(-0.77)) < 1e-6
    back = solve_dae(square, (2, 0), forth.y.numpy()[:, -1], args=(0.5,), rtol=1e-9, atol=1e-12)
    assert back.t[-1] == 0
    assert np.allclose(back.y[:, -1], 1, rtol=1e-7)


def test_consistent_values_keep_the_part_of_y0_that_the_slopes_are_of() -> None:
    y, yp = consistent_initial_values(both, 0.0, [1.0, 1.0])
    assert np.allclose(y, [4 / 3, 2 / 3], rtol=1e-14)
    assert abs(yp[0] + yp[1] + 4 / 3) < 1e-14
    jacobian = ag.jacobian(lambda y0: consistent_initial_values(both, 0.0, y0)[0])(np.ones(2))
    assert np.allclose(jacobian, [[2 / 3, 2 / 3], [1 / 3, 1 / 3]], rtol=1e-14)
    gradient = ag.grad(lambda y0: end_of(both, 1.0, y0)[0])(np.ones(2))
    assert np.allclose(gradient, 2 / 3 * np.exp(-2 / 3), rtol=1e-7)


def test_slopes_inside_of_functions() -> None:
    def F(t: Any, y: Any, yp: Any, a: Any) -> Any:  # y'³ + y' = a y
        return yp**3 + yp - a * y

    def slope(t: float, y: Any) -> Any:
        roots = np.roots([1, 0, 1, -2.0 * y[0]])
        return [roots[np.abs(roots.imag) < 1e-9].real[0]]

    exact = scipy.integrate.solve_ivp(slope, (0, 1), [1.0], "DOP853", rtol=1e-12, atol=1e-12).y[0, -1]
    assert abs(end_of(F, 1.0, [1.0], 2.0, tol=1e-9)[0] / exact - 1) < 1e-8


# ---- errors ---------------------------------------------------------------------------------------------------------


def solve(F: Any = square, t_span: Any = (0, 1), y0: Any = (1.0, 1.0), **options: Any) -> Any:
    return solve_dae(F, t_span, y0, **{"args": (1.0,), **options})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"F": lambda t, y, yp, a: [yp[0] + y[0]]}, r"as many equations as unknowns, shape \(2,\); received \(1,\)"),
        ({"F": lambda t, y, yp, a: [yp[0] - y[1], y[0] - np.sin(t)]}, r"equations of index 1; .* do not fix"),
        ({"F": lambda t, y, yp, a: [yp[0] - y[0], yp[0] + y[0]]}, r"no equation has the algebraic unknown 1"),
        ({"F": lambda t, y, yp, a: [yp[0] - y[0], np.exp(y[1])]}, r"initial values near consistent ones"),
        ({"F": lambda t, y, yp, a: [yp[0], np.log(y[1])], "y0": [1.0, 0.0]}, r"finite residuals .* -inf of equation 1"),
        ({"initialize": "check", "y0": [1.0, 0.5]}, r"y0\[1\] = 0.5, which misses 1 by 5.0e-01"),
        ({"initialize": "maybe"}, r"initialize among solve, check, keep"),
        ({"yp0": [1.0]}, r"yp0 of y0's shape \(2,\)"),
        ({"y0": 1.0}, r"y0 of shape \(n,\)"),
        ({"y0": [1j, 1.0]}, r"real unknowns; received y0 of complex128"),
        ({"t_eval": [2.0]}, r"t_eval within t_span, \[0.0, 1.0\]; received 2"),
        ({"t_eval": [0.5, 0.2]}, r"t_eval in the order"),
        ({"t_span": (0, ag.tensor(1.0, requires_grad=True))}, r"t_span without derivatives"),
        ({"F": lambda t, y, yp, a: None}, r"F to return n numbers; received None"),
        ({"t_span": (0, np.nan)}, r"finite times in t_span; received \[0.0, nan\]"),
        ({"t_span": (0, 1, 2)}, r"t_span as two times"),
        ({"rtol": 0, "atol": 0}, r"rtol or atol above 0"),
        ({"atol": [1e-6] * 3}, r"atol as a number, or of y's shape \(2,\); received \(3,\)"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(
        (ValueError, TypeError, ag.UnsupportedError), match=f"solve_dae: expected .*{message}|{message}"
    ):
        solve(**changes)


def test_a_solution_that_ends_early_has_no_derivative() -> None:
    def F(t: Any, y: Any, yp: Any, a: Any) -> Any:  # y = 1 / (1 - a t)
        return [yp[0] - a * y[0] ** 2, y[1] - y[0]]

    rate = ag.tensor(1.0, requires_grad=True)
    solution = solve(F, (0, 2), args=(rate,), t_eval=[0.5, 2.0])
    assert solution.status == -1
    assert solution.t.tolist() == [0.5]
    assert abs(solution.y[0, 0] - 2) < 1e-5
    with pytest.raises(ag.GradError, match="solve_dae: expected a solution to differentiate that has come to its end"):
        solution.y.sum().backward()
    assert "max_steps = 3" in solve(max_steps=3).message


def test_a_number_that_is_not_finite_is_named() -> None:
    def F(t: Any, y: Any, yp: Any, a: Any) -> Any:  # y0 = 1 - t
        return [yp[0] + 1, y[1] - np.sqrt(y[0])]

    assert "equation 1 of F is nan at t = 1" in solve(F, (0, 2)).message
