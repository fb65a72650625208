"""SciPy's implicit methods: its bits, the same steps again, and derivatives on the path that SciPy chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.integrate as original

import autograd_lite as ag
from autograd_lite import integrate
from autograd_lite.integrate import jacobians, radau
from autograd_lite.integrate.backward_differentiation import BDF
from autograd_lite.integrate.equations import BoundEquations, Equations, equations_of
from autograd_lite.integrate.radau import RADAU
from autograd_lite.integrate.trajectories import Method, Points, Settings, Trajectory

from ..rows import for_every


class Problem(NamedTuple):
    name: str
    method: Method
    fun: Callable[..., Any]
    span: tuple[float, float]
    y0: Any
    theta: Any
    settings: Settings


def kinetics(t: Any, y: Any, k: Any) -> Any:
    """Robertson's, stiff by nine orders of magnitude."""
    first, second, third = k[0] * y[0], k[1] * y[1] * y[1], k[2] * y[1] * y[2]
    return np.stack([third - first, first - third - second, second])


def oscillator(t: Any, y: Any, k: Any) -> Any:
    """Van der Pol's, with a force."""
    return np.stack([y[1], k[0] * (1 - y[0] * y[0]) * y[1] - y[0] + k[1] * np.cos(k[2] * t)])


def spiral(t: Any, y: Any, k: Any) -> Any:
    return k[0] * y[::-1] + k[1] * y * y


def diffusion(t: Any, y: Any, k: Any) -> Any:
    """Heat along a rod, which conducts better where it is hot; one end is heated."""
    across = (k[0] + k[1] * y[1:] * y[:-1]) * (y[1:] - y[:-1]) * len(y) ** 2
    return np.concatenate([across, np.zeros(1)]) - np.concatenate([k[2] * np.sin(t) + y[:1], across])


ROBERTSON = kinetics, (0.0, 4.0), np.array([1.0, 0.0, 0.0]), np.array([0.04, 3e7, 1e4])
FORCED = oscillator, (0.0, 6.0), np.array([2.0, 0.0]), np.array([5.0, 1.0, 0.3])
BACK = oscillator, (0.5, -2.5), np.array([0.1, 0.2]), np.array([1.5, 1.0, 2.0])
COMPLEX = spiral, (0.0, 2.0), np.array([1.0 + 0.5j, -0.4j]), np.array([0.3j - 0.2, 0.5])
ROD = diffusion, (0.0, 2.0), np.linspace(0.2, 1.0, 50), np.array([0.3, 0.2, 5.0])

PROBLEMS = [
    Problem("BDF, stiff", BDF, *ROBERTSON, Settings(rtol=1e-5, atol=np.array([1e-8, 1e-12, 1e-8]))),
    Problem("BDF, rejected steps", BDF, *FORCED, Settings(rtol=1e-4, atol=1e-6, first_step=2.0)),
    Problem("BDF, backward", BDF, *BACK, Settings(rtol=1e-6, atol=1e-9, max_step=0.2)),
    Problem("BDF, complex", BDF, *COMPLEX, Settings(rtol=1e-5, atol=1e-7)),
    Problem("BDF, exact Jacobian", BDF, *ROD, Settings(rtol=1e-3, atol=1e-5)),
    Problem("Radau, stiff", RADAU, *ROBERTSON, Settings(rtol=1e-5, atol=np.array([1e-8, 1e-12, 1e-8]))),
    Problem("Radau, rejected steps", RADAU, *FORCED, Settings(rtol=1e-4, atol=1e-6, first_step=2.0)),
    Problem("Radau, backward", RADAU, *BACK, Settings(rtol=1e-6, atol=1e-9, max_step=0.2)),
    Problem("Radau, exact Jacobian", RADAU, *ROD, Settings(rtol=1e-3, atol=1e-5)),
]


