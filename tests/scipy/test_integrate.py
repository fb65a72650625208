"""Integrals and initial value problems against closed forms: every order, through closures, and stiff ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate as original

import autograd_lite as ag
from autograd_lite.scipy import integrate

from ..rows import for_every

TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def solved(method: str) -> Callable[[Any], Any]:
    """Return y(1) of y' = -k y, y(0) = 1 as a function of k, which the right-hand side reads from around it."""
    if method == "odeint":
        return lambda k: integrate.odeint(lambda y, t: -k * y, [1.0], [0.0, 1.0])[-1, 0]
    return lambda k: integrate.solve_ivp(lambda t, y: -k * y, (0.0, 1.0), [1.0], method, **TIGHT).y[0, -1]


SLOW = [pytest.param(method, marks=pytest.mark.ci) for method in ("RK45", "Radau", "BDF")]


@pytest.mark.parametrize("method", ["DOP853", "odeint", *SLOW])
def test_three_derivatives_of_a_decay(method: str) -> None:
    f, k = solved(method), 1.3
    accuracy = {"BDF": 1e-6, "odeint": 1e-7}.get(method, 1e-8)  # by the tolerances and orders of the methods
    for order in range(4):
        assert float(f(k)) == pytest.approx((-1) ** order * np.exp(-k), rel=accuracy), order
        f = ag.grad(f)


def stiff(t: Any, y: Any, k: Any) -> Any:
    """The kinetics of Robertson, stiff by nine orders of magnitude."""
    first, second, third = k[0] * y[0], k[1] * y[1] * y[1], k[2] * y[1] * y[2]
    return np.stack([third - first, first - third - second, second])


