"""The op behind `solve_ivp`: all orders of derivatives against closed forms, batches, and how often it solves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.integrate import solve_ivp

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
# The rate, the initial state, the initial time, and the time at which the solution is read.
POINT = tuple(map(np.float64, (0.7, 1.3, 0.1, 0.9)))


def solution(k: Any, y0: Any, t0: Any, t: Any) -> Any:
    """Return a number that follows from the solution of y' = -k cos(t) y², with all derivatives of its equations."""
    y = solve_ivp(lambda t, y: -k * y * y * np.cos(t), (t0, 1.0), np.stack([y0]), "DOP853", np.stack([t]), **TIGHT).y
    return (y * y).sum()


def closed(k: Any, y0: Any, t0: Any, t: Any) -> Any:
    return (y0 / (1 + y0 * k * (np.sin(t) - np.sin(t0)))) ** 2


def along(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    """Return the derivative by argument i in forward mode."""
    units = tuple([np.float64(i == k) for k in range(len(POINT))])
    return lambda *args: ag.jvp(f)(args, units)[1]


def by(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    """Return the derivative by argument i in reverse mode."""
    return ag.grad(f, argnums=i)


MODES = {"jvp": along, "vjp": by}


@pytest.mark.parametrize("modes", [*itertools.product(MODES, repeat=2)], ids="-".join)
def test_second_derivatives_by_all_inputs(modes: tuple[str, str]) -> None:
    inner, outer = (MODES[mode] for mode in modes)
    for i, j in itertools.product(range(4), repeat=2):
        expected = by(by(closed, i), j)(*POINT)
        assert inner(solution, i)(*POINT) == pytest.approx(by(closed, i)(*POINT), rel=1e-8)
        assert outer(inner(solution, i), j)(*POINT) == pytest.approx(expected, rel=1e-7, abs=1e-8), (i, j)


@pytest.mark.ci
@pytest.mark.parametrize("modes", [*itertools.product(MODES, repeat=3)], ids="-".join)
def test_third_derivatives_by_all_inputs(modes: tuple[str, ...]) -> None:
    for places in [(0, 0, 0), (0, 1, 2), (3, 2, 1), (1, 1, 0), (2, 2, 2), (3, 3, 3), (0, 3, 3)]:
        f, expected = solution, closed
        for mode, i in zip(modes, places, strict=True):
            f, expected = MODES[mode](f, i), by(expected, i)
        assert f(*POINT) == pytest.approx(expected(*POINT), rel=1e-6, abs=1e-7), places
