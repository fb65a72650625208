"""Rodas5P: its order, on stiff and algebraic equations too; steps taken again; pullbacks against differences."""

from __future__ import annotations

import re
import types
from typing import Any, NamedTuple

import numpy as np
import pytest

from ..rows import for_every

sparse = pytest.importorskip("scipy.sparse")
from autograd_lite.integrate import native_rosenbrock  # noqa: E402
from autograd_lite.integrate.equations import BoundEquations, equations_of  # noqa: E402
from autograd_lite.integrate.rosenbrock import GAMMA, RODAS5P, A, B, C  # noqa: E402
from autograd_lite.integrate.trajectories import Path, Points, Settings, Trajectory  # noqa: E402
from autograd_lite.native.kernels import KERNELS, REASON, library  # noqa: E402

from .test_native_drivers import bad  # noqa: E402

NOWHERE = Points(np.zeros(0, int), np.zeros(0))


class Problem(NamedTuple):
    name: str
    fun: Any
    t_span: tuple[float, float]
    y0: Any
    theta: tuple[Any, ...] = ()
    mass: Any = None

    def equations(self) -> BoundEquations:
        return self.at(self.theta)

    def at(self, theta: Any) -> BoundEquations:
        equations, values = equations_of("test", self.fun, self.t_span[0], self.y0, tuple(theta))
        return equations.at(values)

    def solve(self, rtol: float = 1e-6, **settings: Any) -> Trajectory:
        more = {"mass": self.mass}
        return RODAS5P.solve(self.equations(), self.t_span, self.y0, Settings(rtol, rtol, more=more, **settings))


def robertson(t: Any, y: Any, k1: Any, k2: Any, k3: Any) -> Any:
    there, back = k1 * y[0], k3 * y[1] * y[2]
    return np.stack([back - there, there - back - k2 * y[1] ** 2, k2 * y[1] ** 2])


def robertson_algebraic(t: Any, y: Any, k1: Any, k2: Any, k3: Any) -> Any:
    slopes = robertson(t, y, k1, k2, k3)
    return np.stack([slopes[0], slopes[1], y.sum() - 1])


def van_der_pol(t: Any, y: Any, mu: Any) -> Any:
    return np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def forced(t: Any, y: Any, a: Any, w: Any) -> Any:
    return np.stack([-50 * (y[0] - np.cos(w * t)) * y[1], a * np.sin(t * y[0]) - y[1]])


def coupled(t: Any, y: Any, a: Any) -> Any:
    return np.tanh(a @ y) + np.sin(t) * y[::-1]


def heat(t: Any, y: Any, k: Any) -> Any:
    """A rod whose ends are held, one at a temperature and one without a flux, as algebraic equations."""
    inner = k * len(y) ** 2 * (y[:-2] - 2 * y[1:-1] + y[2:])
    return np.concatenate([y[:1] - np.sin(t), inner, y[-1:] - y[-2:-1]])


INNER = sparse.diags_array(np.array([0.0, *np.ones(118), 0.0]), format="csc")
RATES = 0.04, 3e7, 1e4
MATRIX = np.random.default_rng(0).normal(size=(4, 4))
PROBLEMS = [
    Problem("Robertson", robertson, (0.0, 40.0), np.array([1.0, 0, 0]), RATES),
    Problem("algebraic", robertson_algebraic, (0.0, 40.0), np.array([1.0, 0, 0]), RATES, np.diag([1.0, 1, 0])),
    Problem("Van der Pol", van_der_pol, (0.0, 2.0), np.array([2.0, 0]), (100.0,)),
    Problem("backwards", van_der_pol, (2.0, 0.0), np.array([2.0, 0.1]), (0.5,)),
    Problem("forced", forced, (0.0, 2.0), np.array([0.5, 1.0]), (0.7, 3.0)),
    Problem("coupled", coupled, (0.0, 1.5), np.array([0.1, -0.2, 0.3, 1.0]), (MATRIX,), MATRIX @ MATRIX.T + np.eye(4)),
    Problem("heat", heat, (0.0, 1.0), np.zeros(120), (0.1,), INNER),
    Problem("linear", lambda t, y, a, b: a @ y, (0.0, 1.0), np.array([1.0, 2]), (-np.eye(2) - MATRIX[:2, :2], 1.0)),
    Problem("quadrature", lambda t, y, a: a * np.cos(3 * t) + 0 * y, (0.0, 1.0), np.ones(1), (2.0,)),
]
every_problem = for_every(PROBLEMS, by=lambda problem: "each other problem", stride=2)


