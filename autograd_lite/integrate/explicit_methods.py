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

from .checkpoints import Keeper
from .equations import BoundEquations
from .native_runge_kutta import native_method
from .runge_kutta import begin, between, end_of, follow, pull, pull_begin, read, take_stages, weighted_sum
from .step_control import LEAST_LEVEL, Control, first_step, scale_of, smallest_step, sum_of_squares
from .tableaus import DOPRI5, DOPRI8, SCIPY, TSIT5, Tableau
from .trajectories import Method, Path, Settings, Trajectory

REACHED = "The solver successfully reached the end of the integration interval."
CONTROLS = {"Tsit5": Control(4), "Dopri5": Control(4), "Dopri8": Control(7, beta=0.0, least=1 / 3, most=6.0)}
_MOST_STEPS, _MOST_BYTES, _TURN = 4096, 1 << 22, 0.02  # of a block, and how many seconds it takes with a progress bar

# What a solve has in its row of numbers, as `native/c/runge_kutta.c` reads and writes it.
(T, LENGTH, BEFORE, AGAIN, T_END, RTOL, MAX_STEP) = range(7)
ACCEPTED, REJECTED, EVALUATIONS = range(13, 16)  # after those of the control
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
    if numbers[EVALUATIONS] == 0:
        slopes[0], numbers[EVALUATIONS] = f(float(numbers[T]), y), 1
        if numbers[LENGTH] == 0:
            limits = [float(numbers[k]) for k in (T_END, RTOL, MAX_STEP)]
            numbers[LENGTH] = first_step(
                f, float(numbers[T]), y, slopes[0], limits[0], control.order, limits[1], atol, limits[2]
            )
            numbers[EVALUATIONS] += 1
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
        factor, numbers[BEFORE] = control.accept(error, float(numbers[BEFORE]), again)
        numbers[LENGTH], numbers[AGAIN], numbers[T] = abs(h) * factor, 0, end
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
        control, run = CONTROLS[tableau.name], None if native is None else native.try_steps
        if run is None:
            slopes = np.zeros((tableau.stages + 1, len(y0)), y0.dtype)
            run = partial(try_steps, tableau, control, equations.f, slopes)
        return _blocks(equations, control, run, t_span, y0, settings)


def _blocks(
    equations: BoundEquations,
    control: Control,
    run: Callable[..., int],
    t_span: Sequence[float],
    y0: Any,
    settings: Settings,
) -> Trajectory:
    """Try blocks of steps until the end."""
    t, t_end, y, n = float(t_span[0]), float(t_span[1]), np.array(y0), len(y0)
    atol = np.zeros(n) + settings.atol
    limits = [t_end, settings.rtol, settings.max_step]
    factors = [control.alpha, control.beta, control.safety, control.least, control.most, 1 / (control.order + 1)]
    numbers = np.array([t, settings.first_step or 0, LEAST_LEVEL, 0, *limits, *factors, 0, 0, 0], float)
    most = max(1, min(_MOST_STEPS, _MOST_BYTES // (8 * n + 8)))
    times, lengths, states = np.empty(most + 1), np.empty(most), np.empty((most + 1, n), y.dtype)
    times[0], states[0], rejected, keeper = t, y0, np.empty((most // 8 + 8, 3)), Keeper(settings.max_bytes)
    parts, refusals, message, status, count, first = list[Any](), list[Any](), REACHED, 0, 0, 0
    state, room = ENDED if t == t_end else GOES_ON, most if settings.progress is None else min(most, 16)
    while state == GOES_ON:
        room = min(room, settings.max_steps - count)
        if room <= 0:
            message, status = _too_many(settings, numbers[T], t_end), -1
            break
        start = perf_counter()
        numbers[ACCEPTED:EVALUATIONS] = 0  # should an interrupt come before the first step
        try:
            state = run(numbers, atol, y, (times[1 : 1 + room], lengths[:room], states[1 : 1 + room], rejected))
            if settings.progress is not None:
                settings.progress(float(numbers[T]))
                room = min(most, 2 * room) if perf_counter() - start < _TURN else max(1, room // 2)
        except KeyboardInterrupt:
            message, status, state = f"interrupted at t = {numbers[T]:g}", -2, ENDED
        accepted = int(numbers[ACCEPTED])
        stop = 1 + accepted
        parts.append((times[first:stop].copy(), lengths[:accepted].copy()))
        refusals.append(rejected[: int(numbers[REJECTED])].copy())
        keeper.add(count + first, states[first:stop])
        count, first = count + accepted, 1
    if state == TOO_SMALL:
        message, status = _why_too_small(equations, float(numbers[T]), y, refusals), -1
    equations.nfev += (nfev := int(numbers[EVALUATIONS]))
    if len(parts) != 1:
        keeper.add(0, states[: 1 - first])
        parts = [tuple(map(np.concatenate, zip((times[: 1 - first], lengths[:0]), *parts, strict=True)))]
        refusals = [np.concatenate([rejected[:0], *refusals])]
    return Trajectory(Path(*parts[0]), *keeper.result(), refusals[0], status, message, nfev)


def _too_many(settings: Settings, t: float, t_end: float) -> str:
    return (
        f"after max_steps={settings.max_steps:,} steps t is {t:g}, not {t_end:g}: pass a larger max_steps or larger "
        "tolerances, or a method for stiff equations, as Rodas5P"
    )


def _why_too_small(equations: BoundEquations, t: float, y: Any, rejected: Sequence[Any]) -> str:
    """Return why a step had to be too short, with the place where it began."""
    slope = equations.f(t, y)
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
    ts, hs, keeper, message, status = [solver.t], list[float](), Keeper(settings.max_bytes), REACHED, 0
    keeper.add(0, solver.y[None])
    try:
        while solver.status == "running":
            if len(hs) == settings.max_steps:
                message, status = _too_many(settings, solver.t, t_span[1]), -1
                break
            text = solver.step()
            if solver.status == "failed":
                message, status = text, -1
                break
            keeper.add(len(ts), solver.y[None])
            hs.append(solver.t - ts[-1])
            ts.append(solver.t)
            if settings.progress is not None:
                settings.progress(float(solver.t), hs[-1], len(hs), len(rejected))
    except KeyboardInterrupt:
        message, status = f"interrupted at t = {ts[len(hs)]:g}", -2
    path = Path(np.array(ts[: len(hs) + 1], float), np.array(hs, float))
    refusals = np.array(rejected, float).reshape(-1, 3)
    return Trajectory(path, *keeper.result(), refusals, status, message, solver.nfev)


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
