"""Events: roots of functions of t and the solution, searched as SciPy does, and differentiated as roots."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import close, example_of, record_body
from ..core.errors import GradError, UnsupportedError
from ..core.late import needs
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional import vjp
from ..functional.derivative_rules import KeepSame
from ..functions.custom_ops import structural
from ..ops import barrier
from ..ops.adjoints import user
from ..ops.operands import operand
from .equations import BoundEquations
from .trajectories import Points, Trajectory
from .trajectory_store import Solver

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.optimize import brentq

_MOST_ITERATIONS = 10
_CLOSE = 4 * np.finfo(float).eps
_GRAZES = 1e-8  # slopes of an event, beside those that its values on both sides of a step need, that count as zero


# ---- where they are -------------------------------------------------------------------------------------------------


class EventFunction(NamedTuple):
    """An event of the user.

    Attributes:
        function: of t, y and further arguments; it happens where the value is 0.
        most: how many of them end the solution.
        direction: > 0 for values that rise, < 0 for values that fall, 0 for both.
    """

    function: Callable[..., Any]
    most: float
    direction: float

    @classmethod
    def of(cls, function: Callable[..., Any]) -> EventFunction:
        """Return a function of the user, with SciPy's attributes `terminal` and `direction`, as an event."""
        terminal, direction = getattr(function, "terminal", None), getattr(function, "direction", 0)
        number = float(terminal or np.inf) if not isinstance(terminal, bool) else (1.0 if terminal else np.inf)
        if not (number == int(number) if number < np.inf else True) or number <= 0:
            raise ValueError("solve_ivp: expected `terminal` of an event to be a bool or a positive integer")
        return cls(function, number, float(direction))

    def passes(self, before: float, after: float) -> bool:
        """Return whether it happens in a step, by the values at its beginning and its end."""
        rises, falls = before <= 0 <= after, before >= 0 >= after
        return (rises and self.direction >= 0) or (falls and self.direction <= 0)


class Occurrence(NamedTuple):
    """What has happened once.

    Attributes:
        t: when.
        y: the state, shape (n,).
        step: in which step.
        scale: the largest absolute slope of the event over the step, as its values at the ends tell.
    """

    t: float
    y: Any
    step: int
    scale: float


class Search(NamedTuple):
    """What has happened.

    Attributes:
        occurrences: those of each event.
        end: the last one, if it ends the solution.
    """

    occurrences: list[list[Occurrence]]
    end: Occurrence | None


def find_events(
    events: Sequence[EventFunction],
    functions: Sequence[Callable[[float, Any], float]],
    solver: Solver,
    bound: BoundEquations,
    trajectory: Trajectory,
) -> Search:
    """Return what happens along a trajectory, up to the first event that ends it.

    Args:
        events: the events.
        functions: theirs, of a time and a state, both arrays.
        solver, bound, trajectory: the solution.
    """
    path, every = trajectory.path, [list[Occurrence]() for _ in events]
    states: Any = solver.states(bound, trajectory) if events else ()
    before = [f(path.t[0], states[0]) for f in functions]
    for k in range(len(path) if events else 0):
        start, end = path.t[k], path.t[k + 1]
        after = [f(end, states[k + 1]) for f in functions]
        active = [i for i, e in enumerate(events) if e.passes(before[i], after[i])]
        happened = []
        for i in active:
            at = functools.partial(_at, solver, bound, trajectory, k)
            t = brentq(lambda t, i=i, at=at: functions[i](t, at(t)), start, end, xtol=_CLOSE, rtol=_CLOSE)
            happened.append((i, Occurrence(t, at(t), k, abs(after[i] - before[i]) / abs(end - start))))
        if happened:
            happened.sort(key=lambda pair: pair[1].t if end > start else -pair[1].t)
        is_last = any(len(every[i]) + 1 >= events[i].most for i, _ in happened)
        for i, occurrence in happened:
            every[i].append(occurrence)
            if is_last and len(every[i]) >= events[i].most:
                return Search(every, occurrence)
        before = after
    return Search(every, None)


