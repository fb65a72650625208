"""Initial value problems: `solve_ivp` and `odeint`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as original

from ...control.closure import HasEffects, close
from ...core.errors import UnsupportedError
from ...core.mode import no_grad
from ...ops import barrier
from ...ops.operands import operand, values
from ...tree import map as map_leaves
from ..calls import has_tensors, takes_tensors
from .implicit import NotingBDF, NotingRadau, bdf_steps, radau_steps
from .runge_kutta import METHODS, Step, replayed, right_hand_side


def bare(x: Any) -> Any:
    """Return a value as SciPy takes it, without what it is recorded with."""
    return values(x) if hasattr(x, "__apply_op__") else x


def bare_tree(tree: Any) -> Any:
    """Return the arguments of a function without what they are recorded with."""
    return map_leaves(bare, tree)


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
    """

    def __init__(self, times: Any, steps: list[Step]) -> None:
        self.ts, self._steps = times, steps
        self.t_min, self.t_max = float(times.min()), float(times.max())

    def __call__(self, t: Any) -> Any:
        """Return the solution at times of shape `(m,)` or `()`: shape `(n, m)` or `(n,)`."""
        t = operand(t)
        flat, bare = t.reshape(-1), values(t).reshape(-1)
        found = _step_of(self.ts, bare)
        out: list[Any] = [None] * len(bare)
        for k in dict.fromkeys(found.tolist()):
            here = np.flatnonzero(found == k)
            part = self._steps[k](flat[here])
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
    "equations solved to the last digits. LSODA and events are refused",
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
    given = () if args is None else tuple(args)
    start, end = t_span
    if not has_tensors(t_span, y0, t_eval, given) and not has_tensors(_probe(fun, start, y0, given, options)):
        return original.solve_ivp(fun, t_span, y0, method, t_eval, dense_output, events, args=args, **options)
    if events is not None:
        raise UnsupportedError(
            "scipy.integrate.solve_ivp: the argument events= is not supported on Tensors; solve without Tensors first, "
            "and end t_span at the event"
        )
    if method not in (*METHODS, *_IMPLICIT):
        raise UnsupportedError(
            f"scipy.integrate.solve_ivp: on Tensors, expected method among {', '.join((*METHODS, *_IMPLICIT))}; "
            f"received {method!r}"
        )
    y0 = operand(y0)
    y0 = y0 if y0.dtype.kind in "fc" else y0.astype(np.float64)
    vectorized = options.pop("vectorized", False)
    if vectorized:
        fun = _of_columns(fun)
    side, span = right_hand_side(fun, given, y0), (float(bare(start)), float(bare(end)))
    plain = {"args": bare_tree(given), **options}
    if callable(plain.get("jac")):
        plain["jac"] = on_arrays(plain["jac"])
    t = None if t_eval is None else operand(t_eval)
    if method in _IMPLICIT:
        found, steps = _implicit(fun, side, method, (start, end), span, y0, None if t is None else values(t), plain)
        at = np.array([span[0], *(step.end for step in steps)])
    else:
        found = original.solve_ivp(on_arrays(fun), span, bare(y0), method, **plain)
        at = found.t
        steps = replayed(side, method, [start, *at[1:-1], end if found.success else at[-1]], y0)
    solution = Solution(at, steps)
    if t is None:
        t, y = at, np.stack([y0, *(step.after for step in steps)], axis=1)
    else:
        _check_times(values(t), *span)
        if not found.success:
            t = t[np.flatnonzero(np.abs(values(t) - span[0]) <= np.abs(at[-1] - span[0]))]
        y = solution(t)
    if method in _IMPLICIT:
        y = found.y + (y - barrier.stop_gradient(y))
    return type(found)({**found, "t": t, "y": y, "sol": solution if dense_output else None})


_IMPLICIT: dict[str, Any] = {"Radau": (NotingRadau, radau_steps), "BDF": (NotingBDF, bdf_steps)}


def _implicit(
    fun: Any, side: Any, method: str, ends: Any, span: Any, y0: Any, t_eval: Any, options: dict[str, Any]
) -> tuple[Any, Any]:
    """Return what SciPy has found by a method, and its steps, recorded."""
    if method == "BDF" and has_tensors(ends):
        raise UnsupportedError("scipy.integrate.solve_ivp: t_span is not supported as a Tensor by BDF; use Radau")
    solver, take = _IMPLICIT[method]
    notes: list[Any] = []
    noting = type(method, (solver,), {"notes": notes})
    found = original.solve_ivp(on_arrays(fun), span, bare(y0), noting, t_eval, **options)
    try:
        closed = close("solve_ivp", side, (np.float64(span[0]), y0))
    except HasEffects:
        raise UnsupportedError("scipy.integrate.solve_ivp: expected fun to change nothing outside") from None
    times = [ends[0], *(note[0] for note in notes)]
    times[-1] = ends[1] if found.success else times[-1]
    return found, take(closed.body, closed.captured, times, y0, notes)


def _probe(fun: Callable[..., Any], start: Any, y0: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    y0 = np.asarray(y0, None if np.iscomplexobj(y0) else np.float64)
    return fun(start, y0[:, None], *args)[:, 0] if options.get("vectorized") else fun(start, y0, *args)


def _of_columns(fun: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, y, *args: operand(fun(t, y[:, None], *args))[:, 0]


def _check_times(t: Any, start: float, end: float) -> None:
    steps = np.diff(t) * (1 if end > start else -1)
    if t.ndim != 1 or np.any(t < min(start, end)) or np.any(t > max(start, end)) or np.any(steps <= 0):
        raise ValueError(
            f"scipy.integrate.solve_ivp: expected t_eval of one axis, in order, between {start} and {end}; received {t}"
        )


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
    times, plain = values(t).astype(np.float64), bare_tree(args)
    theirs, information = original.odeint(
        on_arrays(fun), bare(y0), times, plain, full_output=1, tfirst=True, **tolerances, **options
    )
    side, limit = right_hand_side(fun, args, y0), _STIFF * (int(information["nst"].max(initial=0)) + 20)
    accepted = _steps_of(on_arrays(fun), times, bare(y0), plain, _tighter(1e-2, **tolerances), limit)
    if accepted is not None:
        solution = Solution(accepted, replayed(side, "DOP853", [t[0], *accepted[1:-1], t[-1]], y0))
    else:
        ends, span = (t[0], t[-1]), (times[0], times[-1])
        settings = {"args": plain, **_tighter(1e-1, **tolerances)}
        _, steps = _implicit(fun, side, "Radau", ends, span, y0, None, settings)
        solution = Solution(np.array([times[0], *(step.end for step in steps)]), steps)
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
    """Return where DOP853's steps begin and end; None if there are too many of them."""
    solver = original.DOP853(lambda t, y: fun(t, y, *args), t[0], y0, t[-1], **tolerances)
    times = [t[0]]
    while solver.status == "running":
        solver.step()
        times.append(solver.t)
        if len(times) > limit or solver.status == "failed":
            return None
    return np.array(times)
