"""Initial value problems: `solve_ivp` and `odeint`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as original

from ...core.errors import UnsupportedError
from ...core.mode import no_grad
from ...ops import barrier
from ...ops.operands import operand, values
from ...tree import map as map_leaves
from ..calls import has_tensors, plain, takes_tensors
from .events import moment
from .implicit import NotesOrders, NotesStages, bdf_steps, radau_steps
from .runge_kutta import Notes, Step, explicit_steps, right_hand_side


def plain_tree(tree: Any) -> Any:
    """Return the arguments of a function without what they are recorded with."""
    return map_leaves(plain, tree)


def on_arrays(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return a user's function for SciPy: arrays in and out, also where it reads Tensors from around it."""

    def call(*args: Any) -> Any:
        with no_grad():
            return values(fun(*args))

    return call


class Solution:
    """The solution between its ends, as a function of t: the polynomials of the steps.

    Attributes:
        t_min, t_max: where it is defined.
        ts: where steps begin and end.
        steps: the steps.
    """

    def __init__(self, times: Any, steps: list[Step]) -> None:
        self.ts, self.steps = times, steps
        self.t_min, self.t_max = float(times.min()), float(times.max())

    def __call__(self, t: Any) -> Any:
        """Return the solution at times of shape `(m,)` or `()`: shape `(n, m)` or `(n,)`."""
        t = operand(t)
        flat, moments = t.reshape(-1), values(t).reshape(-1)
        numbers = _step_of(self.ts, moments)
        out: list[Any] = [None] * len(moments)
        for k in dict.fromkeys(numbers.tolist()):
            here = np.flatnonzero(numbers == k)
            part = self.steps[k].between()(flat[here])
            for i, place in enumerate(here):
                out[place] = part[:, i]
        return out[0] if t.ndim == 0 else np.stack(out, axis=1)


def _step_of(times: Any, t: Any) -> Any:
    """Return the number of the step that SciPy takes for each time: the earlier one where two meet."""
    forward = times[-1] >= times[0]
    place = np.searchsorted(times if forward else -times, t if forward else -t, side="left") - 1
    return np.clip(place, 0, len(times) - 2)


@takes_tensors(
    original.solve_ivp,
    "y0, args, t_span, t_eval, and what fun reads from around it",
    "the discrete solution of SciPy's accepted steps, whose lengths and orders are constants; Radau and BDF with their "
    "equations solved to the last digits. Moments and states of events, too. LSODA is refused",
    always=True,
)
def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    args: Any = None,
    **options: Any,
) -> Any:
    arguments = () if args is None else tuple(args)
    start, end = t_span
    if not has_tensors(t_span, y0, t_eval, arguments, _probe(fun, events, start, y0, arguments, options)):
        return original.solve_ivp(fun, t_span, y0, method, t_eval, dense_output, events, args=args, **options)
    if method not in METHODS:
        raise UnsupportedError(
            f"scipy.integrate.solve_ivp: on Tensors, expected method among {', '.join(METHODS)}; received {method!r}"
        )
    y0 = operand(y0)
    y0 = y0 if y0.dtype.kind in "fc" else y0.astype(np.float64)
    if options.pop("vectorized", False):
        fun = functools.partial(_column, fun)
    if callable(options.get("jac")):
        options["jac"] = on_arrays(options["jac"])
    span = float(plain(start)), float(plain(end))
    t = None if t_eval is None else operand(t_eval)
    solver, notes = _noting(method)
    result = original.solve_ivp(
        on_arrays(fun),
        span,
        plain(y0),
        solver,
        None if t is None else values(t),
        events=None if events is None else [_bare_event(event) for event in _list_of(events)],
        args=plain_tree(arguments),
        **options,
    )
    solution = _record_steps(right_hand_side(fun, arguments, y0), method, (start, end), y0, notes)
    happened = _event_values(_list_of(events), arguments, result, solution)
    if t is None:
        t, y = result.t, np.stack([y0, *(step.after for step in solution.steps)], axis=1)
        if result.status == 1:  # the last step goes on beyond the event
            last = max((t for ts in happened[0] for t in ts), key=lambda t: abs(float(plain(t)) - span[0]))
            t = np.concatenate([t[:-1], operand(last).reshape(1)])
            y = np.concatenate([y[:, :-1], solution(t[-1:])], axis=1)
    else:
        t = t[: len(result.t)]
        y = solution(t) if len(result.t) else result.y
    y = result.y + (y - barrier.stop_gradient(y))  # SciPy's to the last bit
    more = {} if events is None else dict(zip(("t_events", "y_events"), happened, strict=True))
    return type(result)({**result, "t": t, "y": y, "sol": solution if dense_output else None, **more})


# By the name of a method: what notes its steps, SciPy's class, and what takes them again.
METHODS: dict[str, Any] = {
    **{
        solver.__name__: (Notes, solver, functools.partial(explicit_steps, method=solver))
        for solver in (original.RK23, original.RK45, original.DOP853)
    },
    "Radau": (NotesStages, original.Radau, radau_steps),
    "BDF": (NotesOrders, original.BDF, bdf_steps),
}


def _noting(method: str) -> tuple[Any, list[Any]]:
    """Return SciPy's solver as a class that notes its steps in a list, and the list."""
    notes: list[Any] = []
    noting, solver, _ = METHODS[method]
    return type(method, (noting, solver), {"notes": notes}), notes


