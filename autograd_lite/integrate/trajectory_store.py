"""Trajectories of recent solves, by the bytes of what they follow from: a rule finds that of its forward.

One that was dropped is computed again, with the same bits.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import GradError
from ..solutions.recent_results import RecentResults
from ..sparse.matrices import is_sparse
from . import checkpoints
from .checkpoints import Keeper, block_length
from .equations import BoundEquations, Equations
from .faults import where_nan_begins, why_it_failed
from .trajectories import Method, Path, Points, Settings, Trajectory

OF_SCIPY = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")  # methods with SciPy's values
_RECENT: RecentResults[Trajectory] = RecentResults(4096, 1 << 27)


class _Same:
    """An object that is equal to itself alone."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


def key_of(x: Any) -> Any:
    """Return a key that is equal for equal settings."""
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype, x.tobytes()
    if is_sparse(x):
        return "sparse", *map(key_of, (np.asarray(x.shape), x.data, x.indices, x.indptr))
    return tuple([(k, key_of(v)) for k, v in x.items()]) if isinstance(x, dict) else _Same(x)


class Solver:
    """Solves an initial value problem, and follows the paths of its solutions with the equations of tangents.

    Args:
        called: the caller, for messages.
        equations: the equations.
        method, settings: how to solve.
        steps: of a solution that ends early, as at an event, the number of steps; None if it ends at the end.

    Attributes:
        key: equal for solvers that do the same.
        solves: how often a path was searched for.
    """

    def __init__(
        self, called: str, equations: Equations, method: Method, settings: Settings, steps: int | None = None
    ) -> None:
        self.called, self.equations, self.method, self.steps = called, equations, method, steps
        self.settings = settings if steps is None else settings._replace(max_steps=steps)
        self.key = equations, method.name, steps, *[key_of(x) for x in settings._replace(progress=None)]
        self.solves = 0
        self._local = threading.local()  # the equations run in one thread at a time

    def __repr__(self) -> str:
        return f"<{self.method.name} for {self.equations!r}>"

    def _bytes(self, equations: Equations, arrays: Sequence[Any]) -> tuple[Any, ...]:
        return self.key, equations, *[x.tobytes() for x in arrays]

    def solve(self, y0: Any, span: Any, theta: Sequence[Any]) -> tuple[BoundEquations, Trajectory]:
        """Return the equations for given theta, and the trajectory from y0 at span[0] towards span[1]."""
        bound = self._at(self.equations, theta)
        key = self._bytes(self.equations, (y0, span, *theta))
        trajectory = _RECENT.get(key)
        if trajectory is None:
            self.solves += 1
            bound.nfev = bound.njev = bound.nlu = 0  # of the solve before
            trajectory = self._search(bound, y0, span)
            self._keep(key, trajectory)
        return bound, trajectory

    def _search(self, bound: BoundEquations, y0: Any, span: Any) -> Trajectory:
        if span[0] == span[1] or not y0.size:
            return _no_steps(y0, span)
        has_slopes = isinstance(bound, BoundEquations)  # and not F(t, y, y') = 0
        if self.method.name in OF_SCIPY and (text := _no_beginning(bound, float(span[0]), y0)):
            return replace(_no_steps(y0, span), status=-1, message=f"no step could be taken: {text}")
        with np.errstate(all="ignore"):  # a failure says why
            trajectory = self.method.solve(bound, (float(span[0]), float(span[1])), y0, self.settings)
        if has_slopes and trajectory.status == -1 and len(trajectory.path) < self.settings.max_steps:
            state = self.method.read(trajectory.carries[-1]) if len(trajectory.path) else y0
            if text := why_it_failed(bound, trajectory, state):
                trajectory = replace(trajectory, message=f"{trajectory.message.rstrip('.')}; {text}")
        return trajectory

    def _at(self, equations: Equations, theta: Sequence[Any]) -> BoundEquations:
        """Return equations for given theta: those of the last call in this thread, if theta is the same."""
        before: dict[Any, Any] = self._local.__dict__
        values = [x.tobytes() for x in theta]
        entry = before.get(equations)
        if entry is None or entry[0] != values:
            entry = before[equations] = values, equations.at(theta)
        bound: BoundEquations = entry[1]
        return bound

    def take(self, y0: Any, span: Any, theta: Sequence[Any], trajectory: Trajectory) -> None:
        """Keep a trajectory that this solver would find."""
        self._keep(self._bytes(self.equations, (y0, span, *theta)), trajectory)

    def _keep(self, key: Any, trajectory: Trajectory) -> None:
        if trajectory.status != -2:  # interrupted
            path = trajectory.path
            notes = sum(int(np.asarray(x).nbytes) for x in path.notes.values())
            size = trajectory.carries.nbytes + path.t.nbytes + path.h.nbytes + notes
            _RECENT.keep(key, trajectory, size + sum(len(x) for x in key[2:]))

    def follow(
        self, equations: Equations, y0: Any, span: Any, theta: Sequence[Any]
    ) -> tuple[BoundEquations, Trajectory]:
        """Return a trajectory of the equations, or of their tangent lift, on the path of the equations."""
        if equations.primal is None:
            return self.solve(y0, span, theta)
        bound, key = self._at(equations, theta), self._bytes(equations, (y0, span, *theta))
        trajectory = _RECENT.get(key)
        if trajectory is None:
            primal = self.equations
            _, first = self.solve(np.ascontiguousarray(y0[: primal.n]), span, theta[: primal.num_theta])
            trajectory = self._retrace(bound, first, y0)
            self._keep(key, trajectory)
        return bound, trajectory

    def _retrace(self, bound: BoundEquations, first: Trajectory, y0: Any) -> Trajectory:
        path, keeper = first.path, Keeper(self.settings.max_bytes)
        if not len(path):
            return replace(first, carries=y0[None])
        carry = self.method.begin(bound, path, y0)
        keeper.add(0, carry[None])
        for start, stop in self._blocks(path, carry):
            carries = self.method.follow(bound, path, carry, start, stop)
            keeper.add(start + 1, carries[1:])
            carry = carries[-1].copy()
        return Trajectory(path, *keeper.result(), status=first.status, message=first.message)

    def _blocks(self, path: Path, carry: Any) -> list[tuple[int, int]]:
        """Return where parts of a path begin and end whose carries are in memory at once."""
        length = len(path) if self.settings.max_bytes is None else block_length(carry.nbytes)
        return [(start, min(start + length, len(path))) for start in range(0, len(path), length)]

    def is_complete(self, trajectory: Trajectory) -> bool:
        """Return whether a trajectory goes as far as it was to go."""
        return trajectory.status >= 0 or self.steps == len(trajectory.path)

    # ---- what follows from trajectories -----------------------------------------------------------------------------

    def read(self, bound: BoundEquations, trajectory: Trajectory, times: Any, ends: bool = False) -> Any:
        """Return the solution at times, shape (m, n); NaN at those that it has not reached.

        Args:
            bound, trajectory: the equations, and the trajectory.
            times: shape (m,).
            ends: whether to read the states between steps where times are theirs, and not the interpolants.
        """
        path, exact = trajectory.path, None
        if ends or self.method.name not in OF_SCIPY:
            grid, moments = (path.t, times) if path.t[-1] >= path.t[0] else (-path.t, -times)
            step = np.minimum(grid.searchsorted(moments), len(path))
            exact = path.t[step] == times
            if exact.all():
                return self._states_at(bound, trajectory, step)
        y = np.full((len(times), bound.n), np.nan, bound.dtype)
        points, places = points_at(path, times, everywhere=self.is_complete(trajectory))
        if exact is not None and exact.any():
            y[exact] = self._states_at(bound, trajectory, step[exact])
            chosen = ~exact[places]
            points, places = Points(points.step[chosen], points.t[chosen]), places[chosen]
        if len(places):
            y[places] = self.read_at(bound, trajectory, points)
        return y

    def _states_at(self, bound: BoundEquations, trajectory: Trajectory, steps: Any) -> Any:
        """Return the states before steps with these numbers."""
        if len(steps) == 1 and steps[0] == len(trajectory.path):
            carry = trajectory.carries[-1]  # of no step, it is the state
            return (carry if carry.ndim == 1 else self.method.read(carry))[None].copy()
        return self.states(bound, trajectory)[steps]

    def states(self, bound: BoundEquations, trajectory: Trajectory) -> Any:
        """Return the states between steps, shape (K + 1, n)."""
        path, carries = trajectory.path, trajectory.carries
        if len(carries) > len(path) and carries.ndim == 2:
            return carries
        if len(carries) > len(path):
            return np.stack([self.method.read(carry) for carry in carries])
        parts, carry = [carries[:1]], carries[0]
        for start, stop in self._blocks(path, carry):
            rows = self.method.follow(bound, path, carry, start, stop)[1:]
            carry = rows[-1].copy()
            parts.append(rows)
        return np.stack([self.method.read(carry) for part in parts for carry in part])

    def read_at(self, bound: BoundEquations, trajectory: Trajectory, points: Points) -> Any:
        """Return the solution at points in steps, shape (m, n)."""
        if not len(trajectory.path):
            return np.repeat(self.states(bound, trajectory), len(points.t), axis=0)
        return checkpoints.read(self.method, bound, trajectory, points)

    def pull(self, bound: BoundEquations, trajectory: Trajectory, times: Any, g: Any) -> tuple[Any, list[Any]]:
        """Return the products of g, shape (m, n), with the derivatives of the solution at times by y0 and theta."""
        path, carries = trajectory.path, trajectory.carries
        if not self.is_complete(trajectory):
            raise GradError(
                f"{self.called}: expected a solution to differentiate that has come to its end; {self.method.name} "
                f"stopped at t = {path.t[-1]:g}: {trajectory.message.rstrip('.')}. End t_span before that, relax rtol "
                "and atol, or use a method for stiff problems"
            )
        used, last = np.flatnonzero(g.any(axis=1)), None
        if not len(path) or carries.ndim == 2:  # where a step ends, the solution is what the next one begins with
            at_end = (times[used] == path.t[-1]) | (len(path) == 0)
            last, used = g[used[at_end]].sum(axis=0), used[~at_end]
        if not len(path):
            return last, [np.zeros_like(bound.theta[k]) for k in bound.equations.floating]
        points, places = points_at(path, times[used])
        return checkpoints.pull_through(
            self.method, bound, trajectory, last, points, g[used[places]], self.settings.max_bytes
        )


