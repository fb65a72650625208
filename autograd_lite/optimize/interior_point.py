"""A convex quadratic program by an interior-point method, and then exactly by its active constraints.

minimize ½ xᵀP x + qᵀx  where  A x = b,  G x ≤ h,  lower ≤ x ≤ upper

Mehrotra's predictor and corrector go on until the constraints that hold with equality show; with these the conditions
for a minimum are linear equations. If their solution has the signs that it should have, it is the minimum to rounding,
whatever way led there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs
from scipy.sparse import block_array, csc_array, diags_array, issparse
from scipy.sparse.linalg import splu

Vector = npt.NDArray[np.float64]
Solve = Callable[[Vector, Vector], tuple[Vector, Vector]]

MOST_STEPS = 100
GUESS = 1e-2  # the relative gap from which on constraints that look active are tried
AGAIN = 0.03  # the part of that gap at which they are tried again
REPAIRS = 4  # how often a guess is corrected by the signs that it leads to
CLOSE = 1e-9  # residuals and gap, relative, of a solution
SIGN = 1e-10  # a number of the wrong sign is zero if it is smaller, relative
STEP = 0.99  # of the way to the boundary
EPS = float(np.finfo(np.float64).eps)


class Program(NamedTuple):
    """A quadratic program; matrices are arrays, or sparse. Limits may be infinite."""

    P: Any
    q: Vector
    G: Any
    h: Vector
    A: Any
    b: Vector
    lower: Vector
    upper: Vector


class Minimum(NamedTuple):
    """A minimum, or where the steps have ended.

    Attributes:
        x: the minimum.
        rows: multipliers of G x ≤ h, at least 0.
        equalities: those of A x = b.
        bounds: those of the bounds: positive at the upper one, negative at the lower one.
        status: 0 for a minimum, 1 after too many steps, 2 if the constraints contradict each other, 3 without end.
        steps: how many.
        residual: the largest, relative, of the conditions for a minimum.
        active: the inequalities that hold with equality: a guess for programs that are nearly the same.
    """

    x: Vector
    rows: Vector
    equalities: Vector
    bounds: Vector
    status: int
    steps: int
    residual: float
    active: npt.NDArray[np.bool_]


class _Form:
    """A program with all inequalities as rows C x ≤ d: those of G, upper bounds and lower bounds; fixed x in E x = f.

    Rows with an infinite limit are left out.
    """

    def __init__(self, program: Program) -> None:
        p = program
        self.n = n = p.q.size
        fixed = p.lower == p.upper
        self.fixed = np.flatnonzero(fixed)
        self.finite = np.flatnonzero(p.h < np.inf)
        self.above, self.below = (np.flatnonzero(np.isfinite(b) & ~fixed) for b in (p.upper, p.lower))
        self.G = p.G if self.finite.size == p.h.size else p.G[self.finite]
        self.sparse = issparse(p.P) or issparse(p.G) or issparse(p.A)
        self.P, self.q, self.k = p.P, p.q, self.finite.size
        self.d = np.concatenate([p.h[self.finite], p.upper[self.above], -p.lower[self.below]])
        self.E, self.f = p.A, p.b
        if self.fixed.size:
            unit = np.eye(n)[self.fixed] if not self.sparse else diags_array(np.ones(n)).tocsr()[self.fixed]
            self.E = np.vstack([p.A, unit]) if not self.sparse else block_array([[p.A], [unit]])
            self.f = np.concatenate([p.b, p.lower[self.fixed]])
        self.m = self.d.size
        if self.sparse:
            unit = diags_array(np.ones(n)).tocsr()
            self.C = block_array([[csc_array(self.G)], [unit[self.above]], [-unit[self.below]]]).tocsr()
            self.P, self.E = csc_array(self.P), csc_array(self.E)
        self.weight = 0.0
        if self.f.size and not self.sparse:  # P + weight EᵀE has the same minimum, and is more often definite
            self.weight = (np.abs(np.diagonal(self.P)).max() or 1.0) / max(np.square(self.E).sum(1).max(), EPS)
            self.base = self.P + self.weight * (self.E.T @ self.E)
        elif not self.sparse:
            self.base = self.P

    def times(self, x: Vector) -> Vector:
        """Return C x."""
        if self.sparse:
            return self.C @ x
        return np.concatenate([self.G @ x, x[self.above], -x[self.below]])

    def times_transposed(self, v: Vector) -> Vector:
        """Return Cᵀ v."""
        if self.sparse:
            return self.C.T @ v
        out = self.G.T @ v[: self.k]
        middle = self.k + self.above.size
        out[self.above] += v[self.k : middle]
        out[self.below] -= v[middle:]
        return out

    def barrier(self, weights: Vector) -> Solve:
        """Return what solves (P + Cᵀ diag(weights) C) x + Eᵀ y = u, E x = v."""
        if self.sparse:
            return self._sparse_barrier(weights)
        scaled = self.G * np.sqrt(weights[: self.k])[:, None]
        matrix = scaled.T @ scaled
        matrix += self.base
        middle, diagonal = self.k + self.above.size, matrix.ravel()[:: self.n + 1]
        diagonal[self.above] += weights[self.k : middle]
        diagonal[self.below] += weights[middle:]
        return _dense(matrix, self.E, self.weight, True)

    def _sparse_barrier(self, weights: Vector) -> Solve:
        n, p, small = self.n, self.f.size, 1e-12
        lower_right = diags_array(-1 / weights)
        corner = diags_array(np.full(n, small))
        blocks = [[self.P + corner, self.E.T, self.C.T], [self.E, diags_array(np.full(p, -small)), None]]
        factors = splu(block_array([*blocks, [self.C, None, lower_right]], format="csc"))

        def solve(u: Vector, v: Vector) -> tuple[Vector, Vector]:
            out = factors.solve(np.concatenate([u, v, np.zeros(self.m)]))
            return out[:n], out[n : n + p]

        return solve

    def with_equality(self, active: npt.NDArray[np.bool_]) -> tuple[Any, Vector]:
        """Return the rows, and their right-hand sides, that hold with equality if some inequalities do."""
        limits = np.concatenate([self.f, self.d[active]])
        if self.sparse:
            return block_array([[self.E], [self.C[np.flatnonzero(active)]]], format="csc"), limits
        middle = self.k + self.above.size
        unit = np.zeros((int(active[self.k :].sum()), self.n))
        up, down = self.above[active[self.k : middle]], self.below[active[middle:]]
        unit[np.arange(up.size), up] = 1
        unit[up.size + np.arange(down.size), down] = -1
        return np.vstack([self.E, self.G[active[: self.k]], unit]), limits

    def equality_solve(self, rows: Any) -> Solve:
        """Return what solves P x + rowsᵀ y = u, rows x = v.

        Raises:
            LinAlgError: if that has no unique solution.
        """
        if not self.sparse:
            weight = (np.abs(np.diagonal(self.P)).max() or 1.0) / max(np.square(rows).sum(1).max(initial=0.0), EPS)
            return _dense(self.P + weight * (rows.T @ rows), rows, weight, False)
        corner = csc_array((rows.shape[0], rows.shape[0]))
        try:
            factors = splu(block_array([[self.P, rows.T], [rows, corner]], format="csc"))
        except RuntimeError as error:
            raise np.linalg.LinAlgError(str(error)) from None

        def solve(u: Vector, v: Vector) -> tuple[Vector, Vector]:
            out = factors.solve(np.concatenate([u, v]))
            return out[: self.n], out[self.n :]

        return solve


def _cholesky(matrix: Any, regularize: bool) -> Any:
    """Return the lower factor of a symmetric matrix, which is overwritten unless it has to be made definite.

    Raises:
        LinAlgError: if it is not definite.
    """
    factor, failure = dpotrf(matrix.T, lower=1, clean=0)
    if failure and regularize:
        largest = np.abs(np.diagonal(matrix)).max(initial=0.0) or 1.0
        for size in (1e-13, 1e-11, 1e-9):
            factor, failure = dpotrf(matrix.T + size * largest * np.eye(len(matrix)), lower=1, clean=0)
            if not failure:
                break
    if failure:
        raise np.linalg.LinAlgError("expected a positive definite matrix")
    return factor


def _dense(matrix: Any, rows: Any, weight: float, regularize: bool) -> Solve:
    """Return what solves [[matrix - weight rowsᵀ rows, rowsᵀ], [rows, 0]] [x, y] = [u, v] by two Cholesky factors."""
    factor = _cholesky(matrix, regularize)
    if not rows.shape[0]:
        return lambda u, v: (dpotrs(factor, u, lower=1)[0], v)
    half = dtrtrs(factor, rows.T, lower=1)[0]
    schur = _cholesky(half.T @ half, regularize)
    if not regularize and np.diagonal(schur).min() ** 2 < 1e-13 * np.diagonal(schur).max() ** 2:
        raise np.linalg.LinAlgError("expected rows that are independent of each other")

    def solve(u: Vector, v: Vector) -> tuple[Vector, Vector]:
        first = dtrtrs(factor, u + weight * (v @ rows), lower=1)[0]
        y = dpotrs(schur, first @ half - v, lower=1)[0]
        return dtrtrs(factor, first - half @ y, lower=1, trans=1)[0], y

    return solve


class _Point(NamedTuple):
    x: Vector
    y: Vector  # of E x = f
    s: Vector  # d - C x
    z: Vector  # of C x ≤ d


def minimize_quadratic(program: Program, guess: npt.NDArray[np.bool_] | None = None) -> Minimum:
    """Solve a convex quadratic program.

    Args:
        program: the program.
        guess: the active inequalities of a similar one. It saves time, and changes nothing else: the minimum is that of
            the linear equations of its own active set.

    References:
        Mehrotra: On the implementation of a primal-dual interior point method, 1992. Nocedal, Wright: Numerical
        Optimization, 2006, algorithm 16.4. Hintermüller, Ito, Kunisch: The primal-dual active set strategy as a
        semismooth Newton method, 2002, for the last steps.
    """
    form = _Form(program)
    with np.errstate(all="ignore"):
        exact = None
        if not form.m or (guess is not None and guess.size == form.m):
            exact = _repair(form, np.zeros(0, bool) if guess is None or not form.m else guess)
        if exact is not None:
            return _in_terms_of(program, form, exact, 0, 1)
        return _in_terms_of(program, form, *_iterate(form))


def _iterate(form: _Form) -> tuple[_Point, int, int]:
    """Return where the steps have ended, the status, and how many they were."""
    try:
        point = _start(form)
    except (np.linalg.LinAlgError, RuntimeError):
        return _Point(np.zeros(form.n), np.zeros(form.f.size), np.ones(form.m), np.ones(form.m)), 1, 0
    if not form.m:
        return (*_least_squares(form), 1)
    next_gap, measure = GUESS, np.inf
    for step in range(MOST_STEPS):
        residuals = _residuals(form, point)
        gap, error = _gap_and_error(form, point, residuals)
        measure = max(gap, error)
        if gap < next_gap or measure < CLOSE:
            exact = _repair(form, point.z > point.s)
            if exact is not None:
                return exact, 0, step + 1
            if measure < CLOSE * 1e-3:
                return point, 0, step
            next_gap = gap * AGAIN
        try:
            moved = _advance(form, point, residuals)
        except (np.linalg.LinAlgError, RuntimeError):
            break
        if not np.isfinite(moved.x).all() or not np.isfinite(moved.z).all():
            break
        point = moved
    return point, 0 if measure < CLOSE else 1, step + 1


def _least_squares(form: _Form) -> tuple[_Point, int]:
    """Return the shortest point that meets the conditions best, of a program without inequalities, and the status."""
    P, E = (matrix.toarray() if form.sparse else matrix for matrix in (form.P, form.E))
    p = form.f.size
    matrix = np.block([[P, E.T], [E, np.zeros((p, p))]])
    z = np.linalg.lstsq(matrix, np.concatenate([-form.q, form.f]), rcond=None)[0]
    point = _Point(z[: form.n], z[form.n :], np.empty(0), np.empty(0))
    error = max(_gap_and_error(form, point, _residuals(form, point)))
    sizes = np.linalg.eigvalsh(P)
    return point, 0 if error < CLOSE and sizes[0] > -CLOSE * max(sizes[-1], 1.0) else 1


def _repair(form: _Form, active: npt.NDArray[np.bool_]) -> _Point | None:
    """Return the minimum from a guess of its active set; None if the signs that it leads to do not end."""
    most = form.m // 8 + 1
    for _ in range(REPAIRS):
        point = _with_active(form, active)
        if point is None:
            return None
        x, y, s, z = point
        scale_s = 1 + np.abs(form.d).max(initial=0.0) + np.abs(x).max()
        scale_z = 1 + np.abs(form.q).max() + max(np.abs(y).max(initial=0.0), np.abs(z).max(initial=0.0))
        wrong = (s < -SIGN * scale_s) | (z < -SIGN * scale_z)
        if not wrong.any():
            return point if max(map(abs, _gap_and_error(form, point, _residuals(form, point)))) < CLOSE else None
        if wrong.sum() > most:
            return None
        active, most = active ^ wrong, wrong.sum()
    return None


def _start(form: _Form) -> _Point:
    """Return Mehrotra's start: the minimum of the objective and of the slacks' squares, moved inside."""
    if not form.m:
        return _Point(np.zeros(form.n), np.zeros(form.f.size), np.empty(0), np.empty(0))
    solve = form.barrier(np.ones(form.m))
    x, y = solve(form.times_transposed(form.d) - form.q, form.f)
    s = form.d - form.times(x)
    z = -s
    scale = max(1.0, np.abs(s).max())
    low = -s.min()
    s = s if low < -1e-8 * scale else s + (1 + max(low, 0.0))
    low = -z.min()
    z = z if low < -1e-8 * scale else z + (1 + max(low, 0.0))
    return _Point(x, y, s, z)


def _residuals(form: _Form, point: _Point) -> tuple[Vector, Vector, Vector]:
    x, y, s, z = point
    return (
        form.P @ x + form.q + form.E.T @ y + form.times_transposed(z),
        form.E @ x - form.f,
        form.times(x) + s - form.d,
    )


def _gap_and_error(form: _Form, point: _Point, residuals: tuple[Vector, Vector, Vector]) -> tuple[float, float]:
    """Return the duality gap and the largest residual, both relative."""
    x, y, s, z = point
    objective = abs(float(x @ (form.P @ x)) / 2 + float(form.q @ x))
    largest = [np.abs(v).max(initial=0.0) for v in (form.q, form.f, form.d, x, z, y)]
    scales = (1 + largest[0] + max(largest[4:]), 1 + largest[1] + largest[3], 1 + largest[2] + largest[3])
    error = max(np.abs(r).max(initial=0.0) / scale for r, scale in zip(residuals, scales, strict=True))
    return float(s @ z) / (1 + objective), float(error)


def _advance(form: _Form, point: _Point, residuals: tuple[Vector, Vector, Vector]) -> _Point:
    """Return the point after one step, of a predictor and a corrector."""
    x, y, s, z = point
    dual, equal, primal = residuals
    solve = form.barrier(z / s)

    def direction(complementarity: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        dx, dy = solve(-dual - form.times_transposed((z * primal - complementarity) / s), -equal)
        ds = -primal - form.times(dx)
        return dx, dy, ds, (-complementarity - z * ds) / s

    mean = (s @ z) / form.m
    _, _, ds, dz = direction(s * z)
    up, down = _longest(s, ds), _longest(z, dz)
    centering = ((s + up * ds) @ (z + down * dz) / form.m / mean) ** 3
    dx, dy, ds, dz = direction(s * z + ds * dz - centering * mean)
    length = min(1.0, STEP * min(_longest(s, ds), _longest(z, dz)))
    return _Point(x + length * dx, y + length * dy, s + length * ds, z + length * dz)


def _longest(v: Vector, dv: Vector) -> float:
    """Return how far v may go along dv before it is negative, at most a step of 1 / STEP."""
    return 1 / max(STEP, float((-dv / v).max()))


def _with_active(form: _Form, active: npt.NDArray[np.bool_]) -> _Point | None:
    """Return the minimum where these inequalities hold with equality, and no others count; None if it is not one."""
    rows, limits = form.with_equality(active)
    if rows.shape[0] > form.n:
        return None
    try:
        solve = form.equality_solve(rows)
    except np.linalg.LinAlgError:
        return None
    x, y = solve(-form.q, limits)
    dx, dy = solve(-form.q - form.P @ x - rows.T @ y, limits - rows @ x)
    x, y, p = x + dx, y + dy, form.f.size
    s, z = form.d - form.times(x), np.zeros(form.m)
    s[active], z[active] = 0.0, y[p:]
    return _Point(x, y[:p], s, z)


def _in_terms_of(program: Program, form: _Form, point: _Point, status: int, steps: int) -> Minimum:
    n, k, p = form.n, form.k, program.b.size
    rows, bounds = np.zeros(program.h.size), np.zeros(n)
    middle = k + form.above.size
    rows[form.finite] = point.z[:k]
    bounds[form.above] += point.z[k:middle]
    bounds[form.below] -= point.z[middle:]
    bounds[form.fixed] += point.y[p:]
    with np.errstate(all="ignore"):
        residual = max(_gap_and_error(form, point, _residuals(form, point)))
    return Minimum(point.x, rows, point.y[:p], bounds, status, steps, residual, point.z > point.s)
