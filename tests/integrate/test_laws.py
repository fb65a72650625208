"""Laws of every method for initial value problems: orders, invariants, reversal, scales, and what derivatives obey."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")

import scipy.integrate

import autograd_lite as ag
from autograd_lite import integrate
from autograd_lite.integrate.methods import METHODS as KNOWN
from benchmarks.differential_equation_problems import BY_NAME
from tests.rows import for_every

# The orders of steps and of the solution between them; every third row is tried in every run, all others in ci.
ORDERS = {
    "Tsit5": (5, 4),
    "RK23": (3, 3),
    "DOP853": (8, 7),
    "Rodas5P": (5, 4),
    "Dopri8": (8, 7),
    "Radau": (5, 3),
    "BDF": (None, None),  # varies
    "Dopri5": (5, 4),
    "RK45": (5, 4),
}
METHODS = [name for name in ORDERS if name in KNOWN]
OF_ONE_ORDER = [name for name in METHODS if name != "BDF"]
STIFF = ("BDF", "Radau", "Rodas5P")
law = functools.partial(for_every, by=lambda row: "", stride=3)


THETA = (1.5, 1.0, 3.0, 1.0)
Y0 = np.array([1.0, 1.0])


def slopes(t: Any, y: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Lotka and Volterra, with a rate that depends on the time."""
    return np.stack([y[0] * (a + 0.2 * np.sin(t) - b * y[1]), y[1] * (d * y[0] - c)])


def solve(
    method: str, y0: Any = Y0, theta: Any = THETA, span: Any = (0.0, 2.0), f: Any = slopes, **options: Any
) -> Any:
    """Return a solution; the tolerance is tight unless it is said."""
    options = {"rtol": 1e-8, "atol": 1e-8, **options}
    return integrate.solve_ivp(f, span, y0, method, args=tuple(theta), **options)


def fixed(steps: int, length: float = 2.0) -> dict[str, Any]:
    """Return options for steps of equal lengths, whatever their errors."""
    h = length / steps
    return {"rtol": 1e3, "atol": 1e3, "first_step": h, "max_step": h * (1 + 1e-12)}


def end(method: str, **options: Any) -> Any:
    """Return a number of the state at the end, as a function of y0 and theta."""
    return lambda y0, *theta: solve(method, y0, theta, **options).y[:, -1] @ np.array([1.0, -2.0])


def gradients(f: Any, *at: Any) -> Any:
    """Return all derivatives as one vector."""
    return np.concatenate([np.ravel(g) for g in ag.grad(f, tuple(range(len(at))))(*at)])