class Case:
    """A problem that is solved, and where its solution is read."""

    def __init__(self, problem: Problem) -> None:
        self.method, self.problem = problem.method, problem
        self.equations, theta = equations_of("test", problem.fun, problem.span[0], problem.y0, (problem.theta,))
        self.bound = self.equations.at(theta)
        self.trajectory = self.method.solve(self.bound, problem.span, problem.y0, problem.settings)
        path = self.path = self.trajectory.path
        t = np.linspace(*problem.span, 23)
        sign = np.sign(problem.span[1] - problem.span[0])
        self.points = Points(np.clip(np.searchsorted(sign * path.t, sign * t) - 1, 0, len(path) - 1), t)
        self.rng = np.random.default_rng(7)
        scale = abs(self.read(self.bound)).max(axis=0)
        self.weights = self.like(np.stack([problem.y0] * len(t))) / scale
        self.direction = self.like(problem.y0) * scale, self.like(problem.theta) * problem.theta

    def like(self, x: Any) -> Any:
        """Return random numbers as x has them."""
        real = self.rng.standard_normal(x.shape)
        return real + 1j * self.rng.standard_normal(x.shape) if x.dtype.kind == "c" else real

    def read(self, bound: BoundEquations) -> Any:
        """Return the solution at the points, of SciPy's trajectory."""
        return self.method.between(bound, self.path, self.trajectory.carries, 0, self.points)

    def along(self, equations: Equations, y0: Any, *theta: Any) -> tuple[Any, Any]:
        """Return the carries and the solution at the points of other equations on the same path."""
        bound = equations.at(theta)
        carry = self.method.begin(bound, self.path, y0)
        carries = self.method.follow(bound, self.path, carry, 0, len(self.path))
        return carries, self.method.between(bound, self.path, carries, 0, self.points)

    def pull(self, equations: Equations, carries: Any, y0: Any, gy: Any, *theta: Any) -> tuple[Any, list[Any]]:
        """Return the derivatives of the sum of gy times the solution at the points, by y0 and theta."""
        bound = equations.at(theta)
        g, first = self.method.pull(bound, self.path, carries, 0, np.zeros_like(carries[0]), self.points, gy)
        gy0, second = self.method.pull_begin(bound, self.path, y0, g)
        return gy0, [a + b for a, b in zip(first, second, strict=True)]


CASES: dict[str, Case] = {}


def case_of(problem: Problem) -> Case:
    """Return a problem solved, once for all laws."""
    if problem.name not in CASES:
        CASES[problem.name] = Case(problem)
    return CASES[problem.name]


