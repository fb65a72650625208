"""SciPy's Radau: the implicit Runge-Kutta method of three stages and order five, its steps again, and their pullback.

A carry has, in its rows, the state y, and the stage values Z of the step that led there. A step of length h solves

    Z_i = h Σ_j a_ij f(t + c_j h, y + Z_j) + r_i,    i = 1, 2, 3,

where r is what SciPy's iteration left over; then the state is y + Z_3. Derivatives solve with the matrix
of this system, I - h A ⊗ (J_1, J_2, J_3), with J at each of the stages.

References:
    Hairer and Wanner: Solving Ordinary Differential Equations II, 1996, section IV.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import DtypeError
from ..core.late import needs
from ..solutions.factors import factor_dense, factor_sparse
from .equations import BoundEquations
from .implicit_steps import Attempts, extend, groups, run_solver, small, solve_equation, start_solver, theta_zeros
from .jacobians import LiftedJacobian
from .trajectories import Method, Path, Points, Settings, Trajectory

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.integrate import Radau as Solver
    from scipy.sparse import block_array, eye_array, issparse

_S = 6**0.5
_A = np.array(
    [
        [(88 - 7 * _S) / 360, (296 - 169 * _S) / 1800, (-2 + 3 * _S) / 225],
        [(296 + 169 * _S) / 1800, (88 + 7 * _S) / 360, (-2 - 3 * _S) / 225],
        [(16 - _S) / 36, (16 + _S) / 36, 1 / 9],
    ]
)
_C = np.array([(4 - _S) / 10, (4 + _S) / 10, 1])
_POLYNOMIAL = np.array(
    [
        [13 / 3 + 7 * _S / 3, -23 / 3 - 22 * _S / 3, 10 / 3 + 5 * _S],
        [13 / 3 - 7 * _S / 3, -23 / 3 + 22 * _S / 3, 10 / 3 - 5 * _S],
        [1 / 3, -8 / 3, 10 / 3],
    ]
)
_EPS = float(np.finfo(float).eps)
# Up to how many unknowns the three stages are one dense matrix.
_DIRECT = 40
# Of the inverse of A, the real eigenvalue and a complex one, and their right and left eigenvectors.
_all_values, _vectors = np.linalg.eig(np.linalg.inv(_A))
_real, _complex = int(np.argmin(np.abs(_all_values.imag))), int(np.argmax(_all_values.imag))
_VALUES = (float(_all_values[_real].real), complex(_all_values[_complex]))
_RIGHT = (_vectors[:, _real].real, _vectors[:, _complex])
_LEFT = (np.linalg.inv(_vectors)[_real].real, np.linalg.inv(_vectors)[_complex])


# ---- the solve ------------------------------------------------------------------------------------------------------


def solve(equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> Trajectory:
    """Let SciPy's Radau solve, and note the stage values of its steps."""
    if np.iscomplexobj(y0):
        raise DtypeError(
            "solve_ivp: expected a real y0 for Radau; received complex128. Use BDF, or a real system of 2 n"
        )
    solver = start_solver(Solver, equations, t_span, y0, settings)
    attempts = Attempts(solver, "solve_collocation_system")

    def after(t: float) -> tuple[dict[str, Any], Any]:
        h, y, stages = solver.t - t, solver.y_old, solver.Z
        left = stages - h * (_A @ _slopes(equations, t, h, y, stages))
        return {"stages": stages, "residual": small(left)}, _carry(solver.y, stages)

    return run_solver(solver, attempts, settings, begin(equations, Path(0.0, []), solver.y), after)


def _carry(y: Any, stages: Any) -> Any:
    return np.concatenate([y[None], stages])


def _slopes(equations: BoundEquations, t: Any, h: Any, y: Any, stages: Any) -> Any:
    return np.stack([equations.f(t + h * c, y + z) for c, z in zip(_C, stages, strict=True)])


# ---- the steps ------------------------------------------------------------------------------------------------------


def begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    """Return the first carry: y0, and no stage values yet."""
    return _carry(y0, np.zeros((3, y0.size), y0.dtype))


def pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    """Return the pullback of `begin`, by y0 and theta."""
    return g[0], theta_zeros(equations)


