"""Explicit Runge-Kutta methods: their coefficients, SciPy's steps to the bit, ours, and pullbacks against tangents."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate

from autograd_lite.integrate import native_calls
from autograd_lite.integrate.equations import equations_of
from autograd_lite.integrate.explicit_methods import EXPLICIT
from autograd_lite.integrate.step_control import rms
from autograd_lite.integrate.tableaus import DOPRI5, DOPRI8, SCIPY, TSIT5
from autograd_lite.integrate.trajectories import Path, Points, Settings

from .cases import CASES

TABLEAUS = [*SCIPY, TSIT5, DOPRI5, DOPRI8]
OURS = [tableau.name for tableau in (TSIT5, DOPRI5, DOPRI8)]
THEIRS = [tableau.name for tableau in SCIPY]
NOWHERE = Points(np.zeros(0, int), np.zeros(0))


def lotka_volterra(t, y, p):
    return [p[0] * y[0] - p[1] * y[0] * y[1] * np.cos(0.1 * t), -p[2] * y[1] + p[3] * y[0] * y[1]]


def bound(fun, t, y0, *args):
    equations, theta = equations_of("solve_ivp", fun, t, y0, args)
    return equations.at(theta)


PREY = np.array([1.5, 1.0, 3.0, 1.0])
Y0 = np.array([1.0, 1.2])


@pytest.fixture
def by_numpy(monkeypatch):
    monkeypatch.setattr(native_calls, "library", None)


def rising(path: Path, t) -> Points:
    """Return points, each in the earlier step where two meet."""
    direction = np.sign(path.t[-1] - path.t[0])
    return Points(np.maximum(np.searchsorted(direction * path.t, direction * t) - 1, 0), t)


# ---- coefficients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tableau", TABLEAUS, ids=lambda tableau: tableau.name)
def test_rows_sum_to_their_times(tableau) -> None:
    assert np.abs(tableau.a.sum(axis=1) - tableau.c).max() < 2e-15
    assert np.abs(tableau.errors.sum(axis=1)).max() < 1e-15
    ends = tableau.weights(np.array([0.0, 1.0]))
    assert np.abs(ends[0]).max() == 0
    assert np.abs(ends[1] - tableau.a[tableau.stages]).max() < 1e-14


def exact(t):
    return np.array([np.exp(np.sin(t)), 1 / (2 + np.cos(t)), np.sin(2 * t)])


def with_solution(t, y):
    """A coupled system that `exact` solves, in which no order condition is hidden by linearity."""
    x, u, w = y
    z = np.exp(np.sin(t))
    d = 2 + np.cos(t)
    return [
        x * np.cos(t) + (x - z) * w + (u * d - 1) * x * u,
        u * u * np.sin(t) + (x * d - z * u * d * d) * u,
        2 * np.cos(2 * t) + (x * x - z * z) * u + w * w - np.sin(2 * t) ** 2,
    ]


def errors_of_fixed_steps(name: str, steps: int) -> tuple[float, float]:
    """Return the errors at the end, and halfway within the first step times that of a global error's order."""
    equations = bound(with_solution, 0.0, exact(0.0))
    t = np.linspace(0.3, 1.5, steps + 1)
    path, method = Path(t, np.diff(t)), EXPLICIT[name]
    carries = method.follow(equations, path, exact(0.3), 0, steps)
    middle = t[0] + 0.37 * path.h[0]
    inside = method.between(equations, path, carries, 0, Points(np.array([0]), np.array([middle])))
    return rms(carries[-1] - exact(t[-1])), rms(inside[0] - exact(middle))


@pytest.mark.parametrize("tableau", TABLEAUS, ids=lambda tableau: tableau.name)
def test_order_of_convergence(tableau) -> None:
    few, many = (6, 12) if tableau.order == 8 else (32, 64)
    coarse, fine = (errors_of_fixed_steps(tableau.name, steps) for steps in (few, many))
    order, inner = (math.log2(a / b) for a, b in zip(coarse, fine, strict=True))
    assert order > tableau.order - 0.4
    # local errors of interpolants are one order higher: RK23 has 3 of them, pairs of order 5 have 4, Hairer's has 7
    assert inner > {3: 4, 5: 5, 8: 8}[tableau.order] - 0.4