def _record_steps(side: Any, method: str, ends: Any, y0: Any, notes: list[Any]) -> Solution:
    """Take the steps that were noted once more, recorded."""
    times = [ends[0], *(note[0] for note in notes)]
    if times[-1] == float(plain(ends[1])):
        times[-1] = ends[1]
    steps = METHODS[method][2](side, times, y0, notes)
    return Solution(np.array([float(plain(t)) for t in times]), steps)


def _list_of(events: Any) -> list[Any]:
    return [] if events is None else [events] if callable(events) else list(events)


def _bare_event(event: Any) -> Any:
    """Return an event for SciPy, with its attributes."""
    constants = on_arrays(event)
    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(constants, name, getattr(event, name))
    return constants


def _column(fun: Callable[..., Any], t: Any, y: Any, *args: Any) -> Any:
    return operand(fun(t, y[:, None], *args))[:, 0]


def _with(event: Any, args: Any, t: Any, y: Any) -> Any:
    return event(t, y, *args)


def _event_values(events: list[Any], args: Any, result: Any, solution: Solution) -> tuple[list[Any], list[Any]]:
    """Return the moments and the states of each event."""
    moments, states = [], []
    for k, event in enumerate(events):
        numbers = _step_of(solution.ts, result.t_events[k])
        pairs = zip(numbers, result.t_events[k], strict=True)
        ts = [moment(functools.partial(_with, event, args), solution.steps[i].between(), t) for i, t in pairs]
        moments.append(np.stack(ts) if ts else result.t_events[k])
        if ts:
            y = solution(moments[-1]).T
            states.append(result.y_events[k] + (y - barrier.stop_gradient(y)))
        else:
            states.append(result.y_events[k])
    return moments, states


def _probe(fun: Any, events: Any, start: Any, y0: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Return what the functions return at the beginning, which holds Tensors if they read some from around them."""
    if has_tensors(start, y0, args):
        return ()
    y0 = np.asarray(y0, None if np.iscomplexobj(y0) else np.float64)
    slope = fun(start, y0[:, None], *args)[:, 0] if options.get("vectorized") else fun(start, y0, *args)
    return slope, [event(start, y0, *args) for event in _list_of(events)]


# DOP853 may take this many times the steps of LSODA before a problem counts as stiff.
_STIFF = 30


@takes_tensors(
    original.odeint,
    "y0, t, args, and what func reads from around it",
    "the values are LSODA's; the derivatives are those of the discrete solution by DOP853, or by Radau for a "
    "stiff problem, with tighter tolerances, since a multistep method has no steps to take again",
    always=True,
)
def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: Any = 0,
    rtol: Any = None,
    atol: Any = None,
    tfirst: bool = False,
    **options: Any,
) -> Any:
    args = args if isinstance(args, tuple) else (args,)
    fun = func if tfirst else _time_first(func)
    tolerances = {"rtol": rtol, "atol": atol}
    if not has_tensors(y0, t, args):
        probe, start = np.atleast_1d(np.asarray(y0, np.float64)), np.asarray(t).reshape(-1)[0]
        if not has_tensors(fun(start, probe, *args)):
            return original.odeint(
                func, y0, t, args, Dfun, full_output=full_output, tfirst=tfirst, **tolerances, **options
            )
    y0, t = np.atleast_1d(operand(y0)), operand(t)
    y0 = y0 if y0.dtype.kind == "f" else y0.astype(np.float64)
    times, constants = values(t).astype(np.float64), plain_tree(args)
    slope = None if Dfun is None else on_arrays(Dfun if tfirst else _time_first(Dfun))
    theirs, information = original.odeint(
        on_arrays(fun), plain(y0), times, constants, slope, full_output=1, tfirst=True, **tolerances, **options
    )
    side, ends, span = right_hand_side(fun, args, y0), (t[0], t[-1]), (times[0], times[-1])
    limit = _STIFF * (int(information["nst"].max(initial=0)) + 20)
    method, settings = "DOP853", _tighter(1e-2, **tolerances)
    accepted = _steps_of(on_arrays(fun), times, plain(y0), constants, settings, limit)
    if accepted is None:
        method = "Radau"
        solver, accepted = _noting(method)
        settings = _tighter(1e-1, **tolerances)
        original.solve_ivp(on_arrays(fun), span, plain(y0), solver, args=constants, **settings)
    solution = _record_steps(side, method, ends, y0, accepted)
    ours = solution(t).T
    y = theirs + (ours - barrier.stop_gradient(ours))
    return (y, information) if full_output else y


def _time_first(func: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, y, *args: func(y, t, *args)


def _tighter(factor: float, rtol: Any, atol: Any) -> dict[str, Any]:
    """Return a part of odeint's tolerances, as solve_ivp takes them."""
    rtol, atol = (np.maximum(factor * np.asarray(1.49e-8 if x is None else x), 1e-13) for x in (rtol, atol))
    return {"rtol": float(rtol.min()), "atol": atol}


def _steps_of(fun: Any, t: Any, y0: Any, args: Any, tolerances: Any, limit: int) -> Any:
    """Return the notes of DOP853's steps, where each ends; None if there are too many of them."""
    solver = original.DOP853(lambda t, y: fun(t, y, *args), t[0], y0, t[-1], **tolerances)
    notes = []
    while solver.status == "running":
        solver.step()
        notes.append((solver.t,))
        if len(notes) > limit or solver.status == "failed":
            return None
    return notes