def exact() -> tuple[Any, Any]:
    """Return the state at the end and the gradient of `end`, by SciPy with tight tolerances and complex steps."""

    def both(t: float, z: Any) -> Any:
        columns = z.reshape(2, 7).astype(complex)
        moved = columns[:, :1] + 1e-50j * columns[:, 1:]
        theta = np.array(THETA)[:, None] + 1e-50j * np.eye(4, 6, 2)
        slope = slopes(t, moved, *theta)
        return np.concatenate([slope.real[:, :1], slope.imag / 1e-50], 1).ravel()

    start = np.concatenate([Y0[:, None], np.eye(2, 6)], 1)
    z = scipy.integrate.solve_ivp(both, (0.0, 2.0), start.ravel(), "DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    columns = z.reshape(2, 7)
    return columns[:, 0], np.array([1.0, -2.0]) @ columns[:, 1:]


def rate(errors: Any) -> float:
    """Return by which power of the length errors fall."""
    return float(np.log2(errors[0] / errors[1]))


@law(OF_ONE_ORDER)
def test_order_of_convergence(method: str) -> None:
    order, _ = ORDERS[method]
    y, gradient = exact()
    steps = (10, 20) if order == 8 else (40, 80)
    states = [np.abs(solve(method, **fixed(k)).y[:, -1] - y).max() for k in steps]
    derivatives = [np.abs(gradients(end(method, **fixed(k)), Y0, *THETA) - gradient).max() for k in steps]
    assert rate(states) > order - 0.4, (method, states)
    assert rate(derivatives) > order - 0.4, (method, derivatives)
    assert states[-1] < 1e-3


@law(OF_ONE_ORDER)
def test_order_between_steps(method: str) -> None:
    _, order = ORDERS[method]
    times = np.linspace(0.1, 1.9, 37) + 0.003
    true = scipy.integrate.solve_ivp(slopes, (0.0, 2.0), Y0, "DOP853", times, args=THETA, rtol=1e-13, atol=1e-13).y
    steps = (10, 20) if order > 5 else (40, 80)
    errors = [np.abs(solve(method, t_eval=times, **fixed(k)).y - true).max() for k in steps]
    assert rate(errors) > order - 0.4, (method, errors)


INVARIANTS = ("epidemic", "linear_chemistry", "robertson")


@law([(method, name) for name in INVARIANTS for method in (STIFF if name == "robertson" else METHODS)])
def test_sums_stay_what_they_are(row: tuple[str, str]) -> None:
    method, name = row
    problem = BY_NAME[name]
    span = (0.0, 40.0)

    def total(y0: Any, *theta: Any) -> Any:
        answer = integrate.solve_ivp(
            problem.slopes, span, y0, method, args=theta, rtol=1e-6, atol=1e-9, t_eval=np.array([7.0, 40.0])
        )
        return answer.y.sum(0)

    theta = [np.asarray(x, float) for x in problem.theta]
    places = tuple(range(1 + len(theta)))
    sums = ag.vjp(total, places)(problem.y0, *theta)[0]
    rtol = 1e-8 if method in ("BDF", "Radau") else 2e-13  # SciPy's Jacobians of small systems are differences
    np.testing.assert_allclose(sums, problem.y0.sum(), rtol=rtol)
    by_y0, *by_theta = ag.grad(lambda *x: total(*x)[1], places)(problem.y0, *theta)
    np.testing.assert_allclose(by_y0, 1.0, rtol=1e-10)
    for g, x in zip(by_theta, theta, strict=True):
        np.testing.assert_allclose(g * x, 0.0, atol=1e-10)


@law(METHODS)
def test_there_and_back_again(method: str) -> None:
    def back(y0: Any) -> Any:
        far = solve(method, y0).y[:, -1]
        return solve(method, far, span=(2.0, 0.0)).y[:, -1]

    np.testing.assert_allclose(back(Y0), Y0, atol=1e-4 if method in ("RK23", "BDF") else 1e-6)
    np.testing.assert_allclose(ag.jacobian(back)(Y0), np.eye(2), atol=2e-3 if method == "BDF" else 1e-4)


@law(METHODS)
def test_energy_of_an_orbit(method: str) -> None:
    orbit = BY_NAME["round_orbit"]

    def drift(y0: Any) -> Any:
        y = integrate.solve_ivp(orbit.slopes, (0.0, 6.0), y0, method, args=(1.0,), rtol=1e-8, atol=1e-8).y
        energy = (y[2] ** 2 + y[3] ** 2) / 2 - (y[0] ** 2 + y[1] ** 2) ** -0.5
        return energy[-1] - energy[0]

    assert abs(float(drift(orbit.y0))) < (1e-5 if method == "BDF" else 1e-6)
    np.testing.assert_allclose(ag.grad(drift)(orbit.y0), 0.0, atol=1e-4)


@law(METHODS)
def test_derivatives_are_those_of_differences(method: str) -> None:
    if method in ("BDF", "Radau"):  # SciPy ends Newton's iteration by the tolerance
        f = end(method, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gradients(f, Y0, *THETA), exact()[1], rtol=1e-6, atol=1e-5)
    else:
        f = end(method, **fixed(12), t_eval=np.array([0.7, 1.9]))
        assert ag.testing.check_grads(f, Y0, *map(np.array, THETA)).ok


@law(METHODS)
def test_forward_mode_is_reverse_mode(method: str) -> None:
    at, f = (Y0, *map(np.array, THETA)), end(method)
    directions = tuple([np.cos(k + np.arange(1.0, 1.0 + x.size)).reshape(x.shape) for k, x in enumerate(at)])
    tangent = ag.jvp(f)(at, directions)[1]
    product = gradients(f, *at) @ np.concatenate([np.ravel(d) for d in directions])
    np.testing.assert_allclose(tangent, product, rtol=1e-11)


@law(METHODS)
def test_hessians_are_symmetric(method: str) -> None:
    f = end(method, span=(0.0, 1.0), rtol=1e-6, atol=1e-6)
    hessian = np.asarray(ag.hessian(lambda x: f(x[:2], *x[2:]))(np.array([*Y0, *THETA])))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9 * np.abs(hessian).max())
    assert np.abs(hessian).max() > 0.1
    direction = np.cos(np.arange(6.0))
    gradient = lambda x: ag.grad(lambda x: f(x[:2], *x[2:]))(x)  # noqa: E731
    pushed = ag.jvp(gradient)((np.array([*Y0, *THETA]),), (direction,))[1]
    np.testing.assert_allclose(pushed, hessian @ direction, rtol=1e-9, atol=1e-9 * np.abs(hessian).max())


