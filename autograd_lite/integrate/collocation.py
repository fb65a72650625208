"""Radau's collocation of three points for F(t, y, y') = 0: a method of order 5 that is stiffly accurate.

A step of length h from (t, y) finds Z_1, Z_2, Z_3, the changes of y at the times t + c_i h, with

    F(t + c_i h, y + Z_i, Y'_i) = 0,    Y' = A⁻¹ Z / h,    i = 1, 2, 3,

and ends at y + Z_3, where c_3 = 1: so all equations hold at the ends of steps, algebraic ones too. Inside of a step the
solution is the cubic through these points.

A solve takes Newton's steps with one pair of matrices for all three points, dF/dy and dF/dy' where the step begins, and
goes on until only rounding is left. Derivatives have these matrices at each point, in one linear system for Z.

References:
    Hairer, E. and Wanner, G. (1996). Solving Ordinary Differential Equations II. Springer, IV.8 and VI.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.late import needs
from ..solutions.factors import Factors, factor_dense, factor_sparse
from .implicit_equations import BoundImplicitEquations
from .trajectories import Method, Path, Points

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import block_array, csc_array, issparse

_S = 6**0.5
NODES = np.array([(4 - _S) / 10, (4 + _S) / 10, 1])
A = np.array(
    [
        [(88 - 7 * _S) / 360, (296 - 169 * _S) / 1800, (-2 + 3 * _S) / 225],
        [(296 + 169 * _S) / 1800, (88 + 7 * _S) / 360, (-2 - 3 * _S) / 225],
        [(16 - _S) / 36, (16 + _S) / 36, 1 / 9],
    ]
)
INVERSE = np.linalg.inv(A)
# The solution at t + s h is y + Σ_i w_i Z_i, w = POLYNOMIAL (s, s², s³).
POLYNOMIAL = np.array(
    [
        [13 / 3 + 7 * _S / 3, -23 / 3 - 22 * _S / 3, 10 / 3 + 5 * _S],
        [13 / 3 - 7 * _S / 3, -23 / 3 + 22 * _S / 3, 10 / 3 - 5 * _S],
        [1 / 3, -8 / 3, 10 / 3],
    ]
)
_MOST_ITERATIONS = 10


class Stages(NamedTuple):
    """The stages of a step.

    Attributes:
        t: their times, shape (3,).
        h: the length of the step.
        y: the state before it.
        z: Z, shape (3, n).
        solve: solves the linear system for Z, or the transposed one, for a right-hand side of shape (3, n).
    """

    t: Any
    h: float
    y: Any
    z: Any
    solve: Callable[[Any, bool], Any]

    @property
    def slopes(self) -> Any:
        """Y', shape (3, n)."""
        return slopes_of(self.z, self.h)


def slopes_of(z: Any, h: float) -> Any:
    """Return the derivatives at the stages."""
    return INVERSE.astype(z.dtype) @ z / h


def weights_at(s: Any) -> Any:
    """Return the weights of the stages at fractions s of a step, shape (m,): shape (m, 3)."""
    s = np.asarray(s)[:, None]
    return s * (POLYNOMIAL[:, 0] + s * (POLYNOMIAL[:, 1] + s * POLYNOMIAL[:, 2]))


def combine(a: Any, mass: Any, b: Any, matrix: Any) -> Factors:
    """Return a M + b J ready to solve with, of arrays or sparse matrices."""
    if issparse(mass) and issparse(matrix):
        return factor_sparse(csc_array(a * mass + b * matrix))
    return factor_dense(a * _dense(mass) + b * _dense(matrix))


def _dense(a: Any) -> Any:
    return a.toarray() if issparse(a) else a


def polish(equations: BoundImplicitEquations, t: Any, h: float, y: Any, z: Any) -> Stages:
    """Return the stages of a step near z to the last digits, by Newton's method.

    Those of a lift are the stages without tangents, and tangents, which are the solution of one linear system.
    """
    if equations.equations.primal is not None:
        return _polish_lift(equations, t, h, y, z)
    best = np.inf
    solve = system_at(equations, t, h, y, z)
    for _ in range(_MOST_ITERATIONS):
        r = equations.residuals(t, y + z, slopes_of(z, h))
        step = solve(r, False)
        size = float(np.abs(step).max(initial=0)) / max(
            float(np.abs(y).max(initial=0) + np.abs(z).max(initial=0)), 1e-300
        )
        if not size < best:
            break
        z, best = z - step, size
        if size < 1e-15:
            break
        if size > 1e-9:  # else the matrix is as good as that at the new point
            solve = system_at(equations, t, h, y, z)
    if not best < 1e-6:
        raise ArithmeticError(
            f"{equations.equations.called}: expected Newton's method to solve the equations of a step as it was "
            f"accepted before; it stopped with relative changes of {best:.1e}. Use tighter tolerances"
        )
    return Stages(t, h, y, z, solve)


def system_at(equations: BoundImplicitEquations, t: Any, h: float, y: Any, z: Any) -> Callable[[Any, bool], Any]:
    """Return what solves the linear system of the stages at z: block (i, j) is δ_ij dF/dy + A⁻¹_ij / h dF/dy'."""
    slopes = slopes_of(z, h)
    pairs = [equations.jacobians(t[i], y + z[i], slopes[i]) for i in range(3)]
    equations.nlu += 1
    blocks = [
        [INVERSE[i, j] / h * pairs[i][1] + (pairs[i][0] if i == j else 0 * pairs[i][1]) for j in range(3)]
        for i in range(3)
    ]
    if all(issparse(block) for row in blocks for block in row):
        factors = factor_sparse(csc_array(block_array(blocks)))
    else:
        factors = factor_dense(np.block([[_dense(block) for block in row] for row in blocks]))
    return lambda b, turned: factors.solve(b.reshape(-1), turned).reshape(b.shape)


