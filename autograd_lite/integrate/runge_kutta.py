"""Explicit Runge-Kutta methods: RK23, RK45 and DOP853 as SciPy steps, Tsit5, Dopri5 and Dopri8 with steps of our own.

References:
    Tsitouras: Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, 2011.
    Dormand, Prince: A family of embedded Runge-Kutta formulae, 1980.
    Shampine: Some practical Runge-Kutta formulas, 1986.
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, sections II.4 to II.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .equations import BoundEquations
from .tableaus import SCIPY, Tableau
from .trajectories import Method, Path, Points, Settings, Trajectory


def combine(tableau: Tableau, slopes: Any, weights: Any, h: float) -> Any:
    """Return h times a weighted sum of slopes, in the order of SciPy for its methods, and in that of C for ours."""
    if tableau.scipy is not None:
        return np.dot(slopes.T, weights) * h
    total: Any = None
    for slope, weight in zip(slopes, weights.tolist(), strict=True):
        if weight:
            total = slope * weight if total is None else total + slope * weight
    return np.zeros_like(slopes[0]) if total is None else total * h


def take_stages(
    tableau: Tableau, f: Callable[[float, Any], Any], t: float, h: float, y: Any, rows: int, slope: Any = None
) -> tuple[Any, list[Any]]:
    """Return the slopes of a step, shape (rows, n), and the states in which they were computed.

    Args:
        tableau: the method.
        f: the right-hand side.
        t, h, y: where the step begins, its length, and the state there.
        rows: how many.
        slope: the first one, if it is known.
    """
    slopes = np.empty((rows, len(y)), y.dtype)
    slopes[0] = f(t, y) if slope is None else slope
    states = [y]
    for i in range(1, rows):
        states.append(y + combine(tableau, slopes[:i], tableau.a[i, :i], h))
        slopes[i] = f(t + float(tableau.c[i]) * h, states[i])
    return slopes, states


def end_of(tableau: Tableau, slopes: Any, h: float, y: Any) -> Any:
    """Return the state in which a step ends."""
    return y + combine(tableau, slopes[: tableau.stages], tableau.b, h)


def begins_at(path: Path, step: int) -> float:
    """Return the time at which the slope at the beginning of a step was computed: the end of the step before."""
    return float(path.t[0]) if step == 0 else float(path.t[step - 1] + path.h[step - 1])


# ---- what a method is --------------------------------------------------------------------------------------------


def _begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    return y0


def _pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    return g, _no_theta(equations)


def _no_theta(equations: BoundEquations) -> list[Any]:
    return [np.zeros_like(equations.theta[k]) for k in equations.equations.floating]


def _read(carry: Any) -> Any:
    return carry


def _follow(tableau: Tableau, equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    """Take the steps of a path again."""
    f, s = equations.f, tableau.stages
    carries = np.empty((stop - start + 1, *carry.shape), carry.dtype)
    carries[0] = y = carry
    slope = f(begins_at(path, start), y) if stop > start else None
    for k in range(start, stop):
        t, h = float(path.t[k]), float(path.h[k])
        slopes, _ = take_stages(tableau, f, t, h, y, s, slope)
        carries[k - start + 1] = y = end_of(tableau, slopes, h, y)
        if k + 1 < stop:
            slope = f(t + h, y)
    return carries


def _by_steps(points: Points, start: int, count: int) -> list[tuple[int, slice]]:
    """Return the steps in which there are points, counted from `start`, and which ones; `count` is that of carries.

    A point of the step after the last one is at its beginning: there the carry itself is read.
    """
    numbers = np.asarray(points.step) - start
    edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=count))
    return [(int(numbers[a]), slice(a, b)) for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]


def _between(tableau: Tableau, equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    """Read the solution within steps."""
    out = np.empty((len(points.t), carries.shape[-1]), carries.dtype)
    for k, here in _by_steps(points, start, len(carries)):
        y = carries[k]
        if start + k == len(path):
            out[here] = y
            continue
        t, h, first = float(path.t[start + k]), float(path.h[start + k]), begins_at(path, start + k)
        slope = equations.f(first, y)
        slopes, _ = take_stages(tableau, equations.f, t, h, y, tableau.read_rows, slope)
        x = (np.asarray(points.t)[here] - t) / h
        if tableau.scipy is not None:
            after = carries[k + 1] if k + 1 < len(carries) else end_of(tableau, slopes, h, y)
            out[here] = _read_as_scipy(tableau, slopes, h, y, after, x)
            continue
        weights = tableau.weights(x)
        moved = np.zeros((len(x), len(y)), y.dtype)
        for j, values in enumerate(weights.T[: tableau.read_rows]):
            moved += values[:, None] * slopes[j]
        out[here] = y + moved * h
    return out


def _read_as_scipy(tableau: Tableau, slopes: Any, h: float, y: Any, after: Any, x: Any) -> Any:
    """Return the solution at places x within a step with the operations of SciPy, shape (m, n)."""
    if not tableau.is_alternating:
        p = np.cumprod(np.tile(x, (len(tableau.dense), 1)), axis=0)
        out = h * np.dot(slopes.T.dot(tableau.scipy.P), p)
        out += y[:, None]
        return out.T
    moved = after - y
    parts = np.empty((len(tableau.dense), len(y)), y.dtype)
    parts[0] = moved
    parts[1] = h * slopes[0] - moved
    parts[2] = 2 * moved - h * (slopes[tableau.stages] + slopes[0])
    parts[3:] = h * np.dot(tableau.scipy.D, slopes)
    out, x = np.zeros((len(x), len(y)), y.dtype), x[:, None]
    for i, part in enumerate(reversed(parts)):
        out += part
        out *= x if i % 2 == 0 else 1 - x
    out += y
    return out


def _pull(
    tableau: Tableau,
    equations: BoundEquations,
    path: Path,
    carries: Any,
    start: int,
    g: Any,
    points: Points,
    gy: Any,
) -> tuple[Any, list[Any]]:
    """Pull back through steps, the last one first."""
    theta = _no_theta(equations)
    read = dict(_by_steps(points, start, len(carries)))
    last = read.get(len(carries) - 1)
    if last is not None and start + len(carries) - 1 == len(path):
        g = g + gy[last].sum(axis=0)
    for k in range(len(carries) - 2, -1, -1):
        t, h = float(path.t[start + k]), float(path.h[start + k])
        here = read.get(k)
        if here is None:
            weights = gs = None
        else:
            weights, gs = tableau.weights((np.asarray(points.t)[here] - t) / h), gy[here]
        g = _pull_step(tableau, equations, t, h, carries[k], g, weights, gs, theta)
    return g, theta


def _pull_step(
    tableau: Tableau,
    equations: BoundEquations,
    t: float,
    h: float,
    y: Any,
    g: Any,
    weights: Any,
    gs: Any,
    theta: list[Any],
) -> Any:
    """Pull back through one step: return the cotangent of its first state, and add to those of theta.

    Args:
        tableau, equations: the method, and what for.
        t, h, y: the step.
        g: the cotangent of the state in which it ends.
        weights: those of the slopes at points that are read within, shape (m, rows), or None.
        gs: their cotangents, shape (m, n).
        theta: sums, one for each floating theta.
    """
    s, rows = tableau.stages, tableau.stages if weights is None else tableau.read_rows
    _, states = take_stages(tableau, equations.f, t, h, y, rows)
    of_slopes = np.zeros((rows, len(y)), y.dtype)
    of_y = np.zeros_like(y)
    if weights is not None:
        for values, each in zip(weights, gs, strict=True):
            of_y = of_y + each
            of_slopes += (values[:rows] * h)[:, None] * each
    for i in range(max(rows - 1, s), -1, -1):
        moved: Any = g if i == s else np.zeros_like(y)
        if i < rows:
            _, by_y, by_theta = equations.pull(t + float(tableau.c[i]) * h, states[i], of_slopes[i])
            moved = moved + by_y
            for total, more in zip(theta, by_theta, strict=True):
                total += more
        of_y = of_y + moved
        for j, weight in enumerate(tableau.a[i, :i].tolist()):
            if weight:
                of_slopes[j] += moved * (weight * h)
    return of_y


# ---- SciPy's steps -----------------------------------------------------------------------------------------------


def _solve_by_scipy(
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
        message or "The solver successfully reached the end of the integration interval.",
        nfev=solver.nfev,
    )


def _too_many(settings: Settings, t: float, t_end: float) -> str:
    return (
        f"after max_steps={settings.max_steps:,} steps t is {t:g}, not {t_end:g}: pass a larger max_steps or larger "
        "tolerances, or a method for stiff equations, as Rodas5P"
    )


def _method(tableau: Tableau) -> Method:
    return Method(
        tableau.name,
        partial(_solve_by_scipy, tableau),
        _begin,
        _pull_begin,
        partial(_follow, tableau),
        partial(_between, tableau),
        partial(_pull, tableau),
        _read,
    )


RUNGE_KUTTA = {tableau.name: _method(tableau) for tableau in SCIPY}
