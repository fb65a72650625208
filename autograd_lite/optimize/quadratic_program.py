"""`qp`: convex quadratic programs, with derivatives by all of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, linprog

from ..core.messages import checked
from ..solutions.settings import Settings, certainty_arguments
from .active_set import Vector
from .interior_point import Minimum, Program, minimize_quadratic
from .ipopt import Multipliers
from .programs import Parameters, as_arrays, may_differentiate, parameters_of, result_of, rows_of, solve_program
from .results import words_of_failure

NAMES = {key: key for key in ("P", "q", "G", "h", "A", "b")}
MESSAGES = (
    "Optimization terminated successfully.",
    "The steps have ended before the conditions for a minimum hold.",
    "The problem is infeasible: no x fulfills all constraints.",
    "The problem is unbounded: the objective has no minimum where the constraints hold.",
)


@certainty_arguments
@checked
def qp(
    P: Any,
    q: Any,
    G: Any = None,
    h: Any = None,
    A: Any = None,
    b: Any = None,
    lb: Any = None,
    ub: Any = None,
    *,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
) -> Any:
    """Minimize ½ xᵀP x + qᵀx where G x ≤ h, A x = b and lb ≤ x ≤ ub, with derivatives by all of these.

    By Mehrotra's interior-point method, until the constraints show that hold with equality; with these, the solution is
    that of linear equations, to rounding. Its derivatives come from the same equations.

    Args:
        P: of shape (n, n), positive semidefinite; its symmetric part counts. All parameters may be arrays or Tensors,
            and matrices sparse: SciPy's, or of `autograd_lite.sparse`.
        q: of shape (n,).
        G, h: inequalities, of shapes (k, n) and (k,). Entries of h may be infinite.
        A, b: equalities, of shapes (p, n) and (p,).
        lb, ub: bounds of x, numbers or of shape (n,). They may be infinite.

    Returns:
        SciPy's `OptimizeResult`: `x`, `fun`, `slack`, which is h - G x, and `multipliers`, whose `constraints` are
        those of G x ≤ h and of A x = b; these have derivatives where a parameter has, with the certificate in
        `sensitivity`. `success`, `status`, `message` and `nit` report on the solve.

    Raises:
        ImplicitError: when a derivative is asked for that is not certain, as where a constraint holds with equality
            and a multiplier of zero, or gradients of active constraints depend on each other.
        ShapeError: if shapes do not fit.
        ValueError: if P is not positive semidefinite.

    References:
        Mehrotra: On the implementation of a primal-dual interior point method, 1992. Amos, Kolter: OptNet, 2017.

    Example:
        >>> import autograd_lite as ag
        >>> qp(2 * np.eye(2), np.array([-2.0, -6.0]), lb=0, ub=2).x.tolist()
        [1.0, 2.0]
        >>> ag.jacobian(lambda q: qp(2 * np.eye(2), q, lb=0, ub=2).x)(np.array([-2.0, -6.0])) + 0
        array([[-0.5,  0. ],
               [ 0. ,  0. ]])
    """
    arguments = {"P": P, "q": q, "G": G, "h": h, "A": A, "b": b, "lower": lb, "upper": ub}
    parameters = parameters_of("qp", NAMES, arguments)
    n = parameters["q"].shape[0]
    for side in ("lower", "upper"):
        if parameters[side] is not None:
            parameters[side] = np.broadcast_to(parameters[side], (n,))
    report: list[Minimum] = []

    def find(arrays: Parameters) -> tuple[Vector, Vector, Vector, bool]:
        report[:] = [_minimum(arrays, report[0].active if report else None)]
        minimum = report[0]
        return minimum.x, np.concatenate([minimum.rows, minimum.equalities]), minimum.bounds, minimum.status == 0

    if not may_differentiate(parameters):
        parameters = as_arrays(parameters)
        x, mu, push, _ = find(parameters)
        return OptimizeResult({**_entries(parameters, x, mu, push), **_report_of(report)})
    settings = Settings(
        digits, on_uncertain, on_failure, refine, failure=lambda: words_of_failure([_report_of(report)])
    )
    answer, push = solve_program("qp", find, parameters, NAMES, settings)
    entries = _entries(parameters, answer.z[:n], answer.z[n:], push)
    return result_of("qp", answer, _report_of(report), entries)


def _entries(parameters: Parameters, x: Any, mu: Any, push: Any) -> dict[str, Any]:
    """Return the solution and all that follows from it, recorded where x is a Tensor."""
    P, q, G, h = (parameters[key] for key in ("P", "q", "G", "h"))
    k = rows_of(parameters)[0]
    multipliers = Multipliers([mu[:k], mu[k:]], np.maximum(-push, 0.0), np.maximum(push, 0.0))
    slack = np.zeros(0) if h is None else h - G @ x
    return {"x": x, "fun": x @ (P @ x) / 2 + q @ x, "slack": slack, "multipliers": multipliers}


def _report_of(report: list[Minimum]) -> OptimizeResult:
    """Return what there is to say of the last solve."""
    if not report:
        return OptimizeResult()
    status = report[0].status
    return OptimizeResult(success=status == 0, status=status, message=MESSAGES[status], nit=report[0].steps)


def _minimum(p: Parameters, guess: Any) -> Minimum:
    """Return the minimum for parameters as arrays.

    Raises:
        ValueError: if P is not positive semidefinite, or a number is NaN.
    """
    n = p["q"].size
    empty = np.zeros((0, n)), np.zeros(0)
    G, h = empty if p["G"] is None else (p["G"], p["h"])
    A, b = empty if p["A"] is None else (p["A"], p["b"])
    none = np.full(n, np.inf)
    lower, upper = (-none if p["lower"] is None else p["lower"]), (none if p["upper"] is None else p["upper"])
    program = Program((p["P"] + p["P"].T) * 0.5, p["q"], G, h, A, b, lower, upper)
    if any(np.isnan(x.data if hasattr(x, "indptr") else x).any() for x in program):
        raise ValueError("qp: expected numbers; received a parameter with NaN")
    minimum = minimize_quadratic(program, guess)
    return minimum if minimum.status == 0 else minimum._replace(status=_reason(program))


def _reason(program: Program) -> int:
    """Return the status of a program that could not be solved.

    Raises:
        ValueError: if P is not positive semidefinite.
    """
    dense = program.P.toarray() if hasattr(program.P, "toarray") else program.P
    lowest, highest = np.linalg.eigvalsh(dense)[[0, -1]]
    if lowest < -1e-9 * max(highest, 1.0):
        raise ValueError(
            f"qp: expected a matrix P that is positive semidefinite; received one with eigenvalues from {lowest:.3g} "
            f"to {highest:.3g}. minimize takes functions that are not convex"
        )
    bounds = np.stack([program.lower, program.upper], 1)
    finite = program.h < np.inf
    A, b = (program.A, program.b) if program.b.size else (None, None)
    feasible = linprog(np.zeros(program.q.size), program.G[finite], program.h[finite], A, b, bounds)
    if feasible.status == 2:
        return 2
    flat = np.linalg.eigh(dense)
    kernel = flat[1][:, flat[0] <= 1e-9 * max(highest, 1.0)]
    return 3 if feasible.status == 0 and kernel.shape[1] and _falls(program, kernel, finite) else 1


def _falls(program: Program, kernel: Any, finite: Any) -> bool:
    """Return whether there is a direction without curvature along which the objective falls forever."""
    slopes = program.q @ kernel
    rows = [program.G[finite] @ kernel, -kernel[np.isfinite(program.lower)], kernel[np.isfinite(program.upper)]]
    above = np.concatenate(rows)
    equal = (program.A @ kernel, np.zeros(program.b.size)) if program.b.size else (None, None)
    ray = linprog(slopes, above, np.zeros(len(above)), *equal, bounds=(-1, 1))
    return ray.status == 0 and ray.fun < -1e-9 * max(1.0, float(np.abs(program.q).max()))