# ---- the method -----------------------------------------------------------------------------------------------------


def growing(t: Any, y: Any) -> Any:
    return np.stack([y[0] ** 2 * y[1] * np.cos(t), -(y[1] ** 2) * y[0] * np.cos(t)])


def algebraic(t: Any, y: Any) -> Any:
    return np.stack([np.cos(t) * y[1] / y[0], y[1] * y[0] - np.exp(3 * np.sin(t))])


def prothero_robinson(t: Any, y: Any) -> Any:
    return -1e6 * (y - np.sin(t + 1)) + np.cos(t + 1)


def both_signs(t: float) -> Any:
    return np.exp(np.array([1, -1]) * np.sin(t))


ORDERS = [
    # fun, the solution, M, orders at the end and inside of steps
    (growing, both_signs, None, 4.7, 4.5),
    (algebraic, lambda t: np.exp(np.array([1, 2]) * np.sin(t)), np.diag([1.0, 0.0]), 5, 4),
    (prothero_robinson, lambda t: np.array([np.sin(t + 1)]), None, 3, 3.95),  # the classical order does not show
]


@for_every(ORDERS, name=lambda row: row[0].__name__)
def test_order(row: Any) -> None:
    fun, exact, mass, at_ends, inside = row
    errors = []
    for count in 32, 64:
        t = np.linspace(0, 2, count + 1)
        equations, path = Problem("", fun, (0, 2), exact(0.0)).equations(), Path(t, np.diff(t), mass=mass)
        carries = RODAS5P.follow(equations, path, exact(0.0), 0, count)
        points = Points(np.arange(count), t[:-1] + 0.37 * path.h)
        values = RODAS5P.between(equations, path, carries, 0, points)
        worst = max(np.abs(y - exact(s)).max() for s, y in zip(points.t, values, strict=True))
        errors.append((np.abs(carries[-1] - exact(2.0)).max(), worst))
    orders = np.log2(np.array(errors[0]) / errors[1])
    assert (orders >= (at_ends, inside)).all(), orders


def test_stability() -> None:
    """y' = λ y: the solution is damped at once where λ h is large, in the left half-plane never amplified."""
    assert abs(_growth(-1e12)) < 1e-10
    assert (np.abs([_growth(1j * w) for w in np.logspace(-2, 4, 200)]) <= 1 + 1e-12).all()
    errors = [abs(_growth(z) - np.exp(z)) for z in (-0.2, -0.1)]
    assert np.log2(errors[0] / errors[1]) > 5.7


def _growth(z: complex) -> Any:
    """Return by which factor a step with λ h = z multiplies the solution of y' = λ y."""
    u: list[Any] = []
    for a, c in zip(A, C, strict=True):
        k = len(u)
        u.append((z * (1 + a[:k] @ np.array(u)) + c[:k] @ np.array(u)) / (1 / GAMMA - z))
    return 1 + B @ np.array(u)


def test_robertson_takes_few_steps_and_meets_its_tolerance() -> None:
    problem = PROBLEMS[0]._replace(t_span=(0.0, 1e5))
    solution = problem.solve(1e-8)
    reference = [1.786592114210e-02, 7.27475146844e-08, 9.821340061104e-01]  # SciPy's Radau at 1e-13
    assert solution.status == 0
    assert len(solution.path) < 150
    np.testing.assert_allclose(solution.carries[-1], reference, rtol=3e-7)
    assert len(solution.rejected) + len(solution.path) == solution.nlu


# ---- derivatives ----------------------------------------------------------------------------------------------------