def _no_beginning(bound: BoundEquations, t: float, y0: Any) -> str:
    """Return where the first slope is not finite, with which SciPy would look for a step forever."""
    with np.errstate(all="ignore"):
        is_finite = np.isfinite(bound.f(t, y0)).all()
    bound.nfev = 0
    return "" if is_finite else where_nan_begins(bound, t, y0)


def points_at(path: Path, times: Any, everywhere: bool = True) -> tuple[Points, Any]:
    """Return the points of a path at which times lie, in order, and the positions of these times.

    A time at which two steps meet belongs to the earlier one. Times outside belong to the first step or the last one,
    or with `everywhere=False` those after the last step are left out.
    """
    t = path.t
    sign = 1.0 if t[-1] >= t[0] else -1.0
    grid, moments = sign * t, sign * times
    step = np.minimum(np.maximum(grid.searchsorted(moments) - 1, 0), max(len(path) - 1, 0))
    order = step.argsort(kind="stable")
    if not everywhere:
        order = order[moments[order] <= grid[-1]]
    return Points(step[order], times[order]), order


def cut(trajectory: Trajectory, steps: int) -> Trajectory:
    """Return the first steps of a trajectory."""
    path, chosen = trajectory.path, np.asarray(trajectory.kept) <= steps
    notes = {name: x[:steps] for name, x in path.notes.items()}
    first = replace(path, t=path.t[: steps + 1], h=path.h[:steps], notes=notes)
    return replace(trajectory, path=first, kept=trajectory.kept[chosen], carries=trajectory.carries[chosen])


def _no_steps(y0: Any, span: Any) -> Trajectory:
    """Return the trajectory over a span without length."""
    message = "The solver successfully reached the end of the integration interval."
    return Trajectory(Path(np.array(span[:1], float), np.zeros(0)), np.zeros(1, int), y0[None], message=message)
