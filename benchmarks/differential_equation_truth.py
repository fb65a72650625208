"""States at the end of initial value problems, and their derivatives, in extended precision by methods of high order.

    python -m benchmarks.differential_equation_truth            # writes differential_equation_references.json
    python -m benchmarks.differential_equation_truth hires      # these alone

The state and all its derivatives by y0 and theta are one chain of steps in `numpy.longdouble`: products with Jacobians
are complex steps, which round but do not cancel. Problems that are not stiff are extrapolated, of order 20 and of order
16; stiff ones are solved by collocation at Radau's points, of orders 13 and 9. What the two differ by is in the file.

References:
    W. B. Gragg, On extrapolation algorithms for ordinary initial value problems, 1965.
    E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, IV.5 and IV.8.
    W. Squire, G. Trapp, Using complex variables to estimate derivatives of real functions, 1998.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from typing import Any

import mpmath
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.differential_equation_problems import FILE, PROBLEMS, Problem, references

Array = np.ndarray
LONG = np.longdouble
_STEP = LONG("1e-60")  # of complex differences


class Sensitivities:
    """A problem together with its derivatives: columns y, dy/dy0 and dy/dtheta, shape (n, 1 + m).

    Args:
        problem: which.
        theta: other parameters.
    """

    def __init__(self, problem: Problem, theta: Any = None) -> None:
        self.problem, self.n = problem, problem.y0.size
        theta = problem.theta if theta is None else theta
        self.sizes = [np.size(x) for x in theta]
        self.m = self.n + sum(self.sizes)
        directions = np.eye(self.m, dtype=LONG)[self.n :]
        starts = np.cumsum([0, *self.sizes])
        self.theta = []
        for x, start, size in zip(theta, starts, self.sizes, strict=False):
            moved = 1j * _STEP * directions[start : start + size].reshape((*np.shape(x), self.m))
            self.theta.append(np.asarray(x, LONG)[..., None] + moved)
        self.plain = [np.asarray(x, LONG) for x in theta]

    def __repr__(self) -> str:
        return f"<{self.problem.name} and {self.m} derivatives>"

    def floor(self) -> Array:
        """Return the sizes below which entries of the columns do not matter, shape (n, 1 + m)."""
        scale = np.broadcast_to(np.asarray(self.problem.scale, float), (self.n,))
        theta = np.concatenate([np.ravel(x) for x in self.plain]).astype(float)
        units = [np.full(1, 1e5), 1e8 * scale, 10 * np.abs(theta)]
        return scale[:, None] / np.concatenate(units)

    def start(self) -> Array:
        """Return the columns at the beginning."""
        zero = np.zeros((self.n, self.m - self.n), LONG)
        return np.concatenate([np.asarray(self.problem.y0, LONG)[:, None], np.eye(self.n, dtype=LONG), zero], 1)

    def slopes(self, t: Any, columns: Array) -> Array:
        """Return the slopes of all columns."""
        moved = columns[:, :1] + 1j * _STEP * columns[:, 1:]
        slope = np.asarray(self.problem.slopes(t, moved, *self.theta))
        slope = np.broadcast_to(slope, moved.shape)
        return np.concatenate([slope.real[:, :1], slope.imag / _STEP], 1)

    def jacobian(self, t: Any, y: Array) -> Array:
        """Return df/dy, in double precision."""
        moved = y[:, None] + 1j * _STEP * np.eye(self.n, dtype=LONG)
        theta = [x[..., None] for x in self.plain]
        slope = np.broadcast_to(np.asarray(self.problem.slopes(t, moved, *theta)), moved.shape)
        return (slope.imag / _STEP).astype(float)


def extrapolated(system: Sensitivities, depth: int, tolerance: float = 1e-16) -> Array:
    """Return the columns at the end, by the modified midpoint rule with 2, 4, ..., 2 depth steps, extrapolated."""
    t, end = (LONG(x) for x in system.problem.t_span)
    y, h = system.start(), (end - t) / 100
    numbers = [2 * (k + 1) for k in range(depth)]
    while t < end:
        h = min(h, end - t)
        slope, rows = system.slopes(t, y), []
        for k, number in enumerate(numbers):
            row = [_midpoints(system, t, y, slope, h, number)]
            for j in range(k):
                ratio = (LONG(number) / numbers[k - 1 - j]) ** 2
                row.append(row[-1] + (row[-1] - rows[-1][j]) / (ratio - 1))
            rows.append(row)
        scale = np.maximum(np.abs(y), np.abs(rows[-1][-1])).max(0) + 1e-30
        error = float((np.abs(rows[-1][-1] - rows[-1][-2]) / scale).max())
        if error <= 10 * tolerance:
            t, y = (end if end - t == h else t + h), rows[-1][-1]
        h = h * LONG(min(3.0, max(0.2, 0.8 * (tolerance / max(error, 1e-25)) ** (1 / (2 * depth - 1)))))
    return y


def _midpoints(system: Sensitivities, t: Any, y: Array, slope: Array, h: Any, number: int) -> Array:
    small = h / number
    before, now = y, y + small * slope
    for k in range(1, number):
        before, now = now, before + 2 * small * system.slopes(t + k * small, now)
    return (before + now + small * system.slopes(t + h, now)) / 2


@functools.cache
def radau(stages: int) -> tuple[Array, Array]:
    """Return Radau's points, shape (s,), and the matrix of collocation there, shape (s, s)."""
    with mpmath.workdps(60):
        x = mpmath.mpf(1)
        legendre = [
            mpmath.taylor(lambda z, k=k: mpmath.legendre(k, z), 0, k) + [0] * (stages - k) for k in (stages - 1, stages)
        ]
        polynomial = [b - a for a, b in zip(*legendre, strict=True)]  # zero at 1
        roots = sorted(mpmath.polyroots(polynomial[::-1], maxsteps=500, extraprec=500), key=lambda z: mpmath.re(z))
        c = [(1 + mpmath.re(z)) / 2 for z in roots]
        c[-1] = x
        powers = mpmath.matrix(stages, stages)
        integrals = mpmath.matrix(stages, stages)
        for i in range(stages):
            for k in range(stages):
                powers[i, k] = c[i] ** k
                integrals[i, k] = c[i] ** (k + 1) / (k + 1)
        a = integrals * mpmath.inverse(powers)
        text = lambda z: LONG(mpmath.nstr(z, 30))  # noqa: E731
        return np.array([text(z) for z in c]), np.array([[text(a[i, k]) for k in range(stages)] for i in range(stages)])


