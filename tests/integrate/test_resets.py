"""Events that change the state: a ball that bounces, against closed forms; what jumps, and what never ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import ShapeError
from autograd_lite.integrate import solve_ivp

BOUNCES = 4
TIGHT: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10}


def ball(t: Any, y: Any, g: Any, e: Any) -> Any:
    return np.stack([y[1], -g])


def bounce(most: int | bool = 0) -> Any:
    """Return the event that a ball meets the ground, from which it goes up again, slower by the factor e."""

    def hit(t: Any, y: Any, g: Any, e: Any) -> Any:
        return y[0]

    hit.direction, hit.terminal = -1, most  # type: ignore[attr-defined]
    hit.reset = lambda t, y, g, e: np.stack([0 * y[0], -e * y[1]])  # type: ignore[attr-defined]
    return hit


def moments(p: Any, method: str = "RK45") -> Any:
    h, g, e = p
    found = solve_ivp(ball, (0, 10), np.stack([h, 0 * h]), method, events=bounce(BOUNCES), args=(g, e), **TIGHT)
    assert found.status == 1
    return found.t_events[0]


def moments_exactly(p: Any) -> Any:
    h, g, e = p
    first = np.sqrt(2 * h / g)
    return np.stack([first * (1 + 2 * sum(e**i for i in range(1, k + 1))) for k in range(BOUNCES)])


def height_exactly(p: Any, t: float) -> Any:
    h, g, e = p
    before = [m for m in moments_exactly(p) if m < t]
    if not before:
        return h - g * t**2 / 2
    s = t - before[-1]
    return e ** len(before) * np.sqrt(2 * g * h) * s - g * s**2 / 2


@pytest.mark.parametrize("method", ["RK45", pytest.param("Rodas5P", marks=pytest.mark.ci)])
def test_bounces_and_their_derivatives_are_those_of_the_formula(method: str) -> None:
    p = np.array([2.0, 9.81, 0.8])
    np.testing.assert_allclose(moments(p, method), moments_exactly(p), rtol=1e-9)
    for derivative in (ag.jacobian, lambda f: ag.jacobian(f, mode="forward")):
        theirs = ag.jacobian(moments_exactly)(p)
        np.testing.assert_allclose(derivative(lambda p: moments(p, method))(p), theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.ci
def test_second_derivatives_of_the_last_bounce() -> None:
    p = np.array([2.0, 9.81, 0.8])
    ours = ag.hessian(lambda p: moments(p)[-1])(p)
    np.testing.assert_allclose(ours, ag.hessian(lambda p: moments_exactly(p)[-1])(p), rtol=1e-6, atol=1e-8)


def test_the_sensitivity_jumps_with_the_velocity() -> None:
    p, times = np.array([2.0, 9.81, 0.8]), np.array([0.3, 0.9, 1.5, 2.0, 2.4])

    def heights(p: Any) -> Any:
        h, g, e = p
        start = np.stack([h, 0 * h])
        return solve_ivp(ball, (0, 2.5), start, t_eval=times, events=bounce(), args=(g, e), **TIGHT).y[0]

    np.testing.assert_allclose(heights(p), [height_exactly(p, t) for t in times], atol=1e-8)
    ours = ag.jacobian(heights)(p)
    for row, t in zip(ours, times, strict=True):
        np.testing.assert_allclose(row, ag.grad(lambda p, t=t: height_exactly(p, t))(p), atol=1e-7)


def test_the_result_has_all_pieces() -> None:
    found = solve_ivp(ball, (0, 2.0), [2.0, 0.0], events=[bounce(True)], args=(9.81, 0.8), dense_output=True, **TIGHT)
    p = np.array([2.0, 9.81, 0.8])
    assert (found.status, found.success) == (0, True)
    np.testing.assert_allclose(found.t_events[0], moments_exactly(p)[:2], rtol=1e-9)
    assert (found.y_events[0][:, 1] < 0).all()  # before the reset
    jumps = np.flatnonzero(np.diff(found.t) == 0)
    np.testing.assert_allclose(found.t[jumps], found.t_events[0])
    np.testing.assert_allclose(found.y[1, jumps + 1], -0.8 * found.y[1, jumps])
    times = np.linspace(0, 2, 41)
    np.testing.assert_allclose(found.sol(times)[0], [height_exactly(p, t) for t in times], atol=1e-7)
    assert found.sol(found.t_events[0][0])[1] > 0  # after it


def test_backward_in_time_and_other_events() -> None:
    """y' = 1 from 0.5 back: at 0 it is set to 1, at t = -2 it ends."""

    def zero(t: Any, y: Any) -> Any:
        return y[0]

    def end(t: Any, y: Any) -> Any:
        return t + 2

    zero.reset = lambda t, y: y + 1.0  # type: ignore[attr-defined]
    zero.direction, end.terminal = 1, True  # type: ignore[attr-defined]
    zero.direction = -1
    found = solve_ivp(lambda t, y: np.ones(1), (0.0, -5.0), [0.5], events=[zero, end], **TIGHT)
    assert found.status == 1
    np.testing.assert_allclose(found.t_events[0], [-0.5, -1.5], atol=1e-9)
    np.testing.assert_allclose(found.t_events[1], [-2.0], atol=1e-9)
    np.testing.assert_allclose(found.y[0, -1], 0.5, atol=1e-9)


def test_what_never_ends_is_one_error() -> None:
    def stuck(t: Any, y: Any) -> Any:
        return y[0]

    stuck.reset = lambda t, y: y  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match=r"a state from which the event does not happen at once.*stuck\.direction"):
        solve_ivp(lambda t, y: -np.ones(1), (0, 2), [1.0], events=stuck)


def test_a_reset_keeps_the_shape() -> None:
    def zero(t: Any, y: Any) -> Any:
        return y[0]

    zero.reset = lambda t, y: np.ones(2)  # type: ignore[attr-defined]
    with pytest.raises(ShapeError, match=r"expected event\.reset to return a state of shape \(1,\); received \(2,\)"):
        solve_ivp(lambda t, y: -np.ones(1), (0, 2), [1.0], events=zero)