# ---- SciPy's steps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("span", [(0.0, 7.0), (3.0, -1.0)])
def test_steps_of_scipy_to_the_bit(name: str, span: tuple[float, float]) -> None:
    equations, method = bound(lotka_volterra, 0.0, Y0, PREY), EXPLICIT[name]
    chosen = {"rtol": 1e-6, "atol": np.array([1e-6, 1e-8])}
    t = np.linspace(*span, 23)
    theirs = scipy.integrate.solve_ivp(equations.f, span, Y0, method=name, **chosen)
    at_times = scipy.integrate.solve_ivp(equations.f, span, Y0, method=name, t_eval=t, **chosen)
    ours = method.solve(equations, span, Y0, Settings(**chosen))
    assert np.array_equal(ours.path.t, theirs.t)
    assert np.array_equal(ours.carries.T, theirs.y)
    assert ours.nfev == theirs.nfev
    assert ours.message == theirs.message
    read = method.between(equations, ours.path, ours.carries, 0, rising(ours.path, t))
    assert np.array_equal(read.T, at_times.y)
    ends = method.between(equations, ours.path, ours.carries, 0, Points(np.arange(len(ours.path) + 1), ours.path.t))
    assert np.array_equal(ends, ours.carries)


def test_rejected_attempts_are_noted() -> None:
    equations = bound(lotka_volterra, 0.0, Y0, PREY)
    for method in EXPLICIT.values():
        done = method.solve(equations, (0.0, 7.0), Y0, Settings(rtol=1e-6, first_step=2.0))
        t, h, error = done.rejected[0]
        assert (t, h) == (0.0, 2.0), method.name
        assert error > 1
        assert done.status == 0


# ---- steps of our own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("span", [(0.0, 9.0), (9.0, 0.0)])
def test_errors_are_about_the_tolerance(name: str, span: tuple[float, float]) -> None:
    equations = bound(lotka_volterra, 0.0, Y0, PREY)
    t = np.linspace(*span, 40)
    true = scipy.integrate.solve_ivp(equations.f, span, Y0, "DOP853", t, rtol=1e-13, atol=1e-14).y.T
    wrong = []
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        done = EXPLICIT[name].solve(equations, span, Y0, Settings(rtol=tolerance, atol=tolerance))
        assert (done.path.t[0], done.path.t[-1]) == span
        assert np.array_equal(done.path.t[:-1] + done.path.h, done.path.t[1:])
        read = EXPLICIT[name].between(equations, done.path, done.carries, 0, rising(done.path, t))
        wrong.append(np.abs(read - true).max() / tolerance)
    assert max(wrong) < 200, wrong
    assert min(wrong) > 0.1, wrong


@pytest.mark.parametrize("name", EXPLICIT)
@pytest.mark.parametrize("numpy", [False, True])
def test_the_same_steps_again_have_the_same_bits(name: str, numpy: bool, request) -> None:
    if numpy:
        request.getfixturevalue("by_numpy")
    equations, method = bound(lotka_volterra, 0.0, Y0, PREY), EXPLICIT[name]
    done = method.solve(equations, (0.0, 3.0), Y0, Settings(rtol=1e-5))
    for start in (0, 3):
        again = method.follow(equations, done.path, done.carries[start], start, len(done.path))
        assert np.array_equal(again, done.carries[start:])