def difference(f: Callable[[float], Any], step: float = 2e-5) -> Any:
    """Return the derivative at 0 by differences of fourth order."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


@for_every(PROBLEMS, name=lambda problem: problem.name)
def test_steps_are_scipys_to_the_last_bit(problem: Problem) -> None:
    case = case_of(problem)
    trajectory: Trajectory = case.trajectory
    settings = {name: getattr(problem.settings, name) for name in ("rtol", "atol", "first_step", "max_step")}
    if "exact" in problem.name:
        settings["jac"] = case.bound.jacobian
    for t_eval in (None, case.points.t):
        theirs = original.solve_ivp(
            lambda t, y: case.bound.f(t, y),
            problem.span,
            problem.y0,
            case.method.name,
            t_eval,
            **settings,
        )
        ours = case.method.read(trajectory.carries) if t_eval is None else case.read(case.bound)
        np.testing.assert_array_equal(ours.T, theirs.y)
        counts = trajectory.nfev, trajectory.njev, trajectory.nlu
        assert counts == (theirs.nfev, theirs.njev, theirs.nlu)
    assert ("rejected" in problem.name) <= (len(trajectory.rejected) > 0)
    assert (trajectory.rejected[:, 1] != 0).all()
    error = trajectory.rejected[:, 2]
    assert (np.isnan(error) | (error > 1)).all()


@for_every(PROBLEMS, name=lambda problem: problem.name)
def test_steps_taken_again_have_the_same_bits_from_everywhere(problem: Problem) -> None:
    case = case_of(problem)
    carries, _ = case.along(case.equations, problem.y0, problem.theta)
    np.testing.assert_array_equal(carries, case.trajectory.carries)
    middle = len(case.path) // 2
    again = case.method.follow(case.bound, case.path, carries[middle], middle, len(case.path))
    np.testing.assert_array_equal(again, carries[middle:])


@for_every(PROBLEMS, name=lambda problem: problem.name)
def test_the_pullback_is_the_derivative_on_the_path(problem: Problem) -> None:
    case = case_of(problem)
    dy, dk = case.direction
    gy, (gk,) = case.pull(case.equations, case.trajectory.carries, problem.y0, case.weights, problem.theta)

    def value(s: float) -> Any:
        return (case.weights * case.along(case.equations, problem.y0 + s * dy, problem.theta + s * dk)[1]).sum()

    assert (gy * dy).sum() + (gk * dk).sum() == pytest.approx(difference(value), rel=1e-7)


@for_every([problem for problem in PROBLEMS if problem.y0.size < 4], name=lambda problem: problem.name)
def test_lifted_steps_are_the_tangent_and_their_pullback_the_second_derivative(problem: Problem) -> None:
    case = case_of(problem)
    (dy, dk), n = case.direction, problem.y0.size
    gy, (gk,) = case.pull(case.equations, case.trajectory.carries, problem.y0, case.weights, problem.theta)
    lifted, both, theta = case.equations.lift(), np.concatenate([problem.y0, dy]), (problem.theta, dk)
    carries, y = case.along(lifted, both, *theta)
    np.testing.assert_array_equal(carries[..., :n], case.trajectory.carries)
    assert (case.weights * y[:, n:]).sum() == pytest.approx((gy * dy).sum() + (gk * dk).sum(), rel=1e-9)

    def gradient(s: float) -> Any:
        y0, k = problem.y0 + s * dy, problem.theta + s * dk
        gy, (gk,) = case.pull(case.equations, case.along(case.equations, y0, k)[0], y0, case.weights, k)
        return np.concatenate([gy * dy, gk * dk])

    gy, (gk, _) = case.pull(lifted, carries, both, np.concatenate([0 * case.weights, case.weights], axis=1), *theta)
    second = difference(gradient)
    np.testing.assert_allclose(np.concatenate([gy[:n] * dy, gk * dk]), second, rtol=1e-5, atol=1e-6 * abs(second).max())


@for_every([PROBLEMS[0], PROBLEMS[5]], name=lambda problem: problem.name)
def test_what_stops_a_solve_leaves_the_steps_so_far(problem: Problem) -> None:
    case = case_of(problem)
    calls = iter(range(1000))

    def interrupt(t: Any, y: Any) -> Any:
        if next(calls) == 30:
            raise KeyboardInterrupt
        return case.bound.f(t, y)

    equations = case.equations.at([problem.theta])
    equations.f = interrupt  # type: ignore[method-assign]
    part = case.method.solve(equations, problem.span, problem.y0, problem.settings)
    assert part.status == -2
    np.testing.assert_array_equal(part.carries, case.trajectory.carries[: len(part.carries)])
    assert 1 < len(part.carries) < len(case.trajectory.carries)
    few = case.method.solve(case.bound, problem.span, problem.y0, problem.settings._replace(max_steps=3))
    assert few.status == -1
    assert len(few.path) == 3
    assert "expected at most 3 steps" in few.message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_solution_that_ends_before_the_time_does_is_a_failure_that_says_so() -> None:
    for method in {problem.method for problem in PROBLEMS}:
        equations, theta = equations_of("test", lambda t, y: y * y, 0.0, np.ones(1))
        trajectory = method.solve(equations.at(theta), (0.0, 2.0), np.ones(1), Settings())
        assert trajectory.status == -1
        assert "step size" in trajectory.message
        assert trajectory.path.t[-1] == pytest.approx(1, abs=1e-2)


def end_of(method: str, n: int, **options: Any) -> Callable[[Any], Any]:
    """Return the sum of squares of the temperatures of a rod at the end, as a function of its constants."""

    def end(k: Any) -> Any:
        y0 = np.linspace(0.2, 1.0, n)
        found = integrate.solve_ivp(diffusion, (0.0, 0.3), y0, method, [0.1, 0.3], args=(k,), rtol=1e-5, **options)
        return (found.y[:, -1] ** 2).sum() + found.y[0, 0]

    return end


def curvature(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the product of the Hessian with k as a function of k."""
    return lambda k: ag.hvp(f)(k, k)


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_a_sparse_jacobian_gives_the_derivatives_of_a_dense_one(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    k = np.array([0.3, 0.2, 5.0])
    sparse = [ag.grad(end_of(method, 100))(k), curvature(end_of(method, 100))(k)]
    monkeypatch.setattr(jacobians, "_SPARSE_FROM", 1 << 30)
    dense = [ag.grad(end_of(method, 100))(k), curvature(end_of(method, 100))(k)]
    for a, b in zip(sparse, dense, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7)


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_a_budget_of_memory_changes_no_bit(method: str) -> None:
    k = np.array([0.3, 0.2, 5.0])
    for derivative in (ag.grad, curvature):
        whole = derivative(end_of(method, 50))(k)
        np.testing.assert_array_equal(derivative(end_of(method, 50, max_bytes=10_000))(k), whole)


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_values_on_arrays_are_those_on_tensors(method: str) -> None:
    k = np.array([0.3, 0.2, 5.0])
    assert end_of(method, 50)(k) == end_of(method, 50)(ag.tensor(k, requires_grad=True)).item()


@pytest.mark.parametrize(("n", "spread"), [(3, 0.1), (60, 0.01), (60, 3.0)])
def test_the_system_of_the_stages_is_solved_to_rounding(n: int, spread: float) -> None:
    rng = np.random.default_rng(3)
    stiff = -np.diag(10.0 ** rng.uniform(-2, 4, n)) + rng.standard_normal((n, n))
    matrices = [stiff * (1 + spread * rng.standard_normal((n, 1))) for _ in range(3)]
    equations, _ = equations_of("test", lambda t, y: -y, 0.0, np.ones(n))
    h, b = 0.3, rng.standard_normal((3, n))
    solve = radau._system(equations.at([]), h, matrices)
    whole = np.eye(3 * n) - h * np.block([[a * m for a, m in zip(row, matrices, strict=True)] for row in radau._A])
    for turned in (False, True):
        x = solve(b, turned).reshape(-1)
        left = (whole.T if turned else whole) @ x - b.reshape(-1)
        assert abs(left).max() <= 1e-12 * (abs(whole.T if turned else whole) @ abs(x)).max()


def test_radau_refuses_complex_states() -> None:
    k = ag.tensor(0.3, requires_grad=True)
    with pytest.raises(ag.DtypeError, match=r"expected a real y0 for Radau; received complex128. Use BDF"):
        integrate.solve_ivp(lambda t, y: -k * y, (0, 1), [2.0 + 1j], "Radau", t_eval=[1.0])


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_three_derivatives_by_a_rate_and_one_by_the_end(method: str) -> None:
    def end(t: Any, k: Any) -> Any:
        return integrate.solve_ivp(lambda t, y: -k * t * y, (0.2, t), [2.0], method, rtol=1e-6, atol=1e-9).y[0, -1]

    def exact(t: Any, k: Any) -> Any:
        return 2 * np.exp(-k * (t * t - 0.04) / 2)

    third = ag.grad(ag.grad(ag.grad(end, 1), 1), 1), ag.grad(ag.grad(ag.grad(exact, 1), 1), 1)
    for ours, theirs in ((ag.grad(end), ag.grad(exact)), third):
        assert float(ours(1.4, 0.7)) == pytest.approx(float(theirs(1.4, 0.7)), rel=1e-3 if method == "BDF" else 1e-6)
