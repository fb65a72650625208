"""Newton's method for systems of equations with a line search, and a preconditioner for Krylov methods."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.sparse import eye_array, issparse
from scipy.sparse.linalg import LinearOperator, spilu, splu

from .vectors import Vector

OPTIONS: dict[str, Any] = {"xtol": 1.49012e-8, "fatol": 0.0, "maxiter": 100, "disp": False}
MESSAGES = {
    1: "The last step is at most xtol long, relative to the unknowns, or the equations hold to fatol.",
    2: "The number of steps reached maxiter.",
    3: "No part of the step makes the equations smaller: this is a minimum of their sum of squares, or they jump.",
    4: "The equations, or their derivatives, are not finite where the search starts.",
}
DECREASE, SHORTEST = 1e-4, 1e-10  # of the line search: Armijo's constant, and the least part of a step
MOST_PRODUCTS = 60  # with incomplete factors in a step, before they are made anew


def newton(
    fun: Callable[[Vector], Any],
    jac: Callable[[Vector], Any],
    x: Vector,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
) -> OptimizeResult:
    """Solve fun(x) = 0 by Newton's method, each step as long as it makes the sum of squares smaller.

    A sparse Jacobian is factorized by `splu`. Where it is singular, the step is one of Levenberg and Marquardt's.

    Args:
        fun: returns the left-hand sides, as many as unknowns.
        jac: returns the Jacobian, an array or a sparse matrix.
        x: the vector to start from.
        tol: `xtol`, if it is not None.
        callback: called after each step with x and the left-hand sides.
        options: `xtol`, the relative length of the last step; `fatol`, the largest left-hand side at which the search
            ends without another step; `maxiter`; and `disp`, to print a line per step.

    Raises:
        ValueError: if an option is unknown, or there are more or fewer equations than unknowns.

    References:
        Nocedal, Wright: Numerical Optimization, 2006, algorithm 11.4. Dennis, Schnabel: Numerical Methods for
        Unconstrained Optimization and Nonlinear Equations, 1983, section 6.3.2.
    """
    xtol, fatol, maxiter, disp = _settings(tol, options)
    f = _values(fun, x)
    counts = {"nfev": 1, "njev": 0, "nit": 0}
    status = 1 if np.abs(f).max() <= fatol else 0 if np.isfinite(f).all() else 4
    if disp:
        print(f"{'step':>4} {'max |fun|':>10} {'|step|':>10} {'part':>7}\n{0:4d} {np.abs(f).max():10.3e}")
    while not status:
        if counts["nit"] == maxiter:
            status = 2
            break
        matrix = jac(x)
        counts["njev"] += 1
        step = _step(matrix, f)
        length = np.abs(step).max() / max(np.abs(x).max(), 1)
        if not np.isfinite(length):
            status = 4
            break
        t, x_next, f_next, evaluations = _search(fun, x, f, step, length <= xtol)
        counts["nfev"] += evaluations
        if t == 0:
            status = 3
            break
        x, f = x_next, f_next
        counts["nit"] += 1
        if disp:
            print(f"{counts['nit']:4d} {np.abs(f).max():10.3e} {length:10.3e} {t:7.1e}")
        if callback is not None:
            callback(x, f)
        if length <= xtol or np.abs(f).max() <= fatol:
            status = 1
    return OptimizeResult(
        x=x, fun=f, success=status == 1, status=status, message=MESSAGES[status], method="newton", **counts
    )


def _settings(tol: float | None, options: dict[str, Any] | None) -> tuple[float, float, int, bool]:
    unknown = set(options or ()) - set(OPTIONS)
    if unknown:
        raise ValueError(f"root: expected options of newton to be among {', '.join(OPTIONS)}; received {unknown}")
    settings = OPTIONS | ({} if tol is None else {"xtol": tol}) | (options or {})
    return settings["xtol"], settings["fatol"], settings["maxiter"], settings["disp"]


def _values(fun: Callable[[Vector], Any], x: Vector) -> Vector:
    f = np.ravel(np.asarray(fun(x), np.float64))
    if f.shape != x.shape:
        raise ValueError(f"root: expected as many equations as unknowns; received {f.size}, for {x.size} unknowns")
    return f


def _step(matrix: Any, f: Vector) -> Vector:
    """Return Newton's step; where the matrix is singular, that of least squares with a small penalty."""
    try:
        step = splu(matrix.tocsc()).solve(-f) if issparse(matrix) else np.linalg.solve(matrix, -f)
        if np.isfinite(step).all():
            return step
    except (RuntimeError, np.linalg.LinAlgError):  # it is exactly singular
        pass
    square = matrix.T @ matrix
    penalty = np.sqrt(np.finfo(float).eps) * max(abs(square).max(), np.finfo(float).tiny)
    if issparse(matrix):
        return splu((square + penalty * eye_array(f.size)).tocsc()).solve(-(matrix.T @ f))
    return np.linalg.solve(square + penalty * np.eye(f.size), -(matrix.T @ f))


def _search(
    fun: Callable[[Vector], Any], x: Vector, f: Vector, step: Vector, is_last: bool
) -> tuple[float, Vector, Vector, int]:
    """Return the part of a step to take, 0 if there is none, with the point, the values there and how many were taken.

    The last step is so short that values cannot tell points apart, and is taken whole.
    """
    square, t, evaluations = f @ f, 1.0, 0
    while t >= SHORTEST:
        x_next = x + t * step
        f_next = _values(fun, x_next)
        evaluations += 1
        new = f_next @ f_next
        if new <= (1 - 2 * DECREASE * t) * square or (is_last and np.isfinite(new)):
            return t, x_next, f_next, evaluations
        # The minimum of the parabola through both values and the slope, which is -2 square.
        best = t * t * square / (new - square + 2 * t * square) if np.isfinite(new) else 0.5 * t
        t = float(min(max(best, 0.1 * t), 0.5 * t))
    return 0.0, x, f, evaluations


class Preconditioner(LinearOperator):  # type: ignore[misc]
    """The inverse of a sparse Jacobian, incomplete where it fills up: what SciPy's Krylov methods take as `inner_M`.

    SciPy calls `update` after each step. Factors are made anew once products with them become many in a step.
    """

    def __init__(self, jac: Callable[[Vector], Any], x: Vector) -> None:
        super().__init__(np.float64, (x.size, x.size))
        self.jac, self.products = jac, MOST_PRODUCTS + 1
        self.factors: Any = None
        self.update(x)

    def update(self, x: Vector, f: Any = None) -> None:
        """Factorize the Jacobian at another point if that pays; where it is singular, the factors stay as they are."""
        if self.products > MOST_PRODUCTS:
            with contextlib.suppress(RuntimeError):
                self.factors = spilu(self.jac(x).tocsc())
        self.products = 0

    def _matvec(self, v: Vector) -> Vector:
        self.products += 1
        return v if self.factors is None else self.factors.solve(np.ravel(v))