@pytest.mark.ci
def test_stiff_problems_have_the_same_gradients_by_radau_bdf_and_odeint() -> None:
    k, y0 = np.array([0.04, 3e7, 1e4]), np.array([1.0, 0.0, 0.0])
    weights = np.array([1.0, 2e4, 3.0])

    def of(method: str) -> Any:
        def f(y0: Any, k: Any) -> Any:
            if method == "odeint":
                end = integrate.odeint(stiff, y0, [0.0, 40.0], args=(k,), tfirst=True, atol=1e-12)[-1]
            else:
                end = integrate.solve_ivp(stiff, (0.0, 40.0), y0, method, args=(k,), rtol=1e-8, atol=1e-12).y[:, -1]
            return (end * weights).sum()

        return ag.grad(f, argnums=(0, 1))(y0, k)

    radau = of("Radau")
    for method in ("BDF", "odeint"):
        for a, b in zip(of(method), radau, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_odeint_takes_the_jacobian_that_is_given() -> None:
    k = np.array([1e5, 0.3])
    asked: list[float] = []

    def jacobian(y: Any, t: Any, k: Any) -> Any:
        asked.append(t)
        return np.diag(-k)

    def solved(module: Any, k: Any) -> Any:
        return module.odeint(lambda y, t, k: -k * y, [1.0, 1.0], [0.0, 1.0], (k,), jacobian)

    theirs = solved(original, k)
    expected = asked.copy()
    asked.clear()
    found = solved(integrate, ag.tensor(k, requires_grad=True))
    assert asked == expected
    np.testing.assert_array_equal(found.detach().numpy(), theirs)


def test_an_ode_by_all_that_it_reads_from_around_it_and_its_ends() -> None:
    rate, start, end = ag.tensor(0.7, requires_grad=True), ag.tensor(0.2, requires_grad=True), 1.4
    end = ag.tensor(end, requires_grad=True)
    found = integrate.solve_ivp(lambda t, y: rate * np.cos(t) * y, (start, end), [2.0], "DOP853", **TIGHT)
    found.y[0, -1].backward()
    value = 2 * np.exp(0.7 * (np.sin(1.4) - np.sin(0.2)))
    assert found.y[0, -1].item() == pytest.approx(value, rel=1e-10)
    assert rate.grad.item() == pytest.approx(value * (np.sin(1.4) - np.sin(0.2)), rel=1e-9)
    assert end.grad.item() == pytest.approx(value * 0.7 * np.cos(1.4), rel=1e-8)
    assert start.grad.item() == pytest.approx(-value * 0.7 * np.cos(0.2), rel=1e-8)


def test_the_result_of_solve_ivp_is_scipys_with_tensors_in_it() -> None:
    y0 = ag.tensor([1.0, 2.0], requires_grad=True)
    found = integrate.solve_ivp(lambda t, y: -y, (0, 1), y0, t_eval=[0.5], dense_output=True)
    assert found.status == 0
    assert found.nfev > 0
    assert found.t.tolist() == [0.5]
    assert found.y.shape == (2, 1)
    assert found.y.requires_grad
    assert found.sol(0.5).shape == (2,)
    np.testing.assert_allclose(found.sol(np.array([0.5])).numpy(), found.y.numpy(), rtol=1e-15)


def test_a_dense_solution_keeps_its_gradient_after_it_was_asked_inside_another_one() -> None:
    rate = ag.tensor(0.7, requires_grad=True)
    sol = integrate.solve_ivp(lambda t, y: -rate * y, (0, 1), [1.0], "DOP853", dense_output=True, **TIGHT).sol
    assert float(ag.grad(lambda t: sol(t)[0])(0.4)) == pytest.approx(-0.7 * np.exp(-0.28), rel=1e-9)
    sol(0.4)[0].backward()
    assert rate.grad.item() == pytest.approx(-0.4 * np.exp(-0.28), rel=1e-9)


def ground(t: Any, y: Any) -> Any:
    return y[0]


ground.terminal, ground.direction = True, -1  # type: ignore[attr-defined]


def fall(g: Any, v: Any, method: str = "RK45", **options: Any) -> Any:
    """Throw something from a height of 1.3; y is the height and the speed."""
    start = np.stack([1.3 + 0 * v, v])
    return integrate.solve_ivp(
        lambda t, y: np.stack([y[1], -g + 0 * y[0]]), (0.0, 5.0), start, method, events=ground, **options
    )


@pytest.mark.parametrize("method", ["RK45", SLOW[1]])
def test_the_moment_of_an_event_has_two_derivatives(method: str) -> None:
    def closed(g: Any, v: Any) -> Any:
        return (v + np.sqrt(v * v + 2 * g * 1.3)) / g

    for read in (lambda found: found.t_events[0][0], lambda found: found.t[-1]):
        moment = lambda g, v, read=read: read(fall(g, v, method))  # noqa: E731
        assert float(moment(*map(ag.tensor, (9.8, 2.0)))) == pytest.approx(closed(9.8, 2.0), rel=1e-9)
        for k in (0, 1):
            f, exact = ag.grad(moment, argnums=k), ag.grad(closed, argnums=k)
            assert float(f(9.8, 2.0)) == pytest.approx(float(exact(9.8, 2.0)), rel=1e-8)
            assert float(ag.grad(f)(9.8, 2.0)) == pytest.approx(float(ag.grad(exact)(9.8, 2.0)), rel=1e-7)


def test_a_terminal_event_ends_the_solution_as_scipy_does() -> None:
    theirs = fall(9.8, 2.0)
    for options in ({}, {"t_eval": np.linspace(0, 0.6, 4)}):
        theirs = fall(9.8, 2.0, **options)
        found = fall(ag.tensor(9.8, requires_grad=True), 2.0, **options)
        assert (found.status, theirs.status) == (1, 1)
        np.testing.assert_array_equal(found.t.detach() if isinstance(found.t, ag.Tensor) else found.t, theirs.t)
        np.testing.assert_array_equal(found.y.detach().numpy(), theirs.y)
        np.testing.assert_array_equal(found.y_events[0].detach().numpy(), theirs.y_events[0])
        speed = found.y_events[0][0, 1]  # -sqrt(v² + 2 g h)
        assert ag.grad(lambda g: fall(g, 2.0).y_events[0][0, 1])(9.8) == pytest.approx(1.3 / speed.item(), rel=1e-8)


# An integral of x over an interval, with parameters, and its closed form.
INTEGRALS: list[tuple[str, Callable[..., Any], Callable[..., Any], tuple[float, ...]]] = [
    ("power", lambda p: integrate.quad(lambda x: x**p, 0.0, 1.0)[0], lambda p: 1 / (p + 1), (0.7,)),
    ("limit", lambda b: integrate.quad(np.cos, 0.0, b)[0], np.sin, (0.9,)),
    ("tail", lambda k: integrate.quad(lambda x: np.exp(-k * x), 0.0, np.inf)[0], lambda k: 1 / k, (1.7,)),
    (
        "nested",
        lambda k: integrate.quad(lambda y: integrate.quad(lambda x: x * y * k, 0.0, y)[0], 0.0, 2.0)[0],
        lambda k: 2 * k,
        (1.5,),
    ),
]


@for_every(INTEGRALS, name=lambda row: row[0])
def test_two_derivatives_of_an_integral(row: Any) -> None:
    _, f, closed, at = row
    for order in range(3):
        assert float(f(*at)) == pytest.approx(float(closed(*at)), rel=1e-7, abs=1e-8), order
        f, closed = ag.grad(f), ag.grad(closed)


def test_complex_parameters_of_an_integral_and_of_implicit_steps() -> None:
    def energy(z: Any) -> Any:
        return integrate.quad(lambda x: np.real((z * x + 1) * np.conjugate(z * x + 1)), 0.0, 1.0)[0]

    z = 0.4 - 1.1j
    assert ag.grad(energy)(z) == pytest.approx(2 * z / 3 + 1, rel=1e-9)
    assert ag.grad(lambda t: np.real(ag.grad(energy)(z + t * (1 + 2j))))(0.0) == pytest.approx(2 / 3, rel=1e-9)

    def end(k: Any) -> Any:  # y(1) = exp(-k)
        found = integrate.solve_ivp(lambda t, y: -k * y, (0.0, 1.0), [1.0 + 0j], "BDF", rtol=1e-7, atol=1e-9)
        return np.real((0.3 + 0.7j) * found.y[0, -1])

    k = 0.6 + 0.8j
    assert ag.grad(end)(k) == pytest.approx(np.conjugate(-(0.3 + 0.7j) * np.exp(-k)), rel=1e-4)


def test_the_moment_of_an_event_of_a_complex_state() -> None:
    def quarter(k: Any) -> Any:
        return integrate.solve_ivp(
            lambda t, y: 1j * k * y, (0.0, 3.0), [1.0 + 0j], "DOP853", events=lambda t, y: np.real(y[0]), **TIGHT
        ).t_events[0][0]

    assert ag.grad(quarter)(0.9) == pytest.approx(-np.pi / 2 / 0.9**2, rel=1e-8)


# Intervals and options of integrals.
PLACES: list[tuple[float, float, dict[str, Any]]] = [
    (0.0, 1.0, {}),
    (1.0, -0.5, {}),
    (-1.0, 1.0, {"points": [0.5, 0.0]}),
    (-1.0, 1.0, {"weight": "cos", "wvar": 3.0}),
    (0.3, np.inf, {}),
    (-np.inf, 0.3, {}),
    (-np.inf, np.inf, {}),
]


@for_every(PLACES, name=str)
def test_quad_of_arrays_asks_for_the_values_that_scipy_asks_for(row: Any) -> None:
    a, b, options = row

    def asked(quad: Callable[..., Any]) -> set[float]:
        places = set()

        def f(x: float) -> Any:
            places.add(x)
            return np.exp(-x * x)

        quad(f, a, b, **options)
        return places

    assert asked(integrate.quad) == asked(original.quad)


def test_quad_refuses_what_it_cannot_honour() -> None:
    k = ag.tensor(1.0, requires_grad=True)
    with pytest.raises(ag.UnsupportedError, match="the argument weight= is not supported on Tensors"):
        integrate.quad(lambda x: k * x, 0, 1, weight="cos", wvar=2.0)
    with pytest.raises(ag.ShapeError, match="expected func to return a number"):
        integrate.quad(lambda x: k * np.stack([x, x]), 0, 1)


# What calls a function of the user's once to record it, with an effect in it.
CALLERS: dict[str, Callable[[Any], Any]] = {
    "scipy.integrate.quad: expected func to": lambda f: integrate.quad(f, 0, 1),
    "solve_ivp: expected functions that": lambda f: integrate.solve_ivp(
        lambda t, y: f(y), (0, 1), np.ones(1), method="Radau"
    ),
    "solve_ivp: expected events to": lambda f: integrate.solve_ivp(
        lambda t, y: -y * f(1.0, effect=False), (0, 2), np.ones(1), events=lambda t, y: f(y[0]) - 0.5
    ),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_a_function_that_changes_what_is_outside_is_refused(caller: str) -> None:
    w, count = ag.tensor(1.0, requires_grad=True), ag.tensor(0.0)

    def f(x: Any, effect: bool = True) -> Any:
        if effect:
            count.assign(count + 1)
        return w * x

    with pytest.raises(ag.UnsupportedError, match=f"{caller} change nothing outside"):
        CALLERS[caller](f)
