"""SciPy's BDF: backward differentiation of orders one to five, its steps taken again, and their pullback.

A carry has, in its rows, the differences of orders 0 to 5 at the end of the last step, for steps of the length that
comes next (SciPy's `D`, zeros above the order), and the state: SciPy's y differs from D[0] by rounding. With the
order q, a step of length h changes the differences to those of the same polynomial for that length, and then solves

    d = h / α_q · f(t + h, p + d) - ψ + r,    p = Σ_{j ≤ q} D[j],    ψ = Σ_{1 ≤ j ≤ q} γ_j D[j] / α_q,

where r is what SciPy's iteration left over. The new differences are D[j] + … + D[q] + d.

References:
    Shampine and Reichelt: The MATLAB ODE suite, 1997, section 2.
    Byrne and Hindmarsh: A polyalgorithm for the numerical solution of ordinary differential equations, 1975.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.late import needs
from .equations import BoundEquations
from .implicit_steps import (
    Attempts,
    exactly,
    extend,
    groups,
    run_solver,
    small,
    solve_equation,
    start_solver,
    theta_zeros,
)
from .trajectories import Method, Path, Points, Settings, Trajectory

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.integrate import BDF as Solver

_MOST_ORDER = 5
_GAMMA = np.hstack((0, np.cumsum(1 / np.arange(1, _MOST_ORDER + 1))))
_ALPHA = (1 - np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0])) * _GAMMA
_STATE = _MOST_ORDER + 1  # the row of a carry with the state


def _table(order: int, factor: float) -> Any:
    i, j = np.arange(1, order + 1)[:, None], np.arange(1, order + 1)
    m = np.zeros((order + 1, order + 1))
    m[1:, 1:] = (i - 1 - factor * j) / i
    m[0] = 1
    return np.cumprod(m, axis=0)


@functools.lru_cache(4096)
def _rescaling(order: int, factor: float) -> Any:
    """Return the matrix whose transpose makes differences those of the same polynomial for steps of another length."""
    return _table(order, factor).dot(_table(order, 1))


# ---- the solve ------------------------------------------------------------------------------------------------------


def solve(equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> Trajectory:
    """Let SciPy's BDF solve, and note its steps: orders, changes of the differences, and solutions."""
    solver = start_solver(Solver, equations, t_span, y0, settings)
    before: list[float] = []
    last: list[float] = []

    def change(D: Any, order: int, factor: float) -> None:
        (last if attempts.is_accepted() else before).append(float(factor))
        D[: order + 1] = np.dot(_rescaling(int(order), float(factor)).T, D[: order + 1])

    attempts = Attempts(solver, "solve_bdf_system", change_D=change)
    order, spacing = 1, float(solver.h_abs * solver.direction)

    def after(_: float) -> tuple[dict[str, Any], Any]:
        nonlocal order, spacing
        _, t, predicted, c, psi = attempts.call[:5]
        d = attempts.result[3]
        note = {
            "order": order,
            "spacing": spacing,
            "factors": before.copy(),
            "next_order": int(solver.order),
            "next_factor": last[0] if last else 1.0,
            "d": d,
            "residual": small(c * equations.f(t, solver.y) - psi - d),
            "rounding": exactly(solver.y - (predicted + d)),
        }
        before.clear()
        last.clear()
        order, spacing = note["next_order"], float(solver.h_abs * solver.direction)
        return note, _carry(solver.D[: order + 1], solver.y)

    return run_solver(solver, attempts, settings, _carry(solver.D[:2], solver.y), after)


def _carry(differences: Any, y: Any) -> Any:
    carry = np.zeros((_STATE + 1, y.size), y.dtype)
    carry[: len(differences)], carry[_STATE] = differences, y
    return carry


# ---- the steps ------------------------------------------------------------------------------------------------------


def begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    """Return the first differences: y0, and the change in a step by Euler."""
    if not len(path):
        return _carry(y0[None], y0)
    return _carry(np.stack([y0, equations.f(path.t[0], y0) * path.notes["spacing"][0]]), y0)


def pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    """Return the pullback of `begin`, by y0 and theta."""
    spacing = path.notes["spacing"][0] if len(path) else 0.0
    _, gy, gtheta = equations.pull(path.t[0], y0, g[1] * spacing)
    return g[0] + g[_STATE] + gy, gtheta