def collocated(system: Sensitivities, stages: int, mesh: Array) -> Array:
    """Return the columns at the end, by collocation on a mesh."""
    y = system.start()
    for a, b in itertools.pairwise(mesh.astype(LONG)):
        y = _collocate(system, stages, a, b - a, y, 0)
    return y


def _collocate(system: Sensitivities, stages: int, t: Any, h: Any, y: Array, level: int) -> Array:
    """One step; two of half the length where Newton's iteration does not converge."""
    c, a = radau(stages)
    n, floor = system.n, system.floor()
    middle = np.asarray(y[:, 0])
    try:
        inverse = np.linalg.inv(np.eye(n * stages) - np.kron((a * h).astype(float), system.jacobian(t + h / 2, middle)))
    except np.linalg.LinAlgError:
        inverse = np.eye(n * stages)
    z = np.zeros((stages, n, y.shape[1]), LONG)
    best, stalled = np.inf, 0
    with np.errstate(all="ignore"):
        for count in range(200):
            slopes = np.array([system.slopes(t + c[i] * h, y + z[i]) for i in range(stages)])
            residual = h * np.tensordot(a, slopes, 1) - z
            change = inverse.astype(LONG).dot(residual.reshape(n * stages, -1)).reshape(z.shape)
            z = z + change
            scale = np.abs(y + z).max(0) + floor
            size = float((np.abs(change) / scale).max())
            if size < 1e-17:
                return y + z[-1]
            stalled = 0 if size < 0.7 * best else stalled + 1
            best = min(best, size)
            if not np.isfinite(size) or (stalled > 4 and count > 5):
                break
    if best < 1e-14:
        return y + z[-1]
    if level > 12:
        raise RuntimeError(f"{system.problem.name}: no convergence at t = {t}, {best}")
    y = _collocate(system, stages, t, h / 2, y, level + 1)
    return _collocate(system, stages, t + h / 2, h / 2, y, level + 1)


