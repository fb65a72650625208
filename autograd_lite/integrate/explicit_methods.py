"""Explicit Runge-Kutta methods: RK23, RK45 and DOP853 as SciPy steps, Tsit5, Dopri5 and Dopri8 with steps of our own.

References:
    Tsitouras: Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, 2011.
    Dormand, Prince: A family of embedded Runge-Kutta formulae, 1980.
    Shampine: Some practical Runge-Kutta formulas, 1986.
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, sections II.4 to II.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from .equations import BoundEquations
from .native_runge_kutta import native_method
from .runge_kutta import begin, between, end_of, follow, pull, pull_begin, read, take_stages, weighted_sum
from .step_control import Control, first_step, scale_of, smallest_step, sum_of_squares
from .tableaus import DOPRI5, DOPRI8, SCIPY, TSIT5, Tableau
from .trajectories import Method, Path, Settings, Trajectory

REACHED = "The solver successfully reached the end of the integration interval."
CONTROLS = {"Tsit5": Control(4), "Dopri5": Control(4), "Dopri8": Control(7, beta=0.0, least=1 / 3, most=6.0)}
_LEAST_ERROR = 1e-4  # of the step before, as the control counts it
_MOST_STEPS, _MOST_BYTES, _TURN = 4096, 1 << 22, 0.02  # of a block, and how many seconds it takes with a progress bar

# What a solve has in its row of numbers, as `native/c/runge_kutta.c` reads and writes it.
T, LENGTH, BEFORE, AGAIN, T_END, RTOL, MAX_STEP, ALPHA, BETA, SAFETY, LEAST, MOST, ACCEPTED, REJECTED, EVALUATIONS = (
    range(15)
)
GOES_ON, ENDED, TOO_SMALL = range(3)


# ---- steps of our own --------------------------------------------------------------------------------------------


def error_of(tableau: Tableau, slopes: Any, h: float, y: Any, after: Any, rtol: float, atol: Any) -> float:
    """Return the estimate of the error of a step in units of the tolerance; NaN if it ends in something infinite."""
    if not np.isfinite(after).all():
        return math.nan
    scale = scale_of(rtol, atol, y, after)
    high, *low = [sum_of_squares(weighted_sum(slopes, row) / scale) for row in tableau.errors]
    if not low:
        return abs(h) * math.sqrt(high / len(y))
    return abs(h) * high / math.sqrt((high + 0.01 * low[0]) * len(y)) if high else 0.0


def try_steps(
    tableau: Tableau,
    control: Control,
    f: Callable[[float, Any], Any],
    slopes: Any,
    numbers: Any,
    atol: Any,
    y: Any,
    rows: tuple[Any, ...],
) -> int:
    """Try steps, until the end is reached or there is no more room.

    Args:
        tableau, control: the method.
        f: the right-hand side.
        slopes: shape (stages + 1, n); the first one is that at y.
        numbers: the place of the solve and its limits; it goes on from there, and is written to.
        atol, y: shape (n,); y is written to.
        rows: for accepted steps times, lengths and states; for rejected ones time, length and error, shape (…, 3).

    Returns:
        whether it GOES_ON, has ENDED, or the step is TOO_SMALL.
    """
    s, state = tableau.stages, GOES_ON
    needs_end = tableau.errors[:, s].any()
    times, lengths, states, rejected = rows
    numbers[ACCEPTED:EVALUATIONS] = 0
    while state == GOES_ON and numbers[ACCEPTED] < len(times) and numbers[REJECTED] < len(rejected):
        t, rtol, again = float(numbers[T]), float(numbers[RTOL]), bool(numbers[AGAIN])
        end = _next_end(*numbers[[T, LENGTH, AGAIN, T_END, MAX_STEP]].tolist())
        if end is None:
            return TOO_SMALL
        h = end - t
        slopes[:s], _ = take_stages(tableau, f, t, h, y, s, slopes[0].copy())
        after = end_of(tableau, slopes, h, y)
        slopes[s] = f(t + h, after) if needs_end else 0
        error = error_of(tableau, slopes[: s + 1], h, y, after, rtol, atol)
        numbers[EVALUATIONS] += s - (not needs_end)
        if not error < 1:
            rejected[int(numbers[REJECTED])] = t, h, error
            numbers[REJECTED] += 1
            numbers[LENGTH], numbers[AGAIN] = abs(h) * control.reject(error), 1
            continue
        if not needs_end:
            slopes[s] = f(t + h, after)
            numbers[EVALUATIONS] += 1
        numbers[LENGTH] = abs(h) * control.accept(error, float(numbers[BEFORE]), again)
        numbers[BEFORE], numbers[AGAIN], numbers[T] = max(error, _LEAST_ERROR), 0, end
        place = int(numbers[ACCEPTED])
        times[place], lengths[place], states[place] = end, h, after
        numbers[ACCEPTED] += 1
        slopes[0], y[:] = slopes[s], after
        state = ENDED if end == numbers[T_END] else GOES_ON
    return state


def _next_end(t: float, length: float, again: float, t_end: float, max_step: float) -> float | None:
    """Return where the step to try next ends; None if it is too short."""
    left = t_end - t
    direction, far = (-1.0 if left < 0 else 1.0), abs(left)
    least = smallest_step(t, direction)
    if not again:
        length = max(min(length, max_step), least)
    elif not length >= least:
        return None
    reaches = length >= far or (1.01 * length >= far and far <= max_step)
    return t_end if reaches else t + length * direction


def solve(
    tableau: Tableau, equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings
) -> Trajectory:
    """Solve with steps of our own, as `Method.solve`."""
    with native_method(tableau, equations) as native, np.errstate(all="ignore"):
        control = CONTROLS[tableau.name]
        if native is not None:
            return _blocks(equations, control, native.try_steps, native.f, native.slopes, t_span, y0, settings)
        slopes = np.zeros((tableau.stages + 1, len(y0)), y0.dtype)
        run = partial(try_steps, tableau, control, equations.f, slopes)
        return _blocks(equations, control, run, equations.f, slopes, t_span, y0, settings)


def _blocks(
    equations: BoundEquations,
    control: Control,
    run: Callable[..., int],
    f: Callable[[float, Any], Any],
    slopes: Any,
    t_span: Sequence[float],
    y0: Any,
    settings: Settings,
) -> Trajectory:
    """Try blocks of steps until the end."""
    t, t_end = map(float, t_span)
    y, n = np.array(y0), len(y0)
    atol = np.array(np.broadcast_to(np.asarray(settings.atol, float), y.shape))
    slopes[0] = f(t, y)
    length, evaluations = settings.first_step, 1
    if length is None and t != t_end and n:
        length = first_step(f, t, y, slopes[0].copy(), t_end, control.order, settings.rtol, atol, settings.max_step)
        evaluations = 2
    row = [t, length or abs(t_end - t), _LEAST_ERROR, 0, t_end, settings.rtol, settings.max_step, control.alpha]
    numbers = np.array([*row, control.beta, control.safety, control.least, control.most, 0, 0, evaluations], float)
    blocks: list[tuple[Any, ...]] = [(np.array([t]), np.zeros(0), y[None].copy())]
    rejected, message, status, count = list[Any](), REACHED, 0, 0
    state, most = ENDED if t == t_end else GOES_ON, max(1, min(_MOST_STEPS, _MOST_BYTES // (8 * n + 8)))
    room = most if settings.progress is None else min(most, 16)
    while state == GOES_ON:
        room = min(room, settings.max_steps - count)
        if room <= 0:
            message, status = _too_many(settings, numbers[T], t_end), -1
            break
        rows = np.empty(room), np.empty(room), np.empty((room, n), y.dtype), np.empty((max(room, 16), 3))
        start = perf_counter()
        try:
            state = run(numbers, atol, y, rows)
            if settings.progress is not None:
                settings.progress(float(numbers[T]))
                room = min(most, 2 * room) if perf_counter() - start < _TURN else max(1, room // 2)
        except KeyboardInterrupt:
            message, status, state = f"interrupted at t = {numbers[T]:g}", -2, ENDED
        accepted, refused = int(numbers[ACCEPTED]), int(numbers[REJECTED])
        blocks.append(tuple([a[:accepted] for a in rows[:3]]))
        rejected.append(rows[3][:refused])
        count += accepted
    if state == TOO_SMALL:
        message, status = _why_too_small(f, float(numbers[T]), y, rejected), -1
    times, lengths, states = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    equations.nfev += int(numbers[EVALUATIONS])
    refusals = np.concatenate([np.zeros((0, 3)), *rejected])
    nfev = int(numbers[EVALUATIONS])
    return Trajectory(Path(times, lengths), np.arange(len(times)), states, refusals, status, message, nfev=nfev)


def _too_many(settings: Settings, t: float, t_end: float) -> str:
    return (
        f"after max_steps={settings.max_steps:,} steps t is {t:g}, not {t_end:g}: pass a larger max_steps or larger "
        "tolerances, or a method for stiff equations, as Rodas5P"
    )


def _why_too_small(f: Callable[[float, Any], Any], t: float, y: Any, rejected: Sequence[Any]) -> str:
    """Return why a step had to be too short, with the place where it began."""
    slope = f(t, y)
    if not np.isfinite(slope).all():
        k = int(np.flatnonzero(~np.isfinite(slope))[0])
        return f"fun returned {slope[k]} in component {k} at t = {t:.10g}"
    fact = f"the step from t = {t:.10g} is shorter than ten times the distance between numbers there"
    if len(rejected) and not math.isfinite(rejected[-1][-1, 2] if len(rejected[-1]) else 0.0):
        return f"{fact}: fun is not finite right after it"
    return f"{fact}: the solution is singular, or tolerances are smaller than fun is accurate"


# ---- SciPy's steps -----------------------------------------------------------------------------------------------


def solve_by_scipy(
    tableau: Tableau, equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings
) -> Trajectory:
    """Let SciPy step, and note where."""
    rejected: list[tuple[float, float, float]] = []

    class Noting(tableau.scipy):  # type: ignore[misc, name-defined]
        def _estimate_error_norm(self, K: Any, h: Any, scale: Any) -> Any:
            error = super()._estimate_error_norm(K, h, scale)
            if not error < 1:
                rejected.append((float(self.t), float(h), float(error)))
            return error

    chosen = {"rtol": settings.rtol, "atol": settings.atol, "max_step": settings.max_step}
    solver = Noting(equations.f, float(t_span[0]), y0, float(t_span[1]), first_step=settings.first_step, **chosen)
    ts, hs, ys, message, status = [solver.t], list[float](), [solver.y], "", 0
    try:
        while solver.status == "running":
            if len(hs) == settings.max_steps:
                message, status = _too_many(settings, solver.t, t_span[1]), -1
                break
            text = solver.step()
            if solver.status == "failed":
                message, status = text, -1
                break
            ts.append(solver.t)
            hs.append(solver.t - ts[-2])
            ys.append(solver.y)
            if settings.progress is not None:
                settings.progress(float(solver.t))
    except KeyboardInterrupt:
        message, status = f"interrupted at t = {ts[len(hs)]:g}", -2
    path = Path(np.array(ts[: len(hs) + 1], float), np.array(hs, float))
    carries = np.array(ys[: len(hs) + 1])
    return Trajectory(
        path,
        np.arange(len(carries)),
        carries,
        np.array(rejected, float).reshape(-1, 3),
        status,
        message or REACHED,
        nfev=solver.nfev,
    )


def _method(tableau: Tableau) -> Method:
    return Method(
        tableau.name,
        partial(solve if tableau.scipy is None else solve_by_scipy, tableau),
        begin,
        pull_begin,
        partial(follow, tableau),
        partial(between, tableau),
        partial(pull, tableau),
        read,
    )


EXPLICIT = {tableau.name: _method(tableau) for tableau in (*SCIPY, TSIT5, DOPRI5, DOPRI8)}