def follow(equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    """Return the carries from before step `start` to before step `stop`."""
    carries = np.empty((stop - start + 1, *carry.shape), carry.dtype)
    carries[0] = carry
    for k in range(start, stop):
        carries[k - start + 1] = _step(equations, path, k, carries[k - start])
    return carries


def _step(equations: BoundEquations, path: Path, k: int, carry: Any) -> Any:
    notes, t = path.notes, path.t[k + 1]
    q = int(notes["order"][k])
    D = np.array(carry[: q + 2])
    for factor in notes["factors"][k]:
        if factor != 1:
            D[: q + 1] = np.dot(_rescaling(q, float(factor)).T, D[: q + 1])
    c = path.h[k] / _ALPHA[q]
    predicted = np.sum(D[: q + 1], axis=0)
    psi = np.dot(D[1 : q + 1].T, _GAMMA[1 : q + 1]) / _ALPHA[q]
    left, rounding = (extend(notes[name][k], equations.n) for name in ("residual", "rounding"))
    single = np.finfo(left.dtype).eps

    def state(d: Any) -> Any:
        return predicted + d + rounding

    def residual(d: Any) -> tuple[Any, Any]:
        slope = c * equations.f(t, state(d))
        noise = 4 * np.finfo(d.dtype).eps * (np.abs(slope) + np.abs(psi) + np.abs(d)) + single * np.abs(left)
        return slope - psi - d - left, noise

    def factor_at(d: Any) -> Any:
        factors = equations.factor(1 / c, equations.jacobian(t, state(d)))
        return lambda b: factors.solve(b / c)

    d = solve_equation("BDF", equations, residual, factor_at, notes["d"][k], predicted)
    D[q + 1] = d
    for i in reversed(range(q + 1)):
        D[i] += D[i + 1]
    q, factor = int(notes["next_order"][k]), float(notes["next_factor"][k])
    if factor != 1:
        D[: q + 1] = np.dot(_rescaling(q, factor).T, D[: q + 1])
    return _carry(D[: q + 1], state(d))


# ---- between steps --------------------------------------------------------------------------------------------------


def _weights(path: Path, k: int, t: Any) -> Any:
    """Return the weights of the differences of orders 1 and more after step k in the solution at times, (order, m)."""
    order = int(path.notes["next_order"][k])
    h = path.h[k] * path.notes["next_factor"][k]
    shift = path.t[k + 1] - h * np.arange(order)
    return np.cumprod((t - shift[:, None]) / (h * (1 + np.arange(order)))[:, None], axis=0)


def between(equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    """Return the solution at points, (m, n), by the polynomials through the differences."""
    y = np.empty((len(points.t), equations.n), carries.dtype)
    for k, here in groups(points):
        weights, D = _weights(path, k, points.t[here]), carries[k - start + 1]
        y[here] = (np.dot(D[1 : len(weights) + 1].T, weights) + D[0][:, None]).T
    return y


# ---- the pullback ---------------------------------------------------------------------------------------------------


def pull(
    equations: BoundEquations, path: Path, carries: Any, start: int, g: Any, points: Points, gy: Any
) -> tuple[Any, list[Any]]:
    """Return the pullback through the steps between carries: one Jacobian, one factorization, one solve a step."""
    g, gtheta, here = np.array(g), theta_zeros(equations), dict(groups(points))
    for k in reversed(range(start, start + len(carries) - 1)):
        if k in here:
            weights, at_points = _weights(path, k, points.t[here[k]]), gy[here[k]]
            g[0] += at_points.sum(axis=0)
            g[1 : len(weights) + 1] += weights @ at_points
        g, part = _pull_step(equations, path, k, carries[k - start + 1][_STATE], g)
        gtheta = [a + b for a, b in zip(gtheta, part, strict=True)]
    return g, gtheta


def _pull_step(equations: BoundEquations, path: Path, k: int, y: Any, g: Any) -> tuple[Any, list[Any]]:
    """Return the pullback through step k, after which the state is y."""
    notes, t = path.notes, path.t[k + 1]
    q, factor = int(notes["next_order"][k]), float(notes["next_factor"][k])
    if factor != 1:
        g[: q + 1] = _rescaling(q, factor) @ g[: q + 1]
    g[q + 1 : _STATE] = 0
    q = int(notes["order"][k])
    c = path.h[k] / _ALPHA[q]
    sums = np.cumsum(g[: min(q + 2, _STATE)], axis=0)  # new differences have those of higher orders in them, and d
    of_d = sums[-1] + g[_STATE]
    w = equations.factor(1 / c, equations.jacobian(t, y)).solve(of_d, turned=True)
    _, through, gtheta = equations.pull(t, y, w)
    old = np.zeros_like(g)
    old[: q + 1] = sums[: q + 1] + (g[_STATE] + through)
    old[1 : q + 1] -= (_GAMMA[1 : q + 1] / _ALPHA[q])[:, None] * (w / c)
    for factor in notes["factors"][k][::-1]:
        if factor != 1:
            old[: q + 1] = _rescaling(q, float(factor)) @ old[: q + 1]
    return old, gtheta


def read(carry: Any) -> Any:
    """Return the state."""
    return carry[..., _STATE, :]


BDF = Method("BDF", solve, begin, pull_begin, follow, between, pull, read)