def _mesh(problem: Problem, rtol: float) -> Array:
    theta = problem.theta
    jacobian = Sensitivities(problem)
    answer = solve_ivp(
        lambda t, y: np.asarray(problem.slopes(t, y, *theta), float),
        problem.t_span,
        problem.y0,
        "Radau",
        rtol=rtol,
        atol=rtol * 1e-3 * np.broadcast_to(problem.scale, problem.y0.shape),
        jac=lambda t, y: jacobian.jacobian(t, np.asarray(y, LONG)),
    )
    return np.asarray(answer.t)


def columns(problem: Problem, theta: Any = None, fine: bool = True) -> Array:
    """Return the columns at the end."""
    system = Sensitivities(problem, theta)
    if not problem.stiff:
        return extrapolated(system, 10 if fine else 8, 1e-16 if fine else 1e-15)
    rtol = 1e-10 if problem.y0.size == 1 else 1e-6 if fine else 3e-7
    return collocated(system, 7 if fine else 5, _mesh(problem, rtol))


def reference(problem: Problem) -> dict[str, Any]:
    """Return a row of the file."""
    fine, coarse = columns(problem), columns(problem, fine=False)
    weights = problem.weights().astype(LONG)
    gradient, other = weights @ fine[:, 1:], weights @ coarse[:, 1:]
    n = problem.y0.size
    ends = np.cumsum([n, *[np.size(x) for x in problem.theta]])
    parts = [slice(0, n), *[slice(a, b) for a, b in itertools.pairwise(ends)]]
    sizes = np.abs(np.concatenate([problem.y0 + np.broadcast_to(problem.scale, n), *map(np.ravel, problem.theta)]))
    apart = np.abs(gradient - other) * sizes
    theta = [gradient[p].astype(float).reshape(np.shape(x)) for p, x in zip(parts[1:], problem.theta, strict=True)]
    scale = np.maximum(np.abs(fine[:, 0]), 1e-3 * np.broadcast_to(problem.scale, problem.y0.shape))
    row = {
        "y": fine[:, 0].astype(float).tolist(),
        "by_y0": gradient[:n].astype(float).tolist(),
        "by_theta": [x.tolist() for x in theta],
        "second": second(problem) if np.ndim(problem.theta[0]) == 0 and n < 30 else None,
        "error": float((np.abs(fine[:, 0] - coarse[:, 0]) / scale).max()),
        "gradient_error": float(apart.max() / max(1.0, np.abs(gradient * sizes).max())),
    }
    literature = problem.literature
    far = "" if literature is None else f", from the literature {_from_literature(row['y'], literature):.1e}"
    print(f"{problem.name:24} y {row['error']:.1e}, derivatives {row['gradient_error']:.1e}{far}", flush=True)
    return row


def _from_literature(y: Any, literature: Any) -> float:
    return float(np.nanmax(np.abs(np.asarray(literature) / np.asarray(y) - 1)))


def second(problem: Problem) -> float:
    """Return the second derivative by theta[0], by differences of first ones in extended precision."""
    h = LONG(problem.theta[0]) * LONG("1e-5")
    sides = []
    for sign in (-2, -1, 1, 2):
        theta = (LONG(problem.theta[0]) + sign * h, *problem.theta[1:])
        sides.append(problem.weights().astype(LONG) @ columns(problem, theta)[:, 1 + problem.y0.size])
    return float((sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * h))


def main() -> None:
    """Write the references."""
    rows = references() if FILE.exists() else {}
    for problem in PROBLEMS:
        if len(sys.argv) == 1 or problem.name in sys.argv[1:]:
            rows[problem.name] = reference(problem)
            FILE.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
