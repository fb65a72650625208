"""What SciPy's implicit methods have in common: runs of its solvers that are noted, and the equations of their steps.

SciPy's solver iterates until the error of a step's equation is small beside that of the step. The residual r that is
left then is noted with the solution and counts as a constant of the equation: so SciPy's values, to the last bit, are
the solution of the discrete equations, and this is a smooth function of y0 and theta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from .checkpoints import Keeper
from .equations import BoundEquations
from .scipy_jacobians import EXACT_FROM
from .trajectories import Path, Points, Settings, Trajectory

_MOST_ITERATIONS = 30


class Attempts:
    """The attempts of SciPy's solver at its present step: time, length, error estimate, and what solved the equation.

    Args:
        solver: of SciPy.
        system: the name of SciPy's function that solves the equation of a step, which returns first whether it did.
        more: by name, other functions of its module that are called in place of those.
    """

    def __init__(self, solver: Any, system: str, **more: Callable[..., Any]) -> None:
        self.rows: list[tuple[float, float, float]] = []
        self.call: tuple[Any, ...] = ()
        self.result: tuple[Any, ...] = ()
        step = type(solver)._step_impl
        theirs = step.__globals__

        def solve(*args: Any) -> Any:
            self.call, self.result = args, theirs[system](*args)
            t, h = (args[1], args[3]) if system == "solve_collocation_system" else (solver.t, args[1] - solver.t)
            if self.rows and self.rows[-1][1] == h:  # once more, with another Jacobian
                self.rows.pop()
            self.rows.append((float(t), float(h), np.nan))
            return self.result

        def norm(x: Any) -> Any:
            size = theirs["norm"](x)
            if self.rows and not self.rows[-1][2] <= 1:
                self.rows[-1] = (*self.rows[-1][:2], float(size))
            return size

        # SciPy's own code, which finds these functions where its module has others.
        code = FunctionType(step.__code__, {**theirs, system: solve, "norm": norm, **more}, step.__name__)
        solver._step_impl = MethodType(code, solver)

    def is_accepted(self) -> bool:
        """Return whether the last attempt was accepted."""
        return bool(self.result) and bool(self.result[0]) and not self.rows[-1][2] > 1

    def clear(self) -> None:
        """Begin another step."""
        self.rows, self.call, self.result = [], (), ()


def start_solver(
    solver: Callable[..., Any], equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings
) -> Any:
    """Return SciPy's solver, with the exact Jacobian where it has this on arrays, too."""
    more = {name: settings.more[name] for name in ("jac", "jac_sparsity") if settings.more.get(name) is not None}
    if not more and equations.n >= EXACT_FROM[solver.__name__]:
        more["jac"] = equations.jacobian
    return solver(
        equations.f,
        float(t_span[0]),
        y0,
        float(t_span[1]),
        max_step=settings.max_step,
        rtol=settings.rtol,
        atol=settings.atol,
        first_step=settings.first_step,
        **more,
    )


def run_solver(
    solver: Any,
    attempts: Attempts,
    settings: Settings,
    first: Any,
    after: Callable[[float], tuple[Mapping[str, Any], Any]],
) -> Trajectory:
    """Let SciPy's solver take all its steps.

    Args:
        solver, attempts: what takes the steps, and the notes on the present one.
        settings: has limits.
        first: the first carry.
        after: is called with the time before each step that was taken; returns its notes, and the carry after it.
    """
    times, rejected, keeper = [float(solver.t)], list[Any](), Keeper(settings.max_bytes)
    keeper.add(0, first[None])
    notes: dict[str, _Column] = {}
    status, message = 0, "The solver successfully reached the end of the integration interval."
    while solver.status == "running" and solver.n and solver.t != solver.t_bound:
        if len(times) > settings.max_steps:
            status, message = -1, f"expected at most {settings.max_steps} steps; it has come to t = {solver.t:g}"
            break
        attempts.clear()
        before = float(solver.t)
        try:
            reason = solver.step()
            if solver.status != "failed":
                note, carry = after(before)
        except KeyboardInterrupt:
            status, message = -2, f"interrupted at t = {before:g}"
            break
        except (ValueError, RuntimeError) as error:  # of SciPy's factorizations, not of fun
            if "infs or NaNs" not in str(error) and "exactly singular" not in str(error):
                raise
            status, message = -1, f"the matrix of the Jacobian is singular or not finite at t = {before:g}"
            break
        failed = solver.status == "failed"
        rejected += attempts.rows[: None if failed else -1]
        if failed:
            status, message = -1, reason
            break
        times.append(float(solver.t))
        keeper.add(len(times) - 1, carry[None])
        for name, value in note.items():
            notes.setdefault(name, _Column()).append(value)
        try:
            if settings.progress is not None:
                settings.progress(times[-1], times[-1] - before, len(times) - 1, len(rejected))
        except KeyboardInterrupt:
            status, message = -2, f"interrupted at t = {times[-1]:g}"
            break
    columns = {name: column.result() for name, column in notes.items()}
    path = Path(np.array(times), np.diff(times), columns)
    counts = {"nfev": int(solver.nfev), "njev": int(solver.njev), "nlu": int(solver.nlu)}
    rows = np.array(rejected, float).reshape(-1, 3)
    return Trajectory(path, *keeper.result(), rows, status, message, **counts)