@pytest.mark.parametrize("name", EXPLICIT)
@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("case", ["two, by a list", "with the time", "dense", "complex"])
def test_pullbacks_are_transposes_of_tangents(name: str, numpy: bool, case: str, request) -> None:
    if numpy:
        request.getfixturevalue("by_numpy")
    fun, y0, args = CASES[case]
    equations, theta = equations_of("solve_ivp", fun, 0.0, y0, args)
    here, random, method = equations.at(theta), np.random.default_rng(1), EXPLICIT[name]
    done = method.solve(here, (0.0, 2.0), y0, Settings(rtol=1e-4))
    t = np.append(np.linspace(0, 2, 11), 2.0)
    points = Points(np.append(rising(done.path, t[:-1]).step, len(done.path)), t)
    dy, dtheta = random.normal(size=y0.shape), [random.normal(size=np.shape(theta[k])) for k in equations.floating]
    lift, n = equations.lift().at([*theta, *dtheta]), len(y0)
    both = method.follow(lift, done.path, np.concatenate([y0, dy]), 0, len(done.path))
    assert np.allclose(both[:, :n], done.carries, rtol=1e-11)
    moved = method.between(lift, done.path, both, 0, points)[:, n:]
    g, gy = random.normal(size=n), random.normal(size=(len(t), n))
    of_y, of_theta = method.pull(here, done.path, done.carries, 0, g, points, gy)
    pushed = g @ both[-1, n:] + (gy * moved).sum()
    pulled = of_y @ dy + sum((a * b).sum() for a, b in zip(of_theta, dtheta, strict=True))
    assert abs(pushed - pulled) < 1e-11 * (1 + abs(pushed))


def test_a_pullback_by_blocks_is_that_of_all_steps() -> None:
    equations, method = bound(lotka_volterra, 0.0, Y0, PREY), EXPLICIT["Tsit5"]
    done = method.solve(equations, (0.0, 3.0), Y0, Settings(rtol=1e-5))
    points, g = rising(done.path, np.linspace(0.1, 2.9, 9)), np.array([1.0, -2.0])
    gy = np.arange(18.0).reshape(9, 2)
    whole, whole_theta = method.pull(equations, done.path, done.carries, 0, g, points, gy)
    theta = np.zeros(4)
    for start, stop in ((5, len(done.path)), (0, 5)):
        here = (points.step >= start) & (points.step < stop)
        part = Points(points.step[here], points.t[here])
        g, more = method.pull(equations, done.path, done.carries[start : stop + 1], start, g, part, gy[here])
        theta += more[0]
    assert np.array_equal(g, whole)
    assert np.allclose(theta, whole_theta[0], rtol=1e-14)


# ---- failures ----------------------------------------------------------------------------------------------------


def test_why_a_solve_fails() -> None:
    one = np.ones(1)
    for name in OURS:
        solve = EXPLICIT[name].solve
        singular = solve(bound(lambda t, y: y**2, 0.0, one), (0.0, 2.0), one, Settings())
        assert singular.status == -1
        assert "the solution is singular" in singular.message or "not finite right after" in singular.message
        assert abs(singular.path.t[-1] - 1) < 1e-2
        nan = solve(bound(lambda t, y: np.sqrt(1 - t) * y, 0.0, one), (0.0, 2.0), one, Settings())
        assert nan.status == -1
        assert "fun" in nan.message
        assert "t = " in nan.message
        assert nan.path.t[-1] <= 1
        at_once = solve(bound(lambda t, y: np.log(t - 1) * y, 5.0, one), (0.0, 2.0), one, Settings())
        assert at_once.message == "fun returned nan in component 0 at t = 0"
        many = solve(bound(lotka_volterra, 0.0, Y0, PREY), (0.0, 100.0), Y0, Settings(max_steps=7))
        assert len(many.path) == 7
        assert many.message.startswith("after max_steps=7 steps t is ")


def test_no_time_and_no_unknowns() -> None:
    for method in EXPLICIT.values():
        done = method.solve(bound(lotka_volterra, 0.0, Y0, PREY), (1.0, 1.0), Y0, Settings())
        assert done.status == 0
        assert np.array_equal(done.carries[-1], Y0)


def test_progress_and_interrupts() -> None:
    equations = bound(lotka_volterra, 0.0, Y0, PREY)
    for method in EXPLICIT.values():
        times = []
        full = method.solve(equations, (0.0, 14.0), Y0, Settings(progress=lambda t, *_, times=times: times.append(t)))
        assert times == sorted(times)
        assert times[-1] == 14.0
        assert len(times) > 1

        def interrupt(t, *_):
            if t > 5:
                raise KeyboardInterrupt

        done = method.solve(equations, (0.0, 14.0), Y0, Settings(progress=interrupt))
        assert done.status == -2
        assert done.message == f"interrupted at t = {done.path.t[-1]:g}"
        assert 5 < done.path.t[-1] < 14
        assert np.array_equal(done.carries, full.carries[: len(done.carries)])