@law(METHODS)
def test_vmap_is_a_loop(method: str) -> None:
    y0 = np.array([[1.0, 1.0], [0.3, 2.0], [2.0, 0.1]])
    rates = np.array([1.5, 0.7, 2.0])
    f = lambda y0, a: end(method, t_eval=np.array([0.3, 2.0]))(y0, a, 1.0, 3.0, 1.0)  # noqa: E731
    both = ag.value_and_grad(f, (0, 1))
    values, derivatives = ag.vmap(both)(y0, rates)
    rows = [both(y, a) for y, a in zip(y0, rates, strict=True)]
    np.testing.assert_array_equal(values, [row[0] for row in rows])
    for k in range(2):
        np.testing.assert_allclose(derivatives[k], [row[1][k] for row in rows], rtol=1e-12)


@law(METHODS)
def test_compiled_is_eager(method: str) -> None:
    f = ag.value_and_grad(end(method, t_eval=np.array([0.5, 2.0])), (0, 1, 2, 3, 4))
    compiled = ag.compile(f)
    for k in range(3):
        at = (Y0 + 0.1 * k, *[x + 0.1 * k for x in map(np.array, THETA)])
        value, derivatives = f(*at)
        again, other = compiled(*at)
        np.testing.assert_array_equal(value, again)
        for a, b in zip(derivatives, other, strict=True):
            np.testing.assert_array_equal(a, b)


@law(METHODS)
def test_a_budget_changes_no_bit(method: str) -> None:
    def both(budget: int | None) -> Any:
        f = end(method, span=(0.0, 20.0), max_bytes=budget, t_eval=np.linspace(0.0, 20.0, 7), rtol=1e-6, atol=1e-6)
        return ag.value_and_grad(f, (0, 1, 2, 3, 4))(Y0, *THETA)

    (value, derivatives), (again, other) = both(None), both(4_000)
    assert float(value) == float(again)
    for a, b in zip(derivatives, other, strict=True):
        np.testing.assert_array_equal(a, b)


@law(METHODS)
def test_times_of_reading_change_no_step(method: str) -> None:
    few, many = np.array([0.4, 2.0]), np.sort(np.append(np.linspace(0.0, 2.0, 23), 0.4))
    places = np.searchsorted(many, few)
    np.testing.assert_allclose(
        solve(method, t_eval=few).y, solve(method, t_eval=many).y[:, places], rtol=1e-15, atol=1e-15
    )
    np.testing.assert_allclose(solve(method, t_eval=few).y[:, -1], solve(method).y[:, -1], rtol=1e-14)
    g = [gradients(end(method, t_eval=times), Y0, *THETA) for times in (few, many)]
    np.testing.assert_allclose(g[0], g[1], rtol=1e-12)
    np.testing.assert_allclose(g[0], gradients(end(method), Y0, *THETA), rtol=1e-11)


@law(METHODS)
def test_units_of_time_and_state(method: str) -> None:
    def scaled(t: Any, y: Any, *theta: Any) -> Any:
        return 4.0 * 8.0 * slopes(4.0 * t, y / 8.0, *theta)

    options = {"rtol": 2.0**-20, "atol": 2.0**-20, "first_step": 2.0**-6}
    plain = solve(method, **options).y[:, -1]
    other = solve(method, 8 * Y0, span=(0.0, 0.5), f=scaled, rtol=2.0**-20, atol=2.0**-17, first_step=2.0**-8).y[:, -1]
    tolerance = 1e-9 if method in STIFF else 0.0
    np.testing.assert_allclose(other, 8 * plain, rtol=tolerance)


RATE = 1.0


@law(METHODS)
def test_numbers_around_a_compiled_function_may_change(method: str) -> None:
    global RATE
    compiled = ag.compile(lambda y0: integrate.solve_ivp(lambda t, y: -RATE * y, (0, 1), y0, method, [1.0]).y[0, 0])
    try:
        for RATE in (1.0, 2.0, 1.0, 2.0, 3.0, 1.0):
            assert abs(float(compiled(np.ones(1))) - np.exp(-RATE)) < 1e-2
    finally:
        RATE = 1.0
