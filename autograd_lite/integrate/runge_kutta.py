"""Explicit Runge-Kutta steps: their stages, the same steps again, the solution within them, and their pullback.

References:
    Tsitouras: Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, 2011.
    Dormand, Prince: A family of embedded Runge-Kutta formulae, 1980.
    Shampine: Some practical Runge-Kutta formulas, 1986.
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, sections II.4 to II.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np

from .equations import BoundEquations
from .native_runge_kutta import native_method, native_pullback
from .tableaus import Tableau
from .trajectories import Path, Points


def weighted_sum(rows: Any, weights: Any) -> Any:
    """Return a sum of rows in the order in which C has it."""
    total: Any = None
    for row, weight in zip(rows, weights.tolist(), strict=True):
        if weight:
            total = row * weight if total is None else total + row * weight
    return np.zeros_like(rows[0]) if total is None else total


def combine(tableau: Tableau, slopes: Any, weights: Any, h: float) -> Any:
    """Return h times a weighted sum of slopes, as SciPy computes it for its methods."""
    return (np.dot(slopes.T, weights) if tableau.scipy is not None else weighted_sum(slopes, weights)) * h


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


def begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    """Return the first carry: the state."""
    return y0


def pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    """Pull back through that."""
    return g, _no_theta(equations)


def _no_theta(equations: BoundEquations) -> list[Any]:
    return [np.zeros(np.shape(equations.theta[k]), equations.theta[k].dtype) for k in equations.equations.floating]


def read(carry: Any) -> Any:
    """Return the state in a carry."""
    return carry


def _path_in_c(path: Path, carries: Any, start: int) -> tuple[Any, ...]:
    """Return the steps that carries bound as C takes them: their times, lengths, times of first slopes, and carries."""
    here = slice(start, start + len(carries) - 1)
    times, lengths = (np.ascontiguousarray(a[here], float) for a in (path.t, path.h))
    begins = times.copy()
    if len(begins):
        begins[0] = begins_at(path, start)
        begins[1:] = times[:-1] + lengths[:-1]
    return times, lengths, begins, np.ascontiguousarray(carries)


def _has_scipys_bits(tableau: Tableau, equations: BoundEquations) -> bool:
    """Return whether results are SciPy's to the bit: those of its methods, but for tangents."""
    return tableau.scipy is not None and equations.equations.primal is None


def follow(tableau: Tableau, equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    """Take the steps of a path again, as `Method.follow`."""
    carries = np.empty((stop - start + 1, *carry.shape), carry.dtype)
    carries[0] = y = carry
    if stop == start:
        return carries
    with nullcontext() if _has_scipys_bits(tableau, equations) else native_method(tableau, equations) as native:
        if native is not None:
            equations.nfev += native.follow(_path_in_c(path, carries, start))
            return carries
    f, s = equations.f, tableau.stages
    with np.errstate(all="ignore"):
        slope = f(begins_at(path, start), y)
        for k in range(start, stop):
            t, h = float(path.t[k]), float(path.h[k])
            slopes, _ = take_stages(tableau, f, t, h, y, s, slope)
            carries[k - start + 1] = y = end_of(tableau, slopes, h, y)
            if k + 1 < stop:
                slope = f(t + h, y)
    return carries


def _places(path: Path, points: Points) -> Any:
    """Return where in their steps points are, from 0 to 1; 0 for those after the last step."""
    step, inside = np.asarray(points.step), np.asarray(points.step) < len(path)
    x = np.zeros(len(step))
    x[inside] = (np.asarray(points.t, float)[inside] - path.t[step[inside]]) / path.h[step[inside]]
    return x


def _by_steps(numbers: Any) -> Iterator[tuple[int, slice]]:
    """Yield the numbers that there are, and where in a rising sequence each one is."""
    edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1)).tolist()
    for first, stop in pairwise(edges):
        yield int(numbers[first]), slice(first, stop)