@every_problem
def test_steps_taken_again_are_the_same(problem: Problem) -> None:
    solution, equations = problem.solve(), problem.equations()
    assert solution.status == 0, solution.message
    path, states = solution.path, solution.carries
    assert path.t[-1] == problem.t_span[1], problem.name
    assert len(path.t) == len(states) == len(path) + 1
    np.testing.assert_array_equal(RODAS5P.follow(equations, path, problem.y0, 0, len(path)), states)
    half = len(path) // 2
    np.testing.assert_array_equal(RODAS5P.follow(equations, path, states[half], half, len(path)), states[half:])
    ends = Points(np.array([0, half, len(path) - 1]), np.array([path.t[0], path.t[half + 1], path.t[-1]]))
    np.testing.assert_array_equal(RODAS5P.between(equations, path, states, 0, ends), states[[0, half + 1, -1]])


@every_problem
def test_pull(problem: Problem) -> None:
    path, rng = problem.solve(1e-4).path, np.random.default_rng(1)
    step = np.sort(rng.integers(len(path), size=5))
    points = Points(step, path.t[step] + rng.random(5) * path.h[step])
    g, gy = rng.normal(size=len(problem.y0)), rng.normal(size=(5, len(problem.y0)))

    def value(y0: Any, *theta: Any) -> float:
        equations = problem.at(theta)
        carries = RODAS5P.follow(equations, path, y0, 0, len(path))
        return float(g @ carries[-1] + (gy * RODAS5P.between(equations, path, carries, 0, points)).sum())

    equations = problem.equations()
    carries = RODAS5P.follow(equations, path, problem.y0, 0, len(path))
    pulled, theta = RODAS5P.pull(equations, path, carries, 0, g, points, gy)
    inputs = [problem.y0, *map(np.asarray, problem.theta)]
    for k, (x, derivative) in enumerate(zip(inputs, [pulled, *theta], strict=True)):
        scale = 1e-3 * (np.abs(x).max() if k else np.abs(carries).max(axis=0))
        direction = rng.normal(size=x.shape) * scale
        moved = [[*inputs[:k], x + s * direction, *inputs[k + 1 :]] for s in (1, -1, 0.5, -0.5)]
        a, b, c, d = [value(*row) for row in moved]
        slope = (8 * (c - d) - (a - b)) / 6
        assert (derivative * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-9 * np.max(scale)), f"input {k}"


@every_problem
def test_tangents_are_steps_of_the_lift(problem: Problem) -> None:
    """The tangent of the steps is the same steps of the lifted equations, and so is what a pullback of those gives."""
    path, rng, n = problem.solve(1e-3).path, np.random.default_rng(2), len(problem.y0)
    equations = problem.equations()
    size = np.abs(RODAS5P.follow(equations, path, problem.y0, 0, len(path))).max(axis=0)
    dy, dtheta = 1e-2 * rng.normal(size=n) * size, [1e-2 * rng.normal(size=np.shape(x)) * x for x in equations.theta]
    lifted = equations.equations.lift().at([*equations.theta, *dtheta])

    def end(s: float) -> Any:
        moved = problem.at([x + s * dx for x, dx in zip(equations.theta, dtheta, strict=True)])
        return RODAS5P.follow(moved, path, problem.y0 + s * dy, 0, len(path))[-1]

    both = RODAS5P.follow(lifted, path, np.concatenate([problem.y0, dy]), 0, len(path))
    h = 1e-2
    slope = (8 * (end(h) - end(-h)) - (end(2 * h) - end(-2 * h))) / (12 * h)
    np.testing.assert_allclose(both[-1, :n], end(0.0), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(both[-1, n:], slope, rtol=1e-6, atol=1e-8 * np.abs(slope).max())
    g = rng.normal(size=n)
    none = np.zeros((0, 2 * n))
    second, _ = RODAS5P.pull(lifted, path, both, 0, np.concatenate([0 * g, g]), NOWHERE, none)
    primal = RODAS5P.follow(equations, path, problem.y0, 0, len(path))
    first, _ = RODAS5P.pull(equations, path, primal, 0, g, NOWHERE, np.zeros((0, n)))
    np.testing.assert_allclose(second[n:], first, rtol=1e-7, atol=1e-9 * np.abs(first).max())


# ---- in C -----------------------------------------------------------------------------------------------------------

needs_kernels = pytest.mark.skipif(not KERNELS, reason=f"the native extension is {REASON}")


def everything(problem: Problem, steps: int) -> list[Any]:
    """Return all that the method computes."""
    solution, equations, random = problem.solve(1e-5), problem.equations(), np.random.default_rng(0)
    path = solution.path
    k = np.sort(random.integers(len(path), size=steps))
    points = Points(np.append(k, len(path)), np.append(path.t[k] + random.random(steps) * path.h[k], path.t[-1]))
    states = RODAS5P.follow(equations, path, problem.y0, 0, len(path))
    y = RODAS5P.between(equations, path, states, 0, points)
    g, theta = RODAS5P.pull(equations, path, states, 0, problem.y0 + 1, points, random.normal(size=y.shape))
    return [path.t, path.h, states, solution.rejected, y, g, *theta, [solution.nfev, solution.njev, solution.nlu]]


@needs_kernels
@every_problem
def test_c_takes_the_steps_of_numpy(problem: Problem) -> None:
    if len(problem.y0) > 32:
        return
    calls: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_rosenbrock, "library", _noting(calls))
        ours = everything(problem, 9)
        assert {name for name, _ in calls} == {f"rosenbrock_{name}" for name in ("steps", "follow", "read", "pull")}
        patch.setattr(native_rosenbrock, "library", None)
        for a, b in zip(ours, everything(problem, 9), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-10 * np.max(np.abs(b), initial=0))


