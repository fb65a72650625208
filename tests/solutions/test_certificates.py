"""Certificates: no derivative of a solution that is wrong without an error, and few that are right with one."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import optimize
from autograd_lite.control.closure_conversion import record_body
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.optimize import qp
from autograd_lite.solutions import certificates, estimates
from autograd_lite.solutions.rounding import AMPLIFIED, run_rounded
from autograd_lite.solutions.settings import Settings
from autograd_lite.solutions.solution import solution

DIGITS = 4


def answer(rng: Any) -> tuple[float, bool, Any]:
    """Return the error of a gradient that is known exactly, whether the problem is harmless, and the gradient or why.

    The solution of M (p(x) - p(theta)) = 0 is theta, and its gradient is its cotangent. The derivative of p is small
    where two solutions nearly meet; M has any condition; units differ; and the solver stops anywhere.
    """
    n = int(rng.integers(1, 7))
    condition, gap, left = 10 ** rng.uniform([0, -9, -16], [15, 0, -1])
    condition, gap, left = rng.choice([1, condition]), rng.choice([1, gap]), rng.choice([1e-16, left])
    rows = np.linalg.qr(rng.normal(size=(n, n)))[0] * condition ** -np.linspace(0, 1, n)
    m = rows @ np.linalg.qr(rng.normal(size=(n, n)))[0]
    units = 10 ** rng.uniform(-4, 4, n) if rng.random() < 0.3 else np.ones(n)
    middle = rng.normal(size=n)
    theta = units * (middle + gap * rng.choice([-1, 1], n))
    moved = 1 + left * rng.normal(size=n)

    def residual(x: Any, theta: Any) -> Any:
        y, z = x / units, theta / units
        return m @ ((y * y - z * z) - 2 * middle * (y - z))

    g = rng.normal(size=n) / units
    solve = ag.implicit(lambda theta: theta * moved, residual, digits=DIGITS)
    try:
        gradient = ag.grad(lambda theta: solve(theta) @ g)(theta)
    except ag.ImplicitError as error:
        return np.nan, condition < 1e5 and gap > 1e-3 and left < 1e-9, error
    # Where the solver has ended nearer to the other solution, which has the opposite gradient.
    return float(np.linalg.norm(np.abs(gradient) - np.abs(g)) / np.linalg.norm(g)), True, gradient


def wrong_and_refused(count: int) -> tuple[list[int], int, int]:
    """Return the seeds of wrong gradients without an error, and how many harmless problems were refused, and right."""
    wrong, refused, right = [], 0, 0
    for seed in range(count):
        error, is_harmless, _ = answer(np.random.default_rng(seed))
        refused += is_harmless and error != error
        right += error <= 10.0**-DIGITS
        wrong += [seed] * (error > 10.0**-DIGITS)
    return wrong, refused, right


def check_all(count: int) -> None:
    wrong, refused, right = wrong_and_refused(count)
    assert wrong == []
    assert refused <= 0.05 * right
    assert 0.3 * count < right < 0.9 * count


def test_no_wrong_gradient_without_an_error() -> None:
    check_all(60)


@pytest.mark.ci
def test_no_wrong_gradient_without_an_error_in_many_problems() -> None:
    check_all(800)


@pytest.mark.parametrize("part", ["by_solver", "by_rounding"])
def test_without_a_part_of_the_estimate_gradients_are_wrong(part: str, monkeypatch: Any) -> None:
    """The law above can fail: each part of the estimate is needed."""
    monkeypatch.setattr(certificates, "estimate", lambda d: estimates.estimate(d)._replace(**{part: 0.0}))
    wrong = (answer(np.random.default_rng(seed))[0] > 10.0**-DIGITS for seed in range(800))
    assert any(wrong)  # which is the first one depends on the rounding of LAPACK's kernels


def _root(x: Any, residual: Any, **more: Any) -> Any:
    return lambda: ag.grad(lambda a: ag.implicit(lambda a: x, residual, **more)(a).sum())(1.0)


SQUARE = _root(np.array(1.001), lambda x, a: x * x - a)
# What to differentiate, and the error, or the derivative if there is none.
CASES: dict[str, tuple[Any, Any]] = {
    "a double root": (_root(np.array(1.0), lambda x, a: (x - a) ** 2), "singular"),
    "nearly a double root": (_root(np.array(1 + 1e-9), lambda x, a: x * x - 2 * a * x + a), "nearly singular|leaves"),
    "a loose tolerance": (SQUARE, "3.0. The solver has left a residual of 2.0e-03.*Tighten tol, or pass refine=True"),
    "a loose tolerance, refined": (_root(np.array(1.001), lambda x, a: x * x - a, refine=True), 0.5),
    "few digits": (_root(np.array(1.001), lambda x, a: x * x - a, digits=2), 0.5 / 1.001),
    "no solution": (_root(np.array(3.0), lambda x, a: x - a), "does not solve the equations.*x first"),
    "nan": (_root(np.array(np.nan), lambda x, a: x - a), "finite numbers"),
    "a free unknown": (_root(np.array([0.0, 1.0]), lambda x, a: np.stack([x.sum() - a, 2 * x.sum() - 2 * a])), "free"),
    "a failure": (
        lambda: ag.grad(lambda a: ag.implicit(lambda a: (a, False), lambda x, a: x - a, has_success=True)(a)[0])(1.0),
        'solver calls a failure.*on_failure="differentiate"',
    ),
    "nothing": (_root(np.array(1.0), lambda x, a: x - 1 + 0 * a), 0.0),
    "zero by cancellation": (
        lambda: ag.grad(
            lambda a: (
                ag.implicit(
                    lambda a: np.array([a, a]) / 3, lambda x, a: np.stack([2.1 * x[0] + 0.9 * x[1], 3 * x[1]]) - a
                )(a)
                @ np.array([1.0, -1.0])
            )
        )(1.0),
        0.0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    compute, expected = CASES[name]
    if not isinstance(expected, str):
        np.testing.assert_allclose(compute(), expected, rtol=1e-12, atol=1e-15)
        return
    with pytest.raises(ag.ImplicitError, match=expected) as caught:
        compute()
    assert str(caught.value).startswith("derivative of implicit: ")
    assert len(re.findall("implicit", str(caught.value))) == 1


def loose(start: float, **more: Any) -> Any:
    return ag.implicit(lambda a: np.sqrt(a) * (1 + start), lambda x, a: x * x - a, **more)


def test_warnings_and_nan_also_in_replays() -> None:
    for f in (ag.grad(loose(1e-3, on_uncertain="nan")), ag.compile(ag.grad(loose(1e-3, on_uncertain="nan")))):
        assert [np.isnan(f(a)) for a in (4.0, 4.0, 9.0)] == [True] * 3
    f = ag.grad(loose(1e-3, on_uncertain="warn"))
    with pytest.warns(UserWarning, match="derivative of implicit: expected 4 certain digits; received 3.0"):
        assert f(4.0) == pytest.approx(0.25, rel=2e-3)


def test_replays_are_checked_each_and_in_each_thread() -> None:
    solve = ag.implicit(lambda a: np.sqrt(a) * (1 + np.where(a > 5, 1e-3, 0.0)), lambda x, a: x * x - a)
    f = ag.compile(ag.grad(solve))
    out: dict[float, list[Any]] = {4.0: [], 9.0: []}

    def run(a: float) -> None:
        for _ in range(40):
            try:
                out[a].append(float(f(a)))
            except ag.ImplicitError:
                out[a].append(None)

    run(4.0)
    threads = [threading.Thread(target=run, args=(a,)) for a in (4.0, 9.0)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert out[9.0] == [None] * 40
    np.testing.assert_allclose(out[4.0], 0.25, rtol=1e-12)


def test_forward_mode_is_checked() -> None:
    assert float(ag.jvp(loose(0.0))((4.0,), (1.0,))[1]) == pytest.approx(0.25, rel=1e-14)
    with pytest.raises(ag.ImplicitError, match="received 3.0"):
        ag.jvp(loose(1e-3))((4.0,), (1.0,))


def test_unknowns_are_certain_beside_large_multipliers() -> None:
    """The tangent of x is a hundredth of that of the multiplier, whose digits do not count for it."""

    def tangent(error: float) -> Any:
        solve = _Both(error)
        return ag.jvp(lambda t: solve(t))((1.0,), (1.0,))[1]

    assert tangent(0.0) == pytest.approx(1.0)
    with pytest.raises(ag.ImplicitError, match="received 3"):
        tangent(1e-3)


class _Both:
    """A solve for the square root of t, which is off by an error, and for a large multiplier, which is exact."""

    def __init__(self, error: float) -> None:
        self.error = error

    def __call__(self, t: Any) -> Any:
        def find(t: Any) -> Any:
            return np.array([np.sqrt(t) * (1 + self.error), 100 * t]), True, ()

        def equations(z: Any, aux: Any, t: Any) -> Any:
            return np.stack([z[0] * z[0] - t, z[1] - 100 * t])

        settings = Settings(conditions=_Unlimited())
        solved = solution("solve", find, equations, [t], ShapeDtype((2,), np.dtype(float)), (), settings)
        return solved.z[0] * 2


class _Unlimited:
    n = 1

    def margins(self, *point: Any) -> list[Any]:
        return []

    def doubts(self, *point: Any) -> list[Any]:
        return []


def test_a_degenerate_bound_has_two_sides() -> None:
    def solve(c: Any) -> Any:
        return qp(np.eye(1), c, lb=np.zeros(1)).x[0]

    assert ag.grad(solve)(np.array([-1.0]))[0] == pytest.approx(-1)
    assert ag.grad(solve)(np.array([1.0]))[0] == pytest.approx(0)
    with pytest.raises(
        ag.ImplicitError, match=r"lower bound.*degenerate.*with it active is \[-?0\.\].*without it, \[-1\.\]"
    ):
        ag.grad(solve)(np.zeros(1))


def test_the_report_before_and_after_a_derivative() -> None:
    a = ag.tensor([2.0, 3.0], requires_grad=True)
    solved = optimize.root(lambda x: np.stack([x[0] ** 2 - a[0], x[0] * x[1] - a[1]]), [1.0, 1.0])
    report = solved.sensitivity
    assert repr(report) == "<certificate of root: unknown until a derivative is asked for, as by backward()>"
    assert (report.digits, report.condition, report.constraints) == (None, None, [])
    solved.x.sum().backward()
    assert report.digits > 10
    assert report.residual < 1e-9
    assert 1 < report.condition < 100
    lines = [line.split()[0] for line in repr(report).splitlines()]
    assert lines == ["certificate", "residual", "linear", "condition", "solution", "by", "by"]
    with pytest.raises(ag.ImplicitError) as caught:
        SQUARE()
    assert caught.value.sensitivity.digits == pytest.approx(3, abs=0.1)


def test_rounding_at_random_is_that_of_the_arithmetic() -> None:
    """The spread of results with random errors is at least the error of the result, and not much larger."""
    rng = np.random.default_rng(0)
    m, x = rng.normal(size=(6, 6)), rng.normal(size=6)
    programs: dict[str, Any] = {
        "cancellation": lambda x: (x + 1e8) - 1e8,
        "sums": lambda x: (m * 1e3) @ x - (m * 1e3 + 1) @ x,
        "functions": lambda x: np.exp(30 + x) * np.sin(x) - np.exp(30 + x) * np.sin(x + 1e-6),
        "moved": lambda x: np.concatenate([x[3:], x[:3]]).reshape(2, 3).T,
    }
    for name, f in programs.items():
        body = record_body("f", lambda x, f=f: [f(x)], [x])
        exact = np.asarray(f(x.astype(np.longdouble)), float)
        samples = [run_rounded(body, [x], 3) for _ in range(40)][-1]
        spread = np.max([np.abs(out[0] - f(x)) for out in samples], axis=0) / AMPLIFIED
        error = np.abs(f(x) - exact).max()
        assert error <= 3 * spread.max() <= max(1000 * error, 0), name


def test_float32() -> None:
    solve = ag.implicit(lambda a: np.sqrt(a), lambda x, a: x * x - a)
    assert ag.grad(solve)(np.float32(4)) == pytest.approx(0.25, rel=1e-6)
    with warnings.catch_warnings(), pytest.raises(ag.ImplicitError):
        ag.grad(ag.implicit(np.sqrt, lambda x, a: x * x - a, digits=9))(np.float32(4))