def _polish_lift(equations: BoundImplicitEquations, t: Any, h: float, y: Any, z: Any) -> Stages:
    primal = equations.primal()
    n, count = primal.n, equations.n // primal.n - 1
    first = polish(primal, t, h, y[:n], z[:, :n])

    def solve_blocks(b: Any, turned: bool) -> Any:
        return np.concatenate([first.solve(b[:, i * n : (i + 1) * n], turned) for i in range(count)], axis=1)

    above = np.concatenate([first.z, np.zeros((3, count * n), y.dtype)], axis=1)
    r = equations.residuals(t, y + above, slopes_of(above, h))[:, n:]
    z = np.concatenate([first.z, -solve_blocks(r, False)], axis=1)

    def solve(b: Any, turned: bool) -> Any:
        if turned:
            below = solve_blocks(b[:, n:], True)
            w = np.concatenate([np.zeros((3, n), y.dtype), below], axis=1)
            gy, gslopes, _ = equations.pull(t, y + z, slopes_of(z, h), w)
            moved = (gy + INVERSE.T.astype(y.dtype) @ gslopes / h)[:, :n]
            return np.concatenate([first.solve(b[:, :n] - moved, True), below], axis=1)
        x = first.solve(b[:, :n], False)
        along = np.concatenate([x, np.zeros((3, count * n), y.dtype)], axis=1)
        moved = equations.push(t, y + z, slopes_of(z, h), along, slopes_of(along, h))[:, n:]
        return np.concatenate([x, solve_blocks(b[:, n:] - moved, False)], axis=1)

    return Stages(t, h, y, z, solve)


# ---- the same steps again -------------------------------------------------------------------------------------------


def _stages(equations: BoundImplicitEquations, path: Path, k: int, y: Any) -> Stages:
    h, z = float(path.h[k]), path.notes["stages"][k]
    if z.shape[1] < equations.n:
        z = np.concatenate([z, np.zeros((3, equations.n - z.shape[1]), z.dtype)], axis=1)
    return polish(equations, path.t[k] + NODES * h, h, y, z)


def _follow(equations: Any, path: Path, carry: Any, start: int, stop: int) -> Any:
    carries = np.empty((stop - start + 1, *np.shape(carry)), np.asarray(carry).dtype)
    carries[0] = carry
    for k in range(start, stop):
        y = carries[k - start]
        carries[k - start + 1] = y + _stages(equations, path, k, y).z[2]
    return carries


def _steps_with_points(path: Path, points: Points, start: int, count: int) -> Iterator[tuple[int, slice, Any]]:
    """Yield the numbers of steps from the last one on, the points in each, and where these are, as fractions of it."""
    ends = np.searchsorted(points.step, np.arange(start, start + count + 1))
    for k in reversed(range(start, start + count)):
        part = slice(int(ends[k - start]), int(ends[k - start + 1]))
        yield k, part, (np.asarray(points.t[part], float) - path.t[k]) / path.h[k]


def _between(equations: Any, path: Path, carries: Any, start: int, points: Points) -> Any:
    out = np.empty((len(points.t), equations.n), carries.dtype)
    for k, part, s in _steps_with_points(path, points, start, len(carries) - 1):
        y = carries[k - start]
        at_start, at_end = points.t[part] == path.t[k], points.t[part] == path.t[k + 1]
        if not (at_start | at_end).all():
            primal = path.notes["stages"][k]
            z = primal if primal.shape[1] == equations.n else _stages(equations, path, k, y).z
            out[part] = y + weights_at(s).astype(z.dtype) @ z
        out[part][at_start], out[part][at_end] = y, carries[k - start + 1]
    return out


def _pull(
    equations: Any, path: Path, carries: Any, start: int, g: Any, points: Points, gy: Any
) -> tuple[Any, list[Any]]:
    g, total = np.array(g), _zeros_of_theta(equations)
    for k, part, s in _steps_with_points(path, points, start, len(carries) - 1):
        rows = gy[part]
        if not g.any() and not rows.any():
            continue
        stages = _stages(equations, path, k, carries[k - start])
        gz = weights_at(s).T.astype(g.dtype) @ rows
        gz[2] += g
        w = stages.solve(gz, True)
        moved, _, parts = equations.pull(stages.t, stages.y + stages.z, stages.slopes, w)
        g = g + rows.sum(axis=0) - moved.sum(axis=0)
        for x, more in zip(total, parts, strict=True):
            x -= more
    return g, total


def _zeros_of_theta(equations: Any) -> list[Any]:
    theta = [np.asarray(equations.theta[k]) for k in equations.equations.floating]
    return [np.zeros(x.shape, x.dtype) for x in theta]


def method_of(solve: Callable[..., Any]) -> Method:
    """Return the method with a solve, which chooses its steps."""
    return Method(
        "Radau's collocation",
        solve,
        lambda equations, path, y0: np.array(y0),
        lambda equations, path, y0, g: (np.array(g), _zeros_of_theta(equations)),
        _follow,
        _between,
        _pull,
        lambda carry: carry,
    )