def between(tableau: Tableau, equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    """Read the solution within steps, as `Method.between`; points after the last step are at its end."""
    numbers, x = np.asarray(points.step, np.intp) - start, _places(path, points)
    if _has_scipys_bits(tableau, equations):
        return _read_steps(tableau, equations, path, carries, start, numbers, x)
    out = carries[np.minimum(numbers + (x == 1), len(carries) - 1)]  # where steps begin and end
    inside = np.flatnonzero((x != 0) & (x != 1))
    if len(inside):
        numbers, x = numbers[inside], x[inside]
        with native_method(tableau, equations) as native:
            if native is None or numbers[-1] >= len(carries) - 1:
                out[inside] = _read_steps(tableau, equations, path, carries, start, numbers, x)
            else:
                out[inside] = native.read(_path_in_c(path, carries, start), numbers, tableau.weights(x))
    return out


def _read_steps(
    tableau: Tableau, equations: BoundEquations, path: Path, carries: Any, start: int, numbers: Any, x: Any
) -> Any:
    """Return the solution at places x within steps of rising numbers, shape (m, n)."""
    out = np.empty((len(x), carries.shape[-1]), carries.dtype)
    with np.errstate(all="ignore"):
        for k, here in _by_steps(numbers):
            after = carries[k + 1] if k + 1 < len(carries) else None
            out[here] = _read_step(tableau, equations, path, start + k, carries[k], after, x[here])
    return out


def _read_step(tableau: Tableau, equations: BoundEquations, path: Path, step: int, y: Any, after: Any, x: Any) -> Any:
    """Return the solution at places x within a step, shape (m, n); `after` is the state at its end, or None."""
    if step == len(path):
        return y
    t, h = float(path.t[step]), float(path.h[step])
    slope = equations.f(begins_at(path, step), y)
    slopes, _ = take_stages(tableau, equations.f, t, h, y, tableau.read_rows, slope)
    if tableau.scipy is not None:
        return _read_as_scipy(tableau, slopes, h, y, end_of(tableau, slopes, h, y) if after is None else after, x)
    moved = [weighted_sum(slopes, w) for w in tableau.weights(x)[:, : tableau.read_rows]]
    return y + np.array(moved) * h


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


def pull(
    tableau: Tableau,
    equations: BoundEquations,
    path: Path,
    carries: Any,
    start: int,
    g: Any,
    points: Points,
    gy: Any,
) -> tuple[Any, list[Any]]:
    """Pull back through steps, the last one first, as `Method.pull`; each step is taken once more."""
    numbers, weights = np.asarray(points.step, np.intp) - start, tableau.weights(_places(path, points))
    gy = np.ascontiguousarray(gy, carries.dtype)
    inside = int(np.searchsorted(numbers, len(carries) - 1))
    for each in gy[inside:]:  # of points after the last step, which are at its end
        g = g + each
    numbers, weights, gy, theta = numbers[:inside], weights[:inside], gy[:inside], _no_theta(equations)
    if len(carries) == 1:
        return g, theta
    with native_method(tableau, equations) as native, native_pullback(native, equations) as pull:
        if native is not None and pull is not None:
            return native.pull(pull, _path_in_c(path, carries, start), (numbers, weights, gy), tuple(theta), g), theta
    read = dict(_by_steps(numbers))
    with np.errstate(all="ignore"):
        for k in range(len(carries) - 2, -1, -1):
            t, h, here = float(path.t[start + k]), float(path.h[start + k]), read.get(k, slice(0))
            g = _pull_step(tableau, equations, t, h, carries[k], g, weights[here], gy[here], theta)
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
        weights: those of the slopes at points that are read within, shape (m, rows).
        gs: their cotangents, shape (m, n).
        theta: sums, one for each floating theta.
    """
    s, rows = tableau.stages, tableau.read_rows if len(gs) else tableau.stages
    _, states = take_stages(tableau, equations.f, t, h, y, rows)
    of_slopes, of_y = np.zeros((rows, len(y)), y.dtype), np.zeros_like(y)
    for values, each in zip(weights, gs, strict=True):
        of_y += each
        of_slopes += (values[:rows] * h)[:, None] * each
    for i in range(max(rows - 1, s), -1, -1):
        moved = g
        if i < rows:
            _, by_y, by_theta = equations.pull(t + float(tableau.c[i]) * h, states[i], of_slopes[i])
            moved = g + by_y if i == s else by_y
            for total, more in zip(theta, by_theta, strict=True):
                total += more
        of_y = of_y + moved
        for j, weight in enumerate(tableau.a[i, :i].tolist()):
            if weight:
                of_slopes[j] += moved * (weight * h)
    return of_y