def follow(equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    """Return the carries from before step `start` to before step `stop`."""
    carries = np.empty((stop - start + 1, *carry.shape), carry.dtype)
    carries[0] = carry
    for k in range(start, stop):
        y = carries[k - start][0]
        stages = _stages(equations, path, k, y)
        carries[k - start + 1] = _carry(y + stages[-1], stages)
    return carries


def _stages(equations: BoundEquations, path: Path, k: int, y: Any) -> Any:
    """Return the solution of the equation of step k."""
    t, h = path.t[k], path.h[k]
    left = extend(path.notes["residual"][k], equations.n)
    single = np.finfo(left.dtype).eps

    def residual(stages: Any) -> tuple[Any, Any]:
        slopes = _slopes(equations, t, h, y, stages)
        noise = 8 * np.finfo(y.dtype).eps * (np.abs(stages) + np.abs(h * _A) @ np.abs(slopes)) + single * np.abs(left)
        return h * (_A @ slopes) + left - stages, noise

    def factor_at(stages: Any) -> Any:
        solve_system = _system(equations, h, _jacobians(equations, t, h, y, stages))
        return lambda b: solve_system(b, False)

    return solve_equation("Radau", equations, residual, factor_at, path.notes["stages"][k], y)


# ---- the linear system ----------------------------------------------------------------------------------------------

# Solves the system of the stages, or the transposed one, for a right-hand side of shape (3, n).
Solve = Callable[[Any, bool], Any]


def _jacobians(equations: BoundEquations, t: Any, h: Any, y: Any, stages: Any) -> list[Any]:
    return [equations.jacobian(t + h * c, y + z) for c, z in zip(_C, stages, strict=True)]


def _system(equations: BoundEquations, h: Any, jacobians: list[Any]) -> Solve:
    """Return what solves with I - h A ⊗ (J_1, J_2, J_3)."""
    if isinstance(jacobians[0], LiftedJacobian):
        return _system_of_lift(equations, h, jacobians)
    if jacobians[0].shape[0] <= _DIRECT:
        return _system_by_factors(equations, h, jacobians)
    return _system_by_iteration(equations, h, jacobians)


def _system_by_factors(equations: BoundEquations, h: Any, jacobians: list[Any]) -> Solve:
    equations.nlu += 1
    n = jacobians[0].shape[0]
    blocks = [[-h * _A[i, j] * jacobians[j] for j in range(3)] for i in range(3)]
    if issparse(jacobians[0]):
        factors = factor_sparse((eye_array(3 * n) + block_array(blocks)).tocsc())
    else:
        factors = factor_dense(np.eye(3 * n) + np.block(blocks))
    return lambda b, turned: factors.solve(b.reshape(-1), turned).reshape(3, n)


def _system_by_iteration(equations: BoundEquations, h: Any, jacobians: list[Any]) -> Solve:
    """Return what solves the system to rounding by that with J_2 at all stages, of a real and a complex matrix.

    Where the Jacobians of the stages are so different that this converges slowly, it is solved by factors of its own.
    """
    factors = [equations.factor(value / h, jacobians[1]) for value in _VALUES]

    def nearly(b: Any, turned: bool) -> Any:
        """Solve with V (Λ / h) V⁻¹ and I - h A ⊗ J_2, whose eigenvectors by stages are those of A."""
        x = np.zeros(b.shape)
        for factor, value, right, left, weight in zip(factors, _VALUES, _RIGHT, _LEFT, (1, 2), strict=True):
            inward, outward = (right, left * (value / h)) if turned else (left * (value / h), right)
            x += weight * np.real(np.multiply.outer(outward, factor.solve(inward @ b, turned)))
        return x

    def multiply(x: Any, turned: bool) -> tuple[Any, Any]:
        """Return the product with the matrix, and the sizes of its terms together."""
        if turned:
            moved = np.stack([matrix.T @ v for matrix, v in zip(jacobians, h * (_A.T @ x), strict=True)])
            return x - moved, np.abs(x) + np.abs(moved)
        moved = np.stack([matrix @ v for matrix, v in zip(jacobians, x, strict=True)])
        return x - h * (_A @ moved), np.abs(x) + np.abs(h * _A) @ np.abs(moved)

    def solve_system(b: Any, turned: bool) -> Any:
        x, last = nearly(b, turned), np.inf
        while True:
            product, size = multiply(x, turned)
            left = b - product
            if (np.abs(left) <= 4 * _EPS * (size + np.abs(b))).all():
                return x
            step = nearly(left, turned)
            change = float(np.abs(step).max(initial=0))
            if not change < 0.5 * last:
                enough = change <= 1e-13 * float(np.abs(x).max(initial=0))
                return x if enough else _system_by_factors(equations, h, jacobians)(b, turned)
            x, last = x + step, change

    return solve_system


def _system_of_lift(equations: BoundEquations, h: Any, jacobians: list[Any]) -> Solve:
    """Return what solves the system of a lift, whose blocks below the first one depend on it alone."""
    solve_primal = _system(equations.primal, h, [jacobian.primal for jacobian in jacobians])
    n, count = jacobians[0].primal.shape[0], jacobians[0].count

    def solve_tangents(b: Any, turned: bool) -> Any:
        parts = [solve_primal(b[:, i * n : (i + 1) * n], turned) for i in range(count)]
        return np.concatenate(parts, axis=1)

    def solve_system(b: Any, turned: bool) -> Any:
        first, rest = b[:, :n], b[:, n:]
        if turned:
            below = solve_tangents(rest, True)
            back = [jacobian.pull(w) for jacobian, w in zip(jacobians, h * (_A.T @ below), strict=True)]
            return np.concatenate([solve_primal(first + np.stack(back), True), below], axis=1)
        above = solve_primal(first, False)
        moved = np.stack([jacobian.push(x) for jacobian, x in zip(jacobians, above, strict=True)])
        return np.concatenate([above, solve_tangents(rest + h * (_A @ moved), False)], axis=1)

    return solve_system


# ---- between steps --------------------------------------------------------------------------------------------------


def _powers(path: Path, k: int, t: Any) -> Any:
    x = (t - path.t[k]) / (path.t[k + 1] - path.t[k])
    return np.cumprod(np.tile(x, (3, 1)), axis=0)


def between(equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    """Return the solution at points, (m, n), by the polynomials of collocation."""
    y = np.empty((len(points.t), equations.n), carries.dtype)
    for k, here in groups(points):
        stages = carries[k - start + 1][1:]
        moved = np.dot(np.dot(stages.T, _POLYNOMIAL), _powers(path, k, points.t[here]))
        y[here] = (moved + carries[k - start][0][:, None]).T
    return y


# ---- the pullback ---------------------------------------------------------------------------------------------------


def pull(
    equations: BoundEquations, path: Path, carries: Any, start: int, g: Any, points: Points, gy: Any
) -> tuple[Any, list[Any]]:
    """Return the pullback through the steps between carries: one system of the stages a step, transposed."""
    g, gtheta, here = np.array(g), theta_zeros(equations), dict(groups(points))
    for k in reversed(range(start, start + len(carries) - 1)):
        of_y, of_stages = g[0], g[1:].copy()
        of_stages[2] += g[0]
        if k in here:
            at_points = gy[here[k]]
            of_y = of_y + at_points.sum(axis=0)
            of_stages += np.dot(_POLYNOMIAL, _powers(path, k, points.t[here[k]])) @ at_points
        t, h, y, stages = path.t[k], path.h[k], carries[k - start][0], carries[k - start + 1][1:]
        of_equation = _system(equations, h, _jacobians(equations, t, h, y, stages))(of_stages, True)
        for c, z, w in zip(_C, stages, h * (_A.T @ of_equation), strict=True):
            _, through, part = equations.pull(t + h * c, y + z, w)
            of_y = of_y + through
            gtheta = [a + b for a, b in zip(gtheta, part, strict=True)]
        g = _carry(of_y, np.zeros_like(stages))
    return g, gtheta


def read(carry: Any) -> Any:
    """Return the state."""
    return carry[..., 0, :]


RADAU = Method("Radau", solve, begin, pull_begin, follow, between, pull, read)
