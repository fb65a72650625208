"""Events of all methods: moments and states with two derivatives, ends of solves, and those that only touch 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.integrate import solve_ivp

TIGHT = {"rtol": 1e-10, "atol": 1e-12}


def ground(t: Any, y: Any) -> Any:
    return y[0]


ground.terminal, ground.direction = True, -1  # type: ignore[attr-defined]


def fall(g: Any, v: Any, method: str) -> Any:
    """Throw something from a height of 1.3; y is the height and the speed."""
    slopes = lambda t, y: np.stack([y[1], -g + 0 * y[0]])  # noqa: E731
    return solve_ivp(slopes, (0.0, np.inf), np.stack([1.3 + 0 * v, v]), method, events=ground, **TIGHT)


@pytest.mark.parametrize("method", ["DOP853", "Rodas5P", "Tsit5"])
def test_the_moment_and_the_state_of_an_event_have_two_derivatives(method: str) -> None:
    def moment(g: Any, v: Any) -> Any:
        return (v + np.sqrt(v * v + 2 * g * 1.3)) / g

    def speed(g: Any, v: Any) -> Any:
        return -np.sqrt(v * v + 2 * g * 1.3)

    rows = [
        (lambda found: found.t_events[0][0], moment),
        (lambda found: found.t[-1], moment),
        (lambda found: found.y_events[0][0, 1], speed),
        (lambda found: found.y[1, -1], speed),
    ]
    at = (np.float64(9.8), np.float64(2.0))
    for read, closed in rows:
        f = lambda g, v, read=read: read(fall(g, v, method))  # noqa: E731
        for k in (0, 1):
            first, exact = ag.grad(f, argnums=k), ag.grad(closed, argnums=k)
            assert first(*at) == pytest.approx(exact(*at), rel=1e-8)
            assert ag.grad(first)(*at) == pytest.approx(ag.grad(exact)(*at), rel=1e-7)


def test_the_number_of_an_event_that_ends_a_solve() -> None:
    def zero(t: Any, y: Any) -> Any:
        return y[0]

    zero.terminal = 3  # type: ignore[attr-defined]
    found = solve_ivp(lambda t, y: np.stack([y[1], -y[0]]), (0, 1e9), [1.0, 0.0], "Rodas5P", events=zero, **TIGHT)
    assert found.status == 1
    np.testing.assert_allclose(found.t_events[0], np.pi * np.array([0.5, 1.5, 2.5]), rtol=1e-9)
    assert found.t[-1] == found.t_events[0][-1]


def test_an_event_that_only_touches_zero_has_no_derivative() -> None:
    def touches(t: Any, y: Any) -> Any:
        return (t - 0.5) ** 2 + 0 * y[0]

    def moment(p: Any) -> Any:
        steps = {"first_step": 0.25, "max_step": 0.25}
        return solve_ivp(lambda t, y: p + 0 * y, (0, 2), [0.5], "DOP853", events=touches, **steps).t_events[0][0]

    assert moment(1.0) == 0.5
    with pytest.raises(ag.GradError, match="received one that only touches 0 there"):
        ag.grad(moment)(1.0)