def _at(solver: Solver, bound: BoundEquations, trajectory: Trajectory, step: int, t: float) -> Any:
    return solver.read_at(bound, trajectory, Points(np.array([step]), np.array([t])))[0]


# ---- their derivatives ----------------------------------------------------------------------------------------------


def moments(
    event: Callable[[Any, Any], Any], solution: Callable[[Any], Any], occurrences: Sequence[Occurrence]
) -> list[Any]:
    """Return the moments of an event with their derivatives, given their values.

    Args:
        event: a function of t and the state.
        solution: the state at times of shape `(m,)`, shape `(m, n)`.
        occurrences: when it happens.
    """
    refused = UnsupportedError("solve_ivp: expected events to change nothing outside")
    value = lambda t: operand(event(t, solution(t.reshape(1))[0])).reshape(())  # noqa: E731
    closed = close("solve_ivp", value, (np.float64(occurrences[0].t),), refused)
    if not closed.captured:
        return [np.float64(o.t) for o in occurrences]
    return [_moment(closed.body, closed.captured, o) for o in occurrences]


def _moment(body: Body, more: Sequence[Any], occurrence: Occurrence) -> Any:
    t = np.float64(occurrence.t)
    slope = float(run_body(_bodies(body)[0], t, *map(example_of, more))[0])
    grazes = not abs(slope) > _GRAZES * occurrence.scale
    root = _root(len(more))(t, *more, body=body, grazes=grazes)
    return t + (root - barrier.stop_gradient(root))


def _bodies(body: Body) -> tuple[Body, Body]:
    """Return the derivative of a function of t and parameters by t, and its cotangents by the parameters."""
    if "moment" not in body.derived:
        more = body.examples[1:]
        argnums = tuple([k for k, c in enumerate(more) if c.dtype.kind in "fc"])

        def slope(t: Any, *more: Any) -> list[Any]:
            _, back = vjp(lambda t: body(t, *more)[0])(t)
            return [back(np.float64(1))]

        def cotangents_of(g: Any, t: Any, *more: Any) -> list[Any]:
            _, back = vjp(lambda *more: body(t, *more)[0], argnums)(*more)
            return [user(c) for c in back(g)]

        body.derived["moment"] = (
            record_body("solve_ivp", slope, body.examples),
            record_body("solve_ivp", cotangents_of, [np.float64(0), *body.examples]),
        )
    bodies: tuple[Body, Body] = body.derived["moment"]
    return bodies


def _solve(start: Any, *more: Any, body: Body, grazes: bool) -> Any:
    if grazes:
        return np.asarray(start)
    slope, _ = _bodies(body)
    t, best = start, np.inf
    for _ in range(_MOST_ITERATIONS):
        step = run_body(body, t, *more)[0] / run_body(slope, t, *more)[0]
        if not abs(step) < best:
            break
        t, best = t - step, abs(step)
    return np.asarray(t)


def _pull(g: Any, out: Any, start: Any, *more: Any, body: Body, grazes: bool) -> list[Any]:
    if grazes:
        raise GradError(
            f"solve_ivp: expected an event that passes through 0 with a slope, to differentiate its moment t = "
            f"{float(example_of(start)):g}; received one that only touches 0 there, whose moment jumps or vanishes for "
            "the least change. Detach t_events and y_events, or write the event otherwise"
        )
    slope, cotangents_of = _bodies(body)
    results = iter(run_body(cotangents_of, -g / run_body(slope, out, *more)[0], out, *more))
    return [np.zeros(()), *(next(results) if c.dtype.kind in "fc" else np.zeros(c.shape) for c in more)]


@functools.cache
def _root(n: int) -> Op:
    """Return the root of a function of t and n parameters as an op, near where it is known to be."""
    return structural(
        "moment_of_event",
        _solve,
        together=_pull,
        infer=lambda *_, **__: ShapeDtype((), np.dtype(np.float64)),
        keeps=KeepSame.first(n + 1),
    )