class _Column:
    """Notes of one name, arrays as rows of one: many small ones among what comes and goes would split the memory."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._rows: Any = None

    def append(self, value: Any) -> None:
        """Add a note: a number, a list of numbers, or an array."""
        if not isinstance(value, np.ndarray):
            self._values.append(value)
            return
        count = len(self._values)
        if self._rows is None or not np.can_cast(value.dtype, self._rows.dtype):
            old = self._rows
            self._rows = np.empty((count + 8, *value.shape), value.dtype)
            self._rows[:count] = 0 if old is None else old[:count]
        if count == len(self._rows):
            self._rows.resize((count + count // 4, *value.shape), refcheck=False)
        self._rows[count] = value
        self._values.append(None)

    def result(self) -> Any:
        """Return the notes as an array, lists filled up with ones."""
        values = self._values
        if self._rows is not None:
            self._rows.resize((len(values), *self._rows.shape[1:]), refcheck=False)
            return self._rows
        if not isinstance(values[0], list):
            return np.array(values)
        longest = max(map(len, values))
        return np.array([[*row, *[1.0] * (longest - len(row))] for row in values], float).reshape(len(values), longest)


def small(x: Any) -> Any:
    """Return what SciPy left over, in single precision where that holds it."""
    with np.errstate(over="ignore", under="ignore"):
        short = x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)
    return short if np.isfinite(short).all() else x


def exactly(x: Any) -> Any:
    """Return an array in single precision if that changes no bit."""
    short = small(x)
    return short if np.array_equal(short, x) else x


def extend(x: Any, n: int) -> Any:
    """Return notes of some unknowns as those of n, of which the equations had the others not yet: zeros for these."""
    if x.shape[-1] == n:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], n - x.shape[-1]), x.dtype)], axis=-1)


def solve_equation(
    called: str,
    equations: BoundEquations,
    residual: Callable[[Any], tuple[Any, Any]],
    factor: Callable[[Any], Callable[[Any], Any]],
    z: Any,
    y: Any,
) -> Any:
    """Return the solution of the equation of a step: a change of the state, near the one that was noted.

    That is returned as it is where its residual is no more than rounding. The equation of tangents is linear then, and
    is solved at once: from the state zero, in which no large terms cancel.

    Args:
        called: the method, for messages.
        equations: those of the step.
        residual: returns it at a change of the state, and the size of its rounding errors.
        factor: returns what solves with the derivative of the negative residual.
        z: the change that was noted, shape (…, n), of all unknowns but tangents.
        y: the state, shape (n,), which is to be changed.
    """
    n = z.shape[-1]
    z = np.concatenate([z, np.broadcast_to(-y[n:], (*z.shape[:-1], y.size - n))], axis=-1)
    left, rounding = residual(z)
    same = bool((np.abs(left[..., :n]) <= rounding[..., :n]).all())
    if same and y.size > n:
        left[..., :n] = 0
        z = z + factor(z)(left)
    primal = equations.equations.primal
    if same and (primal is None or primal.primal is None):
        return z
    return _iterate(called, residual, factor, z, y)


def _iterate(
    called: str,
    residual: Callable[[Any], tuple[Any, Any]],
    factor: Callable[[Any], Callable[[Any], Any]],
    z: Any,
    y: Any,
) -> Any:
    """Return a solution near z by Newton's method, to the last digits."""
    floor = 16 * float(np.finfo(y.dtype).eps * np.abs(y).max(initial=0)) + 1e-300
    solve, last, best = None, np.inf, np.inf
    for _ in range(_MOST_ITERATIONS):
        left, rounding = residual(z)
        matters = np.abs(left) > rounding
        if not matters.any() and np.isfinite(left).all():
            return z
        if solve is None:
            solve = factor(z)
        step = solve(np.where(matters, left, 0))
        size = float(np.abs(step).max(initial=0))
        enough = 1e-8 * float(np.abs(z).max(initial=0)) + floor
        if not size < best and (best <= enough or not np.isfinite(size)):  # rounding has the last word
            break
        if size > 0.1 * last:  # too slow with the derivative of before
            solve = None
        z, last, best = z + step, size, min(size, best)
    if not best <= enough:
        raise ArithmeticError(
            f"{called}: expected Newton's method to solve the equation of a step as it was accepted before; it stopped "
            f"with changes of {best:.1e}. Use tighter tolerances"
        )
    return z


def groups(points: Points) -> list[tuple[int, Any]]:
    """Return the steps in which there are points, and the positions of these."""
    steps, first = np.unique(points.step, return_index=True)
    return [(int(k), slice(a, b)) for k, (a, b) in zip(steps, pairwise([*first, len(points.step)]), strict=True)]


def theta_zeros(equations: BoundEquations) -> list[Any]:
    """Return zeros like each floating theta."""
    return [np.zeros_like(equations.theta[k]) for k in equations.equations.floating]