def _noting(calls: list[Any]) -> Any:
    """Return functions in C that note with what they are called."""
    names = [name for name in dir(library) if name.startswith("rosenbrock")]

    def noting(name: str) -> Any:
        def call(*args: Any) -> Any:
            calls.append((name, args))
            return getattr(library, name)(*args)

        return call

    return types.SimpleNamespace(**{name: noting(name) for name in names})


@needs_kernels
def test_no_arguments_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(native_rosenbrock, "library", _noting(calls))
    everything(PROBLEMS[5], 3)
    for name, args in dict(calls).items():
        refusals = 0
        for worse in bad(args):  # type: ignore[no-untyped-call]
            try:
                getattr(library, name)(*worse)
            except (TypeError, ValueError, OverflowError):
                refusals += 1
        assert refusals > 40, name


# ---- failures -------------------------------------------------------------------------------------------------------

FAILURES = {
    "blows up": (lambda t, y: y**2, 2.0, np.ones(2), None, "shorter than the spacing of numbers .* component 0"),
    "not finite": (lambda t, y: np.log(1 - t) + 0 * y, 2.0, np.ones(1), None, "t = 1"),
    "at once": (lambda t, y: np.stack([y[0], np.log(y[1])]), 1.0, np.array([1.0, -1.0]), None, "nan in component 1"),
    "no pencil": (lambda t, y: np.stack([y[1], t]), 1.0, np.zeros(2), np.diag([1.0, 0]), "singular at all lengths"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_say_where(name: str) -> None:
    fun, end, y0, mass, message = FAILURES[name]
    solution = Problem(name, fun, (0.0, end), y0, mass=mass).solve()
    assert solution.status == -1
    assert len(solution.carries) == len(solution.path.t)
    assert re.search(message, solution.message), solution.message


def test_steps_are_limited() -> None:
    solution = PROBLEMS[2].solve(max_steps=3)
    assert (solution.status, len(solution.path)) == (-1, 3)
    assert "max_steps = 3" in solution.message
    assert np.abs(PROBLEMS[2].solve(max_step=0.01).path.h).max() <= 0.01
    assert PROBLEMS[2].solve(first_step=1e-5).path.h[0] == 1e-5


def test_interrupted() -> None:
    times: list[float] = []

    def progress(t: float) -> None:
        times.append(t)
        if len(times) == 2:
            raise KeyboardInterrupt

    solution = PROBLEMS[2]._replace(t_span=(0.0, 200.0)).solve(progress=progress)
    assert solution.status == -2
    assert solution.path.t[-1] == times[-1]
    assert len(solution.carries) == len(solution.path.t) >= 3
